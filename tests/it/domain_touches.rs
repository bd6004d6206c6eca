//! Which clicks earn: windows to the microsecond, models and their weights, stand-down, coupons, buyers, self-referral.

use crate::support::domain::{Blog, HOUR, MINUTE, Said, World, in_category, noon, pays_percent, sale, split, terms, when};
use ristourne::domain::{
    click::Quality,
    conversion::Status,
    order::Actor,
    publisher::Kind,
    reason::Reason,
    sale::OpenedClick,
    terms::{Attribution, Model, SelfReferral, Terms},
    verdict::Why,
};
use ristourne::kernel::time::{DAY, SECOND};

fn with(change: impl FnOnce(&mut Attribution)) -> World {
    let mut terms = terms();
    change(&mut terms.attribution);
    World::with(terms)
}

/// The status and reason that a sale comes to.
fn verdict(world: &mut World, order: &str, said: &Said) -> (Status, Option<String>) {
    world.sell(order, said);
    let conversion = world.conversion(order);
    (conversion.status, conversion.reason.map(|why| why.code().to_owned()))
}

fn unattributed(code: &str) -> (Status, Option<String>) {
    (Status::Unattributed, Some(code.to_owned()))
}

const EARNS: (Status, Option<String>) = (Status::Pending, None);

#[test]
fn the_window_ends_to_the_microsecond() {
    let mut world = World::new();
    let blog = world.blog();
    let click = world.click(blog, 30 * DAY);
    assert_eq!(verdict(&mut world, "exactly", &sale("10.00").click(&click)), EARNS);
    let late = sale("10.00").click(&click).at(noon().plus(1));
    assert_eq!(verdict(&mut world, "late", &late), unattributed("click_expired"));
    assert_eq!(world.due("late").workings.attributed.judged, [Some(Reason::ClickExpired)]);
}

#[test]
fn a_click_may_follow_its_sale_by_a_minute() {
    let mut world = World::new();
    let blog = world.blog();
    let click = world.click(blog, 0);
    assert_eq!(verdict(&mut world, "minute", &sale("10.00").click(&click).at(noon().plus(-MINUTE))), EARNS);
    let early = sale("10.00").click(&click).at(noon().plus(-MINUTE - 1));
    assert_eq!(verdict(&mut world, "early", &early), unattributed("click_after_sale"));
}

#[test]
fn without_a_good_touch_the_last_id_sent_says_why() {
    let mut world = World::new();
    let blog = world.blog();
    let foreign = world.elsewhere(blog);
    let (expired, elsewhere) = (world.click(blog, 31 * DAY), world.click(foreign, DAY));
    let mut embedded = world.click(blog, DAY);
    embedded.quality = Quality::Embedded;
    let stranger = OpenedClick { link: ristourne::kernel::id::LinkId::from_raw(77), ..expired };
    let table = [
        (sale("10.00"), "no_click"),
        (sale("10.00").unknown_click(), "unknown_click"),
        (sale("10.00").click(&stranger), "unknown_click"),
        (sale("10.00").click(&elsewhere), "wrong_program"),
        (sale("10.00").click(&embedded), "click_embedded"),
        (sale("10.00").unknown_click().click(&elsewhere).click(&expired), "click_expired"),
        (sale("10.00").click(&expired).click(&embedded).unknown_click(), "unknown_click"),
    ];
    for (n, (said, code)) in table.iter().enumerate() {
        assert_eq!(verdict(&mut world, &format!("A-{n}"), said), unattributed(code));
        assert_eq!(world.last.as_ref().expect("decided").outcome.http(), 202);
    }
    let good = world.click(blog, HOUR);
    let mixed = sale("10.00").click(&good).unknown_click().click(&embedded).click(&expired);
    assert_eq!(verdict(&mut world, "mixed", &mixed), EARNS, "one good touch is enough");
    let expected = [None, Some(Reason::UnknownClick), Some(Reason::ClickEmbedded), Some(Reason::ClickExpired)];
    assert_eq!(world.due("mixed").workings.attributed.judged, expected);
}

