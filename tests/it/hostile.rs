//! Everything that `/postback` refuses, holds back or parks, over HTTP: each code once, each with its row in the inbox.
use crate::support::for_each_database;
use crate::support::letter::{Letter, with};
use crate::support::server::{Answer, Merchant, Operator, Server, click, click_id, client, ristourne_ok, unix_now};
use crate::support::sql::Sql;
use reqwest::header;
use ristourne::domain::reason::Refusal;
use ristourne::kernel::{seal::Vault, signature};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A shop with a recorded order of 120.00 EUR, `K-1`, of which `r-1` gave 10.00 back.
pub struct Shop {
    pub server: Server,
    pub operator: Operator,
    pub merchant: Merchant,
    pub program: String,
    pub click: String,
    slug: String,
}

impl Shop {
    pub async fn open(database: &str) -> Self {
        let server = Server::start(database);
        let operator = server.operator();
        let merchant = operator.merchant("Shop").await;
        let program = operator.program(&merchant, "EUR", terms()).await;
        let slug = operator.link(&program, &operator.publisher("Blog").await).await;
        let click = click(&client(), &server.base, &slug).await;
        let shop = Self { server, operator, merchant, program, click, slug };
        shop.merchant.postback(&shop.sale()).await.expect(201);
        shop.merchant.postback(&shop.refund()).await.expect(201);
        shop
    }

    /// `K-1` as it was recorded.
    pub fn sale(&self) -> Value {
        json!({"program": self.program, "type": "sale", "order_id": "K-1", "amount": "120.00", "currency": "EUR", "click_id": self.click,
            "coupon": "BLOG10", "customer": {"ref": "c-77", "status": "new"},
            "items": [{"sku": "S1", "category": "books", "quantity": 2, "amount": "80.00"},
                {"sku": "S2", "category": "toys", "quantity": 1, "amount": "40.00"}]})
    }

    fn refund(&self) -> Value {
        json!({"program": self.program, "type": "refund", "order_id": "K-1", "refund_id": "r-1", "amount": "10.00"})
    }

    /// The sale of another order of one line.
    pub fn plain(&self, order: &str) -> Value {
        json!({"program": self.program, "order_id": order, "amount": "20.00", "currency": "EUR", "click_id": self.click})
    }
}

fn terms() -> Value {
    json!({"commission": [{"when": {"type": "lead"}, "pay": {"flat": "1.50"}}, {"pay": {"percent": "5"}}],
        "split": {"publisher": "60", "buyer": "30", "platform": "10"}})
}

/// What the inbox says about the last message: HTTP status, verdict, code.
struct Inbox {
    sql: Sql,
    rows: i64,
}

impl Inbox {
    async fn open(database: &str) -> Self {
        let mut sql = Sql::open(database).await;
        let rows = sql.number("SELECT COUNT(*) FROM inbox").await;
        Self { sql, rows }
    }

    /// One row more, which says what was answered.
    async fn has(&mut self, what: &str, answer: &Answer, code: &str) {
        self.rows += 1;
        assert_eq!(self.sql.number("SELECT COUNT(*) FROM inbox").await, self.rows, "{what}: one row a message");
        let last = "FROM inbox ORDER BY id DESC LIMIT 1";
        assert_eq!(self.sql.number(&format!("SELECT CAST(http AS BIGINT) {last}")).await, i64::from(answer.status.as_u16()), "{what}");
        let verdict = self.sql.texts(&format!("SELECT verdict {last}")).await;
        let stored = self.sql.texts(&format!("SELECT code {last}")).await;
        assert!([&verdict[0], &stored[0]].contains(&&code.to_owned()), "{what}: {verdict:?} {stored:?} instead of {code}");
    }
}

