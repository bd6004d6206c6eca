//! Claims of missing cashback: which visit proves one, what it gives, and what it never takes.

use crate::support::domain::{HOUR, MINUTE, World, back, money, pays, percent, sale, terms};
use ristourne::domain::{
    account::{Account, Stage},
    claim::{Claim, ClaimReason, ClaimStatus},
    click::Quality,
    command::{Answered, Goodwill, Outcome},
    conversion::Status,
    entry::Kind,
    order::Actor,
    publisher::Kind as PublisherKind,
    reason::Refusal,
    sale::OpenedClick,
    terms::{Terms, pay::Pay, pay::Tier},
};
use ristourne::kernel::{id::BuyerId, time::DAY};

#[track_caller]
fn claimed(outcome: Outcome) -> Claim {
    match outcome {
        Outcome::Claimed { claim, .. } => *claim,
        other => panic!("{other:?}"),
    }
}

fn status(world: &World, claim: &Claim) -> ClaimStatus {
    world.facts.claims[&claim.id].state().status()
}

fn seen(world: &mut World, buyer: BuyerId, click: OpenedClick) -> OpenedClick {
    let click = OpenedClick { buyer: Some(buyer), ..click };
    world.see(click);
    click
}

#[test]
fn a_claim_attributes_an_unattributed_sale_whichever_comes_first() {
    for claim_first in [true, false] {
        let mut world = World::new();
        let (older, newer, buyer) = (world.blog(), world.blog(), world.buyer(None));
        world.visit(buyer, older, DAY);
        let newest = world.visit(buyer, newer, HOUR);
        world.visit(buyer, older, -HOUR);
        if claim_first {
            assert_eq!(claimed(world.claim(buyer, "A-1")).state().status(), ClaimStatus::Waiting);
            world.sell("A-1", &sale("119.99"));
        } else {
            world.sell("A-1", &sale("119.99"));
            assert_eq!(world.conversion("A-1").status, Status::Unattributed);
            assert_eq!(claimed(world.claim(buyer, "A-1")).state().status(), ClaimStatus::Matched);
            assert_eq!(world.entries.last().map(|entry| entry.kind), Some(Kind::Claimed));
        }
        assert_eq!(world.says("A-1"), "pending 6.00 = 3.60 + 1.80 + 0.60", "claim first: {claim_first}");
        let conversion = world.conversion("A-1");
        assert_eq!((conversion.buyer, conversion.newest().and_then(|credit| credit.click)), (Some(buyer), Some(newest.click)));
        let claim = world.facts.claims.values().next().expect("one").clone();
        assert_eq!(claim.visit.map(|visit| visit.click), Some(newest.click), "the newest before the order");
        world.approve("A-1", Actor::Merchant);
        world.refund("A-1", "R-1", back("6.00"));
        assert_eq!(world.says("A-1"), "payable 5.70 = 3.42 + 1.71 + 0.57");
        assert!(matches!(world.claim(buyer, "A-1"), Outcome::Claimed { is_new: false, .. }), "the same again");
    }
}

#[test]
fn only_a_visit_that_fits_proves_it() {
    let window = 30 * DAY;
    for (before, quality, wanted) in [
        (window, Quality::Ok, Some(false)),
        (window + 1000, Quality::Ok, None),
        (-MINUTE, Quality::Duplicate, Some(false)),
        (-MINUTE - 1000, Quality::Ok, None),
        (HOUR, Quality::Embedded, None),
        (HOUR, Quality::Bot, Some(true)),
        (HOUR, Quality::Suspect, Some(true)),
    ] {
        let mut world = World::new();
        let (blog, buyer) = (world.blog(), world.buyer(None));
        let click = OpenedClick { quality, ..world.click(blog, before) };
        seen(&mut world, buyer, click);
        let foreign = world.elsewhere(blog);
        world.visit(buyer, foreign, HOUR);
        world.sell("A-1", &sale("100.00"));
        let claim = claimed(world.claim(buyer, "A-1"));
        let conversion = world.conversion("A-1");
        let found = (claim.state().status() == ClaimStatus::Matched).then_some(conversion.flags.held);
        assert_eq!(found, wanted, "{before} {quality}");
        assert_eq!(conversion.status == Status::Unattributed, wanted.is_none());
    }
}

