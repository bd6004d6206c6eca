//! Exchange rates as the European Central Bank publishes them: `eurofxref-hist.csv` with `N/A` in its holes, and `eurofxref.csv` with its
//! day in words. A currency that is no more (HRK, TRL) is passed over. The export has the first form.
use super::{Fields, Refused, TableError, check_width, write_line};
use crate::domain::rate::Rate;
use crate::kernel::{
    currency::Currency,
    time::{DAY, Day, Time},
};

/// 1999-01-04, in days since 1970: the first of the bank's files.
const FIRST_DAY: i32 = 10_595;
const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// Reads lines of rates, units per euro.
#[derive(Debug)]
pub struct Reader {
    /// By column behind the day; none for those passed over.
    currencies: Vec<Option<Currency>>,
}

/// The rates of a day.
#[derive(Debug)]
pub struct Rates {
    pub day: Day,
    pub rates: Vec<(Currency, Rate)>,
    /// Values of currencies that are no more.
    pub passed_over: u64,
}

impl Reader {
    pub fn new(header: &[String]) -> Result<Self, TableError> {
        let Some(at) = header.iter().position(|name| name == "date").filter(|at| *at == 0) else {
            return Err(TableError::Missing("Date, as the first".to_owned()));
        };
        let is_code = |name: &&String| name.len() == 3 && name.bytes().all(|byte| byte.is_ascii_lowercase());
        let unknown: Vec<String> = header[at + 1..].iter().filter(|name| !is_code(name)).map(|name| super::shown(name)).collect();
        if !unknown.is_empty() {
            return Err(TableError::UnknownColumns { unknown, known: "Date and codes of currencies".to_owned() });
        }
        let currency = |name: &String| name.to_ascii_uppercase().parse().ok().filter(|currency| *currency != Currency::EUR);
        Ok(Self { currencies: header[at + 1..].iter().map(currency).collect() })
    }

    pub fn read(&self, fields: &Fields<'_>, now: Time) -> Result<Rates, Refused> {
        check_width(fields, self.currencies.len() + 1)?;
        // The export of an installation without rates has a header alone.
        if self.currencies.is_empty() {
            return Err(Refused::new("invalid_rate", "no currency, such as USD, stands beside the day"));
        }
        let day = day(fields.get(0)).ok_or_else(|| Refused::new("invalid_date", "2026-10-30 or 30 October 2026 is wanted"))?;
        if day < Day::from_number(FIRST_DAY) {
            return Err(Refused::new("invalid_date", format!("{day}: the euro has rates since 1999-01-04")));
        }
        if day.start_utc() > now.plus(DAY) {
            return Err(Refused::new("date_in_future", format!("{day}: the rates of that day cannot be known yet")));
        }
        let mut rates = Rates { day, rates: Vec::with_capacity(self.currencies.len()), passed_over: 0 };
        for (n, currency) in self.currencies.iter().enumerate() {
            match (fields.get(n + 1), currency) {
                ("" | "N/A", _) => {}
                (_, None) => rates.passed_over += 1,
                (text, Some(currency)) => {
                    let rate = Rate::parse(text).ok_or_else(|| Refused::new("invalid_rate", format!("{currency}: {text:?} is no rate")))?;
                    rates.rates.push((*currency, rate));
                }
            }
        }
        Ok(rates)
    }
}

fn day(text: &str) -> Option<Day> {
    let mut words = text.split(' ');
    let (first, month, year) = (words.next()?, words.next(), words.next());
    let (Some(month), Some(year)) = (month, year) else { return Day::parse(text) };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    Day::parse(&format!("{year}-{month:02}-{first:0>2}"))
}

/// The header of an export.
pub fn head(out: &mut Vec<u8>, currencies: &[Currency]) {
    write_line(out, std::iter::once(&b"Date"[..]).chain(currencies.iter().map(|currency| currency.code().as_bytes())));
}

/// Appends a day, its rates by currency.
pub fn write(out: &mut Vec<u8>, currencies: &[Currency], day: Day, rates: &[(Currency, Rate)]) {
    let of =
        |currency: &Currency| rates.iter().find(|(known, _)| known == currency).map_or_else(|| "N/A".to_owned(), |(_, rate)| rate.text());
    let texts: Vec<String> = std::iter::once(day.to_string()).chain(currencies.iter().map(of)).collect();
    write_line(out, texts.iter().map(String::as_bytes));
}
