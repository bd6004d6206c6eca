//! How the demo's shops keep their accounts, and the bank accounts that everybody is paid to. All invented.

use serde_json::{Value, json};

/// How a merchant's accountants work.
#[derive(Debug)]
pub struct Accounts {
    pub merchant: &'static str,
    pub legal_name: &'static str,
    pub address: &'static str,
    pub country: &'static str,
    /// Percent.
    pub vat_rate: &'static str,
    pub vat_mention: Option<&'static str>,
    /// The network's fee of a month, in the currency of its first program.
    pub fee: &'static str,
    /// Paid before anything is sold: a merchant that pays ahead.
    pub ahead: Option<&'static str>,
    /// How many days after an invoice it pays, and how many percent of it.
    pub pays: &'static [(i64, i64)],
}

const AUTOLIQUIDATION: Option<&str> = Some("Autoliquidation");

pub const OFFICES: [Accounts; 5] = [
    Accounts {
        merchant: "Librairie des Halles",
        legal_name: "Librairie des Halles SARL",
        address: "4 place du Marché\n44000 Nantes",
        country: "FR",
        vat_rate: "20",
        vat_mention: None,
        fee: "29.00",
        ahead: None,
        pays: &[(12, 100)],
    },
    Accounts {
        merchant: "Nordlicht Outdoor",
        legal_name: "Nordlicht Outdoor GmbH",
        address: "Hafenstraße 17\n24103 Kiel",
        country: "DE",
        vat_rate: "0",
        vat_mention: AUTOLIQUIDATION,
        fee: "29.00",
        ahead: None,
        // In two parts; of the last invoices only the first has come.
        pays: &[(9, 50), (24, 50)],
    },
    Accounts {
        merchant: "Harbour Coffee",
        legal_name: "Harbour Coffee Ltd",
        address: "2 Quay Street\nBristol BS1 4DJ",
        country: "GB",
        vat_rate: "0",
        vat_mention: AUTOLIQUIDATION,
        fee: "24.00",
        ahead: None,
        // It never pays: its invoices fall overdue.
        pays: &[],
    },
    Accounts {
        merchant: "Maison Lumière",
        legal_name: "Maison Lumière SAS",
        address: "31 rue des Tisserands\n59100 Roubaix",
        country: "FR",
        vat_rate: "20",
        vat_mention: None,
        fee: "19.00",
        ahead: None,
        pays: &[(6, 100)],
    },
    Accounts {
        merchant: "Tsubame Stationery",
        legal_name: "Tsubame KK",
        address: "3-1 Kanda\nTokyo",
        country: "JP",
        vat_rate: "0",
        vat_mention: AUTOLIQUIDATION,
        fee: "3000",
        // Used up before the play ends.
        ahead: Some("60000"),
        pays: &[],
    },
];

/// Codes made for parcels: program, how many, and what each is.
pub const VOUCHERS: [(usize, i64, &str); 2] = [
    (0, 40, r#"{"flat": "2.00", "funded_by": "merchant", "place": "dans le colis"}"#),
    (2, 24, r#"{"percent_of_buyer_share": "50", "funded_by": "platform", "place": "im Paket"}"#),
];
/// A community's code: a boost of this program's terms has it.
pub const CLUB_CODE: (usize, &str) = (1, "CLUBDULIVRE");
/// So many buyers have said where to pay to.
pub const BUYERS_PAID: usize = 130;

/// An account in France; every ninth is paid by hand.
pub fn method(n: usize, holder: &str) -> Value {
    if n % 9 == 8 {
        return json!({"method": "manual", "holder": holder, "details": "Chèque à l’ordre du titulaire", "minimums": {"EUR": "5.00"}});
    }
    let account = format!("{:011}", 10_000_000 + 137 * n);
    json!({"method": "sepa", "holder": holder, "iban": iban("FR", &format!("3000400003{account}{:02}", rib_key(30_004, 3, 10_000_000 + 137 * n)))})
}

/// What stands on a blogger's statements: every third charges VAT, every third none, and the others write their invoices themselves.
pub fn billing(n: usize, name: &str) -> Option<Value> {
    let mut billing = json!({"legal_name": format!("{name} EI"), "address": format!("{} rue des Ateliers\n44000 Nantes", n + 1), "country": "FR",
        "registration": format!("SIREN 90{:07}", 10_007 * (n + 1)), "mandate": true});
    match n % 3 {
        0 => {
            billing["vat_number"] = json!(format!("FR0090{:07}", 10_007 * (n + 1)));
            billing["vat_rate"] = json!("20");
        }
        1 => {}
        _ => return None,
    }
    Some(billing)
}

/// The key that ends a French account number: 97 less the rest of the number.
fn rib_key(bank: usize, branch: usize, account: usize) -> usize {
    97 - (89 * bank + 15 * branch + 3 * account) % 97
}

/// ISO 13616: the two digits behind the country make the whole, read as a number, 1 modulo 97.
pub fn iban(country: &str, account: &str) -> String {
    let digits = |text: &str| text.chars().filter_map(|c| c.to_digit(36)).map(|digit| digit.to_string()).collect::<String>();
    let number = format!("{}{}00", digits(account), digits(country));
    let rest = number.bytes().fold(0, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 97);
    format!("{country}{:02}{account}", 98 - rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_have_their_check_digits() {
        assert_eq!(iban("FR", "30006000011234567890189"), "FR7630006000011234567890189");
    }
}
