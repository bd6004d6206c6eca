//! Money over the API: verdicts, adjustments, receipts, balances and the lines behind them, ties, rates, batches, reports.
use crate::support::{
    for_each_database,
    server::{Merchant, Operator, Server, click, text},
};
use reqwest::Method;
use serde_json::{Value, json};

fn terms() -> Value {
    json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}})
}

/// A shop with a program, a blog and its link.
struct Stage {
    operator: Operator,
    merchant: Merchant,
    program: String,
    publisher: String,
    slug: String,
    base: String,
}

impl Stage {
    async fn new(server: &Server) -> Self {
        let operator = server.operator();
        let merchant = operator.merchant("Shop").await;
        let program = operator.program(&merchant, "EUR", terms()).await;
        let publisher = operator.publisher("Blog").await;
        let slug = operator.link(&program, &publisher).await;
        Self { operator, merchant, program, publisher, slug, base: server.base.clone() }
    }

    async fn click(&self) -> String {
        click(&self.operator.http, &self.base, &self.slug).await
    }

    fn sale(&self, order: &str, amount: &str, click: &str) -> Value {
        json!({"program": self.program, "type": "sale", "order_id": order, "amount": amount, "currency": "EUR", "click_id": click})
    }

    /// Sells for 119.99; gives the conversion's id.
    async fn sell(&self, order: &str) -> String {
        let sale = self.sale(order, "119.99", &self.click().await);
        text(&self.merchant.postback(&sale).await.expect(201)["conversion"]["id"])
    }

