//! `simulate`: the stored sales of a program under other terms, read page by page from one snapshot. Nothing is written.

mod history;

use crate::domain::{
    decide::Replayed,
    program::Program,
    simulate::{self, Amounts, Bonuses, Compared, Part, compare},
    terms::Terms,
};
use crate::kernel::{
    id::{BuyerId, ConversionId, ProgramId, PublisherId},
    ratio::OutOfRange,
    time::{Time, Zone},
};
use crate::store::{
    self, Db, StoreError,
    facts::{self, TermsCache},
};
use history::History;
use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::Arc,
};

/// Orders of one read: bounds the memory.
const PAGE: usize = 500;

/// Why a simulation ended early.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}: {1}")]
    OutOfRange(ConversionId, OutOfRange),
    #[error("the sums are beyond what can be counted exactly")]
    Sums,
    #[error("writing: {0}")]
    Write(#[from] io::Error),
}

/// An order that the other terms pay otherwise.
#[derive(Debug)]
pub struct Changed {
    pub conversion: ConversionId,
    pub order_id: String,
    pub goal: String,
    pub before: Amounts,
    pub after: Amounts,
}

/// What all orders together come to.
#[derive(Debug, Default)]
pub struct Totals {
    pub orders: u64,
    pub changed: u64,
    pub before: Amounts,
    pub after: Amounts,
    /// Of each publisher that is credited before or after.
    pub publishers: BTreeMap<PublisherId, (Part, Part)>,
    /// Of each known buyer.
    pub buyers: BTreeMap<BuyerId, (Part, Part)>,
    /// Orders that were recorded under terms without tiers: under others with tiers they count from a base of 0.
    pub without_tier_base: u64,
    /// Orders whose buyer's history was not looked up then for what the boosts ask: it was read from what is stored now.
    pub asked_anew: u64,
    /// Orders of which a tier of the boosts left amounts out that there was no rate for.
    pub without_rate: u64,
}

/// The program whose sales are to be simulated; none if there is none.
pub async fn program(db: &Db, id: ProgramId) -> Result<Option<Program>, StoreError> {
    store::program::by_id(&mut db.read().await?, id).await
}

/// Goes through the sales placed since then and before that moment, in the sequence in which they were recorded; `changed` is told of each order
/// that comes out otherwise. Held in memory are 8 bytes for each order, the buyers, and the orders from their recording to their last fact.
pub async fn simulate(
    db: &Db,
    zone: &Zone,
    id: ProgramId,
    other: &Terms,
    (since, until): (Option<Time>, Option<Time>),
    changed: &mut (dyn FnMut(&Changed) -> io::Result<()> + Send),
) -> Result<Totals, SimulateError> {
    let mut tx = db.read().await?;
    let programs = facts::load_programs(&mut tx, &TermsCache::default(), &[id]).await?;
    let Some(program) = programs.get(&id) else { return Ok(Totals::default()) };
    let other = Arc::new(other.clone());
    let mut history = History::begin(&mut tx, zone, program, &other, (since, until)).await?;
    let mut told = Told { totals: Totals::default(), waiting: BTreeMap::new(), places: HashMap::new(), next: 0, changed };
    let mut place = 0;
    for page in store::conversion::as_recorded(&mut tx, id, (since, until), false).await?.chunks(PAGE) {
        let mut orders = store::order::by_ids(&mut tx, page).await?;
        orders.sort_unstable_by_key(|order| (order.context.as_ref().map(|context| context.recorded_at), order.id));
        history.know(&mut tx, &orders).await?;
        for order in orders {
            let Some(recorded_at) = order.context.as_ref().map(|context| context.recorded_at) else { continue };
            let version = order.context.as_ref().map(|context| context.terms_version);
            let Some(own) = program.versions.iter().find(|known| Some(known.number) == version) else { continue };
            told.all(history.replay.until(Some(recorded_at)), &other)?;
            let again =
                simulate::under(&order, &own.terms, &other, &|buyer, publishers| history.replay.is_self_referral(buyer, publishers));
            told.places.insert(order.id, place);
            place += 1;
            history.replay.add(order, Arc::clone(&own.terms), again);
        }
    }
    told.all(history.replay.until(None), &other)?;
    Ok(told.totals)
}

