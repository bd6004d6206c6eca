//! What other terms would have paid on an order that is stored.
//!
//! Decided again: the rules, the split, who is credited (from the touches that the order has), and, where that is somebody else, whether
//! the buyer refers to themselves. As they were when the sale was recorded: the rate, the customer, the publishers' generosity, the coupon's
//! owner and the month's tier base. What happened since stays: refunds, verdicts, adjustments, sign-ins, an expired share.

use crate::domain::{
    attribution::{self, Asked, Attributed},
    due::{self, Due},
    order::Order,
    terms::Terms,
};
use crate::kernel::{
    id::{BuyerId, PublisherId},
    ratio::OutOfRange,
};
use std::collections::BTreeMap;

/// Minor units of the program's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    pub commission: i64,
    pub publisher: i64,
    pub buyer: i64,
    pub platform: i64,
}

/// An order under both terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    pub before: Amounts,
    pub after: Amounts,
    /// What each publisher gets, before and after.
    pub publishers: BTreeMap<PublisherId, (i64, i64)>,
    /// What each known buyer gets.
    pub buyers: BTreeMap<BuyerId, (i64, i64)>,
    /// The other terms have tiers and the order's own had none: its tier base was never looked up, and counts as 0.
    pub without_tier_base: bool,
}

impl Compared {
    /// Whether any amount is another.
    pub fn differs(&self) -> bool {
        let differ = |(before, after): &(i64, i64)| before != after;
        self.before != self.after || self.publishers.values().any(differ) || self.buyers.values().any(differ)
    }
}

/// Says whether a buyer has the e-mail address of one of these publishers.
pub type SelfReferral<'a> = &'a dyn Fn(BuyerId, &[PublisherId]) -> bool;

/// Reads an order by its own terms and by others. None while it is parked.
pub fn compare(order: &Order, own: &Terms, other: &Terms, is_self_referral: SelfReferral<'_>) -> Result<Option<Compared>, OutOfRange> {
    let Some(before) = due::due(order, own)? else { return Ok(None) };
    let looked_up = look_up(order, own, other, is_self_referral);
    let Some(after) = due::due(looked_up.as_ref().unwrap_or(order), other)? else { return Ok(None) };
    let mut publishers: BTreeMap<PublisherId, (i64, i64)> = BTreeMap::new();
    for credit in &before.credits {
        publishers.entry(credit.publisher).or_default().0 += credit.amount;
    }
    for credit in &after.credits {
        publishers.entry(credit.publisher).or_default().1 += credit.amount;
    }
    let mut buyers: BTreeMap<BuyerId, (i64, i64)> = BTreeMap::new();
    if let Some(buyer) = before.buyer {
        buyers.entry(buyer).or_default().0 += before.shares.buyer;
    }
    if let Some(buyer) = after.buyer {
        buyers.entry(buyer).or_default().1 += after.shares.buyer;
    }
    let without_tier_base = other.has_tiers() && !own.has_tiers() && after.commission != 0;
    Ok(Some(Compared { before: amounts(&before), after: amounts(&after), publishers, buyers, without_tier_base }))
}

fn amounts(due: &Due) -> Amounts {
    let shares = due.shares;
    Amounts { commission: due.commission, publisher: shares.publisher, buyer: shares.buyer, platform: shares.platform }
}

/// The order with what must be looked up again, if anything must: who refers to themselves hangs on who is credited.
fn look_up(order: &Order, own: &Terms, other: &Terms, is_self_referral: SelfReferral<'_>) -> Option<Order> {
    let (sale, context) = (&order.sale.as_ref()?.sale, order.context.as_ref()?);
    let asked = Asked {
        program: order.key.program,
        occurred_at: sale.occurred_at,
        other_channel: sale.other_channel.is_some(),
        touches: &context.touches,
        coupon: context.coupon.as_ref(),
    };
    let publishers = |attributed: &Attributed| attributed.credited.iter().map(|c| c.publisher).collect::<Vec<_>>();
    let [old, new] = [own, other].map(|terms| attribution::attribute(&terms.attribution, &asked));
    let (credited, buyer) = (publishers(&new), new.buyer);
    if (publishers(&old), old.buyer) == (credited.clone(), buyer) {
        return None;
    }
    let mut order = order.clone();
    if let Some(context) = &mut order.context {
        context.self_referral = buyer.is_some_and(|buyer| is_self_referral(buyer, &credited));
    }
    if let Some(tie) = &mut order.tie {
        tie.self_referral = is_self_referral(tie.buyer, &credited);
    }
    Some(order)
}
