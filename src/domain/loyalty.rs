//! Loyalty: what the boosts of the terms pay beside the commission, as a pure reading of an order and of what was looked up for its buyer.

use crate::domain::{
    pot::{Held, Limit, Pot},
    terms::{
        Terms,
        boost::{Boost, Code, Funder, Kind, Reward},
        when::fold_code,
    },
    word::words,
};
use crate::kernel::{
    id::{BuyerId, ProgramId, VoucherBatchId},
    money::MINOR_MAX,
    percent::Percent,
    ratio::{OutOfRange, Ratio},
    time::{DAY, Time},
};
use std::collections::BTreeMap;

words! {
    /// What a bonus is for.
    pub enum BonusKind {
        Return = "return",
        Welcome = "welcome",
        Referral = "referral",
        Code = "code",
        Voucher = "voucher",
        Tier = "tier",
    }
}

/// A bonus that an order pays now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bonus {
    pub kind: BonusKind,
    /// The boost's name, see [`names`].
    pub boost: String,
    pub funded_by: Funder,
    /// Who gets it: the order's buyer, or whoever brought them. None only for readers who may not know.
    pub buyer: Option<BuyerId>,
    /// Minor units of the program's currency, above zero.
    pub amount: i64,
}

/// What was looked up once for the buyer of an order; kept with the order like its other facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loyalty {
    pub buyer: BuyerId,
    /// The sale's coupon, folded, that codes were looked up for.
    pub coupon: Option<String>,
    /// When it last changed.
    pub at: Time,
    /// 1, 2, 3, …: all are kept, the last counts.
    pub revision: u32,
    /// When the buyer's order before this one was placed: of the same program and goal, and not rejected.
    pub last_order: Option<Time>,
    /// What tiers look at, by the boost's name.
    pub bases: BTreeMap<String, TierBase>,
    /// The stored voucher that the coupon names.
    pub voucher: Option<Voucher>,
    /// What approval looked up; none before.
    pub brought: Option<Brought>,
    /// The most that a part pays, by its name: a budget was near its end, a code or a first order used up. Others pay in full.
    pub caps: BTreeMap<String, i64>,
}

/// The buyer's approved net amount in a list of programs, without this order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TierBase {
    /// Minor units of the program's currency.
    pub amount: i64,
    /// Programs in a currency for whose day there was no rate.
    pub left_out: Vec<ProgramId>,
}

/// Who brought the buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brought {
    /// None where nobody did, or where both have one e-mail address.
    pub by: Option<BuyerId>,
}

/// One of the codes that were made for a program, each good for one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voucher {
    pub batch: VoucherBatchId,
    /// The boost of the terms under whose budget it is.
    pub boost: Option<String>,
    pub reward: Reward,
    pub funded_by: Funder,
    pub from: Option<Time>,
    pub until: Option<Time>,
}

impl Voucher {
    /// Under which name it is counted.
    pub fn name(&self) -> String {
        self.boost.clone().unwrap_or_else(|| self.batch.to_string())
    }
}

/// The names of a version's boosts, in its sequence: the kind, with a code's code behind it (`return`, `code:merci20`); the second of a name
/// ends in `#2`. A boost of another version with the same name is the same boost: what it spent and how often it was used go on counting.
pub fn names(boosts: &[Boost]) -> Vec<String> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let name = |boost: &Boost| {
        let plain = match &boost.kind {
            Kind::Code(code) => format!("code:{}", code.codes.first().map(|code| fold_code(code)).unwrap_or_default()),
            kind => kind.word().to_owned(),
        };
        let count = seen.entry(plain.clone()).or_default();
        *count += 1;
        if *count == 1 { plain } else { format!("{plain}#{count}") }
    };
    boosts.iter().map(name).collect()
}

/// What the boosts look at, beside what was looked up.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    pub program: ProgramId,
    pub occurred_at: Time,
    pub coupon: Option<&'a str>,
    /// The buyer's share of what is due, minor units of the program's currency.
    pub share: i64,
    /// What was sold, minor units of the program's currency: a refund takes no flat bonus away as long as something is left.
    pub sold: i64,
    pub is_approved: bool,
}

/// What one boost pays for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub kind: BonusKind,
    pub boost: String,
    pub funded_by: Funder,
    /// One, but for a referral that pays both sides.
    pub parts: Vec<Part>,
    /// What it takes from, with the most that may be taken. The boost's own comes first.
    pub pots: Vec<(Pot, Limit)>,
}

