//! The worked examples of the README and others, to the cent.

use crate::support::domain::{World, back, noon, pays_flat, sale, split, terms};
use ristourne::domain::{
    account::{Account, Stage},
    command::Outcome,
    conversion::Status,
    entry::Kind,
    order::Actor,
    terms::Terms,
    verdict::Why,
};
use ristourne::kernel::time::DAY;

/// The last entry's kind and amounts in minor units, sorted by account, on the accounts' usual sides.
fn last_entry(world: &World) -> (Kind, Vec<(Account, i64)>) {
    let entry = world.entries.last().expect("an entry");
    (entry.kind, entry.postings.iter().map(|(account, amount)| (*account, account.usual(*amount))).collect())
}

#[test]
fn a_flat_euro_for_each_validated_sale_half_to_the_buyer() {
    let mut world = World::with(Terms { commission: vec![pays_flat("1.00")], split: split("50", "50", "0"), ..terms() });
    let (blog, buyer) = (world.blog(), world.buyer(None));
    let mut click = world.click(blog, DAY);
    click.buyer = Some(buyer);
    assert_eq!(world.sell("A-1", &sale("20.00").click(&click)).http(), 201);
    assert_eq!(world.says("A-1"), "pending 1.00 = 0.50 + 0.50 + 0.00");
    world.approve("A-1", Actor::Merchant);
    assert_eq!(world.says("A-1"), "payable 1.00 = 0.50 + 0.50 + 0.00");
    assert_eq!(world.balance(Account::Publisher(blog.publisher, Stage::Payable)), 50);
    assert_eq!(world.balance(Account::Buyer(buyer, Stage::Payable)), 50);
    assert_eq!(world.balance(Account::MerchantOwed(world.merchant)), 100);
}

#[test]
fn five_percent_of_119_99_split_60_30_10_and_six_euros_given_back() {
    let mut world = World::new();
    let (blog, buyer) = (world.blog(), world.buyer(None));
    let mut click = world.click(blog, DAY);
    click.buyer = Some(buyer);
    world.sell("A-1", &sale("119.99").click(&click));
    assert_eq!(world.says("A-1"), "pending 6.00 = 3.60 + 1.80 + 0.60");
    let pending = [
        (Account::MerchantPending(world.merchant), 600),
        (Account::Publisher(blog.publisher, Stage::Pending), 360),
        (Account::Buyer(buyer, Stage::Pending), 180),
        (Account::PlatformPending, 60),
    ];
    assert_eq!(last_entry(&world), (Kind::Recorded, pending.to_vec()));
    assert_eq!(world.conversion("A-1").payable_at, Some(noon().plus_days(30)), "when silence approves it");

    world.approve("A-1", Actor::Merchant);
    assert_eq!(world.conversion("A-1").payable_at, Some(world.now.plus(-1_000_000)), "when it became payable");

    world.refund("A-1", "R-1", back("6.00"));
    assert_eq!(world.says("A-1"), "payable 5.70 = 3.42 + 1.71 + 0.57");
    let refunded = [
        (Account::MerchantOwed(world.merchant), -30),
        (Account::Publisher(blog.publisher, Stage::Payable), -18),
        (Account::Buyer(buyer, Stage::Payable), -9),
        (Account::PlatformRevenue, -3),
    ];
    assert_eq!(last_entry(&world), (Kind::Refunded, refunded.to_vec()));
    assert_eq!(world.entries.len(), 3, "recorded, approved, refunded: one entry each");
    let conversion = world.conversion("A-1");
    assert_eq!((conversion.amount.minor, conversion.refunded.minor), (11_999, 600));
    assert!(conversion.flags.refunded && !conversion.flags.over_refunded);
}

#[test]
fn the_same_refund_before_its_sale_gives_the_same_cents() {
    let mut world = World::new();
    let (blog, buyer) = (world.blog(), world.buyer(None));
    let mut click = world.click(blog, DAY);
    click.buyer = Some(buyer);
    assert_eq!(world.refund("A-1", "R-1", back("6.00")), Outcome::Parked(None));
    assert_eq!(world.approve("A-1", Actor::Merchant), Outcome::Parked(None));
    world.sell("A-1", &sale("119.99").click(&click));
    assert_eq!(world.says("A-1"), "payable 5.70 = 3.42 + 1.71 + 0.57");
    assert_eq!(world.entries.len(), 1, "one event, one entry");
    assert_eq!(world.refund("A-1", "R-1", back("6.00")).http(), 200, "known");
    assert_eq!(world.entries.len(), 1);
}

#[test]
fn a_full_refund_keeps_the_status_and_a_rejection_takes_everything() {
    let mut world = World::new();
    let blog = world.blog();
    let click = world.click(blog, DAY);
    world.sell("A-1", &sale("100.00").click(&click));
    world.approve("A-1", Actor::Merchant);
    world.refund("A-1", "R-1", back("100.00"));
    assert_eq!(world.says("A-1"), "payable 0.00 = 0.00 + 0.00 + 0.00");
    assert_eq!(world.conversion("A-1").reason.as_ref().map(Why::code), Some("fully_refunded"));
    world.sell("A-2", &sale("100.00").click(&click));
    world.approve("A-2", Actor::Operator);
    world.reject("A-2", Some("Test order"));
    let conversion = world.conversion("A-2");
    assert_eq!((conversion.status, conversion.reason.as_ref().and_then(Why::words)), (Status::Rejected, Some("Test order")));
    assert_eq!(world.balances(), std::collections::BTreeMap::new(), "nothing is left of either");
}

#[test]
fn remainders_go_to_the_largest_and_ties_to_the_first() {
    for (amount, expected) in [("2.20", "pending 0.11 = 0.05 + 0.05 + 0.01"), ("2.00", "pending 0.10 = 0.04 + 0.04 + 0.02")] {
        let mut world = World::with(Terms { split: split("42.86", "42.86", "14.28"), ..terms() });
        let blog = world.blog();
        let click = world.click(blog, DAY);
        world.sell("A-1", &sale(amount).click(&click));
        assert_eq!(world.says("A-1"), expected);
    }
    for (shares, expected) in [
        (split("33.3333", "33.3333", "33.3334"), "pending 0.01 = 0.00 + 0.00 + 0.01"),
        (split("50", "50", "0"), "pending 0.01 = 0.01 + 0.00 + 0.00"),
        (split("0", "50", "50"), "pending 0.01 = 0.00 + 0.01 + 0.00"),
        (split("0", "0", "100"), "pending 0.01 = 0.00 + 0.00 + 0.01"),
    ] {
        let mut world = World::with(Terms { split: shares, ..terms() });
        let blog = world.blog();
        let click = world.click(blog, DAY);
        world.sell("A-1", &sale("0.20").click(&click));
        assert_eq!(world.says("A-1"), expected);
    }
}
