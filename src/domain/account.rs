//! The chart of accounts: names, classes and usual sides.

use crate::kernel::id::{BuyerId, MerchantId, ProgramId, PublisherId};
use std::{fmt, str::FromStr};

/// An account of the ledger. Text form as in `publisher:pub_…:pending`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    MerchantPending(MerchantId),
    MerchantOwed(MerchantId),
    Publisher(PublisherId, Stage),
    Buyer(BuyerId, Stage),
    /// A share whose buyer is not known yet, in the buyer's place.
    Unclaimed(ProgramId, Stage),
    PlatformPending,
    PlatformRevenue,
    /// Fees of merchants and of payouts.
    PlatformFees,
    /// Bonuses that the platform pays, as long as their orders are pending …
    PromotionsPending,
    /// … and from then on.
    PromotionsSpent,
    Cash,
    /// Payments on their way.
    PayoutsInFlight,
    VatDeductible,
    VatCollected,
    /// Debts that were written off.
    Losses,
    BankFees,
    /// What was taken over from another system.
    Opening,
}

/// How far a payee's part has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    Pending,
    Approved,
    Payable,
}

/// What exports put in front of an account's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Assets,
    Liabilities,
    Revenues,
    Expenses,
    Equity,
}

impl Stage {
    pub const ALL: [Self; 3] = [Self::Pending, Self::Approved, Self::Payable];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Payable => "payable",
        }
    }
}

impl Class {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Assets => "assets",
            Self::Liabilities => "liabilities",
            Self::Revenues => "revenues",
            Self::Expenses => "expenses",
            Self::Equity => "equity",
        }
    }
}

/// Whose account it is; none for the platform's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    Merchant(MerchantId),
    Publisher(PublisherId),
    Buyer(BuyerId),
    Platform,
}

impl Owner {
    /// As stored: the kind …
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Merchant(_) => "merchant",
            Self::Publisher(_) => "publisher",
            Self::Buyer(_) => "buyer",
            Self::Platform => "platform",
        }
    }

    /// … and the number, 0 for the platform.
    pub const fn number(self) -> i64 {
        match self {
            Self::Merchant(id) => id.raw(),
            Self::Publisher(id) => id.raw(),
            Self::Buyer(id) => id.raw(),
            Self::Platform => 0,
        }
    }
}

/// The id, or `platform`.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Merchant(id) => id.fmt(f),
            Self::Publisher(id) => id.fmt(f),
            Self::Buyer(id) => id.fmt(f),
            Self::Platform => f.write_str("platform"),
        }
    }
}

impl Account {
    /// The platform's own accounts, by name.
    const OF_PLATFORM: [(&'static str, Self); 12] = [
        ("platform:pending", Self::PlatformPending),
        ("platform:revenue", Self::PlatformRevenue),
        ("platform:fees", Self::PlatformFees),
        ("promotions:pending", Self::PromotionsPending),
        ("promotions:spent", Self::PromotionsSpent),
        ("cash", Self::Cash),
        ("payouts:in_flight", Self::PayoutsInFlight),
        ("vat:deductible", Self::VatDeductible),
        ("vat:collected", Self::VatCollected),
        ("losses", Self::Losses),
        ("bank_fees", Self::BankFees),
        ("opening", Self::Opening),
    ];

    pub const fn class(self) -> Class {
        match self {
            Self::MerchantPending(_) | Self::MerchantOwed(_) | Self::PromotionsPending | Self::VatDeductible | Self::Cash => Class::Assets,
            Self::Publisher(..)
            | Self::Buyer(..)
            | Self::Unclaimed(..)
            | Self::PlatformPending
            | Self::PayoutsInFlight
            | Self::VatCollected => Class::Liabilities,
            Self::PlatformRevenue | Self::PlatformFees => Class::Revenues,
            Self::PromotionsSpent | Self::Losses | Self::BankFees => Class::Expenses,
            Self::Opening => Class::Equity,
        }
    }

    /// Promises, not yet books.
    pub const fn is_pending(self) -> bool {
        matches!(
            self,
            Self::MerchantPending(_)
                | Self::PlatformPending
                | Self::PromotionsPending
                | Self::Publisher(_, Stage::Pending)
                | Self::Buyer(_, Stage::Pending)
                | Self::Unclaimed(_, Stage::Pending)
        )
    }

    /// A debit-positive amount as people read it: positive is the account's usual side.
    pub const fn usual(self, debit: i64) -> i64 {
        match self.class() {
            Class::Assets | Class::Expenses => debit,
            Class::Liabilities | Class::Revenues | Class::Equity => -debit,
        }
    }

    pub const fn owner(self) -> Owner {
        match self {
            Self::MerchantPending(id) | Self::MerchantOwed(id) => Owner::Merchant(id),
            Self::Publisher(id, _) => Owner::Publisher(id),
            Self::Buyer(id, _) => Owner::Buyer(id),
            _ => Owner::Platform,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MerchantPending(id) => write!(f, "merchant:{id}:pending"),
            Self::MerchantOwed(id) => write!(f, "merchant:{id}:owed"),
            Self::Publisher(id, stage) => write!(f, "publisher:{id}:{}", stage.word()),
            Self::Buyer(id, stage) => write!(f, "buyer:{id}:{}", stage.word()),
            Self::Unclaimed(id, stage) => write!(f, "unclaimed:{id}:{}", stage.word()),
            own => {
                let named = Self::OF_PLATFORM.iter().find(|(_, account)| account == own);
                f.write_str(named.map_or("?", |(name, _)| name))
            }
        }
    }
}

/// Not the name of an account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an account: {0}")]
pub struct UnknownAccount(String);

impl FromStr for Account {
    type Err = UnknownAccount;
    fn from_str(text: &str) -> Result<Self, UnknownAccount> {
        let parse = || {
            if let Some((_, account)) = Self::OF_PLATFORM.iter().find(|(name, _)| *name == text) {
                return Some(*account);
            }
            let mut parts = text.split(':');
            let account = match (parts.next()?, parts.next()?, parts.next()?) {
                ("merchant", id, "pending") => Self::MerchantPending(id.parse().ok()?),
                ("merchant", id, "owed") => Self::MerchantOwed(id.parse().ok()?),
                (kind, id, word) => {
                    let stage = Stage::ALL.into_iter().find(|stage| stage.word() == word)?;
                    match kind {
                        "publisher" => Self::Publisher(id.parse().ok()?, stage),
                        "buyer" => Self::Buyer(id.parse().ok()?, stage),
                        "unclaimed" => Self::Unclaimed(id.parse().ok()?, stage),
                        _ => return None,
                    }
                }
            };
            parts.next().is_none().then_some(account)
        };
        parse().ok_or_else(|| UnknownAccount(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        let accounts = [
            Account::MerchantPending(MerchantId::from_raw(1)),
            Account::MerchantOwed(MerchantId::from_raw(1)),
            Account::Publisher(PublisherId::from_raw(2), Stage::Pending),
            Account::Buyer(BuyerId::from_raw(3), Stage::Approved),
            Account::Unclaimed(ProgramId::from_raw(4), Stage::Payable),
        ];
        for account in accounts.into_iter().chain(Account::OF_PLATFORM.map(|(_, account)| account)) {
            assert_eq!(account.to_string().parse(), Ok(account));
        }
        for bad in [
            "",
            "cash:x",
            "platform",
            "platform:pending:x",
            "buyer:pub_0000000000001:pending",
            "publisher:pub_0000000000001:owed",
            "merchant:mer_0000000000001:pending:x",
        ] {
            assert!(bad.parse::<Account>().is_err(), "{bad}");
        }
    }
}
