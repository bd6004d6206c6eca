//! API keys, by the SHA-256 of their secret.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::key::{Key, Role};
use crate::kernel::{id::KeyId, time::Time};
use crate::{args, statements};

statements! {
    INSERT = "INSERT INTO api_key (id, hash, role, owner, name, created_at) VALUES ($1, $2, $3, $4, $5, $6)";
    REVOKE = "UPDATE api_key SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";
    BY_HASH = "SELECT id, role, owner, name FROM api_key WHERE hash = $1 AND revoked_at IS NULL";
    LIST = "SELECT id, role, owner, name FROM api_key";
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    role: String,
    owner: Option<i64>,
    name: Option<String>,
}

impl TryFrom<Row> for Key {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = KeyId::from_raw(row.id);
        let role = Role::from_word(&row.role).ok_or_else(|| StoreError::corrupt("api_key", "role", id))?;
        Ok(Self { id, role, owner: row.owner, name: row.name })
    }
}

pub async fn insert(tx: &mut Tx, key: &Key, hash: &[u8; 32], now: Time) -> Result<(), StoreError> {
    tx.run(INSERT, args![key.id.raw(), hash, key.role.word(), key.owner, &key.name, now.micros()]).await?;
    Ok(())
}

/// False if there is no such live key.
pub async fn revoke(tx: &mut Tx, id: KeyId, now: Time) -> Result<bool, StoreError> {
    Ok(tx.run(REVOKE, args![now.micros(), id.raw()]).await? == 1)
}

/// A key that is not revoked.
pub async fn by_hash(tx: &mut Tx, hash: &[u8; 32]) -> Result<Option<Key>, StoreError> {
    tx.one::<Row>(BY_HASH, args![hash]).await?.map(Key::try_from).transpose()
}

/// Live keys, newest first, older than `after`.
pub async fn list(tx: &mut Tx, after: Option<KeyId>, limit: i64) -> Result<Vec<Key>, StoreError> {
    let filter = Filter::new(LIST).and("id <", after.map(KeyId::raw)).only(true, "revoked_at IS NULL");
    let rows: Vec<Row> = filter.order("ORDER BY id DESC", limit).all(tx).await?;
    rows.into_iter().map(Key::try_from).collect()
}
