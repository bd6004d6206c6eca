//! The store's core on both databases: verbs, lists, bulk inserts, errors, migrations, the write turn.
use crate::support::{Fresh, for_each_database, for_each_empty_database, postgres};
use ristourne::store::bulk::{self, Column};
use ristourne::store::filter::Filter;
use ristourne::store::sql::Sql;
use ristourne::store::{Db, Kind, Options, StoreError, Tx, statements};
use ristourne::{args, statements};
use std::time::{Duration, Instant};

statements! {
    CREATE = "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER NOT NULL CHECK (n >= 0), flag INTEGER NOT NULL, hash BLOB) STRICT",
        postgres "CREATE TABLE thing (id BIGINT PRIMARY KEY, name TEXT UNIQUE, n BIGINT NOT NULL CHECK (n >= 0), flag BOOLEAN NOT NULL, hash BYTEA)";
    INSERT = "INSERT INTO thing (id, name, n, flag, hash) VALUES ($1, $2, $3, $4, $5)";
    BY_ID = "SELECT id, name, n, flag, hash FROM thing WHERE id = $1";
    BY_IDS = "SELECT id, name, n, flag, hash FROM thing WHERE id IN (SELECT value FROM json_each($1)) ORDER BY id",
        postgres "SELECT id, name, n, flag, hash FROM thing WHERE id = ANY($1) ORDER BY id";
    BY_NAMES = "SELECT id, name, n, flag, hash FROM thing WHERE name IN (SELECT value FROM json_each($1)) ORDER BY id",
        postgres "SELECT id, name, n, flag, hash FROM thing WHERE name = ANY($1) ORDER BY id";
    LIST = "SELECT id, name, n, flag, hash FROM thing";
    COUNT = "SELECT COUNT(*) AS n FROM thing";
    LOCK = "SELECT $1", postgres "SELECT pg_advisory_xact_lock($1)";
    KILL_OTHERS = "SELECT 1",
        postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
}

#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
struct Thing {
    id: i64,
    name: Option<String>,
    n: i64,
    flag: bool,
    hash: Option<Vec<u8>>,
}

#[derive(Debug, sqlx::FromRow)]
struct Count {
    n: i64,
}

async fn with_table(url: &str) -> Db {
    let db = Db::open(url, &Options::default()).await.expect("opens");
    let mut tx = db.begin().await.expect("begins");
    tx.run(CREATE, args![]).await.expect("creates");
    tx.commit().await.expect("commits");
    db
}

async fn count(db: &Db) -> i64 {
    let mut tx = db.read().await.expect("reads");
    tx.one::<Count>(COUNT, args![]).await.expect("counts").expect("one row").n
}

async fn insert(tx: &mut Tx, id: i64, name: Option<&str>) -> Result<u64, StoreError> {
    tx.run(INSERT, args![id, name, 0, id % 2 == 0, Some(&b"\0\xff"[..])]).await
}

async fn bulk_things(tx: &mut Tx, things: &[Thing], tail: &'static str) -> Result<u64, StoreError> {
    let columns = [
        ("id", Column::int(things, |t| t.id)),
        ("name", Column::text_or_null(things, |t| t.name.as_deref())),
        ("n", Column::int(things, |t| t.n)),
        ("flag", Column::bool(things, |t| t.flag)),
        ("hash", Column::blob_or_null(things, |t| t.hash.as_deref())),
    ];
    bulk::insert(tx, "thing", &columns, tail).await
}

fn things(n: i64) -> Vec<Thing> {
    (0..n)
        .map(|id| Thing {
            id,
            name: (id % 3 > 0).then(|| format!("n{id}")),
            n: id * 10,
            flag: id % 2 == 0,
            hash: (id % 5 > 0).then(|| vec![0, 255]),
        })
        .collect()
}

#[tokio::test]
async fn every_registered_statement_prepares() {
    for_each_database(async |url| {
        let db = Db::open(url, &Options::default()).await.expect("opens");
        db.prepare_all(&statements()).await.unwrap_or_else(|(name, error)| panic!("{name}: {error}"));
    })
    .await;
}

