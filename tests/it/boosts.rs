//! Boosts through the public interface: what buyers are promised and get, vouchers and their sheet, and that budgets, codes and first
//! orders are given once, however many ask at once.
use crate::support::{
    Fresh, TempDir, for_each_database,
    load::at_once,
    postgres,
    server::{Merchant, Operator, Server, click_id, client, follow, ristourne, ristourne_ok, text},
    sql::Sql,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[expect(clippy::needless_pass_by_value, reason = "it reads like the JSON that it becomes")]
pub fn terms(boosts: Value) -> Value {
    json!({"commission": [{"pay": {"percent": "10"}}], "split": {"publisher": "40", "buyer": "50", "platform": "10"}, "boosts": boosts})
}

/// A shop with a program, and a cashback site that sends members there.
pub struct Stage {
    pub operator: Operator,
    pub shop: Merchant,
    pub program: String,
    slug: String,
}

impl Stage {
    pub async fn new(operator: Operator, boosts: Value) -> Self {
        let shop = operator.merchant("Librairie").await;
        let program = operator.program(&shop, "EUR", terms(boosts)).await;
        let club = operator.create("/publishers", json!({"name": "Club", "kind": "cashback", "portal": true})).await;
        let slug = operator.link(&program, &text(&club["id"])).await;
        Self { operator, shop, program, slug }
    }

    pub async fn click(&self, reference: &str) -> String {
        click_id(&follow(&client(), &self.operator.base, &format!("/c/{}?buyer={reference}", self.slug)).await)
    }

    /// A sale of 100.00, of which 5.00 are the buyer's.
    fn sale(&self, order: &str, click: &str, coupon: Option<&str>) -> Value {
        let mut sale = json!({"program": self.program, "order_id": order, "amount": "100.00", "currency": "EUR", "click_id": click});
        if let Some(coupon) = coupon {
            sale["coupon"] = json!(coupon);
        }
        sale
    }

    pub async fn sell(&self, order: &str, click: &str, coupon: Option<&str>) -> Value {
        self.shop.postback(&self.sale(order, click, coupon)).await.expect(201)["conversion"].clone()
    }

    pub async fn act(&self, conversion: &Value, what: &str, body: Value) -> Value {
        self.operator.post(&format!("/conversions/{}/{what}", text(&conversion["id"])), body).await
    }

    async fn balance(&self, owner: &str, account: &str) -> String {
        self.operator.balance(owner, account).await.unwrap_or_default()
    }
}

/// `code 1.00 by merchant`, …
fn bonuses(conversion: &Value) -> Vec<String> {
    let list = conversion["bonuses"].as_array().expect("a list");
    let said = |bonus: &Value| format!("{} {} by {}", text(&bonus["kind"]), text(&bonus["amount"]["amount"]), text(&bonus["funded_by"]));
    list.iter().map(said).collect()
}

fn boosts() -> Value {
    json!([
        {"kind": "return", "percent_of_buyer_share": "50", "within_days": 7, "fades_to_zero_at_days": 30},
        {"kind": "welcome", "flat": "5.00", "min_amount": "20.00"},
        {"kind": "referral", "referrer": "3.00", "friend": "2.00"},
        {"kind": "code", "code": "MERCI", "flat": "1.00", "funded_by": "merchant", "budget": "1.50", "place": "in the newsletter"}])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_brings_a_friend_and_both_come_back() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(server.operator(), boosts()).await;
        let operator = &stage.operator;
        let (referrer, _) = operator.buyer().await;
        let friend = operator.create("/buyers", json!({"referred_by": referrer})).await;
        let (friend, reference) = (text(&friend["id"]), text(&friend["ref"]));
        let click = stage.click(&reference).await;

        let first = stage.sell("B-1", &click, Some("merci")).await;
        assert_eq!(bonuses(&first), ["code 1.00 by merchant"]);
        assert_eq!(first["shares"]["buyer"]["amount"], "5.00", "bonuses stand apart");
        let approved = stage.act(&first, "approve", json!({})).await;
        assert_eq!(
            bonuses(&approved),
            ["welcome 5.00 by platform", "referral 2.00 by platform", "referral 3.00 by platform", "code 1.00 by merchant"]
        );
        let second = stage.sell("B-2", &click, Some("Merci")).await;
        assert_eq!(bonuses(&second), ["return 2.50 by platform", "code 0.50 by merchant"], "the budget ends");
        let third = stage.sell("B-3", &click, Some("MERCI")).await;
        assert_eq!(bonuses(&third), ["return 2.50 by platform"]);
        assert_eq!(stage.balance(&friend, &format!("buyer:{friend}:payable")).await, "13.00");
        assert_eq!(stage.balance(&friend, &format!("buyer:{friend}:pending")).await, "15.50");
        assert_eq!(stage.balance(&referrer, &format!("buyer:{referrer}:payable")).await, "3.00");
        assert_eq!(stage.balance("platform", "promotions:spent").await, "10.00");
        assert_eq!(stage.balance("platform", "promotions:pending").await, "5.00");
        assert_eq!(stage.balance(&stage.shop.id, &format!("merchant:{}:owed", stage.shop.id)).await, "11.00");

        // Each sees what is theirs.
        let own = server.sign_in("buyer", &friend);
        let seen = own.get(&format!("/conversions/{}", text(&first["id"]))).await;
        assert_eq!(bonuses(&seen).len(), 3, "not what the referrer got: {seen}");
        let shop = server.sign_in("merchant", &stage.shop.id);
        let seen = shop.get(&format!("/conversions/{}", text(&first["id"]))).await;
        assert!(bonuses(&seen).len() == 4 && seen["bonuses"][0]["buyer"].is_null(), "{seen}");
        let promised = own.get(&format!("/boosts?program={}", stage.program)).await;
        let today: BTreeMap<String, Value> =
            promised["data"].as_array().expect("a list").iter().map(|boost| (text(&boost["name"]), boost["today"].clone())).collect();
        assert_eq!(today.keys().collect::<Vec<_>>(), ["referral", "return", "welcome"], "codes are handed out, not listed");
        assert_eq!(today["return"]["percent_of_buyer_share"], "50");
        assert!(today["welcome"].is_null() && today["referral"].is_null(), "they had their first order: {promised}");
        let counted = shop.get(&format!("/boosts?program={}", stage.program)).await;
        assert_eq!(counted["data"][3]["budget"]["left"]["amount"], "0.00");
        let receipt = operator.get(&format!("/conversions/{}/receipt", text(&second["id"]))).await;
        assert_eq!(receipt["bonuses"][1]["cap"]["amount"], "0.50", "{receipt}");
        assert_eq!(receipt["bonuses"][0]["days"], 0);
        assert!(ristourne_ok(database, &["explain", &text(&second["id"])]).contains("code:merci"));

        // A refused first order takes all of it along, and the next that is approved is the first.
        stage.act(&first, "reject", json!({"reason": "returned"})).await;
        assert_eq!(stage.balance(&referrer, &format!("buyer:{referrer}:payable")).await, "0.00");
        let approved = stage.act(&third, "approve", json!({})).await;
        assert_eq!(
            bonuses(&approved),
            ["return 2.50 by platform", "welcome 5.00 by platform", "referral 2.00 by platform", "referral 3.00 by platform"]
        );
        let fourth = stage.sell("B-4", &click, Some("MERCI")).await;
        assert_eq!(bonuses(&fourth), ["return 2.50 by platform", "code 1.00 by merchant"], "what was given back is there again");
        let long = operator.get(&format!("/buyers/dormant?days=0&program={}", stage.program)).await;
        assert_eq!(long["data"][0]["buyer"], friend);
        assert_eq!(operator.get("/buyers/dormant?days=1").await["data"], json!([]));
        server.stop();
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
        moved(database).await;
    })
    .await;
}

