//! The click report: clicks, conversions and commission by day, link, publisher, program, country, referrer, agent or sub-id.

use super::{
    AFTER, Accept, Api, Caller, Chunk, Content, CsvLine, Field, Format, Kind, PAGE_ROWS_MAX, Page, Query, Record, Routes, Shape, op, span,
    stream_table, whole,
};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR, PUBLISHER, Whose},
        facet::Facet,
        report::Sales,
    },
    kernel::{
        fields::FieldErrors,
        id::{LinkId, MerchantId, ProgramId, PublisherId},
        money::Money,
        object::Object,
        schema,
        time::{Day, Zone},
    },
    store::{
        self,
        stat::{By, Part, Row, Wanted},
    },
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use std::{borrow::Cow, fmt, str::FromStr};
use utoipa::ToSchema;

const WANTED: &[Field] = &[
    Field::required("by", Kind::Word(&WORDS), "What a row stands for; its first key has this name."),
    Field::optional("merchant", Kind::Id(MerchantId::PREFIX), "Only clicks of this merchant's programs."),
    Field::optional("program", Kind::Id(ProgramId::PREFIX), "Only clicks of this program."),
    Field::optional("link", Kind::Id(LinkId::PREFIX), "Only clicks of this link."),
    Field::optional("publisher", Kind::Id(PublisherId::PREFIX), "Only clicks of this publisher."),
    Field::optional("since", Kind::Moment, "Only days from this one on."),
    Field::optional("until", Kind::Moment, "Only days up to this one."),
    Field::optional("limit", Kind::Integer { min: 1, max: PAGE_ROWS_MAX }, "How many rows a page has; the whole report if left out."),
    AFTER,
];

pub fn routes() -> Routes {
    let clicks_by =
        op("report_clicks", "Clicks, conversions and commission by day, link, publisher, program, country, referrer, agent or sub-id")
            .roles(OPERATOR | MERCHANT | PUBLISHER)
            .query(WANTED)
            .answer(200, Content::Page(Shape::of::<View>()))
            .streamed();
    Routes::new("reports").get("/reports/clicks", clicks, clicks_by)
}

const WORDS: [&str; 8] = ["day", "link", "publisher", "program", "country", "referrer", "agent", "sub1"];

const BY: [(&str, By); 8] = [
    ("day", By::Day),
    ("link", By::Link),
    ("publisher", By::Publisher),
    ("program", By::Program),
    ("country", By::Facet(Facet::Country)),
    ("referrer", By::Facet(Facet::Referrer)),
    ("agent", By::Facet(Facet::Agent)),
    ("sub1", By::Facet(Facet::Sub1)),
];

/// A row; its first key is named after `by`.
struct View {
    by: &'static str,
    row: Row,
    epc: Vec<Money>,
    conversion_rate: Option<String>,
}

/// What happened with one part; its first key is named after `by`.
#[derive(ToSchema)]
#[schema(as = ClickReportRow)]
#[expect(dead_code, reason = "only its shape is wanted")]
struct Wire {
    /// By day.
    #[schema(nullable = false)]
    day: Option<Day>,
    /// By link; null for conversions whose newest credit has none, as a coupon's.
    link: Option<LinkId>,
    /// By publisher; null for conversions without one.
    publisher: Option<PublisherId>,
    /// By program.
    #[schema(nullable = false)]
    program: Option<ProgramId>,
    /// By country: ISO 3166-1, two letters, or `unknown`.
    #[schema(nullable = false)]
    country: Option<String>,
    /// By the host of the page that the link stood on; `(none)`, `(other)`, `(unknown)`.
    #[schema(nullable = false)]
    referrer: Option<String>,
    /// By the browser's family.
    #[schema(nullable = false)]
    agent: Option<String>,
    /// By the publisher's own mark; `(none)`, `(other)`, `(unknown)`. A mark that reads like one of these has a backslash before it.
    #[schema(nullable = false)]
    sub1: Option<String>,
    /// Every recorded click.
    raw: i64,
    /// Those of quality `ok`.
    counted: i64,
    /// By the day of the sale.
    conversions: i64,
    /// What is due on them now, one for each currency.
    commission: Vec<Money>,
    /// Commission per counted click, one for each currency.
    epc: Vec<Money>,
    /// Conversions per counted click, with 4 decimals; null without a counted click.
    #[schema(required)]
    conversion_rate: Option<String>,
}

