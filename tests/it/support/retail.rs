//! The real orders and clicks of `tests/data`.
use flate2::read::GzDecoder;
use ristourne::kernel::money::Money;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

/// An invoice of the sample as it stands there.
#[derive(Debug, Clone)]
pub struct Invoice {
    pub number: String,
    pub lines: Vec<Line>,
}

/// One of its lines.
#[derive(Debug, Clone)]
pub struct Line {
    pub sku: String,
    pub quantity: i64,
    /// Total of the line in thousandths of a pound: one line of the sample has a third decimal.
    pub thousandths: i64,
}

impl Line {
    /// As an item of a postback.
    fn item(&self, sign: i64) -> Value {
        json!({"sku": self.sku, "category": category(&self.sku), "quantity": sign * self.quantity, "amount": decimal(sign * self.thousandths)})
    }
}

/// What is sold (a number), in a variant (a number with letters behind), or not goods at all: postage, a manual charge.
fn category(sku: &str) -> &'static str {
    match (sku.starts_with(|c: char| c.is_ascii_digit()), sku.ends_with(|c: char| c.is_ascii_digit())) {
        (true, true) => "goods",
        (true, false) => "variants",
        _ => "services",
    }
}

impl Invoice {
    pub fn thousandths(&self) -> i64 {
        self.lines.iter().map(|line| line.thousandths).sum()
    }

    /// The sample's refunds.
    pub fn is_cancellation(&self) -> bool {
        self.number.starts_with('C')
    }

    /// A postback of the sale, and nothing about when it was.
    pub fn sale(&self, program: &str, click_id: &str) -> Value {
        let items: Vec<Value> = self.lines.iter().map(|line| line.item(1)).collect();
        json!({"program": program, "type": "sale", "order_id": self.number, "amount": decimal(self.thousandths()), "currency": "GBP",
            "click_id": click_id, "items": items})
    }

    /// A cancellation as the refund of the invoice whose number it bears.
    pub fn cancellation(&self, program: &str) -> Value {
        let items: Vec<Value> = self.lines.iter().map(|line| line.item(-1)).collect();
        json!({"program": program, "type": "refund", "order_id": self.number.trim_start_matches('C'), "refund_id": self.number,
            "currency": "GBP", "items": items})
    }

    /// The refund of its first line that cost something.
    pub fn first_line_refund(&self, program: &str) -> Value {
        let line = self.lines.iter().find(|line| line.thousandths > 0).expect("it has an amount");
        json!({"program": program, "type": "refund", "order_id": self.number, "refund_id": "line", "items": [line.item(1)]})
    }

    /// A refund by amount.
    pub fn refund(&self, program: &str, refund_id: &str, minor: i64) -> Value {
        json!({"program": program, "type": "refund", "order_id": self.number, "refund_id": refund_id, "amount": pounds(minor)})
    }
}

/// Two decimals, three where the third is not 0.
fn decimal(thousandths: i64) -> String {
    if thousandths % 10 == 0 {
        return pounds(thousandths / 10);
    }
    let sign = if thousandths < 0 { "-" } else { "" };
    format!("{sign}{}.{:03}", thousandths.abs() / 1000, thousandths.abs() % 1000)
}

fn pounds(minor: i64) -> String {
    Money::new(minor, "GBP".parse().expect("a currency")).amount().to_string()
}

/// `2.55` as 2550.
fn thousandths(text: &str) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    assert!(part.len() <= 3, "{text}");
    let digits: i64 = format!("{}{part:0<3}", whole.trim_start_matches('-')).parse().expect("an amount");
    if text.starts_with('-') { -digits } else { digits }
}

/// The sample's invoices in its order.
pub fn invoices() -> Vec<Invoice> {
    let mut reader = csv::Reader::from_reader(GzDecoder::new(open("orders/online_retail_sample.csv.gz")));
    let headers = reader.headers().expect("a header line").clone();
    let column = |name: &str| headers.iter().position(|header| header == name).unwrap_or_else(|| panic!("no column {name}"));
    let [number, sku, quantity, price] = ["InvoiceNo", "StockCode", "Quantity", "UnitPrice"].map(column);
    let mut invoices: Vec<Invoice> = Vec::new();
    for row in reader.records() {
        let row = row.expect("a line of the sample");
        let quantity: i64 = row[quantity].parse().expect("a quantity");
        let line = Line { sku: row[sku].to_owned(), quantity, thousandths: quantity * thousandths(&row[price]) };
        match invoices.iter_mut().rfind(|invoice| invoice.number == row[number]) {
            Some(invoice) => invoice.lines.push(line),
            None => invoices.push(Invoice { number: row[number].to_owned(), lines: vec![line] }),
        }
    }
    invoices
}

/// A line of the access log.
#[derive(Debug, Clone)]
pub struct Request {
    pub address: String,
    pub method: String,
    pub path: String,
    pub referrer: Option<Vec<u8>>,
    pub agent: Option<Vec<u8>>,
}

/// The log's requests in its order.
pub fn requests() -> Vec<Request> {
    let mut log = BufReader::new(GzDecoder::new(open("clicks/access_10k.log.gz")));
    let mut requests = Vec::new();
    loop {
        let mut line = Vec::new();
        if log.read_until(b'\n', &mut line).expect("the log is read") == 0 {
            return requests;
        }
        requests.push(request(&line));
    }
}

/// `address - - [time] "GET /path HTTP/1.1" 200 123 "referrer" "agent"`; what is absent is `-`. One line of the log ends in its agent.
fn request(line: &[u8]) -> Request {
    let line = line.trim_ascii_end();
    let parts: Vec<&[u8]> = line.strip_suffix(b"\"").unwrap_or(line).split(|&byte| byte == b'"').collect();
    assert_eq!(parts.len(), 6, "{}", String::from_utf8_lossy(line));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("ASCII");
    let (before, asked) = (text(parts[0]), text(parts[1]));
    let word = |text: &str, n: usize| text.split(' ').nth(n).expect("a word").to_owned();
    let header = |bytes: &[u8]| (bytes != b"-" && !bytes.is_empty()).then(|| bytes.to_vec());
    let (referrer, agent) = (header(parts[3]), header(parts[5]));
    Request { address: word(&before, 0), method: word(&asked, 0), path: word(&asked, 1), referrer, agent }
}

fn open(file: &str) -> File {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file);
    File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Big List of Naughty Strings.
pub fn naughty_strings() -> Vec<String> {
    let mut text = String::new();
    open("hostile/blns.json").read_to_string(&mut text).expect("UTF-8");
    serde_json::from_str(&text).expect("a list of texts")
}
