//! What a batch of commands needs to know, loaded in bulk under the programs' locks.
//!
//! The number of statements does not grow with the batch: first what the commands name, then what the stored sales of those orders name,
//! then the publishers and buyers behind them. Composite keys are asked for as two lists; what comes too much does no harm.
use super::db::Tx;
use super::error::StoreError;
use super::{claim, coupon, customer, idempotency, link, order, program, rate, terms, tie, webhook};
use crate::domain::{
    account::Owner,
    facts::{Facts, LinkFacts, ProgramFacts},
    order::Order,
    program::Program,
    rate::AGE_DAYS_MAX,
    sale::OrderKey,
    terms::when::fold_code,
};
use crate::kernel::{
    id::{LinkId, ProgramId},
    time::Zone,
};
use std::collections::{BTreeSet, HashMap};

mod beside;
mod debt;
mod loyalty;
mod payouts;
mod people;
mod receipt;
mod wanted;

pub use super::terms::TermsCache;
pub use beside::add_payers;
pub use receipt::{ReceiptFacts, receipt};
pub use wanted::Wanted;

/// The programs of a batch, ascending: those that its orders name, and those of the clicks that a sign-in ties. A link's program never
/// changes, so this may be read before the locks are taken.
pub async fn programs(tx: &mut Tx, wanted: &Wanted) -> Result<Vec<ProgramId>, StoreError> {
    let mut programs: BTreeSet<ProgramId> = wanted.keys.iter().map(|key| key.program).collect();
    let links = link::by_ids(tx, &listed(&wanted.tied_links)).await?;
    programs.extend(links.iter().map(|link| link.program));
    Ok(programs.into_iter().collect())
}

/// Waits until no other transaction holds one of the batch's `Idempotency-Key`s. Whatever else a transaction locks, it locks afterwards.
pub async fn lock_slots(tx: &mut Tx, wanted: &Wanted) -> Result<(), StoreError> {
    let scopes: BTreeSet<_> = wanted.slots.iter().map(|slot| &*slot.scope).collect();
    idempotency::lock(tx, scopes).await
}

/// Waits for the rates' lock, then for each program's, ascending. Whoever needs both kinds takes them in this order.
pub async fn lock(tx: &mut Tx, programs: &[ProgramId], rates_exclusive: bool) -> Result<(), StoreError> {
    rate::lock(tx, rates_exclusive).await?;
    program::lock(tx, programs).await
}

/// Waits for what programs share, ascending, after all their locks: the parties and documents beside orders, and the buyers whose first
/// orders may be rewarded.
pub async fn lock_shared(tx: &mut Tx, cache: &TermsCache, programs: &[ProgramId], wanted: &Wanted) -> Result<(), StoreError> {
    let is_payee = wanted.parties.iter().any(|owner| matches!(owner, Owner::Publisher(_) | Owner::Buyer(_)));
    // A payee's balance is what a payout takes: their lock is that of payouts.
    let parties = wanted.parties.iter().map(|owner| owner.number()).chain(is_payee.then_some(Owner::Platform.number()));
    let movements = wanted.movements.iter().map(|id| id.raw());
    let series = wanted.series.iter().map(|series| series.lock_number());
    let claimants = wanted.claimants.iter().map(|id| id.raw());
    let mut shared: BTreeSet<i64> = parties.chain(movements).chain(series).chain(claimants).collect();
    shared.extend(loyalty::rewarded(tx, cache, programs, wanted).await?.iter().map(|buyer| buyer.raw()));
    program::lock_numbers(tx, listed(&shared)).await
}

/// Loads what the commands need; the locks are held.
pub async fn load(tx: &mut Tx, zone: &Zone, terms: &TermsCache, wanted: &Wanted) -> Result<Facts, StoreError> {
    let mut wanted = wanted.clone();
    let mut facts = Facts::empty(zone.clone());
    facts.kept = idempotency::by_slots(tx, &wanted.slots).await?.into_iter().collect();
    load_links(tx, &wanted, &mut facts).await?;
    let tied = wanted.tied_links.iter().filter_map(|link| facts.links.get(link)).map(|link| link.program);
    let programs: BTreeSet<ProgramId> = wanted.keys.iter().map(|key| key.program).chain(tied).collect();
    let programs = listed(&programs);
    facts.programs = load_programs(tx, terms, &programs).await?;
    load_named_orders(tx, &wanted, &programs, &mut facts).await?;
    // What is decided again looks at the stored sale.
    for order in facts.orders.values() {
        if let Some(fact) = &order.sale {
            wanted.add_sale(&order.key, &fact.sale, zone);
        }
    }
    people::load_claims(tx, &mut wanted, &programs, &mut facts).await?;
    load_links(tx, &wanted, &mut facts).await?;
    loyalty::load_currencies(tx, &mut wanted, &mut facts).await?;
    load_rest(tx, &wanted, &programs, &mut facts).await?;
    people::load_people(tx, &wanted, &mut facts).await?;
    loyalty::load(tx, &wanted, &mut facts).await?;
    beside::load_documents(tx, &wanted, &mut facts).await?;
    debt::load(tx, &wanted, &mut facts).await?;
    beside::load_invoicing(tx, &wanted, &mut facts).await?;
    beside::load_papers(tx, &wanted, &mut facts).await?;
    wanted.payouts.load(tx, &mut facts).await?;
    people::load_tiers(tx, &wanted, &mut facts).await?;
    Ok(facts)
}

