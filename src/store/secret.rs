//! Merchants' signing secrets, sealed.
use super::db::Tx;
use super::error::StoreError;
use crate::kernel::{
    id::{MerchantId, SecretId},
    time::Time,
};
use crate::{args, statements};
use std::fmt;

statements! {
    INSERT = "INSERT INTO secret (id, merchant, sealed, created_at, changed_at) VALUES ($1, $2, $3, $4, $4)";
    REVOKE = "UPDATE secret SET revoked_at = $1, changed_at = $1 WHERE id = $2 AND merchant = $3 AND revoked_at IS NULL";
    OF_MERCHANT = "SELECT id, merchant, sealed, created_at, revoked_at FROM secret WHERE id = $1 AND merchant = $2";
    LIVE = "SELECT id, merchant, sealed, created_at, revoked_at FROM secret WHERE revoked_at IS NULL ORDER BY id";
    LIVE_OF_MERCHANT =
        "SELECT id, merchant, sealed, created_at, revoked_at FROM secret WHERE merchant = $1 AND revoked_at IS NULL ORDER BY id";
    CHANGED = "SELECT id, merchant, sealed, created_at, revoked_at FROM secret WHERE changed_at >= $1 ORDER BY id";
}

/// A secret as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    pub id: SecretId,
    pub merchant: MerchantId,
    /// What `kernel::seal::Vault` made of it; without a master key that is the secret itself.
    pub sealed: Vec<u8>,
    pub created_at: Time,
    pub revoked_at: Option<Time>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, merchant, revoked_at, .. } = self;
        f.debug_struct("Secret").field("id", id).field("merchant", merchant).field("revoked_at", revoked_at).finish_non_exhaustive()
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    merchant: i64,
    sealed: Vec<u8>,
    created_at: i64,
    revoked_at: Option<i64>,
}

impl From<Row> for Secret {
    fn from(row: Row) -> Self {
        Self {
            id: SecretId::from_raw(row.id),
            merchant: MerchantId::from_raw(row.merchant),
            sealed: row.sealed,
            created_at: Time::from_micros(row.created_at),
            revoked_at: row.revoked_at.map(Time::from_micros),
        }
    }
}

pub async fn insert(tx: &mut Tx, id: SecretId, merchant: MerchantId, sealed: &[u8], now: Time) -> Result<(), StoreError> {
    tx.run(INSERT, args![id.raw(), merchant.raw(), sealed, now.micros()]).await?;
    Ok(())
}

/// False if the merchant has no such live secret.
pub async fn revoke(tx: &mut Tx, merchant: MerchantId, id: SecretId, now: Time) -> Result<bool, StoreError> {
    Ok(tx.run(REVOKE, args![now.micros(), id.raw(), merchant.raw()]).await? == 1)
}

/// One of the merchant's, revoked or not.
pub async fn of_merchant(tx: &mut Tx, merchant: MerchantId, id: SecretId) -> Result<Option<Secret>, StoreError> {
    Ok(tx.one::<Row>(OF_MERCHANT, args![id.raw(), merchant.raw()]).await?.map(Secret::from))
}

/// Every secret that is not revoked.
pub async fn live(tx: &mut Tx) -> Result<Vec<Secret>, StoreError> {
    Ok(tx.all::<Row>(LIVE, args![]).await?.into_iter().map(Secret::from).collect())
}

pub async fn live_of_merchant(tx: &mut Tx, merchant: MerchantId) -> Result<Vec<Secret>, StoreError> {
    Ok(tx.all::<Row>(LIVE_OF_MERCHANT, args![merchant.raw()]).await?.into_iter().map(Secret::from).collect())
}

/// Those made or revoked since then.
pub async fn changed_since(tx: &mut Tx, since: Time) -> Result<Vec<Secret>, StoreError> {
    Ok(tx.all::<Row>(CHANGED, args![since.micros()]).await?.into_iter().map(Secret::from).collect())
}
