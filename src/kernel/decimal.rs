//! The contract's grammar of decimal numbers. `Decimal::from_str` takes `1e3`, `1_000` and `+5`, and rounds silently past 28 digits; this does not.

use rust_decimal::Decimal;

/// How many digits a number may have.
#[derive(Debug, Clone, Copy)]
pub struct Grammar {
    pub integer_digits_max: usize,
    pub fraction_digits_max: usize,
    pub negative: bool,
}

/// Reads `-?(0|[1-9][0-9]*)(\.[0-9]+)?` within the bounds; the digits count as written, so `10.000` has three decimals.
pub fn parse(text: &str, grammar: Grammar) -> Option<Decimal> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    if negative && !grammar.negative {
        return None;
    }
    let (integer, fraction) = match digits.split_once('.') {
        Some((integer, fraction)) if !fraction.is_empty() => (integer, fraction),
        Some(_) => return None,
        None => (digits, ""),
    };
    let leading_zero = integer.len() > 1 && integer.starts_with('0');
    let fits = !integer.is_empty() && integer.len() <= grammar.integer_digits_max && fraction.len() <= grammar.fraction_digits_max;
    let ascii = integer.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
    if leading_zero || !fits || !ascii {
        return None;
    }
    let mut unscaled = 0_i128;
    for byte in integer.bytes().chain(fraction.bytes()) {
        unscaled = unscaled.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
    }
    Decimal::try_from_i128_with_scale(if negative { -unscaled } else { unscaled }, u32::try_from(fraction.len()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_contracts_grammar() {
        let grammar = Grammar { integer_digits_max: 15, fraction_digits_max: 4, negative: true };
        for good in ["0", "12.5", "-3", "999999999999999.9999", "10.000", "0.0001"] {
            assert_eq!(parse(good, grammar).map(|d| d.to_string()).as_deref(), Some(good));
        }
        for bad in [
            "",
            "-",
            ".5",
            "5.",
            "1e3",
            "1_000",
            "+5",
            "01",
            "00",
            "1,5",
            " 1",
            "1 ",
            "NaN",
            "١٢",
            "1.23456",
            "1234567890123456",
            "--1",
            "0x1",
            "1.2.3",
        ] {
            assert_eq!(parse(bad, grammar), None, "{bad}");
        }
    }
}
