//! What is due on an order now: one pure reading of its facts.

/// How a commission is shared, minor units of the program's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shares {
    pub publisher: i64,
    /// Holds the unclaimed share and the publishers' gifts.
    pub buyer: i64,
    pub platform: i64,
}

use crate::domain::conversion::{Credit, Flags, Status};
use crate::kernel::{id::BuyerId, money::Money, time::Time};

/// What is due on a recorded order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub status: Status,
    pub flags: Flags,
    pub reason: Option<String>,
    pub sold: Money,
    pub refunded: Money,
    /// Minor units of the program's currency.
    pub commission: i64,
    pub shares: Shares,
    pub credits: Vec<Credit>,
    pub buyer: Option<BuyerId>,
    pub payable_at: Option<Time>,
    pub approved_at: Option<Time>,
    pub net: i64,
    pub claim_until: Option<Time>,
}
