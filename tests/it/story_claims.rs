//! Missing cashback over HTTP, on both databases: found with its sale whichever comes first, accepted, refused, made good, and seen by
//! whom it concerns.
use crate::support::for_each_database;
use crate::support::server::{Merchant, Operator, Server, client, follow, ristourne_ok, text};
use crate::support::sql::Sql;
use serde_json::{Value, json};

struct Story {
    operator: Operator,
    shop: Merchant,
    /// Keys of the shop and of the buyer.
    merchant: Operator,
    own: Operator,
    program: String,
    buyer: String,
}

impl Story {
    async fn begin(server: &Server) -> Self {
        let operator = server.operator();
        let shop = operator.merchant("Shop").await;
        let terms = json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}});
        let program = operator.program(&shop, "EUR", terms).await;
        let portal = text(&operator.create("/publishers", json!({"name": "Portal", "kind": "cashback", "portal": true})).await["id"]);
        let slug = operator.link(&program, &portal).await;
        let (buyer, reference) = operator.buyer().await;
        // The member's visit: the shop loses the click id.
        follow(&client(), &server.base, &format!("/c/{slug}?buyer={reference}")).await;
        let (merchant, own) = (server.sign_in("merchant", &shop.id), server.sign_in("buyer", &buyer));
        Self { operator, shop, merchant, own, program, buyer }
    }

    fn sale(&self, order: &str) -> Value {
        json!({"program": self.program, "order_id": order, "amount": "120.00", "currency": "EUR"})
    }

    fn claim(&self, order: &str) -> Value {
        json!({"program": self.program, "order_id": order, "amount": "120.00", "note": "The page said 3 %."})
    }
}

