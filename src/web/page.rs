//! The short page that a person gets where there is nothing else to show: what is wrong, and what to do now.

use crate::{
    kernel::{code::Language, text::Html},
    web::headers,
};
use axum::{body::Body, response::Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

/// It stands in the page: where something is wrong, nothing else need be fetched.
const STYLE: &str = include_str!("page.css");

/// The page loads nothing and stands in no frame; its one style is known by its hash.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
    HeaderValue::try_from(policy).expect("base64 is visible ASCII")
});

/// `text` is in `language`; the code is what to tell whoever is asked for help.
pub fn render(status: StatusCode, code: &str, text: &str, language: Language) -> Response {
    let (text, number) = (Html(text), status.as_u16());
    let (lang, advice) = match (language, advice(status)) {
        (Language::En, (english, _)) => ("en", english),
        (Language::Fr, (_, french)) => ("fr", french),
    };
    let page = format!(
        "<!doctype html>\n<html lang=\"{lang}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{text}</title><style>{STYLE}</style></head>\n\
         <body><main><h1>{text}</h1><p>{advice}</p><p class=\"code\">{number} <code>{code}</code></p></main></body></html>\n"
    );
    let mut answer = Response::new(Body::from(page));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers::seal_answer(headers);
    headers.insert(header::CONTENT_TYPE, headers::HTML);
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(headers::ROBOTS_TAG, headers::NOINDEX);
    answer
}

/// What a reader can do now, in English and in French.
fn advice(status: StatusCode) -> (&'static str, &'static str) {
    if status == StatusCode::GONE {
        ("The page that you came from may know a newer one.", "La page d’où vous venez en connaît peut-être une autre.")
    } else if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        ("Please come back in a moment.", "Revenez dans un instant.")
    } else {
        ("Check the address, or go back to the page that you came from.", "Vérifiez l’adresse, ou revenez à la page d’où vous venez.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[tokio::test(flavor = "current_thread")]
    async fn text_is_text_and_the_policy_knows_the_style_as_it_stands_in_the_page() {
        let answer = render(StatusCode::GONE, "program_ended", "The <shop> has left.", Language::Fr);
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("ASCII").to_owned();
        let bytes = answer.into_body().collect().await.expect("a whole body").to_bytes();
        let page = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        assert!(page.contains("<h1>The &lt;shop&gt; has left.</h1>") && page.contains("<html lang=\"fr\">"), "{page}");
        let style = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).expect("a style").0;
        assert!(policy.contains(&format!("style-src 'sha256-{}';", STANDARD.encode(Sha256::digest(style)))), "{policy}");
    }
}
