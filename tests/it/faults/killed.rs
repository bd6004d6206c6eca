//! `kill -9` under load, again and again: what was acknowledged is there, nothing is there twice, and the books balance.
use super::{Shop, clicks_are_there, orders_are_there, reports_are_whole, verify};
use crate::support::Fresh;
use crate::support::load::at_once;
use crate::support::server::Server;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

/// Visitors and shops at work at the same time.
const VISITORS: usize = 12;
const TILLS: usize = 12;

/// What was sent, and what of it was acknowledged.
#[derive(Default)]
struct Sent {
    clicks: BTreeSet<String>,
    orders: BTreeSet<String>,
    refunds: BTreeSet<String>,
    /// Also what got no answer.
    messages: Vec<Value>,
}

/// Visits and sells until the server is gone.
fn start_load(shop: &Shop, round: usize, sent: &Arc<Mutex<Sent>>) -> JoinSet<()> {
    let mut workers = JoinSet::new();
    for visitor in 0..VISITORS {
        let (shop, sent) = (shop.clone(), Arc::clone(sent));
        workers.spawn(async move {
            for n in 0.. {
                let mark = format!("{round}-{visitor}-{n}");
                if !shop.visit(&mark).await {
                    return;
                }
                sent.lock().expect("no worker panicked").clicks.insert(mark);
            }
        });
    }
    for till in 0..TILLS {
        let (shop, sent) = (shop.clone(), Arc::clone(sent));
        workers.spawn(async move {
            for n in 0.. {
                let order = format!("{round}-{till}-{n}");
                let sale = shop.sale(&order);
                sent.lock().expect("no worker panicked").messages.push(sale.clone());
                match shop.post(&sale).await {
                    Some(202) => sent.lock().expect("no worker panicked").orders.insert(order.clone()),
                    Some(503) | None => return,
                    Some(other) => panic!("{order}: {other}"),
                };
                let refund = json!({"program": shop.program, "type": "refund", "order_id": order, "refund_id": "r", "amount": "7.00"});
                sent.lock().expect("no worker panicked").messages.push(refund.clone());
                match shop.post(&refund).await {
                    Some(201) => sent.lock().expect("no worker panicked").refunds.insert(order),
                    Some(503) | None => return,
                    Some(other) => panic!("{order}: {other}"),
                };
            }
        });
    }
    workers
}

async fn dies_and_recovers(database: &str, rounds: usize) {
    let mut server = Server::start(database);
    let shop = Shop::open(&server).await;
    let (mut clicks, mut orders, mut messages) = (BTreeSet::new(), BTreeSet::new(), 0);
    for round in 0..rounds {
        let sent = Arc::new(Mutex::new(Sent::default()));
        let mut workers = start_load(&shop.at(&server), round, &sent);
        // Between the first batches and the first checkpoint, a little later each time.
        let alive = Duration::from_millis(150 + 37 * u64::try_from(round % 20).expect("a small number"));
        tokio::time::sleep(alive).await;
        server.kill();
        while let Some(ended) = workers.join_next().await {
            ended.expect("no answer was wrong");
        }
        server = server.crash_and_restart();

        let sent = std::mem::take(&mut *sent.lock().expect("no worker panicked"));
        eprintln!("round {round}: {} clicks and {} orders acknowledged", sent.clicks.len(), sent.orders.len());
        assert!(!sent.clicks.is_empty() && !sent.orders.is_empty(), "the server was under load");
        clicks.extend(sent.clicks);
        orders.extend(sent.orders.iter().cloned());
        clicks_are_there(database, &clicks).await;
        orders_are_there(database, &orders).await;
        reports_are_whole(&shop.at(&server), database).await;

        // Sent again by shops that do not know: what was acknowledged is the same again, the rest counts now, once.
        messages += sent.messages.iter().filter(|message| message["type"] != "refund").count();
        let shop = shop.at(&server);
        let again = {
            let shop = shop.clone();
            move |message: Value| {
                let shop = shop.clone();
                async move { shop.post(&message).await }
            }
        };
        // Refunds after sales, so that none is parked.
        let (refunds, sales): (Vec<Value>, Vec<Value>) = sent.messages.into_iter().partition(|message| message["type"] == "refund");
        for (messages, acknowledged, fresh) in [(sales, &sent.orders, 202), (refunds, &sent.refunds, 201)] {
            for (message, status) in messages.iter().zip(at_once(16, messages.clone(), again.clone()).await) {
                let order = message["order_id"].as_str().expect("an order");
                let fine = status == Some(200) || (status == Some(fresh) && !acknowledged.contains(order));
                assert!(fine, "{message}: {status:?}");
            }
        }
        verify(database);
    }
    server.stop();
    let mut sql = crate::support::sql::Sql::open(database).await;
    let stored = sql.number("SELECT COUNT(*) FROM conversion").await;
    assert_eq!(stored, i64::try_from(messages).expect("a count"), "every order once");
    sql.close().await;
    verify(database);
}

/// So many deaths, or as many as the environment says.
pub fn rounds(few: usize) -> usize {
    let many = std::env::var_os("RISTOURNE_TEST_FAULT_ROUNDS");
    many.map_or(few, |many| many.to_str().and_then(|many| many.parse().ok()).expect("RISTOURNE_TEST_FAULT_ROUNDS is a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_twenty_deaths_on_sqlite() {
    let database = Fresh::sqlite_empty();
    dies_and_recovers(&database.url, rounds(20)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_five_deaths_on_postgresql() {
    let database = Fresh::postgres_empty().await;
    dies_and_recovers(&database.url, rounds(5)).await;
}
