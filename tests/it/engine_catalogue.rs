//! The catalogue and its feed on both databases: what one node writes, the others know.
use crate::support::for_each_database;
use ristourne::domain::merchant::{Billing, Merchant};
use ristourne::domain::program::Program;
use ristourne::domain::publisher::{Kind, Publisher};
use ristourne::engine::catalogue::Catalogue;
use ristourne::engine::clock::Clock;
use ristourne::engine::feed::{self, Feed};
use ristourne::engine::keys;
use ristourne::engine::snapshot::Rows;
use ristourne::kernel::id::{LinkId, MerchantId, ProgramId, PublisherId, SecretId};
use ristourne::kernel::percent::Percent;
use ristourne::kernel::seal::Vault;
use ristourne::store::link::Link;
use ristourne::store::secret::Secret;
use ristourne::store::{self, Db, Options, Tx};
use std::sync::Arc;
use std::time::{Duration, Instant};

const MERCHANT: MerchantId = MerchantId::from_raw(1);
const PROGRAM: ProgramId = ProgramId::from_raw(2);
const PUBLISHER: PublisherId = PublisherId::from_raw(3);

fn program() -> Program {
    Program {
        id: PROGRAM,
        merchant: MERCHANT,
        name: "Books".to_owned(),
        currency: "EUR".parse().expect("a currency"),
        landing_url: "https://shop.example/".to_owned(),
        domains: vec!["shop.example".to_owned()],
        click_param: "rclid".to_owned(),
        pixel: false,
        upstream: false,
        ended_at: None,
    }
}

fn link(id: i64, slug: &str, url: Option<&str>) -> Link {
    Link {
        id: LinkId::from_raw(id),
        slug: slug.to_owned(),
        program: PROGRAM,
        publisher: PUBLISHER,
        url: url.map(str::to_owned),
        ended_at: None,
    }
}

fn secret(id: i64) -> (Secret, Vec<u8>) {
    let (_, sealed) = keys::new_secret(&Vault::new(None)).expect("random bytes");
    let row = Secret {
        id: SecretId::from_raw(id),
        merchant: MERCHANT,
        sealed: sealed.clone(),
        created_at: Clock::System.now(),
        revoked_at: None,
    };
    (row, sealed)
}

async fn write(db: &Db, change: impl AsyncFnOnce(&mut Tx)) {
    let mut tx = db.begin().await.expect("begins");
    change(&mut tx).await;
    tx.commit().await.expect("commits");
}

/// A merchant with a program and a link `books`, stored by another node.
async fn with_program(url: &str) -> Db {
    let db = Db::open(url, &Options::default()).await.expect("opens");
    let now = Clock::System.now();
    write(&db, async |tx| {
        store::merchant::insert(tx, &Merchant { id: MERCHANT, name: "M".to_owned(), email: None, billing: Billing::default() }, now)
            .await
            .expect("stored");
        store::program::insert(tx, &program(), now).await.expect("stored");
        let publisher = Publisher {
            id: PUBLISHER,
            name: "P".to_owned(),
            email: None,
            kind: Kind::Cashback,
            portal: true,
            generosity: Percent::ZERO,
            buyer: None,
        };
        store::publisher::insert(tx, &publisher, now).await.expect("stored");
        store::link::insert(tx, &link(10, "books", Some("https://shop.example/books")), now).await.expect("stored");
    })
    .await;
    db
}

async fn fill(db: &Db) -> Arc<Catalogue> {
    Arc::new(Catalogue::fill(db, Arc::new(Vault::new(None))).await.expect("filled"))
}

