//! Merchants.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::merchant::Merchant;
use crate::kernel::{id::MerchantId, time::Time};
use crate::{args, statements};

statements! {
    INSERT = "INSERT INTO merchant (id, name, email, created_at) VALUES ($1, $2, $3, $4)";
    BY_ID = "SELECT id, name, email FROM merchant WHERE id = $1";
    LIST = "SELECT id, name, email FROM merchant";
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    name: String,
    email: Option<String>,
}

impl From<Row> for Merchant {
    fn from(row: Row) -> Self {
        Self { id: MerchantId::from_raw(row.id), name: row.name, email: row.email }
    }
}

pub async fn insert(tx: &mut Tx, merchant: &Merchant, now: Time) -> Result<(), StoreError> {
    tx.run(INSERT, args![merchant.id.raw(), &merchant.name, &merchant.email, now.micros()]).await?;
    Ok(())
}

pub async fn by_id(tx: &mut Tx, id: MerchantId) -> Result<Option<Merchant>, StoreError> {
    Ok(tx.one::<Row>(BY_ID, args![id.raw()]).await?.map(Merchant::from))
}

/// Newest first, older than `after`; all, or one alone.
pub async fn list(tx: &mut Tx, only: Option<MerchantId>, after: Option<MerchantId>, limit: i64) -> Result<Vec<Merchant>, StoreError> {
    let rows: Vec<Row> = Filter::new(LIST)
        .and("id =", only.map(MerchantId::raw))
        .and("id <", after.map(MerchantId::raw))
        .order("ORDER BY id DESC", limit)
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(Merchant::from).collect())
}
