//! Self-billed statements: what publishers with a mandate are paid, with VAT on top, numbered without gaps, and once.
use crate::support::{
    for_each_database,
    payouts::{by_hand, payment_to},
    server::{Merchant, Operator, Server, click, client, ristourne, ristourne_ok, text},
    sql::Sql,
};
use reqwest::{Method, header};
use serde_json::{Value, json};

struct Stage {
    operator: Operator,
    shop: Merchant,
    program: String,
    publisher: String,
    slug: String,
    base: String,
}

/// A publisher who keeps 10 % of each sale of the shop, and is paid by hand.
async fn stage(server: &Server) -> Stage {
    let operator = server.operator();
    let shop = operator.merchant("Librairie Mérou").await;
    let terms = json!({"commission": [{"pay": {"percent": "10"}}], "split": {"publisher": "100", "buyer": "0", "platform": "0"}});
    let program = operator.program(&shop, "EUR", terms).await;
    let publisher = operator.publisher("Lefèvre").await;
    let slug = operator.link(&program, &publisher).await;
    by_hand(&operator, &publisher).await;
    Stage { operator, shop, program, publisher, slug, base: server.base.clone() }
}

impl Stage {
    /// An approved sale of this much.
    async fn earn(&self, order: &str, amount: &str) -> String {
        let clicked = click(&client(), &self.base, &self.slug).await;
        let sale = json!({"program": self.program, "order_id": order, "amount": amount, "currency": "EUR", "click_id": clicked});
        let id = text(&self.shop.postback(&sale).await.expect(201)["conversion"]["id"]);
        self.operator.post(&format!("/conversions/{id}/approve"), json!({})).await;
        id
    }

    async fn refund(&self, order: &str, amount: &str) {
        let refund =
            json!({"program": self.program, "type": "refund", "order_id": order, "refund_id": "R-1", "amount": amount, "currency": "EUR"});
        self.shop.postback(&refund).await.expect(201);
    }

    async fn bill(&self, by: &Operator, change: Value) -> Value {
        let mut billing =
            json!({"legal_name": "Nadia <Lefèvre> EI", "address": "4 rue des Algues\n29900 Concarneau", "country": "FR", "mandate": true});
        billing.as_object_mut().expect("fields").extend(change.as_object().expect("fields").clone());
        by.call(Method::PUT, &format!("/publishers/{}/billing", self.publisher), Some(&billing)).await.expect(200)
    }

    async fn run(&self) -> Value {
        self.operator.create("/payouts", json!({"currency": "EUR"})).await
    }

    async fn why(&self) -> String {
        text(&self.run().await["left_out"][0]["why"])
    }

    async fn payable(&self) -> String {
        self.operator.balance(&self.publisher, &format!("publisher:{}:payable", self.publisher)).await.unwrap_or_default()
    }

    async fn statements(&self) -> Vec<Value> {
        self.operator.get("/statements").await["data"].as_array().expect("statements").clone()
    }

    async fn name_the_platform(&self) {
        let seller = json!({"name": "Ristourne SAS", "address": "12 rue du Port\n35400 Saint-Malo", "country": "FR"});
        self.operator.call(Method::PATCH, "/seller", Some(&seller)).await.expect(200);
    }
}

fn figures(statement: &Value) -> [&str; 4] {
    let amount = |name: &str| statement[name]["amount"].as_str().expect("an amount");
    [statement["number"].as_str().expect("a number").split_once('-').expect("a year").1, amount("net"), amount("vat"), amount("gross")]
}

