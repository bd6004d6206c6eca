//! How a stream of commands is cut into batches does not matter: the same rows and answers, on both databases, and `verify` passes.
use crate::support::{Fresh, dump::dump, for_each_database};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use ristourne::domain::{
    buyer::Buyer,
    click::Quality,
    command::{Act, Channel, Command, Message, Once, Outcome},
    facts::Coupon,
    idempotency::{Scope, Slot},
    merchant::{Billing, Merchant},
    order::Actor,
    program::Program,
    publisher::{Kind, Publisher},
    rate::Rate,
    sale::{Content, Customer, Line, OpenedClick, OrderKey, Refund, RefundLine, SALE, Sale, SentClick},
    terms::{self, Terms},
};
use ristourne::engine::{
    ledger_batch::{self, Setting},
    verify::verify,
};
use ristourne::kernel::{
    currency::Currency,
    id::{BuyerId, ClickId, CouponId, Generator, InboxId, KeyId, LinkId, MerchantId, ProgramId, PublisherId, lowest_at},
    money::Money,
    percent::Percent,
    time::{DAY, Day, SECOND, Time, Zone},
};
use ristourne::store::{self, Db, terms::TermsCache};
use std::sync::Arc;

const PROGRAMS: i64 = 2;
const LINKS: i64 = 4;
const BUYERS: i64 = 2;
const CLICKS: i64 = 8;

fn start() -> Time {
    Time::parse("2026-10-28T12:00:00Z").expect("a time")
}

fn terms_text(n: i64) -> &'static str {
    // Two very different programs: a simple one, and one with everything that is looked up.
    if n == 1 {
        r#"{"commission": [{"when": {"type": ["sale", "lead"]}, "pay": {"percent": "7.77"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}, "hold_days": 1, "claim_days": 2}"#
    } else {
        r#"{"commission": [{"when": {"customer": "new", "min_amount": "20.00"}, "pay": {"flat": "1.01"}}, {"when": {"category": "books"}, "pay": {"per_item": "0.35"}, "cap": {"per_order": "2.00"}},
            {"pay": {"tiers": [{"from": "0", "percent": "5"}, {"from": "40", "percent": "9.5"}]}}, {"when": {"type": "lead"}, "pay": {"flat": "1.50"}}],
            "split": {"publisher": "42.86", "buyer": "42.86", "platform": "14.28"}, "attribution": {"model": "position", "self_referral": "hold", "stand_down_minutes": 60},
            "hold_days": 2, "claim_days": 1, "unclaimed_to": "publisher", "payable_on": "merchant_payment"}"#
    }
}

async fn furnish(db: &Db) {
    let mut tx = db.begin().await.expect("begins");
    let (at, start) = (Time::parse("2026-01-01T00:00:00Z").expect("a time"), start());
    let merchant = Merchant { id: MerchantId::from_raw(1), name: "Mérou".into(), email: None, billing: Billing::default() };
    store::merchant::insert(&mut tx, &merchant, at).await.expect("inserts");
    for n in 1..=PROGRAMS {
        let currency: Currency = if n == 1 { Currency::EUR } else { "USD".parse().expect("known") };
        let program = Program {
            id: ProgramId::from_raw(n),
            merchant: merchant.id,
            name: format!("Program {n}"),
            currency,
            landing_url: "https://shop.example/".into(),
            domains: vec![],
            click_param: "rclid".into(),
            pixel: true,
            upstream: false,
            ended_at: None,
        };
        store::program::insert(&mut tx, &program, at).await.expect("inserts");
        let parsed: Terms = terms::parse::parse(terms_text(n), currency, false).expect("sound terms");
        store::terms::insert(&mut tx, program.id, at, &parsed.to_json(), at).await.expect("inserts");
    }
    for n in 1..=LINKS {
        let kind = if n == 4 { Kind::Tool } else { Kind::Content };
        let generosity: Percent = if n == 2 { "12.5".parse().expect("a percentage") } else { Percent::ZERO };
        let publisher = Publisher {
            id: PublisherId::from_raw(n),
            name: format!("Blog {n}"),
            email: Some(format!("p{n}@example.org")),
            kind,
            portal: false,
            generosity,
            buyer: None,
        };
        store::publisher::insert(&mut tx, &publisher, at).await.expect("inserts");
        let link = store::link::Link {
            id: LinkId::from_raw(n),
            slug: format!("s{n}"),
            program: ProgramId::from_raw(n % PROGRAMS + 1),
            publisher: publisher.id,
            url: None,
            ended_at: None,
        };
        assert!(store::link::insert(&mut tx, &link, at).await.expect("inserts"));
    }
    for n in 1..=BUYERS {
        // The second buyer is the second blogger.
        let buyer = Buyer {
            id: BuyerId::from_raw(n),
            email: Some(format!("P{n}@example.org").replace("P1", "b1")),
            external_id: None,
            referred_by: None,
        };
        store::buyer::insert(&mut tx, &buyer, at).await.expect("inserts");
    }
    let coupon = Coupon {
        id: CouponId::from_raw(1),
        program: ProgramId::from_raw(2),
        code: "Blog3".into(),
        publisher: PublisherId::from_raw(3),
        from: None,
        until: Some(start.plus(DAY)),
    };
    assert!(store::coupon::insert(&mut tx, &coupon, at).await.expect("inserts"));
    tx.commit().await.expect("commits");
}

