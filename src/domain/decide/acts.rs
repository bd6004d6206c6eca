//! What is said of an order beside its sale: refunds, verdicts, approvals, adjustments, reopenings, the merchant's payment, the end of a claim.

use super::change::{Mint, Step, add, due_of, duplicate, program};
use crate::domain::{
    account::Account,
    command::Outcome,
    conversion::Status,
    decision::FactKind,
    entry::Kind,
    facts::Facts,
    left,
    order::{Actor, Adjust, Order, Paid, RefundFact, Reopened, Verdict},
    reason::{Reason, Refusal},
    sale::{OrderKey, Refund},
    verdict::Grounds,
};
use crate::kernel::{
    id::MerchantId,
    money::{MINOR_MAX, Money},
    time::Time,
};

pub(super) fn refund(facts: &Facts, key: &OrderKey, id: &str, refund: &Refund, now: Time, mint: Mint<'_>) -> Step {
    let program = program(facts, key)?;
    if refund.money().minor <= 0 {
        return Err(Refusal::AmountNotPositive);
    }
    let before = facts.orders.get(key);
    let refused = |refund: &Refund, signed: bool| {
        let sale = before.and_then(|order| Some((order, &order.sale.as_ref()?.sale))).filter(|(_, sale)| sale.signed == signed);
        sale.and_then(|(order, sale)| left::refusal(order, sale, refund))
    };
    // A parked refund that its sale then refused does not keep its number.
    let stored = before.and_then(|order| order.refunds.get(id)).filter(|stored| refused(&stored.refund, true).is_none());
    match stored {
        Some(stored) if stored.refund == *refund => return duplicate(program, before),
        Some(_) => return Err(Refusal::RefundConflict),
        None => {}
    }
    match refused(refund, true) {
        Some(Reason::CurrencyMismatch) => return Err(Refusal::CurrencyMismatch),
        Some(Reason::UnknownLine) => return Err(Refusal::UnknownLine),
        Some(_) => return Err(Refusal::RefundExceedsOrder),
        None => {}
    }
    let revision = before.and_then(|order| order.refunds.get(id)).map_or(1, |known| known.revision + 1);
    let fact = RefundFact { refund: refund.clone(), at: now, revision };
    let step = add(facts, key, FactKind::Refund(id.to_owned()), Kind::Refunded, now, mint, |order| {
        order.refunds.insert(id.to_owned(), fact);
    });
    // Anybody could have sent an unsigned sale, so it refuses nothing: what does not fit it waits for the signed one.
    if refused(refund, false).is_some() { step.map(|(_, changes)| (Outcome::Parked(None), changes)) } else { step }
}

pub(super) fn cancel(facts: &Facts, key: &OrderKey, by: Actor, reason: Option<Grounds>, now: Time, mint: Mint<'_>) -> Step {
    let program = program(facts, key)?;
    if let Some(order) = facts.orders.get(key).filter(|order| order.cancellation().is_some()) {
        return duplicate(program, Some(order));
    }
    let effect = |order: &mut Order| order.cancel = Some(Verdict { by, reason, at: now, round: order.round() });
    add(facts, key, FactKind::Cancel, Kind::Rejected, now, mint, effect)
}

pub(super) fn reject(facts: &Facts, key: &OrderKey, by: Actor, reason: Option<Grounds>, now: Time, mint: Mint<'_>) -> Step {
    let program = program(facts, key)?;
    if let Some(order) = facts.orders.get(key).filter(|order| order.rejection().is_some()) {
        return duplicate(program, Some(order));
    }
    let effect = |order: &mut Order| order.reject = Some(Verdict { by, reason, at: now, round: order.round() });
    add(facts, key, FactKind::Reject, Kind::Rejected, now, mint, effect)
}

pub(super) fn reopen(facts: &Facts, key: &OrderKey, reason: &Grounds, now: Time, mint: Mint<'_>) -> Step {
    let program = program(facts, key)?;
    let order = facts.orders.get(key).ok_or(Refusal::NotFound)?;
    if order.context.is_none() {
        return Err(Refusal::NotRecorded);
    }
    if order.rejection().is_none() && order.cancellation().is_none() {
        return duplicate(program, Some(order));
    }
    let reopened = Reopened { reason: reason.clone(), at: now, revision: order.round() + 1 };
    add(facts, key, FactKind::Reopen, Kind::Reopened, now, mint, |order| order.reopened = Some(reopened))
}

