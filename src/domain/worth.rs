//! What a boost says to people, and what it is worth to one buyer today.

use crate::domain::{
    loyalty::{days_between, fade, is_valid},
    terms::boost::{Boost, Code, Kind, Reward},
};
use crate::kernel::{code::Language, currency::Currency, money::Money, percent::Percent, ratio::Ratio, time::Time};
use std::fmt;

/// A boost in words.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = BoostText)]
pub struct Text {
    pub en: String,
    pub fr: String,
}

/// What is known of a buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// When their last order in the program was placed.
    pub last_order: Option<Time>,
    /// Their approved amount, for a tier: minor units of the program's currency.
    pub base: i64,
    /// The chance is still there: no order of theirs had this for a first one, and somebody brought them where that is asked for.
    pub is_open: bool,
}

/// What a boost would pay for an order placed now, if its budget allows.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = BoostToday)]
pub struct Today {
    /// Percent of the buyer's share, rounded to four decimals; null for a fixed amount.
    #[schema(required)]
    pub percent_of_buyer_share: Option<Percent>,
    /// For the buyer; null for a percentage.
    #[schema(required)]
    pub amount: Option<Money>,
    /// What the buyer's approved orders come to that a tier is chosen by; null for others.
    #[schema(required)]
    pub base: Option<Money>,
    /// Until when a return boost stays whole.
    #[schema(required)]
    pub full_until: Option<Time>,
    /// When nothing is left of it.
    #[schema(required)]
    pub zero_at: Option<Time>,
}

/// As French writes numbers.
fn comma(what: &dyn fmt::Display) -> String {
    what.to_string().replace('.', ",")
}

/// In English and French. Amounts are in `currency`.
pub fn text(boost: &Boost, currency: Currency) -> Text {
    let money = |minor| Money::new(minor, currency);
    let written = |minor, language| match language {
        Language::En => money(minor).to_string(),
        Language::Fr => comma(&money(minor)),
    };
    let en_fr = |minor| (written(minor, Language::En), written(minor, Language::Fr));
    let least = |least: Option<i64>| match least.map(en_fr) {
        Some((en, fr)) => (format!(" of {en} or more"), format!(" d’au moins {fr}")),
        None => (String::new(), String::new()),
    };
    match &boost.kind {
        Kind::Return { percent_of_buyer_share: percent, within_days, fades_to_zero_at_days } => Text {
            en: format!(
                "{percent} % of your cashback on top when you come back within {within_days} days; it falls day by day and is gone after {fades_to_zero_at_days}."
            ),
            fr: format!(
                "{} % de votre cashback en plus si vous revenez dans les {within_days} jours ; cela baisse chaque jour et s’éteint après {fades_to_zero_at_days}.",
                comma(percent)
            ),
        },
        Kind::Welcome { flat, min_amount } => {
            let (en, fr) = least(*min_amount);
            Text {
                en: format!("{} for your first approved order{en}.", money(*flat)),
                fr: format!("{} pour votre première commande validée{fr}.", comma(&money(*flat))),
            }
        }
        Kind::Referral { referrer, friend, min_amount } => {
            let (en, fr) = least(*min_amount);
            Text {
                en: format!(
                    "A friend whom you bring gets {} for their first approved order{en}, and you get {}.",
                    money(*friend),
                    money(*referrer)
                ),
                fr: format!(
                    "Parrainage : {} pour votre filleul à sa première commande validée{fr}, et {} pour vous.",
                    comma(&money(*friend)),
                    comma(&money(*referrer))
                ),
            }
        }
        Kind::Code(code) => rewarded(code.reward, written, "with this code", "avec ce code"),
        Kind::Voucher(code) => {
            rewarded(code.reward, written, "with a voucher, good for one order", "avec un bon, valable pour une commande")
        }
        Kind::Tier { tiers, .. } => {
            let each = |from: &str, join: &str, written: fn(&dyn fmt::Display) -> String| {
                let tiers = tiers.iter();
                let tiers = tiers.map(|tier| format!("{} % {from} {}", written(&tier.percent_of_buyer_share), written(&money(tier.from))));
                tiers.collect::<Vec<_>>().join(join)
            };
            Text {
                en: format!("Of your cashback on top, by your approved orders: {}.", each("from", ", ", |what| what.to_string())),
                fr: format!("De votre cashback en plus, selon vos commandes validées : {}.", each("à partir de", ", ", comma)),
            }
        }
    }
}

