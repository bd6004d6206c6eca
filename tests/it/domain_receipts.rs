//! Receipts and their text: what they say leads to the amounts.

use crate::support::domain::{World, back, back_lines, in_category, noon, pays, pays_flat, pays_percent, sale, split, terms, when};
use ristourne::app::explain::text;
use ristourne::domain::{
    order::Actor,
    publisher::Kind,
    receipt::{Receipt, receipt},
    sale::OpenedClick,
    terms::{Rule, Terms, pay::Pay},
};
use ristourne::kernel::time::DAY;

/// A world with these rules, and a click in it.
fn world(commission: Vec<Rule>) -> (World, OpenedClick) {
    let mut world = World::with(Terms { commission, split: split("100", "0", "0"), ..terms() });
    let blog = world.blog();
    let click = world.click(blog, DAY);
    (world, click)
}

fn read(world: &World, order: &str) -> Receipt {
    let order = &world.facts.orders[&world.key(order)];
    let program = &world.facts.programs[&world.program];
    let due = world.due_of(order).expect("recorded");
    let entries: Vec<_> = world.entries.iter().filter(|entry| entry.subject.order() == Some(order.id)).cloned().collect();
    receipt(order, &due, &program.program, &program.versions[0], &entries).expect("recorded")
}

/// The text says each of these.
fn says(world: &World, order: &str, parts: &[&str]) {
    let said = text(&read(world, order));
    for part in parts {
        assert!(said.contains(part), "{part:?} is missing in\n{said}");
    }
}

#[test]
fn a_refund_that_counts_is_not_said_to_be_refused() {
    let (mut world, click) = world(vec![pays_percent("10")]);
    world.sell("A-1", &sale("100.00").click(&click));
    world.adjust("A-1", "200.00");
    assert_eq!(world.refund("A-1", "R-1", back("150.00")).http(), 201);
    world.adjust("A-1", "120.00");
    let said = read(&world, "A-1");
    let shown = &said.sale;
    assert_eq!([shown.refunded, shown.left, shown.largest].map(|money| money.minor), [12000, 0, 20000]);
    assert_eq!((&said.flags, &shown.refunds[0].refused), (&vec!["refunded", "over_refunded"], &None));
    // One that waited for its sale and is larger than it ever was does not count.
    world.refund("A-2", "R-1", back("150.00"));
    world.sell("A-2", &sale("100.00").click(&click));
    let said = read(&world, "A-2").sale;
    assert_eq!((said.refunds[0].refused.as_ref().map(|reason| reason.code), said.largest.minor), (Some("refund_exceeds_order"), 10000));
}

#[test]
fn an_adjustment_that_no_longer_counts_is_not_shown() {
    let (mut world, click) = world(vec![pays_percent("10")]);
    world.rates("2026-11-22", &[("USD", "1.25")]);
    world.sell("A-1", &sale("90.00").click(&click).unsigned());
    world.adjust("A-1", "60.00");
    assert_eq!(read(&world, "A-1").sale.adjusted_from.map(|sent| sent.to_string()), Some("90.00 EUR".to_owned()));
    says(&world, "A-1", &["Sold 60.00 EUR", "adjusted; 90.00 EUR was sent"]);
    world.sell("A-1", &sale("100.00 USD").click(&click));
    let said = read(&world, "A-1");
    let shown = &said.sale;
    assert_eq!((shown.adjusted_from, shown.lines[0].amount_sent, shown.largest), (None, None, shown.amount));
    assert!(!text(&said).contains("adjusted;"), "{}", text(&said));
    says(&world, "A-1", &["Sold 100.00 USD", "percent 10 % of 100.00 USD at the rate above = 800 minor units"]);
}

#[test]
fn the_commission_as_sold_is_said_where_it_is_the_limit() {
    let large = when(pays_percent("1"), |when| when.min_amount = Some(5000));
    let (mut world, click) = world(vec![large, pays_percent("10")]);
    world.sell("A-1", &sale("60.00").click(&click));
    assert!(read(&world, "A-1").commission.expect("earned").as_sold.is_none());
    world.refund("A-1", "R-1", back("20.00"));
    assert!(read(&world, "A-1").commission.expect("earned").as_sold.expect("refunded").limits);
    let parts = [
        "Commission 0.60 EUR\n  rule 2  percent 10 % of 40.00 EUR = 400 minor units\n  together 400 ",
        "but no more than of the order as sold, 0.60 EUR:\n    rule 1  percent 1 % of 60.00 EUR = 60 minor units\n    together 60 ",
    ];
    says(&world, "A-1", &parts);
    world.refund("A-1", "R-2", back("36.00"));
    assert_eq!(world.conversion("A-1").commission.minor, 40);
    assert!(!text(&read(&world, "A-1")).contains("as sold, 0.60"), "10 % of 4.00 is less");
}

