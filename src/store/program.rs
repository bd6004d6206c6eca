//! Programs, and the lock that puts everything that posts to one in a row.
use super::db::{Kind, Tx};
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::program::Program;
use crate::kernel::{
    id::{MerchantId, ProgramId},
    time::Time,
};
use crate::{args, statements};

statements! {
    /// Runs on PostgreSQL only. The subquery is sorted before the function is called, so locks are taken in ascending order.
    LOCK = "SELECT value FROM json_each($1)",
        postgres "SELECT pg_advisory_xact_lock(k.id) FROM (SELECT id FROM UNNEST(CAST($1 AS BIGINT[])) AS u(id) ORDER BY id) AS k";
    INSERT = "INSERT INTO program (id, merchant, name, currency, landing_url, domains, click_param, pixel, upstream, created_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)";
    UPDATE = "UPDATE program SET name = $1, landing_url = $2, domains = $3, click_param = $4, pixel = $5, changed_at = $6 WHERE id = $7";
    BY_ID_FOR_UPDATE = "SELECT id, merchant, name, currency, landing_url, domains, click_param, pixel, upstream, ended_at
        FROM program WHERE id = $1",
        postgres "SELECT id, merchant, name, currency, landing_url, domains, click_param, pixel, upstream, ended_at
        FROM program WHERE id = $1 FOR NO KEY UPDATE";
    END = "UPDATE program SET ended_at = $1, changed_at = $1 WHERE id = $2 AND ended_at IS NULL";
    BY_IDS = "SELECT id, merchant, name, currency, landing_url, domains, click_param, pixel, upstream, ended_at
        FROM program WHERE id IN (SELECT value FROM json_each($1))",
        postgres "SELECT id, merchant, name, currency, landing_url, domains, click_param, pixel, upstream, ended_at
        FROM program WHERE id = ANY($1)";
    LIST = "SELECT id, merchant, name, currency, landing_url, domains, click_param, pixel, upstream, ended_at FROM program";
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    merchant: i64,
    name: String,
    currency: String,
    landing_url: String,
    domains: String,
    click_param: String,
    pixel: bool,
    upstream: bool,
    ended_at: Option<i64>,
}

impl TryFrom<Row> for Program {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = ProgramId::from_raw(row.id);
        Ok(Self {
            id,
            merchant: MerchantId::from_raw(row.merchant),
            name: row.name,
            currency: row.currency.parse().map_err(|_| StoreError::corrupt("program", "currency", id))?,
            landing_url: row.landing_url,
            domains: serde_json::from_str(&row.domains).map_err(|_| StoreError::corrupt("program", "domains", id))?,
            click_param: row.click_param,
            pixel: row.pixel,
            upstream: row.upstream,
            ended_at: row.ended_at.map(Time::from_micros),
        })
    }
}

fn programs(rows: Vec<Row>) -> Result<Vec<Program>, StoreError> {
    rows.into_iter().map(Program::try_from).collect()
}

/// Waits until no other transaction holds one of these programs; held to the end of this one. On SQLite the write turn does it.
///
/// Load in a later statement: a statement's snapshot is taken before it waits.
pub async fn lock(tx: &mut Tx, programs: &[ProgramId]) -> Result<(), StoreError> {
    lock_numbers(tx, programs.iter().map(|id| id.raw()).collect()).await
}

/// As `lock`, for whatever has an id: numbers of different kinds are never the same. After the programs', in one call.
pub async fn lock_numbers(tx: &mut Tx, numbers: Vec<i64>) -> Result<(), StoreError> {
    if tx.kind() == Kind::Postgres && !numbers.is_empty() {
        tx.run(LOCK, args![numbers]).await?;
    }
    Ok(())
}

pub async fn insert(tx: &mut Tx, program: &Program, now: Time) -> Result<(), StoreError> {
    let domains = serde_json::json!(program.domains).to_string();
    let args = args![
        program.id.raw(),
        program.merchant.raw(),
        &program.name,
        program.currency.code(),
        &program.landing_url,
        &domains,
        &program.click_param,
        program.pixel,
        program.upstream,
        now.micros(),
    ];
    tx.run(INSERT, args).await?;
    Ok(())
}

/// To change it: nobody else does until the transaction ends. On SQLite the write turn does it.
pub async fn for_update(tx: &mut Tx, id: ProgramId) -> Result<Option<Program>, StoreError> {
    tx.one::<Row>(BY_ID_FOR_UPDATE, args![id.raw()]).await?.map(Program::try_from).transpose()
}

/// What may change of it: all but its merchant, its currency and whether a network pays for it.
pub async fn update(tx: &mut Tx, program: &Program, now: Time) -> Result<(), StoreError> {
    let Program { id, name, landing_url, click_param, pixel, .. } = program;
    let domains = serde_json::json!(program.domains).to_string();
    tx.run(UPDATE, args![name, landing_url, &domains, click_param, *pixel, now.micros(), id.raw()]).await?;
    Ok(())
}

/// False if it had ended before, or does not exist.
pub async fn end(tx: &mut Tx, id: ProgramId, now: Time) -> Result<bool, StoreError> {
    Ok(tx.run(END, args![now.micros(), id.raw()]).await? == 1)
}

pub async fn by_id(tx: &mut Tx, id: ProgramId) -> Result<Option<Program>, StoreError> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

pub async fn by_ids(tx: &mut Tx, ids: &[ProgramId]) -> Result<Vec<Program>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    programs(tx.all(BY_IDS, args![ids.iter().map(|id| id.raw()).collect::<Vec<_>>()]).await?)
}

pub async fn all(tx: &mut Tx) -> Result<Vec<Program>, StoreError> {
    programs(tx.all(LIST, args![]).await?)
}

/// Those made, changed or ended since then.
pub async fn changed_since(tx: &mut Tx, since: Time) -> Result<Vec<Program>, StoreError> {
    programs(Filter::new(LIST).and("changed_at >=", Some(since.micros())).all(tx).await?)
}

/// Newest first, older than `after`; all, or a merchant's.
pub async fn list(tx: &mut Tx, merchant: Option<MerchantId>, after: Option<ProgramId>, limit: i64) -> Result<Vec<Program>, StoreError> {
    let filter = Filter::new(LIST).and("merchant =", merchant.map(MerchantId::raw)).and("id <", after.map(ProgramId::raw));
    programs(filter.order("ORDER BY id DESC", limit).all(tx).await?)
}
