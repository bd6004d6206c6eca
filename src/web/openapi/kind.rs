//! What a declared field takes, as JSON Schema, and the codes with which it is refused.

use super::schemas::Schemas;
use crate::{
    domain::{
        reason::Reason,
        verdict::{UNEXPECTED_WORDS, VerdictReason, WORDS_CHARS_MAX},
    },
    kernel::{currency::Currency, id, percent::Percent},
    web::api::{Body, Empty, Field, Kind, NAME_CHARS_MAX},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Decimal text as it is taken: CONTRACT's grammar, not below zero.
const AMOUNT: &str = r"^(0|[1-9][0-9]{0,14})(\.[0-9]{1,4})?$";
const RATE: &str = r"^(0|[1-9][0-9]{0,7})(\.[0-9]{1,8})?$";
const OWNER: &str = "^(platform|(mer|pub|buy)_[0-7][0-9a-hjkmnp-tv-z]{12})$";
/// The largest amount in units of a currency without decimals.
const AMOUNT_MAX: i64 = 1_000_000_000_000_000;

/// The schema of a body.
pub fn body(body: &Body, schemas: &mut Schemas) -> Value {
    let mut schema = object(body.fields, body.open, schemas);
    if body.open {
        schema["description"] = "Names that are not known are let pass.".into();
    }
    let Some(max) = body.items_max else { return schemas.put(body.name, schema) };
    // What clients call one of the list: `Postbacks` is a list of `Postback`.
    let item = schemas.put(body.name.trim_end_matches('s'), schema);
    json!({"type": "array", "items": item, "maxItems": max})
}

/// An object with these fields.
pub fn object(fields: &[Field], open: bool, schemas: &mut Schemas) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|field| (field.name.to_owned(), property(field, open, schemas))).collect();
    let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut object = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    if !open {
        object["additionalProperties"] = json!(false);
    }
    object
}

/// A field of a body.
fn property(field: &Field, open: bool, schemas: &mut Schemas) -> Value {
    let schema = of(&field.kind, open, schemas);
    let mut schema = match (&field.kind, field.empty) {
        (_, Empty::Refused) => schema,
        (Kind::Text { chars_max: usize::MAX }, _) => json!({"type": ["string", "null"]}),
        (Kind::Text { chars_max }, _) => json!({"type": ["string", "null"], "maxLength": chars_max}),
        (_, Empty::Unsent) => {
            let unsent = json!({"description": "As good as left out.", "enum": ["", null]});
            json!({"anyOf": [schema, schemas.put("Unsent", unsent)]})
        }
        (_, Empty::Clears) => {
            let cleared = json!({"description": "What is there is taken away.", "enum": ["", null]});
            json!({"anyOf": [schema, schemas.put("Cleared", cleared)]})
        }
    };
    schema["description"] = field.about.into();
    schema
}

/// A parameter of a query or path.
pub fn parameter(field: &Field, schemas: &mut Schemas) -> Value {
    of(&field.kind, false, schemas)
}

