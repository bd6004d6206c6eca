//! Verdicts as tables: 40,000 lines at once, and a merchant's own.
use super::{Stage, terms};
use crate::support::{
    TempDir, for_each_database,
    server::{Server, ristourne_ok, text},
    sql::Sql,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{fmt::Write as _, fs};

#[tokio::test(flavor = "multi_thread")]
async fn forty_thousand_verdicts_in_one_file() {
    const ORDERS: usize = 40_000;
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let dir = TempDir::new("verdicts");
        let (sales, verdicts) = (dir.path().join("sales.csv"), dir.path().join("verdicts.csv"));
        let mut table = "program,order_id,amount,currency,coupon\n".to_owned();
        let mut said = "program,order_id,verdict,reason,reason_text,amount\n".to_owned();
        for n in 0..ORDERS {
            writeln!(table, "{},V-{n},10.00,EUR,BLOG10", stage.program).expect("a String takes all");
            let verdict = match n % 4 {
                0 | 1 => "approve,,,",
                2 => "reject,other,\"not, delivered\",",
                _ => "adjust,returned,,5.00",
            };
            writeln!(said, "{},V-{n},{verdict}", stage.program).expect("a String takes all");
        }
        writeln!(said, "{},V-0,adjust,returned,,5.001\nprg_0000000000001,V-0,approve,,,\n{},V-0,cancel,,,", stage.program, stage.program)
            .expect("a String takes all");
        fs::write(&sales, table).expect("written");
        fs::write(&verdicts, said).expect("written");
        let import = |what: &str, file: &std::path::Path| {
            let said = ristourne_ok(database, &["import", what, &file.display().to_string(), "--json"]);
            serde_json::from_str::<Value>(&said).expect("JSON")
        };
        let counts =
            |done: &Value| [&done["read"], &done["imported"], &done["duplicates"], &done["rejected"]].map(|n| n.as_u64().expect("a count"));
        assert_eq!(counts(&import("sales", &sales)), [40_000, 40_000, 0, 0]);
        assert_eq!(counts(&import("verdicts", &verdicts)), [40_003, 40_000, 0, 3]);
        let rejected = fs::read_to_string(dir.path().join("verdicts.csv.rejected.csv")).expect("rejected lines");
        let codes: Vec<&str> = rejected.lines().skip(1).filter_map(|line| line.split(',').nth(1)).collect();
        assert_eq!(codes, ["too_many_decimals", "not_found", "unknown_word"], "{rejected}");
        assert_eq!(counts(&import("verdicts", &verdicts)), [40_003, 0, 40_000, 3], "again, nothing changes");

        // 0.30 of each of 20,000, and 0.15 of each of 10,000 that wait.
        assert_eq!(stage.payable().await.as_deref(), Some("6000.00"));
        let pending = stage.operator.balance(&stage.publisher, &format!("publisher:{}:pending", stage.publisher)).await;
        assert_eq!(pending.as_deref(), Some("1500.00"));
        let mut sql = Sql::open(database).await;
        for (status, wanted) in [("payable", 20_000), ("rejected", 10_000), ("pending", 10_000)] {
            assert_eq!(sql.number(&format!("SELECT COUNT(*) FROM conversion WHERE status = '{status}'")).await, wanted, "{status}");
        }
        let words = "SELECT COUNT(*) FROM conversion WHERE reason = 'other' AND reason_text = 'not, delivered'";
        assert_eq!(sql.number(words).await, 10_000);
        sql.close().await;
        server.stop();
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_sends_its_own_verdicts_as_a_table() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let Stage { operator, program, .. } = &stage;
        stage.sell("A-1").await;
        let rival = operator.merchant("Rival").await;
        let theirs = operator.program(&rival, "EUR", terms()).await;
        let merchant = server.sign_in("merchant", &stage.shop.id);
        let table = format!("program,order_id,verdict,reason\n{program},A-1,approve,\n{theirs},B-1,reject,fraud\n{program},A-1,reject,\n");
        let done = merchant.upload("/imports/verdicts", table).await.expect(201);
        assert_eq!([&done["read"], &done["imported"], &done["rejected"]], [&json!(3), &json!(1), &json!(2)], "{done}");
        let codes: Vec<&Value> = done["errors"].as_array().expect("a list").iter().map(|error| &error["code"]).collect();
        assert_eq!(codes, ["not_found", "missing_field"], "{done}");
        assert_eq!(stage.payable().await.as_deref(), Some("3.00"));
        let others = operator.upload("/imports/verdicts", "conversion,verdict\n").await.expect(201);
        let own = merchant.get("/imports").await;
        assert_eq!(own["data"].as_array().map(Vec::len), Some(1), "{own}");
        merchant.call(Method::GET, &format!("/imports/{}", text(&others["id"])), None).await.expect(404);
        assert_eq!(operator.get("/imports").await["data"].as_array().map(Vec::len), Some(2));
        for (columns, code) in [("verdict\n", "missing_column"), ("conversion,verdict,because\n", "unknown_column")] {
            assert_eq!(merchant.upload("/imports/verdicts", columns).await.expect(422)["code"], code);
        }
        merchant.upload("/imports/sales", "program,order_id,amount,currency\n").await.expect(403);
        server.stop();
    })
    .await;
}