#[tokio::test]
async fn a_link_made_elsewhere_is_found_at_once_and_a_miss_is_remembered() {
    for_each_database(async |url| {
        let db = with_program(url).await;
        let now = Clock::System.now();
        let catalogue = fill(&db).await;
        let found = catalogue.get("books").expect("filled at start");
        assert!(found.link.route.portal && found.link.route.url.is_some() && found.ended().is_none());
        assert_eq!(found.program.program, program());

        assert!(catalogue.get("new").is_none());
        write(&db, async |tx| assert!(store::link::insert(tx, &link(11, "new", None), now).await.expect("stored"))).await;
        let askers: Vec<_> = (0..50)
            .map(|_| {
                let catalogue = Arc::clone(&catalogue);
                tokio::spawn(async move { catalogue.find("new").await })
            })
            .collect();
        for asker in askers {
            let found = asker.await.expect("no panic").expect("in time").expect("known");
            assert_eq!(found.link.route.link, LinkId::from_raw(11));
        }
        assert!(catalogue.get("new").is_some(), "read once");

        for odd in ["later", "", "no/slug", "é", &"x".repeat(1_000)] {
            assert!(catalogue.find(odd).await.expect("in time").is_none(), "{odd}");
        }
        write(&db, async |tx| assert!(store::link::insert(tx, &link(12, "later", None), now).await.expect("stored"))).await;
        assert!(catalogue.find("later").await.expect("in time").is_none(), "a miss is remembered");
        feed::refresh(&catalogue, &db, now).await.expect("read");
        assert!(catalogue.get("later").is_some(), "until the feed brings it");
        assert!(catalogue.find_program(ProgramId::from_raw(99)).await.expect("in time").is_none());
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_program_made_elsewhere_is_found_with_its_secrets() {
    for_each_database(async |url| {
        let db = Db::open(url, &Options::default()).await.expect("opens");
        let catalogue = fill(&db).await;
        let other = with_program(url).await;
        let now = Clock::System.now();
        write(&other, async |tx| {
            let (row, sealed) = secret(20);
            store::secret::insert(tx, row.id, MERCHANT, &sealed, now).await.expect("stored");
        })
        .await;
        assert!(catalogue.secrets(MERCHANT).is_empty());
        assert!(catalogue.find_program(PROGRAM).await.expect("in time").is_some());
        assert_eq!(catalogue.secrets(MERCHANT).iter().count(), 1);
        write(&other, async |tx| {
            let (row, sealed) = secret(21);
            store::secret::insert(tx, row.id, MERCHANT, &sealed, now).await.expect("stored");
        })
        .await;
        catalogue.read_secrets(MERCHANT).await.expect("in time");
        assert_eq!(catalogue.secrets(MERCHANT).iter().count(), 2);
        other.close().await;
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_ended_or_revoked_elsewhere_is_gone_within_two_seconds() {
    for_each_database(async |url| {
        let db = with_program(url).await;
        let (clock, now) = (Clock::System, Clock::System.now());
        let (row, sealed) = secret(20);
        write(&db, async |tx| store::secret::insert(tx, row.id, MERCHANT, &sealed, now).await.expect("stored")).await;
        let catalogue = fill(&db).await;
        let vault = Arc::new(Vault::new(None));
        let ring = Arc::new(keys::ring(&db, &vault, now).await.expect("a ring"));
        let feed = Feed::start(db.clone(), clock.clone(), Arc::clone(&catalogue), ring, vault);
        assert_eq!(catalogue.secrets(MERCHANT).iter().count(), 1);
        let started = Instant::now();
        write(&db, async |tx| {
            assert!(store::program::end(tx, PROGRAM, clock.now()).await.expect("ended"));
            assert!(store::secret::revoke(tx, MERCHANT, row.id, clock.now()).await.expect("revoked"));
        })
        .await;
        let gone = || catalogue.get("books").is_some_and(|found| found.ended().is_some()) && catalogue.secrets(MERCHANT).is_empty();
        while !gone() {
            assert!(started.elapsed() < Duration::from_secs(2));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop(feed);
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_write_here_is_known_before_its_answer_and_no_older_read_undoes_it() {
    for_each_database(async |url| {
        let db = with_program(url).await;
        let catalogue = fill(&db).await;
        let (row, _) = secret(20);
        // A read that began before…
        let read_from = catalogue.writes();
        let old = Rows { programs: vec![program()], links: vec![link(10, "books", None)], ..Rows::default() };
        // …a write of the API.
        let ended = Program { ended_at: Some(Clock::System.now()), ..program() };
        catalogue.put_program(&ended);
        catalogue.put_link(&link(11, "fresh", Some("https://elsewhere.example/")));
        catalogue.put_secret(&row);
        catalogue.take_in(&old, read_from);
        assert!(catalogue.get("books").expect("known").ended().is_some());
        assert!(
            catalogue.get("fresh").expect("known").link.route.url.is_none(),
            "a deep link that is not allowed leads to the landing page"
        );
        assert_eq!(catalogue.secrets(MERCHANT).iter().count(), 1);
        catalogue.revoke_secret(MERCHANT, row.id);
        catalogue.take_in(&Rows { secrets: vec![row], ..Rows::default() }, read_from);
        assert!(catalogue.secrets(MERCHANT).is_empty());
        catalogue.take_in(&old, catalogue.writes());
        assert!(catalogue.get("books").expect("known").ended().is_none(), "a read that began later is believed");
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn without_a_database_what_is_known_is_served_and_the_rest_fails_fast() {
    for_each_database(async |url| {
        let db = with_program(url).await;
        let catalogue = fill(&db).await;
        db.close().await;
        let started = Instant::now();
        assert!(catalogue.find("books").await.expect("known").is_some());
        assert!(catalogue.find("unknown").await.is_err());
        assert!(catalogue.find_program(ProgramId::from_raw(99)).await.is_err());
        assert!(started.elapsed() < Duration::from_secs(1));
        assert!(feed::refresh(&catalogue, &db, Clock::System.now()).await.is_err());
        assert!(catalogue.get("books").is_some());
    })
    .await;
}
