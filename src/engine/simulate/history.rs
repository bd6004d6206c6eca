//! What the boosts of a draft are to know of what came before and beside the orders that are simulated.

use crate::domain::{
    decide::Replay,
    due,
    facts::{Facts, ProgramFacts},
    order::Order,
    pot::{Held, Pot},
    rate::AGE_DAYS_MAX,
    terms::{
        Terms,
        boost::{self, Kind},
        when::fold_code,
    },
    touch::Touch,
};
use crate::kernel::{
    currency::Currency,
    id::{BuyerId, ProgramId, PublisherId},
    time::{Day, Time, Zone},
};
use crate::store::{self, StoreError, Tx, history};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use super::{PAGE, SimulateError};

pub(super) struct History {
    pub replay: Replay,
    program: ProgramId,
    since: Option<Time>,
    /// Programs that a tier of the draft looks at.
    looked_at: Vec<ProgramId>,
    /// Their currencies and the program's own, if they are several.
    currencies: Vec<Currency>,
    looks_back: bool,
    is_for_firsts: bool,
    /// First orders that the simulated ones are: what a draft may give away again.
    own_firsts: HashSet<Pot>,
    known: HashSet<BuyerId>,
}

impl History {
    /// Budgets, quotas and vouchers begin with what orders placed before have of them, under the same name.
    pub async fn begin(
        tx: &mut Tx,
        zone: &Zone,
        program: &ProgramFacts,
        other: &Arc<Terms>,
        (since, until): (Option<Time>, Option<Time>),
    ) -> Result<Self, SimulateError> {
        let kinds = || other.boosts.iter().map(|boost: &boost::Boost| &boost.kind);
        let looked_at: BTreeSet<ProgramId> = kinds().flat_map(Kind::looks_at).copied().collect();
        let looked_at: Vec<ProgramId> = looked_at.into_iter().collect();
        let id = program.program.id;
        let mut facts = Facts::empty(zone.clone());
        let others = store::program::by_ids(tx, &looked_at).await?;
        facts.loyalty.currencies = others.iter().map(|other| (other.id, other.currency)).collect();
        let all: BTreeSet<Currency> = others.iter().map(|other| other.currency).chain([program.program.currency]).collect();
        if since.is_some() {
            let earlier = held(tx, program, (None, since)).await?;
            facts.loyalty.pots = earlier.into_iter().filter(|(pot, _)| !is_first(pot)).collect();
        }
        let is_for_firsts = kinds().any(Kind::is_for_firsts);
        let own_firsts = if is_for_firsts { held(tx, program, (since, until)).await? } else { BTreeMap::new() };
        Ok(Self {
            replay: Replay::new(facts, program, other),
            program: id,
            since,
            looked_at,
            currencies: if all.len() > 1 { all.into_iter().collect() } else { Vec::new() },
            looks_back: kinds().any(|kind| matches!(kind, Kind::Return { .. })),
            is_for_firsts,
            own_firsts: own_firsts.into_keys().filter(is_first).collect(),
            known: HashSet::new(),
        })
    }

    /// Loads what the next orders name.
    pub async fn know(&mut self, tx: &mut Tx, orders: &[Order]) -> Result<(), StoreError> {
        let (publishers, buyers) = people(orders);
        let missing: Vec<PublisherId> = publishers.into_iter().filter(|id| !self.replay.facts.publishers.contains_key(id)).collect();
        let publishers = store::publisher::by_ids(tx, &missing).await?;
        self.replay.facts.publishers.extend(publishers.into_iter().map(|publisher| (publisher.id, publisher)));
        let codes: BTreeSet<String> = orders.iter().filter_map(coupon).collect();
        let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
        self.replay.facts.loyalty.vouchers.extend(store::voucher::by_codes(tx, &[self.program], &codes).await?);
        if !self.currencies.is_empty() {
            let days = orders.iter().filter_map(|order| Some(self.replay.facts.zone.day(order.sale.as_ref()?.sale.occurred_at)));
            let days: BTreeSet<Day> = days.flat_map(|day| (0..=AGE_DAYS_MAX).map(move |age| day.minus(age))).collect();
            let rates = store::rate::table(tx, &days.into_iter().collect::<Vec<_>>(), &self.currencies).await?;
            self.replay.facts.rates.absorb(rates);
        }
        let new: Vec<BuyerId> = buyers.into_iter().filter(|buyer| self.known.insert(*buyer)).collect();
        self.know_buyers(tx, &new).await
    }

