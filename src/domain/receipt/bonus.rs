//! The bonuses of a receipt: what each boost pays, and from what.

use crate::domain::{
    loyalty::{BonusKind, Offer, Seen},
    terms::boost::Funder,
};
use crate::kernel::{currency::Currency, id::BuyerId, money::Money, percent::Percent};
use serde::Serialize;
use utoipa::ToSchema;

/// What a boost pays, and from what it was worked out. Amounts in the program's currency.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptBonus)]
pub struct BonusLine {
    #[schema(value_type = BonusKind)]
    pub kind: &'static str,
    pub boost: String,
    #[schema(value_type = Funder)]
    pub funded_by: &'static str,
    /// Who gets it.
    #[schema(required)]
    pub buyer: Option<BuyerId>,
    /// Of the buyer's share, before it faded.
    #[schema(required)]
    pub percent: Option<Percent>,
    /// The buyer's share that a percentage is of.
    #[schema(required)]
    pub share: Option<Money>,
    /// Whole days since the buyer's last order.
    #[schema(required)]
    pub days: Option<i64>,
    /// The buyer's approved amount that a tier was chosen by.
    #[schema(required)]
    pub base: Option<Money>,
    /// Minor units before the rounding, as a fraction.
    pub exact: String,
    /// Rounded half up.
    pub wanted: Money,
    /// What was left of a budget; 0 where a code, a quota or a first order was used up.
    #[schema(required)]
    pub cap: Option<Money>,
    /// What it pays.
    pub amount: Money,
}

/// `share` is the buyer's.
pub(super) fn lines(offer: &Offer, share: i64, to: Currency) -> impl Iterator<Item = BonusLine> {
    let money = move |minor| Money::new(minor, to);
    offer.parts.iter().map(move |part| {
        let (percent, days, base) = match part.seen {
            Seen::Flat => (None, None, None),
            Seen::Percent(percent) => (Some(percent), None, None),
            Seen::Days { percent, days } => (Some(percent), Some(days), None),
            Seen::Base { percent, base } => (Some(percent), None, Some(money(base))),
        };
        BonusLine {
            kind: offer.kind.word(),
            boost: offer.boost.clone(),
            funded_by: offer.funded_by.word(),
            buyer: Some(part.buyer),
            percent,
            share: percent.map(|_| money(share)),
            days,
            base,
            exact: part.exact.to_string(),
            wanted: money(part.wanted),
            cap: part.cap.map(money),
            amount: money(part.amount()),
        }
    })
}