/// What one buyer gets of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What its cap stands under.
    pub name: String,
    pub buyer: BuyerId,
    /// Before the rounding.
    pub exact: Ratio,
    /// Rounded half up, above zero.
    pub wanted: i64,
    pub cap: Option<i64>,
    pub seen: Seen,
}

/// What a part was worked out from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    Flat,
    Percent(Percent),
    /// Whole days since the last order.
    Days {
        percent: Percent,
        days: i64,
    },
    /// The buyer's approved amount.
    Base {
        percent: Percent,
        base: i64,
    },
}

impl Part {
    pub fn amount(&self) -> i64 {
        self.cap.map_or(self.wanted, |cap| self.wanted.min(cap))
    }
}

impl Offer {
    pub fn amount(&self) -> i64 {
        self.parts.iter().map(Part::amount).sum()
    }

    /// What it takes from each of its pots.
    pub fn held(&self) -> impl Iterator<Item = (&Pot, Held)> {
        let amount = self.amount();
        let uses = i64::from(amount > 0);
        self.pots.iter().enumerate().map(move |(n, (pot, _))| (pot, Held { amount: if n == 0 { amount } else { 0 }, uses }))
    }

    pub fn bonuses(&self) -> impl Iterator<Item = Bonus> {
        let paid = self.parts.iter().filter(|part| part.amount() > 0);
        paid.map(|part| Bonus {
            kind: self.kind,
            boost: self.boost.clone(),
            funded_by: self.funded_by,
            buyer: Some(part.buyer),
            amount: part.amount(),
        })
    }
}

/// What every boost pays for an order that earns, in the sequence of the terms; those that pay nothing are left out.
pub fn offers(terms: &Terms, loyalty: &Loyalty, setting: &Setting<'_>) -> Result<Vec<Offer>, OutOfRange> {
    let mut offers = Vec::new();
    for (boost, name) in terms.boosts.iter().zip(names(&terms.boosts)) {
        offers.extend(offer(boost, name, loyalty, setting)?);
    }
    if let Some(voucher) = &loyalty.voucher
        && let Some(code) = setting.coupon.map(fold_code).filter(|code| loyalty.coupon.as_ref() == Some(code))
        && is_valid(voucher.from, voucher.until, setting.occurred_at)
    {
        let name = voucher.name();
        let limits = names(&terms.boosts).iter().zip(&terms.boosts).find(|(known, _)| **known == name).map(|(_, boost)| limit(boost));
        let (exact, seen) = reward(voucher.reward, setting)?;
        let pots = vec![
            (Pot::Boost(setting.program, name.clone()), limits.unwrap_or_default()),
            (Pot::Voucher(setting.program, code), Limit { amount: None, uses: Some(1) }),
        ];
        // The stored one and one of the terms may have the same code; it is still good for one order only.
        let part_name = format!("{name}/stored");
        offers.extend(one(BonusKind::Voucher, name, voucher.funded_by, pots, part(part_name, loyalty.buyer, exact, seen, loyalty)?));
    }
    Ok(offers)
}

