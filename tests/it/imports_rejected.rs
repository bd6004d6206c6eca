//! The file of rejected lines: whole, mended as often as it takes, never what is read, and gone when nothing is rejected.
use crate::imports_elsewhere::{Shop, file, import, rejected, shop};
use crate::support::{
    Fresh, TempDir, for_each_database,
    server::{PROGRAM, ristourne, ristourne_ok},
};
use serde_json::json;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn rejected_of(file: &Path) -> PathBuf {
    PathBuf::from(format!("{}.rejected.csv", file.display()))
}

fn mend(file: &Path, wrong: &str, right: &str) {
    let text = fs::read_to_string(file).expect("text");
    assert!(text.contains(wrong), "{text}");
    fs::write(file, text.replace(wrong, right)).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn sales_are_mended_as_often_as_it_takes() {
    for_each_database(async |database| {
        let Shop { program, .. } = shop(database).await;
        let dir = TempDir::new("mended");
        let line = |order: &str, amount: &str| format!("{program};{order};{amount};EUR;\n");
        let text = ["program;order_id;amount;currency;\n".to_owned(), line("A-1", "1.00"), line("A-2", "1.234"), line("A-3", "x")].concat();
        let first = file(&dir, "sales.csv", text);
        assert_eq!(import(database, "sales", &first)["rejected"], 2);
        let second = rejected_of(&first);
        mend(&second, "1.234", "1.23");
        let done = import(database, "sales", &second);
        assert_eq!((&done["imported"], &done["rejected"]), (&json!(1), &json!(1)), "{done}");
        let third = rejected_of(&second);
        let left = fs::read_to_string(&third).expect("text");
        let head = "rejected_line,rejected_code,rejected_because,program,order_id,amount,currency\n3,invalid_amount,";
        assert!(left.starts_with(head) && left.ends_with(&format!(",{program},A-3,x,EUR\n")), "{left}");
        mend(&third, "A-3,x,", "A-3,3.00,");
        let done = import(database, "sales", &third);
        assert_eq!((&done["imported"], &done["rejected"]), (&json!(1), &json!(0)), "{done}");
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}

/// The day's file of the ECB ends each line with a separator; a set-up is no table.
#[tokio::test(flavor = "multi_thread")]
async fn rates_and_a_set_up_are_mended_too() {
    for_each_database(async |database| {
        let dir = TempDir::new("mended");
        let daily = file(&dir, "daily.csv", "Date, USD, JPY, \n30 Octember 2026, 1.1172, 175.68, \n");
        assert_eq!(import(database, "rates", &daily)["rejected"], 1);
        let text = fs::read_to_string(rejected_of(&daily)).expect("text");
        let columns: Vec<usize> = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes())
            .records()
            .map(|row| row.expect("CSV").len())
            .collect();
        assert_eq!(columns, [6, 6], "{text}");
        mend(&rejected_of(&daily), "Octember", "October");
        let done = import(database, "rates", &rejected_of(&daily));
        assert_eq!((&done["imported"], &done["rejected"]), (&json!(1), &json!(0)), "{done}");
        assert!(ristourne_ok(database, &["export", "rates"]).contains("2026-10-30,175.68,1.1172"));

        shop(database).await;
        let setup = ristourne_ok(database, &["export", "setup"]);
        let line = setup.lines().find(|line| line.contains("\"Shop\"")).expect("the merchant");
        let path = file(&dir, "setup.jsonl", line.replace("\"Shop\"", "70707070") + "\n");
        assert_eq!(import(database, "setup", &path)["rejected"], 1);
        mend(&rejected_of(&path), "70707070", "\"\"Shop\"\"");
        let done = import(database, "setup", &rejected_of(&path));
        assert_eq!((&done["duplicates"], &done["rejected"]), (&json!(1), &json!(0)), "{done}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_run_rejected_is_taken_away() {
    let fresh = Fresh::sqlite().await;
    let dir = TempDir::new("stale");
    let path = file(&dir, "rates.csv", "Date,USD\n2026-11-02,x\n");
    assert_eq!(import(&fresh.url, "rates", &path)["rejected"], 1);
    assert_eq!(rejected(&path), [(2, "invalid_rate".to_owned())]);
    mend(&path, "x", "1.2");
    let done = import(&fresh.url, "rates", &path);
    assert_eq!((&done["rejected"], done.get("rejected_file")), (&json!(0), None));
    assert!(!rejected_of(&path).exists());
    // What is not of that form is not ours to take away.
    file(&dir, "rates.csv.rejected.csv", "somebody's own\n");
    import(&fresh.url, "rates", &path);
    assert_eq!(fs::read_to_string(rejected_of(&path)).expect("text"), "somebody's own\n");
    let names = fs::read_dir(dir.path()).expect("a directory").map(|entry| entry.expect("an entry").file_name());
    assert_eq!(names.count(), 2, "nothing half written stays");
}

/// Of a device nothing is put in its place.
#[tokio::test(flavor = "multi_thread")]
async fn rejected_lines_may_go_to_a_device() {
    let fresh = Fresh::sqlite().await;
    let dir = TempDir::new("device");
    let path = file(&dir, "rates.csv", "Date,USD\n2026-11-02,x\n").display().to_string();
    let null = dir.path().join("null");
    std::os::unix::fs::symlink("/dev/null", &null).expect("linked");
    let spool = dir.path().join("spool").display().to_string();
    let said = ristourne_ok(&fresh.url, &["import", "rates", &path, "--rejected", &null.display().to_string(), "--spool-dir", &spool]);
    assert!(said.starts_with("rates: 1 line read") && said.contains("1 rejected"), "{said}");
    assert!(null.is_symlink());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_never_writes_over_what_it_reads() {
    let fresh = Fresh::sqlite().await;
    let dir = TempDir::new("itself");
    let text = "rejected_line,rejected_code,rejected_because,date,usd\n2,invalid_rate,USD,2026-11-02,x\n";
    let path = file(&dir, "rates.rejected.csv", text);
    fs::hard_link(&path, dir.path().join("other.csv")).expect("linked");
    let spool = dir.path().join("spool").display().to_string();
    let refused = |output: Output| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains("which is read") && said.contains("--rejected"), "{said}");
        assert_eq!(fs::read_to_string(&path).expect("text"), text);
    };
    // By the name that standard input has; by its own; by another name.
    let piped = Command::new(PROGRAM)
        .args(["import", "rates", "-", "--spool-dir", &spool])
        .env("DATABASE_URL", &fresh.url)
        .current_dir(dir.path())
        .stdin(File::open(&path).expect("a file"))
        .output();
    refused(piped.expect("it runs"));
    for other in ["rates.rejected.csv", "other.csv"] {
        let other = dir.path().join(other).display().to_string();
        refused(ristourne(&fresh.url, &["import", "rates", &path.display().to_string(), "--rejected", &other, "--spool-dir", &spool]));
    }
}
