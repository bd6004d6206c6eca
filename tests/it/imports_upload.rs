//! Imports over the API: tables sent as they come, again without effect, cut and finished, and who may not.
use crate::support::{
    Fresh, for_each_empty_database,
    load::until,
    server::{Operator, Server, ristourne_ok, text},
};
use reqwest::header;
use serde_json::{Value, json};
use std::fmt::Write as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

struct Stage {
    operator: Operator,
    program: String,
    publisher: String,
    slug: String,
}

impl Stage {
    async fn new(server: &Server) -> Self {
        let operator = server.operator();
        let merchant = operator.merchant("Shop").await;
        let terms = json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}});
        let program = operator.program(&merchant, "EUR", terms).await;
        let publisher = operator.publisher("Blog").await;
        let slug = operator.link(&program, &publisher).await;
        operator.create("/coupons", json!({"program": program, "publisher": publisher, "code": "BLOG10"})).await;
        Self { operator, program, publisher, slug }
    }

    /// So many clicks from minute `first` of a day.
    fn clicks(&self, first: usize, count: usize) -> String {
        let mut table = String::new();
        for minute in first..first + count {
            writeln!(table, "{},2026-10-{:02}T{:02}:{:02}:00Z,M{minute}", self.slug, 1 + minute / 1440, minute / 60 % 24, minute % 60)
                .expect("writing to a String never fails");
        }
        table
    }

    async fn rejected(&self, id: &Value) -> String {
        let url = format!("{}/api/v1/imports/{}/rejected", self.operator.base, text(id));
        let answer = self.operator.http.get(url).bearer_auth(&self.operator.key).send().await.expect("an answer");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/csv; charset=utf-8; header=present");
        answer.text().await.expect("a table")
    }

    /// How many clicks the list has.
    async fn stored_clicks(&self) -> usize {
        let Operator { base, key, http } = &self.operator;
        let answer = http.get(format!("{base}/api/v1/clicks?format=ndjson")).bearer_auth(key).send().await.expect("an answer");
        answer.text().await.expect("lines").lines().count()
    }
}

/// A connection on which an upload of clicks has begun, its body still to come.
async fn begun(operator: &Operator, length: &str) -> TcpStream {
    let host = operator.base.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).await.expect("it listens");
    let head = format!(
        "POST /api/v1/imports/clicks HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nContent-Type: text/csv\r\n{length}\r\n\r\n",
        operator.key
    );
    connection.write_all(head.as_bytes()).await.expect("it is read");
    connection
}

