//! Boosts: what each kind pays, on which facts, and that budgets, quotas and chances stop at zero.

use crate::support::domain::{Blog, World, back, money, noon, pays_percent, percent, property, sale, split, terms};
use crate::support::domain_boosts::{boosted, budget, code, referral, returning, tier, voucher, welcome};
use crate::support::domain_cases::{Dice, ORDER, Story, sequence};
use proptest::{collection::vec, prelude::any};
use ristourne::domain::{
    account::{Account, Stage},
    conversion::Conversion,
    entry::Row,
    loyalty::{Voucher, names},
    order::Actor,
    pot::Pot,
    sale::OpenedClick,
    terms::{
        PayableOn, Terms,
        boost::{Boost, Funder, Reward},
    },
};
use ristourne::kernel::{
    id::{BuyerId, ConversionId, VoucherBatchId},
    money::Money,
    time::DAY,
};

/// A program that gives the buyer half of 10 %, with these boosts, a blog and a buyer.
#[expect(clippy::needless_pass_by_value, reason = "a list that is written where it is given")]
fn shop(boosts: Vec<Boost>) -> (World, Blog, BuyerId) {
    let mut world = World::with(Terms { commission: vec![pays_percent("10")], split: split("40", "50", "10"), ..terms() });
    world.boost(&boosts);
    let (blog, buyer) = (world.blog(), world.buyer(None));
    (world, blog, buyer)
}

fn click_of(world: &mut World, blog: Blog, buyer: BuyerId) -> OpenedClick {
    OpenedClick { buyer: Some(buyer), ..world.click(blog, DAY) }
}

/// An order of 100.00 by a buyer, whose share is 5.00, so many days before noon.
fn order(world: &mut World, blog: Blog, buyer: BuyerId, name: &str, days: i64) {
    let click = OpenedClick { buyer: Some(buyer), ..world.click(blog, (days + 1) * DAY) };
    world.sell(name, &sale("100.00").click(&click).at(noon().plus(-days * DAY)));
}

