//! What messages come to: the contract's examples, a row for every refusal, and strings that break careless readers.

use super::*;
use crate::domain::click::Quality;
use crate::kernel::id::{ClickId, LinkId, MerchantId};
use proptest::prelude::*;
use serde_json::{Value, json};

const PROGRAM: ProgramId = ProgramId::from_raw(3);
const AT: Time = Time::from_millis(1_790_000_000_000);

fn program() -> Program {
    Program {
        id: PROGRAM,
        merchant: MerchantId::from_raw(1),
        name: "A shop".into(),
        currency: Currency::EUR,
        landing_url: "https://shop.example/".into(),
        domains: Vec::new(),
        click_param: "rclid".into(),
        pixel: true,
        upstream: false,
        ended_at: None,
    }
}

/// `good…` opens, as a click of its own for each number.
fn open(text: &str) -> Option<OpenedClick> {
    let click = ClickId::from_raw(text.strip_prefix("good")?.parse().ok()?);
    Some(OpenedClick { click, link: LinkId::from_raw(2), buyer: None, quality: Quality::Ok })
}

fn read_for(program: &Program, body: &str) -> Result<Act, FieldErrors> {
    Postback::parse_body(body.as_bytes())?.into_act(program, Received { at: AT, signed: true }, &open)
}

fn read(body: &str) -> Result<Act, FieldErrors> {
    read_for(&program(), body)
}

/// A sale with some fields changed; `null` takes one out.
fn sale_with(change: &Value) -> String {
    let mut sale = json!({"program": PROGRAM.to_string(), "order_id": "A-1", "amount": "120.00", "currency": "EUR"});
    for (name, value) in change.as_object().expect("an object") {
        sale[name] = value.clone();
    }
    sale.to_string()
}

fn sale(body: &str) -> Sale {
    match read(body) {
        Ok(Act::Sale { sale, .. }) => sale,
        other => panic!("{body} is {other:?}"),
    }
}

fn codes(errors: &FieldErrors) -> Vec<(&str, &str)> {
    errors.as_slice().iter().map(|e| (e.field.as_str(), e.code)).collect()
}

#[test]
fn the_contracts_example_is_read_whole() {
    let body = format!(
        r#"{{"program": "{PROGRAM}", "type": "sale", "order_id": "A-1001", "amount": "120.00", "currency": "EUR",
 "click_id": "good9", "click_ids": ["good1", "bad", "good1"], "coupon": "BLOG10", "customer": {{"ref": "c-77", "status": "new"}},
 "items": [{{"sku": "S1", "category": "books", "quantity": 2, "amount": "80.00"}}, {{"sku": "S2", "category": "toys", "quantity": 1, "amount": "40.00"}}],
 "occurred_at": "2026-11-22T09:00:00Z", "channel": "ristourne", "test": false, "shop_version": [1, {{}}]}}"#
    );
    let Ok(Act::Sale { key, sale }) = read(&body) else { panic!("the contract's own example") };
    assert_eq!(key, OrderKey { program: PROGRAM, goal: "sale".into(), order_id: "A-1001".into() });
    assert_eq!(sale.content.amount, Money::new(12_000, Currency::EUR));
    let line =
        |sku: &str, category: &str, quantity, amount| Line { sku: Some(sku.into()), category: Some(category.into()), quantity, amount };
    assert_eq!(sale.content.lines, [line("S1", "books", 2, 8000), line("S2", "toys", 1, 4000)]);
    assert_eq!(sale.content.customer, Some(Customer { reference: Some("c-77".into()), new: Some(true) }));
    assert_eq!(Some(sale.occurred_at), Time::parse("2026-11-22T09:00:00Z"));
    let opened = |text| SentClick::Opened(open(text).expect("a good one"));
    assert_eq!(sale.clicks, [opened("good1"), SentClick::Unknown("bad".into()), opened("good9")]);
    assert_eq!((sale.other_channel, sale.signed, sale.content.reported), (None, true, None));
}

