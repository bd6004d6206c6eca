//! Which orders name a click, and which buyer a sign-in gave it.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use crate::domain::facts::ClickTie;
use crate::kernel::{
    id::{BuyerId, ClickId, ConversionId},
    time::Time,
};
use crate::{args, statements};

statements! {
    TIES = "SELECT click, buyer, tied_at FROM click_tie WHERE click IN (SELECT value FROM json_each($1))",
        postgres "SELECT click, buyer, tied_at FROM click_tie WHERE click = ANY($1)";
    TOUCHES = "SELECT click, conversion FROM touch WHERE click IN (SELECT value FROM json_each($1)) ORDER BY click, conversion",
        postgres "SELECT click, conversion FROM touch WHERE click = ANY($1) ORDER BY click, conversion";
    PAGE = "SELECT click, buyer, tied_at FROM click_tie WHERE click > $1 ORDER BY click LIMIT $2";
}

#[derive(sqlx::FromRow)]
struct TieRow {
    click: i64,
    buyer: i64,
    tied_at: i64,
}

impl TieRow {
    fn read(self) -> (ClickId, ClickTie) {
        (ClickId::from_raw(self.click), ClickTie { buyer: BuyerId::from_raw(self.buyer), at: Time::from_micros(self.tied_at) })
    }
}

#[derive(sqlx::FromRow)]
struct TouchRow {
    click: i64,
    conversion: i64,
}

fn raw(clicks: &[ClickId]) -> Vec<i64> {
    clicks.iter().map(|click| click.raw()).collect()
}

/// The ties of these clicks.
pub async fn of_clicks(tx: &mut Tx, clicks: &[ClickId]) -> Result<Vec<(ClickId, ClickTie)>, StoreError> {
    if clicks.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<TieRow> = tx.all(TIES, args![raw(clicks)]).await?;
    Ok(rows.into_iter().map(TieRow::read).collect())
}

/// Every tie, by click.
pub async fn page(tx: &mut Tx, after: ClickId, limit: i64) -> Result<Vec<(ClickId, ClickTie)>, StoreError> {
    let rows: Vec<TieRow> = tx.all(PAGE, args![after.raw(), limit]).await?;
    Ok(rows.into_iter().map(TieRow::read).collect())
}

/// The orders that name these clicks.
pub async fn orders_of_clicks(tx: &mut Tx, clicks: &[ClickId]) -> Result<Vec<(ClickId, ConversionId)>, StoreError> {
    if clicks.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<TouchRow> = tx.all(TOUCHES, args![raw(clicks)]).await?;
    Ok(rows.iter().map(|row| (ClickId::from_raw(row.click), ConversionId::from_raw(row.conversion))).collect())
}

/// The earliest tie of a click stays.
pub async fn insert(tx: &mut Tx, ties: &[(ClickId, ClickTie)]) -> Result<(), StoreError> {
    let columns = [
        ("click", Column::int(ties, |(click, _)| click.raw())),
        ("buyer", Column::int(ties, |(_, tie)| tie.buyer.raw())),
        ("tied_at", Column::int(ties, |(_, tie)| tie.at.micros())),
    ];
    bulk::insert(tx, "click_tie", &columns, "ON CONFLICT (click) DO NOTHING").await?;
    Ok(())
}

/// A completed order may name a click that an earlier revision named too.
pub async fn insert_touches(tx: &mut Tx, touches: &[(ClickId, ConversionId)]) -> Result<(), StoreError> {
    let columns = [
        ("click", Column::int(touches, |(click, _)| click.raw())),
        ("conversion", Column::int(touches, |(_, conversion)| conversion.raw())),
    ];
    bulk::insert(tx, "touch", &columns, "ON CONFLICT (click, conversion) DO NOTHING").await?;
    Ok(())
}
