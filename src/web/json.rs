//! JSON in and out: what counts as a JSON request, answers, and the forms that several routes show: a conversion, and what a message came to.

use crate::{
    domain::{
        command::Outcome,
        conversion::{Conversion, Credit, Status},
        reason::Reason,
    },
    kernel::{
        code::Language,
        fields::{FieldError, FieldErrors},
        id::{BuyerId, ClickId, ConversionId, LinkId, ProgramId, PublisherId},
        money::Money,
        object::NOT_JSON,
        time::Time,
    },
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

/// A conversion as the contract shows it: what is due now, amounts as money objects.
pub fn conversion(conversion: &Conversion) -> ConversionWire<'_> {
    let money = |minor| Money::new(minor, conversion.commission.currency);
    let newest = conversion.newest();
    let credit =
        |credit: &Credit| CreditWire { publisher: credit.publisher, link: credit.link, click: credit.click, amount: money(credit.amount) };
    ConversionWire {
        id: conversion.id,
        program: conversion.program,
        order_id: &conversion.order_id,
        goal: &conversion.goal,
        status: conversion.status,
        flags: conversion.flags.words().collect(),
        reason: conversion.reason.as_deref(),
        reason_text: conversion.reason.as_deref().and_then(Reason::from_code).map(ReasonWire::of),
        amount: conversion.amount,
        refunded: conversion.refunded,
        commission: conversion.commission,
        shares: SharesWire {
            publisher: money(conversion.shares.publisher),
            buyer: money(conversion.shares.buyer),
            platform: money(conversion.shares.platform),
        },
        bonuses: [],
        credits: conversion.credits.iter().map(credit).collect(),
        click: newest.and_then(|credit| credit.click),
        link: newest.and_then(|credit| credit.link),
        publisher: newest.map(|credit| credit.publisher),
        buyer: conversion.buyer,
        terms_version: conversion.terms_version,
        occurred_at: conversion.occurred_at,
        recorded_at: conversion.recorded_at,
        payable_at: conversion.payable_at,
    }
}

/// See [`conversion`].
#[derive(Debug, Serialize)]
pub struct ConversionWire<'a> {
    id: ConversionId,
    program: ProgramId,
    order_id: &'a str,
    #[serde(rename = "type")]
    goal: &'a str,
    status: Status,
    flags: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// Of a reason of the coded list; others are the words of who refused the sale.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_text: Option<ReasonWire>,
    amount: Money,
    refunded: Money,
    commission: Money,
    shares: SharesWire,
    /// Boosts are paid by a later release.
    bonuses: [Money; 0],
    credits: Vec<CreditWire>,
    click: Option<ClickId>,
    link: Option<LinkId>,
    publisher: Option<PublisherId>,
    buyer: Option<BuyerId>,
    terms_version: u32,
    occurred_at: Time,
    recorded_at: Time,
    payable_at: Option<Time>,
}

#[derive(Debug, Serialize)]
struct ReasonWire {
    en: &'static str,
    fr: &'static str,
}

impl ReasonWire {
    fn of(reason: Reason) -> Self {
        Self { en: reason.text(Language::En), fr: reason.text(Language::Fr) }
    }
}

#[derive(Debug, Serialize)]
struct SharesWire {
    publisher: Money,
    buyer: Money,
    platform: Money,
}

#[derive(Debug, Serialize)]
struct CreditWire {
    publisher: PublisherId,
    link: Option<LinkId>,
    click: Option<ClickId>,
    amount: Money,
}

/// What a message came to: the body of an answer that is no problem, an item of a batch, or the decision about a test.
#[derive(Debug, Serialize)]
pub struct Verdict<'a> {
    /// Where the answer's own status does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<u16>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    /// Of a refusal, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    conversion: Option<ConversionWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Box<Self>>,
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
        conversion: outcome.conversion().map(conversion),
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
    use http::HeaderValue;

    #[test]
    fn a_conversion_has_the_contracts_form() {
        let eur = |minor| Money::new(minor, crate::kernel::currency::Currency::EUR);
        let at = Time::parse("2026-11-22T09:00:00Z").expect("a time");
        let publisher = PublisherId::from_raw(2);
        let conversion = Conversion {
            id: ConversionId::from_raw(1),
            program: ProgramId::from_raw(3),
            order_id: "A-\"1\u{202e}".into(),
            goal: "sale".into(),
            status: Status::Unattributed,
            flags: crate::domain::conversion::Flags { held: true, unclaimed: true, ..Default::default() },
            reason: Some("no_click".into()),
            amount: eur(12_000),
            refunded: eur(0),
            commission: eur(600),
            shares: crate::domain::due::Shares { publisher: 360, buyer: 180, platform: 60 },
            credits: vec![Credit { publisher, link: None, click: Some(ClickId::from_raw(9)), weight: 1, amount: 360 }],
            buyer: None,
            terms_version: 1,
            occurred_at: at,
            recorded_at: at,
            payable_at: None,
            approved_at: None,
            net: 12_000,
            claim_until: None,
        };
        let outcome = Outcome::Test(Box::new(Outcome::Unattributed(Box::new(conversion))));
        insta::assert_json_snapshot!(verdict(&outcome, &FieldErrors::default()));
    }

    #[test]
    fn refusals_say_why_in_a_batch() {
        let mut errors = FieldErrors::default();
        errors.push("amount", "too_many_decimals", "EUR has 2");
        let fields = Outcome::Noted { http: 422, code: "too_many_decimals" };
        let text = serde_json::to_string(&item(&fields, &errors)).expect("JSON");
        let wanted = r#"{"http":422,"status":"refused","code":"too_many_decimals","errors":[{"field":"amount","code":"too_many_decimals","detail":"EUR has 2"}]}"#;
        assert_eq!(text, wanted);
        let conflict = Outcome::Refused(crate::domain::reason::Refusal::OrderConflict);
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
