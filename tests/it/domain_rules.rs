//! What rules pay: conditions, first match, tiers, flat, per item, caps, currencies, one rounding at the end.

use crate::support::domain::{
    World, back, back_lines, currency, in_category, money, noon, pays, pays_flat, pays_percent, percent, sale, split, terms, when,
};
use ristourne::domain::{
    command::{Act, Outcome},
    order::Actor,
    reason::{Reason, Refusal},
    sale::OpenedClick,
    terms::{Rule, Terms, pay::Pay, pay::Tier},
};
use ristourne::kernel::time::DAY;

/// A program whose whole commission is the publisher's, with one click.
fn program(code: &str, commission: Vec<Rule>) -> (World, OpenedClick) {
    let mut world = World::with(Terms { commission, currency: currency(code), split: split("100", "0", "0"), ..terms() });
    let blog = world.blog();
    let click = world.click(blog, DAY);
    (world, click)
}

/// The commission in minor units, and the reason.
fn paid(world: &World, order: &str) -> (i64, Option<String>) {
    let conversion = world.conversion(order);
    (conversion.commission.minor, conversion.reason.map(|why| why.code().to_owned()))
}

fn nothing(reason: Reason) -> (i64, Option<String>) {
    (0, Some(reason.code().to_owned()))
}

#[test]
fn each_line_takes_the_first_rule_that_holds_and_one_rounding_ends_it() {
    let rules = vec![in_category("books", pays_percent("8")), in_category("toys", pays_percent("3.3333")), pays_percent("1")];
    let (mut world, click) = program("EUR", rules);
    let lines = [("S1", "books", 2, "80.05"), ("S2", "toys", 1, "0.10"), ("S3", "", 1, "39.89")];
    world.sell("A-1", &sale("120.04").lines(&lines).click(&click));
    // 6.4040 + 0.0033333 + 0.3989 = 6.80623…
    assert_eq!(paid(&world, "A-1"), (681, None));
    assert_eq!(world.due("A-1").workings.commission.expect("worked").rule_of_line, [Some(0), Some(1), Some(2)]);
    // Three times 0.005 is 0.015, half up once: rounding each would give 0.03.
    let (mut world, click) = program("EUR", vec![pays_percent("5")]);
    world.sell("A-1", &sale("0.30").lines(&[("a", "", 1, "0.10"), ("b", "", 1, "0.10"), ("c", "", 1, "0.10")]).click(&click));
    assert_eq!(paid(&world, "A-1"), (2, None));
}

#[test]
fn conditions_hold_or_do_not() {
    let is_new = |wanted| when(pays_flat("2.00"), |when| when.customer_new = Some(wanted));
    let cases = [
        (is_new(true), sale("10.00").customer(None, Some(true)), true),
        (is_new(true), sale("10.00").customer(None, Some(false)), false),
        (is_new(true), sale("10.00").customer(Some("c-1"), None), true),
        (is_new(true), sale("10.00").customer(Some("c-1"), Some(false)), false),
        (is_new(false), sale("10.00").customer(Some("c-1"), None), false),
        (is_new(false), sale("10.00").customer(Some("c-1"), Some(false)), true),
        (is_new(true), sale("10.00"), false),
        (is_new(false), sale("10.00"), false),
        (is_new(true), sale("10.00").customer(None, None), false),
        (
            when(pays_flat("2.00"), |when| when.coupons = Some(vec!["Blog10".to_owned(), "x".to_owned()])),
            sale("10.00").coupon("bLOG10"),
            true,
        ),
        (when(pays_flat("2.00"), |when| when.coupons = Some(vec!["Blog10".to_owned()])), sale("10.00").coupon("blog1"), false),
        (when(pays_flat("2.00"), |when| when.coupons = Some(vec!["Blog10".to_owned()])), sale("10.00"), false),
        (in_category("books", pays_flat("2.00")), sale("10.00").lines(&[("a", "books", 1, "10.00")]), true),
        (in_category("books", pays_flat("2.00")), sale("10.00").lines(&[("a", "Books", 1, "10.00")]), false),
        (in_category("books", pays_flat("2.00")), sale("10.00"), false),
        (when(pays_flat("2.00"), |when| when.min_amount = Some(1000)), sale("10.00"), true),
        (when(pays_flat("2.00"), |when| when.min_amount = Some(1001)), sale("10.00"), false),
        (when(pays_flat("2.00"), |when| when.types = vec!["lead".to_owned(), "sale".to_owned()]), sale("10.00"), true),
    ];
    for (rule, said, holds) in cases {
        let minimum = rule.when.min_amount.is_some();
        let (mut world, click) = program("EUR", vec![rule.clone()]);
        world.sell("A-1", &said.clone().click(&click));
        let reason = if minimum { Reason::BelowMinimum } else { Reason::NoRule };
        assert_eq!(paid(&world, "A-1"), if holds { (200, None) } else { nothing(reason) }, "{rule:?} of {said:?}");
    }
}