fn click(n: i64) -> OpenedClick {
    let quality = if n == 5 {
        Quality::Suspect
    } else if n == 6 {
        Quality::Embedded
    } else {
        Quality::Ok
    };
    let id = lowest_at(start().plus(-n * DAY / 3)) + n;
    OpenedClick {
        click: ClickId::from_raw(id),
        link: LinkId::from_raw(n % LINKS + 1),
        buyer: (n == 7).then(|| BuyerId::from_raw(1)),
        quality,
    }
}

#[derive(Debug, Clone)]
enum Op {
    Sale { order: i64, cents: i64, clicks: Vec<i64>, signed: bool, customer: Option<i64>, coupon: bool, currency: usize, lead: bool },
    Refund { order: i64, id: i64, cents: i64 },
    RefundLine { order: i64, id: i64, cents: i64 },
    Cancel { order: i64 },
    Reject { order: i64 },
    Approve { order: i64, by: Actor },
    Adjust { order: i64, cents: i64 },
    Paid { order: i64 },
    Expire { order: i64, lead: bool },
    Tie { buyer: i64, clicks: Vec<i64> },
    Rates { back: i32, other: bool },
}

fn op() -> impl Strategy<Value = Op> {
    let order = 0..10_i64;
    let clicks = || prop::collection::vec(0..CLICKS, 0..4);
    let cents = || prop::sample::select(vec![0_i64, 1, 999, 2000, 11_999, 12_345]);
    let by = prop::sample::select(vec![Actor::Merchant, Actor::Operator, Actor::Clock]);
    let sale = (order.clone(), cents(), clicks(), any::<bool>(), prop::option::of(0..3_i64), any::<bool>(), 0..3_usize, 0..10).prop_map(
        |(order, cents, clicks, signed, customer, coupon, currency, lead)| Op::Sale {
            order,
            cents,
            clicks,
            signed,
            customer,
            coupon,
            currency,
            lead: lead == 0,
        },
    );
    prop_oneof![
        8 => sale,
        3 => (order.clone(), 0..3_i64, cents()).prop_map(|(order, id, cents)| Op::Refund { order, id, cents }),
        2 => (order.clone(), 0..3_i64, cents()).prop_map(|(order, id, cents)| Op::RefundLine { order, id, cents }),
        1 => order.clone().prop_map(|order| Op::Cancel { order }),
        1 => order.clone().prop_map(|order| Op::Reject { order }),
        4 => (order.clone(), by).prop_map(|(order, by)| Op::Approve { order, by }),
        1 => (order.clone(), cents()).prop_map(|(order, cents)| Op::Adjust { order, cents }),
        1 => order.clone().prop_map(|order| Op::Paid { order }),
        2 => order.prop_map(|order| Op::Expire { order, lead: false }),
        2 => (1..=BUYERS, clicks()).prop_map(|(buyer, clicks)| Op::Tie { buyer, clicks }),
        2 => (0..9_i32, any::<bool>()).prop_map(|(back, other)| Op::Rates { back, other }),
    ]
}

