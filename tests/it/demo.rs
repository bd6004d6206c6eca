//! The demo: the same each time, all of what can happen in it, and the lines that it prints work.
use crate::support::{
    Fresh, TempDir, for_each_empty_database,
    server::{PROGRAM, Server, client, ristourne, ristourne_ok, text},
    sql::Sql,
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Mutex,
};

/// Makes a demo of a day and says how many there are of what.
fn make(database: &str, spool: &Path, size: &str) -> Value {
    let spool = spool.display().to_string();
    let said = ristourne_ok(database, &["demo", "--only-make", "--json", "--day", "2025-03-20", "--size", size, "--spool-dir", &spool]);
    assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    assert_eq!(ristourne_ok(database, &["key", "list", "--json"]), "", "the play's own key is gone");
    serde_json::from_str::<Value>(&said).expect("one JSON object")["made"].clone()
}

/// Demos of the same day are the same to the cent and the entry, on either database, and their books balance.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_is_the_same_each_time() {
    let spool = TempDir::new("demo-spool");
    let play = |database: &str| {
        make(database, &spool.path().join(database.split_once(':').expect("a URL").0), "small");
        ristourne_ok(database, &["export", "ledger"])
    };
    let ledgers = Mutex::new(Vec::new());
    for_each_empty_database(async |database| {
        ledgers.lock().expect("no panic").push(play(database));
        if database.starts_with("sqlite") {
            ledgers.lock().expect("no panic").push(play(database));
        } else {
            let again = ristourne(database, &["demo", "--only-make"]);
            assert_eq!(again.status.code(), Some(1), "nothing is removed from a PostgreSQL");
        }
    })
    .await;
    let ledgers = ledgers.into_inner().expect("no panic");
    assert!(ledgers[0].contains("share_expired") && ledgers[0].contains("refunded"));
    assert!(ledgers.iter().all(|ledger| *ledger == ledgers[0]), "another run, another ledger");
}

/// Also when they serve: what fell due since that day was approved in the play, and the clock's work rests until midnight.
#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_serves_is_the_same_each_time() {
    let dir = TempDir::new("demo-serves");
    let database = format!("sqlite://{}/demo.db", dir.path().display());
    let serve = async || {
        let mut demo = Command::new(PROGRAM)
            .args(["demo", "--json", "--size", "small", "--day", "2025-03-20", "--listen", "127.0.0.1:0", "--database", &database])
            .env("RISTOURNE_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the demo starts");
        let mut said = String::new();
        BufReader::new(demo.stdout.take().expect("a pipe")).read_line(&mut said).expect("one JSON object");
        let said: Value = serde_json::from_str(&said).expect("one JSON object");
        let metrics =
            client().get(format!("{}/metrics", text(&said["address"]))).send().await.expect("an answer").text().await.expect("text");
        let ledger = ristourne_ok(&database, &["export", "ledger"]);
        let keys = ristourne_ok(&database, &["key", "list", "--json"]);
        demo.kill().expect("the demo can be killed");
        demo.wait().expect("the demo ends");
        (ledger, metrics, keys)
    };
    let ((one, metrics, keys), (two, ..)) = (serve().await, serve().await);
    assert!(one == two, "another run, another ledger");
    assert!(one.lines().any(|line| line.contains(" approved ") && line.as_bytes() > b"2025-03-21".as_slice()), "the clock went on");
    let last = metrics.lines().find_map(|line| line.strip_prefix("ristourne_job_last_success_timestamp_seconds{job=\"approve_due\"} "));
    assert_eq!(last.expect("the clock's work was done").parse::<u64>().expect("a time") % 86_400, 0, "last at a midnight of the play");
    assert_eq!(keys.lines().count(), 4, "those that are printed, and no other\n{keys}");
}

