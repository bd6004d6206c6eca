//! Pots: what boosts take from, and what is in them until they are empty.

use crate::kernel::id::{BuyerId, ProgramId};

/// Something that runs out: a boost's budget and quota, a code that is good for one order, a chance that a buyer has once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pot {
    /// By the boost's name.
    Boost(ProgramId, String),
    /// By the folded code.
    Voucher(ProgramId, String),
    Welcome(BuyerId),
    /// Of the friend.
    Referral(BuyerId),
}

/// What is taken from a pot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Minor units of the program's currency.
    pub amount: i64,
    /// Orders.
    pub uses: i64,
}

/// The most that may be taken from a pot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limit {
    pub amount: Option<i64>,
    pub uses: Option<i64>,
}

const VOUCHER: &str = "used:";
const WELCOME: &str = "first:welcome";
const REFERRAL: &str = "first:referral";

impl Pot {
    /// The number of the program or buyer that it belongs to. Numbers of different kinds are never the same.
    pub const fn scope(&self) -> i64 {
        match self {
            Self::Boost(program, _) | Self::Voucher(program, _) => program.raw(),
            Self::Welcome(buyer) | Self::Referral(buyer) => buyer.raw(),
        }
    }

    /// Its name there, as stored.
    pub fn name(&self) -> String {
        match self {
            Self::Boost(_, name) => name.clone(),
            Self::Voucher(_, code) => format!("{VOUCHER}{code}"),
            Self::Welcome(_) => WELCOME.to_owned(),
            Self::Referral(_) => REFERRAL.to_owned(),
        }
    }

    pub fn from_stored(scope: i64, name: &str) -> Self {
        match (name, name.strip_prefix(VOUCHER)) {
            (_, Some(code)) => Self::Voucher(ProgramId::from_raw(scope), code.to_owned()),
            (WELCOME, _) => Self::Welcome(BuyerId::from_raw(scope)),
            (REFERRAL, _) => Self::Referral(BuyerId::from_raw(scope)),
            _ => Self::Boost(ProgramId::from_raw(scope), name.to_owned()),
        }
    }
}
