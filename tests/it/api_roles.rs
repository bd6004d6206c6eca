//! What each role sees of one sale, and what it may do with its own rows.
use crate::support::{
    for_each_database,
    server::{Merchant, Operator, Server, click, text},
};
use reqwest::Method;
use serde_json::{Value, json};

fn terms() -> Value {
    json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"},
        "attribution": {"model": "linear"}})
}

/// A shop, two blogs that share its sale of 100.00 EUR, and a buyer.
struct Scene {
    operator: Operator,
    shop: Merchant,
    program: String,
    blogs: [String; 2],
    buyer: String,
    sale: String,
}

impl Scene {
    async fn new(server: &Server) -> Self {
        Self::with(server, terms()).await
    }

    async fn with(server: &Server, terms: Value) -> Self {
        let operator = server.operator();
        let shop = operator.merchant("Shop").await;
        let program = operator.program(&shop, "EUR", terms).await;
        let blogs = [operator.publisher("One").await, operator.publisher("Two").await];
        let (buyer, _) = operator.buyer().await;
        let mut clicks = Vec::new();
        for blog in &blogs {
            clicks.push(click(&operator.http, &operator.base, &operator.link(&program, blog).await).await);
        }
        operator.post(&format!("/buyers/{buyer}/clicks"), json!({"click_ids": clicks})).await;
        let body =
            json!({"program": program, "type": "sale", "order_id": "A-1", "amount": "100.00", "currency": "EUR", "click_ids": clicks});
        let answer = shop.postback(&body).await.expect(201);
        assert_eq!(answer["conversion"]["buyer"], Value::Null, "the shop does not learn who bought");
        let sale = text(&answer["conversion"]["id"]);
        Self { operator, shop, program, blogs, buyer, sale }
    }

    async fn conversion(&self, reader: &Operator) -> Value {
        reader.get(&format!("/conversions/{}", self.sale)).await
    }

    async fn receipt(&self, reader: &Operator) -> Value {
        reader.get(&format!("/conversions/{}/receipt", self.sale)).await
    }
}

/// The postings of the receipt's only entry: account and amount.
fn postings(receipt: &Value) -> Vec<(String, String)> {
    let entries = receipt["entries"].as_array().expect("entries");
    assert_eq!(entries.len(), 1);
    let postings = entries[0]["postings"].as_array().expect("postings").iter();
    let mut postings: Vec<_> = postings.map(|line| (text(&line["account"]), text(&line["amount"]["amount"]))).collect();
    postings.sort();
    postings
}

