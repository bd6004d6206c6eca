//! The click report, from the roll-up and the conversions, grouped by day, link, publisher or program.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use super::sql::Sql;
use crate::kernel::{
    currency::Currency,
    id::{LinkId, ProgramId, PublisherId},
    money::Money,
    ratio::{OutOfRange, Ratio},
    time::Day,
};
use crate::{args, statements};
use std::collections::BTreeMap;

statements! {
    /// Each minimum and maximum is one step down the primary key.
    CLICK_DAYS = "SELECT (SELECT MIN(day) FROM click_stat) AS first, (SELECT MAX(day) FROM click_stat) AS last";
    /// `Filter` adds the conditions and the group. MIN of what is grouped by is that itself, and lets the texts stand alone too.
    CLICKS_BY_DAY = "SELECT MIN(s.day) AS part, CAST(SUM(s.raw) AS BIGINT) AS raw, CAST(SUM(s.counted) AS BIGINT) AS counted
        FROM click_stat s JOIN link l ON l.id = s.link";
    CLICKS_BY_LINK = "SELECT MIN(s.link) AS part, CAST(SUM(s.raw) AS BIGINT) AS raw, CAST(SUM(s.counted) AS BIGINT) AS counted
        FROM click_stat s JOIN link l ON l.id = s.link";
    CLICKS_BY_PUBLISHER = "SELECT MIN(l.publisher) AS part, CAST(SUM(s.raw) AS BIGINT) AS raw, CAST(SUM(s.counted) AS BIGINT) AS counted
        FROM click_stat s JOIN link l ON l.id = s.link";
    CLICKS_BY_PROGRAM = "SELECT MIN(l.program) AS part, CAST(SUM(s.raw) AS BIGINT) AS raw, CAST(SUM(s.counted) AS BIGINT) AS counted
        FROM click_stat s JOIN link l ON l.id = s.link";
    SALES_BY_DAY = "SELECT MIN(day) AS part, MIN(currency) AS currency, COUNT(*) AS conversions, CAST(SUM(commission) AS BIGINT) AS commission FROM conversion";
    SALES_BY_LINK = "SELECT MIN(link) AS part, MIN(currency) AS currency, COUNT(*) AS conversions, CAST(SUM(commission) AS BIGINT) AS commission FROM conversion";
    SALES_BY_PUBLISHER =
        "SELECT MIN(publisher) AS part, MIN(currency) AS currency, COUNT(*) AS conversions, CAST(SUM(commission) AS BIGINT) AS commission FROM conversion";
    SALES_BY_PROGRAM =
        "SELECT MIN(program) AS part, MIN(currency) AS currency, COUNT(*) AS conversions, CAST(SUM(commission) AS BIGINT) AS commission FROM conversion";
}

/// What the report has a row for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Day,
    Link,
    Publisher,
    Program,
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Day(Day),
    Link(LinkId),
    Publisher(PublisherId),
    Program(ProgramId),
}

impl Part {
    /// The day's or the id's number: rows ascend by it.
    pub const fn number(self) -> i64 {
        match self {
            Self::Day(day) => day.number(),
            Self::Link(id) => id.raw(),
            Self::Publisher(id) => id.raw(),
            Self::Program(id) => id.raw(),
        }
    }
}

/// Which clicks and conversions count.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    pub program: Option<ProgramId>,
    pub link: Option<LinkId>,
    pub publisher: Option<PublisherId>,
    /// First and last day, both included. Of clicks the day of the click, of conversions the day of the order.
    pub since: Option<Day>,
    pub until: Option<Day>,
}

/// One row. Conversions are those that are neither unattributed nor rejected, at their newest credit's link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub part: Part,
    /// Every recorded click.
    pub raw: i64,
    /// Those of quality `ok`.
    pub counted: i64,
    pub conversions: i64,
    /// What is due now, by currency.
    pub commission: Vec<Money>,
}

impl Row {
    /// Earnings per counted click, by currency, rounded half up to the minor unit; empty without counted clicks.
    pub fn epc(&self) -> Result<Vec<Money>, OutOfRange> {
        if self.counted == 0 {
            return Ok(Vec::new());
        }
        let each = |sum: &Money| {
            let minor = Ratio::new(sum.minor.into(), self.counted.into())?.round_half_up()?;
            Ok(Money::new(minor, sum.currency))
        };
        self.commission.iter().map(each).collect()
    }
}

