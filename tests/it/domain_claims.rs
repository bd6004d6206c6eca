//! Unclaimed shares: sign-ins before and after the sale, the claim window, and where an expired share goes.

use crate::support::domain::{HOUR, World, back, pays_percent, sale, split, terms};
use ristourne::domain::{
    account::{Account, Stage},
    command::{Act, Outcome},
    entry::Kind,
    order::Actor,
    publisher::Kind as PublisherKind,
    reason::{Reason, Refusal},
    sale::OpenedClick,
    terms::{Model, Terms, UnclaimedTo},
};
use ristourne::kernel::{
    id::{BuyerId, LinkId},
    time::DAY,
};

#[test]
fn signing_in_ties_sales_before_and_after() {
    let mut world = World::new();
    let (blog, buyer) = (world.blog(), world.buyer(None));
    let clicks = [world.click(blog, DAY), world.click(blog, HOUR)];
    world.sell("A-1", &sale("100.00").click(&clicks[0]));
    assert!(world.conversion("A-1").flags.unclaimed);
    assert_eq!(world.balance(Account::Unclaimed(world.program, Stage::Pending)), 150);
    world.approve("A-1", Actor::Merchant);
    assert_eq!(world.sign_in(buyer, &clicks), [None, None]);
    assert_eq!(world.entries.last().map(|entry| entry.kind), Some(Kind::BuyerTied));
    let conversion = world.conversion("A-1");
    assert_eq!((conversion.buyer, conversion.flags.unclaimed, conversion.claim_until), (Some(buyer), false, None));
    world.sell("A-2", &sale("100.00").click(&clicks[1]));
    assert_eq!(world.conversion("A-2").buyer, Some(buyer), "theirs from the start");
    assert_eq!(world.balance(Account::Unclaimed(world.program, Stage::Payable)), 0);
    assert_eq!(world.balance(Account::Buyer(buyer, Stage::Payable)), 150);
    assert_eq!(world.balance(Account::Buyer(buyer, Stage::Pending)), 150);
    let entries = world.entries.len();
    assert_eq!(world.sign_in(buyer, &clicks), [None, None], "again");
    assert_eq!(world.entries.len(), entries);
}

#[test]
fn a_click_has_one_buyer() {
    let mut world = World::new();
    let (blog, alice, bob) = (world.blog(), world.buyer(None), world.buyer(None));
    let foreign = world.elsewhere(blog);
    let (free, sealed) = (world.click(blog, DAY), OpenedClick { buyer: Some(alice), ..world.click(blog, HOUR) });
    let (elsewhere, stranger) = (world.click(foreign, DAY), OpenedClick { link: LinkId::from_raw(7), ..free });
    assert_eq!(world.sign_in(alice, &[free, sealed, elsewhere, stranger]), [None, None, None, Some(Reason::UnknownClick)]);
    assert_eq!(world.sign_in(bob, &[free, sealed]), [Some(Reason::ClickHasBuyer), Some(Reason::ClickHasBuyer)]);
    world.sell("A-1", &sale("100.00").click(&free));
    assert_eq!(world.conversion("A-1").buyer, Some(alice), "the earliest tie wins");
    let act = Act::Tie { buyer: BuyerId::from_raw(5), clicks: vec![free] };
    assert_eq!(world.tell(Actor::Buyer, act), Outcome::Refused(Refusal::NotFound));
}

#[test]
fn a_click_that_does_not_count_ties_no_sale() {
    let mut world = World::new();
    let (blog, buyer) = (world.blog(), world.buyer(None));
    let (good, expired) = (world.click(blog, HOUR), world.click(blog, 40 * DAY));
    world.sell("A-1", &sale("100.00").click(&good).click(&expired));
    assert_eq!(world.sign_in(buyer, &[expired]), [None]);
    assert_eq!(world.conversion("A-1").buyer, None);
    world.sell("A-2", &sale("100.00").click(&good).channel("google"));
    assert_eq!(world.sign_in(buyer, &[good]), [None]);
    assert_eq!((world.conversion("A-1").buyer, world.conversion("A-2").buyer), (Some(buyer), None));
    world.sell("A-2", &sale("100.00").click(&good));
    assert_eq!(world.conversion("A-2").buyer, Some(buyer), "when the merchant gives the sale back to us");
}

