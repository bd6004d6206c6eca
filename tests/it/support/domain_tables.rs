//! What a database would hold after some decisions, and what it would load for one command: `decide` must read nothing else.

use ristourne::domain::terms::when::fold_code;
use ristourne::domain::{
    claim::Claim,
    command::{Act, Command, Restored},
    decision::Decision,
    facts::{ClickTie, Facts, LoyaltyFacts},
    idempotency::{Kept, Slot},
    loyalty::names,
    order::Order,
    pot::Pot,
    rate::{AGE_DAYS_MAX, Rate},
    sale::{OrderKey, Sale, SentClick},
    touch::Touch,
};
use ristourne::kernel::{
    currency::Currency,
    id::{BuyerId, ClaimId, ClickId, ConversionId, LinkId, MerchantId, ProgramId, PublisherId},
    time::{Day, Month},
};
use std::collections::{BTreeMap, BTreeSet};

/// One field a table. The catalogue (merchants, programs, links, publishers, buyers, coupons) no decision changes.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    orders: BTreeMap<OrderKey, Order>,
    webhooks: BTreeMap<(MerchantId, String), [u8; 32]>,
    kept: BTreeMap<Slot, Kept>,
    customers: BTreeMap<(ProgramId, String), ConversionId>,
    touches: BTreeSet<(ClickId, OrderKey)>,
    ties: BTreeMap<ClickId, ClickTie>,
    tier_bases: BTreeMap<(ProgramId, PublisherId, Month), i64>,
    rates: BTreeMap<(Day, Currency), Rate>,
    loyalty: LoyaltyFacts,
    claims: BTreeMap<ClaimId, Claim>,
}

impl Tables {
    /// Writes what a decision changes: rows inserted, or left alone where there is one.
    pub fn apply(&mut self, decision: &Decision) {
        if let Some((merchant, id, hash)) = &decision.webhook {
            self.webhooks.entry((*merchant, id.clone())).or_insert(*hash);
        }
        if let Some((slot, kept)) = &decision.kept {
            let before = self.kept.insert(slot.clone(), kept.clone());
            assert_eq!(before, None, "an answer is kept once");
        }
        for (click, tie) in &decision.ties {
            self.ties.entry(*click).or_insert(*tie);
        }
        for (day, currency, rate) in &decision.rates {
            self.rates.entry((*day, *currency)).or_insert(*rate);
        }
        self.claims.extend(decision.claims.iter().map(|claim| (claim.id, claim.clone())));
        for change in &decision.changes {
            let key = &change.order.key;
            if let Some(reference) = &change.customer {
                self.customers.entry((key.program, reference.clone())).or_insert(change.order.id);
            }
            self.touches.extend(change.new_clicks.iter().map(|click| (*click, key.clone())));
            for (publisher, month, delta) in &change.tier_deltas {
                *self.tier_bases.entry((key.program, *publisher, *month)).or_default() += delta;
            }
            self.loyalty.fold(change);
            self.orders.insert(key.clone(), change.order.clone());
        }
    }

