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
    CLICKS_OF_LINKS = "SELECT MIN(s.link) AS part, CAST(SUM(s.raw) AS BIGINT) AS raw, CAST(SUM(s.counted) AS BIGINT) AS counted
        FROM click_stat s";
    CLICKS_BY_LINK = "SELECT MIN(s.link) AS part, CAST(SUM(s.raw) AS BIGINT) AS raw, CAST(SUM(s.counted) AS BIGINT) AS counted
        FROM click_stat s JOIN link l ON l.id = s.link";
    CLICKS_BY_PUBLISHER = "SELECT MIN(l.publisher) AS part, CAST(SUM(s.raw) AS BIGINT) AS raw, CAST(SUM(s.counted) AS BIGINT) AS counted
        FROM click_stat s JOIN link l ON l.id = s.link";
    SALES_BY_LINK = "SELECT MIN(link) AS part, MIN(currency) AS currency, CAST(SUM(conversions) AS BIGINT) AS conversions,
        CAST(SUM(commission) AS BIGINT) AS commission FROM sale_stat";
    SALES_BY_PUBLISHER = "SELECT MIN(publisher) AS part, MIN(currency) AS currency, CAST(SUM(conversions) AS BIGINT) AS conversions,
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
    /// None, the first: of conversions whose newest credit has no link, as a coupon's.
    Link(Option<LinkId>),
    Publisher(Option<PublisherId>),
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
    /// The part of the report that a scope belongs to. Every cell has a program.
    fn part(self, scope: &Scope, words: &[&str; 4]) -> Option<Part> {
        match self {
            Self::Day => Some(Part::Day(scope.day)),
            Self::Link => Some(Part::Link(scope.link)),
            Self::Publisher => Some(Part::Publisher(scope.publisher)),
            Self::Program => scope.program.map(Part::Program),
            Self::Facet(facet) => Some(Part::Value(words[facet.place()].to_owned())),
        }
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

    /// Whether sums of clicks need to know whose links they are of.
    fn asks_of_links(&self) -> bool {
        self.link.is_none() && (self.publisher.is_some() || !self.programs.is_empty())
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
        By::Link => sums(tx, &LINKS, &place).await?,
        By::Publisher => sums(tx, &PUBLISHERS, &place).await?,
        By::Day | By::Program | By::Facet(_) => parts(tx, by, &place).await?,
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

/// From the tallies of facets, which have a row a day for each scope. The sum of any facet is the whole scope; countries are fewest.
async fn parts(tx: &mut Tx, by: By, place: &Where) -> Result<BTreeMap<Part, Tally>, StoreError> {
    let facet = if let By::Facet(facet) = by { facet } else { Facet::Country };
    let Where { days, programs, publisher, link } = place;
    let wanted = fold::Place { days, link: *link, publisher: *publisher, programs, each_program: by == By::Program };
    let mut rows: BTreeMap<Part, Tally> = BTreeMap::new();
    for (day, program, parts) in fold::parts(tx, facet, &wanted).await? {
        for (value, tally) in parts.into_values() {
            let part = match by {
                By::Day => Part::Day(day),
                By::Facet(_) => Part::Value(value),
                By::Program | By::Link | By::Publisher => Part::Program(program.unwrap_or(ProgramId::from_raw(0))),
            };
            rows.entry(part).or_default().add(&tally);
        }
    }
    Ok(rows)
}

/// How sums by an id are read: of clicks, where links are not asked for and where they are, and of conversions.
struct Sums {
    clicks: (Sql, Sql, &'static str),
    sales: (Sql, &'static str),
    part: fn(i64) -> Part,
}

const LINKS: Sums = Sums {
    clicks: (CLICKS_OF_LINKS, CLICKS_BY_LINK, "GROUP BY s.link"),
    sales: (SALES_BY_LINK, "GROUP BY link, currency"),
    part: |number| Part::Link((number != 0).then(|| LinkId::from_raw(number))),
};
const PUBLISHERS: Sums = Sums {
    clicks: (CLICKS_BY_PUBLISHER, CLICKS_BY_PUBLISHER, "GROUP BY l.publisher"),
    sales: (SALES_BY_PUBLISHER, "GROUP BY publisher, currency"),
    part: |number| Part::Publisher((number != 0).then(|| PublisherId::from_raw(number))),
};

async fn sums(tx: &mut Tx, by: &Sums, place: &Where) -> Result<BTreeMap<Part, Tally>, StoreError> {
    let mut rows: BTreeMap<Part, Tally> = BTreeMap::new();
    // A list of days is a few steps down the primary key; a range would read every link of every day.
    let (plain, of_links, group) = by.clicks;
    let counts = if place.asks_of_links() {
        let filter = Filter::new(of_links).any_of("s.day", Some(&place.days)).any_of("l.program", place.programs());
        filter.and("l.publisher =", place.publisher.map(PublisherId::raw))
    } else {
        Filter::new(plain).any_of("s.day", Some(&place.days)).and("s.link =", place.link.map(LinkId::raw))
    };
    for row in counts.tail(group).all::<ClickRow>(tx).await? {
        rows.entry((by.part)(row.part)).or_default().add(&Tally::clicks(row.raw, row.counted));
    }
    let (statement, group) = by.sales;
    let sums = Filter::new(statement)
        .any_of("day", Some(&place.days))
        .and("link =", place.link.map(LinkId::raw))
        .any_of("program", place.programs())
        .and("publisher =", place.publisher.map(PublisherId::raw));
    for row in sums.tail(group).all::<SaleRow>(tx).await? {
        let currency: Currency = row.currency.parse().map_err(|_| StoreError::corrupt("sale_stat", "currency", &row.currency))?;
        let tally = Tally::sale(currency, Sales(row.conversions, row.commission));
        rows.entry((by.part)(row.part)).or_default().add(&tally);
    }
    Ok(rows)
}
