//! Payout runs, and whom they left out.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{
    entry::Link,
    order::Actor,
    payee::Payee,
    payout::{Batch, LeftOut},
    wallet::{Against, Why},
};
use crate::kernel::{id::BatchId, money::Money, time::Time};
use crate::{args, statements};
use serde::{Deserialize, Serialize};

statements! {
    LIST = "SELECT id, currency, until, actor, prepared_at, exported_at, cancelled_at, heads FROM payout_batch";
    YEAR = "SELECT payee, payee_kind, currency, MAX(holder) AS holder, COUNT(*) AS payments, CAST(SUM(amount - fee) AS BIGINT) AS paid, CAST(SUM(fee) AS BIGINT) AS fees
        FROM payment WHERE status = $1 AND settled_at >= $2 AND settled_at < $3
        GROUP BY payee_kind, payee, currency ORDER BY payee_kind DESC, payee, currency";
    LEFT_OUT = "SELECT payee, payee_kind, why, balance, missing, until FROM payout_left_out";
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    currency: String,
    until: Option<i64>,
    actor: String,
    prepared_at: i64,
    exported_at: Option<i64>,
    cancelled_at: Option<i64>,
    heads: String,
}

/// The head of a node's chain; the hash in hexadecimal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadJson {
    node: u16,
    seq: i64,
    hash: String,
}

fn hex(hash: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    hash.iter().fold(String::new(), |mut text, byte| {
        // A String takes whatever is written.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (n, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).ok()?;
    }
    Some(hash)
}

impl Row {
    fn read(self) -> Result<Batch, StoreError> {
        let id = BatchId::from_raw(self.id);
        let corrupt = |column| StoreError::corrupt("payout_batch", column, id);
        let heads: Vec<HeadJson> = serde_json::from_str(&self.heads).map_err(|_| corrupt("heads"))?;
        let head = |head: HeadJson| Some(Link { node: head.node, seq: head.seq, hash: unhex(&head.hash)? });
        Ok(Batch {
            id,
            currency: self.currency.parse().map_err(|_| corrupt("currency"))?,
            until: self.until.map(Time::from_micros),
            by: Actor::from_word(&self.actor).ok_or_else(|| corrupt("actor"))?,
            prepared_at: Time::from_micros(self.prepared_at),
            exported_at: self.exported_at.map(Time::from_micros),
            cancelled_at: self.cancelled_at.map(Time::from_micros),
            heads: heads.into_iter().map(head).collect::<Option<_>>().ok_or_else(|| corrupt("heads"))?,
        })
    }
}

/// Stores batches as they now are; only when they were exported and cancelled ever changes.
pub async fn save(tx: &mut Tx, batches: &[&Batch]) -> Result<(), StoreError> {
    let heads = |batch: &&Batch| {
        let head = |link: &Link| HeadJson { node: link.node, seq: link.seq, hash: hex(&link.hash) };
        let heads: Vec<HeadJson> = batch.heads.iter().map(head).collect();
        serde_json::to_string(&heads).map_err(|_| StoreError::corrupt("payout_batch", "heads", batch.id))
    };
    let heads: Vec<String> = batches.iter().map(heads).collect::<Result<_, _>>()?;
    let columns = [
        ("id", Column::int(batches, |b| b.id.raw())),
        ("currency", Column::text(batches, |b| b.currency.code())),
        ("until", Column::int_or_null(batches, |b| b.until.map(Time::micros))),
        ("actor", Column::text(batches, |b| b.by.word())),
        ("prepared_at", Column::int(batches, |b| b.prepared_at.micros())),
        ("exported_at", Column::int_or_null(batches, |b| b.exported_at.map(Time::micros))),
        ("cancelled_at", Column::int_or_null(batches, |b| b.cancelled_at.map(Time::micros))),
        ("heads", Column::String(heads)),
    ];
    let tail = "ON CONFLICT (id) DO UPDATE SET exported_at = excluded.exported_at, cancelled_at = excluded.cancelled_at";
    bulk::insert(tx, "payout_batch", &columns, tail).await?;
    Ok(())
}

pub async fn leave_out(tx: &mut Tx, left_out: &[(BatchId, &LeftOut)]) -> Result<(), StoreError> {
    let columns = [
        ("batch", Column::int(left_out, |(batch, _)| batch.raw())),
        ("payee", Column::int(left_out, |(_, left)| left.payee.raw())),
        ("payee_kind", Column::text(left_out, |(_, left)| left.payee.owner().kind())),
        ("why", Column::text(left_out, |(_, left)| left.against.why.code())),
        ("balance", Column::int(left_out, |(_, left)| left.balance)),
        ("missing", Column::int_or_null(left_out, |(_, left)| left.against.missing)),
        ("until", Column::int_or_null(left_out, |(_, left)| left.against.until.map(Time::micros))),
    ];
    bulk::insert(tx, "payout_left_out", &columns, "").await?;
    Ok(())
}

/// Whom a batch left out.
pub async fn left_out(tx: &mut Tx, batch: BatchId) -> Result<Vec<LeftOut>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Left {
        payee: i64,
        payee_kind: String,
        why: String,
        balance: i64,
        missing: Option<i64>,
        until: Option<i64>,
    }
    let filter = Filter::new(LEFT_OUT).and("batch =", Some(batch.raw()));
    let rows: Vec<Left> = filter.tail("ORDER BY payee_kind DESC, payee").all(tx).await?;
    let read = |row: Left| {
        let corrupt = |column| StoreError::corrupt("payout_left_out", column, batch);
        let why = Why::from_code(&row.why).ok_or_else(|| corrupt("why"))?;
        Ok(LeftOut {
            payee: Payee::from_stored(&row.payee_kind, row.payee).ok_or_else(|| corrupt("payee_kind"))?,
            balance: row.balance,
            against: Against { why, missing: row.missing, until: row.until.map(Time::from_micros) },
        })
    };
    rows.into_iter().map(read).collect()
}

