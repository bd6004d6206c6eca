//! Changes, ends and revocations: what a user expects to change does, on every node; what cannot says why; doing it again changes nothing.
use crate::support::{
    Fresh, for_each_database,
    load::{at_once, until},
    server::{Operator, Server, client, follow, text},
};
use reqwest::Method;
use serde_json::{Value, json};

fn terms() -> Value {
    json!({"commission": [{"pay": {"percent": "10"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}})
}

async fn patch(who: &Operator, path: &str, body: Value) -> Value {
    who.call(Method::PATCH, path, Some(&body)).await.expect(200)
}

/// The wrong fields of a change, each with its code.
async fn wrong(who: &Operator, path: &str, body: Value) -> Vec<(String, String)> {
    let answer = who.call(Method::PATCH, path, Some(&body)).await.expect(422);
    let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("{path}: {answer}"));
    assert_eq!(answer["code"], errors[0]["code"]);
    errors.iter().map(|error| (text(&error["field"]), text(&error["code"]))).collect()
}

async fn delete(who: &Operator, path: &str) -> Value {
    who.call(Method::DELETE, path, None).await.expect(200)
}

fn with(mut value: Value, changes: &Value) -> Value {
    for (name, new) in changes.as_object().expect("an object") {
        value[name] = new.clone();
    }
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_changes_and_what_is_left_out_stays() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        let merchant = operator.create("/merchants", json!({"name": "Shop", "email": "a@shop.example"})).await;
        let publisher = operator.create("/publishers", json!({"name": "Blog", "email": "a@blog.example"})).await;
        let program = operator
            .create(
                "/programs",
                json!({"merchant": merchant["id"], "name": "P", "currency": "EUR", "landing_url": "https://shop.example/",
                "domains": ["shop.example"], "click_param": "cid", "terms": terms()}),
            )
            .await;
        let link = operator.create("/links", json!({"program": program["id"], "publisher": publisher["id"], "slug": "books"})).await;
        let buyer = operator.create("/buyers", json!({"email": "a@example.com", "external_id": "7"})).await;
        let coupon = json!({"program": program["id"], "publisher": publisher["id"], "code": "BLOG10", "until": "2030-01-01T00:00:00Z"});
        let coupon = operator.create("/coupons", coupon).await;
        let path = |noun: &str, thing: &Value| format!("/{noun}/{}", text(&thing["id"]));

        let cases = [
            (path("merchants", &merchant), &merchant, json!({"name": "Other"}), json!({"email": null})),
            (
                path("publishers", &publisher),
                &publisher,
                json!({"name": "Other", "kind": "cashback", "portal": true, "generosity": "12.5"}),
                json!({"email": null}),
            ),
            (
                path("programs", &program),
                &program,
                json!({"name": "Q", "landing_url": "https://new.example/?c={click_id}", "domains": ["new.example"], "pixel": true}),
                json!({"click_param": null}),
            ),
            (path("links", &link), &link, json!({"url": "https://new.example/a"}), json!({"url": null})),
            (path("buyers", &buyer), &buyer, json!({"email": "b@example.com"}), json!({"email": null, "external_id": null})),
            (path("coupons", &coupon), &coupon, json!({"from": "2029-01-01T00:00:00Z"}), json!({"from": null, "until": null})),
        ];
        for (path, before, change, clear) in &cases {
            assert_eq!(patch(&operator, path, json!({})).await, **before, "{path}: nothing is sent, nothing changes");
            // A link shows where it leads under another name: `url` is what the publisher places.
            let shown = |change: &Value| if path.starts_with("/links") { json!({"deep_link": change["url"]}) } else { change.clone() };
            let changed = with((*before).clone(), &shown(change));
            assert_eq!(patch(&operator, path, change.clone()).await, changed, "{path}");
            assert_eq!(operator.get(path).await, changed, "{path}");
            let cleared = with(changed, &if clear.get("click_param").is_some() { json!({"click_param": "rclid"}) } else { shown(clear) });
            assert_eq!(patch(&operator, path, clear.clone()).await, cleared, "{path}");
            assert_eq!(operator.get(path).await, cleared, "{path}");
            // What never changes says so, beside all else that is wrong.
            let sent = json!({"id": "x", "nmae": 1});
            assert_eq!(
                wrong(&operator, path, sent).await,
                [("id".into(), "immutable_field".into()), ("nmae".into(), "unknown_field".into())]
            );
            let unknown = format!("{}zzzz", &path[..path.len() - 4]);
            operator.call(Method::PATCH, &unknown, Some(change)).await.expect(404);
        }
        for (path, sent, codes) in [
            (&cases[0].0, json!({"name": null, "email": "nobody"}), vec!["missing_field", "invalid_email"]),
            (
                &cases[1].0,
                json!({"name": "", "kind": "x", "portal": 1, "generosity": "101"}),
                vec!["missing_field", "unknown_word", "invalid_type", "invalid_percent"],
            ),
            (
                &cases[2].0,
                json!({"landing_url": "x", "domains": ["*"], "currency": "USD", "merchant": "m", "terms": {}}),
                vec!["invalid_url", "invalid_domain", "immutable_field", "immutable_field", "immutable_field"],
            ),
            (
                &cases[3].0,
                json!({"url": "https://elsewhere.example/", "slug": "new", "program": "p", "publisher": "p"}),
                vec!["url_not_allowed", "immutable_field", "immutable_field", "immutable_field"],
            ),
            (&cases[4].0, json!({"email": 5, "referred_by": "b"}), vec!["invalid_type", "immutable_field"]),
            (
                &cases[5].0,
                json!({"from": "2029-01-01T00:00:00Z", "until": "2028-01-01T00:00:00Z", "code": "NEW"}),
                vec!["out_of_range", "immutable_field"],
            ),
        ] {
            let found: Vec<String> = wrong(&operator, path, sent).await.into_iter().map(|(_, code)| code).collect();
            assert_eq!(found, codes, "{path}");
        }
        // One e-mail address, one buyer.
        operator.create("/buyers", json!({"email": "taken@example.com", "external_id": "8"})).await;
        for change in [json!({"email": "TAKEN@example.com"}), json!({"external_id": "8"})] {
            let answer = operator.call(Method::PATCH, &cases[4].0, Some(&change)).await.expect(409);
            assert_eq!(answer["code"], "buyer_exists");
        }
        patch(&operator, &cases[4].0, json!({"email": "a@example.com", "external_id": "7"})).await;
        server.stop();
    })
    .await;
}

