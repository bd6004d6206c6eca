//! Node numbers and the key ring on both databases: never two of the same, and the number of a dead process at once.
use crate::support::{TempDir, for_each_database};
use ristourne::engine::clock::Clock;
use ristourne::engine::keys;
use ristourne::engine::node::{Lease, NodeError};
use ristourne::kernel::id::{KeyId, node_of, time_of};
use ristourne::kernel::seal::{MasterKey, Vault};
use ristourne::kernel::time::{DAY, SECOND};
use ristourne::store::{self, Db, Options};

async fn open(url: &str) -> Db {
    Db::open(url, &Options::default()).await.expect("opens")
}

#[tokio::test]
async fn numbers_are_leased_given_back_and_taken_over() {
    for_each_database(async |url| {
        let (here, there) = (TempDir::new("here"), TempDir::new("there"));
        let (db, clock) = (open(url).await, Clock::manual(Clock::System.now()));
        let acquire = async |root: &TempDir| Lease::acquire(&db, &clock, root.path()).await.expect("a number");
        let (first, second, other_machine) = (acquire(&here).await, acquire(&here).await, acquire(&there).await);
        assert_eq!((first.node(), second.node(), other_machine.node()), (0, 1, 2));
        assert_eq!(node_of(second.generator().next(clock.now())), 1);

        // The second dies; its successor on the same machine gets its number, another machine does not.
        drop(second);
        let third = acquire(&there).await;
        assert_eq!(third.node(), 3);
        let successor = acquire(&here).await;
        assert_eq!(successor.node(), 1);
        assert_eq!(third.spool().orphans.len(), 0);

        // Given back, it is the lowest that is free.
        first.release().await.expect("released");
        assert_eq!(acquire(&there).await.node(), 0);

        // A day later every lease of a dead process has run out. (Those that live renew theirs.)
        drop((third, successor, other_machine));
        clock.set(clock.now().plus(DAY + SECOND));
        let elsewhere = TempDir::new("elsewhere");
        assert_eq!(acquire(&elsewhere).await.node(), 0);
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn ids_start_above_those_stored_unless_the_clock_is_wrong() {
    for_each_database(async |url| {
        let root = TempDir::new("root");
        let (db, clock) = (open(url).await, Clock::manual(Clock::System.now()));
        let lease = Lease::acquire(&db, &clock, root.path()).await.expect("a number");
        let id = lease.generator().next(clock.now());
        let key =
            ristourne::domain::key::Key { id: KeyId::from_raw(id), role: ristourne::domain::key::Role::Operator, owner: None, name: None };
        let mut tx = db.begin().await.expect("begins");
        store::key::insert(&mut tx, &key, &[7; 32], clock.now()).await.expect("stored");
        tx.commit().await.expect("commits");
        lease.release().await.expect("released");

        clock.set(clock.now().plus(-59 * SECOND));
        let lease = Lease::acquire(&db, &clock, root.path()).await.expect("a number");
        let next = lease.generator().next(clock.now());
        assert!(next > id && time_of(next).since(time_of(id)) < SECOND);
        lease.release().await.expect("released");

        clock.set(clock.now().plus(-2 * SECOND));
        let refused = Lease::acquire(&db, &clock, root.path()).await;
        assert!(matches!(refused, Err(NodeError::ClockBehind { .. })), "{refused:?}");
        db.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_agree_on_the_key_ring() {
    for_each_database(async |url| {
        let master = MasterKey::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").expect("32 bytes");
        let now = Clock::System.now();
        let starts: Vec<_> = (0..4)
            .map(|_| {
                let (url, master) = (url.to_owned(), master.clone());
                tokio::spawn(async move {
                    let db = open(&url).await;
                    let ring = keys::ring(&db, &Vault::new(Some(&master)), now).await.expect("a ring");
                    db.close().await;
                    ring
                })
            })
            .collect();
        let buyer = ristourne::kernel::id::BuyerId::from_raw(7);
        let mut refs = Vec::new();
        for start in starts {
            refs.push(start.await.expect("no panic").seal_ref(buyer));
        }
        assert!(refs.iter().all(|text| *text == refs[0]), "{refs:?}");
        let db = open(url).await;
        assert!(keys::ring(&db, &Vault::new(None), now).await.is_err(), "it does not open without the master key");
        let vault = Vault::new(Some(&master));
        let (secret, sealed) = keys::new_secret(&vault).expect("random bytes");
        assert_eq!(keys::open_secret(&vault, &sealed).expect("opens"), secret);
        assert!(keys::open_secret(&Vault::new(None), &sealed).is_err());
        db.close().await;
    })
    .await;
}
