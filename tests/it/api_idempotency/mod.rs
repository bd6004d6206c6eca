//! `Idempotency-Key`: every POST takes it, the first answer comes again byte for byte, and nothing takes effect twice, whatever happens.
mod cases;

use crate::support::{
    Fresh, TempDir, for_each_database, for_each_empty_database,
    load::{at_once, until},
    server::{Merchant, Operator, Server, click, client, ristourne_ok, text},
    sql::Sql,
};
use reqwest::StatusCode;
use ristourne::{
    engine::{
        clock::Clock,
        engine::{Engine, Options},
    },
    jobs,
    kernel::time::{DAY, SECOND, Zone},
    store,
    web::api::operations,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// An answer down to its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Raw {
    status: StatusCode,
    content_type: String,
    replayed: bool,
    body: String,
}

impl Raw {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// As a replay of this answer looks.
    fn again(&self) -> Self {
        Self { replayed: true, ..self.clone() }
    }
}

/// A POST under a key; the answer as it came.
async fn post(who: &Operator, path: &str, key: &str, body: &str) -> Option<Raw> {
    let request = who.http.post(format!("{}/api/v1{path}", who.base)).bearer_auth(&who.key);
    let request = request.header("Idempotency-Key", key).header("Content-Type", "application/json").body(body.to_owned());
    let answer = request.send().await.ok()?;
    let header = |name| answer.headers().get(name).map(|value| value.to_str().expect("ASCII").to_owned());
    let (status, replayed) = (answer.status(), header("idempotency-replayed").as_deref() == Some("true"));
    let content_type = header("content-type").unwrap_or_default();
    Some(Raw { status, content_type, replayed, body: answer.text().await.ok()? })
}

async fn must_post(who: &Operator, path: &str, key: &str, body: &str) -> Raw {
    post(who, path, key, body).await.expect("the server answers")
}

fn terms() -> Value {
    json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}})
}

struct Stage {
    operator: Operator,
    merchant: Merchant,
    program: String,
    publisher: String,
    slug: String,
    base: String,
}

impl Stage {
    async fn new(server: &Server) -> Self {
        let operator = server.operator();
        let merchant = operator.merchant("Shop").await;
        let program = operator.program(&merchant, "EUR", terms()).await;
        let publisher = operator.publisher("Blog").await;
        let slug = operator.link(&program, &publisher).await;
        Self { operator, merchant, program, publisher, slug, base: server.base.clone() }
    }

    async fn sell(&self, order: &str) -> String {
        let click = click(&client(), &self.base, &self.slug).await;
        let sale = json!({"program": self.program, "order_id": order, "amount": "100.00", "currency": "EUR", "click_id": click});
        text(&self.merchant.postback(&sale).await.expect(201)["conversion"]["id"])
    }
}

