//! Documents on paper: an A4 page that a browser prints or saves as PDF. It loads nothing, runs nothing, and stands in no frame.

use crate::{
    kernel::{code::Language, money::Money, text::Html, time::Day},
    web::headers,
};
use axum::{body::Body, response::Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, header};
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("paper.css");

/// A page with this title; `body` is HTML, in which every text is escaped already.
pub fn answer(language: Language, title: &str, body: &str) -> Response {
    styled(STYLE, language, title, body)
}

/// The same in a style of its own.
pub fn styled(style: &str, language: Language, title: &str, body: &str) -> Response {
    let (lang, title) = (word(language), Html(title));
    let page = format!(
        "<!doctype html>\n<html lang=\"{lang}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title><style>{style}</style></head>\n\
         <body><main>\n{body}</main></body></html>\n"
    );
    let mut answer = Response::new(Body::from(page));
    let headers = answer.headers_mut();
    headers::seal_answer(headers);
    headers.insert(header::CONTENT_TYPE, headers::HTML);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy(style));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-language"));
    headers.insert(headers::ROBOTS_TAG, headers::NOINDEX);
    answer
}

/// The page's one style is known by its hash.
fn policy(style: &str) -> HeaderValue {
    let hash = STANDARD.encode(Sha256::digest(style));
    let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
    HeaderValue::try_from(policy).expect("base64 is visible ASCII")
}

const fn word(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::Fr => "fr",
    }
}

/// The text in the language of the page.
pub const fn say(language: Language, en: &'static str, fr: &'static str) -> &'static str {
    match language {
        Language::En => en,
        Language::Fr => fr,
    }
}

/// An amount as people write it: `1,234.56 EUR`, and in French `1 234,56 EUR`, with blanks that do not break.
pub fn figures(money: Money, language: Language) -> String {
    let (thousands, point) = match language {
        Language::En => (',', '.'),
        Language::Fr => ('\u{202f}', ','),
    };
    let text = money.amount().to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("\u{2212}", digits));
    let (whole, part) = digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
    let mut written = sign.to_owned();
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n) % 3 == 0 {
            written.push(thousands);
        }
        written.push(digit);
    }
    if let Some(part) = part {
        written.push(point);
        written.push_str(part);
    }
    format!("{written}\u{a0}{}", money.currency)
}

/// `26/11/2026` in French, else ISO 8601.
pub fn date(day: Day, language: Language) -> String {
    let text = day.to_string();
    match (language, text.split('-').collect::<Vec<_>>().as_slice()) {
        (Language::Fr, [year, month, day]) => format!("{day}/{month}/{year}"),
        _ => text,
    }
}

/// A text of several lines, escaped, with line ends that show.
pub fn lines(text: &str) -> String {
    text.lines().map(|line| Html(line).to_string()).collect::<Vec<_>>().join("<br>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[test]
    fn figures_are_written_as_people_do() {
        let money = |text: &str, code: &str| Money::parse(text, code.parse().expect("known")).expect("an amount");
        assert_eq!(figures(money("1234567.80", "EUR"), Language::En), "1,234,567.80\u{a0}EUR");
        assert_eq!(figures(money("-1234.80", "EUR"), Language::Fr), "\u{2212}1\u{202f}234,80\u{a0}EUR");
        assert_eq!(figures(money("100", "JPY"), Language::En), "100\u{a0}JPY");
        assert_eq!(date(Day::parse("2026-11-26").expect("a day"), Language::Fr), "26/11/2026");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_policy_knows_the_style_as_it_stands_in_the_page() {
        let answer = answer(Language::Fr, "A <b>", "");
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("ASCII").to_owned();
        let bytes = answer.into_body().collect().await.expect("a whole body").to_bytes();
        let page = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let style = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).expect("a style").0;
        assert!(policy.contains(&format!("style-src 'sha256-{}';", STANDARD.encode(Sha256::digest(style)))), "{policy}");
        assert!(page.contains("<title>A &lt;b&gt;</title>"), "{page}");
    }
}
