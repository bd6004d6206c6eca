//! The books in the columns of the FEC, read by a small checker that knows nothing of how they are written.
use crate::support::{
    Fresh, TempDir, for_each_empty_database,
    server::{ristourne, ristourne_ok},
    sql::Sql,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

const HEADER: &str = "JournalCode\tJournalLib\tEcritureNum\tEcritureDate\tCompteNum\tCompteLib\tCompAuxNum\tCompAuxLib\tPieceRef\tPieceDate\t\
    EcritureLib\tDebit\tCredit\tEcritureLet\tDateLet\tValidDate\tMontantdevise\tIdevise";

/// Cents of `1234,50`.
fn cents(text: &str) -> i64 {
    let (whole, part) = text.split_once(',').unwrap_or_else(|| panic!("{text} has no decimals"));
    assert!(part.len() == 2 && !whole.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b','), "{text}");
    format!("{whole}{part}").parse().expect("digits")
}

/// What a year's books come to: the balance of each account of the chart, debits positive, with the auxiliary one.
fn check(books: &str, year: &str) -> BTreeMap<(String, String), i64> {
    assert!(books.ends_with("\r\n"));
    let mut lines = books.lines();
    assert_eq!(lines.next(), Some(HEADER));
    let (mut entries, mut sums) = (BTreeMap::<(String, u64), (i64, String)>::new(), BTreeMap::new());
    let mut names = BTreeMap::new();
    for line in lines {
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!(fields.len(), 18, "{line}");
        for n in [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 15] {
            assert!(!fields[n].trim().is_empty(), "column {} is empty in {line}", n + 1);
        }
        for n in [3, 9, 15] {
            assert!(fields[n].len() == 8 && fields[n].bytes().all(|b| b.is_ascii_digit()), "{line}");
        }
        assert!(fields[3].starts_with(year), "{line}");
        assert_eq!(*names.entry(fields[4].to_owned()).or_insert(fields[5].to_owned()), fields[5], "one account has one name");
        assert!(fields[4].len() >= 3 && fields[4].bytes().take(3).all(|b| b.is_ascii_digit()), "{line}");
        assert_eq!(fields[6].is_empty(), fields[7].is_empty(), "{line}");
        let (debit, credit) = (cents(fields[11]), cents(fields[12]));
        assert!((debit == 0) != (credit == 0), "either a debit or a credit: {line}");
        let entry = entries.entry((fields[0].to_owned(), fields[2].parse().expect("a number"))).or_insert((0, fields[3].to_owned()));
        entry.0 += debit - credit;
        assert_eq!(entry.1, fields[3], "an entry has one day: {line}");
        *sums.entry((fields[4].to_owned(), fields[6].to_owned())).or_default() += debit - credit;
    }
    let mut last: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
    for ((journal, number), (sum, day)) in &entries {
        assert_eq!(*sum, 0, "{journal} {number} does not balance");
        let before = last.insert(journal, (*number, day)).unwrap_or((0, ""));
        assert_eq!(*number, before.0 + 1, "{journal} has a gap");
        assert!(before.1 <= day.as_str(), "{journal} {number} is of a day before the one before");
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

const ZONE: &str = "Europe/Paris";

/// The balance of each account that the ledger has in euros and that is final.
async fn balances(database: &str) -> BTreeMap<(String, String), i64> {
    let mut sql = Sql::open(database).await;
    let rows = sql
        .texts("SELECT account || '|' || CAST(amount AS TEXT) FROM balance WHERE currency = 'EUR' AND account NOT LIKE '%:pending'")
        .await;
    sql.close().await;
    let mut out: BTreeMap<(String, String), i64> = BTreeMap::new();
    for row in rows {
        let (account, amount) = row.split_once('|').expect("two parts");
        let mut parts = account.split(':');
        let (number, auxiliary) = match (parts.next().expect("a part"), parts.next().unwrap_or_default()) {
            ("merchant", id) => ("411000", id),
            ("publisher", id) => ("401000", id),
            ("buyer", id) => ("467000", id),
            ("unclaimed", id) => ("467100", id),
            ("payouts", "in_flight") => ("467200", ""),
            ("vat", "deductible") => ("445660", ""),
            ("vat", "collected") => ("445710", ""),
            ("cash", "") => ("512000", ""),
            ("platform", "revenue") => ("706000", ""),
            ("platform", "fees") => ("706100", ""),
            ("promotions", "spent") => ("623000", ""),
            ("bank_fees", "") => ("627000", ""),
            ("losses", "") => ("658000", ""),
            ("opening", "") => ("890000", ""),
            other => panic!("{other:?} has no account of the chart"),
        };
        *out.entry((number.to_owned(), auxiliary.to_owned())).or_default() += amount.parse::<i64>().expect("cents");
    }
    out.retain(|_, sum| *sum != 0);
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demos_books_balance_without_gaps_and_say_what_the_ledger_says() {
    for_each_empty_database(async |database| {
        let spool = TempDir::new("demo-spool");
        let spool = spool.path().display().to_string();
        ristourne_ok(database, &["demo", "--only-make", "--day", "2025-03-20", "--timezone", ZONE, "--spool-dir", &spool]);
        let mut sums: BTreeMap<(String, String), i64> = BTreeMap::new();
        let (mut years, mut pieces) = (BTreeSet::new(), BTreeSet::new());
        for year in ["2023", "2024", "2025"] {
            let books = ristourne_ok(database, &["export", "fec", "--year", year, "--timezone", ZONE]);
            let of_year = check(&books, year);
            pieces.extend(["\tFacture 20", "\tAutofacture 20"].into_iter().filter(|piece| books.contains(piece)));
            if !of_year.is_empty() {
                years.insert(year);
            }
            for (account, sum) in of_year {
                *sums.entry(account).or_default() += sum;
            }
        }
        sums.retain(|_, sum| *sum != 0);
        assert!(!years.is_empty() && sums.len() > 10, "{sums:?}");
        assert_eq!(pieces.len(), 2, "documents stand there under their numbers: {pieces:?}");
        assert_eq!(sums, balances(database).await);
    })
    .await;
}

#[tokio::test]
async fn the_file_has_the_name_that_the_tax_office_wants() {
    let (fresh, dir) = (Fresh::sqlite().await, TempDir::new("fec"));
    let run = |siren: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ristourne"));
        command.args(["export", "fec", "--year", "2026", "--siren", siren]).env("DATABASE_URL", &fresh.url).current_dir(dir.path());
        command.output().expect("it runs")
    };
    assert_eq!(run("732829321").status.code(), Some(2), "a digit is wrong");
    assert!(run("732829320").status.success());
    let books = std::fs::read_to_string(dir.path().join("732829320FEC20261231.txt")).expect("the file is there");
    assert_eq!(books, format!("{HEADER}\r\n"));
    assert_eq!(ristourne(&fresh.url, &["export", "fec"]).status.code(), Some(2), "a year is wanted");
}
