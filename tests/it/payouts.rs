//! Payouts over HTTP and from the command line, on both databases: prepared, exported, settled, returned, and never twice.
use crate::support::{
    for_each_database,
    load::at_once,
    payouts::{by_hand, earn, exported, payment_to, prepared},
    server::{Operator, Server, click, client, ristourne, ristourne_ok, text},
    sql::Sql,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    io::Write as _,
    process::{Command, Stdio},
};

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/payout/pain.001.001.09.xsd");

/// The file of a batch as it came.
async fn file(operator: &Operator, batch: &str, query: &str) -> String {
    let url = format!("{}/api/v1/payouts/{batch}/export?{query}", operator.base);
    let answer = operator.http.post(url).bearer_auth(&operator.key).json(&json!({})).send().await.expect("the server answers");
    assert_eq!(answer.status().as_u16(), 200, "{batch} {query}");
    answer.text().await.expect("the whole")
}

/// What xmllint says of it, by the schema.
fn validate(xml: &str) {
    let mut lint = Command::new("xmllint");
    lint.args(["--noout", "--nonet", "--schema", SCHEMA, "-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = lint.spawn().expect("xmllint (Debian's libxml2-utils) runs");
    child.stdin.take().expect("a pipe").write_all(xml.as_bytes()).expect("written");
    let done = child.wait_with_output().expect("it ends");
    assert!(done.status.success(), "{}\n{xml}", String::from_utf8_lossy(&done.stderr));
}

/// What stands between two tags, each time.
fn elements<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    xml.split(&format!("<{name}>")).skip(1).filter_map(|rest| rest.split('<').next()).collect()
}

struct Stage {
    operator: Operator,
    publisher: String,
    buyer: String,
    conversion: String,
}

/// A sale of 500.00 that is payable: 25.00 = 15.00 + 7.50 + 2.50, and 20.00 more for the buyer.
async fn stage(server: &Server) -> Stage {
    let operator = server.operator();
    let shop = operator.merchant("Shop").await;
    let terms = json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}});
    let program = operator.program(&shop, "EUR", terms).await;
    let publisher = operator.publisher("Lefèvre").await;
    let slug = operator.link(&program, &publisher).await;
    let (buyer, _) = operator.buyer().await;
    let clicked = click(&client(), &server.base, &slug).await;
    operator.post(&format!("/buyers/{buyer}/clicks"), json!({"click_ids": [clicked]})).await;
    let sale = json!({"program": program, "order_id": "P-1", "amount": "500.00", "currency": "EUR", "click_id": clicked});
    let conversion = text(&shop.postback(&sale).await.expect(201)["conversion"]["id"]);
    operator.post(&format!("/conversions/{conversion}/approve"), json!({})).await;
    earn(&operator, &buyer).await;
    Stage { operator, publisher, buyer, conversion }
}

async fn by_sepa(operator: &Operator, path: &str, iban: &str) -> Value {
    let body = json!({"method": "sepa", "holder": "Zoé Lefèvre & Fils", "iban": iban});
    operator.call(Method::PUT, path, Some(&body)).await.expect(200)
}

async fn status(stage: &Stage) -> String {
    text(&stage.operator.get(&format!("/conversions/{}", stage.conversion)).await["status"])
}

const IBAN: &str = "FR76 3000 6000 0112 3456 7890 189";
const OTHER_IBAN: &str = "DE89 3704 0044 0532 0130 00";

