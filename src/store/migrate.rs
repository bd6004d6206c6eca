//! Migrations, embedded in the binary and run at start. Two processes may start at once.
use super::error::StoreError;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgPool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sqlx::{ConnectOptions as _, Connection as _};
use std::time::Duration;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a second process waits for the first one's migrations.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// sqlx takes no lock on SQLite: two processes would run the same migration, and the second would fail. So all of them run inside one
/// `BEGIN IMMEDIATE`, where sqlx's own transactions become savepoints: all or nothing, and one process after the other.
pub(super) async fn sqlite(options: &SqliteConnectOptions, read: &SqlitePool) -> Result<(), StoreError> {
    if is_current(read).await? {
        return Ok(());
    }
    let mut connection = options.clone().busy_timeout(WAIT_MAX).connect().await?;
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    SQLITE.run_direct(None, &mut *tx, false).await?;
    tx.commit().await?;
    connection.close().await?;
    Ok(())
}

/// Looks without taking the write lock, so that a command beside a busy server does not wait for it twice.
async fn is_current(read: &SqlitePool) -> Result<bool, StoreError> {
    let table: Option<(String,)> =
        sqlx::query_as("SELECT name FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'").fetch_optional(read).await?;
    if table.is_none() {
        return Ok(false);
    }
    let applied: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version").fetch_all(read).await?;
    Ok(SQLITE.iter().map(|m| (m.version, m.checksum.to_vec())).eq(applied))
}

/// sqlx holds an advisory lock meanwhile.
pub(super) async fn postgres(pool: &PgPool) -> Result<(), StoreError> {
    let mut connection = pool.acquire().await?;
    POSTGRES.run_direct(None, &mut *connection, false).await?;
    Ok(())
}
