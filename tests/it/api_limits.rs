//! Limits: off unless they are set, each for what it is about only, and redirects never. The buckets themselves are tested with their clock.
use crate::support::{
    for_each_database,
    server::{Answer, Operator, Server, click, client},
    sql::Sql,
};
use reqwest::{Response, StatusCode};
use serde_json::json;

async fn ask(base: &str, key: &str) -> Response {
    client().get(format!("{base}/api/v1/merchants")).bearer_auth(key).send().await.expect("the server answers")
}

fn header(answer: &Response, name: &str) -> Option<u32> {
    answer.headers().get(name).map(|value| value.to_str().expect("ASCII").parse().expect("a number"))
}

/// Asks until it is refused; how often it was let through. What comes back while the test runs is a few more at most.
async fn until_limited(server: &Server, key: &str, passed: StatusCode) -> (u32, Response) {
    for n in 0..1000 {
        let answer = ask(&server.base, key).await;
        if answer.status() != passed {
            return (n, answer);
        }
    }
    panic!("never limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_and_an_address_may_ask_so_often_and_others_all_the_same() {
    for_each_database(async |database| {
        let server = Server::start_with(database, &["--limit-api", "20"]);
        let (one, other) = (server.operator(), server.operator());
        let first = ask(&server.base, &one.key).await;
        assert_eq!((header(&first, "ratelimit-limit"), header(&first, "ratelimit-remaining")), (Some(20), Some(19)));
        let (passed, refused) = until_limited(&server, &one.key, StatusCode::OK).await;
        assert!(passed >= 19, "{passed}");
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!((1..=3).contains(&header(&refused, "retry-after").expect("a wait")));
        let left = ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"].map(|name| header(&refused, name));
        assert_eq!(left, [Some(20), Some(0), Some(60)], "a refusal says what is left, too");
        let page = client().get(server.url("/api/v1/merchants")).bearer_auth(&one.key).header("accept", "text/html");
        let page = page.send().await.expect("an answer");
        assert_eq!((page.status(), header(&page, "ratelimit-limit")), (StatusCode::TOO_MANY_REQUESTS, Some(20)));
        assert_eq!(Answer::read(reqwest::Method::GET, refused).await.body["code"], "rate_limited");
        assert_eq!(ask(&server.base, &other.key).await.status(), StatusCode::OK, "another key has its own");

        // Keys that do not exist: soon they are not even looked for, while keys that do are let in.
        let (tried, refused) = until_limited(&server, "rst_guess", StatusCode::UNAUTHORIZED).await;
        assert!(tried >= 20 && refused.status() == StatusCode::TOO_MANY_REQUESTS && header(&refused, "retry-after").is_some(), "{tried}");
        assert_eq!(ask(&server.base, "rst_another_guess").await.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(ask(&server.base, &other.key).await.status(), StatusCode::OK, "who is known is known");
        let health = client().get(server.url("/healthz")).send().await.expect("an answer");
        assert_eq!(health.status(), StatusCode::OK);
        server.stop();
    })
    .await;
}

async fn inbox_rows(database: &str) -> i64 {
    let mut sql = Sql::open(database).await;
    let rows = sql.number("SELECT COUNT(*) FROM inbox").await;
    sql.close().await;
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_may_post_so_often_and_nobody_can_use_that_up_for_it() {
    for_each_database(async |database| {
        let server = Server::start_with(database, &["--limit-postbacks", "10"]);
        let operator = server.operator();
        let (shop, other) = (operator.merchant("Shop").await, operator.merchant("Other").await);
        let program = async |operator: &Operator, merchant: &str| {
            let terms = json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}});
            let body = json!({"merchant": merchant, "name": "P", "currency": "EUR", "landing_url": "https://shop.example/", "domains": [], "pixel": true, "terms": terms});
            operator.create("/programs", body).await["id"].as_str().expect("an id").to_owned()
        };
        let (mine, others) = (program(&operator, &shop.id).await, program(&operator, &other.id).await);
        let sale = |program: &str, n: usize| json!({"program": program, "order_id": format!("A-{n}"), "amount": "9.00", "currency": "EUR"});

        // What anybody can send is limited first …
        let forged = format!("{}/pixel.gif?program={mine}&order_id=F&amount=1.00&currency=EUR", server.base);
        let mut limited = None;
        for n in 0..100 {
            let answer = client().get(&forged).send().await.expect("an answer");
            assert_eq!((answer.status(), &answer.headers()["content-type"]), (StatusCode::OK, &"image/gif".parse().expect("a value")));
            let (limited_now, id) = (answer.headers()["ristourne-verdict"] == "rate_limited", &answer.headers()["x-request-id"]);
            let kind = if limited_now { "req_" } else { "inb_" };
            assert!(id.to_str().expect("ASCII").starts_with(kind), "only what stands in the inbox has an id of it: {id:?}");
            if limited_now {
                limited = Some(n);
                break;
            }
        }
        assert!(limited.is_some_and(|n| n >= 10), "{limited:?}");
        // … and the shop's own messages count apart.
        let mut refused = None;
        for n in 0..100 {
            let before = inbox_rows(database).await;
            let answer = shop.postback(&sale(&mine, n)).await;
            if answer.status == StatusCode::TOO_MANY_REQUESTS {
                assert_eq!(inbox_rows(database).await, before, "what is limited leaves no row");
                refused = Some((n, answer));
                break;
            }
            assert_eq!(answer.status.as_u16(), 202, "{answer:?}");
        }
        let (passed, answer) = refused.expect("limited at last");
        assert!(passed >= 10, "{passed}");
        assert_eq!(answer.body["code"], "rate_limited");
        other.postback(&sale(&others, 1)).await.expect(202);
        // Redirects are never limited, nor is the API by this setting.
        let publisher = operator.publisher("Blog").await;
        let slug = operator.link(&mine, &publisher).await;
        for _ in 0..30 {
            click(&client(), &server.base, &slug).await;
        }
        server.stop();
    })
    .await;
}
