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
    /// From this event on it is the rival: a claim, and perhaps a sign-in that shows their visit.
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
        let rival = story.events.len();
        for _ in 0..=dice.below(2) {
            let before = if dice.chance(80) { dice.between(0, 30 * 24) * HOUR } else { dice.between(-3, 90) * MINUTE };
            let click = story.world.click(links[dice.below(links.len())], before);
            if dice.chance(60) {
                story.world.see(OpenedClick { buyer: Some(buyer), ..click });
            } else {
                story.tell(Actor::Buyer, Act::Tie { buyer, clicks: vec![click] });
            }
        }
        let claim = Act::Claim(Box::new(story.world.new_claim(buyer, ORDER)));
        story.tell(Actor::Buyer, claim);
        Self { rival, story, first: dice.chance(50) }
    }

    /// The same sequence, with the rival in their place.
    pub fn fair(&self, mut sequence: Vec<usize>) -> Vec<usize> {
        let is_rival = |n: &usize| *n >= self.rival;
        let is_other = |n: &usize| match &self.story.events[*n] {
            Event::Tell(_, act) => !is_rival(n) && matches!(**act, Act::Tie { .. } | Act::Claim(_)),
            Event::Rates => false,
        };
        // Whoever is second is heard once everything of the first has been told.
        let is_first = |n: &usize| if self.first { is_rival(n) } else { is_other(n) };
        let is_second = |n: &usize| if self.first { is_other(n) } else { is_rival(n) };
        let told = (0..self.story.events.len()).filter(is_first).filter_map(|n| sequence.iter().position(|event| *event == n)).max();
        let mut seconds: Vec<usize> = (0..self.story.events.len()).filter(is_second).collect();
        let (mut n, after) = (0, told.map_or(0, |place| place + 1));
        sequence.retain(|event| {
            n += 1;
            !is_second(event) || n > after
        });
        seconds.retain(|event| !sequence.contains(event));
        sequence.extend(seconds);
        sequence
    }
}
