//! Boosts of a draft over stored orders: the live terms pay again what they paid, whether or not what they looked up is kept, and others what
//! they would have paid.

use crate::support::domain::{World, money, noon, pays_percent, percent, property, sale, split, terms};
use crate::support::domain_boosts::{budget, code, referral, returning, tier, welcome};
use crate::support::domain_cases::{Dice, Story, sequence};
use proptest::{collection::vec, prelude::any};
use ristourne::domain::{
    decide::{Replay, Replayed, due_of},
    due,
    facts::{Facts, LoyaltyFacts},
    loyalty::Bonus,
    order::{Actor, Order},
    sale::OpenedClick,
    simulate::under,
    terms::{
        Terms,
        boost::{Boost, Reward},
    },
};
use ristourne::kernel::{id::BuyerId, time::DAY};
use std::{cell::Cell, sync::Arc};

/// Every order of the world's program under other boosts. `keeps`: what was looked up then is known.
fn replay(world: &World, boosts: &[Boost], keeps: bool) -> (Arc<Terms>, Vec<Replayed>) {
    let program = &world.facts.programs[&world.program];
    let own = &program.versions[0].terms;
    let draft = Arc::new(Terms { boosts: boosts.to_vec(), ..Terms::clone(own) });
    let known = &world.facts.loyalty;
    let loyalty = LoyaltyFacts { vouchers: known.vouchers.clone(), currencies: known.currencies.clone(), ..LoyaltyFacts::default() };
    let facts = Facts { loyalty, orders: std::collections::HashMap::new(), ..world.facts.clone() };
    let mut replay = Replay::new(facts, program, &draft);
    let mut orders: Vec<&Order> = world.facts.orders.values().filter(|order| order.context.is_some()).collect();
    orders.sort_by_key(|order| (order.context.as_ref().map(|context| context.recorded_at), order.id));
    let mut done = Vec::new();
    for order in orders {
        let recorded_at = order.context.as_ref().expect("recorded").recorded_at;
        if order.key.program != world.program {
            let due = world.due_of(order).expect("it is recorded");
            if let (Some(at), Some(counted)) = (due.approved_at, due.counted()) {
                replay.approved(at, counted.buyer, order.key.program, counted.approved_net);
            }
            continue;
        }
        done.extend(replay.until(Some(recorded_at)).expect("in range"));
        let stored = if keeps { order.clone() } else { Order { loyalty: None, ..order.clone() } };
        let again = under(&stored, own, &draft, &|buyer, publishers| replay.is_self_referral(buyer, publishers));
        replay.add(stored, Arc::clone(own), again);
    }
    done.extend(replay.until(None).expect("in range"));
    (draft, done)
}

fn paid(order: &Order, terms: &Terms) -> Vec<Bonus> {
    due::due(order, terms).expect("in range").expect("recorded").bonuses
}

/// What each order of a name pays, `return 2.50, code 1.00`.
fn bonuses(world: &World, boosts: &[Boost], name: &str) -> String {
    let (draft, done) = replay(world, boosts, true);
    let order = done.iter().find(|replayed| replayed.stored.key.order_id == name).expect("there");
    let text = |bonus: &Bonus| {
        format!("{} {}", bonus.kind.word(), ristourne::kernel::money::Money::new(bonus.amount, money("1.00").currency).amount())
    };
    paid(&order.again, &draft).iter().map(text).collect::<Vec<_>>().join(", ")
}

/// What only the last of is kept: sales told anew, adjustments and reopenings.
fn is_told_once(order: &Order) -> bool {
    order.sale.as_ref().is_none_or(|fact| fact.revision == 1)
        && order.adjust.as_ref().is_none_or(|fact| fact.revision == 1)
        && order.reopened.as_ref().is_none_or(|fact| fact.revision == 1)
}

