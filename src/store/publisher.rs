//! Publishers.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::publisher::{Kind, Publisher};
use crate::kernel::{id::PublisherId, time::Time};
use crate::{args, statements};

statements! {
    INSERT = "INSERT INTO publisher (id, name, email, kind, portal, generosity, created_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";
    BY_IDS = "SELECT id, name, email, kind, portal, generosity FROM publisher WHERE id IN (SELECT value FROM json_each($1))",
        postgres "SELECT id, name, email, kind, portal, generosity FROM publisher WHERE id = ANY($1)";
    LIST = "SELECT id, name, email, kind, portal, generosity FROM publisher";
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    name: String,
    email: Option<String>,
    kind: String,
    portal: bool,
    generosity: String,
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
        })
    }
}

fn publishers(rows: Vec<Row>) -> Result<Vec<Publisher>, StoreError> {
    rows.into_iter().map(Publisher::try_from).collect()
}

pub async fn insert(tx: &mut Tx, publisher: &Publisher, now: Time) -> Result<(), StoreError> {
    let Publisher { id, name, email, kind, portal, generosity } = publisher;
    let generosity = generosity.to_string();
    tx.run(INSERT, args![id.raw(), name, email, kind.word(), *portal, &generosity, now.micros()]).await?;
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

/// Newest first, older than `after`; all, or one alone.
pub async fn list(tx: &mut Tx, only: Option<PublisherId>, after: Option<PublisherId>, limit: i64) -> Result<Vec<Publisher>, StoreError> {
    publishers(
        Filter::new(LIST)
            .and("id =", only.map(PublisherId::raw))
            .and("id <", after.map(PublisherId::raw))
            .order("ORDER BY id DESC", limit)
            .all(tx)
            .await?,
    )
}
