//! The two databases behind one type. Nothing outside this file, `bulk`, `migrate` and `turn` knows which one it is talking to.
use super::direct::Direct;
use super::error::StoreError;
use super::migrate;
use super::sql::{self, Arg, Sql, Statement};
use super::turn::{Turn, Writer};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{Connection as _, Executor as _, FromRow, PgConnection, Postgres, SqlSafeStr as _, Sqlite, SqliteConnection, Transaction};
use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A row struct that both drivers can fill; `#[derive(sqlx::FromRow)]` gives it.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// How a database is opened, and how its pools are sized.
#[derive(Debug, Clone)]
pub struct Options {
    /// `DATABASE_CONNECTIONS`, default 10: the most connections to PostgreSQL, or readers of SQLite (which has one writer beside).
    pub connections_max: u32,
    /// `DATABASE_WAIT_MS`, default 2000 ms: the longest wait for a free connection. sqlx's own 30 s are far too long for a hot path.
    pub acquire_timeout: Duration,
    /// Whether a missing SQLite file is made. Where it is not, a mistyped name is an error instead of an empty database.
    pub make_file: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections_max: 10, acquire_timeout: Duration::from_secs(2), make_file: true }
    }
}

/// The statements that a connection keeps prepared: every registered one and every size of every bulk insert.
const STATEMENT_CACHE: usize = 512;

/// Whoever writes looks rows up by their keys. PostgreSQL plans a statement for good when it has run five times; in a new installation
/// the tables are nearly empty then, and it would go on to read all of them when they are not (measured: 2,500 sales a second fell to 400
/// within 13,000). One round trip with BEGIN.
const POSTGRES_WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED;
    SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off";

/// Of the write connection, in KiB with a minus: 64 MB. A sale touches some thirty B-trees; with SQLite's own 2 MB their pages are read
/// again in every batch, and dirty ones are written before their time.
const SQLITE_CACHE: &str = "-65536";

/// How many rows SQLite's thread may be ahead of the reader; sqlx's 50 make it stop and go in bulk loads.
const ROWS_AHEAD: usize = 1024;

/// A database. Clones share the pools.
#[derive(Debug, Clone)]
pub struct Db(Pools);

#[derive(Debug, Clone)]
enum Pools {
    Sqlite { writer: Arc<Writer>, read: SqlitePool },
    Postgres { pool: PgPool, connections_max: u32 },
}

impl Db {
    /// Opens `sqlite://path` or `postgres://…`. Runs no migration.
    pub async fn open(url: &str, options: &Options) -> Result<Self, StoreError> {
        match url.split_once(':') {
            Some(("sqlite", _)) => Self::open_sqlite(url, options).await,
            Some(("postgres" | "postgresql", _)) => Self::open_postgres(url, options).await,
            _ => Err(StoreError::Url("it must start with sqlite:// or postgres://")),
        }
    }

