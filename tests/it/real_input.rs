//! Real input through the front door: a web site's clicks, a shop's orders with their refunds, and what must be so afterwards.
use crate::support::for_each_database;
use crate::support::load::{at_once, until};
use crate::support::retail::{self, Invoice, Request};
use crate::support::server::{Answer, Merchant, Operator, Server, click_id, client, ristourne_ok, text};
use crate::support::sql::Sql;
use reqwest::{Client, Method, header};
use ristourne::domain::click::is_robot;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Requests in flight, as of a busy site.
const WIDTH: usize = 64;
const PUBLISHERS: usize = 8;
const LINKS: usize = 24;

/// The network that the shop's orders run through.
struct Network {
    operator: Operator,
    merchant: Merchant,
    program: String,
    publishers: Vec<String>,
    slugs: Vec<String>,
}

impl Network {
    async fn new(server: &Server) -> Self {
        let operator = server.operator();
        let merchant = operator.merchant("Online Retail").await;
        let terms = json!({
            "commission": [
                {"when": {"category": ["services"]}, "pay": {"percent": "0"}, "reason": "excluded_category"},
                {"when": {"category": ["variants"]}, "pay": {"percent": "6.25"}, "cap": {"per_order": "40.00"}},
                {"pay": {"percent": "4.5"}}],
            "split": {"publisher": "57.5", "buyer": "32.5", "platform": "10"}});
        let program = operator.program(&merchant, "GBP", terms).await;
        let mut network = Self { operator, merchant, program, publishers: Vec::new(), slugs: Vec::new() };
        for n in 0..PUBLISHERS {
            network.publishers.push(network.operator.publisher(&format!("Blog {n}")).await);
        }
        for n in 0..LINKS {
            network.slugs.push(network.operator.link(&network.program, &network.publishers[n % PUBLISHERS]).await);
        }
        network
    }

    /// The same page is the same link.
    fn slug(&self, request: &Request) -> &str {
        let mut hasher = DefaultHasher::new();
        request.path.hash(&mut hasher);
        let n = usize::try_from(hasher.finish() % LINKS as u64).expect("below the number of links");
        &self.slugs[n]
    }

    async fn send(&self, postbacks: Vec<Value>) -> Vec<Answer> {
        let merchant = self.merchant.clone();
        let send = move |body: Value| {
            let merchant = merchant.clone();
            async move { merchant.postback(&body).await }
        };
        at_once(WIDTH, postbacks, send).await
    }

    async fn conversions(&self) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.operator.get(&format!("/conversions?program={}&limit=500{after}", self.program)).await;
            all.extend(page["data"].as_array().expect("a list").clone());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return all,
            }
        }
    }

    /// Account and currency, minor units on the account's usual side.
    async fn balances(&self) -> BTreeMap<(String, String), i64> {
        let mut balances = BTreeMap::new();
        let owners = self.publishers.iter().chain([&self.merchant.id]).map(String::as_str);
        for owner in owners.chain(["platform"]) {
            let answer = self.operator.get(&format!("/balances?owner={owner}")).await;
            for row in answer["data"].as_array().expect("a list") {
                let key = (text(&row["account"]), text(&row["amount"]["currency"]));
                assert_eq!(balances.insert(key, minor(&row["amount"])), None, "one row per account and currency");
            }
        }
        balances
    }
}

/// Pence of a money object.
fn minor(money: &Value) -> i64 {
    text(&money["amount"]).replace('.', "").parse().unwrap_or_else(|_| panic!("{money} is no amount"))
}

async fn browse(http: Client, url: String, request: Request) -> (u16, Option<String>) {
    let method = Method::from_bytes(request.method.as_bytes()).expect("a method");
    let mut visit = http.request(method, url).header("X-Forwarded-For", request.address);
    for (name, value) in [(header::USER_AGENT, request.agent), (header::REFERER, request.referrer)] {
        if let Some(value) = value {
            visit = visit.header(name, value);
        }
    }
    let answer = visit.send().await.expect("the server answers");
    let location = answer.headers().get(header::LOCATION).map(|value| value.to_str().expect("visible ASCII").to_owned());
    (answer.status().as_u16(), location)
}

