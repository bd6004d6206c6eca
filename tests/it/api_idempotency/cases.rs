//! A POST of every operation: those that take effect, and those that are refused because of what is stored.
use super::{Stage, terms};
use crate::support::server::{click, client, text};
use reqwest::Method;
use ristourne::engine::clock::Clock;
use serde_json::{Value, json};

pub struct Case {
    /// The operation's path.
    pub of: &'static str,
    pub path: String,
    pub body: Value,
    /// How many commands the ledger notes as answered again.
    pub noted: usize,
}

impl Case {
    fn new(of: &'static str, path: String, body: Value) -> Self {
        Self { of, path, body, noted: 0 }
    }

    /// Of an operation whose path has no id.
    fn plain(of: &'static str, body: Value) -> Self {
        Self::new(of, of.to_owned(), body)
    }

    /// Through the ledger writer, as so many commands.
    fn noted(self, noted: usize) -> Self {
        Self { noted, ..self }
    }
}

/// Those that are taken, in their order, and those that are then refused, which is kept too.
pub async fn posts(stage: &Stage) -> (Vec<Case>, Vec<Case>) {
    let Stage { operator, merchant, program, publisher, .. } = stage;
    let (buyer, _) = operator.buyer().await;
    let clicked = click(&client(), &stage.base, &stage.slug).await;
    let (first, second, third) = (stage.sell("A-1").await, stage.sell("A-2").await, stage.sell("A-3").await);
    let sale = |order: &str| json!({"program": program, "order_id": order, "amount": "9.00", "currency": "EUR"});
    let new_program = |merchant: &str| json!({"merchant": merchant, "name": "P", "currency": "EUR", "landing_url": "https://a.example/", "domains": [], "terms": terms()});
    let link = |slug: Option<&str>| json!({"program": program, "publisher": publisher, "slug": slug});
    let coupon = |code: &str| json!({"program": program, "publisher": publisher, "code": code});
    let mut taken = vec![
        Case::plain("/merchants", json!({"name": "Another"})),
        Case::new("/merchants/{id}/secrets", format!("/merchants/{}/secrets", merchant.id), json!({})),
        Case::plain("/programs", new_program(&merchant.id)),
        Case::new("/programs/{id}/terms", format!("/programs/{program}/terms"), json!({"terms": terms()})),
        Case::new("/programs/{id}/vouchers", format!("/programs/{program}/vouchers"), json!({"count": 2, "flat": "1.00"})),
        Case::plain("/publishers", json!({"name": "Another"})),
        Case::plain("/links", link(None)),
        Case::plain("/links", link(Some("chosen"))),
        Case::plain("/coupons", coupon("BLOG10")),
        Case::plain("/buyers", json!({"email": "alice@example.com"})),
        Case::new("/buyers/{id}/clicks", format!("/buyers/{buyer}/clicks"), json!({"click_ids": [clicked, "forged"]})).noted(1),
        Case::plain("/conversions", json!([sale("B-1"), sale("B-2"), {"program": program}])).noted(3),
        Case::new("/conversions/{id}/approve", format!("/conversions/{first}/approve"), json!({})).noted(1),
        Case::new("/conversions/{id}/adjust", format!("/conversions/{second}/adjust"), json!({"amount": "90.00", "reason": "returned"}))
            .noted(1),
        Case::new("/conversions/{id}/reject", format!("/conversions/{third}/reject"), json!({"reason": "fraud"})).noted(1),
        Case::new("/conversions/{id}/reopen", format!("/conversions/{third}/reopen"), json!({"reason": "duplicate"})).noted(1),
        Case::plain(
            "/conversions/verdicts",
            json!([{"conversion": third, "verdict": "reject", "reason": "fraud"}, {"conversion": third}, {}]),
        )
        .noted(3),
        Case::plain("/keys", json!({"role": "publisher", "owner": publisher})),
        Case::plain("/rates", json!({"date": "2026-11-20", "rates": {"USD": "1.0876"}})).noted(1),
    ];
    taken.extend(movements(stage, &buyer).await);
    taken.extend(invoices(stage).await);
    taken.extend(claims(stage, &buyer).await);
    let refused = vec![
        Case::plain("/links", link(Some("chosen"))),
        Case::plain("/coupons", coupon("blog10")),
        Case::plain("/buyers", json!({"email": "ALICE@example.com"})),
        Case::plain("/programs", new_program("mer_0000000000001")),
        Case::plain("/rates", json!({"date": "2026-11-20", "rates": {"USD": "1.0877"}})).noted(1),
    ];
    (taken, refused)
}

