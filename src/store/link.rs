//! Links: a publisher's addresses under `/c/`.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::kernel::{
    id::{LinkId, ProgramId, PublisherId},
    time::Time,
};
use crate::{args, statements};

statements! {
    INSERT = "INSERT INTO link (id, slug, program, publisher, url, created_at, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $6)
        ON CONFLICT (slug) DO NOTHING";
    BY_ID_FOR_UPDATE = "SELECT id, slug, program, publisher, url, ended_at FROM link WHERE id = $1",
        postgres "SELECT id, slug, program, publisher, url, ended_at FROM link WHERE id = $1 FOR NO KEY UPDATE";
    UPDATE = "UPDATE link SET url = $1, ended_at = $2, changed_at = $3 WHERE id = $4";
    BY_IDS = "SELECT id, slug, program, publisher, url, ended_at FROM link WHERE id IN (SELECT value FROM json_each($1))",
        postgres "SELECT id, slug, program, publisher, url, ended_at FROM link WHERE id = ANY($1)";
    LIST = "SELECT id, slug, program, publisher, url, ended_at FROM link";
}

/// A link as stored. Slug, program and publisher never change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub id: LinkId,
    pub slug: String,
    pub program: ProgramId,
    pub publisher: PublisherId,
    /// A deep link; none leads to the program's landing page.
    pub url: Option<String>,
    pub ended_at: Option<Time>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    slug: String,
    program: i64,
    publisher: i64,
    url: Option<String>,
    ended_at: Option<i64>,
}

impl From<Row> for Link {
    fn from(row: Row) -> Self {
        Self {
            id: LinkId::from_raw(row.id),
            slug: row.slug,
            program: ProgramId::from_raw(row.program),
            publisher: PublisherId::from_raw(row.publisher),
            url: row.url,
            ended_at: row.ended_at.map(Time::from_micros),
        }
    }
}

fn links(rows: Vec<Row>) -> Vec<Link> {
    rows.into_iter().map(Link::from).collect()
}

/// Which links a list holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    pub slug: Option<&'a str>,
    pub program: Option<ProgramId>,
    pub publisher: Option<PublisherId>,
}

/// False if the slug is taken.
pub async fn insert(tx: &mut Tx, link: &Link, now: Time) -> Result<bool, StoreError> {
    let args = args![link.id.raw(), &link.slug, link.program.raw(), link.publisher.raw(), &link.url, now.micros()];
    Ok(tx.run(INSERT, args).await? == 1)
}

pub async fn by_id(tx: &mut Tx, id: LinkId) -> Result<Option<Link>, StoreError> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// To change it: nobody else does until the transaction ends. On SQLite the write turn does it.
pub async fn for_update(tx: &mut Tx, id: LinkId) -> Result<Option<Link>, StoreError> {
    Ok(tx.one::<Row>(BY_ID_FOR_UPDATE, args![id.raw()]).await?.map(Link::from))
}

/// What may change of it: where it leads, and whether it has ended.
pub async fn update(tx: &mut Tx, link: &Link, now: Time) -> Result<(), StoreError> {
    tx.run(UPDATE, args![&link.url, link.ended_at.map(Time::micros), now.micros(), link.id.raw()]).await?;
    Ok(())
}

pub async fn by_ids(tx: &mut Tx, ids: &[LinkId]) -> Result<Vec<Link>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(links(tx.all(BY_IDS, args![ids.iter().map(|id| id.raw()).collect::<Vec<_>>()]).await?))
}

pub async fn by_slug(tx: &mut Tx, slug: &str) -> Result<Option<Link>, StoreError> {
    Ok(Filter::new(LIST).and("slug =", Some(slug)).one::<Row>(tx).await?.map(Link::from))
}

pub async fn all(tx: &mut Tx) -> Result<Vec<Link>, StoreError> {
    Ok(links(tx.all(LIST, args![]).await?))
}

pub async fn changed_since(tx: &mut Tx, since: Time) -> Result<Vec<Link>, StoreError> {
    Ok(links(Filter::new(LIST).and("changed_at >=", Some(since.micros())).all(tx).await?))
}

/// Newest first, older than `after`.
pub async fn list(tx: &mut Tx, wanted: Wanted<'_>, after: Option<LinkId>, limit: i64) -> Result<Vec<Link>, StoreError> {
    let filter = Filter::new(LIST)
        .and("slug =", wanted.slug)
        .and("program =", wanted.program.map(ProgramId::raw))
        .and("publisher =", wanted.publisher.map(PublisherId::raw))
        .and("id <", after.map(LinkId::raw));
    Ok(links(filter.order("ORDER BY id DESC", limit).all(tx).await?))
}
