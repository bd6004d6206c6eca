//! A stream of anything, sensible or not: each command is decided on folded facts and again on what a database would load for it, with the
//! same result, so that it cannot matter how a stream is cut into batches.

use crate::support::{
    domain::{World, back, back_lines, noon, property},
    domain_cases::{Dice, Event, Story},
};
use proptest::{collection::vec, prelude::any};
use ristourne::domain::{command::Act, order::Actor, sale::OrderKey};
use ristourne::kernel::{money::Money, time::DAY};

/// Facts of one story as if they were of one of a few orders, mixed with what else may come.
fn tell(world: &mut World, story: &Story, dice: &mut Dice<'_>) {
    let key = |world: &World, n: usize| world.key(["A-1", "A-2", "A-3", "earlier"][n]);
    let key = key(world, dice.below(4));
    let amount = dice.amount();
    let actors = [Actor::Merchant, Actor::Operator, Actor::Clock];
    let act = match dice.below(12) {
        0..6 => return of_story(world, story, dice, &key),
        6 => Act::Adjust { key, amount: Money::new(amount, story.world.facts.programs[&world.program].program.currency), reason: None },
        7 => Act::MerchantPaid { key },
        8 => Act::Expire { key },
        9 => Act::Release { key },
        10 => Act::Approve { key },
        _ => Act::Refund { key, refund_id: format!("R-{}", dice.below(3)), refund: back(["1.00", "0.01", "0.00"][dice.below(3)]) },
    };
    let by = actors[dice.below(3)];
    let mut command = world.command(by, act);
    command.test = dice.chance(5);
    if dice.chance(30) {
        command.message.webhook_id = Some(format!("m-{}", dice.below(4)));
        command.message.body_hash = [u8::from(dice.chance(50)); 32];
    }
    world.send(&command);
    if dice.chance(10) {
        world.now = world.now.plus(i64::from(u8::try_from(dice.below(20)).expect("small")) * DAY);
    }
}

fn of_story(world: &mut World, story: &Story, dice: &mut Dice<'_>, key: &OrderKey) {
    let event = story.events[dice.below(story.events.len())].clone();
    let (by, mut act) = match event {
        Event::Tell(by, act) => (by, *act),
        Event::Rates => {
            let rate = ["1.0876", "1.0876", "1.1"][dice.below(3)];
            world.rates(["2026-11-20", "2026-11-22"][dice.below(2)], &[("USD", rate), ("JPY", "162.35")]);
            return;
        }
    };
    match &mut act {
        Act::Sale { key: of, .. } | Act::Cancel { key: of, .. } | Act::Reject { key: of, .. } | Act::Approve { key: of } => {
            *of = key.clone();
        }
        Act::Refund { key: of, refund, .. } => {
            *of = key.clone();
            if dice.chance(20) {
                *refund = back_lines(&[("S1", 1, "0.05")]);
            }
        }
        Act::Tie { buyer, .. } if dice.chance(40) => *buyer = world.buyer(None),
        _ => {}
    }
    world.tell(by, act);
}

#[test]
fn a_stream_is_decided_alike_however_it_is_cut() {
    property(10_000, 5, (vec(any::<u16>(), 260), vec(any::<u16>(), 400)), |(story, choices)| {
        let story = Story::roll(&mut Dice::new(&story));
        let (mut world, mut dice) = (story.world.clone(), Dice::new(&choices));
        for _ in 0..35 {
            tell(&mut world, &story, &mut dice);
        }
        world.balances();
        assert!(world.now > noon());
    });
}