impl utoipa::PartialSchema for View {
    fn schema() -> schema::Shape {
        Wire::schema()
    }
}
impl ToSchema for View {
    fn name() -> Cow<'static, str> {
        Wire::name()
    }
    fn schemas(schemas: &mut Vec<(String, schema::Shape)>) {
        Wire::schemas(schemas);
    }
}

/// What a row's first key, or the first column, is called.
fn word(by: By) -> &'static str {
    BY.iter().find(|(_, known)| *known == by).map_or("part", |(word, _)| word)
}

impl View {
    fn new(by: By, row: Row) -> Result<Self, Problem> {
        let unworkable = |error| {
            tracing::error!(%error, "earnings per click are out of range");
            Problem::internal()
        };
        Ok(Self { by: word(by), epc: row.epc().map_err(unworkable)?, conversion_rate: row.conversion_rate().map_err(unworkable)?, row })
    }
}

impl Serialize for View {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(7))?;
        match &self.row.part {
            Part::Day(day) => map.serialize_entry(self.by, day)?,
            Part::Link(id) => map.serialize_entry(self.by, id)?,
            Part::Publisher(id) => map.serialize_entry(self.by, id)?,
            Part::Program(id) => map.serialize_entry(self.by, id)?,
            Part::Value(value) => map.serialize_entry(self.by, value)?,
        }
        map.serialize_entry("raw", &self.row.tally.raw)?;
        map.serialize_entry("counted", &self.row.tally.counted)?;
        map.serialize_entry("conversions", &self.row.tally.conversions())?;
        map.serialize_entry("commission", &self.row.commission())?;
        map.serialize_entry("epc", &self.epc)?;
        map.serialize_entry("conversion_rate", &self.conversion_rate)?;
        map.end()
    }
}

/// A line a currency. What is not of a currency stands in the first line of its part only, so that columns can be added up.
impl Record for View {
    const FILE: &'static str = "report.csv";
    /// The first is named after `by`.
    const COLUMNS: &'static [&'static str] = &["part", "raw", "counted", "conversion_rate", "conversions", "commission", "epc", "currency"];

    fn lines(&self) -> Vec<CsvLine> {
        let tally = &self.row.tally;
        let part = text(&self.row.part);
        let mut currencies = tally.sales.iter();
        let mut lines = Vec::new();
        loop {
            let sales = currencies.next();
            let line = CsvLine::default().text(part.as_deref());
            let line = match lines.is_empty() {
                true => line.plain(tally.raw).plain(tally.counted).maybe(self.conversion_rate.as_deref()),
                false if sales.is_none() => return lines,
                false => line.plain("").plain("").plain(""),
            };
            lines.push(match sales {
                Some((currency, Sales(conversions, commission))) => {
                    let epc = self.epc.iter().find(|epc| epc.currency == *currency);
                    let line = line.plain(conversions).amount(Money::new(*commission, *currency));
                    line.maybe(epc.map(|epc| epc.amount())).plain(currency)
                }
                None => line.plain(0).plain("").plain("").plain(""),
            });
        }
    }
}

/// What a part is called; none for what has no link or publisher.
fn text(part: &Part) -> Option<String> {
    match part {
        Part::Day(day) => Some(day.to_string()),
        Part::Link(id) => id.map(|id| id.to_string()),
        Part::Publisher(id) => id.map(|id| id.to_string()),
        Part::Program(id) => Some(id.to_string()),
        Part::Value(value) => Some(value.clone()),
    }
}

/// What stands in a cursor for no link or publisher; no id reads so.
const NOBODY: &str = "-";

/// The part of the last row of a page, as letters that may stand in a URL.
#[derive(Debug)]
struct Cursor(String);

