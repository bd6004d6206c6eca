//! Payees: publishers and buyers, who are paid what they earned.

use crate::domain::account::{Account, Owner, Stage};
use crate::kernel::id::{BuyerId, PublisherId};
use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr};

/// Somebody who is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Payee {
    Publisher(PublisherId),
    Buyer(BuyerId),
}

impl Payee {
    /// The payee of a number and kind as stored; none if the kind is nobody who is paid.
    pub fn from_stored(kind: &str, number: i64) -> Option<Self> {
        match kind {
            "publisher" => Some(Self::Publisher(PublisherId::from_raw(number))),
            "buyer" => Some(Self::Buyer(BuyerId::from_raw(number))),
            _ => None,
        }
    }

    /// Whose `:payable` account it is, if it is one.
    pub const fn of_payable(account: Account) -> Option<Self> {
        match account {
            Account::Publisher(id, Stage::Payable) => Some(Self::Publisher(id)),
            Account::Buyer(id, Stage::Payable) => Some(Self::Buyer(id)),
            _ => None,
        }
    }

    /// The stored number.
    pub const fn raw(self) -> i64 {
        self.owner().number()
    }

    pub const fn publisher(self) -> Option<PublisherId> {
        match self {
            Self::Publisher(id) => Some(id),
            Self::Buyer(_) => None,
        }
    }

    pub const fn payable(self) -> Account {
        match self {
            Self::Publisher(id) => Account::Publisher(id, Stage::Payable),
            Self::Buyer(id) => Account::Buyer(id, Stage::Payable),
        }
    }

    pub const fn owner(self) -> Owner {
        match self {
            Self::Publisher(id) => Owner::Publisher(id),
            Self::Buyer(id) => Owner::Buyer(id),
        }
    }
}

/// The id as people see it.
impl fmt::Display for Payee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publisher(id) => id.fmt(f),
            Self::Buyer(id) => id.fmt(f),
        }
    }
}

/// Not the id of a publisher or buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of a publisher (pub_…) or buyer (buy_…)")]
pub struct NoPayee;

impl FromStr for Payee {
    type Err = NoPayee;
    fn from_str(text: &str) -> Result<Self, NoPayee> {
        let publisher = || text.parse().map(Self::Publisher);
        text.parse().map(Self::Buyer).or_else(|_| publisher()).map_err(|_| NoPayee)
    }
}

impl Serialize for Payee {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
