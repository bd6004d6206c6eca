//! Many at once: copies of one postback, two servers on one database, and what one server has said that the other must know.
use crate::support::load::{at_once, until};
use crate::support::server::{Merchant, Operator, Server, click, client, text};
use crate::support::sql::Sql;
use crate::support::{Fresh, for_each_database, postgres};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const TERMS: &str = r#"{"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}}"#;

fn terms() -> Value {
    serde_json::from_str(TERMS).expect("JSON")
}

fn sale(program: &str, order: &str, click: &str) -> Value {
    json!({"program": program, "type": "sale", "order_id": order, "amount": "120.00", "currency": "EUR", "click_id": click})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_copies_of_a_postback_at_once_one_counts() {
    const POSTBACKS: usize = 500;
    const COPIES: usize = 64;
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        let merchant = operator.merchant("Shop").await;
        let program = operator.program(&merchant, "EUR", terms()).await;
        let slug = operator.link(&program, &operator.publisher("Blog").await).await;
        let click = click(&client(), &server.base, &slug).await;

        // Even copies are the same message sent again, the others messages of their own about the same order.
        let copies: Vec<(usize, usize)> = (0..POSTBACKS).flat_map(|order| (0..COPIES).map(move |copy| (order, copy))).collect();
        let send = {
            let (merchant, program) = (merchant.clone(), program.clone());
            move |(order, copy): (usize, usize)| {
                let (merchant, body) = (merchant.clone(), sale(&program, &format!("R-{order}"), &click));
                let id = if copy % 2 == 0 { format!("same_{order}") } else { format!("own_{order}_{copy}") };
                async move { merchant.postback_as(&id, &body).await }
            }
        };
        let answers = at_once(4 * COPIES, copies.clone(), send).await;

        let mut by_order: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        for ((order, _), answer) in copies.into_iter().zip(answers) {
            by_order.entry(order).or_default().push(answer);
        }
        for (order, answers) in by_order {
            let recorded = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
            let again = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
            assert_eq!((recorded, again), (1, COPIES - 1), "order {order}: {answers:?}");
            assert!(answers.iter().all(|answer| answer.body["conversion"] == answers[0].body["conversion"]), "order {order}: {answers:?}");
        }
        let mut sql = Sql::open(database).await;
        assert_eq!(sql.number("SELECT COUNT(*) FROM conversion").await, 500);
        assert_eq!(sql.number("SELECT COUNT(*) FROM journal_entry").await, 500);
        sql.close().await;
        // 5 % of 120.00, 500 times.
        assert_eq!(operator.balance(&merchant.id, &format!("merchant:{}:pending", merchant.id)).await, Some("3000.00".to_owned()));
        server.stop();
    })
    .await;
}

/// Two servers on one PostgreSQL.
struct Pair {
    database: Fresh,
    servers: [Server; 2],
    operator: Operator,
}

