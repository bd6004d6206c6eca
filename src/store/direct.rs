//! SQLite by a second driver, on the caller's own thread: for the clicks, of which there are so many that what counts is the time of a
//! row. sqlx gives each statement to a thread of its own and waits, about 130 µs a statement; here a row costs 2 to 3 µs.
//!
//! It takes the same turn as everybody else (see `turn`), knows bulk inserts and one look-up, and nothing of any table.
use super::bulk::{self, Column};
use super::db::{Db, Tx};
use super::error::StoreError;
use super::sql::Sql;
use super::turn::{BUSY_AGAIN, BUSY_MAX, Writer};
use rusqlite::{Connection, OpenFlags, types::ToSqlOutput, types::ValueRef};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;

/// More than the tables that clicks are written to.
const STATEMENTS_MAX: usize = 16;

/// A write connection of its own, opened when it is first used and after every error.
#[derive(Debug)]
pub struct Direct {
    writer: Arc<Writer>,
    file: PathBuf,
    connection: Option<Connection>,
}

/// A write transaction. Dropped, it closes the connection, which rolls back.
#[derive(Debug)]
pub struct DirectTx<'a> {
    direct: &'a mut Direct,
    /// None once it has failed or ended.
    connection: Option<Connection>,
    _turn: OwnedSemaphorePermit,
}

/// A transaction that inserts: the fast one where there is one, else any.
#[derive(Debug)]
pub enum InsertTx<'a> {
    Direct(DirectTx<'a>),
    Usual(Tx),
}

impl<'a> InsertTx<'a> {
    /// `direct` is what [`Db::direct`] gave.
    pub async fn begin(db: &Db, direct: Option<&'a mut Direct>) -> Result<Self, StoreError> {
        Ok(match direct {
            Some(direct) => Self::Direct(direct.begin().await?),
            None => Self::Usual(db.begin().await?),
        })
    }

    /// As [`bulk::insert`]: gives the number of rows changed.
    pub async fn insert(
        &mut self,
        table: &'static str,
        columns: &[(&'static str, Column<'_>)],
        tail: &'static str,
    ) -> Result<u64, StoreError> {
        match self {
            Self::Direct(tx) => tx.insert(table, columns, tail),
            Self::Usual(tx) => bulk::insert(tx, table, columns, tail).await,
        }
    }

    /// Commits; an error means that nothing may be taken as stored.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Direct(tx) => tx.commit(),
            Self::Usual(tx) => tx.commit().await,
        }
    }
}

impl Direct {
    pub(super) fn new(writer: &Arc<Writer>) -> Self {
        let file = writer.options().get_filename().to_path_buf();
        Self { writer: Arc::clone(writer), file, connection: None }
    }

    /// Waits for the turn and begins a write transaction.
    async fn begin(&mut self) -> Result<DirectTx<'_>, StoreError> {
        let asked = Instant::now();
        let turn = self.writer.turn().await;
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let busy_from = Instant::now();
        loop {
            match connection.execute_batch("BEGIN IMMEDIATE").map_err(StoreError::from) {
                Ok(()) => break,
                // Here, so that whoever waits for this can give up; SQLite itself would hold the thread.
                Err(StoreError::Busy(_)) if busy_from.elapsed() < BUSY_MAX => tokio::time::sleep(BUSY_AGAIN).await,
                Err(error) => return Err(error),
            }
        }
        metrics::histogram!("ristourne_database_wait_seconds", "to" => "write").record(asked.elapsed());
        Ok(DirectTx { direct: self, connection: Some(connection), _turn: turn })
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let connection = Connection::open_with_flags(&self.file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(Duration::ZERO)?;
        // The file is in WAL mode since sqlx opened it; what is not kept in the file is said again.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // Clicks are appended: what is read again are the tables' last pages and the phrases.
        connection.pragma_update(None, "cache_size", -16_384)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        Ok(connection)
    }
}

impl DirectTx<'_> {
    /// `INSERT INTO table (columns) … tail`, a row at a time.
    fn insert(&mut self, table: &'static str, columns: &[(&'static str, Column<'_>)], tail: &'static str) -> Result<u64, StoreError> {
        let rows = Column::rows(table, columns)?;
        metrics::counter!("ristourne_database_statements_total", "statement" => table).increment(rows as u64);
        self.attempt(|connection| {
            let mut changed = 0;
            if rows > 0 {
                let names = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                let places = vec!["?"; columns.len()].join(",");
                // Names and tail are literals of store/: nothing that came from outside becomes SQL.
                let mut statement = connection.prepare_cached(&format!("INSERT INTO {table} ({names}) VALUES ({places}) {tail}"))?;
                for row in 0..rows {
                    for (at, (_, column)) in columns.iter().enumerate() {
                        statement.raw_bind_parameter(at + 1, ToSqlOutput::Borrowed(column.value(row)))?;
                    }
                    changed += statement.raw_execute()? as u64;
                }
            }
            Ok(changed)
        })
    }

    /// Those of the keys for which a statement finds a row; it takes one and gives one.
    pub fn known(&mut self, sql: Sql, keys: impl Iterator<Item = i64>) -> Result<Vec<i64>, StoreError> {
        self.attempt(|connection| {
            let mut statement = connection.prepare_cached(sql.sqlite)?;
            let mut found = Vec::new();
            for key in keys {
                let mut rows = statement.query([key])?;
                if let Some(row) = rows.next()? {
                    found.push(row.get(0)?);
                }
            }
            Ok(found)
        })
    }

    fn commit(mut self) -> Result<(), StoreError> {
        self.attempt(|connection| connection.execute_batch("COMMIT"))?;
        self.direct.connection = self.connection.take();
        Ok(())
    }

    /// After an error the connection is closed, and with it the transaction: SQLite may have rolled back already (a full disk).
    fn attempt<T>(&mut self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let connection = self.connection.take().ok_or(StoreError::Aborted)?;
        let done = work(&connection)?;
        self.connection = Some(connection);
        Ok(done)
    }
}

impl Column<'_> {
    fn value(&self, row: usize) -> ValueRef<'_> {
        fn text(value: Option<&str>) -> ValueRef<'_> {
            value.map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes()))
        }
        match self {
            Self::Int(values) => ValueRef::Integer(values[row]),
            Self::IntOrNull(values) => values[row].map_or(ValueRef::Null, ValueRef::Integer),
            Self::Text(values) => text(Some(values[row])),
            Self::TextOrNull(values) => text(values[row]),
            Self::String(values) => text(Some(&values[row])),
            Self::StringOrNull(values) => text(values[row].as_deref()),
            Self::Bool(values) => ValueRef::Integer(values[row].into()),
            Self::Blob(values) => ValueRef::Blob(values[row]),
            Self::BlobOrNull(values) => values[row].map_or(ValueRef::Null, ValueRef::Blob),
        }
    }
}
