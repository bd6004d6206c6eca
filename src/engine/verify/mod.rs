//! `verify`: replays every decision and checks every invariant, over one snapshot.

mod documents;

use crate::domain::{
    account::Account,
    audit::{self, Breach, ChainWalk, Sums},
    conversion::Conversion,
    decide::due_of,
    due::Due,
    entry::{self, Link, Row, Subject},
    facts::ProgramFacts,
    movement::Movement,
    order::Order,
    payee::Payee,
    pot::{Held, Pot},
    touch::Touch,
};
use crate::engine::recount::recount;
use crate::kernel::{
    currency::Currency,
    id::{BuyerId, ClaimId, ClickId, ConversionId, MovementId, ProgramId},
    time::{DAY, Time, Zone},
};
use crate::store::{
    Db, StoreError, Tx,
    audit::{self as rows, StoredOrder, TierKey},
    chain, entry as journal_rows, facts,
    terms::TermsCache,
};
use std::collections::{BTreeMap, HashMap};

/// Rows of one read. Bounds the memory, whatever the size of the database.
const PAGE: i64 = 500;
/// The clock may be late by so much: a share that outlives its date for a day longer means that no job runs. Microseconds.
const LATE_MAX: i64 = DAY;

/// What was checked and what was found.
#[derive(Debug, Default)]
pub struct Report {
    pub orders: u64,
    /// What stands beside orders.
    pub documents: u64,
    /// Of missing cashback.
    pub claims: u64,
    pub entries: u64,
    pub balances: u64,
    pub clicks: u64,
    pub breaches: Vec<Breach>,
}

/// What the walk over the orders adds up.
#[derive(Default)]
struct Totals {
    /// What the orders hold by their facts.
    held: Sums,
    tiers: BTreeMap<TierKey, i64>,
    /// What their bonuses take of budgets, quotas and chances.
    pots: BTreeMap<Pot, Held>,
}

/// Checks a whole database. Errors are of the database itself; what is wrong in it is in the report.
pub async fn verify(db: &Db, zone: &Zone, terms: &TermsCache) -> Result<Report, StoreError> {
    let mut tx = db.read().await?;
    let (mut report, mut totals) = (Report::default(), Totals::default());
    orders(&mut tx, zone, terms, &mut report, &mut totals).await?;
    documents::check(&mut tx, &mut report, &mut totals).await?;
    claims(&mut tx, &mut report).await?;
    journal(&mut tx, &totals.held, &mut report).await?;
    tiers(&mut tx, &totals.tiers, &mut report).await?;
    pots(&mut tx, &totals.pots, &mut report).await?;
    report.clicks = recount(&mut tx, zone, &mut report.breaches).await?;
    for (code, id) in rows::lone_rows(&mut tx).await? {
        report.breaches.push(Breach::new(code, id, "what is stored about it differs, or stands alone"));
    }
    Ok(report)
}