#[derive(sqlx::FromRow)]
struct Days {
    first: Option<i64>,
    last: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct ClickRow {
    part: i64,
    raw: i64,
    counted: i64,
}

#[derive(sqlx::FromRow)]
struct SaleRow {
    part: i64,
    currency: String,
    conversions: i64,
    commission: i64,
}

impl By {
    fn statements(self) -> (Sql, &'static str, Sql, &'static str) {
        match self {
            Self::Day => (CLICKS_BY_DAY, "GROUP BY s.day", SALES_BY_DAY, "GROUP BY day, currency"),
            Self::Link => (CLICKS_BY_LINK, "GROUP BY s.link", SALES_BY_LINK, "AND link IS NOT NULL GROUP BY link, currency"),
            Self::Publisher => {
                (CLICKS_BY_PUBLISHER, "GROUP BY l.publisher", SALES_BY_PUBLISHER, "AND publisher IS NOT NULL GROUP BY publisher, currency")
            }
            Self::Program => (CLICKS_BY_PROGRAM, "GROUP BY l.program", SALES_BY_PROGRAM, "GROUP BY program, currency"),
        }
    }

    fn part(self, number: i64) -> Result<Part, StoreError> {
        Ok(match self {
            Self::Day => {
                Part::Day(i32::try_from(number).map(Day::from_number).map_err(|_| StoreError::corrupt("click_stat", "day", number))?)
            }
            Self::Link => Part::Link(LinkId::from_raw(number)),
            Self::Publisher => Part::Publisher(PublisherId::from_raw(number)),
            Self::Program => Part::Program(ProgramId::from_raw(number)),
        })
    }
}

/// The whole report, ascending by day or id.
pub async fn clicks(tx: &mut Tx, by: By, wanted: &Wanted) -> Result<Vec<Row>, StoreError> {
    let (clicks, clicks_tail, sales, sales_tail) = by.statements();
    let mut rows: BTreeMap<Part, Row> = BTreeMap::new();
    let empty = |part| Row { part, raw: 0, counted: 0, conversions: 0, commission: Vec::new() };
    // A list of days is a few steps down the primary key; a range would read every link of every day.
    let counts = Filter::new(clicks)
        .any_of("s.day", Some(days(tx, wanted).await?))
        .and("s.link =", wanted.link.map(LinkId::raw))
        .and("l.program =", wanted.program.map(ProgramId::raw))
        .and("l.publisher =", wanted.publisher.map(PublisherId::raw));
    for row in counts.tail(clicks_tail).all::<ClickRow>(tx).await? {
        let part = by.part(row.part)?;
        rows.insert(part, Row { raw: row.raw, counted: row.counted, ..empty(part) });
    }
    let sums = Filter::new(sales)
        .and("link =", wanted.link.map(LinkId::raw))
        .and("program =", wanted.program.map(ProgramId::raw))
        .and("publisher =", wanted.publisher.map(PublisherId::raw))
        .and("day >=", wanted.since.map(Day::number))
        .and("day <=", wanted.until.map(Day::number))
        .only(true, "status NOT IN ('unattributed', 'rejected')");
    for row in sums.tail(sales_tail).all::<SaleRow>(tx).await? {
        let part = by.part(row.part)?;
        let currency: Currency = row.currency.parse().map_err(|_| StoreError::corrupt("conversion", "currency", &row.currency))?;
        let entry = rows.entry(part).or_insert_with(|| empty(part));
        entry.conversions += row.conversions;
        entry.commission.push(Money::new(row.commission, currency));
    }
    let mut rows: Vec<Row> = rows.into_values().collect();
    for row in &mut rows {
        row.commission.sort_by_key(|money| money.currency);
    }
    Ok(rows)
}

/// Every day that may have clicks and is wanted.
async fn days(tx: &mut Tx, wanted: &Wanted) -> Result<Vec<i64>, StoreError> {
    let Some(Days { first: Some(first), last: Some(last) }) = tx.one(CLICK_DAYS, args![]).await? else { return Ok(Vec::new()) };
    let since = wanted.since.map_or(first, |day| day.number().max(first));
    let until = wanted.until.map_or(last, |day| day.number().min(last));
    Ok((since..=until).collect())
}
