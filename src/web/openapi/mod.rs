//! `/openapi.json`: what the server answers, written from the declarations that serve it. Made once; it needs no key.

mod answer;
pub mod code;
mod kind;
mod open;
mod schemas;

use self::schemas::Schemas;
use crate::{
    domain::access::Roles,
    web::{
        api::{self, Field, Operation, PREFIX, RawBody},
        headers,
    },
};
use axum::{
    Router,
    body::Body,
    response::{IntoResponse as _, Response},
    routing::get,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeSet, fmt::Write as _, sync::LazyLock};

/// Where it lives.
pub const PATH: &str = "/openapi.json";
/// May be kept, but asked for again each time: a new release may serve another.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// The conventions, in short; `docs/API.md` has the same.
const ABOUT: &str = "Ristourne tracks clicks, attributes sales, and explains every cent of commission and cashback.\n\n\
    Send a key as `Authorization: Bearer <key>`; `ristourne key create` makes one. A key sees its owner's rows only: what is another's is \
    answered as if it did not exist, with 404.\n\n\
    Amounts are decimal text with a currency, times RFC 3339 in UTC, ids text with a prefix such as `cnv_`. Lists come newest first, in \
    pages: pass `next` as `after`. In a request, `null` and an empty text count as left out, and a name that is not known is refused.\n\n\
    Errors are `application/problem+json` (RFC 9457) with a stable `code`; a 422 names every wrong field in `errors`. A POST of JSON may carry \
    an `Idempotency-Key`: sent again, it gets its first answer again. After 503, send it again: nothing counts twice. Any other method of an \
    address is 405, with `Allow`.";

/// The nouns, in the order of the page.
const TAGS: &[(&str, &str)] = &[
    ("tracking", "What visitors' browsers and shops' servers call: links and postbacks. No key."),
    ("merchants", "Those who sell, and owe the commission."),
    ("secrets", "With which merchants sign their postbacks."),
    ("programs", "Merchants' offers."),
    ("terms", "What a program pays, to whom and when, in numbered versions that never change."),
    ("publishers", "Those who place links."),
    ("links", "What publishers place."),
    ("coupons", "Publishers' own codes: sales that use one are credited to them."),
    ("boosts", "What programs promise buyers beside the commission."),
    ("vouchers", "Random codes to hand out, each good for one order."),
    ("buyers", "Those whose purchases earn cashback."),
    ("conversions", "Our record of each order: what is due on it, to whom, and why."),
    ("claims", "Missing cashback: what buyers claim, and how it is answered."),
    ("clicks", "Single clicks."),
    ("balances", "What accounts hold."),
    ("entries", "The journal behind the balances."),
    ("movements", "What moved beside orders: bonuses, fees, merchants' payments, what was written off or waived."),
    ("invoices", "Invoices and credit notes of what merchants owe, their payments, and how accounts stand."),
    ("seller", "Who stands on documents as their seller: the operator."),
    ("statements", "Publishers' invoices that the platform writes for them, and what stands on them."),
    ("payouts", "How publishers and buyers are paid, the runs that pay them, and each payment."),
    ("reports", "Clicks, conversions and commission over time."),
    ("imports", "Clicks, sales and rates from elsewhere."),
    ("rates", "Exchange rates, as the ECB publishes them."),
    ("keys", "API keys."),
    ("inbox", "Every message that came in, with its verdict."),
    ("server", "Whether it runs, and what it says of itself. No key."),
];

/// The document, and its strong entity tag.
static DOCUMENT: LazyLock<(Bytes, HeaderValue)> = LazyLock::new(|| {
    let text = serde_json::to_vec(&document()).expect("a JSON value is JSON");
    let hash = Sha256::digest(&text).iter().take(12).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a String never fails");
        hex
    });
    (Bytes::from(text), HeaderValue::try_from(format!("\"{hash}\"")).expect("hexadecimal digits"))
});

pub fn routes() -> Router {
    Router::new().route(PATH, get(async |request: HeaderMap| serve(&request)))
}

fn serve(request: &HeaderMap) -> Response {
    let (text, tag) = &*DOCUMENT;
    let known = headers::text(request, &header::IF_NONE_MATCH).unwrap_or_default();
    let unchanged = known.split(',').any(|one| one.trim().trim_start_matches("W/").as_bytes() == tag.as_bytes() || one.trim() == "*");
    let mut answer = if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { Body::from(text.clone()).into_response() };
    let headers = answer.headers_mut();
    headers::seal_answer(headers);
    headers.insert(header::CACHE_CONTROL, REVALIDATE);
    headers.insert(header::ETAG, tag.clone());
    if !unchanged {
        headers.insert(header::CONTENT_TYPE, headers::JSON);
    }
    answer
}

