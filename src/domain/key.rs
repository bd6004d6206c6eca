//! API keys and their roles.

use crate::domain::word::words;
use crate::kernel::id::KeyId;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

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

/// The text of a new key: `rst_` and 32 random bytes as 43 characters of base64url. It is shown once, and only its [`hash`] is kept.
pub fn text(random: [u8; 32]) -> String {
    format!("rst_{}", URL_SAFE_NO_PAD.encode(random))
}

/// What is stored of a key, and what it is found by: the SHA-256 of its text. A key has 256 random bits, so nothing slower is needed.
pub fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}
