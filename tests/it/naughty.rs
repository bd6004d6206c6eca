//! Hostile texts in every field, bodies cut and mutated: refused with a code or kept verbatim, never a 5xx, never a lost row, and nobody
//! else's message suffers.
use crate::hostile::Shop;
use crate::support::for_each_database;
use crate::support::letter::{Letter, with};
use crate::support::load::at_once;
use crate::support::retail::naughty_strings;
use crate::support::server::{Answer, client, ristourne_ok, text};
use crate::support::sql::Sql;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use ristourne::kernel::id::ConversionId;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const WIDTH: usize = 32;

/// Sends all; gives the answers.
async fn send(shop: &Shop, letters: Vec<Letter>) -> Vec<Answer> {
    let merchant = shop.merchant.clone();
    let send = move |letter: Letter| {
        let merchant = merchant.clone();
        async move { letter.send(&merchant).await }
    };
    at_once(WIDTH, letters, send).await
}

/// Taken, or refused with a code.
fn check(what: &str, answer: &Answer) {
    let status = answer.status.as_u16();
    assert!((200..500).contains(&status), "{what}\n{answer:?}");
    assert!(status < 300 || answer.body["code"].is_string(), "{what}\n{answer:?}");
}

/// Every text in a JSON value, also what stands as JSON inside a text.
fn texts(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            found.insert(text.clone());
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

/// The texts of all facts of each order.
async fn stored(sql: &mut Sql) -> BTreeMap<i64, BTreeSet<String>> {
    let order = "ORDER BY conversion, kind, key, inbox";
    let conversions = sql.numbers(&format!("SELECT conversion FROM order_fact {order}")).await;
    let bodies = sql.texts(&format!("SELECT body FROM order_fact {order}")).await;
    let mut stored: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    for (conversion, body) in conversions.into_iter().zip(bodies) {
        texts(&serde_json::from_str(&body).expect("JSON"), stored.entry(conversion).or_default());
    }
    stored
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn naughty_strings_in_any_field_are_refused_or_kept_verbatim() {
    for_each_database(async |database| {
        let shop = Shop::open(database).await;
        let mut sql = Sql::open(database).await;
        let rows_before = sql.number("SELECT COUNT(*) FROM inbox").await;
        let strings = naughty_strings();
        assert!(strings.len() > 450, "{}", strings.len());
        let (mut bodies, mut kept) = (Vec::new(), Vec::new());
        for (n, string) in strings.iter().enumerate() {
            let plain = |field: &str| shop.plain(&format!("{field}-{n}"));
            bodies.push(with(&shop.plain(string), &json!({})));
            bodies.push(with(&plain("coupon"), &json!({"coupon": string})));
            bodies.push(with(&plain("customer"), &json!({"customer": {"ref": string}})));
            bodies.push(with(&plain("items"), &json!({"items": [{"sku": string, "category": string, "amount": "20.00"}]})));
            bodies.push(with(&plain("channel"), &json!({"channel": string})));
            bodies.push(with(&plain("click"), &json!({"click_id": string, "click_ids": [string, shop.click]})));
            bodies.push(with(&plain("unknown"), &json!({string: string})));
            kept.resize(bodies.len(), Some(string));
            for field in ["type", "currency", "amount", "program", "occurred_at", "items", "customer", "test"] {
                bodies.push(with(&plain(field), &json!({field: string})));
            }
            let reject = json!({"type": "reject", "reason": string, "amount": null, "currency": null});
            bodies.push(with(&plain("coupon"), &reject));
            bodies.push(with(&shop.plain("K-1"), &json!({"type": "refund", "refund_id": string, "amount": "0.01"})));
            bodies.push(with(&plain("of"), &json!({"type": "cancel", "of": string})));
            kept.resize(bodies.len(), None);
        }
        let letters: Vec<Letter> = bodies.iter().map(|body| Letter::json(&shop.merchant, body)).collect();
        let answers = send(&shop, letters).await;

        let facts = stored(&mut sql).await;
        let mut taken = 0;
        for ((body, answer), kept) in bodies.iter().zip(&answers).zip(kept) {
            check(&body.to_string(), answer);
            let Some(string) = kept.filter(|string| answer.status.is_success() && !string.is_empty()) else { continue };
            let conversion = &answer.body["conversion"];
            assert_eq!(conversion["order_id"], body["order_id"], "{body}");
            let id: ConversionId = text(&conversion["id"]).parse().expect("an id");
            let is_sent = ["coupon", "channel", "click_id"].iter().any(|field| body[*field] == **string);
            let is_ours = string.eq_ignore_ascii_case("ristourne");
            if (is_sent && !is_ours) || body["customer"]["ref"] == **string || body["items"][0]["sku"] == **string {
                // Of what is no click id of ours the beginning is kept.
                let kept: String = string.chars().take(if body["click_id"] == **string { 128 } else { usize::MAX }).collect();
                assert!(facts[&id.raw()].contains(&kept), "{string:?} of {body} in {:?}", facts[&id.raw()]);
            }
            taken += 1;
        }
        assert!(taken > 2_000, "{taken} taken");
        let sent = i64::try_from(bodies.len()).expect("a count");
        assert_eq!(sql.number("SELECT COUNT(*) FROM inbox").await, rows_before + sent, "one row a message");
        sql.close().await;
        shop.server.stop();
        ristourne_ok(database, &["verify"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn naughty_strings_in_names_and_redirects_do_no_harm() {
    for_each_database(async |database| {
        let shop = Shop::open(database).await;
        let slug = shop.operator.link(&shop.program, &shop.operator.publisher("Sub").await).await;
        let (http, mut kept) = (client(), Vec::new());
        for string in naughty_strings() {
            for (path, body, field) in [
                ("/merchants", json!({"name": string}), "name"),
                ("/publishers", json!({"name": string, "email": string}), "name"),
                ("/publishers", json!({"name": "n", "kind": string}), "kind"),
                ("/buyers", json!({"external_id": string}), "external_id"),
                ("/links", json!({"program": shop.program, "publisher": "pub_0", "slug": string, "url": string}), "slug"),
                ("/coupons", json!({"program": shop.program, "publisher": "pub_0", "code": string}), "code"),
                ("/rates", json!({"date": string, "rates": {string.clone(): string}}), "date"),
            ] {
                let answer = shop.operator.call(Method::POST, path, Some(&body)).await;
                check(&format!("{path} {body}"), &answer);
                if answer.status.is_success() && !string.is_empty() {
                    assert_eq!(answer.body[field], string, "{path}");
                }
            }
            let escaped = utf8_percent_encode(&string, NON_ALPHANUMERIC).to_string();
            let status = async |path: &str| http.get(shop.server.url(path)).send().await.expect("the server answers").status().as_u16();
            assert_eq!(status(&format!("/c/{slug}?sub1={escaped}&url={escaped}&buyer={escaped}&cons={escaped}")).await, 302, "{string:?}");
            assert!(matches!(status(&format!("/c/{escaped}")).await, 400 | 404), "{string:?}");
            let listed = status(&format!("/api/v1/conversions?program={escaped}&after={escaped}&limit={escaped}")).await;
            assert!((400..500).contains(&listed), "{string:?}: {listed}");
            if !string.is_empty() && string.chars().count() <= 128 && !string.contains('\0') {
                kept.push(string);
            }
        }
        let mut sql = Sql::open(database).await;
        let stored: Vec<String> = sql.texts("SELECT sub1 FROM click WHERE sub1 IS NOT NULL").await;
        let (stored, kept): (BTreeSet<_>, BTreeSet<_>) = (stored.into_iter().collect(), kept.into_iter().collect());
        let lost: Vec<_> = kept.difference(&stored).collect();
        assert!(lost.is_empty() && kept.len() > 400, "{lost:?}");
        sql.close().await;
        shop.server.stop();
        ristourne_ok(database, &["verify"]);
    })
    .await;
}

/// The same mutations in every run (xorshift; quality does not matter, sameness does).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(n).expect("a length")).expect("below it")
    }

    fn mutate(&mut self, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(body.len());
            match self.below(4) {
                0 => body[at] = u8::try_from(self.below(256)).expect("a byte"),
                1 => body.insert(at, b"\"\\{}[],:-0e.\0\xff"[self.below(14)]),
                2 => drop(body.drain(at..(at + 1 + self.below(8)).min(body.len() - 1).max(at))),
                _ => {
                    let end = (at + 1 + self.below(24)).min(body.len());
                    let copy = body[at..end].to_vec();
                    body.splice(at..at, copy);
                }
            }
        }
        body
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_and_mutated_bodies_are_refused_or_taken_and_always_noted() {
    for_each_database(async |database| {
        let shop = Shop::open(database).await;
        let mut sql = Sql::open(database).await;
        let rows_before = sql.number("SELECT COUNT(*) FROM inbox").await;
        let whole = with(&shop.sale(), &json!({"order_id": "M-1"})).to_string().into_bytes();

        let cut: Vec<Letter> = (0..whole.len()).map(|length| Letter::new(&shop.merchant, &whole[..length])).collect();
        let mut count = cut.len();
        for answer in send(&shop, cut).await {
            assert_eq!((answer.status.as_u16(), answer.body["code"].as_str()), (415, Some("not_json")), "{answer:?}");
        }

        // Under the whole body's signature nothing else is believed.
        let mut dice = Dice(20_260_101);
        let good = Letter::new(&shop.merchant, whole.clone());
        let forged: Vec<Letter> = (0..1_000).map(|_| Letter { body: dice.mutate(&whole), ..good.clone() }).collect();
        let forged: Vec<Letter> = forged.into_iter().filter(|letter| letter.body != whole).collect();
        count += forged.len();
        for (letter, answer) in forged.iter().zip(send(&shop, forged.clone()).await) {
            assert!(matches!(answer.status.as_u16(), 401 | 415 | 422), "{}\n{answer:?}", String::from_utf8_lossy(&letter.body));
        }

        // Signed, they are judged.
        let signed: Vec<Letter> = (0..3_000).map(|_| Letter::new(&shop.merchant, dice.mutate(&whole))).collect();
        count += signed.len();
        let mut tally: BTreeMap<u16, u32> = BTreeMap::new();
        for (letter, answer) in signed.iter().zip(send(&shop, signed.clone()).await) {
            check(&String::from_utf8_lossy(&letter.body), &answer);
            *tally.entry(answer.status.as_u16()).or_default() += 1;
        }
        assert!(tally.len() > 3, "{tally:?}");
        let count = i64::try_from(count).expect("a count");
        assert_eq!(sql.number("SELECT COUNT(*) FROM inbox").await, rows_before + count, "one row a message: {tally:?}");
        sql.close().await;
        shop.server.stop();
        ristourne_ok(database, &["verify"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_item_never_hurts_its_batch() {
    const BAD: [(&str, &str); 5] =
        [("amount", "\u{661}"), ("currency", "eur"), ("order_id", "nul\u{0}"), ("type", "rebate"), ("program", "prg_none")];
    for_each_database(async |database| {
        let shop = Shop::open(database).await;
        let bodies = |prefix: &str| -> Vec<(bool, Value)> {
            let body = |n: usize| shop.plain(&format!("{prefix}-{n}"));
            (0..500)
                .map(|n| if n % 2 == 0 { (true, body(n)) } else { (false, with(&body(n), &json!({BAD[n % 5].0: BAD[n % 5].1}))) })
                .collect()
        };
        // As one request of the API …
        let batch = bodies("B");
        let list = Value::Array(batch.iter().map(|(_, body)| body.clone()).chain([json!(5), json!(null), json!([])]).collect());
        let answer = shop.operator.call(Method::POST, "/conversions", Some(&list)).await;
        assert!(answer.status.is_success(), "{answer:?}");
        let results = answer.body["results"].as_array().expect("a list");
        assert_eq!(results.len(), 503);
        for (n, result) in results.iter().enumerate() {
            match batch.get(n) {
                Some((true, body)) => {
                    assert_eq!(result["http"], 201, "{body}\n{result}");
                    assert_eq!(result["conversion"]["order_id"], body["order_id"], "in order");
                }
                _ => assert!(result["http"].as_u64().is_some_and(|http| (400..500).contains(&http)), "{n}: {result}"),
            }
        }
        // … and as many at once, which the ledger writer puts into batches of its own.
        let batch = bodies("C");
        let letters: Vec<Letter> = batch.iter().map(|(_, body)| Letter::json(&shop.merchant, body)).collect();
        let merchant = shop.merchant.clone();
        let send = move |letter: Letter| {
            let merchant = merchant.clone();
            async move { letter.send(&merchant).await }
        };
        for ((good, body), answer) in batch.iter().zip(at_once(250, letters, send).await) {
            assert_eq!(answer.status == 201, *good, "{body}\n{answer:?}");
            check(&body.to_string(), &answer);
        }
        let mut sql = Sql::open(database).await;
        // 250 of each, and the shop's first order.
        assert_eq!(sql.number("SELECT COUNT(*) FROM conversion").await, 501);
        sql.close().await;
        shop.server.stop();
        ristourne_ok(database, &["verify"]);
    })
    .await;
}