#[test]
fn each_way_of_paying_says_what_it_multiplies() {
    let (mut world, click) = world(vec![pays(Pay::Reported("50".parse().expect("a percentage")))]);
    world.sell("A-1", &sale("200.00").reported("7.77").click(&click));
    world.refund("A-1", "R-1", back("33.33"));
    says(&world, "A-1", &["reported 50 % of 7.77 EUR × 166.67 EUR ÷ 200.00 EUR sold = 12950259/40000 minor units"]);

    let items = in_category("books", pays(Pay::PerItem(150)));
    let new = when(pays_flat("4.00"), |when| when.customer_new = Some(true));
    let (mut world, click) = self::world(vec![items, new]);
    let lines = [("S1", "books", 3, "30.00"), ("S2", "toys", 1, "20.00")];
    world.sell("A-1", &sale("50.00").lines(&lines).customer(None, Some(true)).click(&click));
    let parts = [
        "customer   new",
        "rule 1  per_item 1.50 EUR × 3 pieces = 450 minor units\n",
        "rule 2  flat 4.00 EUR once an order = 400 minor units, for new customers\n",
    ];
    says(&world, "A-1", &parts);
    world.sell("A-2", &sale("50.00").lines(&lines).customer(None, Some(false)).click(&click));
    says(&world, "A-2", &["customer   returning", "S2, toys  20.00 EUR  left 1 × 20.00 EUR  no rule fits\n"]);
}

#[test]
fn a_line_without_a_rule_says_why() {
    let large = when(pays_percent("10"), |when| when.min_amount = Some(5000));
    let (mut world, click) = world(vec![in_category("books", pays_percent("1")), large]);
    let lines = [("S1", "books", 1, "40.00"), ("S2", "toys", 1, "20.00")];
    let order = sale("60.00").lines(&lines).click(&click);
    world.sell("A-1", &order);
    world.refund("A-1", "R-1", back_lines(&[("S1", 1, "40.00")]));
    says(&world, "A-1", &["left 0 × 0.00 EUR  rule 1 as sold, nothing is left\n", "20.00 EUR  rule 2 as sold, none fits what is left\n"]);
    world.sell("A-2", &order);
    world.refund("A-2", "R-1", back("60.00"));
    says(&world, "A-2", &["rule 1 as sold, nothing is left\n", "rule 2 as sold, nothing is left\n"]);
    world.sell("A-3", &order);
    world.adjust("A-3", "0.00");
    says(&world, "A-3", &["left 1 × 0.00 EUR  nothing is left\n"]);
    world.sell("A-4", &order);
    world.reject("A-4", None);
    says(&world, "A-4", &["left 1 × 40.00 EUR  the order is rejected: no rule is asked\n"]);
    world.sell("A-5", &sale("20.00").lines(&lines[1..]).click(&click));
    says(&world, "A-5", &["no rule fits\n"]);
}

#[test]
fn the_coupon_that_decided_is_named() {
    let (mut world, click) = world(vec![pays_percent("10")]);
    let clicks = format!("{}", click.click);
    let owner = world.publisher(Kind::Coupon, "0", None);
    world.coupon("MINE", owner, None, None);
    let own = format!("coupon     mine, the own one of {}: it decides, whatever was clicked", owner.publisher);
    world.sell("A-1", &sale("50.00").coupon("mine"));
    says(&world, "A-1", &[&own, "Clicks\n  none"]);
    world.sell("A-2", &sale("50.00").coupon("mine").click(&click));
    assert_eq!(read(&world, "A-2").sale.coupon_publisher, Some(owner.publisher));
    says(&world, "A-2", &[&own, &clicks, "  gave way to the coupon\n"]);
    world.approve("A-2", Actor::Merchant);
    world.reject("A-2", None);
    says(&world, "A-2", &[&own]);
    // A shop's own coupon decides nothing, and nor does a publisher's in another channel.
    world.sell("A-3", &sale("50.00").coupon("SHOP").click(&click));
    says(&world, "A-3", &["coupon     SHOP\n", "credited, weight 1"]);
    world.sell("A-4", &sale("50.00").coupon("mine").channel("elsewhere").at(noon()));
    says(&world, "A-4", &["coupon     mine\n"]);
}
