//! ISO 4217's own list against the currencies that we take.
use ristourne::kernel::currency::Currency;
use std::collections::BTreeMap;

/// The list of 2024-06-25: code and minor units, `N.A.` where it has none.
fn listed() -> BTreeMap<String, String> {
    let list = include_str!("../data/money/iso-4217-list-one.xml");
    // Antarctica and a few others are listed without a currency.
    let entries = list.split("<CcyNtry>").skip(1).filter(|entry| entry.contains("<Ccy>"));
    entries.map(|entry| (element(entry, "Ccy"), element(entry, "CcyMnrUnts"))).collect()
}

fn element(entry: &str, name: &str) -> String {
    let (_, rest) = entry.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {entry}"));
    rest.split('<').next().expect("the end of the element").to_owned()
}

/// Amendments of 2025: the Caribbean guilder follows the Antillean one, and the Arab Monetary Fund's unit of account has got a code.
const GONE: &str = "ANG";
const NEWER: [&str; 2] = ["XAD", "XCG"];

#[test]
fn the_currencies_with_minor_units_are_taken_and_no_others() {
    let listed = listed();
    let mut found: BTreeMap<&str, u32> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (code, units) in &listed {
        *found.entry(units).or_default() += 1;
        let ours = code.parse::<Currency>().map(Currency::decimals);
        match units.parse::<u8>() {
            Ok(decimals) if ours != Ok(decimals) && code != GONE => wrong.push(format!("{code} has {decimals} decimals, not {ours:?}")),
            Err(_) if ours.is_ok() => wrong.push(format!("{code} has no minor units, not {ours:?}")),
            _ => {}
        }
        let lower = code.to_lowercase();
        assert!(lower.parse::<Currency>().is_err(), "{lower}");
    }
    assert_eq!(found, BTreeMap::from([("0", 17), ("2", 140), ("3", 7), ("4", 2), ("N.A.", 13)]), "the list was read whole");
    assert!(wrong.is_empty(), "{wrong:#?}");

    // What is not on the list: every other word of three letters.
    let letters = || 'A'..='Z';
    let words = letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| format!("{a}{b}{c}"))));
    let others: Vec<String> = words.filter(|word| !listed.contains_key(word) && word.parse::<Currency>().is_ok()).collect();
    assert_eq!(others, NEWER, "taken without being on the list");
    assert!(GONE.parse::<Currency>().is_err(), "{GONE}");
}
