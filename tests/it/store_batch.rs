//! A batch of commands on both databases: what was decided is what is read back, however the batch was cut.
use crate::store_world::{BLOG, BUYER, DOLLAR, DOLLAR_LINK, EURO, LINK, MERCHANT, World, click, key, now, refund, sale, usd};
use crate::support::for_each_database;
use ristourne::domain::{
    account::{Account, Owner, Stage},
    command::{Act, Command, Outcome},
    conversion::{Conversion, Status},
    entry::Subject,
    order::Actor,
    rate::Rate,
    reason::{Reason, Refusal},
    sale::OrderKey,
};
use ristourne::kernel::{
    currency::Currency,
    id::ConversionId,
    time::{DAY, Day, Zone},
};
use ristourne::store::{self, Tx};
use std::collections::BTreeMap;

async fn stored(world: &World, id: ConversionId) -> Option<Conversion> {
    store::conversion::by_id(&mut world.db().read().await.expect("reads"), id).await.expect("loads")
}

/// Balances as people read them, by account.
async fn balances(tx: &mut Tx) -> BTreeMap<String, i64> {
    let all = store::balance::all(tx).await.expect("loads");
    all.into_iter().map(|b| (format!("{} {}", b.account, b.amount.currency), b.account.usual(b.amount.minor))).collect()
}

fn recorded(outcome: &Outcome) -> &Conversion {
    match outcome {
        Outcome::Recorded(conversion) => conversion,
        other => panic!("not recorded: {other:?}"),
    }
}