/// Two hours pass between commands, so that holds and claims end on the way.
fn command(n: usize, op: &Op) -> Command {
    let later = if n >= 60 { 10 * DAY } else { 0 };
    let at = start().plus(i64::try_from(n).expect("few") * DAY / 12 + later);
    let key = |order: &i64, lead: bool| OrderKey {
        program: ProgramId::from_raw(order % PROGRAMS + 1),
        goal: if lead { "lead" } else { SALE }.into(),
        order_id: format!("A-{order}"),
    };
    let eur = |cents: &i64| Money::new(*cents, Currency::EUR);
    let (by, act) = match op {
        Op::Sale { order, cents, clicks, signed, customer, coupon, currency, lead } => {
            let currency: Currency = ["EUR", "USD", "JPY"][*currency].parse().expect("known");
            let lines = vec![
                Line { sku: Some("S1".into()), category: Some("books".into()), quantity: 2, amount: cents / 3 },
                Line { sku: Some("S2".into()), category: None, quantity: 1, amount: cents - cents / 3 },
            ];
            let content = Content {
                amount: Money::new(*cents, currency),
                lines,
                coupon: coupon.then(|| "BLOG3".to_owned()),
                customer: customer.map(|c| Customer { reference: Some(format!("c{c}")), new: None }),
                reported: None,
            };
            let sent = clicks.iter().map(|&c| if c == 0 { SentClick::Unknown("forged".into()) } else { SentClick::Opened(click(c)) });
            let mut sent: Vec<SentClick> = sent.collect();
            sent.dedup();
            let sale = Sale { content, occurred_at: at.plus(-SECOND), clicks: sent, other_channel: None, signed: *signed };
            (Actor::Merchant, Act::Sale { key: key(order, *lead), sale })
        }
        Op::Refund { order, id, cents } => {
            (Actor::Merchant, Act::Refund { key: key(order, false), refund_id: format!("r{id}"), refund: Refund::Amount(eur(cents)) })
        }
        Op::RefundLine { order, id, cents } => {
            let lines = vec![RefundLine { sku: "S1".into(), quantity: 1, amount: cents / 3 }];
            (
                Actor::Merchant,
                Act::Refund {
                    key: key(order, false),
                    refund_id: format!("r{id}"),
                    refund: Refund::Lines { currency: Currency::EUR, lines },
                },
            )
        }
        Op::Cancel { order } => (Actor::Merchant, Act::Cancel { key: key(order, false), reason: None }),
        Op::Reject { order } => (Actor::Operator, Act::Reject { key: key(order, false), reason: Some("fraud".into()) }),
        Op::Approve { order, by } => (*by, Act::Approve { key: key(order, false) }),
        Op::Adjust { order, cents } => (Actor::Operator, Act::Adjust { key: key(order, false), amount: eur(cents), reason: None }),
        Op::Paid { order } => (Actor::Operator, Act::MerchantPaid { key: key(order, false) }),
        Op::Expire { order, lead } => (Actor::Clock, Act::Expire { key: key(order, *lead) }),
        Op::Tie { buyer, clicks } => {
            (Actor::Buyer, Act::Tie { buyer: BuyerId::from_raw(*buyer), clicks: clicks.iter().map(|&c| click(c)).collect() })
        }
        Op::Rates { back, other } => {
            let day = Day::from_number(i32::try_from(Zone::UTC.day(start()).number()).expect("a day")).minus(back - 4);
            let rate = |code: &str, text: &str| (code.parse().expect("known"), Rate::parse(text).expect("a rate"));
            let rates = if *other { vec![rate("USD", "1.0876")] } else { vec![rate("USD", "1.0876"), rate("JPY", "161.37")] };
            (Actor::Operator, Act::Rates { day, rates })
        }
    };
    let message = Message {
        id: InboxId::from_raw(i64::try_from(n).expect("few") + 1),
        received_at: at,
        channel: Channel::Api,
        by,
        merchant: Some(MerchantId::from_raw(1)),
        program: act.key().map(|key| key.program),
        webhook_id: (n.is_multiple_of(3) && n < 60).then(|| format!("w{}", n % 9)),
        body: format!("{op:?}").into_bytes(),
        body_hash: [u8::try_from(n % 5).expect("small"); 32],
    };
    let once = (n % 4 == 1 && n < 60).then(|| Box::new(once(n)));
    Command { test: n % 17 == 5 && n < 60, once, ..Command::new(message, act) }
}

