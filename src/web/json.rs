//! JSON in and out: what counts as a JSON request, and answers.

use crate::{
    kernel::object::NOT_JSON,
    web::{headers, problem::Problem},
};
use axum::{body::Body, response::Response};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;

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

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

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