const VAT: &str = "FR40303265045";

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_comes_with_a_statement_and_its_vat() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = stage(&server).await;
        let operator = &stage.operator;
        let own = server.sign_in("publisher", &stage.publisher);
        stage.earn("A-1", "119.99").await;
        stage.earn("A-2", "200.00").await;
        stage.refund("A-2", "10.00").await;

        // What a publisher says of VAT waits for the operator, and a statement for somebody it is made out to.
        let said = stage.bill(&own, json!({"vat_number": VAT, "vat_rate": "20"})).await;
        assert_eq!((&said["mandate"], &said["vat_confirmed_at"]), (&json!(true), &Value::Null));
        assert_eq!(stage.why().await, "seller_unknown");
        stage.name_the_platform().await;
        assert_eq!(stage.why().await, "vat_unconfirmed");
        let next = own.get(&format!("/publishers/{}/payout-method", stage.publisher)).await["next"][0].clone();
        assert_eq!((&next["why"], &next["balance"]["amount"]), (&json!("vat_unconfirmed"), &json!("31.00")));
        let confirmed = stage.bill(operator, json!({"vat_number": VAT, "vat_rate": "20"})).await;
        assert_eq!(confirmed["mandate_accepted_at"], said["mandate_accepted_at"], "the mandate is as old as it is");

        // 12.00 + 20.00 − 1.00, and 20 % of it.
        let batch = stage.run().await;
        let payment = &batch["payments"][0];
        assert_eq!((&payment["amount"]["amount"], &payment["lines"]), (&json!("37.20"), &json!(4)));
        assert_eq!(stage.payable().await, "0.00");
        let statement = own.get(&format!("/statements/{}", text(&payment["statement"]))).await;
        assert_eq!(figures(&statement), ["000001", "31.00", "6.20", "37.20"]);
        assert_eq!((&statement["payment"], &statement["lines"]), (&payment["id"], &json!(3)));
        assert_eq!((&statement["seller"]["name"], &statement["buyer"]["name"]), (&json!("Nadia <Lefèvre> EI"), &json!("Ristourne SAS")));
        assert_eq!(operator.balance("platform", "vat:deductible").await.as_deref(), Some("6.20"));
        let lines = own.get(&format!("/statements/{}/lines", text(&statement["id"]))).await;
        let lines: Vec<_> = lines["data"]
            .as_array()
            .expect("lines")
            .iter()
            .map(|line| (text(&line["order_id"]), text(&line["amount"]["amount"])))
            .collect();
        let wanted = [("A-1", "12.00"), ("A-2", "20.00"), ("A-2", "-1.00")];
        assert_eq!(lines, wanted.map(|(order, amount)| (order.to_owned(), amount.to_owned())));

        // The bank brings it back: all of it is payable, and the next payment needs no other statement for it.
        let id = text(&payment["id"]);
        operator.post(&format!("/payouts/{}/export?format=csv", text(&batch["id"])), json!({})).await;
        operator.post(&format!("/payouts/{id}/settle"), json!({})).await;
        operator.post(&format!("/payouts/{id}/return"), json!({"reason": "not_executed"})).await;
        assert_eq!(stage.payable().await, "37.20");
        let again = stage.run().await;
        assert_eq!((&again["payments"][0]["amount"]["amount"], &again["payments"][0]["statement"]), (&json!("37.20"), &Value::Null));
        assert_eq!(stage.statements().await.len(), 1);

        // Cancelled with something new in it: the statement stays, and is paid by the next.
        operator.post(&format!("/payouts/{}/cancel", text(&again["id"])), json!({})).await;
        stage.earn("A-3", "100.00").await;
        let third = stage.run().await;
        assert_eq!(third["payments"][0]["amount"]["amount"], "49.20");
        operator.post(&format!("/payouts/{}/cancel", text(&third["id"])), json!({})).await;
        // What is taken back takes its VAT back, on a statement below zero.
        stage.refund("A-3", "50.00").await;
        let fourth = stage.run().await;
        assert_eq!(fourth["payments"][0]["amount"]["amount"], "43.20");
        let figured: Vec<_> = stage.statements().await.iter().map(|statement| figures(statement).map(str::to_owned)).collect();
        let wanted = [["000003", "-5.00", "-1.00", "-6.00"], ["000002", "10.00", "2.00", "12.00"], ["000001", "31.00", "6.20", "37.20"]];
        assert_eq!(figured, wanted.map(|row| row.map(str::to_owned)));
        assert_eq!(operator.balance("platform", "vat:deductible").await.as_deref(), Some("7.20"));
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_without_a_statement_is_taken_back_without_one() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = stage(&server).await;
        stage.name_the_platform().await;
        stage.earn("A-1", "1000.00").await;
        let before = stage.run().await;
        assert_eq!((&before["payments"][0]["amount"]["amount"], &before["payments"][0]["statement"]), (&json!("100.00"), &Value::Null));
        stage.bill(&stage.operator, json!({"vat_number": VAT, "vat_rate": "20"})).await;
        stage.refund("A-1", "1000.00").await;
        stage.earn("A-2", "1500.00").await;
        let paid = stage.run().await["payments"][0].clone();
        assert_eq!(paid["amount"]["amount"], "80.00", "150.00, 30.00 of VAT, and 100.00 back");
        let statement = stage.operator.get(&format!("/statements/{}", text(&paid["statement"]))).await;
        assert_eq!(figures(&statement), ["000001", "150.00", "30.00", "180.00"]);
        server.stop();
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mandate_or_vat_nothing_is_added() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = stage(&server).await;
        let operator = &stage.operator;
        stage.name_the_platform().await;
        stage.earn("A-1", "100.00").await;
        let unbilled = stage.run().await;
        assert_eq!(unbilled["payments"][0]["statement"], Value::Null);
        let path = format!("/publishers/{}/billing", stage.publisher);
        let nothing = operator.get(&path).await;
        assert_eq!((&nothing["legal_name"], &nothing["mandate"]), (&Value::Null, &json!(false)));

        let own = server.sign_in("publisher", &stage.publisher);
        let rate = json!({"legal_name": "Nadia", "vat_rate": "20", "mandate": true});
        let refused = own.call(Method::PUT, &path, Some(&rate)).await.expect(422);
        assert_eq!((&refused["errors"][0]["field"], &refused["errors"][0]["code"]), (&json!("vat_number"), &json!("missing_field")));
        stage.bill(&own, json!({"registration": "SIREN 303 265 045"})).await;
        stage.earn("A-2", "150.00").await;
        let batch = stage.run().await;
        assert_eq!(batch["payments"][0]["amount"]["amount"], "15.00");
        let statement = text(&batch["payments"][0]["statement"]);
        assert_eq!(figures(&own.get(&format!("/statements/{statement}")).await), ["000001", "15.00", "0.00", "15.00"]);

        let page = |language: &str| {
            let request = own.http.get(format!("{}/api/v1/statements/{statement}", own.base)).bearer_auth(&own.key);
            request.header(header::ACCEPT, "text/html").header(header::ACCEPT_LANGUAGE, language).send()
        };
        let french = page("fr").await.expect("an answer").text().await.expect("the whole");
        for part in [
            "<h1>Autofacture n° ",
            "TVA non applicable, art. 293 B du CGI",
            "facture établie par Ristourne SAS au nom et pour le compte de Nadia &lt;Lefèvre&gt; EI",
            "15,00\u{a0}EUR",
            "4 rue des Algues<br>29900 Concarneau",
        ] {
            assert!(french.contains(part), "{part}: {french}");
        }
        assert!(page("en").await.expect("an answer").text().await.expect("the whole").contains("<h1>Self-billed invoice no. "));

        // Withdrawn: paid as before, without another statement.
        let path = format!("/publishers/{}/billing", stage.publisher);
        let withdrawn = json!({"legal_name": "Nadia", "mandate": false});
        let refused = own.call(Method::PUT, &path, Some(&withdrawn)).await.expect(422);
        assert_eq!(refused["errors"][0]["code"], "operator_only", "or the VAT of what is taken back would stay with them");
        stage.bill(operator, json!({"mandate": false})).await;
        stage.earn("A-3", "100.00").await;
        assert_eq!(stage.run().await["payments"][0]["statement"], Value::Null);
        assert_eq!(stage.statements().await.len(), 1);
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_at_once_number_without_gaps() {
    for_each_database(async |database| {
        let servers = [Server::start(database), Server::start(database)];
        let stage = stage(&servers[0]).await;
        stage.name_the_platform().await;
        stage.bill(&stage.operator, json!({"vat_number": VAT, "vat_rate": "20"})).await;
        for round in 0..4 {
            stage.earn(&format!("A-{round}"), "100.00").await;
            let other = servers[1].operator();
            let (one, two) = tokio::join!(stage.run(), other.create("/payouts", json!({"currency": "EUR"})));
            let paid: Vec<&Value> = [&one, &two].into_iter().flat_map(|batch| batch["payments"].as_array().expect("payments")).collect();
            let amounts: Vec<&Value> = paid.iter().map(|payment| &payment["amount"]["amount"]).collect();
            assert_eq!(amounts, ["12.00"], "round {round}: once");
        }
        let numbers: Vec<String> = stage.statements().await.iter().rev().map(|statement| figures(statement)[0].to_owned()).collect();
        assert_eq!(numbers, ["000001", "000002", "000003", "000004"]);
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_sees_what_is_wrong_with_a_statement() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = stage(&server).await;
        stage.name_the_platform().await;
        stage.bill(&stage.operator, json!({"vat_number": VAT, "vat_rate": "20"})).await;
        stage.earn("A-1", "100.00").await;
        let batch = stage.run().await;
        payment_to(&batch, &stage.publisher);
        drop(server);
        let mut sql = Sql::open(database).await;
        for (spoil, mend, code) in [
            ("UPDATE statement SET vat = vat + 1", "UPDATE statement SET vat = vat - 1", "statement_vat_differs"),
            ("UPDATE statement SET net = net + 5", "UPDATE statement SET net = net - 5", "statement_lines_differ"),
            ("UPDATE statement_line SET amount = amount - 1", "UPDATE statement_line SET amount = amount + 1", "statement_line_differs"),
            ("UPDATE statement SET serial = 2", "UPDATE statement SET serial = 1", "series_gap"),
            (
                "UPDATE payment SET statement = NULL",
                "UPDATE payment SET statement = (SELECT id FROM statement)",
                "statement_payment_differs",
            ),
        ] {
            sql.run(spoil).await;
            let said = ristourne(database, &["verify"]);
            let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
            assert!(!said.status.success() && text.contains(code), "{spoil}: {text}");
            sql.run(mend).await;
        }
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}