#[tokio::test]
async fn rows_come_back_as_they_went_in() {
    for_each_database(async |url| {
        let db = with_table(url).await;
        let mut tx = db.begin().await.expect("begins");
        assert_eq!(insert(&mut tx, 7, Some("é\u{1f980}'\"")).await.expect("inserts"), 1);
        insert(&mut tx, 8, None).await.expect("inserts");
        tx.commit().await.expect("commits");
        let mut tx = db.read().await.expect("reads");
        let seven = tx.one::<Thing>(BY_ID, args![7]).await.expect("runs").expect("is there");
        assert_eq!(seven, Thing { id: 7, name: Some("é\u{1f980}'\"".into()), n: 0, flag: false, hash: Some(vec![0, 255]) });
        assert!(tx.one::<Thing>(BY_ID, args![9]).await.expect("runs").is_none());
        assert_eq!(tx.all::<Thing>(LIST, args![]).await.expect("runs").len(), 2);
        db.prepare_all(&[&[BY_NAMES, COUNT]]).await.unwrap_or_else(|(name, error)| panic!("{name}: {error}"));
        let wrong = Sql::same("wrong", "SELECT missing FROM thing");
        assert_eq!(db.prepare_all(&[&[COUNT, wrong]]).await.expect_err("there is no such column").0, "wrong");
    })
    .await;
}

#[tokio::test]
async fn bulk_inserts_and_adds_deltas() {
    for_each_database(async |url| {
        let db = with_table(url).await;
        let all = things(300);
        let mut tx = db.begin().await.expect("begins");
        assert_eq!(bulk_things(&mut tx, &all, "").await.expect("inserts"), 300);
        assert_eq!(bulk_things(&mut tx, &all[..40], "ON CONFLICT (id) DO NOTHING").await.expect("inserts"), 0);
        let changed = bulk_things(&mut tx, &all[100..230], "ON CONFLICT (id) DO UPDATE SET n = thing.n + excluded.n").await;
        assert_eq!(changed.expect("upserts"), 130);
        assert_eq!(bulk_things(&mut tx, &[], "").await.expect("nothing to do"), 0);
        tx.commit().await.expect("commits");
        let mut tx = db.read().await.expect("reads");
        let stored = tx.all::<Thing>(BY_IDS, args![(0..400).collect::<Vec<i64>>()]).await.expect("runs");
        assert_eq!(stored.len(), 300);
        for (stored, mut given) in stored.into_iter().zip(all) {
            given.n *= if (100..230).contains(&given.id) { 2 } else { 1 };
            assert_eq!(stored, given);
        }
    })
    .await;
}

#[tokio::test]
async fn lists_are_filtered() {
    for_each_database(async |url| {
        let db = with_table(url).await;
        let mut tx = db.begin().await.expect("begins");
        bulk_things(&mut tx, &things(50), "").await.expect("inserts");
        let by_names = tx.all::<Thing>(BY_NAMES, args![vec!["n1", "n2", "x'); DROP", "n49"]]).await.expect("runs");
        assert_eq!(by_names.iter().map(|t| t.id).collect::<Vec<_>>(), [1, 2, 49]);
        let none: Vec<Thing> = tx.all(BY_IDS, args![Vec::<i64>::new()]).await.expect("runs");
        assert!(none.is_empty());
        let page = Filter::new(LIST)
            .and("flag =", Some(true))
            .and("name =", None::<&str>)
            .and("id <", Some(40))
            .and_pair("(n, id) >", Some((100, 10)))
            .any_of("id", Some(vec![8, 10, 12, 14, 16, 17, 48]))
            .only(true, "name IS NOT NULL")
            .only(false, "FALSE")
            .order("ORDER BY id DESC", 2);
        let page: Vec<Thing> = page.all(&mut tx).await.expect("runs");
        assert_eq!(page.iter().map(|t| t.id).collect::<Vec<_>>(), [16, 14]);
        let count: Option<Count> = Filter::new(COUNT).any_of("name", Some(vec!["n1", "n2"])).one(&mut tx).await.expect("runs");
        assert_eq!(count.expect("one row").n, 2);
    })
    .await;
}

