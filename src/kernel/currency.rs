//! Currencies of ISO 4217 that have minor units.

use crate::{kernel::schema, schema};
use std::{fmt, str::FromStr};

/// A currency with 0, 2, 3 or 4 decimals. Two bytes of meaning: the code, and how many decimals its minor unit has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency {
    code: [u8; 3],
    decimals: u8,
}

impl Currency {
    pub const EUR: Self = Self { code: *b"EUR", decimals: 2 };

    /// Decimals of the minor unit: 0, 2, 3 or 4.
    pub const fn decimals(self) -> u8 {
        self.decimals
    }
    /// Minor units of one unit: 1, 100, 1,000 or 10,000.
    pub const fn scale(self) -> i64 {
        10_i64.pow(self.decimals as u32)
    }
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).expect("made from three ASCII letters")
    }
}

/// Every code, in alphabetical order.
fn codes() -> Vec<String> {
    let letters = || b'A'..=b'Z';
    let triples = letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| [a, b, c])));
    let texts = triples.map(|code| code.map(char::from).iter().collect::<String>());
    texts.filter(|text| text.parse::<Currency>().is_ok()).collect()
}

/// Codes that `iso_currency` still knows and ISO 4217 has withdrawn: replaced by EUR, SLE and ZWG.
const WITHDRAWN: [&str; 3] = ["HRK", "SLL", "ZWL"];

/// Not an upper-case ISO 4217 code of a currency that has minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown currency: an upper-case ISO 4217 code with minor units is wanted")]
pub struct UnknownCurrency;

impl FromStr for Currency {
    type Err = UnknownCurrency;
    fn from_str(text: &str) -> Result<Self, UnknownCurrency> {
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| UnknownCurrency)?;
        if !code.iter().all(u8::is_ascii_uppercase) || WITHDRAWN.contains(&text) {
            return Err(UnknownCurrency);
        }
        let known = iso_currency::Currency::from_code(text).ok_or(UnknownCurrency)?;
        let decimals = known.exponent().and_then(|n| u8::try_from(n).ok()).ok_or(UnknownCurrency)?;
        Ok(Self { code, decimals })
    }
}
impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
impl serde::Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}
impl<'de> serde::Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
schema!(
    Currency,
    "Currency",
    schema::words("ISO 4217, upper case; only currencies that have minor units.", &codes().iter().map(String::as_str).collect::<Vec<_>>())
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_follow_iso_4217_and_the_rest_is_refused() {
        for (code, decimals) in [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("USD", 2)] {
            assert_eq!(code.parse::<Currency>().map(Currency::decimals), Ok(decimals), "{code}");
        }
        for bad in ["eur", "XXX", "XAU", "XTS", "EURO", "", "E1R", "ZZZ", "HRK"] {
            assert_eq!(bad.parse::<Currency>(), Err(UnknownCurrency), "{bad}");
        }
        assert_eq!("EUR".parse(), Ok(Currency::EUR));
    }
}
