//! Claims of missing cashback: made, matched with their sale whichever comes first, and answered.

use super::{
    change::{self, Mint, empty, refused},
    movement, record,
};
use crate::domain::{
    attribution,
    claim::{AGE_MAX, Claim, State, Step, TOUCHES_MAX, visit},
    command::{Answered, Goodwill, Moved, NewClaim, Outcome},
    decision::{Change, Decision, FactKind, LoyaltyChange},
    document::Document,
    entry::{Kind, Subject},
    facts::{Facts, LoyaltyFacts},
    movement::What,
    order::{Actor, ClaimFact, ClaimFound, Order},
    reason::Refusal,
    sale::{Content, Line, OrderKey, Sale},
    terms::Version,
    touch::{Known, TouchBuyer, Visit},
};
use crate::kernel::{
    id::{BuyerId, ClaimId, ConversionId, MovementId},
    money::Money,
    time::{SECOND, Time},
};
use std::{borrow::Cow, collections::BTreeMap};

/// A buyer's clock may be ahead by so much, microseconds.
const AHEAD_MAX: i64 = 300 * SECOND;

pub(super) fn make(facts: &Facts, new: &NewClaim, by: Actor, now: Time, mint: Mint<'_>) -> Decision {
    made(facts, new, by, now, mint).unwrap_or_else(refused)
}

fn made(facts: &Facts, new: &NewClaim, by: Actor, now: Time, mint: Mint<'_>) -> Result<Decision, Refusal> {
    let program = change::program(facts, &new.key)?;
    facts.buyers.get(&new.buyer).ok_or(Refusal::NotFound)?;
    let before = facts.orders.get(&new.key);
    let known = before.and_then(|order| order.claims.get(&new.buyer));
    if let Some(claim) = known.and_then(|fact| facts.claims.get(&fact.claim)) {
        return Ok(Decision { outcome: claimed(claim, false), about: before.map(|order| order.id), ..empty() });
    }
    check(facts, new, before, now)?;
    // One that was taken over with its order keeps its number and what it held.
    let fact = match known {
        Some(fact) => fact.clone(),
        None => new_fact(facts, new, before, ClaimId::from_raw(mint()), now),
    };
    let mut order = before.cloned().unwrap_or_else(|| Order::empty(ConversionId::from_raw(mint()), new.key.clone()));
    order.claims.insert(new.buyer, fact.clone());
    let waits = State::Waiting { answer_by: now.plus_days(new.answer_days) };
    let claim = Claim {
        id: fact.claim,
        buyer: new.buyer,
        key: new.key.clone(),
        merchant: program.program.merchant,
        amount: new.amount,
        ordered_at: new.ordered_at,
        note: new.note.clone(),
        made_at: now,
        visit: visit(&fact, occurred_at(&order).or(new.ordered_at)),
        steps: vec![Step { at: now, by, state: waits }],
    };
    let change = change::change(facts, before, order, known.is_none().then_some(FactKind::Claim(new.buyer)), Kind::Claimed, now, mint)?;
    let claim = match claim.followed(change.conversion.as_ref(), now) {
        Some(found) => Claim { steps: vec![Step { at: now, by, state: found.state().clone() }], ..claim },
        None => claim,
    };
    Ok(Decision { outcome: claimed(&claim, true), about: Some(change.order.id), changes: vec![change], claims: vec![claim], ..empty() })
}

fn claimed(claim: &Claim, is_new: bool) -> Outcome {
    Outcome::Claimed { claim: Box::new(claim.clone()), is_new }
}

fn occurred_at(order: &Order) -> Option<Time> {
    order.sale.as_ref().map(|fact| fact.sale.occurred_at)
}

fn check(facts: &Facts, new: &NewClaim, before: Option<&Order>, now: Time) -> Result<(), Refusal> {
    let ordered_at = before.and_then(occurred_at).or(new.ordered_at);
    if new.ordered_at.is_some_and(|at| at.since(now) > AHEAD_MAX) {
        return Err(Refusal::OccurredInFuture);
    }
    if ordered_at.is_some_and(|at| now.since(at) > AGE_MAX) {
        return Err(Refusal::ClaimTooOld);
    }
    if new.amount.is_some_and(|amount| amount.minor <= 0) {
        return Err(Refusal::AmountNotPositive);
    }
    // Anybody could have sent an unsigned sale, so it refuses nothing.
    if let Some(order) = before.filter(|order| order.sale.as_ref().is_some_and(|fact| fact.sale.signed)) {
        let due = change::due_of(change::program(facts, &new.key)?, order)?;
        match due {
            Some(due) if due.buyer.is_some_and(|buyer| buyer != new.buyer) => return Err(Refusal::OrderAlreadyClaimed),
            Some(due) if due.buyer.is_none() && !due.credits.is_empty() => {
                let is_over = order.expired.is_some() || due.claim_until.is_some_and(|until| now >= until);
                if is_over {
                    return Err(Refusal::ClaimWindowClosed);
                }
            }
            _ => {}
        }
    }
    let open = facts.open_claims.get(&new.buyer).copied().unwrap_or(0);
    if open >= new.open_max { Err(Refusal::TooManyClaims) } else { Ok(()) }
}