#[test]
fn the_live_boosts_pay_again_what_they_paid() {
    let (looked_at, with_bonuses) = (Cell::new(0), Cell::new(0));
    property(800, 5, (vec(any::<u16>(), 320), vec(any::<u16>(), 60)), |(story, choices)| {
        let mut dice = Dice::new(&story);
        let story = crate::support::domain_boosts::story(Story::roll(&mut dice), &mut dice);
        let (world, told) = story.run(sequence(story.events.len(), &choices));
        if !world.facts.orders.values().all(is_told_once) {
            return;
        }
        let live = Arc::clone(&world.facts.programs[&world.program].versions[0].terms);
        for keeps in [true, false] {
            let (draft, done) = replay(&world, &live.boosts, keeps);
            for replayed in done {
                let order = &world.facts.orders[&replayed.stored.key];
                let (before, after) = (paid(order, &live), paid(&replayed.again, &draft));
                assert_eq!(before, after, "{} keeps={keeps} {}\n{told:#?}\n{order:#?}\n{:#?}", story.label, order.key, replayed.again);
                assert!(!keeps || !replayed.asked_anew, "{}", order.key);
                with_bonuses.set(with_bonuses.get() + u32::from(!after.is_empty()));
                looked_at.set(looked_at.get() + 1);
            }
        }
    });
    assert!(looked_at.get() > 1_000 && with_bonuses.get() > 300, "{} orders, {} with bonuses", looked_at.get(), with_bonuses.get());
}

/// A buyer with an order of 100.00 every eighth day, of which 5.00 are theirs, approved the day after; the last is not yet.
fn regular() -> (World, BuyerId) {
    let mut world = World::with(Terms { commission: vec![pays_percent("10")], split: split("40", "50", "10"), ..terms() });
    world.boost(&[]);
    let (blog, friend) = (world.blog(), world.buyer(None));
    let buyer = world.brought(friend, None);
    for (n, name) in ["A", "B", "C", "D"].into_iter().enumerate() {
        world.now = noon().plus(i64::try_from(n).expect("few") * 8 * DAY);
        let click = OpenedClick { buyer: Some(buyer), ..world.click(blog, DAY) };
        let coupon = if n % 2 == 0 { "even" } else { "odd" };
        world.sell(name, &sale("100.00").click(&click).coupon(coupon).at(world.now));
        if name != "D" {
            world.now = world.now.plus(DAY);
            world.approve(name, Actor::Merchant);
        }
    }
    (world, buyer)
}

#[test]
fn a_draft_pays_what_it_would_have_paid() {
    let (world, _) = regular();
    let own = world.program;
    for (boost, wanted) in [
        (returning("50", 7, 30), ["", "return 2.39", "return 2.39", "return 2.39"]),
        (welcome(300, None), ["welcome 3.00", "", "", ""]),
        (referral(200, 100, None), ["referral 1.00, referral 2.00", "", "", ""]),
        (tier(vec![own], &[(0, "0"), (10_000, "10"), (20_000, "20")]), ["", "tier 0.50", "tier 1.00", "tier 1.00"]),
        (budget(250, code("odd", Reward::Flat(200), None)), ["", "code 2.00", "", "code 0.50"]),
        (code("EVEN", Reward::PercentOfBuyerShare(percent("10")), Some(1)), ["code 0.50", "", "", ""]),
    ] {
        let said = ["A", "B", "C", "D"].map(|name| bonuses(&world, std::slice::from_ref(&boost), name));
        assert_eq!(said, wanted.map(str::to_owned), "{boost:?}");
    }
    let (_, done) = replay(&world, &[returning("50", 7, 30)], true);
    assert!(done.iter().all(|order| order.asked_anew), "nobody had asked for it then");
    let (_, done) = replay(&world, &[welcome(300, None)], true);
    assert!(done.iter().all(|order| !order.asked_anew), "budgets and chances are counted, not asked");
}

#[test]
fn a_refused_order_gives_back_what_it_took() {
    let (mut world, _) = regular();
    world.reject("A", None);
    // A was refused when all others were recorded: only what came later has what it held.
    assert_eq!(["A", "B", "C"].map(|name| bonuses(&world, &[welcome(300, None)], name)), [const { String::new() }; 3]);
    world.approve("D", Actor::Merchant);
    assert_eq!(bonuses(&world, &[welcome(300, None)], "D"), "welcome 3.00");
    let order = &world.facts.orders[&world.key("D")];
    assert!(
        due_of(&world.facts.programs[&world.program], order).expect("in range").expect("recorded").bonuses.is_empty(),
        "nothing is live"
    );
}
