//! Every row of a database as text, to hold two databases of one kind against each other.
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};
use std::collections::BTreeMap;

/// Table name to its rows, each row one text, sorted.
pub type Dump = BTreeMap<String, Vec<String>>;

/// All tables but the migrations' own.
pub async fn dump(url: &str) -> Dump {
    if url.starts_with("sqlite") { sqlite(url).await } else { postgres(url).await }
}

async fn sqlite(url: &str) -> Dump {
    let mut connection = SqliteConnection::connect(url).await.expect("SQLite opens");
    let mut dump = Dump::new();
    let tables = sqlx::query(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'",
    );
    for table in tables.fetch_all(&mut connection).await.expect("tables are listed") {
        let table: String = table.get(0);
        let columns = sqlx::query("SELECT name FROM pragma_table_info($1)")
            .bind(&table)
            .fetch_all(&mut connection)
            .await
            .expect("columns are listed");
        let quoted: Vec<String> = columns.iter().map(|c| format!("quote({})", c.get::<String, _>(0))).collect();
        let text = format!("SELECT {} FROM {table} ORDER BY 1", quoted.join(" || '|' || "));
        let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(&mut connection).await.expect("rows are read");
        dump.insert(table, rows.iter().map(|row| row.get(0)).collect());
    }
    dump
}

async fn postgres(url: &str) -> Dump {
    let mut connection = sqlx::PgConnection::connect(url).await.expect("PostgreSQL opens");
    let mut dump = Dump::new();
    let tables = sqlx::query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '\\_sqlx%'");
    for table in tables.fetch_all(&mut connection).await.expect("tables are listed") {
        let table: String = table.get(0);
        let text = format!("SELECT CAST(row_to_json(t) AS TEXT) FROM {table} t ORDER BY 1");
        let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(&mut connection).await.expect("rows are read");
        dump.insert(table, rows.iter().map(|row| row.get(0)).collect());
    }
    dump
}