/// Programs with every version of their terms.
pub async fn load_programs(tx: &mut Tx, cache: &TermsCache, ids: &[ProgramId]) -> Result<HashMap<ProgramId, ProgramFacts>, StoreError> {
    let programs = program::by_ids(tx, ids).await?;
    let mut versions = terms::versions(tx, cache, &programs).await?;
    let facts = |program: Program| {
        let versions = versions.remove(&program.id).unwrap_or_default();
        (program.id, ProgramFacts { program, versions })
    };
    Ok(programs.into_iter().map(facts).collect())
}

/// Orders whose sale waits for a rate, oldest first.
pub async fn parked_without_rate(tx: &mut Tx) -> Result<Vec<OrderKey>, StoreError> {
    order::without_rate(tx).await
}

fn listed<T: Clone>(set: &BTreeSet<T>) -> Vec<T> {
    set.iter().cloned().collect()
}

fn texts(set: &BTreeSet<String>) -> Vec<&str> {
    set.iter().map(String::as_str).collect()
}

/// Those that are not loaded yet.
async fn load_links(tx: &mut Tx, wanted: &Wanted, facts: &mut Facts) -> Result<(), StoreError> {
    let missing: Vec<LinkId> = wanted.links.iter().copied().filter(|link| !facts.links.contains_key(link)).collect();
    let links = link::by_ids(tx, &missing).await?;
    facts.links.extend(links.into_iter().map(|link| (link.id, LinkFacts { program: link.program, publisher: link.publisher })));
    Ok(())
}

async fn load_named_orders(tx: &mut Tx, wanted: &Wanted, programs: &[ProgramId], facts: &mut Facts) -> Result<(), StoreError> {
    let named = order::by_keys(tx, &wanted.keys).await?;
    facts.orders = named.into_iter().filter(|order| wanted.keys.contains(&order.key)).map(|order| (order.key.clone(), order)).collect();
    let named_by = tie::orders_of_clicks(tx, &listed(&wanted.tied_clicks)).await?;
    let mut ids: BTreeSet<_> = named_by.iter().map(|(_, order)| *order).collect();
    ids.extend(claim::orders_of(tx, &listed(&wanted.signing_in), programs).await?);
    let missing: Vec<_> = {
        let found: BTreeSet<_> = facts.orders.values().map(|order| order.id).collect();
        wanted.ids.difference(&found).copied().collect()
    };
    facts.orders.extend(order::by_ids(tx, &missing).await?.into_iter().map(|order| (order.key.clone(), order)));
    // An order of another program that names the click too is not locked, and does not count the click.
    let orders: HashMap<_, Order> = order::by_ids(tx, &listed(&ids))
        .await?
        .into_iter()
        .filter(|order| programs.contains(&order.key.program))
        .map(|order| (order.id, order))
        .collect();
    for (click, order) in &named_by {
        if let Some(order) = orders.get(order) {
            facts.orders_by_click.entry(*click).or_default().push(order.key.clone());
        }
    }
    facts.orders.extend(orders.into_values().map(|order| (order.key.clone(), order)));
    Ok(())
}

async fn load_rest(tx: &mut Tx, wanted: &Wanted, programs: &[ProgramId], facts: &mut Facts) -> Result<(), StoreError> {
    facts.webhooks = webhook::by_ids(tx, &wanted.webhooks).await?.into_iter().collect();
    facts.customers = customer::by_references(tx, &wanted.references).await?.into_iter().collect();
    let coupons = coupon::by_codes(tx, programs, &texts(&wanted.codes)).await?;
    facts.coupons = coupons.into_iter().map(|coupon| ((coupon.program, fold_code(&coupon.code)), coupon)).collect();
    facts.ties = tie::of_clicks(tx, &listed(&wanted.clicks)).await?.into_iter().collect();
    let (mut days, mut currencies) = (BTreeSet::new(), BTreeSet::new());
    for (program, currency, day) in &wanted.conversions {
        let Some(own) = facts.programs.get(program).map(|facts| facts.program.currency).filter(|own| own != currency) else { continue };
        days.extend((0..=AGE_DAYS_MAX).map(|age| day.minus(age)));
        currencies.extend([own, *currency]);
    }
    for (day, currency) in &wanted.rates {
        days.insert(*day);
        currencies.insert(*currency);
    }
    facts.rates = rate::table(tx, &listed(&days), &listed(&currencies)).await?;
    Ok(())
}