#[test]
fn qualities_earn_wait_or_do_not_count() {
    let expected = [
        (Quality::Ok, Status::Payable, false),
        (Quality::Duplicate, Status::Payable, false),
        (Quality::Prefetch, Status::Payable, false),
        (Quality::Suspect, Status::Pending, true),
        (Quality::Bot, Status::Pending, true),
        (Quality::Embedded, Status::Unattributed, false),
    ];
    for (quality, status, held) in expected {
        let mut world = World::new();
        let blog = world.blog();
        let click = OpenedClick { quality, ..world.click(blog, HOUR) };
        world.sell("A-1", &sale("10.00").click(&click));
        world.approve("A-1", Actor::Merchant);
        let conversion = world.conversion("A-1");
        assert_eq!((conversion.status, conversion.flags.held), (status, held), "{quality:?}");
        if held {
            assert_eq!(conversion.reason.as_ref().map(Why::code), Some("suspect_traffic"));
            world.approve("A-1", Actor::Operator);
            let lifted = world.conversion("A-1");
            assert_eq!((lifted.status, lifted.reason.as_ref().map(Why::code)), (Status::Payable, None), "the operator lifts it");
        }
    }
}

/// The weights of three clicks of 20, 8 and 1 days before the sale.
fn weights(model: Model, days: &[i64]) -> Vec<i64> {
    let mut world = with(|a| a.model = model);
    let blogs: Vec<Blog> = days.iter().map(|_| world.blog()).collect();
    let clicks: Vec<OpenedClick> = days.iter().zip(&blogs).map(|(days, blog)| world.click(*blog, days * DAY)).collect();
    // Sent in any order, they count in that of their times.
    let reversed: Vec<OpenedClick> = clicks.iter().rev().copied().collect();
    world.sell("A-1", &sale("10.00").clicks(&reversed));
    let conversion = world.conversion("A-1");
    assert_eq!(conversion.newest().and_then(|credit| credit.click), conversion.credits.last().and_then(|c| c.click));
    conversion.credits.iter().map(|credit| credit.weight).collect()
}

#[test]
fn models_weigh_as_written() {
    let days = [20, 8, 1];
    assert_eq!(weights(Model::LastClick, &days), [1]);
    assert_eq!(weights(Model::FirstClick, &days), [1]);
    assert_eq!(weights(Model::Linear, &days), [1, 1, 1]);
    assert_eq!(weights(Model::TimeDecay, &days), [1, 2, 4], "2, 1 and 0 full weeks");
    assert_eq!(weights(Model::TimeDecay, &[7, 6]), [1, 2], "exactly a week is one");
    assert_eq!(weights(Model::TimeDecay, &[21]), [1]);
    assert_eq!(weights(Model::Position, &days), [2, 1, 2], "40, 20, 40");
    assert_eq!(weights(Model::Position, &[20, 10, 8, 1]), [4, 1, 1, 4], "40, 10, 10, 40");
    assert_eq!(weights(Model::Position, &[20, 1]), [1, 1], "50, 50");
    assert_eq!(weights(Model::Position, &[1]), [1]);
}

#[test]
fn first_and_last_click_credit_their_own() {
    for (model, first) in [(Model::FirstClick, true), (Model::LastClick, false)] {
        let mut world = with(|a| a.model = model);
        let (old, new) = (world.blog(), world.blog());
        let clicks = [world.click(new, HOUR), world.click(old, DAY)];
        world.sell("A-1", &sale("100.00").clicks(&clicks));
        let credits = world.conversion("A-1").credits;
        assert_eq!(credits.len(), 1);
        assert_eq!((credits[0].publisher, credits[0].amount), (if first { old } else { new }.publisher, 300));
    }
}