fn named(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut wanted: Vec<_> = wanted.iter().map(|(account, amount)| ((*account).to_owned(), (*amount).to_owned())).collect();
    wanted.sort();
    wanted
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_sees_its_own_part_of_a_shared_sale() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let scene = Scene::new(&server).await;
        let Scene { shop, blogs: [one, two], buyer, .. } = &scene;
        let whole = scene.conversion(&scene.operator).await;
        assert_eq!((whole["credits"].as_array().map(Vec::len), &whole["buyer"]), (Some(2), &json!(buyer)));

        // A blog: its own credit, in front too, and the shares of all, which explain it.
        let blog = server.sign_in("publisher", one);
        let seen = scene.conversion(&blog).await;
        assert_eq!((&seen["credits"], &seen["buyer"]), (&json!([whole["credits"][0]]), &Value::Null));
        assert_eq!((&seen["publisher"], &seen["click"]), (&json!(one), &whole["credits"][0]["click"]));
        assert_eq!((&seen["shares"], &seen["commission"]), (&whole["shares"], &whole["commission"]));
        assert_eq!(blog.get("/conversions").await["data"], json!([seen]));
        let receipt = scene.receipt(&blog).await;
        let credits = &receipt["split"]["credits"];
        assert_eq!((&credits[0]["publisher"], &credits[1]["publisher"], &credits[1]["click"]), (&json!(one), &Value::Null, &Value::Null));
        let amounts = [0, 1].map(|n| (text(&credits[n]["amount"]["amount"]), credits[n]["weight"].clone()));
        assert_eq!((&amounts[0].0, &amounts[1].0), (&"1.50".to_owned(), &"1.50".to_owned()));
        assert_eq!(amounts[0].1, amounts[1].1, "the weights explain the halves");
        assert_eq!((&receipt["touches"][0]["publisher"], &receipt["touches"][1]["publisher"]), (&json!(one), &Value::Null));
        let owed = format!("merchant:{}:pending", shop.id);
        let (mine, theirs) = (format!("publisher:{one}:pending"), format!("publisher:{two}:pending"));
        let wanted = [
            (owed.as_str(), "5.00"),
            (&mine, "1.50"),
            ("publisher:*:pending", "1.50"),
            ("buyer:*:pending", "1.50"),
            ("platform:pending", "0.50"),
        ];
        assert_eq!(postings(&receipt), named(&wanted), "the entry still adds up");

        // The shop: both blogs, and nobody who bought.
        let seller = server.sign_in("merchant", &shop.id);
        assert_eq!(scene.conversion(&seller).await["credits"], whole["credits"]);
        let receipt = scene.receipt(&seller).await;
        assert_eq!(receipt["buyer"], Value::Null);
        let wanted =
            [(owed.as_str(), "5.00"), (&mine, "1.50"), (&theirs, "1.50"), ("buyer:*:pending", "1.50"), ("platform:pending", "0.50")];
        assert_eq!(postings(&receipt), named(&wanted));
        let searched = seller.get(&format!("/conversions?buyer={buyer}")).await;
        assert_eq!(searched["data"], json!([]), "nor can it be found out by asking");

        // The buyer: everything that is said about their cashback.
        let person = server.sign_in("buyer", buyer);
        assert_eq!(scene.conversion(&person).await, whole);
        assert_eq!(scene.receipt(&person).await, scene.receipt(&scene.operator).await);
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_reads_the_terms_that_may_apply_to_it() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let scene = Scene::new(&server).await;
        let [one, two] = &scene.blogs;
        let mut special = terms();
        special["commission"] = json!([
            {"when": {"publisher": [two]}, "pay": {"percent": "9"}},
            {"when": {"publisher": [one, two]}, "pay": {"percent": "6"}},
            {"pay": {"percent": "5"}},
        ]);
        let path = format!("/programs/{}/terms", scene.program);
        scene.operator.create(&path, json!({"terms": special})).await;
        let seen = server.sign_in("publisher", one).get(&path).await;
        let rules = seen["data"][1]["terms"]["commission"].as_array().expect("rules").clone();
        assert_eq!(rules.len(), 2, "the first is the other's alone");
        assert_eq!((&rules[0]["when"]["publisher"], &rules[0]["pay"]["percent"]), (&json!([one]), &json!("6")));
        let seller = server.sign_in("merchant", &scene.shop.id);
        assert_eq!(seller.get(&path).await, scene.operator.get(&path).await);
        server.stop();
    })
    .await;
}