/// Replays the access log; gives the click ids that are no robot's, in the log's order.
async fn replay_clicks(server: &Server, network: &Network) -> Vec<String> {
    let requests = retail::requests();
    assert_eq!(requests.len(), 10_000);
    let http = client();
    let visits: Vec<(String, Request)> =
        requests.iter().map(|request| (server.url(&format!("/c/{}", network.slug(request))), request.clone())).collect();
    let answers = at_once(WIDTH, visits, move |(url, request)| browse(http.clone(), url, request)).await;

    let (mut ids, mut robots) = (Vec::new(), 0);
    for (request, (status, location)) in requests.iter().zip(&answers) {
        let expected = if matches!(request.method.as_str(), "GET" | "HEAD") { 302 } else { 405 };
        assert_eq!(*status, expected, "{request:?}");
        if request.method != "GET" {
            continue;
        }
        let id = click_id(location.as_deref().expect("a location"));
        if request.agent.as_deref().is_some_and(|agent| is_robot(&String::from_utf8_lossy(agent))) {
            robots += 1;
        } else {
            ids.push(id);
        }
    }
    let different: HashSet<&String> = ids.iter().collect();
    assert_eq!(different.len(), ids.len(), "every click has an id of its own");

    // 10,000 lines less 42 HEAD, 5 POST and 1 OPTIONS.
    let total =
        |answer: &Value, what: &str| answer["data"].as_array().expect("a list").iter().filter_map(|row| row[what].as_u64()).sum::<u64>();
    let report = async || network.operator.get("/reports/clicks?by=link").await;
    until("all clicks are in the report", async || total(&report().await, "raw") == 9_952).await;
    let mut sql = Sql::open(&server.database).await;
    assert_eq!(sql.number("SELECT COUNT(*) FROM click").await, 9_952);
    assert_eq!(sql.number("SELECT COUNT(*) FROM click WHERE quality = 4").await, robots, "robots");
    let counted = sql.number("SELECT COUNT(*) FROM click WHERE quality = 0").await;
    assert_eq!(total(&report().await, "counted"), u64::try_from(counted).expect("a count"));
    assert!(counted > 3_000 && robots > 1_500, "{counted} counted, {robots} robots");
    sql.close().await;
    ids
}

/// How often each answer came: `201 recorded`, `422 amount_not_positive`.
fn tally(answers: &[Answer]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for answer in answers {
        let word = answer.body["code"].as_str().or(answer.body["status"].as_str()).unwrap_or("?");
        *tally.entry(format!("{} {word}", answer.status.as_u16())).or_default() += 1;
    }
    tally
}

fn counts<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.into_iter().map(|(word, count)| (word.to_owned(), count)).collect()
}

