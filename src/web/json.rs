//! JSON in and out: what counts as a JSON request, answers, and what a message came to.

use crate::{
    domain::{command::Outcome, conversion::Conversion},
    kernel::{
        code::Language,
        fields::{FieldError, FieldErrors},
        object::NOT_JSON,
        schema,
    },
    web::{headers, problem::Problem},
};
use axum::{body::Body, response::Response};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

/// Whether the request says that its body is JSON, or says nothing: then the body shows.
pub fn is_json(request: &HeaderMap) -> bool {
    let Some(value) = request.get(header::CONTENT_TYPE) else { return true };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// 415.
pub fn not_json() -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, NOT_JSON, "The body must be JSON, with `Content-Type: application/json`.")
}

/// An answer with a JSON body that nobody keeps.
pub fn answer(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => answer_bytes(status, body),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            Problem::internal().answer(&HeaderMap::new())
        }
    }
}

/// The same, of JSON that is already written: a replayed answer.
pub fn answer_bytes(status: StatusCode, body: Vec<u8>) -> Response {
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    headers::seal_answer(answer.headers_mut());
    answer.headers_mut().insert(header::CONTENT_TYPE, headers::JSON);
    answer
}

/// What a message came to: the body of an answer that is no problem, an item of a batch, or the decision about a test.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verdict<'a> {
    /// The status that an answer of its own would have: in the items of a batch, and in the decision about a test.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    http: Option<u16>,
    #[schema(schema_with = verdicts)]
    status: &'static str,
    /// Why, where the status alone does not say it: `no_click`, `no_rate`, `order_conflict`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    code: Option<&'a str>,
    /// Of a refusal, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<&'static str>,
    /// Of a message that was refused for its fields: every wrong one.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    /// As it now is. Absent while the order is parked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    conversion: Option<&'a Conversion>,
    /// Of a test: what it would have come to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, no_recursion)]
    decision: Option<Box<Self>>,
}

fn verdicts() -> schema::Shape {
    schema::words(
        "`recorded`; `duplicate`: known already; `unattributed`: kept, nobody is credited; `parked`: waits for its sale or for a rate; \
         `test`: see `decision`; `refused`: see `code`.",
        &["recorded", "duplicate", "unattributed", "parked", "test", "refused"],
    )
}

/// The answer's body; `errors` are those of a message that was refused for its fields.
pub fn verdict<'a>(outcome: &'a Outcome, errors: &'a FieldErrors) -> Verdict<'a> {
    let refused = matches!(outcome, Outcome::Refused(_) | Outcome::Noted { .. });
    Verdict {
        http: None,
        status: if refused { "refused" } else { outcome.verdict() },
        code: outcome.code(),
        detail: match outcome {
            Outcome::Refused(refusal) => Some(refusal.text(Language::En)),
            _ => None,
        },
        errors: if refused { errors.as_slice() } else { &[] },
        conversion: outcome.conversion(),
        decision: match outcome {
            Outcome::Test(inner) => Some(Box::new(item(inner, errors))),
            _ => None,
        },
    }
}

/// The same with `http`, the status that it would have as an answer of its own.
pub fn item<'a>(outcome: &'a Outcome, errors: &'a FieldErrors) -> Verdict<'a> {
    Verdict { http: Some(outcome.http()), ..verdict(outcome, errors) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reason::{Reason, Refusal};
    use http::HeaderValue;

    #[test]
    fn refusals_say_why_in_a_batch() {
        let mut errors = FieldErrors::default();
        errors.push("amount", "too_many_decimals", "EUR has 2");
        let fields = Outcome::Noted { http: 422, code: "too_many_decimals" };
        let text = serde_json::to_string(&item(&fields, &errors)).expect("JSON");
        let wanted = r#"{"http":422,"status":"refused","code":"too_many_decimals","errors":[{"field":"amount","code":"too_many_decimals","detail":"EUR has 2"}]}"#;
        assert_eq!(text, wanted);
        let conflict = Outcome::Refused(Refusal::OrderConflict);
        let text = serde_json::to_string(&item(&conflict, &FieldErrors::default())).expect("JSON");
        assert_eq!(text, r#"{"http":409,"status":"refused","code":"order_conflict","detail":"This order is known with other content."}"#);
        let parked = Outcome::Parked(Some(Reason::NoRate));
        assert_eq!(serde_json::to_string(&verdict(&parked, &errors)).expect("JSON"), r#"{"status":"parked","code":"no_rate"}"#);
    }

    #[test]
    fn content_types() {
        for (value, wanted) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/cloudevents+json", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("text/json+json", false),
            ("", false),
        ] {
            assert_eq!(is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))])), wanted, "{value}");
        }
        assert!(is_json(&HeaderMap::new()));
    }
}
