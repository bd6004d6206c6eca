//! The commission of an order's lines: each takes the first rule that holds, a rule pays for its lines together, one rounding at the end.

use crate::domain::{
    left::Left,
    rate::Conversion,
    reason::Reason,
    sale::Line,
    terms::{Terms, pay::Base, when::Asked},
};
use crate::kernel::{
    id::PublisherId,
    ratio::{OutOfRange, Ratio},
};

/// A commission and how it came about. Amounts are minor units of the program's currency unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commission {
    pub rounded: i64,
    /// Before the one rounding.
    pub exact: Ratio,
    /// The rule that each line took; none where no rule held or nothing of the line is left.
    pub rule_of_line: Vec<Option<usize>>,
    pub paid: Vec<RulePaid>,
    /// Why it is 0, if it is.
    pub reason: Option<Reason>,
    /// Of the order as sold, where something was given back: it is the most.
    pub as_sold: Option<Box<Commission>>,
}

/// What one rule paid for its lines together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePaid {
    /// Position in the terms, from 0.
    pub rule: usize,
    pub base: Base,
    pub exact: Ratio,
    /// The exact amount was above the rule's cap.
    pub capped: bool,
}

/// What the rules look at beside the lines.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    pub goal: &'a str,
    pub customer_new: Option<bool>,
    pub coupon: Option<&'a str>,
    pub publisher: Option<PublisherId>,
    /// Minor units of the sale's currency.
    pub reported: i64,
    pub tier_base: i64,
    pub conversion: &'a Conversion,
}

/// Of what is left of the order. Never more than of the order as sold: a refund does not make a better rule hold.
pub fn commission(terms: &Terms, left: &Left, setting: &Setting<'_>) -> Result<Commission, OutOfRange> {
    let now = of_lines(terms, &left.lines, left, setting)?;
    if left.refunded() == 0 {
        return Ok(now);
    }
    let as_sold = left.as_sold();
    let most = of_lines(terms, &as_sold.lines, &as_sold, setting)?;
    // If the order as sold earned nothing, its reason is the reason.
    let (rounded, reason) = if now.rounded > most.rounded { (most.rounded, most.reason) } else { (now.rounded, now.reason) };
    Ok(Commission { rounded, reason, as_sold: Some(Box::new(most)), ..now })
}

fn of_lines(terms: &Terms, lines: &[Line], left: &Left, setting: &Setting<'_>) -> Result<Commission, OutOfRange> {
    let asked = Asked {
        goal: setting.goal,
        customer_new: setting.customer_new,
        coupon: setting.coupon,
        publisher: setting.publisher,
        order_amount: setting.conversion.convert(left.left_total)?,
    };
    let rule_of = |n: usize, line: &Line| {
        let there = left.is_anything_left() && left.is_line_left(n);
        there.then(|| terms.commission.iter().position(|rule| rule.when.holds(line, &asked))).flatten()
    };
    let rule_of_line: Vec<Option<usize>> = lines.iter().enumerate().map(|(n, line)| rule_of(n, line)).collect();
    let (mut paid, mut exact) = (Vec::new(), Ratio::ZERO);
    for (n, rule) in terms.commission.iter().enumerate() {
        let its = || lines.iter().zip(&rule_of_line).filter(|(_, of)| **of == Some(n)).map(|(line, _)| line);
        if its().next().is_none() {
            continue;
        }
        let base = Base {
            amount: its().map(|l| l.amount).sum(),
            quantity: its().map(|l| l.quantity).sum(),
            order_sold: left.sold_total,
            reported: setting.reported,
            tier_base: setting.tier_base,
        };
        let amount = rule.pay.amount(&base, setting.conversion)?;
        let cap = rule.cap_per_order.map(Ratio::whole).filter(|cap| amount > *cap);
        exact = exact.plus(cap.unwrap_or(amount))?;
        paid.push(RulePaid { rule: n, base, exact: amount, capped: cap.is_some() });
    }
    let rounded = exact.round_half_up()?;
    let reason = (rounded == 0).then(|| why_zero(terms, lines, left, &asked, &paid, exact));
    Ok(Commission { rounded, exact, rule_of_line, paid, reason, as_sold: None })
}

fn why_zero(terms: &Terms, lines: &[Line], left: &Left, asked: &Asked<'_>, paid: &[RulePaid], exact: Ratio) -> Reason {
    if !left.is_anything_left() {
        Reason::FullyRefunded
    } else if exact > Ratio::ZERO {
        Reason::RoundsToZero
    } else if let Some(reason) = paid.iter().find_map(|paid| terms.commission[paid.rule].reason) {
        reason
    } else if lines.iter().any(|line| terms.commission.iter().any(|rule| rule.when.fits(line, asked) && !rule.when.reaches_minimum(asked)))
    {
        Reason::BelowMinimum
    } else {
        Reason::NoRule
    }
}
