//! The product's own exports, read back: the same books on either kind of database, twice the same, and after a `kill -9`.
use crate::support::{
    Fresh, TempDir,
    dump::dump,
    load::until,
    server::{PROGRAM, Server, ristourne, ristourne_ok, text},
    sql::Sql,
};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// In the sequence in which they can be read.
const WHATS: [&str; 4] = ["setup", "rates", "clicks", "sales"];

/// Writes every export into a directory; gives their texts.
fn export(database: &str, dir: &Path) -> Vec<String> {
    fs::create_dir_all(dir).expect("a directory");
    let write = |what: &str| {
        let text = ristourne_ok(database, &["export", what]);
        fs::write(dir.join(what), &text).expect("written");
        text
    };
    WHATS.into_iter().map(write).collect()
}

/// Imports a file; gives the JSON line.
fn import(database: &str, what: &str, file: &Path) -> Value {
    let spool = TempDir::new("import-spool");
    let (file, spool) = (file.display().to_string(), spool.path().display().to_string());
    let said = ristourne_ok(database, &["import", what, &file, "--json", "--spool-dir", &spool]);
    serde_json::from_str(&said).expect("one JSON line")
}

fn import_all(database: &str, dir: &Path) -> Vec<Value> {
    WHATS.into_iter().map(|what| import(database, what, &dir.join(what))).collect()
}

/// What the books and reports rest on, and exports do not show.
async fn derived(database: &str) -> Vec<String> {
    let mut sql = Sql::open(database).await;
    let mut all = Vec::new();
    for query in [
        // What stands beside orders stays: payments, payouts and invoices are the old installation's books.
        "SELECT account || ' ' || p.currency || ' ' || CAST(SUM(amount) AS TEXT) AS t FROM posting p JOIN journal_entry e ON e.id = p.entry
            WHERE e.subject_kind = 'order' GROUP BY account, p.currency HAVING SUM(amount) <> 0 ORDER BY t",
        "SELECT c.id || ' ' || status || ' ' || flags || ' ' || COALESCE(reason, '-') || ' ' || amount || ' ' || refunded || ' ' || commission
            || ' ' || share_publisher || ' ' || share_buyer || ' ' || share_platform || ' ' || COALESCE(buyer, 0) || ' ' || day || ' '
            || recorded_at || ' ' || COALESCE(payable_at, 0) AS t FROM conversion c ORDER BY t",
        "SELECT conversion || ' ' || position || ' ' || publisher || ' ' || amount AS t FROM credit ORDER BY t",
        "SELECT program || ' ' || publisher || ' ' || month || ' ' || amount AS t FROM tier_base ORDER BY t",
        // Of two orders with one reference, that first of the file counts, which is not the first by time where a claim recorded one.
        "SELECT program || ' ' || reference AS t FROM customer ORDER BY t",
        "SELECT click || ' ' || conversion AS t FROM touch ORDER BY t",
        "SELECT kind || ' ' || subject || ' ' || at || ' ' || currency AS t FROM journal_entry
            WHERE subject_kind = 'order' AND kind <> 'bonus_earned' AND subject NOT IN
                (SELECT conversion FROM order_fact WHERE kind = 'loyalty') ORDER BY t",
        "SELECT id || ' ' || state AS t FROM orders ORDER BY t",
    ] {
        let mut rows = sql.texts(query).await;
        // Each database has its own idea of sorted text.
        rows.sort_unstable();
        all.extend(rows);
    }
    sql.close().await;
    all
}

/// Says only what differs: the whole is long.
#[track_caller]
fn assert_same(left: &[String], right: &[String]) {
    let but = |these: &[String], those: &[String]| these.iter().filter(|row| !those.contains(row)).take(20).cloned().collect::<Vec<_>>();
    assert!(left == right, "{:#?} instead of {:#?}", but(left, right), but(right, left));
}

