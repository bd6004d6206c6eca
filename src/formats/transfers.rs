//! Payments as a table, for whoever makes them by hand or in a bank's own form.

use crate::kernel::{bank::BankAccount, money::Money};
use std::io;

const COLUMNS: [&str; 9] = ["payment", "payee", "name", "method", "iban", "bic", "details", "amount", "currency"];

/// One payment.
#[derive(Debug, Clone)]
pub struct Transfer<'a> {
    pub id: String,
    pub payee: String,
    pub name: &'a str,
    pub account: &'a BankAccount,
    pub amount: Money,
}

/// RFC 4180, the columns' names first. The same input gives the same bytes.
pub fn write(transfers: &[Transfer<'_>]) -> io::Result<Vec<u8>> {
    let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    csv.write_record(COLUMNS)?;
    for Transfer { id, payee, name, account, amount } in transfers {
        let (method, iban, bic, details) = match account {
            BankAccount::Sepa { iban, bic } => ("sepa", iban.as_str(), bic.as_deref().unwrap_or_default(), ""),
            BankAccount::Manual { details } => ("manual", "", "", details.as_str()),
        };
        let (name, details, sum) = (unformula(name), unformula(details), amount.amount().to_string());
        csv.write_record([id, payee, &name, method, iban, bic, &details, &sum, amount.currency.code()])?;
    }
    csv.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// Spreadsheets take a text that begins with certain characters for a formula; behind an apostrophe it is a text.
fn unformula(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("{guard}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::currency::Currency;

    #[test]
    fn a_table_of_payments() {
        let accounts = [
            BankAccount::Sepa { iban: "FR7630006000011234567890189".to_owned(), bic: None },
            BankAccount::Manual { details: "=1+1\nby hand".to_owned() },
        ];
        let transfer = |account| Transfer {
            id: "pay_1".to_owned(),
            payee: "buy_1".to_owned(),
            name: "A",
            account,
            amount: Money::new(1234, Currency::EUR),
        };
        let bytes = write(&accounts.iter().map(transfer).collect::<Vec<_>>()).expect("written");
        let wanted = "payment,payee,name,method,iban,bic,details,amount,currency\r\n\
            pay_1,buy_1,A,sepa,FR7630006000011234567890189,,,12.34,EUR\r\npay_1,buy_1,A,manual,,,\"'=1+1\nby hand\",12.34,EUR\r\n";
        assert_eq!(String::from_utf8(bytes).expect("text"), wanted);
    }
}
