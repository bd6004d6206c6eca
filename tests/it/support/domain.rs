//! A small world for the domain's tests: one merchant with one program in it, and whoever a test adds.
//!
//! Every command that a test tells it is decided on the facts as `fold` left them and again on what a database would load for it, and the
//! books are checked against the orders: whatever a test is about, it fails if money goes astray.

pub use super::domain_said::*;
use super::domain_tables::Tables;
use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngSeed, TestRunner},
};
use ristourne::domain::{
    account::Account,
    buyer::Buyer,
    click::Quality,
    command::{Act, Channel, Command, Message, Outcome},
    conversion::{Conversion, Status},
    decide::{decide, due_of},
    decision::Decision,
    due::Due,
    entry::{self, Entry, Row, Subject},
    facts::{Coupon, Facts, LinkFacts, ProgramFacts},
    order::{Actor, Order},
    program::Program,
    publisher::{Kind, Publisher},
    rate::Rate,
    sale::{OpenedClick, OrderKey, Refund, SALE},
    terms::{Terms, Version},
    verdict::Grounds,
};
use ristourne::kernel::{
    id::{self, BuyerId, ClickId, CouponId, InboxId, LinkId, MerchantId, ProgramId, PublisherId},
    money::Money,
    time::{SECOND, Time, Zone},
};
use std::{collections::BTreeMap, sync::Arc};

/// A publisher with one link.
#[derive(Debug, Clone, Copy)]
pub struct Blog {
    pub publisher: PublisherId,
    pub link: LinkId,
}

/// Facts, what a database would hold of them, and the journal.
#[derive(Debug, Clone)]
pub struct World {
    pub facts: Facts,
    pub tables: Tables,
    pub entries: Vec<Entry>,
    pub merchant: MerchantId,
    pub program: ProgramId,
    /// When the next command comes in; a second passes with each.
    pub now: Time,
    /// The last decision, for tests that look behind the outcome.
    pub last: Option<Decision>,
    last_id: i64,
}

impl World {
    /// A world whose program has these terms from the start.
    pub fn with(terms: Terms) -> Self {
        let (merchant, program) = (MerchantId::from_raw(1), ProgramId::from_raw(2));
        let mut world = Self {
            facts: Facts::empty(Zone::UTC),
            tables: Tables::default(),
            entries: Vec::new(),
            merchant,
            program,
            now: noon().plus(MINUTE),
            last: None,
            last_id: 1000,
        };
        world.add_program(program, merchant, terms);
        world
    }

    /// A world with the terms of [`terms`].
    pub fn new() -> Self {
        Self::with(terms())
    }

    fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    fn add_program(&mut self, id: ProgramId, merchant: MerchantId, terms: Terms) {
        let program = Program {
            id,
            merchant,
            name: "Shop".to_owned(),
            currency: terms.currency,
            landing_url: "https://shop.example/".to_owned(),
            domains: Vec::new(),
            click_param: "rclid".to_owned(),
            pixel: true,
            upstream: false,
            ended_at: None,
        };
        let versions = vec![Version { number: 1, effective_at: noon().plus_days(1), terms: Arc::new(terms) }];
        self.facts.programs.insert(id, ProgramFacts { program, versions });
    }

    /// A further version of the program's terms.
    pub fn terms_from(&mut self, effective_at: Time, terms: Terms) {
        let versions = &mut self.facts.programs.get_mut(&self.program).expect("the program").versions;
        let number = u32::try_from(versions.len()).expect("few") + 1;
        versions.push(Version { number, effective_at, terms: Arc::new(terms) });
    }

    /// A content publisher who gives nothing.
    pub fn blog(&mut self) -> Blog {
        self.publisher(Kind::Content, "0", None)
    }

    pub fn publisher(&mut self, kind: Kind, generosity: &str, email: Option<&str>) -> Blog {
        let id = PublisherId::from_raw(self.next_id());
        let publisher = Publisher {
            id,
            name: "Blog".to_owned(),
            email: email.map(str::to_owned),
            kind,
            portal: false,
            generosity: percent(generosity),
            buyer: None,
        };
        self.facts.publishers.insert(id, publisher);
        self.link(id, self.program)
    }

