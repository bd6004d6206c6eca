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
    LIST = "SELECT id, role, owner, name, created_at, revoked_at FROM api_key";
    OPERATORS = "SELECT id, role, owner, name FROM api_key WHERE role = 'operator' AND revoked_at IS NULL ORDER BY id",
        postgres "SELECT id, role, owner, name FROM api_key WHERE role = 'operator' AND revoked_at IS NULL ORDER BY id FOR NO KEY UPDATE";
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

/// A key with its dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    pub key: Key,
    pub created_at: Time,
    pub revoked_at: Option<Time>,
}

#[derive(sqlx::FromRow)]
struct IssuedRow {
    #[sqlx(flatten)]
    key: Row,
    created_at: i64,
    revoked_at: Option<i64>,
}

impl TryFrom<IssuedRow> for Issued {
    type Error = StoreError;
    fn try_from(row: IssuedRow) -> Result<Self, StoreError> {
        let (created_at, revoked_at) = (Time::from_micros(row.created_at), row.revoked_at.map(Time::from_micros));
        Ok(Self { key: row.key.try_into()?, created_at, revoked_at })
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

/// The operators' live keys. None of them is revoked by anybody else until the transaction ends; on SQLite the write turn does it.
pub async fn lock_operators(tx: &mut Tx) -> Result<Vec<Key>, StoreError> {
    tx.all::<Row>(OPERATORS, args![]).await?.into_iter().map(Key::try_from).collect()
}

/// Live or revoked.
pub async fn by_id(tx: &mut Tx, id: KeyId) -> Result<Option<Issued>, StoreError> {
    Filter::new(LIST).and("id =", Some(id.raw())).one::<IssuedRow>(tx).await?.map(Issued::try_from).transpose()
}

/// Which keys a list holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    pub role: Option<Role>,
    /// The number of their owner; ids of merchants, publishers and buyers have none in common.
    pub owner: Option<i64>,
}

/// Live keys, newest first, older than `after`.
pub async fn list(tx: &mut Tx, wanted: Wanted, after: Option<KeyId>, limit: i64) -> Result<Vec<Issued>, StoreError> {
    let filter = Filter::new(LIST)
        .and("role =", wanted.role.map(Role::word))
        .and("owner =", wanted.owner)
        .and("id <", after.map(KeyId::raw))
        .only(true, "revoked_at IS NULL");
    let rows: Vec<IssuedRow> = filter.order("ORDER BY id DESC", limit).all(tx).await?;
    rows.into_iter().map(Issued::try_from).collect()
}
