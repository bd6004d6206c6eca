//! Programs: a merchant's offers. Their terms' versions are in `terms`.

use super::{
    Api, Body, Caller, Field, Ids, Input, Kind, Query, Routes, TERMS, TERMS_CODES, empty, name, ok, op, own_id, set, set_or_clear,
    wrong_field,
};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR, PUBLISHER, Scope, Whose},
        link,
        program::Program,
        terms::{self, Terms, Version, boost::asks_platform},
    },
    kernel::{
        currency::Currency,
        fields::FieldErrors,
        id::{MerchantId, ProgramId},
        object::{self, Object},
        time::Time,
    },
    store::{self, StoreError, Tx},
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;

/// Hosts of one program's deep links.
const DOMAINS_MAX: usize = 100;

const ID: &[Field] = &[Field::required("id", Kind::Id(ProgramId::PREFIX), "The program.")];
const OF: Field = Field::optional("merchant", Kind::Id(MerchantId::PREFIX), "Only programs of this merchant.");

const NEW: Body = Body::new(
    "NewProgram",
    &[
        Field::optional("merchant", Kind::Id(MerchantId::PREFIX), "Whose offer it is: an operator must say; a merchant's are its own."),
        Field::required("name", Kind::Name, "What publishers and buyers read."),
        Field::required("currency", Kind::Currency, "Of its commissions."),
        Field::required("landing_url", Kind::Url, "Where links lead; `{click_id}` and the other macros are filled in."),
        Field::required(
            "domains",
            Kind::List { of: &Kind::Text { chars_max: link::URL_CHARS_MAX }, max: DOMAINS_MAX },
            "Hosts that deep links may lead to, each with its subdomains.",
        ),
        Field::optional(
            "click_param",
            Kind::Pattern { pattern: "^[A-Za-z0-9._-]{1,64}$", chars_max: link::URL_CHARS_MAX },
            "The parameter that carries the click id; `rclid` if left out.",
        ),
        Field::optional("pixel", Kind::Boolean, "Whether unsigned sales are taken at `/pixel.gif`; false if left out."),
        Field::optional("upstream", Kind::Boolean, "Whether a network pays us for it; false if left out."),
        Field::required("terms", TERMS, "What it pays; version 1 of its terms."),
    ],
).example(r#"{"merchant": "mer_09dkq3fzg0g00", "name": "Mérou", "currency": "EUR", "landing_url": "https://merou.example/?from={publisher_id}", "domains": ["merou.example"], "pixel": true, "terms": {"commission": [{"when": {"category": ["books"]}, "pay": {"percent": "8"}}, {"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}}}"#);

const CHANGES: Body = Body::new(
    "ProgramChanges",
    &[
        Field::kept("name", Kind::Name, "What publishers and buyers read."),
        Field::kept("landing_url", Kind::Url, "Where links lead; `{click_id}` and the other macros are filled in."),
        Field::kept(
            "domains",
            Kind::List { of: &Kind::Text { chars_max: link::URL_CHARS_MAX }, max: DOMAINS_MAX },
            "Hosts that deep links may lead to, each with its subdomains; a link to another one leads to the landing page from now on.",
        ),
        Field::clearable(
            "click_param",
            Kind::Pattern { pattern: "^[A-Za-z0-9._-]{1,64}$", chars_max: link::URL_CHARS_MAX },
            "The parameter that carries the click id; `rclid` if cleared.",
        ),
        Field::kept("pixel", Kind::Boolean, "Whether unsigned sales are taken at `/pixel.gif`."),
    ],
)
.fixed(&[
    ("id", "An id names the same thing for ever."),
    ("merchant", "What was sold is owed by this merchant: make a program of the other one."),
    ("currency", "Commissions and balances are counted in it: make a program in the other currency."),
    ("upstream", "Who pays for what was sold is settled: make another program."),
    ("terms", "Terms have versions: POST /programs/{id}/terms makes the next one."),
    ("terms_version", "It is the version in effect: POST /programs/{id}/terms makes the next one."),
    ("ended_at", "DELETE ends a program, for good."),
])
.example(r#"{"landing_url": "https://merou.example/accueil", "domains": ["merou.example", "merou.test"]}"#);

const CHANGE_CODES: &[(u16, &str)] = &[(422, "invalid_url"), (422, "unknown_macro"), (422, "invalid_domain"), (422, "invalid_click_param")];

const CODES: &[(u16, &str)] =
    &[(422, "unknown_merchant"), (422, "invalid_url"), (422, "unknown_macro"), (422, "invalid_domain"), (422, "invalid_click_param")];

pub fn routes() -> Routes {
    Routes::new("programs")
        .get(
            "/programs",
            list,
            op("list_programs", "Programs, newest first").roles(OPERATOR | MERCHANT | PUBLISHER).query(&[OF]).page::<View>(),
        )
        .post(
            "/programs",
            create,
            op("create_program", "A new program").roles(OPERATOR | MERCHANT).body(NEW).created::<View>().codes(TERMS_CODES).codes(CODES),
        )
        .get("/programs/{id}", one, op("get_program", "One program").roles(OPERATOR | MERCHANT | PUBLISHER).ids(ID).ok::<View>())
        .patch(
            "/programs/{id}",
            change,
            op("change_program", "Changes a program").roles(OPERATOR | MERCHANT).ids(ID).body(CHANGES).ok::<View>().codes(CHANGE_CODES),
        )
        .delete(
            "/programs/{id}",
            end,
            op("end_program", "Ends a program: its links answer 410").roles(OPERATOR | MERCHANT).ids(ID).ok::<View>(),
        )
}

/// A merchant's offer, with the version of its terms that is in effect.
#[derive(Serialize, ToSchema)]
#[schema(as = Program)]
struct View {
    #[serde(flatten)]
    program: Program,
    terms_version: u32,
}

impl View {
    fn new(program: Program, versions: &HashMap<ProgramId, Vec<Version>>, now: Time) -> Self {
        let version = versions.get(&program.id).and_then(|versions| terms::in_effect(versions, now));
        Self { terms_version: version.map_or(1, |version| version.number), program }
    }
}

async fn create(State(api): State<Api>, caller: Caller, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let id = ProgramId::from_raw(api.mint(now));
    let (program, terms) = input.read(|object, errors| read(id, caller.scope, object, errors))?;
    let mut tx = api.db().begin().await?;
    if let Some(answer) = api.first_answer(&input, &mut tx).await? {
        return Ok(answer);
    }
    if caller.find_merchant(&mut tx, program.merchant).await?.is_none() {
        let problem = wrong_field("merchant", "unknown_merchant", "there is no such merchant");
        return Err(api.refused(&input, tx, problem).await);
    }
    store::program::insert(&mut tx, &program, now).await?;
    let terms_version = store::terms::insert(&mut tx, id, now, &terms.to_json(), now).await?;
    let view = View { program, terms_version };
    let answer = api.created(&input, tx, &view).await?;
    api.engine.catalogue.put_program(&view.program);
    Ok(answer)
}

fn read(id: ProgramId, scope: Scope, object: &Object<'_>, errors: &mut FieldErrors) -> Option<(Program, Terms)> {
    let merchant = own_id::<MerchantId>(object, "merchant", scope.merchant(), errors);
    let name = name(&object.required("name", errors), errors);
    let currency = object.required("currency", errors).currency(errors);
    let landing_url = page(&object.required("landing_url", errors), errors);
    let domains = hosts(&object.required("domains", errors), errors).unwrap_or_default();
    let click_param = part(&object.optional("click_param"), errors, link::parse_click_param);
    let pixel = object.optional("pixel").boolean(errors).unwrap_or(false);
    let upstream = object.optional("upstream").boolean(errors).unwrap_or(false);
    let terms = object.required("terms", errors).object(errors);
    // With an unknown currency the rest of the terms is looked at all the same.
    let terms = terms.and_then(|terms| terms::parse::read(&terms, currency.unwrap_or(Currency::EUR), upstream, errors));
    if scope.merchant().is_some() && terms.as_ref().is_some_and(|terms| asks_platform(&terms.boosts, &[])) {
        errors.push("terms.boosts", "platform_funds", "only the operator lets the platform pay");
    }
    let program = Program {
        id,
        merchant: merchant?,
        name: name?,
        currency: currency?,
        landing_url: landing_url?,
        domains,
        click_param: click_param.unwrap_or_else(|| link::CLICK_PARAM_DEFAULT.to_owned()),
        pixel,
        upstream,
        ended_at: None,
    };
    Some((program, terms?))
}

fn page(field: &object::Field<'_, '_>, errors: &mut FieldErrors) -> Option<String> {
    part(field, errors, |text| link::parse_landing_url(text).map(|_| text.to_owned()))
}

fn hosts(field: &object::Field<'_, '_>, errors: &mut FieldErrors) -> Option<Vec<String>> {
    let hosts = field.list(DOMAINS_MAX, errors)?;
    Some(hosts.iter().filter_map(|host| part(host, errors, link::parse_domain)).collect())
}

/// A part of the program's routes.
fn part(
    field: &object::Field<'_, '_>,
    errors: &mut FieldErrors,
    parse: impl FnOnce(&str) -> Result<String, link::RouteError>,
) -> Option<String> {
    let text = field.full_text(link::URL_CHARS_MAX, errors)?;
    parse(&text).map_err(|error| errors.push(field.path(), error.code(), error.to_string())).ok()
}

async fn list(State(api): State<Api>, caller: Caller, query: Query) -> Result<Response, Problem> {
    let (merchant, page) = query.read_page(|query, errors| Some(query.optional("merchant").id(errors)))?;
    let asked = Whose { merchant, ..Whose::default() };
    let Some(whose) = caller.scope.narrow(asked) else { return Ok(empty()) };
    let mut tx = api.db().read().await?;
    let programs = store::program::list(&mut tx, whose.merchant, page.after, page.rows()).await?;
    let versions = store::terms::versions(&mut tx, &api.engine.terms, &programs).await?;
    tx.commit().await?;
    let now = api.now();
    Ok(page.answer(programs, |program| program.id.to_string(), |program| View::new(program, &versions, now)))
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<ProgramId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let program = caller.find_program(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let view = view(&api, &mut tx, program).await?;
    tx.commit().await?;
    Ok(ok(&view))
}

#[expect(clippy::redundant_closure_for_method_calls, reason = "the method's path is bound to one lifetime; the closure takes any")]
async fn change(State(api): State<Api>, caller: Caller, Ids(id): Ids<ProgramId>, input: Input) -> Result<Response, Problem> {
    let mut tx = api.db().begin().await?;
    let mut program = caller.change_program(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    input.read(|object, errors| {
        let mut click_param = Some(std::mem::take(&mut program.click_param));
        set(object, "name", &mut program.name, errors, name);
        set(object, "landing_url", &mut program.landing_url, errors, page);
        set(object, "domains", &mut program.domains, errors, hosts);
        set_or_clear(object, "click_param", &mut click_param, errors, |field, errors| part(field, errors, link::parse_click_param));
        set(object, "pixel", &mut program.pixel, errors, |field, errors| field.boolean(errors));
        program.click_param = click_param.unwrap_or_else(|| link::CLICK_PARAM_DEFAULT.to_owned());
        Some(())
    })?;
    store::program::update(&mut tx, &program, api.now()).await?;
    let view = view(&api, &mut tx, program).await?;
    tx.commit().await?;
    api.engine.catalogue.put_program(&view.program);
    Ok(ok(&view))
}

/// Ends it: its links answer 410 from now on. Ending it again changes nothing.
async fn end(State(api): State<Api>, caller: Caller, Ids(id): Ids<ProgramId>) -> Result<Response, Problem> {
    let now = api.now();
    let mut tx = api.db().begin().await?;
    let mut program = caller.find_own_program(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    if store::program::end(&mut tx, id, now).await? {
        program.ended_at = Some(now);
    }
    let view = view(&api, &mut tx, program).await?;
    tx.commit().await?;
    api.engine.catalogue.put_program(&view.program);
    Ok(ok(&view))
}

async fn view(api: &Api, tx: &mut Tx, program: Program) -> Result<View, StoreError> {
    let versions = store::terms::versions(tx, &api.engine.terms, std::slice::from_ref(&program)).await?;
    Ok(View::new(program, &versions, api.now()))
}