async fn orders(tx: &mut Tx, zone: &Zone, terms: &TermsCache, report: &mut Report, totals: &mut Totals) -> Result<(), StoreError> {
    let now = rows::last_message_at(tx).await?.unwrap_or_default();
    let mut programs: HashMap<ProgramId, ProgramFacts> = HashMap::new();
    let mut after = ConversionId::from_raw(0);
    loop {
        let page = rows::orders(tx, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = ConversionId::from_raw(last.id);
        let ids: Vec<ConversionId> = page.iter().map(|row| ConversionId::from_raw(row.id)).collect();
        let missing: Vec<ProgramId> =
            page.iter().map(|row| ProgramId::from_raw(row.program)).filter(|id| !programs.contains_key(id)).collect();
        programs.extend(facts::load_programs(tx, terms, &missing).await?);
        let mut orders: HashMap<ConversionId, Order> =
            crate::store::order::by_ids(tx, &ids).await?.into_iter().map(|order| (order.id, order)).collect();
        let mut stored: HashMap<ConversionId, Conversion> =
            crate::store::conversion::by_ids(tx, &ids).await?.into_iter().map(|conversion| (conversion.id, conversion)).collect();
        let tied: Vec<ClickId> = orders.values().filter_map(|order| Some(order.tie?.click)).collect();
        let buyers: HashMap<ClickId, BuyerId> =
            crate::store::tie::of_clicks(tx, &tied).await?.into_iter().map(|(click, tie)| (click, tie.buyer)).collect();
        report.breaches.extend(orders.values().filter_map(|order| tie_differs(order, &buyers)));
        let (covered, told) = (crate::store::payment::covered(tx, &ids).await?, crate::store::payment::told(tx, &ids).await?);
        report.breaches.extend(orders.values().filter_map(|order| paid_differs(order, covered.get(&order.id), told.get(&order.id))));
        let mut touches = rows::touches(tx, &page.iter().map(|row| row.id).collect::<Vec<_>>()).await?;
        let mut entries: HashMap<ConversionId, Vec<journal_rows::Stored>> = HashMap::new();
        for chained in journal_rows::of_subjects(tx, ids.iter().map(|id| Subject::Order(*id))).await? {
            if let Some(order) = chained.entry.subject.order() {
                entries.entry(order).or_default().push(chained);
            }
        }
        for row in &page {
            let id = ConversionId::from_raw(row.id);
            report.orders += 1;
            let about = About {
                row,
                order: orders.remove(&id),
                program: programs.get(&ProgramId::from_raw(row.program)),
                stored: stored.remove(&id),
                touches: touches.remove(&row.id).unwrap_or_default(),
                entries: entries.remove(&id).unwrap_or_default(),
            };
            report.breaches.extend(about.check(zone, now, totals));
        }
    }
}

/// Claims against the orders that hold them, and the goodwill that was paid for them.
async fn claims(tx: &mut Tx, report: &mut Report) -> Result<(), StoreError> {
    let mut after = ClaimId::from_raw(0);
    loop {
        let page = crate::store::claim::page(tx, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        let keys = page.iter().map(|claim| claim.key.clone()).collect();
        let orders: HashMap<_, Order> =
            crate::store::order::by_keys(tx, &keys).await?.into_iter().map(|order| (order.key.clone(), order)).collect();
        let found: Vec<ConversionId> = orders.values().map(|order| order.id).collect();
        let conversions: HashMap<ConversionId, Conversion> =
            crate::store::conversion::by_ids(tx, &found).await?.into_iter().map(|conversion| (conversion.id, conversion)).collect();
        let paid: Vec<MovementId> = page.iter().filter_map(|claim| claim.state().movement()).collect();
        let movements: HashMap<MovementId, Movement> =
            crate::store::movement::by_ids(tx, &paid).await?.into_iter().map(|movement| (movement.id, movement)).collect();
        for claim in &page {
            report.claims += 1;
            let conversion = orders.get(&claim.key).and_then(|order| conversions.get(&order.id));
            let movement = claim.state().movement().and_then(|id| movements.get(&id));
            report.breaches.extend(audit::claim(claim, orders.get(&claim.key), conversion, movement));
        }
    }
}

/// Whether the click that gave an order its buyer is still tied to them.
fn tie_differs(order: &Order, buyers: &HashMap<ClickId, BuyerId>) -> Option<Breach> {
    let tie = order.tie?;
    let stored = buyers.get(&tie.click);
    (stored != Some(&tie.buyer))
        .then(|| Breach::new("tie_differs", order.id, format!("{} is tied to {stored:?}, the order to {}", tie.click, tie.buyer)))
}

/// Whether an order knows what settled payments hold of it. One of which no payment ever held anything may have been paid elsewhere, before
/// it was taken over; one that a payment has not told yet is told by the job.
fn paid_differs(order: &Order, covered: Option<&BTreeMap<Payee, i64>>, told: Option<&bool>) -> Option<Breach> {
    let known = order.paid.as_ref().map(|paid| &paid.covered).filter(|covered| !covered.is_empty());
    let differs = told == Some(&true) && known != covered;
    differs.then(|| Breach::new("paid_differs", order.id, format!("it knows {known:?} as paid, settled payments hold {covered:?}")))
}

/// One order with all that is stored about it.
struct About<'a> {
    row: &'a StoredOrder,
    order: Option<Order>,
    program: Option<&'a ProgramFacts>,
    stored: Option<Conversion>,
    touches: Vec<i64>,
    entries: Vec<journal_rows::Stored>,
}

impl About<'_> {
    fn check(&self, zone: &Zone, now: Time, totals: &mut Totals) -> Vec<Breach> {
        let id = ConversionId::from_raw(self.row.id);
        let Some(program) = self.program else { return vec![Breach::new("program_missing", id, "its program is not stored")] };
        let Some(order) = &self.order else { return vec![Breach::new("facts_missing", id, "no fact of it is stored")] };
        let mut breaches = Vec::new();
        let Ok(due) = due_of(program, order) else { return vec![Breach::new("undecidable", id, "its amounts are out of range")] };
        if order.context.is_some() && due.is_none() {
            breaches.push(Breach::new("terms_missing", id, "the version of the terms that decided it is not stored"));
        }
        breaches.extend(self.check_state(order, due.as_ref()));
        let decided = due.as_ref().and_then(|due| due.conversion(order));
        match (&self.stored, &decided) {
            (Some(stored), Some(decided)) => {
                breaches.extend(audit::conversion(stored, decided));
                let day = zone.day(decided.occurred_at);
                if self.row.day != Some(day.number()) {
                    breaches.push(Breach::new(
                        "report_day_differs",
                        id,
                        format!("reports count it on day {:?}, it occurred on {day}", self.row.day),
                    ));
                }
                // What became unclaimed after its date, as a late click or another sale did, waits for the next job.
                let changed = self.entries.iter().map(|chained| chained.entry.at).max().unwrap_or_default();
                breaches.extend(audit::outlived(decided, changed, now, LATE_MAX));
            }
            (None, Some(_)) => breaches.push(Breach::new("conversion_missing", id, "its facts are recorded, but no conversion is stored")),
            (Some(_), None) => breaches.push(Breach::new("conversion_extra", id, "a conversion is stored, but its facts do not make one")),
            (None, None) => {}
        }
        let row = due.as_ref().map(|due| due.row(program.program.merchant, program.program.id)).unwrap_or_default();
        totals.held.add(&row, program.program.currency);
        if let Some((publisher, at, net)) = due.as_ref().and_then(|due| Some((due.credits.last()?.publisher, due.approved_at?, due.net))) {
            *totals.tiers.entry((program.program.id, publisher, zone.month(at))).or_default() += net;
        }
        for (pot, more) in due.as_ref().map(Due::held).unwrap_or_default() {
            let held = totals.pots.entry(pot).or_default();
            held.amount += more.amount;
            held.uses += more.uses;
        }
        breaches.extend(journal_differs(Subject::Order(id), &self.entries, &row, program.program.currency));
        breaches
    }

    fn check_state(&self, order: &Order, due: Option<&Due>) -> Vec<Breach> {
        let mut breaches = Vec::new();
        let expected = match (&order.sale, due) {
            (_, Some(_)) => "recorded",
            (Some(_), None) => "no_rate",
            (None, None) => "parked",
        };
        if self.row.state != expected {
            breaches.push(Breach::new("state_differs", order.id, format!("it is {}, its facts say {expected}", self.row.state)));
        }
        let known = |touch: &Touch| match touch {
            Touch::Known(known) => Some(known.click.raw()),
            Touch::Unknown(_) => None,
        };
        let clicks = order.context.iter().flat_map(|context| context.touches.iter().filter_map(known));
        for click in clicks.filter(|click| !self.touches.contains(click)) {
            breaches.push(Breach::new("touch_missing", order.id, format!("click number {click} is not listed among its touches")));
        }
        breaches
    }
}