/// Another database that takes over everything holds the same.
async fn moved(database: &str) {
    let dir = TempDir::new("boosts-moved");
    let file = |name: &str| dir.path().join(name).display().to_string();
    let target = format!("sqlite://{}", file("moved.db"));
    for what in ["setup", "clicks", "sales"] {
        let table = file(&format!("{what}.export"));
        std::fs::write(&table, ristourne_ok(database, &["export", what])).expect("written");
        let imported = ristourne(&target, &["import", what, &table, "--spool-dir", &file("spool")]);
        assert!(imported.status.success(), "{what}: {}", String::from_utf8_lossy(&imported.stderr));
    }
    assert!(ristourne_ok(&target, &["verify"]).contains("everything holds"));
    let (mut here, mut there) = (Sql::open(database).await, Sql::open(&target).await);
    for wanted in [
        "SELECT account || ' ' || CAST(amount AS TEXT) AS t FROM balance WHERE amount <> 0 ORDER BY t",
        "SELECT name || ' ' || CAST(amount AS TEXT) || ' ' || CAST(uses AS TEXT) AS t FROM boost_pot WHERE uses > 0 ORDER BY t",
        "SELECT order_id || ' ' || COALESCE(bonuses, '-') AS t FROM conversion ORDER BY t",
    ] {
        assert_eq!(here.texts(wanted).await, there.texts(wanted).await, "{wanted}");
    }
    here.close().await;
    there.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vouchers_are_made_printed_and_used_once() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(server.operator(), json!([])).await;
        let shop = server.sign_in("merchant", &stage.shop.id);
        let path = format!("/programs/{}/vouchers", stage.program);
        let refused = shop.call(reqwest::Method::POST, &path, Some(&json!({"count": 1, "flat": "1.00", "funded_by": "platform"}))).await;
        assert_eq!(refused.expect(422)["code"], "platform_funds");
        let link = text(&stage.operator.get(&format!("/links?slug={}", stage.slug)).await["data"][0]["id"]);
        let made = shop.create(&path, json!({"count": 300, "flat": "2.00", "place": "in <the> parcel", "link": link})).await;
        assert_eq!((&made["funded_by"], &made["count"]), (&json!("merchant"), &json!(300)));
        let batch = format!("{path}/{}", text(&made["id"]));
        let codes = shop.get(&format!("{batch}/codes?limit=2")).await;
        let code = text(&codes["data"][0]["code"]);
        assert!(codes["data"][0]["used"] == false && code.len() == 14, "{codes}");

        let (_, reference) = stage.operator.buyer().await;
        let click = stage.click(&reference).await;
        let first = stage.sell("V-1", &click, Some(&code.to_lowercase())).await;
        assert_eq!(bonuses(&first), ["voucher 2.00 by merchant"]);
        assert_eq!(bonuses(&stage.sell("V-2", &click, Some(&code)).await), Vec::<String>::new());
        assert_eq!(shop.get(&format!("{batch}/codes?limit=2")).await["data"][0]["used"], true);
        stage.act(&first, "reject", json!({"reason": "returned"})).await;
        assert_eq!(bonuses(&stage.sell("V-3", &click, Some(&code)).await), ["voucher 2.00 by merchant"]);

        let sheet = async |language: &str, query: &str| {
            let request = shop.http.get(format!("{}/api/v1{batch}/sheet{query}", shop.base)).bearer_auth(&shop.key);
            let answer = request.header("Accept-Language", language).send().await.expect("an answer");
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()["content-type"]),
                (200, &"text/html; charset=utf-8".parse().expect("a value"))
            );
            let policy = answer.headers()["content-security-policy"].to_str().expect("ASCII").to_owned();
            assert!(policy.contains("default-src 'none'") && policy.contains("style-src 'sha256-"), "{policy}");
            answer.text().await.expect("a page")
        };
        let page = sheet("fr", "").await;
        assert_eq!(page.matches("<svg").count(), 240);
        assert!(
            page.contains("2,00\u{a0}EUR en plus") && page.contains("in &lt;the&gt; parcel") && page.contains(&code),
            "{}",
            &page[..2000]
        );
        assert!(!page.contains("<script") && page.contains("<em>utilisé</em>"));
        let page_en = sheet("en", "?from=299&count=10").await;
        assert!(page_en.matches("<article").count() == 2 && page_en.contains("2.00\u{a0}EUR on top"), "{page_en}");
        if let Some(out) = std::env::var_os("RISTOURNE_SHEET") {
            std::fs::write(out, &page).expect("the sheet is written");
        }
        server.stop();
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_does_not_spend_the_platforms_money() {
    let database = Fresh::sqlite_empty();
    let server = Server::start(&database.url);
    let given = json!({"kind": "code", "code": "A", "flat": "1.00"});
    let stage = Stage::new(server.operator(), json!([given])).await;
    let shop = server.sign_in("merchant", &stage.shop.id);
    let path = format!("/programs/{}/terms", stage.program);
    let own = json!({"kind": "code", "code": "B", "flat": "9.00", "funded_by": "merchant"});
    shop.create(&path, json!({"terms": terms(json!([given, own]))})).await;
    for more in [json!({"kind": "code", "code": "B", "flat": "9.00"}), json!({"kind": "code", "code": "A", "flat": "2.00"})] {
        let refused = shop.call(reqwest::Method::POST, &path, Some(&json!({"terms": terms(json!([given, more]))}))).await;
        assert_eq!(refused.expect(422)["code"], "platform_funds");
    }
    server.stop();
}

