//! The REST API under `/api/v1`: one file a noun. Here what they share: their state, and how commands reach the ledger.
//!
//! To add a noun: a file with a `routes()` that declares its operations, handlers that are straight lines (extract, load, decide, apply,
//! answer), and its two lines below. A declaration serves, guards and documents: a field or parameter that it does not name is refused,
//! and a role that it does not name gets 403.

mod balance;
mod batch;
mod buyer;
mod conversion;
mod coupon;
mod entry;
mod guard;
mod inbox;
mod input;
mod link;
mod merchant;
mod operation;
mod owner;
mod page;
mod program;
mod publisher;
mod rate;
mod report;
mod routes;
mod secret;
mod terms;

pub use self::guard::PREFIX;
pub use self::operation::{Answer, Body, Content, Field, Kind, Operation, Shape};
use self::{
    guard::{Guard, operation_of},
    input::{Ids, Input, Query, email, span, wrong_field},
    operation::{AFTER, LIMIT, PAGE_ROWS, PAGE_ROWS_MAX, op},
    owner::{OWNER, check_owner, owner_of},
    page::{Page, created, ok, whole},
    routes::Routes,
};
use crate::{
    domain::{
        command::{Act, Channel, Command, Message, Outcome},
        order::Actor,
        reason::Refusal,
        sale::OpenedClick,
    },
    engine::engine::Engine,
    kernel::{
        code::Language,
        id::{InboxId, MerchantId, ProgramId},
        time::{Time, Zone},
    },
    store::{Db, StoreError},
    web::{actor::Keys, problem::Problem},
};
use axum::{Router, middleware};
use bytes::Bytes;
use http::StatusCode;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// Names of people, shops and programs, in characters.
const NAME_CHARS_MAX: usize = 256;
/// Reasons that people write, in characters.
const REASON_CHARS_MAX: usize = 500;

/// What every handler works with.
#[derive(Debug, Clone)]
pub struct Api {
    engine: Arc<Engine>,
}

/// Every noun's operations, in the order of the document.
fn all() -> Routes {
    merchant::routes()
        .and(secret::routes())
        .and(program::routes())
        .and(terms::routes())
        .and(publisher::routes())
        .and(link::routes())
        .and(coupon::routes())
        .and(buyer::routes())
        .and(conversion::routes())
        .and(batch::routes())
        .and(balance::routes())
        .and(entry::routes())
        .and(report::routes())
        .and(rate::routes())
        .and(inbox::routes())
}

/// What the API does, as declared.
pub fn operations() -> Vec<Operation> {
    all().operations
}

/// The API, ready to be nested under [`PREFIX`]; `keys` tell who may use it.
pub fn router(engine: Arc<Engine>, keys: Arc<Keys>) -> Router {
    let routes = all();
    let guard = Arc::new(Guard::new(keys, routes.operations));
    routes.router.route_layer(middleware::from_fn_with_state(guard, guard::guard)).with_state(Api { engine })
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
        self.engine.ledger.submit(Command::new(message, act)).await.map_err(|_| Problem::unavailable())
    }
}

/// Whose an act is, as far as known, for its row in the inbox.
#[derive(Debug, Clone, Copy, Default)]
struct About {
    merchant: Option<MerchantId>,
    program: Option<ProgramId>,
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
