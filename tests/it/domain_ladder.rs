//! The status ladder: who may approve what, what beats what, what waits, and what a repeat or another content comes to.

use crate::support::domain::{World, back, noon, pays_percent, sale, terms};
use ristourne::domain::{
    account::{Account, Stage},
    click::Quality,
    command::{Act, Outcome},
    conversion::Status,
    entry::Kind,
    merchant::{Billing, Merchant},
    order::Actor,
    reason::{Reason, Refusal},
    sale::OpenedClick,
    terms::{PayableOn, Terms},
    verdict::Why,
};
use ristourne::kernel::time::{DAY, SECOND};

fn world(payable_on: PayableOn) -> (World, OpenedClick) {
    let mut world = World::with(Terms { payable_on, ..terms() });
    let blog = world.blog();
    let click = world.click(blog, DAY);
    (world, click)
}

fn kinds(world: &World) -> Vec<Kind> {
    world.entries.iter().map(|entry| entry.kind).collect()
}

#[test]
fn approval_makes_payable_or_waits_for_the_merchants_payment() {
    let (mut world, click) = world(PayableOn::Approval);
    world.sell("A-1", &sale("100.00").click(&click));
    assert_eq!(world.conversion("A-1").status, Status::Pending);
    world.approve("A-1", Actor::Merchant);
    assert_eq!(world.conversion("A-1").status, Status::Payable);
    assert_eq!(world.merchant_pays("A-1").http(), 201);
    assert_eq!(kinds(&world), [Kind::Recorded, Kind::Approved]);

    let (mut world, click) = self::world(PayableOn::MerchantPayment);
    world.sell("A-1", &sale("100.00").click(&click));
    world.approve("A-1", Actor::Merchant);
    let conversion = world.conversion("A-1");
    assert_eq!((conversion.status, conversion.payable_at), (Status::Approved, None));
    assert_eq!(world.balance(Account::MerchantOwed(world.merchant)), 500);
    assert_eq!(world.balance(Account::Unclaimed(world.program, Stage::Approved)), 150);
    assert_eq!(world.balance(Account::PlatformRevenue), 50);
    world.merchant_pays("A-1");
    assert_eq!(world.conversion("A-1").status, Status::Payable);
    assert_eq!(world.balance(Account::Unclaimed(world.program, Stage::Payable)), 150);
    assert_eq!(kinds(&world), [Kind::Recorded, Kind::Approved, Kind::MerchantPaid]);
    assert_eq!(world.merchant_pays("A-1").http(), 200);
    // Paid before it is approved, it is payable when approved.
    world.sell("A-2", &sale("100.00").click(&click));
    world.merchant_pays("A-2");
    assert_eq!(world.conversion("A-2").status, Status::Pending);
    world.approve("A-2", Actor::Merchant);
    assert_eq!(world.conversion("A-2").status, Status::Payable);
}

#[test]
fn reject_and_cancel_beat_approve_whichever_came_first() {
    for refuse in [World::cancel as fn(&mut World, &str) -> Outcome, |world, order| world.reject(order, None)] {
        for place in 0..=2 {
            let (mut world, click) = world(PayableOn::Approval);
            if place == 0 {
                refuse(&mut world, "A-1");
            }
            world.sell("A-1", &sale("100.00").click(&click));
            if place == 1 {
                refuse(&mut world, "A-1");
            }
            world.approve("A-1", Actor::Operator);
            if place == 2 {
                assert_eq!(world.conversion("A-1").status, Status::Payable);
                refuse(&mut world, "A-1");
                assert_eq!(kinds(&world), [Kind::Recorded, Kind::Approved, Kind::Rejected]);
            }
            assert_eq!(world.says("A-1"), "rejected 0.00 = 0.00 + 0.00 + 0.00");
            assert!(world.balances().is_empty());
            assert_eq!(refuse(&mut world, "A-1").http(), 200, "once is enough");
            assert_eq!(world.approve("A-1", Actor::Merchant).http(), 201, "kept, and no use");
            assert_eq!(world.conversion("A-1").status, Status::Rejected);
            let conversion = world.conversion("A-1");
            assert_eq!(conversion.credits[0].amount, 0, "still says whose it was");
            assert_eq!((conversion.payable_at, conversion.approved_at), (None, None));
        }
    }
    let (mut world, click) = world(PayableOn::Approval);
    world.sell("A-1", &sale("100.00").click(&click));
    world.cancel("A-1");
    assert_eq!(world.conversion("A-1").reason.as_ref().map(Why::code), Some("cancelled"));
    world.reject("A-1", None);
    assert_eq!(world.conversion("A-1").reason.as_ref().map(Why::code), Some("rejected"));
}

