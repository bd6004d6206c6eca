//! Two of every party with rows of every kind: what the first ones see, and what they must not.
mod second;

use crate::support::payouts::{self, by_hand, by_sepa, payment_to};
use crate::support::server::{Merchant, Operator, Server, click, ristourne_ok, text};
use reqwest::Method;
use ristourne::{
    domain::key::Role,
    kernel::time::Time,
    store::{self, Db, Options},
};
use serde_json::{Value, json};
use std::sync::atomic::AtomicU32;

pub struct World {
    pub operator: Operator,
    /// Keys of the first merchant, publisher and buyer.
    keys: [String; 3],
    pub revoked: String,
    pub merchant: Merchant,
    pub program: String,
    pub publisher: String,
    pub link: String,
    pub buyer: String,
    /// Of that program, by that publisher, bought by that buyer.
    pub conversion: String,
    /// The click that led to it.
    pub click: String,
    pub coupon: String,
    /// A message of that merchant.
    pub message: String,
    /// A table that the merchant sent.
    pub import: String,
    /// A bonus of that buyer, which that merchant pays.
    pub movement: String,
    /// What that publisher waived.
    waiver: String,
    /// Of that merchant.
    pub invoice: String,
    /// A payout run, with payments to that publisher and that buyer.
    pub batch: String,
    payments: [String; 2],
    /// Of that publisher, with its payment.
    pub statement: String,
    /// A claim of that buyer in that program.
    pub claim: String,
    /// The slug of the link.
    slug: String,
    second: Second,
    next: AtomicU32,
}

/// The same of the others.
struct Second {
    merchant: Merchant,
    secret: String,
    program: String,
    publisher: String,
    link: String,
    buyer: String,
    coupon: String,
    conversion: String,
    /// The click that led to it.
    click: String,
    message: String,
    /// A bonus of that buyer, which that merchant pays.
    movement: String,
    /// A table that the operator sent.
    import: String,
    invoice: String,
    /// A payment to that buyer.
    payment: String,
    /// Of that publisher.
    statement: String,
    /// A claim of that buyer in that program.
    claim: String,
    /// A click of the other publisher in a conversion that it shares with the first.
    rivals_click: String,
    /// In the first merchant's program, but by the other publisher alone and bought by the other buyer.
    rivals: String,
    /// A link of the other publisher to the first merchant's program.
    rivals_link: String,
}

fn key(database: &str, role: &str, owner: &str) -> Value {
    let line = ristourne_ok(database, &["key", "create", "--role", role, "--owner", owner]);
    serde_json::from_str(&line).expect("one JSON line")
}

/// A key that is revoked before anybody used it.
async fn revoked(database: &str, owner: &str) -> String {
    let key = key(database, "merchant", owner);
    let db = Db::open(database, &Options::default()).await.expect("the database opens");
    let mut tx = db.begin().await.expect("begins");
    let id = text(&key["id"]).parse().expect("an id");
    assert!(store::key::revoke(&mut tx, id, Time::from_micros(0)).await.expect("revokes"));
    tx.commit().await.expect("commits");
    db.close().await;
    text(&key["key"])
}

fn terms() -> Value {
    json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"},
        "attribution": {"model": "linear"},
        "boosts": [{"kind": "return", "percent_of_buyer_share": "50", "within_days": 7, "fades_to_zero_at_days": 30, "funded_by": "merchant"}]})
}

async fn link(operator: &Operator, program: &str, publisher: &str) -> (String, String) {
    let link = operator.create("/links", json!({"program": program, "publisher": publisher})).await;
    (text(&link["id"]), text(&link["slug"]))
}

/// A sale of these clicks, which are this buyer's; gives the conversion as the operator sees it.
async fn sold(operator: &Operator, merchant: &Merchant, program: &str, order: &str, clicks: &[&str], buyer: &str) -> Value {
    operator.post(&format!("/buyers/{buyer}/clicks"), json!({"click_ids": clicks})).await;
    let sale = json!({"program": program, "type": "sale", "order_id": order, "amount": "100.00", "currency": "EUR", "click_ids": clicks});
    let id = text(&merchant.postback(&sale).await.expect(201)["conversion"]["id"]);
    let conversion = operator.get(&format!("/conversions/{id}")).await;
    assert_eq!(conversion["buyer"], json!(buyer));
    conversion
}

