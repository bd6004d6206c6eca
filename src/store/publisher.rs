//! Publishers.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::publisher::{Kind, Publisher};
use crate::kernel::{
    id::{BuyerId, PublisherId},
    time::Time,
};
use crate::{args, statements};

statements! {
    INSERT = "INSERT INTO publisher (id, name, email, kind, portal, generosity, buyer, created_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";
    BY_ID_FOR_UPDATE = "SELECT id, name, email, kind, portal, generosity, buyer FROM publisher WHERE id = $1",
        postgres "SELECT id, name, email, kind, portal, generosity, buyer FROM publisher WHERE id = $1 FOR NO KEY UPDATE";
    UPDATE = "UPDATE publisher SET name = $1, email = $2, kind = $3, portal = $4, generosity = $5, buyer = $6, changed_at = $7 WHERE id = $8";
    BY_IDS = "SELECT id, name, email, kind, portal, generosity, buyer FROM publisher WHERE id IN (SELECT value FROM json_each($1))",
        postgres "SELECT id, name, email, kind, portal, generosity, buyer FROM publisher WHERE id = ANY($1)";
    LIST = "SELECT id, name, email, kind, portal, generosity, buyer FROM publisher";
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    name: String,
    email: Option<String>,
    kind: String,
    portal: bool,
    generosity: String,
    buyer: Option<i64>,
}

impl TryFrom<Row> for Publisher {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = PublisherId::from_raw(row.id);
        Ok(Self {
            id,
            name: row.name,
            email: row.email,
            kind: Kind::from_word(&row.kind).ok_or_else(|| StoreError::corrupt("publisher", "kind", id))?,
            portal: row.portal,
            generosity: row.generosity.parse().map_err(|_| StoreError::corrupt("publisher", "generosity", id))?,
            buyer: row.buyer.map(BuyerId::from_raw),
        })
    }
}

fn publishers(rows: Vec<Row>) -> Result<Vec<Publisher>, StoreError> {
    rows.into_iter().map(Publisher::try_from).collect()
}

pub async fn insert(tx: &mut Tx, publisher: &Publisher, now: Time) -> Result<(), StoreError> {
    let Publisher { id, name, email, kind, portal, generosity, buyer } = publisher;
    let generosity = generosity.to_string();
    tx.run(INSERT, args![id.raw(), name, email, kind.word(), *portal, &generosity, buyer.map(BuyerId::raw), now.micros()]).await?;
    Ok(())
}

pub async fn by_id(tx: &mut Tx, id: PublisherId) -> Result<Option<Publisher>, StoreError> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

pub async fn by_ids(tx: &mut Tx, ids: &[PublisherId]) -> Result<Vec<Publisher>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    publishers(tx.all(BY_IDS, args![ids.iter().map(|id| id.raw()).collect::<Vec<_>>()]).await?)
}

pub async fn all(tx: &mut Tx) -> Result<Vec<Publisher>, StoreError> {
    publishers(tx.all(LIST, args![]).await?)
}

pub async fn changed_since(tx: &mut Tx, since: Time) -> Result<Vec<Publisher>, StoreError> {
    publishers(Filter::new(LIST).and("changed_at >=", Some(since.micros())).all(tx).await?)
}

/// To change it: nobody else does until the transaction ends. On SQLite the write turn does it.
pub async fn for_update(tx: &mut Tx, id: PublisherId) -> Result<Option<Publisher>, StoreError> {
    tx.one::<Row>(BY_ID_FOR_UPDATE, args![id.raw()]).await?.map(Publisher::try_from).transpose()
}

pub async fn update(tx: &mut Tx, publisher: &Publisher, now: Time) -> Result<(), StoreError> {
    let Publisher { id, name, email, kind, portal, generosity, buyer } = publisher;
    let generosity = generosity.to_string();
    tx.run(UPDATE, args![name, email, kind.word(), *portal, &generosity, buyer.map(BuyerId::raw), now.micros(), id.raw()]).await?;
    Ok(())
}

/// Which publishers a list holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// This one alone.
    pub only: Option<PublisherId>,
    /// Compared without case.
    pub email: Option<&'a str>,
    pub kind: Option<Kind>,
}

/// Newest first, older than `after`.
pub async fn list(tx: &mut Tx, wanted: Wanted<'_>, after: Option<PublisherId>, limit: i64) -> Result<Vec<Publisher>, StoreError> {
    publishers(
        Filter::new(LIST)
            .and("id =", wanted.only.map(PublisherId::raw))
            .and_folded("email", wanted.email)
            .and("kind =", wanted.kind.map(Kind::word))
            .and("id <", after.map(PublisherId::raw))
            .order("ORDER BY id DESC", limit)
            .all(tx)
            .await?,
    )
}
