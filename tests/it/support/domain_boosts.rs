//! Boosts in short words, and made-up stories with boosts in their terms and other orders that have taken of them.

use super::domain::{World, noon, percent, sale};
use super::domain_cases::{Dice, Story};
use ristourne::domain::{
    loyalty::Voucher,
    order::Actor,
    pot::{Held, Pot},
    sale::OpenedClick,
    terms::{
        Terms,
        boost::{Boost, Code, Funder, Kind, Reward, Tier},
    },
};
use ristourne::kernel::{
    id::{BuyerId, LinkId, ProgramId, PublisherId, VoucherBatchId},
    money::Money,
    time::{DAY, Time},
};
use std::{collections::BTreeMap, sync::Arc};

impl World {
    /// What the orders' bonuses take of what they share is what is known to be taken. Gives it.
    pub fn pots(&self) -> BTreeMap<Pot, Held> {
        let mut held: BTreeMap<Pot, Held> = BTreeMap::new();
        for (pot, more) in self.facts.orders.values().filter_map(|order| self.due_of(order)).flat_map(|due| due.held()) {
            let held = held.entry(pot).or_default();
            held.amount += more.amount;
            held.uses += more.uses;
        }
        let known = self.facts.loyalty.pots.iter().filter(|(_, held)| **held != Held::default());
        assert_eq!(held, known.map(|(pot, held)| (pot.clone(), *held)).collect(), "what is taken is what the orders hold");
        held
    }

    /// The boosts of every version from now on.
    pub fn boost(&mut self, boosts: &[Boost]) {
        for version in &mut self.facts.programs.get_mut(&self.program).expect("the program").versions {
            version.terms = Arc::new(Terms { boosts: boosts.to_vec(), ..Terms::clone(&version.terms) });
        }
        let currencies = self.facts.programs.values().map(|program| (program.program.id, program.program.currency));
        self.facts.loyalty.currencies = currencies.collect();
    }

    /// A buyer whom another one brought.
    pub fn brought(&mut self, by: BuyerId, email: Option<&str>) -> BuyerId {
        let id = self.buyer(email);
        self.facts.buyers.get_mut(&id).expect("just made").referred_by = Some(by);
        id
    }
}

fn boost(kind: Kind) -> Boost {
    Boost { kind, funded_by: Funder::Platform, budget: None }
}

pub fn returning(text: &str, within_days: u32, fades_to_zero_at_days: u32) -> Boost {
    boost(Kind::Return { percent_of_buyer_share: percent(text), within_days, fades_to_zero_at_days })
}

pub fn welcome(flat: i64, min_amount: Option<i64>) -> Boost {
    boost(Kind::Welcome { flat, min_amount })
}

pub fn referral(referrer: i64, friend: i64, min_amount: Option<i64>) -> Boost {
    boost(Kind::Referral { referrer, friend, min_amount })
}

pub fn tier(programs: Vec<ProgramId>, tiers: &[(i64, &str)]) -> Boost {
    let tiers = tiers.iter().map(|(from, text)| Tier { from: *from, percent_of_buyer_share: percent(text) });
    boost(Kind::Tier { programs, tiers: tiers.collect() })
}

pub fn code(text: &str, reward: Reward, quota: Option<i64>) -> Boost {
    boost(Kind::Code(Code { codes: vec![text.to_owned()], reward, quota, from: None, until: None, place: None }))
}

pub fn voucher(codes: &[&str], reward: Reward) -> Boost {
    let codes = codes.iter().map(|code| (*code).to_owned()).collect();
    boost(Kind::Voucher(Code { codes, reward, quota: None, from: None, until: None, place: None }))
}

pub fn budget(minor: i64, boost: Boost) -> Boost {
    Boost { budget: Some(minor), ..boost }
}

/// The same code in a span of time.
pub fn boosted(boost: Boost, from: Option<Time>, until: Option<Time>) -> Boost {
    let kind = match boost.kind {
        Kind::Code(code) => Kind::Code(Code { from, until, ..code }),
        other => other,
    };
    Boost { kind, ..boost }
}

/// Puts boosts into a story's terms, and before it orders of its buyers and of a stranger, who take of them.
pub fn story(mut story: Story, dice: &mut Dice<'_>) -> Story {
    let world = &mut story.world;
    let own = world.program;
    let elsewhere: Vec<ProgramId> = world.facts.programs.keys().copied().collect();
    let reward = |dice: &mut Dice<'_>| {
        if dice.chance(50) { Reward::Flat(dice.between(1, 500)) } else { Reward::PercentOfBuyerShare(dice.percent()) }
    };
    let mut boosts = vec![
        returning("50", 7, 30),
        tier(if dice.chance(50) { elsewhere } else { vec![own] }, &[(0, "1"), (10_000, "10.5"), (20_000, "33.3333")]),
        welcome(dice.between(1, 900), dice.chance(50).then_some(8_000)),
        referral(dice.between(1, 900), dice.between(0, 900), dice.chance(30).then_some(8_000)),
        code("own", reward(dice), dice.chance(50).then_some(2)),
        code("other", reward(dice), None),
        voucher(&["own", "v-1"], reward(dice)),
    ];
    for boost in &mut boosts {
        boost.funded_by = if dice.chance(50) { Funder::Merchant } else { Funder::Platform };
        boost.budget = dice.chance(40).then(|| dice.between(0, 1_500));
    }
    world.boost(&boosts);
    let stored = Voucher {
        batch: VoucherBatchId::from_raw(7),
        boost: dice.chance(50).then(|| "voucher".to_owned()),
        reward: reward(dice),
        funded_by: Funder::Platform,
        from: None,
        until: None,
    };
    world.facts.loyalty.vouchers.insert((own, "other".to_owned()), stored);
    let mut buyers: Vec<BuyerId> = world.facts.buyers.keys().copied().collect();
    buyers.sort_unstable();
    let stranger = world.buyer(None);
    for buyer in &buyers {
        world.facts.buyers.get_mut(buyer).expect("there").referred_by = dice.chance(60).then_some(stranger);
    }
    buyers.push(stranger);
    let links: Vec<LinkId> = {
        let mut links: Vec<LinkId> = world.facts.links.iter().filter(|(_, link)| link.program == own).map(|(id, _)| *id).collect();
        links.sort_unstable();
        links
    };
    for (n, buyer) in buyers.into_iter().enumerate() {
        if dice.chance(70) {
            other_order(world, dice, &format!("other-{n}"), (buyer, links[0]));
        }
    }
    story
}

/// An order of a story's buyer that takes what it can.
fn other_order(world: &mut World, dice: &mut Dice<'_>, name: &str, (buyer, link): (BuyerId, LinkId)) {
    let blog = super::domain::Blog { publisher: PublisherId::from_raw(1), link };
    let days = dice.between(0, 40);
    let click = OpenedClick { buyer: Some(buyer), ..world.click(blog, (days + 1) * DAY) };
    let mut said = sale("100.00").click(&click).at(noon().plus(-days * DAY));
    said.0.content.amount = Money::new(10_000, world.facts.programs[&world.program].program.currency);
    said.0.content.lines[0].amount = 10_000;
    match dice.below(4) {
        0 => said = said.coupon("own"),
        1 => said = said.coupon("OTHER"),
        _ => {}
    }
    world.sell(name, &said);
    if dice.chance(50) {
        world.approve(name, Actor::Operator);
    }
    if dice.chance(15) {
        world.reject(name, None);
    }
}
