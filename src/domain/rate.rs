//! Exchange rates of the ECB, units per euro, and the exact conversion between two currencies.

use crate::kernel::{
    currency::Currency,
    decimal::{self, Grammar},
    ratio::{OutOfRange, Ratio},
    time::Day,
};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// A rate may be at most so many days older than the order.
pub const AGE_DAYS_MAX: i32 = 7;

/// Units of a currency per euro, above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(Decimal);

impl Rate {
    pub const EURO: Self = Self(Decimal::ONE);

    /// Reads `1.0876`: up to 8 digits before and 8 behind the dot.
    pub fn parse(text: &str) -> Option<Self> {
        let grammar = Grammar { integer_digits_max: 8, fraction_digits_max: 8, negative: false };
        decimal::parse(text, grammar).filter(|rate| !rate.is_zero()).map(Self)
    }
    /// As parsed, digit for digit.
    pub fn text(self) -> String {
        self.0.to_string()
    }
    fn ratio(self) -> Result<Ratio, OutOfRange> {
        Ratio::new(self.0.mantissa(), 10_i128.pow(self.0.scale()))
    }
}

/// How amounts of the sale's currency become the program's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    pub from: Currency,
    pub to: Currency,
    /// Absent when both are the same.
    pub rates: Option<Applied>,
}

/// The two rates of one day that a conversion used, kept with the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    pub day: Day,
    /// Units of the sale's currency per euro.
    pub from: Rate,
    /// Units of the program's currency per euro.
    pub to: Rate,
}

impl Conversion {
    /// Minor units of `from` as exact minor units of `to`: amount × rate(to) ÷ rate(from).
    pub fn convert(&self, minor: i64) -> Result<Ratio, OutOfRange> {
        let Some(rates) = self.rates else { return Ok(Ratio::whole(minor)) };
        let factor = rates.to.ratio()?.times(invert(rates.from.ratio()?)?)?;
        let scales = Ratio::new(self.to.scale().into(), self.from.scale().into())?;
        Ratio::whole(minor).times(scales)?.times(factor)
    }
}

fn invert(ratio: Ratio) -> Result<Ratio, OutOfRange> {
    Ratio::new(ratio.denominator(), ratio.numerator())
}

/// Rates by day and currency, as loaded for a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateTable(BTreeMap<Day, BTreeMap<Currency, Rate>>);

impl RateTable {
    /// Keeps the first rate known for a day and currency; false if there was one.
    pub fn insert(&mut self, day: Day, currency: Currency, rate: Rate) -> bool {
        let day = self.0.entry(day).or_default();
        let new = !day.contains_key(&currency);
        if new {
            day.insert(currency, rate);
        }
        new
    }

    /// The sum of amounts in several currencies in another one, by the rates of a day, rounded half up once; and those, by their names, that
    /// there is no rate for.
    pub fn sum<T>(
        &self,
        amounts: impl IntoIterator<Item = (T, Currency, i64)>,
        to: Currency,
        day: Day,
    ) -> Result<(i64, Vec<T>), OutOfRange> {
        let (mut sum, mut left_out) = (Ratio::ZERO, Vec::new());
        for (name, from, amount) in amounts {
            match self.conversion(from, to, day) {
                Some(conversion) => sum = sum.plus(conversion.convert(amount)?)?,
                None if amount != 0 => left_out.push(name),
                None => {}
            }
        }
        Ok((sum.round_half_up()?, left_out))
    }

    /// Adds what another table has beside.
    pub fn absorb(&mut self, other: Self) {
        for (day, rates) in other.0 {
            for (currency, rate) in rates {
                self.insert(day, currency, rate);
            }
        }
    }

    pub fn get(&self, day: Day, currency: Currency) -> Option<Rate> {
        if currency == Currency::EUR { Some(Rate::EURO) } else { self.0.get(&day)?.get(&currency).copied() }
    }

    /// The conversion of the newest day not after `day` and at most [`AGE_DAYS_MAX`] before it that has both currencies.
    pub fn conversion(&self, from: Currency, to: Currency, day: Day) -> Option<Conversion> {
        if from == to {
            return Some(Conversion { from, to, rates: None });
        }
        let mut days = self.0.range(day.minus(AGE_DAYS_MAX)..=day).rev();
        let both = days.find_map(|(&day, _)| Some(Applied { day, from: self.get(day, from)?, to: self.get(day, to)? }))?;
        Some(Conversion { from, to, rates: Some(both) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversion_goes_through_the_euro_exactly() {
        let (usd, jpy) = ("USD".parse().expect("known"), "JPY".parse().expect("known"));
        let day = Day::parse("2026-10-30").expect("a day");
        let mut table = RateTable::default();
        assert!(table.insert(day, usd, Rate::parse("1.25").expect("a rate")));
        assert!(table.insert(day, jpy, Rate::parse("160").expect("a rate")));
        assert!(!table.insert(day, jpy, Rate::parse("161").expect("a rate")), "the first stays");
        let to_euro = table.conversion(usd, Currency::EUR, day).expect("a rate");
        assert_eq!(to_euro.convert(100).map(|r| r.to_string()).as_deref(), Ok("80"));
        let dollars_to_yen = table.conversion(usd, jpy, day).expect("rates");
        assert_eq!(dollars_to_yen.convert(100).map(|r| r.to_string()).as_deref(), Ok("128"), "1.00 USD is 128 JPY");
        assert_eq!(table.conversion(usd, Currency::EUR, day.minus(1)), None, "a later rate never serves");
        assert!(table.conversion(usd, Currency::EUR, day.minus(-7)).is_some());
        assert_eq!(table.conversion(usd, Currency::EUR, day.minus(-8)), None, "too old");
    }
}
