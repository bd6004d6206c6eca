//! What is held, what waits, and what a draft of terms would do.
use super::{Stage, terms};
use crate::support::{
    for_each_database,
    server::{Server, ristourne, ristourne_ok, text},
    sql::Sql,
};
use reqwest::Method;
use ristourne::{
    domain::movement::Payee,
    store::{self, Db, Options},
};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_debt_holds_what_comes_next_and_is_netted_from_what_is_earned() {
    for_each_database(async |database| {
        let server = Server::start_with(database, &["--debt-limit", "2"]);
        let stage = Stage::new(&server).await;
        let (operator, publisher) = (&stage.operator, &stage.publisher);
        let first = stage.sell("A-1").await;
        operator.post(&format!("/conversions/{first}/approve"), json!({})).await;
        // Its 3.00 are waived: what follows is as if they had been paid out.
        let mut sql = Sql::open(database).await;
        let paid = format!("UPDATE balance SET amount = amount + 300 WHERE account = 'publisher:{publisher}:payable'");
        assert_eq!(sql.run(&paid).await, 1);
        let back = |order: &str, id: &str, amount: &str| json!({"program": stage.program, "order_id": order, "type": "refund", "refund_id": id, "amount": amount});
        stage.shop.postback(&back("A-1", "R-1", "60.00")).await.expect(201);
        assert_eq!(stage.payable().await.as_deref(), Some("-1.80"), "posted in full");
        assert_eq!(operator.get(&format!("/conversions/{}", stage.sell("A-2").await)).await["flags"], json!(["unclaimed"]));
        stage.shop.postback(&back("A-1", "R-2", "10.00")).await.expect(201);
        assert_eq!(stage.payable().await.as_deref(), Some("-2.10"));
        let db = Db::open(database, &Options::default()).await.expect("the database opens");
        for (limit, is_beyond) in [("2", true), ("2.10", false)] {
            let limit = limit.parse().expect("an amount");
            let owing = store::balance::beyond(&mut db.read().await.expect("reads"), limit).await.expect("loads");
            let wanted = is_beyond.then(|| Payee::Publisher(publisher.parse().expect("an id")));
            assert_eq!(owing, wanted.into_iter().collect(), "who is paid in no currency");
        }
        db.close().await;
        let held = stage.sell("A-3").await;
        let seen = operator.get(&format!("/conversions/{held}")).await;
        assert_eq!((&seen["reason"], &seen["payable_at"]), (&json!("debt_limit"), &Value::Null), "{seen}");
        assert!(seen["flags"].as_array().is_some_and(|flags| flags.contains(&json!("held"))), "{seen}");
        // The operator approves it, and what it earns pays the debt.
        operator.post(&format!("/conversions/{held}/approve"), json!({})).await;
        assert_eq!(stage.payable().await.as_deref(), Some("0.90"));
        let after = operator.get(&format!("/conversions/{}", stage.sell("A-4").await)).await;
        assert_eq!(after["flags"], json!(["unclaimed"]));
        sql.run(&paid.replace("+ 300", "- 300")).await;
        sql.close().await;
        server.stop();
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
        let wrong = ristourne(database, &["serve", "--debt-limit", "2 EUR"]);
        assert_eq!(wrong.status.code(), Some(2));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_months_is_listed_with_what_was_said() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let Stage { operator, program, shop, .. } = &stage;
        let about = |order: &str, kind: &str| json!({"program": program, "order_id": order, "type": kind, "refund_id": "R", "amount": "1.00", "reason": "fraud"});
        for (order, kind) in [("A-1", "refund"), ("A-1", "reject"), ("A-2", "cancel")] {
            shop.postback(&about(order, kind)).await.expect(202);
        }
        let dollars = json!({"program": program, "order_id": "A-3", "amount": "9.00", "currency": "USD"});
        assert_eq!(shop.postback(&dollars).await.expect(202)["code"], "no_rate");
        stage.sell("A-4").await;
        let rival = operator.merchant("Rival").await;
        let theirs = operator.program(&rival, "EUR", terms()).await;
        rival.postback(&json!({"program": theirs, "order_id": "B-1", "type": "approve"})).await.expect(202);

        assert_eq!(operator.get("/orphans").await["data"], json!([]), "nothing waits so long");
        let all = operator.get("/orphans?older_than_days=0").await;
        let line = |row: &Value| (text(&row["order_id"]), text(&row["waits_for"]), row["said"].clone());
        let wanted = [
            ("A-1", "sale", json!(["refund", "reject"])),
            ("A-2", "sale", json!(["cancel"])),
            ("A-3", "rate", json!(["sale"])),
            ("B-1", "sale", json!(["approve"])),
        ];
        let wanted = wanted.map(|(order, waits, said)| (order.to_owned(), waits.to_owned(), said));
        assert_eq!(all["data"].as_array().expect("a list").iter().map(line).collect::<Vec<_>>(), wanted);
        let merchant = server.sign_in("merchant", &shop.id);
        assert_eq!(merchant.get("/orphans?older_than_days=0&limit=2").await["data"].as_array().map(Vec::len), Some(2));
        let first = merchant.get("/orphans?older_than_days=0&limit=2").await;
        let next = merchant.get(&format!("/orphans?older_than_days=0&limit=2&after={}", text(&first["next"]))).await;
        assert_eq!((next["data"].as_array().map(Vec::len), &next["next"]), (Some(1), &Value::Null), "its own only: {next}");
        // Three months pass.
        let mut sql = Sql::open(database).await;
        sql.run("UPDATE orders SET first_seen_at = first_seen_at - 7776000000000 WHERE order_id = 'A-2'").await;
        sql.close().await;
        assert_eq!(operator.get("/orphans").await["data"].as_array().map(Vec::len), Some(1));
        // What it waited for comes, and takes it along.
        let sold = shop.postback(&stage.sale("A-2", "9.00")).await.expect(201);
        assert_eq!(sold["conversion"]["status"], "rejected");
        assert_eq!(operator.get("/orphans").await["data"], json!([]));
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_of_terms_is_compared_over_the_api() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let Stage { operator, program, publisher, .. } = &stage;
        let (buyer, _) = operator.buyer().await;
        operator.post(&format!("/buyers/{buyer}/clicks"), json!({"click_ids": [stage.click]})).await;
        let ids = [stage.sell("A-1").await, stage.sell("A-2").await];
        operator.post(&format!("/conversions/{}/reject", ids[1]), json!({"reason": "fraud"})).await;
        let before = crate::support::dump::dump(database).await;
        let mut draft = terms();
        draft["commission"][0]["pay"]["percent"] = json!("6");
        let path = format!("/programs/{program}/simulate");
        let said = operator.post(&path, json!({"terms": draft})).await;
        assert_eq!((&said["orders"], &said["changed_orders"]), (&json!(2), &json!(1)), "{said}");
        let of = |row: &Value| ["before", "after", "difference"].map(|part| text(&row[part]["amount"]));
        assert_eq!(of(&said["totals"]["commission"]), ["5.00", "6.00", "1.00"]);
        assert_eq!(
            (&said["publishers"][0]["publisher"], of(&said["publishers"][0])),
            (&json!(publisher), ["3.00", "3.60", "0.60"].map(str::to_owned))
        );
        assert_eq!((&said["buyers"][0]["buyer"], of(&said["buyers"][0])), (&json!(buyer), ["1.50", "1.80", "0.30"].map(str::to_owned)));
        assert_eq!(
            (&said["changed"][0]["conversion"], of(&said["changed"][0]["platform"])),
            (&json!(ids[0]), ["0.50", "0.60", "0.10"].map(str::to_owned))
        );
        let merchant = server.sign_in("merchant", &stage.shop.id);
        let theirs = merchant.post(&path, json!({"terms": draft, "until": "2020-01-01"})).await;
        assert_eq!((&theirs["orders"], theirs.get("buyers")), (&json!(0), None));
        let theirs = merchant.post(&path, json!({"terms": draft})).await;
        assert!(!theirs.to_string().contains(&buyer), "{theirs}");
        assert_eq!(theirs["totals"], said["totals"]);
        draft["split"]["publisher"] = json!("61");
        assert_eq!(operator.call(Method::POST, &path, Some(&json!({"terms": draft}))).await.expect(422)["code"], "split_not_100");
        let after = crate::support::dump::dump(database).await;
        for table in ["terms", "orders", "order_fact", "conversion", "credit", "journal_entry", "balance", "inbox"] {
            assert!(after[table] == before[table], "{table} changed");
        }
        server.stop();
    })
    .await;
}
