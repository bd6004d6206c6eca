//! Tables that people bring from elsewhere, the ECB's files, and what is no table at all.
use crate::support::{
    Fresh, TempDir, for_each_database,
    server::{PROGRAM, Server, ristourne, ristourne_ok},
    sql::Sql,
};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub struct Shop {
    pub program: String,
    slug: String,
    rclid: String,
}

/// A program with a link, a coupon and a click.
pub async fn shop(database: &str) -> Shop {
    let server = Server::start(database);
    let operator = server.operator();
    let merchant = operator.merchant("Shop").await;
    let terms = json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}});
    let program = operator.program(&merchant, "EUR", terms).await;
    let publisher = operator.publisher("Blog").await;
    let slug = operator.link(&program, &publisher).await;
    operator.create("/coupons", json!({"program": program, "code": "BLOG10", "publisher": publisher})).await;
    let rclid = crate::support::server::click(&operator.http, &server.base, &slug).await;
    server.stop();
    Shop { program, slug, rclid }
}

pub fn import(database: &str, what: &str, file: &Path) -> Value {
    let spool = TempDir::new("import-spool");
    let command =
        ["import", what, &file.display().to_string(), "--json", "--spool-dir", &spool.path().display().to_string()].map(str::to_owned);
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    serde_json::from_str(&ristourne_ok(database, &command)).expect("one JSON line")
}

pub fn file(dir: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).expect("written");
    path
}

