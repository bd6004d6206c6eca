//! Who may do what: the roles that an operation is for, and the rows that a key sees.

use crate::domain::key::{Key, Role};
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::id::KeyId;

    #[test]
    fn roles_are_a_set() {
        let some = OPERATOR | PUBLISHER;
        assert_eq!(some.iter().collect::<Vec<_>>(), [Role::Operator, Role::Publisher]);
        assert!(!some.contains(Role::Merchant) && !some.contains(Role::Buyer));
        assert_eq!(ANY.iter().count(), Role::WORDS.len());
    }

    #[test]
    fn a_key_sees_its_owners_rows() {
        let scope = |role, owner| Scope::of(&Key { id: KeyId::from_raw(1), role, owner, name: None });
        assert_eq!(scope(Role::Operator, None), Some(Scope::All));
        assert_eq!(scope(Role::Merchant, Some(2)), Some(Scope::Merchant(MerchantId::from_raw(2))));
        assert_eq!(scope(Role::Publisher, Some(3)), Some(Scope::Publisher(PublisherId::from_raw(3))));
        assert_eq!(scope(Role::Buyer, Some(4)), Some(Scope::Buyer(BuyerId::from_raw(4))));
        assert_eq!(scope(Role::Buyer, None), None);
    }
}
