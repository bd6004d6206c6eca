//! What went wrong, as an answer: RFC 9457 JSON for programs, a short page in the reader's language for browsers.

use crate::{
    kernel::{
        code::Language,
        fields::{FieldError, FieldErrors},
        object::NOT_JSON,
        schema,
    },
    web::{headers, page},
};
use axum::{
    body::Body,
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use std::borrow::Cow;
use utoipa::ToSchema;

/// A refusal or failure on its way out. Boxed inside, so that results stay small.
#[derive(Debug, Clone)]
pub struct Problem(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    status: StatusCode,
    code: &'static str,
    english: Cow<'static, str>,
    french: Option<&'static str>,
    errors: Vec<FieldError>,
    retry_after_seconds: Option<u32>,
    allow: Option<&'static str>,
    /// What else its answer says.
    headers: HeaderMap,
}

/// What went wrong (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
struct Wire<'a> {
    /// Always `about:blank`: the code tells what it is.
    #[serde(rename = "type")]
    #[schema(examples("about:blank"))]
    kind: &'static str,
    /// The status in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// Stable `snake_case`, for programs.
    code: &'static str,
    /// For people.
    detail: &'a str,
    /// Every wrong field; `code` is that of the first.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl utoipa::PartialSchema for Problem {
    fn schema() -> schema::Shape {
        Wire::schema()
    }
}
impl ToSchema for Problem {
    fn schemas(schemas: &mut Vec<(String, schema::Shape)>) {
        Wire::schemas(schemas);
    }
}

impl Problem {
    /// `code` is stable `snake_case`; `detail` is for a person who reads English.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let english = detail.into();
        let (errors, headers) = (Vec::new(), HeaderMap::new());
        Self(Box::new(Inner { status, code, english, french: None, errors, retry_after_seconds: None, allow: None, headers }))
    }

    /// One that people meet as a page, with a text in both languages.
    pub fn bilingual(status: StatusCode, code: &'static str, english: &'static str, french: &'static str) -> Self {
        let mut problem = Self::new(status, code, english);
        problem.0.french = Some(french);
        problem
    }

    /// 422 with every wrong field; the code is that of the first. 415 if the body is no JSON at all, with where it stops to be.
    pub fn fields(errors: &FieldErrors) -> Self {
        let mut problem = if errors.code() == NOT_JSON {
            let why = errors.as_slice().first().map_or("not JSON", |error| &error.detail);
            Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, NOT_JSON, format!("The body is {why}."))
        } else {
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, errors.code(), "The request has wrong fields; see `errors`.")
        };
        problem.0.errors = errors.as_slice().to_vec();
        problem
    }

    pub fn not_found() -> Self {
        Self::bilingual(StatusCode::NOT_FOUND, "not_found", "There is nothing here.", "Il n’y a rien ici.")
    }

    /// 405, where the router adds what the path does take.
    pub fn wrong_method() -> Self {
        Self::bilingual(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "This address does not take that method.",
            "Cette adresse n’accepte pas cette méthode.",
        )
    }

    /// 405; `allow` lists what the path does take.
    pub fn method(allow: &'static str) -> Self {
        let mut problem = Self::wrong_method();
        problem.0.allow = Some(allow);
        problem
    }

    pub fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too large.")
    }

    /// 503: not known to be done; sending it again is safe.
    pub fn unavailable() -> Self {
        Self::bilingual(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "This is not known to be stored. Please send it again.",
            "L’enregistrement n’est pas confirmé. Veuillez renvoyer la demande.",
        )
        .retry_after(1)
    }

    /// 500: our fault, told to the log and not to the caller.
    pub fn internal() -> Self {
        Self::bilingual(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side.",
            "Une erreur est survenue de notre côté.",
        )
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after_seconds = Some(seconds);
        self
    }

    /// With more headers on its answer.
    #[must_use]
    pub fn dressed(mut self, dress: impl FnOnce(&mut HeaderMap)) -> Self {
        dress(&mut self.0.headers);
        self
    }

    pub fn status(&self) -> StatusCode {
        self.0.status
    }
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The page if the request comes from a browser, else the JSON.
    pub fn answer(self, request: &HeaderMap) -> Response {
        if wants_page(request) { self.page(language(request)) } else { self.into_response() }
    }

    /// The body alone, where it stands inside another answer (the items of a batch).
    pub fn to_json(&self) -> Vec<u8> {
        let Inner { status, code, english, errors, .. } = &*self.0;
        let title = status.canonical_reason().unwrap_or("Problem");
        let wire = Wire { kind: "about:blank", title, status: status.as_u16(), code, detail: english, errors };
        serde_json::to_vec(&wire).expect("strings and numbers are always JSON")
    }

    fn page(self, language: Language) -> Response {
        let inner = &*self.0;
        let (language, text) = match (language, inner.french) {
            (Language::Fr, Some(french)) => (Language::Fr, french),
            _ => (Language::En, &*inner.english),
        };
        let answer = page::render(inner.status, inner.code, text, language);
        self.dress(answer)
    }

    fn dress(self, mut answer: Response) -> Response {
        *answer.status_mut() = self.0.status;
        let headers = answer.headers_mut();
        headers.extend(self.0.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        if let Some(seconds) = self.0.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.0.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        if self.0.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // Two people who share a cache may read different languages, or be a program.
        headers.insert(header::VARY, HeaderValue::from_static("accept, accept-language"));
        answer.extensions_mut().insert(self);
        answer
    }
}

