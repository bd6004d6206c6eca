//! The journal as other book-keeping programs read it: hledger, beancount, and CSV. Debits count positive.

use crate::domain::{
    account::Account,
    entry::{Entry, Link},
};
use crate::kernel::{currency::Currency, money::Money, time::Time};
use std::{collections::BTreeSet, fmt::Write as _};

/// A format of the export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Hledger,
    Beancount,
    Csv,
}

/// What stands before the first entry. `accounts` are all that the export names, with the time of their first entry.
pub fn head(format: Format, accounts: &[(Account, Time)], currencies: &BTreeSet<Currency>, heads: &[Link]) -> String {
    let mut out = String::new();
    if format != Format::Csv {
        for head in heads {
            line(&mut out, &format!("; chain head: node {} seq {} sha256 {}", head.node, head.seq, hex(&head.hash)));
        }
    }
    match format {
        Format::Hledger => {
            for currency in currencies {
                // Whether a `.` or `,` marks decimals or thousands must be plain, even where there are no decimals: `1000.`
                let point = if currency.decimals() == 0 { "." } else { "" };
                line(&mut out, &format!("commodity {}{point} {currency}", Money::new(1000 * currency.scale(), *currency).amount()));
            }
            for (account, _) in accounts {
                line(&mut out, &format!("account {}:{account}", account.class().word()));
            }
        }
        Format::Beancount => {
            line(&mut out, "option \"name_income\" \"Revenues\"");
            for (account, since) in accounts {
                line(&mut out, &format!("{} open {}", day(*since), beancount_name(*account)));
            }
        }
        Format::Csv => line(&mut out, "entry,at,kind,conversion,account,amount,currency,subject"),
    }
    out
}

/// Appends one entry to `out`.
pub fn entry(format: Format, entry: &Entry, out: &mut String) {
    match format {
        Format::Hledger => {
            line(out, "");
            line(out, &format!("{} ({}) {} {}", day(entry.at), entry.id, entry.kind.word(), entry.subject));
            for (account, debit) in &entry.postings {
                line(out, &format!("    {}:{account}  {}", account.class().word(), Money::new(*debit, entry.currency)));
            }
        }
        Format::Beancount => {
            line(out, "");
            line(out, &format!("{} * \"{} {}\" ^{}", day(entry.at), entry.kind.word(), entry.subject, entry.id));
            for (account, debit) in &entry.postings {
                line(out, &format!("  {}  {}", beancount_name(*account), Money::new(*debit, entry.currency)));
            }
        }
        Format::Csv => {
            for (account, debit) in &entry.postings {
                let amount = Money::new(*debit, entry.currency).amount();
                let name = format!("{}:{account}", account.class().word());
                let order = entry.subject.order().map(|id| id.to_string()).unwrap_or_default();
                let (id, at, kind) = (entry.id, entry.at, entry.kind.word());
                line(out, &format!("{id},{at},{kind},{order},{name},{amount},{},{}", entry.currency, entry.subject));
            }
        }
    }
}

/// Beancount wants each part capitalised, and letters, digits and `-` only.
fn beancount_name(account: Account) -> String {
    let parts = format!("{}:{account}", account.class().word()).replace('_', "-");
    let capital = |part: &str| {
        let mut chars = part.chars();
        chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
    };
    parts.split(':').map(capital).collect::<Vec<_>>().join(":")
}

/// The UTC date of a moment.
fn day(at: Time) -> String {
    at.to_string().chars().take(10).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").expect("writing to a string cannot fail");
        out
    })
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hledger_is_shown_a_decimal_point_for_every_currency() {
        let currencies = ["JPY", "EUR", "KWD", "CLF"].iter().map(|code| code.parse().expect("a currency")).collect();
        assert_eq!(
            head(Format::Hledger, &[], &currencies, &[]),
            "commodity 1000.0000 CLF\ncommodity 1000.00 EUR\ncommodity 1000. JPY\ncommodity 1000.000 KWD\n"
        );
    }
}