#[tokio::test]
async fn a_sale_is_read_back_as_it_was_decided() {
    for_each_database(async |url| {
        let mut world = World::new(url).await;
        let act = Act::Sale { key: key(EURO, "A-1"), sale: sale(11_999, Currency::EUR, &[click(LINK, 1)]) };
        let outcome = world.one(Actor::Merchant, act).await;
        let conversion = recorded(&outcome);
        assert_eq!((conversion.commission.minor, conversion.shares.publisher), (600, 315), "360 less the gift of 12.5 %");
        assert_eq!(stored(&world, conversion.id).await.as_ref(), Some(conversion));

        let approved = world.one(Actor::Operator, Act::Approve { key: key(EURO, "A-1") }).await;
        let back =
            world.one(Actor::Merchant, Act::Refund { key: key(EURO, "A-1"), refund_id: "r\u{1f980}'".into(), refund: refund(600) }).await;
        assert_eq!(recorded(&approved).status, Status::Payable);
        assert_eq!(stored(&world, conversion.id).await.as_ref(), Some(recorded(&back)));

        let mut tx = world.db().read().await.expect("reads");
        let order = store::order::by_id(&mut tx, conversion.id).await.expect("loads").expect("is there");
        assert_eq!(order.sale.as_ref().map(|fact| &fact.sale), Some(&sale(11_999, Currency::EUR, &[click(LINK, 1)])));
        assert!(order.refunds.contains_key("r\u{1f980}'") && order.approvals.operator.is_some() && order.context.is_some());
        assert_eq!(store::order::facts(&mut tx, conversion.id).await.expect("loads").len(), 3);
        let entries = store::entry::of_subject(&mut tx, Subject::Order(conversion.id)).await.expect("loads");
        assert_eq!(entries.iter().map(|stored| stored.link.seq).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(store::entry::of_node(&mut tx, 3, 0, 10).await.expect("loads").len(), 3);
        assert_eq!(store::chain::head(&mut tx, 3).await.expect("loads"), entries[2].link);
        assert_eq!(store::chain::heads(&mut tx).await.expect("loads"), [entries[2].link]);
        let payable = store::balance::of_owner(&mut tx, Owner::Publisher(BLOG)).await.expect("loads");
        let payable: Vec<_> = payable.iter().filter(|b| b.amount.minor != 0).map(|b| (b.account, -b.amount.minor)).collect();
        assert_eq!(payable, [(Account::Publisher(BLOG, Stage::Payable), recorded(&back).shares.publisher)]);
        let lines = store::entry::of_owner(&mut tx, Owner::Merchant(MERCHANT), None, 2).await.expect("loads");
        let more = store::entry::of_owner(&mut tx, Owner::Merchant(MERCHANT), Some((lines[1].entry, lines[1].line)), 50).await;
        assert_eq!((lines.len(), more.expect("loads").len()), (2, 2), "recorded 1, approved 2, refunded 1");
        let inbox = store::inbox::list(&mut tx, &store::inbox::Wanted { conversion: Some(order.id), ..Default::default() }, None, 9).await;
        let verdicts: Vec<_> = inbox.expect("loads").into_iter().map(|row| (row.http, row.verdict)).collect();
        assert_eq!(verdicts, vec![(201, "recorded".to_owned()); 3]);
    })
    .await;
}

/// A refund before its sale, a repeat, a conflict, verdicts, a tie, an unattributed one that is completed.
fn commands(world: &mut World) -> Vec<Command> {
    let sold = |minor, clicks: &[_]| sale(minor, Currency::EUR, clicks);
    let unsigned = ristourne::domain::sale::Sale { signed: false, ..sold(900, &[click(LINK, 3)]) };
    let acts = vec![
        Act::Refund { key: key(EURO, "A"), refund_id: "r1".into(), refund: refund(600) },
        Act::Sale { key: key(EURO, "A"), sale: sold(11_999, &[click(LINK, 1)]) },
        Act::Sale { key: key(EURO, "A"), sale: sold(11_999, &[click(LINK, 1)]) },
        Act::Sale { key: key(EURO, "A"), sale: sold(12_000, &[click(LINK, 1)]) },
        Act::Sale { key: key(EURO, "B"), sale: sold(200_000, &[click(LINK, 2)]) },
        Act::Approve { key: key(EURO, "B") },
        Act::Sale { key: key(EURO, "C"), sale: sold(10_000, &[]) },
        Act::Sale { key: key(EURO, "C"), sale: sold(10_000, &[click(LINK, 4)]) },
        Act::Sale { key: key(EURO, "U"), sale: unsigned },
        Act::Sale { key: key(EURO, "U"), sale: sold(1000, &[click(LINK, 3)]) },
        Act::Tie { buyer: BUYER, clicks: vec![click(LINK, 1), click(LINK, 9)] },
        Act::Sale { key: key(EURO, "D"), sale: sold(5000, &[click(LINK, 9)]) },
        Act::Cancel { key: key(EURO, "C"), reason: Some("changed\u{2028}mind".into()) },
        Act::Approve { key: key(EURO, "C") },
        Act::Sale { key: key(DOLLAR, "E"), sale: sale(1000, usd(), &[click(DOLLAR_LINK, 5)]) },
        Act::Adjust { key: key(EURO, "B"), amount: refund(150_000).money(), reason: None },
    ];
    acts.into_iter().map(|act| world.command(Actor::Merchant, act)).collect()
}

/// What the end of it is, ids apart.
async fn end(world: &World, outcomes: &[Outcome]) -> (Vec<&'static str>, BTreeMap<String, i64>, Vec<String>) {
    let mut tx = world.db().read().await.expect("reads");
    let wanted = store::conversion::Wanted { program: Some(EURO), ..Default::default() };
    let mut list = store::conversion::list(&mut tx, &wanted, None, 50).await.expect("loads");
    list.sort_by_key(|conversion| conversion.order_id.clone());
    let shown = list.iter().map(|c| {
        let payees: Vec<_> = c.credits.iter().map(|credit| (credit.publisher, credit.amount)).collect();
        format!(
            "{} {} {:?} {} {} {:?} {payees:?} {:?}",
            c.order_id,
            c.status.word(),
            c.flags.text(),
            c.amount,
            c.commission,
            c.shares,
            c.buyer
        )
    });
    let shown = shown.collect();
    for conversion in &list {
        let order = store::order::by_id(&mut tx, conversion.id).await.expect("loads").expect("is there");
        assert_eq!(order.key, OrderKey { program: conversion.program, goal: "sale".into(), order_id: conversion.order_id.clone() });
    }
    (outcomes.iter().map(Outcome::verdict).collect(), balances(&mut tx).await, shown)
}

#[tokio::test]
async fn however_a_batch_is_cut() {
    for_each_database(async |url| {
        let mut world = World::new(url).await;
        let all = commands(&mut world);
        let outcomes = world.run(&all).await;
        let whole = end(&world, &outcomes).await;
        assert_eq!(whole.0[..4], ["parked", "recorded", "duplicate", "order_conflict"]);
        assert_eq!(whole.1.values().filter(|amount| **amount < 0).count(), 0);
        let report = ristourne::engine::verify::verify(world.db(), &Zone::UTC, &world.setting.terms).await.expect("runs");
        assert!(report.breaches.is_empty(), "{:?}", report.breaches);
        for size in [1, 3] {
            // On SQLite both times: PostgreSQL's whole batch ends as SQLite's cut one.
            let fresh = crate::support::Fresh::sqlite().await;
            let mut other = World::new(&fresh.url).await;
            let commands = commands(&mut other);
            let mut outcomes = Vec::new();
            for part in commands.chunks(size) {
                outcomes.extend(other.run(part).await);
            }
            assert_eq!(end(&other, &outcomes).await, whole, "in batches of {size}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_sale_without_a_rate_waits_and_the_rate_records_it() {
    for_each_database(async |url| {
        let mut world = World::new(url).await;
        let wait = Act::Sale { key: key(EURO, "W"), sale: sale(1250, usd(), &[click(LINK, 1)]) };
        assert_eq!(world.one(Actor::Merchant, wait).await, Outcome::Parked(Some(Reason::NoRate)));
        let early = Act::Refund { key: key(EURO, "W"), refund_id: "r".into(), refund: refund(100) };
        assert_eq!(world.one(Actor::Merchant, early).await, Outcome::Refused(Refusal::CurrencyMismatch));
        let mut tx = world.db().read().await.expect("reads");
        assert_eq!(store::facts::parked_without_rate(&mut tx).await.expect("loads"), [key(EURO, "W")]);
        drop(tx);
        let day = Day::parse("2026-11-20").expect("a day");
        let rates = |rate: &str| Act::Rates { day, rates: vec![(usd(), Rate::parse(rate).expect("a rate"))] };
        assert_eq!(world.one(Actor::Operator, rates("1.25")).await, Outcome::RatesStored { new: 1 });
        assert_eq!(world.one(Actor::Operator, rates("1.26")).await, Outcome::Refused(Refusal::RateConflict));
        let mut tx = world.db().read().await.expect("reads");
        assert!(store::facts::parked_without_rate(&mut tx).await.expect("loads").is_empty());
        let list = store::conversion::list(&mut tx, &store::conversion::Wanted::default(), None, 9).await.expect("loads");
        assert_eq!(list.iter().map(|c| (c.amount.minor, c.commission.minor)).collect::<Vec<_>>(), [(1250, 50)], "5 % of 10.00 EUR");
        assert_eq!(store::rate::of_day(&mut tx, day).await.expect("loads"), [(usd(), Rate::parse("1.25").expect("a rate"))]);
    })
    .await;
}

#[tokio::test]
async fn the_clock_finds_what_is_due() {
    for_each_database(async |url| {
        let mut world = World::new(url).await;
        for order in ["A", "B"] {
            let act = Act::Sale { key: key(EURO, order), sale: sale(10_000, Currency::EUR, &[click(LINK, 1)]) };
            recorded(&world.one(Actor::Merchant, act).await);
        }
        world.one(Actor::Merchant, Act::Approve { key: key(EURO, "B") }).await;
        let month = now().plus(31 * DAY);
        let mut tx = world.db().read().await.expect("reads");
        let mut due = async |at| store::conversion::due_for_approval(&mut tx, at, 9).await.expect("loads");
        assert_eq!(due(now().plus(29 * DAY)).await, []);
        assert_eq!(due(month).await, [key(EURO, "A")]);
        let unclaimed = store::conversion::due_for_expiry(&mut tx, month, 9).await.expect("loads");
        assert_eq!(unclaimed, [key(EURO, "A"), key(EURO, "B")]);
        drop(tx);
        world.now = month;
        let early = Act::Refund { key: key(EURO, "Z"), refund_id: "r".into(), refund: refund(1) };
        assert_eq!(world.one(Actor::Merchant, early).await, Outcome::Parked(None));
        let orphans =
            store::order::orphan::list(&mut world.db().read().await.expect("reads"), None, month.plus(DAY), None, 9).await.expect("loads");
        assert_eq!(orphans.into_iter().map(|orphan| orphan.key).collect::<Vec<_>>(), [key(EURO, "Z")]);
        assert_eq!(recorded(&world.one(Actor::Clock, Act::Approve { key: key(EURO, "A") }).await).status, Status::Payable);
        for order in ["A", "B"] {
            recorded(&world.one(Actor::Clock, Act::Expire { key: key(EURO, order) }).await);
        }
        let mut tx = world.db().read().await.expect("reads");
        assert_eq!(store::conversion::due_for_approval(&mut tx, month, 9).await.expect("loads"), []);
        assert_eq!(store::conversion::due_for_expiry(&mut tx, month, 9).await.expect("loads"), []);
    })
    .await;
}

#[tokio::test]
async fn a_webhook_id_is_used_up_and_a_test_touches_nothing() {
    for_each_database(async |url| {
        let mut world = World::new(url).await;
        let act = Act::Sale { key: key(EURO, "A"), sale: sale(10_000, Currency::EUR, &[]) };
        let mut first = world.command(Actor::Merchant, act.clone());
        first.message.webhook_id = Some("msg_1".into());
        let again = {
            let mut c = world.command(Actor::Merchant, act.clone());
            c.message.webhook_id = Some("msg_1".into());
            c
        };
        let other = Command {
            message: {
                let mut m = world.command(Actor::Merchant, act.clone()).message;
                m.webhook_id = Some("msg_1".into());
                m.body_hash = [8; 32];
                m
            },
            ..again.clone()
        };
        let test = Command { test: true, ..world.command(Actor::Merchant, Act::Cancel { key: key(EURO, "A"), reason: None }) };
        let verdicts = |outcomes: Vec<Outcome>| outcomes.iter().map(Outcome::verdict).collect::<Vec<_>>();
        assert_eq!(verdicts(world.run(&[first]).await), ["unattributed"]);
        assert_eq!(verdicts(world.run(&[again, other, test]).await), ["duplicate", "webhook_id_conflict", "test"]);
        let mut tx = world.db().read().await.expect("reads");
        let list = store::conversion::list(&mut tx, &store::conversion::Wanted::default(), None, 9).await.expect("loads");
        assert_eq!(list.iter().map(|c| c.status).collect::<Vec<_>>(), [Status::Unattributed]);
        let inbox = store::inbox::list(&mut tx, &store::inbox::Wanted::default(), None, 9).await.expect("loads");
        assert_eq!(inbox.iter().map(|row| row.http).collect::<Vec<_>>(), [200, 409, 200, 202]);
    })
    .await;
}
