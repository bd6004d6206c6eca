//! `/docs`: the API's page. One HTML, one style and one script, all ours; it reads `/openapi.json`.

use crate::web::headers;
use axum::{
    Router,
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};

const HTML: &str = include_str!("docs/docs.html");
const CSS: &str = include_str!("docs/docs.css");
const JS: &str = include_str!("docs/docs.js");

const CSS_TYPE: HeaderValue = HeaderValue::from_static("text/css; charset=utf-8");
const JS_TYPE: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");
/// What the page needs, and nothing from elsewhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'none'; \
     frame-ancestors 'none'; base-uri 'none'",
);
/// A key is typed in here: no other site may hold a handle on the window.
const OPENER: (HeaderName, HeaderValue) = (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
/// May be kept, but asked for again each time.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

pub fn routes() -> Router {
    Router::new()
        .route("/docs", get(async || asset(HTML, headers::HTML)))
        .route("/docs/docs.css", get(async || asset(CSS, CSS_TYPE)))
        .route("/docs/docs.js", get(async || asset(JS, JS_TYPE)))
}

fn asset(text: &'static str, kind: HeaderValue) -> Response {
    let mut answer = text.into_response();
    let headers: &mut HeaderMap = answer.headers_mut();
    headers::seal_answer(headers);
    headers.insert(header::CACHE_CONTROL, REVALIDATE);
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(headers::ROBOTS_TAG, headers::NOINDEX);
    headers.insert(OPENER.0, OPENER.1);
    answer
}
