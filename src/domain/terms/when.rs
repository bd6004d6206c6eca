//! The conditions of a commission rule. All must hold; a list means any of.

use crate::domain::sale::Line;
use crate::kernel::{id::PublisherId, ratio::Ratio};

/// What a rule asks for. An absent condition always holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct When {
    /// Goals: `sale`, `lead`, … Where the terms name none it is `["sale"]`.
    pub types: Vec<String>,
    pub categories: Option<Vec<String>>,
    /// New customers only (`true`) or returning ones only (`false`).
    pub customer_new: Option<bool>,
    /// Compared without case.
    pub coupons: Option<Vec<String>>,
    pub publishers: Option<Vec<PublisherId>>,
    /// Of the whole order, minor units of the program's currency.
    pub min_amount: Option<i64>,
}

/// What the conditions look at, beside the line itself.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub goal: &'a str,
    pub customer_new: Option<bool>,
    pub coupon: Option<&'a str>,
    /// Of the newest credited touch.
    pub publisher: Option<PublisherId>,
    /// What is left of the whole order, minor units of the program's currency, exact.
    pub order_amount: Ratio,
}

impl When {
    pub fn holds(&self, line: &Line, asked: &Asked<'_>) -> bool {
        self.fits(line, asked) && self.reaches_minimum(asked)
    }

    /// Everything but the minimum.
    pub fn fits(&self, line: &Line, asked: &Asked<'_>) -> bool {
        let category = |list: &Vec<String>| line.category.as_ref().is_some_and(|c| list.contains(c));
        let coupon = |list: &Vec<String>| asked.coupon.is_some_and(|c| list.iter().any(|wanted| same_code(wanted, c)));
        self.types.iter().any(|t| t == asked.goal)
            && self.categories.as_ref().is_none_or(category)
            && self.customer_new.is_none_or(|new| asked.customer_new == Some(new))
            && self.coupons.as_ref().is_none_or(coupon)
            && self.publishers.as_ref().is_none_or(|list| asked.publisher.is_some_and(|p| list.contains(&p)))
    }

    pub fn reaches_minimum(&self, asked: &Asked<'_>) -> bool {
        self.min_amount.is_none_or(|least| asked.order_amount >= Ratio::whole(least))
    }
}

/// Whether two coupon codes are one: compared without case.
pub fn same_code(a: &str, b: &str) -> bool {
    fold_code(a) == fold_code(b)
}

/// The form under which a coupon code is stored and compared.
pub fn fold_code(code: &str) -> String {
    code.to_lowercase()
}
