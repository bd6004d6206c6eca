//! `POST /conversions`: postbacks in batches, sent with a key in the place of signatures; a merchant's are about its own programs.

use super::{About, Api, Body, Caller, Input, MESSAGE, Routes, ok, op};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR},
        command::{Act, Command, Outcome},
        program::Program,
    },
    formats::postback::{Postback, Received},
    kernel::{fields::FieldErrors, id::ProgramId},
    store,
    web::{
        idempotency::{Reply, mark_replayed},
        json::{self, Verdict},
        problem::Problem,
    },
};
use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::HashMap;
use utoipa::ToSchema;

const ITEMS_MAX: usize = 1000;
/// One message, as at `/postback`.
const ITEM_BYTES_MAX: usize = 64 * 1024;
/// What is kept of a message that is too long.
const KEPT_BYTES: usize = 4096;
/// 1,000 messages of 16 KiB, which is some 100 lines each.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

const POSTBACKS: Body = Body::list("Postbacks", ITEMS_MAX, MESSAGE).example(
    r#"[{"program": "prg_09dkq3fzg0g00", "type": "sale", "order_id": "A-1002", "amount": "59.90", "currency": "EUR", "coupon": "LIRE10"}]"#,
);

pub fn routes() -> Routes {
    let create_all = op("create_conversions", "Postbacks in a batch, each judged by itself").roles(OPERATOR | MERCHANT).body(POSTBACKS);
    let create_all = create_all.body_bytes_max(BODY_BYTES_MAX).ok::<Results<'static>>();
    Routes::new("conversions").post("/conversions", create, create_all)
}

/// What each message came to, in their order.
#[derive(Serialize, ToSchema)]
struct Results<'a> {
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

/// Judges every item by itself, in order; each gets what it would get at `/postback`. Items may end in several transactions of the ledger,
/// so each keeps its own answer under the `Idempotency-Key`: a repeat finishes what the first left.
async fn create(State(api): State<Api>, caller: Caller, input: Input) -> Result<Response, Problem> {
    let items = input.items()?;
    let postbacks: Vec<(&str, Result<Postback<'_>, FieldErrors>)> =
        items.into_iter().map(|item| (item, Postback::parse_body(item.as_bytes()))).collect();
    let mut named: Vec<ProgramId> = postbacks.iter().filter_map(|(_, postback)| postback.as_ref().ok()?.program()).collect();
    named.sort_unstable();
    named.dedup();
    let mut tx = api.db().read().await?;
    let programs = store::program::by_ids(&mut tx, &named).await?;
    tx.commit().await?;
    let own = programs.into_iter().filter(|program| caller.scope.is_merchant(program.merchant));
    let programs: HashMap<ProgramId, Program> = own.map(|program| (program.id, program)).collect();
    let (scope, unknown) = (caller.scope, caller.about(None)?);
    let command = |(item, postback)| command(&api, unknown, &programs, item, postback);
    let mut commands: Vec<Command> = postbacks.into_iter().map(command).collect();
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

fn command(
    api: &Api,
    unknown: About,
    programs: &HashMap<ProgramId, Program>,
    item: &str,
    postback: Result<Postback<'_>, FieldErrors>,
) -> Command {
    let program = postback.as_ref().ok().and_then(|postback| programs.get(&postback.program()?));
    let about = program.map_or(unknown, |program| About { merchant: Some(program.merchant), program: Some(program.id), ..unknown });
    if item.len() > ITEM_BYTES_MAX {
        let mut message = api.message(about, item.as_bytes());
        message.body.truncate(KEPT_BYTES);
        return Command::new(message, Act::Refused { http: 413, code: "too_large", errors: FieldErrors::default() });
    }
    let message = api.message(about, item.as_bytes());
    let test = postback.as_ref().is_ok_and(Postback::is_test);
    let received = Received { at: message.received_at, signed: true };
    let act = postback.and_then(|postback| match program {
        Some(program) => postback.into_act(program, received, &|id| api.open_click(id)),
        None => Err(unknown_program()),
    });
    match act {
        Ok(act) => Command { test, ..Command::new(message, act) },
        Err(errors) => Command::new(message, Act::Refused { http: 422, code: errors.code(), errors }),
    }
}

fn unknown_program() -> FieldErrors {
    let mut errors = FieldErrors::default();
    errors.push("program", "unknown_program", "there is no such program");
    errors
}

fn wrong_fields(command: &Command) -> FieldErrors {
    match &command.act {
        Act::Refused { errors, .. } => errors.clone(),
        _ => FieldErrors::default(),
    }
}
