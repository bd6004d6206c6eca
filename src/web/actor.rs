//! Who asks: API keys, found by their SHA-256.

use crate::{
    domain::key::Key,
    engine::clock::Clock,
    kernel::{
        address::Address,
        time::{SECOND, Time},
    },
    store::{self, Db, StoreError},
    web::{
        limits::{Left, Limits},
        problem::Problem,
    },
};
use http::{HeaderMap, StatusCode, header};
use papaya::HashMap;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// A key that was found is believed for so long, microseconds: after a revocation on any node it works at most this much longer.
const BELIEVED: i64 = SECOND;
/// Longer text is no key and is not even hashed.
const KEY_BYTES_MAX: usize = 256;

/// The client's address, in the extensions of every request that the router gets.
#[derive(Debug, Clone, Copy)]
pub struct Client(pub Address);

/// The keys that were asked for lately. Only keys that exist get in, so there are never more than stored ones.
#[derive(Debug)]
pub struct Keys {
    db: Db,
    clock: Clock,
    limits: Arc<Limits>,
    seen: HashMap<[u8; 32], (Arc<Key>, Time)>,
}

impl Keys {
    pub fn new(db: Db, clock: Clock, limits: Arc<Limits>) -> Self {
        Self { db, clock, limits, seen: HashMap::new() }
    }

    /// The live key of this text. An unknown one is always asked for, so that a new key works at once on every node, unless too many
    /// that do not exist came from there.
    async fn find(&self, text: &str, from: Option<Address>) -> Result<Option<Arc<Key>>, Problem> {
        let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let now = self.clock.now();
        match self.seen.pin().get(&hash) {
            Some((key, found_at)) if (0..BELIEVED).contains(&now.since(*found_at)) => return Ok(Some(Arc::clone(key))),
            Some(_) => {}
            None => self.limits.may_try(from)?,
        }
        let found = self.read(&hash).await?.map(Arc::new);
        if let Some(key) = &found {
            self.seen.pin().insert(hash, (Arc::clone(key), now));
        } else {
            self.seen.pin().remove(&hash);
            self.limits.tried_in_vain(from);
        }
        Ok(found)
    }

    async fn read(&self, hash: &[u8; 32]) -> Result<Option<Key>, StoreError> {
        let mut tx = self.db.read().await?;
        let found = store::key::by_hash(&mut tx, hash).await?;
        tx.commit().await?;
        Ok(found)
    }

    /// The key that a request from there carries. It is counted against the key's limit; what is left of that comes along.
    pub async fn authenticate(&self, headers: &HeaderMap, from: Option<Address>) -> Result<(Arc<Key>, Option<Left>), Problem> {
        let unauthorized = |code, detail| Problem::new(StatusCode::UNAUTHORIZED, code, detail);
        let missing = || unauthorized("key_missing", "Send the key as `Authorization: Bearer <key>`.");
        let header = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
        let invalid = || unauthorized("key_invalid", "There is no such key, or it is revoked.");
        let text = bearer(header.to_str().map_err(|_| invalid())?).ok_or_else(missing)?;
        if text.len() > KEY_BYTES_MAX {
            return Err(invalid());
        }
        let key = self.find(text, from).await?.ok_or_else(invalid)?;
        let left = self.limits.api(key.id)?;
        Ok((key, left))
    }
}

/// The text of the key that a request carries, right or wrong.
pub fn presented(headers: &HeaderMap) -> Option<&str> {
    bearer(headers.get(header::AUTHORIZATION)?.to_str().ok()?)
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
