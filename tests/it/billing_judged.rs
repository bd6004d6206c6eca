//! Whether an invoice is paid is looked at under its merchant's lock, whatever was seen before; and again after whatever may have paid it.
use crate::billing::{Stage, euros};
use crate::support::{
    for_each_database,
    server::{Server, ristourne_ok, text},
    sql::Sql,
};
use ristourne::{
    domain::{
        command::{Act, Command, Moved, Outcome},
        movement::What,
        reason::Refusal,
        sale::{OrderKey, SALE},
    },
    engine::{
        clock::Clock,
        ledger_batch::{self, Setting, clock_command},
    },
    kernel::{
        id::{Generator, InvoiceId, MerchantId, ProgramId},
        money::Money,
        time::Zone,
    },
    store::{Db, Options, facts::TermsCache},
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

async fn judged(setting: &Setting, acts: Vec<Act>) -> Vec<Outcome> {
    let now = Clock::System.now();
    let commands: Vec<Command> = acts.into_iter().map(|act| clock_command(setting.ids.next(now), now, act)).collect();
    // The chain's head is read: other batches of this node come in between.
    ledger_batch::run(setting, &mut None, &commands).await.expect("the batch is stored")
}

fn is_not_due(outcome: Option<&Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Refused(Refusal::NotDue)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_is_taken_back_meanwhile_pays_nothing() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let conversion = stage.approved("J-1", "100.00").await;
        let invoice = stage.invoice().await;
        server.stop();

        let db = Db::open(database, &Options::default()).await.expect("it opens");
        let ids = Arc::new(Generator::new(900, 0));
        let setting = Setting { db: db.clone(), ids, zone: Zone::UTC, terms: Arc::new(TermsCache::default()), debt_limit: None };
        let merchant: MerchantId = stage.merchant.id.parse().expect("an id");
        let invoice: InvoiceId = text(&invoice["id"]).parse().expect("an id");
        let program: ProgramId = stage.program.parse().expect("an id");
        let key = || OrderKey { program, goal: SALE.to_owned(), order_id: "J-1".to_owned() };
        let paid = || Act::InvoicePaid { key: key(), merchant };
        let pays = || {
            let amount = Money::parse("6.00", "EUR".parse().expect("known")).expect("an amount");
            Act::Move(
                What::Received { merchant, invoice: Some(invoice) },
                Moved { amount, reason: None, reference: None, happened_at: None },
            )
        };
        let moved = |outcomes: &[Outcome]| match outcomes.first() {
            Some(Outcome::Moved { movement, .. }) => movement.id,
            other => panic!("{other:?}"),
        };
        assert!(is_not_due(judged(&setting, vec![paid()]).await.first()), "nobody has paid");

        // In one batch.
        let movement = moved(&judged(&setting, vec![pays()]).await);
        let outcomes = judged(&setting, vec![Act::Reverse { movement, reason: None }, paid()]).await;
        assert!(is_not_due(outcomes.get(1)), "{outcomes:?}");

        // By a transaction that has the merchant's lock: whoever judges waits for it, and then looks.
        let movement = moved(&judged(&setting, vec![pays()]).await).raw();
        if database.starts_with("postgres") {
            let mut other = Sql::open(database).await;
            other.run("BEGIN").await;
            other.run(&format!("SELECT pg_advisory_xact_lock({})", merchant.raw())).await;
            let (waiting, act) = (setting.clone(), paid());
            let judging = tokio::spawn(async move { judged(&waiting, vec![act]).await });
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(!judging.is_finished(), "it waits for the merchant's lock");
            other.run(&format!("UPDATE movement SET reversed_at = 1 WHERE id = {movement}")).await;
            other.run("COMMIT").await;
            let outcomes = judging.await.expect("it ends");
            assert!(is_not_due(outcomes.first()), "{outcomes:?}");
            other.run(&format!("UPDATE movement SET reversed_at = NULL WHERE id = {movement}")).await;
            other.close().await;
        }
        let outcomes = judged(&setting, vec![paid()]).await;
        assert!(matches!(outcomes.first(), Some(Outcome::Recorded(_))), "{outcomes:?}");
        db.close().await;
        let server = Server::start(database);
        assert_eq!(server.operator().get(&format!("/conversions/{conversion}")).await["status"], "payable");
        server.stop();
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credit_that_an_undone_fee_or_bonus_leaves_covers_what_waits() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let (operator, merchant) = (&stage.operator, &stage.merchant.id);
        let (buyer, _) = operator.buyer().await;
        let fee = operator.create(&format!("/merchants/{merchant}/fees"), json!({"amount": euros("1.00"), "reason": "November"})).await;
        let bonus = operator
            .create("/bonuses", json!({"buyer": buyer, "funded_by": merchant, "amount": euros("2.00"), "reason": "goodwill"}))
            .await;
        // Its commission of 5 % is paid, the fee and the bonus are not.
        let waiting = stage.approved("A-1", "100.00").await;
        operator.create(&format!("/merchants/{merchant}/payments"), json!({"amount": euros("5.00")})).await;
        assert_eq!(stage.status(&waiting).await, "approved");
        operator.post(&format!("/movements/{}/reverse", text(&fee["id"])), json!({"reason": "a slip"})).await;
        assert_eq!(stage.status(&waiting).await, "approved", "the bonus is owed still");
        operator.post(&format!("/movements/{}/reverse", text(&bonus["id"])), json!({"reason": "a slip"})).await;
        assert_eq!(stage.status(&waiting).await, "payable", "as soon as it is answered");
        server.stop();
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_credit_note_bills_is_paid_by_what_it_takes_back() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let refund = json!({"program": stage.program, "type": "refund", "order_id": "A-1", "refund_id": "R-1", "amount": "100.00"});
        let first = stage.approved("A-1", "100.00").await;
        stage.invoice().await;
        // A second invoice is open all the time, so that no credit covers anything.
        let second = stage.approved("A-2", "1000.00").await;
        stage.invoice().await;
        stage.merchant.postback(&refund).await.expect(201);
        let third = stage.approved("A-3", "40.00").await;
        let note = stage.invoice().await;
        assert_eq!((&note["kind"], &note["net"]["amount"]), (&json!("credit_note"), &json!("-3.00")));
        assert_eq!(stage.status(&third).await, "payable", "its 2.00 are set against the 5.00");
        assert_eq!(stage.status(&second).await, "approved");
        assert_ne!(stage.status(&first).await, "payable");
        server.stop();
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}