fn demo(database: &str) {
    let spool = TempDir::new("demo-spool");
    ristourne_ok(database, &["demo", "--only-make", "--day", "2025-03-20", "--spool-dir", &spool.path().display().to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_moves_from_one_kind_of_database_to_the_other_and_back() {
    let (first, second, third) = (Fresh::sqlite_empty(), Fresh::postgres_empty().await, Fresh::sqlite_empty());
    demo(&first.url);
    let dir = TempDir::new("exports");
    let exported = export(&first.url, dir.path());
    let wanted = derived(&first.url).await;
    let lines = |n: usize| exported[n].lines().count() as u64;
    for (n, fresh) in [&second, &third].into_iter().enumerate() {
        // Each from the one before.
        let from = if n == 0 { dir.path().to_owned() } else { dir.path().join("second") };
        let done = import_all(&fresh.url, &from);
        for (at, (what, done)) in WHATS.iter().zip(&done).enumerate() {
            // But for the set-up the first line is the header.
            let read = lines(at) - u64::from(at > 0);
            assert_eq!(done["read"], read, "{what}: {done}");
            assert_eq!((&done["imported"], &done["rejected"]), (&json!(read), &json!(0)), "{what}: {done}");
        }
        assert!(ristourne_ok(&fresh.url, &["verify"]).contains("everything holds"));
        assert_same(&derived(&fresh.url).await, &wanted);
        let again = export(&fresh.url, &dir.path().join(["second", "third"][n]));
        for ((what, old), new) in WHATS.iter().zip(&exported).zip(&again) {
            assert!(old == new, "{what} came out otherwise than it went in");
        }
        // A second time, nothing changes.
        let before = dump(&fresh.url).await;
        for (what, done) in WHATS.iter().zip(import_all(&fresh.url, &from)) {
            assert_eq!((&done["imported"], &done["duplicates"]), (&json!(0), &done["read"]), "{what}: {done}");
        }
        let after = dump(&fresh.url).await;
        for (table, rows) in &before {
            assert!(after[table] == *rows, "{table} changed");
        }
    }
    // What the servers then report is the same, too. (Their clocks go on with the orders, at their own pace.)
    let [old, new] = [&first, &second].map(|fresh| Server::start(&fresh.url));
    let [at_old, at_new] = [old.operator(), new.operator()];
    for by in ["day", "link", "publisher", "program", "country", "referrer", "agent", "sub1"] {
        let path = format!("/reports/clicks?by={by}&since=2024-12-01&until=2025-04-01");
        until(&path, async || at_old.get(&path).await == at_new.get(&path).await).await;
    }
    old.stop();
    new.stop();
    second.remove().await;
}

/// The report over HTTP is that of the first database, and what goes on there goes on here.
#[tokio::test(flavor = "multi_thread")]
async fn a_moved_installation_goes_on_with_its_keys_and_click_ids() {
    let (old, new) = (Fresh::sqlite_empty(), Fresh::postgres_empty().await);
    let server = Server::start(&old.url);
    let operator = server.operator();
    let shop = operator.merchant("Shop").await;
    let terms = json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}});
    let program = operator.program(&shop, "EUR", terms).await;
    let publisher = operator.publisher("Blog").await;
    let slug = operator.link(&program, &publisher).await;
    let http = crate::support::server::client();
    let clicks =
        [crate::support::server::click(&http, &server.base, &slug).await, crate::support::server::click(&http, &server.base, &slug).await];
    let sale = |order: &str, click: &str| json!({"program": program, "type": "sale", "order_id": order, "amount": "120.00", "currency": "EUR", "click_id": click});
    shop.postback(&sale("A-1", &clicks[0])).await.expect(201);
    let report = operator.get("/reports/clicks?by=link").await;
    server.stop();

    let dir = TempDir::new("exports");
    export(&old.url, dir.path());
    let with_secrets = ristourne(&old.url, &["export", "setup", "--with-secrets"]);
    assert!(String::from_utf8_lossy(&with_secrets.stderr).contains("warning"), "secrets leave with a warning only");
    let plain = fs::read_to_string(dir.path().join("setup")).expect("text");
    assert!(!plain.contains("whsec_") && !plain.contains("seal_key") && !plain.contains("api_key"));
    fs::write(dir.path().join("setup"), &with_secrets.stdout).expect("written");
    // The new one seals with a master key of its own.
    let master = ["--master-key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="];
    let file = dir.path().join("setup").display().to_string();
    for (imported, duplicates) in [(8, 0), (0, 8)] {
        let said = ristourne_ok(
            &new.url,
            &[&["import", "setup", &file, "--json", "--spool-dir", &dir.path().join("spool").display().to_string()][..], &master].concat(),
        );
        let done: Value = serde_json::from_str(&said).expect("one JSON line");
        assert_eq!(
            (&done["imported"], &done["duplicates"], &done["rejected"]),
            (&json!(imported), &json!(duplicates), &json!(0)),
            "{done}"
        );
    }
    for what in ["clicks", "sales"] {
        import(&new.url, what, &dir.path().join(what));
    }
    let server = Server::start_with(&new.url, &master);
    let (operator, shop) = (operator.at(&server), shop.at(&server));
    assert_eq!(operator.get("/reports/clicks?by=link").await, report, "the API key works, and the report is the same");
    shop.postback(&sale("A-1", &clicks[0])).await.expect(200);
    let said = shop.postback(&sale("A-2", &clicks[1])).await.expect(201);
    assert_eq!(said["conversion"]["publisher"], json!(publisher), "a click id of the old installation opens");
    server.stop();
    assert!(ristourne_ok(&new.url, &["verify", master[0], master[1]]).contains("everything holds"));
    new.remove().await;
}

