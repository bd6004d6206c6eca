//! Terms as JSON, in the form the contract shows: every default filled in, the keys always in the same order.

use super::{
    Rule, Terms,
    boost::{self, Boost, Reward},
    pay::Pay,
    when::When,
};
use crate::domain::reason::Reason;
use crate::kernel::{
    currency::Currency,
    id::{ProgramId, PublisherId},
    money::Money,
    percent::Percent,
    time::Time,
};
use serde::Serialize;

impl Terms {
    /// What [`super::parse::parse`] reads back as the same terms.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&Wire::of(self)).expect("texts and numbers always serialise")
    }
}

/// The contract's form of terms.
impl Serialize for Terms {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire::of(self).serialize(serializer)
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    rules: u32,
    commission: Vec<RuleWire<'a>>,
    split: SplitWire,
    attribution: AttributionWire,
    hold_days: u32,
    payable_on: super::PayableOn,
    claim_days: u32,
    unclaimed_to: super::UnclaimedTo,
    boosts: Vec<BoostWire<'a>>,
}

#[derive(Serialize)]
struct SplitWire {
    publisher: Percent,
    buyer: Percent,
    platform: Percent,
}

#[derive(Serialize)]
struct AttributionWire {
    model: super::Model,
    window_days: u32,
    stand_down_minutes: u32,
    self_referral: super::SelfReferral,
}

#[derive(Serialize)]
struct RuleWire<'a> {
    when: WhenWire<'a>,
    pay: PayWire,
    #[serde(skip_serializing_if = "Option::is_none")]
    cap: Option<CapWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
}

#[derive(Serialize)]
struct CapWire {
    per_order: String,
}

#[derive(Serialize)]
struct WhenWire<'a> {
    #[serde(rename = "type")]
    types: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coupon: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher: Option<&'a [PublisherId]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_amount: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum PayWire {
    Percent(Percent),
    Tiers(Vec<TierWire>),
    PerItem(String),
    Flat(String),
    Reported(Percent),
}

#[derive(Serialize)]
struct TierWire {
    from: String,
    percent: Percent,
}

#[derive(Serialize)]
struct BoostWire<'a> {
    kind: &'static str,
    #[serde(flatten)]
    fields: KindWire<'a>,
    funded_by: boost::Funder,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum KindWire<'a> {
    Return {
        percent_of_buyer_share: Percent,
        within_days: u32,
        fades_to_zero_at_days: u32,
    },
    Welcome {
        flat: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        min_amount: Option<String>,
    },
    Referral {
        referrer: String,
        friend: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        min_amount: Option<String>,
    },
    Code {
        code: &'a [String],
        #[serde(flatten)]
        reward: RewardWire,
        #[serde(skip_serializing_if = "Option::is_none")]
        quota: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<Time>,
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Time>,
        #[serde(skip_serializing_if = "Option::is_none")]
        place: Option<&'a str>,
    },
    Tier {
        programs: &'a [ProgramId],
        tiers: Vec<BoostTierWire>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum RewardWire {
    Flat(String),
    PercentOfBuyerShare(Percent),
}

#[derive(Serialize)]
struct BoostTierWire {
    from: String,
    percent_of_buyer_share: Percent,
}

/// Minor units as the decimal text of the program's currency.
fn amount(minor: i64, currency: Currency) -> String {
    Money::new(minor, currency).amount().to_string()
}

impl<'a> Wire<'a> {
    fn of(terms: &'a Terms) -> Self {
        let currency = terms.currency;
        let attribution = terms.attribution;
        Self {
            rules: terms.rules,
            commission: terms.commission.iter().map(|rule| RuleWire::of(rule, currency)).collect(),
            split: SplitWire { publisher: terms.split.publisher, buyer: terms.split.buyer, platform: terms.split.platform },
            attribution: AttributionWire {
                model: attribution.model,
                window_days: attribution.window_days,
                stand_down_minutes: attribution.stand_down_minutes,
                self_referral: attribution.self_referral,
            },
            hold_days: terms.hold_days,
            payable_on: terms.payable_on,
            claim_days: terms.claim_days,
            unclaimed_to: terms.unclaimed_to,
            boosts: terms.boosts.iter().map(|boost| BoostWire::of(boost, currency)).collect(),
        }
    }
}

impl<'a> RuleWire<'a> {
    fn of(rule: &'a Rule, currency: Currency) -> Self {
        Self {
            when: WhenWire::of(&rule.when, currency),
            pay: PayWire::of(&rule.pay, currency),
            cap: rule.cap_per_order.map(|cap| CapWire { per_order: amount(cap, currency) }),
            reason: rule.reason,
        }
    }
}

impl<'a> WhenWire<'a> {
    fn of(when: &'a When, currency: Currency) -> Self {
        Self {
            types: &when.types,
            category: when.categories.as_deref(),
            customer: when.customer_new.map(|new| if new { "new" } else { "returning" }),
            coupon: when.coupons.as_deref(),
            publisher: when.publishers.as_deref(),
            min_amount: when.min_amount.map(|least| amount(least, currency)),
        }
    }
}

impl PayWire {
    fn of(pay: &Pay, currency: Currency) -> Self {
        match pay {
            Pay::Percent(percent) => Self::Percent(*percent),
            Pay::Tiers(tiers) => {
                Self::Tiers(tiers.iter().map(|tier| TierWire { from: amount(tier.from, currency), percent: tier.percent }).collect())
            }
            Pay::PerItem(each) => Self::PerItem(amount(*each, currency)),
            Pay::Flat(flat) => Self::Flat(amount(*flat, currency)),
            Pay::Reported(percent) => Self::Reported(*percent),
        }
    }
}

impl<'a> BoostWire<'a> {
    fn of(boost: &'a Boost, currency: Currency) -> Self {
        let amount = |minor| amount(minor, currency);
        let fields = match &boost.kind {
            boost::Kind::Return { percent_of_buyer_share, within_days, fades_to_zero_at_days } => KindWire::Return {
                percent_of_buyer_share: *percent_of_buyer_share,
                within_days: *within_days,
                fades_to_zero_at_days: *fades_to_zero_at_days,
            },
            boost::Kind::Welcome { flat, min_amount } => KindWire::Welcome { flat: amount(*flat), min_amount: min_amount.map(amount) },
            boost::Kind::Referral { referrer, friend, min_amount } => {
                KindWire::Referral { referrer: amount(*referrer), friend: amount(*friend), min_amount: min_amount.map(amount) }
            }
            boost::Kind::Code(code) | boost::Kind::Voucher(code) => KindWire::Code {
                code: &code.codes,
                reward: match code.reward {
                    Reward::Flat(flat) => RewardWire::Flat(amount(flat)),
                    Reward::PercentOfBuyerShare(percent) => RewardWire::PercentOfBuyerShare(percent),
                },
                quota: code.quota,
                from: code.from,
                until: code.until,
                place: code.place.as_deref(),
            },
            boost::Kind::Tier { programs, tiers } => {
                let tier =
                    |tier: &boost::Tier| BoostTierWire { from: amount(tier.from), percent_of_buyer_share: tier.percent_of_buyer_share };
                KindWire::Tier { programs, tiers: tiers.iter().map(tier).collect() }
            }
        };
        Self { kind: boost.kind.word(), fields, funded_by: boost.funded_by, budget: boost.budget.map(amount) }
    }
}