impl Pair {
    async fn start() -> Self {
        let database = Fresh::postgres().await;
        let servers = [Server::start(&database.url), Server::start(&database.url)];
        let operator = servers[0].operator();
        Self { database, servers, operator }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_share_programs_without_a_deadlock_or_a_second_conversion() {
    const ORDERS: usize = 10_000;
    const PROGRAMS: usize = 40;
    let pair = Pair::start().await;
    let mut programs = Vec::new();
    let publisher = pair.operator.publisher("Blog").await;
    let merchants = [pair.operator.merchant("Shop A").await, pair.operator.merchant("Shop B").await];
    for n in 0..PROGRAMS {
        let merchant = merchants[n % 2].clone();
        let program = pair.operator.program(&merchant, "EUR", terms()).await;
        let slug = pair.operator.link(&program, &publisher).await;
        let click = click(&client(), &pair.servers[n % 2].base, &slug).await;
        programs.push((merchant, program, click));
    }

    // Each order goes to the first server, to the second, and to one of them again; the second gets the programs in opposite order.
    let programs = Arc::new(programs);
    let rows: Vec<usize> = (0..ORDERS / PROGRAMS).collect();
    let order = |row: &usize, n: usize| (n, row * PROGRAMS + n);
    let first: Vec<(usize, usize)> = rows.iter().flat_map(|row| (0..PROGRAMS).map(move |n| order(row, n))).collect();
    let second: Vec<(usize, usize)> = rows.iter().flat_map(|row| (0..PROGRAMS).rev().map(move |n| order(row, n))).collect();
    let (third_first, third_second) = first.iter().rev().partition(|(_, order)| order % 2 == 0);
    let send = |server: &Server, orders: Vec<(usize, usize)>| {
        let merchants: Vec<Merchant> = programs.iter().map(|(merchant, ..)| merchant.at(server)).collect();
        let (programs, merchants) = (Arc::clone(&programs), Arc::new(merchants));
        let numbers: Vec<usize> = orders.iter().map(|(_, order)| *order).collect();
        let answers = at_once(32, orders, move |(n, order)| {
            let (merchant, body) = (merchants[n].clone(), sale(&programs[n].1, &format!("T-{order}"), &programs[n].2));
            async move { merchant.postback(&body).await }
        });
        async move { numbers.into_iter().zip(answers.await).collect::<Vec<_>>() }
    };
    let [a, b] = &pair.servers;
    let copies = tokio::join!(send(a, first), send(b, second), send(a, third_first), send(b, third_second));

    let mut by_order: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for (order, answer) in [copies.0, copies.1, copies.2, copies.3].into_iter().flatten() {
        by_order.entry(order).or_default().push(answer);
    }
    assert_eq!(by_order.len(), ORDERS);
    for (order, answers) in by_order {
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 201], "order {order}: {answers:?}");
        let conversion = &answers[0].body["conversion"];
        assert_eq!(conversion["commission"]["amount"], "6.00", "order {order}");
        assert!(answers.iter().all(|answer| answer.body["conversion"] == *conversion), "order {order}: {answers:?}");
    }
    let mut sql = Sql::open(&pair.database.url).await;
    assert_eq!(sql.number("SELECT COUNT(*) FROM conversion").await, 10_000);
    assert_eq!(sql.number("SELECT COUNT(DISTINCT node) FROM journal_entry").await, 2, "both servers have recorded some");
    sql.close().await;
    let log = postgres::cluster().await.log(&pair.database.url);
    assert!(!log.contains("deadlock detected"), "{log}");
    // The locks keep them apart; the unique keys stand behind as proof.
    assert!(!log.contains("duplicate key"), "{log}");
    let verified = crate::support::server::ristourne_ok(&pair.database.url, &["verify"]);
    assert!(verified.contains("everything holds"), "{verified}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_server_is_told_the_other_knows() {
    let pair = Pair::start().await;
    let merchant = pair.operator.merchant("Shop").await;
    let program = pair.operator.program(&merchant, "EUR", terms()).await;
    let publisher = pair.operator.publisher("Blog").await;
    let http = client();
    let status = async |server: &Server, slug: &str| {
        let answer = http.get(server.url(&format!("/c/{slug}"))).send().await.expect("the server answers");
        answer.status().as_u16()
    };

    // Made at either of them, a link redirects at once on both, and what it sold is told to either.
    for (n, maker) in pair.servers.iter().enumerate() {
        let slug = pair.operator.at(maker).link(&program, &publisher).await;
        for server in &pair.servers {
            assert_eq!(status(server, &slug).await, 302);
        }
        let click = click(&http, &pair.servers[n].base, &slug).await;
        let answer = merchant.at(&pair.servers[1 - n]).postback(&sale(&program, &format!("E-{n}"), &click)).await;
        assert_eq!(answer.expect(201)["conversion"]["publisher"], publisher);
    }

    // A slug that was asked for before it was made, too.
    for server in &pair.servers {
        assert_eq!(status(server, "not-yet").await, 404);
    }
    let link = json!({"program": program, "publisher": publisher, "slug": "not-yet"});
    assert_eq!(text(&pair.operator.create("/links", link).await["slug"]), "not-yet");
    assert_eq!(status(&pair.servers[0], "not-yet").await, 302);
    until("the other server has forgotten that it did not know the slug", async || status(&pair.servers[1], "not-yet").await == 302).await;

    // A key works on every node as soon as it is printed.
    for server in &pair.servers {
        server.operator().get("/programs").await;
    }

    // A second secret, then a revoked one.
    let secrets = format!("/merchants/{}/secrets", merchant.id);
    let new = pair.operator.at(&pair.servers[1]).create(&secrets, json!({})).await;
    let secret = ristourne::kernel::signature::WebhookSecret::parse(&text(&new["secret"])).expect("a secret");
    let with_new = Merchant { secret, ..merchant.clone() };
    let known = async |server: &Server, order: &str| {
        let answer = with_new.at(server).postback(&sale(&program, order, "none")).await;
        answer.status != StatusCode::UNAUTHORIZED
    };
    assert!(known(&pair.servers[1], "S-1").await);
    until("the new secret counts on the other server", async || known(&pair.servers[0], "S-2").await).await;
    let revoke = format!("{secrets}/{}", text(&new["id"]));
    let gone = pair.operator.at(&pair.servers[1]).call(Method::DELETE, &revoke, None).await;
    assert!(gone.status.is_success(), "{gone:?}");
    assert!(!known(&pair.servers[1], "S-3").await);
    let waited = until("the revoked secret is refused by the other server", async || !known(&pair.servers[0], "S-4").await).await;
    eprintln!("a revoked secret was gone everywhere after {waited:?}");

    // An ended program.
    let slug = pair.operator.link(&program, &publisher).await;
    assert_eq!(status(&pair.servers[1], &slug).await, 302);
    let ended = pair.operator.call(Method::DELETE, &format!("/programs/{program}"), None).await;
    assert!(ended.status.is_success(), "{ended:?}");
    assert_eq!(status(&pair.servers[0], &slug).await, 410);
    let waited =
        until("the ended program's link answers 410 on the other server", async || status(&pair.servers[1], &slug).await == 410).await;
    eprintln!("the ended program was gone everywhere after {waited:?}");
}
