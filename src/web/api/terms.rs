//! The numbered versions of a program's terms. A version never changes.

use super::{Api, Body, Caller, Field, Ids, Input, Kind, Routes, TERMS, TERMS_CODES, op, refuse_ended, whole};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR, PUBLISHER},
        terms::{self, boost::asks_platform},
    },
    kernel::{id::ProgramId, time::Time},
    store::{self, terms::Stored},
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

const PROGRAM: &[Field] = &[Field::required("id", Kind::Id(ProgramId::PREFIX), "The program.")];

const NEW: Body = Body::new(
    "NewTerms",
    &[
        Field::required("terms", TERMS, "What the program pays from then on."),
        Field::optional("effective_at", Kind::Time, "From when; now if left out, and never in the past."),
    ],
)
.example(
    r#"{"terms": {"commission": [{"when": {"category": ["books"]}, "pay": {"percent": "8"}, "cap": {"per_order": "30.00"}}, {"pay": {"percent": "6"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}}}"#,
);

pub fn routes() -> Routes {
    let list_it = op("list_terms", "All versions of a program's terms").roles(OPERATOR | MERCHANT | PUBLISHER).ids(PROGRAM).whole::<View>();
    let create_it = op("create_terms", "A new version of a program's terms")
        .roles(OPERATOR | MERCHANT)
        .ids(PROGRAM)
        .body(NEW)
        .created::<View>()
        .codes(TERMS_CODES)
        .codes(&[(409, "program_ended"), (422, "effective_in_past")]);
    Routes::new("terms").get("/programs/{id}/terms", list, list_it).post("/programs/{id}/terms", create, create_it)
}

/// A numbered version of a program's terms. It never changes.
#[derive(Serialize, ToSchema)]
#[schema(as = TermsVersion)]
struct View {
    program: ProgramId,
    /// 1, 2, 3, …
    version: u32,
    /// In effect from then on; version 1 also for anything earlier.
    effective_at: Time,
    created_at: Time,
    /// As stored: normalised, defaults and `rules` filled in.
    #[schema(value_type = terms::Terms)]
    terms: Box<RawValue>,
}

impl View {
    fn new(stored: Stored) -> Result<Self, Problem> {
        let Stored { program, version, effective_at, created_at, body } = stored;
        let terms = RawValue::from_string(body).map_err(|error| {
            tracing::error!(%error, %program, version, "stored terms are not JSON");
            Problem::internal()
        })?;
        Ok(Self { program, version, effective_at, created_at, terms })
    }
}

async fn create(State(api): State<Api>, caller: Caller, Ids(id): Ids<ProgramId>, input: Input) -> Result<Response, Problem> {
    let mut tx = api.db().begin().await?;
    if let Some(answer) = api.first_answer(&input, &mut tx).await? {
        return Ok(answer);
    }
    // Before the next number is looked up, so that two writers do not take the same.
    store::program::lock(&mut tx, &[id]).await?;
    let program = caller.find_own_program(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let now = api.now();
    let versions = store::terms::versions(&mut tx, &api.engine.terms, std::slice::from_ref(&program)).await?;
    let latest = versions.get(&id).and_then(|versions| versions.iter().max_by_key(|version| version.number));
    let before = latest.map_or(&[][..], |latest| &latest.terms.boosts);
    let (terms, effective_at) = input.read(|object, errors| {
        let terms = object.required("terms", errors).object(errors);
        let terms = terms.and_then(|terms| terms::parse::read(&terms, program.currency, program.upstream, errors));
        if caller.scope.merchant().is_some() && terms.as_ref().is_some_and(|terms| asks_platform(&terms.boosts, before)) {
            errors.push("terms.boosts", "platform_funds", "only the operator lets the platform pay: `\"funded_by\": \"merchant\"`");
        }
        let effective_at = object.optional("effective_at").time(errors);
        if effective_at.is_some_and(|at| at < now) {
            errors.push("effective_at", "effective_in_past", "terms never change what has happened: now or later is wanted");
        }
        Some((terms?, effective_at.unwrap_or(now)))
    })?;
    if let Err(ended) = refuse_ended(&program) {
        return Err(api.refused(&input, tx, ended).await);
    }
    let body = terms.to_json();
    let version = store::terms::insert(&mut tx, id, effective_at, &body, now).await?;
    api.created(&input, tx, &View::new(Stored { program: id, version, effective_at, created_at: now, body })?).await
}

/// A publisher reads the rules that may apply to it.
async fn list(State(api): State<Api>, caller: Caller, Ids(id): Ids<ProgramId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let program = caller.find_program(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let mut stored = store::terms::list(&mut tx, id).await?;
    if caller.scope.publisher().is_some() {
        let parsed = store::terms::versions(&mut tx, &api.engine.terms, &[program]).await?;
        for (stored, version) in stored.iter_mut().zip(parsed.get(&id).into_iter().flatten()) {
            stored.body = caller.scope.terms(&version.terms).to_json();
        }
    }
    tx.commit().await?;
    Ok(whole(stored.into_iter().map(View::new).collect::<Result<Vec<_>, _>>()?))
}
