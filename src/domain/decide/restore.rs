//! Taking over what another database of ours exported: each fact as it was, with what was looked up for it then.
//!
//! Nothing is looked up again, so an order comes out as it was whatever has changed since: publishers' generosity, coupons, tiers. What is
//! due, and what is posted, is decided here as ever.

use super::{
    change::{self, Mint, Step},
    record,
};
use crate::domain::{
    command::{Outcome, Restored},
    decision::Decision,
    entry::Kind,
    facts::Facts,
    left,
    order::{ClaimFact, Context, FactKind, Order, RefundFact, SaleFact},
    payee::Payee,
    reason::{Reason, Refusal},
    sale::{Content, Refund, Sale},
    touch::{self, ClickTie, Touch},
};
use crate::kernel::{
    id::{BuyerId, ClickId},
    money::MINOR_MAX,
    time::Time,
};

/// Units of a line.
const QUANTITY_MAX: i64 = 1_000_000;

pub(super) fn restore(facts: &Facts, restored: &Restored, now: Time, mint: Mint<'_>) -> Decision {
    let (given, fact) = match restored {
        Restored::ClickTie { click, tie } => return click_tie(facts, *click, *tie),
        Restored::Fact { order, fact } => (&**order, fact),
    };
    match self::fact(facts, given, fact, now, mint) {
        Ok((outcome, changes)) => {
            let claimed = given.tie.filter(|_| !changes.is_empty());
            let ties = claimed.map(|tie| (tie.click, ClickTie { buyer: tie.buyer, at: tie.at }));
            let new = ties.into_iter().filter(|(click, _)| !facts.ties.contains_key(click)).collect();
            Decision { outcome, about: changes.first().map(|c| c.order.id), changes, ties: new, ..change::empty() }
        }
        Err(refusal) => change::refused(refusal),
    }
}

fn click_tie(facts: &Facts, click: ClickId, tie: ClickTie) -> Decision {
    if !facts.buyers.contains_key(&tie.buyer) {
        return change::refused(Refusal::UnknownReference);
    }
    match facts.ties.get(&click) {
        Some(stored) if stored.buyer != tie.buyer => change::refused(Refusal::TieConflict),
        Some(_) => change::empty(),
        None => Decision { outcome: Outcome::Tied(Vec::new()), ties: vec![(click, tie)], ..change::empty() },
    }
}

/// What is known of a fact already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Nothing: it is to be added.
    No,
    /// It is stored, or what is stored replaced it.
    Yes,
    /// The sale is stored and waited for a rate, which it now brings.
    ButForItsContext,
    /// Something else stands in its place.
    Otherwise,
}

fn fact(facts: &Facts, given: &Order, fact: &FactKind, now: Time, mint: Mint<'_>) -> Step {
    let program = change::program(facts, &given.key)?;
    sound(given, now)?;
    let before = facts.orders.get(&given.key);
    let known = before.map_or(Known::No, |order| known(order, given, fact));
    let added = match known {
        Known::Yes => return change::duplicate(program, before),
        Known::Otherwise => return Err(Refusal::OrderConflict),
        Known::ButForItsContext => None,
        Known::No => Some(fact.clone()),
    };
    // Its number is another order's: two installations made the same.
    if before.is_none() && facts.orders.values().any(|order| order.id == given.id) {
        return Err(Refusal::OrderConflict);
    }
    check(facts, given)?;
    let mut order = before.cloned().unwrap_or_else(|| Order::empty(given.id, given.key.clone()));
    put(&mut order, given, fact)?;
    if let (FactKind::Sale, Some(sale)) = (fact, &given.sale) {
        // A sale that waited for a rate was posted when the rate came.
        let at = given.context.as_ref().map_or(now, |context| now.max(context.recorded_at));
        let kind = match before.filter(|order| order.context.is_some()).and_then(|order| order.sale.as_ref()) {
            None => Kind::Recorded,
            Some(stored) if stored.sale.signed == sale.sale.signed => Kind::Completed,
            Some(_) => Kind::Replaced,
        };
        return record::finish(facts, None, before, order, added, &sale.sale, kind, at, mint);
    }
    let change = change::change_with(facts, None, before, order, added, entry_kind(fact), now, mint)?;
    let outcome = match &change.conversion {
        Some(conversion) => Outcome::Recorded(Box::new(conversion.clone())),
        None => Outcome::Parked(change.order.sale.is_some().then_some(Reason::NoRate)),
    };
    Ok((outcome, vec![change]))
}