fn of(kind: &Kind, open: bool, schemas: &mut Schemas) -> Value {
    match kind {
        Kind::Id(prefix) => id_of(prefix, schemas),
        Kind::Ids { prefix, max } => {
            let one = id_of(prefix, schemas);
            json!({"anyOf": [{"type": "array", "items": one, "minItems": 1, "maxItems": max}, one]})
        }
        Kind::Owner => schemas.put("Owner", json!({"type": "string", "pattern": OWNER, "examples": ["platform"]})),
        Kind::Text { chars_max: usize::MAX } => json!({"type": "string", "minLength": 1}),
        Kind::Text { chars_max } => json!({"type": "string", "minLength": 1, "maxLength": chars_max}),
        Kind::Name => json!({"type": "string", "minLength": 1, "maxLength": NAME_CHARS_MAX, "pattern": r"\S"}),
        Kind::Texts { chars_max, max } => {
            let one = json!({"type": "string", "minLength": 1, "maxLength": chars_max});
            json!({"anyOf": [{"type": "array", "items": one, "minItems": 1, "maxItems": max}, one]})
        }
        Kind::Pattern { pattern, .. } => json!({"type": "string", "pattern": pattern}),
        Kind::Email => json!({"type": "string", "format": "email", "maxLength": 320}),
        Kind::Url => json!({"type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://", "maxLength": 2048}),
        Kind::Word(words) => json!({"type": "string", "enum": words}),
        Kind::Reason => schemas.add::<Reason>(),
        Kind::Grounds => {
            json!({"anyOf": [schemas.add::<VerdictReason>(), {"type": "string", "minLength": 1, "maxLength": WORDS_CHARS_MAX}]})
        }
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::Amount => {
            let text = json!({"type": "string", "pattern": AMOUNT, "examples": ["12.34"]});
            json!({"anyOf": [text, {"type": "number", "minimum": 0, "maximum": AMOUNT_MAX}]})
        }
        Kind::Percent => json!({"anyOf": [schemas.add::<Percent>(), {"type": "number", "minimum": 0, "maximum": 100}]}),
        Kind::Currency => schemas.add::<Currency>(),
        Kind::Rate => {
            let text = json!({"type": "string", "pattern": RATE, "examples": ["1.0876"]});
            json!({"anyOf": [text, {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100_000_000}]})
        }
        Kind::Date => json!({"type": "string", "format": "date"}),
        Kind::Time => json!({"type": "string", "format": "date-time"}),
        Kind::Moment => json!({"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}),
        Kind::Cursor => json!({"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}),
        Kind::List { of: one, max } => json!({"type": "array", "items": of(one, open, schemas), "maxItems": max}),
        Kind::Object(fields) => object(fields, open, schemas),
        Kind::OneOf(fields) => {
            let one = |field: &Field| object(std::slice::from_ref(field), open, schemas);
            json!({"oneOf": fields.iter().map(one).collect::<Vec<_>>()})
        }
        Kind::Variants { common, kinds } => {
            let variant = |(words, fields): &(&[&'static str], &[Field])| {
                let mut variant = object(&[*common, *fields].concat(), open, schemas);
                variant["properties"]["kind"] = json!({"type": "string", "enum": words});
                let mut required = vec!["kind"];
                required.extend(fields.iter().filter(|field| field.required).map(|field| field.name));
                variant["required"] = json!(required);
                variant
            };
            json!({"oneOf": kinds.iter().map(variant).collect::<Vec<_>>()})
        }
        Kind::ByCurrency { each, count_min } => {
            let names = schemas.add::<Currency>();
            json!({"type": "object", "propertyNames": names, "additionalProperties": of(each, open, schemas), "minProperties": count_min})
        }
    }
}

fn id_of(prefix: &str, schemas: &mut Schemas) -> Value {
    let (_, name, shape) = id::KINDS.iter().find(|(known, ..)| *known == prefix).expect("a prefix of ours");
    schemas.put(name, serde_json::to_value(shape()).expect("schemas are JSON"))
}

/// The codes with which a body may be refused.
pub fn body_codes(body: Option<&Body>) -> BTreeSet<&'static str> {
    match body {
        Some(body) if body.items_max.is_some() => BTreeSet::from(["invalid_type", "too_many"]),
        Some(body) => {
            let mut codes = fields_codes(body.fields, body.open);
            codes.extend((!body.fixed.is_empty()).then_some("immutable_field"));
            codes
        }
        None => fields_codes(&[], false),
    }
}

/// The codes with which an object with these fields may be refused.
pub fn fields_codes(fields: &[Field], open: bool) -> BTreeSet<&'static str> {
    let mut codes = BTreeSet::from(["invalid_type", "duplicate_field", "invalid_text"]);
    if !open {
        codes.insert("unknown_field");
    }
    for field in fields {
        if field.empty == Empty::Refused {
            codes.insert("missing_field");
        }
        kind_codes(&field.kind, open, &mut codes);
    }
    codes
}

/// The codes with which a query may be refused.
pub fn query_codes<'a>(fields: impl Iterator<Item = &'a Field>) -> BTreeSet<&'static str> {
    let mut codes = BTreeSet::from(["unknown_field", "duplicate_field", "invalid_text"]);
    for field in fields {
        if field.required {
            codes.insert("missing_field");
        }
        kind_codes(&field.kind, false, &mut codes);
    }
    codes
}

fn kind_codes(kind: &Kind, open: bool, codes: &mut BTreeSet<&'static str>) {
    let own: &[&'static str] = match kind {
        Kind::Id(_) => &["invalid_id"],
        Kind::Ids { .. } => &["invalid_id", "empty_list", "too_many", "too_long", "missing_field"],
        Kind::Owner => &["invalid_id", "too_long"],
        Kind::Text { .. } | Kind::Name | Kind::Pattern { .. } | Kind::Url => &["too_long", "missing_field"],
        Kind::Texts { .. } => &["too_long", "empty_list", "too_many", "missing_field"],
        Kind::Email => &["too_long", "invalid_email"],
        Kind::Word(_) | Kind::Reason => &["unknown_word"],
        Kind::Grounds => &["too_long", "missing_field", UNEXPECTED_WORDS],
        Kind::Boolean => &["invalid_type"],
        Kind::Integer { .. } => &["invalid_type", "out_of_range"],
        Kind::Amount => &["invalid_amount", "too_many_decimals", "amount_out_of_range", "negative_amount"],
        Kind::Percent => &["invalid_percent"],
        Kind::Currency => &["unknown_currency"],
        Kind::Rate => &["invalid_rate"],
        Kind::Date => &["invalid_date", "too_long"],
        Kind::Time | Kind::Moment => &["invalid_time"],
        Kind::Cursor => &["invalid_cursor"],
        Kind::List { of, .. } => {
            kind_codes(of, open, codes);
            &["too_many", "empty_list"]
        }
        Kind::Object(fields) => {
            codes.extend(fields_codes(fields, open));
            &[]
        }
        Kind::OneOf(fields) => {
            codes.extend(fields_codes(fields, open));
            &["exactly_one_way"]
        }
        Kind::Variants { common, kinds } => {
            codes.extend(fields_codes(common, open));
            for (_, fields) in *kinds {
                codes.extend(fields_codes(fields, open));
            }
            &["unknown_word", "missing_field"]
        }
        Kind::ByCurrency { each, .. } => {
            kind_codes(each, open, codes);
            &["unknown_currency", "missing_field"]
        }
    };
    codes.extend(own);
}