async fn bonus(operator: &Operator, merchant: &Merchant, buyer: &str) -> String {
    let bonus = json!({"buyer": buyer, "amount": World::euros("2.00"), "funded_by": merchant.id, "reason": "late"});
    text(&operator.create("/bonuses", bonus).await["id"])
}

/// An invoice of all that the merchant owes.
async fn invoice(operator: &Operator, merchant: &Merchant) -> String {
    text(&operator.create("/invoices", json!({"merchant": merchant.id, "until": World::today()})).await["id"])
}

/// The last statement of a publisher.
async fn statement(operator: &Operator, publisher: &str) -> String {
    text(&operator.get(&format!("/statements?publisher={publisher}")).await["data"][0]["id"])
}

async fn claim(operator: &Operator, program: &str, buyer: &str, order: &str) -> String {
    text(&operator.create("/claims", json!({"buyer": buyer, "program": program, "order_id": order})).await["id"])
}

async fn message(operator: &Operator, program: &str) -> String {
    text(&operator.get(&format!("/inbox?program={program}")).await["data"][0]["id"])
}

impl World {
    pub async fn new(server: &Server) -> Self {
        let operator = server.operator();
        let (merchant, other) = (operator.merchant("First").await, operator.merchant("Second").await);
        let (program, theirs) = (operator.program(&merchant, "EUR", terms()).await, operator.program(&other, "EUR", terms()).await);
        let (publisher, rival) = (operator.publisher("First").await, operator.publisher("Second").await);
        let stranger = text(&operator.create("/buyers", json!({"email": "second@example.com"})).await["id"]);
        let buyer = text(&operator.create("/buyers", json!({"email": "first@example.com", "referred_by": stranger})).await["id"]);
        let (link_id, slug) = link(&operator, &program, &publisher).await;
        let (rivals_link, rivals_slug) = link(&operator, &program, &rival).await;
        let (their_link, their_slug) = link(&operator, &theirs, &rival).await;
        let coupon = operator.create("/coupons", json!({"program": program, "code": "FIRST", "publisher": publisher})).await;
        let their_coupon = operator.create("/coupons", json!({"program": theirs, "code": "SECOND", "publisher": rival})).await;
        operator.create("/rates", json!({"date": "2025-01-02", "rates": {"USD": "1.0353"}})).await;
        // A rule of their own for one publisher, which its rivals must not read.
        let mut better = terms();
        better["commission"] = json!([{"when": {"publisher": [rival]}, "pay": {"percent": "9"}}, {"pay": {"percent": "5"}}]);
        operator.create(&format!("/programs/{program}/terms"), json!({"terms": better})).await;

        let clicked = async |slug: &str| click(&operator.http, &operator.base, slug).await;
        let conversion = sold(&operator, &merchant, &program, "A-1", &[&clicked(&slug).await], &buyer).await;
        let both = [clicked(&rivals_slug).await, clicked(&slug).await];
        let shared = sold(&operator, &merchant, &program, "A-2", &[&both[0], &both[1]], &buyer).await;
        assert_eq!(shared["credits"].as_array().map(Vec::len), Some(2));
        let rivals = sold(&operator, &merchant, &program, "A-3", &[&clicked(&rivals_slug).await], &stranger).await;
        let theirs_sold = sold(&operator, &other, &theirs, "B-1", &[&clicked(&their_slug).await], &stranger).await;

        let imported = operator.upload("/imports/rates", "Date,CHF\n2025-01-02,0.9401\n").await.expect(201);

        let movement = bonus(&operator, &merchant, &buyer).await;
        let their_movement = bonus(&operator, &other, &stranger).await;
        let paid = sold(&operator, &merchant, &program, "A-4", &[&clicked(&slug).await], &buyer).await;
        operator.post(&format!("/conversions/{}/approve", text(&paid["id"])), json!({})).await;
        let their_paid = sold(&operator, &other, &theirs, "B-2", &[&clicked(&their_slug).await], &stranger).await;
        operator.post(&format!("/conversions/{}/approve", text(&their_paid["id"])), json!({})).await;
        operator.call(Method::PATCH, "/seller", Some(&json!({"name": "Ristourne SAS"}))).await.expect(200);
        for publisher in [&publisher, &rival] {
            let billing = json!({"legal_name": "Blog", "mandate": true});
            operator.call(Method::PUT, &format!("/publishers/{publisher}/billing"), Some(&billing)).await.expect(200);
        }
        for payee in [&publisher, &rival, &buyer, &stranger] {
            by_hand(&operator, payee).await;
        }
        let waived = json!({"owner": publisher, "amount": Self::euros("0.01"), "reason": "asked"});
        let waiver = text(&operator.create("/waivers", waived).await["id"]);
        let debtor = json!({"name": "Ristourne SAS", "iban": "FR7630006000011234567890189"});
        operator.call(reqwest::Method::PUT, "/payout-debtor", Some(&debtor)).await.expect(200);
        let batch = operator.create("/payouts", json!({"currency": "EUR"})).await;
        let payments = [payment_to(&batch, &publisher), payment_to(&batch, &buyer)];
        // What they might waive.
        let waived = json!({"buyer": buyer, "amount": Self::euros("50.00"), "funded_by": "platform", "reason": "late"});
        operator.create("/bonuses", waived).await;
        let sender = server.sign_in("merchant", &merchant.id);
        let verdicts = format!("program,order_id,verdict\n{program},A-0,approve\n");
        let sent = sender.upload("/imports/verdicts", verdicts).await.expect(201);

        let invoice_of_first = invoice(&operator, &merchant).await;
        let own_claim = claim(&operator, &program, &buyer, "M-1").await;
        let own = [("merchant", &merchant.id), ("publisher", &publisher), ("buyer", &buyer)];
        let keys = own.map(|(role, owner)| text(&key(&server.database, role, owner)["key"]));
        let revoked = revoked(&server.database, &merchant.id).await;
        let secret = text(&operator.get(&format!("/merchants/{}/secrets", other.id)).await["data"][0]["id"]);
        let second = Second {
            secret,
            message: message(&operator, &theirs).await,
            import: text(&imported["id"]),
            invoice: invoice(&operator, &other).await,
            movement: their_movement,
            payment: payment_to(&batch, &stranger),
            statement: statement(&operator, &rival).await,
            claim: claim(&operator, &theirs, &stranger, "M-1").await,
            merchant: other,
            program: theirs,
            publisher: rival,
            link: their_link,
            buyer: stranger,
            coupon: text(&their_coupon["id"]),
            conversion: text(&theirs_sold["id"]),
            click: text(&theirs_sold["click"]),
            rivals_click: text(&shared["credits"][0]["click"]),
            rivals: text(&rivals["id"]),
            rivals_link,
        };
        Self {
            keys,
            revoked,
            message: message(&operator, &program).await,
            statement: statement(&operator, &publisher).await,
            operator,
            merchant,
            program,
            publisher,
            link: link_id,
            buyer,
            conversion: text(&conversion["id"]),
            click: text(&conversion["click"]),
            coupon: text(&coupon["id"]),
            import: text(&sent["id"]),
            movement,
            waiver,
            invoice: invoice_of_first,
            payments,
            batch: text(&batch["id"]),
            claim: own_claim,
            slug,
            second,
            next: AtomicU32::new(0),
        }
    }

