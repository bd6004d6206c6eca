//! `kill -9` between any two steps of a payout: nobody is paid twice, nothing is lost, and every order learns of it.
use super::verify;
use crate::support::{
    Fresh,
    load::until,
    payouts::{by_hand, earn},
    server::{Operator, Server, click, client},
    sql::Sql,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// A POST that may meet the server's death: its answer, if there was one.
async fn try_post(who: &Operator, path: &str, key: &str, body: &Value) -> Option<Value> {
    let request = who.http.request(Method::POST, format!("{}/api/v1{path}", who.base)).bearer_auth(&who.key);
    let answer = request.header("Idempotency-Key", key).json(body).send().await.ok()?;
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    let text = answer.text().await.ok()?;
    Some(serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// One run from the beginning to the end, each step sent again under its key to whoever comes after a death.
async fn run(who: &Operator, round: usize) -> Option<()> {
    let key = |step: &str| format!("{step}-{round}");
    let batch = try_post(who, "/payouts", &key("prepare"), &json!({"currency": "EUR"})).await?;
    let id = batch["id"].as_str()?;
    if batch["payments"] == json!([]) {
        return Some(());
    }
    try_post(who, &format!("/payouts/{id}/export?format=csv"), &key("export"), &json!({})).await?;
    try_post(who, &format!("/payouts/{id}/settle"), &key("settle"), &json!({})).await?;
    Some(())
}

async fn dies_while_it_pays(database: &str, rounds: usize) {
    let mut server = Server::start(database);
    let operator = server.operator();
    let shop = operator.merchant("Shop").await;
    let terms = json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}});
    let program = operator.program(&shop, "EUR", terms).await;
    let publisher = operator.publisher("Blog").await;
    let slug = operator.link(&program, &publisher).await;
    let (buyer, _) = operator.buyer().await;
    for payee in [&publisher, &buyer] {
        by_hand(&operator, payee).await;
    }
    for round in 0..rounds {
        let who = operator.at(&server);
        let clicked = click(&client(), &server.base, &slug).await;
        who.post(&format!("/buyers/{buyer}/clicks"), json!({"click_ids": [clicked]})).await;
        let sale = |n: usize| json!({"program": program, "order_id": format!("{round}-{n}"), "amount": "100.00", "currency": "EUR", "click_id": clicked});
        let answers = who.post("/conversions", json!((0..20).map(sale).collect::<Vec<_>>())).await;
        for result in answers["results"].as_array().expect("results") {
            let id = result["conversion"]["id"].as_str().expect("an id");
            who.post(&format!("/conversions/{id}/approve"), json!({})).await;
        }
        earn(&who, &buyer).await;
        let paying = tokio::spawn(async move { run(&who, round).await });
        // A little later each time, from before the first step to after the last.
        tokio::time::sleep(Duration::from_millis(3 * u64::try_from(round % 20).expect("a small number"))).await;
        server.kill();
        let ended = paying.await.expect("no answer was wrong").is_some();
        eprintln!("round {round}: {}", if ended { "paid before the death" } else { "cut" });
        server = server.crash_and_restart();
        verify(database);
        run(&operator.at(&server), round).await.expect("the server lives");
        verify(database);
    }
    let payments = operator.at(&server).get("/payments?status=settled&limit=500").await;
    assert!(payments["data"].as_array().is_some_and(|payments| !payments.is_empty()));
    let paid = async || {
        let mut sql = Sql::open(database).await;
        let paid = sql.number("SELECT COUNT(*) FROM conversion WHERE status <> 'paid'").await;
        sql.close().await;
        paid == 0
    };
    until("every order is paid", paid).await;
    server.stop();
    let mut sql = Sql::open(database).await;
    let owed = sql.number(
        "SELECT CAST(COALESCE(SUM(ABS(amount)), 0) AS BIGINT) FROM balance WHERE account LIKE '%:payable' OR account = 'payouts:in_flight'",
    );
    assert_eq!(owed.await, 0, "everybody got everything");
    let cash = sql.number("SELECT amount FROM balance WHERE account = 'cash'").await;
    // 20 orders of 4.50 and 20.00 more, each round.
    assert_eq!(-cash, i64::try_from(rounds).expect("a count") * (20 * 450 + 2000), "once");
    sql.close().await;
    verify(database);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_paid_twice_over_deaths_on_sqlite() {
    let database = Fresh::sqlite_empty();
    dies_while_it_pays(&database.url, super::killed::rounds(12)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_paid_twice_over_deaths_on_postgresql() {
    let database = Fresh::postgres_empty().await;
    dies_while_it_pays(&database.url, super::killed::rounds(4)).await;
}
