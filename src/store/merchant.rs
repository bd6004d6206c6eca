//! Merchants.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::merchant::Merchant;
use crate::kernel::{id::MerchantId, time::Time};
use crate::{args, statements};

statements! {
    INSERT = "INSERT INTO merchant (id, name, email, created_at) VALUES ($1, $2, $3, $4)";
    BY_ID_FOR_UPDATE = "SELECT id, name, email FROM merchant WHERE id = $1",
        postgres "SELECT id, name, email FROM merchant WHERE id = $1 FOR NO KEY UPDATE";
    UPDATE = "UPDATE merchant SET name = $1, email = $2 WHERE id = $3";
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

/// Those of these that there are.
pub async fn by_ids(tx: &mut Tx, ids: &[MerchantId]) -> Result<Vec<Merchant>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.raw()).collect();
    Ok(Filter::new(LIST).any_of("id", Some(ids)).all::<Row>(tx).await?.into_iter().map(Merchant::from).collect())
}

/// To change it: nobody else does until the transaction ends. On SQLite the write turn does it.
pub async fn for_update(tx: &mut Tx, id: MerchantId) -> Result<Option<Merchant>, StoreError> {
    Ok(tx.one::<Row>(BY_ID_FOR_UPDATE, args![id.raw()]).await?.map(Merchant::from))
}

pub async fn update(tx: &mut Tx, merchant: &Merchant) -> Result<(), StoreError> {
    tx.run(UPDATE, args![&merchant.name, &merchant.email, merchant.id.raw()]).await?;
    Ok(())
}

/// Which merchants a list holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// This one alone.
    pub only: Option<MerchantId>,
    /// Compared without case.
    pub email: Option<&'a str>,
}

/// Newest first, older than `after`.
pub async fn list(tx: &mut Tx, wanted: Wanted<'_>, after: Option<MerchantId>, limit: i64) -> Result<Vec<Merchant>, StoreError> {
    let rows: Vec<Row> = Filter::new(LIST)
        .and("id =", wanted.only.map(MerchantId::raw))
        .and_folded("email", wanted.email)
        .and("id <", after.map(MerchantId::raw))
        .order("ORDER BY id DESC", limit)
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(Merchant::from).collect())
}