pub(super) fn approve(facts: &Facts, key: &OrderKey, by: Actor, now: Time, mint: Mint<'_>) -> Step {
    let program = program(facts, key)?;
    let before = facts.orders.get(key);
    if let Some(order) = before.filter(|order| order.approvals.by(by).is_some()) {
        return duplicate(program, Some(order));
    }
    if by == Actor::Clock {
        // The clock passes over held and unsigned ones: they have no date.
        let due = due_of(program, before.ok_or(Refusal::NotFound)?)?.ok_or(Refusal::NotRecorded)?;
        if due.status != Status::Pending || due.payable_at.is_none_or(|at| now < at) {
            return Err(Refusal::NotDue);
        }
    }
    add(facts, key, FactKind::Approve(by), Kind::Approved, now, mint, |order| order.approvals.set(by, now))
}

pub(super) fn adjust(facts: &Facts, key: &OrderKey, amount: Money, reason: Option<Grounds>, now: Time, mint: Mint<'_>) -> Step {
    let program = program(facts, key)?;
    let order = facts.orders.get(key).ok_or(Refusal::NotFound)?;
    let (Some(sale), Some(_)) = (&order.sale, &order.context) else { return Err(Refusal::NotRecorded) };
    if amount.currency != sale.sale.content.amount.currency {
        return Err(Refusal::CurrencyMismatch);
    }
    if !(0..=MINOR_MAX).contains(&amount.minor) {
        return Err(Refusal::AmountNotPositive);
    }
    if order.adjust.as_ref().is_some_and(|adjust| adjust.amount == amount) {
        return duplicate(program, Some(order));
    }
    let revision = order.adjust.as_ref().map_or(1, |adjust| adjust.revision + 1);
    let adjust = Adjust { amount, reason, at: now, revision, room: amount.minor }.after(order.adjust.as_ref());
    add(facts, key, FactKind::Adjust, Kind::Adjusted, now, mint, |order| order.adjust = Some(adjust))
}

pub(super) fn merchant_paid(facts: &Facts, key: &OrderKey, now: Time, mint: Mint<'_>) -> Step {
    let program = program(facts, key)?;
    let order = facts.orders.get(key).ok_or(Refusal::NotFound)?;
    if order.merchant_paid.is_some() {
        return duplicate(program, Some(order));
    }
    add(facts, key, FactKind::MerchantPaid, Kind::MerchantPaid, now, mint, |order| order.merchant_paid = Some(now))
}

/// Whoever owes nothing has paid for everything. Looked at again under the merchant's lock: a sale may have come in between.
pub(super) fn credit_covers(facts: &Facts, key: &OrderKey, now: Time, mint: Mint<'_>) -> Step {
    let own = &program(facts, key)?.program;
    let owed = facts.balances.get(&(Account::MerchantOwed(own.merchant), own.currency));
    if owed.is_none_or(|owed| *owed <= 0) { merchant_paid(facts, key, now, mint) } else { Err(Refusal::NotDue) }
}

/// Looked at again under the merchant's lock: a payment may have been taken back, or another document issued, in between.
pub(super) fn invoice_paid(facts: &Facts, key: &OrderKey, merchant: MerchantId, now: Time, mint: Mint<'_>) -> Step {
    let order = facts.orders.get(key).ok_or(Refusal::NotFound)?;
    let own = program(facts, key)?.program.merchant;
    let papers = facts.papers.get(&merchant).filter(|_| own == merchant);
    if papers.is_some_and(|papers| papers.pay_for(order.id)) { merchant_paid(facts, key, now, mint) } else { Err(Refusal::NotDue) }
}

pub(super) fn expire(facts: &Facts, key: &OrderKey, now: Time, mint: Mint<'_>) -> Step {
    let program = program(facts, key)?;
    let order = facts.orders.get(key).ok_or(Refusal::NotFound)?;
    if order.expired.is_some() {
        return duplicate(program, Some(order));
    }
    let due = due_of(program, order)?.ok_or(Refusal::NotRecorded)?;
    if due.claim_until.is_none_or(|until| now < until) {
        return Err(Refusal::NotDue);
    }
    add(facts, key, FactKind::Expire, Kind::ShareExpired, now, mint, |order| order.expired = Some(now))
}

/// What settled payments hold of the order is looked up under its program's lock; nothing is posted, for a payout moves no order.
pub(super) fn count_paid(facts: &Facts, key: &OrderKey, now: Time, mint: Mint<'_>) -> Step {
    let program = program(facts, key)?;
    let order = facts.orders.get(key).ok_or(Refusal::NotFound)?;
    let covered = facts.covered.get(&order.id).cloned().unwrap_or_default();
    let (known, revision) = order.paid.as_ref().map_or((None, 0), |paid| (Some(&paid.covered), paid.revision));
    if known.map_or(covered.is_empty(), |known| *known == covered) {
        return duplicate(program, Some(order));
    }
    let paid = Paid { covered, at: now, revision: revision + 1 };
    add(facts, key, FactKind::Paid, Kind::PayoutSettled, now, mint, |order| order.paid = Some(paid))
}
