//! What changes about an order: its projection, the entry new row − old row, and the month's base.

use super::loyalty::{self, Before};
use crate::domain::{
    command::Outcome,
    decision::{Change, Decision, FactKind, LoyaltyChange, PotDelta},
    due::{self, Due},
    entry::{self, Entry, Kind, Subject},
    facts::{Facts, LoyaltyFacts, ProgramFacts},
    order::Order,
    pot::{Held, Limit, Pot},
    reason::{Reason, Refusal},
    sale::OrderKey,
    terms::Terms,
};
use crate::kernel::{
    id::{ConversionId, EntryId, PublisherId},
    time::{Month, Time},
};
use std::collections::BTreeMap;

/// Makes the ids that a decision needs.
pub type Mint<'a> = &'a mut dyn FnMut() -> i64;

/// What a step of `decide` gives: its outcome and the changes, or a refusal.
pub(super) type Step = Result<(Outcome, Vec<Change>), Refusal>;

pub(super) fn empty() -> Decision {
    Decision {
        outcome: Outcome::Duplicate(None),
        about: None,
        webhook: None,
        kept: None,
        changes: Vec::new(),
        ties: Vec::new(),
        visits: Vec::new(),
        claims: Vec::new(),
        rates: Vec::new(),
        documents: Vec::new(),
        invoiced: Vec::new(),
        stated: Vec::new(),
        run: None,
    }
}

pub(super) fn refused(refusal: Refusal) -> Decision {
    Decision { outcome: Outcome::Refused(refusal), ..empty() }
}

pub(super) fn program<'a>(facts: &'a Facts, key: &OrderKey) -> Result<&'a ProgramFacts, Refusal> {
    facts.programs.get(&key.program).ok_or(Refusal::NotFound)
}

/// The terms that an order's context names.
pub(super) fn terms_of<'a>(program: &'a ProgramFacts, order: &Order) -> Option<&'a Terms> {
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
        Some(order) => due_of(program, order)?.and_then(|due| due.conversion(order)),
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

/// What changes when an order goes from `before` to `order`: its projection, the entry new row − old row, what others will look up.
pub(super) fn change(
    facts: &Facts,
    before: Option<&Order>,
    order: Order,
    fact: Option<FactKind>,
    kind: Kind,
    now: Time,
    mint: Mint<'_>,
) -> Result<Change, Refusal> {
    change_with(facts, Some(&facts.loyalty), before, order, fact, kind, now, mint)
}

/// As `change`, with what boosts know by now; without it nothing is looked up.
#[expect(clippy::too_many_arguments, reason = "the parts of one step, all of different types")]
pub(super) fn change_with(
    facts: &Facts,
    known: Option<&LoyaltyFacts>,
    before: Option<&Order>,
    mut order: Order,
    fact: Option<FactKind>,
    kind: Kind,
    now: Time,
    mint: Mint<'_>,
) -> Result<Change, Refusal> {
    let program = program(facts, &order.key)?;
    let (merchant, id) = (program.program.merchant, program.program.id);
    let old = before.map(|order| due_of(program, order)).transpose()?.flatten();
    let (new, found) = match known {
        Some(known) => loyalty::settle(facts, known, program, Before { order: before, due: old.as_ref() }, &mut order, now)?,
        None => (due_of(program, &order)?, None),
    };
    let row = |due: &Option<Due>| due.as_ref().map(|due| due.row(merchant, id)).unwrap_or_default();
    let postings = entry::difference(&row(&new), &row(&old));
    debug_assert!(entry::is_balanced(&postings), "unbalanced entry for {}: {postings:?}", order.key);
    let entry = (!postings.is_empty()).then(|| Entry {
        id: EntryId::from_raw(mint()),
        kind,
        subject: Subject::Order(order.id),
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
        conversion: new.as_ref().and_then(|due| due.conversion(&order)),
        entry,
        customer: None,
        new_clicks: Vec::new(),
        tier_deltas: tier_deltas
            .into_iter()
            .filter(|(_, delta)| *delta != 0)
            .map(|((publisher, month), delta)| (publisher, month, delta))
            .collect(),
        loyalty: LoyaltyChange {
            fact: found,
            pots: pot_deltas(old.as_ref(), new.as_ref(), known.is_some()),
            was: old.as_ref().and_then(Due::counted),
            is: new.as_ref().and_then(Due::counted),
        },
        order,
    })
}

/// What is restored was allowed where it was decided, and has no limit here.
fn pot_deltas(old: Option<&Due>, new: Option<&Due>, is_limited: bool) -> Vec<PotDelta> {
    let mut limits: BTreeMap<&Pot, Limit> = BTreeMap::new();
    let mut deltas: BTreeMap<Pot, Held> = BTreeMap::new();
    for (due, sign) in [(old, -1), (new, 1)] {
        let Some(due) = due else { continue };
        limits.extend(due.workings.offers.iter().flat_map(|offer| &offer.pots).map(|(pot, limit)| (pot, *limit)));
        for (pot, held) in due.held() {
            let delta = deltas.entry(pot).or_default();
            delta.amount += sign * held.amount;
            delta.uses += sign * held.uses;
        }
    }
    let limit = |pot: &Pot| limits.get(pot).copied().filter(|_| is_limited).unwrap_or_default();
    let changed = deltas.into_iter().filter(|(_, delta)| *delta != Held::default());
    changed.map(|(pot, delta)| PotDelta { limit: limit(&pot), pot, delta }).collect()
}

/// What an order adds to its newest publisher's approved net amount, and in which month.
pub(super) fn tier_part(facts: &Facts, due: &Due) -> Option<(PublisherId, Month, i64)> {
    let month = facts.zone.month(due.approved_at?);
    Some((due.credits.last()?.publisher, month, due.net))
}
