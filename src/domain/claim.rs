//! Claims of missing cashback: what a buyer says they bought, the visit that proves it, and every dated step until it is answered.
//!
//! The money is the order's: a claim is a fact of it, which `due` reads. Here is what people follow.

use crate::codes;
use crate::domain::{
    conversion::Conversion,
    order::{Actor, ClaimFact},
    sale::OrderKey,
    touch::CLOCK_SKEW,
    word::words,
};
use crate::kernel::{
    id::{BuyerId, ClaimId, ClickId, ConversionId, LinkId, MerchantId, MovementId, PublisherId},
    money::Money,
    time::{DAY, Time},
};

/// An order older than this is no longer claimed, microseconds.
pub const AGE_MAX: i64 = 366 * DAY;
/// Clicks of the buyer that a claim remembers, the newest: a member of a portal may visit a shop every week of a year.
pub const TOUCHES_MAX: usize = 60;

/// How claims are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long a merchant has to answer, in days.
    pub answer_days: u32,
    /// Claims of one buyer that may wait for an answer at once.
    pub open_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { answer_days: ANSWER_DAYS, open_max: OPEN_MAX }
    }
}

/// The field's usual: networks give shops a month.
pub const ANSWER_DAYS: u32 = 30;
/// More than anybody misses honestly.
pub const OPEN_MAX: u32 = 10;

codes! {
    /// Why a claim of missing cashback is refused.
    pub enum ClaimReason {
        NoVisit = "no_visit", "No visit of yours to the shop is known that fits this order.", "Aucune de vos visites à la boutique ne correspond à cette commande.";
        OrderNotFound = "order_not_found", "The shop does not know this order.", "La boutique ne connaît pas cette commande.";
        NotEligible = "not_eligible", "This order earns no cashback by the shop’s terms.", "Cette commande ne donne pas droit au cashback selon les conditions de la boutique.";
        AlreadyCreditedElsewhere = "already_credited_elsewhere", "The shop has rewarded this order through another channel.", "La boutique a déjà récompensé cette commande par un autre canal.";
        AlreadyClaimed = "already_claimed", "This order belongs to another buyer.", "Cette commande appartient à un autre acheteur.";
        CancelledOrReturned = "cancelled_or_returned", "The order was cancelled or sent back.", "La commande a été annulée ou retournée.";
        TooLate = "too_late", "The claim came too late.", "La réclamation est arrivée trop tard.";
        Other = "other", "The shop gives its reason in its own words.", "La boutique donne sa raison avec ses propres mots.";
    }
}

impl ClaimReason {
    /// Whether a sale that comes later still counts: then the order has been found after all.
    pub const fn stays_open(self) -> bool {
        matches!(self, Self::OrderNotFound)
    }
}

words! {
    /// Where a claim stands. `waiting`: the merchant is asked, until `answer_by`; `escalated`: it did not answer in time, and the operator
    /// decides; `matched`: the sale was found, and its cashback is the buyer's; `accepted`: so it was by an answer; `refused`: with a
    /// reason; `goodwill`: paid out of a budget instead.
    pub enum ClaimStatus {
        Waiting = "waiting",
        Escalated = "escalated",
        Matched = "matched",
        Accepted = "accepted",
        Refused = "refused",
        Goodwill = "goodwill",
    }
}

/// Where a claim stands, with what belongs to that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Waiting { answer_by: Time },
    Escalated,
    Matched { conversion: ConversionId },
    Accepted { conversion: ConversionId },
    Refused { reason: ClaimReason, text: Option<String> },
    Goodwill { movement: MovementId },
}

impl State {
    pub const fn status(&self) -> ClaimStatus {
        match self {
            Self::Waiting { .. } => ClaimStatus::Waiting,
            Self::Escalated => ClaimStatus::Escalated,
            Self::Matched { .. } => ClaimStatus::Matched,
            Self::Accepted { .. } => ClaimStatus::Accepted,
            Self::Refused { .. } => ClaimStatus::Refused,
            Self::Goodwill { .. } => ClaimStatus::Goodwill,
        }
    }

