//! Several who say that an order is theirs, or sign in with its clicks: who was known first has it, wherever its sale comes.

use crate::support::domain::{HOUR, MINUTE, World, pays, percent, sale, terms};
use ristourne::domain::{
    account::{Account, Owner},
    audit,
    claim::{Claim, ClaimReason, ClaimStatus},
    command::{Answered, Outcome},
    conversion::Status,
    merchant::{Billing, Merchant},
    order::Actor,
    publisher::Kind as PublisherKind,
    terms::{SelfReferral, Terms, pay::Pay, pay::Tier},
};
use ristourne::kernel::{currency::Currency, time::DAY};

#[track_caller]
fn claimed(outcome: Outcome) -> Claim {
    match outcome {
        Outcome::Claimed { claim, .. } => *claim,
        other => panic!("{other:?}"),
    }
}

fn status(world: &World, claim: &Claim) -> ClaimStatus {
    world.facts.claims[&claim.id].state().status()
}

/// Everything that two claimants of one order may find in their way: the sale before, between and after their claims.
#[test]
fn of_two_claimants_it_does_not_matter_when_the_sale_comes() {
    for (policy, by_click, wanted) in [
        (SelfReferral::Allow, false, (0, "pending 5.00 = 3.00 + 1.50 + 0.50", "")),
        (SelfReferral::Hold, false, (0, "pending 5.00 = 3.00 + 1.50 + 0.50", "held")),
        // The first is the publisher and is passed over for the next.
        (SelfReferral::Refuse, false, (1, "pending 5.00 = 3.00 + 1.50 + 0.50", "")),
        (SelfReferral::Hold, true, (0, "pending 5.00 = 3.00 + 1.50 + 0.50", "held")),
        (SelfReferral::Refuse, true, (1, "pending 5.00 = 3.00 + 1.50 + 0.50", "")),
    ] {
        for place in 0..=2 {
            let mut terms = terms();
            terms.attribution.self_referral = policy;
            let mut world = World::with(terms);
            let (mine, other) = (world.publisher(PublisherKind::Content, "0", Some("a@b.example")), world.blog());
            let buyers = [world.buyer(Some("A@b.example")), world.buyer(None)];
            for (buyer, blog) in buyers.iter().zip([mine, other]) {
                world.visit(*buyer, blog, HOUR);
            }
            let click = world.click(mine, DAY);
            let sold = if by_click { sale("100.00").click(&click) } else { sale("100.00") };
            for (n, buyer) in buyers.iter().enumerate() {
                if n == place {
                    world.sell("A-1", &sold);
                }
                world.claim(*buyer, "A-1");
            }
            if place == 2 {
                world.sell("A-1", &sold);
            }
            let conversion = world.conversion("A-1");
            let found = (conversion.buyer, world.says("A-1"), conversion.flags.text());
            let about = format!("{policy:?}, by a click: {by_click}, the sale in place {place}");
            assert_eq!(found, (Some(buyers[wanted.0]), wanted.1.to_owned(), wanted.2.to_owned()), "{about}");
        }
    }
}

#[test]
fn a_claim_and_a_sign_in_go_to_whoever_came_first() {
    for place in 0..=2 {
        for claim_first in [true, false] {
            let mut world = World::new();
            let (blog, claimant, other) = (world.blog(), world.buyer(None), world.buyer(None));
            let click = world.click(blog, DAY);
            world.visit(claimant, blog, HOUR);
            let sold = sale("100.00").click(&click);
            for step in 0..2 {
                if step == place {
                    world.sell("A-1", &sold);
                }
                world.now = world.now.plus(MINUTE);
                if (step == 0) == claim_first {
                    world.claim(claimant, "A-1");
                } else {
                    world.sign_in(other, &[click]);
                }
            }
            if place == 2 {
                world.sell("A-1", &sold);
            }
            let wanted = if claim_first { claimant } else { other };
            assert_eq!(world.conversion("A-1").buyer, Some(wanted), "claim first: {claim_first}, the sale in place {place}");
        }
    }
}

#[test]
fn whoever_takes_over_brings_their_own_publishers_base() {
    let tier = |from, rate| Tier { from, percent: percent(rate) };
    for claims_first in [true, false] {
        let mut world = World::with(Terms { commission: vec![pays(Pay::Tiers(vec![tier(0, "5"), tier(5_000, "10")]))], ..terms() });
        let (small, large) = (world.blog(), world.blog());
        let (first, second) = (world.buyer(None), world.buyer(None));
        let click = world.click(large, DAY);
        world.sell("earlier", &sale("60.00").click(&click));
        world.approve("earlier", Actor::Merchant);
        world.visit(first, small, HOUR);
        world.visit(second, large, HOUR);
        let claim = claimed(world.claim(first, "A-1"));
        if claims_first {
            world.claim(second, "A-1");
        }
        world.answer(Actor::Operator, claim.id, Answered::Refuse { reason: ClaimReason::TooLate, text: None });
        world.sell("A-1", &sale("100.00"));
        world.claim(second, "A-1");
        assert_eq!(world.says("A-1"), "pending 10.00 = 6.00 + 3.00 + 1.00", "claims first: {claims_first}");
    }
}