/// What the journal has posted about an order or document must be what that holds.
fn journal_differs(subject: Subject, entries: &[journal_rows::Stored], held: &Row, currency: Currency) -> Option<Breach> {
    let mut posted = Row::new();
    for chained in entries {
        for (account, amount) in &chained.entry.postings {
            *posted.entry(*account).or_default() += amount;
        }
    }
    posted.retain(|_, amount| *amount != 0);
    let differs = entry::difference(&posted, held);
    let wrong_currency = entries.iter().any(|chained| chained.entry.currency != currency);
    let detail = || differs.iter().map(|(account, amount)| format!("{account} by {amount}")).collect::<Vec<_>>().join(", ");
    (!differs.is_empty() || wrong_currency)
        .then(|| Breach::new("journal_differs", subject, format!("posted less due, minor units: {}", detail())))
}

/// Every chain, entry by entry; then the balances against the postings and the orders.
async fn journal(tx: &mut Tx, held: &Sums, report: &mut Report) -> Result<(), StoreError> {
    let mut posted = Sums::default();
    for Link { node, .. } in chain::heads(tx).await? {
        let mut walk = ChainWalk::start(node);
        loop {
            let page = journal_rows::of_node(tx, node, walk.head().seq, PAGE).await?;
            if page.is_empty() {
                break;
            }
            for chained in &page {
                report.entries += 1;
                report.breaches.extend(walk.step(&chained.entry, chained.link, chained.previous));
                report.breaches.extend(audit::balance(&chained.entry));
                posted.add(&chained.entry.postings, chained.entry.currency);
            }
        }
    }
    let mut balances = Sums::default();
    for row in rows::balances(tx).await? {
        report.balances += 1;
        let (Ok(account), Ok(currency)) = (row.account.parse::<Account>(), row.currency.parse::<Currency>()) else {
            report.breaches.push(Breach::new("balance_unreadable", &row.account, "not an account or a currency"));
            continue;
        };
        let (kind, number) = (account.owner().kind(), account.owner().number());
        if (row.owner_kind.as_str(), row.owner) != (kind, number) {
            report.breaches.push(Breach::new(
                "balance_owner_differs",
                account,
                format!("it is listed under {} {}", row.owner_kind, row.owner),
            ));
        }
        balances.add_one(account, currency, row.amount);
    }
    for (account, currency, stored, sum) in balances.differences(&posted) {
        report.breaches.push(Breach::new(
            "balance_differs",
            account,
            format!("{stored} minor units of {currency}, its postings sum to {sum}"),
        ));
    }
    for (account, currency, posted, held) in posted.differences(held) {
        let detail = format!("its postings sum to {posted} minor units of {currency}, its orders hold {held}");
        report.breaches.push(Breach::new("account_differs", account, detail));
    }
    Ok(())
}

