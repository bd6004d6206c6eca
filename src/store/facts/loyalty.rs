//! What boosts look at: loaded only where a batch's programs have some, or a coupon may be a voucher.
use super::{Wanted, listed, texts};
use crate::domain::{
    facts::Facts,
    loyalty::names,
    pot::Pot,
    terms::boost::{Boost, Kind},
};
use crate::kernel::id::{BuyerId, ProgramId};
use crate::store::{
    buyer,
    db::{Kind as Database, Tx},
    error::StoreError,
    history, order, pot, program,
    terms::TermsCache,
    tie, voucher,
};
use std::collections::{BTreeMap, BTreeSet};

/// Every boost of every version, with its name, by program.
fn boosts(facts: &Facts) -> BTreeMap<ProgramId, Vec<(String, &Boost)>> {
    let mut boosts: BTreeMap<ProgramId, Vec<(String, &Boost)>> = BTreeMap::new();
    for (id, program) in &facts.programs {
        let of_versions = program.versions.iter().flat_map(|version| names(&version.terms.boosts).into_iter().zip(&version.terms.boosts));
        boosts.insert(*id, of_versions.collect());
    }
    boosts.retain(|_, boosts| !boosts.is_empty());
    boosts
}

/// The currencies of the programs that tiers look at, and the rates that they then need.
pub(super) async fn load_currencies(tx: &mut Tx, wanted: &mut Wanted, facts: &mut Facts) -> Result<(), StoreError> {
    let mut looked_at: BTreeMap<ProgramId, BTreeSet<ProgramId>> = BTreeMap::new();
    for (program, boosts) in boosts(facts) {
        for (_, boost) in boosts {
            if let Kind::Tier { programs, .. } = &boost.kind {
                looked_at.entry(program).or_default().extend(programs);
            }
        }
    }
    let all: BTreeSet<ProgramId> = looked_at.values().flatten().copied().collect();
    let programs = program::by_ids(tx, &listed(&all)).await?;
    facts.loyalty.currencies = programs.into_iter().map(|program| (program.id, program.currency)).collect();
    let mut more = Vec::new();
    for (program, _, day) in &wanted.conversions {
        let of = looked_at.get(program).into_iter().flatten().filter_map(|id| facts.loyalty.currencies.get(id));
        more.extend(of.map(|currency| (*program, *currency, *day)));
    }
    wanted.conversions.extend(more);
    Ok(())
}

/// Everything else, once the batch's buyers are known.
pub(super) async fn load(tx: &mut Tx, wanted: &Wanted, facts: &mut Facts) -> Result<(), StoreError> {
    let programs: Vec<ProgramId> = facts.programs.keys().copied().collect();
    let vouchers = voucher::by_codes(tx, &programs, &texts(&wanted.codes)).await?;
    facts.loyalty.vouchers = vouchers.into_iter().collect();
    let (mut pots, mut returns, mut tiers, mut firsts) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), false);
    for (program, boosts) in boosts(facts) {
        for (name, boost) in boosts {
            pots.insert(Pot::Boost(program, name));
            firsts |= boost.kind.is_for_firsts();
            match &boost.kind {
                Kind::Return { .. } => drop(returns.insert(program)),
                Kind::Tier { programs, .. } => tiers.extend(programs.iter().copied()),
                Kind::Voucher(_) => pots.extend(wanted.codes.iter().map(|code| Pot::Voucher(program, code.clone()))),
                _ => {}
            }
        }
    }
    for ((program, code), voucher) in &facts.loyalty.vouchers {
        pots.insert(Pot::Boost(*program, voucher.name()));
        pots.insert(Pot::Voucher(*program, code.clone()));
    }
    let buyers: Vec<BuyerId> = facts.buyers.keys().copied().collect();
    if firsts {
        pots.extend(buyers.iter().flat_map(|buyer| [Pot::Welcome(*buyer), Pot::Referral(*buyer)]));
        let brought: BTreeSet<BuyerId> = facts.buyers.values().filter_map(|buyer| buyer.referred_by).collect();
        let missing: Vec<BuyerId> = brought.into_iter().filter(|id| !facts.buyers.contains_key(id)).collect();
        facts.buyers.extend(buyer::by_ids(tx, &missing).await?.into_iter().map(|buyer| (buyer.id, buyer)));
    }
    facts.loyalty.pots = pot::held(tx, &pots).await?.into_iter().collect();
    for placed in history::placed(tx, &buyers, &listed(&returns)).await? {
        facts.loyalty.orders.entry((placed.buyer, placed.program, placed.goal)).or_default().insert(placed.id, placed.at);
    }
    facts.loyalty.bases = history::bases(tx, &buyers, &listed(&tiers)).await?.into_iter().collect();
    Ok(())
}

/// The buyers whose first orders the batch may reward: chances that programs share, and so locked beside them. Read under the programs'
/// locks, which keep the orders as they are.
pub(super) async fn rewarded(
    tx: &mut Tx,
    cache: &TermsCache,
    programs: &[ProgramId],
    wanted: &Wanted,
) -> Result<BTreeSet<BuyerId>, StoreError> {
    // On SQLite the write turn has locked everything.
    if tx.kind() == Database::Sqlite {
        return Ok(BTreeSet::new());
    }
    let known = super::load_programs(tx, cache, programs).await?;
    let versions = known.values().flat_map(|program| &program.versions);
    if !versions.flat_map(|version| &version.terms.boosts).any(|boost| boost.kind.is_for_firsts()) {
        return Ok(BTreeSet::new());
    }
    let mut own = wanted.clone();
    for order in order::by_keys(tx, &wanted.keys).await? {
        own.add_restored(&order);
        if let Some(fact) = &order.sale {
            own.add_clicks(&fact.sale);
        }
    }
    let tied = tie::of_clicks(tx, &listed(&own.clicks)).await?;
    Ok(own.buyers.into_iter().chain(tied.into_iter().map(|(_, tie)| tie.buyer)).collect())
}