/// The whole play, twice: as much as is promised, of every kind, and the same ledger byte for byte.
#[tokio::test(flavor = "multi_thread")]
async fn the_whole_demo_shows_everything() {
    let (fresh, spool) = (Fresh::sqlite_empty(), TempDir::new("demo-spool"));
    let made = make(&fresh.url, spool.path(), "full");
    for (what, least) in [("merchants", 3), ("programs", 5), ("publishers", 20), ("buyers", 200), ("clicks", 20_000), ("orders", 2_000)] {
        assert!(made[what].as_i64().is_some_and(|count| count >= least), "{what}: {made}");
    }
    let mut sql = Sql::open(&fresh.url).await;
    let mut shows = async |statement: &'static str, wanted: &[&str]| {
        let there: BTreeSet<String> = sql.texts(statement).await.into_iter().collect();
        let missing: Vec<_> = wanted.iter().filter(|wanted| !there.contains(**wanted)).collect();
        assert!(missing.is_empty(), "{statement}: {missing:?} are missing in {there:?}");
    };
    shows("SELECT DISTINCT kind FROM publisher", &["content", "cashback", "coupon", "tool"]).await;
    shows("SELECT DISTINCT currency FROM program", &["EUR", "GBP", "JPY"]).await;
    shows("SELECT DISTINCT status FROM conversion", &["unattributed", "pending", "approved", "payable", "rejected"]).await;
    shows("SELECT DISTINCT flags FROM conversion", &["unsigned", "held", "unclaimed", "refunded", "refunded,over_refunded"]).await;
    shows("SELECT DISTINCT CAST(quality AS TEXT) FROM click", &["0", "1", "2", "3", "4", "5"]).await;
    shows("SELECT DISTINCT channel FROM inbox", &["postback", "signed_url", "pixel", "api", "clock"]).await;
    shows(
        "SELECT DISTINCT kind FROM journal_entry",
        &[
            "recorded",
            "approved",
            "refunded",
            "rejected",
            "replaced",
            "adjusted",
            "reopened",
            "buyer_tied",
            "share_expired",
            "claimed",
            "merchant_paid",
            "bonus",
            "fee",
            "received",
            "paid_back",
            "bank_charge",
            "written_off",
            "waived",
            "reversed",
            "invoiced",
            "self_billed",
            "payout_prepared",
            "payout_cancelled",
            "payout_settled",
            "payout_returned",
        ],
    )
    .await;
    shows("SELECT DISTINCT series FROM series", &["invoice", "credit_note", "statement"]).await;
    let boosts = "SELECT DISTINCT CASE WHEN name LIKE '%:%' THEN substr(name, 1, instr(name, ':') - 1) ELSE name END FROM boost_pot";
    shows(boosts, &["return", "welcome", "referral", "tier", "code", "used"]).await;
    shows("SELECT DISTINCT status FROM payment", &["prepared", "settled", "returned", "cancelled"]).await;
    shows("SELECT DISTINCT why FROM payout_left_out", &["no_method", "below_minimum", "returned"]).await;
    shows("SELECT DISTINCT state FROM claim", &["waiting", "escalated", "matched", "accepted", "refused", "goodwill"]).await;
    shows(
        "SELECT DISTINCT verdict FROM inbox",
        &[
            "recorded",
            "duplicate",
            "unattributed",
            "parked",
            "test",
            "tied",
            "signature_invalid",
            "signature_missing",
            "timestamp_out_of_range",
            "order_conflict",
            "webhook_id_conflict",
            "refund_exceeds_order",
            "not_json",
            "unknown_currency",
            "unknown_type",
            "invalid_amount",
            "amount_not_positive",
            "occurred_in_future",
        ],
    )
    .await;
    shows(
        "SELECT DISTINCT reason FROM conversion WHERE reason IS NOT NULL",
        &[
            "no_click",
            "unknown_click",
            "wrong_program",
            "click_expired",
            "click_after_sale",
            "click_embedded",
            "other_channel",
            "self_referral",
            "suspect_traffic",
            "debt_limit",
            "excluded_category",
            "excluded_coupon",
            "fully_refunded",
            "cancelled",
            "returned",
            "payment_failed",
            "fraud",
            "other",
        ],
    )
    .await;
    let abroad = sql.number("SELECT COUNT(DISTINCT sale_currency) FROM conversion").await;
    let parked = sql.number("SELECT COUNT(*) FROM orders WHERE id NOT IN (SELECT id FROM conversion)").await;
    let versions = sql.number("SELECT MAX(version) FROM terms").await;
    assert!(abroad >= 5 && parked > 0 && versions >= 2, "{abroad} currencies, {parked} parked, {versions} versions");
    sql.close().await;
    let ledger = ristourne_ok(&fresh.url, &["export", "ledger"]);
    assert_eq!(make(&fresh.url, spool.path(), "full"), made);
    assert!(ristourne_ok(&fresh.url, &["export", "ledger"]) == ledger, "another run, another ledger");
}

/// A demo throws away its own database only.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_spares_other_databases() {
    let fresh = Fresh::sqlite().await;
    let before = ristourne_ok(&fresh.url, &["key", "create", "--role", "operator"]);
    let refused = ristourne(&fresh.url, &["demo", "--only-make"]);
    assert_eq!(refused.status.code(), Some(1));
    let server = Server::start(&fresh.url);
    let key: Value = serde_json::from_str(&before).expect("one JSON line");
    let answer = client().get(server.url("/api/v1/merchants")).bearer_auth(text(&key["key"])).send().await.expect("the server answers");
    assert_eq!(answer.status(), 200, "the key is still there");
    server.stop();
}

/// The lines that the demo prints work when they are pasted into a shell.
#[test]
fn the_demos_lines_work() {
    let dir = TempDir::new("demo-lines");
    let mut demo = Command::new(PROGRAM)
        .args(["demo", "--size", "small", "--listen", "127.0.0.1:0", "--database"])
        .arg(format!("sqlite://{}/demo.db", dir.path().display()))
        .env("RISTOURNE_LOG", "warn")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the demo starts");
    let mut lines = Vec::new();
    for line in BufReader::new(demo.stdout.take().expect("a pipe")).lines() {
        lines.push(line.expect("text"));
        if lines.last().is_some_and(|line| line.contains("/balances?")) {
            break;
        }
    }
    let from = lines.iter().position(|line| line.starts_with("BASE=")).expect("lines to paste");
    let shell = Command::new("bash").args(["-euo", "pipefail", "-c", &lines[from..].join("\n")]).output().expect("bash runs");
    demo.kill().expect("the demo can be killed");
    demo.wait().expect("the demo ends");
    let said = String::from_utf8_lossy(&shell.stdout);
    assert!(shell.status.success(), "{said}{}", String::from_utf8_lossy(&shell.stderr));
    assert_eq!(said.matches(r#"{"data":[{"id":"cnv_"#).count(), 4, "each role sees a sale\n{said}");
    assert!(!said.contains("forbidden") && !said.contains("about:blank"), "nobody is refused\n{said}");
    for part in [r#""status":"recorded""#, r#""commission":{"amount":"6.00""#, r#""rules":[{"rule":4"#, ":pending\""] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
}
