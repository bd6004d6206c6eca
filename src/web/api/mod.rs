//! The REST API under `/api/v1`: one file a noun. Here what they share: their state, and how commands reach the ledger.
//!
//! To add a noun: a file with a `routes()` that declares its operations, handlers that are straight lines (extract, load, decide, apply,
//! answer), and its two lines below. A declaration serves, guards and documents: a field or parameter that it does not name is refused,
//! and a role that it does not name gets 403.

mod account;
mod balance;
mod batch;
mod boost;
mod buyer;
mod claim;
mod click;
mod conversion;
mod coupon;
mod document_line;
mod entry;
mod find;
mod guard;
mod import;
mod inbox;
mod input;
mod invoice;
mod invoice_page;
mod judged;
mod key;
mod link;
mod merchant;
mod message_fields;
mod movement;
mod movement_fields;
mod operation;
mod orphan;
mod owner;
mod page;
mod patch;
mod payment;
mod payout;
mod payout_debtor;
mod payout_method;
mod payout_report;
mod program;
mod publisher;
mod publisher_billing;
mod rate;
mod report;
mod routes;
mod secret;
mod seller;
mod simulate;
mod statement;
mod statement_page;
mod stream;
mod terms;
mod terms_fields;
mod verdict;
mod voucher;

pub use self::guard::PREFIX;
pub use self::message_fields::{MESSAGE, MESSAGE_CODES};
pub use self::operation::{Answer, Body, Content, Empty, Field, Kind, Operation, PAGE_ROWS, RawBody, Shape};
use self::{
    guard::{Caller, Guard, caller_of, operation_of},
    input::{Ids, Input, Query, email, name, own_id, span, wrong_field},
    invoice::accounts,
    invoice_page::print_invoice,
    judged::{ITEMS_MAX, Results, judge_all, too_large},
    movement::{CODES as MONEY_CODES, PAST, View as Paid, make},
    movement_fields::{AMOUNT, NOTE, PAID_AT, RECEIVED_AT, REFERENCE, WHY, happened_at, money, moved, paid, party, reason, reference},
    operation::{AFTER, LIMIT, PAGE_ROWS_MAX, op},
    owner::{OWNER, check_owner, owner_exists, owner_of},
    page::{Page, empty, ok, whole},
    patch::{set, set_or_clear},
    payment::{Texts, View as PaymentView},
    payout_method::{BIC, IBAN, bic, iban},
    routes::Routes,
    seller::{BLOCK_CHARS_MAX, COUNTRY, COUNTRY_CODES, NUMBER_CHARS_MAX, country},
    statement_page::print_statement,
    stream::{Accept, Chunk, CsvLine, FORMAT, Format, Record, nothing, stream_list, stream_table},
    terms_fields::{TERMS, TERMS_CODES},
};
use crate::{
    domain::{
        claim::Settings as Claims,
        command::{Act, Channel, Command, Message, Outcome},
        entry::Link,
        order::Actor,
        program::Program,
        reason::Refusal,
        sale::OpenedClick,
    },
    engine::{engine::Engine, passing_on, payout_file::FileError},
    kernel::{
        code::Language,
        id::{InboxId, MerchantId, ProgramId},
        time::{Time, Zone},
    },
    store::{Db, StoreError, Tx},
    web::{
        actor::Keys,
        idempotency::{self, Reply},
        problem::Problem,
    },
};
use axum::{Router, middleware, response::Response};
use http::StatusCode;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

/// Names of people, shops and programs, in characters.
pub const NAME_CHARS_MAX: usize = 256;
/// Reasons that people write, in characters.
const REASON_CHARS_MAX: usize = 500;

/// What every handler works with.
#[derive(Debug, Clone)]
pub struct Api {
    engine: Arc<Engine>,
    imports: Arc<import::Imports>,
    /// How many simulations there may be.
    simulations: Arc<Semaphore>,
    /// How claims of missing cashback are taken.
    claims: Claims,
}

/// Every noun's operations, in the order of the document.
fn all() -> Routes {
    merchant::routes()
        .and(secret::routes())
        .and(program::routes())
        .and(terms::routes())
        .and(simulate::routes())
        .and(publisher::routes())
        .and(link::routes())
        .and(coupon::routes())
        .and(boost::routes())
        .and(voucher::routes())
        .and(buyer::routes())
        .and(claim::routes())
        .and(conversion::routes())
        .and(batch::routes())
        .and(verdict::routes())
        .and(orphan::routes())
        .and(balance::routes())
        .and(entry::routes())
        .and(movement::routes())
        .and(seller::routes())
        .and(invoice::routes())
        .and(document_line::routes())
        .and(account::routes())
        .and(publisher_billing::routes())
        .and(statement::routes())
        .and(payout_method::routes())
        .and(payout_debtor::routes())
        .and(payout::routes())
        .and(payment::routes())
        .and(report::routes())
        .and(payout_report::routes())
        .and(click::routes())
        .and(import::routes())
        .and(rate::routes())
        .and(inbox::routes())
        .and(key::routes())
}

