//! Bank accounts: IBAN and BIC, checked; and the few characters that every bank of SEPA takes.

use iban::{Iban, IbanLike as _};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where money goes. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum BankAccount {
    Sepa {
        /// In the electronic form, without blanks.
        iban: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bic: Option<String>,
    },
    /// Whatever its payee wrote: how a payment in this currency reaches them.
    Manual { details: String },
}

impl fmt::Debug for BankAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BankAccount(hidden)")
    }
}

impl BankAccount {
    /// As much as people are shown: of an IBAN its country, check digits and last four characters.
    pub fn masked(&self) -> String {
        match self {
            Self::Sepa { iban, .. } => format!("{}…{}", &iban[..4], &iban[iban.len() - 4..]),
            Self::Manual { details } => {
                let shown: String = details.chars().take(4).collect();
                format!("{shown}…")
            }
        }
    }

    /// Bytes to seal.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts are JSON")
    }

    /// What `to_bytes` wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// An IBAN in its electronic form, if it is one: length and check digits of its country.
pub fn iban(text: &str) -> Option<String> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
    compact.parse::<Iban>().ok().map(|iban| iban.electronic_str().to_owned())
}

/// The countries of the Single Euro Payments Area (European Payments Council, EPC409-09).
const SEPA: [&str; 42] = [
    "AD", "AL", "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GI", "GR", "HR", "HU", "IE", "IS", "IT",
    "LI", "LT", "LU", "LV", "MC", "MD", "ME", "MK", "MT", "NL", "NO", "PL", "PT", "RO", "RS", "SE", "SI", "SK", "SM", "VA",
];

/// Whether a SEPA transfer can reach the account.
pub fn is_sepa(iban: &str) -> bool {
    iban.get(..2).is_some_and(|country| SEPA.contains(&country))
}

/// A BIC (ISO 9362) of 8 or 11 characters, if it is one.
pub fn bic(text: &str) -> Option<String> {
    let bic: String = text.trim().to_ascii_uppercase();
    let fits = matches!(bic.len(), 8 | 11)
        && bic
            .bytes()
            .enumerate()
            .all(|(n, byte)| if n < 6 { byte.is_ascii_uppercase() } else { byte.is_ascii_uppercase() || byte.is_ascii_digit() });
    fits.then_some(bic)
}

/// A text in the characters of SEPA's guidelines, at most so many: letters lose their accents, what is not known becomes a full stop.
pub fn sepa_text(text: &str, chars_max: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            c if c.is_ascii_alphanumeric() || "/-?:().,'+ ".contains(c) => out.push(c),
            '’' | '‘' | '`' | '´' => out.push('\''),
            '–' | '—' | '_' => out.push('-'),
            '&' => out.push('+'),
            c if c.is_whitespace() => out.push(' '),
            c => out.push_str(latin(c)),
        }
    }
    let out = out.trim_start_matches(['/', ' ']).replace("//", "/");
    let cut: String = out.chars().take(chars_max).collect();
    let cut = cut.trim_end_matches(['/', ' ']);
    if cut.is_empty() { ".".to_owned() } else { cut.to_owned() }
}

/// A Latin letter without what stands above, below or through it.
fn latin(c: char) -> &'static str {
    const LETTERS: [(&str, &str); 38] = [
        ("ÀÁÂÃÅĀĂĄ", "A"),
        ("àáâãåāăą", "a"),
        ("Ä", "Ae"),
        ("ä", "ae"),
        ("Æ", "AE"),
        ("æ", "ae"),
        ("ÇĆĈĊČ", "C"),
        ("çćĉċč", "c"),
        ("ĎĐÐ", "D"),
        ("ďđð", "d"),
        ("ÈÉÊËĒĔĖĘĚ", "E"),
        ("èéêëēĕėęě", "e"),
        ("ĜĞĠĢ", "G"),
        ("ĝğġģ", "g"),
        ("ÌÍÎÏĨĪĬĮİ", "I"),
        ("ìíîïĩīĭįı", "i"),
        ("ĹĻĽĿŁ", "L"),
        ("ĺļľŀł", "l"),
        ("ÑŃŅŇ", "N"),
        ("ñńņň", "n"),
        ("ÒÓÔÕŌŎŐØ", "O"),
        ("òóôõōŏőø", "o"),
        ("Ö", "Oe"),
        ("ö", "oe"),
        ("Œ", "OE"),
        ("œ", "oe"),
        ("ŔŖŘ", "R"),
        ("ŕŗř", "r"),
        ("ŚŜŞŠȘ", "S"),
        ("śŝşšș", "s"),
        ("ß", "ss"),
        ("ŢŤȚ", "T"),
        ("ţťț", "t"),
        ("ÙÚÛŨŪŬŮŰŲ", "U"),
        ("ùúûũūŭůűų", "u"),
        ("ÝŸ", "Y"),
        ("ýÿ", "y"),
        ("ŹŻŽ", "Z"),
    ];
    match c {
        'Ü' => "Ue",
        'ü' => "ue",
        'ź' | 'ż' | 'ž' => "z",
        'Ķ' => "K",
        'ķ' => "k",
        'Ħ' => "H",
        'ħ' => "h",
        'Þ' => "Th",
        'þ' => "th",
        c => LETTERS.iter().find(|(letters, _)| letters.contains(c)).map_or(".", |(_, plain)| plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ibans_and_bics_are_checked() {
        assert_eq!(iban("fr76 3000 6000 0112 3456 7890 189").as_deref(), Some("FR7630006000011234567890189"));
        for bad in ["FR7630006000011234567890188", "FR76", "", "DE4450010517540732493", "XX7630006000011234567890189"] {
            assert_eq!(iban(bad), None, "{bad}");
        }
        assert_eq!(bic("agrifrpp").as_deref(), Some("AGRIFRPP"));
        for bad in ["AGRIFRP", "AGR1FRPP", "AGRIFRPPXX", ""] {
            assert_eq!(bic(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_account_is_hidden_and_comes_back() {
        let account = BankAccount::Sepa { iban: "FR7630006000011234567890189".to_owned(), bic: None };
        assert_eq!((account.masked().as_str(), format!("{account:?}").as_str()), ("FR76…0189", "BankAccount(hidden)"));
        assert_eq!(BankAccount::from_bytes(&account.to_bytes()), Some(account));
    }

    #[test]
    fn texts_lose_what_banks_refuse() {
        for (text, wanted) in [
            ("Nadia Lefèvre & Cie", "Nadia Lefevre + Cie"),
            ("//a//b/", "a/b"),
            ("Łódź", "Lodz"),
            ("Straße_7", "Strasse-7"),
            ("東京", ".."),
            ("", "."),
        ] {
            assert_eq!(sepa_text(text, 70), wanted);
        }
        assert_eq!(sepa_text(&"é".repeat(80), 70).len(), 70);
    }
}
