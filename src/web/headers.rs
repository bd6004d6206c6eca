//! Header names and values that answers share, and reading the ones that requests bring.

use crate::kernel::id;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Names a request in the log and in its answer. Of a message that was dealt with it is the id of its row in the inbox.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
pub const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
pub const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How many requests a minute, how many of them are left, in how many seconds all of them are there again.
pub const RATE_LIMIT: [HeaderName; 3] = [
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
];
/// What became of a pixel's message, since its answer is always the same picture.
pub const VERDICT: HeaderName = HeaderName::from_static("ristourne-verdict");
pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub const ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");
pub const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
/// What a browser says of loading ahead; `Sec-Purpose` first, then what came before it.
pub const PURPOSES: [HeaderName; 4] = [
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-purpose"),
    HeaderName::from_static("x-moz"),
];

pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
pub const NOINDEX: HeaderValue = HeaderValue::from_static("noindex");
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
pub const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
pub const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
pub const GIF: HeaderValue = HeaderValue::from_static("image/gif");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// The id of a request, of this number.
pub fn request_id(number: i64) -> String {
    let mut id = "req_".to_owned();
    id::encode(number, &mut id).expect("writing to a String never fails");
    id
}

/// A header's value as text: of the first line of that name, if it is visible ASCII.
pub fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A header's value as it came.
pub fn bytes<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    headers.get(name).map(HeaderValue::as_bytes)
}

/// Marks an answer as nobody's to keep or to guess the type of.
pub fn seal_answer(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
}