#[test]
fn of_each_verdict_one_counts_whatever_its_reason() {
    let (mut world, click) = world(PayableOn::Approval);
    assert_eq!(world.reject("A-1", Some("first")), Outcome::Parked(None));
    assert_eq!(world.reject("A-1", Some("second")), Outcome::Duplicate(None));
    assert_eq!(world.approve("A-1", Actor::Merchant), Outcome::Parked(None));
    assert_eq!(world.approve("A-1", Actor::Merchant), Outcome::Duplicate(None));
    assert_eq!(world.cancel("A-1"), Outcome::Parked(None));
    assert_eq!(world.cancel("A-1"), Outcome::Duplicate(None));
    world.sell("A-1", &sale("100.00").click(&click));
    assert_eq!(world.conversion("A-1").reason.as_ref().and_then(Why::words), Some("first"));
    assert!(world.entries.is_empty());
}

#[test]
fn silence_approves_at_the_end_of_the_hold() {
    let (mut world, click) = world(PayableOn::Approval);
    world.sell("A-1", &sale("100.00").click(&click));
    let due = noon().plus_days(30);
    assert_eq!(world.conversion("A-1").payable_at, Some(due));
    world.now = due.plus(-1);
    assert_eq!(world.approve("A-1", Actor::Clock), Outcome::Refused(Refusal::NotDue));
    world.now = due;
    assert_eq!(world.approve("A-1", Actor::Clock).http(), 201);
    assert_eq!(world.conversion("A-1").payable_at, Some(due));
    assert_eq!(world.approve("A-1", Actor::Clock).http(), 200);
    assert_eq!(world.approve("A-2", Actor::Clock), Outcome::Refused(Refusal::NotFound));
    world.refund("A-2", "R-1", back("1.00"));
    assert_eq!(world.approve("A-2", Actor::Clock), Outcome::Refused(Refusal::NotRecorded));
}

#[test]
fn the_clock_passes_over_held_and_unsigned_ones() {
    let (mut world, click) = world(PayableOn::Approval);
    let bot = OpenedClick { quality: Quality::Bot, ..click };
    world.sell("held", &sale("100.00").click(&bot));
    world.sell("unsigned", &sale("100.00").click(&click).unsigned());
    world.sell("nobody's", &sale("100.00"));
    world.now = noon().plus_days(31);
    for order in ["held", "unsigned", "nobody's"] {
        assert_eq!(world.conversion(order).payable_at, None);
        assert_eq!(world.approve(order, Actor::Clock), Outcome::Refused(Refusal::NotDue), "{order}");
        world.approve(order, Actor::Merchant);
    }
    assert_eq!(world.conversion("held").status, Status::Pending, "kept, until the operator approves");
    assert_eq!(world.conversion("unsigned").status, Status::Payable);
    assert_eq!(world.conversion("nobody's").status, Status::Unattributed);
    world.approve("held", Actor::Operator);
    assert_eq!(world.conversion("held").status, Status::Payable);
}

#[test]
fn an_approval_that_waited_dates_from_the_recording() {
    let (mut world, click) = world(PayableOn::Approval);
    world.approve("A-1", Actor::Merchant);
    world.now = noon().plus_days(5);
    world.sell("A-1", &sale("100.00").click(&click));
    assert_eq!(world.conversion("A-1").payable_at, Some(noon().plus_days(5)));
}

