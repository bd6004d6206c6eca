//! Payouts in the domain: what a run takes, each step of a payment, and when an order is paid.

use crate::support::domain::{Blog, World, back, sale};
use ristourne::domain::{
    account::{Account, Stage},
    command::{Act, Outcome, PayoutDone},
    conversion::Status,
    entry::Row,
    order::Actor,
    payee::Payee,
    payment::{self, Payment},
    payout::{Form, Step},
    reason::Refusal,
    wallet::{Details, FreeLine, Profile, Wallet},
    wallet::{Method, ReturnReason, Why},
};
use ristourne::kernel::{
    currency::Currency,
    id::{BatchId, PaymentId},
    time::{DAY, Time},
};
use std::collections::BTreeMap;

/// Whatever is payable now becomes the wallets of the next run, as the store would read them; `held` lines are in payments.
fn fill_wallets(world: &mut World, held: &[FreeLine]) {
    world.facts.wallets.clear();
    for entry in &world.entries {
        for (line, (account, amount)) in (1..).zip(&entry.postings) {
            let Some(payee) = Payee::of_payable(*account) else { continue };
            let free = FreeLine { entry: entry.id, line, amount: *amount, at: entry.at, subject: entry.subject, unstated: false };
            if held.contains(&free) {
                continue;
            }
            let mut profile = Profile::empty(payee);
            profile.minimums.insert(Currency::EUR, 1);
            let at = Time::from_micros(0);
            profile.change(Details { method: Method::Sepa, holder: "A".into(), shown: "…".into(), sealed: Vec::new(), changed_at: at });
            let wallet = world.facts.wallets.entry((Currency::EUR, payee));
            wallet.or_insert(Wallet { profile, lines: Vec::new(), in_debt: false, self_billing: None }).lines.push(free);
        }
    }
}

