//! What is told of boosts: what a tier is worth today, and why a bonus pays nothing.
use crate::boosts::{Stage, terms};
use crate::support::{
    for_each_database,
    server::{Server, ristourne_ok, text},
};
use ristourne::engine::clock::Clock;
use serde_json::{Value, json};

fn today() -> String {
    Clock::System.now().to_string().chars().take(10).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_is_worth_what_the_next_order_gets() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(server.operator(), json!([])).await;
        let operator = &stage.operator;
        let swiss = operator.program(&stage.shop, "CHF", terms(json!([]))).await;
        let tiers = json!([{"from": "0.00", "percent_of_buyer_share": "0"}, {"from": "50.00", "percent_of_buyer_share": "10"},
            {"from": "150.00", "percent_of_buyer_share": "20"}]);
        let tier = json!({"kind": "tier", "programs": [stage.program, swiss], "tiers": tiers.clone()});
        operator.create(&format!("/programs/{}/terms", stage.program), json!({"terms": terms(json!([tier]))})).await;
        let club = text(&operator.get("/publishers").await["data"][0]["id"]);
        let link = operator.link(&swiss, &club).await;
        let (buyer, reference) = operator.buyer().await;
        let own = server.sign_in("buyer", &buyer);
        let promised = async || own.get(&format!("/boosts?program={}", stage.program)).await["data"][0]["today"].clone();
        assert!(promised().await.is_null(), "nothing is approved yet");

        let path = format!("/c/{link}?buyer={reference}");
        let click = crate::support::server::click_id(&crate::support::server::follow(&operator.http, &operator.base, &path).await);
        let sale = json!({"program": swiss, "order_id": "T-1", "amount": "100.00", "currency": "CHF", "click_id": click});
        let sold = stage.shop.postback(&sale).await.expect(201)["conversion"].clone();
        stage.act(&sold, "approve", json!({})).await;
        assert!(promised().await.is_null(), "there is no rate for francs");
        operator.create("/rates", json!({"date": today(), "rates": {"CHF": "0.94"}})).await;
        let worth = promised().await;
        assert_eq!((&worth["base"]["amount"], &worth["percent_of_buyer_share"]), (&json!("106.38"), &json!("10")), "100 / 0.94: {worth}");

        let click = stage.click(&reference).await;
        let sold = stage.sell("T-2", &click, None).await;
        let receipt = operator.get(&format!("/conversions/{}/receipt", text(&sold["id"]))).await;
        let line = &receipt["bonuses"][0];
        assert_eq!(
            (&line["base"], &line["percent"], &line["amount"]["amount"]),
            (&worth["base"], &json!("10"), &json!("0.50")),
            "{receipt}"
        );
        stage.act(&sold, "approve", json!({})).await;
        let worth = promised().await;
        assert_eq!((&worth["base"]["amount"], &worth["percent_of_buyer_share"]), (&json!("206.38"), &json!("20")));

        // A merchant tries out tiers over its own programs, and not what its buyers spend elsewhere.
        let shop = server.sign_in("merchant", &stage.shop.id);
        let other = operator.merchant("Other").await;
        let elsewhere = operator.program(&other, "EUR", terms(json!([]))).await;
        let path = format!("/programs/{}/simulate", stage.program);
        let draft = |programs: Value| json!({"terms": terms(json!([{"kind": "tier", "programs": programs, "tiers": tiers}]))});
        let said = shop.post(&path, draft(json!([swiss]))).await;
        assert_eq!((&said["changed_orders"], &said["history_asked_anew"]), (&json!(0), &json!(1)), "106.38 without its own: {said}");
        let refused = shop.call(reqwest::Method::POST, &path, Some(&draft(json!([swiss, elsewhere])))).await.expect(422);
        assert_eq!(refused["code"], "unknown_program", "{refused}");
        operator.post(&path, draft(json!([elsewhere]))).await;
        server.stop();
    })
    .await;
}

