//! The roll-ups: sums by day and link, and the tallies of facets by scope.
use super::super::bulk::{self, Column};
use super::super::db::Tx;
use super::super::error::StoreError;
use super::super::filter::Filter;
use super::super::sql::Sql;
use super::{Pending, currency, day, numbers, scope};
use crate::domain::{
    facet::{Facet, Values},
    report::{self, Deltas, Parts, SaleKey, Sales, Scope, Stored},
};
use crate::kernel::{
    id::{LinkId, ProgramId, PublisherId},
    time::Day,
};
use crate::{args, statements};
use std::collections::{BTreeMap, BTreeSet};

statements! {
    DAYS = "SELECT day FROM click_stat UNION SELECT day FROM sale_stat UNION SELECT day FROM report_part UNION SELECT day FROM report_sale
        ORDER BY day";
    CLICKS_OF_DAY = "SELECT link, raw, counted FROM click_stat WHERE day = $1";
    SALES_OF_DAY = "SELECT link, publisher, program, currency, conversions, commission FROM sale_stat WHERE day = $1";
    PARTS = "SELECT day, link, publisher, program, country, referrer, agent, sub1 FROM report_part";
    COUNTRIES = "SELECT day, program, country AS body FROM report_part";
    REFERRERS = "SELECT day, program, referrer AS body FROM report_part";
    AGENTS = "SELECT day, program, agent AS body FROM report_part";
    SUB1S = "SELECT day, program, sub1 AS body FROM report_part";
}

#[derive(sqlx::FromRow)]
struct DayRow {
    day: i64,
}

#[derive(sqlx::FromRow)]
struct ClickRow {
    link: i64,
    raw: i64,
    counted: i64,
}

#[derive(sqlx::FromRow)]
struct SaleRow {
    link: i64,
    publisher: i64,
    program: i64,
    currency: String,
    conversions: i64,
    commission: i64,
}

/// A row of the tallies, as stored.
#[derive(Debug, sqlx::FromRow)]
struct PartRow {
    day: i64,
    link: i64,
    publisher: i64,
    program: i64,
    country: String,
    referrer: String,
    agent: String,
    sub1: String,
}

#[derive(sqlx::FromRow)]
struct BodyRow {
    day: i64,
    program: i64,
    body: String,
}

impl PartRow {
    fn read(self) -> Result<(Scope, Stored), StoreError> {
        let scope = scope("report_part", self.day, self.program, self.publisher, self.link)?;
        let mut stored = Stored::default();
        for (facet, text) in Facet::ALL.into_iter().zip([&self.country, &self.referrer, &self.agent, &self.sub1]) {
            stored[facet.place()] = parse(facet, text, self.day)?;
        }
        Ok((scope, stored))
    }
}

fn parse(facet: Facet, text: &str, day: i64) -> Result<Parts, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::corrupt("report_part", facet.word(), day))
}

/// Which scopes are read.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub days: &'a [i64],
    pub link: Option<LinkId>,
    pub publisher: Option<PublisherId>,
    /// Each has a scope of its own. None named are all together, or where they are told apart, each of all.
    pub programs: &'a [ProgramId],
    pub each_program: bool,
}

/// The tallies of a facet, by day and program.
pub async fn parts(tx: &mut Tx, facet: Facet, place: &Place<'_>) -> Result<Vec<(Day, Option<ProgramId>, Parts)>, StoreError> {
    let statement: Sql = match facet {
        Facet::Country => COUNTRIES,
        Facet::Referrer => REFERRERS,
        Facet::Agent => AGENTS,
        Facet::Sub1 => SUB1S,
    };
    let Place { days, link, publisher, programs, each_program } = *place;
    let named = (!programs.is_empty()).then(|| programs.iter().map(|id| id.raw()).collect::<Vec<_>>());
    let together = named.is_none() && link.is_none();
    // A list of days is a few steps down the primary key; a range would read every scope of every day.
    let rows: Vec<BodyRow> = Filter::new(statement)
        .any_of("day", Some(days))
        .and("link =", Some(link.map_or(0, LinkId::raw)))
        .and("publisher =", publisher.map(PublisherId::raw).or(link.is_none().then_some(0)))
        .any_of("program", named)
        .and("program =", (together && !each_program).then_some(0))
        .and("program <>", (together && each_program).then_some(0))
        .all(tx)
        .await?;
    let read = |row: BodyRow| {
        let scope = scope("report_part", row.day, row.program, 0, 0)?;
        Ok((scope.day, scope.program, parse(facet, &row.body, row.day)?))
    };
    rows.into_iter().map(read).collect()
}

/// Everything that the roll-ups hold of a day.
#[derive(Debug, Default)]
pub struct StoredDay {
    pub clicks: BTreeMap<(Day, LinkId), (i64, i64)>,
    pub sales: BTreeMap<SaleKey, Sales>,
    pub parts: BTreeMap<Scope, Stored>,
}

pub async fn of_day(tx: &mut Tx, day: Day) -> Result<StoredDay, StoreError> {
    let mut stored = StoredDay::default();
    for row in tx.all::<ClickRow>(CLICKS_OF_DAY, args![day.number()]).await? {
        stored.clicks.insert((day, LinkId::from_raw(row.link)), (row.raw, row.counted));
    }
    for row in tx.all::<SaleRow>(SALES_OF_DAY, args![day.number()]).await? {
        let scope = scope("sale_stat", day.number(), row.program, row.publisher, row.link)?;
        let currency = currency("sale_stat", &row.currency)?;
        stored.sales.insert(SaleKey { scope, currency }, Sales(row.conversions, row.commission));
    }
    let parts: Vec<PartRow> = Filter::new(PARTS).and("day =", Some(day.number())).all(tx).await?;
    stored.parts = parts.into_iter().map(PartRow::read).collect::<Result<_, _>>()?;
    Ok(stored)
}

