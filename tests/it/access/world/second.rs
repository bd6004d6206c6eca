//! What is the second ones', and who must not see it.
use super::{Second, World, claim, link, terms};
use crate::support::server::{click, text};
use ristourne::{domain::key::Role, engine::clock::Clock};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const NONE: &[Role] = &[];
const M: &[Role] = &[Role::Merchant];
const P: &[Role] = &[Role::Publisher];
const MP: &[Role] = &[Role::Merchant, Role::Publisher];
const MB: &[Role] = &[Role::Merchant, Role::Buyer];
const PB: &[Role] = &[Role::Publisher, Role::Buyer];
const MPB: &[Role] = &[Role::Merchant, Role::Publisher, Role::Buyer];

/// A row of the second ones.
struct Theirs<'a> {
    id: &'a str,
    /// In whose answers it does not stand.
    hidden: &'static [Role],
    /// For whom it is the id of its kind that they may not know.
    foreign: &'static [Role],
}

impl Second {
    fn rows(&self) -> Vec<Theirs<'_>> {
        let Self {
            merchant,
            secret,
            program,
            publisher,
            link,
            buyer,
            coupon,
            conversion,
            click,
            message,
            movement,
            import,
            invoice,
            payment,
            statement,
            claim,
            rivals_click,
            rivals,
            rivals_link,
        } = self;
        let row = |id, hidden, foreign| Theirs { id, hidden, foreign };
        vec![
            row(&merchant.id, M, M),
            row(secret, MPB, M),
            row(program, M, M),
            row(publisher, P, P),
            row(link, MPB, MP),
            row(buyer, MPB, MPB),
            row(coupon, MPB, MP),
            row(conversion, MPB, M),
            row(click, MPB, M),
            row(message, MPB, M),
            row(movement, MPB, MPB),
            row(import, M, M),
            row(invoice, MB, M),
            row(payment, MPB, PB),
            row(statement, MPB, P),
            row(claim, MPB, MPB),
            row(rivals_click, P, P),
            row(rivals, PB, PB),
            row(rivals_link, P, NONE),
        ]
    }
}

impl World {
    /// An id of this kind that exists and that the role may not know; none where it may know them all, or nobody asks by one.
    pub fn foreign(&self, role: Role, prefix: &str) -> Option<String> {
        let is_kind = |id: &str| id.split_once('_').is_some_and(|(kind, _)| kind == prefix);
        let rows = self.second.rows();
        rows.iter().find(|row| row.foreign.contains(&role) && is_kind(row.id)).map(|row| row.id.to_owned())
    }

    /// Texts that stand in no answer to this role.
    pub fn secret_to(&self, role: Role) -> Vec<String> {
        let theirs = self.second.rows().into_iter().filter(|row| row.hidden.contains(&role)).map(|row| row.id.to_owned());
        // Who bought is neither the merchant's nor the publisher's to know.
        theirs.chain(MP.contains(&role).then(|| self.buyer.clone())).collect()
    }

    /// What is the second ones', as the operator sees it.
    pub async fn theirs(&self) -> Vec<Value> {
        let Second { merchant, program, publisher, link, buyer, conversion, rivals, .. } = &self.second;
        let mut seen = Vec::new();
        for path in [
            format!("/merchants/{}", merchant.id),
            format!("/merchants/{}/secrets", merchant.id),
            format!("/programs?merchant={}", merchant.id),
            format!("/programs/{program}/terms"),
            format!("/publishers/{publisher}"),
            format!("/links?publisher={publisher}"),
            format!("/links/{link}"),
            format!("/coupons?program={program}"),
            format!("/buyers/{buyer}"),
            format!("/conversions/{conversion}"),
            format!("/conversions/{rivals}"),
            format!("/conversions?program={program}"),
            format!("/entries?owner={}", merchant.id),
            format!("/movements?owner={buyer}"),
            format!("/invoices?merchant={}", merchant.id),
        ] {
            seen.push(self.operator.get(&path).await);
        }
        seen
    }

    /// A claim of the first buyer in the first program that waits.
    pub async fn fresh_claim(&self) -> String {
        claim(&self.operator, &self.program, &self.buyer, &self.number()).await
    }

    /// A text that was not given before.
    pub fn number(&self) -> String {
        format!("N-{}", self.next.fetch_add(1, Ordering::Relaxed))
    }

    pub fn today() -> String {
        Clock::System.now().to_string().chars().take(10).collect()
    }

    pub fn euros(amount: &str) -> Value {
        json!({"amount": amount, "currency": "EUR"})
    }

    /// The first merchant has credit.
    pub async fn prepay(&self) {
        let payment = json!({"amount": Self::euros("1000.00")});
        self.operator.create(&format!("/merchants/{}/payments", self.merchant.id), payment).await;
    }

    /// Another merchant, who owes 9.00 EUR.
    pub async fn debtor(&self) -> String {
        let merchant = self.operator.merchant("Debtor").await.id;
        let fee = json!({"amount": Self::euros("9.00"), "reason": "set-up"});
        self.operator.create(&format!("/merchants/{merchant}/fees"), fee).await;
        merchant
    }

    /// A fee of the first merchant.
    pub async fn fresh_movement(&self) -> String {
        let fee = json!({"amount": Self::euros("9.00"), "reason": self.number()});
        text(&self.operator.create(&format!("/merchants/{}/fees", self.merchant.id), fee).await["id"])
    }

    pub fn new_program() -> Value {
        json!({"name": "New", "currency": "EUR", "landing_url": "https://shop.example/", "domains": ["shop.example"], "terms": terms()})
    }

    /// A sale in the first merchant's program.
    pub fn new_sale(&self, click: Option<&str>) -> Value {
        json!({"program": self.program, "type": "sale", "order_id": self.number(), "amount": "10.00", "currency": "EUR", "click_id": click})
    }

    pub async fn fresh_program(&self) -> String {
        self.operator.program(&self.merchant, "EUR", terms()).await
    }

    pub async fn fresh_secret(&self) -> String {
        text(&self.operator.create(&format!("/merchants/{}/secrets", self.merchant.id), json!({})).await["id"])
    }

    pub async fn fresh_key(&self) -> String {
        text(&self.operator.create("/keys", json!({"role": "merchant", "owner": self.merchant.id})).await["id"])
    }

    pub async fn fresh_link(&self) -> String {
        link(&self.operator, &self.program, &self.publisher).await.0
    }

    pub async fn fresh_coupon(&self) -> String {
        let coupon = json!({"program": self.program, "code": self.number(), "publisher": self.publisher});
        text(&self.operator.create("/coupons", coupon).await["id"])
    }

    pub async fn fresh_vouchers(&self) -> String {
        let vouchers = json!({"count": 2, "flat": "1.00", "funded_by": "merchant"});
        text(&self.operator.create(&format!("/programs/{}/vouchers", self.program), vouchers).await["id"])
    }

    /// A pending sale through the first publisher's link.
    pub async fn fresh_conversion(&self) -> String {
        let click = click(&self.operator.http, &self.operator.base, &self.slug).await;
        text(&self.merchant.postback(&self.new_sale(Some(&click))).await.expect(201)["conversion"]["id"])
    }
}
