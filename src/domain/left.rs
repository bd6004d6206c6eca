//! What is left of an order after its refunds, line by line.

use crate::domain::{
    order::Order,
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
}

impl Left {
    /// The part of the order that was given back.
    pub fn refunded(&self) -> i64 {
        self.sold_total - self.left_total
    }

    /// Whether a line is still there: what was sold for money must have money left.
    pub fn is_line_left(&self, line: usize) -> bool {
        self.sold[line].amount == 0 || self.lines[line].amount > 0
    }

    /// Whether anything is. A goal without an amount cannot be refunded and always is.
    pub fn is_anything_left(&self) -> bool {
        self.sold_total == 0 || self.left_total > 0
    }
}

/// Reads the set of refunds, never their sequence: line refunds first, then the sum of the others in proportion.
pub fn left(order: &Order, sale: &Sale) -> Left {
    let sold = sold_lines(order, sale);
    let sold_total = sold.iter().map(|l| l.amount).sum();
    let (mut lines, mut over_refunded, mut refused) = (sold.clone(), false, Vec::new());
    let mut by_sku: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
    let mut by_amount = 0_i128;
    for (id, fact) in &order.refunds {
        match (refusal(&sale.content, &fact.refund), &fact.refund) {
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
    let left_by_line: i64 = lines.iter().map(|l| l.amount).sum();
    over_refunded |= by_amount > i128::from(left_by_line);
    let by_amount = i64::try_from(by_amount.min(left_by_line.into())).expect("at most what is left");
    let weights: Vec<i64> = lines.iter().map(|l| l.amount).collect();
    for (line, part) in lines.iter_mut().zip(largest_remainder(by_amount, &weights)) {
        line.amount -= part;
    }
    Left { sold, lines, sold_total, left_total: left_by_line - by_amount, over_refunded, refused }
}

/// Takes up to `wanted` out of `from` and says how much.
fn take(from: &mut i64, wanted: i128) -> i128 {
    let taken = i64::try_from(wanted.min((*from).into())).expect("at most what is there");
    *from -= taken;
    taken.into()
}

fn sold_lines(order: &Order, sale: &Sale) -> Vec<Line> {
    let mut lines = sale.content.lines.clone();
    if let Some(adjust) = &order.adjust {
        let mut weights: Vec<i64> = lines.iter().map(|l| l.amount).collect();
        if weights.iter().all(|&w| w == 0) {
            weights[0] = 1; // a goal without an amount: all on its first line
        }
        for (line, amount) in lines.iter_mut().zip(largest_remainder(adjust.amount.minor, &weights)) {
            line.amount = amount;
        }
    }
    lines
}

/// Why a single refund cannot be one of this sale, whatever else was refunded.
pub fn refusal(sale: &Content, refund: &Refund) -> Option<Reason> {
    if refund.money().currency != sale.amount.currency {
        return Some(Reason::CurrencyMismatch);
    }
    match refund {
        Refund::Amount(money) => (money.minor > sale.amount.minor).then_some(Reason::RefundExceedsOrder),
        Refund::Lines { lines, .. } => {
            if lines.iter().any(|line| sold_of(sale, &line.sku).next().is_none()) {
                return Some(Reason::UnknownLine);
            }
            let exceeds = |line: &RefundLine| {
                let of_sku = || lines.iter().filter(|l| l.sku == line.sku);
                let sum = |of: &mut dyn Iterator<Item = i64>| of.map(i128::from).sum::<i128>();
                sum(&mut of_sku().map(|l| l.amount)) > sum(&mut sold_of(sale, &line.sku).map(|l| l.amount))
                    || sum(&mut of_sku().map(|l| l.quantity)) > sum(&mut sold_of(sale, &line.sku).map(|l| l.quantity))
            };
            lines.iter().any(exceeds).then_some(Reason::RefundExceedsOrder)
        }
    }
}

fn sold_of<'a>(sale: &'a Content, sku: &'a str) -> impl Iterator<Item = &'a Line> {
    sale.lines.iter().filter(move |line| line.sku.as_deref() == Some(sku))
}
