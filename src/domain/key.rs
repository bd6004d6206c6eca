//! API keys and their roles.

use crate::domain::word::words;
use crate::kernel::id::KeyId;

words! {
    pub enum Role {
        Operator = "operator",
        Merchant = "merchant",
        Publisher = "publisher",
        Buyer = "buyer",
    }
}

/// A key as stored: its secret's SHA-256 only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub id: KeyId,
    pub role: Role,
    /// The number of the merchant, publisher or buyer whose rows it sees; none for an operator.
    pub owner: Option<i64>,
    pub name: Option<String>,
}
