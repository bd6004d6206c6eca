//! The stored JSON of a conversion's bonuses: private mirror structs.
use crate::domain::{
    loyalty::{Bonus, BonusKind},
    terms::boost::Funder,
};
use crate::kernel::id::BuyerId;
use serde::Deserialize;
use std::borrow::Cow;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BonusJson<'a> {
    kind: Cow<'a, str>,
    boost: Cow<'a, str>,
    funded_by: Cow<'a, str>,
    buyer: Option<BuyerId>,
    amount: i64,
}

/// None for none.
pub(super) fn text(bonuses: &[Bonus]) -> Option<String> {
    let json = |bonus: &Bonus| {
        serde_json::json!({
            "kind": bonus.kind, "boost": bonus.boost, "funded_by": bonus.funded_by, "buyer": bonus.buyer, "amount": bonus.amount,
        })
    };
    (!bonuses.is_empty()).then(|| serde_json::Value::from(bonuses.iter().map(json).collect::<Vec<_>>()).to_string())
}

pub(super) fn parse(text: &str) -> Option<Vec<Bonus>> {
    let read = |json: BonusJson| {
        Some(Bonus {
            kind: BonusKind::from_word(&json.kind)?,
            boost: json.boost.into_owned(),
            funded_by: Funder::from_word(&json.funded_by)?,
            buyer: json.buyer,
            amount: json.amount,
        })
    };
    serde_json::from_str::<Vec<BonusJson>>(text).ok()?.into_iter().map(read).collect()
}