#[test]
fn a_claim_ties_an_unclaimed_share_and_takes_no_credit() {
    let mut world = World::new();
    let (blog, other, buyer) = (world.blog(), world.blog(), world.buyer(None));
    let click = world.click(blog, DAY);
    world.visit(buyer, other, HOUR);
    world.sell("A-1", &sale("100.00").click(&click));
    assert_eq!(world.balance(Account::Unclaimed(world.program, Stage::Pending)), 150);
    let claim = claimed(world.claim(buyer, "A-1"));
    assert_eq!(claim.state().status(), ClaimStatus::Matched);
    let conversion = world.conversion("A-1");
    assert_eq!((conversion.buyer, conversion.newest().map(|credit| credit.publisher)), (Some(buyer), Some(blog.publisher)));
    assert_eq!(world.balance(Account::Unclaimed(world.program, Stage::Pending)), 0);
    // Another's sign-in with the click of the sale comes too late.
    let late = world.buyer(None);
    world.sign_in(late, &[click]);
    assert_eq!(world.conversion("A-1").buyer, Some(buyer));
    assert_eq!(world.expire("A-1"), Outcome::Refused(Refusal::NotDue));
}

#[test]
fn what_has_its_buyer_or_another_channel_is_not_theirs() {
    let mut world = World::new();
    let (blog, first, second) = (world.blog(), world.buyer(None), world.buyer(None));
    let click = world.visit(first, blog, DAY);
    world.visit(second, blog, HOUR);
    // It waited, and the sale shows whose it is.
    let waits = claimed(world.claim(second, "A-1"));
    world.sell("A-1", &sale("100.00").click(&click));
    assert_eq!(world.conversion("A-1").buyer, Some(first));
    assert_eq!(status(&world, &waits), ClaimStatus::Refused);
    assert!(matches!(world.claim(second, "A-1"), Outcome::Claimed { is_new: false, .. }));
    world.sell("A-2", &sale("100.00").click(&click));
    assert_eq!(world.claim(second, "A-2"), Outcome::Refused(Refusal::OrderAlreadyClaimed));
    assert_eq!(claimed(world.claim(first, "A-2")).state().status(), ClaimStatus::Matched, "it is theirs already");
    // The first of two who wait has it.
    let (early, late) = (claimed(world.claim(second, "A-3")), claimed(world.claim(first, "A-3")));
    world.sell("A-3", &sale("100.00"));
    assert_eq!((status(&world, &early), status(&world, &late)), (ClaimStatus::Matched, ClaimStatus::Refused));
    let elsewhere = claimed(world.claim(first, "A-4"));
    world.sell("A-4", &sale("100.00").channel("google"));
    assert_eq!((status(&world, &elsewhere), world.conversion("A-4").status), (ClaimStatus::Waiting, Status::Unattributed));
}

#[test]
fn an_unsigned_sale_refuses_no_claim() {
    let mut world = World::new();
    let (blog, first, second) = (world.blog(), world.buyer(None), world.buyer(None));
    let click = world.visit(first, blog, DAY);
    world.visit(second, blog, HOUR);
    world.sell("A-1", &sale("100.00").click(&click).unsigned());
    let claim = claimed(world.claim(second, "A-1"));
    assert_eq!(claim.state().status(), ClaimStatus::Waiting);
    world.sell("A-1", &sale("100.00"));
    assert_eq!((world.conversion("A-1").buyer, status(&world, &claim)), (Some(second), ClaimStatus::Matched));
}

#[test]
fn a_sign_in_shows_the_visit_of_a_claim_that_waits() {
    for sale_first in [true, false] {
        let mut world = World::new();
        let (blog, buyer) = (world.blog(), world.buyer(None));
        let click = world.click(blog, HOUR);
        let claim = claimed(world.claim(buyer, "A-1"));
        assert_eq!(claim.visit, None);
        if sale_first {
            world.sell("A-1", &sale("100.00"));
            assert_eq!(status(&world, &claim), ClaimStatus::Waiting, "nothing proves the visit yet");
        }
        assert_eq!(world.sign_in(buyer, &[click]), [None]);
        if !sale_first {
            world.sell("A-1", &sale("100.00"));
        }
        assert_eq!((status(&world, &claim), world.conversion("A-1").buyer), (ClaimStatus::Matched, Some(buyer)));
    }
}