    async fn know_buyers(&mut self, tx: &mut Tx, new: &[BuyerId]) -> Result<(), StoreError> {
        let facts = &mut self.replay.facts;
        let buyers = store::buyer::by_ids(tx, new).await?;
        let brought_by: BTreeSet<BuyerId> = buyers.iter().filter_map(|buyer| buyer.referred_by).collect();
        facts.buyers.extend(buyers.into_iter().map(|buyer| (buyer.id, buyer)));
        let missing: Vec<BuyerId> = brought_by.into_iter().filter(|id| !facts.buyers.contains_key(id)).collect();
        let brought_by = store::buyer::by_ids(tx, &missing).await?;
        facts.buyers.extend(brought_by.into_iter().map(|buyer| (buyer.id, buyer)));
        if self.is_for_firsts {
            let firsts = new.iter().flat_map(|buyer| [Pot::Welcome(*buyer), Pot::Referral(*buyer)]);
            let elsewhere: BTreeSet<Pot> = firsts.filter(|pot| !self.own_firsts.contains(pot)).collect();
            facts.loyalty.pots.extend(store::pot::held(tx, &elsewhere).await?);
        }
        if let (true, Some(since)) = (self.looks_back, self.since) {
            for placed in history::placed(tx, new, &[self.program]).await? {
                if placed.at < since {
                    let orders = facts.loyalty.orders.entry((placed.buyer, placed.program, placed.goal)).or_default();
                    orders.insert(placed.id, placed.at);
                }
            }
        }
        for order in history::approved(tx, new, &self.looked_at).await? {
            // Those from `since` on are replayed, or come too late for all that are.
            if order.program != self.program || self.since.is_some_and(|since| order.occurred_at < since) {
                self.replay.approved(order.at, order.buyer, order.program, order.net);
            }
        }
        Ok(())
    }
}

/// Whether it is a chance that a buyer has once in the whole installation.
fn is_first(pot: &Pot) -> bool {
    matches!(pot, Pot::Welcome(_) | Pot::Referral(_))
}

/// What the orders that were placed in a span have taken, under their own terms.
async fn held(tx: &mut Tx, program: &ProgramFacts, span: (Option<Time>, Option<Time>)) -> Result<BTreeMap<Pot, Held>, SimulateError> {
    let mut held: BTreeMap<Pot, Held> = BTreeMap::new();
    for page in store::conversion::as_recorded(tx, program.program.id, span, true).await?.chunks(PAGE) {
        for order in store::order::by_ids(tx, page).await? {
            let version = order.context.as_ref().map(|context| context.terms_version);
            let Some(own) = program.versions.iter().find(|known| Some(known.number) == version) else { continue };
            let due = due::due(&order, &own.terms).map_err(|error| SimulateError::OutOfRange(order.id, error))?;
            for (pot, more) in due.into_iter().flat_map(|due| due.held()) {
                let held = held.entry(pot).or_default();
                held.amount = held.amount.saturating_add(more.amount);
                held.uses += more.uses;
            }
        }
    }
    Ok(held)
}

fn coupon(order: &Order) -> Option<String> {
    order.sale.as_ref()?.sale.content.coupon.as_deref().map(fold_code)
}

/// Whom the orders name.
fn people(orders: &[Order]) -> (BTreeSet<PublisherId>, BTreeSet<BuyerId>) {
    let (mut publishers, mut buyers) = (BTreeSet::new(), BTreeSet::new());
    for order in orders {
        buyers.extend(order.tie.map(|tie| tie.buyer));
        buyers.extend(order.claims.keys());
        buyers.extend(order.loyalty.as_ref().map(|found| found.buyer));
        publishers.extend(order.context.iter().filter_map(|context| context.coupon.as_ref()).map(|coupon| coupon.publisher));
        let sent = order.context.iter().flat_map(|context| &context.touches);
        let known = sent.filter_map(|touch| if let Touch::Known(known) = touch { Some(known) } else { None });
        for touch in known.chain(order.claims.values().flat_map(|claim| &claim.touches)) {
            publishers.insert(touch.publisher);
            buyers.extend(touch.buyer.map(|buyer| buyer.id));
        }
    }
    (publishers, buyers)
}