#[test]
fn what_is_left_out_has_a_meaning() {
    let plain = sale(&sale_with(&json!({})));
    assert_eq!(plain.content.lines, [Line { sku: None, category: None, quantity: 1, amount: 12_000 }]);
    assert_eq!((plain.occurred_at, plain.clicks, &plain.content.customer), (AT, vec![], &None));
    let empty = sale(&sale_with(&json!({"click_id": "", "coupon": null, "customer": {"ref": ""}, "channel": "", "items": []})));
    assert_eq!(empty.content, plain.content, "empty and null count as not sent");
    let lead = read(&sale_with(&json!({"type": "lead", "amount": null, "currency": null}))).expect("a lead");
    let Act::Sale { key, sale: lead } = lead else { panic!("a lead is a sale of another goal") };
    assert_eq!((key.goal.as_str(), lead.content.amount), ("lead", Money::zero(Currency::EUR)));
    let other = sale(&sale_with(&json!({"channel": "google", "amount": 120.00, "commission": "5"})));
    assert_eq!((other.other_channel.as_deref(), other.content.reported), (Some("google"), None), "nobody reports to this program");
    let upstream = Program { upstream: true, ..program() };
    let Ok(Act::Sale { sale: reported, .. }) = read_for(&upstream, &sale_with(&json!({"commission": "5"}))) else { panic!("a sale") };
    assert_eq!(reported.content.reported, Some(500));
    assert!(Postback::parse_body(sale_with(&json!({"test": true})).as_bytes()).is_ok_and(|p| p.is_test()));
}

#[test]
fn messages_about_an_order() {
    let about = |change: Value| {
        let mut fields = json!({"amount": null, "currency": null});
        fields.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        read(&sale_with(&fields))
    };
    let key = |goal: &str| OrderKey { program: PROGRAM, goal: goal.into(), order_id: "A-1".into() };
    assert_eq!(about(json!({"type": "cancel"})), Ok(Act::Cancel { key: key("sale"), reason: None }));
    assert_eq!(about(json!({"type": "approve", "of": "lead"})), Ok(Act::Approve { key: key("lead") }));
    assert_eq!(about(json!({"type": "reject", "reason": "fraud"})), Ok(Act::Reject { key: key("sale"), reason: Some("fraud".into()) }));
    let usd = "USD".parse().expect("known");
    let refund = |refund| Ok(Act::Refund { key: key("sale"), refund_id: "R1".into(), refund });
    assert_eq!(
        about(json!({"type": "refund", "refund_id": "R1", "amount": "6", "currency": "USD"})),
        refund(Refund::Amount(Money::new(600, usd)))
    );
    let items = json!([{"sku": "S1", "amount": "5.00", "quantity": 2}, {"sku": "S2", "amount": 1}]);
    let line = |sku: &str, quantity, amount| RefundLine { sku: sku.into(), quantity, amount };
    let lines = refund(Refund::Lines { currency: Currency::EUR, lines: vec![line("S1", 2, 500), line("S2", 0, 100)] });
    assert_eq!(about(json!({"type": "refund", "refund_id": "R1", "items": items})), lines);
    assert_eq!(about(json!({"type": "refund", "refund_id": "R1", "items": items, "amount": "6.00"})), lines);
}

