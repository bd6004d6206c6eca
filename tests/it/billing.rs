//! Merchants' accounts: what is invoiced, with which number and VAT, how payments cover it, and what then becomes payable.
use crate::support::{
    Fresh, TempDir, for_each_database,
    load::at_once,
    server::{Merchant, Operator, Server, click, ristourne, ristourne_ok, text},
    sql::Sql,
};
use reqwest::{Method, header};
use ristourne::{engine::clock::Clock, kernel::time::Zone};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn terms(payable_on: &str) -> Value {
    json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}, "payable_on": payable_on})
}

fn today() -> String {
    Clock::System.now().to_string().chars().take(10).collect()
}

pub fn euros(amount: &str) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

/// A shop whose publishers wait for its payment, invoiced with 20 % VAT.
pub struct Stage {
    pub operator: Operator,
    pub merchant: Merchant,
    pub program: String,
    publisher: String,
    slug: String,
    base: String,
}

impl Stage {
    pub async fn new(server: &Server) -> Self {
        let operator = server.operator();
        let seller = json!({"name": "Ristourne SAS", "address": "12 rue du Port\n35400 Saint-Malo", "country": "FR",
            "vat_number": "FR40303265045", "registration": "SIREN 303 265 045", "iban": "FR7630006000011234567890189"});
        operator.call(Method::PATCH, "/seller", Some(&seller)).await.expect(200);
        let merchant = operator.merchant("Librairie <Mérou>").await;
        let program = operator.program(&merchant, "EUR", terms("merchant_payment")).await;
        let publisher = operator.publisher("Blog").await;
        let slug = operator.link(&program, &publisher).await;
        Self { operator, merchant, program, publisher, slug, base: server.base.clone() }
    }

    async fn sell(&self, order: &str, amount: &str) -> Value {
        let click = click(&self.operator.http, &self.base, &self.slug).await;
        let sale = json!({"program": self.program, "order_id": order, "amount": amount, "currency": "EUR", "click_id": click});
        self.merchant.postback(&sale).await.expect(201)["conversion"].clone()
    }

    /// Sells and approves; gives the conversion's id.
    pub async fn approved(&self, order: &str, amount: &str) -> String {
        let id = text(&self.sell(order, amount).await["id"]);
        self.operator.post(&format!("/conversions/{id}/approve"), json!({})).await;
        id
    }

    pub async fn status(&self, conversion: &str) -> Value {
        self.operator.get(&format!("/conversions/{conversion}")).await["status"].clone()
    }

    pub async fn invoice(&self) -> Value {
        self.operator.create("/invoices", json!({"merchant": self.merchant.id, "until": today()})).await
    }

    async fn pay(&self, invoice: &Value, amount: &str) -> Value {
        self.operator.create(&format!("/invoices/{}/payments", text(&invoice["id"])), json!({"amount": amount, "reference": "VIR"})).await
    }

    async fn look(&self, invoice: &Value) -> (Value, Value, Value) {
        let now = self.operator.get(&format!("/invoices/{}", text(&invoice["id"]))).await;
        (now["status"].clone(), now["paid"]["amount"].clone(), now["open"]["amount"].clone())
    }

    async fn account(&self) -> Value {
        self.operator.get(&format!("/merchants/{}/account", self.merchant.id)).await
    }
}

