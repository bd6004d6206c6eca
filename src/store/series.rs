//! The counters of document numbers. Whoever takes a number holds its series' lock, and writes the counter in the same transaction.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use crate::domain::series::{Number, Series};
use crate::{args, statements};
use std::collections::HashMap;

statements! {
    ALL_ROWS = "SELECT series, year, last FROM series";
}

#[derive(sqlx::FromRow)]
struct Row {
    series: String,
    year: i64,
    last: i64,
}

/// The last number of each series and year.
pub async fn all(tx: &mut Tx) -> Result<HashMap<(Series, i64), i64>, StoreError> {
    let rows: Vec<Row> = tx.all(ALL_ROWS, args![]).await?;
    let read = |row: Row| {
        let series = Series::from_word(&row.series).ok_or_else(|| StoreError::corrupt("series", "series", &row.series))?;
        Ok(((series, row.year), row.last))
    };
    rows.into_iter().map(read).collect()
}

/// Notes the last numbers that were taken.
pub async fn save(tx: &mut Tx, taken: &[Number]) -> Result<(), StoreError> {
    let mut last: HashMap<(Series, i64), i64> = HashMap::new();
    for number in taken {
        let highest = last.entry((number.series, number.year)).or_default();
        *highest = number.serial.max(*highest);
    }
    let rows: Vec<_> = last.into_iter().collect();
    let columns = [
        ("series", Column::text(&rows, |((series, _), _)| series.word())),
        ("year", Column::int(&rows, |((_, year), _)| *year)),
        ("last", Column::int(&rows, |(_, last)| *last)),
    ];
    bulk::insert(tx, "series", &columns, "ON CONFLICT (series, year) DO UPDATE SET last = excluded.last").await?;
    Ok(())
}
