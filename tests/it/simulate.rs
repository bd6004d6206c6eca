//! `ristourne simulate`: the live terms change nothing, and others change what an independent count says.
use crate::support::{
    Fresh, TempDir, for_each_empty_database,
    server::{ristourne, ristourne_ok, text},
    sql::Sql,
};
use serde_json::{Value, json};
use std::fs;

fn demo(database: &str) {
    let spool = TempDir::new("demo-spool");
    ristourne_ok(database, &["demo", "--only-make", "--day", "2025-03-20", "--spool-dir", &spool.path().display().to_string()]);
}

/// Programs with the text of the version that most of their sales were decided by.
async fn programs(sql: &mut Sql) -> Vec<(String, i64, i64, String)> {
    let rows = sql
        .texts("SELECT program || '|' || terms_version || '|' || COUNT(*) AS t FROM conversion GROUP BY program, terms_version ORDER BY t")
        .await;
    let mut programs = Vec::new();
    for row in rows {
        let numbers: Vec<i64> = row.split('|').map(|part| part.parse().expect("a number")).collect();
        let body = sql.texts(&format!("SELECT body FROM terms WHERE program = {} AND version = {}", numbers[0], numbers[1])).await;
        programs.push((ristourne::kernel::id::ProgramId::from_raw(numbers[0]).to_string(), numbers[0], numbers[1], body[0].clone()));
    }
    programs
}

