//! The keys that seal, and secrets as they are stored: made at first start, kept in the database, sealed under the master key if one is set.

use crate::{
    domain::audit::Breach,
    kernel::{
        seal::{KEY_NUMBER_MAX, KeyRing, RingError, SealKey, Vault, VaultError},
        signature::{SecretError, WebhookSecret},
        time::{SECOND, Time},
    },
    store::{
        Db, StoreError,
        seal_key::{self, StoredKey},
        sealed::{self, Owner},
    },
};

/// The number of an installation's first key.
const FIRST: u8 = 1;
/// Servers read the ring every second, and each must know a key before any of them seals with it. One that the database was away from for a
/// minute could take no sale either. Microseconds.
const KNOWN_AFTER: i64 = 60 * SECOND;

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
    let keys = open(&stored, vault)?;
    let ring = KeyRing::new(&keys)?;
    ring.renew(&keys, sealing(&stored, now))?;
    Ok(ring)
}

/// Takes in what was added to the ring, here or on another node, and lets a new key seal when its time has come.
pub async fn refresh(ring: &KeyRing, db: &Db, vault: &Vault, now: Time) -> Result<(), KeysError> {
    let mut tx = db.read().await?;
    let stored = seal_key::all(&mut tx).await?;
    tx.commit().await?;
    let seals = sealing(&stored, now);
    if !ring.is(stored.iter().map(|key| key.number), seals) {
        ring.renew(&open(&stored, vault)?, seals)?;
        tracing::info!(keys = stored.len(), seals, "the key ring changed");
    }
    Ok(())
}

/// Adds a key to the ring, which seals from a minute on, when every server knows it; the others go on opening. Gives its number and when
/// it begins.
pub async fn rotate(db: &Db, vault: &Vault, now: Time) -> Result<(u8, Time), KeysError> {
    let mut tx = db.begin().await?;
    seal_key::lock(&mut tx).await?;
    let stored = seal_key::all(&mut tx).await?;
    // A vault that cannot open the others would add a key that no server can open.
    open(&stored, vault)?;
    let number = stored.iter().map(|key| key.number).max().map_or(FIRST, |last| last + 1);
    if number > KEY_NUMBER_MAX {
        return Err(RingError::Number(number).into());
    }
    let begins = if stored.is_empty() { now } else { now.plus(KNOWN_AFTER) };
    seal_key::insert(&mut tx, &StoredKey { number, sealed: vault.seal_secret(&random::<32>()?, random()?), created_at: begins }).await?;
    tx.commit().await?;
    Ok((number, begins))
}

/// Seals everything anew that is stored under the master key of `old`. Gives how much there was.
pub async fn reseal(db: &Db, old: &Vault, new: &Vault) -> Result<usize, KeysError> {
    let mut tx = db.begin().await?;
    seal_key::lock(&mut tx).await?;
    let all = sealed::all(&mut tx).await?;
    for sealed in &all {
        let again = new.seal_secret(&old.open_secret(sealed)?, random()?);
        sealed::replace(&mut tx, sealed, &again).await?;
    }
    tx.commit().await?;
    Ok(all.len())
}

/// What of that which is stored sealed opens under a master key.
#[derive(Debug, Default)]
pub struct Checked {
    /// Keys, secrets and kept answers.
    pub stored: u64,
    /// Those of them that lie there as they are, without a master key.
    pub plain: u64,
    pub breaches: Vec<Breach>,
}

/// Tries to open all of it. Nothing of what is opened is told.
pub async fn check(db: &Db, vault: &Vault) -> Result<Checked, StoreError> {
    let mut tx = db.read().await?;
    let all = sealed::named(&mut tx).await?;
    tx.commit().await?;
    let mut checked = Checked::default();
    for (owner, bytes) in all {
        checked.stored += 1;
        checked.plain += u64::from(!Vault::is_sealed(&bytes));
        let opened = match owner {
            Owner::SealKey(number) => vault.open_secret(&bytes).map_err(KeysError::from).and_then(|key| match key.len() {
                32 => Ok(()),
                _ => Err(KeysError::Length(u8::try_from(number).unwrap_or_default())),
            }),
            Owner::Secret(_) => open_secret(vault, &bytes).map(drop),
            Owner::Answer(_) | Owner::Account(_) | Owner::Payment(_) => vault.open_secret(&bytes).map(drop).map_err(KeysError::from),
        };
        if let Err(error) = opened {
            checked.breaches.push(Breach::new("sealed_not_opened", owner, error.to_string()));
        }
    }
    Ok(checked)
}

/// The newest key whose time has come.
fn sealing(stored: &[StoredKey], now: Time) -> u8 {
    let begun = stored.iter().rev().find(|key| key.created_at <= now);
    begun.or(stored.first()).map_or(FIRST, |key| key.number)
}

fn open(stored: &[StoredKey], vault: &Vault) -> Result<Vec<SealKey>, KeysError> {
    let key = |key: &StoredKey| {
        let secret = vault.open_secret(&key.sealed)?.try_into().map_err(|_| KeysError::Length(key.number))?;
        Ok(SealKey { number: key.number, secret })
    };
    stored.iter().map(key).collect()
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
