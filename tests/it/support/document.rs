//! The OpenAPI document as a judge: whether an answer is one that it declares, to the last field.
use regex::Regex;
use reqwest::{Method, StatusCode};
use ristourne::web::openapi;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{LazyLock, Mutex},
};

/// The document that the server serves: it is the same code.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi::document);

/// An operation of the document.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    pub method: &'static str,
    pub path: &'static str,
    pub spec: &'static Value,
}

/// Every operation, in the order of the document's paths.
pub fn operations() -> impl Iterator<Item = Operation> {
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods");
        methods.iter().map(move |(method, spec)| Operation { method, path, spec })
    })
}

/// The path of the document that an address has; a literal one before one with ids.
fn path_of(path: &str) -> Option<&'static str> {
    let fits = |template: &&String| {
        let (wanted, given): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
        wanted.len() == given.len() && wanted.iter().zip(&given).all(|(w, g)| w.starts_with('{') && !g.is_empty() || w == g)
    };
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    paths.keys().filter(fits).min_by_key(|template| template.matches('{').count()).map(String::as_str)
}

/// What stands there, or where it refers to.
pub fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(place) => DOCUMENT.pointer(place.trim_start_matches('#')).unwrap_or_else(|| panic!("{place} is not in the document")),
        None => value,
    }
}

/// Panics if the answer is not declared.
#[track_caller]
pub fn check(method: &Method, path: &str, status: StatusCode, media: &str, body: &Value) {
    let method = if *method == Method::HEAD { Method::GET } else { method.clone() };
    let wrong = wrong(&method, path, status.as_u16(), media, body);
    assert!(wrong.is_empty(), "{method} {path} answered {status} {media}, and the document does not say so: {wrong:#?}\n{body}");
}

fn wrong(method: &Method, path: &str, status: u16, media: &str, body: &Value) -> Vec<String> {
    let wanted = |status_wanted: u16, code: &str| {
        let fits = (status, body["code"].as_str()) == (status_wanted, Some(code));
        if fits { Vec::new() } else { vec![format!("no such operation, so {status_wanted} {code} is wanted")] }
    };
    let Some(template) = path_of(path) else { return wanted(404, "not_found") };
    let operation: &'static Value = &DOCUMENT["paths"][template][method.as_str().to_ascii_lowercase()];
    if operation.is_null() {
        return wanted(405, "method_not_allowed");
    }
    let answer = resolved(&operation["responses"][status.to_string()]);
    if answer.is_null() {
        return vec![format!("the status {status}")];
    }
    let Some(contents) = answer["content"].as_object() else {
        return if media.is_empty() { Vec::new() } else { vec![format!("a body of {media}")] };
    };
    let media = media.split(';').next().unwrap_or_default();
    let Some(content) = contents.get(media) else { return vec![format!("the media type {media}")] };
    if !media.ends_with("json") {
        return Vec::new();
    }
    let mut wrong = violations(&content["schema"], body);
    let codes = body["errors"].as_array().into_iter().flatten().map(|error| &error["code"]).chain(body.get("code"));
    if let Some(declared) = answer["x-codes"].as_array() {
        wrong.extend(codes.filter(|code| !declared.contains(code)).map(|code| format!("the code {code}")));
    }
    wrong
}

/// What of a value its schema does not declare; fields that no schema names are among it.
pub fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    judge(schema, value, "", &mut wrong);
    wrong
}

/// Judges a value at its place: all of its fields must be named.
fn judge(schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let named = look(schema, value, at, wrong);
    for name in value.as_object().into_iter().flat_map(serde_json::Map::keys) {
        if !named.contains(name) {
            wrong.push(format!("{at}/{name} is not declared"));
        }
    }
}

/// Judges by one schema among those of a place; gives the fields that it names.
fn look(schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    if let Some(place) = schema["$ref"].as_str() {
        let target = DOCUMENT.pointer(place.trim_start_matches('#')).unwrap_or_else(|| panic!("{place} is not in the document"));
        named.extend(look(target, value, at, wrong));
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        named.extend(look(part, value, at, wrong));
    }
    for (several, at_most) in [("anyOf", usize::MAX), ("oneOf", 1)] {
        let Some(parts) = schema[several].as_array() else { continue };
        let mut fitting = 0;
        for part in parts {
            let mut own = Vec::new();
            let fields = look(part, value, at, &mut own);
            if own.is_empty() {
                fitting += 1;
                named.extend(fields);
            }
        }
        if fitting == 0 || fitting > at_most {
            wrong.push(format!("{at} fits {fitting} of {several}: {value}"));
        }
    }
    kinds(schema, value, at, wrong);
    texts_and_numbers(schema, value, at, wrong);
    for (n, element) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(items) = schema.get("items") {
            judge(items, element, &format!("{at}/{n}"), wrong);
        }
    }
    if let Some(fields) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                wrong.push(format!("{at}/{name} is required and absent"));
            }
        }
        for (name, field) in fields {
            let place = format!("{at}/{name}");
            match (schema["properties"].get(name), schema.get("additionalProperties")) {
                (Some(property), _) => judge(property, field, &place, wrong),
                (None, Some(Value::Bool(true))) => {}
                (None, Some(more)) if more.is_object() => judge(more, field, &place, wrong),
                _ => continue,
            }
            named.insert(name.clone());
        }
    }
    named
}

fn kinds(schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let is = |kind: &Value| match kind.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        other => panic!("the type {other:?}"),
    };
    let fits = match &schema["type"] {
        Value::Null => true,
        Value::Array(several) => several.iter().any(is),
        one => is(one),
    };
    if !fits {
        wrong.push(format!("{at} is no {}: {value}", schema["type"]));
    }
    if let Some(values) = schema["enum"].as_array()
        && !values.contains(value)
    {
        wrong.push(format!("{at} is none of the known words: {value}"));
    }
    if schema.get("const").is_some_and(|only| only != value) {
        wrong.push(format!("{at} is not {}: {value}", schema["const"]));
    }
    let length = value.as_array().map(|list| list.len() as u64);
    if length.is_some_and(|length| schema["maxItems"].as_u64().is_some_and(|max| length > max)) {
        wrong.push(format!("{at} is too long"));
    }
}

fn texts_and_numbers(schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    if let Some(text) = value.as_str() {
        if schema["pattern"].as_str().is_some_and(|pattern| !matches(pattern, text)) {
            wrong.push(format!("{at} does not fit {}: {text}", schema["pattern"]));
        }
        if schema["maxLength"].as_u64().is_some_and(|max| text.chars().count() as u64 > max) {
            wrong.push(format!("{at} is too long: {text}"));
        }
        let formatted = match schema["format"].as_str() {
            Some("date-time") => matches(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$", text),
            Some("date") => matches(r"^\d{4}-\d\d-\d\d$", text),
            _ => true,
        };
        if !formatted {
            wrong.push(format!("{at} is no {}: {text}", schema["format"]));
        }
    }
    if let Some(number) = value.as_i64()
        && (schema["minimum"].as_i64().is_some_and(|min| number < min) || schema["maximum"].as_i64().is_some_and(|max| number > max))
    {
        wrong.push(format!("{at} is out of range: {number}"));
    }
}

/// The document's patterns use nothing in which ECMA 262 and this differ.
fn matches(pattern: &str, text: &str) -> bool {
    static KNOWN: Mutex<BTreeMap<String, Regex>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().expect("nobody panicked with it");
    let regex = known.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")));
    regex.is_match(text)
}
