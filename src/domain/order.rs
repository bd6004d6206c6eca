//! An order: the set of its facts, and what was looked up once when its sale was recorded.

use crate::domain::{
    account::Account,
    entry::Row,
    loyalty::Loyalty,
    payee::Payee,
    rate::Conversion,
    sale::{OrderKey, Refund, Sale},
    touch::{Known, Touch},
    verdict::Grounds,
    word::words,
};
use crate::kernel::{
    id::{BuyerId, ClaimId, ClickId, ConversionId, CouponId, PublisherId},
    money::Money,
    percent::Percent,
    time::Time,
};
use std::collections::BTreeMap;

/// Everything known about one order. Reading it never depends on the sequence in which the facts came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Also the id of its conversion.
    pub id: ConversionId,
    pub key: OrderKey,
    pub sale: Option<SaleFact>,
    /// What the sale's recording looked up; none while the order is parked.
    pub context: Option<Context>,
    /// By `refund_id`.
    pub refunds: BTreeMap<String, RefundFact>,
    pub cancel: Option<Verdict>,
    pub reject: Option<Verdict>,
    /// The last one; a dated act, outside the promise about permutations.
    pub reopened: Option<Reopened>,
    pub approvals: Approvals,
    /// The last one wins; a dated act, outside the promise about permutations.
    pub adjust: Option<Adjust>,
    pub tie: Option<Tie>,
    /// Of missing cashback, by who says that they bought.
    pub claims: BTreeMap<BuyerId, ClaimFact>,
    pub merchant_paid: Option<Time>,
    /// The unclaimed share went to `unclaimed_to`, for good.
    pub expired: Option<Time>,
    /// What the boosts looked up for its buyer; none where there is none, or nothing to look up.
    pub loyalty: Option<Loyalty>,
    /// What settled payments hold of it; the last one counts. A dated act, outside the promise about permutations.
    pub paid: Option<Paid>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleFact {
    pub sale: Sale,
    /// When the first message of this sale came in.
    pub received_at: Time,
    /// 1 for the first content; completed and replaced sales are later revisions, and the earlier stay stored.
    pub revision: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundFact {
    pub refund: Refund,
    pub at: Time,
    /// From 1; of two under one number the later counts, whose message may have come before the other's.
    pub revision: u32,
}

/// A merchant's or operator's refusal of a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub by: Actor,
    pub reason: Option<Grounds>,
    pub at: Time,
    /// How often the order had been reopened before: each reopening takes away those of the rounds before it.
    pub round: u32,
}

/// The operator's taking away of every rejection and cancellation so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reopened {
    pub reason: Grounds,
    pub at: Time,
    /// 1, 2, 3, …: all are kept.
    pub revision: u32,
}

words! {
    /// Who acts.
    pub enum Actor {
        Merchant = "merchant",
        Operator = "operator",
        Buyer = "buyer",
        Clock = "clock",
    }
}

words! {
    /// What may be said of an order that waits.
    pub enum Said {
        Sale = "sale",
        Refund = "refund",
        Cancel = "cancel",
        Approve = "approve",
        Reject = "reject",
    }
}

/// The first approval of each kind of actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Approvals {
    pub merchant: Option<Time>,
    pub operator: Option<Time>,
    pub clock: Option<Time>,
}

impl Approvals {
    pub fn by(&self, actor: Actor) -> Option<Time> {
        match actor {
            Actor::Merchant => self.merchant,
            Actor::Operator => self.operator,
            Actor::Clock => self.clock,
            Actor::Buyer => None,
        }
    }
    pub fn set(&mut self, actor: Actor, at: Time) {
        match actor {
            Actor::Merchant => self.merchant = Some(at),
            Actor::Operator => self.operator = Some(at),
            Actor::Clock => self.clock = Some(at),
            Actor::Buyer => {}
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjust {
    /// The new sold amount, in the sale's currency, not negative.
    pub amount: Money,
    pub reason: Option<Grounds>,
    pub at: Time,
    /// 1, 2, 3, …: all are kept, the last counts.
    pub revision: u32,
    /// The most that any of them has said, minor units: a refund that had room then stays.
    pub room: i64,
}

impl Adjust {
    /// The same after an earlier one.
    #[must_use]
    pub fn after(self, earlier: Option<&Self>) -> Self {
        let room = earlier.filter(|earlier| earlier.amount.currency == self.amount.currency).map_or(0, |earlier| earlier.room);
        Self { room: self.room.max(room), ..self }
    }
}

/// What each payee has got of an order, in payments that are settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// Minor units of the program's currency. Empty again when a payment came back.
    pub covered: BTreeMap<Payee, i64>,
    pub at: Time,
    /// 1, 2, 3, …: all are kept, the last counts.
    pub revision: u32,
}

impl Paid {
    /// Whether every payee has got what an order holds for them, debits positive. Whose payment took something back without another having
    /// paid it has not.
    pub fn covers(&self, row: &Row) -> bool {
        let has = |account: &Account| match Payee::of_payable(*account) {
            Some(payee) => self.has(payee, row),
            None => !matches!(account, Account::Unclaimed(..)),
        };
        !self.covered.is_empty() && row.keys().all(has) && self.covered.values().all(|minor| *minor >= 0)
    }

    /// Whether a payee has got what an order holds for them, if it holds anything.
    pub fn has(&self, payee: Payee, row: &Row) -> bool {
        let due = row.get(&payee.payable()).map_or(0, |debit| -debit);
        self.covered.get(&payee).is_some_and(|covered| *covered >= due) || due <= 0
    }
}

/// Which fact of the order is new; the order holds its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactKind {
    /// First content, completed or replaced: the order's current revision.
    Sale,
    Refund(String),
    Cancel,
    Approve(Actor),
    Reject,
    Reopen,
    Adjust,
    Tie,
    /// Of this buyer; its latest content counts.
    Claim(BuyerId),
    MerchantPaid,
    Expire,
    /// Not told by anybody: looked up beside another fact.
    Loyalty,
    Paid,
}

/// A sign-in that gave the unclaimed share its buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tie {
    pub buyer: BuyerId,
    pub click: ClickId,
    pub at: Time,
    /// The buyer has the e-mail address of a credited publisher.
    pub self_referral: bool,
    /// From 1; another sign-in may tie what the first one's click does not reach any more.
    pub revision: u32,
}