    /// The facts that one command needs; all others are left out.
    pub fn load(&self, catalogue: &Facts, command: &Command) -> Facts {
        let mut facts = Facts::empty(catalogue.zone.clone());
        facts.merchants.clone_from(&catalogue.merchants);
        facts.balances.clone_from(&catalogue.balances);
        facts.debt_limit = catalogue.debt_limit;
        facts.seller.clone_from(&catalogue.seller);
        facts.owed.clone_from(&catalogue.owed);
        facts.wallets.clone_from(&catalogue.wallets);
        facts.batches.clone_from(&catalogue.batches);
        facts.documents.clone_from(&catalogue.documents);
        facts.covered.clone_from(&catalogue.covered);
        let message = &command.message;
        if let Some(key) = message.merchant.zip(message.webhook_id.clone())
            && let Some(hash) = self.webhooks.get(&key)
        {
            facts.webhooks.insert(key, *hash);
        }
        let slot = command.once.as_ref().map(|once| &once.slot);
        facts.kept.extend(slot.and_then(|slot| self.kept.get(slot).map(|kept| (slot.clone(), kept.clone()))));
        let mut wanted = Wanted::default();
        match &command.act {
            Act::Tie { buyer, clicks } => {
                wanted.buyers.insert(*buyer);
                for click in clicks {
                    wanted.links.insert(click.link);
                    wanted.clicks.insert(click.click);
                    let of_click = self.touches.iter().filter(|(of, _)| *of == click.click).map(|(_, key)| key.clone());
                    let keys: Vec<_> = of_click.collect();
                    wanted.orders.extend(keys.iter().cloned());
                    facts.orders_by_click.insert(click.click, keys);
                }
            }
            Act::Rates { day, rates } => {
                for (currency, _) in rates {
                    if let Some(rate) = self.rates.get(&(*day, *currency)) {
                        facts.rates.insert(*day, *currency, *rate);
                    }
                }
            }
            Act::Restore(Restored::ClickTie { click, tie }) => {
                wanted.clicks.insert(*click);
                wanted.buyers.insert(tie.buyer);
            }
            act => wanted.orders.extend(act.key().cloned()),
        }
        if let Act::Claim(new) = &command.act {
            wanted.buyers.insert(new.buyer);
            let visits = catalogue.visits.get(&new.buyer).cloned().unwrap_or_default();
            wanted.links.extend(visits.iter().map(|visit| visit.click.link));
            facts.visits.insert(new.buyer, visits);
            let open = self.claims.values().filter(|claim| claim.buyer == new.buyer && claim.state().is_open()).count();
            facts.open_claims.insert(new.buyer, u32::try_from(open).expect("few"));
        }
        if let Act::Tie { buyer, clicks } = &command.act {
            let programs: BTreeSet<ProgramId> = clicks.iter().filter_map(|click| Some(catalogue.links.get(&click.link)?.program)).collect();
            let claimed = self.claims.values().filter(|claim| claim.buyer == *buyer && programs.contains(&claim.key.program));
            wanted.orders.extend(claimed.map(|claim| claim.key.clone()));
        }
        let sent = match &command.act {
            Act::Sale { key, sale } => Some((key.clone(), sale.clone())),
            _ => None,
        };
        let stored = |key: &OrderKey| Some((key.clone(), self.orders.get(key)?.sale.as_ref()?.sale.clone()));
        for (key, sale) in sent.into_iter().chain(wanted.orders.clone().iter().filter_map(stored)) {
            self.load_for_sale(catalogue, &key, &sale, &mut wanted, &mut facts);
        }
        for key in &wanted.orders {
            if let Some(order) = self.orders.get(key) {
                wanted.publishers.extend(publishers_of(order));
                wanted.buyers.extend(order.claims.keys());
                let claims = order.claims.values().filter_map(|fact| self.claims.get(&fact.claim));
                facts.claims.extend(claims.map(|claim| (claim.id, claim.clone())));
                facts.orders.insert(key.clone(), order.clone());
            }
            facts.programs.extend(catalogue.programs.get(&key.program).map(|program| (key.program, program.clone())));
        }
        for link in &wanted.links {
            facts.links.extend(catalogue.links.get(link).map(|known| (*link, *known)));
            wanted.publishers.extend(catalogue.links.get(link).map(|known| known.publisher));
        }
        facts.ties.extend(wanted.clicks.iter().filter_map(|click| self.ties.get(click).map(|tie| (*click, *tie))));
        wanted.buyers.extend(facts.ties.values().map(|tie| tie.buyer));
        facts.buyers.extend(wanted.buyers.iter().filter_map(|id| catalogue.buyers.get(id).map(|buyer| (*id, buyer.clone()))));
        self.load_loyalty(catalogue, command, &mut facts);
        for publisher in &wanted.publishers {
            facts.publishers.extend(catalogue.publishers.get(publisher).map(|known| (*publisher, known.clone())));
            let month = catalogue.zone.month(message.received_at);
            for key in wanted.orders.iter().map(|key| (key.program, *publisher, month)) {
                facts.tier_bases.extend(self.tier_bases.get(&key).map(|base| (key, *base)));
            }
        }
        facts
    }

