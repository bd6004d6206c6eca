//! Idempotency: a request that is sent again under the same `Idempotency-Key` gets its first answer again, and takes effect once.

use crate::kernel::id::KeyId;
use sha2::{Digest as _, Sha256};
use std::{fmt, sync::Arc};

/// Within what an `Idempotency-Key` counts: one API key and one path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    pub api_key: KeyId,
    /// With the ids that it names, unescaped and without a query.
    pub path: String,
    /// What the sender wrote into the header.
    pub token: String,
}

impl Scope {
    /// A number to lock and to find it by, never negative. Two scopes may share one; what is found is compared with the scope itself.
    pub fn number(&self) -> i64 {
        let mut hash = Sha256::new();
        for part in [self.api_key.raw().to_string().as_bytes(), self.path.as_bytes(), self.token.as_bytes()] {
            // The length keeps the parts apart.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let (first, _) = digest.split_first_chunk::<8>().expect("SHA-256 has 32 bytes");
        i64::from_be_bytes(*first) & i64::MAX
    }
}

/// Where one answer is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    pub scope: Arc<Scope>,
    /// 0 for a whole answer; a batch keeps its items one by one, counted from 1.
    pub item: u32,
}

/// A first answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    /// SHA-256 of the request's whole body.
    pub body_hash: [u8; 32],
    /// The HTTP status.
    pub status: u16,
    pub answer: Vec<u8>,
    /// The answer holds a secret and is stored sealed: for its API key, and then under the master key.
    pub sealed: bool,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, sealed, answer, .. } = self;
        write!(f, "Kept({status}, {} bytes{})", answer.len(), if *sealed { ", sealed" } else { "" })
    }
}

/// Whether the answer with this status is kept. What was judged is: done, or refused because of what is stored. What did not get that
/// far (401, 404, 429, 503) may come to something else the next time.
pub const fn is_kept(status: u16) -> bool {
    matches!(status, 200..=299 | 409 | 422)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_its_three_parts() {
        let scope = |key, path: &str, token: &str| Scope { api_key: KeyId::from_raw(key), path: path.to_owned(), token: token.to_owned() };
        let number = scope(1, "/merchants", "a").number();
        assert!(number >= 0);
        assert_eq!(number, scope(1, "/merchants", "a").number());
        for other in [scope(2, "/merchants", "a"), scope(1, "/merchant", "sa"), scope(1, "/merchants", "b"), scope(1, "/merchantsa", "")] {
            assert_ne!(number, other.number(), "{other:?}");
        }
    }

    #[test]
    fn what_may_change_by_itself_is_not_kept() {
        for (status, kept) in [
            (200, true),
            (201, true),
            (202, true),
            (409, true),
            (422, true),
            (404, false),
            (413, false),
            (429, false),
            (500, false),
            (503, false),
        ] {
            assert_eq!(is_kept(status), kept, "{status}");
        }
    }
}
