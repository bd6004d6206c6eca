//! Buyers.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::buyer::Buyer;
use crate::kernel::{id::BuyerId, time::Time};
use crate::{args, statements};

statements! {
    INSERT = "INSERT INTO buyer (id, email, external_id, referred_by, created_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT DO NOTHING";
    BY_ID_FOR_UPDATE = "SELECT id, email, external_id, referred_by FROM buyer WHERE id = $1",
        postgres "SELECT id, email, external_id, referred_by FROM buyer WHERE id = $1 FOR NO KEY UPDATE";
    UPDATE = "UPDATE buyer SET email = $1, external_id = $2 WHERE id = $3 AND NOT EXISTS
        (SELECT 1 FROM buyer AS other WHERE other.id <> $3 AND (lower(other.email) = lower($1) OR other.external_id = $2))";
    BY_IDS = "SELECT id, email, external_id, referred_by FROM buyer WHERE id IN (SELECT value FROM json_each($1))",
        postgres "SELECT id, email, external_id, referred_by FROM buyer WHERE id = ANY($1)";
    LIST = "SELECT id, email, external_id, referred_by FROM buyer";
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    email: Option<String>,
    external_id: Option<String>,
    referred_by: Option<i64>,
}

impl From<Row> for Buyer {
    fn from(row: Row) -> Self {
        let Row { id, email, external_id, referred_by } = row;
        Self { id: BuyerId::from_raw(id), email, external_id, referred_by: referred_by.map(BuyerId::from_raw) }
    }
}

/// False if another buyer has the e-mail address (compared without case) or the external id.
pub async fn insert(tx: &mut Tx, buyer: &Buyer, now: Time) -> Result<bool, StoreError> {
    let Buyer { id, email, external_id, referred_by } = buyer;
    Ok(tx.run(INSERT, args![id.raw(), email, external_id, referred_by.map(BuyerId::raw), now.micros()]).await? == 1)
}

pub async fn by_id(tx: &mut Tx, id: BuyerId) -> Result<Option<Buyer>, StoreError> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

pub async fn by_ids(tx: &mut Tx, ids: &[BuyerId]) -> Result<Vec<Buyer>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = tx.all(BY_IDS, args![ids.iter().map(|id| id.raw()).collect::<Vec<_>>()]).await?;
    Ok(rows.into_iter().map(Buyer::from).collect())
}

/// To change it: nobody else does until the transaction ends. On SQLite the write turn does it.
pub async fn for_update(tx: &mut Tx, id: BuyerId) -> Result<Option<Buyer>, StoreError> {
    Ok(tx.one::<Row>(BY_ID_FOR_UPDATE, args![id.raw()]).await?.map(Buyer::from))
}

/// False if another buyer has the e-mail address (compared without case) or the external id.
pub async fn update(tx: &mut Tx, buyer: &Buyer) -> Result<bool, StoreError> {
    match tx.run(UPDATE, args![&buyer.email, &buyer.external_id, buyer.id.raw()]).await {
        Ok(changed) => Ok(changed == 1),
        // Another node gave it to somebody else since this statement began to look.
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Which buyers a list holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// This one alone.
    pub only: Option<BuyerId>,
    /// Compared without case.
    pub email: Option<&'a str>,
    pub external_id: Option<&'a str>,
}

/// Newest first, older than `after`.
pub async fn list(tx: &mut Tx, wanted: Wanted<'_>, after: Option<BuyerId>, limit: i64) -> Result<Vec<Buyer>, StoreError> {
    let rows: Vec<Row> = Filter::new(LIST)
        .and("id =", wanted.only.map(BuyerId::raw))
        .and_folded("email", wanted.email)
        .and("external_id =", wanted.external_id)
        .and("id <", after.map(BuyerId::raw))
        .order("ORDER BY id DESC", limit)
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(Buyer::from).collect())
}