/// A reward in words, with what it is for; `written` writes minor units of its currency as the reader's language does.
pub fn rewarded(reward: Reward, written: impl Fn(i64, Language) -> String, en: &str, fr: &str) -> Text {
    match reward {
        Reward::Flat(flat) => Text {
            en: format!("{} on top {en}.", written(flat, Language::En)),
            fr: format!("{} en plus {fr}.", written(flat, Language::Fr)),
        },
        Reward::PercentOfBuyerShare(percent) => Text {
            en: format!("{percent} % of your cashback on top {en}."),
            fr: format!("{} % de votre cashback en plus {fr}.", comma(&percent)),
        },
    }
}

/// None if it pays this buyer nothing now.
pub fn today(boost: &Boost, known: &Known, currency: Currency, now: Time) -> Option<Today> {
    let plain = Today { percent_of_buyer_share: None, amount: None, base: None, full_until: None, zero_at: None };
    let amount = |minor: i64| Today { amount: Some(Money::new(minor, currency)), ..plain.clone() };
    let percent = |percent: Percent| Today { percent_of_buyer_share: Some(percent), ..plain.clone() };
    match &boost.kind {
        Kind::Return { percent_of_buyer_share, within_days, fades_to_zero_at_days } => {
            let last = known.last_order?;
            let left = faded(*percent_of_buyer_share, days_between(last, now), *within_days, *fades_to_zero_at_days)?;
            Some(Today {
                percent_of_buyer_share: Some(left),
                full_until: Some(last.plus_days(within_days.saturating_add(1))),
                zero_at: Some(last.plus_days(*fades_to_zero_at_days)),
                ..plain
            })
        }
        Kind::Welcome { flat, .. } => known.is_open.then(|| amount(*flat)),
        Kind::Referral { friend, .. } => known.is_open.then(|| amount(*friend)),
        Kind::Tier { tiers, .. } => {
            let tier = tiers.iter().rev().find(|tier| tier.from <= known.base)?;
            let base = Some(Money::new(known.base, currency));
            (tier.percent_of_buyer_share.parts() > 0).then(|| Today { base, ..percent(tier.percent_of_buyer_share) })
        }
        Kind::Code(code) | Kind::Voucher(code) if is_open(code, now) => Some(match code.reward {
            Reward::Flat(flat) => amount(flat),
            Reward::PercentOfBuyerShare(share) => percent(share),
        }),
        Kind::Code(_) | Kind::Voucher(_) => None,
    }
}

fn is_open(code: &Code, now: Time) -> bool {
    is_valid(code.from, code.until, now)
}

/// What is left of a percentage after so many days; none if that is nothing.
fn faded(percent: Percent, days: i64, within: u32, zero_at: u32) -> Option<Percent> {
    let left = fade(days, within, zero_at).ok()?;
    let parts = Ratio::whole(percent.parts()).times(left).ok()?.round_half_up().ok()?;
    u32::try_from(parts).ok().filter(|parts| *parts > 0).and_then(Percent::from_parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::terms::boost::Funder;

    #[test]
    fn a_return_boost_is_worth_less_every_day() {
        let kind = Kind::Return { percent_of_buyer_share: "50".parse().expect("a percentage"), within_days: 7, fades_to_zero_at_days: 30 };
        let boost = Boost { kind, funded_by: Funder::Platform, budget: None };
        let last = Time::parse("2026-11-01T12:00:00Z").expect("a time");
        let known = Known { last_order: Some(last), ..Known::default() };
        let percent = |days| today(&boost, &known, Currency::EUR, last.plus_days(days))?.percent_of_buyer_share.map(|p| p.to_string());
        assert_eq!(percent(0).as_deref(), Some("50"));
        assert_eq!(percent(7).as_deref(), Some("50"));
        assert_eq!(percent(8).as_deref(), Some("47.8261"));
        assert_eq!(percent(29).as_deref(), Some("2.1739"));
        assert_eq!(percent(30), None);
        assert_eq!(today(&boost, &Known::default(), Currency::EUR, last), None, "no order to come back from");
        let whole = today(&boost, &known, Currency::EUR, last).expect("something");
        assert_eq!(whole.full_until.map(|at| at.to_string()).as_deref(), Some("2026-11-09T12:00:00Z"));
        assert_eq!(whole.zero_at.map(|at| at.to_string()).as_deref(), Some("2026-12-01T12:00:00Z"));
        assert!(text(&boost, Currency::EUR).fr.contains("50 % de votre cashback"));
    }
}
