//! An order is a set of facts. Whatever their sequence, and however often each is told, the order ends
//! in the same status, flags, shares, credits, reason and balances.
//!
//! Within the promise are facts that do not contradict each other: one signed sale (with or without its clicks) and one unsigned one, each
//! refund number with one content, one verdict of each kind, one buyer's sign-ins, and rates that come late. Two contents for one fact are
//! a conflict, in which the first stays; acts of the clock and adjustments are dated and stand outside.

use crate::support::{
    domain::{World, noon, property},
    domain_cases::{Dice, Event, ORDER, Story, sequence},
    domain_rivals::Rivals,
};
use proptest::{collection::vec, prelude::any};
use ristourne::domain::{command::Outcome, conversion::Conversion, entry::Row, touch::Touch};
use ristourne::kernel::id::ConversionId;
use std::collections::BTreeSet;

/// What must be the same in the end. Dates are not promised, but for the one that silence waits for.
#[derive(Debug, PartialEq)]
struct End {
    conversion: Option<Conversion>,
    balances: Row,
}

fn end(world: &World) -> End {
    let due = world.facts.orders.get(&world.key(ORDER)).and_then(|order| world.due_of(order));
    let conversion = due.as_ref().and_then(|due| due.conversion(&world.facts.orders[&world.key(ORDER)])).map(|conversion| Conversion {
        id: ConversionId::from_raw(0),
        recorded_at: noon(),
        payable_at: conversion.payable_at.filter(|_| conversion.approved_at.is_none()),
        approved_at: conversion.approved_at.map(|_| noon()),
        claim_until: conversion.claim_until.map(|_| noon()),
        expired_at: conversion.expired_at.map(|_| noon()),
        ..conversion
    });
    End { conversion, balances: world.balances() }
}

#[test]
fn any_sequence_and_repetition_of_an_orders_facts_ends_the_same() {
    property(10_000, 1, (vec(any::<u16>(), 290), vec(any::<u16>(), 60), vec(any::<u16>(), 60)), |(story, one, other)| {
        let dice = &mut Dice::new(&story);
        let story = Story::roll(dice).and_claims(dice);
        let [one, other] = [one, other].map(|choices| sequence(story.events.len(), &choices));
        let ((first, told_first), (second, told_second)) = (story.run(one), story.run(other));
        assert_eq!(end(&first), end(&second), "{}\n{told_first:#?}\n{told_second:#?}", story.label);
    });
}

/// Which events were taken at least once.
fn accepted(sequence: &[usize], told: &[(Event, Outcome)]) -> BTreeSet<usize> {
    sequence.iter().zip(told).filter(|(_, (_, outcome))| !matches!(outcome, Outcome::Refused(_))).map(|(event, _)| *event).collect()
}

/// The same where two people say that they bought: who came first has it, wherever the sale and all else stand between.
#[test]
fn any_sequence_of_an_order_that_two_claim_ends_the_same() {
    let compared = std::cell::Cell::new(0_u32);
    property(10_000, 2, (vec(any::<u16>(), 310), vec(any::<u16>(), 60), vec(any::<u16>(), 60)), |(story, one, other)| {
        let rivals = Rivals::roll(&mut Dice::new(&story));
        let [one, other] = [one, other].map(|choices| rivals.fair(sequence(rivals.story.events.len(), &choices)));
        let ((first, told_first), (second, told_second)) = (rivals.story.run(one.clone()), rivals.story.run(other.clone()));
        // What is refused, such as a claim of an order that is somebody's, is no fact of it; and had it come before, it would be one.
        if accepted(&one, &told_first) != accepted(&other, &told_second) {
            return;
        }
        compared.set(compared.get() + 1);
        assert_eq!(end(&first), end(&second), "{}\n{told_first:#?}\n{told_second:#?}", rivals.story.label);
    });
    assert!(compared.get() > 50, "{} stories only have the same facts", compared.get());
}