fn states(claim: &Value) -> Vec<String> {
    claim["steps"].as_array().expect("steps").iter().map(|step| text(&step["state"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_finds_its_sale_whichever_comes_first() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let story = Story::begin(&server).await;
        let Story { operator, shop, merchant, own, buyer, .. } = &story;

        // The sale came without a click id.
        let lost = shop.postback(&story.sale("L-1")).await.expect(202);
        assert_eq!((&lost["status"], &lost["code"]), (&json!("unattributed"), &json!("no_click")));
        let claim = own.create("/claims", story.claim("L-1")).await;
        assert_eq!((&claim["state"], &claim["conversion"], &claim["buyer"]), (&json!("matched"), &lost["conversion"]["id"], &json!(buyer)));
        let path = format!("/conversions/{}", text(&claim["conversion"]));
        let found = own.get(&path).await;
        assert_eq!((&found["status"], &found["shares"]["buyer"]["amount"]), (&json!("pending"), &json!("1.80")));
        assert_eq!(found["click"], claim["visit"]["click"], "its visit is credited");
        assert_eq!((&found["cashback"]["state"], &found["cashback"]["date"]), (&json!("tracked"), &found["payable_at"]));
        assert_eq!(own.post("/claims", story.claim("L-1")).await, claim, "the same again is the same claim");
        operator.post(&format!("{path}/approve"), json!({})).await;
        assert_eq!(operator.balance(buyer, &format!("buyer:{buyer}:payable")).await.as_deref(), Some("1.80"));
        let seen = own.get("/conversions").await;
        assert_eq!(
            (&seen["data"][0]["cashback"]["state"], &seen["data"][0]["cashback"]["amount"]["amount"]),
            (&json!("payable"), &json!("1.80"))
        );
        let receipt = own.get(&format!("{path}/receipt")).await;
        assert_eq!(receipt["cashback"], seen["data"][0]["cashback"]);
        assert!(receipt["steps"].as_array().is_some_and(|steps| steps.iter().any(|step| step["event"] == "claimed")), "{receipt}");

        // The shop sees the claim and not who makes it; of the cashback nothing.
        let theirs = merchant.get("/claims").await;
        assert_eq!((&theirs["data"][0]["id"], &theirs["data"][0]["buyer"]), (&claim["id"], &Value::Null));
        assert_eq!(merchant.get(&path).await.get("cashback"), None);

        // The claim comes first, and waits.
        let waits = own.create("/claims", story.claim("L-2")).await;
        assert_eq!((&waits["state"], &waits["conversion"]), (&json!("waiting"), &Value::Null));
        assert!(waits["visit"]["click"].is_string() && waits["answer_by"].is_string(), "{waits}");
        assert_eq!(shop.postback(&story.sale("L-2")).await.expect(201)["conversion"]["commission"]["amount"], "6.00");
        let found = own.get(&format!("/claims/{}", text(&waits["id"]))).await;
        assert_eq!((&found["state"], states(&found)), (&json!("matched"), vec!["waiting".to_owned(), "matched".to_owned()]));

        // Somebody else's order is theirs.
        let (other, _) = operator.buyer().await;
        let stranger = server.sign_in("buyer", &other);
        let refused = stranger.call(reqwest::Method::POST, "/claims", Some(&story.claim("L-1"))).await.expect(409);
        assert_eq!(refused["code"], "order_already_claimed");
        let foreign = stranger.call(reqwest::Method::GET, &format!("/claims/{}", text(&claim["id"])), None).await;
        assert_eq!(foreign.status, 404);

        // Over another database: the order keeps its buyer.
        let exported = ristourne_ok(database, &["export", "sales"]);
        assert!(exported.lines().any(|line| line.contains(",claim,")), "the claim is a fact of its order");
        server.stop();
        assert!(ristourne_ok(database, &["verify"]).contains("claims held against their orders: 2"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_answered_once() {
    for_each_database(async |database| {
        let server = Server::start_with(database, &["--claims-open-max", "3"]);
        let story = Story::begin(&server).await;
        let Story { operator, shop, merchant, own, buyer, .. } = &story;
        let post = async |who: &Operator, path: String, body: Value| who.call(reqwest::Method::POST, &path, Some(&body)).await;
        let mut ids = Vec::new();
        for order in ["R-1", "R-2", "R-3"] {
            ids.push(text(&own.create("/claims", story.claim(order)).await["id"]));
        }
        let path = |n: usize, answer: &str| format!("/claims/{}/{answer}", ids[n]);
        let many = post(own, "/claims".to_owned(), story.claim("R-4")).await.expect(409);
        assert_eq!(many["code"], "too_many_claims");

        // The shop refuses; the reason is read in both languages, and the same again changes nothing.
        let refusal = json!({"reason": "already_credited_elsewhere"});
        let refused = post(merchant, path(0, "refuse"), refusal.clone()).await.expect(200);
        let step = &refused["steps"][1];
        assert_eq!((&refused["state"], &step["by"], &step["reason"]), (&json!("refused"), &json!("merchant"), &refusal["reason"]));
        assert_eq!(step["reason_text"]["fr"], "La boutique a déjà récompensé cette commande par un autre canal.");
        assert_eq!(post(merchant, path(0, "refuse"), refusal).await.expect(200), refused);
        let other = json!({"reason": "other", "reason_text": "A trade account."});
        assert_eq!(post(merchant, path(0, "refuse"), other.clone()).await.expect(409)["code"], "claim_closed");
        assert_eq!(post(merchant, path(1, "refuse"), json!({"reason": "other"})).await.expect(422)["errors"][0]["field"], "reason_text");
        // A sale that comes after a refusal is nobody's.
        assert_eq!(shop.postback(&story.sale("R-1")).await.expect(202)["code"], "no_click");

        // The operator makes it good; the platform's budget is not the shop's.
        let goodwill = json!({"amount": "2.50", "funded_by": "platform"});
        assert_eq!(post(merchant, path(0, "goodwill"), goodwill.clone()).await.expect(403)["code"], "forbidden");
        let paid = post(operator, path(0, "goodwill"), goodwill.clone()).await.expect(200);
        assert_eq!((&paid["state"], states(&paid).len()), (&json!("goodwill"), 3));
        assert_eq!(own.get(&format!("/movements/{}", text(&paid["movement"]))).await["amount"]["amount"], "2.50");
        assert_eq!(post(operator, path(0, "goodwill"), goodwill).await.expect(200), paid, "the same again changes nothing");
        let more = json!({"amount": "2.51", "funded_by": "platform"});
        assert_eq!(post(operator, path(0, "goodwill"), more).await.expect(409)["code"], "claim_closed");
        assert_eq!(operator.balance(buyer, &format!("buyer:{buyer}:payable")).await.as_deref(), Some("2.50"));

        // The shop gives its word for a sale that it never sent; one whose order it has not found may still come.
        assert_eq!(post(merchant, path(1, "accept"), json!({})).await.expect(422)["code"], "not_recorded");
        let accepted = post(merchant, path(1, "accept"), json!({"amount": "100.00"})).await.expect(200);
        assert_eq!(accepted["state"], "accepted");
        let conversion = own.get(&format!("/conversions/{}", text(&accepted["conversion"]))).await;
        assert_eq!((&conversion["shares"]["buyer"]["amount"], &conversion["flags"]), (&json!("1.50"), &json!([])));
        assert_eq!(post(merchant, path(2, "refuse"), json!({"reason": "order_not_found"})).await.expect(200)["state"], "refused");
        shop.postback(&story.sale("R-3")).await.expect(201);
        assert_eq!(own.get(&format!("/claims/{}", ids[2])).await["state"], "matched");

        // Without a visit nothing makes the order theirs, not even the shop's word.
        let (other_buyer, _) = operator.buyer().await;
        let claim = json!({"buyer": other_buyer, "program": story.program, "order_id": "R-9"});
        let claim = operator.create("/claims", claim).await;
        assert_eq!((&claim["state"], &claim["visit"]), (&json!("waiting"), &Value::Null));
        let accept = format!("/claims/{}/accept", text(&claim["id"]));
        assert_eq!(post(merchant, accept, json!({"amount": "9.00"})).await.expect(409)["code"], "claim_not_creditable");
        let goodwill = format!("/claims/{}/goodwill", text(&claim["id"]));
        post(merchant, goodwill, json!({"amount": "1.00", "funded_by": "merchant"})).await.expect(200);
        assert_eq!(operator.balance(&shop.id, &format!("merchant:{}:owed", shop.id)).await.as_deref(), Some("1.00"));
        let waiting = operator.get("/claims?state=waiting").await;
        assert_eq!(waiting["data"], json!([]));
        server.stop();
        assert!(ristourne_ok(database, &["verify"]).contains("claims held against their orders: 4"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_with_two_accounts_is_a_self_referral() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let story = Story::begin(&server).await;
        let Story { operator, shop, buyer, .. } = &story;
        let publisher = text(&operator.get("/publishers").await["data"][0]["id"]);
        let path = format!("/publishers/{publisher}");
        let patch = async |body: Value| operator.call(reqwest::Method::PATCH, &path, Some(&body)).await;
        assert_eq!(patch(json!({"buyer": "buy_0000000000001"})).await.expect(422)["code"], "unknown_buyer");
        assert_eq!(patch(json!({"buyer": buyer})).await.expect(200)["buyer"], json!(buyer));
        shop.postback(&story.sale("S-1")).await.expect(202);
        let claim = operator.create("/claims", json!({"buyer": buyer, "program": story.program, "order_id": "S-1"})).await;
        let found = operator.get(&format!("/conversions/{}", text(&claim["conversion"]))).await;
        assert_eq!((&found["flags"], &found["reason"]), (&json!(["held"]), &json!("self_referral")));
        assert_eq!(patch(json!({"buyer": null})).await.expect(200)["buyer"], Value::Null);
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_claim_of_whoever_is_in_debt_is_held() {
    for_each_database(async |database| {
        let server = Server::start_with(database, &["--debt-limit", "2"]);
        let story = Story::begin(&server).await;
        let Story { operator, shop, merchant, own, buyer, .. } = &story;
        shop.postback(&story.sale("D-1")).await.expect(202);
        let found = own.create("/claims", story.claim("D-1")).await;
        operator.post(&format!("/conversions/{}/approve", text(&found["conversion"])), json!({})).await;
        // As if their 1.80 and 3.20 more had been paid out.
        let mut sql = Sql::open(database).await;
        let paid = format!("UPDATE balance SET amount = amount + 500 WHERE account = 'buyer:{buyer}:payable'");
        assert_eq!(sql.run(&paid).await, 1);
        sql.close().await;
        let claim = own.create("/claims", story.claim("D-2")).await;
        let accepted = merchant.post(&format!("/claims/{}/accept", text(&claim["id"])), json!({"amount": "100.00"})).await;
        let held = operator.get(&format!("/conversions/{}", text(&accepted["conversion"]))).await;
        assert_eq!((&held["flags"], &held["reason"]), (&json!(["held"]), &json!("debt_limit")), "as a sale that the shop sends");
        server.stop();
    })
    .await;
}