#[test]
fn a_reference_is_new_once_in_a_program() {
    let (mut world, click) = program("EUR", vec![when(pays_flat("2.00"), |when| when.customer_new = Some(true))]);
    let said = sale("10.00").customer(Some("c-1"), None).click(&click);
    world.sell("A-1", &said);
    world.sell("A-2", &said);
    world.sell("A-1", &said);
    assert_eq!(paid(&world, "A-1"), (200, None), "still new when it comes again");
    assert_eq!(paid(&world, "A-2"), nothing(Reason::NoRule));
    world.sell("A-3", &sale("10.00").customer(Some("c-1"), Some(true)).click(&click));
    assert_eq!(paid(&world, "A-3"), (200, None), "the merchant's word wins");
}

#[test]
fn a_commission_of_nothing_says_why() {
    let reasoned = |reason| Rule { reason: Some(reason), ..in_category("gift cards", pays_percent("0")) };
    for reason in [Reason::ExcludedCategory, Reason::ExcludedCoupon, Reason::ExcludedCustomer, Reason::ExcludedPublisher] {
        let (mut world, click) = program("EUR", vec![reasoned(reason), pays_percent("5")]);
        world.sell("A-1", &sale("10.00").lines(&[("a", "gift cards", 1, "10.00")]).click(&click));
        assert_eq!(paid(&world, "A-1"), nothing(reason));
        world.sell("A-2", &sale("10.00").lines(&[("a", "gift cards", 1, "5.00"), ("b", "", 1, "5.00")]).click(&click));
        assert_eq!(paid(&world, "A-2"), (25, None), "the other line pays");
    }
    let (mut world, click) = program("EUR", vec![pays_percent("4.9")]);
    world.sell("A-1", &sale("0.10").click(&click));
    assert_eq!(paid(&world, "A-1"), nothing(Reason::RoundsToZero));
    assert!(world.entries.is_empty(), "recorded, and nothing posted");
    world.sell("A-2", &sale("0.11").click(&click));
    assert_eq!(paid(&world, "A-2"), (1, None), "0.539 rounds up");
}

#[test]
fn goals_are_those_the_terms_name() {
    let lead = when(pays_flat("1.50"), |when| when.types = vec!["lead".to_owned()]);
    let (mut world, click) = program("EUR", vec![lead, pays_percent("5")]);
    let mut free = sale("1.00").click(&click);
    free.0.content.amount.minor = 0;
    free.0.content.lines[0].amount = 0;
    let mut tell = |goal: &str, said: &crate::support::domain::Said| {
        let act = Act::Sale { key: world.key_of(goal, "A-1"), sale: said.0.clone() };
        world.tell(Actor::Merchant, act)
    };
    match tell("lead", &free) {
        Outcome::Recorded(conversion) => assert_eq!((conversion.commission, conversion.reason), (money("1.50"), None)),
        other => panic!("{other:?}"),
    }
    assert_eq!(tell("signup", &free), Outcome::Refused(Refusal::UnknownType));
    assert_eq!(tell("sale", &free), Outcome::Refused(Refusal::AmountNotPositive), "a sale must be worth something");
    assert_eq!(tell("sale", &sale("10.00").click(&click)).http(), 201, "the same number, another goal: another order");
}