impl Cursor {
    fn of(part: &Part) -> Self {
        Self(text(part).unwrap_or_else(|| NOBODY.to_owned()))
    }

    fn part(&self, by: By) -> Option<Part> {
        match by {
            By::Day => Day::parse(&self.0).map(Part::Day),
            By::Link | By::Publisher if self.0 == NOBODY => Some(if by == By::Link { Part::Link(None) } else { Part::Publisher(None) }),
            By::Link => self.0.parse().ok().map(|id| Part::Link(Some(id))),
            By::Publisher => self.0.parse().ok().map(|id| Part::Publisher(Some(id))),
            By::Program => self.0.parse().ok().map(Part::Program),
            By::Facet(_) => Some(Part::Value(self.0.clone())),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        String::from_utf8(bytes).map(Self).map_err(|_| CursorError)
    }
}

/// Not a cursor of this report.
#[derive(Debug, thiserror::Error)]
#[error("not a cursor of this report: the `next` of a page is wanted")]
struct CursorError;

/// The whole report, or pages of it where a `limit` is given: sums are read at a glance, and a page would cut them without a word.
/// Days are the installation's; a `since` or `until` within a day takes in the day.
async fn clicks(State(api): State<Api>, caller: Caller, accept: Accept, query: Query) -> Result<Response, Problem> {
    let ((by, wanted), limit, after, format) = query.read(|query, errors| {
        let limit = query.optional("limit").integer(1..=PAGE_ROWS_MAX, errors);
        let (by, wanted) = read(query, api.zone(), errors)?;
        Some(((by, wanted), limit, cursor(query, by, errors), Format::read(query, accept, errors)))
    })?;
    let views = match caller.scope.narrow(wanted.whose) {
        Some(whose) => rows(&api, by, Wanted { whose, ..wanted }, after).await?,
        None => Vec::new(),
    };
    if format != Format::Json {
        // The sums are in memory anyway: there are as many as parts.
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let mut views: Vec<View> = views.into_iter().take(limit).collect();
        let all = Page { limit: i64::MAX, after: None::<()> };
        let read = move |_, _| std::future::ready(Ok(Chunk { rows: std::mem::take(&mut views), next: None }));
        let columns = [&[word(by)], &View::COLUMNS[1..]].concat();
        return stream_table(format, &columns, all, read).await;
    }
    Ok(match limit {
        Some(limit) => Page { limit, after: None::<()> }.answer(views, |view| Cursor::of(&view.row.part).to_string(), |view| view),
        None => whole(views),
    })
}

async fn rows(api: &Api, by: By, wanted: Wanted, after: Option<Part>) -> Result<Vec<View>, Problem> {
    let mut tx = api.db().read().await?;
    let rows = store::stat::clicks(&mut tx, by, &wanted).await?;
    tx.commit().await?;
    let rows = rows.into_iter().filter(|row| after.as_ref().is_none_or(|after| row.part > *after));
    rows.map(|row| View::new(by, row)).collect()
}

fn cursor(query: &Object<'_>, by: By, errors: &mut FieldErrors) -> Option<Part> {
    let field = query.optional("after");
    field.parsed("invalid_cursor", errors).and_then(|cursor: Cursor| {
        let part = cursor.part(by);
        if part.is_none() {
            errors.push(field.path(), "invalid_cursor", CursorError.to_string());
        }
        part
    })
}

fn read(query: &Object<'_>, zone: &Zone, errors: &mut FieldErrors) -> Option<(By, Wanted)> {
    let of = |word: &str| BY.iter().find(|(by, _)| *by == word).map(|(_, by)| *by);
    let by = query.required("by", errors).word(&WORDS, of, errors);
    let (since, until) = span(query, zone, errors);
    let whose = Whose { merchant: query.optional("merchant").id(errors), publisher: query.optional("publisher").id(errors), buyer: None };
    let wanted = Wanted {
        whose,
        program: query.optional("program").id(errors),
        link: query.optional("link").id(errors),
        since: since.map(|at| zone.day(at)),
        until: until.map(|at| zone.day(at.plus(-1))),
    };
    Some((by?, wanted))
}
