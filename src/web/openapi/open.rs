//! What needs no key: links, postbacks, and what the server says of itself.

use super::{
    answer::{self, Refusals},
    kind,
    schemas::Schemas,
};
use crate::web::{
    api::{Body, Field, Kind, MESSAGE, MESSAGE_CODES},
    json::Verdict,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const POSTBACK: Body = Body::new("Postback", MESSAGE).open().example(
    r#"{"program": "prg_09dkq3fzg0g00", "type": "sale", "order_id": "A-1001", "amount": "120.00", "currency": "EUR", "items": [{"sku": "S1", "category": "books", "quantity": 2, "amount": "80.00"}, {"sku": "S2", "category": "toys", "quantity": 1, "amount": "40.00"}], "customer": {"ref": "c-77", "status": "new"}}"#,
);
/// Names of a message's fields that a query has too.
const IN_QUERY: [&str; 15] = [
    "program",
    "type",
    "order_id",
    "amount",
    "currency",
    "click_id",
    "click_ids",
    "coupon",
    "occurred_at",
    "channel",
    "commission",
    "refund_id",
    "of",
    "reason",
    "reason_text",
];
const CUSTOMER: [Field; 3] = [
    Field::optional("customer_ref", Kind::Text { chars_max: 128 }, "Your own number for the customer."),
    Field::optional("customer_status", Kind::Word(&["new", "returning"]), "What you know of them."),
    Field::optional("test", Kind::Boolean, "Judge it and touch nothing."),
];

pub fn paths(schemas: &mut Schemas) -> Map<String, Value> {
    let mut paths = Map::new();
    let mut put = |path: &str, methods: Value| paths.insert(path.to_owned(), methods);
    put("/c/{slug}", json!({"get": follow(schemas)}));
    put("/postback", json!({"post": postback(schemas), "get": signed_url(schemas)}));
    put("/pixel.gif", json!({"get": pixel(schemas)}));
    put("/healthz", json!({"get": text("healthz", "Whether it serves", "ok\n", &[], schemas)}));
    put("/readyz", json!({"get": text("readyz", "Whether its database answers, too", "ready\n", &[(503, "not_ready")], schemas)}));
    put(
        "/metrics",
        json!({"get": text("metrics", "Counters, for Prometheus", "# TYPE ristourne_redirects_total counter\n", &[], schemas)}),
    );
    put("/robots.txt", json!({"get": text("robots", "What robots may follow", "User-agent: *\nDisallow: /c/\n", &[], schemas)}));
    put(
        "/",
        json!({"get": text("root", "What this is", "Ristourne: a self-hosted affiliate and cashback tracking platform.\n", &[], schemas)}),
    );
    put("/openapi.json", json!({"get": document()}));
    put("/docs", json!({"get": page("docs", "This document as a page", "text/html")}));
    put("/docs/docs.css", json!({"get": page("docs_css", "The page's style", "text/css")}));
    put("/docs/docs.js", json!({"get": page("docs_js", "The page's script", "text/javascript")}));
    paths
}

/// An operation without a key. `refused` are its statuses with codes.
fn operation(id: &str, tag: &str, summary: &str, done: &Value, refused: &Refusals, schemas: &mut Schemas) -> Value {
    let mut answers = done.as_object().cloned().unwrap_or_default();
    for (status, codes) in refused {
        answers.insert(status.to_string(), answer::refusal(*status, codes, schemas));
    }
    answers.insert("431".to_owned(), schemas.too_large_headers());
    json!({"operationId": id, "tags": [tag], "summary": summary, "security": [], "responses": answers})
}

fn refusals(codes: &[(u16, &'static str)]) -> Refusals {
    let mut refusals = Refusals::new();
    for (status, code) in codes {
        refusals.entry(*status).or_default().insert(code);
    }
    refusals
}

fn follow(schemas: &mut Schemas) -> Value {
    let string = |about: &str| json!({"description": about, "schema": {"type": "string"}});
    let done = json!({"302": {
        "description": "On to the shop. HEAD answers the same without counting.",
        "headers": {
            "Location": string("The program's landing page, or the page that the link or `url` names; with the sealed click id."),
            "Set-Cookie": string("`rst_clicks`: the visitor's last clicks, sealed, for 30 days. Not with `cons=0`."),
            "X-Robots-Tag": string("`noindex`"),
        },
    }});
    let refused =
        refusals(&[(404, "unknown_link"), (410, "program_ended"), (410, "link_ended"), (414, "uri_too_long"), (503, "unavailable")]);
    let mut written = operation("follow_link", "tracking", "Follows a link", &done, &refused, schemas);
    let query = |name: &str, about: &str| json!({"name": name, "in": "query", "required": false, "description": about, "allowEmptyValue": true, "schema": {"type": "string"}});
    let mut parameters = vec![
        json!({"name": "slug", "in": "path", "required": true, "description": "Of the link.", "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}}),
        query("url", "A page of the shop to land on; elsewhere than on the program's domains it is ignored."),
        query("buyer", "A member's `ref`; honoured for publishers with `portal: true` only."),
    ];
    for n in 1..=5 {
        parameters
            .push(query(&format!("sub{n}"), "Your own mark, at most 128 characters; it comes back in reports and in the shop's macros."));
    }
    parameters
        .push(json!({"name": "cons", "in": "query", "required": false, "description": "0: the visitor refused cookies, and none is set.",
        "schema": {"type": "string", "enum": ["0", "1"]}}));
    written["parameters"] = parameters.into();
    written["description"] =
        "Always redirects where the link lives: what is wrong in the query is dropped. Robots, prefetches and repeats are redirected too, \
        and left out of counted clicks."
            .into();
    written
}

/// The answers to a message that was judged.
fn judged(id: &str, schemas: &mut Schemas) -> Value {
    let verdict = schemas.add::<Verdict<'static>>();
    let mut answers = Map::new();
    for (status, description) in [
        ("200", "The same again: nothing changed. Or a test: see `decision`."),
        ("201", "Recorded."),
        ("202", "Kept, but not attributed, or waiting for its sale or for a rate: `code` says why."),
    ] {
        let mut content = json!({"schema": verdict});
        if let Some(example) = answer::example(id, status) {
            content["example"] = example.clone();
        }
        answers.insert(status.to_owned(), json!({"description": description, "content": {"application/json": content}}));
    }
    Value::Object(answers)
}

fn message_refusals(open: bool) -> Refusals {
    let mut refusals = refusals(MESSAGE_CODES);
    refusals.entry(422).or_default().extend(kind::fields_codes(MESSAGE, open));
    for (status, code) in [
        (401, "signature_missing"),
        (401, "signature_invalid"),
        (401, "timestamp_out_of_range"),
        (414, "uri_too_long"),
        (422, "amount_out_of_range"),
        (429, "rate_limited"),
        (500, "internal"),
        (503, "unavailable"),
    ] {
        refusals.entry(status).or_default().insert(code);
    }
    refusals
}

fn postback(schemas: &mut Schemas) -> Value {
    let mut refused = message_refusals(true);
    for (status, code) in [
        (408, "body_incomplete"),
        (400, "body_incomplete"),
        (409, "webhook_id_conflict"),
        (413, "too_large"),
        (415, "not_json"),
        (422, "too_long"),
    ] {
        refused.entry(status).or_default().insert(code);
    }
    let done = judged("postback", schemas);
    let mut written = operation("postback", "tracking", "A sale, a refund or a verdict, signed", &done, &refused, schemas);
    written["description"] = "Signed as Standard Webhooks 1.0.0 says, with one of the merchant's secrets: \
        `webhook-signature` is `v1,` and the Base64 of the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{raw body}`.\n\n\
        Answered after it is stored. The same order with the same content is `duplicate`; with other content it is 409. At most 64 KiB."
        .into();
    let header = |name: &str, about: &str, schema: Value| json!({"name": name, "in": "header", "required": true, "description": about, "schema": schema});
    written["parameters"] = json!([
        header("webhook-id", "Unique per merchant.", json!({"type": "string", "minLength": 1, "maxLength": 255})),
        header(
            "webhook-timestamp",
            "Seconds since 1970, within 300 of the server's clock.",
            json!({"type": "string", "pattern": "^[0-9]{1,15}$"})
        ),
        header("webhook-signature", "`v1,…`; several may stand there, with spaces between.", json!({"type": "string", "minLength": 1})),
    ]);
    let schema = kind::body(&POSTBACK, schemas);
    let example: Value = serde_json::from_str(POSTBACK.example).expect("the example is JSON");
    written["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": schema, "example": example}}});
    written
}

fn query_of_message(schemas: &mut Schemas) -> Vec<Value> {
    let fields = MESSAGE.iter().filter(|field| IN_QUERY.contains(&field.name)).chain(&CUSTOMER);
    fields
        .map(|field| {
            let mut parameter = json!({"name": field.name, "in": "query", "required": field.required, "description": field.about, "schema": kind::parameter(field, schemas)});
            if field.name == "click_ids" {
                parameter["style"] = "form".into();
                parameter["explode"] = false.into();
            }
            parameter
        })
        .collect()
}

fn signed_url(schemas: &mut Schemas) -> Value {
    let done = judged("signed_url", schemas);
    let mut written =
        operation("signed_url", "tracking", "The same, for shops that can only call a URL", &done, &message_refusals(true), schemas);
    written["description"] =
        "`sig` comes last: the HMAC-SHA256, in hexadecimal, of the raw query before `&sig=`, keyed with the secret's whole text \
        (`whsec_` included)."
            .into();
    let mut parameters = query_of_message(schemas);
    parameters.push(
        json!({"name": "ts", "in": "query", "required": true, "description": "Seconds since 1970, within 300 of the server's clock.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,15}$"}}),
    );
    parameters.push(json!({"name": "sig", "in": "query", "required": true, "description": "The signature.",
        "schema": {"type": "string", "pattern": "^[0-9A-Fa-f]{64}$"}}));
    written["parameters"] = parameters.into();
    written
}

fn pixel(schemas: &mut Schemas) -> Value {
    let verdict = json!({"description": "What became of the message: `recorded`, `duplicate`, … or the code of a refusal.", "schema": {"type": "string"}});
    let gif = json!({"image/gif": {"schema": {"type": "string", "contentMediaType": "image/gif"}}});
    let done = json!({"200": {"description": "Always a picture of one pixel.", "headers": {"Ristourne-Verdict": verdict}, "content": gif}});
    let refused = refusals(&[(414, "uri_too_long")]);
    let mut written = operation("pixel", "tracking", "A sale, unsigned, from a page", &done, &refused, schemas);
    written["description"] =
        "Only where the program has `pixel: true`. Anybody could send it, so such conversions are marked `unsigned` and approved by hand."
            .into();
    written["parameters"] = query_of_message(schemas).into();
    written
}

fn text(id: &str, summary: &str, example: &str, codes: &[(u16, &'static str)], schemas: &mut Schemas) -> Value {
    let content = json!({"text/plain": {"schema": {"type": "string"}, "example": example}});
    let mut refused = refusals(codes);
    refused.entry(414).or_insert_with(|| BTreeSet::from(["uri_too_long"]));
    operation(id, "server", summary, &json!({"200": {"description": "As text.", "content": content}}), &refused, schemas)
}

fn document() -> Value {
    let tag = json!({"description": "Changes with the document.", "schema": {"type": "string"}});
    json!({
        "operationId": "openapi",
        "tags": ["server"],
        "summary": "This document",
        "security": [],
        "parameters": [{"name": "If-None-Match", "in": "header", "required": false, "description": "An `ETag` that you have.", "schema": {"type": "string"}}],
        "responses": {
            "200": {"description": "OpenAPI 3.1.", "headers": {"ETag": tag}, "content": {"application/json": {"schema": {"type": "object"}}}},
            "304": {"description": "You have it already.", "headers": {"ETag": tag}},
        },
    })
}

fn page(id: &str, summary: &str, media: &str) -> Value {
    json!({
        "operationId": id,
        "tags": ["server"],
        "summary": summary,
        "security": [],
        "responses": {"200": {"description": "As it is.", "content": {media: {"schema": {"type": "string"}}}}},
    })
}
