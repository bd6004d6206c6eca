//! The README's worked example, that every reader can check by hand, through the public interface on both databases.
use crate::support::{
    for_each_database,
    server::{Merchant, Operator, Server, click_id, client, follow, ristourne_ok, text},
};
use serde_json::{Value, json};

/// A shop with one program, and a cashback site that sends its member there.
struct Story {
    operator: Operator,
    shop: Merchant,
    program: String,
    blog: String,
    buyer: String,
    /// Where the member's click leads.
    click: String,
}

impl Story {
    async fn begin(operator: &Operator, terms: Value) -> Self {
        let shop = operator.merchant("Librairie").await;
        let program = operator.program(&shop, "EUR", terms).await;
        let blog = operator.create("/publishers", json!({"name": "Cashback club", "kind": "cashback", "portal": true})).await;
        let blog = text(&blog["id"]);
        let slug = operator.link(&program, &blog).await;
        let (buyer, reference) = operator.buyer().await;
        let location = follow(&client(), &operator.base, &format!("/c/{slug}?buyer={reference}")).await;
        Self { operator: operator.clone(), shop, program, blog, buyer, click: click_id(&location) }
    }

    /// The shop posts a sale; gives the conversion.
    async fn sale(&self, order: &str, amount: &str) -> Value {
        let body = json!({"program": self.program, "type": "sale", "order_id": order, "amount": amount, "currency": "EUR", "click_id": self.click});
        let answer = self.shop.postback(&body).await.expect(201);
        assert_eq!(answer["status"], "recorded");
        answer["conversion"].clone()
    }

    async fn approve(&self, conversion: &Value) -> Value {
        self.operator.post(&format!("/conversions/{}/approve", text(&conversion["id"])), json!({})).await
    }

    /// What the accounts hold, as the API says it: the usual side is positive.
    async fn balances(&self, wanted: &[(&str, String, &str)]) {
        for (owner, account, amount) in wanted {
            assert_eq!(self.operator.balance(owner, account).await.as_deref(), Some(*amount), "{account}");
        }
    }

    /// The lines of an owner's entries of one kind: account and amount.
    async fn entries(&self, owner: &str, kind: &str) -> Vec<(String, String, String)> {
        let entries = self.operator.get(&format!("/entries?owner={owner}")).await;
        let lines =
            entries["data"].as_array().expect("a list").iter().filter(|line| line["kind"] == kind && line["program"] == self.program);
        lines.map(|line| (text(&line["id"]), text(&line["account"]), text(&line["amount"]["amount"]))).collect()
    }
}

/// Commission, then the shares of publisher, buyer and platform.
fn amounts(conversion: &Value) -> [String; 4] {
    let shares = &conversion["shares"];
    [&conversion["commission"], &shares["publisher"], &shares["buyer"], &shares["platform"]].map(|money| text(&money["amount"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worked_example() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        flat(&operator).await;
        percent(&operator, database).await;
        let said = ristourne_ok(database, &["verify"]);
        assert!(said.contains("everything holds"), "{said}");
        server.stop();
    })
    .await;
}

/// A flat 1.00 EUR for each validated sale, half to the buyer.
async fn flat(operator: &Operator) {
    let terms = json!({"commission": [{"pay": {"flat": "1.00"}}], "split": {"publisher": "50", "buyer": "50", "platform": "0"}});
    let story = Story::begin(operator, terms).await;
    let sale = story.sale("F-1", "24.90").await;
    assert_eq!((&sale["status"], &sale["buyer"]), (&json!("pending"), &Value::Null), "the shop does not learn who bought");
    assert_eq!(operator.get(&format!("/conversions/{}", text(&sale["id"]))).await["buyer"], json!(story.buyer));
    assert_eq!(amounts(&sale), ["1.00", "0.50", "0.50", "0.00"]);
    let (blog, buyer, shop) = (&story.blog, &story.buyer, &story.shop.id);
    story.balances(&[(shop, format!("merchant:{shop}:pending"), "1.00"), (buyer, format!("buyer:{buyer}:pending"), "0.50")]).await;
    assert_eq!(story.approve(&sale).await["status"], "payable");
    story
        .balances(&[
            (shop, format!("merchant:{shop}:pending"), "0.00"),
            (shop, format!("merchant:{shop}:owed"), "1.00"),
            (blog, format!("publisher:{blog}:payable"), "0.50"),
            (buyer, format!("buyer:{buyer}:payable"), "0.50"),
        ])
        .await;
}

/// 5 % of 119.99 EUR split 60/30/10 is 6.00 = 3.60 + 1.80 + 0.60. Then 6.00 EUR of it comes back after approval: 5.70, one entry.
async fn percent(operator: &Operator, database: &str) {
    let terms = json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}});
    let story = Story::begin(operator, terms).await;
    let sale = story.sale("P-1", "119.99").await;
    assert_eq!(amounts(&sale), ["6.00", "3.60", "1.80", "0.60"]);
    assert_eq!(story.approve(&sale).await["status"], "payable");
    let (blog, buyer, shop) = (&story.blog, &story.buyer, &story.shop.id);

    let refund =
        json!({"program": story.program, "type": "refund", "order_id": "P-1", "refund_id": "R-1", "amount": "6.00", "currency": "EUR"});
    let refunded = story.shop.postback(&refund).await.expect(201)["conversion"].clone();
    assert_eq!(amounts(&refunded), ["5.70", "3.42", "1.71", "0.57"]);
    assert_eq!(
        (&refunded["status"], &refunded["flags"], &refunded["refunded"]["amount"]),
        (&json!("payable"), &json!(["refunded"]), &json!("6.00"))
    );
    story
        .balances(&[
            (shop, format!("merchant:{shop}:owed"), "5.70"),
            (blog, format!("publisher:{blog}:payable"), "3.42"),
            (buyer, format!("buyer:{buyer}:payable"), "1.71"),
        ])
        .await;

    // One entry takes it back from everybody.
    let lines = [
        (shop.as_str(), format!("merchant:{shop}:owed"), "-0.30"),
        (blog, format!("publisher:{blog}:payable"), "-0.18"),
        (buyer, format!("buyer:{buyer}:payable"), "-0.09"),
        ("platform", "platform:revenue".to_owned(), "-0.03"),
    ];
    let mut ids = Vec::new();
    for (owner, account, amount) in lines {
        let entries = story.entries(owner, "refunded").await;
        let [(id, found, posted)] = entries.as_slice() else { panic!("not one line of {owner}: {entries:?}") };
        assert_eq!((found.as_str(), posted.as_str()), (account.as_str(), amount), "{owner}");
        ids.push(id.clone());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "one entry: {ids:?}");

    // The same refund again changes nothing, and the receipt explains all of it.
    assert_eq!(story.shop.postback(&refund).await.expect(200)["status"], "duplicate");
    let id = text(&sale["id"]);
    let receipt = operator.get(&format!("/conversions/{id}/receipt")).await;
    assert_eq!((&receipt["commission"]["amount"]["amount"], &receipt["commission"]["rules"][0]["percent"]), (&json!("5.70"), &json!("5")));
    assert_eq!(receipt["entries"].as_array().map(Vec::len), Some(3));
    let said = ristourne_ok(database, &["explain", &id]);
    for part in ["left 113.99 EUR", "Commission 5.70 EUR", "due 3.42 EUR", "refund R-1  6.00 EUR", "-0.18 EUR"] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    let json: Value = serde_json::from_str(&ristourne_ok(database, &["explain", &id, "--json"])).expect("JSON");
    assert_eq!(json, receipt);
}
