//! Refunds: by line, by amount, together too much, impossible, parked, and under an adjustment.

use crate::support::domain::{World, back, back_lines, noon, pays_percent, sale, split, terms};
use ristourne::domain::{
    command::Outcome,
    order::Actor,
    reason::{Reason, Refusal},
    sale::OpenedClick,
    terms::Terms,
};
use ristourne::kernel::time::DAY;

fn world() -> (World, OpenedClick) {
    let mut world = World::with(Terms { commission: vec![pays_percent("10")], split: split("100", "0", "0"), ..terms() });
    let blog = world.blog();
    let click = world.click(blog, DAY);
    (world, click)
}

const LINES: [(&str, &str, i64, &str); 4] =
    [("S1", "", 2, "30.00"), ("S2", "", 1, "20.00"), ("S1", "", 1, "40.00"), ("free", "", 1, "0.00")];

fn left(world: &World) -> Vec<(i64, i64)> {
    world.due("A-1").workings.left.lines.iter().map(|line| (line.quantity, line.amount)).collect()
}

#[test]
fn line_refunds_use_equal_skus_up_in_the_order_of_the_sale() {
    let (mut world, click) = world();
    world.sell("A-1", &sale("90.00").lines(&LINES).click(&click));
    world.refund("A-1", "R-1", back_lines(&[("S1", 1, "10.00")]));
    assert_eq!(left(&world), [(1, 2000), (1, 2000), (1, 4000), (1, 0)]);
    world.refund("A-1", "R-2", back_lines(&[("S1", 1, "35.00"), ("S2", 0, "5.00")]));
    assert_eq!(left(&world), [(0, 0), (1, 1500), (1, 2500), (1, 0)]);
    assert_eq!(world.conversion("A-1").refunded.minor, 5000);
    assert_eq!(world.conversion("A-1").commission.minor, 400);
}

#[test]
fn refunds_by_amount_spread_over_what_the_lines_have_left() {
    let (mut world, click) = world();
    // The amount comes first, and counts last.
    world.sell("A-1", &sale("90.00").lines(&LINES).click(&click));
    world.refund("A-1", "R-1", back("10.00"));
    assert_eq!(left(&world), [(2, 2667), (1, 1778), (1, 3555), (1, 0)], "333.33 222.22 444.44: the unit left over goes to the 0.44");
    world.refund("A-1", "R-2", back_lines(&[("S2", 1, "20.00")]));
    assert_eq!(left(&world), [(2, 2571), (0, 0), (1, 3429), (1, 0)]);
    world.refund("A-1", "R-3", back("0.01"));
    assert_eq!(left(&world), [(2, 2571), (0, 0), (1, 3428), (1, 0)], "the sum is spread, not each");
}

#[test]
fn together_too_much_counts_up_to_the_order() {
    let (mut world, click) = world();
    world.sell("A-1", &sale("90.00").lines(&LINES).click(&click));
    world.refund("A-1", "R-1", back("60.00"));
    assert!(!world.conversion("A-1").flags.over_refunded);
    assert_eq!(world.refund("A-1", "R-2", back("60.00")).http(), 201);
    let conversion = world.conversion("A-1");
    assert!(conversion.flags.over_refunded && conversion.flags.refunded);
    assert_eq!((conversion.refunded.minor, conversion.commission.minor), (9000, 0));
    // A line too much is too much, though the order is not used up.
    world.sell("A-2", &sale("90.00").lines(&LINES).click(&click));
    world.refund("A-2", "R-1", back_lines(&[("S2", 1, "15.00")]));
    world.refund("A-2", "R-2", back_lines(&[("S2", 0, "15.00")]));
    let conversion = world.conversion("A-2");
    assert!(conversion.flags.over_refunded);
    assert_eq!((conversion.refunded.minor, conversion.commission.minor), (2000, 700));
}

#[test]
fn impossible_refunds_are_refused_parked_or_not() {
    let table = [
        (back("90.01"), Refusal::RefundExceedsOrder, Reason::RefundExceedsOrder),
        (back_lines(&[("S2", 1, "20.01")]), Refusal::RefundExceedsOrder, Reason::RefundExceedsOrder),
        (back_lines(&[("S2", 1, "10.00"), ("S2", 0, "10.01")]), Refusal::RefundExceedsOrder, Reason::RefundExceedsOrder),
        (back_lines(&[("S2", 2, "10.00")]), Refusal::RefundExceedsOrder, Reason::RefundExceedsOrder),
        (back_lines(&[("S3", 1, "1.00")]), Refusal::UnknownLine, Reason::UnknownLine),
        (back("1.00 USD"), Refusal::CurrencyMismatch, Reason::CurrencyMismatch),
    ];
    for (refund, refusal, reason) in table {
        let (mut world, click) = world();
        let said = sale("90.00").lines(&LINES).click(&click);
        world.sell("A-1", &said);
        assert_eq!(world.refund("A-1", "R-1", refund.clone()), Outcome::Refused(refusal));
        assert_eq!(world.says("A-1"), "pending 9.00 = 9.00 + 0.00 + 0.00");
        // Parked before its sale it comes to the same, and its number is free again.
        let (mut parked, _) = self::world();
        assert_eq!(parked.refund("A-1", "R-1", refund.clone()), Outcome::Parked(None));
        assert_eq!(parked.refund("A-1", "R-1", refund.clone()), Outcome::Duplicate(None));
        assert_eq!(parked.refund("A-1", "R-1", back("1.00")), Outcome::Refused(Refusal::RefundConflict));
        parked.sell("A-1", &said);
        assert_eq!(parked.says("A-1"), world.says("A-1"));
        assert_eq!(parked.conversion("A-1").flags, world.conversion("A-1").flags);
        assert_eq!(parked.due("A-1").workings.left.refused, [("R-1".to_owned(), reason)]);
        assert_eq!(parked.refund("A-1", "R-1", refund), Outcome::Refused(refusal));
        assert_eq!(parked.refund("A-1", "R-1", back("1.00")).http(), 201);
        assert_eq!(parked.says("A-1"), "pending 8.90 = 8.90 + 0.00 + 0.00");
    }
    for nothing in [back("0.00"), back("-1.00"), back_lines(&[("S1", 1, "0.00")])] {
        let (mut world, click) = world();
        world.sell("A-1", &sale("90.00").lines(&LINES).click(&click));
        assert_eq!(world.refund("A-1", "R-1", nothing), Outcome::Refused(Refusal::AmountNotPositive));
    }
}

