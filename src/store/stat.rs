//! The click report: the roll-ups, and what is not in them yet, by day, link, publisher, program or a facet of clicks.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use super::fold;
use super::sql::Sql;
use crate::domain::{
    access::Whose,
    facet::Facet,
    report::{Sales, Scope, Tally},
};
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
    /// Each minimum and maximum is one step down a primary key.
    DAYS = "SELECT (SELECT MIN(day) FROM click_stat) AS first, (SELECT MAX(day) FROM click_stat) AS last,
        (SELECT MIN(day) FROM sale_stat) AS first_sale, (SELECT MAX(day) FROM sale_stat) AS last_sale";
    PLACE = "SELECT program, publisher FROM link WHERE id = $1";
    PROGRAMS = "SELECT id AS n FROM program";
    /// `Filter` adds the conditions and the group. MIN of what is grouped by is that itself, and lets the texts stand alone too.
    CLICKS_BY_DAY = "SELECT MIN(s.day) AS part, CAST(SUM(s.raw) AS BIGINT) AS raw, CAST(SUM(s.counted) AS BIGINT) AS counted
        FROM click_stat s JOIN link l ON l.id = s.link";
    CLICKS_BY_LINK = "SELECT MIN(s.link) AS part, CAST(SUM(s.raw) AS BIGINT) AS raw, CAST(SUM(s.counted) AS BIGINT) AS counted
        FROM click_stat s JOIN link l ON l.id = s.link";
    CLICKS_BY_PUBLISHER = "SELECT MIN(l.publisher) AS part, CAST(SUM(s.raw) AS BIGINT) AS raw, CAST(SUM(s.counted) AS BIGINT) AS counted
        FROM click_stat s JOIN link l ON l.id = s.link";
    CLICKS_BY_PROGRAM = "SELECT MIN(l.program) AS part, CAST(SUM(s.raw) AS BIGINT) AS raw, CAST(SUM(s.counted) AS BIGINT) AS counted
        FROM click_stat s JOIN link l ON l.id = s.link";
    SALES_BY_DAY = "SELECT MIN(day) AS part, MIN(currency) AS currency, CAST(SUM(conversions) AS BIGINT) AS conversions,
        CAST(SUM(commission) AS BIGINT) AS commission FROM sale_stat";
    SALES_BY_LINK = "SELECT MIN(link) AS part, MIN(currency) AS currency, CAST(SUM(conversions) AS BIGINT) AS conversions,
        CAST(SUM(commission) AS BIGINT) AS commission FROM sale_stat";
    SALES_BY_PUBLISHER = "SELECT MIN(publisher) AS part, MIN(currency) AS currency, CAST(SUM(conversions) AS BIGINT) AS conversions,
        CAST(SUM(commission) AS BIGINT) AS commission FROM sale_stat";
    SALES_BY_PROGRAM = "SELECT MIN(program) AS part, MIN(currency) AS currency, CAST(SUM(conversions) AS BIGINT) AS conversions,
        CAST(SUM(commission) AS BIGINT) AS commission FROM sale_stat";
}

/// What the report has a row for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Day,
    Link,
    Publisher,
    Program,
    Facet(Facet),
}

/// What a row is about; rows ascend by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Day(Day),
    Link(LinkId),
    Publisher(PublisherId),
    Program(ProgramId),
    /// A word of a facet.
    Value(String),
}

/// Which clicks and conversions count.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// Of a merchant's programs, of a publisher; no buyer's.
    pub whose: Whose,
    pub program: Option<ProgramId>,
    pub link: Option<LinkId>,
    /// First and last day, both included. Of clicks the day of the click, of conversions the day of the order.
    pub since: Option<Day>,
    pub until: Option<Day>,
}

/// One row. Conversions are those that are neither unattributed nor rejected, at their newest credit's link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub part: Part,
    pub tally: Tally,
}

impl Row {
    /// What is due now, by currency.
    pub fn commission(&self) -> Vec<Money> {
        self.tally.sales.iter().map(|(currency, Sales(_, minor))| Money::new(*minor, *currency)).collect()
    }

    /// Earnings per counted click, by currency, rounded half up to the minor unit; empty without counted clicks.
    pub fn epc(&self) -> Result<Vec<Money>, OutOfRange> {
        if self.tally.counted == 0 {
            return Ok(Vec::new());
        }
        let each = |sum: Money| {
            let minor = Ratio::new(sum.minor.into(), self.tally.counted.into())?.round_half_up()?;
            Ok(Money::new(minor, sum.currency))
        };
        self.commission().into_iter().map(each).collect()
    }

