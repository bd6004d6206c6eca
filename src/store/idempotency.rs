//! First answers to requests that carried an `Idempotency-Key`.
use super::bulk::{self, Column};
use super::db::{Kind, Tx};
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::idempotency::{Kept, Scope, Slot};
use crate::kernel::{id::KeyId, time::Time};
use crate::{args, statements};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

statements! {
    LIST = "SELECT scope, item, api_key, path, token, body_hash, status, answer, sealed FROM idempotency";
    BODIES = "SELECT DISTINCT body_hash FROM idempotency WHERE scope = $1 AND api_key = $2 AND path = $3 AND token = $4";
    /// Runs on PostgreSQL only. The subquery is sorted before the function is called, so locks are taken in ascending order.
    LOCK = "SELECT value FROM json_each($1)",
        postgres "SELECT pg_advisory_xact_lock(k.n) FROM (SELECT n FROM UNNEST(CAST($1 AS BIGINT[])) AS u(n) ORDER BY n) AS k";
    FORGET = "DELETE FROM idempotency WHERE (scope, item, api_key, path, token) IN
        (SELECT scope, item, api_key, path, token FROM idempotency WHERE kept_at < $1 ORDER BY kept_at LIMIT $2)";
}

#[derive(sqlx::FromRow)]
struct Row {
    scope: i64,
    item: i64,
    api_key: i64,
    path: String,
    token: String,
    body_hash: Vec<u8>,
    status: i64,
    answer: Vec<u8>,
    sealed: bool,
}

impl TryFrom<Row> for (Slot, Kept) {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = |column| StoreError::corrupt("idempotency", column, format_args!("{}/{}", row.scope, row.item));
        let body_hash = row.body_hash.as_slice().try_into().map_err(|_| corrupt("body_hash"))?;
        let status = u16::try_from(row.status).map_err(|_| corrupt("status"))?;
        let item = u32::try_from(row.item).map_err(|_| corrupt("item"))?;
        let scope = Arc::new(Scope { api_key: KeyId::from_raw(row.api_key), path: row.path, token: row.token });
        Ok((Slot { scope, item }, Kept { body_hash, status, answer: row.answer, sealed: row.sealed }))
    }
}

/// Waits until no other transaction works under one of these; held to the end of this one. On SQLite the write turn does it.
///
/// Take it before any other lock, and look in a later statement: a statement's snapshot is taken before it waits.
pub async fn lock(tx: &mut Tx, scopes: impl IntoIterator<Item = &Scope>) -> Result<(), StoreError> {
    // Programs lock their ids, which are never negative, and small negative numbers stand for single things: far below are these.
    let keys: Vec<i64> = scopes.into_iter().map(|scope| i64::MIN | scope.number()).collect();
    if tx.kind() == Kind::Postgres && !keys.is_empty() {
        tx.run(LOCK, args![keys]).await?;
    }
    Ok(())
}

/// The answers that are kept in these places.
pub async fn by_slots(tx: &mut Tx, slots: &BTreeSet<Slot>) -> Result<Vec<(Slot, Kept)>, StoreError> {
    if slots.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: BTreeMap<&Scope, i64> = slots.iter().map(|slot| (&*slot.scope, slot.scope.number())).collect();
    let items: BTreeSet<i64> = slots.iter().map(|slot| i64::from(slot.item)).collect();
    let scopes: Vec<i64> = numbers.into_values().collect();
    let items: Vec<i64> = items.into_iter().collect();
    let rows: Vec<Row> = Filter::new(LIST).any_of("scope", Some(scopes)).any_of("item", Some(items)).all(tx).await?;
    let kept = rows.into_iter().map(<(Slot, Kept)>::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(kept.into_iter().filter(|(slot, _)| slots.contains(slot)).collect())
}

/// The answer that is kept for a whole request.
pub async fn by_scope(tx: &mut Tx, scope: &Arc<Scope>) -> Result<Option<Kept>, StoreError> {
    let slot = Slot { scope: Arc::clone(scope), item: 0 };
    Ok(by_slots(tx, &BTreeSet::from([slot])).await?.pop().map(|(_, kept)| kept))
}

#[derive(sqlx::FromRow)]
struct BodyRow {
    body_hash: Vec<u8>,
}

/// Whether anything is kept here for another body, be it of a single item.
pub async fn has_other_body(tx: &mut Tx, scope: &Scope, body_hash: &[u8; 32]) -> Result<bool, StoreError> {
    let rows: Vec<BodyRow> = tx.all(BODIES, args![scope.number(), scope.api_key.raw(), &scope.path, &scope.token]).await?;
    Ok(rows.iter().any(|row| row.body_hash != body_hash))
}

/// An answer to store.
#[derive(Debug, Clone, Copy)]
pub struct Saved<'a> {
    pub slot: &'a Slot,
    pub kept: &'a Kept,
    pub at: Time,
}

/// Each must be new: whoever holds the lock has looked.
pub async fn insert(tx: &mut Tx, rows: &[Saved<'_>]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let columns = [
        ("scope", Column::int(rows, |row| row.slot.scope.number())),
        ("item", Column::int(rows, |row| i64::from(row.slot.item))),
        ("api_key", Column::int(rows, |row| row.slot.scope.api_key.raw())),
        ("path", Column::text(rows, |row| &row.slot.scope.path)),
        ("token", Column::text(rows, |row| &row.slot.scope.token)),
        ("body_hash", Column::blob(rows, |row| row.kept.body_hash.as_slice())),
        ("status", Column::int(rows, |row| i64::from(row.kept.status))),
        ("answer", Column::blob(rows, |row| &row.kept.answer)),
        ("sealed", Column::bool(rows, |row| row.kept.sealed)),
        ("kept_at", Column::int(rows, |row| row.at.micros())),
    ];
    bulk::insert(tx, "idempotency", &columns, "").await?;
    Ok(())
}

/// Removes at most `limit` answers kept before then, oldest first; gives how many it removed.
pub async fn forget(tx: &mut Tx, before: Time, limit: i64) -> Result<u64, StoreError> {
    tx.run(FORGET, args![before.micros(), limit]).await
}
