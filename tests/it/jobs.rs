//! What runs on a clock, on both databases: silence approves, unclaimed shares expire, once each, also when several nodes look at once.
use crate::support::{
    TempDir, for_each_database,
    server::{Server, click, client, ristourne_ok},
    sql::Sql,
};
use ristourne::{
    engine::{
        clock::Clock,
        engine::{Engine, Options, Stop},
    },
    jobs,
    kernel::time::{DAY, Time, Zone},
    store,
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// More than a job hands over at once.
const ORDERS: usize = 600;

/// An engine of this process whose clock shows this time.
async fn engine(database: &str, spool: &TempDir, at: Time) -> (Arc<Engine>, Stop) {
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
    Engine::start(options).await.expect("the engine starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn due_orders_are_approved_and_expire_once() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        let shop = operator.merchant("Shop").await;
        let terms = json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"},
            "hold_days": 3, "claim_days": 2, "unclaimed_to": "platform"});
        let program = operator.program(&shop, "EUR", terms).await;
        let publisher = operator.publisher("Blog").await;
        let slug = operator.link(&program, &publisher).await;
        let click = click(&client(), &server.base, &slug).await;
        let body =
            |n: usize| json!({"program": program, "order_id": format!("J-{n}"), "amount": "10.00", "currency": "EUR", "click_id": click});
        let bodies: Vec<_> = (0..ORDERS).map(body).collect();
        operator.post("/conversions", json!(bodies)).await;
        // One is refused by the shop: nothing of it falls due.
        let reject = json!({"program": program, "order_id": "J-0", "type": "reject", "reason": "not paid"});
        shop.postback(&reject).await.expect(201);
        server.stop();

        let spool = TempDir::new("jobs-spool");
        let now = Clock::System.now();
        let orders = ORDERS - 1;
        for (days, changed) in [(1, 0), (2, orders), (2, 0), (3, orders), (40, 0)] {
            // A minute later than the last of the orders.
            let at = now.plus(days * DAY).plus(60_000_000);
            let nodes = if database.starts_with("postgres") { 2 } else { 1 };
            let mut engines = Vec::new();
            for _ in 0..nodes {
                engines.push(engine(database, &spool, at).await);
            }
            let runs = engines.iter().map(|(engine, _)| {
                let engine = Arc::clone(engine);
                tokio::spawn(async move { jobs::run(&engine, at).await.expect("the jobs run") })
            });
            let mut sum = 0;
            for run in runs.collect::<Vec<_>>() {
                sum += run.await.expect("no panic");
            }
            assert_eq!(sum, changed, "after {days} days");
            for (engine, stop) in engines {
                stop.stop(engine).await;
            }
        }
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));

        // 0.50 an order: 0.30 to the publisher, and the buyer's 0.15, that nobody claimed, beside the platform's 0.05.
        let export = ristourne_ok(database, &["export", "ledger", "--format", "csv"]);
        let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
        let mut entries: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for line in export.lines().skip(1) {
            let [entry, _, kind, _, account, amount, ..] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
            assert!(["recorded", "rejected", "approved", "share_expired"].contains(&kind), "{line}");
            entries.entry(kind).or_default().insert(entry);
            *sums.entry(account).or_default() += amount.replace('.', "").parse::<i64>().expect("cents");
        }
        let once = |kind: &str| entries.get(kind).map_or(0, BTreeSet::len);
        assert_eq!((once("approved"), once("share_expired")), (orders, orders), "one entry each, whoever was first");
        sums.retain(|_, cents| *cents != 0);
        let orders = i64::try_from(orders).expect("some hundred");
        let (owed, due) = (format!("assets:merchant:{}:owed", shop.id), format!("liabilities:publisher:{publisher}:payable"));
        let wanted = [(owed.as_str(), 50 * orders), (due.as_str(), -30 * orders), ("revenues:platform:revenue", -20 * orders)];
        assert_eq!(sums, BTreeMap::from(wanted));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_without_an_answer_go_to_the_operator_once() {
    for_each_database(async |database| {
        let server = Server::start_with(database, &["--claim-answer-days", "7"]);
        let operator = server.operator();
        let shop = operator.merchant("Shop").await;
        let terms = json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}});
        let program = operator.program(&shop, "EUR", terms).await;
        let (buyer, _) = operator.buyer().await;
        for order in ["C-1", "C-2"] {
            operator.create("/claims", json!({"buyer": buyer, "program": program, "order_id": order})).await;
        }
        server.stop();

        let spool = TempDir::new("jobs-claims");
        let at = Clock::System.now().plus(8 * DAY);
        let nodes = if database.starts_with("postgres") { 2 } else { 1 };
        let mut engines = Vec::new();
        for _ in 0..nodes {
            engines.push(engine(database, &spool, at).await);
        }
        let runs: Vec<_> = engines
            .iter()
            .map(|(engine, _)| {
                let engine = Arc::clone(engine);
                tokio::spawn(async move { jobs::claims_due::run(&engine, at).await.expect("the job runs") })
            })
            .collect();
        let mut escalated = 0;
        for run in runs {
            escalated += run.await.expect("no panic");
        }
        assert_eq!(escalated, 2, "each once");
        for (engine, stop) in engines {
            stop.stop(engine).await;
        }
        let mut sql = Sql::open(database).await;
        assert_eq!(sql.number("SELECT COUNT(*) FROM claim WHERE state = 'escalated'").await, 2);
        assert_eq!(sql.number("SELECT COUNT(*) FROM claim_step").await, 4, "waiting, then escalated, each once");
        sql.close().await;
    })
    .await;
}