#[test]
fn same_content_is_a_duplicate_and_other_content_a_conflict() {
    let (mut world, click) = world(PayableOn::Approval);
    let said = sale("100.00").lines(&[("a", "", 2, "100.00")]).coupon("X").customer(Some("c"), Some(true)).click(&click);
    world.sell("A-1", &said);
    let later = said.clone().at(noon().plus(-DAY)).unknown_click();
    assert!(matches!(world.sell("A-1", &later), Outcome::Duplicate(Some(_))), "time and clicks are not compared");
    let mut others = vec![
        sale("100.01").lines(&[("a", "", 2, "100.01")]).coupon("X").customer(Some("c"), Some(true)),
        sale("100.00 USD").lines(&[("a", "", 2, "100.00")]).coupon("X").customer(Some("c"), Some(true)),
        sale("100.00").lines(&[("a", "", 1, "100.00")]).coupon("X").customer(Some("c"), Some(true)),
        sale("100.00").lines(&[("a", "", 2, "100.00")]).coupon("Y").customer(Some("c"), Some(true)),
        sale("100.00").lines(&[("a", "", 2, "100.00")]).coupon("X").customer(Some("d"), Some(true)),
        sale("100.00").lines(&[("a", "", 2, "100.00")]).coupon("X"),
    ];
    others.extend(others.clone().into_iter().map(crate::support::domain::Said::unsigned));
    for other in others {
        assert_eq!(world.sell("A-1", &other), Outcome::Refused(Refusal::OrderConflict), "{other:?}");
    }
    assert_eq!(world.entries.len(), 1);
}

#[test]
fn clicks_complete_an_unattributed_sale_once() {
    let (mut world, click) = world(PayableOn::Approval);
    let expired = OpenedClick {
        click: world
            .click(crate::support::domain::Blog { publisher: world.facts.links[&click.link].publisher, link: click.link }, 40 * DAY)
            .click,
        ..click
    };
    assert_eq!(world.sell("A-1", &sale("100.00")).http(), 202);
    assert_eq!(world.sell("A-1", &sale("100.00").click(&expired)).http(), 200, "no better");
    assert_eq!(world.conversion("A-1").reason.as_ref().map(Why::code), Some("no_click"));
    assert_eq!(world.sell("A-1", &sale("100.00").click(&expired).click(&click).unsigned()).http(), 200, "unsigned changes nothing");
    assert_eq!(world.sell("A-1", &sale("100.00").click(&expired).click(&click)).http(), 201);
    assert_eq!(kinds(&world), [Kind::Completed]);
    assert_eq!(world.says("A-1"), "pending 5.00 = 3.00 + 1.50 + 0.50");
    assert_eq!(world.conversion("A-1").recorded_at, noon().plus(60 * SECOND), "still the first recording");
    assert_eq!(world.sell("A-1", &sale("100.00").click(&click)).http(), 200);
}

#[test]
fn a_sale_looks_at_its_merchants_credit_when_it_first_credits_somebody() {
    let (mut world, click) = world(PayableOn::Approval);
    let (id, billing) = (world.merchant, Billing { prepaid: true, ..Billing::default() });
    world.facts.merchants.insert(id, Merchant { id, name: "Shop".to_owned(), email: None, billing });
    world.sell("completed", &sale("100.00"));
    world.sell("completed", &sale("100.00").click(&click));
    world.sell("replaced", &sale("90.00").unsigned());
    world.sell("replaced", &sale("100.00").click(&click));
    for order in ["completed", "replaced"] {
        let conversion = world.conversion(order);
        assert_eq!((conversion.flags.held, conversion.reason.as_ref().map(Why::code)), (true, Some("budget_used_up")), "{order}");
    }
}

