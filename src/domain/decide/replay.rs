//! What the boosts of other terms would have paid on stored orders: every order's facts come in once more, in order of time, so that budgets,
//! quotas and chances go to whoever was first. `change` and `loyalty` decide as they do when facts really come.

use super::{change, loyalty, record};
use crate::domain::{
    due::Due,
    entry::Kind,
    facts::{Facts, ProgramFacts},
    loyalty::Loyalty,
    order::Order,
    terms::{Terms, Version},
};
use crate::kernel::{
    id::{BuyerId, ConversionId, ProgramId, PublisherId},
    ratio::OutOfRange,
    time::Time,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Arc,
};

/// The number of the draft among the program's versions, which here has no other.
const DRAFT: u32 = 0;

/// Orders that wait for their next fact, and what the boosts know by now.
#[derive(Debug)]
pub struct Replay {
    /// Buyers, publishers, vouchers and rates are the caller's to add before the orders that name them; in `loyalty`, what orders that are not
    /// replayed have taken and been.
    pub facts: Facts,
    draft: Arc<Terms>,
    /// What comes next. An order waits here once, for the next of its facts.
    waiting: BinaryHeap<Reverse<(Time, Next)>>,
    open: BTreeMap<ConversionId, Open>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    /// An order that is not replayed was approved: tiers count it from then on.
    Approved(BuyerId, ProgramId, i64),
    Fact(ConversionId),
}

#[derive(Debug)]
struct Open {
    stored: Order,
    own: Arc<Terms>,
    /// As stored, under the draft.
    again: Order,
    /// When its facts came, the last first.
    times: Vec<Time>,
    before: Option<Order>,
    asked_anew: bool,
}

/// An order whose facts are all in.
#[derive(Debug)]
pub struct Replayed {
    pub stored: Order,
    /// The terms it was recorded under.
    pub own: Arc<Terms>,
    /// With what the draft's boosts looked up for it, and what was left for them.
    pub again: Order,
    /// The boosts ask what nothing was kept of: how far back the last order lay, or what the buyer had bought. It was read from what is stored.
    pub asked_anew: bool,
    /// A tier's base leaves out what there was no rate for.
    pub without_rate: bool,
}

impl Replay {
    /// `program` with the draft in the place of all its versions.
    pub fn new(mut facts: Facts, program: &ProgramFacts, draft: &Arc<Terms>) -> Self {
        let versions = vec![Version { number: DRAFT, effective_at: Time::from_micros(0), terms: Arc::clone(draft) }];
        facts.programs.insert(program.program.id, ProgramFacts { program: program.program.clone(), versions });
        Self { facts, draft: Arc::clone(draft), waiting: BinaryHeap::new(), open: BTreeMap::new() }
    }

    pub fn is_self_referral(&self, buyer: BuyerId, publishers: &[PublisherId]) -> bool {
        record::is_self_referral(&self.facts, buyer, publishers.iter().copied())
    }

    /// An order that is not replayed was approved then, with so much left of it; minor units of its program's currency.
    pub fn approved(&mut self, at: Time, buyer: BuyerId, program: ProgramId, net: i64) {
        self.waiting.push(Reverse((at, Next::Approved(buyer, program, net))));
    }

    /// A recorded order, with the terms that it was recorded under, and as it reads under the draft. Orders come in the sequence in which they
    /// were recorded.
    pub fn add(&mut self, stored: Order, own: Arc<Terms>, again: Order) {
        let Some(recorded_at) = again.context.as_ref().map(|context| context.recorded_at) else { return };
        let again = on_draft(again);
        let mut times = times(&again, recorded_at);
        let first = times.pop().unwrap_or(recorded_at);
        let id = stored.id;
        self.open.insert(id, Open { stored, own, again, times, before: None, asked_anew: false });
        self.waiting.push(Reverse((first, Next::Fact(id))));
    }

    /// Lets everything happen that happened before then, or everything; gives the orders whose last fact came.
    pub fn until(&mut self, end: Option<Time>) -> Result<Vec<Replayed>, (ConversionId, OutOfRange)> {
        let mut done = Vec::new();
        while let Some(Reverse((at, _))) = self.waiting.peek() {
            if end.is_some_and(|end| *at >= end) {
                break;
            }
            match self.waiting.pop() {
                Some(Reverse((at, Next::Fact(id)))) => done.extend(self.step(id, at).map_err(|error| (id, error))?),
                Some(Reverse((_, Next::Approved(buyer, program, net)))) => {
                    let base = self.facts.loyalty.bases.entry((buyer, program)).or_default();
                    *base = base.saturating_add(net);
                }
                None => {}
            }
        }
        Ok(done)
    }

