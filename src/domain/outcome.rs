//! Outcomes: what a command came to, as its sender learns it.

use crate::domain::{
    claim::Claim,
    conversion::Conversion,
    idempotency::Kept,
    invoice::Invoice,
    movement::Movement,
    payment::Payment,
    payout::{Batch, LeftOut},
    reason::{Reason, Refusal},
    sale::OpenedClick,
    verdict::Why,
};

/// What a command came to, as its sender learns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect. 201.
    Recorded(Box<Conversion>),
    /// Known already; nothing changed. 200; without a conversion while the order is parked.
    Duplicate(Option<Box<Conversion>>),
    /// A sale kept but not attributed. 202.
    Unattributed(Box<Conversion>),
    /// Waits for its sale, or for a rate (`no_rate`). 202.
    Parked(Option<Reason>),
    /// What a test message would have come to. 200.
    Test(Box<Outcome>),
    Tied(Vec<TieVerdict>),
    /// Rates stored that were not known, and sales recorded that waited for one.
    RatesStored {
        new: usize,
    },
    /// A movement, as it now is; 201 where it is new.
    Moved {
        movement: Box<Movement>,
        is_new: bool,
    },
    /// A new invoice or credit note. 201.
    Invoiced(Box<Invoice>),
    /// A payout run as it now is.
    Payout(Box<PayoutDone>),
    /// A claim of missing cashback, as it now is; 201 where it is new.
    Claimed {
        claim: Box<Claim>,
        is_new: bool,
    },
    Refused(Refusal),
    /// The first answer to this `Idempotency-Key`, again.
    Replayed(Kept),
    /// Refused before it was a command, with the HTTP status and code that its sender got.
    Noted {
        http: u16,
        code: &'static str,
    },
}

/// What a step of a payout came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayoutDone {
    pub batch: Batch,
    /// All of its payments, or the one that the step was about.
    pub payments: Vec<Payment>,
    /// Of a new batch.
    pub left_out: Vec<LeftOut>,
    pub is_new: bool,
}

/// What a sign-in did to one click: tied, or refused with a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TieVerdict {
    pub click: OpenedClick,
    pub refused: Option<Reason>,
}

impl Outcome {
    /// The HTTP status of its answer to a postback.
    pub fn http(&self) -> u16 {
        match self {
            Self::Recorded(_) | Self::Moved { is_new: true, .. } | Self::Invoiced(_) | Self::Claimed { is_new: true, .. } => 201,
            Self::Payout(done) if done.is_new => 201,
            Self::Duplicate(_)
            | Self::Test(_)
            | Self::Tied(_)
            | Self::RatesStored { .. }
            | Self::Moved { .. }
            | Self::Payout(_)
            | Self::Claimed { .. } => 200,
            Self::Unattributed(_) | Self::Parked(_) => 202,
            Self::Refused(refusal) if refusal.is_conflict() => 409,
            Self::Refused(Refusal::NotFound) => 404,
            Self::Refused(_) => 422,
            Self::Replayed(kept) => kept.status,
            Self::Noted { http, .. } => *http,
        }
    }

    /// `recorded`, `duplicate`, `unattributed`, `parked`, `test`, … or the code of the refusal: the verdict in the inbox.
    pub fn verdict(&self) -> &'static str {
        match self {
            Self::Recorded(_) => "recorded",
            Self::Duplicate(_) => "duplicate",
            Self::Unattributed(_) => "unattributed",
            Self::Parked(_) => "parked",
            Self::Test(_) => "test",
            Self::Tied(_) => "tied",
            Self::RatesStored { .. } => "rates_stored",
            Self::Moved { is_new, .. } => {
                if *is_new {
                    "moved"
                } else {
                    "reversed"
                }
            }
            Self::Invoiced(_) => "invoiced",
            Self::Payout(_) => "payout",
            Self::Claimed { claim, .. } => claim.state().status().word(),
            Self::Refused(refusal) => refusal.code(),
            Self::Replayed(_) => "replayed",
            Self::Noted { code, .. } => code,
        }
    }

    /// Why, where the verdict alone does not say it: `no_click`, `no_rate`, …
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Unattributed(conversion) => conversion.reason.as_ref().map(Why::code),
            Self::Parked(reason) => reason.map(Reason::code),
            Self::Refused(refusal) => Some(refusal.code()),
            Self::Noted { code, .. } => Some(code),
            _ => None,
        }
    }

    pub fn conversion(&self) -> Option<&Conversion> {
        match self {
            Self::Recorded(conversion) | Self::Unattributed(conversion) | Self::Duplicate(Some(conversion)) => Some(conversion),
            _ => None,
        }
    }
}
