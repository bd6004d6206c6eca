//! Clicks, one by one: what the reports count.

use super::{
    Accept, Api, Caller, Chunk, Content, CsvLine, Field, Format, Ids, Kind, LIMIT, Query, Record, Routes, nothing, ok, op, span,
    stream_list,
};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR, PUBLISHER, Scope, Whose},
        agent,
        click::Quality,
    },
    kernel::{
        address::Address,
        country::Country,
        fields::FieldErrors,
        id::{BuyerId, ClickId, LinkId, MerchantId, ProgramId, PublisherId, time_of},
        object::Object,
        time::{Time, Zone},
    },
    store::{
        self,
        click_list::{Found, Stored, Wanted},
    },
    web::{json, problem::Problem},
};
use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

const ID: &[Field] = &[Field::required("id", Kind::Id(ClickId::PREFIX), "The click.")];

const QUALITIES: &[&str] = &["ok", "duplicate", "prefetch", "suspect", "bot", "embedded"];

const WANTED: &[Field] = &[
    Field::optional("merchant", Kind::Id(MerchantId::PREFIX), "Only clicks of this merchant's programs."),
    Field::optional("program", Kind::Id(ProgramId::PREFIX), "Only clicks of this program."),
    Field::optional("publisher", Kind::Id(PublisherId::PREFIX), "Only clicks of this publisher."),
    Field::optional("link", Kind::Id(LinkId::PREFIX), "Only clicks of this link."),
    Field::optional("buyer", Kind::Id(BuyerId::PREFIX), "Only clicks of this buyer; the operator's question."),
    Field::optional("quality", Kind::Word(QUALITIES), "Only clicks of this quality."),
    Field::optional("since", Kind::Moment, "Only clicks of then or later."),
    Field::optional("until", Kind::Moment, "Only clicks before; a date counts whole."),
    LIMIT,
    Field::optional("after", Kind::Cursor, "The `next` of the page before."),
];

const ABOUT: &str = "Walks back from the newest click, over at most 20,000 of them a page, whether they fit or not. A page may so hold few \
    rows or none and yet have a `next`; `searched_to` says how far it came.";

pub fn routes() -> Routes {
    let roles = OPERATOR | MERCHANT | PUBLISHER;
    let list_them = op("list_clicks", "Clicks, newest first").about(ABOUT).roles(roles).query(WANTED);
    Routes::new("clicks").get("/clicks", list, list_them.answer(200, Content::One(super::Shape::of::<Clicks>())).streamed()).get(
        "/clicks/{id}",
        one,
        op("get_click", "One click").roles(roles).ids(ID).ok::<View>(),
    )
}

#[derive(Serialize, ToSchema)]
#[schema(as = Click)]
struct View {
    id: ClickId,
    at: Time,
    link: LinkId,
    publisher: PublisherId,
    program: ProgramId,
    quality: Quality,
    /// Without it there is neither address nor agent.
    consent: bool,
    country: Option<Country>,
    /// The `User-Agent`, as it came.
    agent: Option<String>,
    /// What reports call it.
    agent_family: String,
    /// The `Referer`, as it came.
    referrer: Option<String>,
    sub1: Option<String>,
    sub2: Option<String>,
    sub3: Option<String>,
    sub4: Option<String>,
    sub5: Option<String>,
    /// The deep link that was followed.
    url: Option<String>,
    /// Shown to the operator only.
    buyer: Option<BuyerId>,
    /// The network, /24 or /48, never the address. Shown to the operator only.
    address: Option<String>,
}

impl View {
    fn new(click: Stored, scope: Scope) -> Self {
        let operator = scope == Scope::All;
        let [sub1, sub2, sub3, sub4, sub5] = click.subs;
        let network = click.address.as_deref().and_then(Address::parse).map(|address| address.anonymised().to_string());
        Self {
            id: click.id,
            at: time_of(click.id.raw()),
            link: click.link,
            publisher: click.publisher,
            program: click.program,
            quality: click.quality,
            consent: click.consent,
            country: click.country,
            agent_family: agent::family(click.agent.as_deref()).into_owned(),
            agent: click.agent,
            referrer: click.referrer,
            sub1,
            sub2,
            sub3,
            sub4,
            sub5,
            url: click.url,
            buyer: click.buyer.filter(|_| operator),
            address: network.filter(|_| operator),
        }
    }
}