    /// Conversions per counted click, rounded half up to four decimals: `0.0213`; none without counted clicks.
    pub fn conversion_rate(&self) -> Result<Option<String>, OutOfRange> {
        if self.tally.counted == 0 {
            return Ok(None);
        }
        let rate = Ratio::new(i128::from(self.tally.conversions()) * 10_000, self.tally.counted.into())?.round_half_up()?;
        Ok(Some(format!("{}.{:04}", rate / 10_000, rate % 10_000)))
    }
}

#[derive(sqlx::FromRow)]
struct Days {
    first: Option<i64>,
    last: Option<i64>,
    first_sale: Option<i64>,
    last_sale: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct PlaceRow {
    program: i64,
    publisher: i64,
}

#[derive(sqlx::FromRow)]
struct Number {
    n: i64,
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
    /// The part of the report that a scope belongs to; none for a conversion without link or publisher.
    fn part(self, scope: &Scope, words: &[&str; 4]) -> Option<Part> {
        match self {
            Self::Day => Some(Part::Day(scope.day)),
            Self::Link => scope.link.map(Part::Link),
            Self::Publisher => scope.publisher.map(Part::Publisher),
            Self::Program => scope.program.map(Part::Program),
            Self::Facet(facet) => Some(Part::Value(words[facet.place()].to_owned())),
        }
    }

    fn statements(self) -> Option<(Sql, &'static str, Sql, &'static str)> {
        Some(match self {
            Self::Day => (CLICKS_BY_DAY, "GROUP BY s.day", SALES_BY_DAY, "GROUP BY day, currency"),
            Self::Link => (CLICKS_BY_LINK, "GROUP BY s.link", SALES_BY_LINK, "AND link <> 0 GROUP BY link, currency"),
            Self::Publisher => {
                (CLICKS_BY_PUBLISHER, "GROUP BY l.publisher", SALES_BY_PUBLISHER, "AND publisher <> 0 GROUP BY publisher, currency")
            }
            Self::Program => (CLICKS_BY_PROGRAM, "GROUP BY l.program", SALES_BY_PROGRAM, "GROUP BY program, currency"),
            Self::Facet(_) => return None,
        })
    }

    fn numbered(self, number: i64) -> Result<Part, StoreError> {
        Ok(match self {
            Self::Day => {
                Part::Day(i32::try_from(number).map(Day::from_number).map_err(|_| StoreError::corrupt("click_stat", "day", number))?)
            }
            Self::Link => Part::Link(LinkId::from_raw(number)),
            Self::Publisher => Part::Publisher(PublisherId::from_raw(number)),
            Self::Program | Self::Facet(_) => Part::Program(ProgramId::from_raw(number)),
        })
    }
}

/// The conditions as the roll-ups know them.
struct Where {
    /// Every day that may have something and is wanted.
    days: Vec<i64>,
    /// Empty is all.
    programs: Vec<ProgramId>,
    publisher: Option<PublisherId>,
    link: Option<LinkId>,
}

impl Where {
    fn fits(&self, wanted: &Wanted, scope: &Scope) -> bool {
        wanted.since.is_none_or(|since| since <= scope.day)
            && wanted.until.is_none_or(|until| scope.day <= until)
            && (self.programs.is_empty() || scope.program.is_some_and(|program| self.programs.contains(&program)))
            && (self.publisher.is_none() || scope.publisher == self.publisher)
            && (self.link.is_none() || scope.link == self.link)
    }