/// Rows of the tables that a repeat must not touch. The inbox is none of them: it notes the repeat.
async fn counts(database: &str) -> BTreeMap<&'static str, i64> {
    let tables = [
        "merchant",
        "secret",
        "program",
        "terms",
        "publisher",
        "link",
        "coupon",
        "voucher",
        "buyer",
        "api_key",
        "order_fact",
        "conversion",
        "journal_entry",
        "click_tie",
        "claim",
        "claim_step",
        "rate",
        "idempotency",
    ];
    let mut sql = Sql::open(database).await;
    let mut counts = BTreeMap::new();
    for table in tables {
        counts.insert(table, sql.number(&format!("SELECT COUNT(*) FROM {table}")).await);
    }
    sql.close().await;
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn every_post_answers_a_repeat_with_its_first_answer() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let operator = &stage.operator;
        let (cases, refused) = cases::posts(&stage).await;
        let through_ledger = cases.iter().map(|case| case.noted).sum::<usize>() + refused.iter().map(|case| case.noted).sum::<usize>();
        let posts: BTreeSet<&str> = operations().iter().filter(|op| op.takes_idempotency_key()).map(|op| op.path).collect();
        assert_eq!(cases.iter().map(|case| case.of).collect::<BTreeSet<_>>(), posts, "every POST of JSON has a case");

        let all = cases.iter().map(|case| (case, true)).chain(refused.iter().map(|case| (case, false)));
        for (n, (cases::Case { path, body, .. }, taken)) in all.enumerate() {
            let (key, body) = (format!("key-{n}"), body.to_string());
            let answer = must_post(operator, path, &key, &body).await;
            assert!(matches!(answer.status.as_u16(), 200 | 201 | 409 | 422) && !answer.replayed, "{path}: {answer:?}");
            assert_eq!(answer.status.is_success(), taken, "{path}: {answer:?}");
            let before = counts(database).await;
            assert_eq!(must_post(operator, path, &key, &body).await, answer.again(), "{path}");
            let other = must_post(operator, path, &key, &format!("{body} ")).await;
            assert_eq!((other.status.as_u16(), other.json()["code"].as_str()), (409, Some("idempotency_conflict")), "{path}: {other:?}");
            assert_eq!(counts(database).await, before, "{path}: a repeat changes nothing");
        }
        // Other keys, paths and people have first answers of their own.
        let body = json!({"name": "Another"}).to_string();
        for (who, path, key) in
            [(&server.operator(), "/merchants", "key-0"), (operator, "/publishers", "key-0"), (operator, "/merchants", "new")]
        {
            let answer = must_post(who, path, key, &body).await;
            assert_eq!((answer.status.as_u16(), answer.replayed), (201, false), "{path} {key}");
        }
        let noted = operator.get("/inbox?verdict=replayed").await;
        assert_eq!(noted["data"].as_array().map(Vec::len), Some(through_ledger), "what the ledger answered again is noted: {noted}");
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_never_judged_may_be_mended_under_its_key() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        let wrong = must_post(&operator, "/merchants", "k", r#"{"name": ""}"#).await;
        assert_eq!(wrong.status.as_u16(), 422, "{wrong:?}");
        let unknown = must_post(&operator, "/conversions/cnv_0000000000001/approve", "k", "{}").await;
        assert_eq!(unknown.status.as_u16(), 404, "{unknown:?}");
        let right = must_post(&operator, "/merchants", "k", r#"{"name": "Shop"}"#).await;
        assert_eq!((right.status.as_u16(), right.replayed), (201, false), "{right:?}");

        for bad in ["", &"k".repeat(256)] {
            let refused = must_post(&operator, "/merchants", bad, r#"{"name": "Shop"}"#).await;
            assert_eq!((refused.status.as_u16(), refused.json()["code"].as_str()), (422, Some("invalid_idempotency_key")), "{refused:?}");
        }
        let longest = must_post(&operator, "/merchants", &"é".repeat(255), r#"{"name": "Shop"}"#).await;
        assert_eq!(longest.status.as_u16(), 201);
        assert_eq!(counts(database).await["merchant"], 2);
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_answered_again_and_stored_sealed() {
    for_each_empty_database(async |database| {
        // Without a master key: the answer is sealed for the API key that asked.
        let server = Server::start(database);
        let operator = server.operator();
        let merchant = text(&operator.create("/merchants", json!({"name": "Shop"})).await["id"]);
        let path = format!("/merchants/{merchant}/secrets");
        let first = must_post(&operator, &path, "k", "").await;
        let secret = text(&first.json()["secret"]);
        assert_eq!(must_post(&operator, &path, "k", "{}").await, first.again(), "no body is an empty object");
        assert_eq!(must_post(&operator, &path.replace('_', "%5F"), "k", "").await, first.again(), "the same path, escaped");
        let mut sql = Sql::open(database).await;
        let bytes = if database.starts_with("sqlite") { "hex(answer)" } else { "upper(encode(answer, 'hex'))" };
        let stored = sql.texts(&format!("SELECT {bytes} FROM idempotency WHERE sealed")).await;
        sql.close().await;
        let hex: String = secret.bytes().map(|byte| format!("{byte:02X}")).collect();
        assert!(stored.len() == 1 && !stored[0].contains(&hex), "what is stored does not show it");
        server.stop();
    })
    .await;
}

/// What is acknowledged, and what is not, may be sent again to the process that comes after `kill -9`.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_a_repeat_finishes_what_the_first_began() {
    for_each_database(async |database| {
        let mut server = Server::start(database);
        let stage = Stage::new(&server).await;
        let adjusted = stage.sell("A-1").await;
        let adjust = format!("/conversions/{adjusted}/adjust");
        let body = r#"{"amount": "50.00", "reason": "returned"}"#;
        let answer = must_post(&stage.operator, &adjust, "adjust", body).await;
        assert_eq!(answer.status.as_u16(), 200);

        // More than one transaction of the ledger holds; the process dies when it has stored some of it.
        let sale = |n: usize| json!({"program": stage.program, "order_id": format!("C-{n}"), "amount": "9.00", "currency": "EUR"});
        let batch = Value::from((0..1000).map(sale).collect::<Vec<_>>()).to_string();
        let mut cut = 0;
        for round in 0..3 {
            let key = format!("batch-{round}");
            let batch = batch.replace("C-", &format!("C{round}-"));
            let (operator, sent, sent_key) = (stage.operator.at(&server), batch.clone(), key.clone());
            let sending = tokio::spawn(async move { post(&operator, "/conversions", &sent_key, &sent).await });
            let count = async || {
                let mut sql = Sql::open(database).await;
                let count = sql.number(&format!("SELECT COUNT(*) FROM idempotency WHERE token = '{key}' AND item > 0")).await;
                sql.close().await;
                count
            };
            until("something is stored", async || count().await > 0).await;
            server.kill();
            let answered = sending.await.expect("the sender lives");
            cut += i64::from(count().await < 1000);
            server = server.crash_and_restart();

            let operator = stage.operator.at(&server);
            let again = must_post(&operator, "/conversions", &key, &batch).await;
            let results = again.json()["results"].as_array().cloned().expect("results");
            assert_eq!(results.len(), 1000);
            // 202: a sale without a click is kept and not attributed. A repeat without the key would be 200.
            assert!(results.iter().all(|result| result["http"] == 202), "each counts once, and is told so: {again:?}");
            if let Some(first) = answered {
                assert_eq!(again, first.again());
            }
            assert_eq!(must_post(&operator, "/conversions", &key, &batch).await, again.again());
            let other = must_post(&operator, "/conversions", &key, "[]").await;
            assert_eq!(other.json()["code"], "idempotency_conflict");
        }
        eprintln!("{cut} of 3 batches were cut by the crash");
        assert_eq!(must_post(&stage.operator.at(&server), &adjust, "adjust", body).await, answer.again());
        assert_eq!(counts(database).await["conversion"], 3001);
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
        server.stop();
    })
    .await;
}

/// The same request many times at once, at two servers where two can share a database.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_takes_effect() {
    for_each_database(async |database| {
        let servers = if database.starts_with("postgres") {
            vec![Server::start(database), Server::start(database)]
        } else {
            vec![Server::start(database)]
        };
        let stage = Stage::new(&servers[0]).await;
        let conversion = stage.sell("A-1").await;
        let sale = |n: usize| json!({"program": stage.program, "order_id": format!("D-{n}"), "amount": "9.00", "currency": "EUR"});
        let before = counts(database).await;
        let requests = [
            ("/merchants".to_owned(), json!({"name": "Once"})),
            (format!("/merchants/{}/secrets", stage.merchant.id), json!({})),
            ("/links".to_owned(), json!({"program": stage.program, "publisher": stage.publisher, "slug": "once"})),
            ("/buyers".to_owned(), json!({"email": "once@example.com"})),
            (format!("/conversions/{conversion}/adjust"), json!({"amount": "50.00", "reason": "returned"})),
            ("/conversions".to_owned(), Value::from((0..20).map(sale).collect::<Vec<_>>())),
        ];
        for (path, body) in requests {
            let bases: Vec<Operator> = (0..32).map(|n| stage.operator.at(&servers[n % servers.len()])).collect();
            let body = body.to_string();
            let send = {
                let path = path.clone();
                move |operator: Operator| {
                    let (path, body) = (path.clone(), body.clone());
                    async move { must_post(&operator, &path, "once", &body).await }
                }
            };
            let answers = at_once(32, bases, send).await;
            let first: Vec<&Raw> = answers.iter().filter(|answer| !answer.replayed).collect();
            // Batches may share the work among them: then none is a replay as a whole, and all answer the same.
            assert!(first.len() == 1 || path == "/conversions", "{path}: {} answers were no replay", first.len());
            for answer in &answers {
                assert_eq!((answer.status, &answer.body), (answers[0].status, &answers[0].body), "{path}");
                assert!(answer.status.is_success(), "{path}: {answer:?}");
            }
        }
        let after = counts(database).await;
        let changed: BTreeMap<&str, i64> = after.iter().map(|(table, n)| (*table, n - before[table])).filter(|(_, n)| *n != 0).collect();
        // An adjustment is a fact and an entry; a batch keeps its begin beside its 20 items.
        let wanted = [
            ("merchant", 1),
            ("secret", 1),
            ("link", 1),
            ("buyer", 1),
            ("journal_entry", 1),
            ("order_fact", 21),
            ("conversion", 20),
            ("idempotency", 26),
        ];
        assert_eq!(changed, BTreeMap::from(wanted));
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
        for server in servers {
            server.stop();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_kept_for_a_day_and_then_removed() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let sale = |n: usize| json!({"program": stage.program, "order_id": format!("E-{n}"), "amount": "9.00", "currency": "EUR"});
        let batch = Value::from((0..1000).map(sale).collect::<Vec<_>>()).to_string();
        // More than the job removes at once.
        let answer = must_post(&stage.operator, "/conversions", "old", &batch).await;
        assert_eq!(answer.status.as_u16(), 200);
        server.stop();
        let spool = TempDir::new("idempotency-spool");
        let now = Clock::System.now();
        for (later, left) in [(DAY - 60 * SECOND, 1001), (DAY + SECOND, 0)] {
            let at = now.plus(later);
            let options = Options {
                database: database.to_owned(),
                pool: store::Options::default(),
                clock: Clock::manual(at),
                zone: Zone::UTC,
                debt_limit: None,
                master_key: None,
                base_url: None,
                spool_dir: spool.path().to_owned(),
                geo_database: None,
                click_wait_max: Duration::from_millis(25),
                invoice_monthly: false,
            };
            let (engine, stop) = Engine::start(options).await.expect("the engine starts");
            jobs::run(&engine, at).await.expect("the jobs run");
            stop.stop(engine).await;
            assert_eq!(counts(database).await["idempotency"], left);
        }
    })
    .await;
}

/// What two nodes keep is found by both.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_answer_comes_from_every_node() {
    let fresh = Fresh::postgres().await;
    let (one, other) = (Server::start(&fresh.url), Server::start(&fresh.url));
    let operator = one.operator();
    let first = must_post(&operator, "/merchants", "k", r#"{"name": "Shop"}"#).await;
    assert_eq!(must_post(&operator.at(&other), "/merchants", "k", r#"{"name": "Shop"}"#).await, first.again());
    one.stop();
    other.stop();
    fresh.remove().await;
}