/// What the order is told. Where its sale is recorded, what depends on both is looked up here; where not, when the sale comes.
fn new_fact(facts: &Facts, new: &NewClaim, before: Option<&Order>, claim: ClaimId, now: Time) -> ClaimFact {
    let visits = facts.visits.get(&new.buyer).map_or(&[][..], Vec::as_slice);
    let mut touches: Vec<Known> = visits.iter().filter_map(|visit| touch(facts, new.buyer, &new.key, before, visit)).collect();
    newest(&mut touches);
    let fact = ClaimFact { claim, at: now, revision: 1, touches, found: None, closed: false };
    match before {
        Some(order) => looked_up(facts, order, new.buyer, fact, now),
        None => fact,
    }
}

fn newest(touches: &mut Vec<Known>) {
    touches.sort_by_key(|touch| std::cmp::Reverse((touch.at(), touch.click)));
    touches.dedup_by_key(|touch| touch.click);
    touches.truncate(TOUCHES_MAX);
}

/// A click of the buyer as a touch of the order, if it led to the order's program and may earn.
fn touch(facts: &Facts, buyer: BuyerId, key: &OrderKey, order: Option<&Order>, visit: &Visit) -> Option<Known> {
    let link = facts.links.get(&visit.click.link).filter(|link| link.program == key.program)?;
    let publisher = facts.publishers.get(&link.publisher)?;
    visit.click.quality.may_earn().then(|| Known {
        click: visit.click.click,
        link: visit.click.link,
        program: link.program,
        publisher: link.publisher,
        kind: publisher.kind,
        generosity: record::generosity(order.and_then(|order| order.context.as_ref()), publisher),
        quality: visit.click.quality,
        buyer: Some(TouchBuyer { id: buyer, tied_at: visit.tied_at }),
    })
}

/// With what it looks up of an order that is recorded.
fn looked_up(facts: &Facts, order: &Order, buyer: BuyerId, fact: ClaimFact, now: Time) -> ClaimFact {
    let (Some(sale), Some(context)) = (&order.sale, &order.context) else { return fact };
    let version = change::program(facts, &order.key).ok().and_then(|program| record::version(program, Some(order), sale.sale.occurred_at));
    let Some(version) = version else { return fact };
    let asked = attribution::Asked {
        program: order.key.program,
        occurred_at: sale.sale.occurred_at,
        other_channel: sale.sale.other_channel.is_some(),
        touches: &context.touches,
        coupon: context.coupon.as_ref(),
    };
    let found = look_up(facts, version, order, (&asked, context.recorded_at, sale.revision), (buyer, &fact), now);
    let before = fact.found.or_else(|| context.claimants.get(&buyer).copied());
    let is_known = |found: &ClaimFound| before.is_some_and(|before| before.publisher == found.publisher);
    let fact = ClaimFact { found: found.or(fact.found), ..fact };
    match fact.found.filter(|found| found.publisher.is_some() && !is_known(found)) {
        Some(found) => {
            // Once, before the order is theirs: from then on the merchant's account holds it. As it is if nobody else has claimed.
            let alone = Order { claims: BTreeMap::from([(buyer, fact.clone())]), ..order.clone() };
            let budget_used_up = change::program(facts, &order.key).is_ok_and(|of| record::is_unpaid(facts, of, &alone));
            ClaimFact { found: Some(ClaimFound { budget_used_up, ..found }), ..fact }
        }
        None => fact,
    }
}

