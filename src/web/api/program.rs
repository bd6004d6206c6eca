//! Programs: a merchant's offers. Their terms' versions are in `terms`.

use super::{Api, Ids, Input, NAME_CHARS_MAX, Query, created, ok, wrong_field};
use crate::{
    domain::{
        link,
        program::Program,
        terms::{self, Terms, Version},
    },
    kernel::{
        currency::Currency,
        fields::FieldErrors,
        id::{MerchantId, ProgramId},
        object::{Field, Object},
        time::Time,
    },
    store::{self, StoreError, Tx},
    web::problem::Problem,
};
use axum::{Router, extract::State, response::Response, routing::get};
use serde::Serialize;
use std::collections::HashMap;

/// Hosts of one program's deep links.
const DOMAINS_MAX: usize = 100;

pub fn routes() -> Router<Api> {
    Router::new().route("/programs", get(list).post(create)).route("/programs/{id}", get(one).delete(end))
}

/// A program with the version of its terms that is in effect.
#[derive(Serialize)]
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

async fn create(State(api): State<Api>, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let known = ["merchant", "name", "currency", "landing_url", "domains", "click_param", "pixel", "upstream", "terms"];
    let id = ProgramId::from_raw(api.mint(now));
    let (program, terms) = input.read(&known, |object, errors| read(id, object, errors))?;
    let mut tx = api.db().begin().await?;
    if store::merchant::by_id(&mut tx, program.merchant).await?.is_none() {
        return Err(wrong_field("merchant", "unknown_merchant", "there is no such merchant"));
    }
    store::program::insert(&mut tx, &program, now).await?;
    let terms_version = store::terms::insert(&mut tx, id, now, &terms.to_json(), now).await?;
    tx.commit().await?;
    api.engine.catalogue.put_program(&program);
    Ok(created(&View { program, terms_version }))
}

fn read(id: ProgramId, object: &Object<'_>, errors: &mut FieldErrors) -> Option<(Program, Terms)> {
    let merchant = object.required("merchant", errors).id::<MerchantId>(errors);
    let name = object.required("name", errors).full_text(NAME_CHARS_MAX, errors);
    let currency = object.required("currency", errors).currency(errors);
    let landing_url = object.required("landing_url", errors);
    let landing_url = part(&landing_url, errors, |text| link::parse_landing_url(text).map(|_| text.to_owned()));
    let domains = object.required("domains", errors).list(DOMAINS_MAX, errors).unwrap_or_default();
    let domains = domains.iter().filter_map(|field| part(field, errors, link::parse_domain)).collect();
    let click_param = part(&object.optional("click_param"), errors, link::parse_click_param);
    let pixel = object.optional("pixel").boolean(errors).unwrap_or(false);
    let upstream = object.optional("upstream").boolean(errors).unwrap_or(false);
    let terms = object.required("terms", errors).object(errors);
    // With an unknown currency the rest of the terms is looked at all the same.
    let terms = terms.and_then(|terms| terms::parse::read(&terms, currency.unwrap_or(Currency::EUR), upstream, errors));
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

/// A part of the program's routes.
fn part(field: &Field<'_, '_>, errors: &mut FieldErrors, parse: impl FnOnce(&str) -> Result<String, link::RouteError>) -> Option<String> {
    let text = field.full_text(link::URL_CHARS_MAX, errors)?;
    parse(&text).map_err(|error| errors.push(field.path(), error.code(), error.to_string())).ok()
}

async fn list(State(api): State<Api>, query: Query) -> Result<Response, Problem> {
    let (merchant, page) = query.read_page(&["merchant"], |query, errors| Some(query.optional("merchant").id(errors)))?;
    let mut tx = api.db().read().await?;
    let programs = store::program::list(&mut tx, merchant, page.after, page.rows()).await?;
    let versions = store::terms::versions(&mut tx, &api.engine.terms, &programs).await?;
    tx.commit().await?;
    let now = api.now();
    Ok(page.answer(programs, |program| program.id.to_string(), |program| View::new(program, &versions, now)))
}

async fn one(State(api): State<Api>, Ids(id): Ids<ProgramId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let view = view(&api, &mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok(ok(&view))
}

/// Ends it: its links answer 410 from now on. Ending it again changes nothing.
async fn end(State(api): State<Api>, Ids(id): Ids<ProgramId>) -> Result<Response, Problem> {
    let mut tx = api.db().begin().await?;
    store::program::end(&mut tx, id, api.now()).await?;
    let view = view(&api, &mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    api.engine.catalogue.put_program(&view.program);
    Ok(ok(&view))
}

async fn view(api: &Api, tx: &mut Tx, id: ProgramId) -> Result<Option<View>, StoreError> {
    let Some(program) = store::program::by_id(tx, id).await? else { return Ok(None) };
    let versions = store::terms::versions(tx, &api.engine.terms, std::slice::from_ref(&program)).await?;
    Ok(Some(View::new(program, &versions, api.now())))
}
