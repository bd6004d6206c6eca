//! What boosts look up, once, and what they take from budgets, quotas and chances that are shared with other orders.

use super::change::due_of;
use crate::domain::{
    buyer::same_email,
    due::Due,
    facts::{Facts, LoyaltyFacts, ProgramFacts},
    loyalty::{Brought, Loyalty, Offer, TierBase, names},
    order::{FactKind, Order},
    pot::{Held, Limit, Pot},
    reason::Refusal,
    sale::Sale,
    terms::{
        Terms,
        boost::{Boost, Kind},
        when::fold_code,
    },
};
use crate::kernel::{
    currency::Currency,
    id::{BuyerId, ProgramId},
    ratio::OutOfRange,
    time::Time,
};
use std::collections::{BTreeMap, BTreeSet};

/// Where an order stood before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before<'a> {
    pub order: Option<&'a Order>,
    pub due: Option<&'a Due>,
}

/// Looks up what the boosts of an order want to know and do not know yet, and lowers what they pay to what there is. Gives what is due
/// then, and the fact that is new, if one is.
///
/// The buyer's last order, the base of tiers and a stored voucher are looked up when the order's buyer becomes known, and who brought
/// them when it is approved: by whatever fact, so that the sequence does not matter. What other orders have left in a pot is looked at
/// whenever this one wants more than it has; what it was once refused stays refused.
pub(super) fn settle(
    facts: &Facts,
    known: &LoyaltyFacts,
    program: &ProgramFacts,
    before: Before<'_>,
    order: &mut Order,
    now: Time,
) -> Result<(Option<Due>, Option<FactKind>), Refusal> {
    let due = due_of(program, order)?;
    let wanted = due.as_ref().filter(|due| due.earns()).and_then(|due| Some((due, due.buyer?, order.sale.as_ref()?)));
    let Some((due_now, buyer, fact)) = wanted else { return Ok((due, None)) };
    let Some(terms) = super::change::terms_of(program, order) else { return Ok((due, None)) };
    let coupon = fact.sale.content.coupon.as_deref().map(fold_code);
    let has_voucher = coupon.as_ref().is_some_and(|code| known.vouchers.contains_key(&(order.key.program, code.clone())));
    if terms.boosts.is_empty() && !has_voucher && order.loyalty.is_none() {
        return Ok((due, None));
    }
    let kept = order.loyalty.take().filter(|kept| kept.buyer == buyer && kept.coupon == coupon);
    let mut loyalty = match kept {
        Some(kept) => kept,
        None => look_up(facts, known, terms, before.due, order, (&fact.sale, buyer), now),
    };
    if due_now.approved_at.is_some() && loyalty.brought.is_none() && terms.boosts.iter().any(|boost| boost.kind.is_for_firsts()) {
        loyalty.brought = Some(Brought { by: referrer(facts, buyer) });
    }
    order.loyalty = Some(loyalty);
    let mut due = due_of(program, order)?;
    if let Some(found) = &due {
        let caps = allot(known, before.due, &found.workings.offers);
        if !caps.is_empty() {
            order.loyalty.iter_mut().for_each(|loyalty| loyalty.caps.extend(caps.clone()));
            due = due_of(program, order)?;
        }
    }
    let stored = before.order.and_then(|order| order.loyalty.as_ref());
    if order.loyalty.as_ref() == stored {
        return Ok((due, None));
    }
    if let Some(loyalty) = &mut order.loyalty {
        loyalty.revision = stored.map_or(1, |stored| stored.revision + 1);
        loyalty.at = now;
    }
    Ok((due, Some(FactKind::Loyalty)))
}

fn look_up(
    facts: &Facts,
    known: &LoyaltyFacts,
    terms: &Terms,
    before: Option<&Due>,
    order: &Order,
    (sale, buyer): (&Sale, BuyerId),
    now: Time,
) -> Loyalty {
    let coupon = sale.content.coupon.as_deref().map(fold_code);
    let mut bases = BTreeMap::new();
    for (boost, name) in terms.boosts.iter().zip(names(&terms.boosts)) {
        if let Kind::Tier { programs, .. } = &boost.kind {
            let own = before.and_then(Due::counted).filter(|counted| counted.buyer == buyer).map_or(0, |counted| counted.approved_net);
            // One beyond the range of amounts counts as nothing.
            let base = base(facts, known, order, (sale, buyer), (programs, terms.currency, own)).unwrap_or_default();
            bases.insert(name, base);
        }
    }
    Loyalty {
        buyer,
        at: now,
        revision: 1,
        last_order: looks_back(terms).then(|| last_order(known, order, sale, buyer)).flatten(),
        bases,
        voucher: coupon.as_ref().and_then(|code| known.vouchers.get(&(order.key.program, code.clone())).cloned()),
        coupon,
        brought: None,
        caps: BTreeMap::new(),
    }
}