pub async fn by_ids(tx: &mut Tx, ids: &[BatchId]) -> Result<Vec<Batch>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.raw()).collect();
    Filter::new(LIST).any_of("id", Some(ids)).all::<Row>(tx).await?.into_iter().map(Row::read).collect()
}

pub async fn by_id(tx: &mut Tx, id: BatchId) -> Result<Option<Batch>, StoreError> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// Newest first, older than `after`.
pub async fn list(tx: &mut Tx, after: Option<BatchId>, limit: i64) -> Result<Vec<Batch>, StoreError> {
    let filter = Filter::new(LIST).and("id <", after.map(BatchId::raw));
    filter.order("ORDER BY id DESC", limit).all::<Row>(tx).await?.into_iter().map(Row::read).collect()
}

/// What a payee got in a span of time, in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    pub payee: Payee,
    /// The name on the account.
    pub holder: String,
    /// Without fees.
    pub paid: Money,
    /// Minor units.
    pub fees: i64,
    pub payments: i64,
}

/// The totals of what was settled then and did not come back, by payee and currency.
pub async fn totals(tx: &mut Tx, since: Time, until: Time) -> Result<Vec<Total>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Sum {
        payee: i64,
        payee_kind: String,
        currency: String,
        holder: String,
        payments: i64,
        paid: i64,
        fees: i64,
    }
    let rows: Vec<Sum> = tx.all(YEAR, args![crate::domain::payment::Status::Settled.word(), since.micros(), until.micros()]).await?;
    let read = |row: Sum| {
        let corrupt = |column| StoreError::corrupt("payment", column, row.payee);
        Ok(Total {
            payee: Payee::from_stored(&row.payee_kind, row.payee).ok_or_else(|| corrupt("payee_kind"))?,
            paid: Money::new(row.paid, row.currency.parse().map_err(|_| corrupt("currency"))?),
            holder: row.holder,
            fees: row.fees,
            payments: row.payments,
        })
    };
    rows.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_round_trip() {
        let hash = std::array::from_fn(|n| u8::try_from(n * 7 % 256).unwrap_or_default());
        assert_eq!(unhex(&hex(&hash)), Some(hash));
        assert_eq!((unhex("00"), unhex(&"é".repeat(32))), (None, None));
    }
}
