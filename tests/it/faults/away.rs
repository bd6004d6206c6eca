//! A database that is away for a while: visitors are redirected all the same, and their clicks arrive when it is back.
use super::{Shop, clicks_are_there, verify};
use crate::support::Fresh;
use crate::support::letter::Letter;
use crate::support::load::{at_once, until};
use crate::support::postgres::Cluster;
use crate::support::server::Server;
use crate::support::sql::Sql;
use std::collections::BTreeSet;

/// Visits with so many marks; every one must be redirected.
async fn visit(shop: &Shop, name: &str, count: usize, clicks: &mut BTreeSet<String>) {
    let marks: Vec<String> = (0..count).map(|n| format!("{name}-{n}")).collect();
    let shop = shop.clone();
    let visits = at_once(16, marks.clone(), move |mark| {
        let shop = shop.clone();
        async move { shop.visit(&mark).await }
    });
    assert!(visits.await.iter().all(|redirected| *redirected), "{name}");
    clicks.extend(marks);
}

/// 503 and when to come back; nothing else is an answer while nothing can be stored.
async fn is_put_off(shop: &Shop, order: &str) {
    let answer = Letter::json(&shop.merchant, &shop.sale(order)).send(&shop.merchant).await;
    assert_eq!((answer.status.as_u16(), answer.body["code"].as_str()), (503, Some("unavailable")), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_goes_and_comes_back() {
    let cluster = Cluster::start(&["fsync=off", "full_page_writes=off"]);
    let database = cluster.create_migrated().await;
    let server = Server::start(&database);
    let shop = Shop::open(&server).await;
    let mut clicks = BTreeSet::new();
    visit(&shop, "before", 100, &mut clicks).await;
    assert_eq!(shop.post(&shop.sale("before")).await, Some(202));
    for outage in 0..2 {
        cluster.stop();
        visit(&shop, &format!("away-{outage}"), 300, &mut clicks).await;
        let order = format!("away-{outage}");
        is_put_off(&shop, &order).await;
        let alive = shop.http.get(server.url("/healthz")).send().await.expect("an answer");
        assert_eq!(alive.status(), 200, "it serves");
        let ready = shop.http.get(server.url("/readyz")).send().await.expect("an answer");
        assert_eq!(ready.status(), 503, "it is not ready");
        cluster.start_again();
        clicks_are_there(&database, &clicks).await;
        // Sent again, as the answer asked for; it cannot count twice.
        until("the sale is taken", async || shop.post(&shop.sale(&order)).await.is_some_and(|status| matches!(status, 200 | 202))).await;
        assert_eq!(shop.post(&shop.sale(&order)).await, Some(200));
    }
    // Killed while the database is away: what visitors left behind is on the disk.
    cluster.stop();
    visit(&shop, "killed", 300, &mut clicks).await;
    let mut server = server;
    server.kill();
    cluster.start_again();
    let server = server.crash_and_restart();
    clicks_are_there(&database, &clicks).await;
    server.stop();
    verify(&database);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_is_locked_by_somebody_else() {
    let database = Fresh::sqlite_empty();
    let server = Server::start(&database.url);
    let shop = Shop::open(&server).await;
    let mut clicks = BTreeSet::new();
    visit(&shop, "before", 50, &mut clicks).await;
    let mut other = Sql::open(&database.url).await;
    other.run("BEGIN IMMEDIATE").await;
    visit(&shop, "locked", 300, &mut clicks).await;
    other.run("ROLLBACK").await;
    other.close().await;
    clicks_are_there(&database.url, &clicks).await;
    assert_eq!(shop.post(&shop.sale("after")).await, Some(202));
    server.stop();
    verify(&database.url);
}