#[test]
fn tiers_look_at_the_publisher_that_the_claim_brings() {
    let tier = |from, rate| Tier { from, percent: percent(rate) };
    for claim_first in [true, false] {
        let mut world = World::with(Terms { commission: vec![pays(Pay::Tiers(vec![tier(0, "5"), tier(5_000, "10")]))], ..terms() });
        let (blog, buyer) = (world.blog(), world.buyer(None));
        let click = world.click(blog, DAY);
        world.sell("earlier", &sale("60.00").click(&click));
        world.approve("earlier", Actor::Merchant);
        world.visit(buyer, blog, HOUR);
        if claim_first {
            world.claim(buyer, "A-1");
        }
        world.sell("A-1", &sale("100.00"));
        world.claim(buyer, "A-1");
        assert_eq!(world.says("A-1"), "pending 10.00 = 6.00 + 3.00 + 1.00", "claim first: {claim_first}");
        // Completed by the click that was lost, it keeps what was read.
        let named = world.click(blog, HOUR);
        world.sell("A-1", &sale("100.00").click(&named));
        assert_eq!(world.says("A-1"), "pending 10.00 = 6.00 + 3.00 + 1.00", "claim first: {claim_first}");
    }
}

#[test]
fn the_blogger_who_claims_is_held() {
    for claim_first in [true, false] {
        let mut world = World::new();
        let blog = world.publisher(PublisherKind::Content, "0", Some("a@b.example"));
        let account = world.buyer(None);
        world.facts.publishers.get_mut(&blog.publisher).expect("stored").buyer = Some(account);
        for buyer in [account, world.buyer(Some("A@b.example"))] {
            let order = format!("A-{buyer}");
            world.visit(buyer, blog, HOUR);
            if claim_first {
                world.claim(buyer, &order);
            }
            world.sell(&order, &sale("100.00"));
            world.claim(buyer, &order);
            let conversion = world.conversion(&order);
            assert!(
                conversion.flags.held && conversion.reason.as_ref().is_some_and(|why| why.code() == "self_referral"),
                "claim first: {claim_first}"
            );
        }
    }
}

#[test]
fn answers_close_a_claim_but_for_an_order_that_was_not_found() {
    let refuse = |reason| Answered::Refuse { reason, text: None };
    let goodwill = || Answered::Goodwill(Goodwill { amount: money("2.00"), funder: None, reason: None });
    for (answer, later) in [
        (refuse(ClaimReason::OrderNotFound), Status::Pending),
        (refuse(ClaimReason::TooLate), Status::Unattributed),
        (goodwill(), Status::Unattributed),
    ] {
        let mut world = World::new();
        let (blog, buyer) = (world.blog(), world.buyer(None));
        world.visit(buyer, blog, HOUR);
        let claim = claimed(world.claim(buyer, "A-1"));
        claimed(world.answer(Actor::Operator, claim.id, answer.clone()));
        world.sell("A-1", &sale("100.00"));
        assert_eq!(world.conversion("A-1").status, later, "{answer:?}");
    }
}

#[test]
fn the_deadline_escalates_to_the_microsecond() {
    let mut world = World::new();
    let buyer = world.buyer(None);
    let claim = claimed(world.claim(buyer, "A-1"));
    let until = claim.made_at.plus_days(30);
    world.now = until.plus(-1);
    assert_eq!(world.answer(Actor::Clock, claim.id, Answered::Escalate), Outcome::Refused(Refusal::NotDue));
    world.now = until;
    assert_eq!(claimed(world.answer(Actor::Clock, claim.id, Answered::Escalate)).state().status(), ClaimStatus::Escalated);
    assert_eq!(world.answer(Actor::Clock, claim.id, Answered::Escalate), Outcome::Refused(Refusal::NotDue), "once");
    let accept = Answered::Accept { amount: None };
    assert_eq!(world.answer(Actor::Operator, claim.id, accept), Outcome::Refused(Refusal::NotRecorded));
}

#[test]
fn an_accepted_claim_says_when_the_shops_own_click_takes_its_order() {
    let mut world = World::new();
    let (blog, buyer, other) = (world.blog(), world.buyer(None), world.buyer(None));
    world.visit(buyer, blog, HOUR);
    let named = world.visit(other, blog, DAY);
    let claim = claimed(world.claim(buyer, "A-1"));
    let accepted = claimed(world.answer(Actor::Merchant, claim.id, Answered::Accept { amount: Some(money("100.00")) }));
    assert_eq!((accepted.state().status(), world.conversion("A-1").buyer), (ClaimStatus::Accepted, Some(buyer)));
    let said = sale("100.00").at(world.facts.orders[&world.key("A-1")].sale.as_ref().expect("recorded").sale.occurred_at);
    world.sell("A-1", &said.click(&named));
    assert_eq!((world.conversion("A-1").buyer, status(&world, &claim)), (Some(other), ClaimStatus::Refused));
}
