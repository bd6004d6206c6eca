//! The click writer on both databases: every click once, with its statistics, whatever was slow, away, torn or stored before.
use crate::support::{TempDir, for_each_database, sql::Sql};
use ristourne::domain::click::{Click, Quality};
use ristourne::engine::click_writer::{ClickStop, ClickWriter};
use ristourne::engine::clock::Clock;
use ristourne::engine::node::Lease;
use ristourne::engine::spool;
use ristourne::engine::spooler::{Kept, NotKept};
use ristourne::kernel::id::{ClickId, Generator, LinkId, ProgramId, PublisherId};
use ristourne::kernel::time::Zone;
use ristourne::store::{self, Db, Kind, Options, Tx, stat};
use sqlx::{Connection as _, Executor as _, PgConnection};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const WAIT_MAX: Duration = Duration::from_millis(25);

fn click(ids: &Generator) -> Click {
    let now = Clock::System.now();
    let id = ids.next(now);
    Click {
        id: ClickId::from_raw(id),
        link: LinkId::from_raw(100 + id % 7),
        publisher: PublisherId::from_raw(2),
        program: ProgramId::from_raw(3),
        at: now,
        quality: if id % 3 == 0 { Quality::Bot } else { Quality::Ok },
        consent: true,
        buyer: None,
        address: Some("203.0.113.7".to_owned()),
        country: None,
        agent: Some(format!("agent {}", id % 5)),
        referrer: Some("https://blog.example/é".to_owned()),
        subs: [Some("a".to_owned()), None, None, None, None],
        url: None,
    }
}

/// A process: its lease, its ids, its click writer.
struct Process {
    db: Db,
    lease: Lease,
    ids: Generator,
    clicks: ClickWriter,
    stop: ClickStop,
}

impl Process {
    async fn start(url: &str, root: &TempDir) -> Self {
        Self::start_waiting(url, root, WAIT_MAX).await
    }

    async fn start_waiting(url: &str, root: &TempDir, wait_max: Duration) -> Self {
        let db = Db::open(url, &Options::default()).await.expect("opens");
        let lease = Lease::acquire(&db, &Clock::System, root.path()).await.expect("a node number");
        let (clicks, stop) = ClickWriter::start(&db, &Zone::UTC, lease.spool(), wait_max).await.expect("starts");
        let ids = lease.generator();
        Self { db, lease, ids, clicks, stop }
    }

    /// Records so many clicks at once; how each was kept.
    async fn record(&self, count: usize) -> Vec<Result<Kept, NotKept>> {
        let tasks: Vec<_> = (0..count)
            .map(|_| {
                let (clicks, click) = (self.clicks.clone(), click(&self.ids));
                tokio::spawn(async move { clicks.record(click).await })
            })
            .collect();
        let mut kept = Vec::new();
        for task in tasks {
            kept.push(task.await.expect("no panic"));
        }
        kept
    }

    async fn end(self) {
        self.stop.stop().await;
        self.lease.release().await.expect("released");
        self.db.close().await;
    }
}

/// How many clicks there are, by the rows; the statistics must say the same.
async fn stored(db: &Db) -> usize {
    let mut tx = db.read().await.expect("reads");
    let rows = store::click::page(&mut tx, 0, 1_000_000).await.expect("reads");
    let report = stat::clicks(&mut tx, stat::By::Day, &stat::Wanted::default()).await.expect("reads");
    let counted = rows.iter().filter(|click| click.quality.counts()).count();
    assert_eq!(report.iter().map(|row| row.tally.raw).sum::<i64>(), i64::try_from(rows.len()).expect("small"));
    assert_eq!(report.iter().map(|row| row.tally.counted).sum::<i64>(), i64::try_from(counted).expect("small"));
    rows.len()
}

