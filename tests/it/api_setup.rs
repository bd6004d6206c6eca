//! The API around money: keys, bodies, wrong fields, pages, and the things that operators make.
use crate::support::{
    for_each_database,
    server::{Operator, Server, follow, ristourne, text},
};
use reqwest::{Method, header};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn terms() -> Value {
    json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}})
}

fn program(merchant: &str) -> Value {
    json!({"merchant": merchant, "name": "Books", "currency": "EUR", "landing_url": "https://shop.example/?c={click_id}",
        "domains": ["shop.example"], "terms": terms()})
}

/// The fields that a 422 names, with their codes, sorted.
fn wrong(problem: &Value) -> Vec<(String, String)> {
    let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("no errors in {problem}"));
    let mut wrong: Vec<_> = errors.iter().map(|error| (text(&error["field"]), text(&error["code"]))).collect();
    wrong.sort();
    wrong
}

fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = wanted.iter().map(|(field, code)| ((*field).to_owned(), (*code).to_owned())).collect();
    pairs.sort();
    pairs
}

async fn refused(operator: &Operator, path: &str, body: &Value) -> Vec<(String, String)> {
    wrong(&operator.call(Method::POST, path, Some(body)).await.expect(422))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_what_its_role_may_do() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        let list = server.url("/api/v1/merchants");
        let bare = operator.http.get(&list).send().await.expect("an answer");
        assert_eq!(bare.status(), 401);
        assert_eq!(bare.headers()[header::WWW_AUTHENTICATE], "Bearer");
        assert_eq!(bare.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert!(bare.headers().contains_key("x-request-id"));
        let problem: Value = bare.json().await.expect("JSON");
        assert_eq!((&problem["code"], &problem["status"], &problem["type"]), (&json!("key_missing"), &json!(401), &json!("about:blank")));
        for wrong in ["nonsense", &format!("{}x", operator.key), &"k".repeat(5000)] {
            let stranger = Operator { key: wrong.to_owned(), ..operator.clone() };
            assert_eq!(stranger.call(Method::GET, "/merchants", None).await.expect(401)["code"], "key_invalid");
        }
        let merchant = text(&operator.create("/merchants", json!({"name": "Shop"})).await["id"]);
        let line = ristourne(database, &["key", "create", "--role", "merchant", "--owner", &merchant]);
        let created: Value = serde_json::from_slice(&line.stdout).expect("one JSON line");
        let seller = Operator { key: text(&created["key"]), ..operator.clone() };
        assert_eq!(seller.get("/merchants").await["data"][0]["id"], json!(merchant));
        assert_eq!(seller.call(Method::GET, "/buyers", None).await.expect(403)["code"], "forbidden");
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_gone_within_two_seconds() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        operator.get("/merchants").await;
        let db = ristourne::store::Db::open(database, &ristourne::store::Options::default()).await.expect("the database opens");
        let mut tx = db.begin().await.expect("a transaction");
        let keys = ristourne::store::key::list(&mut tx, ristourne::store::key::Wanted::default(), None, 10).await.expect("keys");
        let now = ristourne::engine::clock::Clock::System.now();
        assert!(ristourne::store::key::revoke(&mut tx, keys[0].key.id, now).await.expect("revoked"));
        tx.commit().await.expect("a commit");
        let revoked = Instant::now();
        while operator.call(Method::GET, "/merchants", None).await.status != 401 {
            assert!(revoked.elapsed() < Duration::from_secs(2), "still believed");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        db.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_fit_nothing_get_problems() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        assert_eq!(operator.call(Method::GET, "/nothing", None).await.expect(404)["code"], "not_found");
        for path in
            ["/merchants/mer_0000000000001", "/merchants/pub_0000000000001", "/merchants/x", "/links/%ff", "/conversions/cnv_0000000000001"]
        {
            assert_eq!(operator.call(Method::GET, path, None).await.expect(404)["code"], "not_found", "{path}");
        }
        let wrong_method = operator.http.put(server.url("/api/v1/merchants")).bearer_auth(&operator.key).send().await.expect("an answer");
        assert_eq!(wrong_method.status(), 405);
        assert_eq!(wrong_method.headers()[header::ALLOW], "GET,HEAD,POST");
        assert_eq!(wrong_method.json::<Value>().await.expect("JSON")["code"], "method_not_allowed");

        let post = |kind: &'static str, body: Vec<u8>| {
            let request = operator.http.post(server.url("/api/v1/merchants")).bearer_auth(&operator.key);
            request.header(header::CONTENT_TYPE, kind).body(body).send()
        };
        for (kind, body, status, code) in [
            ("text/plain", b"{\"name\":\"x\"}".to_vec(), 415, "not_json"),
            ("application/json", b"{\"name\":".to_vec(), 415, "not_json"),
            ("application/json", b"\xff\xfe".to_vec(), 415, "not_json"),
            ("application/json", b"[]".to_vec(), 422, "invalid_type"),
            ("application/json", Vec::new(), 422, "missing_field"),
            ("application/json", b"{\"name\":\"a\\u0000b\"}".to_vec(), 422, "invalid_text"),
            ("application/json", b"{\"name\":\"\\ud800\"}".to_vec(), 422, "invalid_text"),
            ("application/json", b"{\"name\":\"a\",\"name\":\"b\"}".to_vec(), 422, "duplicate_field"),
            ("application/json", format!("{{\"name\":\"{}\"}}", "x".repeat(1 << 20)).into_bytes(), 413, "too_large"),
        ] {
            let answer = post(kind, body).await.expect("an answer");
            assert_eq!(answer.status(), status, "{code}");
            assert_eq!(answer.json::<Value>().await.expect("JSON")["code"], code);
        }
        for (body, detail) in [
            (b"{".to_vec(), "The body is not JSON: EOF while parsing an object at line 1 column 1."),
            (b"{\n\"name\": secret}".to_vec(), "The body is not JSON: expected value at line 2 column 9."),
            (b"{\"name\":\"\xff\"}".to_vec(), "The body is not JSON: invalid utf-8 sequence of 1 bytes from index 9."),
        ] {
            let answer = post("application/json", body).await.expect("an answer").json::<Value>().await.expect("JSON");
            assert_eq!((&answer["code"], &answer["detail"]), (&json!("not_json"), &json!(detail)), "what is wrong, and where");
        }
        for (path, blank) in [
            ("/merchants", json!({"name": "   "})),
            ("/publishers", json!({"name": "\u{a0}\t"})),
            ("/keys", json!({"role": "operator", "name": " "})),
        ] {
            let refused = operator.call(Method::POST, path, Some(&blank)).await.expect(422);
            assert_eq!((&refused["code"], &refused["errors"][0]["field"]), (&json!("missing_field"), &json!("name")), "{path}");
        }
        let page = operator.http.get(server.url("/nowhere")).header(header::ACCEPT, "text/html").send().await.expect("an answer");
        assert_eq!(
            (page.status().as_u16(), &page.headers()[header::CONTENT_TYPE]),
            (404, &header::HeaderValue::from_static("text/html; charset=utf-8"))
        );
        for (path, wanted) in [
            ("/healthz", "ok"),
            ("/readyz", "ready"),
            ("/robots.txt", "Disallow: /c/"),
            ("/", "Ristourne"),
            ("/metrics", "ristourne_http_requests_total"),
        ] {
            let answer = operator.http.get(server.url(path)).send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{path}");
            assert!(answer.text().await.expect("text").contains(wanted), "{path}");
        }
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_field_is_named() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        let none = "mer_0000000000001";
        let named = refused(&operator, "/merchants", &json!({"email": "nobody", "nmae": "x"})).await;
        assert_eq!(named, pairs(&[("name", "missing_field"), ("email", "invalid_email"), ("nmae", "unknown_field")]));
        let publisher = json!({"name": "", "kind": "blog", "portal": "yes", "generosity": "101"});
        let named = refused(&operator, "/publishers", &publisher).await;
        let wanted = [("name", "missing_field"), ("kind", "unknown_word"), ("portal", "invalid_type"), ("generosity", "invalid_percent")];
        assert_eq!(named, pairs(&wanted));
        let broken = json!({"merchant": "x", "name": 7, "currency": "eur", "landing_url": "ftp://shop.example", "domains": ["com", "ok.example"],
            "click_param": "a b", "terms": {"commission": [], "split": {"publisher": "60", "buyer": "30", "platform": "11"}}});
        let named = refused(&operator, "/programs", &broken).await;
        let fields: Vec<&str> = named.iter().map(|(field, _)| field.as_str()).collect();
        for field in ["merchant", "name", "currency", "landing_url", "domains[0]", "click_param", "terms.commission", "terms.split"] {
            assert!(fields.contains(&field), "{field} is not among {named:?}");
        }
        assert_eq!(refused(&operator, "/programs", &program(none)).await, pairs(&[("merchant", "unknown_merchant")]));
        let link = json!({"program": "prg_0000000000001", "publisher": "pub_0000000000001"});
        assert_eq!(refused(&operator, "/links", &link).await, pairs(&[("program", "unknown_program"), ("publisher", "unknown_publisher")]));
        let rates = json!({"date": "2026-02-30", "rates": {"USD": "0", "eur": "1", "EUR": "1", "JPY": null}});
        let wanted =
            [("date", "invalid_date"), ("rates.USD", "invalid_rate"), ("rates.eur", "unknown_currency"), ("rates.EUR", "invalid_rate"), ("rates.JPY", "missing_field")];
        assert_eq!(refused(&operator, "/rates", &rates).await, pairs(&wanted));
        let list = operator.call(Method::GET, "/conversions?limit=0&after=x&status=open&since=monday&stauts=paid", None).await.expect(422);
        let wanted =
            [("limit", "out_of_range"), ("after", "invalid_cursor"), ("status", "unknown_word"), ("since", "invalid_time"), ("stauts", "unknown_field")];
        assert_eq!(wrong(&list), pairs(&wanted));
        let report = operator.call(Method::GET, "/reports/clicks?by=moon", None).await.expect(422);
        assert_eq!(wrong(&report), pairs(&[("by", "unknown_word")]));
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_redirects_at_once_and_ends_with_its_program() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        let merchant = operator.create("/merchants", json!({"name": "Größe & Söhne 🛒", "email": "shop@example.com"})).await;
        assert_eq!(merchant, operator.get(&format!("/merchants/{}", text(&merchant["id"]))).await, "kept verbatim");
        let made = operator.create("/programs", program(&text(&merchant["id"]))).await;
        assert_eq!((&made["terms_version"], &made["click_param"], &made["pixel"]), (&json!(1), &json!("rclid"), &json!(false)));
        let program = text(&made["id"]);
        let blog = operator.create("/publishers", json!({"name": "Blog"})).await;
        assert_eq!((&blog["kind"], &blog["portal"], &blog["generosity"]), (&json!("content"), &json!(false), &json!("0")));
        let publisher = text(&blog["id"]);
        let link = operator.create("/links", json!({"program": program, "publisher": publisher, "slug": "spring-books"})).await;
        assert_eq!(link["url"], format!("{}/c/spring-books", server.base));
        assert!(follow(&operator.http, &server.base, "/c/spring-books").await.starts_with("https://shop.example/?c="));
        let again = json!({"program": program, "publisher": publisher, "slug": "spring-books"});
        assert_eq!(operator.call(Method::POST, "/links", Some(&again)).await.expect(409)["code"], "slug_taken");
        let deep = json!({"program": program, "publisher": publisher, "url": "https://www.shop.example/book?id=7"});
        let deep = operator.create("/links", deep).await;
        assert_eq!(text(&deep["slug"]).len(), 8);
        let location = follow(&operator.http, &server.base, &format!("/c/{}", text(&deep["slug"]))).await;
        assert!(location.starts_with("https://www.shop.example/book?id=7&rclid="), "{location}");
        let elsewhere = json!({"program": program, "publisher": publisher, "url": "https://evil.example/"});
        assert_eq!(refused(&operator, "/links", &elsewhere).await, pairs(&[("url", "url_not_allowed")]));
        assert_eq!(operator.get(&format!("/links?publisher={publisher}")).await["data"].as_array().map(Vec::len), Some(2));
        assert_eq!(operator.get(&format!("/links/{}", text(&link["id"]))).await, link);

        let ended = operator.call(Method::DELETE, &format!("/programs/{program}"), None).await.expect(200);
        assert!(ended["ended_at"].is_string());
        let gone = operator.http.get(server.url("/c/spring-books")).send().await.expect("an answer");
        assert_eq!(gone.status(), 410);
        let gone = gone.json::<Value>().await.expect("JSON");
        assert_eq!(gone["code"], "program_ended", "its links have ended with it");
        for (path, body) in [
            ("/links".to_owned(), json!({"program": program, "publisher": publisher})),
            ("/coupons".to_owned(), json!({"program": program, "publisher": publisher, "code": "LATE"})),
            (format!("/programs/{program}/terms"), json!({"terms": terms()})),
        ] {
            let refused = operator.call(Method::POST, &path, Some(&body)).await.expect(409);
            assert_eq!(refused["code"], "program_ended", "{path}");
            let list = operator.get(&path).await["data"].as_array().expect("a list").len();
            assert_eq!(list, [("/links", 2), ("/coupons", 0)].into_iter().find(|(known, _)| *known == path).map_or(1, |(_, rows)| rows));
        }
        let again = operator.call(Method::DELETE, &format!("/programs/{program}"), None).await.expect(200);
        assert_eq!(again, ended, "ending it again changes nothing");
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        let mut made = Vec::new();
        for n in 0..5 {
            made.push(operator.create("/publishers", json!({"name": format!("Blog {n}")})).await);
        }
        made.reverse();
        let (mut listed, mut after) = (Vec::new(), String::new());
        loop {
            let page = operator.get(&format!("/publishers?limit=2{after}")).await;
            listed.extend(page["data"].as_array().expect("a list").clone());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!(listed, made, "newest first, each once");
        assert_eq!(operator.get("/publishers?limit=5").await["next"], Value::Null, "a full last page has no next");
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_secrets_coupons_and_buyers() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        let merchant = operator.merchant("Shop").await;
        let program = operator.program(&merchant, "EUR", terms()).await;
        let publisher = operator.publisher("Blog").await;

        let path = format!("/programs/{program}/terms");
        let mut better = terms();
        better["commission"][0]["pay"]["percent"] = json!("7.5");
        let second = operator.create(&path, json!({"terms": better})).await;
        assert_eq!((&second["version"], &second["terms"]["rules"], &second["terms"]["hold_days"]), (&json!(2), &json!(1), &json!(30)));
        let third = operator.create(&path, json!({"terms": better, "effective_at": "2099-01-01T00:00:00Z"})).await;
        assert_eq!(third["effective_at"], "2099-01-01T00:00:00Z");
        let past = json!({"terms": better, "effective_at": "2020-01-01T00:00:00Z"});
        assert_eq!(refused(&operator, &path, &past).await, pairs(&[("effective_at", "effective_in_past")]));
        let versions = operator.get(&path).await;
        assert_eq!(versions["data"].as_array().map(Vec::len), Some(3));
        assert_eq!(versions["data"][1], second);
        assert_eq!(operator.get(&format!("/programs/{program}")).await["terms_version"], 2, "the third is not in effect yet");

        let secrets = format!("/merchants/{}/secrets", merchant.id);
        let shown = operator.create(&secrets, json!({})).await;
        assert!(text(&shown["secret"]).starts_with("whsec_"));
        let listed = operator.get(&secrets).await;
        assert_eq!(listed["data"].as_array().map(Vec::len), Some(2));
        assert!(!listed.to_string().contains("whsec_"), "shown once");
        let path = format!("{secrets}/{}", text(&shown["id"]));
        let revoked = operator.call(Method::DELETE, &path, None).await.expect(200);
        assert!(revoked["revoked_at"].is_string());
        assert_eq!(operator.call(Method::DELETE, &path, None).await.expect(200), revoked, "again changes nothing");
        assert_eq!(operator.get(&secrets).await["data"].as_array().map(Vec::len), Some(1));

        let coupon = json!({"program": program, "code": "Blog10", "publisher": publisher, "until": "2099-01-01T00:00:00Z"});
        let made = operator.create("/coupons", coupon).await;
        assert_eq!((&made["code"], &made["from"]), (&json!("Blog10"), &Value::Null));
        let taken = json!({"program": program, "code": "BLOG10", "publisher": publisher});
        assert_eq!(operator.call(Method::POST, "/coupons", Some(&taken)).await.expect(409)["code"], "code_taken");
        assert_eq!(operator.get(&format!("/coupons?program={program}")).await["data"], json!([made]));

        let ada = operator.create("/buyers", json!({"email": "Ada@example.com", "external_id": "77"})).await;
        assert_eq!(operator.get(&format!("/buyers/{}", text(&ada["id"]))).await, ada, "the ref is the same each time");
        let friend = operator.create("/buyers", json!({"referred_by": ada["id"]})).await;
        assert_eq!(friend["referred_by"], ada["id"]);
        for same in [json!({"email": "ada@EXAMPLE.com"}), json!({"external_id": "77"})] {
            assert_eq!(operator.call(Method::POST, "/buyers", Some(&same)).await.expect(409)["code"], "buyer_exists");
        }
        assert_eq!(
            refused(&operator, "/buyers", &json!({"referred_by": "buy_0000000000001"})).await,
            pairs(&[("referred_by", "unknown_buyer")])
        );
        server.stop();
    })
    .await;
}