#[test]
fn clicks_bring_a_coupons_sale_its_buyer_whenever_they_come() {
    let (mut world, click) = world(PayableOn::Approval);
    let (owner, buyer) = (world.blog(), world.buyer(None));
    world.coupon("mine", owner, None, None);
    let click = OpenedClick { buyer: Some(buyer), ..click };
    let (bare, with_click) = (sale("100.00").coupon("mine"), sale("100.00").coupon("mine").click(&click));
    for (order, says) in [("A-1", [&bare, &with_click]), ("A-2", [&with_click, &bare])] {
        for said in says {
            world.sell(order, said);
        }
        let conversion = world.conversion(order);
        assert_eq!((conversion.buyer, conversion.credits[0].publisher), (Some(buyer), owner.publisher), "{order}");
    }
}

#[test]
fn a_signed_sale_replaces_an_unsigned_one_and_posts_the_difference() {
    let (mut world, click) = world(PayableOn::Approval);
    world.sell("A-1", &sale("80.00").click(&click).unsigned());
    let conversion = world.conversion("A-1");
    assert!(conversion.flags.unsigned);
    assert_eq!(conversion.payable_at, None);
    assert_eq!(world.sell("A-1", &sale("70.00").click(&click).unsigned()), Outcome::Refused(Refusal::OrderConflict));
    assert_eq!(world.sell("A-1", &sale("80.00").click(&click).unsigned()).http(), 200);
    assert_eq!(world.sell("A-1", &sale("100.00").click(&click).at(noon().plus(5 * SECOND))).http(), 201);
    assert_eq!(kinds(&world), [Kind::Recorded, Kind::Replaced]);
    assert_eq!(world.entries[1].postings[&Account::MerchantPending(world.merchant)], 100, "5.00 − 4.00");
    let conversion = world.conversion("A-1");
    assert!(!conversion.flags.unsigned);
    assert_eq!((conversion.amount.minor, conversion.occurred_at), (10_000, noon()), "the time is the first sale's");
    assert_eq!(world.sell("A-1", &sale("80.00").click(&click).unsigned()), Outcome::Refused(Refusal::OrderConflict));
    assert_eq!(world.sell("A-1", &sale("100.00").unsigned()).http(), 200);
    // The same content replaces too: it is signed now.
    world.sell("A-2", &sale("80.00").click(&click).unsigned());
    assert_eq!(world.sell("A-2", &sale("80.00").click(&click)).http(), 201);
    assert!(!world.conversion("A-2").flags.unsigned);
    assert_eq!(world.entries.len(), 3, "nothing to post");
}

#[test]
fn a_sale_lies_at_most_five_minutes_ahead() {
    let (mut world, click) = world(PayableOn::Approval);
    let ahead = world.now.plus(300 * SECOND);
    assert_eq!(world.sell("A-1", &sale("100.00").click(&click).at(ahead.plus(1))), Outcome::Refused(Refusal::OccurredInFuture));
    world.now = ahead.plus(-300 * SECOND);
    assert_eq!(world.sell("A-1", &sale("100.00").click(&click).at(ahead)).http(), 201);
}

#[test]
fn amounts_below_zero_and_sales_of_nothing_are_refused() {
    let (mut world, _) = world(PayableOn::Approval);
    for amount in ["0.00", "-1.00"] {
        assert_eq!(world.sell("A-1", &sale(amount)), Outcome::Refused(Refusal::AmountNotPositive));
    }
    assert!(world.facts.orders.is_empty());
}

#[test]
fn a_test_touches_nothing() {
    let (mut world, click) = world(PayableOn::Approval);
    let act = Act::Sale { key: world.key("A-1"), sale: sale("100.00").click(&click).0 };
    let mut command = world.command(Actor::Merchant, act);
    command.test = true;
    command.message.webhook_id = Some("msg-1".to_owned());
    match world.send(&command) {
        Outcome::Test(outcome) => assert_eq!(outcome.conversion().expect("judged").commission.minor, 500),
        other => panic!("{other:?}"),
    }
    let decision = world.last.clone().expect("decided");
    assert!(decision.changes.is_empty() && decision.webhook.is_none());
    assert!(world.facts.orders.is_empty() && world.facts.webhooks.is_empty());
}

