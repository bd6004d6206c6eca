//! The ECB's own rates, stored over HTTP, and sales in all its currencies, held against amounts that are worked out here from the digits.
use crate::support::for_each_database;
use crate::support::server::{Operator, Server, click, client, ristourne_ok, text};
use reqwest::Method;
use ristourne::engine::{clock::Clock, keys};
use ristourne::kernel::{currency::Currency, id::ClickId, seal::Vault, time::Time};
use ristourne::store::{Db, Options};
use serde_json::{Map, Value, json};

/// A day of the file: its date, and the rates of currencies that we take, as written.
struct Published {
    date: String,
    rates: Vec<(Currency, String)>,
}

/// The file's days, oldest first.
fn published() -> Vec<Published> {
    let file = include_str!("../data/money/ecb-eurofxref-cut.csv");
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let headers = reader.headers().expect("a header line").clone();
    let mut days = Vec::new();
    for row in reader.records() {
        let row = row.expect("a day");
        let rates = headers.iter().zip(&row).skip(1).filter(|(_, rate)| !matches!(*rate, "N/A" | ""));
        let rates = rates.filter_map(|(code, rate)| Some((code.parse().ok()?, rate.to_owned()))).collect();
        days.push(Published { date: row[0].to_owned(), rates });
    }
    days.reverse();
    days
}

async fn store(operator: &Operator, day: &Published) -> u16 {
    let rates: Map<String, Value> = day.rates.iter().map(|(currency, rate)| (currency.code().to_owned(), json!(rate))).collect();
    operator.call(Method::POST, "/rates", Some(&json!({"date": day.date, "rates": rates}))).await.status.as_u16()
}

/// 5 % of an amount of minor units in cents of a euro, half up: exact until it is rounded.
fn commission(minor: i128, decimals: u8, rate: &str) -> i128 {
    let (whole, part) = rate.split_once('.').unwrap_or((rate, ""));
    let digits: i128 = format!("{whole}{part}").parse().expect("digits");
    // minor / 10^decimals / (digits / 10^part) × 100 cents × 5 / 100.
    let numerator = minor * 5 * 10_i128.pow(u32::try_from(part.len()).expect("a few digits"));
    let denominator = digits * 10_i128.pow(u32::from(decimals));
    (2 * numerator + denominator) / (2 * denominator)
}

/// The same click at another time, sealed with the installation's own key: the file's days have passed.
async fn click_at(database: &str, click: &str, at: Time) -> String {
    let db = Db::open(database, &Options::default()).await.expect("the database opens");
    let ring = keys::ring(&db, &Vault::new(None), Clock::System.now()).await.expect("the key ring");
    db.close().await;
    let mut token = ring.open_click(click).expect("a click of ours");
    let later = ristourne::kernel::id::time_of(token.click.raw()).since(at) / 1_000;
    // The milliseconds stand above 22 bits of node and sequence.
    token.click = ClickId::from_raw(token.click.raw() - (later << 22));
    ring.seal_click(&token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sales_in_the_ecb_s_currencies_pay_what_its_rates_say() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        let days = published();
        assert_eq!(days.len(), 78);
        // The last day comes later: Friday 2026-10-30.
        let (last, before) = days.split_last().expect("days");
        for day in before {
            assert_eq!(store(&operator, day).await, 201, "{}", day.date);
        }
        assert_eq!(store(&operator, &before[70]).await, 200, "the same again");
        let other = Published { date: before[70].date.clone(), rates: vec![(before[70].rates[0].0, "9.99".to_owned())] };
        assert_eq!(store(&operator, &other).await, 409, "the first rate of a day stays");

        let merchant = operator.merchant("Shop").await;
        let terms = json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}});
        let program = operator.program(&merchant, "EUR", terms).await;
        let slug = operator.link(&program, &operator.publisher("Blog").await).await;
        let click = click(&client(), &server.base, &slug).await;
        let newest = before.last().expect("days");
        // On a Monday to Thursday the day's own rate counts, on Sunday 2026-10-25 that of the Friday before.
        let friday = days.iter().find(|day| day.date == "2026-10-23").expect("a Friday");
        for (at, day) in [("2026-10-29T12:00:00Z", newest), ("2026-10-25T12:00:00Z", friday)] {
            let touched = click_at(database, &click, Time::parse(at).expect("a time").plus(-3_600_000_000)).await;
            assert!(day.rates.len() > 25, "{}", day.rates.len());
            for (currency, rate) in &day.rates {
                let minor = i128::from(currency.scale()) * 1_234 + i128::from(currency.scale()) / 3;
                let amount = ristourne::kernel::money::Money::new(i64::try_from(minor).expect("an amount"), *currency).amount().to_string();
                let body = json!({"program": program, "order_id": format!("{currency} {at}"), "amount": amount, "currency": currency.code(),
                    "click_id": touched, "occurred_at": at});
                let answer = merchant.postback(&body).await.expect(201);
                let ours = commission(minor, currency.decimals(), rate);
                let theirs: i128 = text(&answer["conversion"]["commission"]["amount"]).replace('.', "").parse().expect("an amount");
                assert_eq!(theirs, ours, "{body} at {rate}\n{answer}");
            }
        }

        // No rate: the ruble has had none for years, and on 2026-11-06 the newest of all is more than 7 days old.
        let touched = click_at(database, &click, Time::parse("2026-10-20T12:00:00Z").expect("a time")).await;
        for (order, currency, at) in [("ruble", "RUB", "2026-10-20T13:00:00Z"), ("late", "USD", "2026-11-06T12:00:00Z")] {
            let body = json!({"program": program, "order_id": order, "amount": "100.00", "currency": currency, "click_id": touched, "occurred_at": at});
            let parked = merchant.postback(&body).await.expect(202);
            assert_eq!((&parked["status"], &parked["code"]), (&json!("parked"), &json!("no_rate")), "{order}");
        }
        // The rate that comes at last records the sale that waited for it, and no other.
        assert_eq!(store(&operator, last).await, 201);
        let recorded = operator.get(&format!("/conversions?program={program}")).await;
        let orders: Vec<&str> = recorded["data"].as_array().expect("a list").iter().filter_map(|row| row["order_id"].as_str()).collect();
        assert!(orders.contains(&"late") && !orders.contains(&"ruble"), "{orders:?}");
        server.stop();
        ristourne_ok(database, &["verify"]);
    })
    .await;
}