#[test]
fn parts_of_publishers_add_up_with_ties_to_the_older_touch() {
    let mut world = with(|a| a.model = Model::Linear);
    let blogs = [world.blog(), world.blog(), world.blog()];
    let clicks: Vec<OpenedClick> = [3, 2, 1].iter().zip(blogs).map(|(days, blog)| world.click(blog, days * DAY)).collect();
    world.sell("A-1", &sale("119.60").clicks(&clicks));
    assert_eq!(world.says("A-1"), "pending 5.98 = 3.59 + 1.79 + 0.60");
    let parts: Vec<i64> = world.conversion("A-1").credits.iter().map(|credit| credit.amount).collect();
    assert_eq!(parts, [120, 120, 119]);
    // Position: 1.80 of 3.60 would be 0.72 + 0.36 + 0.72 …
    let mut world = with(|a| a.model = Model::Position);
    let blogs = [world.blog(), world.blog(), world.blog()];
    let clicks: Vec<OpenedClick> = [3, 2, 1].iter().zip(blogs).map(|(days, blog)| world.click(blog, days * DAY)).collect();
    world.sell("A-1", &sale("119.99").clicks(&clicks));
    let parts: Vec<i64> = world.conversion("A-1").credits.iter().map(|credit| credit.amount).collect();
    assert_eq!(parts, [144, 72, 144]);
}

#[test]
fn gifts_round_down_and_go_to_the_buyer() {
    let mut world = with(|a| a.model = Model::Linear);
    let (giver, other) = (world.publisher(Kind::Content, "33.3333", None), world.blog());
    let clicks = [world.click(giver, DAY), world.click(other, HOUR)];
    world.sell("A-1", &sale("119.99").clicks(&clicks));
    // Of 3.60 each has 1.80; 33.3333 % of 1.80 is 0.5999…
    assert_eq!(world.says("A-1"), "pending 6.00 = 3.01 + 2.39 + 0.60");
    let parts: Vec<i64> = world.conversion("A-1").credits.iter().map(|credit| credit.amount).collect();
    assert_eq!(parts, [121, 180]);
    assert!(world.conversion("A-1").flags.unclaimed);
}

#[test]
fn coupon_and_tool_publishers_stand_down_after_content() {
    for (kind, counts) in [(Kind::Coupon, false), (Kind::Tool, false), (Kind::Content, true), (Kind::Cashback, true)] {
        let mut world = with(|a| a.stand_down_minutes = 60);
        let (blog, other) = (world.blog(), world.publisher(kind, "0", None));
        let clicks = [world.click(blog, 2 * HOUR), world.click(other, HOUR + 1000)];
        world.sell("A-1", &sale("100.00").clicks(&clicks));
        let winner = if counts { other } else { blog };
        assert_eq!(world.conversion("A-1").credits[0].publisher, winner.publisher, "{kind:?} after content");
        let judged = if counts { None } else { Some(Reason::StoodDown) };
        assert_eq!(world.due("A-1").workings.attributed.judged, [None, judged]);
        // An hour is not less than an hour.
        let clicks = [world.click(blog, 2 * HOUR), world.click(other, HOUR)];
        world.sell("A-2", &sale("100.00").clicks(&clicks));
        assert_eq!(world.conversion("A-2").credits[0].publisher, other.publisher);
        // Content that came after it, or that does not count, stands nobody down.
        let clicks = [world.click(blog, HOUR - 1000), world.click(other, HOUR)];
        world.sell("A-3", &sale("100.00").clicks(&clicks));
        assert_eq!(world.due("A-3").workings.attributed.judged, [None, None]);
        let embedded = OpenedClick { quality: Quality::Embedded, ..world.click(blog, 2 * HOUR) };
        let clicks = [embedded, world.click(other, HOUR + 1000)];
        world.sell("A-4", &sale("100.00").clicks(&clicks));
        assert_eq!(world.conversion("A-4").credits[0].publisher, other.publisher);
    }
}

#[test]
fn a_click_that_stood_down_still_tells_the_buyer() {
    let mut world = with(|a| a.stand_down_minutes = 60);
    let (blog, tool, buyer) = (world.blog(), world.publisher(Kind::Tool, "0", None), world.buyer(None));
    let clicks = [world.click(blog, 2 * HOUR), OpenedClick { buyer: Some(buyer), ..world.click(tool, HOUR + 1000) }];
    world.sell("A-1", &sale("100.00").clicks(&clicks));
    let conversion = world.conversion("A-1");
    assert_eq!((conversion.credits[0].publisher, conversion.buyer), (blog.publisher, Some(buyer)));
}

