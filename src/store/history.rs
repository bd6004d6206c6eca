//! Buyers' histories, as boosts look at them: what they ordered and what of it was approved. Read from the conversions.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::kernel::{
    id::{BuyerId, ConversionId, ProgramId},
    time::Time,
};
use crate::statements;

statements! {
    PLACED = "SELECT id, program, goal, buyer, occurred_at FROM conversion";
    BASES = "SELECT program, buyer, CAST(SUM(net) AS BIGINT) AS net FROM conversion";
    LAST = "SELECT buyer, CAST(MAX(occurred_at) AS BIGINT) AS occurred_at FROM conversion";
}

/// A buyer's order that is not rejected.
#[derive(Debug, Clone)]
pub struct Placed {
    pub id: ConversionId,
    pub program: ProgramId,
    pub goal: String,
    pub buyer: BuyerId,
    pub at: Time,
}

/// The orders of buyers in programs that are not rejected. As many as they have: a buyer's, not a program's.
pub async fn placed(tx: &mut Tx, buyers: &[BuyerId], programs: &[ProgramId]) -> Result<Vec<Placed>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Row {
        id: i64,
        program: i64,
        goal: String,
        buyer: i64,
        occurred_at: i64,
    }
    if buyers.is_empty() || programs.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = of_buyers(Filter::new(PLACED), buyers, programs).only(true, "status <> 'rejected'").all(tx).await?;
    let placed = |row: Row| Placed {
        id: ConversionId::from_raw(row.id),
        program: ProgramId::from_raw(row.program),
        goal: row.goal,
        buyer: BuyerId::from_raw(row.buyer),
        at: Time::from_micros(row.occurred_at),
    };
    Ok(rows.into_iter().map(placed).collect())
}

/// The approved net amounts of buyers in programs, minor units of the program's currency.
pub async fn bases(tx: &mut Tx, buyers: &[BuyerId], programs: &[ProgramId]) -> Result<Vec<((BuyerId, ProgramId), i64)>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Row {
        program: i64,
        buyer: i64,
        net: i64,
    }
    if buyers.is_empty() || programs.is_empty() {
        return Ok(Vec::new());
    }
    let filter = of_buyers(Filter::new(BASES), buyers, programs).only(true, "approved_at IS NOT NULL").tail("GROUP BY program, buyer");
    let rows: Vec<Row> = filter.all(tx).await?;
    Ok(rows.into_iter().map(|row| ((BuyerId::from_raw(row.buyer), ProgramId::from_raw(row.program)), row.net)).collect())
}

fn of_buyers<'a>(filter: Filter<'a>, buyers: &[BuyerId], programs: &[ProgramId]) -> Filter<'a> {
    filter
        .any_of("buyer", Some(buyers.iter().map(|id| id.raw()).collect::<Vec<_>>()))
        .any_of("program", Some(programs.iter().map(|id| id.raw()).collect::<Vec<_>>()))
}

/// Buyers whose last order in a program that is not rejected was placed before that moment, by number, behind `after`.
pub async fn dormant(
    tx: &mut Tx,
    program: Option<ProgramId>,
    before: Time,
    after: Option<BuyerId>,
    limit: i64,
) -> Result<Vec<(BuyerId, Time)>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Row {
        buyer: i64,
        occurred_at: i64,
    }
    let rows: Vec<Row> = Filter::new(LAST)
        .only(true, "buyer IS NOT NULL AND status <> 'rejected'")
        .and("program =", program.map(ProgramId::raw))
        .and("buyer >", after.map(BuyerId::raw))
        .tail("GROUP BY buyer")
        .having("MAX(occurred_at) <", before.micros())
        .order("ORDER BY buyer", limit)
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(|row| (BuyerId::from_raw(row.buyer), Time::from_micros(row.occurred_at))).collect())
}
