//! Imports over the API, and the lines that they rejected.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::import::{Counts, Holds, State};
use crate::kernel::{
    id::{ImportId, MerchantId},
    time::Time,
};
use crate::{args, statements};

statements! {
    INSERT = "INSERT INTO import (id, kind, state, header, lines_read, imported, duplicates, rejected, passed_over, kept, started_at, seen_at, merchant)
        VALUES ($1, $2, 'running', $3, 0, 0, 0, 0, 0, 0, $4, $4, $5)";
    NOTE = "UPDATE import SET state = $2, lines_read = $3, imported = $4, duplicates = $5, rejected = $6, passed_over = $7, kept = $8,
        seen_at = $9, finished_at = $10 WHERE id = $1";
    LIST = "SELECT id, kind, state, header, lines_read, imported, duplicates, rejected, passed_over, kept, started_at, seen_at, finished_at,
        merchant FROM import";
    REJECTED = "SELECT number, line, code, because, fields FROM import_reject WHERE import = $1 AND number > $2 ORDER BY number LIMIT $3";
}

/// An import as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub id: ImportId,
    pub holds: Holds,
    /// Whose it is; none if it is the operator's.
    pub merchant: Option<MerchantId>,
    /// As it was at `seen_at`.
    pub state: State,
    /// The names of the table's columns, as CSV.
    pub header: Vec<u8>,
    pub counts: Counts,
    /// Of the rejected, how many are kept.
    pub kept: i64,
    pub started_at: Time,
    pub seen_at: Time,
    pub finished_at: Option<Time>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    kind: String,
    state: String,
    header: Vec<u8>,
    lines_read: i64,
    imported: i64,
    duplicates: i64,
    rejected: i64,
    passed_over: i64,
    kept: i64,
    started_at: i64,
    seen_at: i64,
    finished_at: Option<i64>,
    merchant: Option<i64>,
}

impl TryFrom<Row> for Import {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = ImportId::from_raw(row.id);
        let corrupt = |column| StoreError::corrupt("import", column, id);
        Ok(Self {
            id,
            holds: Holds::from_word(&row.kind).ok_or_else(|| corrupt("kind"))?,
            merchant: row.merchant.map(MerchantId::from_raw),
            state: State::from_word(&row.state).ok_or_else(|| corrupt("state"))?,
            header: row.header,
            counts: Counts {
                read: row.lines_read,
                imported: row.imported,
                duplicates: row.duplicates,
                rejected: row.rejected,
                passed_over: row.passed_over,
            },
            kept: row.kept,
            started_at: Time::from_micros(row.started_at),
            seen_at: Time::from_micros(row.seen_at),
            finished_at: row.finished_at.map(Time::from_micros),
        })
    }
}

/// A line that was rejected.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Rejected {
    /// Among those kept of its import, from 1.
    pub number: i64,
    /// In the table that was sent.
    pub line: i64,
    pub code: String,
    pub because: String,
    /// As CSV.
    pub fields: Vec<u8>,
}

/// One that begins.
pub async fn insert(tx: &mut Tx, import: &Import) -> Result<(), StoreError> {
    let Import { id, holds, merchant, header, started_at, .. } = import;
    tx.run(INSERT, args![id.raw(), holds.word(), &**header, started_at.micros(), merchant.map(MerchantId::raw)]).await?;
    Ok(())
}

/// How far it is, or what it came to; of its header and beginning nothing changes.
pub async fn note(tx: &mut Tx, import: &Import) -> Result<(), StoreError> {
    let Import { counts, .. } = import;
    let ended = import.finished_at.map(Time::micros);
    let args = args![
        import.id.raw(),
        import.state.word(),
        counts.read,
        counts.imported,
        counts.duplicates,
        counts.rejected,
        counts.passed_over,
        import.kept,
        import.seen_at.micros(),
        ended,
    ];
    tx.run(NOTE, args).await?;
    Ok(())
}

/// Newest first, older than `after`; of a merchant, or all.
pub async fn list(tx: &mut Tx, merchant: Option<MerchantId>, after: Option<ImportId>, limit: i64) -> Result<Vec<Import>, StoreError> {
    let filter = Filter::new(LIST).and("merchant =", merchant.map(MerchantId::raw)).and("id <", after.map(ImportId::raw));
    let rows: Vec<Row> = filter.order("ORDER BY id DESC", limit).all(tx).await?;
    rows.into_iter().map(Import::try_from).collect()
}

pub async fn by_id(tx: &mut Tx, id: ImportId) -> Result<Option<Import>, StoreError> {
    Filter::new(LIST).and("id =", Some(id.raw())).one::<Row>(tx).await?.map(Import::try_from).transpose()
}

pub async fn insert_rejected(tx: &mut Tx, import: ImportId, rows: &[Rejected]) -> Result<(), StoreError> {
    let columns = [
        ("import", Column::int(rows, |_| import.raw())),
        ("number", Column::int(rows, |row| row.number)),
        ("line", Column::int(rows, |row| row.line)),
        ("code", Column::text(rows, |row| &row.code)),
        ("because", Column::text(rows, |row| &row.because)),
        ("fields", Column::blob(rows, |row| &row.fields)),
    ];
    bulk::insert(tx, "import_reject", &columns, "").await?;
    Ok(())
}

/// Those behind `after`, in the sequence in which they were rejected.
pub async fn rejected(tx: &mut Tx, import: ImportId, after: i64, limit: i64) -> Result<Vec<Rejected>, StoreError> {
    tx.all(REJECTED, args![import.raw(), after, limit]).await
}
