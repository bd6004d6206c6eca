//! Many rows in few statements: multi-row `VALUES` of few sizes on SQLite, `UNNEST` of one array a column on PostgreSQL.
use super::db::{Driver, Tx};
use super::error::StoreError;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, AssertSqlSafe};

/// The most rows of one statement on SQLite. 128 rows of 40 columns stay far below its 32,766 parameters, and larger texts measured no
/// faster.
const ROWS_MAX: usize = 128;

/// How many rows the statement has that takes so many: 1, 2, 3, 4, 6, 8, 12, …, 128. Few sizes keep the statement cache small, and one
/// statement that is not full is cheaper than several that are: sqlx takes as long for a statement as SQLite for fifty rows.
fn statement_rows(rows: usize) -> usize {
    let power = rows.next_power_of_two();
    let between = power / 4 * 3;
    if rows <= between { between } else { power }.min(ROWS_MAX)
}

/// A column of values, all rows of the batch. The functions build one from the rows: `Column::int(&clicks, |c| c.id)`.
#[derive(Debug)]
pub enum Column<'a> {
    Int(Vec<i64>),
    IntOrNull(Vec<Option<i64>>),
    Text(Vec<&'a str>),
    TextOrNull(Vec<Option<&'a str>>),
    /// Texts made for the insert, not borrowed from the rows.
    String(Vec<String>),
    StringOrNull(Vec<Option<String>>),
    Bool(Vec<bool>),
    Blob(Vec<&'a [u8]>),
    BlobOrNull(Vec<Option<&'a [u8]>>),
}

/// `INSERT INTO table (columns) … tail`; gives the number of rows changed. The first column is never null.
///
/// The tail is an `ON CONFLICT` clause or empty. A bulk delta is an upsert too: `ON CONFLICT (account) DO UPDATE SET amount =
/// balance.amount + excluded.amount`. Rows must then differ in the conflict's columns (PostgreSQL refuses to touch a row twice in one
/// statement) and be sorted by them where another node may write the same rows: what is locked in order cannot deadlock.
pub async fn insert(
    tx: &mut Tx,
    table: &'static str,
    columns: &[(&'static str, Column<'_>)],
    tail: &'static str,
) -> Result<u64, StoreError> {
    tx.start(table)?;
    let rows = Column::rows(table, columns)?;
    let changed = match (rows, tx.driver()) {
        (0, _) => Ok(0),
        (_, Driver::Sqlite(connection)) => sqlite(connection, table, columns, rows, tail).await,
        (_, Driver::Postgres(connection)) => postgres(connection, table, columns, tail).await,
    };
    tx.end(changed)
}

async fn postgres(
    connection: &mut sqlx::PgConnection,
    table: &str,
    columns: &[(&str, Column<'_>)],
    tail: &str,
) -> Result<u64, sqlx::Error> {
    let arrays = columns.iter().enumerate().map(|(n, (_, column))| format!("CAST(${} AS {}[])", n + 1, column.postgres_type()));
    let text = format!("INSERT INTO {table} ({}) SELECT * FROM UNNEST({}) {tail}", names(columns), arrays.collect::<Vec<_>>().join(", "));
    let mut args = PgArguments::default();
    for (_, column) in columns {
        column.add_all(&mut args).map_err(sqlx::Error::Encode)?;
    }
    // Names and tail are literals of store/: nothing that came from outside becomes SQL.
    Ok(sqlx::query_with(AssertSqlSafe(text), args).execute(connection).await?.rows_affected())
}

async fn sqlite(
    connection: &mut sqlx::SqliteConnection,
    table: &str,
    columns: &[(&str, Column<'_>)],
    rows: usize,
    tail: &str,
) -> Result<u64, sqlx::Error> {
    let one = format!("({})", vec!["?"; columns.len()].join(","));
    let (mut at, mut changed) = (0, 0);
    while at < rows {
        let size = statement_rows(rows - at);
        let values = vec![one.as_str(); size].join(",");
        // What is not bound is NULL, and a row without a first column is none. The condition also parts the rows from an ON CONFLICT.
        let text = format!("INSERT INTO {table} ({}) SELECT * FROM (VALUES {values}) WHERE column1 IS NOT NULL {tail}", names(columns));
        let mut args = SqliteArguments::default();
        for row in at..rows.min(at + size) {
            for (_, column) in columns {
                column.add_row(row, &mut args).map_err(sqlx::Error::Encode)?;
            }
        }
        changed += sqlx::query_with(AssertSqlSafe(text), args).execute(&mut *connection).await?.rows_affected();
        at += size;
    }
    Ok(changed)
}

fn names(columns: &[(&str, Column<'_>)]) -> String {
    columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

type Added = Result<(), sqlx::error::BoxDynError>;

impl<'a> Column<'a> {
    pub fn int<T>(rows: &'a [T], value: impl Fn(&'a T) -> i64) -> Self {
        Self::Int(rows.iter().map(value).collect())
    }
    pub fn int_or_null<T>(rows: &'a [T], value: impl Fn(&'a T) -> Option<i64>) -> Self {
        Self::IntOrNull(rows.iter().map(value).collect())
    }
    pub fn text<T>(rows: &'a [T], value: impl Fn(&'a T) -> &'a str) -> Self {
        Self::Text(rows.iter().map(value).collect())
    }
    pub fn text_or_null<T>(rows: &'a [T], value: impl Fn(&'a T) -> Option<&'a str>) -> Self {
        Self::TextOrNull(rows.iter().map(value).collect())
    }
    pub fn string<T>(rows: &'a [T], value: impl Fn(&'a T) -> String) -> Self {
        Self::String(rows.iter().map(value).collect())
    }
    pub fn string_or_null<T>(rows: &'a [T], value: impl Fn(&'a T) -> Option<String>) -> Self {
        Self::StringOrNull(rows.iter().map(value).collect())
    }
    pub fn bool<T>(rows: &'a [T], value: impl Fn(&'a T) -> bool) -> Self {
        Self::Bool(rows.iter().map(value).collect())
    }
    pub fn blob<T>(rows: &'a [T], value: impl Fn(&'a T) -> &'a [u8]) -> Self {
        Self::Blob(rows.iter().map(value).collect())
    }
    pub fn blob_or_null<T>(rows: &'a [T], value: impl Fn(&'a T) -> Option<&'a [u8]>) -> Self {
        Self::BlobOrNull(rows.iter().map(value).collect())
    }

    /// How many rows these columns make; refuses what one database would take and the other not.
    pub(super) fn rows(table: &'static str, columns: &[(&'static str, Self)]) -> Result<usize, StoreError> {
        let rows = columns.first().map_or(0, |(_, column)| column.len());
        if columns.iter().any(|(_, column)| column.len() != rows) {
            return Err(StoreError::Ragged { table });
        }
        if columns.iter().any(|(_, column)| column.has_nul()) {
            return Err(StoreError::Nul { statement: table });
        }
        Ok(rows)
    }

    fn len(&self) -> usize {
        match self {
            Self::Int(values) => values.len(),
            Self::IntOrNull(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::TextOrNull(values) => values.len(),
            Self::String(values) => values.len(),
            Self::StringOrNull(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Blob(values) => values.len(),
            Self::BlobOrNull(values) => values.len(),
        }
    }

    fn has_nul(&self) -> bool {
        match self {
            Self::Text(values) => values.iter().any(|text| text.contains('\0')),
            Self::TextOrNull(values) => values.iter().flatten().any(|text| text.contains('\0')),
            Self::String(values) => values.iter().any(|text| text.contains('\0')),
            Self::StringOrNull(values) => values.iter().flatten().any(|text| text.contains('\0')),
            _ => false,
        }
    }

    fn postgres_type(&self) -> &'static str {
        match self {
            Self::Int(_) | Self::IntOrNull(_) => "BIGINT",
            Self::Text(_) | Self::TextOrNull(_) | Self::String(_) | Self::StringOrNull(_) => "TEXT",
            Self::Bool(_) => "BOOLEAN",
            Self::Blob(_) | Self::BlobOrNull(_) => "BYTEA",
        }
    }

    fn add_all(&self, args: &mut PgArguments) -> Added {
        match self {
            Self::Int(values) => args.add(values),
            Self::IntOrNull(values) => args.add(values),
            Self::Text(values) => args.add(values),
            Self::TextOrNull(values) => args.add(values),
            Self::String(values) => args.add(values),
            Self::StringOrNull(values) => args.add(values),
            Self::Bool(values) => args.add(values),
            Self::Blob(values) => args.add(values),
            Self::BlobOrNull(values) => args.add(values),
        }
    }

    fn add_row(&self, row: usize, args: &mut SqliteArguments) -> Added {
        match self {
            Self::Int(values) => args.add(values[row]),
            Self::IntOrNull(values) => args.add(values[row]),
            Self::Text(values) => args.add(values[row]),
            Self::TextOrNull(values) => args.add(values[row]),
            Self::String(values) => args.add(&values[row]),
            Self::StringOrNull(values) => args.add(&values[row]),
            Self::Bool(values) => args.add(values[row]),
            Self::Blob(values) => args.add(values[row]),
            Self::BlobOrNull(values) => args.add(values[row]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_sizes_and_little_waste() {
        let sizes: std::collections::BTreeSet<usize> = (1..=ROWS_MAX).map(statement_rows).collect();
        assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128]);
        for rows in 1..=ROWS_MAX {
            assert!((rows..=rows + rows / 2).contains(&statement_rows(rows)), "{rows}");
        }
        assert_eq!(statement_rows(1_000), ROWS_MAX);
    }
}