    fn link(&mut self, publisher: PublisherId, program: ProgramId) -> Blog {
        let link = LinkId::from_raw(self.next_id());
        self.facts.links.insert(link, LinkFacts { program, publisher });
        Blog { publisher, link }
    }

    /// The same publisher's link to another shop.
    pub fn elsewhere(&mut self, blog: Blog) -> Blog {
        let (program, merchant) = (ProgramId::from_raw(self.next_id()), MerchantId::from_raw(self.next_id()));
        self.add_program(program, merchant, terms());
        self.link(blog.publisher, program)
    }

    pub fn buyer(&mut self, email: Option<&str>) -> BuyerId {
        let id = BuyerId::from_raw(self.next_id());
        self.facts.buyers.insert(id, Buyer { id, email: email.map(str::to_owned), external_id: None, referred_by: None });
        id
    }

    /// A code that is the publisher's own.
    pub fn coupon(&mut self, code: &str, blog: Blog, from: Option<Time>, until: Option<Time>) {
        let id = CouponId::from_raw(self.next_id());
        let coupon = Coupon { id, program: self.program, code: code.to_owned(), publisher: blog.publisher, from, until };
        self.facts.coupons.insert((self.program, code.to_lowercase()), coupon);
    }

    /// A click so many microseconds before noon, to the millisecond.
    pub fn click(&mut self, blog: Blog, before: i64) -> OpenedClick {
        let click = ClickId::from_raw(id::lowest_at(noon().plus(-before)) + self.next_id() % 4096);
        OpenedClick { click, link: blog.link, buyer: None, quality: Quality::Ok }
    }

    pub fn key(&self, order: &str) -> OrderKey {
        self.key_of(SALE, order)
    }

    pub fn key_of(&self, goal: &str, order: &str) -> OrderKey {
        OrderKey { program: self.program, goal: goal.to_owned(), order_id: order.to_owned() }
    }

    /// What comes in now from somebody, not a test.
    pub fn command(&mut self, by: Actor, act: Act) -> Command {
        let message = Message {
            id: InboxId::from_raw(self.next_id()),
            received_at: self.now,
            channel: Channel::Api,
            by,
            merchant: Some(self.merchant),
            program: Some(self.program),
            webhook_id: None,
            body: Vec::new(),
            body_hash: [0; 32],
        };
        Command::new(message, act)
    }

    pub fn tell(&mut self, by: Actor, act: Act) -> Outcome {
        let command = self.command(by, act);
        self.send(&command)
    }

    pub fn sell(&mut self, order: &str, said: &Said) -> Outcome {
        let act = Act::Sale { key: self.key(order), sale: said.0.clone() };
        self.tell(Actor::Merchant, act)
    }

    pub fn refund(&mut self, order: &str, refund_id: &str, refund: Refund) -> Outcome {
        let act = Act::Refund { key: self.key(order), refund_id: refund_id.to_owned(), refund };
        self.tell(Actor::Merchant, act)
    }

    pub fn approve(&mut self, order: &str, by: Actor) -> Outcome {
        let act = Act::Approve { key: self.key(order) };
        self.tell(by, act)
    }

    pub fn cancel(&mut self, order: &str) -> Outcome {
        let act = Act::Cancel { key: self.key(order), reason: None };
        self.tell(Actor::Merchant, act)
    }

    pub fn reject(&mut self, order: &str, reason: Option<&str>) -> Outcome {
        let act = Act::Reject { key: self.key(order), reason: reason.map(Grounds::from) };
        self.tell(Actor::Merchant, act)
    }

    pub fn adjust(&mut self, order: &str, amount: &str) -> Outcome {
        let act = Act::Adjust { key: self.key(order), amount: money(amount), reason: None };
        self.tell(Actor::Operator, act)
    }

