//! `decide`: what one command comes to, given the facts. Pure and total; all checks come before the first effect.

use crate::domain::{
    command::{Act, Command, Outcome},
    conversion::{Conversion, Status},
    decision::{Change, Decision, FactKind},
    due::{self, Due},
    entry::{self, Entry, Kind},
    facts::{Facts, ProgramFacts},
    left,
    order::{Actor, Adjust, Order, RefundFact, Verdict},
    rate::Rate,
    reason::{Reason, Refusal},
    record,
    sale::{OrderKey, Refund},
    terms::Terms,
    tie,
};
use crate::kernel::{
    currency::Currency,
    id::{ConversionId, EntryId, PublisherId},
    money::{MINOR_MAX, Money},
    time::{Day, Month, Time},
};
use std::collections::BTreeMap;

/// Makes the ids that a decision needs.
pub type Mint<'a> = &'a mut dyn FnMut() -> i64;

/// What a step of `decide` gives: its outcome and the changes, or a refusal.
pub(super) type Step = Result<(Outcome, Vec<Change>), Refusal>;

pub fn decide(facts: &Facts, command: &Command, mint: Mint<'_>) -> Decision {
    let message = &command.message;
    let used = message.webhook_id.as_ref().zip(message.merchant).map(|(id, merchant)| (merchant, id.clone(), message.body_hash));
    let conflict =
        used.as_ref().is_some_and(|(merchant, id, hash)| facts.webhooks.get(&(*merchant, id.clone())).is_some_and(|seen| seen != hash));
    let mut decision = if conflict { refused(Refusal::WebhookIdConflict) } else { act(facts, command, mint) };
    decision.about = decision.about.or_else(|| command.act.key().and_then(|key| facts.orders.get(key)).map(|order| order.id));
    if command.test {
        return Decision { outcome: Outcome::Test(Box::new(decision.outcome)), ..empty() };
    }
    let uses_up = matches!(decision.outcome.http(), 200..=299 | 409 | 422);
    decision.webhook = used.filter(|_| uses_up && !conflict);
    decision
}

fn act(facts: &Facts, command: &Command, mint: Mint<'_>) -> Decision {
    let now = command.message.received_at;
    let by = command.message.by;
    let step = match &command.act {
        Act::Sale { key, sale } => record::sale(facts, key, sale, now, mint),
        Act::Release { key } => record::release(facts, key, now, mint),
        Act::Refund { key, refund_id, refund } => self::refund(facts, key, refund_id, refund, now, mint),
        Act::Cancel { key, reason } => cancel(facts, key, verdict(by, reason, now), mint),
        Act::Reject { key, reason } => reject(facts, key, verdict(by, reason, now), mint),
        Act::Approve { key } => approve(facts, key, by, now, mint),
        Act::Adjust { key, amount, reason } => adjust(facts, key, *amount, reason.clone(), now, mint),
        Act::MerchantPaid { key } => merchant_paid(facts, key, now, mint),
        Act::Expire { key } => expire(facts, key, now, mint),
        Act::Tie { buyer, clicks } => return tie::tie(facts, *buyer, clicks, now, mint),
        Act::Rates { day, rates } => return self::rates(facts, *day, rates),
        Act::Refused { http, code, .. } => Ok((Outcome::Noted { http: *http, code }, Vec::new())),
    };
    match step {
        Ok((outcome, changes)) => Decision { outcome, about: changes.first().map(|c| c.order.id), changes, ..empty() },
        Err(refusal) => refused(refusal),
    }
}

pub(super) fn empty() -> Decision {
    Decision { outcome: Outcome::Duplicate(None), about: None, webhook: None, changes: Vec::new(), ties: Vec::new(), rates: Vec::new() }
}

pub(super) fn refused(refusal: Refusal) -> Decision {
    Decision { outcome: Outcome::Refused(refusal), ..empty() }
}

fn verdict(by: Actor, reason: &Option<String>, at: Time) -> Verdict {
    Verdict { by, reason: reason.clone(), at }
}

fn refund(facts: &Facts, key: &OrderKey, id: &str, refund: &Refund, now: Time, mint: Mint<'_>) -> Step {
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
    let fact = RefundFact { refund: refund.clone(), at: now };
    let step = add(facts, key, FactKind::Refund(id.to_owned()), Kind::Refunded, now, mint, |order| {
        order.refunds.insert(id.to_owned(), fact);
    });
    // Anybody could have sent an unsigned sale, so it refuses nothing: what does not fit it waits for the signed one.
    if refused(refund, false).is_some() { step.map(|(_, changes)| (Outcome::Parked(None), changes)) } else { step }
}

fn cancel(facts: &Facts, key: &OrderKey, verdict: Verdict, mint: Mint<'_>) -> Step {
    let program = program(facts, key)?;
    if let Some(order) = facts.orders.get(key).filter(|order| order.cancel.is_some()) {
        return duplicate(program, Some(order));
    }
    let now = verdict.at;
    add(facts, key, FactKind::Cancel, Kind::Rejected, now, mint, |order| order.cancel = Some(verdict))
}

fn reject(facts: &Facts, key: &OrderKey, verdict: Verdict, mint: Mint<'_>) -> Step {
    let program = program(facts, key)?;
    if let Some(order) = facts.orders.get(key).filter(|order| order.reject.is_some()) {
        return duplicate(program, Some(order));
    }
    let now = verdict.at;
    add(facts, key, FactKind::Reject, Kind::Rejected, now, mint, |order| order.reject = Some(verdict))
}