/// What an order pays in bonuses: `return 2.50, code 1.00`.
fn bonuses(world: &World, name: &str) -> String {
    let bonuses = world.conversion(name).bonuses;
    let text = |minor| Money::new(minor, money("1.00").currency).amount().to_string();
    bonuses.iter().map(|bonus| format!("{} {}", bonus.kind.word(), text(bonus.amount))).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_return_boost_fades_by_whole_days() {
    // 50 % of a share of 5.00 up to 7 days, to nothing at 30.
    for (days, paid) in
        [(0, "return 2.50"), (7, "return 2.50"), (8, "return 2.39"), (18, "return 1.30"), (29, "return 0.11"), (30, ""), (300, "")]
    {
        let (mut world, blog, buyer) = shop(vec![returning("50", 7, 30)]);
        order(&mut world, blog, buyer, "first", days);
        order(&mut world, blog, buyer, "second", 0);
        assert_eq!(bonuses(&world, "first"), "", "nothing to come back to");
        assert_eq!(bonuses(&world, "second"), paid, "after {days} days");
        assert_eq!(world.says("second"), "pending 10.00 = 4.00 + 5.00 + 1.00", "the commission stays what it is");
        world.pots();
    }
}

#[test]
fn an_order_is_a_return_to_those_that_one_sign_in_ties_with_it() {
    for (earlier, later) in [("A-1", "A-2"), ("A-2", "A-1")] {
        let (mut world, blog, buyer) = shop(vec![returning("50", 7, 30)]);
        let click = world.click(blog, 20 * DAY);
        for (name, days) in [(earlier, 5), (later, 0)] {
            world.sell(name, &sale("100.00").click(&click).at(noon().plus(-days * DAY)));
        }
        assert_eq!(world.sign_in(buyer, &[click]), [None]);
        assert_eq!(bonuses(&world, earlier), "", "whatever its number is");
        assert_eq!(bonuses(&world, later), "return 2.50", "whatever its number is");
    }
}

#[test]
fn an_order_that_is_refused_is_none_to_come_back_to() {
    let (mut world, blog, buyer) = shop(vec![returning("50", 7, 30)]);
    order(&mut world, blog, buyer, "old", 18);
    order(&mut world, blog, buyer, "refused", 3);
    world.reject("refused", None);
    order(&mut world, blog, buyer, "third", 0);
    assert_eq!(bonuses(&world, "third"), "return 1.30", "it looks at the order 18 days ago");
    world.reject("old", None);
    assert_eq!(bonuses(&world, "third"), "return 1.30", "looked up once");
    let other = world.buyer(None);
    order(&mut world, blog, other, "other", 0);
    assert_eq!(bonuses(&world, "other"), "", "others' orders do not count");
}

#[test]
fn bonuses_go_with_the_order() {
    let boosts = vec![returning("50", 7, 30), Boost { funded_by: Funder::Merchant, ..code("MERCI", Reward::Flat(100), None) }];
    let (mut world, blog, buyer) = shop(boosts);
    order(&mut world, blog, buyer, "first", 2);
    let click = click_of(&mut world, blog, buyer);
    world.sell("A", &sale("100.00").click(&click).coupon("merci"));
    assert_eq!(bonuses(&world, "A"), "return 2.50, code 1.00");
    assert_eq!(world.balance(Account::PromotionsPending), 250);
    assert_eq!(world.balance(Account::MerchantPending(world.merchant)), 1000 + 1000 + 100, "two commissions and the code");
    assert_eq!(world.balance(Account::Buyer(buyer, Stage::Pending)), 500 + 500 + 350);
    world.approve("A", Actor::Merchant);
    assert_eq!(world.balance(Account::PromotionsSpent), 250);
    assert_eq!(world.balance(Account::Buyer(buyer, Stage::Payable)), 850);
    world.refund("A", "R-1", back("50.00"));
    assert_eq!(bonuses(&world, "A"), "return 1.25, code 1.00", "half the share; the flat one stays");
    world.refund("A", "R-2", back("50.00"));
    assert_eq!((bonuses(&world, "A").as_str(), world.balance(Account::PromotionsSpent)), ("", 0), "nothing is left");
    order(&mut world, blog, buyer, "B", 0);
    assert_eq!(bonuses(&world, "B"), "return 2.50");
    world.reject("B", None);
    assert_eq!((bonuses(&world, "B").as_str(), world.balance(Account::PromotionsPending)), ("", 0));
    assert_eq!(world.pots(), std::collections::BTreeMap::new());
}

#[test]
fn under_merchant_payment_a_bonus_waits_with_its_order() {
    let (mut world, blog, buyer) = shop(Vec::new());
    let before = terms();
    world.terms_from(
        noon().plus(-30 * DAY),
        Terms {
            payable_on: PayableOn::MerchantPayment,
            split: split("40", "50", "10"),
            boosts: vec![code("X", Reward::Flat(70), None)],
            ..before
        },
    );
    let click = click_of(&mut world, blog, buyer);
    world.sell("A", &sale("100.00").click(&click).coupon("x"));
    world.approve("A", Actor::Merchant);
    assert_eq!(world.balance(Account::Buyer(buyer, Stage::Approved)), 250 + 70);
    assert_eq!((world.balance(Account::PromotionsSpent), world.balance(Account::PromotionsPending)), (70, 0));
    world.merchant_pays("A");
    assert_eq!(world.balance(Account::Buyer(buyer, Stage::Payable)), 250 + 70);
}

#[test]
fn the_first_order_that_is_approved_is_welcome() {
    let (mut world, blog, buyer) = shop(vec![welcome(500, Some(5000))]);
    for name in ["A", "B", "C", "D"] {
        order(&mut world, blog, buyer, name, 0);
    }
    assert_eq!(bonuses(&world, "A"), "", "not before it is approved");
    world.refund("A", "R", back("60.00"));
    world.approve("A", Actor::Merchant);
    assert_eq!(bonuses(&world, "A"), "welcome 5.00", "a part refund takes nothing of what is flat: 100.00 were sold, 50.00 are wanted");
    world.approve("B", Actor::Merchant);
    assert_eq!(bonuses(&world, "B"), "", "there is one");
    world.reject("A", None);
    assert_eq!((bonuses(&world, "A").as_str(), bonuses(&world, "B").as_str()), ("", ""), "B had its chance");
    world.adjust("C", "49.99");
    world.approve("C", Actor::Merchant);
    assert_eq!(bonuses(&world, "C"), "", "less was sold than is wanted");
    world.approve("D", Actor::Merchant);
    assert_eq!(bonuses(&world, "D"), "welcome 5.00", "the next that is approved");
    assert_eq!(world.pots()[&Pot::Welcome(buyer)].uses, 1);
    assert_eq!(world.balance(Account::Buyer(buyer, Stage::Payable)), 500 + 250 + 500 + 500);
}

#[test]
fn both_sides_of_a_referral_are_paid_once() {
    let (mut world, blog, referrer) = shop(vec![referral(300, 200, None)]);
    let friend = world.brought(referrer, None);
    for name in ["A", "B"] {
        order(&mut world, blog, friend, name, 0);
        world.approve(name, Actor::Merchant);
    }
    assert_eq!((bonuses(&world, "A").as_str(), bonuses(&world, "B").as_str()), ("referral 2.00, referral 3.00", ""));
    assert_eq!(world.balance(Account::Buyer(referrer, Stage::Payable)), 300);
    assert_eq!(world.balance(Account::Buyer(friend, Stage::Payable)), 1000 + 200);
    order(&mut world, blog, referrer, "C", 0);
    world.approve("C", Actor::Merchant);
    assert_eq!(bonuses(&world, "C"), "", "nobody brought the referrer");
    world.reject("A", None);
    assert_eq!(world.balance(Account::Buyer(referrer, Stage::Payable)), 500, "the referrer's part goes with the friend's order");
    // One person with two accounts.
    let (mut world, blog, _) = shop(vec![referral(300, 200, None)]);
    let own = world.buyer(Some("me@mail.example"));
    let friend = world.brought(own, Some("ME@mail.example"));
    order(&mut world, blog, friend, "A", 0);
    world.approve("A", Actor::Merchant);
    assert_eq!(bonuses(&world, "A"), "");
}

#[test]
fn a_tier_looks_at_what_was_approved_before() {
    let (mut world, blog, buyer) = shop(Vec::new());
    let own = world.program;
    world.boost(&[tier(vec![own], &[(0, "0"), (10_000, "10"), (20_000, "20")])]);
    for (name, paid) in [("A", ""), ("B", "tier 0.50"), ("C", "tier 1.00")] {
        order(&mut world, blog, buyer, name, 0);
        assert_eq!(bonuses(&world, name), paid, "{name}");
        world.approve(name, Actor::Merchant);
        assert_eq!(bonuses(&world, name), paid, "its own amount is not in it");
    }
    world.refund("C", "R", back("50.00"));
    assert_eq!(bonuses(&world, "C"), "tier 0.50", "20 % of half the share");
    world.reject("A", None);
    world.reject("B", None);
    assert_eq!(bonuses(&world, "C"), "tier 0.50", "looked up once");
    order(&mut world, blog, buyer, "D", 0);
    assert_eq!(bonuses(&world, "D"), "", "50.00 are approved");
}

#[test]
fn codes_have_dates_and_quotas() {
    let dated = |code: Boost, from: i64, until: i64| boosted(code, Some(noon().plus(from)), Some(noon().plus(until)));
    let boosts = || {
        vec![
            dated(code("EARLY", Reward::Flat(100), None), -2 * DAY, -DAY),
            dated(code("LATE", Reward::Flat(100), None), 1, DAY),
            dated(code("NOW", Reward::Flat(100), None), 0, 1),
            code("Two", Reward::PercentOfBuyerShare(percent("12.5")), Some(2)),
        ]
    };
    for (used, paid) in [("early", ""), ("late", ""), ("now", "code 1.00"), ("NOW", "code 1.00"), ("two", "code 0.63"), ("other", "")] {
        let (mut world, blog, buyer) = shop(boosts());
        let click = click_of(&mut world, blog, buyer);
        world.sell("A", &sale("100.00").click(&click).coupon(used));
        assert_eq!(bonuses(&world, "A"), paid, "{used}");
    }
    let (mut world, blog, buyer) = shop(boosts());
    for name in ["A", "B", "C", "D"] {
        let click = click_of(&mut world, blog, buyer);
        world.sell(name, &sale("100.00").click(&click).coupon("TWO"));
        if name == "C" {
            assert_eq!(bonuses(&world, "C"), "", "used twice");
            world.reject("A", None);
        }
    }
    assert_eq!((bonuses(&world, "B").as_str(), bonuses(&world, "C").as_str()), ("code 0.63", ""));
    assert_eq!(bonuses(&world, "D"), "code 0.63", "what a rejected order held is there again");
    assert_eq!(names(&boosts()), ["code:early", "code:late", "code:now", "code:two"]);
    let unclaimed = world.click(blog, DAY);
    world.sell("E", &sale("100.00").click(&unclaimed).coupon("NOW"));
    assert_eq!(bonuses(&world, "E"), "", "nobody to pay");
    world.sign_in(buyer, &[unclaimed]);
    assert_eq!(bonuses(&world, "E"), "code 1.00", "what it would have got");
}

#[test]
fn a_voucher_is_good_for_one_order() {
    let (mut world, blog, buyer) = shop(vec![voucher(&["V-1", "V-2"], Reward::Flat(150))]);
    let stored = Voucher {
        batch: VoucherBatchId::from_raw(9),
        boost: None,
        reward: Reward::Flat(80),
        funded_by: Funder::Merchant,
        from: None,
        until: None,
    };
    world.facts.loyalty.vouchers.insert((world.program, "parcel".to_owned()), stored);
    let buy = |world: &mut World, name: &str, coupon: &str| {
        let click = click_of(world, blog, buyer);
        world.sell(name, &sale("100.00").click(&click).coupon(coupon));
        bonuses(world, name)
    };
    assert_eq!(buy(&mut world, "A", "v-1"), "voucher 1.50");
    assert_eq!(buy(&mut world, "B", "V-1"), "");
    assert_eq!(buy(&mut world, "C", "V-2"), "voucher 1.50");
    world.cancel("A");
    assert_eq!(buy(&mut world, "D", "V-1"), "voucher 1.50", "free again");
    assert_eq!(bonuses(&world, "B"), "", "too late for it");
    assert_eq!(buy(&mut world, "E", "PARCEL"), "voucher 0.80");
    assert_eq!(buy(&mut world, "F", "parcel"), "");
    assert_eq!(world.pots()[&Pot::Voucher(world.program, "parcel".to_owned())].uses, 1);
}

#[test]
fn a_budget_stops_at_zero() {
    let (mut world, blog, buyer) = shop(vec![budget(700, code("C", Reward::Flat(300), None))]);
    let pot = Pot::Boost(world.program, "code:c".to_owned());
    for (name, paid) in [("A", "code 3.00"), ("B", "code 3.00"), ("C", "code 1.00"), ("D", "")] {
        let click = click_of(&mut world, blog, buyer);
        world.sell(name, &sale("100.00").click(&click).coupon("c"));
        assert_eq!(bonuses(&world, name), paid, "{name}");
    }
    assert_eq!(world.pots()[&pot].amount, 700);
    world.reject("A", None);
    assert_eq!((world.pots()[&pot].amount, bonuses(&world, "C").as_str()), (400, "code 1.00"), "what was decided stays");
    let click = click_of(&mut world, blog, buyer);
    world.sell("E", &sale("100.00").click(&click).coupon("c"));
    assert_eq!((bonuses(&world, "E").as_str(), world.pots()[&pot].amount), ("code 3.00", 700));
    // A sign-in that ties several orders at once shares what is left among them.
    let (mut world, blog, buyer) = shop(vec![budget(400, code("C", Reward::Flat(300), None))]);
    let click = world.click(blog, DAY);
    for name in ["A", "B"] {
        world.sell(name, &sale("100.00").click(&click).coupon("c"));
    }
    world.sign_in(buyer, &[click]);
    assert_eq!((bonuses(&world, "A").as_str(), bonuses(&world, "B").as_str()), ("code 3.00", "code 1.00"));
    assert_eq!(world.pots()[&pot].amount, 400);
}

#[derive(Debug, PartialEq)]
struct End {
    conversion: Option<Conversion>,
    balances: Row,
    pots: Vec<(Pot, ristourne::domain::pot::Held)>,
}

fn end(world: &World) -> End {
    let order = world.facts.orders.get(&world.key(ORDER));
    let conversion = order.and_then(|order| world.due_of(order)?.conversion(order)).map(|conversion| Conversion {
        id: ConversionId::from_raw(0),
        recorded_at: noon(),
        payable_at: conversion.payable_at.filter(|_| conversion.approved_at.is_none()),
        approved_at: conversion.approved_at.map(|_| noon()),
        claim_until: conversion.claim_until.map(|_| noon()),
        ..conversion
    });
    End { conversion, balances: world.balances(), pots: world.pots().into_iter().collect() }
}

#[test]
fn any_sequence_and_repetition_ends_the_same_with_boosts() {
    property(3_000, 2, (vec(any::<u16>(), 320), vec(any::<u16>(), 60), vec(any::<u16>(), 60)), |(story, one, other)| {
        let mut dice = Dice::new(&story);
        let story = crate::support::domain_boosts::story(Story::roll(&mut dice), &mut dice);
        let [one, other] = [one, other].map(|choices| sequence(story.events.len(), &choices));
        let ((first, told_first), (second, told_second)) = (story.run(one), story.run(other));
        assert_eq!(end(&first), end(&second), "{}\n{told_first:#?}\n{told_second:#?}", story.label);
    });
}

#[test]
fn the_boosted_stories_reach_every_kind_of_bonus() {
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    let mut state = 2_u64;
    for _ in 0..2_000 {
        let choices: Vec<u16> = std::iter::repeat_with(|| crate::support::domain::draw(&mut state)).take(320).collect();
        let mut dice = Dice::new(&choices);
        let story = crate::support::domain_boosts::story(Story::roll(&mut dice), &mut dice);
        let (world, _) = story.run(0..story.events.len());
        let Some(due) = world.facts.orders.get(&world.key(ORDER)).and_then(|order| world.due_of(order)) else { continue };
        for part in due.workings.offers.iter().flat_map(|offer| offer.parts.iter().map(move |part| (offer.kind.word(), part))) {
            let how = if part.1.amount() == part.1.wanted {
                "whole"
            } else if part.1.amount() > 0 {
                "what is left"
            } else {
                "nothing"
            };
            *seen.entry(format!("{} {how}", part.0)).or_default() += 1;
        }
    }
    for what in [
        "return whole",
        "return what is left",
        "welcome whole",
        "welcome nothing",
        "referral whole",
        "code whole",
        "code nothing",
        "voucher whole",
        "voucher nothing",
        "tier whole",
    ] {
        assert!(seen.get(what).is_some_and(|count| *count >= 2), "{what} is hardly reached: {seen:?}");
    }
}
