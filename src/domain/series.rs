//! Series of document numbers: gapless, one counter a series and year.

use crate::domain::word::words;
use crate::kernel::time::{Time, Zone};
use std::fmt;

words! {
    /// A series of numbers: each kind of document has its own.
    pub enum Series {
        Invoice = "invoice",
        CreditNote = "credit_note",
        Statement = "statement",
    }
}

impl Series {
    /// What its counter is locked by; ids are never so small.
    pub const fn lock_number(self) -> i64 {
        match self {
            Self::Invoice => 1,
            Self::CreditNote => 2,
            Self::Statement => 3,
        }
    }
}

/// A document's number: `2026-000123`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    pub series: Series,
    /// Of the day of issue, in the installation's zone.
    pub year: i64,
    /// From 1, without gaps.
    pub serial: i64,
}

/// The year of a document that is issued then.
pub fn year(zone: &Zone, at: Time) -> i64 {
    zone.month(at).number().div_euclid(12)
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:06}", self.year, self.serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_with_the_year_of_the_zone() {
        let at = Time::parse("2026-12-31T23:30:00Z").expect("valid");
        let paris = Zone::named("Europe/Paris").expect("known");
        let number = |zone| Number { series: Series::Invoice, year: year(zone, at), serial: 123 }.to_string();
        assert_eq!((number(&Zone::UTC).as_str(), number(&paris).as_str()), ("2026-000123", "2027-000123"));
    }
}
