//! The keys that seal click ids, sealed themselves.
use super::db::{Kind, Tx};
use super::error::StoreError;
use crate::kernel::time::Time;
use crate::{args, statements};
use std::fmt;

statements! {
    /// Runs on PostgreSQL only.
    LOCK = "SELECT 1", postgres "LOCK TABLE seal_key IN SHARE ROW EXCLUSIVE MODE";
    INSERT = "INSERT INTO seal_key (number, sealed, created_at) VALUES ($1, $2, $3)";
    ALL_KEYS = "SELECT number, sealed, created_at FROM seal_key ORDER BY created_at, number";
}

/// A key as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    pub number: u8,
    /// What `kernel::seal::Vault` made of it.
    pub sealed: Vec<u8>,
    /// From when it seals. A key that was made just now waits until every server knows it.
    pub created_at: Time,
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKey").field("number", &self.number).field("created_at", &self.created_at).finish_non_exhaustive()
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    sealed: Vec<u8>,
    created_at: i64,
}

/// Before looking whether a key must be made: of two processes that start at once, the second finds the first one's.
pub async fn lock(tx: &mut Tx) -> Result<(), StoreError> {
    if tx.kind() == Kind::Postgres {
        tx.run(LOCK, args![]).await?;
    }
    Ok(())
}

pub async fn insert(tx: &mut Tx, key: &StoredKey) -> Result<(), StoreError> {
    tx.run(INSERT, args![i64::from(key.number), &key.sealed, key.created_at.micros()]).await?;
    Ok(())
}

/// Every key, oldest first: the last seals, all open.
pub async fn all(tx: &mut Tx) -> Result<Vec<StoredKey>, StoreError> {
    let rows: Vec<Row> = tx.all(ALL_KEYS, args![]).await?;
    let key = |row: Row| {
        let number = u8::try_from(row.number).map_err(|_| StoreError::corrupt("seal_key", "number", row.number))?;
        Ok(StoredKey { number, sealed: row.sealed, created_at: Time::from_micros(row.created_at) })
    };
    rows.into_iter().map(key).collect()
}
