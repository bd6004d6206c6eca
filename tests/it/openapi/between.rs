//! What a story of the document does between its operations, so that the next one finds what it is about.
use super::{Merchant, Operator, Story, click, operations, text};
use crate::support::load::until;
use reqwest::Method;
use serde_json::{Value, json};

impl Story {
    /// A publisher is paid for a sale, with a statement.
    pub async fn bill(&mut self) {
        let merchant = self.merchant.clone().expect("a merchant");
        let sale = json!({"program": self.ids["prg"], "order_id": "billed", "amount": "500.00", "currency": "EUR", "click_id": self.click});
        let sold = merchant.postback(&sale).await.expect(201);
        self.operator.post(&format!("/conversions/{}/approve", text(&sold["conversion"]["id"])), json!({})).await;
        let hold = format!("/publishers/{}/payout-hold", self.ids["pub"]);
        self.operator.call(Method::PUT, &hold, Some(&json!({"held": false}))).await.expect(200);
        let batch = self.operator.create("/payouts", json!({"currency": "EUR"})).await;
        let statements = batch["payments"].as_array().expect("payments").iter().find_map(|payment| payment["statement"].as_str());
        self.ids.insert("stm".to_owned(), statements.unwrap_or_else(|| panic!("no statement: {batch}")).to_owned());
    }

    /// What the document's operations without a key do in between.
    pub async fn after(&mut self, id: &str, body: &Value) {
        match id {
            "create_secret" => {
                let secret = ristourne::kernel::signature::WebhookSecret::parse(&text(&body["secret"])).expect("a secret");
                let Operator { base, http, .. } = &self.operator;
                self.merchant = Some(Merchant { id: self.ids["mer"].clone(), secret, base: base.clone(), http: http.clone() });
            }
            "create_link" => {
                self.click = click(&self.operator.http, &self.operator.base, body["slug"].as_str().expect("a slug")).await;
                self.done.insert("follow_link");
                // Clicks are stored a moment after they were answered.
                let operator = &self.operator;
                until("the click is stored", async || operator.get("/clicks?limit=1").await["data"][0].is_object()).await;
                let clicks = self.operator.get("/clicks?limit=1").await;
                self.ids.insert("clk".to_owned(), text(&clicks["data"][0]["id"]));
            }
            "create_coupon" => self.sell().await,
            // Whoever issues documents has a name.
            "create_merchant" => {
                self.operator.call(Method::PATCH, "/seller", Some(&json!({"name": "Ristourne SAS"}))).await.expect(200);
            }
            "create_bonus" => {
                for id in ["set_buyer_payout_method", "set_payout_debtor"] {
                    let operation = operations().find(|operation| super::id(operation) == id).expect("an operation");
                    let path = operation.path.trim_start_matches("/api/v1").replace("{id}", &self.ids["buy"]);
                    let example = &operation.spec["requestBody"]["content"]["application/json"]["example"];
                    self.operator.call(Method::PUT, &path, Some(example)).await.expect(200);
                }
            }
            "create_payout" => {
                self.ids.insert("pay".to_owned(), text(&body["payments"][0]["id"]));
            }
            // The same again answers the claim that there is.
            "create_claim" => {
                let operation = operations().find(|operation| super::id(operation) == id).expect("an operation");
                let body = self.filled(&operation.spec["requestBody"]["content"]["application/json"]["example"]);
                let answer = self.operator.call(Method::POST, "/claims", Some(&body)).await;
                self.keep("create_claim", &answer);
            }
            // What was answered is closed: the next step is about another order.
            "accept_claim" | "refuse_claim" | "pay_goodwill" => {
                let (buyer, program) = (&self.ids["buy"], &self.ids["prg"]);
                let claim = json!({"buyer": buyer, "program": program, "order_id": format!("after {id}")});
                let claim = self.operator.create("/claims", claim).await;
                self.ids.insert("clm".to_owned(), text(&claim["id"]));
            }
            "cancel_payout" | "return_payment" => {
                let batch = self.operator.create("/payouts", json!({"currency": "EUR"})).await;
                self.ids.extend([("bat".to_owned(), text(&batch["id"])), ("pay".to_owned(), text(&batch["payments"][0]["id"]))]);
                let export = format!("/payouts/{}/export?format=pain001", self.ids["bat"]);
                self.operator.post(&export, json!({})).await;
            }
            _ => {}
        }
    }
}
