//! Terms: what a program pays, to whom, and when. Immutable numbered versions.

pub mod boost;
pub mod parse;
pub mod pay;
#[cfg(test)]
mod tests;
pub mod when;
mod write;

use crate::domain::{reason::Reason, word::words};
use crate::kernel::{currency::Currency, percent::Percent, time::Time};
use std::sync::Arc;

/// The version of the arithmetic that new terms are stamped with. A change that alters any cent adds a number and keeps the old.
pub const RULES: u32 = 1;

/// One version's content. Amounts are minor units of the program's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The version of the arithmetic, see [`RULES`].
    pub rules: u32,
    pub currency: Currency,
    /// At least one. Each line of an order takes the first whose conditions all hold.
    pub commission: Vec<Rule>,
    pub split: Split,
    pub attribution: Attribution,
    /// Silence means approval so many times 24 hours after the sale. 0 to 365.
    pub hold_days: u32,
    pub payable_on: PayableOn,
    /// An unclaimed share waits so many times 24 hours after the sale was recorded. 0 to 365.
    pub claim_days: u32,
    pub unclaimed_to: UnclaimedTo,
    /// Bonuses to buyers, beside the commission.
    pub boosts: Vec<boost::Boost>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub when: when::When,
    pub pay: pay::Pay,
    /// The most the rule pays for one order, minor units.
    pub cap_per_order: Option<i64>,
    /// Shown to people when the rule pays nothing, such as `excluded_category`.
    pub reason: Option<Reason>,
}

/// Adds up to exactly 100 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    pub publisher: Percent,
    pub buyer: Percent,
    pub platform: Percent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribution {
    pub model: Model,
    /// 1 to 365, times 24 hours.
    pub window_days: u32,
    /// 0 to 43,200 (30 days).
    pub stand_down_minutes: u32,
    pub self_referral: SelfReferral,
}

words! {
    /// How credit is shared among the touches of a sale.
    pub enum Model {
        LastClick = "last_click",
        FirstClick = "first_click",
        Linear = "linear",
        TimeDecay = "time_decay",
        Position = "position",
    }
    /// What happens when the buyer and the publisher are the same person.
    pub enum SelfReferral {
        Hold = "hold",
        Allow = "allow",
        Refuse = "refuse",
    }
    /// What makes an approved share payable.
    pub enum PayableOn {
        Approval = "approval",
        MerchantPayment = "merchant_payment",
    }
    /// Who gets an unclaimed share when its time is over.
    pub enum UnclaimedTo {
        Publisher = "publisher",
        Platform = "platform",
        Merchant = "merchant",
    }
}

impl Terms {
    /// Whether some rule names this goal.
    pub fn names_goal(&self, goal: &str) -> bool {
        self.commission.iter().any(|rule| rule.when.types.iter().any(|t| t == goal))
    }

    /// Whether some rule looks at the publisher's approved amount of the month.
    pub fn has_tiers(&self) -> bool {
        self.commission.iter().any(|rule| matches!(rule.pay, pay::Pay::Tiers(_)))
    }
}

/// A version of a program's terms, as stored.
#[derive(Debug, Clone)]
pub struct Version {
    /// 1, 2, 3, …
    pub number: u32,
    /// In effect from then on; version 1 also for anything earlier.
    pub effective_at: Time,
    pub terms: Arc<Terms>,
}

/// The version in effect at a moment: the newest not later than it, else the first.
pub fn in_effect(versions: &[Version], at: Time) -> Option<&Version> {
    let started = versions.iter().filter(|v| v.effective_at <= at).max_by_key(|v| (v.effective_at, v.number));
    started.or_else(|| versions.iter().min_by_key(|v| v.number))
}
