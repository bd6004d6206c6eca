//! Made-up orders that two people say are theirs. Who came first is the one sequence that counts, so it is kept in every sequence.

use super::{
    domain::{Blog, HOUR, MINUTE},
    domain_cases::{Dice, Event, ORDER, Story},
};
use ristourne::domain::{command::Act, order::Actor, sale::OpenedClick};

/// A story with somebody else who claims its order.
#[derive(Debug)]
pub struct Rivals {
    pub story: Story,
    /// Which event is the rival's claim.
    rival: usize,
    /// Before everything that makes the other one the buyer; else after all of it.
    first: bool,
}

impl Rivals {
    /// The rival was at the shop by a link of theirs, or of another; perhaps they are one of the bloggers.
    pub fn roll(dice: &mut Dice<'_>) -> Self {
        let mut story = Story::roll(dice).and_claims(dice);
        let email = dice.chance(40).then_some("blogger@mail.example");
        let buyer = story.world.buyer(email);
        let mut links: Vec<Blog> = story.world.facts.links.iter().map(|(link, of)| Blog { publisher: of.publisher, link: *link }).collect();
        links.sort_by_key(|blog| blog.link);
        for _ in 0..1 + dice.below(2) {
            let before = if dice.chance(80) { dice.between(0, 30 * 24) * HOUR } else { dice.between(-3, 90) * MINUTE };
            let click = OpenedClick { buyer: Some(buyer), ..story.world.click(links[dice.below(links.len())], before) };
            story.world.see(click);
        }
        let claim = Act::Claim(Box::new(story.world.new_claim(buyer, ORDER)));
        story.tell(Actor::Buyer, claim);
        Self { rival: story.events.len() - 1, story, first: dice.chance(50) }
    }

    /// The same sequence, with the rival in their place.
    pub fn fair(&self, mut sequence: Vec<usize>) -> Vec<usize> {
        let others = |n: &usize| match &self.story.events[*n] {
            Event::Tell(_, act) => *n != self.rival && matches!(**act, Act::Tie { .. } | Act::Claim(_)),
            Event::Rates => false,
        };
        if self.first {
            let place = sequence.iter().position(others).unwrap_or(sequence.len());
            if !sequence[..place].contains(&self.rival) {
                sequence.insert(place, self.rival);
            }
        } else {
            let place = (0..self.story.events.len()).filter(others).filter_map(|n| sequence.iter().position(|event| *event == n)).max();
            let (mut n, after) = (0, place.unwrap_or(0));
            sequence.retain(|event| {
                n += 1;
                *event != self.rival || n > after
            });
            if !sequence.contains(&self.rival) {
                sequence.push(self.rival);
            }
        }
        sequence
    }
}