/// Line number and code of every rejected line.
pub fn rejected(file: &Path) -> Vec<(u64, String)> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(format!("{}.rejected.csv", file.display())).expect("a file");
    // Its fields may be anything.
    let rows = reader.byte_records().map(|row| row.expect("CSV"));
    let text = |field: &[u8]| String::from_utf8(field.to_vec()).expect("UTF-8");
    rows.map(|row| (text(&row[0]).parse().expect("a number"), text(&row[1]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sales_from_elsewhere_are_judged_line_by_line() {
    for_each_database(async |database| {
        let Shop { program, rclid, .. } = shop(database).await;
        let dir = TempDir::new("elsewhere");
        let row = |line: &str| format!("{line}\r\n").replace("PRG", &program).replace("CLK", &rclid);
        let text: String = [
            "\u{feff}Order_ID;type;program;amount;currency;click_id;coupon;occurred_at;refund_id;reason;customer_ref;customer_status;items",
            "A-1;sale;PRG;100.00;EUR;CLK;;;;;c-1;new;",
            "A-2;;PRG;12.50;EUR;;BLOG10;2026-10-01 09:30:00;;;;;",
            "\"A;3\";sale;PRG;30.00;EUR;;blog10;1790000000;;;;;\"[{\"\"sku\"\": \"\"S1\"\", \"\"amount\"\": \"\"10.00\"\"}, {\"\"sku\"\": \"\"S2\"\", \"\"quantity\"\": 2, \"\"amount\"\": \"\"20.00\"\"}]\"",
            "A-1;refund;PRG;40.00;EUR;;;;R-1;;;;",
            "A-2;reject;PRG;;;;;;;fraud;;;",
            "A-4;sale;PRG;1.234;EUR;;;;;;;;",
            "A-5;sale;prg_0000000000001;1.00;EUR;;;;;;;;",
            "A-1;sale;PRG;99.00;EUR;CLK;;;;;c-1;new;",
            "A-6;sale;PRG;1.00;EUR;;;soon;;;;;",
            "A-7;sale;PRG;1.00;EUR;;;",
            "A-8;sale;PRG;x;eur;;;;;;;old;{",
        ]
        .map(row)
        .concat();
        let path = file(&dir, "sales.csv", &text);
        for (imported, duplicates) in [(5, 0), (0, 5)] {
            let done = import(database, "sales", &path);
            assert_eq!((&done["read"], &done["imported"], &done["duplicates"], &done["rejected"]), (&json!(11), &json!(imported), &json!(duplicates), &json!(6)), "{done}");
            let wanted = [(7, "too_many_decimals"), (8, "unknown_program"), (9, "order_conflict"), (10, "invalid_time"), (11, "wrong_number_of_fields"), (12, "invalid_type")];
            assert_eq!(rejected(&path), wanted.map(|(line, code)| (line, code.to_owned())));
        }
        // Every wrong field of a line is named.
        let why = fs::read_to_string(format!("{}.rejected.csv", path.display())).expect("text");
        let last = why.lines().last().expect("a line");
        for field in ["amount:", "currency:", "customer_status:", "items"] {
            assert!(why.lines().any(|line| line.starts_with("12,") && line.contains(field)), "{field} in {last}");
        }
        let mut sql = Sql::open(database).await;
        let commission = sql.texts("SELECT order_id || ' ' || status || ' ' || commission AS t FROM conversion ORDER BY t").await;
        assert_eq!(commission, ["A-1 pending 300", "A-2 rejected 0", "A;3 pending 150"]);
        sql.close().await;
        // The rejected lines, mended, go in as they are.
        let mended = why.replace("1.234", "1.23");
        let again = file(&dir, "mended.csv", mended.replace(';', ","));
        let done = import(database, "sales", &again);
        assert_eq!((&done["imported"], &done["rejected"]), (&json!(1), &json!(5)), "{done}");
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_from_elsewhere_earn_for_sales_that_name_them() {
    for_each_database(async |database| {
        let Shop { program, slug, .. } = shop(database).await;
        let dir = TempDir::new("elsewhere");
        let row = |line: &str| format!("{line}\n").replace("SLUG", &slug);
        let text: String = [
            "slug,at,sub1,agent,address,quality,consent",
            "SLUG,2026-10-01T10:00:00Z,a,Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0,192.0.2.1,,",
            "SLUG,2026-10-01T10:00:00Z,a,Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0,192.0.2.1,,",
            "SLUG,2026-10-01T10:00:00Z,b,curl/8.5.0,,,0",
            "SLUG,1790848800,c,,,duplicate,1",
            "nowhere,2026-10-01T10:00:00Z,a,,,,",
            "SLUG,2126-10-01T10:00:00Z,a,,,,",
            "SLUG,2016-10-01,a,,,,",
            "SLUG,yesterday,a,,,,",
            "SLUG,2026-10-01T10:00:00Z,a,,not an address,,",
            "SLUG,2026-10-01T10:00:00Z,a,,,good,",
            "SLUG,2026-10-01T10:00:00Z,a,,,,maybe",
        ]
        .map(row)
        .concat();
        let path = file(&dir, "clicks.csv", text);
        for (imported, duplicates) in [(4, 0), (0, 4)] {
            let done = import(database, "clicks", &path);
            assert_eq!(
                (&done["imported"], &done["duplicates"], &done["rejected"]),
                (&json!(imported), &json!(duplicates), &json!(7)),
                "{done}"
            );
            let wanted = [
                (6, "unknown_link"),
                (7, "in_future"),
                (8, "too_old"),
                (9, "invalid_time"),
                (10, "invalid_address"),
                (11, "unknown_word"),
                (12, "invalid_type"),
            ];
            assert_eq!(rejected(&path), wanted.map(|(line, code)| (line, code.to_owned())));
        }
        let mut sql = Sql::open(database).await;
        assert_eq!(sql.numbers("SELECT quality FROM click ORDER BY quality, id").await, [0, 0, 0, 1, 4], "with the one of the shop");
        let id = sql.number("SELECT MIN(id) FROM click").await;
        sql.close().await;
        let click = ristourne::kernel::id::ClickId::from_raw(id);
        let text = format!("program,order_id,amount,currency,click_id,occurred_at\n{program},B-1,50.00,EUR,{click},2026-10-02\n");
        assert_eq!(import(database, "sales", &file(&dir, "sales.csv", text))["imported"], 1);
        let mut sql = Sql::open(database).await;
        assert_eq!(sql.numbers("SELECT commission FROM conversion").await, [250]);
        sql.close().await;
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}

/// 20,000 of one millisecond, of whose ids some hundred pairs begin at one number, some that say the same, not sorted by time.
#[tokio::test(flavor = "multi_thread")]
async fn no_click_is_taken_for_another() {
    for_each_database(async |database| {
        let Shop { slug, .. } = shop(database).await;
        let dir = TempDir::new("alike");
        let crowd = (0..20_000).map(|n| format!("{slug},2026-11-03T10:00:00.005Z,u{n}\n"));
        let alike = (0..3_000).map(|n| format!("{slug},{},same\n", ["2026-11-03", "2026-11-03T10:00:01Z", "1795348800005"][n % 3]));
        let mut lines: Vec<String> = crowd.chain(alike).collect();
        let import = |lines: &[String]| import(database, "clicks", &file(&dir, "clicks.csv", format!("slug,at,sub1\n{}", lines.concat())));
        for (imported, duplicates) in [(23_000, 0), (0, 23_000)] {
            let done = import(&lines);
            assert_eq!((&done["imported"], &done["duplicates"]), (&json!(imported), &json!(duplicates)), "{done}");
        }
        // Which of those that say the same is the last of them is all one.
        lines.reverse();
        lines.push(format!("{slug},2026-11-03T10:00:01.000Z,same\n"));
        let done = import(&lines);
        assert_eq!((&done["imported"], &done["duplicates"]), (&json!(1), &json!(23_000)), "{done}");
    })
    .await;
}

/// The number 0 is no id, and revisions count from 1: such lines are rejected, though they be a file's only ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_cannot_be_stored_ends_no_import() {
    for_each_database(async |database| {
        let Shop { program, slug, .. } = shop(database).await;
        let dir = TempDir::new("unfit");
        let clicks = file(&dir, "clicks.csv", format!("id,slug\nclk_0000000000000,{slug}\n"));
        assert_eq!(import(database, "clicks", &clicks)["rejected"], 1);
        assert_eq!(rejected(&clicks), [(2, "invalid_id".to_owned())]);
        let sale = format!("program,order_id,amount,currency,occurred_at\n{program},A-1,50.00,EUR,2026-10-02\n");
        import(database, "sales", &file(&dir, "sale.csv", sale));
        let exported = ristourne_ok(database, &["export", "sales"]);
        let header = exported.lines().next().expect("a header").to_owned();
        let line = exported.lines().find(|line| line.contains(",sale,1,")).expect("the sale's first revision");
        let wrong = line.replace(",sale,1,", ",sale,0,").replace("A-1", "A-2");
        let path = file(&dir, "wrong.csv", format!("{header}\n{wrong}\n"));
        assert_eq!(import(database, "sales", &path)["rejected"], 1);
        assert_eq!(rejected(&path), [(2, "invalid_fact".to_owned())]);
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
    })
    .await;
}

/// The history, with holes and a currency that is no more, and the day's file with its own form of a date.
#[tokio::test(flavor = "multi_thread")]
async fn the_ecb_s_files_are_read_as_they_are() {
    for_each_database(async |database| {
        let dir = TempDir::new("rates");
        // An installation without rates has a header to export, and that is read too.
        let nothing = import(database, "rates", &file(&dir, "none.csv", ristourne_ok(database, &["export", "rates"])));
        assert_eq!((&nothing["imported"], &nothing["rejected"]), (&json!(0), &json!(0)));
        assert_eq!(import(database, "rates", &file(&dir, "days.csv", "Date\n2026-10-30\n"))["rejected"], 1);
        let history = include_str!("../data/money/ecb-eurofxref-cut.csv");
        let path = file(&dir, "hist.csv", history);
        let days = history.lines().count() - 1;
        for (imported, duplicates) in [(days, 0), (0, days)] {
            let done = import(database, "rates", &path);
            assert_eq!(
                (&done["imported"], &done["duplicates"], &done["rejected"]),
                (&json!(imported), &json!(duplicates), &json!(0)),
                "{done}"
            );
            assert!(done["passed_over"].as_u64().is_some_and(|n| n > 0), "the kuna is no more: {done}");
        }
        // What is exported is what was read, where it is known.
        let exported = ristourne_ok(database, &["export", "rates"]);
        let (read, again) = (values(history), values(&exported));
        assert!(again.len() > 2_000 && again.iter().all(|value| read.contains(value)));
        let known = |value: &&(String, String, String)| !["HRK", "LTL", "LVL", "EEK"].contains(&value.1.as_str());
        let missing: Vec<_> = read.iter().filter(known).filter(|value| !again.contains(value)).take(5).collect();
        assert!(missing.is_empty(), "{missing:?}");
        let daily = "Date, USD, JPY, \n30 October 2026, 1.1172, 175.68, \n";
        let done = import(database, "rates", &file(&dir, "daily.csv", daily));
        assert_eq!((&done["duplicates"], &done["rejected"]), (&json!(1), &json!(0)), "the history has that day: {done}");
        let other = import(database, "rates", &file(&dir, "other.csv", daily.replace("1.1172", "1.1173")));
        assert_eq!(other["rejected"], 1);
        let bad = file(
            &dir,
            "bad.csv",
            "Date,USD\n31 Octember 2026,1.1\n2026-10-31,abc\n2026-11-02,1.2\n9999-12-31,1.1\n0001-01-01,1.1\n1999-01-03,1.1\n",
        );
        assert_eq!(import(database, "rates", &bad)["imported"], 1);
        let wanted = [(2, "invalid_date"), (3, "invalid_rate"), (5, "date_in_future"), (6, "invalid_date"), (7, "invalid_date")];
        assert_eq!(rejected(&bad), wanted.map(|(line, code)| (line, code.to_owned())));
    })
    .await;
}

/// Day, currency and rate of every value of a table.
fn values(table: &str) -> std::collections::BTreeSet<(String, String, String)> {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let mut values = std::collections::BTreeSet::new();
    for row in reader.records() {
        let row = row.expect("a day");
        for (code, rate) in header.iter().zip(&row).skip(1).filter(|(code, rate)| !code.is_empty() && !matches!(*rate, "N/A" | "")) {
            values.insert((row[0].to_owned(), code.to_owned(), rate.to_owned()));
        }
    }
    values
}

/// Whatever comes, it is refused in words, and nothing is stored.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_table_is_refused_in_words() {
    let fresh = Fresh::sqlite().await;
    let dir = TempDir::new("hostile");
    let spool = dir.path().join("spool").display().to_string();
    let noise: Vec<u8> =
        (0..100_000_u64).map(|n| u8::try_from(n.wrapping_mul(6_364_136_223_846_793_005).rotate_left(17) & 0xff).expect("a byte")).collect();
    for (what, bytes, said) in [
        ("clicks", &b""[..], "empty"),
        ("clicks", b"PK\x03\x04zip", "ZIP"),
        ("clicks", b"\x1f\x8b\x08gz", "gzip"),
        ("sales", b"\xff\xfep\0r\0", "UTF-16"),
        ("sales", noise.as_slice(), ""),
        ("clicks", b"id,at,lnik\n", "unknown column: lnik; known are"),
        ("clicks", b"id,at\n", "link, or slug"),
        ("clicks", b"link\n", "at, or id"),
        ("sales", b"program,amount\n", "a column is missing: order_id"),
        ("sales", b"program,order_id,order_id\n", "twice"),
        ("rates", b"USD,Date\n", "Date"),
        ("rates", b"Date,Dollar\n", "dollar"),
        ("setup", b"merchant,name\n", "JSON lines"),
    ] {
        let path = file(&dir, "hostile", bytes).display().to_string();
        let output = ristourne(&fresh.url, &["import", what, &path, "--spool-dir", &spool]);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{what}: {err}");
        assert!(output.stdout.is_empty() && err.contains(said) && err.contains("hostile"), "{what}: {err}");
        assert!(!err.contains("panicked"), "{err}");
    }
    for (file, said) in [(dir.path().join("nowhere.csv"), "No such file"), (dir.path().to_owned(), "is a directory")] {
        let output = ristourne(&fresh.url, &["import", "sales", &file.display().to_string(), "--spool-dir", &spool]);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && err.contains(said), "{err}");
    }
    // A line of ten megabytes, quotes without an end, naughty text and U+0000 between good lines.
    let Shop { program, slug, .. } = shop(&fresh.url).await;
    let mut bytes = b"slug,at,sub1\n".to_vec();
    let line = |bytes: &mut Vec<u8>, sub: &[u8]| {
        bytes.extend_from_slice(format!("{slug},2026-10-01T10:00:00Z,").as_bytes());
        bytes.extend_from_slice(sub);
        bytes.push(b'\n');
    };
    line(&mut bytes, b"good");
    line(&mut bytes, &vec![b'x'; 10 * 1024 * 1024]);
    line(&mut bytes, b"nul\0");
    line(&mut bytes, b"\xc3\x28");
    line(&mut bytes, &[b'y'; 129]);
    line(&mut bytes, b"\"two\nlines\"");
    line(&mut bytes, b"\"never closed");
    for _ in 0..4 {
        line(&mut bytes, b"swallowed by the quote");
    }
    let path = file(&dir, "clicks.csv", &bytes);
    let done = import(&fresh.url, "clicks", &path);
    assert_eq!((&done["imported"], &done["rejected"]), (&json!(2), &json!(5)), "{done}");
    let codes: Vec<String> = rejected(&path).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["line_too_long", "invalid_text", "invalid_text", "too_long", "unclosed_quote"]);
    let naughty: Vec<String> = serde_json::from_str(include_str!("../data/hostile/blns.json")).expect("a list");
    let mut writer = csv::Writer::from_path(dir.path().join("naughty.csv")).expect("a file");
    writer.write_record(["program", "order_id", "amount", "currency", "coupon", "reason"]).expect("written");
    for naughty in &naughty {
        writer.write_record([&program, naughty, "1.00", "EUR", naughty, naughty]).expect("written");
        writer.write_record([naughty, "A-1", naughty, naughty, "", ""]).expect("written");
    }
    writer.flush().expect("written");
    let done = import(&fresh.url, "sales", &dir.path().join("naughty.csv"));
    assert_eq!(done["read"], 2 * naughty.len());
    assert!(done["imported"].as_u64().is_some_and(|n| n > 300), "{done}");
    // The orders with such names come out and go in again.
    let exported = file(&dir, "again", ristourne_ok(&fresh.url, &["export", "sales"]));
    assert_eq!(import(&fresh.url, "sales", &exported)["rejected"], 0);
    assert!(ristourne_ok(&fresh.url, &["verify"]).contains("everything holds"));
}

/// `export … | head` is no failure, and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_seen_enough_is_no_failure() {
    let fresh = Fresh::sqlite().await;
    let Shop { slug, .. } = shop(&fresh.url).await;
    let dir = TempDir::new("head");
    let rows: String = (0..5_000).map(|n| format!("{slug},2026-10-01T10:{:02}:{:02}Z,s{n}\n", n / 60 % 60, n % 60)).collect();
    import(&fresh.url, "clicks", &file(&dir, "clicks.csv", format!("slug,at,sub1\n{rows}")));
    for what in ["clicks", "ledger", "setup", "sales", "rates"] {
        let mut child = Command::new(PROGRAM)
            .args(["export", what])
            .env("DATABASE_URL", &fresh.url)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success() && !said.contains("panicked") && !said.contains("ristourne:"), "{what}: {} {said}", ended.status);
    }
}
