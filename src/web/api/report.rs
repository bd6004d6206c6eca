//! The click report: clicks, conversions and commission by day, link, publisher or program.

use super::{AFTER, Api, Content, Field, Kind, LIMIT, Page, Query, Routes, op, span, whole};
use crate::{
    kernel::{
        fields::FieldErrors,
        id::{LinkId, ProgramId, PublisherId},
        money::Money,
        object::Object,
        time::Zone,
    },
    store::{
        self,
        stat::{By, Part, Row, Wanted},
    },
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

const WANTED: &[Field] = &[
    Field::required("by", Kind::Word(&["day", "link", "publisher", "program"]), "What a row stands for; its first key has this name."),
    Field::optional("program", Kind::Id(ProgramId::PREFIX), "Only clicks of this program."),
    Field::optional("link", Kind::Id(LinkId::PREFIX), "Only clicks of this link."),
    Field::optional("publisher", Kind::Id(PublisherId::PREFIX), "Only clicks of this publisher."),
    Field::optional("since", Kind::Moment, "Only days from this one on."),
    Field::optional("until", Kind::Moment, "Only days up to this one."),
    LIMIT,
    AFTER,
];

pub fn routes() -> Routes {
    let clicks_by = op("report_clicks", "Clicks, conversions and commission by day, link, publisher or program").query(WANTED);
    Routes::new("reports").get("/reports/clicks", clicks, clicks_by.answer(200, Content::Undescribed))
}

const BY: [(&str, By); 4] = [("day", By::Day), ("link", By::Link), ("publisher", By::Publisher), ("program", By::Program)];

/// A row; its first key is named after `by`.
struct View {
    row: Row,
    epc: Vec<Money>,
}

impl Serialize for View {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Row { part, raw, counted, conversions, commission } = &self.row;
        let mut map = serializer.serialize_map(Some(6))?;
        match part {
            Part::Day(day) => map.serialize_entry("day", day)?,
            Part::Link(id) => map.serialize_entry("link", id)?,
            Part::Publisher(id) => map.serialize_entry("publisher", id)?,
            Part::Program(id) => map.serialize_entry("program", id)?,
        }
        map.serialize_entry("raw", raw)?;
        map.serialize_entry("counted", counted)?;
        map.serialize_entry("conversions", conversions)?;
        map.serialize_entry("commission", commission)?;
        map.serialize_entry("epc", &self.epc)?;
        map.end()
    }
}

/// The whole report, or pages of it where a `limit` is given: sums are read at a glance, and a page would cut them without a word.
/// Days are the installation's; a `since` or `until` within a day takes in the day.
async fn clicks(State(api): State<Api>, query: Query) -> Result<Response, Problem> {
    let ((by, wanted), limit, after) = query.read(|query, errors| {
        let limit = query.optional("limit").integer(1..=500, errors);
        let after: Option<i64> = query.optional("after").parsed("invalid_cursor", errors);
        Some((read(query, api.zone(), errors)?, limit, after))
    })?;
    let mut tx = api.db().read().await?;
    let rows = store::stat::clicks(&mut tx, by, &wanted).await?;
    tx.commit().await?;
    let rows = rows.into_iter().filter(|row| after.is_none_or(|after| row.part.number() > after));
    let views = rows.map(|row| row.epc().map(|epc| View { row, epc })).collect::<Result<Vec<_>, _>>();
    let views = views.map_err(|error| {
        tracing::error!(%error, "earnings per click are out of range");
        Problem::internal()
    })?;
    Ok(match limit {
        Some(limit) => Page { limit, after }.answer(views, |view| view.row.part.number().to_string(), |view| view),
        None => whole(views),
    })
}

fn read(query: &Object<'_>, zone: &Zone, errors: &mut FieldErrors) -> Option<(By, Wanted)> {
    let words = BY.map(|(word, _)| word);
    let by = query.required("by", errors).word(&words, |word| BY.iter().find(|(by, _)| *by == word).map(|(_, by)| *by), errors);
    let (since, until) = span(query, zone, errors);
    let wanted = Wanted {
        program: query.optional("program").id(errors),
        link: query.optional("link").id(errors),
        publisher: query.optional("publisher").id(errors),
        since: since.map(|at| zone.day(at)),
        until: until.map(|at| zone.day(at.plus(-1))),
    };
    Some((by?, wanted))
}