#[test]
fn a_webhook_id_is_used_up_by_an_answer_and_bound_to_its_body() {
    let (mut world, click) = world(PayableOn::Approval);
    let tell = |world: &mut World, id: &str, body: u8, order: &str, said: &crate::support::domain::Said| {
        let act = Act::Sale { key: world.key(order), sale: said.0.clone() };
        let mut command = world.command(Actor::Merchant, act);
        command.message.webhook_id = Some(id.to_owned());
        command.message.body_hash = [body; 32];
        world.send(&command).verdict()
    };
    let said = sale("100.00").click(&click);
    assert_eq!(tell(&mut world, "m-1", 1, "A-1", &said), "recorded");
    assert_eq!(tell(&mut world, "m-1", 1, "A-1", &said), "duplicate", "the same again is judged like any repeat");
    assert_eq!(tell(&mut world, "m-1", 2, "A-2", &said), "webhook_id_conflict");
    assert!(!world.facts.orders.contains_key(&world.key("A-2")));
    assert_eq!(tell(&mut world, "m-2", 2, "A-1", &sale("90.00")), "order_conflict");
    assert_eq!(tell(&mut world, "m-2", 3, "A-2", &said), "webhook_id_conflict", "409 uses it up");
    assert_eq!(tell(&mut world, "m-3", 4, "A-2", &sale("0.00")), "amount_not_positive");
    assert_eq!(tell(&mut world, "m-3", 5, "A-2", &said), "webhook_id_conflict", "422 uses it up");
}

#[test]
fn an_unknown_program_is_not_found() {
    let (mut world, _) = world(PayableOn::Approval);
    let key = ristourne::domain::sale::OrderKey { program: ristourne::kernel::id::ProgramId::from_raw(99), ..world.key("A-1") };
    assert_eq!(world.tell(Actor::Merchant, Act::Cancel { key, reason: None }), Outcome::Refused(Refusal::NotFound));
    assert_eq!(world.merchant_pays("A-1"), Outcome::Refused(Refusal::NotFound));
    assert_eq!(world.expire("A-1"), Outcome::Refused(Refusal::NotFound));
    assert_eq!(world.tell(Actor::Clock, Act::Release { key: world.key("A-1") }), Outcome::Refused(Refusal::NotFound));
    let refused = Act::Refused { http: 401, code: "signature_invalid", errors: ristourne::kernel::fields::FieldErrors::default() };
    assert_eq!(world.tell(Actor::Merchant, refused), Outcome::Noted { http: 401, code: "signature_invalid" });
}

