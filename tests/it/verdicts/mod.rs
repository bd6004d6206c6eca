//! Verdicts: many at a time, with reasons, and taken back, on both databases.
mod tables;
mod waits;

use crate::support::{
    TempDir, for_each_database,
    server::{Merchant, Operator, Server, click, client, ristourne_ok, text},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::fs;

fn terms() -> Value {
    json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}})
}

struct Stage {
    operator: Operator,
    shop: Merchant,
    program: String,
    publisher: String,
    click: String,
}

impl Stage {
    async fn new(server: &Server) -> Self {
        let operator = server.operator();
        let shop = operator.merchant("Shop").await;
        let program = operator.program(&shop, "EUR", terms()).await;
        let publisher = operator.publisher("Blog").await;
        operator.create("/coupons", json!({"program": program, "publisher": publisher, "code": "BLOG10"})).await;
        let slug = operator.link(&program, &publisher).await;
        let click = click(&client(), &server.base, &slug).await;
        Self { operator, shop, program, publisher, click }
    }

    fn sale(&self, order: &str, amount: &str) -> Value {
        json!({"program": self.program, "order_id": order, "amount": amount, "currency": "EUR", "click_id": self.click})
    }

    /// A sale of 100.00; gives its conversion.
    async fn sell(&self, order: &str) -> String {
        text(&self.shop.postback(&self.sale(order, "100.00")).await.expect(201)["conversion"]["id"])
    }

    async fn payable(&self) -> Option<String> {
        self.operator.balance(&self.publisher, &format!("publisher:{}:payable", self.publisher)).await
    }
}