#[test]
fn the_rivals_reach_every_kind_of_end() {
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    let mut state = 2_u64;
    for _ in 0..1_000 {
        let choices: Vec<u16> = std::iter::repeat_with(|| crate::support::domain::draw(&mut state)).take(310).collect();
        let rivals = Rivals::roll(&mut Dice::new(&choices));
        let events = rivals.story.events.len();
        let (world, _) = rivals.story.run(rivals.fair((0..events).collect()));
        let mut count = |what: String| *seen.entry(what).or_default() += 1;
        let buyer = world.facts.orders.get(&world.key(ORDER)).and_then(|order| world.due_of(order)).and_then(|due| due.buyer);
        for claim in world.facts.claims.values() {
            let whose = if buyer == Some(claim.buyer) { "theirs" } else { "not theirs" };
            count(format!("{} and {whose}", claim.state().status().word()));
        }
    }
    for what in ["matched and theirs", "refused and not theirs", "waiting and not theirs"] {
        assert!(seen.get(what).is_some_and(|count| *count >= 20), "{what} is hardly reached: {seen:?}");
    }
    for never in ["waiting and theirs", "refused and theirs"] {
        assert_eq!(seen.get(never), None, "{seen:?}");
    }
}

#[test]
fn the_stories_reach_every_kind_of_end() {
    // A property of sets that are all dull would prove little.
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    let mut state = 1_u64;
    for _ in 0..2_000 {
        let choices: Vec<u16> = std::iter::repeat_with(|| crate::support::domain::draw(&mut state)).take(290).collect();
        let dice = &mut Dice::new(&choices);
        let story = Story::roll(dice).and_claims(dice);
        let (world, _) = story.run(0..story.events.len());
        let Some(due) = world.facts.orders.get(&world.key(ORDER)).and_then(|order| world.due_of(order)) else { continue };
        let mut count = |what: String| *seen.entry(what).or_default() += 1;
        count(due.status.word().to_owned());
        due.flags.words().for_each(|word| count(word.to_owned()));
        due.reason.iter().for_each(|reason| count(reason.words().unwrap_or(reason.code()).to_owned()));
        due.workings.left.refused.iter().for_each(|(_, reason)| count(reason.code().to_owned()));
        if due.credits.len() > 1 && due.commission > 0 {
            count("several credits".to_owned());
        }
        let touches = &world.facts.orders[&world.key(ORDER)].context.as_ref().expect("recorded").touches;
        let named = |click| touches.iter().any(|touch| matches!(touch, Touch::Known(known) if known.click == click));
        if due.credits.iter().filter_map(|credit| credit.click).any(|click| !named(click)) {
            count("credited by a claim".to_owned());
        }
        for claim in world.facts.claims.values() {
            count(format!("claim {}", claim.state().status().word()));
        }
        if due.workings.shared.as_ref().is_some_and(|shared| shared.expired > 0) {
            count("expired".to_owned());
        }
        if due.workings.shared.as_ref().is_some_and(|shared| shared.gifts.iter().any(|gift| *gift > 0)) {
            count("gifts".to_owned());
        }
    }
    for what in [
        "pending",
        "approved",
        "payable",
        "rejected",
        "unattributed",
        "unsigned",
        "held",
        "unclaimed",
        "refunded",
        "over_refunded",
        "several credits",
        "credited by a claim",
        "claim matched",
        "claim waiting",
        "expired",
        "gifts",
        "cancelled",
        "not delivered",
        "other_channel",
        "self_referral",
        "suspect_traffic",
        "click_expired",
        "click_embedded",
        "wrong_program",
        "unknown_click",
        "no_click",
        "excluded_category",
        "below_minimum",
        "rounds_to_zero",
        "fully_refunded",
        "no_rule",
        "refund_exceeds_order",
        "unknown_line",
        "currency_mismatch",
    ] {
        assert!(seen.get(what).is_some_and(|count| *count >= 3), "{what} is hardly reached: {seen:?}");
    }
}