#[tokio::test(flavor = "multi_thread")]
async fn a_payout_from_balance_to_bank_and_back() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = stage(&server).await;
        let Stage { operator, publisher, buyer, .. } = &stage;
        // Nobody has said where to pay to.
        let nobody = operator.create("/payouts", json!({"currency": "EUR"})).await;
        assert_eq!(nobody["payments"], json!([]));
        let whys: Vec<&Value> = nobody["left_out"].as_array().expect("a list").iter().map(|left| &left["why"]).collect();
        assert_eq!(whys, ["no_method", "no_method"]);

        let as_publisher = server.sign_in("publisher", publisher);
        let path = format!("/publishers/{publisher}/payout-method");
        let said = by_sepa(&as_publisher, &path, IBAN).await;
        assert_eq!((&said["account"], &said["paused_until"]), (&json!("FR76…0189"), &Value::Null));
        assert_eq!(said["next"][0]["balance"], json!({"amount": "15.00", "currency": "EUR"}));
        by_hand(operator, buyer).await;
        let debtor = json!({"name": "Ristourne SAS", "iban": OTHER_IBAN, "bic": "COBADEFFXXX"});
        operator.call(Method::PUT, "/payout-debtor", Some(&debtor)).await.expect(200);

        let batch = operator.create("/payouts", json!({"currency": "EUR", "fee": "0.50"})).await;
        let (id, heads) = (text(&batch["id"]), batch["heads"].as_array().expect("heads").len());
        assert_eq!(
            (&batch["status"], &batch["amount"]["amount"], &batch["fee"]["amount"]),
            (&json!("prepared"), &json!("41.50"), &json!("1.00"))
        );
        assert!(heads > 0);
        assert_eq!(operator.balance(publisher, &format!("publisher:{publisher}:payable")).await.as_deref(), Some("0.00"));
        assert_eq!(operator.balance("platform", "payouts:in_flight").await.as_deref(), Some("41.50"));
        let [to_publisher, to_buyer] = [publisher, buyer].map(|payee| payment_to(&batch, payee));
        let lines = operator.get(&format!("/payments/{to_buyer}/lines")).await;
        let amounts: Vec<&Value> = lines["data"].as_array().expect("lines").iter().map(|line| &line["amount"]["amount"]).collect();
        assert_eq!(amounts, ["7.50", "20.00"]);
        let early = operator.call(Method::POST, &format!("/payouts/{to_buyer}/settle"), Some(&json!({}))).await.expect(409);
        assert_eq!(early["code"], "payment_not_exported");

        let xml = file(operator, &id, "format=pain001").await;
        validate(&xml);
        assert_eq!(file(operator, &id, "format=pain001").await, xml, "the same bytes");
        assert_eq!(elements(&xml, "MsgId"), [id.as_str()]);
        assert_eq!((elements(&xml, "EndToEndId"), elements(&xml, "CtrlSum")), (vec![to_publisher.as_str()], vec!["14.50"; 2]));
        assert_eq!(elements(&xml, "IBAN"), [OTHER_IBAN.replace(' ', ""), IBAN.replace(' ', "")]);
        assert_eq!(elements(&xml, "Nm").last(), Some(&"Zoe Lefevre + Fils"));
        let csv = file(operator, &id, "format=csv").await;
        assert!(csv.lines().count() == 2 && csv.contains(&to_buyer) && csv.contains("cash box 7,27.00,EUR"), "{csv}");
        let late = operator.call(Method::POST, &format!("/payouts/{id}/cancel"), Some(&json!({}))).await.expect(409);
        assert_eq!(late["code"], "payment_exported");

        operator.post(&format!("/payouts/{to_publisher}/settle"), json!({})).await;
        assert_eq!(status(&stage).await, "payable", "the buyer waits");
        let settled = operator.post(&format!("/payouts/{id}/settle"), json!({})).await;
        assert_eq!((&settled["status"], status(&stage).await.as_str()), (&json!("settled"), "paid"));
        assert_eq!(operator.balance("platform", "cash").await.as_deref(), Some("-41.50"));
        let receipt = as_publisher.get(&format!("/conversions/{}/receipt", stage.conversion)).await;
        assert_eq!(receipt["status"], "paid");
        let paid_by: Vec<&Value> = receipt["payments"].as_array().expect("payments").iter().map(|line| &line["payment"]).collect();
        assert_eq!(paid_by, [&to_publisher], "its own");
        let year = text(&settled["prepared_at"])[..4].to_owned();
        let totals = operator.get(&format!("/reports/payouts?year={year}")).await;
        assert_eq!(totals["data"].as_array().map(Vec::len), Some(2), "{totals}");

        // The bank brings one back: its money is payable again, less the fee, and so is the conversion.
        let returned = operator.post(&format!("/payouts/{to_publisher}/return"), json!({"reason": "wrong_iban", "note": "AC01"})).await;
        assert_eq!((&returned["status"], &returned["reason"]), (&json!("returned"), &json!("wrong_iban")));
        assert_eq!(as_publisher.get(&format!("/payments/{to_publisher}")).await["note"], "AC01");
        assert_eq!(operator.balance(publisher, &format!("publisher:{publisher}:payable")).await.as_deref(), Some("14.50"));
        assert_eq!(status(&stage).await, "payable");
        let blocked = operator.create("/payouts", json!({"currency": "EUR"})).await;
        assert_eq!(blocked["left_out"][0]["why"], "returned");
        let changed = by_sepa(&as_publisher, &path, OTHER_IBAN).await;
        assert!(changed["paused_until"].is_string() && changed["returned"].is_null(), "{changed}");
        let paused = operator.create("/payouts", json!({"currency": "EUR"})).await;
        assert_eq!(paused["left_out"][0]["why"], "iban_changed");

        // Accounts are nobody's to read.
        let mut sql = Sql::open(database).await;
        let shown = sql.texts("SELECT shown FROM payment UNION SELECT shown FROM payout_method").await;
        sql.close().await;
        assert!(shown.iter().all(|text| !text.contains("30006000")), "{shown:?}");
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_bank_knows_yet_is_not_paid_to_an_account_that_was_changed_or_held() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = stage(&server).await;
        let operator = &stage.operator;
        let paths = [format!("/publishers/{}", stage.publisher), format!("/buyers/{}", stage.buyer)];
        for path in &paths {
            let abroad = json!({"method": "sepa", "holder": "A", "iban": "SA03 8000 0000 6080 1016 7519"});
            let refused = operator.call(Method::PUT, &format!("{path}/payout-method"), Some(&abroad)).await.expect(422);
            assert_eq!((&refused["errors"][0]["field"], &refused["errors"][0]["code"]), (&json!("iban"), &json!("iban_not_sepa")));
            by_sepa(operator, &format!("{path}/payout-method"), IBAN).await;
        }
        let batch = operator.create("/payouts", json!({"currency": "EUR"})).await;
        assert_eq!(batch["payments"].as_array().map(Vec::len), Some(2));
        // Another account, whoever says so; and a hold. The same account again is none.
        by_sepa(operator, &format!("{}/payout-method", paths[1]), IBAN).await;
        by_sepa(operator, &format!("{}/payout-method", paths[0]), OTHER_IBAN).await;
        let payments = async || operator.get(&format!("/payouts/{}", text(&batch["id"]))).await["payments"].clone();
        let of = |payments: &Value, payee: &str| text(&payment_in(payments, payee)["status"]);
        let left = payments().await;
        assert_eq!((of(&left, &stage.publisher), of(&left, &stage.buyer)), ("cancelled".to_owned(), "prepared".to_owned()));
        let hold = json!({"held": true, "reason": "asked about"});
        operator.call(Method::PUT, &format!("{}/payout-hold", paths[1]), Some(&hold)).await.expect(200);
        assert_eq!(of(&payments().await, &stage.buyer), "cancelled");
        let export = operator.call(Method::POST, &format!("/payouts/{}/export?format=csv_all", text(&batch["id"])), Some(&json!({}))).await;
        assert_eq!(export.expect(409)["code"], "nothing_to_export");
        let account = format!("buyer:{}:payable", stage.buyer);
        assert_eq!(operator.balance(&stage.buyer, &account).await.as_deref(), Some("27.50"));
        server.stop();
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}