#[test]
fn a_claim_counts_from_when_its_visit_is_known() {
    for place in 0..=3 {
        let mut world = World::new();
        let (blog, other, claimant, buyer) = (world.blog(), world.blog(), world.buyer(None), world.buyer(None));
        let (click, late) = (world.click(blog, DAY), world.click(other, HOUR));
        for step in 0..=3 {
            if step == place {
                world.sell("A-1", &sale("100.00").click(&click));
                world.approve("A-1", Actor::Merchant);
            }
            world.now = world.now.plus(MINUTE);
            match step {
                0 => drop(world.claim(claimant, "A-1")),
                1 => drop(world.sign_in(buyer, &[click])),
                2 => drop(world.sign_in(claimant, &[late])),
                _ => {}
            }
        }
        let conversion = world.conversion("A-1");
        let credited = conversion.newest().map(|credit| credit.publisher);
        assert_eq!((conversion.buyer, credited), (Some(buyer), Some(blog.publisher)), "the sale in place {place}");
    }
}

#[test]
fn a_claim_follows_its_order_there_and_back() {
    let mut world = World::new();
    let (blog, buyer) = (world.blog(), world.buyer(None));
    world.visit(buyer, blog, HOUR);
    world.sell("A-1", &sale("100.00").unsigned());
    let claim = claimed(world.claim(buyer, "A-1"));
    assert_eq!(status(&world, &claim), ClaimStatus::Matched);
    world.sell("A-1", &sale("100.00").channel("google"));
    assert_eq!((status(&world, &claim), world.conversion("A-1").status), (ClaimStatus::Refused, Status::Unattributed));
    let order = &world.facts.orders[&world.key("A-1")];
    let audited = audit::claim(&world.facts.claims[&claim.id], Some(order), Some(&world.conversion("A-1")), None);
    assert!(audited.is_none(), "{audited:?}");
}

#[test]
fn what_expired_is_nobodys_by_a_claim() {
    let mut world = World::new();
    let (blog, buyer) = (world.blog(), world.buyer(None));
    let click = world.click(blog, DAY);
    world.visit(buyer, blog, HOUR);
    world.sell("A-1", &sale("100.00").click(&click).unsigned());
    world.now = world.now.plus_days(40);
    world.expire("A-1");
    world.sell("A-1", &sale("100.00"));
    let claim = claimed(world.claim(buyer, "A-1"));
    let conversion = world.conversion("A-1");
    assert_eq!((status(&world, &claim), conversion.status), (ClaimStatus::Waiting, Status::Unattributed), "all of it or nothing");
}

#[test]
fn tiers_look_at_whom_the_claim_brings_in_now() {
    let tier = |from, rate| Tier { from, percent: percent(rate) };
    for place in 0..=3 {
        let mut world = World::with(Terms { commission: vec![pays(Pay::Tiers(vec![tier(0, "5"), tier(5_000, "10")]))], ..terms() });
        let (small, large, buyer) = (world.blog(), world.blog(), world.buyer(None));
        let click = world.click(large, DAY);
        world.sell("earlier", &sale("60.00").click(&click));
        world.approve("earlier", Actor::Merchant);
        let (older, newer) = (world.click(small, 2 * HOUR), world.click(large, HOUR));
        for step in 0..=3 {
            if step == place {
                world.sell("A-1", &sale("100.00"));
            }
            match step {
                0 => drop(world.sign_in(buyer, &[older])),
                1 => drop(world.claim(buyer, "A-1")),
                2 => drop(world.sign_in(buyer, &[newer])),
                _ => {}
            }
        }
        assert_eq!(world.says("A-1"), "pending 10.00 = 6.00 + 3.00 + 1.00", "the sale in place {place}");
    }
}

#[test]
fn a_claim_looks_at_its_merchants_credit_once() {
    for (credit, held) in [(600, false), (400, true)] {
        for claim_first in [true, false] {
            let mut world = World::new();
            let (id, billing) = (world.merchant, Billing { prepaid: true, ..Billing::default() });
            world.facts.merchants.insert(id, Merchant { id, name: "Shop".to_owned(), email: None, billing });
            world.facts.parties.insert(Owner::Merchant(id));
            world.facts.balances.insert((Account::MerchantOwed(id), Currency::EUR), -credit);
            let (blog, buyer) = (world.blog(), world.buyer(None));
            world.visit(buyer, blog, HOUR);
            if claim_first {
                world.claim(buyer, "A-1");
            }
            world.sell("A-1", &sale("100.00"));
            world.claim(buyer, "A-1");
            // From now on the merchant's account holds it.
            world.approve("A-1", Actor::Operator);
            let late = world.click(blog, 2 * HOUR);
            world.sign_in(buyer, &[late]);
            world.sell("A-1", &sale("100.00").click(&late));
            assert_eq!(world.conversion("A-1").flags.held, held, "credit of {credit}, claim first: {claim_first}");
        }
    }
}