/// What the boosts of other terms look up for an order and its buyer: the same question has the answer that was found then, under the order's
/// own terms, and any other is asked now. Says whether one was.
pub(super) fn look_up_again(
    facts: &Facts,
    terms: &Terms,
    (order, buyer): (&Order, BuyerId),
    stored: Option<(&Loyalty, &Terms)>,
    at: Time,
) -> Option<(Loyalty, bool)> {
    let sale = &order.sale.as_ref()?.sale;
    let mut found = look_up(facts, &facts.loyalty, terms, None, order, (sale, buyer), at);
    let stored = stored.filter(|(kept, _)| kept.buyer == buyer && kept.coupon == found.coupon);
    let mut is_anew = false;
    if looks_back(terms) {
        match stored.filter(|(_, own)| looks_back(own)) {
            Some((kept, _)) => found.last_order = kept.last_order,
            None => is_anew = true,
        }
    }
    for (name, base) in &mut found.bases {
        match stored.and_then(|(kept, own)| kept.bases.get(&same_tier(own, terms, name)?)) {
            Some(kept) => base.clone_from(kept),
            None => is_anew = true,
        }
    }
    if let Some((kept, _)) = stored {
        found.brought = kept.brought;
        found.voucher = found.voucher.or_else(|| kept.voucher.clone());
    }
    Some((found, is_anew))
}

fn looks_back(terms: &Terms) -> bool {
    terms.boosts.iter().any(|boost| matches!(boost.kind, Kind::Return { .. }))
}

/// The name of the tier that looks at the same programs as this one of the other terms.
fn same_tier(own: &Terms, other: &Terms, name: &str) -> Option<String> {
    let looked_at = |terms: &Terms| -> Vec<(String, BTreeSet<ProgramId>)> {
        let of = |(name, boost): (String, &Boost)| match &boost.kind {
            Kind::Tier { programs, .. } => Some((name, programs.iter().copied().collect())),
            _ => None,
        };
        names(&terms.boosts).into_iter().zip(&terms.boosts).filter_map(of).collect()
    };
    let (_, wanted) = looked_at(other).into_iter().find(|(known, _)| known == name)?;
    looked_at(own).into_iter().find(|(_, programs)| *programs == wanted).map(|(name, _)| name)
}

/// The newest of the buyer's other orders that was not placed later.
fn last_order(known: &LoyaltyFacts, order: &Order, sale: &Sale, buyer: BuyerId) -> Option<Time> {
    let orders = known.orders.get(&(buyer, order.key.program, order.key.goal.clone()))?;
    orders.iter().filter(|(id, placed)| **id != order.id && **placed <= sale.occurred_at).map(|(_, placed)| *placed).max()
}

/// Amounts of programs in another currency go through the rates of the order's day. `own` is what the order itself has in it so far.
fn base(
    facts: &Facts,
    known: &LoyaltyFacts,
    order: &Order,
    (sale, buyer): (&Sale, BuyerId),
    (programs, currency, own): (&[ProgramId], Currency, i64),
) -> Result<TierBase, OutOfRange> {
    let programs: BTreeSet<ProgramId> = programs.iter().copied().collect();
    let spent = programs.into_iter().filter_map(|program| {
        let from = known.currencies.get(&program)?;
        let stored = known.bases.get(&(buyer, program)).copied().unwrap_or(0);
        Some((program, *from, if program == order.key.program { stored - own } else { stored }))
    });
    let (amount, left_out) = facts.rates.sum(spent, currency, facts.zone.day(sale.occurred_at))?;
    Ok(TierBase { amount, left_out })
}

fn referrer(facts: &Facts, buyer: BuyerId) -> Option<BuyerId> {
    let friend = facts.buyers.get(&buyer)?;
    let by = facts.buyers.get(&friend.referred_by?)?;
    (by.id != buyer && !same_email(by.email.as_deref(), friend.email.as_deref())).then_some(by.id)
}

/// What is still there of a pot for one order: what it holds already, and what no order does.
struct Room {
    amount: Option<i64>,
    uses: Option<i64>,
}

impl Room {
    fn of(limit: Limit, all: Held, own: Held) -> Self {
        let left = |limit: i64, all: i64, own: i64| own + (limit - all).max(0);
        Self {
            amount: limit.amount.map(|limit| left(limit, all.amount, own.amount)),
            uses: limit.uses.map(|limit| left(limit, all.uses, own.uses)),
        }
    }
}

/// The parts that cannot be paid in full, with what can be.
fn allot(known: &LoyaltyFacts, before: Option<&Due>, offers: &[Offer]) -> BTreeMap<String, i64> {
    let own = before.map(Due::held).unwrap_or_default();
    let mut rooms: BTreeMap<&Pot, Room> = BTreeMap::new();
    let mut caps = BTreeMap::new();
    for offer in offers {
        for (pot, limit) in &offer.pots {
            let of = |held: &BTreeMap<Pot, Held>| held.get(pot).copied().unwrap_or_default();
            rooms.entry(pot).or_insert_with(|| Room::of(*limit, known.pots.get(pot).copied().unwrap_or_default(), of(&own)));
        }
        let is_free = offer.pots.iter().all(|(pot, _)| rooms.get(pot).is_none_or(|room| room.uses.is_none_or(|uses| uses > 0)));
        let mut paid = 0;
        for part in &offer.parts {
            let left = offer.pots.iter().filter_map(|(pot, _)| rooms.get(pot)?.amount).min();
            let amount = match left {
                _ if !is_free => 0,
                Some(left) => part.amount().min(left - paid),
                None => part.amount(),
            };
            if amount < part.amount() {
                caps.insert(part.name.clone(), amount);
            }
            paid += amount;
        }
        for (n, (pot, _)) in offer.pots.iter().enumerate() {
            if let Some(room) = rooms.get_mut(pot).filter(|_| paid > 0) {
                room.uses = room.uses.map(|uses| uses - 1);
                room.amount = room.amount.map(|amount| if n == 0 { amount - paid } else { amount });
            }
        }
    }
    caps
}