/// As JSON; the problem goes along as an extension, from which [`for_browsers`] makes the page.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut answer = Response::new(Body::from(self.to_json()));
        headers::seal_answer(answer.headers_mut());
        answer.headers_mut().insert(header::CONTENT_TYPE, headers::PROBLEM);
        self.dress(answer)
    }
}

/// The outer layer of the router: a browser gets problems as pages.
pub async fn for_browsers(request: Request, next: Next) -> Response {
    let reader = wants_page(request.headers()).then(|| language(request.headers()));
    let mut answer = next.run(request).await;
    match (reader, answer.extensions_mut().remove::<Problem>()) {
        (Some(language), Some(problem)) => {
            let mut page = problem.page(language);
            // The router's own 405 names the methods there are, and the API says what is left of a key's limit.
            for name in [header::ALLOW].into_iter().chain(headers::RATE_LIMIT) {
                if let Some(value) = answer.headers_mut().remove(&name) {
                    page.headers_mut().insert(name, value);
                }
            }
            page
        }
        _ => answer,
    }
}

/// Browsers name `text/html` when they navigate; programs ask for JSON, for anything, or for nothing.
pub fn wants_page(request: &HeaderMap) -> bool {
    headers::text(request, &header::ACCEPT).is_some_and(|accept| accept.to_ascii_lowercase().contains("text/html"))
}

/// The reader's language: the one of ours that `Accept-Language` likes best, English if it says nothing of either.
pub fn language(request: &HeaderMap) -> Language {
    let accept = headers::text(request, &header::ACCEPT_LANGUAGE).unwrap_or_default();
    let mut best = (Language::En, 0);
    for range in accept.split(',').take(20) {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
        let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
        let language = match primary.as_str() {
            "fr" => Language::Fr,
            "en" => Language::En,
            _ => continue,
        };
        let weight = weight(parameters);
        if weight > best.1 {
            best = (language, weight);
        }
    }
    best.0
}

/// `q=0.8` in thousandths; 1,000 if absent, 0 if it cannot be read.
fn weight(parameters: &str) -> u32 {
    let Some((_, number)) = parameters.split_once("q=") else { return 1000 };
    match number.trim().split_once('.') {
        None => number.trim().parse::<u32>().map_or(0, |whole| whole.min(1) * 1000),
        Some(("1", _)) => 1000,
        Some((_, fraction)) => {
            let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
            digits.parse().unwrap_or(0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    fn request(accept: &'static str, language: &'static str) -> HeaderMap {
        HeaderMap::from_iter([
            (header::ACCEPT, HeaderValue::from_static(accept)),
            (header::ACCEPT_LANGUAGE, HeaderValue::from_static(language)),
        ])
    }

    async fn body(answer: Response) -> String {
        let bytes = answer.into_body().collect().await.expect("a whole body").to_bytes();
        String::from_utf8(bytes.to_vec()).expect("UTF-8")
    }

    #[tokio::test(flavor = "current_thread")]
    async fn programs_get_json_and_browsers_a_page_in_their_language() {
        let ended = || Problem::bilingual(StatusCode::GONE, "program_ended", "The <shop> has left.", "La boutique est partie.");
        let json = ended().answer(&request("*/*", "fr"));
        assert_eq!((json.status(), &json.headers()[header::CONTENT_TYPE]), (StatusCode::GONE, &headers::PROBLEM));
        let wanted = r#"{"type":"about:blank","title":"Gone","status":410,"code":"program_ended","detail":"The <shop> has left."}"#;
        assert_eq!(body(json).await, wanted);
        let page = ended().answer(&request("text/html,*/*;q=0.8", "fr-FR,fr;q=0.9,en;q=0.8"));
        assert_eq!((page.status(), &page.headers()[header::CONTENT_TYPE]), (StatusCode::GONE, &headers::HTML));
        let page = body(page).await;
        assert!(page.contains("<h1>La boutique est partie.</h1>") && page.contains("lang=\"fr\""), "{page}");
        let page = body(ended().answer(&request("text/html", "de"))).await;
        assert!(page.contains("<h1>The &lt;shop&gt; has left.</h1>"), "{page}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn wrong_fields_and_headers_go_along() {
        let mut errors = FieldErrors::default();
        errors.push("amount", "too_many_decimals", "EUR has 2");
        errors.push("currency", "unknown_currency", "upper case");
        let answer = Problem::fields(&errors).into_response();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let json: serde_json::Value = serde_json::from_str(&body(answer).await).expect("JSON");
        assert_eq!((&json["code"], &json["errors"][1]["field"]), (&"too_many_decimals".into(), &"currency".into()));
        assert_eq!(Problem::unavailable().into_response().headers()[header::RETRY_AFTER], "1");
        assert_eq!(Problem::method("GET, HEAD").into_response().headers()[header::ALLOW], "GET, HEAD");
    }

    #[test]
    fn languages() {
        for (accept, wanted) in [
            ("", Language::En),
            ("fr", Language::Fr),
            ("FR-ca", Language::Fr),
            ("de, fr;q=0.5", Language::Fr),
            ("en;q=0.4, fr;q=0.5", Language::Fr),
            ("fr;q=0.9, en", Language::En),
            ("fr;q=0", Language::En),
            ("fr;q=oops", Language::En),
            ("*", Language::En),
            ("frx", Language::En),
            ("en-GB;q=0.85,fr;q=0.9", Language::Fr),
        ] {
            assert_eq!(language(&HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accept))])), wanted, "{accept}");
        }
    }
}
