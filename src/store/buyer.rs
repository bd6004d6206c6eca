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

/// Newest first, older than `after`; all, or one alone.
pub async fn list(tx: &mut Tx, only: Option<BuyerId>, after: Option<BuyerId>, limit: i64) -> Result<Vec<Buyer>, StoreError> {
    let rows: Vec<Row> = Filter::new(LIST)
        .and("id =", only.map(BuyerId::raw))
        .and("id <", after.map(BuyerId::raw))
        .order("ORDER BY id DESC", limit)
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(Buyer::from).collect())
}
