//! What can go wrong in the store, and what a caller may do about it.
use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

/// A store error. A domain refusal is never one: those are values.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The driver or the database failed.
    #[error("database: {0}")]
    Driver(#[source] DriverError),
    /// A unique, foreign, NOT NULL or CHECK constraint refused the row. The transaction cannot be used further.
    #[error("conflict: {0}")]
    Conflict(#[source] DriverError),
    /// Another process held the write lock for longer than the time-out.
    #[error("database is busy: {0}")]
    Busy(#[source] DriverError),
    /// A stored value is not one that we write.
    #[error("corrupt row: {table}.{column} of row {row}")]
    Corrupt { table: &'static str, column: &'static str, row: String },
    /// A statement was given another number of arguments than it takes.
    #[error("{statement} takes {expected} arguments, {given} given")]
    Arguments { statement: &'static str, expected: usize, given: usize },
    /// The columns of a bulk insert have different lengths.
    #[error("ragged columns for {table}")]
    Ragged { table: &'static str },
    /// A text holds U+0000, which PostgreSQL cannot store.
    #[error("U+0000 in a text for {statement}")]
    Nul { statement: &'static str },
    /// A statement of this transaction failed before, or was given up before it ended: nothing of the transaction may be committed.
    #[error("the transaction has failed already")]
    Aborted,
    /// A migration could not be run, or the database was made by a newer version.
    #[error("migration: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The first invoice has fixed another time zone.
    #[error(
        "the time zone of this installation is {fixed}, as its first invoice fixed it, and not {given}: give it --timezone {fixed} (RISTOURNE_TIMEZONE)"
    )]
    OtherZone { fixed: String, given: String },
    /// The database URL is not one we know.
    #[error("database URL: {0}")]
    Url(&'static str),
}

impl StoreError {
    /// For a row that does not become a domain type.
    pub fn corrupt(table: &'static str, column: &'static str, row: impl std::fmt::Display) -> Self {
        Self::Corrupt { table, column, row: row.to_string() }
    }

    /// True when the database could not be reached or could not write at all: no statement is at fault, and trying one command at a
    /// time cannot help.
    pub fn is_connection(&self) -> bool {
        match self {
            Self::Driver(DriverError::Rusqlite(error)) => error.sqlite_error().is_some_and(|error| cannot_write(error.extended_code)),
            Self::Driver(DriverError::Sqlx(sqlx::Error::Database(error))) => match Code::of(&**error) {
                Code::Sqlite(code) => cannot_write(code),
                // Connection exceptions, no space or connections left, shutting down or starting up; a replica that does not write, a
                // database or login that is not there (any more).
                Code::Postgres(code) => ["08", "53", "57P", "25006", "28", "3D000"].iter().any(|class| code.starts_with(class)),
                Code::None => false,
            },
            Self::Driver(DriverError::Sqlx(error)) => matches!(
                error,
                sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed
            ),
            _ => false,
        }
    }

    /// PostgreSQL's code for what went wrong, where that is what went wrong.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Driver(DriverError::Sqlx(sqlx::Error::Database(error)))
            | Self::Conflict(DriverError::Sqlx(sqlx::Error::Database(error)))
            | Self::Busy(DriverError::Sqlx(sqlx::Error::Database(error))) => match Code::of(&**error) {
                Code::Postgres(code) => Some(code),
                Code::Sqlite(_) | Code::None => None,
            },
            _ => None,
        }
    }

    /// True when the same transaction, run again from its start, may well succeed: a deadlock, a serialisation failure, a busy database.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Busy(_) => true,
            Self::Driver(DriverError::Sqlx(sqlx::Error::Database(error))) => {
                matches!(Code::of(&**error), Code::Postgres("40001" | "40P01"))
            }
            _ => false,
        }
    }
}

/// What one of the drivers said.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    #[error("{}", words(.0))]
    Sqlx(sqlx::Error),
    /// Of `direct`, which stores clicks.
    #[error(transparent)]
    Rusqlite(rusqlite::Error),
}

/// What the database says, with its code; not where in the database's own source it says so.
fn words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => match database.code() {
            Some(code) => format!("{} ({code})", database.message()),
            None => database.message().to_owned(),
        },
        sqlx::Error::Io(error) => error.to_string(),
        error => error.to_string(),
    }
}

/// Of SQLite's codes: reading or writing the file failed, it is read-only, damaged, the disk is full, it cannot be opened, it is no
/// database. Extended codes keep the primary code in their low byte.
fn cannot_write(code: i32) -> bool {
    matches!(code & 0xff, 8 | 10 | 11 | 13 | 14 | 26)
}

/// The database's own code: SQLite's primary result code, PostgreSQL's SQLSTATE.
enum Code<'a> {
    Sqlite(i32),
    Postgres(&'a str),
    None,
}

impl<'a> Code<'a> {
    fn of(error: &'a (dyn DatabaseError + 'static)) -> Self {
        if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
            return Self::Postgres(error.code());
        }
        let sqlite = error.try_downcast_ref::<SqliteError>().and_then(DatabaseError::code);
        match sqlite.map(|code| code.parse::<i32>()) {
            Some(Ok(code)) => Self::Sqlite(code & 0xff),
            _ => Self::None,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(database) = &error else { return Self::Driver(DriverError::Sqlx(error)) };
        let variant = match (database.kind(), Code::of(&**database)) {
            (ErrorKind::Other, Code::Sqlite(5 | 6) | Code::Postgres("55P03")) => Self::Busy,
            // SQLITE_CONSTRAINT: kinds that sqlx does not map, a row id for one.
            (ErrorKind::Other, Code::Sqlite(19)) => Self::Conflict,
            (ErrorKind::Other, _) => Self::Driver,
            _ => Self::Conflict,
        };
        variant(DriverError::Sqlx(error))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let variant = match error.sqlite_error().map(|error| error.extended_code & 0xff) {
            Some(5 | 6) => Self::Busy,
            Some(19) => Self::Conflict,
            _ => Self::Driver,
        };
        variant(DriverError::Rusqlite(error))
    }
}