/// Beside a server that runs on the same database: it answers meanwhile, and what came in is there for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_runs_beside_a_server() {
    let old = Fresh::sqlite_empty();
    demo(&old.url);
    let dir = TempDir::new("exports");
    let exported = export(&old.url, dir.path());
    let orders = derived(&old.url).await.iter().filter(|row| row.ends_with(" recorded")).count();
    for fresh in [Fresh::sqlite_empty(), Fresh::postgres_empty().await] {
        let server = Server::start(&fresh.url);
        let operator = server.operator();
        import_all(&fresh.url, dir.path());
        assert_eq!(export(&fresh.url, &dir.path().join("again"))[2], exported[2], "clicks");
        let mut count = 0;
        let mut page = "/conversions?limit=500".to_owned();
        loop {
            let list = operator.get(&page).await;
            count += list["data"].as_array().expect("a list").len();
            let Some(next) = list["next"].as_str() else { break };
            page = format!("/conversions?limit=500&after={next}");
        }
        assert_eq!(count, orders);
        // A link that came with the import redirects.
        let links = operator.get("/links?limit=1").await;
        let slug = text(&links["data"][0]["slug"]);
        crate::support::server::click(&operator.http, &server.base, &slug).await;
        server.stop();
        assert!(ristourne_ok(&fresh.url, &["verify"]).contains("everything holds"));
        fresh.remove().await;
    }
}

/// A program with a link, for tables from elsewhere.
async fn shop(database: &str) -> (String, String) {
    let server = Server::start(database);
    let operator = server.operator();
    let merchant = operator.merchant("Shop").await;
    let terms = json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}});
    let program = operator.program(&merchant, "EUR", terms).await;
    let publisher = operator.publisher("Blog").await;
    let slug = operator.link(&program, &publisher).await;
    operator.create("/coupons", json!({"program": program, "code": "BLOG10", "publisher": publisher})).await;
    server.stop();
    (program, slug)
}

