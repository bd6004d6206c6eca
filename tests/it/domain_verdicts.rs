//! Reopened sales, and sales of whoever owes too much.
use crate::support::domain::{World, back, sale};
use ristourne::domain::{
    account::{Account, Stage},
    command::{Act, Outcome},
    conversion::Status,
    entry::Kind,
    order::Actor,
    reason::Refusal,
    verdict::{Grounds, Why},
};
use ristourne::kernel::{currency::Currency, time::DAY};

fn reopen(world: &mut World, order: &str) -> Outcome {
    let act = Act::Reopen { key: world.key(order), reason: Grounds::from("duplicate") };
    world.tell(Actor::Operator, act)
}

fn sold(order: &str) -> World {
    let mut world = World::new();
    let blog = world.blog();
    let click = world.click(blog, DAY);
    world.sell(order, &sale("100.00").click(&click));
    world
}

#[test]
fn reopening_takes_every_refusal_away_and_later_ones_count_anew() {
    let mut world = sold("A-1");
    world.approve("A-1", Actor::Merchant);
    let paid = world.says("A-1");
    for round in 1..=3 {
        assert_eq!(world.cancel("A-1").http(), 201, "round {round}");
        assert_eq!(world.reject("A-1", Some("fraud")).http(), 201, "round {round}");
        assert_eq!(world.reject("A-1", Some("returned")).verdict(), "duplicate", "one counts in a round");
        assert_eq!(world.conversion("A-1").reason.as_ref().map(Why::code), Some("fraud"));
        assert!(world.balances().is_empty());
        assert_eq!(reopen(&mut world, "A-1").http(), 201, "round {round}");
        assert_eq!(world.says("A-1"), paid, "as approved as it was");
        assert_eq!(world.conversion("A-1").reason, None);
        assert_eq!(reopen(&mut world, "A-1").verdict(), "duplicate", "there is nothing to take away");
        assert_eq!(world.entries.last().map(|entry| entry.kind), Some(Kind::Reopened));
    }
    assert_eq!(world.facts.orders[&world.key("A-1")].round(), 3);
}

#[test]
fn only_what_was_recorded_is_reopened() {
    let mut world = World::new();
    assert_eq!(reopen(&mut world, "A-1"), Outcome::Refused(Refusal::NotFound));
    world.reject("A-1", None);
    assert_eq!(reopen(&mut world, "A-1"), Outcome::Refused(Refusal::NotRecorded));
}

#[test]
fn what_was_refunded_meanwhile_stays_refunded() {
    let mut world = sold("A-1");
    world.reject("A-1", Some("fraud"));
    world.refund("A-1", "R-1", back("40.00"));
    reopen(&mut world, "A-1");
    assert_eq!(world.says("A-1"), "pending 3.00 = 1.80 + 0.90 + 0.30");
}

#[test]
fn a_debt_beyond_the_limit_holds_new_sales_only_and_only_in_its_currency() {
    let mut world = World::new();
    let blog = world.blog();
    let clicks = [world.click(blog, DAY), world.click(blog, DAY), world.click(blog, DAY)];
    let owes = Account::Publisher(world.facts.links[&clicks[0].link].publisher, Stage::Payable);
    world.facts.debt_limit = "10".parse().ok();
    world.facts.balances.insert((owes, Currency::EUR), 1000);
    world.facts.balances.insert((owes, "USD".parse().expect("a currency")), 999_999);
    world.sell("at-the-limit", &sale("10.00").click(&clicks[0]));
    assert!(!world.conversion("at-the-limit").flags.held);
    world.facts.balances.insert((owes, Currency::EUR), 1001);
    world.sell("beyond", &sale("10.00").click(&clicks[1]));
    let held = world.conversion("beyond");
    assert_eq!((held.flags.held, held.payable_at, held.reason.as_ref().map(Why::code)), (true, None, Some("debt_limit")));
    assert_eq!(world.sell("at-the-limit", &sale("10.00").click(&clicks[0])).verdict(), "duplicate");
    assert!(!world.conversion("at-the-limit").flags.held, "what was looked up stays");

    // It was looked up once: that the debt is paid frees no sale, the operator does.
    world.facts.balances.insert((owes, Currency::EUR), 0);
    world.approve("beyond", Actor::Merchant);
    assert_eq!(world.conversion("beyond").status, Status::Pending);
    world.approve("beyond", Actor::Operator);
    assert_eq!(world.conversion("beyond").status, Status::Payable);
    world.sell("after", &sale("10.00").click(&clicks[2]));
    assert!(!world.conversion("after").flags.held);
}

#[test]
fn a_sale_in_the_same_batch_sees_the_debt_that_the_batch_made() {
    let mut world = World::new();
    let blog = world.blog();
    let clicks = [world.click(blog, DAY), world.click(blog, DAY)];
    let owes = Account::Publisher(world.facts.links[&clicks[0].link].publisher, Stage::Payable);
    world.facts.debt_limit = "0".parse().ok();
    // Paid out already what this sale brings.
    world.facts.balances.insert((owes, Currency::EUR), 300);
    world.facts.debt_limit = "3".parse().ok();
    world.sell("A-1", &sale("100.00").click(&clicks[0]));
    world.approve("A-1", Actor::Operator);
    assert_eq!(world.facts.balances[&(owes, Currency::EUR)], 0);
    world.facts.debt_limit = "0".parse().ok();
    world.facts.balances.insert((owes, Currency::EUR), -100);
    world.refund("A-1", "R-1", back("100.00"));
    assert_eq!(world.facts.balances[&(owes, Currency::EUR)], 200, "posted in full, and netted from what follows");
    world.sell("A-2", &sale("100.00").click(&clicks[1]));
    assert!(world.conversion("A-2").flags.held);
}
