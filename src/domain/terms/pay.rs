//! What a commission rule pays for its lines together, exact.

use crate::domain::rate::Conversion;
use crate::kernel::{
    percent::Percent,
    ratio::{OutOfRange, Ratio},
};

/// A way of paying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pay {
    /// Of the lines' amount.
    Percent(Percent),
    /// One percent on all of it, by the base; ascending by `from`, the first from 0.
    Tiers(Vec<Tier>),
    /// Minor units of the program's currency, for each unit of quantity.
    PerItem(i64),
    /// Minor units of the program's currency, once an order.
    Flat(i64),
    /// Of the commission that an upstream network reports in the sale.
    Reported(Percent),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// Minor units of the program's currency.
    pub from: i64,
    pub percent: Percent,
}

/// What a rule's lines hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// Minor units of the sale's currency.
    pub amount: i64,
    pub quantity: i64,
    /// Minor units of the sale's currency, the whole order as sold.
    pub order_sold: i64,
    /// The commission reported for the whole order, minor units of the sale's currency.
    pub reported: i64,
    /// The publisher's approved net amount this month, minor units of the program's currency.
    pub tier_base: i64,
}

impl Pay {
    /// Exact minor units of the program's currency.
    pub fn amount(&self, base: &Base, conversion: &Conversion) -> Result<Ratio, OutOfRange> {
        match self {
            Self::Percent(percent) => conversion.convert(base.amount)?.times(fraction(*percent)?),
            Self::Tiers(tiers) => conversion.convert(base.amount)?.times(fraction(tier(tiers, base.tier_base))?),
            Self::PerItem(each) => Ratio::whole(*each).times(Ratio::whole(base.quantity)),
            Self::Flat(flat) => Ok(Ratio::whole(*flat)),
            Self::Reported(percent) => {
                // A goal without an amount cannot be refunded in part: the report counts whole.
                let part = if base.order_sold == 0 { Ratio::whole(1) } else { Ratio::new(base.amount.into(), base.order_sold.into())? };
                conversion.convert(base.reported)?.times(part)?.times(fraction(*percent)?)
            }
        }
    }

    /// The percentage that applied, if the rule has one.
    pub fn percent(&self, tier_base: i64) -> Option<Percent> {
        match self {
            Self::Percent(percent) | Self::Reported(percent) => Some(*percent),
            Self::Tiers(tiers) => Some(tier(tiers, tier_base)),
            Self::PerItem(_) | Self::Flat(_) => None,
        }
    }

    /// The words of [`Self::kind`].
    pub const KINDS: [&'static str; 5] = ["percent", "tiers", "per_item", "flat", "reported"];

    pub fn kind(&self) -> &'static str {
        match self {
            Self::Percent(_) => "percent",
            Self::Tiers(_) => "tiers",
            Self::PerItem(_) => "per_item",
            Self::Flat(_) => "flat",
            Self::Reported(_) => "reported",
        }
    }
}

fn fraction(percent: Percent) -> Result<Ratio, OutOfRange> {
    Ratio::new(percent.parts().into(), Percent::WHOLE.into())
}

/// The percent of the highest `from` ≤ base.
fn tier(tiers: &[Tier], base: i64) -> Percent {
    tiers.iter().rev().find(|tier| tier.from <= base).map_or(Percent::ZERO, |tier| tier.percent)
}