fn verified(database: &str) {
    assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_lists_what_is_owed_and_its_payment_makes_it_payable() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let operator = &stage.operator;
        let nothing = json!({"merchant": stage.merchant.id});
        assert_eq!(operator.call(Method::POST, "/invoices", Some(&nothing)).await.expect(409)["code"], "nothing_to_invoice");
        let (first, second) = (stage.approved("A-1", "119.99").await, stage.approved("A-2", "100.00").await);
        assert_eq!(stage.status(&first).await, "approved");
        stage.sell("A-3", "100.00").await;
        operator.create(&format!("/merchants/{}/fees", stage.merchant.id), json!({"amount": euros("49.00"), "reason": "November"})).await;
        assert_eq!(
            operator.call(Method::POST, "/invoices", Some(&nothing)).await.expect(409)["code"],
            "nothing_to_invoice",
            "nothing is owed since before this month"
        );
        let draft = operator.get(&format!("/merchants/{}/draft-invoice", stage.merchant.id)).await;
        assert_eq!((&draft["net"]["amount"], &draft["vat"]["amount"], &draft["lines"]), (&json!("60.00"), &json!("12.00"), &json!(3)));

        let invoice = stage.invoice().await;
        assert_eq!(invoice["number"], format!("{}-000001", &today()[..4]));
        assert_eq!(
            (&invoice["kind"], &invoice["status"], &invoice["open"]["amount"]),
            (&json!("invoice"), &json!("issued"), &json!("72.00"))
        );
        assert_eq!(invoice["seller"]["name"], "Ristourne SAS");
        assert!(
            invoice["heads"].as_array().is_some_and(|heads| heads.iter().all(|head| head["hash"].as_str().is_some_and(|h| h.len() == 64)))
        );
        assert_eq!(operator.balance("platform", "vat:collected").await.as_deref(), Some("12.00"));
        let lines = operator.get(&format!("/invoices/{}/lines", text(&invoice["id"]))).await;
        let amounts: Vec<String> = lines["data"].as_array().expect("lines").iter().map(|line| text(&line["amount"]["amount"])).collect();
        assert_eq!(amounts, ["6.00", "5.00", "49.00"]);
        assert_eq!(lines["data"][0]["order_id"], "A-1");
        assert_eq!(stage.account().await["accounts"][0]["not_invoiced"]["amount"], "0.00");

        // In parts: nothing is payable before the last.
        stage.pay(&invoice, "71.99").await;
        assert_eq!(stage.look(&invoice).await, (json!("part_paid"), json!("71.99"), json!("0.01")));
        assert_eq!(stage.status(&first).await, "approved");
        let last = stage.pay(&invoice, "10.01").await;
        assert_eq!(stage.look(&invoice).await, (json!("paid"), json!("72.00"), json!("0.00")));
        for conversion in [&first, &second] {
            assert_eq!(stage.status(conversion).await, "payable", "as soon as the payment is answered");
        }
        let payable = format!("publisher:{}:payable", stage.publisher);
        assert_eq!(operator.balance(&stage.publisher, &payable).await.as_deref(), Some("6.60"));
        assert_eq!(stage.account().await["accounts"][0]["credit"]["amount"], "10.00", "what is too much is credit");

        // A payment that was a mistake is taken back.
        operator.post(&format!("/movements/{}/reverse", text(&last["id"])), json!({"reason": "another merchant's"})).await;
        assert_eq!(stage.look(&invoice).await, (json!("part_paid"), json!("71.99"), json!("0.01")));
        assert_eq!(stage.status(&first).await, "payable", "a publisher may be paid already");

        // What was refunded since is credited, and nets with what is open.
        let refund = json!({"program": stage.program, "type": "refund", "order_id": "A-1", "refund_id": "R-1", "amount": "119.99"});
        stage.merchant.postback(&refund).await.expect(201);
        let credit = stage.invoice().await;
        assert_eq!((&credit["kind"], &credit["number"]), (&json!("credit_note"), &json!(format!("{}-000001", &today()[..4]))));
        assert_eq!(
            (&credit["net"]["amount"], &credit["gross"]["amount"], &credit["status"]),
            (&json!("-6.00"), &json!("-7.20"), &json!("credited"))
        );
        let paying = async |path: String, body: Value| stage.operator.call(Method::POST, &path, Some(&body)).await;
        let refused = paying(format!("/invoices/{}/payments", text(&credit["id"])), json!({"amount": "7.20"})).await;
        assert_eq!(refused.expect(409)["code"], "credit_note_not_payable");
        for (path, amount) in [
            (format!("/invoices/{}/payments", text(&invoice["id"])), json!("1.00")),
            (format!("/merchants/{}/payments", stage.merchant.id), euros("1.00")),
        ] {
            let ahead = |minutes: i64| json!({"amount": amount, "received_at": Clock::System.now().plus(minutes * 60_000_000).to_string()});
            let refused = paying(path.clone(), ahead(6)).await.expect(422);
            assert_eq!((&refused["code"], &refused["errors"][0]["field"]), (&json!("date_in_future"), &json!("received_at")), "{refused}");
            let taken = paying(path, ahead(4)).await.expect(201);
            stage.operator.post(&format!("/movements/{}/reverse", text(&taken["id"])), json!({"reason": "a slip"})).await;
        }
        assert_eq!(stage.look(&invoice).await, (json!("paid"), json!("72.00"), json!("0.00")));
        let account = stage.account().await;
        assert_eq!(
            (&account["accounts"][0]["owed"]["amount"], &account["accounts"][0]["credit"]["amount"]),
            (&json!("-7.19"), &json!("7.19"))
        );

        // Its own, and nobody else's.
        let merchant = server.sign_in("merchant", &stage.merchant.id);
        assert_eq!(merchant.get("/invoices").await["data"].as_array().map(Vec::len), Some(2));
        let other = server.sign_in("merchant", &operator.merchant("Other").await.id);
        assert_eq!(other.get("/invoices").await["data"], json!([]));
        other.call(Method::GET, &format!("/invoices/{}", text(&invoice["id"])), None).await.expect(404);
        verified(database);
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_is_a_page_that_loads_nothing() {
    let fresh = Fresh::sqlite().await;
    let server = Server::start(&fresh.url);
    let stage = Stage::new(&server).await;
    stage.approved("A-<1>", "119.99").await;
    let invoice = stage.invoice().await;
    let url = server.url(&format!("/api/v1/invoices/{}", text(&invoice["id"])));
    for (language, words) in [("fr", ["Facture", "Total HT", "TVA 20", "441-10"]), ("en", ["Invoice", "Total net", "VAT 20", "441-10"])] {
        let request = stage.operator.http.get(&url).bearer_auth(&stage.operator.key);
        let answer = request.header(header::ACCEPT, "text/html").header(header::ACCEPT_LANGUAGE, language).send().await.expect("an answer");
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("ASCII").to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let page = answer.text().await.expect("a page");
        for word in words.into_iter().chain(["Librairie &lt;Mérou&gt;", "A-&lt;1&gt;", "FR40303265045", "SIREN 303 265 045", "-000001"]) {
            assert!(page.contains(word), "{word} is missing: {page}");
        }
        assert!(!page.contains("<script") && !page.contains(" style=") && !page.contains("http"), "{page}");
    }
    server.stop();
    fresh.remove().await;
}

/// Two servers issue at once: no number is left out or given twice, and no line stands on two documents.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_have_no_gaps() {
    let fresh = Fresh::postgres().await;
    let servers = [Server::start(&fresh.url), Server::start(&fresh.url)];
    let stage = Stage::new(&servers[0]).await;
    let mut merchants = Vec::new();
    for n in 0..12 {
        let merchant = stage.operator.merchant(&format!("Shop {n}")).await.id;
        stage.operator.create(&format!("/merchants/{merchant}/fees"), json!({"amount": euros("9.00"), "reason": "set-up"})).await;
        merchants.push(merchant);
    }
    // Each twice, at either server.
    let asked: Vec<(Operator, String)> = (0..24).map(|n| (stage.operator.at(&servers[n % 2]), merchants[n / 2].clone())).collect();
    let answers = at_once(24, asked, |(operator, merchant): (Operator, String)| async move {
        operator.call(Method::POST, "/invoices", Some(&json!({"merchant": merchant, "until": today()}))).await
    })
    .await;
    let issued: Vec<&Value> = answers.iter().filter(|answer| answer.status == 201).map(|answer| &answer.body).collect();
    assert!(answers.iter().all(|answer| answer.status == 201 || answer.body["code"] == "nothing_to_invoice"), "{answers:?}");
    assert_eq!(issued.len(), 12);
    let numbers: BTreeSet<String> = issued.iter().map(|invoice| text(&invoice["number"])).collect();
    let wanted: BTreeSet<String> = (1..=12).map(|n| format!("{}-{n:06}", &today()[..4])).collect();
    assert_eq!(numbers, wanted);
    verified(&fresh.url);
    for server in servers {
        server.stop();
    }
    fresh.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_pays_ahead_is_held_when_the_credit_is_used_up() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let (operator, merchant) = (&stage.operator, &stage.merchant.id);
        operator.call(Method::PATCH, &format!("/merchants/{merchant}"), Some(&json!({"prepaid": true, "vat_rate": "0"}))).await.expect(200);
        operator.create(&format!("/merchants/{merchant}/payments"), json!({"amount": euros("10.00")})).await;
        let first = stage.sell("A-1", "119.99").await;
        assert_eq!((&first["status"], &first["flags"]), (&json!("pending"), &json!(["unclaimed"])));
        // 6.00 are promised, 4.00 are left: 5.00 are too much, 4.00 are not.
        let second = stage.sell("A-2", "100.00").await;
        assert_eq!((&second["flags"], &second["reason"]), (&json!(["held", "unclaimed"]), &json!("budget_used_up")));
        let account = stage.account().await;
        assert_eq!(account["accounts"][0]["budget_used_up"]["conversions"], 1);
        // What credit covers is paid when it is approved.
        let id = text(&first["id"]);
        operator.post(&format!("/conversions/{id}/approve"), json!({})).await;
        assert_eq!(stage.status(&id).await, "payable");
        // More credit, and the operator lets the held one go.
        operator.create(&format!("/merchants/{merchant}/payments"), json!({"amount": euros("50.00")})).await;
        let held = text(&second["id"]);
        operator.post(&format!("/conversions/{held}/approve"), json!({})).await;
        assert_eq!(stage.status(&held).await, "payable");
        assert_eq!(stage.sell("A-4", "100.00").await["flags"], json!(["unclaimed"]));
        let account = stage.account().await;
        assert_eq!(
            (&account["accounts"][0]["credit"]["amount"], &account["accounts"][0]["budget_used_up"]),
            (&json!("49.00"), &Value::Null)
        );
        let invoice = stage.invoice().await;
        assert_eq!(stage.look(&invoice).await, (json!("paid"), json!("11.00"), json!("0.00")), "credit covers it");
        verified(database);
        server.stop();
    })
    .await;
}

