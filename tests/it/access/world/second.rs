//! What is the second ones', and who must not see it.
use super::{Second, World, claim, link, terms};
use crate::support::server::{click, text};
use ristourne::{domain::key::Role, engine::clock::Clock};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

impl World {
    /// An id of this kind that exists and that the role may not know; none where it may know them all, or nobody asks by one.
    pub fn foreign(&self, role: Role, prefix: &str) -> Option<String> {
        let Second {
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
            ..
        } = &self.second;
        let found = match (role, prefix) {
            (Role::Operator, _) => return None,
            (_, "buy") => buyer,
            (Role::Merchant, "mer") => &merchant.id,
            (Role::Merchant, "prg") => program,
            (Role::Merchant, "sec") => secret,
            (Role::Merchant, "inb") => message,
            (Role::Merchant, "imp") => import,
            (Role::Merchant, "cnv") => conversion,
            (Role::Merchant, "clk") => click,
            (_, "mov") => movement,
            (Role::Merchant, "inv") => invoice,
            (Role::Publisher | Role::Buyer, "pay") => payment,
            (Role::Publisher, "stm") => statement,
            (_, "clm") => claim,
            (Role::Merchant | Role::Publisher, "cpn") => coupon,
            (Role::Publisher, "pub") => publisher,
            (Role::Merchant | Role::Publisher, "lnk") => link,
            (Role::Publisher, "clk") => rivals_click,
            (Role::Publisher | Role::Buyer, "cnv") => rivals,
            _ => return None,
        };
        Some(found.clone())
    }

    /// Texts that stand in no answer to this role.
    pub fn secret_to(&self, role: Role) -> Vec<String> {
        let Second {
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
            invoice,
            payment,
            statement,
            claim,
            rivals_click,
            rivals,
            rivals_link,
            import,
        } = &self.second;
        let found: &[&String] = match role {
            Role::Operator => &[],
            Role::Merchant => &[
                &merchant.id,
                secret,
                program,
                link,
                buyer,
                &self.buyer,
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
            ],
            Role::Publisher => &[
                secret,
                publisher,
                link,
                rivals_link,
                buyer,
                &self.buyer,
                coupon,
                conversion,
                click,
                message,
                movement,
                payment,
                statement,
                claim,
                rivals_click,
                rivals,
            ],
            Role::Buyer => &[secret, link, buyer, coupon, conversion, click, message, movement, invoice, payment, statement, claim, rivals],
        };
        found.iter().map(|text| (*text).clone()).collect()
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