#[tokio::test]
async fn a_failed_transaction_cannot_be_committed() {
    for_each_database(async |url| {
        let db = with_table(url).await;
        for n in 0..3 {
            let mut tx = db.begin().await.expect("begins");
            insert(&mut tx, 1, Some("a")).await.expect("inserts");
            let error = match n {
                0 => insert(&mut tx, 1, Some("b")).await.expect_err("the same id"),
                1 => insert(&mut tx, 2, Some("a")).await.expect_err("the same name"),
                _ => tx.run(INSERT, args![3, "c", -1, true, None::<&[u8]>]).await.expect_err("a negative number"),
            };
            assert!(matches!(error, StoreError::Conflict(_)), "{error}");
            assert!(!error.is_connection() && !error.is_retryable());
            assert!(matches!(insert(&mut tx, 4, None).await, Err(StoreError::Aborted)));
            assert!(matches!(tx.commit().await, Err(StoreError::Aborted)));
            assert_eq!(count(&db).await, 0);
        }
        // Dropped without an error it is rolled back too.
        let mut tx = db.begin().await.expect("begins");
        insert(&mut tx, 1, None).await.expect("inserts");
        drop(tx);
        assert_eq!(count(&db).await, 0);
        // And the write connection is usable afterwards.
        let mut tx = db.begin().await.expect("begins");
        insert(&mut tx, 1, None).await.expect("inserts");
        tx.commit().await.expect("commits");
        assert_eq!(count(&db).await, 1);
    })
    .await;
}

#[tokio::test]
async fn wrong_arguments_never_reach_the_database() {
    for_each_database(async |url| {
        let db = with_table(url).await;
        let refused = async |args: &[ristourne::store::sql::Arg<'_>]| {
            let mut tx = db.begin().await.expect("begins");
            tx.run(INSERT, args).await.expect_err("is refused")
        };
        assert!(matches!(refused(args![1, "a", 0, true]).await, StoreError::Arguments { expected: 5, given: 4, .. }));
        assert!(matches!(refused(args![1, "a\0", 0, true, None::<&[u8]>]).await, StoreError::Nul { .. }));
        let mut tx = db.begin().await.expect("begins");
        let nul = [Thing { name: Some("\0".into()), ..things(1).remove(0) }];
        assert!(matches!(bulk_things(&mut tx, &nul, "").await, Err(StoreError::Nul { .. })));
        drop(tx);
        let mut tx = db.begin().await.expect("begins");
        let ragged = [("id", Column::Int(vec![1, 2])), ("n", Column::Int(vec![1]))];
        assert!(matches!(bulk::insert(&mut tx, "thing", &ragged, "").await, Err(StoreError::Ragged { .. })));
    })
    .await;
}

#[tokio::test]
async fn a_reader_sees_one_snapshot_and_cannot_write() {
    for_each_database(async |url| {
        let db = with_table(url).await;
        let mut reader = db.read().await.expect("reads");
        assert_eq!(reader.one::<Count>(COUNT, args![]).await.expect("counts").expect("one row").n, 0);
        let mut tx = db.begin().await.expect("begins");
        insert(&mut tx, 1, None).await.expect("inserts");
        tx.commit().await.expect("commits");
        assert_eq!(reader.one::<Count>(COUNT, args![]).await.expect("counts").expect("one row").n, 0);
        assert_eq!(count(&db).await, 1);
        insert(&mut reader, 2, None).await.expect_err("a reader cannot write");
    })
    .await;
}

#[tokio::test]
async fn two_processes_may_migrate_at_once() {
    for_each_empty_database(async |url| {
        let options = Options::default();
        let (a, b) = tokio::join!(Db::open(url, &options), Db::open(url, &options));
        let (a, b) = (a.expect("opens"), b.expect("opens"));
        let (first, second) = tokio::join!(a.migrate(), b.migrate());
        first.expect("migrates");
        second.expect("migrates");
        a.migrate().await.expect("there is nothing left to do");
        a.prepare_all(&statements()).await.unwrap_or_else(|(name, error)| panic!("{name}: {error}"));
    })
    .await;
}

