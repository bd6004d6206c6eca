//! Exact fractions, so that a commission is rounded once and at the end.

use std::{cmp::Ordering, fmt};

/// A fraction of minor units, lowest terms, denominator above zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    numerator: i128,
    denominator: i128,
}

/// The operands were beyond what 128 bits hold: no amount of the contract's range gets there but by absurd exchange rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the amount is out of range")]
pub struct OutOfRange;

impl Ratio {
    pub const ZERO: Self = Self { numerator: 0, denominator: 1 };

    pub fn whole(minor: i64) -> Self {
        Self { numerator: minor.into(), denominator: 1 }
    }

    pub fn new(numerator: i128, denominator: i128) -> Result<Self, OutOfRange> {
        if denominator == 0 || numerator == i128::MIN || denominator == i128::MIN {
            return Err(OutOfRange);
        }
        let divisor = gcd(numerator.unsigned_abs(), denominator.unsigned_abs());
        let divisor = i128::try_from(divisor).map_err(|_| OutOfRange)? * denominator.signum();
        Ok(Self { numerator: numerator / divisor, denominator: denominator / divisor })
    }

    pub fn plus(self, other: Self) -> Result<Self, OutOfRange> {
        // Over the least common denominator: the amounts of one order share their rates, and a product of both would be needlessly large.
        let common = gcd(self.denominator.unsigned_abs(), other.denominator.unsigned_abs());
        let common = i128::try_from(common).map_err(|_| OutOfRange)?;
        let left = self.numerator.checked_mul(other.denominator / common).ok_or(OutOfRange)?;
        let right = other.numerator.checked_mul(self.denominator / common).ok_or(OutOfRange)?;
        let denominator = self.denominator.checked_mul(other.denominator / common).ok_or(OutOfRange)?;
        Self::new(left.checked_add(right).ok_or(OutOfRange)?, denominator)
    }

    pub fn times(self, other: Self) -> Result<Self, OutOfRange> {
        // Cross-cancelling first keeps the products as small as they can be.
        let (a, b) = (Self::new(self.numerator, other.denominator)?, Self::new(other.numerator, self.denominator)?);
        Self::new(a.numerator.checked_mul(b.numerator).ok_or(OutOfRange)?, a.denominator.checked_mul(b.denominator).ok_or(OutOfRange)?)
    }

    /// The nearest whole minor unit; a half goes up (away from zero for the amounts here, which are not negative).
    pub fn round_half_up(self) -> Result<i64, OutOfRange> {
        let doubled = self.numerator.checked_mul(2).and_then(|n| n.checked_add(self.denominator)).ok_or(OutOfRange)?;
        let twice = self.denominator.checked_mul(2).ok_or(OutOfRange)?;
        i64::try_from(doubled.div_euclid(twice)).map_err(|_| OutOfRange)
    }

    pub fn numerator(self) -> i128 {
        self.numerator
    }
    pub fn denominator(self) -> i128 {
        self.denominator
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
/// Exact for any operands, without a product that could overflow: whole parts first, then the rests turned over, as in a continued fraction.
impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut a, mut b) = ((self.numerator, self.denominator), (other.numerator, other.denominator));
        loop {
            let whole = a.0.div_euclid(a.1).cmp(&b.0.div_euclid(b.1));
            let rests = (a.0.rem_euclid(a.1), b.0.rem_euclid(b.1));
            match (whole, rests) {
                (Ordering::Equal, (0, 0)) => return Ordering::Equal,
                (Ordering::Equal, (0, _)) => return Ordering::Less,
                (Ordering::Equal, (_, 0)) => return Ordering::Greater,
                (Ordering::Equal, (rest_a, rest_b)) => (a, b) = ((b.1, rest_b), (a.1, rest_a)),
                (unequal, _) => return unequal,
            }
        }
    }
}
/// `600` or `47996/80`: exact, for receipts.
impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.denominator == 1 { write!(f, "{}", self.numerator) } else { write!(f, "{}/{}", self.numerator, self.denominator) }
    }
}
impl fmt::Debug for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_up_once() {
        let ratio = |n, d| Ratio::new(n, d).expect("in range");
        assert_eq!(ratio(1, 2).round_half_up(), Ok(1));
        assert_eq!(ratio(1, 3).round_half_up(), Ok(0));
        assert_eq!(ratio(11_999 * 5, 100).round_half_up(), Ok(600), "5 % of 119.99 is 5.9995");
        assert_eq!(ratio(1, 3).plus(ratio(1, 6)).and_then(Ratio::round_half_up), Ok(1), "a third and a sixth are exactly a half");
        assert_eq!(ratio(2, 3).times(ratio(3, 4)), Ok(ratio(1, 2)));
        assert_eq!(Ratio::new(1, 0), Err(OutOfRange));
        let third = ratio(1, 3 << 80);
        assert_eq!(third.plus(third).and_then(|two| two.plus(third)), Ok(ratio(1, 1 << 80)), "one denominator stays one");
        assert_eq!(Ratio::whole(i64::MAX).times(Ratio::new(i128::MAX, 1).expect("in range")), Err(OutOfRange));
    }

    #[test]
    fn any_two_fractions_compare() {
        let ratio = |n, d| Ratio::new(n, d).expect("in range");
        let rising =
            [ratio(-3, 2), ratio(-4, 3), ratio(0, 1), ratio(1, i128::MAX), ratio(1, 3), ratio(2, 5), ratio(1, 2), ratio(i128::MAX, 3)];
        for (n, a) in rising.iter().enumerate() {
            for (m, b) in rising.iter().enumerate() {
                assert_eq!(a.cmp(b), n.cmp(&m), "{a} and {b}");
            }
        }
        let (huge, hair) = (ratio(i128::MAX - 1, i128::MAX), ratio(i128::MAX - 2, i128::MAX - 1));
        assert!(hair < huge && huge < Ratio::whole(1));
        assert_eq!(huge.cmp(&hair), std::cmp::Ordering::Greater, "also the other way round");
    }
}