/// Bodies that are refused, as changes of `K-1`'s sale or of its refund: code and field.
fn refused(shop: &Shop) -> Vec<(Value, u16, &'static str)> {
    let (sale, refund) = (shop.sale(), shop.refund());
    let many = |n: usize| json!(vec![json!("x"); n]);
    let of_sale = [
        (json!({"program": null}), 422, "missing_field"),
        (json!({"program": 5}), 422, "invalid_type"),
        (json!({"program": "prg_none"}), 401, "signature_invalid"),
        (json!({"order_id": null}), 422, "missing_field"),
        (json!({"order_id": ""}), 422, "missing_field"),
        (json!({"order_id": 17}), 422, "invalid_type"),
        (json!({"order_id": "x".repeat(129)}), 422, "too_long"),
        (json!({"order_id": "K\u{0}1"}), 422, "invalid_text"),
        (json!({"coupon": "x".repeat(65)}), 422, "too_long"),
        (json!({"channel": "a\u{0}"}), 422, "invalid_text"),
        (json!({"type": "rebate", "order_id": "K-2"}), 422, "unknown_type"),
        (json!({"amount": null}), 422, "missing_field"),
        (json!({"amount": true}), 422, "invalid_type"),
        (json!({"amount": ["1"]}), 422, "invalid_type"),
        (json!({"amount": {"amount": "1"}}), 422, "invalid_type"),
        (json!({"amount": "120.000"}), 422, "too_many_decimals"),
        (json!({"amount": "120.001"}), 422, "too_many_decimals"),
        (json!({"amount": "10000000000000.01"}), 422, "amount_out_of_range"),
        (json!({"amount": "0"}), 422, "amount_not_positive"),
        (json!({"amount": "0.00"}), 422, "amount_not_positive"),
        (json!({"amount": "-120.00"}), 422, "amount_not_positive"),
        (json!({"currency": null}), 422, "missing_field"),
        (json!({"currency": "eur"}), 422, "unknown_currency"),
        (json!({"currency": "XXX"}), 422, "unknown_currency"),
        (json!({"currency": "XAU"}), 422, "unknown_currency"),
        (json!({"currency": "€"}), 422, "unknown_currency"),
        (json!({"currency": 978}), 422, "invalid_type"),
        (json!({"items": "S1"}), 422, "invalid_type"),
        (json!({"items": ["S1"]}), 422, "invalid_type"),
        (json!({"items": [{"sku": "S1"}]}), 422, "missing_field"),
        (json!({"items": [{"amount": "119.99"}]}), 422, "items_mismatch"),
        (json!({"items": [{"amount": "121.00"}, {"amount": "-1.00"}]}), 422, "negative_line"),
        (json!({"items": [{"amount": "120.00", "quantity": 0}]}), 422, "out_of_range"),
        (json!({"items": [{"amount": "120.00", "quantity": 1.5}]}), 422, "invalid_type"),
        (json!({"items": [{"amount": "120.00", "quantity": 1e2}]}), 422, "invalid_type"),
        (json!({"items": vec![json!({"amount": "0.12"}); 1001]}), 422, "too_many"),
        (json!({"customer": "c-77"}), 422, "invalid_type"),
        (json!({"customer": {"ref": "c-77", "status": "vip"}}), 422, "unknown_word"),
        (json!({"occurred_at": "yesterday"}), 422, "invalid_time"),
        (json!({"occurred_at": "2026-02-30T00:00:00Z"}), 422, "invalid_time"),
        (json!({"occurred_at": "2099-01-01T00:00:00Z", "order_id": "K-2"}), 422, "occurred_in_future"),
        (json!({"click_id": 12}), 422, "invalid_type"),
        (json!({"click_ids": "x"}), 422, "invalid_type"),
        (json!({"click_ids": many(101)}), 422, "too_many"),
        (json!({"test": "yes"}), 422, "invalid_type"),
        (json!({"amount": "121.00", "items": null}), 409, "order_conflict"),
        (json!({"coupon": "BLOG11"}), 409, "order_conflict"),
        (json!({"customer": {"ref": "c-78", "status": "new"}}), 409, "order_conflict"),
        (json!({"currency": "USD"}), 409, "order_conflict"),
    ];
    let of_refund = [
        (json!({"refund_id": null}), 422, "missing_field"),
        (json!({"amount": null}), 422, "missing_field"),
        (json!({"amount": "0"}), 422, "amount_not_positive"),
        (json!({"amount": "-10.00"}), 422, "amount_not_positive"),
        (json!({"amount": "11.00"}), 409, "refund_conflict"),
        (json!({"refund_id": "r-2", "amount": "120.01"}), 422, "refund_exceeds_order"),
        (json!({"refund_id": "r-2", "amount": null, "items": [{"sku": "S2", "amount": "40.01"}]}), 422, "refund_exceeds_order"),
        (json!({"refund_id": "r-2", "amount": null, "items": [{"sku": "S3", "amount": "1.00"}]}), 422, "unknown_line"),
        (json!({"refund_id": "r-2", "amount": null, "items": [{"amount": "1.00"}]}), 422, "missing_field"),
        (json!({"refund_id": "r-2", "items": [{"sku": "S1", "amount": "9.99"}]}), 422, "items_mismatch"),
        (json!({"refund_id": "r-2", "currency": "USD"}), 422, "currency_mismatch"),
        (json!({"refund_id": "r-2", "of": "refund"}), 422, "reserved_type"),
        (json!({"type": "reject"}), 422, "missing_field"),
        (json!({"type": "reject", "reason": "x".repeat(501)}), 422, "too_long"),
    ];
    let of_sale = of_sale.into_iter().map(|(changes, http, code)| (with(&sale, &changes), http, code));
    let of_refund = of_refund.into_iter().map(|(changes, http, code)| (with(&refund, &changes), http, code));
    of_sale.chain(of_refund).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_has_its_code_and_its_row() {
    for_each_database(async |database| {
        let shop = Shop::open(database).await;
        let mut inbox = Inbox::open(database).await;
        let mut seen = BTreeSet::new();
        for (body, http, code) in refused(&shop) {
            let answer = Letter::json(&shop.merchant, &body).send(&shop.merchant).await;
            assert_eq!((answer.status.as_u16(), answer.body["code"].as_str()), (http, Some(code)), "{body}\n{}", answer.body);
            inbox.has(&body.to_string(), &answer, code).await;
            seen.insert(code);
        }
        // `webhook-id` with another body; odd amounts; a name that stands twice.
        let first = Letter::json(&shop.merchant, &shop.plain("W-1"));
        first.send(&shop.merchant).await.expect(201);
        let id = first.id.as_deref().expect("an id");
        let other = Letter::signed(&shop.merchant, id, unix_now(), shop.plain("W-2").to_string());
        let twice = shop.plain("W-3").to_string().replacen('{', r#"{"amount":"20.00","#, 1);
        let mut raw = vec![(other, 409, "webhook_id_conflict"), (Letter::new(&shop.merchant, twice), 422, "duplicate_field")];
        let odd = [
            "\"1e2\"",
            "1e2",
            "\"+20\"",
            "\"020.00\"",
            "\" 20.00\"",
            "\"20.00 \"",
            "\"20,00\"",
            "\"1_000\"",
            "\".5\"",
            "\"5.\"",
            "\"--1\"",
            "\"0x10\"",
            "\"NaN\"",
            "\"-\"",
            "\"٢٠\"",
            "\"２０\"",
            "\"20.00.00\"",
            "\"1000000000000000\"",
            "1E+2",
            "-0.0e1",
        ];
        for amount in odd {
            let body = shop.plain("W-4").to_string().replace("\"20.00\"", amount);
            raw.push((Letter::new(&shop.merchant, body), 422, "invalid_amount"));
        }
        inbox.rows += 1;
        for (letter, http, code) in raw {
            let (answer, what) = (letter.send(&shop.merchant).await, String::from_utf8_lossy(&letter.body).into_owned());
            assert_eq!((answer.status.as_u16(), answer.body["code"].as_str()), (http, Some(code)), "{what}\n{}", answer.body);
            inbox.has(&what, &answer, code).await;
            seen.insert(code);
        }
        // What no postback can be refused for.
        let others = [
            Refusal::IdempotencyConflict,
            Refusal::NotRecorded,
            Refusal::NotFound,
            Refusal::NotDue,
            Refusal::RateConflict,
            Refusal::UnknownReference,
            Refusal::TieConflict,
            Refusal::ExceedsBalance,
            Refusal::OrderAlreadyClaimed,
            Refusal::ClaimWindowClosed,
            Refusal::ClaimTooOld,
            Refusal::TooManyClaims,
            Refusal::ClaimClosed,
            Refusal::ClaimNotCreditable,
            Refusal::SellerUnknown,
            Refusal::NothingToInvoice,
            Refusal::CreditNoteNotPayable,
            Refusal::CurrencyWanted,
            Refusal::PaymentExported,
            Refusal::PaymentNotExported,
            Refusal::PaymentClosed,
            Refusal::NothingToExport,
        ];
        let missing: Vec<_> = Refusal::ALL.iter().filter(|refusal| !others.contains(refusal) && !seen.contains(refusal.code())).collect();
        assert!(missing.is_empty(), "refusals without a case: {missing:?}");

        // Every wrong field is named, not the first only; and nothing of all this has moved the order.
        let wrong =
            with(&shop.sale(), &json!({"amount": "x", "currency": "EUR", "coupon": 5, "customer": {"status": "vip"}, "occurred_at": "?"}));
        let answer = shop.merchant.postback(&wrong).await.expect(422);
        let fields: Vec<&str> = answer["errors"].as_array().expect("a list").iter().filter_map(|error| error["field"].as_str()).collect();
        for field in ["amount", "coupon", "customer.status", "occurred_at"] {
            assert!(fields.contains(&field), "{field} in {answer}");
        }
        let again = shop.merchant.postback(&shop.sale()).await.expect(200);
        assert_eq!(again["conversion"]["refunded"]["amount"], "10.00");
        assert_eq!(again["conversion"]["commission"]["amount"], "5.50");
        shop.server.stop();
        ristourne_ok(database, &["verify"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_signed_is_not_believed() {
    for_each_database(async |database| {
        let shop = Shop::open(database).await;
        let mut inbox = Inbox::open(database).await;
        let good = Letter::json(&shop.merchant, &shop.plain("U-1"));
        let (now, id) = (unix_now(), good.id.clone().expect("an id"));
        let at = |timestamp: i64| Letter::signed(&shop.merchant, "t", timestamp, good.body.clone());
        let stranger = Merchant { secret: signature::WebhookSecret::generate([7; 32]), ..shop.merchant.clone() };
        let signature = good.signature.clone().expect("a signature");
        let shorter: String = signature.chars().take(signature.len() - 4).collect();
        let stamped = |timestamp: &str| Letter { timestamp: Some(timestamp.to_owned()), ..good.clone() };
        let unsigned = |signature: &str| Letter { signature: Some(signature.to_owned()), ..good.clone() };
        let cases = [
            ("no signature", Letter { signature: None, ..good.clone() }, "signature_missing"),
            ("no id", Letter { id: None, ..good.clone() }, "signature_missing"),
            ("no timestamp", Letter { timestamp: None, ..good.clone() }, "signature_missing"),
            ("old", at(now - 400), "timestamp_out_of_range"),
            ("ahead", at(now + 400), "timestamp_out_of_range"),
            ("a sign", stamped(&format!("+{now}")), "timestamp_out_of_range"),
            ("a fraction", stamped(&format!("{now}.0")), "timestamp_out_of_range"),
            ("milliseconds", stamped(&format!("{now}000")), "timestamp_out_of_range"),
            ("a word", stamped("now"), "timestamp_out_of_range"),
            ("another second", Letter { timestamp: Some((now - 1).to_string()), ..good.clone() }, "signature_invalid"),
            ("another id", Letter { id: Some(format!("{id}x")), ..good.clone() }, "signature_invalid"),
            ("another body", Letter { body: shop.plain("U-2").to_string().into_bytes(), ..good.clone() }, "signature_invalid"),
            ("a stranger's", Letter::json(&stranger, &shop.plain("U-1")), "signature_invalid"),
            ("nothing", unsigned("v1,"), "signature_invalid"),
            ("another version", unsigned(&signature.replace("v1,", "v1a,")), "signature_invalid"),
            ("truncated", unsigned(&shorter), "signature_invalid"),
            ("not base64", unsigned("v1,####"), "signature_invalid"),
        ];
        for (what, letter, code) in cases {
            let answer = letter.send(&shop.merchant).await;
            assert_eq!((answer.status.as_u16(), answer.body["code"].as_str()), (401, Some(code)), "{what}: {}", answer.body);
            inbox.has(what, &answer, code).await;
        }
        let several = unsigned(&format!("v1,AAAA v1a,BBBB {signature}"));
        let answer = several.send(&shop.merchant).await;
        assert_eq!(answer.status, 201, "one good signature of several is enough: {answer:?}");
        inbox.has("several", &answer, "recorded").await;

        // An unknown program and a wrong signature answer alike.
        let unknown =
            Letter::json(&shop.merchant, &with(&shop.plain("U-1"), &json!({"program": "prg_0000000000001"}))).send(&shop.merchant).await;
        let wrong = Letter::json(&stranger, &shop.plain("U-1")).send(&shop.merchant).await;
        assert_eq!(unknown, wrong);
        inbox.rows += 1;
        inbox.has("unknown program", &wrong, "signature_invalid").await;

        // Of a stranger's long body 4 KiB are kept.
        let long = with(&shop.plain("U-3"), &json!({"note": "x".repeat(20_000)}));
        let answer = Letter::json(&stranger, &long).send(&shop.merchant).await;
        inbox.has("long", &answer, "signature_invalid").await;
        assert_eq!(inbox.sql.number("SELECT MAX(CAST(LENGTH(body) AS BIGINT)) FROM inbox").await, 4_096);

        // 415 and 413; the latter leaves no row.
        let text = Letter { content_type: "text/plain", ..Letter::json(&shop.merchant, &shop.plain("U-4")) };
        for letter in
            [text, Letter::new(&shop.merchant, "program=1"), Letter::new(&shop.merchant, ""), Letter::new(&shop.merchant, *b"\"\xff\"")]
        {
            let answer = letter.send(&shop.merchant).await;
            assert_eq!(answer.status, 415, "{answer:?}");
            inbox.has("415", &answer, "not_json").await;
        }
        let large = with(&shop.plain("U-5"), &json!({"note": "x".repeat(64 * 1024)}));
        let answer = Letter::json(&shop.merchant, &large).send(&shop.merchant).await;
        assert_eq!((answer.status.as_u16(), answer.body["code"].as_str()), (413, Some("too_large")), "{answer:?}");
        assert_eq!(inbox.sql.number("SELECT COUNT(*) FROM inbox").await, inbox.rows);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_attributed_is_kept_and_says_why() {
    for_each_database(async |database| {
        let shop = Shop::open(database).await;
        let mut inbox = Inbox::open(database).await;
        let other = shop.operator.program(&shop.merchant, "EUR", terms()).await;
        let other_slug = shop.operator.link(&other, &shop.operator.publisher("Other blog").await).await;
        let http = client();
        let elsewhere = click(&http, &shop.server.base, &other_slug).await;
        let embedded =
            http.get(shop.server.url(&format!("/c/{}", shop.slug))).header("Sec-Fetch-Dest", "image").send().await.expect("an answer");
        let embedded = click_id(embedded.headers()[header::LOCATION].to_str().expect("visible ASCII"));
        let expired = aged(database, &shop.click, 31).await;
        let yesterday = ristourne::kernel::time::Time::from_micros((unix_now() - 86_400) * 1_000_000).to_string();
        let cases = [
            (json!({"click_id": null}), "unattributed", "no_click"),
            (json!({"click_id": "rst"}), "unattributed", "unknown_click"),
            (json!({"click_id": elsewhere}), "unattributed", "wrong_program"),
            (json!({"click_id": embedded}), "unattributed", "click_embedded"),
            (json!({"occurred_at": yesterday}), "unattributed", "click_after_sale"),
            (json!({"click_id": expired}), "unattributed", "click_expired"),
            (json!({"channel": "other-network"}), "unattributed", "other_channel"),
            (json!({"click_ids": [elsewhere, "rst"], "click_id": expired}), "unattributed", "click_expired"),
            (json!({"currency": "USD"}), "parked", "no_rate"),
            (json!({"type": "refund", "refund_id": "early"}), "parked", "parked"),
            (json!({"type": "cancel"}), "parked", "parked"),
            (json!({"type": "approve"}), "parked", "parked"),
            (json!({"type": "reject", "reason": "never paid"}), "parked", "parked"),
        ];
        for (n, (changes, status, code)) in cases.into_iter().enumerate() {
            let body = with(&shop.plain(&format!("N-{n}")), &changes);
            let answer = Letter::json(&shop.merchant, &body).send(&shop.merchant).await;
            assert_eq!((answer.status.as_u16(), answer.body["status"].as_str()), (202, Some(status)), "{body}\n{answer:?}");
            inbox.has(&body.to_string(), &answer, code).await;
            if status == "unattributed" {
                assert_eq!(answer.body["code"], code, "{body}");
                assert_eq!(answer.body["conversion"]["commission"]["amount"], "0.00", "{body}");
            }
            // The same again is the same again.
            let again = Letter::json(&shop.merchant, &body).send(&shop.merchant).await;
            assert_eq!((again.status.as_u16(), again.body["status"].as_str()), (200, Some("duplicate")), "{body}\n{again:?}");
            inbox.has(&body.to_string(), &again, "duplicate").await;
        }
        shop.server.stop();
        ristourne_ok(database, &["verify"]);
    })
    .await;
}

/// The same click, so many days older, sealed with the installation's own key: tests cannot wait.
async fn aged(database: &str, click: &str, days: i64) -> String {
    use ristourne::kernel::id::ClickId;
    let db = ristourne::store::Db::open(database, &ristourne::store::Options::default()).await.expect("the database opens");
    let now = ristourne::engine::clock::Clock::System.now();
    let ring = ristourne::engine::keys::ring(&db, &Vault::new(None), now).await.expect("the key ring");
    db.close().await;
    let mut token = ring.open_click(click).expect("a click of ours");
    // The milliseconds stand above 22 bits of node and sequence.
    token.click = ClickId::from_raw(token.click.raw() - ((days * 86_400_000) << 22));
    ring.seal_click(&token)
}