    fn step(&mut self, id: ConversionId, at: Time) -> Result<Option<Replayed>, OutOfRange> {
        let Some(mut open) = self.open.remove(&id) else { return Ok(None) };
        let mut order = as_of(&open.again, at);
        order.loyalty = open.before.as_ref().and_then(|before| before.loyalty.clone());
        let stored = open.stored.loyalty.as_ref().map(|found| (found, &*open.own));
        if let Some((found, asked_anew)) = self.look_up(&order, stored, at)? {
            order.loyalty = Some(found);
            open.asked_anew = asked_anew;
        }
        let change = change::change(&self.facts, open.before.as_ref(), order, None, Kind::Recorded, at, &mut || 0);
        let change = change.map_err(|_| OutOfRange)?;
        self.facts.loyalty.fold(&change);
        if let Some(next) = open.times.pop() {
            self.waiting.push(Reverse((next, Next::Fact(id))));
            open.before = Some(change.order);
            self.open.insert(id, open);
            return Ok(None);
        }
        let again = change.order;
        let without_rate = again.loyalty.iter().flat_map(|found| found.bases.values()).any(|base| !base.left_out.is_empty());
        Ok(Some(Replayed { stored: open.stored, own: open.own, again, asked_anew: open.asked_anew, without_rate }))
    }

    /// What the draft's boosts look up for an order that has nothing looked up for its buyer yet.
    fn look_up(&self, order: &Order, stored: Option<(&Loyalty, &Terms)>, at: Time) -> Result<Option<(Loyalty, bool)>, OutOfRange> {
        if self.draft.boosts.is_empty() {
            return Ok(None);
        }
        let Some(program) = self.facts.programs.get(&order.key.program) else { return Ok(None) };
        let due = change::due_of(program, order).map_err(|_| OutOfRange)?;
        let Some(buyer) = due.filter(Due::earns).and_then(|due| due.buyer) else { return Ok(None) };
        if order.loyalty.as_ref().is_some_and(|found| found.buyer == buyer) {
            return Ok(None);
        }
        Ok(loyalty::look_up_again(&self.facts, &self.draft, (order, buyer), stored, at))
    }
}

fn on_draft(mut order: Order) -> Order {
    if let Some(context) = &mut order.context {
        context.terms_version = DRAFT;
    }
    order.loyalty = None;
    order
}

/// When the facts of an order came that may change what its boosts pay, the last first; those from before it was recorded came with it.
fn times(order: &Order, recorded_at: Time) -> Vec<Time> {
    let approvals = [order.approvals.merchant, order.approvals.operator, order.approvals.clock];
    let verdicts = [&order.cancel, &order.reject].into_iter().flatten().map(|verdict| verdict.at);
    let acts = [order.reopened.as_ref().map(|fact| fact.at), order.adjust.as_ref().map(|fact| fact.at), order.expired];
    let told = order.refunds.values().map(|refund| refund.at).chain(order.claims.values().map(|claim| claim.at));
    let all = told.chain(verdicts).chain(approvals.into_iter().chain(acts).flatten()).chain(order.tie.map(|tie| tie.at));
    let mut times: Vec<Time> = all.map(|at| at.max(recorded_at)).chain([recorded_at]).collect();
    times.sort_unstable_by_key(|at| Reverse(*at));
    times.dedup();
    times
}

/// The order without the facts that came later. Of adjustments and reopenings the last is all that it has.
fn as_of(order: &Order, at: Time) -> Order {
    let mut then = order.clone();
    let past = |fact: Time| fact <= at;
    then.refunds.retain(|_, refund| past(refund.at));
    then.claims.retain(|_, claim| past(claim.at));
    then.cancel = then.cancel.filter(|verdict| past(verdict.at));
    then.reject = then.reject.filter(|verdict| past(verdict.at));
    then.reopened = then.reopened.filter(|fact| past(fact.at));
    then.adjust = then.adjust.filter(|fact| past(fact.at));
    then.tie = then.tie.filter(|tie| past(tie.at));
    then.expired = then.expired.filter(|fact| past(*fact));
    for approval in [&mut then.approvals.merchant, &mut then.approvals.operator, &mut then.approvals.clock] {
        *approval = approval.filter(|fact| past(*fact));
    }
    then
}
