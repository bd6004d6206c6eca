//! Leases of node numbers: two live processes never share one. And the highest id stored, above which a process starts its own.
use super::db::{Kind, Tx};
use super::error::StoreError;
use crate::kernel::{id::NODES, time::Time};
use crate::{args, statements};
use std::collections::BTreeSet;

statements! {
    /// Runs on PostgreSQL only: one process at a time looks for a free number.
    LOCK = "SELECT 1", postgres "LOCK TABLE node IN SHARE ROW EXCLUSIVE MODE";
    LIVE = "SELECT number FROM node WHERE expires_at > $1";
    TAKE = "INSERT INTO node (number, holder, expires_at) VALUES ($1, $2, $3)
        ON CONFLICT (number) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at";
    RENEW = "UPDATE node SET expires_at = $1 WHERE number = $2 AND holder = $3";
    RECLAIM = "UPDATE node SET expires_at = $1 WHERE holder = $2 RETURNING number";
    RELEASE = "DELETE FROM node WHERE number = $1 AND holder = $2";
    HIGHEST_ID = "SELECT MAX(id) AS id FROM (
        SELECT MAX(id) AS id FROM click UNION ALL SELECT MAX(id) FROM inbox UNION ALL SELECT MAX(id) FROM journal_entry
        UNION ALL SELECT MAX(id) FROM orders UNION ALL SELECT MAX(id) FROM link UNION ALL SELECT MAX(id) FROM program
        UNION ALL SELECT MAX(id) FROM publisher UNION ALL SELECT MAX(id) FROM merchant UNION ALL SELECT MAX(id) FROM buyer
        UNION ALL SELECT MAX(id) FROM coupon UNION ALL SELECT MAX(id) FROM secret UNION ALL SELECT MAX(id) FROM api_key) AS highest";
}

#[derive(sqlx::FromRow)]
struct Number {
    number: i64,
}

#[derive(sqlx::FromRow)]
struct Highest {
    id: Option<i64>,
}

/// Takes the lowest number that is free or whose lease has run out; none if all are taken. `holder` is the process's own token.
pub async fn acquire(tx: &mut Tx, holder: &str, now: Time, expires_at: Time) -> Result<Option<u16>, StoreError> {
    if tx.kind() == Kind::Postgres {
        tx.run(LOCK, args![]).await?;
    }
    let live: BTreeSet<i64> = tx.all::<Number>(LIVE, args![now.micros()]).await?.into_iter().map(|row| row.number).collect();
    let Some(number) = (0..NODES).find(|number| !live.contains(&i64::from(*number))) else { return Ok(None) };
    tx.run(TAKE, args![i64::from(number), holder, expires_at.micros()]).await?;
    Ok(Some(number))
}

/// The numbers that somebody has.
pub async fn live(tx: &mut Tx, now: Time) -> Result<Vec<i64>, StoreError> {
    Ok(tx.all::<Number>(LIVE, args![now.micros()]).await?.into_iter().map(|row| row.number).collect())
}

/// False if the lease is no longer the holder's.
pub async fn renew(tx: &mut Tx, number: u16, holder: &str, expires_at: Time) -> Result<bool, StoreError> {
    Ok(tx.run(RENEW, args![expires_at.micros(), i64::from(number), holder]).await? == 1)
}

/// The number that this holder had, if nobody took it since: for a process that starts again after a crash.
pub async fn reclaim(tx: &mut Tx, holder: &str, expires_at: Time) -> Result<Option<u16>, StoreError> {
    let row: Option<Number> = tx.one(RECLAIM, args![expires_at.micros(), holder]).await?;
    row.map(|row| u16::try_from(row.number).map_err(|_| StoreError::corrupt("node", "number", row.number))).transpose()
}

pub async fn release(tx: &mut Tx, number: u16, holder: &str) -> Result<(), StoreError> {
    tx.run(RELEASE, args![i64::from(number), holder]).await?;
    Ok(())
}

/// The highest id of any table and node, 0 if there is none.
pub async fn highest_id(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(tx.one::<Highest>(HIGHEST_ID, args![]).await?.and_then(|row| row.id).unwrap_or(0))
}
