//! Who is behind the rows of a batch: its publishers and buyers, what publishers have earned this month, and what buyers claim.
use super::{Wanted, listed};
use crate::domain::{facts::Facts, touch::Touch};
use crate::kernel::id::{ProgramId, PublisherId};
use crate::store::{buyer, claim, db::Tx, error::StoreError, publisher, tier};
use std::collections::BTreeSet;

/// The claims of the orders, and what is known of who claims.
pub(super) async fn load_claims(tx: &mut Tx, wanted: &mut Wanted, programs: &[ProgramId], facts: &mut Facts) -> Result<(), StoreError> {
    let ids: Vec<_> = facts.orders.values().flat_map(|order| order.claims.values().map(|fact| fact.claim)).collect();
    facts.claims = claim::by_ids(tx, &ids).await?.into_iter().map(|claim| (claim.id, claim)).collect();
    wanted.buyers.extend(facts.claims.values().map(|claim| claim.buyer));
    wanted.movements.extend(facts.claims.values().filter_map(|claim| claim.state().movement()));
    let claimants = listed(&wanted.claimants);
    facts.open_claims = claim::open_of(tx, &claimants).await?.into_iter().collect();
    for (buyer, visit) in claim::visits(tx, &claimants, programs).await? {
        wanted.links.insert(visit.click.link);
        facts.visits.entry(buyer).or_default().push(visit);
    }
    Ok(())
}

/// The publishers and buyers that the rows so far name.
pub(super) async fn load_people(tx: &mut Tx, wanted: &Wanted, facts: &mut Facts) -> Result<(), StoreError> {
    let mut publishers: BTreeSet<PublisherId> = facts.links.values().map(|link| link.publisher).collect();
    publishers.extend(facts.coupons.values().map(|coupon| coupon.publisher));
    publishers.extend(&wanted.publishers);
    let mut buyers = wanted.buyers.clone();
    buyers.extend(facts.ties.values().map(|tie| tie.buyer));
    for order in facts.orders.values() {
        buyers.extend(order.tie.map(|tie| tie.buyer));
        buyers.extend(order.claims.keys());
        publishers.extend(order.claims.values().flat_map(|claim| claim.touches.iter().map(|touch| touch.publisher)));
        let Some(context) = &order.context else { continue };
        publishers.extend(context.coupon.as_ref().map(|coupon| coupon.publisher));
        for touch in &context.touches {
            if let Touch::Known(known) = touch {
                publishers.insert(known.publisher);
                buyers.extend(known.buyer.map(|buyer| buyer.id));
            }
        }
    }
    let publishers = publisher::by_ids(tx, &listed(&publishers)).await?;
    facts.publishers = publishers.into_iter().map(|publisher| (publisher.id, publisher)).collect();
    let buyers = buyer::by_ids(tx, &listed(&buyers)).await?;
    facts.buyers = buyers.into_iter().map(|buyer| (buyer.id, buyer)).collect();
    Ok(())
}

/// The months' bases of the programs that have tiers.
pub(super) async fn load_tiers(tx: &mut Tx, wanted: &Wanted, facts: &mut Facts) -> Result<(), StoreError> {
    let tiered = facts.programs.values().filter(|program| program.versions.iter().any(|version| version.terms.has_tiers()));
    let programs: Vec<ProgramId> = tiered.map(|program| program.program.id).collect();
    let publishers: Vec<PublisherId> = facts.publishers.keys().copied().collect();
    let bases = tier::bases(tx, &programs, &publishers, &listed(&wanted.months)).await?;
    facts.tier_bases = bases.into_iter().collect();
    Ok(())
}
