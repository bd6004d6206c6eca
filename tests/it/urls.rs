//! Sales of shops that can only call a URL: signed ones, and the pixel that anybody can load.
use crate::support::for_each_database;
use crate::support::retail::naughty_strings;
use crate::support::server::{Answer, Merchant, Server, click, client, ristourne_ok, unix_now};
use crate::support::sql::Sql;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use ristourne::kernel::signature::{WebhookSecret, sign_query};
use serde_json::json;

/// A shop with two programs, one of which takes pixels, and a click on each.
struct Shop {
    server: Server,
    merchant: Merchant,
    plain: (String, String),
    pixel: (String, String),
}

impl Shop {
    async fn open(database: &str) -> Self {
        let server = Server::start(database);
        let operator = server.operator();
        let merchant = operator.merchant("Shop").await;
        let publisher = operator.publisher("Blog").await;
        let mut programs = Vec::new();
        for pixel in [false, true] {
            let program = json!({"merchant": merchant.id, "name": "Program", "currency": "EUR", "landing_url": "https://shop.example/",
                "domains": ["shop.example"], "pixel": pixel, "terms": {"commission": [{"pay": {"percent": "5"}}],
                "split": {"publisher": "60", "buyer": "30", "platform": "10"}}});
            let program = crate::support::server::text(&operator.create("/programs", program).await["id"]);
            let slug = operator.link(&program, &publisher).await;
            let click = click(&client(), &server.base, &slug).await;
            programs.push((program, click));
        }
        let [plain, pixel] = programs.try_into().expect("two programs");
        Self { server, merchant, plain, pixel }
    }

    fn signed(&self, query: &str) -> String {
        let query = format!("{query}&ts={}", unix_now());
        format!("{query}&sig={}", sign_query(&self.merchant.secret, &query))
    }

    async fn get(&self, query: &str) -> Answer {
        let url = self.server.url(&format!("/postback?{query}"));
        Answer::read(Method::GET, self.merchant.http.get(url).send().await.expect("the server answers")).await
    }

    /// Loads the pixel; gives its verdict.
    async fn load(&self, query: &str) -> String {
        let answer = self.merchant.http.get(self.server.url(&format!("/pixel.gif?{query}"))).send().await.expect("the server answers");
        assert_eq!((answer.status().as_u16(), &answer.headers()["content-type"]), (200, &"image/gif".parse().expect("a value")), "{query}");
        let verdict = answer.headers()["ristourne-verdict"].to_str().expect("visible ASCII").to_owned();
        assert!(answer.bytes().await.expect("a picture").starts_with(b"GIF89a"));
        verdict
    }
}

