//! `simulate`: the stored sales of a program under other terms, read page by page from one snapshot. Nothing is written.

use crate::domain::{
    buyer::same_email,
    facts::ProgramFacts,
    order::Order,
    program::Program,
    simulate::{Amounts, compare},
    terms::Terms,
    touch::Touch,
};
use crate::kernel::{
    id::{BuyerId, ConversionId, ProgramId, PublisherId},
    ratio::OutOfRange,
    time::Time,
};
use crate::store::{
    self, Db, StoreError, Tx,
    facts::{self, TermsCache},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
};

/// Orders of one read: bounds the memory.
const PAGE: i64 = 500;

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
    pub publishers: BTreeMap<PublisherId, (i64, i64)>,
    /// Of each known buyer.
    pub buyers: BTreeMap<BuyerId, (i64, i64)>,
    /// Orders that were recorded under terms without tiers: under others with tiers they count from a base of 0.
    pub without_tier_base: u64,
}

/// The program whose sales are to be simulated; none if there is none.
pub async fn program(db: &Db, id: ProgramId) -> Result<Option<Program>, StoreError> {
    store::program::by_id(&mut db.read().await?, id).await
}

/// Goes through the sales placed since then and before that moment, oldest first; `changed` is told of each order that comes out otherwise.
pub async fn simulate(
    db: &Db,
    id: ProgramId,
    other: &Terms,
    (since, until): (Option<Time>, Option<Time>),
    changed: &mut (dyn FnMut(&Changed) -> io::Result<()> + Send),
) -> Result<Totals, SimulateError> {
    let mut tx = db.read().await?;
    let programs = facts::load_programs(&mut tx, &TermsCache::default(), &[id]).await?;
    let (mut totals, mut after) = (Totals::default(), ConversionId::from_raw(-1));
    let Some(program) = programs.get(&id) else { return Ok(totals) };
    loop {
        let page = store::conversion::numbers_of(&mut tx, id, (since, until), after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(totals) };
        after = *last;
        let mut orders = store::order::by_ids(&mut tx, &page).await?;
        orders.sort_unstable_by_key(|order| order.id);
        let people = People::load(&mut tx, &orders).await?;
        for order in &orders {
            one(program, order, other, &people, &mut totals, changed)?;
        }
    }
}

fn one(
    program: &ProgramFacts,
    order: &Order,
    other: &Terms,
    people: &People,
    totals: &mut Totals,
    changed: &mut (dyn FnMut(&Changed) -> io::Result<()> + Send),
) -> Result<(), SimulateError> {
    let version = order.context.as_ref().map(|context| context.terms_version);
    let Some(own) = program.versions.iter().find(|known| Some(known.number) == version) else { return Ok(()) };
    let compared = compare(order, &own.terms, other, &|buyer, publishers| people.is_self_referral(buyer, publishers));
    let Some(compared) = compared.map_err(|error| SimulateError::OutOfRange(order.id, error))? else { return Ok(()) };
    totals.orders += 1;
    totals.without_tier_base += u64::from(compared.without_tier_base);
    totals.before = sum(totals.before, compared.before)?;
    totals.after = sum(totals.after, compared.after)?;
    for (publisher, (before, after)) in &compared.publishers {
        let of = totals.publishers.entry(*publisher).or_default();
        *of = (add(of.0, *before)?, add(of.1, *after)?);
    }
    for (buyer, (before, after)) in &compared.buyers {
        let of = totals.buyers.entry(*buyer).or_default();
        *of = (add(of.0, *before)?, add(of.1, *after)?);
    }
    if compared.differs() {
        totals.changed += 1;
        changed(&Changed {
            conversion: order.id,
            order_id: order.key.order_id.clone(),
            goal: order.key.goal.clone(),
            before: compared.before,
            after: compared.after,
        })?;
    }
    Ok(())
}

fn sum(a: Amounts, b: Amounts) -> Result<Amounts, SimulateError> {
    Ok(Amounts {
        commission: add(a.commission, b.commission)?,
        publisher: add(a.publisher, b.publisher)?,
        buyer: add(a.buyer, b.buyer)?,
        platform: add(a.platform, b.platform)?,
    })
}

fn add(a: i64, b: i64) -> Result<i64, SimulateError> {
    a.checked_add(b).ok_or(SimulateError::Sums)
}

/// The e-mail addresses of those whom a page of orders names.
#[derive(Debug)]
struct People {
    publishers: HashMap<PublisherId, Option<String>>,
    buyers: HashMap<BuyerId, Option<String>>,
}

impl People {
    async fn load(tx: &mut Tx, orders: &[Order]) -> Result<Self, StoreError> {
        let (mut publishers, mut buyers) = (BTreeSet::new(), BTreeSet::new());
        for order in orders {
            buyers.extend(order.tie.map(|tie| tie.buyer));
            let Some(context) = &order.context else { continue };
            publishers.extend(context.coupon.as_ref().map(|coupon| coupon.publisher));
            for touch in &context.touches {
                if let Touch::Known(known) = touch {
                    publishers.insert(known.publisher);
                    buyers.extend(known.buyer.map(|buyer| buyer.id));
                }
            }
        }
        let publishers = store::publisher::by_ids(tx, &publishers.into_iter().collect::<Vec<_>>()).await?;
        let buyers = store::buyer::by_ids(tx, &buyers.into_iter().collect::<Vec<_>>()).await?;
        Ok(Self {
            publishers: publishers.into_iter().map(|publisher| (publisher.id, publisher.email)).collect(),
            buyers: buyers.into_iter().map(|buyer| (buyer.id, buyer.email)).collect(),
        })
    }

    fn is_self_referral(&self, buyer: BuyerId, publishers: &[PublisherId]) -> bool {
        let email = self.buyers.get(&buyer).and_then(Option::as_deref);
        publishers.iter().any(|publisher| same_email(email, self.publishers.get(publisher).and_then(Option::as_deref)))
    }
}