    async fn open_sqlite(url: &str, options: &Options) -> Result<Self, StoreError> {
        let sqlite = SqliteConnectOptions::from_str(url)?
            .create_if_missing(options.make_file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .statement_cache_capacity(STATEMENT_CACHE)
            .row_buffer_size(ROWS_AHEAD);
        if sqlite.get_filename().to_string_lossy().starts_with("file:sqlx-in-memory") {
            return Err(StoreError::Url("SQLite needs a file: readers and writer are separate connections"));
        }
        // First the writer: it makes the file and its WAL, which a read-only connection cannot.
        let writer = Writer::open(sqlite.clone().pragma("cache_size", SQLITE_CACHE)).await?;
        let read = SqlitePoolOptions::new()
            .max_connections(options.connections_max)
            .acquire_timeout(options.acquire_timeout)
            .test_before_acquire(false)
            .connect_with(sqlite.create_if_missing(false).read_only(true))
            .await?;
        Ok(Self(Pools::Sqlite { writer, read }))
    }

    async fn open_postgres(url: &str, options: &Options) -> Result<Self, StoreError> {
        let connect = PgConnectOptions::from_str(url)?.application_name("ristourne").statement_cache_capacity(STATEMENT_CACHE);
        let pool = PgPoolOptions::new()
            .max_connections(options.connections_max)
            .acquire_timeout(options.acquire_timeout)
            // A ping costs 60 µs of every transaction; `begin` handles dead connections.
            .test_before_acquire(false)
            .connect_with(connect.clone())
            .await;
        let pool = match pool {
            Err(sqlx::Error::PoolTimedOut) => return Err(why_not(&connect, options.acquire_timeout).await),
            pool => pool?,
        };
        Ok(Self(Pools::Postgres { pool, connections_max: options.connections_max }))
    }

    pub fn kind(&self) -> Kind {
        match self.0 {
            Pools::Sqlite { .. } => Kind::Sqlite,
            Pools::Postgres { .. } => Kind::Postgres,
        }
    }

    /// Runs the migrations that are missing.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match &self.0 {
            Pools::Sqlite { writer, read } => migrate::sqlite(writer.options(), read).await,
            Pools::Postgres { pool, .. } => migrate::postgres(pool).await,
        }
    }

    /// A write transaction, rolled back if it is dropped. On SQLite it has the write turn, taken in order of arrival; on PostgreSQL it
    /// is READ COMMITTED.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let asked = Instant::now();
        let open = match &self.0 {
            Pools::Sqlite { writer, .. } => Open::Turn(writer.begin().await?),
            Pools::Postgres { .. } => Open::Postgres(self.begin_postgres(POSTGRES_WRITE).await?),
        };
        metrics::histogram!("ristourne_database_wait_seconds", "to" => "write").record(asked.elapsed());
        Ok(Tx::new(open))
    }

    /// The fast way to store clicks, where there is one: on SQLite.
    pub fn direct(&self) -> Option<Direct> {
        match &self.0 {
            Pools::Sqlite { writer, .. } => Some(Direct::new(writer)),
            Pools::Postgres { .. } => None,
        }
    }

    /// A read transaction: one snapshot, which never waits for the writer. Keep it short: a long reader pins SQLite's WAL.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        let asked = Instant::now();
        let open = match &self.0 {
            Pools::Sqlite { read, .. } => Open::Sqlite(read.begin().await?),
            Pools::Postgres { .. } => Open::Postgres(self.begin_postgres("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?),
        };
        metrics::histogram!("ristourne_database_wait_seconds", "to" => "read").record(asked.elapsed());
        Ok(Tx::new(open))
    }

    /// After a restart of PostgreSQL every idle connection of the pool is dead, and says so at BEGIN, before anything is done: then the
    /// next one is tried, and when all are used up the pool opens a new one.
    async fn begin_postgres(&self, statement: &'static str) -> Result<Transaction<'static, Postgres>, StoreError> {
        let Pools::Postgres { pool, connections_max } = &self.0 else { return Err(StoreError::Url("not PostgreSQL")) };
        let mut dead = 0;
        loop {
            match begin_whole(pool.clone(), statement).await {
                Err(sqlx::Error::PoolTimedOut) => return Err(sqlx::Error::PoolTimedOut.into()),
                Err(error) => {
                    let error = StoreError::from(error);
                    if !error.is_connection() || dead == *connections_max {
                        return Err(error);
                    }
                    dead += 1;
                }
                Ok(tx) => return Ok(tx),
            }
        }
    }

    /// Prepares every statement, without running it: the test that no text is wrong on either database.
    pub async fn prepare_all(&self, files: &[&[Sql]]) -> Result<(), (&'static str, StoreError)> {
        for sql in files.iter().copied().flatten() {
            self.prepare(sql).await.map_err(|error| (sql.name, error))?;
        }
        Ok(())
    }

    async fn prepare(&self, sql: &Sql) -> Result<(), StoreError> {
        match &self.0 {
            Pools::Sqlite { read, .. } => drop(read.acquire().await?.prepare(sql.sqlite.into_sql_str()).await?),
            Pools::Postgres { pool, .. } => drop(pool.acquire().await?.prepare(sql.postgres.into_sql_str()).await?),
        }
        Ok(())
    }

    /// Writes a SQLite database as it is at this moment into a new file, beside all that goes on; false, and nothing is written, on
    /// PostgreSQL, which has its own tools.
    pub async fn copy_to(&self, file: &Path) -> Result<bool, StoreError> {
        let Pools::Sqlite { read, .. } = &self.0 else { return Ok(false) };
        let name = file.to_str().ok_or(StoreError::Url("a file's name is UTF-8"))?;
        sqlx::query("VACUUM INTO $1").bind(name).execute(&mut *read.acquire().await?).await?;
        Ok(true)
    }

    /// Connections that are open, and those of them that are idle. SQLite's one writer is not counted.
    pub fn connections(&self) -> (usize, usize) {
        let (open, idle) = match &self.0 {
            Pools::Sqlite { read, .. } => (read.size(), read.num_idle()),
            Pools::Postgres { pool, .. } => (pool.size(), pool.num_idle()),
        };
        (open as usize, idle)
    }

    /// Closes the pools; waits for transactions that are open.
    pub async fn close(&self) {
        match &self.0 {
            Pools::Sqlite { writer, read, .. } => {
                read.close().await;
                writer.close().await;
            }
            Pools::Postgres { pool, .. } => pool.close().await,
        }
    }
}

/// A pool tries again until its time is up, and then does not say what it met: so one more connection is tried for the reason.
async fn why_not(connect: &PgConnectOptions, wait: Duration) -> StoreError {
    match tokio::time::timeout(wait, PgConnection::connect_with(connect)).await {
        Ok(Err(error)) => error.into(),
        Ok(Ok(_)) | Err(_) => sqlx::Error::PoolTimedOut.into(),
    }
}

/// A BEGIN that is given up while PostgreSQL answers it would go back to the pool inside a transaction that the driver knows nothing of,
/// and the next to write on that connection would be told that it only reads. So it runs in a task of its own, which nobody gives up:
/// what nobody waits for any more is rolled back when it is there.
async fn begin_whole(pool: sqlx::PgPool, statement: &'static str) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let begun = tokio::spawn(async move { pool.begin_with(statement).await });
    // The task ends early only with its runtime.
    begun.await.unwrap_or(Err(sqlx::Error::PoolClosed))
}

/// A transaction. After an error it can only be dropped: PostgreSQL would turn its COMMIT into a ROLLBACK without an error.
#[derive(Debug)]
pub struct Tx {
    open: Open,
    /// A statement failed, or its future was dropped before it ended.
    failed: bool,
}

#[derive(Debug)]
enum Open {
    Turn(Turn),
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
    Closed,
}

/// The connection under a transaction.
pub(super) enum Driver<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

impl Tx {
    fn new(open: Open) -> Self {
        Self { open, failed: false }
    }

    pub fn kind(&self) -> Kind {
        match self.open {
            Open::Postgres(_) => Kind::Postgres,
            Open::Turn(_) | Open::Sqlite(_) | Open::Closed => Kind::Sqlite,
        }
    }

    /// Runs a statement and gives the number of rows it changed.
    pub async fn run(&mut self, sql: impl Into<Statement>, args: &[Arg<'_>]) -> Result<u64, StoreError> {
        let sql = self.start_statement(sql, args)?;
        let done = match self.driver() {
            Driver::Sqlite(connection) => {
                sqlx::query_with(sql.sqlite, sql::sqlite(args)?).execute(connection).await.map(|d| d.rows_affected())
            }
            Driver::Postgres(connection) => {
                sqlx::query_with(sql.postgres, sql::postgres(args)?).execute(connection).await.map(|d| d.rows_affected())
            }
        };
        self.end(done)
    }

    /// Runs a query for at most one row.
    pub async fn one<T: Row>(&mut self, sql: impl Into<Statement>, args: &[Arg<'_>]) -> Result<Option<T>, StoreError> {
        let sql = self.start_statement(sql, args)?;
        let row = match self.driver() {
            Driver::Sqlite(connection) => sqlx::query_as_with(sql.sqlite, sql::sqlite(args)?).fetch_optional(connection).await,
            Driver::Postgres(connection) => sqlx::query_as_with(sql.postgres, sql::postgres(args)?).fetch_optional(connection).await,
        };
        self.end(row)
    }

    /// Runs a query for all its rows.
    pub async fn all<T: Row>(&mut self, sql: impl Into<Statement>, args: &[Arg<'_>]) -> Result<Vec<T>, StoreError> {
        let sql = self.start_statement(sql, args)?;
        let rows = match self.driver() {
            Driver::Sqlite(connection) => sqlx::query_as_with(sql.sqlite, sql::sqlite(args)?).fetch_all(connection).await,
            Driver::Postgres(connection) => sqlx::query_as_with(sql.postgres, sql::postgres(args)?).fetch_all(connection).await,
        };
        self.end(rows)
    }

    /// Commits; an error means that nothing may be taken as stored.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Aborted);
        }
        match std::mem::replace(&mut self.open, Open::Closed) {
            Open::Turn(turn) => turn.commit().await?,
            Open::Sqlite(tx) => tx.commit().await?,
            Open::Postgres(tx) => tx.commit().await?,
            Open::Closed => {}
        }
        Ok(())
    }

    /// Before a statement: marks the transaction as failed until `end` says otherwise, so that a future dropped half-way counts.
    pub(super) fn start(&mut self, statement: &'static str) -> Result<(), StoreError> {
        if std::mem::replace(&mut self.failed, true) {
            return Err(StoreError::Aborted);
        }
        let statement = statement.strip_prefix("ristourne::store::").unwrap_or(statement);
        metrics::counter!("ristourne_database_statements_total", "statement" => statement).increment(1);
        Ok(())
    }

    pub(super) fn end<T>(&mut self, done: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        self.failed = done.is_err();
        done.map_err(StoreError::from)
    }

    pub(super) fn driver(&mut self) -> Driver<'_> {
        match &mut self.open {
            Open::Turn(turn) => Driver::Sqlite(turn.connection()),
            Open::Sqlite(tx) => Driver::Sqlite(tx),
            Open::Postgres(tx) => Driver::Postgres(tx),
            Open::Closed => unreachable!("commit takes the transaction by value"),
        }
    }

    fn start_statement(&mut self, sql: impl Into<Statement>, args: &[Arg<'_>]) -> Result<Statement, StoreError> {
        let sql = sql.into();
        self.start(sql.name)?;
        sql.check(args)?;
        Ok(sql)
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let Open::Turn(turn) = std::mem::replace(&mut self.open, Open::Closed)
            && self.failed
        {
            turn.discard();
        }
    }
}
