//! Hostile texts in every field of the API that takes text: stored verbatim or refused with a code, never a 5xx.
use crate::support::{
    for_each_database,
    server::{Answer, Operator, Server, text},
};
use reqwest::Method;
use serde_json::{Value, json};

/// <https://github.com/minimaxir/big-list-of-naughty-strings>, and what it lacks.
fn naughty() -> Vec<String> {
    let mut list: Vec<String> = serde_json::from_str(include_str!("../data/hostile/blns.json")).expect("a list of texts");
    list.extend(
        ["a\0b", "\u{fffe}", "\u{10ffff}", "\u{202e}abc", "\r\nSet-Cookie: x=1", "%00", "{click_id}", "\u{7f}\u{1b}[2J"].map(str::to_owned),
    );
    list.push("é".repeat(1000));
    list
}

/// Either kept as it came, or refused as a wrong field. Gives whether it was kept.
#[track_caller]
fn judge(answer: &Answer, field: &str, sent: &str) -> bool {
    match answer.status.as_u16() {
        200 | 201 => {
            // An empty text counts as not sent.
            assert!(sent.is_empty() || answer.body[field] == sent, "{field} = {sent:?} is not kept verbatim: {}", answer.body);
            true
        }
        409 => false,
        422 => {
            let errors = answer.body["errors"].as_array().expect("the wrong fields");
            assert!(errors.iter().all(|error| error["field"] == field), "{field} = {sent:?}: {}", answer.body);
            false
        }
        status => panic!("{field} = {sent:?}: {status} {}", answer.body),
    }
}

async fn post(operator: &Operator, path: &str, body: Value) -> Answer {
    operator.call(Method::POST, path, Some(&body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_are_kept_verbatim_or_refused() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        let merchant = operator.merchant("Shop").await;
        let terms = json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}});
        let program = operator.program(&merchant, "EUR", terms).await;
        let publisher = operator.publisher("Blog").await;
        let (mut sent, mut kept) = (0, 0);
        for naughty in naughty() {
            sent += 1;
            let made = post(&operator, "/merchants", json!({"name": naughty})).await;
            if judge(&made, "name", &naughty) {
                kept += 1;
                let read = operator.get(&format!("/merchants/{}", text(&made.body["id"]))).await;
                assert_eq!(read["name"], json!(naughty), "as stored");
            }
            judge(&post(&operator, "/publishers", json!({"name": "x", "email": naughty})).await, "email", &naughty);
            judge(&post(&operator, "/buyers", json!({"external_id": naughty})).await, "external_id", &naughty);
            judge(
                &post(&operator, "/coupons", json!({"program": program, "publisher": publisher, "code": naughty})).await,
                "code",
                &naughty,
            );
            judge(&post(&operator, "/links", json!({"program": program, "publisher": publisher, "slug": naughty})).await, "slug", &naughty);
            let batch = json!([{"program": program, "order_id": naughty, "amount": "1.00", "currency": "EUR"}]);
            let item = post(&operator, "/conversions", batch).await.expect(200)["results"][0].clone();
            match item["http"].as_u64() {
                Some(202) => assert_eq!(item["conversion"]["order_id"], json!(naughty)),
                Some(200 | 422) => {}
                status => panic!("{naughty:?}: {status:?} {item}"),
            }
        }
        assert!(kept > sent * 9 / 10, "only {kept} of {sent} were kept");
        server.stop();
    })
    .await;
}
