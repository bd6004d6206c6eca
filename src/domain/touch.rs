//! Touches: the clicks that a sale names, with what was looked up about them when it was recorded.

use crate::domain::{click::Quality, publisher::Kind, reason::Reason, sale::OpenedClick};
use crate::kernel::{
    id::{BuyerId, ClickId, LinkId, ProgramId, PublisherId},
    percent::Percent,
    time::{self, Time},
};

/// A click may lie so much behind the sale: clocks differ. Microseconds.
pub const CLOCK_SKEW: i64 = 60 * time::SECOND;

/// One click id of a sale, resolved. Stored with the order, so that it can be judged again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touch {
    Known(Known),
    /// The seal does not open, or its link is unknown.
    Unknown(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub click: ClickId,
    pub link: LinkId,
    pub program: ProgramId,
    pub publisher: PublisherId,
    pub kind: Kind,
    /// The publisher's, when the sale was recorded.
    pub generosity: Percent,
    pub quality: Quality,
    pub buyer: Option<TouchBuyer>,
}

/// The buyer of a click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TouchBuyer {
    pub id: BuyerId,
    /// When a sign-in tied the click; none if the buyer was known at the click.
    pub tied_at: Option<Time>,
}

/// A click that a sign-in gave a buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClickTie {
    pub buyer: BuyerId,
    pub at: Time,
}

/// A click of a known buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    pub click: OpenedClick,
    /// When a sign-in tied it; none if the buyer was known at the click.
    pub tied_at: Option<Time>,
}

impl Known {
    /// The time sealed in the click id, to the millisecond.
    pub fn at(&self) -> Time {
        crate::kernel::id::time_of(self.click.raw())
    }

    /// Why the click cannot earn this sale, if so.
    pub fn refusal(&self, program: ProgramId, occurred_at: Time, window_days: u32) -> Option<Reason> {
        let age = occurred_at.since(self.at());
        if self.program != program {
            Some(Reason::WrongProgram)
        } else if self.quality == Quality::Embedded {
            Some(Reason::ClickEmbedded)
        } else if age < -CLOCK_SKEW {
            Some(Reason::ClickAfterSale)
        } else if age > i64::from(window_days) * time::DAY {
            Some(Reason::ClickExpired)
        } else {
            None
        }
    }
}