fn payment_in<'a>(payments: &'a Value, payee: &str) -> &'a Value {
    payments.as_array().expect("a list").iter().find(|payment| payment["payee"] == payee).expect("their payment")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_operators_at_two_servers_pay_nobody_twice() {
    for_each_database(async |database| {
        let servers: Vec<Server> = (0..if database.starts_with("postgres") { 2 } else { 1 }).map(|_| Server::start(database)).collect();
        let operator = servers[0].operator();
        let mut buyers = Vec::new();
        for _ in 0..4 {
            let (buyer, _) = operator.buyer().await;
            by_hand(&operator, &buyer).await;
            earn(&operator, &buyer).await;
            buyers.push(buyer);
        }
        let at: Vec<Operator> = (0..8).map(|n| operator.at(&servers[n % servers.len()])).collect();
        let runs = at_once(8, at.clone(), |operator| async move { operator.create("/payouts", json!({"currency": "EUR"})).await }).await;
        let paid: Vec<Value> = runs.into_iter().filter(|batch| batch["payments"] != json!([])).collect();
        assert_eq!(paid.len(), 1, "one run pays everybody");
        assert_eq!(paid[0]["payments"].as_array().map(Vec::len), Some(4));
        let payment = payment_to(&paid[0], &buyers[0]);
        file(&operator, &text(&paid[0]["id"]), "format=csv").await;
        let settle = move |operator: Operator| {
            let path = format!("/payouts/{payment}/settle");
            async move { operator.post(&path, json!({})).await }
        };
        assert!(at_once(8, at, settle).await.iter().all(|settled| settled["status"] == "settled"));
        assert_eq!(operator.balance("platform", "cash").await.as_deref(), Some("-20.00"));
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
        servers.into_iter().for_each(Server::stop);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_pays_too() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = stage(&server).await;
        for payee in [&stage.publisher, &stage.buyer] {
            by_hand(&stage.operator, payee).await;
        }
        let json = |out: &str| serde_json::from_str::<Value>(out).expect("one JSON line");
        let first = json(&ristourne_ok(database, &["payout", "prepare", "--currency", "EUR"]));
        let id = text(&first["id"]);
        ristourne_ok(database, &["payout", "cancel", &payment_to(&first, &stage.buyer)]);
        ristourne_ok(database, &["payout", "cancel", &id]);
        let second = json(&ristourne_ok(database, &["payout", "prepare"]));
        let (id, to_buyer) = (text(&second["id"]), payment_to(&second, &stage.buyer));
        let csv = ristourne_ok(database, &["payout", "export", &id, "--format", "csv"]);
        assert!(csv.contains(&to_buyer), "{csv}");
        assert_eq!(csv, file(&stage.operator, &id, "format=csv").await);
        ristourne_ok(database, &["payout", "settle", &id]);
        assert_eq!(status(&stage).await, "paid");
        let refused = ristourne(database, &["payout", "cancel", &id]);
        assert_eq!(refused.status.code(), Some(1), "{}", String::from_utf8_lossy(&refused.stderr));
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
        server.stop();
    })
    .await;
}

