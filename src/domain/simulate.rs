//! What other terms would have paid on an order that is stored.
//!
//! Decided again: the rules, the split, who is credited (from the touches that the order has), where that is somebody else, whether the
//! buyer refers to themselves, and the boosts (`decide/replay.rs`). As they were when the sale was recorded: the rate, the customer, the
//! publishers' generosity, the coupon's owner and the month's tier base. What happened since stays: refunds, verdicts, adjustments, sign-ins,
//! an expired share.

use crate::domain::{
    attribution::{self, Asked, Attributed},
    due::{self, Due},
    order::Order,
    terms::{Terms, boost::Funder},
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
    /// Beside the commission.
    pub bonuses: Bonuses,
}

/// What bonuses come to, by who pays them; minor units of the program's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bonuses {
    pub platform: i64,
    pub merchant: i64,
}

/// What somebody gets, or brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Part {
    /// Of the commission.
    pub share: i64,
    pub bonuses: Bonuses,
}

/// An order under both terms; each pair is before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    pub before: Amounts,
    pub after: Amounts,
    /// What each publisher gets; its bonuses are those that buyers get on an order whose newest credit it has.
    pub publishers: BTreeMap<PublisherId, (Part, Part)>,
    /// What each known buyer gets.
    pub buyers: BTreeMap<BuyerId, (Part, Part)>,
    /// The other terms have tiers and the order's own had none: its tier base was never looked up, and counts as 0.
    pub without_tier_base: bool,
}

impl Compared {
    /// Whether any amount is another.
    pub fn differs(&self) -> bool {
        let differ = |(before, after): &(Part, Part)| before != after;
        self.before != self.after || self.publishers.values().any(differ) || self.buyers.values().any(differ)
    }
}

impl Bonuses {
    fn add(&mut self, funder: Funder, amount: i64) {
        match funder {
            Funder::Platform => self.platform += amount,
            Funder::Merchant => self.merchant += amount,
        }
    }
}

/// Says whether a buyer is one of these publishers.
pub type SelfReferral<'a> = &'a dyn Fn(BuyerId, &[PublisherId]) -> bool;

/// Reads an order by its own terms, and as it is under others. None while it is parked.
pub fn compare(order: &Order, own: &Terms, again: &Order, other: &Terms) -> Result<Option<Compared>, OutOfRange> {
    let (Some(before), Some(after)) = (due::due(order, own)?, due::due(again, other)?) else { return Ok(None) };
    let mut publishers: BTreeMap<PublisherId, (Part, Part)> = BTreeMap::new();
    let mut buyers: BTreeMap<BuyerId, (Part, Part)> = BTreeMap::new();
    add_parts(&before, |part| &mut part.0, &mut publishers, &mut buyers);
    add_parts(&after, |part| &mut part.1, &mut publishers, &mut buyers);
    let without_tier_base = other.has_tiers() && !own.has_tiers() && after.commission != 0;
    Ok(Some(Compared { before: amounts(&before), after: amounts(&after), publishers, buyers, without_tier_base }))
}

/// `side`: before or after.
fn add_parts(
    due: &Due,
    side: fn(&mut (Part, Part)) -> &mut Part,
    publishers: &mut BTreeMap<PublisherId, (Part, Part)>,
    buyers: &mut BTreeMap<BuyerId, (Part, Part)>,
) {
    for credit in &due.credits {
        side(publishers.entry(credit.publisher).or_default()).share += credit.amount;
    }
    if let Some(buyer) = due.buyer {
        side(buyers.entry(buyer).or_default()).share += due.shares.buyer;
    }
    for bonus in &due.bonuses {
        if let Some(buyer) = bonus.buyer {
            side(buyers.entry(buyer).or_default()).bonuses.add(bonus.funded_by, bonus.amount);
        }
        if let Some(newest) = due.credits.last() {
            side(publishers.entry(newest.publisher).or_default()).bonuses.add(bonus.funded_by, bonus.amount);
        }
    }
}

fn amounts(due: &Due) -> Amounts {
    let shares = due.shares;
    let mut bonuses = Bonuses::default();
    due.bonuses.iter().for_each(|bonus| bonuses.add(bonus.funded_by, bonus.amount));
    Amounts { commission: due.commission, publisher: shares.publisher, buyer: shares.buyer, platform: shares.platform, bonuses }
}

/// The order as it is under other terms, but for its boosts: who refers to themselves hangs on who is credited.
pub fn under(order: &Order, own: &Terms, other: &Terms, is_self_referral: SelfReferral<'_>) -> Order {
    let mut under = order.clone();
    let (Some(fact), Some(context)) = (&order.sale, &order.context) else { return under };
    let sale = &fact.sale;
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
        return under;
    }
    if let Some(context) = &mut under.context {
        context.self_referral = buyer.is_some_and(|buyer| is_self_referral(buyer, &credited));
    }
    if let Some(tie) = &mut under.tie {
        tie.self_referral = is_self_referral(tie.buyer, &credited);
    }
    under
}
