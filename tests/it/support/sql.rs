//! SQL of the tests' own, past the store: to look at what is stored, and to damage it.
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _, SqliteConnection};

/// A connection to a database of either kind.
#[derive(Debug)]
pub enum Sql {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Sql {
    pub async fn open(url: &str) -> Self {
        if url.starts_with("sqlite") {
            Self::Sqlite(SqliteConnection::connect(url).await.expect("SQLite opens"))
        } else {
            Self::Postgres(PgConnection::connect(url).await.expect("PostgreSQL answers"))
        }
    }

    /// Runs one statement; gives the rows that it changed.
    pub async fn run(&mut self, text: &str) -> u64 {
        let done = match self {
            Self::Sqlite(connection) => connection.execute(AssertSqlSafe(text)).await.map(|done| done.rows_affected()),
            Self::Postgres(connection) => connection.execute(AssertSqlSafe(text)).await.map(|done| done.rows_affected()),
        };
        done.unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// The first column of every row: a number.
    pub async fn numbers(&mut self, text: &str) -> Vec<i64> {
        let rows = match self {
            Self::Sqlite(c) => c.fetch_all(AssertSqlSafe(text)).await.map(|rows| rows.iter().map(|row| row.get(0)).collect()),
            Self::Postgres(c) => c.fetch_all(AssertSqlSafe(text)).await.map(|rows| rows.iter().map(|row| row.get(0)).collect()),
        };
        rows.unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// The first column of the only row: a number.
    pub async fn number(&mut self, text: &str) -> i64 {
        let rows = self.numbers(text).await;
        assert_eq!(rows.len(), 1, "{text}");
        rows[0]
    }

    /// The first column of every row: a text, `-` where there is none.
    pub async fn texts(&mut self, text: &str) -> Vec<String> {
        let or = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let rows = match self {
            Self::Sqlite(c) => c.fetch_all(AssertSqlSafe(text)).await.map(|rows| rows.iter().map(|row| or(row.get(0))).collect()),
            Self::Postgres(c) => c.fetch_all(AssertSqlSafe(text)).await.map(|rows| rows.iter().map(|row| or(row.get(0))).collect()),
        };
        rows.unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    pub async fn close(self) {
        let closed = match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        };
        closed.expect("the connection closes");
    }
}
