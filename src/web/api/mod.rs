//! The REST API under `/api/v1`: one file a noun. Here what they share: their state, bodies, ids of paths, pages of lists.
//!
//! To add a noun: a file with a `routes()`, its handlers straight lines (extract, load, decide, apply, answer), and its two lines below.

mod balance;
mod batch;
mod buyer;
mod conversion;
mod coupon;
mod entry;
mod inbox;
mod link;
mod merchant;
mod program;
mod publisher;
mod rate;
mod report;
mod secret;
mod terms;

use crate::{
    domain::{
        account::Owner,
        command::{Act, Channel, Command, Message, Outcome},
        order::Actor,
        reason::Refusal,
        sale::OpenedClick,
    },
    engine::engine::Engine,
    kernel::{
        code::Language,
        fields::FieldErrors,
        id::{BuyerId, InboxId, MerchantId, ProgramId, PublisherId},
        object::{NOT_JSON, Object},
        time::{Day, Time, Zone},
    },
    store::{self, Db, StoreError, Tx},
    web::{
        actor::{self, Keys},
        json,
        problem::Problem,
    },
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, RawQuery, Request},
    middleware,
    response::Response,
};
use bytes::Bytes;
use http::{StatusCode, request::Parts};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use std::{fmt::Display, str::FromStr, sync::Arc};

/// A body of one thing: the largest terms have 200 rules.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Names of people, shops and programs, in characters.
const NAME_CHARS_MAX: usize = 256;
/// What mail servers take at most (RFC 5321): 64 before the @, 255 behind.
const EMAIL_CHARS_MAX: usize = 320;
/// Reasons that people write, in characters.
const REASON_CHARS_MAX: usize = 500;

/// What every handler works with.
#[derive(Debug, Clone)]
pub struct Api {
    engine: Arc<Engine>,
}

/// The API, ready to be nested; `keys` tell who may use it.
pub fn routes(engine: Arc<Engine>, keys: Arc<Keys>) -> Router {
    Router::new()
        .merge(balance::routes())
        .merge(batch::routes())
        .merge(buyer::routes())
        .merge(conversion::routes())
        .merge(coupon::routes())
        .merge(entry::routes())
        .merge(inbox::routes())
        .merge(link::routes())
        .merge(merchant::routes())
        .merge(program::routes())
        .merge(publisher::routes())
        .merge(rate::routes())
        .merge(report::routes())
        .merge(secret::routes())
        .merge(terms::routes())
        .route_layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .route_layer(middleware::from_fn_with_state(keys, actor::operators_only))
        .with_state(Api { engine })
}

impl Api {
    fn zone(&self) -> &Zone {
        &self.engine.zone
    }

    fn db(&self) -> &Db {
        &self.engine.db
    }

    fn now(&self) -> Time {
        self.engine.clock.now()
    }

    /// A new id's number.
    fn mint(&self, now: Time) -> i64 {
        self.engine.ids.next(now)
    }

    /// A click id that a key of ours sealed.
    fn open_click(&self, text: &str) -> Option<OpenedClick> {
        self.engine.ring.open_click(text).as_ref().and_then(OpenedClick::of)
    }

    /// A message of an operator, received now.
    fn message(&self, about: About, body: &[u8]) -> Message {
        let now = self.now();
        Message {
            id: InboxId::from_raw(self.mint(now)),
            received_at: now,
            channel: Channel::Api,
            by: Actor::Operator,
            merchant: about.merchant,
            program: about.program,
            webhook_id: None,
            body: body.to_vec(),
            body_hash: Sha256::digest(body).into(),
        }
    }

    /// Sends an operator's act through the ledger writer; answered after its commit.
    async fn submit(&self, about: About, body: &Bytes, act: Act) -> Result<Outcome, Problem> {
        let message = self.message(about, body);
        self.engine.ledger.submit(Command { message, test: false, act }).await.map_err(|_| Problem::unavailable())
    }
}

/// Whose an act is, as far as known, for its row in the inbox.
#[derive(Debug, Clone, Copy, Default)]
struct About {
    merchant: Option<MerchantId>,
    program: Option<ProgramId>,
}

/// A JSON body. An empty one stands for `{}`: what has no required field needs none.
#[derive(Debug)]
struct Input(Bytes);

