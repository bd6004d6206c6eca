//! How what stands beside orders comes to be refused.
use crate::domain_payouts;
use crate::support::domain::{World, noon};
use ristourne::domain::{
    command::{Act, Outcome, PayoutDone},
    identity::Identity,
    invoice::Owed,
    merchant::{Billing, Merchant},
    order::Actor,
    payout::{Form, Step},
    reason::Refusal,
};
use ristourne::kernel::{id::EntryId, time::DAY};

/// An invoice of a merchant who owes something in these currencies.
pub fn invoiced(world: &mut World, seller: Option<&str>, currencies: &[&str]) -> Outcome {
    let merchant = world.merchant;
    let billing = Billing::default();
    world.facts.merchants.insert(merchant, Merchant { id: merchant, name: "Shop".to_owned(), email: None, billing });
    world.facts.seller = seller.map(|name| Identity { name: name.to_owned(), ..Identity::default() });
    let owed = |code: &&str| (code.parse().expect("known"), Owed { entry: EntryId::from_raw(1), at: noon(), amount: 1 });
    world.facts.owed.insert(merchant, currencies.iter().map(owed).collect());
    world.tell(Actor::Operator, Act::Invoice { merchant, currency: None, until: noon().plus(DAY) })
}

/// What a step about a payout run is refused with, after it was exported as these forms.
pub fn payout(exported: &[Form], step: impl Fn(&PayoutDone) -> Step) -> Vec<Refusal> {
    let mut world = World::new();
    let (_, done) = domain_payouts::paid_out(&mut world);
    for form in exported {
        domain_payouts::step(&mut world, Step::Export { batch: done.batch.id, form: *form }).expect("exported");
    }
    domain_payouts::step(&mut world, step(&done)).err().into_iter().collect()
}