#[tokio::test]
async fn dead_connections_are_replaced() {
    let fresh = Fresh::postgres().await;
    let (db, other) = (fresh.open().await, fresh.open().await);
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(db.read().await.expect("reads"));
    }
    drop(open);
    let mut killer = other.begin().await.expect("begins");
    killer.run(KILL_OTHERS, args![]).await.expect("kills");
    for _ in 0..5 {
        let tx = db.begin().await.expect("a dead connection is no reason to fail");
        tx.commit().await.expect("commits");
    }
}

#[tokio::test]
async fn a_deadlock_is_retryable_and_stands_in_the_log() {
    let fresh = Fresh::postgres().await;
    let db = with_table(&fresh.url).await;
    let (mut a, mut b) = (db.begin().await.expect("begins"), db.begin().await.expect("begins"));
    a.run(LOCK, args![1]).await.expect("locks");
    b.run(LOCK, args![2]).await.expect("locks");
    let (first, second) = tokio::join!(async { a.run(LOCK, args![2]).await }, async { b.run(LOCK, args![1]).await });
    let error = first.and(second).expect_err("one of them is the victim");
    assert!(error.is_retryable() && !error.is_connection(), "{error}");
    assert!(postgres::cluster().await.log(&fresh.url).contains("deadlock detected"));
}

#[tokio::test]
async fn the_database_url_decides() {
    assert_eq!(Fresh::sqlite().await.open().await.kind(), Kind::Sqlite);
    for url in ["mysql://localhost/x", "ristourne.db", "sqlite::memory:"] {
        assert!(matches!(Db::open(url, &Options::default()).await, Err(StoreError::Url(_))), "{url}");
    }
    let nobody = Options { acquire_timeout: Duration::from_millis(300), ..Options::default() };
    let error = Db::open("postgres://localhost:1/none", &nobody).await.expect_err("nobody listens on port 1");
    assert!(error.is_connection(), "{error}");
}

/// A saturated server must leave a cold write of its own, and another process, their turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saturated_writer_leaves_others_their_turn() {
    let fresh = Fresh::sqlite().await;
    let db = with_table(&fresh.url).await;
    let busy = db.clone();
    let saturated = tokio::spawn(async move {
        for round in 0_i64.. {
            let mut tx = busy.begin().await.expect("begins");
            let all: Vec<Thing> = (0..500).map(|n| Thing { id: 1000 + round * 500 + n, name: None, n, flag: true, hash: None }).collect();
            bulk_things(&mut tx, &all, "").await.expect("inserts");
            tx.commit().await.expect("commits");
        }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let other = fresh.open().await;
    for (from, db) in [(0, &db), (100, &other)] {
        for id in from..from + 10 {
            let asked = Instant::now();
            let mut tx = db.begin().await.expect("begins");
            insert(&mut tx, id, None).await.expect("inserts");
            tx.commit().await.expect("commits");
            assert!(asked.elapsed() < Duration::from_secs(2), "waited {:?}", asked.elapsed());
        }
    }
    assert!(!saturated.is_finished());
    saturated.abort();
}

/// A request whose sender left, a look-up that took too long: what they had begun goes with them.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_given_up_while_it_begins_leaves_nothing_behind() {
    for_each_database(async |url| {
        let db = Db::open(url, &Options::default()).await.expect("opens");
        // A connection that is open already: what is given up below is its BEGIN.
        drop(db.read().await.expect("begins"));
        for n in 0..400 {
            let patience = Duration::from_micros(n % 40 * 25);
            let given_up = tokio::time::timeout(patience, async { drop(db.read().await.expect("begins")) }).await;
            let mut tx = db.begin().await.expect("begins");
            let written = ristourne::store::setting::put(&mut tx, "test", "x").await;
            assert!(written.is_ok(), "given up after {patience:?}, {given_up:?}: {written:?}");
            tx.commit().await.expect("commits");
        }
        db.close().await;
    })
    .await;
}
