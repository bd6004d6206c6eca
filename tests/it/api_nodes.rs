//! Two servers on one PostgreSQL: what is made at one is there at the other.
use crate::support::{
    Fresh,
    server::{Server, click, follow, text},
};
use reqwest::Method;
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_makes_every_node_knows() {
    let fresh = Fresh::postgres().await;
    let (one, other) = (Server::start(&fresh.url), Server::start(&fresh.url));
    let operator = one.operator();
    let there = operator.at(&other);
    let merchant = operator.merchant("Shop").await;
    let terms = json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}});
    let program = operator.program(&merchant, "EUR", terms).await;
    // A link made there, of a program that was made here.
    let publisher = operator.publisher("Blog").await;
    let slug = there.link(&program, &publisher).await;
    for base in [&other.base, &one.base] {
        assert!(follow(&operator.http, base, &format!("/c/{slug}")).await.starts_with("https://shop.example/"), "at once, at {base}");
    }
    // A click here is attributed there, and a secret made here signs there.
    let click = click(&operator.http, &one.base, &slug).await;
    let sale = json!({"program": program, "order_id": "A-1", "amount": "100.00", "currency": "EUR", "click_id": click});
    let recorded = merchant.at(&other).postback(&sale).await.expect(201);
    let id = text(&recorded["conversion"]["id"]);
    let mut found = operator.get(&format!("/conversions/{id}")).await;
    // What the buyer reads of it is the operator's, and no merchant's.
    assert!(found.as_object_mut().is_some_and(|found| found.remove("cashback").is_some()));
    assert_eq!(found, recorded["conversion"]);
    assert_eq!(there.post(&format!("/conversions/{id}/approve"), json!({})).await["status"], "payable");

    there.call(Method::DELETE, &format!("/programs/{program}"), None).await.expect(200);
    let ended = Instant::now();
    loop {
        let answer = operator.http.get(one.url(&format!("/c/{slug}"))).send().await.expect("an answer");
        if answer.status() == 410 {
            break;
        }
        assert!(ended.elapsed() < Duration::from_secs(2), "an ended program is gone everywhere within 2 s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    one.stop();
    other.stop();
    fresh.remove().await;
}
