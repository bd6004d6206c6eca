//! A sign-in: clicks get their buyer, and unclaimed shares of sales already recorded become theirs. The earliest tie wins.

use super::{
    change::{self, Mint},
    claim, record,
};
use crate::domain::{
    attribution,
    command::{Outcome, TieVerdict},
    decision::{Change, Decision, FactKind, LoyaltyChange},
    entry::Kind,
    facts::{Facts, LoyaltyFacts},
    order::Tie,
    reason::{Reason, Refusal},
    sale::{OpenedClick, OrderKey},
    touch::{ClickTie, Visit},
};
use crate::kernel::{
    id::{BuyerId, ClickId},
    time::Time,
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

pub(super) fn tie(facts: &Facts, buyer: BuyerId, clicks: &[OpenedClick], now: Time, mint: Mint<'_>) -> Decision {
    if !facts.buyers.contains_key(&buyer) {
        return change::refused(Refusal::NotFound);
    }
    let (mut verdicts, mut ties, mut visits) = (Vec::new(), Vec::new(), Vec::new());
    // An order that two of the clicks lead to is tied by the first of them.
    let mut changed: BTreeMap<OrderKey, Change> = BTreeMap::new();
    // Each order that is tied sees what those before it took.
    let mut known = Cow::Borrowed(&facts.loyalty);
    for click in clicks {
        let refused = refusal(facts, buyer, click).or_else(|| {
            let claimed = tie_orders(facts, &mut known, (buyer, click.click), now, mint, &mut changed);
            if claimed.is_none() && click.buyer.is_none() && !facts.ties.contains_key(&click.click) {
                ties.push((click.click, ClickTie { buyer, at: now }));
                visits.push(Visit { click: *click, tied_at: Some(now) });
            }
            claimed
        });
        verdicts.push(TieVerdict { click: *click, refused });
    }
    let shown = claim::shown(facts, buyer, &visits, (&changed, &mut known), now, mint);
    let visits = visits.into_iter().map(|visit| (buyer, visit)).collect();
    Decision { outcome: Outcome::Tied(verdicts), changes: changed.into_values().chain(shown).collect(), ties, visits, ..change::empty() }
}

fn refusal(facts: &Facts, buyer: BuyerId, click: &OpenedClick) -> Option<Reason> {
    let owner = click.buyer.or_else(|| facts.ties.get(&click.click).map(|tie| tie.buyer));
    match owner {
        _ if !facts.links.contains_key(&click.link) => Some(Reason::UnknownClick),
        Some(owner) if owner != buyer => Some(Reason::ClickHasBuyer),
        _ => None,
    }
}

/// Ties the unclaimed orders of a click. A reason only if there was one whose time was over and none that could be tied.
fn tie_orders(
    facts: &Facts,
    known: &mut Cow<'_, LoyaltyFacts>,
    (buyer, click): (BuyerId, ClickId),
    now: Time,
    mint: Mint<'_>,
    changed: &mut BTreeMap<OrderKey, Change>,
) -> Option<Reason> {
    let (mut tied, mut late) = (false, false);
    // By when they were placed, so that each is a return to those before it; loaded or folded, the entries get the same ids.
    let placed = |key: &OrderKey| facts.orders.get(key).and_then(|order| Some(order.sale.as_ref()?.sale.occurred_at));
    let keys: BTreeSet<(Option<Time>, &OrderKey)> =
        facts.orders_by_click.get(&click).into_iter().flatten().map(|key| (placed(key), key)).collect();
    for (_, key) in keys {
        let (Some(order), Ok(program)) = (facts.orders.get(key), change::program(facts, key)) else { continue };
        let Ok(Some(due)) = change::due_of(program, order) else { continue };
        let touches = order.context.as_ref().map_or(&[][..], |context| &context.touches);
        if !attribution::is_counted(touches, &due.workings.attributed.judged, click) {
            continue;
        }
        if changed.contains_key(key) {
            tied = true;
            continue;
        }
        if due.buyer.is_some() || due.credits.is_empty() {
            continue;
        }
        if order.expired.is_some() || due.claim_until.is_some_and(|until| now >= until) {
            late = true;
            continue;
        }
        let self_referral = record::is_self_referral(facts, buyer, due.credits.iter().map(|credit| credit.publisher));
        let mut after = order.clone();
        let revision = order.tie.map_or(1, |tie| tie.revision + 1);
        after.tie = Some(Tie { buyer, click, at: now, self_referral, revision });
        if let Ok(change) = change::change_with(facts, Some(&**known), Some(order), after, Some(FactKind::Tie), Kind::BuyerTied, now, mint)
        {
            tied = true;
            if change.loyalty != LoyaltyChange::default() {
                known.to_mut().fold(&change);
            }
            changed.insert(key.clone(), change);
        }
    }
    (late && !tied).then_some(Reason::ClaimWindowClosed)
}