    /// What boosts look at: of the programs and people so far, and of the coupons of their orders.
    fn load_loyalty(&self, catalogue: &Facts, command: &Command, facts: &mut Facts) {
        let sent = match &command.act {
            Act::Sale { sale, .. } => Some(sale),
            _ => None,
        };
        let stored = facts.orders.values().filter_map(|order| Some(&order.sale.as_ref()?.sale));
        let codes: BTreeSet<String> =
            sent.into_iter().chain(stored).filter_map(|sale| Some(fold_code(sale.content.coupon.as_ref()?))).collect();
        let own = |known: &&(ProgramId, String)| facts.programs.contains_key(&known.0) && codes.contains(&known.1);
        let vouchers = catalogue.loyalty.vouchers.iter().filter(|(known, _)| own(known));
        facts.loyalty.vouchers = vouchers.map(|(known, voucher)| (known.clone(), voucher.clone())).collect();
        let mut boosts: BTreeSet<String> = facts.loyalty.vouchers.values().map(ristourne::domain::loyalty::Voucher::name).collect();
        for version in facts.programs.values().flat_map(|program| &program.versions) {
            boosts.extend(names(&version.terms.boosts));
        }
        let is_known = |pot: &Pot| match pot {
            Pot::Boost(program, name) => facts.programs.contains_key(program) && boosts.contains(name),
            Pot::Voucher(program, code) => facts.programs.contains_key(program) && codes.contains(code),
            Pot::Welcome(buyer) | Pot::Referral(buyer) => facts.buyers.contains_key(buyer),
        };
        facts.loyalty.pots = self.loyalty.pots.iter().filter(|(pot, _)| is_known(pot)).map(|(pot, held)| (pot.clone(), *held)).collect();
        let is_own =
            |(buyer, program, _): &(BuyerId, ProgramId, String)| facts.buyers.contains_key(buyer) && facts.programs.contains_key(program);
        facts.loyalty.orders =
            self.loyalty.orders.iter().filter(|(of, _)| is_own(of)).map(|(of, orders)| (of.clone(), orders.clone())).collect();
        let bases = self.loyalty.bases.iter().filter(|((buyer, _), _)| facts.buyers.contains_key(buyer));
        facts.loyalty.bases = bases.map(|(of, base)| (*of, *base)).collect();
        facts.loyalty.currencies.clone_from(&catalogue.loyalty.currencies);
        let brought: Vec<BuyerId> = facts.buyers.values().filter_map(|buyer| buyer.referred_by).collect();
        facts.buyers.extend(brought.iter().filter_map(|id| catalogue.buyers.get(id).map(|buyer| (*id, buyer.clone()))));
    }

    /// What recording a sale looks up.
    fn load_for_sale(&self, catalogue: &Facts, key: &OrderKey, sale: &Sale, wanted: &mut Wanted, facts: &mut Facts) {
        for click in &sale.clicks {
            if let SentClick::Opened(opened) = click {
                wanted.clicks.insert(opened.click);
                wanted.links.insert(opened.link);
                wanted.buyers.extend(opened.buyer);
            }
        }
        if let Some(code) = &sale.content.coupon {
            let code = (key.program, fold_code(code));
            if let Some(coupon) = catalogue.coupons.get(&code) {
                wanted.publishers.insert(coupon.publisher);
                facts.coupons.insert(code, coupon.clone());
            }
        }
        if let Some(reference) = sale.content.customer.as_ref().and_then(|customer| customer.reference.clone()) {
            let reference = (key.program, reference);
            facts.customers.extend(self.customers.get(&reference).map(|first| (reference, *first)));
        }
        // The time that counts is the first sale's, so both days are loaded.
        let first = self.orders.get(key).and_then(|order| order.sale.as_ref()).map(|fact| fact.sale.occurred_at);
        for at in first.into_iter().chain([sale.occurred_at]) {
            let day = catalogue.zone.day(at);
            let fits = |of: Day| of <= day && of >= day.minus(AGE_DAYS_MAX);
            for ((day, currency), rate) in self.rates.iter().filter(|((of, _), _)| fits(*of)) {
                facts.rates.insert(*day, *currency, *rate);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Wanted {
    orders: BTreeSet<OrderKey>,
    clicks: BTreeSet<ClickId>,
    links: BTreeSet<LinkId>,
    publishers: BTreeSet<PublisherId>,
    buyers: BTreeSet<BuyerId>,
}

fn publishers_of(order: &Order) -> Vec<PublisherId> {
    let claimed = order.claims.values().flat_map(|claim| claim.touches.iter().map(|touch| touch.publisher));
    let Some(context) = &order.context else { return claimed.collect() };
    let of_touch = |touch: &Touch| match touch {
        Touch::Known(known) => Some(known.publisher),
        Touch::Unknown(_) => None,
    };
    context.touches.iter().filter_map(of_touch).chain(context.coupon.as_ref().map(|coupon| coupon.publisher)).chain(claimed).collect()
}