/// `code 0.00 of 1.00: order_rejected`, …
fn told(receipt: &Value) -> Vec<String> {
    let lines = receipt["bonuses"].as_array().expect("a list");
    let said = |line: &Value| {
        let reason = line["reason"]["code"].as_str().unwrap_or("-");
        format!("{} {} of {}: {reason}", text(&line["kind"]), text(&line["amount"]["amount"]), text(&line["wanted"]["amount"]))
    };
    lines.iter().map(said).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bonus_that_pays_nothing_says_why() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let boosts = json!([
            {"kind": "code", "code": "MERCI", "flat": "1.00", "budget": "1.50"},
            {"kind": "code", "code": "ONCE", "flat": "0.30", "quota": 1},
            {"kind": "voucher", "code": ["PARCEL"], "percent_of_buyer_share": "10"},
            {"kind": "code", "code": "BOTH", "flat": "0.20", "budget": "0.20", "quota": 1},
            {"kind": "welcome", "flat": "5.00"}]);
        let stage = Stage::new(server.operator(), boosts).await;
        let operator = &stage.operator;
        let (buyer, reference) = operator.buyer().await;
        let own = server.sign_in("buyer", &buyer);
        // Whoever knows a voucher may use it; a code is handed out to everybody.
        let publisher = operator.publisher("Blog").await;
        let path = format!("/programs/{}/terms", stage.program);
        let read = server.sign_in("publisher", &publisher).get(&path).await.to_string();
        assert!(read.contains("MERCI") && !read.contains("PARCEL"), "{read}");
        assert!(operator.get(&path).await.to_string().contains("PARCEL"));
        let click = stage.click(&reference).await;
        let receipt = async |id: &Value| own.get(&format!("/conversions/{}/receipt", text(id))).await;
        let mut ids = Vec::new();
        for (code, wanted) in [
            ("merci", "code 1.00 of 1.00: -"),
            ("merci", "code 0.50 of 1.00: budget_used_up"),
            ("merci", "code 0.00 of 1.00: budget_used_up"),
            ("once", "code 0.30 of 0.30: -"),
            ("once", "code 0.00 of 0.30: quota_used_up"),
            ("parcel", "voucher 0.50 of 0.50: -"),
            ("parcel", "voucher 0.00 of 0.50: voucher_used"),
            ("both", "code 0.20 of 0.20: -"),
            ("both", "code 0.00 of 0.20: used_up"),
        ] {
            let sold = stage.sell(&format!("W-{}", ids.len()), &click, Some(code)).await;
            assert_eq!(told(&receipt(&sold["id"]).await), [wanted]);
            ids.push(sold["id"].clone());
        }
        for id in &ids[..2] {
            stage.act(&json!({"id": id}), "approve", json!({})).await;
        }
        assert_eq!(told(&receipt(&ids[0]).await), ["code 1.00 of 1.00: -", "welcome 5.00 of 5.00: -"]);
        assert_eq!(told(&receipt(&ids[1]).await), ["code 0.50 of 1.00: budget_used_up", "welcome 0.00 of 5.00: first_order_rewarded"]);
        // What the buyer ordered elsewhere is nobody else's to know.
        let shop = server.sign_in("merchant", &stage.shop.id);
        let seen = shop.get(&format!("/conversions/{}/receipt", text(&ids[1]))).await;
        assert_eq!(told(&seen), ["code 0.50 of 1.00: budget_used_up", "welcome 0.00 of 5.00: -"]);

        // What ends an order takes its bonuses, and says so; what it would not have paid anyway is not told.
        stage.act(&json!({"id": ids[0]}), "reject", json!({"reason": "returned"})).await;
        let lost = receipt(&ids[0]).await;
        assert_eq!(told(&lost), ["code 0.00 of 1.00: order_rejected", "welcome 0.00 of 5.00: order_rejected"]);
        assert_eq!(lost["bonuses"][0]["reason"]["fr"], "La boutique a refusé la commande, et le bonus avec elle.");
        stage.act(&json!({"id": ids[2]}), "reject", json!({"reason": "returned"})).await;
        assert_eq!(told(&receipt(&ids[2]).await), Vec::<String>::new());
        for (n, body) in [(3, json!({"type": "cancel"})), (5, json!({"type": "refund", "refund_id": "R", "amount": "100.00"}))] {
            let mut body = body;
            (body["program"], body["order_id"]) = (json!(stage.program), json!(format!("W-{n}")));
            stage.shop.postback(&body).await.expect(201);
        }
        assert_eq!(told(&receipt(&ids[3]).await), ["code 0.00 of 0.30: order_cancelled"]);
        assert_eq!(told(&receipt(&ids[5]).await), ["voucher 0.00 of 0.50: nothing_left"]);
        assert!(ristourne_ok(database, &["explain", &text(&ids[3])]).contains("The order was cancelled, and the bonus with it."));
        server.stop();
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}