/// Missing cashback. The sign-in among the cases before shows the buyer's visit.
async fn claims(stage: &Stage, buyer: &str) -> Vec<Case> {
    let new = |order: &str| json!({"buyer": buyer, "program": stage.program, "order_id": order});
    let mut cases = vec![Case::plain("/claims", new("M-0"))];
    for (of, body) in [
        ("/claims/{id}/accept", json!({"amount": "20.00"})),
        ("/claims/{id}/refuse", json!({"reason": "too_late"})),
        ("/claims/{id}/goodwill", json!({"amount": "2.00", "funded_by": "platform"})),
    ] {
        let id = text(&stage.operator.create("/claims", new(of)).await["id"]);
        cases.push(Case::new(of, of.replace("{id}", &id), body));
    }
    cases.into_iter().map(|case| case.noted(1)).collect()
}

/// What moves beside orders.
async fn movements(stage: &Stage, buyer: &str) -> Vec<Case> {
    let (operator, merchant) = (&stage.operator, &stage.merchant.id);
    let euros = |amount: &str| json!({"amount": amount, "currency": "EUR"});
    let debtor = operator.merchant("Insolvent").await.id;
    let fee = json!({"amount": euros("9.00"), "reason": "set-up"});
    let movement = text(&operator.create(&format!("/merchants/{debtor}/fees"), fee.clone()).await["id"]);
    operator.create(&format!("/merchants/{debtor}/fees"), fee.clone()).await;
    let of_merchant = |what: &str| format!("/merchants/{merchant}/{what}");
    let cases = vec![
        Case::plain("/bonuses", json!({"buyer": buyer, "amount": euros("5.00"), "funded_by": merchant, "reason": "late"})),
        Case::new("/merchants/{id}/fees", of_merchant("fees"), fee),
        Case::new("/merchants/{id}/payments", of_merchant("payments"), json!({"amount": euros("50.00")})),
        Case::new("/merchants/{id}/repayments", of_merchant("repayments"), json!({"amount": euros("1.00")})),
        Case::plain("/write-offs", json!({"owner": debtor, "amount": euros("1.00"), "reason": "insolvent"})),
        Case::plain("/waivers", json!({"owner": buyer, "amount": euros("1.00"), "reason": "waived"})),
        Case::plain("/bank-charges", json!({"amount": euros("0.20")})),
        Case::new("/movements/{id}/reverse", format!("/movements/{movement}/reverse"), json!({"reason": "a typing error"})),
    ];
    cases.into_iter().map(|case| case.noted(1)).collect()
}

/// What a merchant is invoiced, and pays.
async fn invoices(stage: &Stage) -> Vec<Case> {
    let operator = &stage.operator;
    operator.call(Method::PATCH, "/seller", Some(&json!({"name": "Ristourne SAS"}))).await.expect(200);
    let today: String = Clock::System.now().to_string().chars().take(10).collect();
    let owing = async || {
        let merchant = operator.merchant("Owing").await.id;
        let fee = json!({"amount": {"amount": "9.00", "currency": "EUR"}, "reason": "set-up"});
        operator.create(&format!("/merchants/{merchant}/fees"), fee).await;
        json!({"merchant": merchant, "until": today})
    };
    let invoice = text(&operator.create("/invoices", owing().await).await["id"]);
    let payment = Case::new("/invoices/{id}/payments", format!("/invoices/{invoice}/payments"), json!({"amount": "5.00"}));
    vec![Case::plain("/invoices", owing().await).noted(1), payment.noted(1)]
}