/// The days that the roll-ups hold anything of, ascending.
pub async fn days(tx: &mut Tx) -> Result<Vec<Day>, StoreError> {
    tx.all::<DayRow>(DAYS, args![]).await?.into_iter().map(|row| day("report_part", row.day)).collect()
}

/// A fold, ready to be stored.
#[derive(Debug)]
pub struct Folded {
    deltas: Deltas,
    parts: Vec<(Scope, Values<String>)>,
}

/// Adds up what waits, and adds that to what is stored of every scope that it touches.
pub async fn prepare(tx: &mut Tx, pending: &Pending) -> Result<Folded, StoreError> {
    let mut deltas = Deltas::default();
    for cell in pending.cells() {
        deltas.add(&cell);
    }
    let added = deltas.parts();
    let mut stored = touched(tx, &added.keys().collect::<Vec<_>>()).await?;
    let mut parts = Vec::with_capacity(added.len());
    for (scope, delta) in added {
        let mut sums = stored.remove(&scope).unwrap_or_default();
        report::fold(&mut sums, &delta);
        let text = |parts: &Parts| serde_json::to_string(parts).expect("texts and numbers always become JSON");
        parts.push((scope, sums.each_ref().map(text)));
    }
    Ok(Folded { deltas, parts })
}

/// What is stored of these scopes, and perhaps of some others of their days.
async fn touched(tx: &mut Tx, scopes: &[&Scope]) -> Result<BTreeMap<Scope, Stored>, StoreError> {
    let distinct = |number: fn((i64, i64, i64, i64)) -> i64| -> Vec<i64> {
        scopes.iter().map(|scope| number(numbers(scope))).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let days = distinct(|(day, ..)| day);
    let links: Vec<i64> = distinct(|(.., link)| link).into_iter().filter(|link| *link != 0).collect();
    let publishers = distinct(|(_, _, publisher, _)| publisher);
    let mut stored = BTreeMap::new();
    if scopes.is_empty() {
        return Ok(stored);
    }
    let of_links = Filter::new(PARTS).any_of("day", Some(&days)).any_of("link", Some(links));
    let wider = Filter::new(PARTS).any_of("day", Some(&days)).and("link =", Some(0)).any_of("publisher", Some(publishers));
    for filter in [of_links, wider] {
        for row in filter.all::<PartRow>(tx).await? {
            let (scope, sums) = row.read()?;
            stored.insert(scope, sums);
        }
    }
    Ok(stored)
}

/// Writes a fold. Sorted: another server may come to the same rows.
pub(super) async fn save(tx: &mut Tx, folded: &Folded) -> Result<(), StoreError> {
    let clicks: Vec<_> = folded.deltas.clicks.iter().collect();
    let columns = [
        ("day", Column::int(&clicks, |((day, _), _)| day.number())),
        ("link", Column::int(&clicks, |((_, link), _)| link.raw())),
        ("raw", Column::int(&clicks, |(_, (raw, _))| *raw)),
        ("counted", Column::int(&clicks, |(_, (_, counted))| *counted)),
    ];
    let tail = "ON CONFLICT (day, link) DO UPDATE SET raw = click_stat.raw + excluded.raw, counted = click_stat.counted + excluded.counted";
    bulk::insert(tx, "click_stat", &columns, tail).await?;

    let sales: Vec<_> = folded.deltas.sales.iter().collect();
    let columns = [
        ("day", Column::int(&sales, |(key, _)| numbers(&key.scope).0)),
        ("program", Column::int(&sales, |(key, _)| numbers(&key.scope).1)),
        ("publisher", Column::int(&sales, |(key, _)| numbers(&key.scope).2)),
        ("link", Column::int(&sales, |(key, _)| numbers(&key.scope).3)),
        ("currency", Column::text(&sales, |(key, _)| key.currency.code())),
        ("conversions", Column::int(&sales, |(_, sales)| sales.0)),
        ("commission", Column::int(&sales, |(_, sales)| sales.1)),
    ];
    let tail = "ON CONFLICT (day, link, publisher, program, currency) DO UPDATE SET
        conversions = sale_stat.conversions + excluded.conversions, commission = sale_stat.commission + excluded.commission";
    bulk::insert(tx, "sale_stat", &columns, tail).await?;

    let parts = &folded.parts;
    let columns = [
        ("day", Column::int(parts, |(scope, _)| numbers(scope).0)),
        ("program", Column::int(parts, |(scope, _)| numbers(scope).1)),
        ("publisher", Column::int(parts, |(scope, _)| numbers(scope).2)),
        ("link", Column::int(parts, |(scope, _)| numbers(scope).3)),
        ("country", Column::text(parts, |(_, texts)| &texts[Facet::Country.place()])),
        ("referrer", Column::text(parts, |(_, texts)| &texts[Facet::Referrer.place()])),
        ("agent", Column::text(parts, |(_, texts)| &texts[Facet::Agent.place()])),
        ("sub1", Column::text(parts, |(_, texts)| &texts[Facet::Sub1.place()])),
    ];
    let tail = "ON CONFLICT (day, link, publisher, program) DO UPDATE SET country = excluded.country, referrer = excluded.referrer,
        agent = excluded.agent, sub1 = excluded.sub1";
    bulk::insert(tx, "report_part", &columns, tail).await.map(drop)
}