/// Each alteration by SQL is found and named.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_changes_a_payment_past_the_program_is_found() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = stage(&server).await;
        let Stage { operator, publisher, buyer, .. } = &stage;
        for payee in [publisher, buyer] {
            by_hand(operator, payee).await;
        }
        let (batch, _) = exported(operator, buyer).await;
        operator.post(&format!("/payouts/{batch}/settle"), json!({})).await;
        let (_, open) = prepared(operator, buyer).await;
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
        server.stop();
        let mut sql = Sql::open(database).await;
        let number = sql.number("SELECT MAX(id) FROM payment WHERE status = 'prepared'").await;
        assert!(open.starts_with("pay_"));
        for (change, undo, code) in [
            (
                "UPDATE payment SET amount = amount + 1 WHERE id = $",
                "UPDATE payment SET amount = amount - 1 WHERE id = $",
                "payment_sum_differs",
            ),
            (
                "UPDATE payment SET status = 'cancelled', cancelled_at = 1 WHERE id = $",
                "UPDATE payment SET status = 'prepared', cancelled_at = NULL WHERE id = $",
                "journal_differs",
            ),
            (
                "UPDATE payment_line SET live = FALSE WHERE payment = $",
                "UPDATE payment_line SET live = TRUE WHERE payment = $",
                "payment_line_differs",
            ),
            (
                "UPDATE payment_line SET amount = amount + 1 WHERE payment = $",
                "UPDATE payment_line SET amount = amount - 1 WHERE payment = $",
                "payment_line_differs",
            ),
            (
                "UPDATE payment SET status = 'exported' WHERE status = 'settled'",
                "UPDATE payment SET status = 'settled' WHERE status = 'exported'",
                "paid_differs",
            ),
        ] {
            sql.run(&change.replace('$', &number.to_string())).await;
            let found = ristourne(database, &["verify"]);
            let said = String::from_utf8_lossy(&found.stdout).into_owned();
            assert!(found.status.code() == Some(1) && said.contains(code), "{change}: {said}");
            sql.run(&undo.replace('$', &number.to_string())).await;
        }
        sql.close().await;
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}