/// Status, or code of the refusal, of each result.
fn came_to(answer: &Value) -> Vec<(u64, String)> {
    let one = |result: &Value| (result["http"].as_u64().expect("a status"), text(result.get("code").unwrap_or(&result["status"])));
    answer["results"].as_array().expect("a list").iter().map(one).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_verdicts_judges_each_by_itself() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let Stage { operator, program, .. } = &stage;
        let (first, third) = (stage.sell("A-1").await, stage.sell("A-3").await);
        stage.sell("A-2").await;
        let rival = operator.merchant("Rival").await;
        let theirs = operator.program(&rival, "EUR", terms()).await;
        rival.postback(&json!({"program": theirs, "order_id": "B-1", "amount": "9.00", "currency": "EUR"})).await.expect(202);

        let asked = json!([
            {"conversion": first, "verdict": "approve"},
            {"program": program, "order_id": "A-2", "verdict": "adjust", "amount": "50.00", "reason": "returned"},
            {"conversion": third, "verdict": "reject", "reason": "out_of_stock"},
            {"conversion": third, "verdict": "reject", "reason": "fraud"},
            {"program": program, "order_id": "A-9", "verdict": "approve"},
            {"program": theirs, "order_id": "B-1", "verdict": "approve"},
            {"conversion": "cnv_0000000000001", "verdict": "approve"},
            {"conversion": first, "verdict": "reject", "reason": "fraud", "reason_text": "so they say"},
            {"program": program, "order_id": "A-2", "verdict": "adjust", "amount": "1.234", "reason": "other", "reason_text": "a typing error"},
            {"program": program, "order_id": "never", "verdict": "adjust", "amount": "1", "reason": "other"},
            7,
        ]);
        let wanted = [
            (201, "recorded"),
            (201, "recorded"),
            (201, "recorded"),
            (200, "duplicate"),
            (202, "parked"),
            (404, "not_found"),
            (404, "not_found"),
            (422, "unexpected_reason_text"),
            (422, "too_many_decimals"),
            (404, "not_found"),
            (422, "invalid_type"),
        ];
        let merchant = server.sign_in("merchant", &stage.shop.id);
        let answer = merchant.post("/conversions/verdicts", asked).await;
        assert_eq!(came_to(&answer), wanted.map(|(http, code)| (http, code.to_owned())), "{answer}");
        assert_eq!(answer["results"][1]["conversion"]["commission"]["amount"], "2.50");
        let refused = &answer["results"][2]["conversion"];
        assert_eq!((&refused["status"], &refused["reason"]), (&json!("rejected"), &json!("out_of_stock")));
        assert_eq!(refused["reason_text"]["fr"], "La boutique n’a pas pu livrer.");
        assert_eq!(stage.payable().await.as_deref(), Some("3.00"));

        // The operator may do so for any of them.
        let answer = operator.post("/conversions/verdicts", json!([{"program": theirs, "order_id": "B-1", "verdict": "approve"}])).await;
        assert_eq!(came_to(&answer), [(201, "recorded".to_owned())]);
        let many = vec![json!({}); 1001];
        assert_eq!(operator.call(Method::POST, "/conversions/verdicts", Some(&json!(many))).await.expect(422)["code"], "too_many");
        server.stop();
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_reaches_everybody_in_their_language_or_in_somebodys_own_words() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let Stage { operator, program, .. } = &stage;
        let coded = stage.sell("A-1").await;
        let said = |kind: &str, order: &str| json!({"program": program, "order_id": order, "type": kind});
        let mut cancel = said("cancel", "A-1");
        cancel["reason"] = json!("customer_error");
        stage.shop.postback(&cancel).await.expect(201);
        let free = stage.sell("A-2").await;
        let mut reject = said("reject", "A-2");
        reject["reason"] = json!("Perdu en route");
        stage.shop.postback(&reject).await.expect(201);
        let explicit = stage.sell("A-3").await;
        (reject["order_id"], reject["reason"], reject["reason_text"]) = (json!("A-3"), json!("other"), json!("fraud"));
        stage.shop.postback(&reject).await.expect(201);
        reject["reason"] = json!("fraud");
        assert_eq!(stage.shop.postback(&reject).await.expect(422)["code"], "unexpected_reason_text");

        let buyer_reads = |conversion: &Value| (text(&conversion["reason"]), text(&conversion["reason_text"]["fr"]));
        for (id, code, words) in [
            (&coded, "customer_error", "Le client a commandé par erreur."),
            (&free, "other", "Perdu en route"),
            (&explicit, "other", "fraud"),
        ] {
            let blog = server.sign_in("publisher", &stage.publisher);
            assert_eq!(buyer_reads(&blog.get(&format!("/conversions/{id}")).await), (code.to_owned(), words.to_owned()));
            let receipt = blog.get(&format!("/conversions/{id}/receipt")).await;
            assert_eq!((&receipt["reason"]["code"], &receipt["reason"]["fr"]), (&json!(code), &json!(words)));
            let step = receipt["steps"].as_array().and_then(|steps| steps.last()).expect("a step");
            assert_eq!(step["reason"]["code"], code, "{step}");
        }
        let table = operator.http.get(format!("{}/api/v1/conversions?format=csv", operator.base)).bearer_auth(&operator.key);
        let table = table.send().await.expect("an answer").text().await.expect("a table");
        assert!(table.contains(",customer_error,The customer ordered by mistake.,Le client a commandé par erreur.,"), "{table}");
        assert!(table.contains(",other,Perdu en route,Perdu en route,"), "{table}");
        server.stop();
        let said = ristourne_ok(database, &["explain", &free]);
        assert!(said.contains("because    Perdu en route (other)"), "{said}");
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_reopens_and_a_move_carries_it() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let operator = &stage.operator;
        let id = stage.sell("A-1").await;
        let path = |verb: &str| format!("/conversions/{id}/{verb}");
        operator.post(&path("approve"), json!({})).await;
        let paid = operator.get(&format!("/conversions/{id}")).await;
        for round in 1..=2 {
            assert_eq!(operator.post(&path("reject"), json!({"reason": "fraud"})).await["status"], "rejected");
            assert_eq!(stage.payable().await.as_deref(), Some("0.00"));
            let reopened = operator.post(&path("reopen"), json!({"reason": "other", "reason_text": "It was another order."})).await;
            assert_eq!(reopened, paid, "round {round}");
            assert_eq!(operator.post(&path("reopen"), json!({"reason": "duplicate"})).await, paid, "nothing changes");
            assert_eq!(stage.payable().await.as_deref(), Some("3.00"));
        }
        operator.post(&path("reject"), json!({"reason": "returned"})).await;
        let receipt = operator.get(&path("receipt")).await;
        let events: Vec<String> = receipt["steps"].as_array().expect("steps").iter().map(|step| text(&step["event"])).collect();
        assert_eq!(events.iter().filter(|event| *event == "reopened").count(), 1, "{receipt}");
        let merchant = server.sign_in("merchant", &stage.shop.id);
        merchant.call(Method::POST, &path("reopen"), Some(&json!({"reason": "other"}))).await.expect(403);
        server.stop();
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));

        // A third of its facts in another installation is as it was here.
        let fresh = crate::support::Fresh::sqlite_empty();
        let dir = TempDir::new("reopened");
        for (what, file) in [("setup", "setup.jsonl"), ("clicks", "clicks.csv"), ("sales", "sales.csv")] {
            let file = dir.path().join(file);
            fs::write(&file, ristourne_ok(database, &["export", what])).expect("written");
            for _ in 0..2 {
                ristourne_ok(&fresh.url, &["import", what, &file.display().to_string()]);
            }
        }
        assert!(ristourne_ok(&fresh.url, &["verify"]).contains("everything holds"));
        assert_eq!(ristourne_ok(&fresh.url, &["export", "sales"]), ristourne_ok(database, &["export", "sales"]));
        let explained = |database: &str| ristourne_ok(database, &["explain", &id, "--json"]);
        let steps = |database: &str| serde_json::from_str::<Value>(&explained(database)).expect("JSON")["steps"].clone();
        assert_eq!(steps(&fresh.url), steps(database));
    })
    .await;
}
