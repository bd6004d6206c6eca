//! `POST /conversions`: postbacks in batches, sent with a key in the place of signatures; a merchant's are about its own programs.

use super::{About, Api, Body, Caller, ITEMS_MAX, Input, MESSAGE, Results, Routes, judge_all, op, too_large};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR},
        command::{Act, Command},
        program::Program,
    },
    formats::postback::{Postback, Received},
    kernel::{fields::FieldErrors, id::ProgramId},
    store,
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use std::collections::HashMap;

/// One message, as at `/postback`.
const ITEM_BYTES_MAX: usize = 64 * 1024;
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

/// Each gets what it would get at `/postback`.
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
    let unknown = caller.about(None)?;
    let commands = postbacks.into_iter().map(|(item, postback)| command(&api, unknown, &programs, item, postback)).collect();
    judge_all(&api, &caller, &input, commands).await
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
        return too_large(api.message(about, item.as_bytes()));
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
