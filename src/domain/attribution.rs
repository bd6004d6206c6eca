//! Attribution: which touches of a sale are credited, with what weight, and whose the buyer is.

use crate::domain::{
    click::Quality,
    order::{ClaimFact, ClaimFound, OwnedCoupon},
    publisher::Kind,
    reason::Reason,
    terms::{self, Model, SelfReferral, Terms},
    touch::{Known, Touch, TouchBuyer},
};
use crate::kernel::{
    id::{BuyerId, ClickId, LinkId, ProgramId, PublisherId},
    percent::Percent,
    time::{self, Time},
};

/// Who is credited for a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributed {
    /// Oldest first. Empty: the sale is unattributed, and `reason` says why.
    pub credited: Vec<Credited>,
    pub reason: Option<Reason>,
    /// Of the newest touch that has one.
    pub buyer: Option<BuyerId>,
    /// When a sign-in gave the touch its buyer; none if the click had one.
    pub tied_at: Option<Time>,
    /// A credited click looks automated.
    pub suspect: bool,
    /// For each touch in the order sent, why it is not counted; none if it is.
    pub judged: Vec<Option<Reason>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credited {
    pub publisher: PublisherId,
    pub link: Option<LinkId>,
    pub click: Option<ClickId>,
    pub weight: i64,
    pub generosity: Percent,
}

/// What is asked of the sale itself.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub program: ProgramId,
    pub occurred_at: Time,
    pub other_channel: bool,
    pub touches: &'a [Touch],
    pub coupon: Option<&'a OwnedCoupon>,
}

pub fn attribute(terms: &terms::Attribution, asked: &Asked<'_>) -> Attributed {
    let mut judged: Vec<Option<Reason>> = asked.touches.iter().map(|touch| judge(terms, asked, touch)).collect();
    let mut good: Vec<(usize, &Known)> = asked
        .touches
        .iter()
        .enumerate()
        .filter_map(|(n, touch)| match touch {
            Touch::Known(known) if judged[n].is_none() => Some((n, known)),
            _ => None,
        })
        .collect();
    good.sort_by_key(|(_, touch)| (touch.at(), touch.click));
    let buyer = buyer(good.iter().map(|(_, touch)| *touch));
    let distance = i64::from(terms.stand_down_minutes) * 60 * time::SECOND;
    let stands_down = |touch: &Known| {
        let after_content = |other: &Known| other.kind == Kind::Content && (0..distance).contains(&touch.at().since(other.at()));
        matches!(touch.kind, Kind::Coupon | Kind::Tool) && good.iter().any(|(_, other)| after_content(other))
    };
    let (mut counted, mut reason) = (Vec::new(), None);
    for &(n, touch) in &good {
        if stands_down(touch) {
            judged[n] = Some(Reason::StoodDown);
        } else {
            counted.push(touch);
        }
    }
    let mut credited = match asked.coupon {
        Some(coupon) => vec![Credited { publisher: coupon.publisher, link: None, click: None, weight: 1, generosity: coupon.generosity }],
        None => weigh(terms.model, asked.occurred_at, &counted),
    };
    if asked.other_channel {
        (credited, reason) = (Vec::new(), Some(Reason::OtherChannel));
    } else if credited.is_empty() {
        reason = Some(judged.last().copied().flatten().unwrap_or(Reason::NoClick));
    }
    let is_credited = |touch: &Known| credited.iter().any(|c| c.click == Some(touch.click));
    let suspect = counted.iter().any(|touch| is_credited(touch) && matches!(touch.quality, Quality::Bot | Quality::Suspect));
    let buyer = buyer.filter(|_| !credited.is_empty());
    let tied_at = buyer.and_then(|buyer| buyer.tied_at);
    Attributed { credited, reason, buyer: buyer.map(|buyer| buyer.id), tied_at, suspect, judged }
}

/// The claim that gives an order its buyer.
#[derive(Debug, Clone, Copy)]
pub struct Claimed<'a> {
    pub buyer: BuyerId,
    pub fact: &'a ClaimFact,
    /// It brought the publisher too: the sale had no touch of its own that counts.
    pub attributes: bool,
    pub found: Option<ClaimFound>,
}

impl Claimed<'_> {
    pub fn is_self_referral(&self) -> bool {
        self.found.is_some_and(|found| found.self_referral)
    }
}