#[test]
fn a_publishers_own_coupon_beats_every_click() {
    let mut world = with(|a| a.model = Model::Linear);
    let (blog, owner, buyer) = (world.blog(), world.publisher(Kind::Coupon, "50", None), world.buyer(None));
    world.coupon("Blog10", owner, Some(noon().plus(-DAY)), Some(noon()));
    let clicks = [world.click(blog, DAY), OpenedClick { buyer: Some(buyer), ..world.click(blog, HOUR) }];
    let before = noon().plus(-1);
    world.sell("A-1", &sale("119.99").clicks(&clicks).coupon("BLOG10").at(before));
    let conversion = world.conversion("A-1");
    assert_eq!(conversion.credits.len(), 1, "whole");
    let credit = conversion.credits[0];
    assert_eq!((credit.publisher, credit.link, credit.click), (owner.publisher, None, None));
    assert_eq!(world.says("A-1"), "pending 6.00 = 1.80 + 3.60 + 0.60", "half of the publisher's 3.60 is a gift");
    assert_eq!(conversion.buyer, Some(buyer), "the clicks tell the buyer");

    world.sell("A-2", &sale("119.99").coupon("blog10").at(before));
    assert_eq!(world.conversion("A-2").status, Status::Pending, "no click is needed");
    for (n, at) in [noon(), noon().plus(-DAY - 1)].into_iter().enumerate() {
        let order = format!("B-{n}");
        world.sell(&order, &sale("119.99").coupon("BLOG10").at(at));
        assert_eq!(world.conversion(&order).reason.as_ref().map(Why::code), Some("no_click"), "not valid at {at}");
    }
    world.sell("A-3", &sale("119.99").coupon("BLOG10").at(before).channel("google"));
    assert_eq!(world.conversion("A-3").reason.as_ref().map(Why::code), Some("other_channel"));
}

#[test]
fn another_channel_is_kept_and_earns_nothing() {
    let mut world = World::new();
    let blog = world.blog();
    let click = world.click(blog, DAY);
    let said = sale("10.00").click(&click);
    assert_eq!(verdict(&mut world, "A-1", &said.clone().channel("google")), unattributed("other_channel"));
    assert_eq!(world.balances().len(), 0);
    assert_eq!(world.sell("A-1", &said).http(), 201, "the merchant changed its mind: completed");
    assert_eq!(world.says("A-1"), "pending 0.50 = 0.30 + 0.15 + 0.05");
    assert_eq!(world.sell("A-1", &said.channel("google")).http(), 200, "and not back");
    assert_eq!(world.conversion("A-1").status, Status::Pending);
}

#[test]
fn the_buyer_is_that_of_the_newest_touch_that_has_one() {
    let mut world = World::new();
    let (blog, alice, bob) = (world.blog(), world.buyer(None), world.buyer(None));
    let click = |world: &mut World, before, buyer| OpenedClick { buyer, ..world.click(blog, before) };
    let clicks = [click(&mut world, DAY, Some(alice)), click(&mut world, HOUR, Some(bob)), click(&mut world, MINUTE, None)];
    world.sell("A-1", &sale("10.00").clicks(&clicks));
    assert_eq!(world.conversion("A-1").buyer, Some(bob));
    // One that does not count has no say.
    let clicks = [clicks[0], OpenedClick { quality: Quality::Embedded, ..clicks[1] }];
    world.sell("A-2", &sale("10.00").clicks(&clicks));
    assert_eq!(world.conversion("A-2").buyer, Some(alice));
    let unclaimed = click(&mut world, HOUR, None);
    world.sell("A-3", &sale("10.00").click(&unclaimed));
    let conversion = world.conversion("A-3");
    assert_eq!((conversion.buyer, conversion.flags.unclaimed), (None, true));
}

