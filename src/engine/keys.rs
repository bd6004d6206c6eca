//! The keys that seal, and secrets as they are stored: made at first start, kept in the database, sealed under the master key if one is set.

use crate::{
    kernel::{
        seal::{KeyRing, RingError, SealKey, Vault, VaultError},
        signature::{SecretError, WebhookSecret},
        time::Time,
    },
    store::{
        Db, StoreError,
        seal_key::{self, StoredKey},
    },
};

/// The number of an installation's first key.
const FIRST: u8 = 1;

/// Why keys or secrets cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("the key ring: {0}")]
    Store(#[from] StoreError),
    #[error("the key ring: {0}")]
    Ring(#[from] RingError),
    #[error("{0}")]
    Vault(#[from] VaultError),
    #[error("seal key {0} has not 32 bytes")]
    Length(u8),
    #[error("a stored secret is {0}")]
    Secret(#[from] SecretError),
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

/// Reads the ring, and makes its first key in a new installation. Of two processes that start at once, the second finds the first one's.
pub async fn ring(db: &Db, vault: &Vault, now: Time) -> Result<KeyRing, KeysError> {
    let mut stored = seal_key::all(&mut db.read().await?).await?;
    if stored.is_empty() {
        let new = StoredKey { number: FIRST, sealed: vault.seal_secret(&random::<32>()?, random()?), created_at: now };
        let mut tx = db.begin().await?;
        seal_key::lock(&mut tx).await?;
        stored = seal_key::all(&mut tx).await?;
        if stored.is_empty() {
            seal_key::insert(&mut tx, &new).await?;
            tx.commit().await?;
            stored = vec![new];
        }
    }
    let opened = stored.iter().map(|key| {
        let secret = vault.open_secret(&key.sealed)?.try_into().map_err(|_| KeysError::Length(key.number))?;
        Ok(SealKey { number: key.number, secret })
    });
    Ok(KeyRing::new(&opened.collect::<Result<Vec<_>, KeysError>>()?)?)
}

/// A new signing secret of a merchant, and what to store of it.
pub fn new_secret(vault: &Vault) -> Result<(WebhookSecret, Vec<u8>), KeysError> {
    let secret = WebhookSecret::generate(random()?);
    let sealed = vault.seal_secret(secret.reveal().as_bytes(), random()?);
    Ok((secret, sealed))
}

/// The signing secret behind what [`new_secret`] gave to store.
pub fn open_secret(vault: &Vault, sealed: &[u8]) -> Result<WebhookSecret, KeysError> {
    let text = String::from_utf8(vault.open_secret(sealed)?).map_err(|_| SecretError)?;
    Ok(WebhookSecret::parse(&text)?)
}

/// Bytes that nobody can guess, from the operating system.
pub fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