#[test]
fn every_refusal_names_its_field() {
    let refund = |change: Value| {
        let mut fields = json!({"type": "refund", "refund_id": "R1", "amount": null});
        fields.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        fields
    };
    let item = |change: Value| {
        let mut item = json!({"sku": "S", "amount": "120"});
        item.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        json!({"items": [item]})
    };
    for (change, field, code) in [
        (json!({"order_id": null}), "order_id", "missing_field"),
        (json!({"order_id": ""}), "order_id", "missing_field"),
        (json!({"order_id": 7}), "order_id", "invalid_type"),
        (json!({"order_id": "x".repeat(129)}), "order_id", "too_long"),
        (json!({"order_id": "a\u{0}"}), "order_id", "invalid_text"),
        (json!({"type": "x".repeat(129)}), "type", "too_long"),
        (json!({"type": ["sale"]}), "type", "invalid_type"),
        (json!({"amount": null}), "amount", "missing_field"),
        (json!({"amount": "12,5"}), "amount", "invalid_amount"),
        (json!({"amount": "1e3"}), "amount", "invalid_amount"),
        (json!({"amount": 1e300}), "amount", "invalid_amount"),
        (json!({"amount": "+5"}), "amount", "invalid_amount"),
        (json!({"amount": "007"}), "amount", "invalid_amount"),
        (json!({"amount": " 5"}), "amount", "invalid_amount"),
        (json!({"amount": "0.001"}), "amount", "too_many_decimals"),
        (json!({"amount": "10.000"}), "amount", "too_many_decimals"),
        (json!({"amount": "100.0", "currency": "JPY"}), "amount", "too_many_decimals"),
        (json!({"amount": "10000000000000.01"}), "amount", "amount_out_of_range"),
        (json!({"amount": {"amount": "5", "currency": "EUR"}}), "amount", "invalid_type"),
        (json!({"amount": "0"}), "amount", "amount_not_positive"),
        (json!({"amount": "-4.50"}), "amount", "amount_not_positive"),
        (json!({"type": "lead", "amount": "-1"}), "amount", "amount_not_positive"),
        (json!({"currency": null}), "currency", "missing_field"),
        (json!({"currency": "eur"}), "currency", "unknown_currency"),
        (json!({"currency": "XXX"}), "currency", "unknown_currency"),
        (json!({"currency": "XAU"}), "currency", "unknown_currency"),
        (json!({"currency": "eur", "amount": "10.000"}), "currency", "unknown_currency"),
        (item(json!({"amount": null})), "items[0].amount", "missing_field"),
        (item(json!({"amount": "-120"})), "items[0].amount", "negative_line"),
        (item(json!({"amount": "119.99"})), "items", "items_mismatch"),
        (item(json!({"quantity": 0})), "items[0].quantity", "out_of_range"),
        (item(json!({"quantity": -2})), "items[0].quantity", "out_of_range"),
        (item(json!({"quantity": 1_000_001})), "items[0].quantity", "out_of_range"),
        (item(json!({"quantity": 1.5})), "items[0].quantity", "invalid_type"),
        (item(json!({"sku": 5})), "items[0].sku", "invalid_type"),
        (item(json!({"category": "x".repeat(129)})), "items[0].category", "too_long"),
        (json!({"items": [7]}), "items[0]", "invalid_type"),
        (json!({"items": {"sku": "S"}}), "items", "invalid_type"),
        (json!({"items": vec![json!({"amount": "0"}); 1001]}), "items", "too_many"),
        (json!({"coupon": "x".repeat(65)}), "coupon", "too_long"),
        (json!({"customer": "c-77"}), "customer", "invalid_type"),
        (json!({"customer": {"ref": "x".repeat(129)}}), "customer.ref", "too_long"),
        (json!({"customer": {"status": "old"}}), "customer.status", "unknown_word"),
        (json!({"occurred_at": "yesterday"}), "occurred_at", "invalid_time"),
        (json!({"occurred_at": 1_790_000_000}), "occurred_at", "invalid_type"),
        (json!({"click_id": 5}), "click_id", "invalid_type"),
        (json!({"click_ids": "good1"}), "click_ids", "invalid_type"),
        (json!({"click_ids": [null]}), "click_ids[0]", "invalid_type"),
        (json!({"click_ids": vec!["x"; 101]}), "click_ids", "too_many"),
        (json!({"channel": "x".repeat(65)}), "channel", "too_long"),
        (json!({"test": "yes"}), "test", "invalid_type"),
        (json!({"type": "cancel", "of": "refund"}), "of", "reserved_type"),
        (json!({"type": "cancel", "reason": "x".repeat(501)}), "reason", "too_long"),
        (json!({"type": "reject"}), "reason", "missing_field"),
        (refund(json!({"refund_id": null, "amount": "1"})), "refund_id", "missing_field"),
        (refund(json!({"refund_id": "x".repeat(129), "amount": "1"})), "refund_id", "too_long"),
        (refund(json!({})), "amount", "missing_field"),
        (refund(json!({"amount": "0"})), "amount", "amount_not_positive"),
        (refund(json!({"amount": "-1"})), "amount", "amount_not_positive"),
        (refund(json!({"items": [{"amount": "1"}]})), "items[0].sku", "missing_field"),
        (refund(json!({"items": [{"sku": "S", "amount": "-1"}]})), "items[0].amount", "negative_line"),
        (refund(json!({"items": [{"sku": "S", "amount": "0"}]})), "items", "amount_not_positive"),
        (refund(json!({"items": [{"sku": "S", "amount": "1", "quantity": -1}]})), "items[0].quantity", "out_of_range"),
        (refund(json!({"items": [{"sku": "S", "amount": "1"}], "amount": "2"})), "items", "items_mismatch"),
    ] {
        let body = sale_with(&change);
        let errors = read(&body).expect_err(&body);
        assert_eq!(codes(&errors), [(field, code)], "{body}");
    }
}

