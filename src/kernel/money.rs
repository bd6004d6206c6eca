//! Money: an amount in minor units with its currency, read and written as decimal text.

use crate::{
    kernel::{
        currency::Currency,
        decimal::{self, Grammar},
        schema,
    },
    schema,
};
use std::fmt;

/// The largest amount, in minor units: 10^15. Sums of 9,000 such amounts still fit an `i64`.
pub const MINOR_MAX: i64 = 1_000_000_000_000_000;

/// An amount: minor units (cents) of a currency. Negative where the context allows it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    #[error("not an amount: digits with a dot, such as 12.34, without leading zeros, exponent or thousands mark")]
    Invalid,
    #[error("too many decimals: {currency} has {}", currency.decimals())]
    Decimals { currency: Currency },
    #[error("out of range: at most 10^15 minor units")]
    OutOfRange,
}

impl AmountError {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid_amount",
            Self::Decimals { .. } => "too_many_decimals",
            Self::OutOfRange => "amount_out_of_range",
        }
    }
}

const GRAMMAR: Grammar = Grammar { integer_digits_max: 15, fraction_digits_max: 4, negative: true };

impl Money {
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Reads `12.34`. Decimals count as written: `10.000` EUR is refused.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, AmountError> {
        let decimal = decimal::parse(text, GRAMMAR).ok_or(AmountError::Invalid)?;
        let decimals = u32::from(currency.decimals());
        if decimal.scale() > decimals {
            return Err(AmountError::Decimals { currency });
        }
        let minor = decimal.mantissa() * 10_i128.pow(decimals - decimal.scale());
        let minor = i64::try_from(minor).map_err(|_| AmountError::OutOfRange)?;
        if minor.abs() > MINOR_MAX {
            return Err(AmountError::OutOfRange);
        }
        Ok(Self { minor, currency })
    }

    /// The decimal text without the currency: `-0.05`, `12.34`, `100` (JPY).
    pub fn amount(self) -> Amount {
        Amount(self)
    }
}

/// Displays the number of a [`Money`] with exactly its currency's decimals.
#[derive(Debug, Clone, Copy)]
pub struct Amount(Money);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Money { minor, currency } = self.0;
        let (sign, minor) = (if minor < 0 { "-" } else { "" }, minor.unsigned_abs());
        let scale = currency.scale().unsigned_abs();
        match usize::from(currency.decimals()) {
            0 => write!(f, "{sign}{minor}"),
            decimals => write!(f, "{sign}{}.{:0decimals$}", minor / scale, minor % scale),
        }
    }
}
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}
impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
/// `{"amount": "12.34", "currency": "EUR"}`, the contract's money object.
impl serde::Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut money = serializer.serialize_struct("Money", 2)?;
        money.serialize_field("amount", &self.amount())?;
        money.serialize_field("currency", &self.currency)?;
        money.end()
    }
}

impl serde::Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An amount with its currency.
#[derive(utoipa::ToSchema)]
#[schema(as = Money)]
#[expect(dead_code, reason = "only its shape is wanted")]
struct Wire {
    amount: Amount,
    currency: Currency,
}
impl utoipa::PartialSchema for Money {
    fn schema() -> schema::Shape {
        Wire::schema()
    }
}
impl utoipa::ToSchema for Money {
    fn schemas(schemas: &mut Vec<(String, schema::Shape)>) {
        Wire::schemas(schemas);
    }
}
schema!(
    Amount,
    "Amount",
    schema::text(
        "Decimal text with exactly the currency's decimals, with a minus where it is below zero.",
        r"^-?(0|[1-9][0-9]*)(\.[0-9]{2,4})?$",
        "12.34"
    )
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_round_trip_in_every_kind_of_currency() {
        for (text, code, minor) in [
            ("12.34", "EUR", 1234),
            ("-0.05", "EUR", -5),
            ("100", "JPY", 100),
            ("1.234", "KWD", 1234),
            ("0.0001", "CLF", 1),
            ("5", "EUR", 500),
        ] {
            let money = Money::parse(text, code.parse().expect("known")).expect("an amount");
            assert_eq!(money.minor, minor);
            assert_eq!(Money::parse(&money.amount().to_string(), money.currency), Ok(money));
        }
    }

    #[test]
    fn refusals_say_why() {
        let parse = |text: &str, code: &str| Money::parse(text, code.parse().expect("known")).map_err(AmountError::code);
        assert_eq!(parse("10.000", "EUR"), Err("too_many_decimals"));
        assert_eq!(parse("100.0", "JPY"), Err("too_many_decimals"));
        assert_eq!(parse("1e3", "EUR"), Err("invalid_amount"));
        assert_eq!(parse("10000000000000.01", "EUR"), Err("amount_out_of_range"));
        assert!(parse("10000000000000.00", "EUR").is_ok());
        assert_eq!(parse("999999999999999", "CLF"), Err("amount_out_of_range"));
    }
}
