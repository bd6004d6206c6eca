//! How what stands beside orders comes to be refused.
use crate::domain_payouts;
use crate::support::domain::{World, money, noon, sale, terms};
use ristourne::domain::{
    command::{Act, Moved, Outcome, PayoutDone},
    decide::decide,
    document::Document,
    entry::Subject,
    identity::Identity,
    invoice::Owed,
    merchant::{Billing, Merchant},
    movement::{Movement, Reversed, What},
    order::Actor,
    payout::{Form, Step},
    reason::Refusal,
    series::{Number, Series},
    standing::{Billed, Papers},
    terms::{PayableOn, Terms},
};
use ristourne::kernel::{
    id::{ClaimId, EntryId, InvoiceId, MovementId},
    time::{DAY, Zone},
};

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

/// What a merchant pays for a credit note.
pub fn paid_credit_note(world: &mut World) -> Outcome {
    let Outcome::Invoiced(mut note) = invoiced(world, Some("Ristourne SAS"), &["EUR"]) else { panic!("nothing is issued") };
    (note.number.series, note.draft.series) = (Series::CreditNote, Series::CreditNote);
    world.facts.documents.insert(Subject::Invoice(note.id), Document::Invoice(note.clone()));
    let (what, amount) = (What::Received { merchant: world.merchant, invoice: Some(note.id) }, money("1.00"));
    world.tell(Actor::Operator, Act::Move(what, Moved { amount, reason: None, reference: None, happened_at: None }))
}

/// The claim that was made.
pub fn claim_of(outcome: &Outcome) -> ClaimId {
    match outcome {
        Outcome::Claimed { claim, .. } => claim.id,
        other => panic!("{other:?}"),
    }
}

/// Between the look at what is paid and the command, a payment may be taken back: it is looked at again.
#[test]
fn an_order_is_paid_only_while_its_bills_are() {
    let mut world = World::with(Terms { payable_on: PayableOn::MerchantPayment, ..terms() });
    let blog = world.blog();
    let click = world.click(blog, DAY);
    world.sell("A", &sale("100.00").click(&click));
    world.approve("A", Actor::Merchant);
    let (merchant, key) = (world.merchant, world.key("A"));
    let order = world.facts.orders[&key].id;
    let (invoice, gross) = (InvoiceId::from_raw(5), money("10.00"));
    let billed =
        Billed { id: invoice, number: Number { series: Series::Invoice, year: 2026, serial: 1 }, gross, due_on: Zone::UTC.day(noon()) };
    let payment = Movement {
        id: MovementId::from_raw(6),
        what: What::Received { merchant, invoice: Some(invoice) },
        amount: gross,
        reason: None,
        reference: None,
        by: Actor::Operator,
        at: noon(),
        happened_at: noon(),
        reversed: None,
    };
    let undone = Movement { reversed: Some(Reversed { at: noon(), reason: None }), ..payment.clone() };
    let bills = || [(order, vec![invoice])].into_iter().collect();
    let mut told = |papers: Option<Papers>| {
        world.facts.papers = papers.into_iter().map(|papers| (merchant, papers)).collect();
        let command = world.command(Actor::Clock, Act::InvoicePaid { key: key.clone(), merchant });
        decide(&world.facts, &command, &mut || 99).outcome.http()
    };
    let mut papers = Papers::new(vec![billed], vec![payment], bills());
    assert_eq!(told(Some(papers.clone())), 201, "paid in full");
    assert_eq!(told(None), 422, "a document came in between, and nobody knows what it bills");
    papers.add(&undone);
    assert_eq!(told(Some(papers)), 422, "taken back in the same batch");
    assert_eq!(told(Some(Papers::new(vec![billed], vec![undone], bills()))), 422, "taken back before");
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
