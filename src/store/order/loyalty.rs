//! The stored JSON of what boosts looked up for an order's buyer. Ids as text, times as microseconds, amounts as minor units, percentages
//! as decimal text.
use super::{json, read};
use crate::domain::{
    loyalty::{Brought, Loyalty, TierBase, Voucher},
    terms::boost::{Funder, Reward},
};
use crate::kernel::{
    id::{BuyerId, ProgramId, VoucherBatchId},
    time::Time,
};
use crate::store::error::StoreError;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

type Text<'a> = Cow<'a, str>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoyaltyJson<'a> {
    buyer: BuyerId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coupon: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_order: Option<i64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    bases: BTreeMap<Text<'a>, BaseJson>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    voucher: Option<VoucherJson<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    brought: Option<BroughtJson>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    caps: BTreeMap<Text<'a>, i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BaseJson {
    amount: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<ProgramId>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BroughtJson {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<BuyerId>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VoucherJson<'a> {
    batch: VoucherBatchId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boost: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    flat: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    percent: Option<Text<'a>>,
    funded_by: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
}

pub(super) fn text(found: &Loyalty) -> Result<String, StoreError> {
    json(&LoyaltyJson {
        buyer: found.buyer,
        coupon: found.coupon.as_deref().map(Cow::Borrowed),
        last_order: found.last_order.map(Time::micros),
        bases: found
            .bases
            .iter()
            .map(|(name, base)| (name.into(), BaseJson { amount: base.amount, left_out: base.left_out.clone() }))
            .collect(),
        voucher: found.voucher.as_ref().map(VoucherJson::of),
        brought: found.brought.map(|brought| BroughtJson { by: brought.by }),
        caps: found.caps.iter().map(|(name, cap)| (name.into(), *cap)).collect(),
    })
}

pub(super) fn parse(body: &str, revision: u32, at: Time) -> Option<Loyalty> {
    let found: LoyaltyJson = read(body)?;
    let voucher = match found.voucher {
        Some(voucher) => Some(voucher.into_voucher()?),
        None => None,
    };
    let base = |(name, base): (Text, BaseJson)| (name.into_owned(), TierBase { amount: base.amount, left_out: base.left_out });
    Some(Loyalty {
        buyer: found.buyer,
        coupon: found.coupon.map(Cow::into_owned),
        at,
        revision,
        last_order: found.last_order.map(Time::from_micros),
        bases: found.bases.into_iter().map(base).collect(),
        voucher,
        brought: found.brought.map(|brought| Brought { by: brought.by }),
        caps: found.caps.into_iter().map(|(name, cap)| (name.into_owned(), cap)).collect(),
    })
}

impl<'a> VoucherJson<'a> {
    fn of(voucher: &'a Voucher) -> Self {
        let (flat, percent) = match voucher.reward {
            Reward::Flat(flat) => (Some(flat), None),
            Reward::PercentOfBuyerShare(percent) => (None, Some(percent.to_string().into())),
        };
        Self {
            batch: voucher.batch,
            boost: voucher.boost.as_deref().map(Cow::Borrowed),
            flat,
            percent,
            funded_by: voucher.funded_by.word().into(),
            from: voucher.from.map(Time::micros),
            until: voucher.until.map(Time::micros),
        }
    }

    fn into_voucher(self) -> Option<Voucher> {
        let reward = match (self.flat, self.percent) {
            (Some(flat), None) => Reward::Flat(flat),
            (None, Some(percent)) => Reward::PercentOfBuyerShare(percent.parse().ok()?),
            _ => return None,
        };
        Some(Voucher {
            batch: self.batch,
            boost: self.boost.map(Cow::into_owned),
            reward,
            funded_by: Funder::from_word(&self.funded_by)?,
            from: self.from.map(Time::from_micros),
            until: self.until.map(Time::from_micros),
        })
    }
}
