//! The stored JSON of what was looked up when a sale was recorded. Ids as text, times as microseconds, amounts as minor units, percentages
//! and rates as decimal text.
use super::{json, read};
use crate::domain::{
    click::Quality,
    order::{ClaimFound, Context, OwnedCoupon},
    publisher::Kind,
    rate,
    touch::{Known, Touch, TouchBuyer},
};
use crate::kernel::{
    currency::Currency,
    id::{BuyerId, ClickId, CouponId, LinkId, ProgramId, PublisherId},
    time::{Day, Time},
};
use crate::store::error::StoreError;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

type Text<'a> = Cow<'a, str>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContextJson<'a> {
    recorded_at: i64,
    terms_version: u32,
    from: Currency,
    to: Currency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rates: Option<RatesJson<'a>>,
    touches: Vec<TouchJson<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coupon: Option<CouponJson<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer_new: Option<bool>,
    tier_base: i64,
    self_referral: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    claimants: BTreeMap<BuyerId, FoundJson>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    in_debt: bool,
    budget_used_up: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RatesJson<'a> {
    day: Text<'a>,
    from: Text<'a>,
    to: Text<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum TouchJson<'a> {
    Known {
        click: ClickId,
        link: LinkId,
        program: ProgramId,
        publisher: PublisherId,
        kind: Text<'a>,
        generosity: Text<'a>,
        quality: Text<'a>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        buyer: Option<BuyerId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tied_at: Option<i64>,
    },
    Unknown {
        unknown: Text<'a>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CouponJson<'a> {
    id: CouponId,
    publisher: PublisherId,
    generosity: Text<'a>,
}

/// What was looked up for a claim, of a revision of the sale.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FoundJson {
    revision: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tier_base: Option<i64>,
    self_referral: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    in_debt: bool,
}

impl From<ClaimFound> for FoundJson {
    fn from(ClaimFound { revision, tier_base, self_referral, in_debt }: ClaimFound) -> Self {
        Self { revision, tier_base, self_referral, in_debt }
    }
}

impl From<FoundJson> for ClaimFound {
    fn from(FoundJson { revision, tier_base, self_referral, in_debt }: FoundJson) -> Self {
        Self { revision, tier_base, self_referral, in_debt }
    }
}

pub(super) fn text(context: &Context) -> Result<String, StoreError> {
    json(&ContextJson::from(context))
}

pub(super) fn parse(body: &str) -> Option<Context> {
    read::<ContextJson>(body)?.into_context()
}

impl<'a> From<&'a Context> for ContextJson<'a> {
    fn from(context: &'a Context) -> Self {
        let rate::Conversion { from, to, rates } = &context.conversion;
        let rates = rates.map(|rate::Applied { day, from, to }| RatesJson {
            day: day.to_string().into(),
            from: from.text().into(),
            to: to.text().into(),
        });
        let coupon = |coupon: &OwnedCoupon| CouponJson {
            id: coupon.id,
            publisher: coupon.publisher,
            generosity: coupon.generosity.to_string().into(),
        };
        Self {
            recorded_at: context.recorded_at.micros(),
            terms_version: context.terms_version,
            from: *from,
            to: *to,
            rates,
            touches: context.touches.iter().map(TouchJson::from).collect(),
            coupon: context.coupon.as_ref().map(coupon),
            customer_new: context.customer_new,
            tier_base: context.tier_base,
            self_referral: context.self_referral,
            claimants: context.claimants.iter().map(|(buyer, found)| (*buyer, FoundJson::from(*found))).collect(),
            in_debt: context.in_debt,
            budget_used_up: context.budget_used_up,
        }
    }
}

impl ContextJson<'_> {
    fn into_context(self) -> Option<Context> {
        let applied = |rates: RatesJson| {
            let (from, to) = (rate::Rate::parse(&rates.from)?, rate::Rate::parse(&rates.to)?);
            Some(rate::Applied { day: Day::parse(&rates.day)?, from, to })
        };
        let rates = match self.rates {
            Some(rates) => Some(applied(rates)?),
            None => None,
        };
        let coupon = match self.coupon {
            Some(CouponJson { id, publisher, generosity }) => Some(OwnedCoupon { id, publisher, generosity: generosity.parse().ok()? }),
            None => None,
        };
        Some(Context {
            recorded_at: Time::from_micros(self.recorded_at),
            terms_version: self.terms_version,
            conversion: rate::Conversion { from: self.from, to: self.to, rates },
            touches: self.touches.into_iter().map(TouchJson::into_touch).collect::<Option<_>>()?,
            coupon,
            customer_new: self.customer_new,
            tier_base: self.tier_base,
            self_referral: self.self_referral,
            claimants: self.claimants.into_iter().map(|(buyer, found)| (buyer, found.into())).collect(),
            in_debt: self.in_debt,
            budget_used_up: self.budget_used_up,
        })
    }
}

impl<'a> From<&'a Touch> for TouchJson<'a> {
    fn from(touch: &'a Touch) -> Self {
        match touch {
            Touch::Known(known) => Self::from(known),
            Touch::Unknown(text) => Self::Unknown { unknown: text.into() },
        }
    }
}

impl From<&Known> for TouchJson<'_> {
    fn from(known: &Known) -> Self {
        Self::Known {
            click: known.click,
            link: known.link,
            program: known.program,
            publisher: known.publisher,
            kind: known.kind.word().into(),
            generosity: known.generosity.to_string().into(),
            quality: known.quality.code().into(),
            buyer: known.buyer.map(|buyer| buyer.id),
            tied_at: known.buyer.and_then(|buyer| buyer.tied_at).map(Time::micros),
        }
    }
}

impl TouchJson<'_> {
    /// None for one that is not ours.
    pub(super) fn into_known(self) -> Option<Known> {
        match self.into_touch()? {
            Touch::Known(known) => Some(known),
            Touch::Unknown(_) => None,
        }
    }

    fn into_touch(self) -> Option<Touch> {
        Some(match self {
            Self::Known { click, link, program, publisher, kind, generosity, quality, buyer, tied_at } => Touch::Known(Known {
                click,
                link,
                program,
                publisher,
                kind: Kind::from_word(&kind)?,
                generosity: generosity.parse().ok()?,
                quality: Quality::from_code(&quality)?,
                buyer: buyer.map(|id| TouchBuyer { id, tied_at: tied_at.map(Time::from_micros) }),
            }),
            Self::Unknown { unknown } => Touch::Unknown(unknown.into_owned()),
        })
    }
}