fn offer(boost: &Boost, name: String, loyalty: &Loyalty, setting: &Setting<'_>) -> Result<Option<Offer>, OutOfRange> {
    let (buyer, funder) = (loyalty.buyer, boost.funded_by);
    let mut pots = vec![(Pot::Boost(setting.program, name.clone()), limit(boost))];
    let once = Limit { amount: None, uses: Some(1) };
    let reaches = |least: Option<i64>| setting.is_approved && least.is_none_or(|least| setting.sold >= least);
    let own = |exact, seen| part(name.clone(), buyer, exact, seen, loyalty);
    let (kind, parts) = match &boost.kind {
        Kind::Return { percent_of_buyer_share: percent, within_days, fades_to_zero_at_days } => {
            let Some(last) = loyalty.last_order else { return Ok(None) };
            let days = days_between(last, setting.occurred_at);
            let exact = share_of(setting.share, *percent)?.times(fade(days, *within_days, *fades_to_zero_at_days)?)?;
            (BonusKind::Return, vec![own(exact, Seen::Days { percent: *percent, days })?])
        }
        Kind::Tier { tiers, .. } => {
            let Some(base) = loyalty.bases.get(&name).map(|base| base.amount) else { return Ok(None) };
            let Some(tier) = tiers.iter().rev().find(|tier| tier.from <= base) else { return Ok(None) };
            let percent = tier.percent_of_buyer_share;
            (BonusKind::Tier, vec![own(share_of(setting.share, percent)?, Seen::Base { percent, base })?])
        }
        Kind::Code(code) | Kind::Voucher(code) => {
            let Some(used) = used(code, setting) else { return Ok(None) };
            let is_voucher = matches!(boost.kind, Kind::Voucher(_));
            if is_voucher {
                pots.push((Pot::Voucher(setting.program, used), once));
            }
            let (exact, seen) = reward(code.reward, setting)?;
            (if is_voucher { BonusKind::Voucher } else { BonusKind::Code }, vec![own(exact, seen)?])
        }
        Kind::Welcome { flat, min_amount } => {
            if loyalty.brought.is_none() || !reaches(*min_amount) {
                return Ok(None);
            }
            pots.push((Pot::Welcome(buyer), once));
            (BonusKind::Welcome, vec![own(Ratio::whole(*flat), Seen::Flat)?])
        }
        Kind::Referral { referrer, friend, min_amount } => {
            let Some(by) = loyalty.brought.and_then(|brought| brought.by).filter(|_| reaches(*min_amount)) else { return Ok(None) };
            pots.push((Pot::Referral(buyer), once));
            let theirs = part(format!("{name}/referrer"), by, Ratio::whole(*referrer), Seen::Flat, loyalty)?;
            (BonusKind::Referral, vec![own(Ratio::whole(*friend), Seen::Flat)?, theirs])
        }
    };
    let parts: Vec<Part> = parts.into_iter().flatten().collect();
    Ok((!parts.is_empty()).then_some(Offer { kind, boost: name, funded_by: funder, parts, pots }))
}

fn one(kind: BonusKind, boost: String, funded_by: Funder, pots: Vec<(Pot, Limit)>, part: Option<Part>) -> Option<Offer> {
    part.map(|part| Offer { kind, boost, funded_by, parts: vec![part], pots })
}

fn part(name: String, buyer: BuyerId, exact: Ratio, seen: Seen, loyalty: &Loyalty) -> Result<Option<Part>, OutOfRange> {
    let wanted = exact.round_half_up()?;
    if wanted > MINOR_MAX {
        return Err(OutOfRange);
    }
    let cap = loyalty.caps.get(&name).copied();
    Ok((wanted > 0).then_some(Part { name, buyer, exact, wanted, cap, seen }))
}

pub fn limit(boost: &Boost) -> Limit {
    let uses = match &boost.kind {
        Kind::Code(code) | Kind::Voucher(code) => code.quota,
        _ => None,
    };
    Limit { amount: boost.budget, uses }
}

/// The sale's coupon, folded, if it is one of these and was valid when the order was placed.
fn used(code: &Code, setting: &Setting<'_>) -> Option<String> {
    let used = fold_code(setting.coupon?);
    let fits = code.codes.iter().any(|own| fold_code(own) == used) && is_valid(code.from, code.until, setting.occurred_at);
    fits.then_some(used)
}

/// From a moment on, and before another.
pub fn is_valid(from: Option<Time>, until: Option<Time>, at: Time) -> bool {
    from.is_none_or(|from| from <= at) && until.is_none_or(|until| at < until)
}

fn reward(reward: Reward, setting: &Setting<'_>) -> Result<(Ratio, Seen), OutOfRange> {
    match reward {
        Reward::Flat(flat) => Ok((Ratio::whole(flat), Seen::Flat)),
        Reward::PercentOfBuyerShare(percent) => Ok((share_of(setting.share, percent)?, Seen::Percent(percent))),
    }
}

fn share_of(share: i64, percent: Percent) -> Result<Ratio, OutOfRange> {
    Ratio::whole(share).times(Ratio::new(percent.parts().into(), 1_000_000)?)
}

/// Whole days from one order to the next, not below 0.
pub fn days_between(last: Time, occurred_at: Time) -> i64 {
    (occurred_at.since(last) / DAY).max(0)
}

/// The part of a return boost that is left after so many days: 1, then falling by the same every day, then 0.
pub fn fade(days: i64, within: u32, zero_at: u32) -> Result<Ratio, OutOfRange> {
    let (within, zero_at) = (i64::from(within), i64::from(zero_at));
    if days <= within {
        return Ok(Ratio::whole(1));
    }
    Ratio::new((zero_at - days).max(0).into(), (zero_at - within).into())
}
