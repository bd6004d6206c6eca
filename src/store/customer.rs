//! Merchants' own customer references: the order with which each was first seen in a program.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::kernel::id::{ConversionId, ProgramId};
use crate::statements;
use std::collections::BTreeSet;

statements! {
    LIST = "SELECT program, reference, first_order FROM customer";
}

#[derive(sqlx::FromRow)]
struct Row {
    program: i64,
    reference: String,
    first_order: i64,
}

/// Those of the programs' references that are known, and perhaps more.
pub async fn by_references(
    tx: &mut Tx,
    references: &BTreeSet<(ProgramId, String)>,
) -> Result<Vec<((ProgramId, String), ConversionId)>, StoreError> {
    if references.is_empty() {
        return Ok(Vec::new());
    }
    let keys = references.iter().map(|(program, reference)| (program.raw(), reference.as_str()));
    let rows: Vec<Row> = Filter::new(LIST).keyed("program", "reference", keys).all(tx).await?;
    Ok(rows.into_iter().map(|row| ((ProgramId::from_raw(row.program), row.reference), ConversionId::from_raw(row.first_order))).collect())
}

pub async fn insert(tx: &mut Tx, customers: &[(ProgramId, &str, ConversionId)]) -> Result<(), StoreError> {
    let columns = [
        ("program", Column::int(customers, |(program, ..)| program.raw())),
        ("reference", Column::text(customers, |(_, reference, _)| reference)),
        ("first_order", Column::int(customers, |(.., order)| order.raw())),
    ];
    bulk::insert(tx, "customer", &columns, "").await?;
    Ok(())
}