const fn entry_kind(fact: &FactKind) -> Kind {
    match fact {
        FactKind::Sale => Kind::Recorded,
        FactKind::Refund(_) => Kind::Refunded,
        FactKind::Cancel | FactKind::Reject => Kind::Rejected,
        FactKind::Reopen => Kind::Reopened,
        FactKind::Approve(_) => Kind::Approved,
        FactKind::Adjust => Kind::Adjusted,
        FactKind::Tie => Kind::BuyerTied,
        FactKind::Claim(_) => Kind::Claimed,
        FactKind::MerchantPaid => Kind::MerchantPaid,
        FactKind::Expire => Kind::ShareExpired,
        FactKind::Loyalty => Kind::BonusEarned,
        FactKind::Paid => Kind::PayoutSettled,
    }
}

fn known(stored: &Order, given: &Order, fact: &FactKind) -> Known {
    match fact {
        FactKind::Sale => known_sale(stored, given),
        FactKind::Refund(id) => known_refund(stored, given, id),
        FactKind::Cancel => latest(stored.cancel.as_ref(), given.cancel.as_ref(), |verdict| verdict.round),
        FactKind::Reject => latest(stored.reject.as_ref(), given.reject.as_ref(), |verdict| verdict.round),
        FactKind::Reopen => latest(stored.reopened.as_ref(), given.reopened.as_ref(), |reopened| reopened.revision),
        FactKind::Approve(by) => same(stored.approvals.by(*by), given.approvals.by(*by)),
        FactKind::Adjust => latest(stored.adjust.as_ref(), given.adjust.as_ref(), |adjust| adjust.revision),
        FactKind::Tie => latest(stored.tie.as_ref(), given.tie.as_ref(), |tie| tie.revision),
        FactKind::MerchantPaid => same(stored.merchant_paid, given.merchant_paid),
        FactKind::Expire => same(stored.expired, given.expired),
        FactKind::Loyalty => match (&stored.loyalty, &given.loyalty) {
            (Some(stored), Some(given)) if stored.revision < given.revision => Known::No,
            (Some(stored), Some(given)) if stored.revision > given.revision => Known::Yes,
            (stored, given) => same(stored.as_ref(), given.as_ref()),
        },
        FactKind::Paid => match (&stored.paid, &given.paid) {
            (Some(stored), Some(given)) if stored.revision < given.revision => Known::No,
            (Some(stored), Some(given)) if stored.revision > given.revision => Known::Yes,
            (stored, given) => same(stored.as_ref(), given.as_ref()),
        },
        FactKind::Claim(buyer) => known_claim(stored, given, *buyer),
    }
}

fn same<T: PartialEq>(stored: Option<T>, given: Option<T>) -> Known {
    match (stored, given) {
        (None, _) => Known::No,
        (stored, given) if stored == given => Known::Yes,
        _ => Known::Otherwise,
    }
}

/// Of facts that stand in one place the later counts, and was stored behind the earlier.
fn latest<T: PartialEq>(stored: Option<&T>, given: Option<&T>, revision: impl Fn(&T) -> u32) -> Known {
    match (stored, given) {
        (Some(stored), Some(given)) if revision(stored) < revision(given) => Known::No,
        (Some(stored), Some(given)) if revision(stored) > revision(given) => Known::Yes,
        (stored, given) => same(stored, given),
    }
}

fn known_sale(stored: &Order, given: &Order) -> Known {
    let (Some(old), Some(new)) = (&stored.sale, &given.sale) else { return Known::No };
    match old.revision.cmp(&new.revision) {
        std::cmp::Ordering::Less => Known::No,
        // The later revision counts, and was stored behind this one.
        std::cmp::Ordering::Greater => Known::Yes,
        std::cmp::Ordering::Equal if old != new => Known::Otherwise,
        std::cmp::Ordering::Equal => match (&stored.context, &given.context) {
            (None, Some(_)) => Known::ButForItsContext,
            (Some(old), Some(new)) if old != new => Known::Otherwise,
            _ => Known::Yes,
        },
    }
}