    /// The order that gives the buyer their cashback.
    pub const fn conversion(&self) -> Option<ConversionId> {
        match self {
            Self::Matched { conversion } | Self::Accepted { conversion } => Some(*conversion),
            _ => None,
        }
    }

    /// The goodwill that was paid in the place of cashback.
    pub const fn movement(&self) -> Option<MovementId> {
        match self {
            Self::Goodwill { movement } => Some(*movement),
            _ => None,
        }
    }

    /// Nobody has answered yet.
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Waiting { .. } | Self::Escalated)
    }

    /// A sale that comes may still settle it.
    const fn awaits_sale(&self) -> bool {
        match self {
            Self::Waiting { .. } | Self::Escalated => true,
            Self::Refused { reason, .. } => reason.stays_open(),
            _ => false,
        }
    }
}

/// One dated step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub at: Time,
    pub by: Actor,
    pub state: State,
}

/// A click of the buyer that led to the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    pub click: ClickId,
    pub link: LinkId,
    pub publisher: PublisherId,
}

/// A buyer's claim of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub id: ClaimId,
    pub buyer: BuyerId,
    pub key: OrderKey,
    /// The program's.
    pub merchant: MerchantId,
    /// What the buyer says they paid, in the program's currency.
    pub amount: Option<Money>,
    /// When they say they ordered.
    pub ordered_at: Option<Time>,
    pub note: Option<String>,
    pub made_at: Time,
    /// The buyer's click that proves the visit, as far as known: the newest before the order.
    pub visit: Option<Proof>,
    /// All of them, oldest first; the last is where it stands. At least one.
    pub steps: Vec<Step>,
}

impl Claim {
    /// Where it stands.
    pub fn state(&self) -> &State {
        &self.steps.last().expect("a claim begins with a step").state
    }

    /// The same a step further.
    #[must_use]
    pub fn then(&self, at: Time, by: Actor, state: State) -> Self {
        let mut next = self.clone();
        next.steps.push(Step { at, by, state });
        next
    }

    /// Nobody has refused it: the order went to somebody else, and might come back.
    pub fn is_lost(&self) -> bool {
        self.steps.last().is_some_and(|step| step.by == Actor::Clock && matches!(step.state, State::Refused { .. }))
    }

    /// What becomes of it when its order changes: found for this buyer, or another's. None if nothing does.
    pub fn followed(&self, conversion: Option<&Conversion>, now: Time) -> Option<Self> {
        let conversion = conversion?;
        let state = self.state();
        match conversion.buyer {
            Some(buyer) if buyer == self.buyer && (state.awaits_sale() || self.is_lost()) => {
                Some(self.then(now, Actor::Clock, State::Matched { conversion: conversion.id }))
            }
            // Anybody could have sent an unsigned sale, so it refuses no claim that is open.
            Some(buyer) if buyer != self.buyer && (state.conversion().is_some() || state.is_open() && !conversion.flags.unsigned) => {
                Some(self.then(now, Actor::Clock, State::Refused { reason: ClaimReason::AlreadyClaimed, text: None }))
            }
            // The shop's signed sale says that it is another channel's, or it earns them nothing for another reason.
            None if state.conversion().is_some() && conversion.expired_at.is_none() => {
                Some(self.then(now, Actor::Clock, State::Refused { reason: ClaimReason::AlreadyCreditedElsewhere, text: None }))
            }
            _ => None,
        }
    }
}

/// The newest of the buyer's clicks that lies before the order; without its date, before the claim.
pub fn visit(fact: &ClaimFact, ordered_at: Option<Time>) -> Option<Proof> {
    let until = ordered_at.unwrap_or(fact.at);
    let before = fact.touches.iter().filter(|touch| until.since(touch.at()) >= -CLOCK_SKEW);
    let newest = before.max_by_key(|touch| (touch.at(), touch.click))?;
    Some(Proof { click: newest.click, link: newest.link, publisher: newest.publisher })
}
