//! Buyers' histories, as boosts look at them: what they ordered and what of it was approved. Read from the conversions.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::kernel::{
    id::{BuyerId, ConversionId, ProgramId},
    time::Time,
};
use crate::{args, statements};

statements! {
    PLACED = "SELECT id, program, goal, buyer, occurred_at FROM conversion";
    BASES = "SELECT program, buyer, CAST(SUM(net) AS BIGINT) AS net FROM conversion WHERE buyer IN (SELECT value FROM json_each($1))
        AND program IN (SELECT value FROM json_each($2)) AND approved_at IS NOT NULL GROUP BY program, buyer",
        postgres "SELECT program, buyer, CAST(SUM(net) AS BIGINT) AS net FROM conversion WHERE buyer = ANY($1) AND program = ANY($2)
        AND approved_at IS NOT NULL GROUP BY program, buyer";
    APPROVED = "SELECT program, buyer, occurred_at, approved_at, net FROM conversion";
    DORMANT = "SELECT buyer, CAST(MAX(occurred_at) AS BIGINT) AS occurred_at FROM conversion WHERE buyer > $1 AND status <> 'rejected'
        GROUP BY buyer HAVING MAX(occurred_at) < $2 ORDER BY buyer LIMIT $3";
    DORMANT_IN = "SELECT buyer, CAST(MAX(occurred_at) AS BIGINT) AS occurred_at FROM conversion WHERE buyer > $1 AND status <> 'rejected'
        AND program = $4 GROUP BY buyer HAVING MAX(occurred_at) < $2 ORDER BY buyer LIMIT $3";
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
    let rows: Vec<Row> = Filter::new(PLACED)
        .any_of("buyer", Some(numbers(buyers, |id| id.raw())))
        .any_of("program", Some(numbers(programs, |id| id.raw())))
        .only(true, "status <> 'rejected'")
        .all(tx)
        .await?;
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
    let rows: Vec<Row> = tx.all(BASES, args![numbers(buyers, |id| id.raw()), numbers(programs, |id| id.raw())]).await?;
    Ok(rows.into_iter().map(|row| ((BuyerId::from_raw(row.buyer), ProgramId::from_raw(row.program)), row.net)).collect())
}

/// An order that was approved, and so counts for tiers.
#[derive(Debug, Clone, Copy)]
pub struct Approved {
    pub program: ProgramId,
    pub buyer: BuyerId,
    pub occurred_at: Time,
    pub at: Time,
    /// What is left of it by now, minor units of its program's currency.
    pub net: i64,
}

/// What [`bases`] adds up, order by order.
pub async fn approved(tx: &mut Tx, buyers: &[BuyerId], programs: &[ProgramId]) -> Result<Vec<Approved>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Row {
        program: i64,
        buyer: i64,
        occurred_at: i64,
        approved_at: i64,
        net: i64,
    }
    if buyers.is_empty() || programs.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = Filter::new(APPROVED)
        .any_of("buyer", Some(numbers(buyers, |id| id.raw())))
        .any_of("program", Some(numbers(programs, |id| id.raw())))
        .only(true, "approved_at IS NOT NULL")
        .all(tx)
        .await?;
    let approved = |row: Row| Approved {
        program: ProgramId::from_raw(row.program),
        buyer: BuyerId::from_raw(row.buyer),
        occurred_at: Time::from_micros(row.occurred_at),
        at: Time::from_micros(row.approved_at),
        net: row.net,
    };
    Ok(rows.into_iter().map(approved).collect())
}

fn numbers<T>(ids: &[T], number: impl Fn(&T) -> i64) -> Vec<i64> {
    ids.iter().map(number).collect()
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
    let (after, before) = (after.map_or(0, BuyerId::raw), before.micros());
    let rows: Vec<Row> = match program {
        None => tx.all(DORMANT, args![after, before, limit]).await?,
        Some(program) => tx.all(DORMANT_IN, args![after, before, limit, program.raw()]).await?,
    };
    Ok(rows.into_iter().map(|row| (BuyerId::from_raw(row.buyer), Time::from_micros(row.occurred_at))).collect())
}