/// Where a link leads, without its query.
async fn leads(http: &reqwest::Client, base: &str, slug: &str) -> String {
    let location = follow(http, base, &format!("/c/{slug}")).await;
    location.split('?').next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_follow_at_once_here_and_soon_everywhere() {
    let fresh = Fresh::postgres().await;
    let servers = [Server::start(&fresh.url), Server::start(&fresh.url)];
    let [here, there] = &servers;
    let operator = here.operator();
    let merchant = operator.merchant("Shop").await;
    let program = operator.program(&merchant, "EUR", terms()).await;
    let publisher = operator.publisher("Blog").await;
    let deep = json!({"program": program, "publisher": publisher, "slug": "deep", "url": "https://www.shop.example/a"});
    let deep = text(&operator.create("/links", deep).await["id"]);
    let slug = operator.link(&program, &publisher).await;
    let http = client();
    let check = async |slug: &str, wanted: &str| {
        assert_eq!(leads(&http, &here.base, slug).await, wanted, "at once on the node that was asked");
        until("it is known everywhere", async || leads(&http, &there.base, slug).await == wanted).await;
    };
    check("deep", "https://www.shop.example/a").await;
    patch(&operator, &format!("/links/{deep}"), json!({"url": "https://shop.example/b"})).await;
    check("deep", "https://shop.example/b").await;
    // A page that the program does not allow any more is not led to; when it is allowed again, it is.
    patch(&operator, &format!("/programs/{program}"), json!({"landing_url": "https://new.example/", "domains": ["new.example"]})).await;
    check("deep", "https://new.example/").await;
    check(&slug, "https://new.example/").await;
    patch(&operator, &format!("/programs/{program}"), json!({"domains": ["new.example", "shop.example"]})).await;
    check("deep", "https://shop.example/b").await;
    // A portal's links name its members from then on: the setting reaches links that are known already.
    patch(&operator, &format!("/publishers/{publisher}"), json!({"portal": true})).await;
    check("deep", "https://shop.example/b").await;

    let ended = delete(&operator, &format!("/links/{deep}")).await;
    assert!(ended["ended_at"].is_string(), "{ended}");
    let again = delete(&operator.at(there), &format!("/links/{deep}")).await;
    assert_eq!(again["ended_at"], ended["ended_at"], "once ended, it stays so");
    let gone = async |server: &Server| http.get(server.url("/c/deep")).send().await.expect("an answer").status() == 410;
    assert!(gone(here).await && gone(there).await, "both were asked to end it");
    for (language, told) in [("en", "This link is no longer in use."), ("fr", "Ce lien n’est plus utilisé.")] {
        let page = http.get(there.url("/c/deep")).header("accept", "text/html").header("accept-language", language);
        let page = page.send().await.expect("an answer").text().await.expect("a page");
        assert!(page.contains(told) && page.contains("link_ended"), "its program runs: {page}");
    }
    check(&slug, "https://new.example/").await;
    for server in servers {
        server.stop();
    }
    fresh.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_counts_from_then_on() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        let merchant = operator.merchant("Shop").await;
        let program = operator.program(&merchant, "EUR", terms()).await;
        let publisher = operator.publisher("Blog").await;
        let slug = operator.link(&program, &publisher).await;
        let click = crate::support::server::click(&client(), &server.base, &slug).await;
        let coupon = operator.create("/coupons", json!({"program": program, "publisher": publisher, "code": "BLOG10"})).await;
        let sale =
            |order: &str, more: Value| with(json!({"program": program, "order_id": order, "amount": "100.00", "currency": "EUR"}), &more);
        let sell = async |order: &str, more: Value| merchant.postback(&sale(order, more)).await.body["conversion"].clone();
        let buyers = |conversion: &Value| text(&conversion["shares"]["buyer"]["amount"]);

        let before = sell("A-1", json!({"click_id": click})).await;
        patch(&operator, &format!("/publishers/{publisher}"), json!({"generosity": "50"})).await;
        let after = sell("A-2", json!({"click_id": click})).await;
        assert_eq!((buyers(&before), buyers(&after)), ("3.00".to_owned(), "6.00".to_owned()));
        // Decided again, the first keeps what it was recorded with.
        let id = text(&before["id"]);
        let adjusted = operator.post(&format!("/conversions/{id}/adjust"), json!({"amount": "50.00", "reason": "half came back"})).await;
        assert_eq!(buyers(&adjusted), "1.50");

        // A coupon counts until it is ended, and sales that used it keep it.
        let used = sell("B-1", json!({"coupon": "BLOG10"})).await;
        assert_eq!(used["credits"][0]["publisher"], json!(publisher));
        let path = format!("/coupons/{}", text(&coupon["id"]));
        let ended = delete(&operator, &path).await;
        assert!(ended["until"].is_string(), "{ended}");
        assert_eq!(delete(&operator, &path).await, ended, "once ended, it stays so");
        assert_eq!(operator.get(&path).await, ended);
        let late = sell("B-2", json!({"coupon": "BLOG10"})).await;
        assert_eq!(late["status"], "unattributed", "{late}");
        let id = text(&used["id"]);
        let adjusted = operator.post(&format!("/conversions/{id}/adjust"), json!({"amount": "50.00", "reason": "half came back"})).await;
        assert_eq!(adjusted["credits"][0]["publisher"], json!(publisher));

        // A secret is revoked once, and says when, as often as it is asked.
        let secrets = format!("/merchants/{}/secrets", merchant.id);
        let secret = format!("{secrets}/{}", text(&operator.get(&secrets).await["data"][0]["id"]));
        let revoked = delete(&operator, &secret).await;
        assert!(revoked["revoked_at"].is_string() && revoked.get("secret").is_none(), "{revoked}");
        assert_eq!(delete(&operator, &secret).await, revoked);
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_narrowed_by_what_people_know() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        let merchant = operator.merchant("Shop").await;
        let program = operator.program(&merchant, "EUR", terms()).await;
        let mut made = Vec::new();
        for n in ["1", "2"] {
            let email = format!("Person{n}@example.com");
            let publisher =
                operator.create("/publishers", json!({"name": n, "email": email, "kind": if n == "1" { "tool" } else { "coupon" }})).await;
            made.push((
                "merchants",
                format!("email=person{n}@EXAMPLE.com"),
                operator.create("/merchants", json!({"name": n, "email": email})).await,
            ));
            made.push((
                "buyers",
                format!("email=person{n}@example.com"),
                operator.create("/buyers", json!({"email": email, "external_id": n})).await,
            ));
            made.push(("buyers", format!("external_id={n}"), made[made.len() - 1].2.clone()));
            made.push(("publishers", format!("email=person{n}@example.com"), publisher.clone()));
            made.push(("publishers", format!("kind={}", text(&publisher["kind"])), publisher.clone()));
            let link = json!({"program": program, "publisher": publisher["id"], "slug": format!("slug-{n}")});
            made.push(("links", format!("slug=slug-{n}"), operator.create("/links", link).await));
            let coupon =
                operator.create("/coupons", json!({"program": program, "publisher": publisher["id"], "code": format!("Code{n}")})).await;
            made.push(("coupons", format!("code=cODE{n}"), coupon.clone()));
            made.push(("coupons", format!("publisher={}", text(&publisher["id"])), coupon));
        }
        for (noun, query, wanted) in made {
            assert_eq!(operator.get(&format!("/{noun}?{query}")).await, json!({"data": [wanted], "next": null}), "{noun} {query}");
        }
        assert_eq!(operator.get("/buyers?external_id=3").await["data"], json!([]));
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_shown_once_and_revoked() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        let merchant = operator.merchant("Shop").await.id;
        let made = operator.create("/keys", json!({"role": "merchant", "owner": merchant, "name": "till"})).await;
        let key = Operator { key: text(&made["key"]), ..operator.clone() };
        assert_eq!(key.get("/merchants").await["data"][0]["id"], json!(merchant), "it works at once, and sees its own");
        key.call(Method::GET, "/keys", None).await.expect(403);

        let mut shown = made.clone();
        shown.as_object_mut().expect("an object").remove("key");
        let path = format!("/keys/{}", text(&made["id"]));
        assert_eq!(operator.get(&path).await, shown);
        for query in ["role=merchant".to_owned(), format!("owner={merchant}")] {
            assert_eq!(operator.get(&format!("/keys?{query}")).await["data"], json!([shown]), "{query}");
        }
        let all = operator.get("/keys").await;
        assert_eq!(all["data"].as_array().map(Vec::len), Some(2));
        assert!(!all.to_string().contains("rst_"), "no list shows a key: {all}");
        for (body, code) in [
            (json!({"role": "merchant"}), "missing_field"),
            (json!({"role": "merchant", "owner": "pub_0000000000001"}), "invalid_id"),
            (json!({"role": "buyer", "owner": "buy_0000000000001"}), "unknown_owner"),
            (json!({"role": "operator", "owner": merchant}), "unexpected_owner"),
            (json!({"role": "king"}), "unknown_word"),
        ] {
            assert_eq!(operator.call(Method::POST, "/keys", Some(&body)).await.expect(422)["code"], code, "{body}");
        }

        let revoked = delete(&operator, &path).await;
        assert!(revoked["revoked_at"].is_string(), "{revoked}");
        assert_eq!(delete(&operator, &path).await, revoked, "once revoked, it stays so");
        until("it is refused", async || key.call(Method::GET, "/merchants", None).await.status == 401).await;
        assert_eq!(operator.get("/keys?role=merchant").await["data"], json!([]));

        // The last operator stays; of several that revoke each other at once one is left.
        let own = format!("/keys/{}", text(&operator.get("/keys").await["data"][0]["id"]));
        assert_eq!(operator.call(Method::DELETE, &own, None).await.expect(409)["code"], "last_operator_key");
        let mut keys = vec![(operator.clone(), own)];
        for _ in 0..7 {
            let made = operator.create("/keys", json!({"role": "operator"})).await;
            keys.push((Operator { key: text(&made["key"]), ..operator.clone() }, format!("/keys/{}", text(&made["id"]))));
        }
        let answers =
            at_once(8, keys.clone(), async |(who, own): (Operator, String)| who.call(Method::DELETE, &own, None).await.status).await;
        assert_eq!(answers.iter().filter(|status| **status == 409).count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|status| **status == 200).count(), 7, "{answers:?}");
        let left = answers.iter().position(|status| *status == 409).expect("one");
        assert_eq!(keys[left].0.get("/keys").await["data"].as_array().map(Vec::len), Some(1));
        server.stop();
    })
    .await;
}

/// Two people change different fields of one row at the same time: both changes are there.
#[tokio::test(flavor = "multi_thread")]
async fn no_change_is_lost_to_another() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let operator = server.operator();
        let publisher = operator.publisher("Blog").await;
        let path = format!("/publishers/{publisher}");
        for round in 0..10 {
            let changes = [
                json!({"name": format!("Name {round}")}),
                json!({"email": format!("{round}@example.com")}),
                json!({"generosity": round.to_string()}),
            ];
            let (who, at) = (operator.clone(), path.clone());
            at_once(3, changes.to_vec(), move |change: Value| {
                let (who, at) = (who.clone(), at.clone());
                async move { patch(&who, &at, change).await }
            })
            .await;
            let now = operator.get(&path).await;
            let wanted = with(
                now.clone(),
                &json!({"name": format!("Name {round}"), "email": format!("{round}@example.com"), "generosity": round.to_string()}),
            );
            assert_eq!(now, wanted);
        }
        server.stop();
    })
    .await;
}
