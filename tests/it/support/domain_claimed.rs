//! The small world's buyers: their visits, sign-ins, and what they claim.

use super::domain::{Blog, World};
use ristourne::domain::{
    command::{Act, Answered, NewClaim, Outcome},
    order::Actor,
    reason::Reason,
    sale::OpenedClick,
    touch::Visit,
};
use ristourne::kernel::id::{BuyerId, ClaimId};

impl World {
    /// A buyer misses the cashback of an order.
    pub fn claim(&mut self, buyer: BuyerId, order: &str) -> Outcome {
        let act = Act::Claim(Box::new(self.new_claim(buyer, order)));
        self.tell(Actor::Buyer, act)
    }

    pub fn new_claim(&self, buyer: BuyerId, order: &str) -> NewClaim {
        NewClaim { buyer, key: self.key(order), amount: None, ordered_at: None, note: None, answer_days: 30, open_max: 5 }
    }

    pub fn answer(&mut self, by: Actor, claim: ClaimId, answer: Answered) -> Outcome {
        let key = self.facts.claims[&claim].key.clone();
        self.tell(by, Act::Answer { claim, key, answer })
    }

    /// A click of a signed-in buyer, as the database knows it.
    pub fn visit(&mut self, buyer: BuyerId, blog: Blog, before: i64) -> OpenedClick {
        let click = OpenedClick { buyer: Some(buyer), ..self.click(blog, before) };
        self.see(click);
        click
    }

    /// The click is stored.
    pub fn see(&mut self, click: OpenedClick) {
        if let Some(buyer) = click.buyer {
            self.facts.visits.entry(buyer).or_default().push(Visit { click, tied_at: None });
        }
    }

    /// Why the sign-in did not get each of the clicks.
    pub fn sign_in(&mut self, buyer: BuyerId, clicks: &[OpenedClick]) -> Vec<Option<Reason>> {
        match self.tell(Actor::Buyer, Act::Tie { buyer, clicks: clicks.to_vec() }) {
            Outcome::Tied(verdicts) => verdicts.iter().map(|verdict| verdict.refused).collect(),
            other => panic!("a sign-in came to {other:?}"),
        }
    }
}