#[test]
fn one_of_several_clicks_is_enough_and_counts_once() {
    let mut world = World::new();
    let (blog, alice, bob) = (world.blog(), world.buyer(None), world.buyer(None));
    let clicks = [world.click(blog, DAY), world.click(blog, HOUR)];
    world.sell("A-1", &sale("100.00").clicks(&clicks));
    assert_eq!(world.sign_in(alice, &clicks), [None, None]);
    assert_eq!(world.entries.len(), 2);
    world.sell("A-2", &sale("100.00").clicks(&clicks));
    assert_eq!(world.conversion("A-2").buyer, Some(alice));
    // Another's later sign-in with the other click takes nothing.
    let clicks = [world.click(blog, DAY), world.click(blog, HOUR)];
    world.sell("A-3", &sale("100.00").clicks(&clicks));
    world.sign_in(alice, &clicks[..1]);
    assert_eq!(world.sign_in(bob, &clicks[1..]), [None]);
    assert_eq!(world.conversion("A-3").buyer, Some(alice));
    world.sell("A-4", &sale("100.00").clicks(&clicks));
    assert_eq!(world.conversion("A-4").buyer, Some(alice), "as with the sale in between");
}

#[test]
fn the_claim_window_ends_to_the_microsecond() {
    let mut world = World::new();
    let (blog, buyer) = (world.blog(), world.buyer(None));
    let clicks = [world.click(blog, DAY), world.click(blog, HOUR)];
    world.sell("A-1", &sale("100.00").click(&clicks[0]));
    world.sell("A-2", &sale("100.00").click(&clicks[1]));
    let until = world.conversion("A-1").claim_until.expect("open");
    assert_eq!(until, world.conversion("A-1").recorded_at.plus_days(30));
    world.now = until.plus(-1);
    assert_eq!(world.expire("A-1"), Outcome::Refused(Refusal::NotDue));
    world.now = until.plus(-1);
    assert_eq!(world.sign_in(buyer, &clicks[..1]), [None]);
    assert_eq!(world.conversion("A-1").buyer, Some(buyer));
    let until = world.conversion("A-2").claim_until.expect("open");
    world.now = until;
    assert_eq!(world.sign_in(buyer, &clicks[1..]), [Some(Reason::ClaimWindowClosed)], "the clock has not come by yet");
    world.now = until;
    assert_eq!(world.expire("A-2").http(), 201);
    assert_eq!(world.expire("A-2").http(), 200);
    assert_eq!(world.sign_in(buyer, &clicks[1..]), [Some(Reason::ClaimWindowClosed)]);
    assert_eq!(world.conversion("A-2").buyer, None);
    assert_eq!(world.expire("A-1"), Outcome::Refused(Refusal::NotDue), "it has its buyer");
}

#[test]
fn a_sale_that_did_not_count_a_click_keeps_no_window_open_for_it() {
    let mut world = World::new();
    let (blog, buyer) = (world.blog(), world.buyer(None));
    let (fresh, old) = (world.click(blog, HOUR), world.click(blog, 40 * DAY));
    let then = world.now.plus(-39 * DAY);
    world.sell("A-1", &sale("100.00").click(&old).at(then));
    world.now = world.now.plus(31 * DAY);
    world.sell("A-2", &sale("100.00").click(&fresh).click(&old));
    assert_eq!(world.sign_in(buyer, &[fresh, old]), [None, Some(Reason::ClaimWindowClosed)]);
    assert_eq!((world.conversion("A-1").buyer, world.conversion("A-2").buyer), (None, Some(buyer)));
}