/// Its later contents know more clicks, or that it was answered otherwise.
fn known_claim(stored: &Order, given: &Order, buyer: BuyerId) -> Known {
    match (stored.claims.get(&buyer), given.claims.get(&buyer)) {
        (Some(old), Some(new)) if old == new => Known::Yes,
        (Some(old), Some(new)) if old.claim != new.claim => Known::Otherwise,
        (Some(old), Some(new)) if old.revision != new.revision => {
            if old.revision > new.revision {
                Known::Yes
            } else {
                Known::No
            }
        }
        // Of an installation that did not count them.
        (Some(old), Some(new)) => {
            let has = |fact: &ClaimFact, other: &ClaimFact| other.touches.iter().all(|touch| fact.touches.contains(touch));
            if (old.closed && !new.closed) || (old.closed == new.closed && has(old, new)) { Known::Yes } else { Known::No }
        }
        _ => Known::No,
    }
}

/// A parked refund that its sale then refused does not keep its number: of two with one number the later counts.
fn known_refund(stored: &Order, given: &Order, id: &str) -> Known {
    let (Some(old), Some(new)) = (stored.refunds.get(id), given.refunds.get(id)) else { return Known::No };
    let refused = |fact: &RefundFact| {
        let sale = stored.sale.as_ref().map(|sale| &sale.sale);
        sale.is_some_and(|sale| left::refusal(stored, sale, &fact.refund).is_some())
    };
    match old == new {
        true => Known::Yes,
        false if old.revision != new.revision => {
            if old.revision > new.revision {
                Known::Yes
            } else {
                Known::No
            }
        }
        // Of an installation that did not count them.
        false if old.at < new.at && refused(old) => Known::No,
        false if new.at < old.at && refused(new) => Known::Yes,
        false => Known::Otherwise,
    }
}

/// Puts the one fact of `given` into the order.
fn put(order: &mut Order, given: &Order, fact: &FactKind) -> Result<(), Refusal> {
    match fact {
        FactKind::Sale => {
            order.sale.clone_from(&given.sale);
            order.context.clone_from(&given.context);
        }
        FactKind::Refund(id) => {
            let refund = given.refunds.get(id).ok_or(Refusal::OrderConflict)?;
            order.refunds.insert(id.clone(), refund.clone());
        }
        FactKind::Cancel => order.cancel.clone_from(&given.cancel),
        FactKind::Reject => order.reject.clone_from(&given.reject),
        FactKind::Reopen => order.reopened.clone_from(&given.reopened),
        FactKind::Approve(by) => order.approvals.set(*by, given.approvals.by(*by).ok_or(Refusal::OrderConflict)?),
        FactKind::Adjust => order.adjust = given.adjust.clone().map(|adjust| adjust.after(order.adjust.as_ref())),
        FactKind::Tie => order.tie = given.tie,
        FactKind::Claim(buyer) => {
            let claim = given.claims.get(buyer).ok_or(Refusal::OrderConflict)?;
            order.claims.insert(*buyer, claim.clone());
        }
        FactKind::MerchantPaid => order.merchant_paid = given.merchant_paid,
        FactKind::Expire => order.expired = given.expired,
        FactKind::Loyalty => order.loyalty.clone_from(&given.loyalty),
        FactKind::Paid => order.paid.clone_from(&given.paid),
    }
    Ok(())
}