/// Every fourth command has an `Idempotency-Key`, one of five: some come again with the same body, some with another.
fn once(n: usize) -> Once {
    let scope = Scope { api_key: KeyId::from_raw(1), path: "/conversions".to_owned(), token: format!("t{}", n % 5) };
    let render = Arc::new(|outcome: &Outcome| (outcome.http(), format!("{:?}", outcome.verdict()).into_bytes()));
    let item = u32::from(n % 8 == 1);
    Once { slot: Slot { scope: Arc::new(scope), item }, body_hash: [u8::try_from(n / 20 % 2).expect("small"); 32], render }
}

fn setting_of(db: &Db) -> Setting {
    let ids = Arc::new(Generator::new(3, 0));
    Setting { db: db.clone(), ids, zone: Zone::UTC, terms: Arc::new(TermsCache::default()), debt_limit: None }
}

async fn run(db: &Db, commands: &[Command], cuts: &[usize]) -> Vec<Outcome> {
    furnish(db).await;
    let setting = setting_of(db);
    let (mut head, mut outcomes, mut from) = (None, Vec::new(), 0);
    for &to in cuts.iter().chain([&commands.len()]) {
        if to > from {
            outcomes.extend(ledger_batch::run(&setting, &mut head, &commands[from..to]).await.expect("the batch is stored"));
            from = to;
        }
    }
    let report = verify(db, &Zone::UTC, &setting.terms).await.expect("verify reads");
    assert_eq!(report.breaches, [], "after {cuts:?}");
    outcomes
}

#[tokio::test(flavor = "multi_thread")]
async fn any_cut_into_batches_leaves_the_same_rows_and_answers() {
    let cases = 12;
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let strategy = (prop::collection::vec(op(), 60), prop::collection::vec(0..60_usize, 6));
    for case in 0..cases {
        let (mut ops, mut cuts) = strategy.new_tree(&mut runner).expect("a case").current();
        // At the end the clock comes by, as the job lets it: no unclaimed share outlives its date.
        ops.extend((0..20).map(|n| Op::Expire { order: n / 2, lead: n % 2 == 0 }));
        cuts.sort_unstable();
        let commands: Vec<Command> = ops.iter().enumerate().map(|(n, op)| command(n, op)).collect();
        let mut answers = Vec::new();
        for kind in ["sqlite", "postgres"] {
            let mut ends = Vec::new();
            for cuts in [vec![], cuts.clone(), (0..commands.len()).collect()] {
                let fresh = if kind == "sqlite" { Fresh::sqlite().await } else { Fresh::postgres().await };
                let db = fresh.open().await;
                answers.push(run(&db, &commands, &cuts).await);
                db.close().await;
                ends.push(dump(&fresh.url).await);
                fresh.remove().await;
            }
            for end in &ends[1..] {
                // What waits for the folder is a row a transaction, so of course it is cut as the batches are.
                for (table, rows) in end.iter().filter(|(table, _)| *table != "sale_fold") {
                    assert_eq!(rows, &ends[0][table], "{table} of case {case} on {kind}");
                }
            }
        }
        for other in &answers[1..] {
            assert_eq!(other, &answers[0], "case {case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_be_stored_fails_alone() {
    for_each_database(async |url| {
        let db = Db::open(url, &store::Options::default()).await.expect("opens");
        furnish(&db).await;
        let setting = setting_of(&db);
        let (writer, task) = ristourne::engine::ledger_writer::LedgerWriter::start(setting.clone());
        let sale = |n: usize| {
            command(
                n,
                &Op::Sale {
                    order: i64::try_from(n).expect("few") * 2,
                    cents: 999,
                    clicks: vec![1],
                    signed: true,
                    customer: None,
                    coupon: false,
                    currency: 0,
                    lead: false,
                },
            )
        };
        let mut commands: Vec<Command> = (0..20).map(|n| Command { test: false, ..sale(n) }).collect();
        // Two messages of one number: the second cannot be stored, whatever it says.
        commands[7].message.id = commands[6].message.id;
        let answers = writer.submit_all(commands).await;
        drop(writer);
        task.await.expect("the writer ends");
        let failed: Vec<usize> = answers.iter().enumerate().filter(|(_, answer)| answer.is_err()).map(|(n, _)| n).collect();
        assert_eq!(failed, [7]);
        assert_eq!(verify(&db, &Zone::UTC, &setting.terms).await.expect("verify reads").breaches, []);
        db.close().await;
    })
    .await;
}