    fn programs(&self) -> Option<Vec<i64>> {
        (!self.programs.is_empty()).then(|| self.programs.iter().map(|id| id.raw()).collect())
    }
}

/// None where nothing can fit.
async fn conditions(tx: &mut Tx, wanted: &Wanted) -> Result<Option<Where>, StoreError> {
    let mut programs: Vec<ProgramId> = wanted.program.into_iter().collect();
    if let Some(merchant) = wanted.whose.merchant {
        let own: Vec<Number> =
            Filter::new(PROGRAMS).and("merchant =", Some(merchant.raw())).and("id =", wanted.program.map(ProgramId::raw)).all(tx).await?;
        programs = own.into_iter().map(|row| ProgramId::from_raw(row.n)).collect();
        if programs.is_empty() {
            return Ok(None);
        }
    }
    let mut publisher = wanted.whose.publisher;
    if let Some(link) = wanted.link {
        let Some(place) = tx.one::<PlaceRow>(PLACE, args![link.raw()]).await? else { return Ok(None) };
        let (program, owner) = (ProgramId::from_raw(place.program), PublisherId::from_raw(place.publisher));
        if publisher.is_some_and(|publisher| publisher != owner) || !(programs.is_empty() || programs.contains(&program)) {
            return Ok(None);
        }
        (programs, publisher) = (vec![program], Some(owner));
    }
    Ok(Some(Where { days: days(tx, wanted).await?, programs, publisher, link: wanted.link }))
}

async fn days(tx: &mut Tx, wanted: &Wanted) -> Result<Vec<i64>, StoreError> {
    let Some(Days { first, last, first_sale, last_sale }) = tx.one(DAYS, args![]).await? else { return Ok(Vec::new()) };
    let (Some(first), Some(last)) = (first.into_iter().chain(first_sale).min(), last.max(last_sale)) else { return Ok(Vec::new()) };
    let since = wanted.since.map_or(first, |day| day.number().max(first));
    let until = wanted.until.map_or(last, |day| day.number().min(last));
    Ok((since..=until).collect())
}

/// The whole report, ascending by its parts.
pub async fn clicks(tx: &mut Tx, by: By, wanted: &Wanted) -> Result<Vec<Row>, StoreError> {
    let Some(place) = conditions(tx, wanted).await? else { return Ok(Vec::new()) };
    let mut rows = match by {
        By::Facet(facet) => facets(tx, facet, &place).await?,
        _ => sums(tx, by, &place).await?,
    };
    // Read in the same snapshot as the roll-ups: together they are everything, each once.
    let pending = fold::pending(tx, i64::MAX).await?;
    for cell in pending.cells().filter(|cell| place.fits(wanted, &cell.scope)) {
        if let Some(part) = by.part(&cell.scope, &cell.words) {
            rows.entry(part).or_default().add(&cell.tally);
        }
    }
    rows.retain(|_, tally| !tally.is_zero());
    Ok(rows.into_iter().map(|(part, tally)| Row { part, tally }).collect())
}

async fn facets(tx: &mut Tx, facet: Facet, place: &Where) -> Result<BTreeMap<Part, Tally>, StoreError> {
    let mut rows: BTreeMap<Part, Tally> = BTreeMap::new();
    for parts in fold::parts(tx, facet, &place.days, place.link, place.publisher, &place.programs).await? {
        for (value, tally) in parts.into_values() {
            rows.entry(Part::Value(value)).or_default().add(&tally);
        }
    }
    Ok(rows)
}

async fn sums(tx: &mut Tx, by: By, place: &Where) -> Result<BTreeMap<Part, Tally>, StoreError> {
    let mut rows: BTreeMap<Part, Tally> = BTreeMap::new();
    let Some((clicks, clicks_tail, sales, sales_tail)) = by.statements() else { return Ok(rows) };
    // A list of days is a few steps down the primary key; a range would read every link of every day.
    let counts = Filter::new(clicks)
        .any_of("s.day", Some(&place.days))
        .and("s.link =", place.link.map(LinkId::raw))
        .any_of("l.program", place.programs())
        .and("l.publisher =", place.publisher.map(PublisherId::raw));
    for row in counts.tail(clicks_tail).all::<ClickRow>(tx).await? {
        rows.entry(by.numbered(row.part)?).or_default().add(&Tally::clicks(row.raw, row.counted));
    }
    let sums = Filter::new(sales)
        .any_of("day", Some(&place.days))
        .and("link =", place.link.map(LinkId::raw))
        .any_of("program", place.programs())
        .and("publisher =", place.publisher.map(PublisherId::raw));
    for row in sums.tail(sales_tail).all::<SaleRow>(tx).await? {
        let currency: Currency = row.currency.parse().map_err(|_| StoreError::corrupt("sale_stat", "currency", &row.currency))?;
        let tally = Tally::sale(currency, Sales(row.conversions, row.commission));
        rows.entry(by.numbered(row.part)?).or_default().add(&tally);
    }
    Ok(rows)
}