#[test]
fn without_a_currency_the_amounts_are_read_as_far_as_they_can() {
    let items = json!([{"sku": 5, "amount": "-1"}, {"amount": "1.001"}]);
    let errors = read(&sale_with(&json!({"currency": "eur", "amount": "1e3", "items": items}))).expect_err("all wrong");
    let expected = [
        ("currency", "unknown_currency"),
        ("amount", "invalid_amount"),
        ("items[0].sku", "invalid_type"),
        ("items[0].amount", "negative_line"),
    ];
    assert_eq!(codes(&errors), expected);
    let refund = json!({"type": "refund", "refund_id": "R1", "currency": "XXX", "amount": "0"});
    assert_eq!(codes(&read(&sale_with(&refund)).expect_err("two")), [("currency", "unknown_currency"), ("amount", "amount_not_positive")]);
}

#[test]
fn an_order_that_totals_nothing_is_refused_for_that_first() {
    let items = json!([{"sku": "A", "quantity": -3, "amount": "-9.60"}, {"sku": "B", "quantity": 1, "amount": "0.00"}]);
    let errors = read(&sale_with(&json!({"amount": "-9.60", "items": items}))).expect_err("below zero");
    assert_eq!(errors.code(), "amount_not_positive");
    let expected = [("amount", "amount_not_positive"), ("items[0].amount", "negative_line"), ("items[0].quantity", "out_of_range")];
    assert_eq!(codes(&errors), expected);
    let most = json!([{"amount": "9999999999999.99"}, {"amount": "9999999999999.99"}]);
    let errors = read(&sale_with(&json!({"type": "lead", "amount": null, "items": most}))).expect_err("beyond the range");
    assert_eq!(codes(&errors), [("items", "amount_out_of_range")]);
}