/// `before after` of bonuses that the platform and the merchant pay.
fn funded(row: &Value) -> [String; 2] {
    let of = |funder: &str| ["before", "after"].map(|side| text(&row["bonuses"][funder][side]["amount"])).join(" ");
    ["platform", "merchant"].map(of)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_with_other_boosts_says_what_it_costs_whom() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let live = json!([{"kind": "code", "code": "MERCI", "flat": "1.00", "funded_by": "merchant", "budget": "1.50"}]);
        let stage = Stage::new(server.operator(), live).await;
        let operator = &stage.operator;
        let (referrer, _) = operator.buyer().await;
        let friend = operator.create("/buyers", json!({"referred_by": referrer})).await;
        let (friend, click) = (text(&friend["id"]), stage.click(&text(&friend["ref"])).await);
        let first = stage.sell("S-1", &click, Some("merci")).await;
        stage.act(&first, "approve", json!({})).await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let second = stage.sell("S-2", &click, Some("merci")).await;
        assert_eq!([bonuses(&first), bonuses(&second)], [["code 1.00 by merchant"], ["code 0.50 by merchant"]]);
        let path = format!("/programs/{}/simulate", stage.program);
        let draft = terms(json!([
            {"kind": "code", "code": "MERCI", "flat": "1.00", "budget": "1.25"},
            {"kind": "return", "percent_of_buyer_share": "10", "within_days": 7, "fades_to_zero_at_days": 30},
            {"kind": "referral", "referrer": "3.00", "friend": "2.00", "funded_by": "merchant"}]));
        let said = operator.post(&path, json!({"terms": draft})).await;
        assert_eq!((&said["orders"], &said["changed_orders"], &said["history_asked_anew"]), (&json!(2), &json!(2), &json!(2)), "{said}");
        // The code 1.00 and 0.25, half a euro for coming back; both sides of the referral instead of the code.
        assert_eq!(funded(&said["totals"]), ["0.00 1.75", "1.50 5.00"], "{said}");
        assert_eq!(said["totals"]["commission"]["difference"]["amount"], "0.00", "beside the commission");
        assert_eq!(said["changed"][0]["conversion"], first["id"], "as they were recorded");
        assert_eq!([0, 1].map(|n| funded(&said["changed"][n])), [["0.00 1.00", "1.00 5.00"], ["0.00 0.75", "0.50 0.00"]]);
        assert_eq!(funded(&said["publishers"][0]), ["0.00 1.75", "1.50 5.00"]);
        let of = |buyer: &str| {
            let rows = said["buyers"].as_array().expect("a list");
            rows.iter().find(|row| row["buyer"] == *buyer).map(funded).expect("the buyer")
        };
        assert_eq!(
            (of(&friend), of(&referrer)),
            (["0.00 1.75", "1.50 2.00"].map(str::to_owned), ["0.00 0.00", "0.00 3.00"].map(str::to_owned))
        );
        // From the second order on: the budget begins with what the first has, the friend had their first order, and it is one to come back to.
        let since = json!({"terms": draft, "since": second["occurred_at"]});
        let said = operator.post(&path, since).await;
        assert_eq!((&said["orders"], funded(&said["totals"])), (&json!(1), ["0.00 0.75", "0.50 0.00"].map(str::to_owned)), "{said}");
        // The live boosts change nothing, and the shop learns nothing of buyers.
        let shop = server.sign_in("merchant", &stage.shop.id);
        let same = shop
            .post(
                &path,
                json!({"terms": terms(json!([
            {"kind": "code", "code": "MERCI", "flat": "1.00", "funded_by": "merchant", "budget": "1.50"}]))}),
            )
            .await;
        assert_eq!(
            (&same["changed_orders"], same.get("buyers"), funded(&same["totals"])),
            (&json!(0), None, ["0.00 0.00", "1.50 1.50"].map(str::to_owned))
        );
        server.stop();
        let dir = TempDir::new("draft");
        let file = dir.path().join("draft.json");
        std::fs::write(&file, draft.to_string()).expect("written");
        let file = file.display().to_string();
        let said = ristourne_ok(database, &["simulate", "--program", &stage.program, "--terms", &file]);
        for line in [
            "bonuses, of the platform                  0.00            1.75            1.75",
            "By buyer that changes, EUR",
            "read from what is stored now",
        ] {
            assert!(said.contains(line), "{line} is not in\n{said}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_give_each_thing_once() {
    const ORDERS: usize = 60;
    let database = Fresh::postgres().await;
    let servers = [Server::start(&database.url), Server::start(&database.url)];
    let operator = servers[0].operator();
    let boosts = json!([
        {"kind": "code", "code": "RUSH", "flat": "0.70", "budget": "10.00"},
        {"kind": "voucher", "code": ["PARCEL"], "flat": "3.00"},
        {"kind": "code", "code": "TEN", "flat": "0.10", "quota": 10},
        {"kind": "welcome", "flat": "5.00"}]);
    let stages = [Stage::new(operator.clone(), boosts.clone()).await, Stage::new(operator.clone(), boosts).await];
    let (buyer, reference) = operator.buyer().await;
    let mut sales = Vec::new();
    for (n, stage) in stages.iter().enumerate() {
        let click = stage.click(&reference).await;
        for order in 0..ORDERS {
            let coupon = ["rush", "parcel", "ten"][order % 3];
            sales.push((stage.shop.at(&servers[order / 3 % 2]), stage.sale(&format!("R-{n}-{order}"), &click, Some(coupon))));
        }
    }
    let answers = at_once(16, sales, |(shop, sale)| async move { shop.postback(&sale).await }).await;
    let mut paid: BTreeMap<(String, String), (i64, usize)> = BTreeMap::new();
    let mut ids = Vec::new();
    for answer in answers {
        let conversion = answer.expect(201)["conversion"].clone();
        for bonus in conversion["bonuses"].as_array().expect("a list") {
            let cents: i64 = text(&bonus["amount"]["amount"]).replace('.', "").parse().expect("an amount");
            let sum = paid.entry((text(&conversion["program"]), text(&bonus["boost"]))).or_default();
            *sum = (sum.0 + cents, sum.1 + 1);
        }
        ids.push(text(&conversion["id"]));
    }
    for stage in &stages {
        let of = |boost: &str| paid[&(stage.program.clone(), boost.to_owned())];
        assert_eq!(of("code:rush"), (1000, 15), "14 whole ones and one of what was left");
        assert_eq!(of("voucher"), (300, 1), "the voucher is used once");
        assert_eq!(of("code:ten"), (100, 10), "ten times");
        let left = operator.get(&format!("/boosts?program={}", stage.program)).await;
        assert_eq!(left["data"][0]["budget"]["left"]["amount"], "0.00");
        assert_eq!(left["data"][2]["quota"]["left"], 0);
    }
    // One buyer has one first order, whichever program and server approve it.
    let approvals: Vec<(Operator, String)> = ids.into_iter().enumerate().map(|(n, id)| (operator.at(&servers[n % 2]), id)).collect();
    let approved =
        at_once(16, approvals, |(operator, id)| async move { operator.post(&format!("/conversions/{id}/approve"), json!({})).await }).await;
    let welcome = approved.iter().flat_map(bonuses).filter(|bonus| bonus.starts_with("welcome")).count();
    assert_eq!(welcome, 1);
    let commission = 2 * 500 * i64::try_from(ORDERS).expect("few");
    let bonus: i64 = paid.values().map(|(sum, _)| sum).sum();
    let held = operator.balance(&buyer, &format!("buyer:{buyer}:payable")).await.unwrap_or_default();
    assert_eq!(held.replace('.', ""), (commission + bonus + 500).to_string());
    let log = postgres::cluster().await.log(&database.url);
    assert!(!log.contains("deadlock detected") && !log.contains("violates check"), "{log}");
    assert!(ristourne_ok(&database.url, &["verify"]).contains("everything holds"));
}
