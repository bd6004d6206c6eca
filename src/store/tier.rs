//! Publishers' approved net amounts by program and month: what tiers look at.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::kernel::{
    id::{ProgramId, PublisherId},
    time::Month,
};
use crate::statements;
use std::collections::BTreeMap;

statements! {
    LIST = "SELECT program, publisher, month, amount FROM tier_base";
}

/// Program, publisher and month.
pub type Base = (ProgramId, PublisherId, Month);

#[derive(sqlx::FromRow)]
struct Row {
    program: i64,
    publisher: i64,
    month: i64,
    amount: i64,
}

impl Row {
    fn read(&self) -> Result<(Base, i64), StoreError> {
        let (program, publisher) = (ProgramId::from_raw(self.program), PublisherId::from_raw(self.publisher));
        let corrupt = |_| StoreError::corrupt("tier_base", "month", format_args!("{program}/{publisher}/{}", self.month));
        let month = i32::try_from(self.month).map(Month::from_number).map_err(corrupt)?;
        Ok(((program, publisher, month), self.amount))
    }
}

/// Minor units of the program's currency.
pub async fn bases(
    tx: &mut Tx,
    programs: &[ProgramId],
    publishers: &[PublisherId],
    months: &[Month],
) -> Result<Vec<(Base, i64)>, StoreError> {
    if programs.is_empty() || publishers.is_empty() || months.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = Filter::new(LIST)
        .any_of("program", Some(programs.iter().map(|id| id.raw()).collect::<Vec<_>>()))
        .any_of("publisher", Some(publishers.iter().map(|id| id.raw()).collect::<Vec<_>>()))
        .any_of("month", Some(months.iter().map(|month| month.number()).collect::<Vec<_>>()))
        .all(tx)
        .await?;
    rows.iter().map(Row::read).collect()
}

/// Adds to each base; one that was not there begins at zero.
pub async fn add(tx: &mut Tx, deltas: &BTreeMap<Base, i64>) -> Result<(), StoreError> {
    let rows: Vec<(&Base, &i64)> = deltas.iter().collect();
    let columns = [
        ("program", Column::int(&rows, |((program, ..), _)| program.raw())),
        ("publisher", Column::int(&rows, |((_, publisher, _), _)| publisher.raw())),
        ("month", Column::int(&rows, |((.., month), _)| month.number())),
        ("amount", Column::int(&rows, |(_, delta)| **delta)),
    ];
    let tail = "ON CONFLICT (program, publisher, month) DO UPDATE SET amount = tier_base.amount + excluded.amount";
    bulk::insert(tx, "tier_base", &columns, tail).await?;
    Ok(())
}