/// What counts if the order becomes the claimant's, whoever else claims: self-referral, and of the publisher that the claim brings in the
/// base of tiers and debts. What was found for the same publisher before stays.
pub(super) fn look_up(
    facts: &Facts,
    version: &Version,
    order: &Order,
    (asked, recorded_at, revision): (&attribution::Asked<'_>, Time, u32),
    (buyer, fact): (BuyerId, &ClaimFact),
    now: Time,
) -> Option<ClaimFound> {
    let attributed = attribution::attribute(&version.terms.attribution, asked);
    let alone = std::iter::once((buyer, fact, None));
    let (attributed, counted) = attribution::claimed(&version.terms, asked, recorded_at, alone, attributed);
    let publisher = attributed.credited.last().map(|credit| credit.publisher).filter(|_| counted.is_some_and(|counted| counted.attributes));
    counted?;
    let before = fact.found.or_else(|| order.context.as_ref()?.claimants.get(&buyer).copied());
    let before = before.filter(|found| found.publisher.is_some() && found.publisher == publisher);
    let base = || before.and_then(|found| found.tier_base).unwrap_or_else(|| record::tier_base(facts, order, &attributed, now));
    let in_debt = || before.map_or_else(|| record::is_in_debt(facts, &attributed, version.terms.currency), |found| found.in_debt);
    Some(ClaimFound {
        revision,
        publisher,
        tier_base: (publisher.is_some() && version.terms.has_tiers()).then(base),
        self_referral: record::is_self_referral(facts, buyer, attributed.credited.iter().map(|credit| credit.publisher)),
        in_debt: publisher.is_some() && in_debt(),
        budget_used_up: before.is_some_and(|found| found.budget_used_up),
    })
}

/// A sign-in shows clicks to be the buyer's: their claims in those programs know them from now on.
pub(super) fn shown(
    facts: &Facts,
    buyer: BuyerId,
    visits: &[Visit],
    (changed, known): (&BTreeMap<OrderKey, Change>, &mut Cow<'_, LoyaltyFacts>),
    now: Time,
    mint: Mint<'_>,
) -> Vec<Change> {
    let mut orders: Vec<&Order> = facts.orders.values().filter(|order| order.claims.contains_key(&buyer)).collect();
    orders.sort_by_key(|order| order.id);
    let mut shown = Vec::new();
    for order in orders {
        let order = changed.get(&order.key).map_or(order, |change| &change.order);
        let Some(fact) = order.claims.get(&buyer).filter(|fact| !fact.closed) else { continue };
        let new = visits.iter().filter_map(|visit| touch(facts, buyer, &order.key, Some(order), visit));
        let mut touches: Vec<Known> = new.filter(|touch| fact.touches.iter().all(|known| known.click != touch.click)).collect();
        if touches.is_empty() {
            continue;
        }
        touches.extend(fact.touches.iter().cloned());
        newest(&mut touches);
        let fact = looked_up(facts, order, buyer, ClaimFact { touches, revision: fact.revision + 1, ..fact.clone() }, now);
        let mut after = order.clone();
        after.claims.insert(buyer, fact);
        let kind = Some(FactKind::Claim(buyer));
        if let Ok(change) = change::change_with(facts, Some(&**known), Some(order), after, kind, Kind::Claimed, now, mint) {
            if change.loyalty != LoyaltyChange::default() {
                known.to_mut().fold(&change);
            }
            shown.push(change);
        }
    }
    shown
}

/// Claims go where the orders that a decision changes take them.
pub(super) fn follow(facts: &Facts, decision: &mut Decision, now: Time) {
    for change in &decision.changes {
        for fact in change.order.claims.values() {
            let latest = decision.claims.iter().rev().find(|claim| claim.id == fact.claim).or_else(|| facts.claims.get(&fact.claim));
            let Some(mut next) = latest.and_then(|claim| claim.followed(change.conversion.as_ref(), now)) else { continue };
            next.visit = visit(fact, occurred_at(&change.order)).or(next.visit);
            decision.claims.push(next);
        }
    }
}

pub(super) fn answer(facts: &Facts, id: ClaimId, answer: &Answered, by: Actor, now: Time, mint: Mint<'_>) -> Decision {
    answered(facts, id, answer, by, now, mint).unwrap_or_else(refused)
}

fn answered(facts: &Facts, id: ClaimId, answer: &Answered, by: Actor, now: Time, mint: Mint<'_>) -> Result<Decision, Refusal> {
    let claim = facts.claims.get(&id).ok_or(Refusal::NotFound)?;
    let order = facts.orders.get(&claim.key).ok_or(Refusal::NotFound)?;
    let same = || Ok(Decision { outcome: claimed(claim, false), about: Some(order.id), ..empty() });
    match (answer, claim.state()) {
        (Answered::Escalate, State::Waiting { answer_by }) if now >= *answer_by => {
            Ok(stepped(order, claim.then(now, by, State::Escalated)))
        }
        (Answered::Escalate, _) => Err(Refusal::NotDue),
        (Answered::Accept { .. }, State::Matched { .. } | State::Accepted { .. }) => same(),
        (Answered::Accept { amount }, state) if state.is_open() => accept(facts, claim, order, *amount, by, now, mint),
        (Answered::Refuse { reason, text }, State::Refused { reason: known, text: said }) if (reason, text) == (known, said) => same(),
        (Answered::Refuse { reason, text }, state) if state.is_open() => {
            let next = claim.then(now, by, State::Refused { reason: *reason, text: text.clone() });
            let changes = if reason.stays_open() { Vec::new() } else { close(facts, claim, order, now, mint)? };
            Ok(Decision { changes, ..stepped(order, next) })
        }
        (Answered::Goodwill(goodwill), state) if state.is_open() || matches!(state, State::Refused { .. }) => {
            let moved =
                Moved { amount: goodwill.amount, reason: goodwill.reason.clone(), reference: Some(id.to_string()), happened_at: None };
            let paid = movement::make(facts, What::Bonus { buyer: claim.buyer, funder: goodwill.funder }, &moved, by, now, mint);
            let [written] = paid.documents.as_slice() else { return Ok(paid) };
            let Document::Movement(movement) = &written.document else { return Ok(paid) };
            let next = claim.then(now, by, State::Goodwill { movement: movement.id });
            Ok(Decision { changes: close(facts, claim, order, now, mint)?, documents: paid.documents, ..stepped(order, next) })
        }
        (Answered::Goodwill(goodwill), State::Goodwill { movement }) if is_paid(facts, *movement, claim.buyer, goodwill) => same(),
        _ => Err(Refusal::ClaimClosed),
    }
}

/// Whether the movement is this very goodwill.
fn is_paid(facts: &Facts, movement: MovementId, buyer: BuyerId, goodwill: &Goodwill) -> bool {
    let Some(Document::Movement(paid)) = facts.documents.get(&Subject::Movement(movement)) else { return false };
    let same = (What::Bonus { buyer, funder: goodwill.funder }, goodwill.amount, &goodwill.reason);
    (paid.what, paid.amount, &paid.reason) == same
}

fn stepped(order: &Order, claim: Claim) -> Decision {
    Decision { outcome: claimed(&claim, false), about: Some(order.id), claims: vec![claim], ..empty() }
}

/// The order forgets a claim that was answered otherwise: a sale that comes later is not paid a second time.
fn close(facts: &Facts, claim: &Claim, order: &Order, now: Time, mint: Mint<'_>) -> Result<Vec<Change>, Refusal> {
    let mut after = order.clone();
    match after.claims.get_mut(&claim.buyer).filter(|fact| !fact.closed) {
        Some(fact) => (fact.closed, fact.revision) = (true, fact.revision + 1),
        None => return Ok(Vec::new()),
    }
    change::change(facts, Some(order), after, Some(FactKind::Claim(claim.buyer)), Kind::Claimed, now, mint).map(|change| vec![change])
}

/// The shop's word for a sale that it never sent: recorded as one that it signed, of one line, without click ids. It must then be the
/// buyer's by a visit of theirs, as any claimed sale; who pays without one pays goodwill.
fn accept(
    facts: &Facts,
    claim: &Claim,
    order: &Order,
    amount: Option<Money>,
    by: Actor,
    now: Time,
    mint: Mint<'_>,
) -> Result<Decision, Refusal> {
    if order.sale.is_some() {
        return Err(Refusal::ClaimNotCreditable);
    }
    let amount = amount.ok_or(Refusal::NotRecorded)?;
    let content = Content {
        amount,
        lines: vec![Line { sku: None, category: None, quantity: 1, amount: amount.minor }],
        coupon: None,
        customer: None,
        reported: None,
    };
    let occurred_at = claim.ordered_at.unwrap_or(claim.made_at);
    let sale = Sale { content, occurred_at, clicks: Vec::new(), other_channel: None, signed: true };
    let (_, changes) = record::sale(facts, &claim.key, &sale, now, mint)?;
    let found = changes.first().and_then(|change| change.conversion.as_ref()).filter(|conversion| conversion.buyer == Some(claim.buyer));
    let conversion = found.ok_or(Refusal::ClaimNotCreditable)?.id;
    Ok(Decision { changes, ..stepped(order, claim.then(now, by, State::Accepted { conversion })) })
}
