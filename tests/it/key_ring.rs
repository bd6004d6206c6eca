//! Keys change while shops and visitors go on: the ring of click ids, and the master key.
use crate::support::{
    TempDir, for_each_database,
    load::until,
    server::{Server, click, client, ristourne, ristourne_ok},
};
use ristourne::{
    domain::click::Quality,
    engine::{
        clock::Clock,
        engine::{Engine, Options, Stop},
    },
    kernel::{
        id::{ClickId, LinkId},
        seal::ClickToken,
        time::{SECOND, Time, Zone},
    },
    store,
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

async fn engine(database: &str, spool: &TempDir, clock: &Clock) -> (Arc<Engine>, Stop) {
    let options = Options {
        database: database.to_owned(),
        pool: store::Options::default(),
        clock: clock.clone(),
        zone: Zone::UTC,
        debt_limit: None,
        master_key: None,
        base_url: None,
        spool_dir: spool.path().to_owned(),
        geo_database: None,
        click_wait_max: Duration::from_millis(25),
        invoice_monthly: false,
    };
    Engine::start(options).await.expect("the engine starts")
}

fn sealed(engine: &Engine) -> String {
    let token =
        ClickToken { click: ClickId::from_raw(7), link: LinkId::from_raw(8), buyer: None, consent: true, quality: Quality::Ok.number() };
    engine.ring.seal_click(&token)
}

/// Every server knows a new key before the first of them seals with it; what was sealed before opens for good.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_seals_when_everybody_knows_it() {
    for_each_database(async |database| {
        let clock = Clock::manual(Clock::System.now());
        let (spool, other_spool) = (TempDir::new("ring"), TempDir::new("ring"));
        let (one, stop_one) = engine(database, &spool, &clock).await;
        let (two, stop_two) = engine(database, &other_spool, &clock).await;
        let old = sealed(&one);
        let said: Value = serde_json::from_str(&ristourne_ok(database, &["key", "rotate"])).expect("one JSON line");
        assert_eq!(said["key"], 2);
        let begins = Time::parse(said["seals_from"].as_str().expect("a time")).expect("a time");
        assert!(begins > clock.now().plus(50 * SECOND), "{said}");
        for engine in [&one, &two] {
            until("the new key is known", async || format!("{:?}", engine.ring) == "[1, 2]").await;
            assert_eq!(sealed(engine), old, "it does not seal yet");
        }
        clock.set(begins);
        for engine in [&one, &two] {
            until("the new key seals", async || sealed(engine) != old).await;
        }
        let new = sealed(&two);
        assert_eq!(new, sealed(&one));
        for engine in [&one, &two] {
            assert!(engine.ring.open_click(&old).is_some() && engine.ring.open_click(&new).is_some());
        }
        stop_one.stop(one).await;
        stop_two.stop(two).await;
        // And a server that starts now knows both, and seals with the new one.
        let (three, stop) = engine(database, &spool, &clock).await;
        assert_eq!((sealed(&three), three.ring.open_click(&old).is_some()), (new, true));
        stop.stop(three).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_key_changes_while_nothing_runs() {
    const OLD: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const NEW: &str = "BBECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    for_each_database(async |database| {
        let server = Server::start_with(database, &["--master-key", OLD]);
        let operator = server.operator();
        let shop = operator.merchant("Shop").await;
        let terms = json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}});
        let program = operator.program(&shop, "EUR", terms).await;
        let slug = operator.link(&program, &operator.publisher("Blog").await).await;
        let click = click(&client(), &server.base, &slug).await;
        // A secret whose answer is kept for a repeat is sealed, too.
        let path = format!("/api/v1/merchants/{}/secrets", shop.id);
        let ask = async |base: &str| {
            let request =
                client().post(format!("{base}{path}")).bearer_auth(&operator.key).header("idempotency-key", "once").json(&json!({}));
            request.send().await.expect("an answer").json::<Value>().await.expect("JSON")
        };
        let secret = ask(&server.base).await;
        let reseal = ["key", "reseal", "--master-key", OLD, "--new-master-key", NEW];
        let running = ristourne(database, &reseal);
        assert_eq!(running.status.code(), Some(1), "{}", String::from_utf8_lossy(&running.stderr));
        server.stop();

        let wrong = ristourne(database, &["key", "reseal", "--master-key", NEW, "--new-master-key", OLD]);
        assert_eq!(wrong.status.code(), Some(1), "another key opens nothing");
        assert!(!String::from_utf8_lossy(&wrong.stderr).contains(OLD));
        for wrong in [&["verify", "--master-key", NEW][..], &["verify"]] {
            let refused = ristourne(database, wrong);
            let said = String::from_utf8_lossy(&refused.stdout).into_owned() + &String::from_utf8_lossy(&refused.stderr);
            assert_eq!(refused.status.code(), Some(1), "{said}");
            for what in ["sealed_not_opened seal key 1: ", "sealed_not_opened sec_", "sealed_not_opened answer kept for key_", "BROKEN"] {
                assert!(said.contains(what), "{what} is missing in {said}");
            }
            assert!(!said.contains(NEW) && !said.contains("whsec_") && !said.contains("everything holds"), "{said}");
        }
        let verified = ristourne_ok(database, &["verify", "--master-key", OLD]);
        assert!(verified.contains("tried with the master key: 4\neverything holds"), "{verified}");
        // The ring's key, two secrets, and a kept answer.
        assert_eq!(ristourne_ok(database, &reseal).trim(), r#"{"resealed":4}"#);
        assert_eq!(ristourne(database, &["serve", "--listen", "127.0.0.1:0", "--master-key", OLD]).status.code(), Some(1));
        let server = Server::start_with(database, &["--master-key", NEW]);
        let sale = json!({"program": program, "order_id": "M-1", "amount": "119.99", "currency": "EUR", "click_id": click});
        let recorded = shop.at(&server).postback(&sale).await.expect(201);
        assert_eq!(recorded["conversion"]["commission"]["amount"], "6.00", "secret and click id are what they were");
        assert_eq!(ask(&server.base).await, secret, "and so is the answer that was kept");
        server.stop();
    })
    .await;
}

/// A master key that came later opens what was stored before, and `verify` says how much of it lies open.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_new_master_key_has_not_sealed_is_told() {
    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    for_each_database(async |database| {
        Server::start(database).stop();
        assert!(!ristourne_ok(database, &["verify"]).contains("as they are"));
        let verified = ristourne_ok(database, &["verify", "--master-key", KEY]);
        assert!(verified.contains("1 of them are stored as they are, though there is a master key: `ristourne key reseal`"), "{verified}");
        ristourne_ok(database, &["key", "reseal", "--new-master-key", KEY]);
        assert!(!ristourne_ok(database, &["verify", "--master-key", KEY]).contains("as they are"));
    })
    .await;
}