#[test]
fn envelopes_and_duplicates() {
    for (body, field, code) in [
        ("", "", "not_json"),
        ("{\"program\": \"prg", "", "not_json"),
        ("[]", "", "invalid_type"),
        ("{}", "program", "missing_field"),
        (r#"{"program": 3}"#, "program", "invalid_type"),
        (r#"{"program": "\ud800"}"#, "program", "invalid_text"),
    ] {
        let errors = Postback::parse_body(body.as_bytes()).expect_err(body);
        assert_eq!(codes(&errors), [(field, code)], "{body}");
    }
    assert_eq!(Postback::parse_body(br#"{"program": "mine"}"#).map(|p| p.program()).ok(), Some(None), "a program that does not exist");
    let twice = sale_with(&json!({})).replacen("\"amount\"", "\"amount\":\"1.00\",\"amount\"", 1);
    assert_eq!(codes(&read(&twice).expect_err("which one?")), [("amount", "duplicate_field")]);
    let surrogate = sale_with(&json!({"coupon": "COUPON"})).replace("COUPON", r"\udc00");
    assert_eq!(codes(&read(&surrogate).expect_err("half a character")), [("coupon", "invalid_text")]);
}

#[test]
fn urls_say_the_same() {
    let query = |query: &str, signed| {
        let query = format!("program={PROGRAM}&{query}");
        Postback::parse_query(&query)?.into_act(&program(), Received { at: AT, signed }, &open)
    };
    let text = "order_id=A-1&amount=120.00&currency=EUR&click_id=good9&click_ids=good1,bad&coupon=%C3%89T%C3%89&customer_ref=c+77&\
                customer_status=new&channel=ristourne&ts=1790000000&items=5";
    let Ok(Act::Sale { key, sale: from_query }) = query(text, true) else { panic!("a sale") };
    let body = json!({"click_id": "good9", "click_ids": ["good1", "bad"], "coupon": "ÉTÉ", "customer": {"ref": "c 77", "status": "new"}});
    assert_eq!((key.order_id.as_str(), &from_query), ("A-1", &sale(&sale_with(&body))));
    assert!(matches!(query("order_id=A-1&amount=1&currency=EUR", false), Ok(Act::Sale { sale, .. }) if !sale.signed));
    for (text, field, code) in [
        ("amount=1&currency=EUR", "order_id", "missing_field"),
        ("order_id=A&order_id=B&amount=1&currency=EUR", "order_id", "duplicate_field"),
        ("order_id=%00&amount=1&currency=EUR", "order_id", "invalid_text"),
        ("order_id=%ff&amount=1&currency=EUR", "order_id", "invalid_text"),
        ("order_id=A&amount=12,5&currency=EUR", "amount", "invalid_amount"),
        ("order_id=A&amount=1&currency=eur", "currency", "unknown_currency"),
        ("order_id=A&type=cancel", "type", "signature_missing"),
    ] {
        let errors = query(text, false).expect_err(text);
        assert_eq!((errors.as_slice()[0].field.as_str(), errors.code()), (field, code), "{text}");
    }
}

type Put<'a> = &'a dyn Fn(&str) -> Value;
type Get<'a> = &'a dyn Fn(&Act) -> Option<String>;

/// Every text field takes every hostile string verbatim, or refuses it with a code.
#[test]
fn hostile_strings_stay_verbatim_or_are_refused() {
    let strings: Vec<String> = serde_json::from_str(include_str!("../../tests/data/hostile/blns.json")).expect("a list of strings");
    assert!(strings.len() > 400);
    let content: fn(&Act) -> Option<&Content> = |act| match act {
        Act::Sale { sale, .. } => Some(&sale.content),
        _ => None,
    };
    let fields: [(&str, usize, Put<'_>, Get<'_>); 9] = [
        ("order_id", 128, &|s| json!({"order_id": s}), &|act| act.key().map(|key| key.order_id.clone())),
        ("type", 128, &|s| json!({"type": s, "amount": "1"}), &|act| act.key().map(|key| key.goal.clone())),
        ("coupon", 64, &|s| json!({"coupon": s}), &|act| content(act)?.coupon.clone()),
        ("customer.ref", 128, &|s| json!({"customer": {"ref": s}}), &|act| content(act)?.customer.as_ref()?.reference.clone()),
        ("items[0].sku", 128, &|s| json!({"items": [{"sku": s, "amount": "120"}]}), &|act| content(act)?.lines[0].sku.clone()),
        ("items[0].category", 128, &|s| json!({"items": [{"category": s, "amount": "120"}]}), &|act| {
            content(act)?.lines[0].category.clone()
        }),
        ("reason", 500, &|s| json!({"type": "reject", "reason": s}), &|act| match act {
            Act::Reject { reason, .. } => reason.as_ref()?.words().map(str::to_owned),
            _ => None,
        }),
        ("refund_id", 128, &|s| json!({"type": "refund", "refund_id": s}), &|act| match act {
            Act::Refund { refund_id, .. } => Some(refund_id.clone()),
            _ => None,
        }),
        ("click_id", usize::MAX, &|s| json!({"click_id": s}), &|act| match act {
            Act::Sale { sale, .. } => match sale.clicks.first()? {
                SentClick::Unknown(text) => Some(text.clone()),
                SentClick::Opened(_) => None,
            },
            _ => None,
        }),
    ];
    for hostile in &strings {
        for (field, chars_max, change, get) in &fields {
            let body = sale_with(&change(hostile));
            match read(&body) {
                Ok(act) => {
                    let kept: Option<String> = get(&act);
                    let sent = hostile.chars().take(if *field == "click_id" { 128 } else { usize::MAX }).collect::<String>();
                    let wanted =
                        if *field == "type" && hostile.is_empty() { Some("sale".to_owned()) } else { Some(sent).filter(|s| !s.is_empty()) };
                    assert_eq!(kept, wanted, "{field}: {body}");
                }
                Err(errors) => {
                    let refused = errors.as_slice().iter().all(|error| error.field == *field);
                    let fits = hostile.chars().count() <= *chars_max && !hostile.contains('\0') && !hostile.is_empty();
                    assert!(refused && !fits, "{field}: {errors:?}: {body}");
                }
            }
        }
        for field in ["amount", "currency", "occurred_at", "program", "customer", "items", "click_ids", "test"] {
            if let Err(errors) = read(&sale_with(&json!({field: hostile}))) {
                assert!(!errors.is_empty(), "{field}: {hostile}");
            }
        }
    }
}

proptest! {
    #[test]
    fn mutilated_bodies_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let body = sale_with(&json!({"items": [{"sku": "S", "amount": "120", "quantity": 2}], "customer": {"ref": "é"}, "click_ids": ["good1"]}));
        let mut body = body.into_bytes();
        let cut = cut.index(body.len() + 1);
        prop_assert!(cut == body.len() || Postback::parse_body(&body[..cut]).is_err(), "no beginning of a body is a body");
        let at = at.index(body.len());
        body[at] = byte;
        if let Ok(postback) = Postback::parse_body(&body)
            && let Err(errors) = postback.into_act(&program(), Received { at: AT, signed: true }, &open)
        {
            prop_assert!(!errors.is_empty());
        }
        if let Ok(text) = str::from_utf8(&body) {
            let query = format!("program={PROGRAM}&order_id={text}");
            if let Ok(postback) = Postback::parse_query(&query)
                && let Err(errors) = postback.into_act(&program(), Received { at: AT, signed: false }, &open)
            {
                prop_assert!(!errors.is_empty());
            }
        }
    }
}
