//! The operator's limit of debts: how far below zero a payee's balance may lie before payouts and new conversions are held.

use crate::kernel::{
    decimal::{self, Grammar},
    money::Money,
};
use std::str::FromStr;

const GRAMMAR: Grammar = Grammar { integer_digits_max: 12, fraction_digits_max: 4, negative: false };

/// A number of major units, of whatever currency: `50` is 50.00 EUR and 50 JPY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DebtLimit {
    unscaled: i128,
    /// A power of ten.
    scale: i128,
}

impl FromStr for DebtLimit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let decimal = decimal::parse(text, GRAMMAR).ok_or("an amount such as 50 or 49.90 is wanted, without a currency")?;
        Ok(Self { unscaled: decimal.mantissa(), scale: 10_i128.pow(decimal.scale()) })
    }
}

impl DebtLimit {
    /// Whether somebody owes more. `owed` is debit positive, as accounts are stored.
    pub fn is_exceeded(self, owed: Money) -> bool {
        i128::from(owed.minor) * self.scale > self.unscaled * i128::from(owed.currency.scale())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::currency::Currency;

    #[test]
    fn major_units_of_any_currency() {
        let limit: DebtLimit = "49.90".parse().expect("an amount");
        let exceeded = |minor, currency: &str| limit.is_exceeded(Money::new(minor, currency.parse().expect("a currency")));
        assert!(!exceeded(4990, "EUR") && exceeded(4991, "EUR"));
        assert!(!exceeded(49, "JPY") && exceeded(50, "JPY"));
        assert!(!exceeded(49_900, "TND") && exceeded(49_901, "TND"));
        assert!(!exceeded(-9_999_999, "EUR"), "whoever is owed money owes none");
        let none: DebtLimit = "0".parse().expect("an amount");
        assert!(none.is_exceeded(Money::new(1, Currency::EUR)) && !none.is_exceeded(Money::zero(Currency::EUR)));
        for wrong in ["", "-1", "1e3", "50 EUR", "0.00001"] {
            assert!(wrong.parse::<DebtLimit>().is_err(), "{wrong}");
        }
    }
}