fn approve(facts: &Facts, key: &OrderKey, by: Actor, now: Time, mint: Mint<'_>) -> Step {
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

fn adjust(facts: &Facts, key: &OrderKey, amount: Money, reason: Option<String>, now: Time, mint: Mint<'_>) -> Step {
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
    add(facts, key, FactKind::Adjust, Kind::Adjusted, now, mint, |order| order.adjust = Some(Adjust { amount, reason, at: now, revision }))
}

fn merchant_paid(facts: &Facts, key: &OrderKey, now: Time, mint: Mint<'_>) -> Step {
    let program = program(facts, key)?;
    let order = facts.orders.get(key).ok_or(Refusal::NotFound)?;
    if order.merchant_paid.is_some() {
        return duplicate(program, Some(order));
    }
    add(facts, key, FactKind::MerchantPaid, Kind::MerchantPaid, now, mint, |order| order.merchant_paid = Some(now))
}

fn expire(facts: &Facts, key: &OrderKey, now: Time, mint: Mint<'_>) -> Step {
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

/// The first rate stored for a day and currency stays; decisions may rest on it.
fn rates(facts: &Facts, day: Day, rates: &[(Currency, Rate)]) -> Decision {
    let known = |currency| facts.rates.get(day, currency);
    if rates.iter().any(|(currency, rate)| known(*currency).is_some_and(|stored| stored != *rate)) {
        return refused(Refusal::RateConflict);
    }
    let new: Vec<_> =
        rates.iter().filter(|(currency, _)| known(*currency).is_none()).map(|(currency, rate)| (day, *currency, *rate)).collect();
    Decision { outcome: Outcome::RatesStored { new: new.len() }, rates: new, ..empty() }
}

pub(super) fn program<'a>(facts: &'a Facts, key: &OrderKey) -> Result<&'a ProgramFacts, Refusal> {
    facts.programs.get(&key.program).ok_or(Refusal::NotFound)
}

/// The terms that an order's context names.
fn terms_of<'a>(program: &'a ProgramFacts, order: &Order) -> Option<&'a Terms> {
    let version = order.context.as_ref()?.terms_version;
    program.versions.iter().find(|v| v.number == version).map(|v| &*v.terms)
}

/// What is due on an order; none while it is parked.
pub fn due_of(program: &ProgramFacts, order: &Order) -> Result<Option<Due>, Refusal> {
    match terms_of(program, order) {
        Some(terms) => due::due(order, terms).map_err(|_| Refusal::AmountOutOfRange),
        None => Ok(None),
    }
}

/// The answer to something that is known already.
pub(super) fn duplicate(program: &ProgramFacts, order: Option<&Order>) -> Step {
    let conversion = match order {
        Some(order) => due_of(program, order)?.and_then(|due| Conversion::of(order, &due)),
        None => None,
    };
    Ok((Outcome::Duplicate(conversion.map(Box::new)), Vec::new()))
}

/// Adds a fact to an order, known or not, and posts the difference.
pub(super) fn add(
    facts: &Facts,
    key: &OrderKey,
    fact: FactKind,
    kind: Kind,
    now: Time,
    mint: Mint<'_>,
    effect: impl FnOnce(&mut Order),
) -> Step {
    let before = facts.orders.get(key);
    let mut order = before.cloned().unwrap_or_else(|| Order::empty(ConversionId::from_raw(mint()), key.clone()));
    effect(&mut order);
    let change = change(facts, before, order, Some(fact), kind, now, mint)?;
    let outcome = match &change.conversion {
        Some(conversion) => Outcome::Recorded(Box::new(conversion.clone())),
        // Its sale waits for a rate, or is not known yet.
        None => Outcome::Parked(change.order.sale.is_some().then_some(Reason::NoRate)),
    };
    Ok((outcome, vec![change]))
}

/// What changes when an order goes from `before` to `order`: its projection, the entry new row − old row, and the month's base.
pub(super) fn change(
    facts: &Facts,
    before: Option<&Order>,
    order: Order,
    fact: Option<FactKind>,
    kind: Kind,
    now: Time,
    mint: Mint<'_>,
) -> Result<Change, Refusal> {
    let program = program(facts, &order.key)?;
    let (merchant, id) = (program.program.merchant, program.program.id);
    let old = before.map(|order| due_of(program, order)).transpose()?.flatten();
    let new = due_of(program, &order)?;
    let row = |due: &Option<Due>| due.as_ref().map(|due| due.row(merchant, id)).unwrap_or_default();
    let postings = entry::difference(&row(&new), &row(&old));
    debug_assert!(entry::is_balanced(&postings), "unbalanced entry for {}: {postings:?}", order.key);
    let entry = (!postings.is_empty()).then(|| Entry {
        id: EntryId::from_raw(mint()),
        kind,
        subject: order.id,
        at: now,
        currency: program.program.currency,
        postings,
    });
    let mut tier_deltas: BTreeMap<(PublisherId, Month), i64> = BTreeMap::new();
    for (due, sign) in [(&new, 1), (&old, -1)] {
        if let Some((publisher, month, net)) = due.as_ref().and_then(|due| tier_part(facts, due)) {
            *tier_deltas.entry((publisher, month)).or_default() += sign * net;
        }
    }
    Ok(Change {
        is_new: before.is_none(),
        fact,
        conversion: new.as_ref().and_then(|due| Conversion::of(&order, due)),
        entry,
        customer: None,
        new_clicks: Vec::new(),
        tier_deltas: tier_deltas
            .into_iter()
            .filter(|(_, delta)| *delta != 0)
            .map(|((publisher, month), delta)| (publisher, month, delta))
            .collect(),
        order,
    })
}

/// What an order adds to its newest publisher's approved net amount, and in which month.
pub(super) fn tier_part(facts: &Facts, due: &Due) -> Option<(PublisherId, Month, i64)> {
    let month = facts.zone.month(due.approved_at?);
    Some((due.credits.last()?.publisher, month, due.net))
}