/// The query of a sale, and what else it says.
fn sale((program, click): &(String, String), order: &str, more: &str) -> String {
    format!("program={program}&order_id={order}&amount=120.00&currency=EUR&click_id={click}{more}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_url_says_a_sale_and_nothing_else_is_believed() {
    for_each_database(async |database| {
        let shop = Shop::open(database).await;
        let query = sale(&shop.plain, "U-1", "");
        let recorded = shop.get(&shop.signed(&query)).await.expect(201);
        assert_eq!((&recorded["status"], &recorded["conversion"]["commission"]["amount"]), (&json!("recorded"), &json!("6.00")));
        assert_eq!(shop.get(&shop.signed(&query)).await.expect(200)["status"], "duplicate");
        // The same order by the other door.
        let body = json!({"program": shop.plain.0, "order_id": "U-1", "amount": "120.00", "currency": "EUR"});
        assert_eq!(shop.merchant.postback(&body).await.expect(200)["conversion"], recorded["conversion"]);
        let refund = format!("program={}&order_id=U-1&type=refund&refund_id=r&amount=20.00", shop.plain.0);
        assert_eq!(shop.get(&shop.signed(&refund)).await.expect(201)["conversion"]["commission"]["amount"], "5.00");

        let stranger = WebhookSecret::generate([7; 32]);
        let good = shop.signed(&query);
        let at = |ts: i64| {
            let query = format!("{query}&ts={ts}");
            format!("{query}&sig={}", sign_query(&shop.merchant.secret, &query))
        };
        let stamped = format!("{query}&ts={}", unix_now());
        let unstamped = format!("{query}&sig={}", sign_query(&shop.merchant.secret, &query));
        let cases = [
            ("unsigned", query.clone(), 401, "signature_missing"),
            ("a stranger's", format!("{stamped}&sig={}", sign_query(&stranger, &stamped)), 401, "signature_invalid"),
            ("shorter", good[..good.len() - 2].to_owned(), 401, "signature_invalid"),
            ("another amount", good.replace("120.00", "121.00"), 401, "signature_invalid"),
            ("another order", good.replace("U-1", "U-2"), 401, "signature_invalid"),
            ("old", at(unix_now() - 400), 401, "timestamp_out_of_range"),
            ("ahead", at(unix_now() + 400), 401, "timestamp_out_of_range"),
            ("unknown program", shop.signed(&query.replace("program=prg_", "program=prg_zz")), 401, "signature_invalid"),
            ("without time", unstamped, 401, ""),
            ("more behind the signature", format!("{good}&amount=1.00"), 401, ""),
            ("other content", shop.signed(&query.replace("120.00", "121.00")), 409, "order_conflict"),
            ("no amount", shop.signed(&query.replace("&amount=120.00", "")), 422, "missing_field"),
            ("twice", shop.signed(&format!("{query}&amount=120.00")), 422, "duplicate_field"),
            ("not positive", shop.signed(&query.replace("120.00", "0.00").replace("U-1", "U-3")), 422, "amount_not_positive"),
            ("U+0000", shop.signed(&query.replace("U-1", "U%00")), 422, "invalid_text"),
            ("no UTF-8", shop.signed(&query.replace("U-1", "U%FF")), 422, "invalid_text"),
            ("unknown type", shop.signed(&sale(&shop.plain, "U-4", "&type=rebate")), 422, "unknown_type"),
        ];
        let mut sql = Sql::open(database).await;
        let mut rows = sql.number("SELECT COUNT(*) FROM inbox").await;
        for (what, query, http, code) in cases {
            let answer = shop.get(&query).await;
            assert_eq!(answer.status.as_u16(), http, "{what}: {answer:?}");
            assert!(code.is_empty() || answer.body["code"] == code, "{what}: {answer:?}");
            rows += 1;
            assert_eq!(sql.number("SELECT COUNT(*) FROM inbox").await, rows, "{what}: one row a message");
        }
        assert_eq!(sql.number("SELECT COUNT(*) FROM conversion").await, 1);
        sql.close().await;
        shop.server.stop();
        ristourne_ok(database, &["verify"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pixel_is_a_picture_whatever_it_says_and_waits_for_approval() {
    for_each_database(async |database| {
        let shop = Shop::open(database).await;
        assert_eq!(shop.load(&sale(&shop.plain, "P-0", "")).await, "no_pixel");
        assert_eq!(shop.load(&sale(&shop.pixel, "P-1", "")).await, "recorded");
        assert_eq!(shop.load(&sale(&shop.pixel, "P-1", "")).await, "duplicate");
        // An unsigned message never changes a stored order, and says nothing about one but that it was.
        assert_eq!(shop.load(&sale(&shop.pixel, "P-1", "").replace("120.00", "9.00")).await, "order_conflict");
        for verb in ["refund&refund_id=r", "cancel", "approve", "reject&reason=x"] {
            assert_eq!(shop.load(&sale(&shop.pixel, "P-1", &format!("&type={verb}"))).await, "signature_missing", "{verb}");
        }
        let operator = shop.server.operator();
        let list = operator.get("/conversions").await;
        assert_eq!(list["data"].as_array().map(Vec::len), Some(1), "{list}");
        assert!(list["data"][0]["flags"].as_array().is_some_and(|flags| flags.contains(&json!("unsigned"))), "{list}");

        // A signed sale replaces it, and posts the difference.
        let body = json!({"program": shop.pixel.0, "order_id": "P-1", "amount": "100.00", "currency": "EUR", "click_id": shop.pixel.1});
        let replaced = shop.merchant.postback(&body).await.expect(201);
        assert_eq!(replaced["conversion"]["commission"]["amount"], "5.00");
        assert!(!replaced["conversion"]["flags"].as_array().expect("a list").contains(&json!("unsigned")), "{replaced}");
        let owed = operator.balance(&shop.merchant.id, &format!("merchant:{}:pending", shop.merchant.id)).await;
        assert_eq!(owed.as_deref(), Some("5.00"));
        assert_eq!(shop.load(&sale(&shop.pixel, "P-1", "")).await, "order_conflict");

        for string in naughty_strings() {
            let escaped = utf8_percent_encode(&string, NON_ALPHANUMERIC).to_string();
            shop.load(&sale(&shop.pixel, &escaped, "")).await;
            shop.load(&sale(&shop.pixel, "P-1", &format!("&coupon={escaped}&{escaped}={escaped}&customer_ref={escaped}"))).await;
        }
        assert_ne!(shop.load("").await, "recorded");
        shop.server.stop();
        ristourne_ok(database, &["verify"]);
    })
    .await;
}