#[test]
fn a_sale_without_a_rate_waits_and_its_facts_with_it() {
    let (mut world, click) = world(PayableOn::Approval);
    world.rates("2026-11-14", &[("USD", "1.25")]);
    let said = sale("100.00 USD").click(&click);
    assert_eq!(world.sell("A-1", &said), Outcome::Parked(Some(Reason::NoRate)), "8 days are too old");
    assert_eq!(world.sell("A-1", &said), Outcome::Duplicate(None));
    assert_eq!(world.sell("A-1", &sale("99.00 USD")), Outcome::Refused(Refusal::OrderConflict));
    assert_eq!(world.refund("A-1", "R-1", back("200.00 USD")), Outcome::Refused(Refusal::RefundExceedsOrder));
    assert_eq!(world.refund("A-1", "R-2", back("20.00 USD")), Outcome::Parked(Some(Reason::NoRate)));
    assert_eq!(world.approve("A-1", Actor::Merchant), Outcome::Parked(Some(Reason::NoRate)));
    assert_eq!(world.adjust("A-1", "10.00 USD"), Outcome::Refused(Refusal::NotRecorded));
    assert_eq!(world.expire("A-1"), Outcome::Refused(Refusal::NotRecorded));
    assert_eq!(world.tell(Actor::Clock, Act::Release { key: world.key("A-1") }), Outcome::Refused(Refusal::NotDue));
    assert!(world.entries.is_empty());
    assert_eq!(world.rates("2026-11-15", &[("USD", "1.6"), ("JPY", "160")]), Outcome::RatesStored { new: 2 });
    assert_eq!(world.says("A-1"), "payable 2.50 = 1.50 + 0.75 + 0.25", "80.00 USD are 50.00 EUR");
    assert_eq!(kinds(&world), [Kind::Recorded]);
    // A better rate that comes later changes nothing, nor does another for the same day.
    assert_eq!(world.rates("2026-11-22", &[("USD", "1")]), Outcome::RatesStored { new: 1 });
    assert_eq!(world.rates("2026-11-22", &[("USD", "1")]), Outcome::RatesStored { new: 0 });
    assert_eq!(world.rates("2026-11-22", &[("USD", "2"), ("JPY", "3")]), Outcome::Refused(Refusal::RateConflict));
    assert_eq!(world.says("A-1"), "payable 2.50 = 1.50 + 0.75 + 0.25");
    world.sell("A-2", &said);
    assert_eq!(world.conversion("A-2").commission.minor, 500, "the order's own day");
    assert_eq!(world.tell(Actor::Clock, Act::Release { key: world.key("A-2") }).http(), 200);
}

#[test]
fn clicks_complete_a_waiting_sale_too() {
    let (mut world, click) = world(PayableOn::Approval);
    let bare = sale("100.00 USD");
    for (order, says) in [
        ("A-1", [bare.clone(), bare.clone().click(&click)]),
        ("A-2", [bare.clone().click(&click), bare.clone()]),
        ("A-3", [bare.clone().click(&click).channel("google"), bare.clone().click(&click)]),
    ] {
        for said in &says {
            world.sell(order, said);
        }
    }
    world.rates("2026-11-22", &[("USD", "1.25")]);
    for order in ["A-1", "A-2", "A-3"] {
        assert_eq!(world.says(order), "pending 4.00 = 2.40 + 1.20 + 0.40", "{order}");
    }
}

#[test]
fn a_signed_sale_without_a_rate_takes_the_unsigned_ones_place_and_waits() {
    let (mut world, click) = world(PayableOn::Approval);
    let (pixel, signed) = (sale("100.00").click(&click).unsigned(), sale("100.00 USD").click(&click));
    world.sell("A-1", &pixel);
    assert_eq!(world.says("A-1"), "pending 5.00 = 3.00 + 1.50 + 0.50");
    world.adjust("A-1", "50.00");
    assert_eq!(world.sell("A-1", &signed), Outcome::Parked(Some(Reason::NoRate)));
    assert!(world.balances().is_empty(), "dollars are not euros");
    assert_eq!(kinds(&world), [Kind::Recorded, Kind::Adjusted, Kind::Replaced]);
    assert_eq!(world.sell("A-1", &signed), Outcome::Duplicate(None));
    world.rates("2026-11-22", &[("USD", "1.25")]);
    assert_eq!(world.says("A-1"), "pending 4.00 = 2.40 + 1.20 + 0.40", "nor is an adjustment in euros one of them");
}

#[test]
fn zero_commission_keeps_its_place_on_the_ladder() {
    let mut world = World::with(Terms { commission: vec![pays_percent("0")], ..terms() });
    let blog = world.blog();
    let click = world.click(blog, DAY);
    world.sell("A-1", &sale("100.00").click(&click));
    world.approve("A-1", Actor::Merchant);
    let conversion = world.conversion("A-1");
    assert_eq!((conversion.status, conversion.reason.as_ref().map(Why::code)), (Status::Payable, Some("no_rule")));
    assert!(world.entries.is_empty());
}