async fn until_stored(db: &Db, count: usize) {
    let started = Instant::now();
    while stored(db).await != count {
        assert!(started.elapsed() < Duration::from_secs(20), "{} of {count} stored", stored(db).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Files of the spool that hold clicks.
fn segments(root: &TempDir) -> Vec<PathBuf> {
    let nodes = std::fs::read_dir(root.path()).expect("the root").map(|entry| entry.expect("an entry").path());
    let files = nodes.flat_map(|node| std::fs::read_dir(node).expect("a node").map(|entry| entry.expect("an entry").path()));
    files.filter(|path| path.extension().is_some_and(|e| e == "spool") && path.metadata().expect("a file").len() > 0).collect()
}

/// Somebody who keeps the click writer from writing until it is dropped.
enum Blocker {
    Sqlite { _tx: Tx, _db: Db },
    Postgres { _connection: PgConnection },
}

async fn block(url: &str) -> Blocker {
    let db = Db::open(url, &Options::default()).await.expect("opens");
    match db.kind() {
        Kind::Sqlite => Blocker::Sqlite { _tx: db.begin().await.expect("the write lock"), _db: db },
        Kind::Postgres => {
            let mut connection = PgConnection::connect(url).await.expect("connects");
            connection.execute("BEGIN; LOCK TABLE click IN ACCESS EXCLUSIVE MODE").await.expect("locks");
            Blocker::Postgres { _connection: connection }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_are_answered_when_they_are_committed() {
    for_each_database(async |url| {
        let root = TempDir::new("spool");
        // Long enough for a busy machine.
        let process = Process::start_waiting(url, &root, Duration::from_secs(20)).await;
        let kept = process.record(3_000).await;
        assert!(kept.iter().all(|kept| *kept == Ok(Kept::Stored)));
        assert_eq!(stored(&process.db).await, 3_000);
        let one = click(&process.ids);
        assert_eq!(process.clicks.record(one.clone()).await, Ok(Kept::Stored));
        let query = "SELECT c.link || ' ' || c.address || ' ' || a.text || ' ' || r.text || ' ' || c.sub1 || COALESCE(c.sub2, '')
            FROM click c JOIN phrase a ON a.id = c.agent JOIN phrase r ON r.id = c.referrer WHERE c.id = ";
        let mut sql = Sql::open(url).await;
        let row = sql.texts(&format!("{query}{}", one.id.raw())).await;
        sql.close().await;
        let agent = one.agent.expect("an agent");
        assert_eq!(row, [format!("{} 203.0.113.7 {agent} https://blog.example/é a", one.link.raw())]);
        process.end().await;
        assert_eq!(segments(&root), Vec::<PathBuf>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_database_delays_no_visitor_and_counts_nothing_twice() {
    for_each_database(async |url| {
        let root = TempDir::new("spool");
        let process = Process::start(url, &root).await;
        let blocker = block(url).await;
        let started = Instant::now();
        let kept = process.record(200).await;
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        assert!(kept.iter().all(|kept| *kept == Ok(Kept::Spooled)));
        assert_eq!(segments(&root).len(), 1);
        drop(blocker);
        until_stored(&process.db, 200).await;
        let started = Instant::now();
        while !segments(&root).is_empty() {
            assert!(started.elapsed() < Duration::from_secs(5), "what the queue stored leaves the spool unread");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        process.end().await;
    })
    .await;
}

/// Longer than the writer waits for a commit: it takes the database for away, and nobody waits for it any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_stops_no_visitor() {
    for_each_database(async |url| {
        let root = TempDir::new("spool");
        let process = Process::start(url, &root).await;
        let blocker = block(url).await;
        assert_eq!(process.record(50).await, [Ok(Kept::Spooled); 50]);
        tokio::time::sleep(Duration::from_secs(6)).await;
        let kept = process.record(2_500).await;
        assert!(kept.iter().all(|kept| *kept == Ok(Kept::Spooled)));
        drop(blocker);
        until_stored(&process.db, 2_550).await;
        let started = Instant::now();
        while process.record(1).await != [Ok(Kept::Stored)] {
            assert!(started.elapsed() < Duration::from_secs(10), "it is used again");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        process.end().await;
        assert_eq!(segments(&root), Vec::<PathBuf>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dead_processes_left_is_stored_before_the_next_one_serves() {
    for_each_database(async |url| {
        let root = TempDir::new("spool");
        let (all, torn) = {
            let process = Process::start(url, &root).await;
            let all: Vec<Click> = (0..2_600).map(|_| click(&process.ids)).collect();
            // Some were stored, and their process died before the segment was removed.
            for click in &all[..700] {
                assert!(process.clicks.record(click.clone()).await.is_ok());
            }
            let torn = click(&process.ids);
            until_stored(&process.db, 700).await;
            // No release: it dies.
            process.stop.stop().await;
            process.db.close().await;
            (all, torn)
        };
        // Its own directory: two segments, the second torn at its end, and one click in both.
        write(&root, "node-0/clicks-0000000007.spool", &[&all[..1_500], &all[..1]].concat(), None);
        write(&root, "node-0/clicks-0000000008.spool", &all[1_500..2_000], Some(&torn));
        // Another process of this machine died too.
        write(&root, "node-5/clicks-0000000001.spool", &all[1_999..], None);
        let process = Process::start(url, &root).await;
        assert_eq!(process.lease.node(), 0, "the number is taken over at once");
        assert_eq!(stored(&process.db).await, 2_600);
        assert_eq!(segments(&root), Vec::<PathBuf>::new());
        process.end().await;
    })
    .await;
}

fn write(root: &TempDir, name: &str, clicks: &[Click], torn: Option<&Click>) {
    let mut bytes = Vec::new();
    for click in clicks {
        spool::encode(click, &mut bytes);
    }
    if let Some(torn) = torn {
        let whole = bytes.len();
        spool::encode(torn, &mut bytes);
        bytes.truncate(whole + 40);
    }
    let path = root.path().join(name);
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
    File::create(path).expect("made").write_all(&bytes).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_that_cannot_be_stored_hurts_no_other_and_is_set_aside() {
    for_each_database(async |url| {
        let root = TempDir::new("spool");
        let process = Process::start(url, &root).await;
        // The edge lets no such text through; if it did:
        let bad = Click { agent: Some("a\0b".to_owned()), ..click(&process.ids) };
        let blocker = block(url).await;
        let others = tokio::spawn({
            let (clicks, good): (_, Vec<Click>) = (process.clicks.clone(), (0..20).map(|_| click(&process.ids)).collect());
            async move {
                for click in good {
                    assert!(clicks.record(click).await.is_ok());
                }
            }
        });
        assert_eq!(process.clicks.record(bad).await, Ok(Kept::Spooled));
        drop(blocker);
        others.await.expect("no panic");
        until_stored(&process.db, 20).await;
        process.end().await;
        let aside = std::fs::read_dir(root.path().join("node-0")).expect("the directory");
        let aside: Vec<PathBuf> =
            aside.map(|e| e.expect("an entry").path()).filter(|p| p.extension().is_some_and(|e| e == "aside")).collect();
        assert_eq!(aside.len(), 1, "{aside:?}");
        let held = spool::scan(&std::fs::read(&aside[0]).expect("read")).clicks;
        assert!(held.iter().any(|click| click.agent.as_deref() == Some("a\0b")));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_does_not_take_at_the_end_waits_for_the_next_start() {
    for_each_database(async |url| {
        let root = TempDir::new("spool");
        let process = Process::start(url, &root).await;
        let blocker = block(url).await;
        assert_eq!(process.record(30).await, [Ok(Kept::Spooled); 30]);
        let Process { db, lease, clicks, stop, ids } = process;
        stop.stop().await;
        assert_eq!(clicks.record(click(&ids)).await, Err(NotKept), "after the end");
        drop((blocker, lease));
        let process = Process::start(url, &root).await;
        assert_eq!(stored(&db).await, 30);
        db.close().await;
        process.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_with_a_damaged_record_gives_the_others_and_is_kept_aside() {
    for_each_database(async |url| {
        let root = TempDir::new("spool");
        let ids = Generator::new(9, 0);
        let clicks: Vec<Click> = (0..3).map(|_| click(&ids)).collect();
        write(&root, "node-9/clicks-0000000001.spool", &clicks, None);
        let path = root.path().join("node-9/clicks-0000000001.spool");
        let mut bytes = std::fs::read(&path).expect("read");
        bytes[30] ^= 1;
        OpenOptions::new().write(true).open(&path).expect("opens").write_all(&bytes).expect("written");
        let process = Process::start(url, &root).await;
        assert_eq!(stored(&process.db).await, 2);
        assert!(path.with_extension("aside").exists() && !path.exists());
        process.end().await;
    })
    .await;
}