    async fn balance(&self, owner: &str, account: &str) -> Option<String> {
        self.operator.balance(owner, account).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_approved_adjusted_explained_and_rejected() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let (operator, publisher) = (&stage.operator, &stage.publisher);
        let id = stage.sell("A-1").await;
        let pending = operator.get(&format!("/conversions/{id}")).await;
        assert_eq!(
            (&pending["status"], &pending["commission"]["amount"], &pending["shares"]["buyer"]["amount"]),
            (&json!("pending"), &json!("6.00"), &json!("1.80"))
        );
        assert_eq!(stage.balance(publisher, &format!("publisher:{publisher}:pending")).await.as_deref(), Some("3.60"));

        let approved = operator.post(&format!("/conversions/{id}/approve"), json!({})).await;
        assert_eq!((&approved["status"], &approved["id"]), (&json!("payable"), &json!(id)));
        assert_eq!(operator.post(&format!("/conversions/{id}/approve"), json!({})).await, approved, "also when nothing changed");
        assert_eq!(stage.balance(publisher, &format!("publisher:{publisher}:payable")).await.as_deref(), Some("3.60"));

        let adjust = format!("/conversions/{id}/adjust");
        let adjusted = operator.post(&adjust, json!({"amount": "100.00", "reason": "one book was missing"})).await;
        assert_eq!((&adjusted["amount"]["amount"], &adjusted["commission"]["amount"]), (&json!("100.00"), &json!("5.00")));
        for (body, code) in [
            (json!({"amount": "10.001", "reason": "x"}), "too_many_decimals"),
            (json!({"amount": "-1", "reason": "x"}), "negative_amount"),
            (json!({"amount": "10"}), "missing_field"),
        ] {
            assert_eq!(operator.call(Method::POST, &adjust, Some(&body)).await.expect(422)["code"], code);
        }

        let receipt = operator.get(&format!("/conversions/{id}/receipt")).await;
        assert_eq!(receipt["conversion"], id);
        assert_eq!(receipt["entries"].as_array().map(Vec::len), Some(3), "recorded, approved, adjusted: {receipt}");

        let lines = operator.get(&format!("/entries?owner={publisher}")).await;
        let sum: Vec<String> = lines["data"].as_array().expect("a list").iter().map(|line| text(&line["amount"]["amount"])).collect();
        assert_eq!(sum, ["-0.60", "3.60", "-3.60", "3.60"].map(str::to_owned), "newest first; a line for each account that moved");
        let mut walked = Vec::new();
        let mut after = String::new();
        loop {
            let page = operator.get(&format!("/entries?owner={publisher}&limit=1{after}")).await;
            walked.extend(page["data"].as_array().expect("a list").clone());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!(json!(walked), lines["data"]);

        let reject = format!("/conversions/{id}/reject");
        assert_eq!(operator.call(Method::POST, &reject, Some(&json!({}))).await.expect(422)["code"], "missing_field");
        let rejected = operator.post(&reject, json!({"reason": "fraud"})).await;
        assert_eq!((&rejected["status"], &rejected["commission"]["amount"]), (&json!("rejected"), &json!("0.00")));
        assert_eq!(operator.post(&reject, json!({"reason": "again"})).await, rejected);
        assert_eq!(stage.balance(publisher, &format!("publisher:{publisher}:payable")).await.as_deref(), Some("0.00"));
        assert_eq!(operator.call(Method::GET, "/balances", None).await.expect(422)["errors"][0]["field"], "owner");
        operator.call(Method::GET, "/balances?owner=pub_0000000000001", None).await.expect(404);
        let platform = operator.get("/balances?owner=platform").await;
        assert!(platform["data"].as_array().expect("a list").iter().any(|row| row["account"] == "platform:revenue"), "{platform}");
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_conversions_are_filtered() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let first = stage.sell("A-1").await;
        let second = stage.sell("A-2").await;
        let lost = json!({"program": stage.program, "order_id": "A-3", "amount": "10.00", "currency": "EUR", "occurred_at": "2026-01-15T12:00:00Z"});
        let lost = text(&stage.merchant.postback(&lost).await.expect(202)["conversion"]["id"]);
        stage.operator.post(&format!("/conversions/{second}/approve"), json!({})).await;
        let ids = async |query: &str| -> Vec<String> {
            let page = stage.operator.get(&format!("/conversions?{query}")).await;
            page["data"].as_array().expect("a list").iter().map(|row| text(&row["id"])).collect()
        };
        assert_eq!(ids("").await, [lost.as_str(), &second, &first]);
        assert_eq!(ids(&format!("program={}&status=pending", stage.program)).await, [first.as_str()]);
        assert_eq!(ids("status=unattributed").await, [lost.as_str()]);
        assert_eq!(ids(&format!("publisher={}", stage.publisher)).await, [second.as_str(), &first]);
        assert_eq!(ids("since=2026-01-15&until=2026-01-15").await, [lost.as_str()], "a day counts whole");
        assert_eq!(ids("since=2026-01-15T12:00:00Z&until=2026-01-15T12:00:00Z").await, Vec::<String>::new(), "until is not included");
        assert_eq!(ids("until=2026-01-15T12:00:01Z").await, [lost.as_str()]);
        assert_eq!(ids("program=prg_0000000000001").await, Vec::<String>::new());
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_ties_clicks() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let (sold, unsold) = (stage.click().await, stage.click().await);
        let sale = stage.sale("A-1", "119.99", &sold);
        let conversion = stage.merchant.postback(&sale).await.expect(201)["conversion"].clone();
        assert_eq!((&conversion["buyer"], &conversion["flags"]), (&Value::Null, &json!(["unclaimed"])));
        let (ada, _) = stage.operator.buyer().await;
        let (bob, _) = stage.operator.buyer().await;
        let body = json!({"click_ids": [sold, "forged", unsold]});
        let ties = stage.operator.post(&format!("/buyers/{ada}/clicks"), body.clone()).await;
        assert_eq!(ties, json!({"tied": [sold, unsold], "refused": [{"click_id": "forged", "code": "unknown_click"}]}));
        assert_eq!(stage.balance(&ada, &format!("buyer:{ada}:pending")).await.as_deref(), Some("1.80"));
        let late = stage.operator.post(&format!("/buyers/{bob}/clicks"), body).await;
        assert_eq!(late["tied"], json!([]));
        assert_eq!(late["refused"][0], json!({"click_id": sold, "code": "click_has_buyer"}));
        let later = stage.merchant.postback(&stage.sale("A-2", "119.99", &unsold)).await.expect(201);
        assert_eq!(later["conversion"]["buyer"], Value::Null, "the shop does not learn who bought");
        let path = format!("/conversions/{}", text(&later["conversion"]["id"]));
        assert_eq!(stage.operator.get(&path).await["buyer"], json!(ada), "from the start");
        stage.operator.call(Method::POST, "/buyers/buy_0000000000001/clicks", Some(&json!({"click_ids": []}))).await.expect(404);
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_records_the_sales_that_wait_for_it() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let mut sale = stage.sale("A-1", "125.00", &stage.click().await);
        sale["currency"] = json!("USD");
        let parked = stage.merchant.postback(&sale).await.expect(202);
        assert_eq!((&parked["status"], &parked["code"]), (&json!("parked"), &json!("no_rate")));
        let today = ristourne::engine::clock::Clock::System.now().to_string()[..10].to_owned();
        let rates = json!({"date": today, "rates": {"USD": "1.25", "JPY": 160}});
        assert_eq!(stage.operator.create("/rates", rates.clone()).await["new"], 2);
        assert_eq!(stage.operator.post("/rates", rates).await["new"], 0);
        let other = json!({"date": today, "rates": {"USD": "1.26"}});
        assert_eq!(stage.operator.call(Method::POST, "/rates", Some(&other)).await.expect(409)["code"], "rate_conflict");
        let listed = stage.operator.get(&format!("/rates?date={today}")).await;
        assert_eq!(listed["data"][1], json!({"date": today, "currency": "USD", "rate": "1.25"}));
        let recorded = stage.operator.get("/conversions").await;
        assert_eq!(
            (&recorded["data"][0]["amount"]["currency"], &recorded["data"][0]["commission"]),
            (&json!("USD"), &json!({"amount": "5.00", "currency": "EUR"}))
        );
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_item_never_hurts_its_batch() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let click = stage.click().await;
        let good = stage.sale("A-1", "119.99", &click);
        let refund =
            json!({"program": stage.program, "type": "refund", "order_id": "A-1", "refund_id": "R-1", "amount": "6.00", "currency": "EUR"});
        let batch = json!([
            good,
            7,
            stage.sale("A-2", "0.00", &click),
            good,
            stage.sale("A-1", "1.00", &click),
            refund,
            {"program": "prg_0000000000001", "order_id": "A-9", "amount": "1.00", "currency": "EUR"},
            stage.sale("A-3", "10.001", &click),
            stage.sale(&"x".repeat(70_000), "1.00", &click),
            stage.sale("A-4", "20.00", "forged"),
        ]);
        let results = stage.operator.post("/conversions", batch).await;
        let verdicts: Vec<(u64, Option<&str>)> = results["results"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|result| (result["http"].as_u64().expect("a status"), result["code"].as_str()))
            .collect();
        let wanted = [
            (201, None),
            (422, Some("invalid_type")),
            (422, Some("amount_not_positive")),
            (200, None),
            (409, Some("order_conflict")),
            (201, None),
            (422, Some("unknown_program")),
            (422, Some("too_many_decimals")),
            (413, Some("too_large")),
            (202, Some("unknown_click")),
        ];
        assert_eq!(verdicts, wanted);
        assert_eq!(results["results"][5]["conversion"]["refunded"]["amount"], "6.00");
        let inbox = stage.operator.get("/inbox?limit=3").await;
        assert_eq!(inbox["data"][0]["verdict"], "unattributed", "newest first");
        let refused = stage.operator.get("/inbox?verdict=too_many_decimals").await;
        let row = &refused["data"][0];
        assert_eq!(
            (&row["http"], &row["errors"][0]["field"], &row["channel"], &row["by"]),
            (&json!(422), &json!("amount"), &json!("api"), &json!("operator"))
        );
        let whole = stage.operator.get(&format!("/inbox/{}", text(&row["id"]))).await;
        assert!(text(&whole["body"]).contains("10.001"));
        let many: Vec<Value> = (0..1001).map(|_| json!({})).collect();
        assert_eq!(stage.operator.call(Method::POST, "/conversions", Some(&json!(many))).await.expect(422)["code"], "too_many");
        assert_eq!(stage.operator.post("/conversions", json!([])).await, json!({"results": []}));
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_click_report_counts_clicks_and_commission() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        stage.sell("A-1").await;
        stage
            .operator
            .http
            .get(server.url(&format!("/c/{}", stage.slug)))
            .header("user-agent", "Googlebot/2.1")
            .send()
            .await
            .expect("an answer");
        let link = text(&stage.operator.get("/links").await["data"][0]["id"]);
        let report = stage.operator.get("/reports/clicks?by=link").await;
        let euro = json!([{"amount": "6.00", "currency": "EUR"}]);
        let wanted =
            json!({"data": [{"link": link, "raw": 2, "counted": 1, "conversions": 1, "commission": euro, "epc": euro, "conversion_rate": "1.0000"}],
                "next": null});
        assert_eq!(report, wanted);
        let today = ristourne::engine::clock::Clock::System.now().to_string()[..10].to_owned();
        for (query, key, value) in [
            ("by=day".to_owned(), "day", today.clone()),
            (format!("by=publisher&since={today}&until={today}"), "publisher", stage.publisher.clone()),
            (format!("by=program&program={}", stage.program), "program", stage.program.clone()),
        ] {
            let report = stage.operator.get(&format!("/reports/clicks?{query}")).await;
            assert_eq!((&report["data"][0][key], &report["data"][0]["counted"]), (&json!(value), &json!(1)), "{query}");
        }
        assert_eq!(stage.operator.get("/reports/clicks?by=day&until=2026-01-01").await["data"], json!([]));
        let other = stage.operator.link(&stage.program, &stage.publisher).await;
        click(&stage.operator.http, &server.url(""), &other).await;
        let first = stage.operator.get("/reports/clicks?by=link&limit=1").await;
        let next = text(&first["next"]);
        let second = stage.operator.get(&format!("/reports/clicks?by=link&limit=1&after={next}")).await;
        assert_eq!((&first["data"][0]["link"], &second["next"]), (&json!(link), &Value::Null), "a page each");
        assert_ne!(second["data"][0]["link"], json!(link));
        server.stop();
    })
    .await;
}
