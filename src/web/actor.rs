//! Who asks: API keys, found by their SHA-256.

use crate::{
    domain::key::Key,
    engine::clock::Clock,
    kernel::time::{SECOND, Time},
    store::{self, Db, StoreError},
    web::problem::Problem,
};
use http::{HeaderMap, StatusCode, header};
use papaya::HashMap;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// A key that was found is believed for so long, microseconds: after a revocation on any node it works at most this much longer.
const BELIEVED: i64 = SECOND;
/// Longer text is no key and is not even hashed.
const KEY_BYTES_MAX: usize = 256;

/// The keys that were asked for lately. Only keys that exist get in, so there are never more than stored ones.
#[derive(Debug)]
pub struct Keys {
    db: Db,
    clock: Clock,
    seen: HashMap<[u8; 32], (Arc<Key>, Time)>,
}

impl Keys {
    pub fn new(db: Db, clock: Clock) -> Self {
        Self { db, clock, seen: HashMap::new() }
    }

    /// The live key of this text. An unknown one is always asked for, so that a new key works at once on every node.
    async fn find(&self, text: &str) -> Result<Option<Arc<Key>>, StoreError> {
        let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let now = self.clock.now();
        if let Some((key, found_at)) = self.seen.pin().get(&hash)
            && (0..BELIEVED).contains(&now.since(*found_at))
        {
            return Ok(Some(Arc::clone(key)));
        }
        let mut tx = self.db.read().await?;
        let found = store::key::by_hash(&mut tx, &hash).await?.map(Arc::new);
        tx.commit().await?;
        if let Some(key) = &found {
            self.seen.pin().insert(hash, (Arc::clone(key), now));
        } else {
            self.seen.pin().remove(&hash);
        }
        Ok(found)
    }

    /// The key that a request carries.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Key>, Problem> {
        let unauthorized = |code, detail| Problem::new(StatusCode::UNAUTHORIZED, code, detail);
        let missing = || unauthorized("key_missing", "Send the key as `Authorization: Bearer <key>`.");
        let header = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
        let invalid = || unauthorized("key_invalid", "There is no such key, or it is revoked.");
        let text = bearer(header.to_str().map_err(|_| invalid())?).ok_or_else(missing)?;
        if text.len() > KEY_BYTES_MAX {
            return Err(invalid());
        }
        self.find(text).await?.ok_or_else(invalid)
    }
}

/// The key in `Bearer <key>`; the scheme's name is compared without case (RFC 9110).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, key) = header.trim().split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !key.trim().is_empty()).then(|| key.trim())
}

#[cfg(test)]
mod tests {
    use super::bearer;

    #[test]
    fn only_bearer_carries_a_key() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer   abc "), Some("abc"));
        for none in ["", "Bearer", "Bearer ", "Basic abc", "abc"] {
            assert_eq!(bearer(none), None, "{none}");
        }
    }
}
