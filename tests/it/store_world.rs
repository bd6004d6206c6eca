//! A small world for the store's tests: a shop with two programs, two blogs, two buyers, and commands as they come in.
use ristourne::domain::{
    buyer::Buyer,
    click::Quality,
    command::{Act, Channel, Command, Message, Outcome},
    entry::Link as Head,
    merchant::{Billing, Merchant},
    order::Actor,
    program::Program,
    publisher::{Kind, Publisher},
    sale::{Content, Customer, Line, OpenedClick, OrderKey, Refund, Sale, SentClick},
};
use ristourne::engine::ledger_batch::{self, Setting};
use ristourne::kernel::{
    currency::Currency,
    id::{BuyerId, ClickId, Generator, InboxId, LinkId, MerchantId, ProgramId, PublisherId},
    money::Money,
    percent::Percent,
    time::{SECOND, Time, Zone},
};
use ristourne::store::{self, Db, Options, facts::TermsCache, link::Link};
use std::sync::Arc;

pub const TERMS: &str = r#"{"rules": 1, "commission": [{"when": {"type": "sale"}, "pay": {"tiers": [{"from": "0", "percent": "5"}, {"from": "1000", "percent": "6"}]}}],
    "split": {"publisher": "60", "buyer": "30", "platform": "10"}, "hold_days": 30, "claim_days": 30}"#;

pub const MERCHANT: MerchantId = MerchantId::from_raw(1);
pub const EURO: ProgramId = ProgramId::from_raw(2);
pub const DOLLAR: ProgramId = ProgramId::from_raw(3);
pub const BLOG: PublisherId = PublisherId::from_raw(4);
pub const OTHER_BLOG: PublisherId = PublisherId::from_raw(5);
pub const LINK: LinkId = LinkId::from_raw(6);
pub const OTHER_LINK: LinkId = LinkId::from_raw(7);
pub const DOLLAR_LINK: LinkId = LinkId::from_raw(8);
pub const BUYER: BuyerId = BuyerId::from_raw(9);

pub fn now() -> Time {
    Time::parse("2026-11-22T09:00:00Z").expect("a time")
}

pub fn usd() -> Currency {
    "USD".parse().expect("known")
}

pub struct World {
    pub setting: Setting,
    pub head: Option<Head>,
    /// Of the next command.
    pub now: Time,
}

impl World {
    pub async fn new(url: &str) -> Self {
        let db = Db::open(url, &Options::default()).await.expect("opens");
        let mut tx = db.begin().await.expect("begins");
        store::merchant::insert(&mut tx, &Merchant { id: MERCHANT, name: "Shop".into(), email: None, billing: Billing::default() }, now())
            .await
            .expect("inserts");
        for (id, currency) in [(EURO, Currency::EUR), (DOLLAR, usd())] {
            store::program::insert(&mut tx, &program(id, currency), now()).await.expect("inserts");
            assert_eq!(store::terms::insert(&mut tx, id, now(), TERMS, now()).await.expect("inserts"), 1);
        }
        for (id, email) in [(BLOG, "Blog@example.org"), (OTHER_BLOG, "other@example.org")] {
            store::publisher::insert(&mut tx, &publisher(id, email), now()).await.expect("inserts");
        }
        for (id, slug, program, publisher) in
            [(LINK, "one", EURO, BLOG), (OTHER_LINK, "two", EURO, OTHER_BLOG), (DOLLAR_LINK, "three", DOLLAR, BLOG)]
        {
            let link = Link { id, slug: slug.into(), program, publisher, url: None, ended_at: None };
            assert!(store::link::insert(&mut tx, &link, now()).await.expect("inserts"));
        }
        let buyer = Buyer { id: BUYER, email: Some("reader@example.org".into()), external_id: None, referred_by: None };
        store::buyer::insert(&mut tx, &buyer, now()).await.expect("inserts");
        tx.commit().await.expect("commits");
        let ids = Arc::new(Generator::new(3, 0));
        let setting = Setting { db, ids, zone: Zone::UTC, terms: Arc::new(TermsCache::default()), debt_limit: None };
        Self { setting, head: None, now: now() }
    }

    pub fn db(&self) -> &Db {
        &self.setting.db
    }

    pub fn command(&mut self, by: Actor, act: Act) -> Command {
        self.now = self.now.plus(SECOND);
        let message = Message {
            id: InboxId::from_raw(self.setting.ids.next(self.now)),
            received_at: self.now,
            channel: Channel::Postback,
            by,
            merchant: Some(MERCHANT),
            program: act.key().map(|key| key.program),
            webhook_id: Some(format!("msg_{}", self.setting.ids.next(self.now))),
            body: b"{}".to_vec(),
            body_hash: [7; 32],
        };
        Command::new(message, act)
    }

    pub async fn run(&mut self, commands: &[Command]) -> Vec<Outcome> {
        ledger_batch::run(&self.setting, &mut self.head, commands).await.expect("the batch commits")
    }

    pub async fn one(&mut self, by: Actor, act: Act) -> Outcome {
        let command = self.command(by, act);
        self.run(&[command]).await.remove(0)
    }
}

pub fn program(id: ProgramId, currency: Currency) -> Program {
    Program {
        id,
        merchant: MERCHANT,
        name: "Bücher & more".into(),
        currency,
        landing_url: "https://shop.example/?c={click_id}".into(),
        domains: vec!["shop.example".into(), "xn--bcher-kva.example".into()],
        click_param: "rclid".into(),
        pixel: true,
        upstream: false,
        ended_at: None,
    }
}

pub fn publisher(id: PublisherId, email: &str) -> Publisher {
    let generosity: Percent = "12.5".parse().expect("a percentage");
    Publisher { id, name: "Blog".into(), email: Some(email.into()), kind: Kind::Content, portal: false, generosity, buyer: None }
}

pub fn key(program: ProgramId, order_id: &str) -> OrderKey {
    OrderKey { program, goal: "sale".into(), order_id: order_id.into() }
}

/// A click of an hour ago; `n` tells clicks apart.
pub fn click(link: LinkId, n: i64) -> OpenedClick {
    let id = ristourne::kernel::id::lowest_at(now().plus(-3600 * SECOND)) + n;
    OpenedClick { click: ClickId::from_raw(id), link, buyer: None, quality: Quality::Ok }
}

pub fn sale(minor: i64, currency: Currency, clicks: &[OpenedClick]) -> Sale {
    let line = Line { sku: Some("S1".into()), category: None, quantity: 1, amount: minor };
    Sale {
        content: Content {
            amount: Money::new(minor, currency),
            lines: vec![line],
            coupon: None,
            customer: Some(Customer { reference: Some("c-77".into()), new: None }),
            reported: None,
        },
        occurred_at: now(),
        clicks: clicks.iter().copied().map(SentClick::Opened).collect(),
        other_channel: None,
        signed: true,
    }
}

pub fn refund(minor: i64) -> Refund {
    Refund::Amount(Money::new(minor, Currency::EUR))
}
