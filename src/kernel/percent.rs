//! Percentages from 0 to 100 with at most four decimals, exact.

use crate::{
    kernel::{
        decimal::{self, Grammar},
        schema,
    },
    schema,
};
use std::{fmt, str::FromStr};

/// A percentage: ten-thousandths of a percent, 0 to 1,000,000. An integer, so no operation on it can round.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Percent(u32);

impl Percent {
    pub const ZERO: Self = Self(0);
    pub const HUNDRED: Self = Self(1_000_000);
    /// What a share of 100 % counts in [`Self::parts`].
    pub const WHOLE: i64 = 1_000_000;

    /// Ten-thousandths of a percent.
    pub const fn parts(self) -> i64 {
        self.0 as i64
    }
    /// From ten-thousandths of a percent; none above 100 %.
    pub fn from_parts(parts: u32) -> Option<Self> {
        (parts <= Self::HUNDRED.0).then_some(Self(parts))
    }
    /// This share of an amount of minor units, rounded down. For an amount that is not negative.
    pub fn floor_of(self, minor: i64) -> i64 {
        let share = i128::from(minor) * i128::from(self.0) / i128::from(Self::WHOLE);
        i64::try_from(share).expect("at most the amount itself")
    }
}

/// Not a percentage from 0 to 100 with at most four decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a percentage: 0 to 100 with at most 4 decimals, such as 12.5")]
pub struct InvalidPercent;

impl FromStr for Percent {
    type Err = InvalidPercent;
    fn from_str(text: &str) -> Result<Self, InvalidPercent> {
        let grammar = Grammar { integer_digits_max: 3, fraction_digits_max: 4, negative: false };
        let decimal = decimal::parse(text, grammar).ok_or(InvalidPercent)?;
        let parts = decimal.mantissa() * 10_i128.pow(4 - decimal.scale());
        u32::try_from(parts).ok().and_then(Self::from_parts).ok_or(InvalidPercent)
    }
}
impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 10_000, self.0 % 10_000);
        if rest == 0 { write!(f, "{whole}") } else { write!(f, "{whole}.{}", format!("{rest:04}").trim_end_matches('0')) }
    }
}
impl fmt::Debug for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}%")
    }
}
impl serde::Serialize for Percent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
schema!(
    Percent,
    "Percent",
    schema::text("0 to 100 with at most four decimals.", r"^(100(\.0{1,4})?|(0|[1-9][0-9]?)(\.[0-9]{1,4})?)$", "12.5")
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_decimals_and_no_more() {
        for good in ["0", "100", "12.5", "0.0001", "33.3333"] {
            assert_eq!(good.parse::<Percent>().map(|p| p.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", "-1", "100.0001", "101", "1e1", "5%", "0.00001"] {
            assert_eq!(bad.parse::<Percent>(), Err(InvalidPercent), "{bad}");
        }
        assert_eq!("33.3333".parse::<Percent>().map(|p| p.floor_of(100)), Ok(33));
    }
}