/// What claims make of an order without a buyer, or whose buyer signed in later: the first whose own click lies in the window counts. It
/// credits that click where nothing else is credited, and else ties the unclaimed share, if it came in time for that. One that the terms
/// refuse, as the buyer is the publisher, is passed over. A sale that the shop gives to another channel is the
/// shop's to give.
pub fn claimed<'a>(
    terms: &Terms,
    asked: &Asked<'_>,
    recorded_at: Time,
    claimants: impl Iterator<Item = (BuyerId, &'a ClaimFact, Option<ClaimFound>)>,
    attributed: Attributed,
) -> (Attributed, Option<Claimed<'a>>) {
    let is_free = attributed.credited.is_empty();
    let until = recorded_at.plus_days(terms.claim_days);
    let window = terms.attribution.window_days;
    // The newest click that fits, and since when the claim counts: it was made, and some click that fits is known to be the buyer's.
    let proof = |fact: &'a ClaimFact| {
        let fits = || fact.touches.iter().filter(|touch| touch.refusal(asked.program, asked.occurred_at, window).is_none());
        let shown = fits().map(|touch| touch.buyer.and_then(|buyer| buyer.tied_at).unwrap_or(fact.at)).min()?;
        Some((fits().max_by_key(|touch| (touch.at(), touch.click))?, fact.at.max(shown)))
    };
    // Had the sale come first, the claim would have been there before the sign-in.
    let is_first = |since: Time| attributed.buyer.is_none() || attributed.tied_at.is_some_and(|tied| since < tied);
    let refuses = terms.attribution.self_referral == SelfReferral::Refuse;
    let is_refused = |found: Option<ClaimFound>| refuses && found.is_some_and(|found| found.self_referral);
    let may_count = |fact: &ClaimFact, found| !(asked.other_channel || fact.closed || is_refused(found));
    let found = claimants
        .filter(|(_, fact, found)| may_count(fact, *found))
        .filter_map(|(buyer, fact, found)| Some((Claimed { buyer, fact, attributes: is_free, found }, proof(fact)?)))
        .filter(|(_, (_, since))| is_first(*since) && (is_free || *since < until))
        .min_by_key(|(claimed, (_, since))| (*since, claimed.fact.claim));
    let Some((claimed, (touch, _))) = found else { return (attributed, None) };
    let mut attributed = Attributed { buyer: None, tied_at: None, ..attributed };
    if is_free {
        attributed.suspect = touch.quality.holds();
        attributed.credited = weigh(Model::LastClick, asked.occurred_at, &[touch]);
        attributed.reason = None;
        attributed.buyer = Some(claimed.buyer);
    }
    (attributed, Some(claimed))
}

/// Whether the click was in time for the order; one that stood down is still its buyer's.
pub fn is_counted(touches: &[Touch], judged: &[Option<Reason>], click: ClickId) -> bool {
    touches.iter().zip(judged).any(|(touch, judged)| {
        matches!(touch, Touch::Known(known) if known.click == click) && matches!(judged, None | Some(Reason::StoodDown))
    })
}

fn judge(terms: &terms::Attribution, asked: &Asked<'_>, touch: &Touch) -> Option<Reason> {
    match touch {
        Touch::Unknown(_) => Some(Reason::UnknownClick),
        Touch::Known(known) => known.refusal(asked.program, asked.occurred_at, terms.window_days),
    }
}

/// Of the newest touch whose click had a buyer; else the earliest tie, so that it does not matter whether the sale or the sign-in came first.
fn buyer<'a>(good: impl DoubleEndedIterator<Item = &'a Known> + Clone) -> Option<TouchBuyer> {
    let at_click = good.clone().rev().filter_map(|touch| touch.buyer).find(|buyer| buyer.tied_at.is_none());
    let tied = || {
        good.filter_map(|touch| touch.buyer.map(|b| (b.tied_at, touch.click, b)))
            .min_by_key(|(at, click, _)| (*at, *click))
            .map(|(_, _, b)| b)
    };
    at_click.or_else(tied)
}

/// The credited touches with their weights; `counted` is sorted, oldest first.
fn weigh(model: Model, occurred_at: Time, counted: &[&Known]) -> Vec<Credited> {
    let last = counted.len().saturating_sub(1);
    let weight = |n: usize, touch: &Known| match model {
        Model::LastClick => i64::from(n == last),
        Model::FirstClick => i64::from(n == 0),
        Model::Linear => 1,
        Model::TimeDecay => decayed(occurred_at, touch, counted[0]),
        Model::Position => position(n, counted.len()),
    };
    let credit = |(n, touch): (usize, &&Known)| Credited {
        publisher: touch.publisher,
        link: Some(touch.link),
        click: Some(touch.click),
        weight: weight(n, touch),
        generosity: touch.generosity,
    };
    counted.iter().enumerate().map(credit).filter(|credit| credit.weight > 0).collect()
}

/// 2⁻ᵏ with k full weeks before the sale, as whole numbers: the oldest touch's power of two is divided out.
fn decayed(occurred_at: Time, touch: &Known, oldest: &Known) -> i64 {
    let weeks = |touch: &Known| (occurred_at.since(touch.at()) / (7 * time::DAY)).max(0);
    // The window is at most 365 days, so the exponent at most 52; 100 such weights fit an i64.
    1 << (weeks(oldest) - weeks(touch)).clamp(0, 52)
}

/// 40 % first, 40 % last, 20 % shared between; two touches share equally.
fn position(n: usize, count: usize) -> i64 {
    match count {
        0..=2 => 1,
        _ if n == 0 || n + 1 == count => 2 * i64::try_from(count - 2).expect("at most 100 touches"),
        _ => 1,
    }
}