#[test]
fn an_expired_share_goes_where_the_terms_say() {
    for (to, expected, refunded) in [
        (UnclaimedTo::Publisher, "payable 6.00 = 5.40 + 0.00 + 0.60", "payable 5.70 = 5.13 + 0.00 + 0.57"),
        (UnclaimedTo::Platform, "payable 6.00 = 3.60 + 0.00 + 2.40", "payable 5.70 = 3.42 + 0.00 + 2.28"),
        (UnclaimedTo::Merchant, "payable 4.20 = 3.60 + 0.00 + 0.60", "payable 3.99 = 3.42 + 0.00 + 0.57"),
    ] {
        let mut world = World::with(Terms { unclaimed_to: to, ..terms() });
        let blog = world.blog();
        let click = world.click(blog, DAY);
        world.sell("A-1", &sale("119.99").click(&click));
        world.approve("A-1", Actor::Merchant);
        world.now = world.now.plus_days(31);
        world.expire("A-1");
        assert_eq!(world.says("A-1"), expected, "{to:?}");
        assert_eq!(world.entries.last().map(|entry| entry.kind), Some(Kind::ShareExpired));
        assert!(!world.conversion("A-1").flags.unclaimed);
        assert_eq!(world.balance(Account::Unclaimed(world.program, Stage::Payable)), 0);
        world.refund("A-1", "R-1", back("6.00"));
        assert_eq!(world.says("A-1"), refunded, "{to:?} after a refund");
    }
}

#[test]
fn an_expired_share_is_gone_for_good() {
    let mut world = World::new();
    let (blog, buyer) = (world.blog(), world.buyer(None));
    let (bare, sealed) = (world.click(blog, DAY), OpenedClick { buyer: Some(buyer), ..world.click(blog, HOUR) });
    world.sell("A-1", &sale("100.00").click(&bare).unsigned());
    world.now = world.now.plus_days(30);
    world.expire("A-1");
    world.sell("A-1", &sale("100.00").click(&sealed));
    assert_eq!(world.says("A-1"), "pending 5.00 = 4.50 + 0.00 + 0.50");
    assert_eq!(world.conversion("A-1").buyer, None, "who comes later comes too late");
}

#[test]
fn an_expired_gift_goes_to_the_publishers_by_weight() {
    let mut terms = Terms { split: split("90", "0", "10"), ..terms() };
    terms.attribution.model = Model::Linear;
    let mut world = World::with(terms);
    let (giver, other) = (world.publisher(PublisherKind::Content, "50", None), world.blog());
    let clicks = [world.click(giver, DAY), world.click(other, HOUR)];
    world.sell("A-1", &sale("100.00").clicks(&clicks));
    assert_eq!(world.says("A-1"), "pending 5.00 = 3.38 + 1.12 + 0.50");
    world.now = world.now.plus_days(30);
    world.expire("A-1");
    let parts: Vec<i64> = world.conversion("A-1").credits.iter().map(|credit| credit.amount).collect();
    assert_eq!(parts, [113 + 56, 225 + 56]);
}

#[test]
fn without_a_buyers_share_there_is_nothing_to_claim() {
    let mut world = World::with(Terms { split: split("90", "0", "10"), commission: vec![pays_percent("10")], ..terms() });
    let (blog, buyer) = (world.blog(), world.buyer(None));
    let click = world.click(blog, DAY);
    world.sell("A-1", &sale("100.00").click(&click));
    let conversion = world.conversion("A-1");
    assert_eq!((conversion.flags.unclaimed, conversion.claim_until), (false, None));
    world.now = world.now.plus_days(40);
    assert_eq!(world.expire("A-1"), Outcome::Refused(Refusal::NotDue));
    assert_eq!(world.sign_in(buyer, &[click]), [None]);
    assert_eq!(world.entries.len(), 1);
}

#[test]
fn a_sign_in_with_a_click_of_the_replaced_sale_takes_nothing_of_the_signed_one() {
    // The same facts, the signed sale before and after the pixel and the sign-in.
    for signed_first in [true, false] {
        let mut terms = terms();
        terms.attribution.self_referral = ristourne::domain::terms::SelfReferral::Refuse;
        let mut world = World::with(terms);
        let (mine, other) = (world.publisher(PublisherKind::Content, "0", Some("a@b.example")), world.blog());
        let buyer = world.buyer(Some("a@b.example"));
        let (tied, named) = (world.click(mine, DAY), world.click(other, HOUR));
        let (pixel, signed) = (sale("100.00").click(&tied).unsigned(), sale("100.00").click(&named));
        if signed_first {
            world.sell("A-1", &signed);
        }
        world.sell("A-1", &pixel);
        world.sign_in(buyer, &[tied]);
        world.sell("A-1", &signed);
        assert_eq!(world.says("A-1"), "pending 5.00 = 3.00 + 1.50 + 0.50", "signed first: {signed_first}");
        assert_eq!(world.conversion("A-1").buyer, None, "signed first: {signed_first}");
    }
}