#[test]
fn one_number_one_refund() {
    let (mut world, click) = world();
    world.sell("A-1", &sale("90.00").lines(&LINES).click(&click));
    assert_eq!(world.refund("A-1", "R-1", back("1.00")).http(), 201);
    assert_eq!(world.refund("A-1", "R-1", back("1.00")).http(), 200);
    assert_eq!(world.refund("A-1", "R-1", back("2.00")), Outcome::Refused(Refusal::RefundConflict));
    assert_eq!(world.refund("A-1", "R-1", back_lines(&[("S1", 0, "1.00")])), Outcome::Refused(Refusal::RefundConflict));
    assert_eq!(world.conversion("A-1").refunded.minor, 100);
}

#[test]
fn an_unsigned_sale_refuses_no_refund() {
    let (mut first, click) = world();
    let (pixel, signed) = (sale("9.00").click(&click).unsigned(), sale("90.00").lines(&LINES).click(&click));
    first.sell("A-1", &pixel);
    for (id, refund) in [("R-1", back_lines(&[("S2", 1, "20.00")])), ("R-2", back("10.00"))] {
        assert_eq!(first.refund("A-1", id, refund.clone()), Outcome::Parked(None), "it waits for the signed sale");
        assert_eq!(first.refund("A-1", id, refund).http(), 200);
    }
    assert_eq!(first.refund("A-1", "R-2", back("3.00")), Outcome::Refused(Refusal::RefundConflict));
    assert_eq!(first.says("A-1"), "pending 0.90 = 0.90 + 0.00 + 0.00", "nothing of the pixel's sale went back");
    first.sell("A-1", &signed);
    assert_eq!(first.says("A-1"), "pending 6.00 = 6.00 + 0.00 + 0.00");
}

#[test]
fn an_adjustment_scales_the_lines_and_keeps_the_refunds() {
    let (mut world, click) = world();
    world.sell("A-1", &sale("90.00").lines(&LINES).click(&click));
    world.refund("A-1", "R-1", back_lines(&[("S2", 1, "15.00")]));
    world.adjust("A-1", "45.00");
    assert_eq!(left(&world), [(2, 1500), (0, 0), (1, 2000), (1, 0)], "S2 is now 10.00, and 15.00 of it went back");
    let conversion = world.conversion("A-1");
    assert_eq!((conversion.amount.minor, conversion.refunded.minor, conversion.flags.over_refunded), (4500, 1000, true));
    assert_eq!(world.adjust("A-1", "45.00").http(), 200, "again");
    world.adjust("A-1", "100.00");
    assert_eq!(world.conversion("A-1").commission.minor, 850);
    assert!(!world.conversion("A-1").flags.over_refunded);
    // What the adjustment made room for can be given back.
    assert_eq!(world.refund("A-1", "R-2", back("95.00")).http(), 201);
    assert_eq!(world.refund("A-1", "R-3", back("100.01")), Outcome::Refused(Refusal::RefundExceedsOrder));
    // And stays given back, whatever is adjusted later.
    world.adjust("A-1", "30.00");
    let conversion = world.conversion("A-1");
    assert_eq!((conversion.refunded.minor, conversion.commission.minor, conversion.flags.over_refunded), (3000, 0, true));
    assert_eq!(world.refund("A-1", "R-4", back("90.01")), Outcome::Refused(Refusal::RefundExceedsOrder), "of what there is now");
    assert_eq!(world.adjust("A-1", "1.00 USD"), Outcome::Refused(Refusal::CurrencyMismatch));
    assert_eq!(world.adjust("A-1", "-1.00"), Outcome::Refused(Refusal::AmountNotPositive));
    assert_eq!(world.adjust("A-2", "1.00"), Outcome::Refused(Refusal::NotFound));
}

#[test]
fn a_refund_of_an_unattributed_or_rejected_sale_moves_nothing() {
    let (mut world, click) = world();
    world.sell("A-1", &sale("90.00"));
    assert_eq!(world.refund("A-1", "R-1", back("10.00")).http(), 201);
    assert_eq!(world.conversion("A-1").refunded.minor, 1000);
    world.sell("A-2", &sale("90.00").click(&click));
    world.cancel("A-2");
    let entries = world.entries.len();
    assert_eq!(world.refund("A-2", "R-1", back("10.00")).http(), 201);
    assert_eq!(world.entries.len(), entries);
}

#[test]
fn a_refund_after_payout_is_posted_in_full() {
    let (mut world, click) = world();
    world.sell("A-1", &sale("90.00").click(&click));
    world.approve("A-1", Actor::Operator);
    world.now = noon().plus_days(200);
    world.refund("A-1", "R-1", back("90.00"));
    assert_eq!(world.says("A-1"), "payable 0.00 = 0.00 + 0.00 + 0.00");
    assert!(world.balances().is_empty());
}