pub fn step(world: &mut World, step: Step) -> Result<PayoutDone, Refusal> {
    let outcome = world.tell(Actor::Operator, Act::Payout(step));
    // The world keeps the orders' entries; those of payments are kept here.
    let written = world.last.as_ref().map(|decision| decision.documents.clone()).unwrap_or_default();
    world.entries.extend(written.into_iter().filter_map(|written| written.entry));
    match outcome {
        Outcome::Payout(done) => Ok(*done),
        Outcome::Refused(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

pub fn prepare(world: &mut World) -> PayoutDone {
    step(world, Step::Prepare { currency: Currency::EUR, until: None, fee: 0 }).expect("prepared")
}

/// A sale of 100.00 with a buyer, payable, and the run that pays it: the blog's 60 % of 5.00, the buyer's 30 %.
pub fn paid_out(world: &mut World) -> (Blog, PayoutDone) {
    let (blog, buyer) = (world.blog(), world.buyer(None));
    let mut click = world.click(blog, DAY);
    click.buyer = Some(buyer);
    world.sell("P-1", &sale("100.00").click(&click));
    world.approve("P-1", Actor::Operator);
    fill_wallets(world, &[]);
    (blog, prepare(world))
}

fn sums(world: &World) -> Row {
    let mut row = Row::new();
    for (account, amount) in world.entries.iter().flat_map(|entry| &entry.postings) {
        *row.entry(*account).or_default() += amount;
    }
    row.retain(|_, amount| *amount != 0);
    row
}

/// What the order learns when a payment has ended.
fn count(world: &mut World, covering: &[&Payment]) {
    let covered: BTreeMap<Payee, i64> = covering.iter().map(|payment| (payment.payee, payment.amount.minor)).collect();
    let id = world.facts.orders[&world.key("P-1")].id;
    world.facts.covered = [(id, covered)].into();
    let key = world.key("P-1");
    world.tell(Actor::Clock, Act::CountPaid { key });
}

#[test]
fn a_run_takes_everything_and_each_step_posts_its_part() {
    let mut world = World::new();
    let (blog, done) = paid_out(&mut world);
    assert_eq!((done.payments.len(), done.left_out.len(), done.is_new), (2, 0, true));
    let total: i64 = done.payments.iter().map(|payment| payment.amount.minor).sum();
    let of = |world: &World, account| account_of(&sums(world), account);
    let payable = Account::Publisher(blog.publisher, Stage::Payable);
    assert_eq!((of(&world, payable), of(&world, Account::PayoutsInFlight)), (0, -total));
    let run = world.last.as_ref().and_then(|decision| decision.run.clone()).expect("a run");
    for payment in &done.payments {
        let lines: Vec<&FreeLine> = run.taken.iter().filter(|taken| taken.payment == payment.id).map(|taken| &taken.line).collect();
        assert_eq!(lines.iter().map(|line| line.amount).sum::<i64>(), 0, "with its own line nothing is left");
        assert_eq!(i64::try_from(lines.len()), Ok(payment.lines + 1));
    }
    let held: Vec<FreeLine> = run.taken.iter().map(|taken| taken.line).collect();
    fill_wallets(&mut world, &held);
    assert_eq!(prepare(&mut world).payments, [], "a second run finds nothing");

    let batch = done.batch.id;
    assert_eq!(step(&mut world, Step::Settle { payment: done.payments[0].id }), Err(Refusal::PaymentNotExported));
    assert_eq!(step(&mut world, Step::Export { batch, form: Form::Csv }), Err(Refusal::NothingToExport), "all go by SEPA");
    let exported = step(&mut world, Step::Export { batch, form: Form::Pain001 }).expect("exported");
    let at = exported.batch.exported_at;
    assert!(at.is_some() && exported.payments.iter().all(|payment| payment.exported_at() == at));
    assert_eq!(step(&mut world, Step::Export { batch, form: Form::CsvAll }).expect("again").batch.exported_at, at);
    assert_eq!(step(&mut world, Step::Cancel { batch }), Err(Refusal::PaymentExported));
    step(&mut world, Step::SettleAll { batch }).expect("settled");
    assert_eq!((of(&world, Account::PayoutsInFlight), of(&world, Account::Cash)), (0, -total));
    let settled = step(&mut world, Step::SettleAll { batch }).expect("once");
    assert!(world.last.as_ref().is_some_and(|decision| decision.documents.is_empty() && decision.run.is_none()));

    count(&mut world, &settled.payments.iter().collect::<Vec<_>>());
    assert_eq!(world.conversion("P-1").status, Status::Paid);
    world.refund("P-1", "R-1", back("10.00"));
    assert_eq!(world.conversion("P-1").status, Status::Paid, "what is left of the shares stands in settled payments");
    let back = Step::Return { payment: settled.payments[1].id, reason: ReturnReason::WrongIban, note: None };
    let returned = step(&mut world, back.clone()).expect("returned");
    assert_eq!(returned.payments[0].status(), payment::Status::Returned);
    assert!(!returned.payments[0].is_live());
    step(&mut world, back).expect("once");
    count(&mut world, &[&settled.payments[0]]);
    assert_eq!(world.conversion("P-1").status, Status::Payable);
    assert_eq!(step(&mut world, Step::Settle { payment: settled.payments[1].id }), Err(Refusal::PaymentClosed));
}

fn account_of(row: &Row, account: Account) -> i64 {
    row.get(&account).copied().unwrap_or(0)
}

#[test]
fn a_cancelled_batch_leaves_everything_as_it_was() {
    let mut world = World::new();
    let before = {
        let mut other = World::new();
        paid_out(&mut other);
        other.entries.truncate(other.entries.len() - 2);
        sums(&other)
    };
    let (_, done) = paid_out(&mut world);
    let one = done.payments[0].id;
    step(&mut world, Step::Remove { payment: one }).expect("taken out");
    let cancelled = step(&mut world, Step::Cancel { batch: done.batch.id }).expect("cancelled");
    assert!(cancelled.payments.iter().all(|payment| !payment.is_live()) && cancelled.batch.cancelled_at.is_some());
    assert_eq!(sums(&world), before);
    fill_wallets(&mut world, &[]);
    assert_eq!(prepare(&mut world).payments.len(), 2, "their lines are free again");
    for unknown in [Step::Cancel { batch: BatchId::from_raw(1) }, Step::Settle { payment: PaymentId::from_raw(1) }] {
        assert_eq!(step(&mut world, unknown), Err(Refusal::NotFound));
    }
}

#[test]
fn a_share_that_grew_is_not_paid_and_nothing_due_is_not_either() {
    let mut world = World::new();
    let (_, done) = paid_out(&mut world);
    count(&mut world, &[]);
    assert_eq!(world.conversion("P-1").status, Status::Payable, "nothing is settled");
    count(&mut world, &done.payments.iter().collect::<Vec<_>>());
    assert_eq!(world.conversion("P-1").status, Status::Paid);
    world.adjust("P-1", "200.00");
    assert_eq!(world.conversion("P-1").status, Status::Payable);
    world.reject("P-1", None);
    assert_eq!(world.conversion("P-1").status, Status::Rejected, "also after payout");
}

#[test]
fn who_is_left_out_is_told_why() {
    let mut world = World::new();
    let (_, done) = paid_out(&mut world);
    step(&mut world, Step::Cancel { batch: done.batch.id }).expect("cancelled");
    fill_wallets(&mut world, &[]);
    for wallet in world.facts.wallets.values_mut() {
        wallet.profile.minimums.clear();
    }
    let done = prepare(&mut world);
    let missing: Vec<_> = done.left_out.iter().map(|left| (left.against.why, left.balance + left.against.missing.unwrap_or(0))).collect();
    assert_eq!(missing, [(Why::BelowMinimum, 1000); 2]);
}