/// Tiers look at the month of the publisher whose click is the newest.
#[tokio::test(flavor = "multi_thread")]
async fn a_rivals_month_is_its_own_secret() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let mut tiers = terms();
        tiers["commission"] = json!([{"pay": {"tiers": [{"from": "0", "percent": "5"}, {"from": "1000", "percent": "7"}]}}]);
        let scene = Scene::with(&server, tiers).await;
        scene.operator.post(&format!("/conversions/{}/approve", scene.sale), json!({})).await;
        let refund = json!({"program": scene.program, "type": "refund", "order_id": "A-1", "refund_id": "R-1", "amount": "10.00"});
        scene.shop.postback(&refund).await.expect(201);
        let zero = json!({"amount": "0.00", "currency": "EUR"});
        let [one, two] = &scene.blogs;
        for (blog, shown) in [(one, &Value::Null), (two, &zero)] {
            let commission = scene.receipt(&server.sign_in("publisher", blog)).await["commission"].clone();
            assert_eq!((&commission["rules"][0]["tier_base"], &commission["rules"][0]["percent"]), (shown, &json!("5")));
            assert_eq!(&commission["as_sold"]["rules"][0]["tier_base"], shown);
        }
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_judges_its_own_sales_and_what_is_held_waits_for_the_operator() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let scene = Scene::new(&server).await;
        let Scene { operator, shop, program, buyer, .. } = &scene;
        let seller = server.sign_in("merchant", &shop.id);
        let path = format!("/conversions/{}/approve", scene.sale);
        let approved = seller.post(&path, json!({})).await;
        assert_eq!((&approved["status"], &approved["buyer"]), (&json!("payable"), &Value::Null));
        let steps = scene.receipt(operator).await["steps"].as_array().expect("steps").clone();
        assert!(steps.iter().any(|step| (&step["event"], &step["by"]) == (&json!("approve"), &json!("merchant"))), "{steps:?}");

        // The buyer and the blog are one person: held.
        let blog = operator.create("/publishers", json!({"name": "Own", "email": "me@example.com"})).await;
        let me = operator.create("/buyers", json!({"email": "me@example.com"})).await;
        let clicked = click(&operator.http, &operator.base, &operator.link(program, &text(&blog["id"])).await).await;
        operator.post(&format!("/buyers/{}/clicks", text(&me["id"])), json!({"click_ids": [clicked]})).await;
        let sale = |order: &str| json!({"program": program, "type": "sale", "order_id": order, "amount": "10.00", "currency": "EUR", "click_id": clicked});
        let held = shop.postback(&sale("A-2")).await.expect(201)["conversion"].clone();
        assert_eq!(held["flags"], json!(["held"]));
        let path = format!("/conversions/{}/approve", text(&held["id"]));
        assert_eq!(seller.post(&path, json!({})).await["status"], "pending", "the merchant's word is kept, and not enough");
        assert_eq!(operator.post(&path, json!({})).await["status"], "payable");

        // In batches too, of its own programs only; what it sent stands in its own inbox.
        let other = operator.merchant("Other").await;
        let theirs = operator.program(&other, "EUR", terms()).await;
        let mut foreign = sale("B-1");
        foreign["program"] = json!(theirs);
        let results = seller.post("/conversions", json!([sale("A-3"), foreign])).await["results"].clone();
        assert_eq!((&results[0]["http"], &results[0]["conversion"]["buyer"]), (&json!(201), &Value::Null));
        assert_eq!((&results[1]["http"], &results[1]["code"]), (&json!(422), &json!("unknown_program")));
        let inbox = seller.get("/inbox?limit=2").await;
        assert_eq!((&inbox["data"][0]["verdict"], &inbox["data"][0]["by"]), (&json!("unknown_program"), &json!("merchant")));
        assert_eq!(server.sign_in("merchant", &other.id).get("/inbox").await["data"], json!([]));
        let text = seller.get("/conversions").await.to_string();
        assert!(!text.contains("buy_"), "{text}");
        assert_eq!(seller.get(&format!("/conversions?program={theirs}")).await["data"], json!([]));
        assert!(operator.get(&format!("/conversions?buyer={buyer}")).await["data"][0].is_object());
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_may_leave_themselves_out() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let scene = Scene::new(&server).await;
        let Scene { operator, shop, program, blogs: [one, _], buyer, .. } = &scene;
        for (role, owner) in [("merchant", &shop.id), ("publisher", one), ("buyer", buyer)] {
            let reader = server.sign_in(role, owner);
            for list in ["/balances", "/entries"] {
                let own = reader.get(list).await;
                assert!(own["data"][0].is_object(), "{role} {list}");
                assert_eq!(own, operator.get(&format!("{list}?owner={owner}")).await);
                assert_eq!(own, reader.get(&format!("{list}?owner={owner}")).await);
                let platform = reader.call(Method::GET, &format!("{list}?owner=platform"), None).await.expect(404);
                assert_eq!(platform["code"], "not_found");
                let unsaid = operator.call(Method::GET, list, None).await.expect(422);
                assert_eq!((&unsaid["code"], &unsaid["errors"][0]["field"]), (&json!("missing_field"), &json!("owner")));
            }
        }
        let blog = server.sign_in("publisher", one);
        let link = blog.create("/links", json!({"program": program})).await;
        assert_eq!(link["publisher"], json!(one));
        assert_eq!(blog.get(&format!("/links/{}", text(&link["id"]))).await, link);
        let seller = server.sign_in("merchant", &shop.id);
        let body = json!({"name": "Second", "currency": "EUR", "landing_url": "https://shop.example/", "domains": [], "terms": terms()});
        let made = seller.create("/programs", body.clone()).await;
        assert_eq!(made["merchant"], json!(shop.id));
        let ended = seller.call(Method::DELETE, &format!("/programs/{}", text(&made["id"])), None).await.expect(200);
        assert!(ended["ended_at"].is_string());
        let unsaid = operator.call(Method::POST, "/programs", Some(&body)).await.expect(422);
        assert_eq!(unsaid["errors"][0]["field"], "merchant");
        server.stop();
    })
    .await;
}