    pub fn merchant_pays(&mut self, order: &str) -> Outcome {
        let act = Act::MerchantPaid { key: self.key(order) };
        self.tell(Actor::Operator, act)
    }

    pub fn expire(&mut self, order: &str) -> Outcome {
        let act = Act::Expire { key: self.key(order) };
        self.tell(Actor::Clock, act)
    }

    /// Stores rates of a day and, as the engine does, records the sales that waited for one.
    pub fn rates(&mut self, on: &str, rates: &[(&str, &str)]) -> Outcome {
        let rates = rates.iter().map(|(code, rate)| (currency(code), Rate::parse(rate).expect("a rate"))).collect();
        let outcome = self.tell(Actor::Operator, Act::Rates { day: day(on), rates });
        let mut waiting: Vec<OrderKey> =
            self.facts.orders.values().filter(|o| o.sale.is_some() && o.context.is_none()).map(|o| o.key.clone()).collect();
        waiting.sort();
        for key in waiting {
            self.tell(Actor::Clock, Act::Release { key });
        }
        outcome
    }

    /// Decides one command, carries it out, and checks all that must hold whatever it was.
    pub fn send(&mut self, command: &Command) -> Outcome {
        let start = self.last_id;
        let mint = |last: &mut i64| {
            *last += 1;
            *last
        };
        let mut last = start;
        let decision = decide(&self.facts, command, &mut || mint(&mut last));
        let (loaded, mut again) = (self.tables.load(&self.facts, command), start);
        assert_eq!(decide(&loaded, command, &mut || mint(&mut again)), decision, "decided otherwise on what a database loads: {command:?}");
        self.last_id = last;
        self.check(&decision, command);
        self.facts.fold(&decision);
        self.tables.apply(&decision);
        self.entries.extend(decision.changes.iter().filter_map(|change| change.entry.clone()));
        self.now = self.now.plus(SECOND);
        let outcome = decision.outcome.clone();
        self.last = Some(decision);
        outcome
    }

    fn check(&self, decision: &Decision, command: &Command) {
        let mut latest = self.facts.orders.clone();
        for change in &decision.changes {
            let (before, order) = (latest.insert(change.order.key.clone(), change.order.clone()), &change.order);
            let before = before.as_ref();
            assert_eq!(change.is_new, before.is_none());
            let (old, new) = (before.map(|b| self.row_of(b)).unwrap_or_default(), self.row_of(order));
            assert!(entry::is_balanced(&new), "the row of {order:?} after {command:?}");
            match &change.entry {
                Some(entry) => {
                    assert!(entry::is_balanced(&entry.postings), "{entry:?}");
                    assert!(!entry.postings.is_empty() && entry.postings.values().all(|amount| *amount != 0), "{entry:?}");
                    assert_eq!(entry.postings, entry::difference(&new, &old));
                    assert_eq!((entry.subject.order(), entry.at), (Some(order.id), command.message.received_at));
                }
                None => assert_eq!(old, new, "nothing is posted"),
            }
            let due = self.due_of(order);
            assert_eq!(change.conversion, due.as_ref().and_then(|due| due.conversion(order)));
            if let Some(due) = due {
                self.check_due(order, &due);
            }
        }
    }

    /// What must hold of any order's amounts.
    fn check_due(&self, order: &Order, due: &Due) {
        let shares = due.shares;
        assert_eq!(shares.publisher + shares.buyer + shares.platform, due.commission, "shares add up: {due:?}");
        assert_eq!(due.credits.iter().map(|credit| credit.amount).sum::<i64>(), shares.publisher, "credits add up: {due:?}");
        assert!([shares.publisher, shares.buyer, shares.platform].into_iter().all(|share| share >= 0));
        assert!(due.credits.iter().all(|credit| credit.amount >= 0));
        if matches!(due.status, Status::Rejected | Status::Unattributed) {
            assert_eq!((due.commission, due.net), (0, 0), "{due:?}");
            assert!(self.row_of(order).is_empty());
        }
        if due.commission == 0 && due.workings.shared.as_ref().is_none_or(|shared| shared.expired == 0) {
            assert!(due.reason.is_some(), "a commission of 0 has its reason: {due:?}");
        }
        let mut as_sold = order.clone();
        as_sold.refunds.clear();
        let sold = self.due_of(&as_sold).expect("recorded");
        let before_expiry = |due: &Due| due.workings.commission.as_ref().map_or(0, |commission| commission.rounded);
        assert!(before_expiry(due) <= before_expiry(&sold), "more than as sold: {due:?}");
    }