async fn tiers(tx: &mut Tx, decided: &BTreeMap<TierKey, i64>, report: &mut Report) -> Result<(), StoreError> {
    let stored = rows::tier_bases(tx).await?;
    let keys: std::collections::BTreeSet<_> = stored.keys().chain(decided.keys()).copied().collect();
    for key in keys {
        let of = |bases: &BTreeMap<TierKey, i64>| bases.get(&key).copied().unwrap_or(0);
        if of(&stored) != of(decided) {
            let detail = format!("the month's approved amount of {} is {}, its orders say {}", key.1, of(&stored), of(decided));
            report.breaches.push(Breach::new("tier_base_differs", key.0, detail));
        }
    }
    Ok(())
}

/// What is taken of budgets, quotas, vouchers and chances is what the orders hold.
async fn pots(tx: &mut Tx, held: &BTreeMap<Pot, Held>, report: &mut Report) -> Result<(), StoreError> {
    let stored = crate::store::pot::all(tx).await?;
    let pots: std::collections::BTreeSet<&Pot> = stored.keys().chain(held.keys()).collect();
    for pot in pots {
        let of = |pots: &BTreeMap<Pot, Held>| pots.get(pot).copied().unwrap_or_default();
        let (stored, held) = (of(&stored), of(held));
        if stored != held {
            let detail = format!(
                "{} of {}: {} minor units and {} uses are taken, its orders hold {} and {}",
                pot.name(),
                pot.scope(),
                stored.amount,
                stored.uses,
                held.amount,
                held.uses
            );
            report.breaches.push(Breach::new("boost_pot_differs", pot.name(), detail));
        }
    }
    Ok(())
}