impl<S: Send + Sync> FromRequest<S> for Input {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !json::is_json(request.headers()) {
            return Err(json::not_json());
        }
        match Bytes::from_request(request, state).await {
            Ok(body) if body.is_empty() => Ok(Self(Bytes::from_static(b"{}"))),
            Ok(body) => Ok(Self(body)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Problem::too_large()),
            Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "body_incomplete", "The body did not come whole.")),
        }
    }
}

impl Input {
    /// Reads its fields, which are `known`; every wrong one is named.
    fn read<T>(&self, known: &[&str], fields: impl FnOnce(&Object<'_>, &mut FieldErrors) -> Option<T>) -> Result<T, Problem> {
        let mut errors = FieldErrors::default();
        let value = Object::parse(&self.0, &mut errors).and_then(|object| {
            let value = fields(&object, &mut errors);
            // Last: the code of the first wrong field stands for all.
            object.only(known, &mut errors);
            value
        });
        errors.finish(value).map_err(|errors| read_problem(&errors))
    }

    /// The texts of a list's elements, at most so many.
    fn items(&self, max: usize) -> Result<Vec<&str>, Problem> {
        let mut errors = FieldErrors::default();
        let items = Object::parse_list(&self.0, max, &mut errors);
        errors.finish(items).map_err(|errors| read_problem(&errors))
    }
}

/// 422 with every wrong field, or 415 for what is no JSON.
fn read_problem(errors: &FieldErrors) -> Problem {
    if errors.code() == NOT_JSON { json::not_json() } else { Problem::fields(errors) }
}

/// The ids of the path; what is not one of the wanted kind does not exist.
#[derive(Debug)]
struct Ids<T>(T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Ids<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Path::from_request_parts(parts, state).await.map(|Path(ids)| Self(ids)).map_err(|_| Problem::not_found())
    }
}

/// The query of a list, as it came.
#[derive(Debug)]
struct Query(String);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(RawQuery(query)) = RawQuery::from_request_parts(parts, state).await;
        Ok(Self(query.unwrap_or_default()))
    }
}

impl Query {
    /// Reads its parameters, which are `known`; every wrong one is named.
    fn read<T>(&self, known: &[&str], fields: impl FnOnce(&Object<'_>, &mut FieldErrors) -> Option<T>) -> Result<T, Problem> {
        let mut errors = FieldErrors::default();
        let object = Object::from_query(&self.0, &mut errors);
        let value = fields(&object, &mut errors);
        object.only(known, &mut errors);
        errors.finish(value).map_err(|errors| Problem::fields(&errors))
    }

    /// The same for a list that comes in pages: `limit` and `after` are known too.
    fn read_page<C: FromStr<Err: Display>, T>(
        &self,
        known: &[&str],
        fields: impl FnOnce(&Object<'_>, &mut FieldErrors) -> Option<T>,
    ) -> Result<(T, Page<C>), Problem> {
        let known: Vec<&str> = known.iter().copied().chain(["limit", "after"]).collect();
        self.read(&known, |query, errors| {
            let limit = query.optional("limit").integer(1..=500, errors).unwrap_or(50);
            let after = query.optional("after").parsed("invalid_cursor", errors);
            Some((fields(query, errors)?, Page { limit, after }))
        })
    }
}

/// Which part of a list: at most `limit` rows that follow the one of the cursor.
#[derive(Debug, Clone, Copy)]
struct Page<C> {
    limit: i64,
    after: Option<C>,
}

#[derive(Serialize)]
struct List<T> {
    data: Vec<T>,
    next: Option<String>,
}

impl<C> Page<C> {
    /// One row more than a page holds: it tells whether there is a next one.
    fn rows(&self) -> i64 {
        self.limit + 1
    }

    /// Cuts the rows to the page and answers it; `cursor` names a row for `after`.
    fn answer<R, T: Serialize>(&self, mut rows: Vec<R>, cursor: impl FnOnce(&R) -> String, view: impl FnMut(R) -> T) -> Response {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(cursor);
        json::answer(StatusCode::OK, &List { data: rows.into_iter().map(view).collect(), next })
    }
}

/// A list that is whole.
fn whole<T: Serialize>(data: Vec<T>) -> Response {
    json::answer(StatusCode::OK, &List { data, next: None })
}

fn ok(value: &impl Serialize) -> Response {
    json::answer(StatusCode::OK, value)
}

fn created(value: &impl Serialize) -> Response {
    json::answer(StatusCode::CREATED, value)
}

/// An e-mail address, roughly: one `@` with something on both sides. Only a mail proves more.
fn email(object: &Object<'_>, errors: &mut FieldErrors) -> Option<String> {
    let field = object.optional("email");
    let text = field.text(EMAIL_CHARS_MAX, errors)?;
    let fits = text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    if !fits || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        errors.push(field.path(), "invalid_email", "an e-mail address is wanted");
        return None;
    }
    Some(text)
}

/// A day, or a moment of one.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Day(Day),
    Time(Time),
}

