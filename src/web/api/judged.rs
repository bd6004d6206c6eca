//! Many messages in one request: each judged by itself, answered in their order.

use super::{Api, Caller, Input, ok};
use crate::{
    domain::command::{Act, Command, Message, Outcome},
    kernel::fields::FieldErrors,
    web::{
        idempotency::{Reply, mark_replayed},
        json::{self, Verdict},
        problem::Problem,
    },
};
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// Items of one request.
pub const ITEMS_MAX: usize = 1000;
/// What is kept of a message that is too long.
const KEPT_BYTES: usize = 4096;

/// What each message came to, in their order.
#[derive(Serialize, ToSchema)]
pub struct Results<'a> {
    #[schema(value_type = Vec<Verdict<'_>>)]
    results: Vec<Item<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Item<'a> {
    Judged(Verdict<'a>),
    /// As it was answered the first time.
    Again(Box<RawValue>),
}

impl<'a> Item<'a> {
    fn new(outcome: &'a Outcome, errors: &'a FieldErrors) -> Result<Self, Problem> {
        let Outcome::Replayed(kept) = outcome else { return Ok(Self::Judged(json::item(outcome, errors))) };
        let again = serde_json::from_slice(&kept.answer);
        again.map(Self::Again).map_err(|error| {
            tracing::error!(%error, "a kept answer cannot be given again");
            Problem::internal()
        })
    }
}

/// Judges every item by itself, in order. Items may end in several transactions of the ledger, so each keeps its own answer under the
/// `Idempotency-Key`: a repeat finishes what the first left.
pub async fn judge_all(api: &Api, caller: &Caller, input: &Input, mut commands: Vec<Command>) -> Result<Response, Problem> {
    let scope = caller.scope;
    let errors: Vec<FieldErrors> = commands.iter().map(wrong_fields).collect();
    input.ticket.begin_batch(api.db(), api.now()).await?;
    for ((number, command), errors) in (1..).zip(&mut commands).zip(errors.clone()) {
        command.once = input.ticket.once(number, move |outcome| {
            let status = StatusCode::from_u16(outcome.http()).map_err(|_| Problem::internal())?;
            Reply::json(status, &json::item(&scope.outcome(outcome.clone()), &errors))
        });
    }
    let answers = api.engine.ledger.submit_all(commands).await;
    if !answers.is_empty() && answers.iter().all(Result::is_err) {
        return Err(Problem::unavailable());
    }
    let unavailable = Outcome::Noted { http: 503, code: "unavailable" };
    let answers = answers.into_iter().map(|answer| answer.map_or_else(|_| unavailable.clone(), |outcome| scope.outcome(outcome)));
    let answers: Vec<Outcome> = answers.collect();
    let results = answers.iter().zip(&errors).map(|(outcome, errors)| Item::new(outcome, errors));
    let mut answer = ok(&Results { results: results.collect::<Result<_, _>>()? });
    if !answers.is_empty() && answers.iter().all(|outcome| matches!(outcome, Outcome::Replayed(_))) {
        mark_replayed(&mut answer);
    }
    Ok(answer)
}

/// A message that is too long to be read.
pub fn too_large(mut message: Message) -> Command {
    message.body.truncate(KEPT_BYTES);
    Command::new(message, Act::Refused { http: 413, code: "too_large", errors: FieldErrors::default() })
}

fn wrong_fields(command: &Command) -> FieldErrors {
    match &command.act {
        Act::Refused { errors, .. } => errors.clone(),
        _ => FieldErrors::default(),
    }
}
