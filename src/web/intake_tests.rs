//! Who is believed, what is refused with which code, and what is kept of it. The ledger's part is told by the stories in `tests/it`.

use super::*;
use crate::kernel::{
    currency::Currency,
    id::{ClickId, InboxId, LinkId, ProgramId},
    seal::{ClickToken, SealKey},
};
use http::HeaderName;

const AT: Time = Time::from_millis(1_790_000_000_000);
const STAMP: i64 = 1_790_000_000;
const PROGRAM: ProgramId = ProgramId::from_raw(3);
const MERCHANT: MerchantId = MerchantId::from_raw(4);

fn program(pixel: bool) -> Program {
    Program {
        id: PROGRAM,
        merchant: MERCHANT,
        name: "A shop".into(),
        currency: Currency::EUR,
        landing_url: "https://shop.example/".into(),
        domains: Vec::new(),
        click_param: "rclid".into(),
        pixel,
        upstream: false,
        ended_at: None,
    }
}
fn secret() -> WebhookSecret {
    WebhookSecret::generate([7; 32])
}
fn ring() -> KeyRing {
    KeyRing::new(&[SealKey { number: 1, secret: [9; 32] }]).expect("one key")
}
fn sale() -> String {
    format!(r#"{{"program": "{PROGRAM}", "order_id": "A-1", "amount": "120.00", "currency": "EUR"}}"#)
}
fn signed(body: &str) -> HeaderMap {
    let signature = signature::sign(&secret(), "msg_1", STAMP, body.as_bytes());
    let header = |name: HeaderName, value: &str| (name, HeaderValue::from_str(value).expect("visible ASCII"));
    HeaderMap::from_iter([
        header(WEBHOOK_ID, "msg_1"),
        header(WEBHOOK_TIMESTAMP, &STAMP.to_string()),
        header(WEBHOOK_SIGNATURE, &signature),
        header(header::CONTENT_TYPE, "application/json"),
    ])
}

/// The command of a message to a shop that takes pixels, and what it was refused with.
fn take(channel: Channel, headers: &HeaderMap, raw: &[u8], pixel: bool) -> (Command, Option<(u16, &'static str)>) {
    let arrival = Arrival { channel, headers, raw, now: AT };
    let read = arrival.read();
    let known = read.as_ref().ok().and_then(Postback::program) == Some(PROGRAM);
    let program = known.then(|| program(pixel));
    let secrets: Vec<WebhookSecret> = known.then(secret).into_iter().collect();
    let judged = arrival.judge(read, program.as_ref(), arrival.verify(secrets.iter()), &ring());
    let (command, refused) = arrival.command(judged, program.as_ref(), InboxId::from_raw(1));
    (command, refused.map(|refused| (refused.problem().status().as_u16(), refused.problem().code())))
}

#[test]
fn a_signed_message_is_its_merchants() {
    let token = ClickToken { click: ClickId::from_raw(1 << 40), link: LinkId::from_raw(2), buyer: None, consent: true, quality: 0 };
    let body = sale().replace('}', &format!(r#", "click_id": "{}", "test": true}}"#, ring().seal_click(&token)));
    let (command, refused) = take(Channel::Postback, &signed(&body), body.as_bytes(), false);
    assert_eq!((refused, command.test), (None, true));
    let message = &command.message;
    assert_eq!((message.merchant, message.program, message.webhook_id.as_deref()), (Some(MERCHANT), Some(PROGRAM), Some("msg_1")));
    assert_eq!((message.body.as_slice(), message.channel, message.received_at), (body.as_bytes(), Channel::Postback, AT));
    let Act::Sale { sale, .. } = command.act else { panic!("a sale") };
    assert!(matches!(sale.clicks[..], [crate::domain::sale::SentClick::Opened(click)] if click.click == token.click));
    assert!(sale.signed);
}

#[test]
fn refusals_of_a_postback_in_their_order() {
    let good = sale();
    let without = |name: HeaderName| {
        let mut headers = signed(&good);
        headers.remove(name);
        headers
    };
    let with = |name: HeaderName, value: &'static str| {
        let mut headers = signed(&good);
        headers.insert(name, HeaderValue::from_static(value));
        headers
    };
    let unknown = good.replace(&PROGRAM.to_string(), &ProgramId::from_raw(99).to_string());
    let nonsense = good.replace(&PROGRAM.to_string(), "prg_mine");
    let cut = &good[..good.len() - 1];
    let wrong = good.replace("120.00", "120.000").replace("EUR", "eur");
    let long = {
        let (id, mut headers) = ("x".repeat(256), signed(&good));
        let signature = signature::sign(&secret(), &id, STAMP, good.as_bytes());
        headers.insert(WEBHOOK_ID, HeaderValue::from_str(&id).expect("ASCII"));
        headers.insert(WEBHOOK_SIGNATURE, HeaderValue::from_str(&signature).expect("ASCII"));
        headers
    };
    for (headers, body, http, code) in [
        (with(header::CONTENT_TYPE, "text/plain"), good.as_str(), 415, "not_json"),
        (signed(cut), cut, 415, "not_json"),
        (signed(""), "", 415, "not_json"),
        (HeaderMap::new(), "{}", 401, "signature_missing"),
        (without(WEBHOOK_ID), &good, 401, "signature_missing"),
        (without(WEBHOOK_TIMESTAMP), &good, 401, "signature_missing"),
        (without(WEBHOOK_SIGNATURE), &good, 401, "signature_missing"),
        (with(WEBHOOK_TIMESTAMP, "1789999699"), &good, 401, "timestamp_out_of_range"),
        (with(WEBHOOK_TIMESTAMP, "+1790000000"), &good, 401, "timestamp_out_of_range"),
        (with(WEBHOOK_SIGNATURE, "v1,AAAA"), &good, 401, "signature_invalid"),
        (signed(&wrong), &good, 401, "signature_invalid"),
        (signed(&unknown), &unknown, 401, "signature_invalid"),
        (signed(&nonsense), &nonsense, 401, "signature_invalid"),
        (signed("{}"), "{}", 422, "missing_field"),
        (signed("[1]"), "[1]", 422, "invalid_type"),
        (signed(&wrong), &wrong, 422, "unknown_currency"),
        (long, &good, 422, "too_long"),
    ] {
        let (command, refused) = take(Channel::Postback, &headers, body.as_bytes(), true);
        assert_eq!(refused, Some((http, code)), "{body}");
        assert!(matches!(command.act, Act::Refused { http: noted, code: same, .. } if noted == http && same == code), "{body}");
        let believed = http == 422 && body.len() > 3;
        assert_eq!(command.message.merchant.is_some(), believed, "{code} is {}filed with the merchant", if believed { "" } else { "not " });
        assert_eq!(command.message.webhook_id.is_some(), believed && code != "too_long", "{code}");
    }
}

#[test]
fn of_what_nobody_signed_little_is_kept() {
    let body = sale().replace('}', &format!(r#", "note": "{}"}}"#, "x".repeat(10_000)));
    let (command, _) = take(Channel::Postback, &HeaderMap::new(), body.as_bytes(), false);
    assert_eq!(command.message.body, &body.as_bytes()[..4096]);
    assert_eq!(command.message.body_hash, <[u8; 32]>::from(Sha256::digest(body.as_bytes())));
    let (command, _) = take(Channel::Postback, &signed(&body), body.as_bytes(), false);
    assert_eq!(command.message.body.len(), body.len());
}

#[test]
fn urls_are_signed_and_pixels_are_not() {
    let none = HeaderMap::new();
    let query = format!("program={PROGRAM}&order_id=A-1&amount=120.00&currency=EUR&ts={STAMP}");
    let good = format!("{query}&sig={}", signature::sign_query(&secret(), &query));
    let (command, refused) = take(Channel::SignedUrl, &none, good.as_bytes(), false);
    assert_eq!((refused, command.message.merchant, command.message.webhook_id), (None, Some(MERCHANT), None));
    assert!(matches!(command.act, Act::Sale { sale, .. } if sale.signed));
    for (query, code) in [
        (query.clone(), "signature_missing"),
        (good.replace("120.00", "1.00"), "signature_invalid"),
        (good.replace(&STAMP.to_string(), "1789999699"), "timestamp_out_of_range"),
        (good.replace(&PROGRAM.to_string(), &ProgramId::from_raw(99).to_string()), "signature_invalid"),
    ] {
        assert_eq!(take(Channel::SignedUrl, &none, query.as_bytes(), false).1, Some((401, code)), "{query}");
    }
    let (command, refused) = take(Channel::Pixel, &none, query.as_bytes(), true);
    assert_eq!((refused, command.message.merchant), (None, Some(MERCHANT)));
    assert!(matches!(command.act, Act::Sale { sale, .. } if !sale.signed));
    assert_eq!(take(Channel::Pixel, &none, query.as_bytes(), false).1, Some((403, "no_pixel")));
    assert_eq!(take(Channel::Pixel, &none, b"program=prg_nobodys&order_id=1", true).1, Some((403, "no_pixel")));
    assert_eq!(take(Channel::Pixel, &none, b"order_id=1", true).1, Some((422, "missing_field")));
    let cancel = format!("program={PROGRAM}&order_id=A-1&type=cancel");
    assert_eq!(take(Channel::Pixel, &none, cancel.as_bytes(), true).1, Some((422, "signature_missing")));
}

#[test]
fn answers() {
    let noted = |refused: Refused| {
        let Act::Refused { http, code, .. } = refused.act() else { panic!("a refusal") };
        Ok((Outcome::Noted { http, code }, Some(refused)))
    };
    assert_eq!(spoken(noted(Refused::Signature(SignatureError::Invalid))).status(), StatusCode::UNAUTHORIZED);
    assert_eq!(spoken(noted(Refused::Fields(long_webhook_id()))).status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(spoken(Ok((Outcome::Refused(Refusal::OrderConflict), None))).status(), StatusCode::CONFLICT);
    assert_eq!(spoken(Ok((Outcome::Parked(None), None))).status(), StatusCode::ACCEPTED);
    let away = spoken(Err(Problem::unavailable()));
    assert_eq!((away.status(), away.headers().contains_key(header::RETRY_AFTER)), (StatusCode::SERVICE_UNAVAILABLE, true));
    for (settled, verdict) in [
        (noted(Refused::NoPixel), "no_pixel"),
        (Ok((Outcome::Parked(None), None)), "parked"),
        (Ok((Outcome::Refused(Refusal::OrderConflict), None)), "order_conflict"),
        (Err(Problem::unavailable()), "unavailable"),
    ] {
        let answer = picture(&settled);
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[VERDICT], verdict);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "image/gif");
    }
}