    /// One that the role sees.
    pub fn payment(&self, role: Role) -> String {
        let [to_publisher, to_buyer] = &self.payments;
        if role == Role::Publisher { to_publisher.clone() } else { to_buyer.clone() }
    }

    pub fn movement(&self, role: Role) -> String {
        if role == Role::Publisher { self.waiver.clone() } else { self.movement.clone() }
    }

    /// A run that is prepared, and its payment to the buyer.
    pub async fn fresh_payout(&self) -> (String, String) {
        payouts::prepared(&self.operator, &self.buyer).await
    }

    /// A run with something for a pain.001 and something for a CSV.
    pub async fn fresh_payout_of_both_forms(&self) -> String {
        let (payee, _) = self.operator.buyer().await;
        by_sepa(&self.operator, &payee).await;
        payouts::earn(&self.operator, &payee).await;
        self.fresh_payout().await.0
    }

    /// A payment to the buyer that the bank knows.
    pub async fn fresh_exported(&self) -> String {
        payouts::exported(&self.operator, &self.buyer).await.1
    }

    pub fn key(&self, role: Role) -> &str {
        match role {
            Role::Operator => &self.operator.key,
            Role::Merchant => &self.keys[0],
            Role::Publisher => &self.keys[1],
            Role::Buyer => &self.keys[2],
        }
    }
}