    pub fn due_of(&self, order: &Order) -> Option<Due> {
        due_of(&self.facts.programs[&order.key.program], order).expect("in range")
    }

    pub fn due(&self, order: &str) -> Due {
        self.due_of(&self.facts.orders[&self.key(order)]).expect("recorded")
    }

    pub fn conversion(&self, order: &str) -> Conversion {
        let order = &self.facts.orders[&self.key(order)];
        self.due_of(order).and_then(|due| due.conversion(order)).expect("recorded")
    }

    /// Status, commission, and the shares of publishers, buyer and platform, as `pending 6.00 = 3.60 + 1.80 + 0.60`.
    pub fn says(&self, order: &str) -> String {
        let conversion = self.conversion(order);
        let text = |minor| Money::new(minor, conversion.commission.currency).amount().to_string();
        let shares = conversion.shares;
        let (publisher, buyer, platform) = (text(shares.publisher), text(shares.buyer), text(shares.platform));
        format!("{} {} = {publisher} + {buyer} + {platform}", conversion.status.word(), conversion.commission.amount())
    }

    fn row_of(&self, order: &Order) -> Row {
        let program = &self.facts.programs[&order.key.program].program;
        self.due_of(order).map(|due| due.row(program.merchant, program.id)).unwrap_or_default()
    }

    /// Balances by adding up the journal, debits positive, without zeros. Checked against what the orders hold.
    pub fn balances(&self) -> Row {
        let (mut by_entries, mut by_orders) = (Row::new(), Row::new());
        for (account, amount) in self.entries.iter().flat_map(|entry| &entry.postings) {
            *by_entries.entry(*account).or_default() += amount;
        }
        let mut of_order: BTreeMap<_, Row> = BTreeMap::new();
        for entry in &self.entries {
            let row = of_order.entry(entry.subject).or_default();
            for (account, amount) in &entry.postings {
                *row.entry(*account).or_default() += amount;
            }
        }
        for order in self.facts.orders.values() {
            let row = self.row_of(order);
            let mut posted = of_order.remove(&Subject::Order(order.id)).unwrap_or_default();
            posted.retain(|_, amount| *amount != 0);
            assert_eq!(posted, row, "what was posted for {} is what it holds", order.key);
            for (account, amount) in row {
                *by_orders.entry(account).or_default() += amount;
            }
        }
        assert_eq!(of_order, BTreeMap::new(), "entries of no order");
        by_entries.retain(|_, amount| *amount != 0);
        by_orders.retain(|_, amount| *amount != 0);
        assert_eq!(by_entries, by_orders, "balances are what the orders hold");
        by_entries
    }

    /// A balance on the account's usual side, in minor units.
    pub fn balance(&self, account: Account) -> i64 {
        account.usual(self.balances().get(&account).copied().unwrap_or(0))
    }
}

/// Runs a property on so many made-up values, always the same ones for a seed.
pub fn property<S: Strategy>(cases: u32, seed: u64, strategy: S, test: impl Fn(S::Value)) {
    let config = Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, max_shrink_iters: 3_000, ..Config::default() };
    let outcome = TestRunner::new(config).run(&strategy, |value| {
        test(value);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// The next number of a fixed sequence (splitmix64), for what must never change with a library.
pub fn draw(state: &mut u64) -> u16 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    u16::try_from((mixed ^ (mixed >> 31)) >> 48).expect("16 bits")
}
