//! Terms: immutable numbered versions, their text as people see it, and a cache of what was parsed.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{
    program::Program,
    terms::{Terms, Version, parse},
};
use crate::kernel::{id::ProgramId, time::Time};
use crate::{args, statements};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

statements! {
    NEXT = "SELECT COALESCE(MAX(version), 0) + 1 AS version FROM terms WHERE program = $1";
    INSERT = "INSERT INTO terms (program, version, effective_at, created_at, body) VALUES ($1, $2, $3, $4, $5)";
    LIST = "SELECT program, version, effective_at, created_at, body FROM terms";
    HEADS = "SELECT program, version, effective_at FROM terms WHERE program IN (SELECT value FROM json_each($1)) ORDER BY program, version",
        postgres "SELECT program, version, effective_at FROM terms WHERE program = ANY($1) ORDER BY program, version";
}

/// A version with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub program: ProgramId,
    /// 1, 2, 3, …
    pub version: u32,
    pub effective_at: Time,
    pub created_at: Time,
    /// JSON as the user sees it, `"rules"` included.
    pub body: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    program: i64,
    version: i64,
    effective_at: i64,
    created_at: i64,
    body: String,
}

#[derive(sqlx::FromRow)]
struct Head {
    program: i64,
    version: i64,
    effective_at: i64,
}

#[derive(sqlx::FromRow)]
struct Next {
    version: i64,
}

/// Parsed versions of this process. They never change, so nothing is ever thrown away or read again.
#[derive(Debug, Default)]
pub struct TermsCache(RwLock<HashMap<(ProgramId, u32), Arc<Terms>>>);

impl TermsCache {
    pub fn get(&self, program: ProgramId, version: u32) -> Option<Arc<Terms>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&(program, version)).cloned()
    }

    fn put(&self, program: ProgramId, version: u32, terms: Terms) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert((program, version), Arc::new(terms));
    }
}

impl TryFrom<Row> for Stored {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        let program = ProgramId::from_raw(row.program);
        Ok(Self {
            program,
            version: number(program, row.version)?,
            effective_at: Time::from_micros(row.effective_at),
            created_at: Time::from_micros(row.created_at),
            body: row.body,
        })
    }
}

fn number(program: ProgramId, version: i64) -> Result<u32, StoreError> {
    u32::try_from(version).map_err(|_| StoreError::corrupt("terms", "version", program))
}

/// Stores the next version and gives its number. Take the program's lock first, so that no two become the same.
pub async fn insert(tx: &mut Tx, program: ProgramId, effective_at: Time, body: &str, now: Time) -> Result<u32, StoreError> {
    let next: Option<Next> = tx.one(NEXT, args![program.raw()]).await?;
    let version = next.map_or(1, |row| row.version);
    tx.run(INSERT, args![program.raw(), version, effective_at.micros(), now.micros(), body]).await?;
    number(program, version)
}

/// Every version of a program with its text, oldest first.
pub async fn list(tx: &mut Tx, program: ProgramId) -> Result<Vec<Stored>, StoreError> {
    let rows: Vec<Row> = Filter::new(LIST).and("program =", Some(program.raw())).tail("ORDER BY version").all(tx).await?;
    rows.into_iter().map(Stored::try_from).collect()
}

pub async fn get(tx: &mut Tx, program: ProgramId, version: u32) -> Result<Option<Stored>, StoreError> {
    let filter = Filter::new(LIST).and("program =", Some(program.raw())).and("version =", Some(i64::from(version)));
    filter.one::<Row>(tx).await?.map(Stored::try_from).transpose()
}

/// Every version of the programs, parsed. Texts are read only of those that the cache does not have.
pub async fn versions(tx: &mut Tx, cache: &TermsCache, programs: &[Program]) -> Result<HashMap<ProgramId, Vec<Version>>, StoreError> {
    let mut versions: HashMap<ProgramId, Vec<Version>> = HashMap::new();
    if programs.is_empty() {
        return Ok(versions);
    }
    let heads: Vec<Head> = tx.all(HEADS, args![programs.iter().map(|program| program.id.raw()).collect::<Vec<_>>()]).await?;
    let heads = heads
        .into_iter()
        .map(|head| {
            let program = ProgramId::from_raw(head.program);
            Ok((program, number(program, head.version)?, Time::from_micros(head.effective_at)))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    let mut missing: Vec<i64> = heads.iter().filter(|(p, v, _)| cache.get(*p, *v).is_none()).map(|(p, _, _)| p.raw()).collect();
    missing.dedup();
    if !missing.is_empty() {
        let rows: Vec<Row> = Filter::new(LIST).any_of("program", Some(missing)).all(tx).await?;
        for row in rows {
            let stored = Stored::try_from(row)?;
            let Some(program) = programs.iter().find(|program| program.id == stored.program) else { continue };
            if cache.get(stored.program, stored.version).is_none() {
                cache.put(stored.program, stored.version, parsed(&stored, program)?);
            }
        }
    }
    for (program, number, effective_at) in heads {
        let terms = cache.get(program, number).ok_or_else(|| corrupt(program, number))?;
        versions.entry(program).or_default().push(Version { number, effective_at, terms });
    }
    Ok(versions)
}

fn parsed(stored: &Stored, program: &Program) -> Result<Terms, StoreError> {
    parse::parse(&stored.body, program.currency, program.upstream).map_err(|_| corrupt(stored.program, stored.version))
}

fn corrupt(program: ProgramId, version: u32) -> StoreError {
    StoreError::corrupt("terms", "body", format_args!("{program}/{version}"))
}