/// Whoever changes an issued document past the program is found.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_altered_is_found() {
    let alterations = [
        ("UPDATE invoice SET net = net + 1", "invoice_lines_differ"),
        ("UPDATE invoice SET vat = vat + 1", "invoice_vat_differs"),
        ("UPDATE invoice SET serial = serial + 1", "series_gap"),
        ("UPDATE invoice_line SET amount = amount + 1", "invoice_line_differs"),
        ("DELETE FROM invoice_line", "invoice_lines_differ"),
        ("DELETE FROM invoice", "entry_without_order"),
        ("DELETE FROM series", "number_without_series"),
    ];
    for (alteration, code) in alterations {
        let fresh = Fresh::sqlite().await;
        let server = Server::start(&fresh.url);
        let stage = Stage::new(&server).await;
        stage.approved("A-1", "119.99").await;
        stage.invoice().await;
        server.stop();
        verified(&fresh.url);
        let mut sql = Sql::open(&fresh.url).await;
        sql.run(alteration).await;
        sql.close().await;
        let output = ristourne(&fresh.url, &["verify"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(code), "{alteration}: {said}");
        fresh.remove().await;
    }
}

/// The first document with a number fixes the time zone: months, days and document dates of another would not be those of the documents.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_invoice_fixes_the_time_zone() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let conversion = stage.approved("Z-1", "100.00").await;
        server.stop();
        // Nothing is issued yet: another one is as good.
        let paris = ["--timezone", "Europe/Paris"];
        ristourne_ok(database, &["verify", paris[0], paris[1]]);
        let zone = Zone::named(paris[1]).expect("known");
        let server = Server::start_with(database, &paris);
        let operator = server.operator();
        operator.create("/invoices", json!({"merchant": stage.merchant.id, "until": zone.day(Clock::System.now()).to_string()})).await;
        assert_eq!(operator.get(&format!("/conversions/{conversion}")).await["status"], "approved");
        server.stop();
        Server::start_with(database, &paris).stop();
        let spool = TempDir::new("zone-spool");
        let spool = spool.path().display().to_string();
        let terms = spool.clone() + "/terms.json";
        std::fs::write(&terms, terms_of_a_draft()).expect("written");
        let commands: [&[&str]; 6] = [
            &["serve", "--listen", "127.0.0.1:0", "--spool-dir", &spool],
            &["verify"],
            &["export", "fec", "--year", "2026"],
            &["payout", "prepare", "--currency", "EUR", "--spool-dir", &spool],
            &["import", "rates", &terms, "--spool-dir", &spool],
            &["simulate", "--program", &stage.program, "--terms", &terms],
        ];
        for command in commands {
            for zone in [&[][..], &["--timezone", "America/Lima"]] {
                let refused = ristourne(database, &[command, zone].concat());
                let said = String::from_utf8_lossy(&refused.stderr).into_owned();
                assert_eq!(refused.status.code(), Some(1), "{command:?} {zone:?}: {said}");
                let given = zone.last().unwrap_or(&"UTC");
                assert!(said.contains(&format!("is Europe/Paris, as its first invoice fixed it, and not {given}")), "{command:?}: {said}");
            }
        }
        for command in [&commands[1], &commands[2], &commands[5]] {
            ristourne_ok(database, &[command, &paris[..]].concat());
        }
    })
    .await;
}

fn terms_of_a_draft() -> String {
    terms("approval").to_string()
}