/// `kill -9` when a part of the file is stored; then the whole file again.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_import_is_finished_by_the_next() {
    for fresh in [Fresh::sqlite().await, Fresh::postgres().await] {
        let (program, slug) = shop(&fresh.url).await;
        let dir = TempDir::new("killed");
        let mut clicks = "at,slug,sub1,agent\n".to_owned();
        for n in 0..12_000 {
            clicks.push_str(&format!(
                "2026-0{}-{:02}T10:{:02}:{:02}Z,{slug},s{},Firefox\n",
                1 + n % 9,
                1 + n % 28,
                n % 60,
                n / 60 % 60,
                n % 7
            ));
        }
        let mut sales = "program,order_id,amount,currency,coupon,occurred_at\n".to_owned();
        for n in 0..4_000 {
            sales.push_str(&format!("{program},A-{n},{}.50,EUR,BLOG10,2026-10-01T10:00:00Z\n", 1 + n % 90));
        }
        for (what, table, file, stored_at_least) in [("clicks", "click", &clicks, 4_000), ("sales", "conversion", &sales, 1_000)] {
            let path: PathBuf = dir.path().join(what);
            fs::write(&path, file).expect("written");
            let mut child = Command::new(PROGRAM)
                .args(["import", what, "-", "--spool-dir"])
                .arg(dir.path().join("spool"))
                .env("DATABASE_URL", &fresh.url)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("the import starts");
            let mut input = child.stdin.take().expect("a pipe");
            // More than is asked for below, less than all: it waits for the rest when it is killed.
            input.write_all(&file.as_bytes()[..file.len() * 2 / 3]).expect("it reads");
            let mut sql = Sql::open(&fresh.url).await;
            while sql.number(&format!("SELECT COUNT(*) FROM {table}")).await < stored_at_least {
                assert!(child.try_wait().expect("it can be asked").is_none(), "it waits for its input");
                tokio::task::yield_now().await;
            }
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
            let before = sql.number(&format!("SELECT COUNT(*) FROM {table}")).await;
            sql.close().await;
            let lines = i64::try_from(file.lines().count()).expect("few") - 1;
            assert!(before < lines);
            let done = import(&fresh.url, what, &path);
            assert_eq!((&done["read"], &done["duplicates"], &done["rejected"]), (&json!(lines), &json!(before), &json!(0)), "{done}");
            let done = import(&fresh.url, what, &path);
            assert_eq!((&done["imported"], &done["duplicates"]), (&json!(0), &json!(lines)), "{done}");
        }
        let mut sql = Sql::open(&fresh.url).await;
        // Σ (n mod 90 + 1.50) × 5 %, each rounded half up to the cent.
        let commission: i64 = (0..4_000).map(|n| ((1 + n % 90) * 100 + 50) * 5).map(|hundredths| (hundredths + 50) / 100).sum();
        assert_eq!(sql.number("SELECT CAST(SUM(commission) AS BIGINT) FROM conversion").await, commission);
        sql.close().await;
        assert!(ristourne_ok(&fresh.url, &["verify"]).contains("everything holds"));
        fresh.remove().await;
    }
}

/// What is stored is not overwritten by what a file says.
#[tokio::test(flavor = "multi_thread")]
async fn contradictions_are_refused() {
    let (old, new) = (Fresh::sqlite_empty(), Fresh::sqlite_empty());
    demo(&old.url);
    let dir = TempDir::new("exports");
    export(&old.url, dir.path());
    import_all(&new.url, dir.path());
    let before = dump(&new.url).await;
    let rejected = |what: &str, change: &dyn Fn(&str) -> String| {
        let path = dir.path().join(format!("changed-{what}"));
        fs::write(&path, change(&fs::read_to_string(dir.path().join(what)).expect("text"))).expect("written");
        let done = import(&new.url, what, &path);
        let why = fs::read_to_string(dir.path().join(format!("changed-{what}.rejected.csv"))).unwrap_or_default();
        let codes = why.lines().skip(1).filter_map(|line| Some(line.split(',').nth(1)?.to_owned())).collect::<Vec<_>>();
        assert_eq!(done["imported"], 0, "{what}: {done}");
        assert_eq!(done["rejected"], codes.len(), "{what}: {done}");
        codes
    };
    assert_eq!(rejected("setup", &|text| text.replacen("Librairie des Halles", "Another name", 1)), ["contradiction"]);
    assert_eq!(rejected("setup", &|text| text.replacen("\"slug\":\"", "\"slug\":\"x", 1)), ["contradiction"]);
    assert_eq!(rejected("rates", &|text| text.replacen("1.0", "2.0", 1)), ["rate_conflict"]);
    assert_eq!(rejected("sales", &|text| text.replacen("\"\"amount\"\":", "\"\"amount\"\":1", 1)).len(), 1);
    // A click's id says when and whose it is: the rest of a known one is not looked at.
    assert_eq!(rejected("clicks", &|text| text.replacen("ok,1", "bot,1", 1)), [""; 0]);
    assert!(dump(&new.url).await == before);
    let other = Fresh::sqlite().await;
    let done = import(&other.url, "sales", &dir.path().join("sales"));
    assert_eq!(done["imported"], 0, "nothing that sales refer to is there: {done}");
    assert_eq!(done["read"], done["rejected"]);
}
