//! Who may do what: the roles that an operation is for, the rows that a key sees, and (in `view`) what it sees of them.
//!
//! A row that a key does not see does not exist for it: whoever looks one up asks here, and answers as if it had not been found.

mod view;

use crate::domain::{
    account::Owner,
    conversion::Conversion,
    key::{Key, Role},
    movement::What,
    order::Actor,
};
use crate::kernel::id::{BuyerId, MerchantId, PublisherId};
use std::ops::BitOr;

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles(u8);

pub const OPERATOR: Roles = Roles::only(Role::Operator);
pub const MERCHANT: Roles = Roles::only(Role::Merchant);
pub const PUBLISHER: Roles = Roles::only(Role::Publisher);
pub const BUYER: Roles = Roles::only(Role::Buyer);
pub const ANY: Roles = Roles(OPERATOR.0 | MERCHANT.0 | PUBLISHER.0 | BUYER.0);

impl Roles {
    const fn only(role: Role) -> Self {
        Self(1 << role as u8)
    }

    pub const fn contains(self, role: Role) -> bool {
        self.0 & Self::only(role).0 != 0
    }

    /// Its roles, the operator first.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        [Role::Operator, Role::Merchant, Role::Publisher, Role::Buyer].into_iter().filter(move |role| self.contains(*role))
    }
}

impl BitOr for Roles {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Whose rows a key sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    All,
    Merchant(MerchantId),
    Publisher(PublisherId),
    Buyer(BuyerId),
}

impl Scope {
    /// None for a key that has a role but not its owner: the database holds none.
    pub fn of(key: &Key) -> Option<Self> {
        match key.role {
            Role::Operator => Some(Self::All),
            Role::Merchant => key.owner.map(|id| Self::Merchant(MerchantId::from_raw(id))),
            Role::Publisher => key.owner.map(|id| Self::Publisher(PublisherId::from_raw(id))),
            Role::Buyer => key.owner.map(|id| Self::Buyer(BuyerId::from_raw(id))),
        }
    }

    /// Whose accounts it may see without naming them; none for an operator, who must.
    pub const fn owner(self) -> Option<Owner> {
        match self {
            Self::All => None,
            Self::Merchant(id) => Some(Owner::Merchant(id)),
            Self::Publisher(id) => Some(Owner::Publisher(id)),
            Self::Buyer(id) => Some(Owner::Buyer(id)),
        }
    }

    /// As whom it acts on orders; publishers do not.
    pub const fn actor(self) -> Option<Actor> {
        match self {
            Self::All => Some(Actor::Operator),
            Self::Merchant(_) => Some(Actor::Merchant),
            Self::Publisher(_) => None,
            Self::Buyer(_) => Some(Actor::Buyer),
        }
    }

    pub const fn merchant(self) -> Option<MerchantId> {
        match self {
            Self::Merchant(id) => Some(id),
            _ => None,
        }
    }

    pub const fn publisher(self) -> Option<PublisherId> {
        match self {
            Self::Publisher(id) => Some(id),
            _ => None,
        }
    }

    pub const fn buyer(self) -> Option<BuyerId> {
        match self {
            Self::Buyer(id) => Some(id),
            _ => None,
        }
    }

    /// The merchant's own row, its secrets and messages, and whatever it may change: its programs, terms and coupons.
    pub fn is_merchant(self, id: MerchantId) -> bool {
        self == Self::All || self == Self::Merchant(id)
    }

    /// The publisher's own row, and its links.
    pub fn is_publisher(self, id: PublisherId) -> bool {
        self == Self::All || self == Self::Publisher(id)
    }

    /// The buyer's own row.
    pub fn is_buyer(self, id: BuyerId) -> bool {
        self == Self::All || self == Self::Buyer(id)
    }

    /// A program of this merchant, and its terms: every publisher may place links to it.
    pub fn sees_program(self, merchant: MerchantId) -> bool {
        self.is_merchant(merchant) || self.publisher().is_some()
    }

    /// A coupon of this publisher in a program of this merchant.
    pub fn sees_coupon(self, publisher: PublisherId, merchant: MerchantId) -> bool {
        self.is_merchant(merchant) || self.is_publisher(publisher)
    }

    /// A message in the inbox: a merchant sees those that are its own, or about its programs.
    pub fn sees_message(self, merchant: Option<MerchantId>) -> bool {
        self == Self::All || merchant.is_some_and(|id| self == Self::Merchant(id))
    }

    /// A movement: its owner's, and a bonus that this merchant pays.
    pub fn sees_movement(self, what: &What) -> bool {
        let funds = |id| matches!(what, What::Bonus { funder: Some(funder), .. } if *funder == id);
        self.owner().is_none_or(|own| own == what.owner()) || self.merchant().is_some_and(funds)
    }

    /// A conversion in a program of this merchant: a publisher sees those in which it has a credit, a buyer its own.
    pub fn sees_conversion(self, conversion: &Conversion, merchant: MerchantId) -> bool {
        match self {
            Self::All => true,
            Self::Merchant(id) => id == merchant,
            Self::Publisher(id) => conversion.credits.iter().any(|credit| credit.publisher == id),
            Self::Buyer(id) => conversion.buyer == Some(id),
        }
    }

    /// A claim of this buyer, in a program of this merchant.
    pub fn sees_claim(self, buyer: BuyerId, merchant: MerchantId) -> bool {
        self.is_buyer(buyer) || self.is_merchant(merchant)
    }

    /// A list that was asked for, narrowed to what it may hold; none if that is nothing. To ask for somebody else's rows is to ask for
    /// those of nobody: so is to ask for a buyer's, for all who may not know who bought.
    pub fn narrow(self, asked: Whose) -> Option<Whose> {
        let foreign = |asked: Option<_>, own| asked.is_some_and(|asked| asked != own);
        match self {
            Self::All => Some(asked),
            Self::Merchant(id) if foreign(asked.merchant.map(MerchantId::raw), id.raw()) || asked.buyer.is_some() => None,
            Self::Merchant(id) => Some(Whose { merchant: Some(id), ..asked }),
            Self::Publisher(id) if foreign(asked.publisher.map(PublisherId::raw), id.raw()) || asked.buyer.is_some() => None,
            Self::Publisher(id) => Some(Whose { publisher: Some(id), ..asked }),
            Self::Buyer(id) if foreign(asked.buyer.map(BuyerId::raw), id.raw()) => None,
            Self::Buyer(id) => Some(Whose { buyer: Some(id), ..asked }),
        }
    }
}

/// Whose rows a list holds: all of them, or those of every party that is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Whose {
    pub merchant: Option<MerchantId>,
    pub publisher: Option<PublisherId>,
    pub buyer: Option<BuyerId>,
}

#[cfg(test)]
mod tests;