/// What is known of the orders whose facts are all in. They are told in the sequence in which they were recorded.
struct Told<'a> {
    totals: Totals,
    waiting: BTreeMap<u64, Option<Changed>>,
    places: HashMap<ConversionId, u64>,
    next: u64,
    changed: &'a mut (dyn FnMut(&Changed) -> io::Result<()> + Send),
}

impl Told<'_> {
    fn all(&mut self, replayed: Result<Vec<Replayed>, (ConversionId, OutOfRange)>, other: &Terms) -> Result<(), SimulateError> {
        for replayed in replayed.map_err(|(id, error)| SimulateError::OutOfRange(id, error))? {
            let id = replayed.stored.id;
            let compared = compare(&replayed.stored, &replayed.own, &replayed.again, other);
            let compared = compared.map_err(|error| SimulateError::OutOfRange(id, error))?;
            let changed = compared.map(|compared| self.totals.add(replayed, &compared)).transpose()?.flatten();
            if let Some(place) = self.places.remove(&id) {
                self.waiting.insert(place, changed);
            }
        }
        while let Some(first) = self.waiting.first_entry().filter(|first| *first.key() == self.next) {
            self.next += 1;
            if let Some(one) = first.remove() {
                (self.changed)(&one)?;
            }
        }
        Ok(())
    }
}

impl Totals {
    /// Gives the order if it comes out otherwise.
    fn add(&mut self, order: Replayed, compared: &Compared) -> Result<Option<Changed>, SimulateError> {
        self.orders += 1;
        self.without_tier_base += u64::from(compared.without_tier_base);
        self.asked_anew += u64::from(order.asked_anew);
        self.without_rate += u64::from(order.without_rate);
        self.before = sum(self.before, compared.before)?;
        self.after = sum(self.after, compared.after)?;
        for (publisher, parts) in &compared.publishers {
            add_parts(self.publishers.entry(*publisher).or_default(), *parts)?;
        }
        for (buyer, parts) in &compared.buyers {
            add_parts(self.buyers.entry(*buyer).or_default(), *parts)?;
        }
        if !compared.differs() {
            return Ok(None);
        }
        self.changed += 1;
        let key = order.stored.key;
        let Compared { before, after, .. } = *compared;
        Ok(Some(Changed { conversion: order.stored.id, order_id: key.order_id, goal: key.goal, before, after }))
    }
}

fn add_parts(to: &mut (Part, Part), (before, after): (Part, Part)) -> Result<(), SimulateError> {
    let part = |a: Part, b: Part| -> Result<Part, SimulateError> {
        Ok(Part { share: add(a.share, b.share)?, bonuses: sum_bonuses(a.bonuses, b.bonuses)? })
    };
    *to = (part(to.0, before)?, part(to.1, after)?);
    Ok(())
}

fn sum(a: Amounts, b: Amounts) -> Result<Amounts, SimulateError> {
    Ok(Amounts {
        commission: add(a.commission, b.commission)?,
        publisher: add(a.publisher, b.publisher)?,
        buyer: add(a.buyer, b.buyer)?,
        platform: add(a.platform, b.platform)?,
        bonuses: sum_bonuses(a.bonuses, b.bonuses)?,
    })
}

fn sum_bonuses(a: Bonuses, b: Bonuses) -> Result<Bonuses, SimulateError> {
    Ok(Bonuses { platform: add(a.platform, b.platform)?, merchant: add(a.merchant, b.merchant)? })
}

fn add(a: i64, b: i64) -> Result<i64, SimulateError> {
    a.checked_add(b).ok_or(SimulateError::Sums)
}
