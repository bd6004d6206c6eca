//! What a server says of itself: metrics with their texts, as the operator's handbook lists them, and a log that gives nobody away.
use crate::support::{
    TempDir, for_each_database,
    letter::Letter,
    server::{Server, click, client, text, unix_now},
};
use reqwest::header;
use ristourne::{
    app::telemetry::METRICS,
    kernel::signature::{self, WebhookSecret},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path};

const HANDBOOK: &str = include_str!("../../docs/OPERATIONS.md");

/// The first column of the handbook's table of metrics.
fn documented() -> BTreeSet<String> {
    let rows = HANDBOOK.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(name, _)| name.split('{').next().expect("a name").to_owned())
        .filter(|name| name.starts_with("ristourne_") || name.starts_with("process_"))
        .collect()
}

fn terms() -> Value {
    json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}})
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_has_its_texts_and_stands_in_the_handbook() {
    for_each_database(async |database| {
        let server = Server::start_with(database, &["--limit-postbacks", "2"]);
        let operator = server.operator();
        let shop = operator.merchant("Shop").await;
        let program = operator.program(&shop, "EUR", terms()).await;
        let slug = operator.link(&program, &operator.publisher("Blog").await).await;
        let click = click(&client(), &server.base, &slug).await;
        let sale = json!({"program": program, "order_id": "T-1", "amount": "119.99", "currency": "EUR", "click_id": click});
        shop.postback(&sale).await.expect(201);
        shop.postback(&json!({"program": program})).await.expect(422);
        shop.postback(&sale).await.expect(429);
        assert_eq!(client().get(server.url("/c/nowhere")).send().await.expect("an answer").status(), 404);
        let answer = client().get(server.url("/metrics")).send().await.expect("metrics");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
        let metrics = answer.text().await.expect("text");
        let (mut served, mut family) = (BTreeSet::new(), String::new());
        for line in metrics.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a text");
                assert!(help.len() > 10, "{line}");
                family = name.to_owned();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert_eq!(name, family, "its HELP stands before its TYPE");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(served.insert(name.to_owned()), "{name} stands twice");
            } else {
                let name = line.split(['{', ' ']).next().expect("a name");
                let of = ["_bucket", "_sum", "_count", ""].iter().any(|ending| name.strip_suffix(ending) == Some(&family));
                assert!(of, "{line} is none of {family}");
            }
        }
        let known: BTreeSet<String> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
        let own: BTreeSet<String> = served.iter().filter(|name| name.starts_with("ristourne_")).cloned().collect();
        assert_eq!(own, known, "left: served, right: known");
        assert_eq!(documented(), served, "left: in the handbook, right: served");
        for line in [
            r#"ristourne_redirects_total{outcome="redirected",quality="ok"} 1"#,
            r#"ristourne_redirects_total{outcome="unknown",quality="none"} 1"#,
            r#"ristourne_postbacks_total{channel="postback",verdict="recorded"} 1"#,
            r#"ristourne_postbacks_total{channel="postback",verdict="missing_field"} 1"#,
            "ristourne_clicks_recorded_total 1",
            "ristourne_ledger_queue_length 0",
            "ristourne_catalogue_links 1",
        ] {
            assert!(metrics.lines().any(|there| there == line), "{line} is missing in\n{metrics}");
        }
        server.stop();
    })
    .await;
}

/// The names that the sources count under are the names of the list, no more and no less.
#[test]
fn what_is_counted_is_listed() {
    fn names(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                names(&path, found);
            } else if !path.ends_with("telemetry.rs") {
                let source = fs::read_to_string(&path).expect("a source");
                for part in ["counter!(", "gauge!(", "histogram!("].iter().flat_map(|counted| source.split(counted).skip(1)) {
                    let name = part.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
                    found.insert(name.unwrap_or_else(|| panic!("a name that no one can find: {}", path.display())).to_owned());
                }
            }
        }
    }
    let mut found = BTreeSet::from(["ristourne_build_info".to_owned()]);
    names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    let listed: BTreeSet<String> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
    assert_eq!(found, listed, "left: counted, right: listed");
}