#[test]
fn per_item_counts_what_is_not_given_back() {
    let (mut world, click) = program("EUR", vec![pays(Pay::PerItem(40))]);
    world.sell("A-1", &sale("100.00").lines(&[("a", "", 5, "50.00"), ("b", "", 2, "50.00")]).click(&click));
    assert_eq!(paid(&world, "A-1").0, 280);
    world.refund("A-1", "R-1", back("10.00"));
    assert_eq!(paid(&world, "A-1").0, 280, "money alone takes no quantity");
    world.refund("A-1", "R-2", back_lines(&[("a", 2, "20.00")]));
    assert_eq!(paid(&world, "A-1").0, 200);
    world.refund("A-1", "R-3", back_lines(&[("b", 2, "50.00")]));
    assert_eq!(paid(&world, "A-1").0, 120);
    world.refund("A-1", "R-4", back("50.00"));
    assert_eq!(paid(&world, "A-1"), nothing(Reason::FullyRefunded));
}

#[test]
fn a_line_that_a_refund_of_the_order_rounds_away_is_still_there() {
    let (mut world, click) = program("EUR", vec![pays(Pay::PerItem(40))]);
    world.sell("A-1", &sale("10.00").lines(&[("pen", "", 3, "0.01"), ("book", "", 1, "9.99")]).click(&click));
    world.refund("A-1", "R-1", back("9.00"));
    let due = world.due("A-1");
    assert_eq!(due.workings.left.lines[0].amount, 0, "0.9 of its cent, the largest remainder");
    assert_eq!(due.commission, 160, "a quantity falls only by line refunds");
}

#[test]
fn flat_pays_once_until_nothing_is_left() {
    let (mut world, click) = program("EUR", vec![in_category("books", pays_flat("1.00")), pays_percent("1")]);
    let lines = [("a", "books", 2, "10.00"), ("b", "books", 1, "10.00"), ("c", "", 1, "10.00")];
    world.sell("A-1", &sale("30.00").lines(&lines).click(&click));
    assert_eq!(paid(&world, "A-1").0, 110, "once for two lines");
    world.refund("A-1", "R-1", back("29.99"));
    assert_eq!(paid(&world, "A-1").0, 100);
    world.refund("A-1", "R-2", back("0.01"));
    assert_eq!(paid(&world, "A-1"), nothing(Reason::FullyRefunded));
    // Its lines gone one by one, the rule has nothing to pay for.
    world.sell("A-2", &sale("30.00").lines(&lines).click(&click));
    world.refund("A-2", "R-1", back_lines(&[("a", 2, "10.00")]));
    assert_eq!(paid(&world, "A-2").0, 110);
    world.refund("A-2", "R-2", back_lines(&[("b", 1, "10.00")]));
    assert_eq!(paid(&world, "A-2").0, 10);
}

#[test]
fn an_order_adjusted_to_nothing_pays_nothing() {
    let (mut world, click) = program("EUR", vec![pays_flat("1.00")]);
    world.sell("A-1", &sale("30.00").click(&click));
    world.adjust("A-1", "0.00");
    assert_eq!(paid(&world, "A-1"), nothing(Reason::FullyRefunded));
    world.adjust("A-1", "10.00");
    assert_eq!(paid(&world, "A-1").0, 100, "the last one wins");
}

#[test]
fn caps_hold_per_rule_and_order() {
    let capped = |rule| Rule { cap_per_order: Some(3000), ..rule };
    let (mut world, click) = program("EUR", vec![in_category("books", capped(pays_percent("10"))), capped(pays(Pay::PerItem(1000)))]);
    world.sell("A-1", &sale("500.00").lines(&[("a", "books", 1, "299.99"), ("b", "", 4, "200.01")]).click(&click));
    // 29.999 under its cap, 40.00 cut to 30.00, and one rounding.
    assert_eq!(paid(&world, "A-1").0, 6000);
    let workings = world.due("A-1").workings.commission.expect("worked");
    assert_eq!(workings.paid.iter().map(|paid| paid.capped).collect::<Vec<_>>(), [false, true]);
    assert_eq!(workings.exact.to_string(), "59999/10");
}