/// What the API does, as declared.
pub fn operations() -> Vec<Operation> {
    all().operations
}

/// The API, ready to be nested under [`PREFIX`]; `keys` tell who may use it, an import has at most so many bytes, and claims are taken so.
pub fn router(engine: Arc<Engine>, keys: Arc<Keys>, import_bytes_max: u64, claims: Claims) -> Router {
    let routes = all();
    let guard = Arc::new(Guard::new(keys, routes.operations));
    routes.router.route_layer(middleware::from_fn_with_state(guard, guard::guard)).with_state(Api {
        engine,
        imports: Arc::new(import::Imports::new(import_bytes_max)),
        simulations: Arc::new(Semaphore::new(simulate::AT_ONCE)),
        claims,
    })
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

    /// A message, received now.
    fn message(&self, about: About, body: &[u8]) -> Message {
        let now = self.now();
        Message {
            id: InboxId::from_raw(self.mint(now)),
            received_at: now,
            channel: Channel::Api,
            by: about.by,
            merchant: about.merchant,
            program: about.program,
            webhook_id: None,
            body: body.to_vec(),
            body_hash: Sha256::digest(body).into(),
        }
    }

    /// Sends an act through the ledger writer; answered after its commit with what `render` makes of its outcome, or with the first
    /// answer to this `Idempotency-Key`.
    async fn submit(
        &self,
        about: About,
        input: &Input,
        act: Act,
        render: impl Fn(&Outcome) -> Result<Reply, Problem> + Send + Sync + Clone + 'static,
    ) -> Result<Response, Problem> {
        let once = input.ticket.once(0, render.clone());
        let command = Command { once, ..Command::new(self.message(about, &input.body), act) };
        match self.engine.ledger.submit(command).await.map_err(|_| Problem::unavailable())? {
            Outcome::Replayed(kept) => idempotency::replayed(kept),
            outcome => render(&outcome).map(Reply::answer),
        }
    }

    /// After a payment: what it covers becomes payable before its sender is answered. What fails here a job finds.
    async fn pass_on(&self, merchant: MerchantId) {
        if let Err(error) = passing_on::of_merchant(&self.engine, merchant, self.now()).await {
            tracing::warn!(%error, %merchant, "a payment is not passed on yet");
        }
    }

    /// At the beginning of what a POST writes: the first answer to its `Idempotency-Key`, if there is one.
    async fn first_answer(&self, input: &Input, tx: &mut Tx) -> Result<Option<Response>, Problem> {
        input.ticket.replay(tx, &self.engine.vault).await
    }

    /// 201 with what was made, after the commit.
    async fn created(&self, input: &Input, tx: Tx, value: &impl Serialize) -> Result<Response, Problem> {
        input.ticket.commit(tx, self.now(), Reply::created(value)?).await
    }

    /// The same for what is shown only once.
    async fn created_secret(&self, input: &Input, tx: Tx, value: &impl Serialize) -> Result<Response, Problem> {
        input.ticket.commit_secret(tx, self.now(), Reply::created(value)?, &self.engine.vault).await
    }

    /// A refusal that rests on what is stored, by a transaction that has changed nothing.
    async fn refused(&self, input: &Input, tx: Tx, problem: Problem) -> Problem {
        input.ticket.refuse(tx, self.now(), problem).await
    }
}

/// Whose an act is, as far as known, for its row in the inbox.
#[derive(Debug, Clone, Copy)]
struct About {
    by: Actor,
    merchant: Option<MerchantId>,
    program: Option<ProgramId>,
}

/// An ended program takes nothing new.
fn refuse_ended(program: &Program) -> Result<(), Problem> {
    let ended = || Problem::new(StatusCode::CONFLICT, "program_ended", "The program has ended, and takes nothing new.");
    program.ended_at.map_or(Ok(()), |_| Err(ended()))
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

/// The end of one of the journal's chains.
#[derive(Debug, Serialize, ToSchema)]
struct ChainHead {
    node: u16,
    seq: i64,
    /// SHA-256, hexadecimal.
    hash: String,
}

impl From<&Link> for ChainHead {
    fn from(link: &Link) -> Self {
        Self { node: link.node, seq: link.seq, hash: link.hash_text() }
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

/// Why a payout's file is not written.
impl From<FileError> for Problem {
    fn from(error: FileError) -> Self {
        match error {
            FileError::NoBatch => Self::not_found(),
            FileError::NoDebtor => Self::new(StatusCode::CONFLICT, "no_debtor", "Say first whose account is debited: PUT /payout-debtor."),
            FileError::Vault(error) => {
                tracing::error!(%error, "an account does not open");
                let sealed = "An account does not open: the server has not the master key that sealed it.";
                Self::new(StatusCode::CONFLICT, "account_sealed", sealed)
            }
            FileError::Store(error) => error.into(),
            FileError::Unreadable(_) | FileError::Write(_) => {
                tracing::error!(%error, "a payout's file cannot be written");
                Self::internal()
            }
        }
    }
}