/// The document as JSON.
pub fn document() -> Value {
    let mut schemas = Schemas::default();
    let mut paths = open::paths(&mut schemas);
    let operations = api::operations();
    for operation in &operations {
        let place = paths.entry(format!("{PREFIX}{}", operation.path)).or_insert_with(|| json!({}));
        place[operation.method.as_str().to_ascii_lowercase()] = write(operation, &mut schemas);
    }
    let (paths, refusals) = (Value::Object(paths), schemas.refusals());
    let has = |tag: &str| matches!(tag, "tracking" | "server") || operations.iter().any(|operation| operation.tag == tag);
    let tags = TAGS.iter().filter(|(name, _)| has(name)).map(|(name, about)| json!({"name": name, "description": about}));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ristourne",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": tags.collect::<Vec<_>>(),
        "x-codes": code::described(codes_of(&paths, &refusals)),
        "components": {
            "responses": refusals,
            "schemas": schemas.finish(&paths),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key: `rst_` and 43 characters."},
            },
        },
        "paths": paths,
    })
}

/// Every code that some answer may have.
fn codes_of<'a>(paths: &'a Value, refusals: &'a Value) -> BTreeSet<&'a str> {
    let operations =
        paths.as_object().into_iter().flat_map(Map::values).flat_map(|methods| methods.as_object().into_iter().flat_map(Map::values));
    let own = operations.flat_map(|operation| operation["responses"].as_object().into_iter().flat_map(Map::values));
    let answers = own.chain(refusals.as_object().into_iter().flat_map(Map::values));
    answers.flat_map(|answer| answer["x-codes"].as_array().into_iter().flatten().filter_map(Value::as_str)).collect()
}

fn write(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut parameters: Vec<Value> = operation.ids.iter().map(|id| parameter(id, "path", schemas)).collect();
    parameters.extend(operation.parameters().map(|field| parameter(field, "query", schemas)));
    if operation.takes_idempotency_key() {
        parameters.push(idempotency_key());
    }
    let mut written = json!({
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "security": [{"key": []}],
        "x-roles": roles(operation.roles),
        "responses": answer::answers(operation, schemas),
    });
    if !operation.description.is_empty() {
        written["description"] = operation.description.into();
    }
    if !parameters.is_empty() {
        written["parameters"] = parameters.into();
    }
    if takes_body(operation) {
        written["requestBody"] = request(operation, schemas);
    }
    written
}

fn takes_body(operation: &Operation) -> bool {
    matches!(operation.method, Method::POST | Method::PUT | Method::PATCH)
}

fn roles(roles: Roles) -> Vec<&'static str> {
    roles.iter().map(crate::domain::key::Role::word).collect()
}

fn parameter(field: &Field, place: &str, schemas: &mut Schemas) -> Value {
    let mut parameter = json!({
        "name": field.name,
        "in": place,
        "required": field.required,
        "description": field.about,
        "schema": kind::parameter(field, schemas),
    });
    if place == "query" && !field.required {
        // An empty value counts as not sent.
        parameter["allowEmptyValue"] = true.into();
    }
    if field.name == "limit" {
        parameter["schema"]["default"] = api::PAGE_ROWS.into();
    }
    parameter
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "Sent again with the same key and body within 24 hours, the request gets its first answer again and takes no second effect.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    })
}

fn request(operation: &Operation, schemas: &mut Schemas) -> Value {
    if let Some(RawBody { media, example, .. }) = operation.raw_body {
        return json!({"required": true, "content": {media: {"schema": {"type": "string"}, "example": example}}});
    }
    let Some(body) = &operation.body else {
        let nothing = schemas.put("Nothing", kind::object(&[], false, &mut Schemas::default()));
        return json!({"required": false, "content": {"application/json": {"schema": nothing, "example": {}}}});
    };
    let mut content = json!({"schema": kind::body(body, schemas)});
    if let Ok(example) = serde_json::from_str::<Value>(body.example) {
        content["example"] = example;
    }
    let required = body.items_max.is_some() || body.fields.iter().any(|field| field.required);
    json!({"required": required, "content": {"application/json": content}})
}

/// What every answer may have beside its own headers.
fn request_id() -> Map<String, Value> {
    let header = json!({"description": "Names the request in the server's log.", "schema": {"type": "string"}});
    Map::from_iter([("x-request-id".to_owned(), header)])
}