/// A buyer says that the order is theirs. It may come before the sale, and waits for it as a fact of the order like any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimFact {
    pub claim: ClaimId,
    pub at: Time,
    /// From 1; later ones know more clicks, or that it was answered otherwise.
    pub revision: u32,
    /// The buyer's own clicks in the program, as far as known; newest first.
    pub touches: Vec<Known>,
    /// What was looked up when it came after the sale; a sale that comes later looks it up itself, and keeps it in its context.
    pub found: Option<ClaimFound>,
    /// It was answered otherwise, and gives the order no buyer any more.
    pub closed: bool,
}

/// What was looked up for a claim and a revision of the sale, whoever else claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimFound {
    pub revision: u32,
    /// Whom the claim brings in; none where the sale has credits of its own.
    pub publisher: Option<PublisherId>,
    /// As [`Context::tier_base`], of that publisher; none where there is none, or the terms have no tiers.
    pub tier_base: Option<i64>,
    /// The buyer is a credited publisher.
    pub self_referral: bool,
    /// That publisher, or the buyer, owed more than the operator's limit; never where it brings none.
    pub in_debt: bool,
    /// The merchant pays ahead, and its credit did not cover what the claim makes of the order.
    pub budget_used_up: bool,
}

/// What came from other orders, from the clock or from settings: looked up once, when the sale is recorded, and stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    pub recorded_at: Time,
    pub terms_version: u32,
    pub conversion: Conversion,
    /// In the order sent.
    pub touches: Vec<Touch>,
    /// The publisher's own coupon that the sale used.
    pub coupon: Option<OwnedCoupon>,
    /// Whether the customer is new to the program; none if nobody can tell.
    pub customer_new: Option<bool>,
    /// The newest publisher's approved net amount of the month, minor units of the program's currency; read only if the terms have tiers.
    pub tier_base: i64,
    /// The buyer of its touches is a credited publisher.
    pub self_referral: bool,
    /// What was looked up for the claims that came before it.
    pub claimants: BTreeMap<BuyerId, ClaimFound>,
    /// A credited publisher or the buyer owed more than the operator's limit.
    pub in_debt: bool,
    /// The merchant pays ahead, and its credit did not cover the commission.
    pub budget_used_up: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedCoupon {
    pub id: CouponId,
    pub publisher: PublisherId,
    pub generosity: Percent,
}

impl Order {
    /// An order of which nothing is known yet.
    pub fn empty(id: ConversionId, key: OrderKey) -> Self {
        Self {
            id,
            key,
            sale: None,
            context: None,
            refunds: BTreeMap::new(),
            cancel: None,
            reject: None,
            reopened: None,
            approvals: Approvals::default(),
            adjust: None,
            tie: None,
            claims: BTreeMap::new(),
            merchant_paid: None,
            expired: None,
            loyalty: None,
            paid: None,
        }
    }

    /// Its claims, each with what was looked up for it and this revision of the sale.
    pub fn claimants<'a>(
        &'a self,
        revision: u32,
        known: &BTreeMap<BuyerId, ClaimFound>,
    ) -> impl Iterator<Item = (BuyerId, &'a ClaimFact, Option<ClaimFound>)> {
        self.claims.iter().map(move |(buyer, fact)| {
            let own = fact.found.filter(|found| found.revision == revision);
            (*buyer, fact, own.or_else(|| known.get(buyer).copied()))
        })
    }

    /// How often it was reopened.
    pub fn round(&self) -> u32 {
        self.reopened.as_ref().map_or(0, |reopened| reopened.revision)
    }

    /// The rejection, if no reopening took it away.
    pub fn rejection(&self) -> Option<&Verdict> {
        self.reject.as_ref().filter(|verdict| verdict.round >= self.round())
    }

    /// The cancellation, if no reopening took it away.
    pub fn cancellation(&self) -> Option<&Verdict> {
        self.cancel.as_ref().filter(|verdict| verdict.round >= self.round())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Stage;

    #[test]
    fn paid_is_who_has_got_what_is_due() {
        let (one, other) = (Payee::Publisher(PublisherId::from_raw(1)), Payee::Buyer(BuyerId::from_raw(2)));
        let row: Row = [(one.payable(), -50), (Account::Buyer(BuyerId::from_raw(2), Stage::Payable), -30)].into();
        let paid = |covered: &[(Payee, i64)]| Paid { covered: covered.iter().copied().collect(), at: Time::default(), revision: 1 };
        for (covered, row, wanted) in [
            (vec![(one, 50), (other, 30)], &row, (true, true)),
            (vec![(one, 50), (other, 29)], &row, (false, false)),
            (vec![(other, 30)], &row, (false, true)),
            (vec![], &row, (false, false)),
            // All of it was refunded since.
            (vec![(one, 50), (other, 30)], &Row::new(), (true, true)),
            // A payment came back after another had taken the refund back.
            (vec![(one, -50)], &Row::new(), (false, true)),
        ] {
            let found = paid(&covered);
            assert_eq!((found.covers(row), found.has(other, row)), wanted, "{covered:?}");
        }
    }
}
