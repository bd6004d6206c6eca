//! Reports, clicks and streams over HTTP: countries, roles, several nodes, lists that no memory holds.
use crate::support::{
    Fresh, TempDir, for_each_database,
    load::{at_once, until},
    mmdb,
    server::{Merchant, Operator, Server, click, client, follow, text},
    sql::Sql,
};
use reqwest::header;
use serde_json::{Value, json};
use std::net::Ipv4Addr;

struct Shop {
    operator: Operator,
    merchant: Merchant,
    program: String,
    publisher: String,
    slug: String,
    link: String,
}

impl Shop {
    async fn open(server: &Server) -> Self {
        let operator = server.operator();
        let merchant = operator.merchant("Shop").await;
        let terms = json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}});
        let program = operator.program(&merchant, "EUR", terms).await;
        let publisher = operator.publisher("Blog").await;
        let link = operator.create("/links", json!({"program": program, "publisher": publisher})).await;
        Self { operator, merchant, program, publisher, slug: text(&link["slug"]), link: text(&link["id"]) }
    }

    async fn sell(&self, order: &str, click: &str) -> Value {
        let sale = json!({"program": self.program, "order_id": order, "amount": "100.00", "currency": "EUR", "click_id": click});
        self.merchant.postback(&sale).await.expect(201)["conversion"].clone()
    }

    /// Each row of a report: its part, raw, counted, conversions.
    async fn report(&self, by: &str, query: &str) -> Vec<(String, i64, i64, i64)> {
        let report = self.operator.get(&format!("/reports/clicks?by={by}{query}")).await;
        let number = |value: &Value| value.as_i64().expect("a number");
        let row = |row: &Value| (text(&row[by]), number(&row["raw"]), number(&row["counted"]), number(&row["conversions"]));
        report["data"].as_array().expect("a list").iter().map(row).collect()
    }

    async fn raw(&self, path: &str, accept: &str) -> (String, String) {
        let request = self.operator.http.get(format!("{}/api/v1{path}", self.operator.base)).bearer_auth(&self.operator.key);
        let answer = request.header(header::ACCEPT, accept).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        let kind = answer.headers()[header::CONTENT_TYPE].to_str().expect("text").to_owned();
        // A sheet is saved under the noun of its path; the rest is shown.
        let name = path.split('?').next().and_then(|path| path[1..].split('/').next()).unwrap_or_default().replace("reports", "report");
        let saved = kind.starts_with("text/csv").then(|| format!("attachment; filename=\"{name}.csv\""));
        assert_eq!(answer.headers().get(header::CONTENT_DISPOSITION).map(|value| value.to_str().expect("text")), saved.as_deref());
        (kind, answer.text().await.expect("text"))
    }
}

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn countries_come_from_a_file_and_only_with_consent() {
    for_each_database(async |database| {
        let dir = TempDir::new("geo");
        let file = dir.path().join("countries.mmdb");
        let network = |a, b, c| Ipv4Addr::new(a, b, c, 0);
        std::fs::write(&file, mmdb::countries(&[(network(203, 0, 113), 24, "FR"), (network(198, 51, 100), 25, "DE")])).expect("written");
        let options = ["--geo-database", file.to_str().expect("text"), "--trusted-proxies", "127.0.0.0/8"];
        let server = Server::start_with(database, &options);
        let shop = Shop::open(&server).await;
        let visit = async |address: &str, query: &str, referrer: &str| {
            let request = shop.operator.http.get(server.url(&format!("/c/{}?{query}", shop.slug)));
            let request = request.header("x-forwarded-for", address).header(header::USER_AGENT, FIREFOX);
            let answer = request.header(header::REFERER, referrer).send().await.expect("an answer");
            assert_eq!(answer.status(), 302);
            answer.headers()[header::LOCATION].to_str().expect("text").to_owned()
        };
        let french = visit("203.0.113.7", "sub1=top", "https://www.blog.example/post").await;
        visit("198.51.100.9", "sub1=top", "https://blog.example/").await;
        visit("198.51.100.200", "", "https://other.example/").await;
        visit("203.0.113.8", "cons=0", "https://other.example/").await;
        let rows = |rows: &[(&str, i64, i64, i64)]| -> Vec<_> { rows.iter().map(|(a, b, c, d)| ((*a).to_owned(), *b, *c, *d)).collect() };
        assert_eq!(shop.report("country", "").await, rows(&[("DE", 1, 1, 0), ("FR", 1, 1, 0), ("unknown", 2, 2, 0)]));
        shop.sell("A-1", &crate::support::server::click_id(&french)).await;
        assert_eq!(shop.report("country", "&program=").await, rows(&[("DE", 1, 1, 0), ("FR", 1, 1, 1), ("unknown", 2, 2, 0)]));
        let link = format!("&link={}", shop.link);
        assert_eq!(shop.report("sub1", &link).await, rows(&[("(none)", 2, 2, 0), ("top", 2, 2, 1)]));
        let publisher = format!("&publisher={}", shop.publisher);
        assert_eq!(shop.report("referrer", &publisher).await, rows(&[("blog.example", 2, 2, 1), ("other.example", 2, 2, 0)]));
        assert_eq!(
            shop.report("agent", &format!("{publisher}&program={}", shop.program)).await,
            rows(&[("Firefox", 3, 3, 1), ("none", 1, 1, 0)])
        );

        // The rows behind them: no address in full, and of whom does not consent none.
        let list = shop.operator.get("/clicks").await;
        let shown: Vec<_> =
            list["data"].as_array().expect("a list").iter().map(|row| (&row["country"], &row["address"], &row["agent_family"])).collect();
        let wanted = json!([
            [null, null, "none"],
            [null, "198.51.100.0", "Firefox"],
            ["DE", "198.51.100.0", "Firefox"],
            ["FR", "203.0.113.0", "Firefox"]
        ]);
        assert_eq!(json!(shown), wanted);
        assert_eq!((&list["next"], &list["searched_to"]), (&Value::Null, &Value::Null));

        // Another file takes its place.
        std::fs::write(&file, mmdb::countries(&[(network(203, 0, 113), 25, "ES")])).expect("written");
        let moved = async || {
            visit("203.0.113.9", "", "https://other.example/").await;
            shop.report("country", "").await.iter().any(|(country, ..)| country == "ES")
        };
        until("the new file is read", moved).await;
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clicks_are_listed_and_filtered_for_who_may_see_them() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let (shop, rival) = (Shop::open(&server).await, Shop::open(&server).await);
        let http = client();
        for n in 0..7 {
            follow(&http, &server.base, &format!("/c/{}?sub1={n}&sub5==x", shop.slug)).await;
        }
        let robot = http.get(server.url(&format!("/c/{}", shop.slug))).header(header::USER_AGENT, "Googlebot/2.1");
        robot.send().await.expect("an answer");
        follow(&http, &server.base, &format!("/c/{}", rival.slug)).await;

        let count = |list: &Value| list["data"].as_array().expect("a list").len();
        let operator = &shop.operator;
        assert_eq!(count(&operator.get("/clicks").await), 9);
        let bots = operator.get(&format!("/clicks?quality=bot&program={}", shop.program)).await;
        assert_eq!((count(&bots), &bots["data"][0]["agent_family"]), (1, &json!("Googlebot")));
        let day = &text(&bots["data"][0]["at"])[..10];
        assert_eq!(count(&operator.get(&format!("/clicks?link={}&since={day}&until={day}", shop.link)).await), 8);
        let none = operator.get("/clicks?until=2026-01-01").await;
        assert_eq!((count(&none), &none["next"]), (0, &Value::Null));
        // Page by page it is the same.
        let (mut pages, mut after) = (Vec::new(), String::new());
        loop {
            let page = operator.get(&format!("/clicks?limit=2&publisher={}{after}", shop.publisher)).await;
            pages.extend(page["data"].as_array().expect("a list").iter().map(|row| text(&row["id"])));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        let whole = operator.get(&format!("/clicks?publisher={}", shop.publisher)).await;
        assert_eq!(pages, whole["data"].as_array().expect("a list").iter().map(|row| text(&row["id"])).collect::<Vec<_>>());
        assert_eq!(pages.len(), 8);

        let id = text(&whole["data"][7]["id"]);
        let one = operator.get(&format!("/clicks/{id}")).await;
        assert_eq!((&one["sub1"], &one["sub5"], &one["publisher"]), (&json!("0"), &json!("=x"), &json!(shop.publisher)));
        let keyed = |role: &str, owner: &str| {
            let line = crate::support::server::ristourne_ok(database, &["key", "create", "--role", role, "--owner", owner]);
            let key: Value = serde_json::from_str(&line).expect("JSON");
            Operator { key: text(&key["key"]), ..operator.clone() }
        };
        for (caller, seen, status) in [
            (keyed("publisher", &shop.publisher), 8, 200),
            (keyed("publisher", &rival.publisher), 1, 404),
            (keyed("merchant", &shop.merchant.id), 8, 200),
            (keyed("merchant", &rival.merchant.id), 1, 404),
        ] {
            let list = caller.get("/clicks").await;
            assert_eq!((count(&list), &list["data"][0]["address"]), (seen, &Value::Null));
            caller.call(reqwest::Method::GET, &format!("/clicks/{id}"), None).await.expect(status);
            let report = caller.get("/reports/clicks?by=link").await;
            assert_eq!((count(&report), &report["data"][0]["raw"]), (1, &json!(seen)));
            // Somebody else's are nobody's.
            let foreign = format!("publisher={}&merchant={}", rival.publisher, shop.merchant.id);
            assert_eq!(count(&caller.get(&format!("/reports/clicks?by=day&{foreign}")).await), 0);
            assert_eq!(count(&caller.get(&format!("/clicks?{foreign}")).await), 0);
        }
        let (buyer, _) = operator.buyer().await;
        let buyer = keyed("buyer", &buyer);
        for path in ["/clicks", "/reports/clicks?by=day"] {
            buyer.call(reqwest::Method::GET, path, None).await.expect(403);
        }
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_count_together_and_at_once() {
    let fresh = Fresh::postgres().await;
    let (one, other) = (Server::start(&fresh.url), Server::start(&fresh.url));
    let shop = Shop::open(&one).await;
    let bases = [one.base.clone(), other.base.clone()];
    for round in 1..=4 {
        let (http, slug, bases) = (client(), shop.slug.clone(), bases.clone());
        at_once(16, (0..100).collect(), move |n: usize| {
            let (http, slug, base) = (http.clone(), slug.clone(), bases[n % 2].clone());
            async move { follow(&http, &base, &format!("/c/{slug}?sub1={}", n % 3)).await }
        })
        .await;
        // Answered is counted, whichever node is asked, whatever is folded by then; a click that was spooled is stored soon.
        for server in [&one, &other] {
            let operator = shop.operator.at(server);
            let counted = async || {
                let report = operator.get("/reports/clicks?by=sub1").await;
                report["data"].as_array().expect("a list").iter().map(|row| row["raw"].as_i64().expect("a number")).sum::<i64>()
                    == 100 * round
            };
            until("every click is counted", counted).await;
        }
    }
    one.stop();
    other.stop();
    let verified = crate::support::server::ristourne_ok(&fresh.url, &["verify"]);
    assert!(verified.contains("everything holds"), "{verified}");
    fresh.remove().await;
}

/// A sale by a coupon has no link, and a `sub1` may read like a mark: whatever rows are made by, they add up to the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_add_up_to_the_same_by_whatever_they_are_made() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let shop = Shop::open(&server).await;
        let coupon = json!({"program": shop.program, "code": "LIRE10", "publisher": shop.publisher});
        shop.operator.create("/coupons", coupon).await;
        let marks = ["%28none%29", "%28unknown%29", "%28other%29", "%5C%28none%29", "top"];
        for (n, mark) in marks.iter().enumerate() {
            let sealed = click(&client(), &server.base, &format!("{}?sub1={mark}", shop.slug)).await;
            shop.sell(&format!("A-{n}"), &sealed).await;
        }
        follow(&client(), &server.base, &format!("/c/{}", shop.slug)).await;
        let sale = json!({"program": shop.program, "order_id": "C-1", "amount": "100.00", "currency": "EUR", "coupon": "lire10"});
        shop.merchant.postback(&sale).await.expect(201);

        let total = async |by: &str, query: &str| {
            let report = shop.operator.get(&format!("/reports/clicks?by={by}{query}")).await;
            let of = |row: &Value, name: &str| row[name].as_i64().expect("a number");
            let cents = |row: &Value| {
                let sums = row["commission"].as_array().expect("a list").iter();
                sums.map(|sum| text(&sum["amount"]).replace('.', "").parse::<i64>().expect("digits")).sum::<i64>()
            };
            let rows = report["data"].as_array().expect("a list").iter();
            rows.fold((0, 0, 0), |sum, row| (sum.0 + of(row, "raw"), sum.1 + of(row, "conversions"), sum.2 + cents(row)))
        };
        let publisher = format!("&publisher={}", shop.publisher);
        for query in ["", publisher.as_str(), &format!("&program={}", shop.program), &format!("&merchant={}", shop.merchant.id)] {
            for by in ["day", "link", "publisher", "program", "country", "referrer", "agent", "sub1"] {
                assert_eq!(total(by, query).await, (6, 6, 3_000), "by={by}{query}");
            }
        }

        let first = shop.operator.get("/reports/clicks?by=link&limit=1").await;
        assert_eq!((&first["data"][0]["link"], &first["data"][0]["conversions"]), (&Value::Null, &json!(1)));
        let rest = shop.operator.get(&format!("/reports/clicks?by=link&limit=1&after={}", text(&first["next"]))).await;
        assert_eq!((&rest["data"][0]["link"], &rest["data"][0]["conversions"]), (&json!(shop.link), &json!(5)));
        assert_eq!(rest["next"], Value::Null);
        let (_, sheet) = shop.raw("/reports/clicks?by=link", "text/csv").await;
        assert!(sheet.starts_with("link,raw,") && sheet.contains("\r\n,0,0,,1,5.00,,EUR\r\n"), "{sheet}");
        let row = |part: &str, clicks, conversions| (part.to_owned(), clicks, conversions);
        let wanted = [
            row("(none)", 1, 0),
            row("(unknown)", 0, 1),
            row("\\(none)", 1, 1),
            row("\\(other)", 1, 1),
            row("\\(unknown)", 1, 1),
            row("\\\\(none)", 1, 1),
            row("top", 1, 1),
        ];
        let rows = shop.report("sub1", "").await;
        assert_eq!(rows.into_iter().map(|(part, raw, _, conversions)| (part, raw, conversions)).collect::<Vec<_>>(), wanted);
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_come_as_csv_and_as_lines_of_json() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let shop = Shop::open(&server).await;
        for n in 0..12 {
            let sealed = click(&client(), &server.base, &format!("{}?sub1=%3Dcmd%22{n}", shop.slug)).await;
            shop.sell(&format!("=order,{n}"), &sealed).await;
        }
        for (path, columns) in [
            ("/conversions?".to_owned(), 25),
            (format!("/entries?owner={}&", shop.publisher), 10),
            ("/inbox?".to_owned(), 13),
            ("/clicks?".to_owned(), 19),
            ("/reports/clicks?by=sub1&".to_owned(), 8),
        ] {
            let pages = shop.operator.get(&format!("{path}limit=500")).await;
            let pages = pages["data"].as_array().expect("a list").clone();
            assert_eq!(pages.len(), 12, "{path}");
            let (kind, lines) = shop.raw(&format!("{path}format=ndjson"), "*/*").await;
            assert_eq!(kind, "application/x-ndjson");
            assert_eq!(lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<Value>>(), pages, "{path}");
            assert_eq!(shop.raw(&format!("{path}limit=5"), "application/x-ndjson").await.1.lines().count(), 5);
            let (kind, sheet) = shop.raw(&path, "text/html, text/csv;q=0.9").await;
            assert!(kind.starts_with("text/csv"), "{kind}");
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(sheet.as_bytes());
            let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("CSV with lines of one length");
            assert_eq!((rows.len(), rows[0].len()), (13, columns), "{path}");
            assert!(rows.iter().flatten().all(|field| !field.starts_with('=')), "{sheet}");
            assert!(sheet.ends_with("\r\n"));
        }
        let (_, sheet) = shop.raw("/reports/clicks?by=program", "text/csv").await;
        // One visitor again and again: the first click counts.
        let wanted = format!(
            "program,raw,counted,conversion_rate,conversions,commission,epc,currency\r\n{},12,1,12.0000,12,60.00,60.00,EUR\r\n",
            shop.program
        );
        assert_eq!(sheet, wanted);
        shop.operator.call(reqwest::Method::GET, "/clicks?format=xml", None).await.expect(422);
        server.stop();
    })
    .await;
}

/// The most memory that a process ever had, bytes.
fn memory_max(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_list_is_streamed_without_being_held() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let shop = Shop::open(&server).await;
        let mut sql = Sql::open(database).await;
        let link = sql.number("SELECT MAX(id) FROM link").await;
        let numbers = if database.starts_with("sqlite") {
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 200000) SELECT"
        } else {
            "SELECT"
        };
        let from = if database.starts_with("sqlite") { "FROM n" } else { "FROM generate_series(1, 200000) AS n(n)" };
        let filler = "x".repeat(100);
        let insert = format!("INSERT INTO click (id, link, quality, consent, sub1, sub2, sub3) {numbers} n * 1000, {link}, 0, TRUE, '{filler}', '{filler}', '{filler}' {from}");
        assert_eq!(sql.run(&insert).await, 200_000);
        sql.close().await;
        shop.operator.get("/clicks?limit=500").await;
        let before = memory_max(server.process());
        let path = format!("{}/api/v1/clicks?format=ndjson", shop.operator.base);
        let mut answer = shop.operator.http.get(&path).bearer_auth(&shop.operator.key).send().await.expect("an answer");
        let (mut bytes, mut lines) = (0, 0);
        while let Some(chunk) = answer.chunk().await.expect("it does not break off") {
            bytes += chunk.len() as u64;
            lines += chunk.iter().filter(|byte| **byte == b'\n').count();
        }
        assert_eq!(lines, 200_000);
        let grown = memory_max(server.process()) - before;
        eprintln!("{bytes} bytes, {grown} more memory");
        // What it may use are the page caches of its connections; the list alone, held, would be all of these bytes and more.
        assert!(grown < bytes * 2 / 3, "{bytes} bytes were sent, and {grown} more of memory used");
        // Whoever leaves in the middle leaves nothing behind that keeps the server from its end.
        let mut answer = shop.operator.http.get(&path).bearer_auth(&shop.operator.key).send().await.expect("an answer");
        assert!(answer.chunk().await.expect("a chunk").is_some());
        drop(answer);
        server.stop();
    })
    .await;
}
