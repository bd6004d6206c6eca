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
    money::{Amount, Money},
    percent::Percent,
    schema,
    time::Time,
};
use serde::Serialize;
use utoipa::ToSchema;

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

impl utoipa::PartialSchema for Terms {
    fn schema() -> schema::Shape {
        Wire::schema()
    }
}
impl ToSchema for Terms {
    fn schemas(schemas: &mut Vec<(String, schema::Shape)>) {
        Wire::schemas(schemas);
    }
}

/// One version of what a program pays, with every default filled in. Amounts are decimal text in the program's currency.
#[derive(Serialize, ToSchema)]
#[schema(as = Terms)]
struct Wire<'a> {
    /// The version of the arithmetic, stamped by the server.
    rules: u32,
    /// At least one.
    commission: Vec<RuleWire<'a>>,
    split: SplitWire,
    attribution: AttributionWire,
    /// Silence means approval so many times 24 hours after the sale. 0 to 365.
    hold_days: u32,
    payable_on: super::PayableOn,
    /// An unclaimed share waits so many times 24 hours after the sale was recorded. 0 to 365.
    claim_days: u32,
    unclaimed_to: super::UnclaimedTo,
    boosts: Vec<BoostWire<'a>>,
}

/// Percent of the commission; they add up to exactly 100.
#[derive(Serialize, ToSchema)]
#[schema(as = TermsSplit)]
struct SplitWire {
    publisher: Percent,
    buyer: Percent,
    platform: Percent,
}

/// Who is credited.
#[derive(Serialize, ToSchema)]
#[schema(as = TermsAttribution)]
struct AttributionWire {
    model: super::Model,
    /// How old a click may be, times 24 hours. 1 to 365.
    window_days: u32,
    /// How long a cashback or coupon publisher's click stands back behind a content publisher's. 0 to 43,200.
    stand_down_minutes: u32,
    self_referral: super::SelfReferral,
}

/// Each line of an order takes the first rule whose conditions all hold.
#[derive(Serialize, ToSchema)]
#[schema(as = TermsRule)]
struct RuleWire<'a> {
    when: WhenWire<'a>,
    pay: PayWire,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cap: Option<CapWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<Reason>,
}

/// The most that a rule pays.
#[derive(Serialize, ToSchema)]
#[schema(as = TermsCap)]
struct CapWire {
    per_order: Amount,
}

/// All conditions that are named must hold.
#[derive(Serialize, ToSchema)]
#[schema(as = TermsWhen)]
struct WhenWire<'a> {
    /// Goals.
    #[serde(rename = "type")]
    types: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    category: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, schema_with = customer)]
    customer: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    coupon: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    publisher: Option<&'a [PublisherId]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    min_amount: Option<Amount>,
}

/// What a rule pays: exactly one of these.
#[derive(Serialize, ToSchema)]
#[schema(as = TermsPay)]
#[serde(rename_all = "snake_case")]
enum PayWire {
    Percent(Percent),
    Tiers(Vec<TierWire>),
    PerItem(Amount),
    Flat(Amount),
    Reported(Percent),
}

/// Tiers ascend, the first from 0.
#[derive(Serialize, ToSchema)]
#[schema(as = TermsTier)]
struct TierWire {
    from: Amount,
    percent: Percent,
}

/// A promised bonus to buyers, kept and shown; a later release pays it.
#[derive(Serialize, ToSchema)]
#[schema(as = TermsBoost)]
struct BoostWire<'a> {
    #[schema(schema_with = kind)]
    kind: &'static str,
    #[serde(flatten)]
    fields: KindWire<'a>,
    funded_by: boost::Funder,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    budget: Option<Amount>,
}

/// What the bonus is for.
#[derive(Serialize, ToSchema)]
#[schema(as = TermsBoostKind)]
#[serde(untagged)]
enum KindWire<'a> {
    Return {
        percent_of_buyer_share: Percent,
        within_days: u32,
        fades_to_zero_at_days: u32,
    },
    Welcome {
        flat: Amount,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        min_amount: Option<Amount>,
    },
    Referral {
        referrer: Amount,
        friend: Amount,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        min_amount: Option<Amount>,
    },
    Code {
        code: &'a [String],
        #[serde(flatten)]
        reward: RewardWire,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        quota: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        from: Option<Time>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        until: Option<Time>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        place: Option<&'a str>,
    },
    Tier {
        programs: &'a [ProgramId],
        tiers: Vec<BoostTierWire>,
    },
}

/// What a code is worth.
#[derive(Serialize, ToSchema)]
#[schema(as = TermsBoostReward)]
#[serde(rename_all = "snake_case")]
enum RewardWire {
    Flat(Amount),
    PercentOfBuyerShare(Percent),
}

/// Tiers ascend, the first from 0.
#[derive(Serialize, ToSchema)]
#[schema(as = TermsBoostTier)]
struct BoostTierWire {
    from: Amount,
    percent_of_buyer_share: Percent,
}

fn customer() -> schema::Shape {
    schema::words("What the merchant says of the customer.", &["new", "returning"])
}

fn kind() -> schema::Shape {
    schema::words("", boost::Kind::WORDS)
}

/// Minor units as the decimal text of the program's currency.
fn amount(minor: i64, currency: Currency) -> Amount {
    Money::new(minor, currency).amount()
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