#[test]
fn a_minimum_lost_by_a_refund_is_lost_and_never_pays_more() {
    let least = |amount: &str, rule| when(rule, |when| when.min_amount = Some(money(amount).minor));
    let (mut world, click) = program("EUR", vec![least("50.00", pays_percent("10")), pays_percent("2")]);
    world.sell("A-1", &sale("60.00").click(&click));
    assert_eq!(paid(&world, "A-1").0, 600);
    world.refund("A-1", "R-1", back("10.00"));
    assert_eq!(paid(&world, "A-1").0, 500, "exactly the minimum");
    world.refund("A-1", "R-2", back("0.01"));
    assert_eq!(paid(&world, "A-1").0, 100, "below it the next rule pays");

    // A large order pays less than a small one here: what is left never earns more than what was sold.
    let (mut world, click) = program("EUR", vec![least("50.00", pays_percent("1")), pays_percent("10")]);
    world.sell("A-1", &sale("60.00").click(&click));
    world.refund("A-1", "R-1", back("20.00"));
    assert_eq!(paid(&world, "A-1"), (60, None));

    let excluded = Rule { reason: Some(Reason::ExcludedCustomer), ..least("50.00", pays_percent("0")) };
    let (mut world, click) = program("EUR", vec![excluded, pays_percent("10")]);
    world.sell("A-1", &sale("60.00").click(&click));
    world.refund("A-1", "R-1", back("20.00"));
    assert_eq!(paid(&world, "A-1"), nothing(Reason::ExcludedCustomer), "nothing was earned by the order as sold, and this is why");
}

#[test]
fn tiers_look_at_the_month_and_stay() {
    let tier = |from: &str, text: &str| Tier { from: money(from).minor, percent: percent(text) };
    let tiers = || vec![pays(Pay::Tiers(vec![tier("0", "5"), tier("100.00", "6.5"), tier("200.00", "10")]))];
    let (mut world, click) = program("EUR", tiers());
    let said = |amount: &str| sale(amount).click(&click);
    world.sell("A-1", &said("99.99"));
    world.sell("A-2", &said("100.00"));
    assert_eq!(paid(&world, "A-2").0, 500, "nothing is approved yet");
    world.approve("A-1", Actor::Merchant);
    world.sell("A-3", &said("100.00"));
    assert_eq!(paid(&world, "A-3").0, 500, "99.99 is below the tier");
    world.adjust("A-1", "100.00");
    world.sell("A-4", &said("100.00"));
    assert_eq!(paid(&world, "A-4").0, 650, "the highest from ≤ 100.00");
    world.approve("A-2", Actor::Merchant);
    world.sell("A-5", &said("100.00"));
    assert_eq!(paid(&world, "A-5").0, 1000);
    // Refunds and rejections lower the base of later orders, and change nothing recorded before.
    world.refund("A-2", "R-1", back("0.01"));
    world.sell("A-6", &said("100.00"));
    assert_eq!(paid(&world, "A-6").0, 650);
    world.reject("A-1", None);
    world.sell("A-7", &said("100.00"));
    assert_eq!(paid(&world, "A-7").0, 500);
    assert_eq!([paid(&world, "A-4").0, paid(&world, "A-5").0], [650, 1000]);
    // A month later the base is empty again; an order that is approved then counts then.
    world.now = noon().plus_days(20);
    world.sell("B-1", &said("100.00"));
    assert_eq!(paid(&world, "B-1").0, 500);
    world.approve("A-3", Actor::Merchant);
    world.sell("B-2", &said("100.00"));
    assert_eq!(paid(&world, "B-2").0, 650);
    // The whole base of another publisher is another base.
    let other = world.blog();
    let theirs = world.click(other, DAY);
    world.sell("B-3", &sale("100.00").click(&theirs));
    assert_eq!(paid(&world, "B-3").0, 500);
}

#[test]
fn a_replaced_sale_keeps_the_base_it_was_recorded_with() {
    let tier = |from: &str, text: &str| Tier { from: money(from).minor, percent: percent(text) };
    let (mut world, click) = program("EUR", vec![pays(Pay::Tiers(vec![tier("0", "5"), tier("50.00", "10")]))]);
    world.sell("A-1", &sale("100.00").click(&click).unsigned());
    world.approve("A-1", Actor::Merchant);
    world.sell("A-1", &sale("100.00").click(&click));
    assert_eq!(paid(&world, "A-1").0, 500, "without itself");
    world.sell("A-2", &sale("100.00").click(&click).unsigned());
    assert_eq!(paid(&world, "A-2").0, 1000);
    world.reject("A-1", None);
    world.sell("A-2", &sale("100.00").click(&click));
    assert_eq!(paid(&world, "A-2").0, 1000, "read once");
}