/// Neither a day nor a time.
#[derive(Debug, thiserror::Error)]
#[error("a day such as 2026-11-22 or a time such as 2026-11-22T09:00:00Z is wanted")]
struct MomentError;

impl FromStr for Moment {
    type Err = MomentError;
    fn from_str(text: &str) -> Result<Self, MomentError> {
        Day::parse(text).map(Self::Day).or_else(|| Time::parse(text).map(Self::Time)).ok_or(MomentError)
    }
}

/// `since=` and `until=`. A day is one of the installation's zone and counts whole; a time `until` is not included.
fn span(query: &Object<'_>, zone: &Zone, errors: &mut FieldErrors) -> (Option<Time>, Option<Time>) {
    let since = query.optional("since").parsed("invalid_time", errors).map(|since| match since {
        Moment::Day(day) => zone.start(day),
        Moment::Time(time) => time,
    });
    let until = query.optional("until").parsed("invalid_time", errors).map(|until| match until {
        Moment::Day(day) => zone.start(day.minus(-1)),
        Moment::Time(time) => time,
    });
    (since, until)
}

/// An id of a merchant, publisher or buyer, or `platform`. An operator must name one.
fn owner(query: &Object<'_>, errors: &mut FieldErrors) -> Option<Owner> {
    let field = query.required("owner", errors);
    let text = field.text(32, errors)?;
    let parsed = match text.split_once('_').map_or(text.as_str(), |(prefix, _)| prefix) {
        "platform" if text == "platform" => Some(Owner::Platform),
        MerchantId::PREFIX => text.parse().ok().map(Owner::Merchant),
        PublisherId::PREFIX => text.parse().ok().map(Owner::Publisher),
        BuyerId::PREFIX => text.parse().ok().map(Owner::Buyer),
        _ => None,
    };
    if parsed.is_none() {
        errors.push(field.path(), "invalid_id", "mer_…, pub_…, buy_… or platform is wanted");
    }
    parsed
}

/// 404 for an owner that does not exist.
async fn check_owner(tx: &mut Tx, owner: Owner) -> Result<(), Problem> {
    if owner_exists(tx, owner).await? { Ok(()) } else { Err(Problem::not_found()) }
}

async fn owner_exists(tx: &mut Tx, owner: Owner) -> Result<bool, StoreError> {
    Ok(match owner {
        Owner::Merchant(id) => store::merchant::by_id(tx, id).await?.is_some(),
        Owner::Publisher(id) => store::publisher::by_id(tx, id).await?.is_some(),
        Owner::Buyer(id) => store::buyer::by_id(tx, id).await?.is_some(),
        Owner::Platform => true,
    })
}

/// 422 for one field that only the database could tell is wrong.
fn wrong_field(field: &str, code: &'static str, detail: impl Into<String>) -> Problem {
    let mut errors = FieldErrors::default();
    errors.push(field, code, detail);
    Problem::fields(&errors)
}

/// A command that did not take effect.
fn refusal(outcome: &Outcome) -> Problem {
    let status = StatusCode::from_u16(outcome.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match outcome {
        Outcome::Refused(Refusal::NotFound) => Problem::not_found(),
        Outcome::Refused(refusal) => Problem::new(status, refusal.code(), refusal.text(Language::En)),
        outcome => {
            tracing::error!(verdict = outcome.verdict(), "a command came to what it cannot come to");
            Problem::internal()
        }
    }
}

/// A store that is away may be asked again; everything else is ours to look into.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_connection() || error.is_retryable() {
            tracing::warn!(%error, "the database did not answer");
            Self::unavailable()
        } else {
            tracing::error!(%error, "the database refused");
            Self::internal()
        }
    }
}