#[test]
fn self_referral_waits_is_allowed_or_is_refused() {
    for (policy, status, held, reason) in [
        (SelfReferral::Hold, Status::Pending, true, Some("self_referral")),
        (SelfReferral::Allow, Status::Payable, false, None),
        (SelfReferral::Refuse, Status::Unattributed, false, Some("self_referral")),
    ] {
        let mut world = with(|a| a.self_referral = policy);
        let (blog, buyer) = (world.publisher(Kind::Content, "0", Some("Ada@Example.org")), world.buyer(Some("ada@example.ORG")));
        let click = OpenedClick { buyer: Some(buyer), ..world.click(blog, DAY) };
        // Known at the click, or signed in before, or after the sale: the same.
        let bare = [world.click(blog, 2 * DAY), world.click(blog, 3 * DAY)];
        world.sell("sealed", &sale("10.00").click(&click));
        world.sign_in(buyer, &bare[..1]);
        world.sell("before", &sale("10.00").click(&bare[0]));
        world.sell("after", &sale("10.00").click(&bare[1]));
        world.sign_in(buyer, &bare[1..]);
        for order in ["sealed", "before", "after"] {
            world.approve(order, Actor::Merchant);
            let conversion = world.conversion(order);
            let got = (conversion.status, conversion.flags.held, conversion.reason.as_ref().map(Why::code));
            assert_eq!(got, (status, held, reason), "{policy:?} {order}");
            let again = if order == "sealed" { click } else { bare[usize::from(order == "after")] };
            assert_eq!(world.sell(order, &sale("10.00").click(&again)).verdict(), "duplicate", "{policy:?} {order} again");
        }
    }
}

#[test]
fn nobodys_address_is_nobody() {
    let mut world = World::new();
    let (blog, buyer) = (world.blog(), world.buyer(None));
    let click = OpenedClick { buyer: Some(buyer), ..world.click(blog, DAY) };
    world.sell("A-1", &sale("10.00").click(&click));
    assert!(!world.conversion("A-1").flags.held);
}

#[test]
fn rules_look_at_the_newest_credited_publisher() {
    let (mut terms, blogs) = (Terms { split: split("100", "0", "0"), ..terms() }, World::new());
    drop(blogs);
    terms.attribution.model = Model::Linear;
    let mut probe = World::with(terms.clone());
    let (old, new) = (probe.blog(), probe.blog());
    let only = |blog: Blog, rule| when(rule, |when| when.publishers = Some(vec![blog.publisher]));
    terms.commission = vec![only(old, pays_percent("20")), only(new, pays_percent("10")), in_category("x", pays_percent("1"))];
    let mut world = World::with(terms);
    assert_eq!((world.blog().publisher, world.blog().publisher), (old.publisher, new.publisher), "the same ids again");
    let clicks = [world.click(new, HOUR), world.click(old, DAY)];
    world.sell("A-1", &sale("100.00").clicks(&clicks));
    assert_eq!(world.says("A-1"), "pending 10.00 = 10.00 + 0.00 + 0.00");
    world.sell("A-2", &sale("100.00").click(&clicks[1]));
    assert_eq!(world.says("A-2"), "pending 20.00 = 20.00 + 0.00 + 0.00");
}

#[test]
fn the_terms_are_those_in_effect_when_the_order_occurred() {
    let mut world = World::new();
    let blog = world.blog();
    world.terms_from(noon().plus_days(2), Terms { commission: vec![pays_percent("10")], ..terms() });
    world.now = noon().plus_days(3);
    let click = world.click(blog, HOUR);
    for (order, at, version) in [("A-1", noon(), 1), ("A-2", noon().plus(2 * DAY - 1), 1), ("A-3", noon().plus(2 * DAY), 2)] {
        world.sell(order, &sale("10.00").click(&click).at(at));
        assert_eq!(world.conversion(order).terms_version, version, "{order}");
    }
    // A repeat keeps the first time, and with it the terms and the window.
    assert_eq!(world.sell("A-1", &sale("10.00").click(&click).at(noon().plus(2 * DAY + 5 * SECOND))).http(), 200);
    assert_eq!(world.conversion("A-1").occurred_at, noon());
}
