//! What an operation answers: what it declares, and the refusals that follow from its roles, ids, parameters and body.

use super::{code, kind, request_id, schemas::Schemas, takes_body};
use crate::{
    domain::access::ANY,
    web::{
        api::{Answer, Content, Operation, Shape},
        problem::Problem,
    },
};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

/// Answers that the operations' examples got from a fresh server, by operation and status; a test writes them.
static EXAMPLES: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(include_str!("examples.json")).expect("the examples are JSON"));

/// Codes by status.
pub type Refusals = BTreeMap<u16, BTreeSet<&'static str>>;

pub fn answers(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut answers = Map::new();
    for answer in &operation.answers {
        let status = answer.status.to_string();
        let mut headers = request_id();
        headers.extend(rate());
        if operation.takes_idempotency_key() {
            headers.insert(
                "Idempotency-Replayed".to_owned(),
                json!({
                "description": "`true` where this is the first answer again.", "schema": {"type": "string", "enum": ["true"]}}),
            );
        }
        let (media, mut content) = content(answer, schemas);
        if let (Some(example), "application/json") = (example(operation.id, &status), media) {
            content["example"] = example.clone();
        }
        let written = answers.entry(status).or_insert_with(|| json!({"description": done(operation, answer.status), "headers": headers}));
        written["content"][media] = content;
    }
    for (status, codes) in refusals(operation) {
        answers.insert(status.to_string(), refusal(status, &codes, schemas));
    }
    answers.insert("431".to_owned(), schemas.too_large_headers());
    Value::Object(answers)
}

/// Where requests are limited, how many are left.
fn rate() -> impl Iterator<Item = (String, Value)> {
    let header = |name: &str, about: &str| {
        let schema = json!({"type": "integer", "minimum": 0});
        (name.to_owned(), json!({"description": format!("{about} Only where the requests of keys are limited."), "schema": schema}))
    };
    [
        header("RateLimit-Limit", "Requests a minute."),
        header("RateLimit-Remaining", "How many may follow at once."),
        header("RateLimit-Reset", "In so many seconds all may."),
    ]
    .into_iter()
}

pub fn example(operation: &str, status: &str) -> Option<&'static Value> {
    EXAMPLES.get(operation)?.get(status)
}

fn done(operation: &Operation, status: u16) -> &'static str {
    match (status, &operation.method) {
        (201, _) => "Made, as it now is.",
        (_, &Method::GET) => "What was asked for.",
        _ => "As it now is.",
    }
}

fn content(answer: &Answer, schemas: &mut Schemas) -> (&'static str, Value) {
    let list = |shape: Shape, name: &str, next: Value, schemas: &mut Schemas| {
        let rows = schemas.shape(shape);
        let list = json!({
            "type": "object",
            "required": ["data", "next"],
            "properties": {"data": {"type": "array", "items": rows}, "next": next},
        });
        json!({"schema": schemas.put(&format!("{}{name}", (shape.name)()), list)})
    };
    match answer.content {
        Content::One(shape) => ("application/json", json!({"schema": schemas.shape(shape)})),
        Content::Page(shape) => {
            let next = json!({"type": ["string", "null"], "description": "What to pass as `after` for the next page; null on the last."});
            ("application/json", list(shape, "Page", next, schemas))
        }
        Content::Whole(shape) => {
            let next = json!({"type": "null", "description": "This list comes whole."});
            ("application/json", list(shape, "List", next, schemas))
        }
        Content::Raw(media) => (media, json!({"schema": {"type": "string"}})),
    }
}

/// What may go wrong. 405 is not an operation's: it is what every other method of its address gets.
fn refusals(operation: &Operation) -> Refusals {
    let mut refusals = Refusals::new();
    let mut add = |status: u16, codes: &[&'static str]| refusals.entry(status).or_default().extend(codes);
    add(401, &["key_missing", "key_invalid"]);
    add(414, &["uri_too_long"]);
    add(429, &["rate_limited"]);
    add(500, &["internal"]);
    add(503, &["unavailable"]);
    if operation.roles != ANY {
        add(403, &["forbidden"]);
    }
    if !operation.ids.is_empty() {
        add(404, &["not_found"]);
    }
    if takes_body(operation) {
        add(400, &["body_incomplete"]);
        add(413, &["too_large"]);
        if let Some(body) = operation.raw_body {
            add(415, &[body.code]);
        } else {
            add(415, &["not_json"]);
            add(422, &kind::body_codes(operation.body.as_ref()).into_iter().collect::<Vec<_>>());
        }
    }
    if operation.parameters().next().is_some() {
        add(422, &kind::query_codes(operation.parameters()).into_iter().collect::<Vec<_>>());
    }
    if operation.takes_idempotency_key() {
        add(409, &["idempotency_conflict"]);
        add(422, &["invalid_idempotency_key"]);
    }
    for (status, code) in &operation.codes {
        add(*status, &[*code]);
    }
    refusals
}

/// A refusal with one of these codes; a browser gets it as a page.
pub fn refusal(status: u16, codes: &BTreeSet<&'static str>, schemas: &mut Schemas) -> Value {
    let problem = schemas.add::<Problem>();
    let codes: Vec<&str> = codes.iter().copied().collect();
    let schema = json!({"allOf": [problem, {"type": "object", "properties": {"status": {"const": status}, "code": {"enum": codes}}}]});
    let mut headers = request_id();
    let own = match status {
        401 => Some(("WWW-Authenticate", json!({"schema": {"type": "string", "enum": ["Bearer"]}}))),
        429 | 503 => Some(("Retry-After", json!({"description": "In so many seconds.", "schema": {"type": "integer", "minimum": 1}}))),
        _ => None,
    };
    if let Some((name, header)) = own {
        headers.insert(name.to_owned(), header);
    }
    if status == 429 {
        headers.extend(rate());
    }
    let refusal = json!({
        "description": meaning(status),
        "headers": headers,
        "content": {
            "application/problem+json": {"schema": schema, "example": problem_example(status, &codes)},
            "text/html": {"schema": {"type": "string", "description": "The same as a short page, for a browser that asks for one."}},
        },
        "x-codes": codes,
    });
    schemas.refusal(&title(status).replace(' ', ""), refusal)
}

fn title(status: u16) -> &'static str {
    StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Problem")
}

fn problem_example(status: u16, codes: &[&str]) -> Value {
    let code = codes.iter().find(|code| **code == "missing_field").or_else(|| codes.first()).copied().unwrap_or_default();
    let detail = code::texts(code).map_or("", |[english, _]| english);
    let mut example = json!({"type": "about:blank", "title": title(status), "status": status, "code": code, "detail": detail});
    if code == "missing_field" {
        example["detail"] = "The request has wrong fields; see `errors`.".into();
        example["errors"] = json!([{"field": "name", "code": code, "detail": "this field is required"}]);
    }
    example
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 | 408 => "The body did not come whole.",
        401 => "No key or signature, or not one that is known.",
        403 => "Not for a key of this role.",
        404 => "There is nothing here, or nothing that this key may see.",
        409 => "It contradicts something stored; nothing changed.",
        410 => "It has ended.",
        413 => "The body is too large.",
        414 => "The address is too long.",
        415 => "The body is not of the kind that is wanted.",
        422 => "Something in it is wrong; every wrong field is named.",
        429 => "Too many requests of this key; `Retry-After` says when to come back.",
        500 => "Our fault; the log names it by `x-request-id`.",
        503 => "Not known to be stored: send it again, nothing counts twice.",
        _ => "It was refused.",
    }
}
