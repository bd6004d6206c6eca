//! What a batch of commands knows: loaded under the programs' locks, changed only by `fold`, written once by `apply`.

pub use crate::domain::touch::{ClickTie, Visit};
use crate::domain::{
    account::{Account, Owner},
    buyer::Buyer,
    claim::Claim,
    debt::DebtLimit,
    decision::{Change, Decision},
    document::Document,
    entry::{Entry, Link, Subject},
    idempotency::{Kept, Slot},
    identity::Identity,
    invoice::Owed,
    loyalty::Voucher,
    merchant::Merchant,
    movement::What,
    order::Order,
    payee::Payee,
    payout::Batch,
    pot::{Held, Pot},
    program::Program,
    publisher::Publisher,
    rate::RateTable,
    sale::OrderKey,
    series::Series,
    standing::Papers,
    terms::Version,
    wallet::Wallet,
};
use crate::kernel::{
    currency::Currency,
    id::{BatchId, BuyerId, ClaimId, ClickId, ConversionId, CouponId, EntryId, LinkId, MerchantId, ProgramId, PublisherId},
    time::{Month, Time, Zone},
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The world as the commands of one batch need it. What a command names and is not here does not exist.
#[derive(Debug, Clone)]
pub struct Facts {
    /// For days and months.
    pub zone: Zone,
    pub programs: HashMap<ProgramId, ProgramFacts>,
    pub orders: HashMap<OrderKey, Order>,
    /// SHA-256 of the body that used up a `webhook-id`.
    pub webhooks: HashMap<(MerchantId, String), [u8; 32]>,
    /// First answers to `Idempotency-Key`s.
    pub kept: HashMap<Slot, Kept>,
    /// The order with which a merchant's own customer reference was first seen in a program.
    pub customers: HashMap<(ProgramId, String), ConversionId>,
    pub links: HashMap<LinkId, LinkFacts>,
    pub publishers: HashMap<PublisherId, Publisher>,
    pub buyers: HashMap<BuyerId, Buyer>,
    /// Clicks that a sign-in gave a buyer.
    pub ties: HashMap<ClickId, ClickTie>,
    /// The clicks that are known to be a claiming buyer's.
    pub visits: HashMap<BuyerId, Vec<Visit>>,
    /// Claims of missing cashback of the orders here.
    pub claims: HashMap<ClaimId, Claim>,
    /// How many claims of a claiming buyer nobody has answered yet.
    pub open_claims: HashMap<BuyerId, u32>,
    /// Recorded orders by the clicks among their touches.
    pub orders_by_click: HashMap<ClickId, Vec<OrderKey>>,
    /// By program and folded code.
    pub coupons: HashMap<(ProgramId, String), Coupon>,
    /// Approved net amounts of a publisher in a program and month, minor units of the program's currency.
    pub tier_bases: HashMap<(ProgramId, PublisherId, Month), i64>,
    pub rates: RateTable,
    pub loyalty: LoyaltyFacts,
    /// What posts beside orders, as far as the commands name it.
    pub documents: HashMap<Subject, Document>,
    pub merchants: HashMap<MerchantId, Merchant>,
    /// Whose balances are loaded.
    pub parties: HashSet<Owner>,
    /// What the commands' payees and merchants hold, debit positive, and what the batch has added since.
    pub balances: HashMap<(Account, Currency), i64>,
    /// How far below zero a payee may be; none is any far.
    pub debt_limit: Option<DebtLimit>,
    /// The operator, as documents name it.
    pub seller: Option<Identity>,
    /// What merchants that are to be invoiced owe and no document lists yet.
    pub owed: HashMap<MerchantId, Vec<(Currency, Owed)>>,
    /// The last number of each series and year.
    pub series: HashMap<(Series, i64), i64>,
    /// The ends of the journal's chains, where a document is to state them.
    pub heads: Vec<Link>,
    /// Of merchants whose payments are passed on.
    pub papers: HashMap<MerchantId, Papers>,
    /// What payees have to get in the currency of a payout that is prepared; only those with a balance.
    pub wallets: BTreeMap<(Currency, Payee), Wallet>,
    pub batches: HashMap<BatchId, Batch>,
    /// What settled payments hold of the orders that are counted, minor units by payee.
    pub covered: HashMap<ConversionId, BTreeMap<Payee, i64>>,
}

/// What boosts look at: what other orders of the same programs and buyers have taken and been.
#[derive(Debug, Clone, Default)]
pub struct LoyaltyFacts {
    /// What is taken from each, by all orders.
    pub pots: HashMap<Pot, Held>,
    /// When a buyer's orders of a program and goal were placed that are not rejected.
    pub orders: HashMap<(BuyerId, ProgramId, String), BTreeMap<ConversionId, Time>>,
    /// A buyer's approved net amount in a program, minor units of its currency.
    pub bases: HashMap<(BuyerId, ProgramId), i64>,
    /// Of the programs that tiers look at.
    pub currencies: HashMap<ProgramId, Currency>,
    /// By program and folded code.
    pub vouchers: HashMap<(ProgramId, String), Voucher>,
}

impl LoyaltyFacts {
    /// Makes a change true for the orders that follow.
    pub fn fold(&mut self, change: &Change) {
        for pot in &change.loyalty.pots {
            let held = self.pots.entry(pot.pot.clone()).or_default();
            held.amount += pot.delta.amount;
            held.uses += pot.delta.uses;
        }
        let key = &change.order.key;
        if let Some(was) = change.loyalty.was {
            *self.bases.entry((was.buyer, key.program)).or_default() -= was.approved_net;
            if let Some(orders) = self.orders.get_mut(&(was.buyer, key.program, key.goal.clone())) {
                orders.remove(&change.order.id);
            }
        }
        if let (Some(is), Some(sale)) = (change.loyalty.is, &change.order.sale) {
            *self.bases.entry((is.buyer, key.program)).or_default() += is.approved_net;
            let orders = self.orders.entry((is.buyer, key.program, key.goal.clone())).or_default();
            orders.insert(change.order.id, sale.sale.occurred_at);
        }
    }
}

#[derive(Debug, Clone)]
pub struct ProgramFacts {
    pub program: Program,
    /// Every version, at least one.
    pub versions: Vec<Version>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkFacts {
    pub program: ProgramId,
    pub publisher: PublisherId,
}

/// A code that is a publisher's own: sales that use it are credited to them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Coupon {
    pub id: CouponId,
    pub program: ProgramId,
    /// As the publisher wrote it.
    pub code: String,
    pub publisher: PublisherId,
    /// Valid from then on; from ever if null.
    #[schema(required)]
    pub from: Option<Time>,
    /// Valid before that moment; for ever if null.
    #[schema(required)]
    pub until: Option<Time>,
}

impl Coupon {
    pub fn is_valid_at(&self, at: Time) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

impl Facts {
    /// A world of which nothing is known.
    pub fn empty(zone: Zone) -> Self {
        Self {
            zone,
            programs: HashMap::new(),
            orders: HashMap::new(),
            webhooks: HashMap::new(),
            kept: HashMap::new(),
            customers: HashMap::new(),
            links: HashMap::new(),
            publishers: HashMap::new(),
            buyers: HashMap::new(),
            ties: HashMap::new(),
            visits: HashMap::new(),
            claims: HashMap::new(),
            open_claims: HashMap::new(),
            orders_by_click: HashMap::new(),
            coupons: HashMap::new(),
            tier_bases: HashMap::new(),
            rates: RateTable::default(),
            loyalty: LoyaltyFacts::default(),
            documents: HashMap::new(),
            merchants: HashMap::new(),
            parties: HashSet::new(),
            balances: HashMap::new(),
            debt_limit: None,
            seller: None,
            owed: HashMap::new(),
            series: HashMap::new(),
            heads: Vec::new(),
            papers: HashMap::new(),
            wallets: BTreeMap::new(),
            batches: HashMap::new(),
            covered: HashMap::new(),
        }
    }

    /// The sales that wait for a rate, oldest first.
    pub fn waiting_for_rate(&self) -> Vec<OrderKey> {
        let mut waiting: Vec<&Order> = self.orders.values().filter(|order| order.sale.is_some() && order.context.is_none()).collect();
        waiting.sort_by_key(|order| order.id);
        waiting.into_iter().map(|order| order.key.clone()).collect()
    }

    /// What is owed from now on, and what stands on documents.
    fn fold_invoices(&mut self, decision: &Decision) {
        for (merchant, owed) in &mut self.owed {
            let listed: HashSet<EntryId> = decision.invoiced.iter().map(|(_, line)| line.entry).collect();
            owed.retain(|(_, line)| !listed.contains(&line.entry));
            for entry in decision.entries().filter(|entry| is_listed(entry, decision)) {
                if let Some(amount) = entry.postings.get(&Account::MerchantOwed(*merchant)) {
                    owed.push((entry.currency, Owed { entry: entry.id, at: entry.at, amount: *amount }));
                }
            }
        }
        for written in decision.documents.iter().filter(|written| written.is_new) {
            let number = match &written.document {
                Document::Invoice(invoice) => invoice.number,
                Document::Statement(statement) => statement.number,
                Document::Movement(_) | Document::Payment(_) => continue,
            };
            self.series.insert((number.series, number.year), number.serial);
        }
    }

    /// A new document may bill any order: those of its merchant are looked at in another batch.
    fn fold_papers(&mut self, document: &Document) {
        match document {
            Document::Invoice(invoice) => drop(self.papers.remove(&invoice.draft.merchant)),
            Document::Movement(movement) => {
                if let Owner::Merchant(merchant) = movement.what.owner()
                    && let Some(papers) = self.papers.get_mut(&merchant)
                {
                    papers.add(movement);
                }
            }
            Document::Payment(_) | Document::Statement(_) => {}
        }
    }

    /// Makes what was decided true for the commands that follow in the batch.
    pub fn fold(&mut self, decision: &Decision) {
        if let Some((merchant, id, hash)) = &decision.webhook {
            self.webhooks.insert((*merchant, id.clone()), *hash);
        }
        if let Some((slot, kept)) = &decision.kept {
            self.kept.insert(slot.clone(), kept.clone());
        }
        for (click, tie) in &decision.ties {
            self.ties.entry(*click).or_insert(*tie);
        }
        for (buyer, visit) in &decision.visits {
            self.visits.entry(*buyer).or_default().push(*visit);
        }
        for claim in &decision.claims {
            let was_open = self.claims.get(&claim.id).is_some_and(|known| known.state().is_open());
            let open = self.open_claims.entry(claim.buyer).or_default();
            *open = (*open + u32::from(claim.state().is_open())).saturating_sub(u32::from(was_open));
            self.claims.insert(claim.id, claim.clone());
        }
        for (day, currency, rate) in &decision.rates {
            self.rates.insert(*day, *currency, *rate);
        }
        if let Some(run) = &decision.run {
            self.batches.insert(run.batch.id, run.batch.clone());
        }
        for written in &decision.documents {
            self.fold_papers(&written.document);
            self.documents.insert(written.document.subject(), written.document.clone());
        }
        for entry in decision.entries() {
            for (account, amount) in &entry.postings {
                let place = (*account, entry.currency);
                // Whose balances are loaded has 0 where there is no row; of all others only what is loaded is known.
                if self.parties.contains(&account.owner()) {
                    self.balances.entry(place).or_default();
                }
                if let Some(balance) = self.balances.get_mut(&place) {
                    // Decisions look whether it is above or below something; the database refuses what it cannot hold.
                    *balance = balance.saturating_add(*amount);
                }
            }
        }
        self.fold_invoices(decision);
        for change in &decision.changes {
            let order = &change.order;
            if let Some(reference) = &change.customer {
                self.customers.entry((order.key.program, reference.clone())).or_insert(order.id);
            }
            for click in &change.new_clicks {
                let orders = self.orders_by_click.entry(*click).or_default();
                if !orders.contains(&order.key) {
                    orders.push(order.key.clone());
                }
            }
            for (publisher, month, delta) in &change.tier_deltas {
                *self.tier_bases.entry((order.key.program, *publisher, *month)).or_default() += delta;
            }
            self.loyalty.fold(change);
            self.orders.insert(order.key.clone(), order.clone());
        }
    }
}

/// Whether documents list what an entry posts: an order, a fee, a bonus.
fn is_listed(entry: &Entry, decision: &Decision) -> bool {
    let mut documents = decision.documents.iter().map(|written| &written.document);
    match entry.subject {
        Subject::Order(_) => true,
        subject => documents.any(|document| match document {
            Document::Movement(movement) => document.subject() == subject && matches!(movement.what, What::Fee { .. } | What::Bonus { .. }),
            Document::Invoice(_) | Document::Payment(_) | Document::Statement(_) => false,
        }),
    }
}