fn simulate(database: &str, program: &str, terms: &str, options: &[&str]) -> Value {
    let dir = TempDir::new("terms");
    let file = dir.path().join("terms.json");
    fs::write(&file, terms).expect("written");
    let file = file.display().to_string();
    let said = ristourne_ok(database, &[&["simulate", "--program", program, "--terms", &file, "--json"][..], options].concat());
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_terms_change_no_order() {
    for_each_empty_database(async |database| {
        demo(database);
        let before = crate::support::dump::dump(database).await;
        let mut sql = Sql::open(database).await;
        let (mut orders, mut bonuses) = (0, 0);
        let all = programs(&mut sql).await;
        for (program, number, version, body) in &all {
            let said = simulate(database, program, body, &[]);
            // Sales of another version are decided otherwise by this one; those of its own are not, but for what is left of a budget.
            let several = all.iter().filter(|(_, other, ..)| other == number).count() > 1;
            let own: Vec<&Value> = said["changed"].as_array().expect("a list").iter().collect();
            if several {
                for changed in own {
                    let id: ristourne::kernel::id::ConversionId = text(&changed["conversion"]).parse().expect("an id");
                    let stored = sql.number(&format!("SELECT terms_version FROM conversion WHERE id = {}", id.raw())).await;
                    let commission = |side: &str| (changed[side]["commission"].clone(), changed[side]["shares"].clone());
                    assert!(stored != *version || commission("before") == commission("after"), "{changed}");
                }
            } else {
                assert_eq!((&said["changed"], &said["changed_orders"]), (&json!([]), &json!(0)), "{program}");
                assert_eq!(said["totals"]["commission"]["before"], said["totals"]["commission"]["after"]);
                orders += said["orders"].as_u64().expect("a number");
            }
            let total =
                sql.number(&format!("SELECT CAST(COALESCE(SUM(commission), 0) AS BIGINT) FROM conversion WHERE program = {number}")).await;
            assert_eq!(minor(&said["totals"]["commission"]["before"]), total, "what is stored is what is before");
            let stored = sql.texts(&format!("SELECT bonuses AS t FROM conversion WHERE program = {number} AND bonuses IS NOT NULL")).await;
            let stored = stored.iter().map(|text| serde_json::from_str::<Vec<Value>>(text).expect("a list"));
            let stored: i64 = stored.flatten().map(|bonus| bonus["amount"].as_i64().expect("an amount")).sum();
            let of =
                |part: &str| ["platform", "merchant"].map(|funder| minor(&said["totals"]["bonuses"][funder][part])).iter().sum::<i64>();
            assert_eq!(of("before"), stored, "and its bonuses");
            assert!(several || of("after") == stored, "the live boosts pay the same again: {}", said["totals"]);
            bonuses += stored;
        }
        assert!(orders > 200 && bonuses > 0, "{orders} orders were looked at, with bonuses of {bonuses}");
        sql.close().await;
        assert!(crate::support::dump::dump(database).await == before, "it only reads");
    })
    .await;
}

/// Minor units of a money object, from its digits.
fn minor(money: &Value) -> i64 {
    text(&money["amount"]).replace('.', "").parse().expect("digits")
}

/// 60 % beside 30 % and 10 %, in whole cents: what is cut off goes to the largest remainders, one cent each.
fn share_of_60(cents: i64) -> i64 {
    let tenths = [6, 3, 1].map(|part| cents * part);
    let left = cents - tenths.map(|tenths| tenths / 10).iter().sum::<i64>();
    let larger = tenths[1..].iter().filter(|other| **other % 10 > tenths[0] % 10).count();
    tenths[0] / 10 + i64::from(i64::try_from(larger).expect("at most 2") < left)
}

/// A program that pays 5 % of everything: at 6 % each order's commission is counted here from its net amount.
#[tokio::test(flavor = "multi_thread")]
async fn a_point_more_pays_what_a_recount_says() {
    let fresh = Fresh::sqlite().await;
    let server = crate::support::server::Server::start(&fresh.url);
    let operator = server.operator();
    let shop = operator.merchant("Shop").await;
    let terms = |percent: &str| json!({"commission": [{"pay": {"percent": percent}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}});
    let program = operator.program(&shop, "EUR", terms("5")).await;
    let publishers = [operator.publisher("One").await, operator.publisher("Two").await];
    for (n, publisher) in publishers.iter().enumerate() {
        operator.create("/coupons", json!({"program": program, "code": format!("C{n}"), "publisher": publisher})).await;
    }
    let (mut before, mut after, mut changes) = (0, 0, 0);
    let mut of_publisher = [0, 0];
    for n in 0..60_i64 {
        let cents = 137 * n * n + 13;
        let amount = format!("{}.{:02}", cents / 100, cents % 100);
        // Every third without a coupon earns nothing; every seventh is refused.
        let coupon = (n % 3 != 0).then(|| format!("C{}", n % 2));
        let sale = json!({"program": program, "type": "sale", "order_id": format!("A-{n}"), "amount": amount, "currency": "EUR", "coupon": coupon});
        shop.postback(&sale).await;
        if n % 7 == 0 {
            shop.postback(&json!({"program": program, "type": "reject", "order_id": format!("A-{n}"), "reason": "no"})).await;
        }
        if n % 3 != 0 && n % 7 != 0 {
            let percent = |percent: i64| (cents * percent + 50) / 100;
            before += percent(5);
            after += percent(6);
            changes += i64::from(percent(5) != percent(6));
            of_publisher[usize::try_from(n % 2).expect("0 or 1")] += share_of_60(percent(6));
        }
    }
    server.stop();
    let said = simulate(&fresh.url, &program, &terms("6").to_string(), &[]);
    assert_eq!((minor(&said["totals"]["commission"]["before"]), minor(&said["totals"]["commission"]["after"])), (before, after));
    assert_eq!(minor(&said["totals"]["commission"]["difference"]), after - before);
    assert_eq!((&said["orders"], &said["changed_orders"]), (&json!(60), &json!(changes)));
    assert_eq!(said["changed"].as_array().map(Vec::len), Some(usize::try_from(changes).expect("a count")));
    for (n, publisher) in publishers.iter().enumerate() {
        let rows = said["publishers"].as_array().expect("a list");
        let row = rows.iter().find(|row| row["publisher"] == *publisher).expect("the publisher");
        assert_eq!(minor(&row["after"]), of_publisher[n]);
    }
    // Nothing was placed in the future.
    assert_eq!(simulate(&fresh.url, &program, &terms("6").to_string(), &["--since", "2100-01-01"])["orders"], 0);
    // For people, and what is wrong with the terms.
    let dir = TempDir::new("terms");
    let file = dir.path().join("terms.json");
    let path = file.display().to_string();
    fs::write(&file, terms("6").to_string()).expect("written");
    let said = ristourne_ok(&fresh.url, &["simulate", "--program", &program, "--terms", &path]);
    assert!(said.contains("Together, EUR") && said.contains(&format!("60 orders, {changes} of them change")), "{said}");
    fs::write(&file, r#"{"commission": [{"pay": {"percent": "101"}}], "split": {"publisher": "60"}, "wat": 1}"#).expect("written");
    let refused = ristourne(&fresh.url, &["simulate", "--program", &program, "--terms", &path]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    for field in ["percent", "split", "wat"] {
        assert!(said.contains(field), "{field} is not named in\n{said}");
    }
}