/// Amounts and times such as a postback could have brought.
fn sound(given: &Order, now: Time) -> Result<(), Refusal> {
    let is_amount = |minor: i64| (0..=MINOR_MAX).contains(&minor);
    let is_refund = |fact: &RefundFact| match &fact.refund {
        Refund::Amount(money) => money.minor > 0 && is_amount(money.minor),
        Refund::Lines { lines, .. } => {
            lines.iter().all(|line| is_amount(line.amount) && (0..=QUANTITY_MAX).contains(&line.quantity))
                && (1..=MINOR_MAX.into()).contains(&lines.iter().map(|line| i128::from(line.amount)).sum::<i128>())
        }
    };
    let is_sold = |fact: &SaleFact| {
        let Content { amount, lines, reported, .. } = &fact.sale.content;
        is_amount(amount.minor)
            && !lines.is_empty()
            && lines.iter().all(|line| is_amount(line.amount) && (1..=QUANTITY_MAX).contains(&line.quantity))
            && lines.iter().map(|line| i128::from(line.amount)).sum::<i128>() == amount.minor.into()
            && reported.is_none_or(is_amount)
    };
    let fits = given.sale.as_ref().is_none_or(is_sold)
        && given.refunds.values().all(is_refund)
        && given.adjust.as_ref().is_none_or(|adjust| is_amount(adjust.amount.minor));
    let mut times = given.sale.iter().flat_map(|fact| [fact.sale.occurred_at, fact.received_at]).chain([now]);
    let recorded = given.context.as_ref().map(|context| context.recorded_at);
    match fits {
        true if times.all(Time::is_plain) && recorded.is_none_or(Time::is_plain) => Ok(()),
        true => Err(Refusal::OccurredInFuture),
        false => Err(Refusal::AmountOutOfRange),
    }
}

/// Whatever it names is stored.
fn check(facts: &Facts, given: &Order) -> Result<(), Refusal> {
    if let (Some(fact), Some(context)) = (&given.sale, &given.context) {
        looked_up(facts, given, &fact.sale, context)?;
    }
    if let Some(loyalty) = &given.loyalty {
        let brought = loyalty.brought.and_then(|brought| brought.by);
        let people = [Some(loyalty.buyer), brought];
        if !people.into_iter().flatten().all(|buyer| facts.buyers.contains_key(&buyer)) {
            return Err(Refusal::UnknownReference);
        }
    }
    let payees = given.paid.iter().flat_map(|paid| paid.covered.keys());
    let is_payee = |payee: &Payee| match payee {
        Payee::Publisher(id) => facts.publishers.contains_key(id),
        Payee::Buyer(id) => facts.buyers.contains_key(id),
    };
    if !payees.into_iter().all(is_payee) {
        return Err(Refusal::UnknownReference);
    }
    for (buyer, claim) in &given.claims {
        if !facts.buyers.contains_key(buyer) || !claim.touches.iter().all(|touch| is_known(facts, touch)) {
            return Err(Refusal::UnknownReference);
        }
    }
    match given.tie {
        Some(tie) if !facts.buyers.contains_key(&tie.buyer) => Err(Refusal::UnknownReference),
        Some(tie) if facts.ties.get(&tie.click).is_some_and(|known| known.buyer != tie.buyer) => Err(Refusal::TieConflict),
        _ => Ok(()),
    }
}

/// A click of a link, publisher and buyer that are stored.
fn is_known(facts: &Facts, touch: &touch::Known) -> bool {
    facts.links.get(&touch.link).is_some_and(|link| (link.program, link.publisher) == (touch.program, touch.publisher))
        && facts.publishers.contains_key(&touch.publisher)
        && touch.buyer.is_none_or(|buyer| facts.buyers.contains_key(&buyer.id))
}

fn looked_up(facts: &Facts, given: &Order, sale: &Sale, context: &Context) -> Result<(), Refusal> {
    let program = change::program(facts, &given.key)?;
    let conversion = &context.conversion;
    let (from, to) = (sale.content.amount.currency, program.program.currency);
    let fits = (conversion.from, conversion.to) == (from, to) && conversion.rates.is_some() == (from != to);
    let is_known = |touch: &Touch| match touch {
        Touch::Unknown(_) => true,
        Touch::Known(known) => is_known(facts, known),
    };
    let known = program.versions.iter().any(|version| version.number == context.terms_version)
        && context.touches.iter().all(is_known)
        && context.coupon.as_ref().is_none_or(|coupon| facts.publishers.contains_key(&coupon.publisher));
    if fits && known { Ok(()) } else { Err(Refusal::UnknownReference) }
}