#[test]
fn a_reported_commission_falls_with_the_order() {
    let (mut world, click) = program("EUR", vec![pays(Pay::Reported(percent("50")))]);
    world.sell("A-1", &sale("100.00").reported("7.00").click(&click));
    assert_eq!(paid(&world, "A-1").0, 350);
    world.refund("A-1", "R-1", back("25.00"));
    assert_eq!(paid(&world, "A-1").0, 263, "2.625 rounds up");
    world.sell("A-2", &sale("100.00").click(&click));
    assert_eq!(paid(&world, "A-2"), nothing(Reason::NoRule), "nothing reported");
}

#[test]
fn currencies_convert_exactly_before_anything_is_rounded() {
    let usd = [("USD", "1.0876")];
    for (program_in, said_in, rates, rule, expected) in [
        ("EUR", "100.00 USD", &usd[..], pays_percent("5"), "4.60"), // 91.9455… × 5 % = 4.5972…
        ("USD", "100.00 EUR", &usd[..], pays_percent("5"), "5.44"), // 108.76 × 5 % = 5.438
        ("JPY", "19.99 EUR", &[("JPY", "162.35")][..], pays_percent("5"), "162"), // 3245.3765 × 5 % = 162.2688
        ("EUR", "3245 JPY", &[("JPY", "162.35")][..], pays_percent("5"), "1.00"), // 19.98768 × 5 % = 0.99938
        ("KWD", "100.00 EUR", &[("KWD", "0.3345")][..], pays_percent("5"), "1.673"), // 33.450 × 5 % = 1.6725
        ("EUR", "1.234 KWD", &[("KWD", "0.3345")][..], pays_percent("10"), "0.37"), // 3.68908… × 10 %
        ("KWD", "10000 JPY", &[("KWD", "0.3345"), ("JPY", "162.35")][..], pays_percent("5"), "1.030"), // 20.6036… × 5 %
        ("CLF", "1000.00 EUR", &[("CLF", "0.0301")][..], pays_percent("5"), "1.5050"),
    ] {
        let (mut world, click) = program(program_in, vec![rule]);
        world.rates("2026-11-20", rates);
        world.sell("A-1", &sale(said_in).click(&click));
        let conversion = world.conversion("A-1");
        assert_eq!(conversion.commission.to_string(), format!("{expected} {program_in}"), "5 % of {said_in}");
        assert_eq!(conversion.amount.to_string(), said_in, "what was sold stays in its currency");
    }
    // Minimums, caps and flat amounts are in the program's currency.
    let minimum = when(pays_flat("1.00"), |when| when.min_amount = Some(9195));
    let (mut world, click) = program("EUR", vec![minimum]);
    world.rates("2026-11-22", &usd);
    world.sell("A-1", &sale("100.00 USD").click(&click));
    assert_eq!(paid(&world, "A-1"), nothing(Reason::BelowMinimum), "91.9455… is exactly below 91.95");
}

#[test]
fn absurd_amounts_are_refused_and_not_stored() {
    let (mut world, click) = program("IDR", vec![pays_percent("100")]);
    world.rates("2026-11-22", &[("IDR", "18000")]);
    let huge = sale("10000000000000.00").click(&click);
    assert_eq!(world.sell("A-1", &huge), Outcome::Refused(Refusal::AmountOutOfRange));
    assert_eq!(world.sell("A-1", &sale("1000000000.00").click(&click)).http(), 422, "1.8 × 10^15 minor units");
    assert_eq!(world.sell("A-1", &sale("500000000.00").click(&click)).http(), 201);
}

#[test]
fn awkward_rates_and_large_amounts_still_count_exactly() {
    // Over a common denominator: the product of both rules' own would pass 128 bits.
    let (mut world, click) = program("JPY", vec![in_category("x", pays_percent("3.3331")), pays_percent("3.3333")]);
    world.rates("2026-11-22", &[("USD", "1.08765431"), ("JPY", "162.12345679")]);
    let lines = [("a", "x", 1, "9999999.99"), ("b", "", 1, "9999999.99")];
    world.sell("A-1", &sale("19999999.98 USD").lines(&lines).click(&click));
    // 9999999.99 × 162.12345679 ÷ 1.08765431 × 6.6664 %
    assert_eq!(paid(&world, "A-1"), (99_367_952, None));
}