/// What the recorded invoices get back: the first line of every 10th, a third of every 25th, all of every 50th.
fn refunds(sold: &[&Invoice], program: &str) -> Vec<Value> {
    let mut refunds = Vec::new();
    for (n, invoice) in (1..).zip(sold) {
        let total = invoice.thousandths() / 10;
        if n % 10 == 0 {
            refunds.push(invoice.first_line_refund(program));
        }
        if n % 25 == 0 {
            refunds.push(invoice.refund(program, "third", (total / 3).max(1)));
        }
        if n % 50 == 0 {
            refunds.push(invoice.refund(program, "all", total));
        }
    }
    refunds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_s_clicks_and_a_shop_s_orders_end_in_the_counted_verdicts_and_balances() {
    for_each_database(async |database| {
        let server = Server::start_with(database, &["--trusted-proxies", "127.0.0.1/32"]);
        let network = Network::new(&server).await;
        let clicks = replay_clicks(&server, &network).await;
        orders(&network, &clicks).await;
        let balances = network.balances().await;
        assert_eq!(exported(database), balances, "the journal's sums by account");
        let earning = balances.iter().filter(|((account, _), amount)| account.ends_with(":payable") && **amount > 0).count();
        assert_eq!(earning, PUBLISHERS + 1, "every publisher, and the unclaimed: {balances:#?}");
        server.stop();
        let report = ristourne_ok(database, &["verify"]);
        assert!(report.contains("everything holds"), "{report}");
    })
    .await;
}

async fn orders(network: &Network, clicks: &[String]) {
    let (program, invoices) = (network.program.as_str(), retail::invoices());
    assert_eq!(invoices.len(), 2_093);
    let (cancelled, sales): (Vec<&Invoice>, Vec<&Invoice>) = invoices.iter().partition(|invoice| invoice.is_cancellation());
    let sold: Vec<&Invoice> =
        sales.iter().copied().filter(|invoice| invoice.thousandths() > 0 && invoice.thousandths() % 10 == 0).collect();

    // Half of the refunds come before their sale.
    let refunds: Vec<Value> = refunds(&sold, program);
    assert_eq!(refunds.len(), 143 + 57 + 28);
    let (before, after): (Vec<_>, Vec<_>) = refunds.iter().cloned().enumerate().partition(|(n, _)| n % 2 == 0);
    let before: Vec<Value> = before.into_iter().map(|(_, refund)| refund).collect();
    let after: Vec<Value> = after.into_iter().map(|(_, refund)| refund).collect();
    assert_eq!(tally(&network.send(before).await), counts([("202 parked", 114)]));

    let postbacks: Vec<Value> = invoices
        .iter()
        .zip(clicks.iter().cycle())
        .map(|(invoice, click)| if invoice.is_cancellation() { invoice.cancellation(program) } else { invoice.sale(program, click) })
        .collect();
    let answers = network.send(postbacks.clone()).await;
    let expected = [("201 recorded", 1_431), ("422 amount_not_positive", 617), ("422 too_many_decimals", 1), ("202 parked", 44)];
    assert_eq!(tally(&answers), counts(expected));
    assert_eq!(cancelled.len(), 44);
    for (invoice, answer) in invoices.iter().zip(&answers) {
        if answer.body["code"] == "too_many_decimals" {
            assert_eq!(invoice.number, "550193");
            assert_eq!(answer.body["errors"][0]["field"], "amount", "{}", answer.body);
        }
    }

    // Every fourth is approved between, so that refunds meet orders in both states.
    let approvals: Vec<Value> =
        sold.iter().skip(1).step_by(4).map(|invoice| json!({"program": program, "type": "approve", "order_id": invoice.number})).collect();
    assert_eq!(tally(&network.send(approvals).await), counts([("201 recorded", 358)]));
    assert_eq!(tally(&network.send(after).await), counts([("201 recorded", 114)]));
    let before = network.balances().await;
    check_conversions(&network.conversions().await, &sold);

    // All of it again changes nothing.
    let expected = [("200 duplicate", 1_431 + 44), ("422 amount_not_positive", 617), ("422 too_many_decimals", 1)];
    assert_eq!(tally(&network.send(postbacks).await), counts(expected));
    assert_eq!(tally(&network.send(refunds).await), counts([("200 duplicate", 228)]));
    assert_eq!(network.balances().await, before);
}

/// Each recorded invoice is one conversion, with what was sold and given back, and shares that add up.
fn check_conversions(conversions: &[Value], sold: &[&Invoice]) {
    let by_order: BTreeMap<String, &Value> = conversions.iter().map(|conversion| (text(&conversion["order_id"]), conversion)).collect();
    assert_eq!((conversions.len(), by_order.len()), (1_431, 1_431));
    for (n, invoice) in (1..).zip(sold) {
        let conversion = by_order[&invoice.number];
        let total = invoice.thousandths() / 10;
        assert_eq!(minor(&conversion["amount"]), total, "{conversion}");
        let line = invoice.lines.iter().find(|line| line.thousandths > 0).expect("it has an amount").thousandths / 10;
        let returned = i64::from(n % 10 == 0) * line + i64::from(n % 25 == 0) * (total / 3).max(1) + i64::from(n % 50 == 0) * total;
        assert_eq!(minor(&conversion["refunded"]), returned.min(total), "{conversion}");
        let flags: Vec<String> = conversion["flags"].as_array().expect("a list").iter().map(text).collect();
        assert_eq!(flags.contains(&"over_refunded".to_owned()), returned > total, "{conversion}");
        assert_eq!(flags.contains(&"refunded".to_owned()), returned > 0, "{conversion}");
        let held = flags.contains(&"held".to_owned());
        let approved = (n - 1) % 4 == 1 && !held;
        assert_eq!(conversion["status"], if approved { "payable" } else { "pending" }, "{conversion}");
        let shares = ["publisher", "buyer", "platform"].map(|payee| minor(&conversion["shares"][payee]));
        let commission = minor(&conversion["commission"]);
        assert_eq!(shares.iter().sum::<i64>(), commission, "{conversion}");
        // At most 6.25 %, rounded half up.
        assert!(commission * 10_000 <= (total - returned.min(total)) * 625 + 5_000, "{conversion}");
        assert!(returned < total || commission == 0, "{conversion}");
    }
}

/// The sums of the CSV export by account, on the account's usual side.
fn exported(database: &str) -> BTreeMap<(String, String), i64> {
    let journal = ristourne_ok(database, &["export", "ledger", "--format", "csv"]);
    let mut reader = csv::Reader::from_reader(journal.as_bytes());
    let columns = ["account", "amount", "currency"].map(|name| {
        let headers = reader.headers().expect("a header line");
        headers.iter().position(|header| header == name).unwrap_or_else(|| panic!("no column {name}"))
    });
    let mut sums = BTreeMap::new();
    for row in reader.records() {
        let row = row.expect("a line of the export");
        let [account, amount, currency] = columns.map(|column| &row[column]);
        let (class, account) = account.split_once(':').expect("a class in front");
        let debit: i64 = amount.replace('.', "").parse().expect("an amount");
        let side = if matches!(class, "assets" | "expenses") { 1 } else { -1 };
        *sums.entry((account.to_owned(), currency.to_owned())).or_default() += side * debit;
    }
    sums
}

#[test]
fn the_sample_is_what_it_is_said_to_be() {
    let invoices = retail::invoices();
    assert_eq!(invoices.iter().map(|invoice| invoice.lines.len()).sum::<usize>(), 4_792);
    let largest = invoices.iter().max_by_key(|invoice| invoice.thousandths()).expect("invoices");
    assert_eq!(largest.thousandths(), 168_469_600);
    let count = |method: &str| retail::requests().iter().filter(|request| request.method == method).count();
    assert_eq!(["GET", "HEAD", "POST", "OPTIONS"].map(count), [9_952, 42, 5, 1]);
}