/// At the most talkative level, and a story with everything that is nobody's business.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_gives_nobody_away() {
    for_each_database(async |database| {
        let dir = TempDir::new("log");
        let log = dir.path().join("log");
        let master = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let options = ["--log-format", "json", "--log", "debug,sqlx=debug", "--master-key", master, "--trusted-proxies", "127.0.0.0/8"];
        let server = Server::start_logging(database, &options, &log);
        let operator = server.operator();
        let shop = operator.merchant("Shop").await;
        let secret = shop.secret.reveal();
        let program = operator.program(&shop, "EUR", terms()).await;
        let blog = operator.create("/publishers", json!({"name": "Blog", "email": "blogger@private.example"})).await;
        let slug = operator.link(&program, &text(&blog["id"])).await;
        let buyer = json!({"email": "Reader@private.example", "external_id": "member-four-two"});
        let buyer = operator.create("/buyers", buyer.clone()).await;
        // The same again is refused by a unique key of the database, whose own message must not be passed on.
        let twice = json!({"email": "reader@private.example", "external_id": "member-four-two"});
        operator.call(reqwest::Method::POST, "/buyers", Some(&twice)).await.expect(409);
        let http = client();
        for (address, query) in
            [("203.0.113.77", "sub1=sub-private"), ("2001:db8:77:66:55:44:33:22", "buyer=x&url=https://shop.example/private")]
        {
            let visit = http.get(server.url(&format!("/c/{slug}?{query}"))).header("x-forwarded-for", address);
            let visit = visit.header(header::USER_AGENT, "Browser-private/1.0").header(header::REFERER, "https://private.example/page");
            assert_eq!(visit.send().await.expect("an answer").status(), 302);
        }
        let click = click(&http, &server.base, &slug).await;
        let customer = json!({"ref": "customer-private"});
        let sale =
            json!({"program": program, "order_id": "L-1", "amount": "10.00", "currency": "EUR", "click_id": click, "customer": customer});
        shop.postback(&sale).await.expect(201);
        // Refused ones: a wrong signature, a wrong field, a URL with its signature in the query, a key that is none.
        let forger = WebhookSecret::generate([9; 32]);
        let forged = crate::support::server::Merchant { secret: forger, ..shop.clone() };
        forged.postback(&sale).await.expect(401);
        shop.postback(&json!({"program": program, "order_id": "L-2", "amount": "reader@private.example", "currency": "EUR"}))
            .await
            .expect(422);
        let query = format!("program={program}&order_id=query-private&amount=1.00&currency=EUR&ts={}", unix_now());
        let signature = signature::sign_query(&shop.secret, &query);
        assert_eq!(http.get(server.url(&format!("/postback?{query}&sig={signature}"))).send().await.expect("an answer").status(), 202);
        for path in ["/api/v1/buyers?after=query-private", "/reader@private.example", "/api/v1/merchants"] {
            let answer = http.get(server.url(path)).bearer_auth("rst_not-a-key-private").send().await.expect("an answer");
            assert!(answer.status().is_client_error(), "{path}");
        }
        let key = operator.key.clone();
        operator.get(&format!("/balances?owner={}", text(&buyer["id"]))).await;
        server.stop();

        let log = fs::read_to_string(&log).expect("a log");
        let agent = "Mozilla/5.0 (X11";
        for secret in [
            secret.as_str(),
            secret.trim_start_matches("whsec_"),
            key.as_str(),
            master,
            signature.as_str(),
            click.as_str(),
            text(&buyer["ref"]).as_str(),
            "private",
            "member-four-two",
            "203.0.113.77",
            "2001:db8:77:66",
            "v1,",
            agent,
        ] {
            let found = log.lines().find(|line| line.contains(secret));
            assert!(found.is_none(), "the log tells {secret}: {}", found.unwrap_or_default());
        }
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect();
        let said = |message: &str, name: &str, value: &Value| {
            lines.iter().filter(|line| line["message"] == message && line[name] == *value).collect::<Vec<_>>()
        };
        // Refused messages at `info`, with the id of their row in the inbox; requests of every kind with an id, addresses cut.
        let refused = said("message refused", "verdict", &json!("signature_invalid"));
        assert!(refused.len() == 1 && refused[0]["level"] == "INFO" && text(&refused[0]["request_id"]).starts_with("inb_"), "{refused:?}");
        assert_eq!(said("request", "path", &json!("/postback")).len(), 4);
        let visits = said("request", "path", &json!(format!("/c/{slug}")));
        assert!(visits.len() == 3 && visits.iter().all(|line| text(&line["request_id"]).starts_with("req_")), "{visits:?}");
        assert!(visits.iter().any(|line| line["client"] == "203.0.113.0"), "{visits:?}");
    })
    .await;
}

/// A postback's answer names its row in the inbox.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_named_in_its_answer() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        let shop = operator.merchant("Shop").await;
        let letter = Letter::json(&shop, &json!({"program": "prg_0000000000001", "order_id": "N-1"}));
        let sent = letter.request(&shop).send().await.expect("an answer");
        assert_eq!(sent.status(), 401);
        let id = sent.headers()["x-request-id"].to_str().expect("text").to_owned();
        let row = operator.get(&format!("/inbox/{id}")).await;
        assert_eq!((&row["id"], &row["verdict"]), (&json!(id), &json!("signature_invalid")));
        server.stop();
    })
    .await;
}