fn counts(import: &Value) -> [i64; 4] {
    ["read", "imported", "duplicates", "rejected"].map(|name| import[name].as_i64().expect("a count"))
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_stored_once_and_bad_lines_come_back_to_be_mended() {
    for_each_empty_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let Stage { operator, program, slug, .. } = &stage;

        let clicks =
            format!("slug;at;sub1\n{}{slug};yesterday;\"a;\"\"b\"\"\"\nnone;2026-10-01;\n", stage.clicks(0, 1_500).replace(',', ";"));
        let first = operator.upload("/imports/clicks", clicks.clone()).await.expect(201);
        assert_eq!((counts(&first), &first["kind"], &first["state"]), ([1_502, 1_500, 0, 2], &json!("clicks"), &json!("finished")));
        let wrong = first["errors"].as_array().expect("a list");
        assert_eq!(wrong.iter().map(|error| error["line"].as_i64()).collect::<Vec<_>>(), [Some(1_502), Some(1_503)]);
        assert_eq!(wrong[1]["code"], "unknown_link", "{first}");
        assert_eq!(stage.stored_clicks().await, 1_500);
        let again = operator.upload("/imports/clicks", clicks).await.expect(201);
        assert_eq!(counts(&again), [1_502, 0, 1_500, 2]);
        assert_eq!(stage.stored_clicks().await, 1_500);

        // What was rejected is mended in its table, and sent.
        let rejected = stage.rejected(&first["id"]).await;
        let lines: Vec<&str> = rejected.lines().collect();
        assert_eq!(lines[0], "rejected_line,rejected_code,rejected_because,slug,at,sub1");
        assert!(lines[1].starts_with("1502,") && lines[1].ends_with(&format!(",{slug},yesterday,\"a;\"\"b\"\"\"")), "{rejected}");
        assert!(lines.len() == 3 && lines[2].starts_with("1503,unknown_link,"), "{rejected}");
        let mended = operator.upload("/imports/clicks", rejected.replace("yesterday", "2026-10-30")).await.expect(201);
        assert_eq!(counts(&mended), [2, 1, 0, 1]);

        let rates = "Date,USD,HRK\n2026-10-01,1.0876,7.5\n2026-10-02,N/A,\n";
        let first = operator.upload("/imports/rates", rates).await.expect(201);
        assert_eq!((first["rejected"].as_i64(), first["passed_over"].as_i64()), (Some(0), Some(1)), "{first}");
        let listed = operator.get("/rates?date=2026-10-01").await;
        assert_eq!(listed["data"][0]["rate"], "1.0876");
        let again = operator.upload("/imports/rates", rates).await.expect(201);
        assert_eq!((again["imported"].as_i64(), again["rejected"].as_i64()), (Some(0), Some(0)), "{again}");

        let sales = format!(
            "program,order_id,amount,currency,coupon,occurred_at\n{program},A-1,120.00,EUR,BLOG10,2026-10-01 09:30:00\n\
             {program},A-2,50.00,USD,BLOG10,2026-10-01 10:00:00\n{program},A-3,x,EUR,,\n"
        );
        let first = operator.upload("/imports/sales", sales.clone()).await.expect(201);
        assert_eq!(counts(&first), [3, 2, 0, 1], "{first}");
        assert_eq!(first["errors"][0]["line"], 4);
        let sold = operator.get(&format!("/conversions?program={program}")).await;
        assert_eq!(sold["data"].as_array().map(Vec::len), Some(2));
        let balance = operator.balance(&stage.publisher, "pending").await;
        let again = operator.upload("/imports/sales", sales.replace("120.00", "121.00")).await.expect(201);
        let conflict = again["errors"].as_array().and_then(|errors| errors.iter().find(|error| error["line"] == 2));
        assert_eq!((counts(&again), conflict.map(|error| &error["code"])), ([3, 0, 1, 2], Some(&json!("order_conflict"))), "{again}");
        assert_eq!(operator.balance(&stage.publisher, "pending").await, balance);

        let page = operator.get("/imports?limit=2").await;
        assert_eq!((&page["data"][0]["id"], page["data"][0].get("errors")), (&again["id"], None));
        let rest = operator.get(&format!("/imports?after={}", text(&page["next"]))).await;
        assert_eq!(rest["data"].as_array().map(Vec::len), Some(5));
        assert_eq!(operator.get(&format!("/imports/{}", text(&again["id"]))).await, again);
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_upload_keeps_what_came_and_is_finished_by_sending_it_again() {
    for_each_empty_database(async |database| {
        let server = Server::start(database);
        let stage = Stage::new(&server).await;
        let Stage { operator, .. } = &stage;
        let (head, tail) = (format!("slug,at,sub1\n{}", stage.clicks(0, 3_000)), stage.clicks(3_000, 500));

        // The body comes half, and stays away until the half is stored: only what does not hold it whole gets that far.
        let mut connection = begun(operator, &format!("Content-Length: {}", head.len() + tail.len())).await;
        connection.write_all(head.as_bytes()).await.expect("it is read");
        until("the first half is stored", || async { stage.stored_clicks().await >= 2_000 }).await;
        let running = operator.get("/imports").await;
        assert_eq!((&running["data"][0]["state"], &running["data"][0]["finished_at"]), (&json!("running"), &Value::Null), "{running}");
        drop(connection);
        until("the row says so", || async { operator.get("/imports").await["data"][0]["state"] == "interrupted" }).await;
        let cut = operator.get("/imports").await["data"][0].clone();
        let kept = stage.stored_clicks().await;
        assert_eq!(cut["imported"].as_i64(), i64::try_from(kept).ok(), "{cut}");
        let whole = operator.upload("/imports/clicks", format!("{head}{tail}")).await.expect(201);
        let kept = i64::try_from(kept).expect("a count");
        assert_eq!((counts(&whole), &whole["state"]), ([3_500, 3_500 - kept, kept, 0], &json!("finished")));
        assert_eq!(stage.stored_clicks().await, 3_500);
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_such_table_leaves_nothing() {
    for_each_empty_database(async |database| {
        let server = Server::start_with(database, &["--import-bytes-max", "100000"]);
        let stage = Stage::new(&server).await;
        let Stage { operator, slug, .. } = &stage;
        for (path, table, code) in [
            ("/imports/clicks", format!("slug,when\n{slug},2026-10-01\n"), "unknown_column"),
            ("/imports/clicks", "slug\n".to_owned(), "missing_column"),
            ("/imports/clicks", "slug,at,at\n".to_owned(), "duplicate_column"),
            ("/imports/sales", format!("slug,at\n{slug},2026-10-01\n"), "unknown_column"),
            ("/imports/rates", String::new(), "empty_table"),
            ("/imports/rates", "PK\u{3}\u{4}".to_owned(), "not_text"),
        ] {
            let refused = operator.upload(path, table.clone()).await.expect(422);
            assert_eq!(refused["code"], code, "{table}: {refused}");
        }
        let large = format!("slug,at,sub1\n{}", stage.clicks(0, 4_000));
        assert!(large.len() > 100_000);
        assert_eq!(operator.upload("/imports/clicks", large.clone()).await.expect(413)["code"], "too_large");
        assert_eq!(operator.get("/imports").await["data"], json!([]), "nothing was begun");
        assert_eq!(stage.stored_clicks().await, 0);

        // Without its length told before, it is cut where it is too large.
        let mut connection = begun(operator, "Transfer-Encoding: chunked").await;
        connection.write_all(format!("{:x}\r\n{large}\r\n", large.len()).as_bytes()).await.expect("it is read");
        let mut status = [0; 12];
        connection.read_exact(&mut status).await.expect("an answer");
        assert_eq!(&status, b"HTTP/1.1 413");
        until("the row says so", || async { operator.get("/imports").await["data"][0]["state"] == "interrupted" }).await;

        let url = format!("{}/api/v1/imports/clicks", operator.base);
        let json = operator.http.post(&url).bearer_auth(&operator.key).json(&json!({})).send().await.expect("an answer");
        assert_eq!(json.status(), 415);
        let other = server.sign_in("publisher", &stage.publisher);
        assert_eq!(other.upload("/imports/clicks", format!("slug,at\n{slug},2026-10-01\n")).await.expect(403)["code"], "forbidden");
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_rejected_lines_the_first_ten_thousand_are_kept() {
    let fresh = Fresh::sqlite().await;
    let server = Server::start(&fresh.url);
    let stage = Stage::new(&server).await;
    let table = format!("slug,at\n{}", "none,2026-10-01\n".repeat(10_003));
    let import = stage.operator.upload("/imports/clicks", table).await.expect(201);
    assert_eq!((counts(&import), &import["rejected_kept"]), ([10_003, 0, 0, 10_003], &json!(10_000)));
    assert_eq!(import["errors"].as_array().map(Vec::len), Some(100));
    let rejected = stage.rejected(&import["id"]).await;
    let last = rejected.lines().last().expect("a line");
    assert!(rejected.lines().count() == 10_001 && last.starts_with("10001,unknown_link,"), "{last}");
    server.stop();
    fresh.remove().await;
}
