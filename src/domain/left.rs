//! What is left of an order after its refunds, line by line.

use crate::domain::{
    order::{Adjust, Order},
    reason::Reason,
    sale::{Content, Line, Refund, RefundLine, Sale},
};
use crate::kernel::share::largest_remainder;
use std::collections::BTreeMap;

/// An order as sold and as it is left. Amounts are minor units of the sale's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// As sold, after an adjustment.
    pub sold: Vec<Line>,
    /// The same lines after refunds.
    pub lines: Vec<Line>,
    pub sold_total: i64,
    pub left_total: i64,
    /// The refunds together exceed the order or a line; they count up to it.
    pub over_refunded: bool,
    /// Refunds that were parked before the sale and turned out impossible: they do not count.
    pub refused: Vec<(String, Reason)>,
    /// The lines whose money went back by refunds of just these lines. A refund of the whole order leaves a line there, if only for 0.
    pub gone: Vec<bool>,
    /// A goal without an amount: there is nothing to give back.
    pub is_free: bool,
}

impl Left {
    /// The part of the order that was given back.
    pub fn refunded(&self) -> i64 {
        self.sold_total - self.left_total
    }

    /// Whether a line is still there.
    pub fn is_line_left(&self, line: usize) -> bool {
        !self.gone[line]
    }

    /// Whether anything is. A goal without an amount cannot be refunded and always is.
    pub fn is_anything_left(&self) -> bool {
        self.left_total > 0 || self.is_free
    }

    /// The order before its refunds.
    #[must_use]
    pub fn as_sold(&self) -> Self {
        Self { lines: self.sold.clone(), left_total: self.sold_total, gone: vec![false; self.sold.len()], ..self.clone() }
    }
}

/// Reads the set of refunds, never their sequence: line refunds first, then the sum of the others in proportion.
pub fn left(order: &Order, sale: &Sale) -> Left {
    let (sold, most) = (sold_lines(order, sale), lines_at(order, sale, |adjust| adjust.room));
    let sold_total = sold.iter().map(|l| l.amount).sum();
    let (mut lines, mut over_refunded, mut refused) = (sold.clone(), false, Vec::new());
    let mut by_sku: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
    let mut by_amount = 0_i128;
    for (id, fact) in &order.refunds {
        match (judge(&sale.content, &most, &fact.refund), &fact.refund) {
            (Some(reason), _) => refused.push((id.clone(), reason)),
            (None, Refund::Amount(money)) => by_amount += i128::from(money.minor),
            (None, Refund::Lines { lines, .. }) => {
                for line in lines {
                    let (amount, quantity) = by_sku.entry(&line.sku).or_default();
                    *amount += i128::from(line.amount);
                    *quantity += i128::from(line.quantity);
                }
            }
        }
    }
    for (sku, (mut amount, mut quantity)) in by_sku {
        for line in lines.iter_mut().filter(|line| line.sku.as_deref() == Some(sku)) {
            amount -= take(&mut line.amount, amount);
            quantity -= take(&mut line.quantity, quantity);
        }
        over_refunded |= amount > 0;
    }
    let gone = sold.iter().zip(&lines).map(|(sold, left)| sold.amount > 0 && left.amount == 0).collect();
    let left_by_line: i64 = lines.iter().map(|l| l.amount).sum();
    over_refunded |= by_amount > i128::from(left_by_line);
    let by_amount = i64::try_from(by_amount.min(left_by_line.into())).expect("at most what is left");
    let weights: Vec<i64> = lines.iter().map(|l| l.amount).collect();
    for (line, part) in lines.iter_mut().zip(largest_remainder(by_amount, &weights)) {
        line.amount -= part;
    }
    let is_free = sale.content.amount.minor == 0 && sold_total == 0;
    Left { sold, lines, sold_total, left_total: left_by_line - by_amount, over_refunded, refused, gone, is_free }
}

/// Takes up to `wanted` out of `from` and says how much.
fn take(from: &mut i64, wanted: i128) -> i128 {
    let taken = i64::try_from(wanted.min((*from).into())).expect("at most what is there");
    *from -= taken;
    taken.into()
}

fn sold_lines(order: &Order, sale: &Sale) -> Vec<Line> {
    lines_at(order, sale, |adjust| adjust.amount.minor)
}

/// The lines, scaled to an amount of the adjustment if there is one.
fn lines_at(order: &Order, sale: &Sale, amount: impl Fn(&Adjust) -> i64) -> Vec<Line> {
    let mut lines = sale.content.lines.clone();
    // An adjustment of an unsigned sale does not reach a signed one in another currency.
    if let Some(adjust) = order.adjust.as_ref().filter(|adjust| adjust.amount.currency == sale.content.amount.currency) {
        let mut weights: Vec<i64> = lines.iter().map(|l| l.amount).collect();
        if weights.iter().all(|&w| w == 0) {
            weights[0] = 1; // a goal without an amount: all on its first line
        }
        for (line, amount) in lines.iter_mut().zip(largest_remainder(amount(adjust), &weights)) {
            line.amount = amount;
        }
    }
    lines
}

/// Why a single refund cannot be one of this sale, whatever else was refunded.
pub fn refusal(order: &Order, sale: &Sale, refund: &Refund) -> Option<Reason> {
    judge(&sale.content, &sold_lines(order, sale), refund)
}

/// Against the larger of the amounts as sold and as adjusted: an adjustment makes room. What was stored is judged by the most room that
/// there ever was, so that a later adjustment never undoes a refund that was accepted.
fn judge(sale: &Content, adjusted: &[Line], refund: &Refund) -> Option<Reason> {
    let larger = |of: &dyn Fn(&Line) -> bool, value: &dyn Fn(&Line) -> i64| {
        let sum = |lines: &[Line]| lines.iter().filter(|line| of(line)).map(|line| i128::from(value(line))).sum::<i128>();
        sum(&sale.lines).max(sum(adjusted))
    };
    if refund.money().currency != sale.amount.currency {
        return Some(Reason::CurrencyMismatch);
    }
    match refund {
        Refund::Amount(money) => (i128::from(money.minor) > larger(&|_| true, &|line| line.amount)).then_some(Reason::RefundExceedsOrder),
        Refund::Lines { lines, .. } => {
            let is_of = |line: &Line, sku: &str| line.sku.as_deref() == Some(sku);
            if lines.iter().any(|wanted| !sale.lines.iter().any(|line| is_of(line, &wanted.sku))) {
                return Some(Reason::UnknownLine);
            }
            let exceeds = |wanted: &RefundLine| {
                let sum = |value: &dyn Fn(&RefundLine) -> i64| {
                    lines.iter().filter(|line| line.sku == wanted.sku).map(|line| i128::from(value(line))).sum::<i128>()
                };
                sum(&|line| line.amount) > larger(&|line| is_of(line, &wanted.sku), &|line| line.amount)
                    || sum(&|line| line.quantity) > larger(&|line| is_of(line, &wanted.sku), &|line| line.quantity)
            };
            lines.iter().any(exceeds).then_some(Reason::RefundExceedsOrder)
        }
    }
}