/// A part of the list of clicks.
#[derive(Serialize, ToSchema)]
struct Clicks {
    data: Vec<View>,
    /// For `after`; null where there is nothing older.
    next: Option<String>,
    /// Down to when every click has been looked at; null where that is the beginning.
    searched_to: Option<Time>,
}

impl Record for View {
    const FILE: &'static str = "clicks.csv";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "at",
        "link",
        "publisher",
        "program",
        "quality",
        "consent",
        "country",
        "agent",
        "agent_family",
        "referrer",
        "sub1",
        "sub2",
        "sub3",
        "sub4",
        "sub5",
        "url",
        "buyer",
        "address",
    ];

    fn lines(&self) -> Vec<CsvLine> {
        let line = CsvLine::default().plain(self.id).plain(self.at).plain(self.link).plain(self.publisher).plain(self.program);
        let line = line.plain(self.quality.code()).plain(self.consent).maybe(self.country).text(self.agent.as_deref());
        let line = line.text(Some(&self.agent_family)).text(self.referrer.as_deref());
        let subs = [&self.sub1, &self.sub2, &self.sub3, &self.sub4, &self.sub5];
        let line = subs.into_iter().fold(line, |line, sub| line.text(sub.as_deref()));
        vec![line.text(self.url.as_deref()).maybe(self.buyer).maybe(self.address.as_deref())]
    }
}

async fn list(State(api): State<Api>, caller: Caller, accept: Accept, query: Query) -> Result<Response, Problem> {
    let (wanted, page, format) = query.read_list::<ClickId, _>(accept, |query, errors| Some(read(query, api.zone(), errors)))?;
    let scope = caller.scope;
    let whose = scope.narrow(wanted.whose);
    if format != Format::Json {
        let Some(whose) = whose else { return nothing::<View>(format).await };
        let wanted = Wanted { whose, ..wanted };
        let read = move |after, rows| {
            let api = api.clone();
            async move {
                let found = look(&api, &wanted, after, rows).await?;
                Ok(Chunk { rows: found.clicks.into_iter().map(|click| View::new(click, scope)).collect(), next: found.next })
            }
        };
        return stream_list(format, page, read).await;
    }
    let Some(whose) = whose else {
        return Ok(json::answer(StatusCode::OK, &Clicks { data: Vec::new(), next: None, searched_to: None }));
    };
    let found = look(&api, &Wanted { whose, ..wanted }, page.after, page.limit).await?;
    let data = found.clicks.into_iter().map(|click| View::new(click, scope)).collect();
    let next = found.next.map(|next| next.to_string());
    Ok(json::answer(StatusCode::OK, &Clicks { data, next, searched_to: found.searched_to }))
}

async fn look(api: &Api, wanted: &Wanted, after: Option<ClickId>, rows: i64) -> Result<Found, Problem> {
    let mut tx = api.db().read().await?;
    let found = store::click_list::list(&mut tx, wanted, after, rows).await?;
    tx.commit().await?;
    Ok(found)
}

fn read(query: &Object<'_>, zone: &Zone, errors: &mut FieldErrors) -> Wanted {
    let (since, until) = span(query, zone, errors);
    let whose = Whose {
        merchant: query.optional("merchant").id(errors),
        publisher: query.optional("publisher").id(errors),
        buyer: query.optional("buyer").id(errors),
    };
    Wanted {
        whose,
        program: query.optional("program").id(errors),
        link: query.optional("link").id(errors),
        quality: query.optional("quality").word(QUALITIES, Quality::from_code, errors),
        since,
        until,
    }
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<ClickId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let click = store::click_list::by_id(&mut tx, id).await?;
    tx.commit().await?;
    let whose = |click: &Stored| Whose { merchant: Some(click.merchant), publisher: Some(click.publisher), buyer: None };
    let seen = click.filter(|click| caller.scope.narrow(whose(click)).is_some());
    Ok(ok(&View::new(seen.ok_or_else(Problem::not_found)?, caller.scope)))
}
