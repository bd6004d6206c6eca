//! Tests of the spool's thread: what it answers, what it leaves on the disk, and when somebody has to read it back.

use super::*;
use crate::{
    domain::click::Quality,
    kernel::{
        id::{ClickId, LinkId, ProgramId, PublisherId},
        time::Time,
    },
};
use std::{fs, time::Duration};

fn job(n: i64) -> Arc<Job> {
    Job::new(Click {
        id: ClickId::from_raw(n),
        link: LinkId::from_raw(2),
        publisher: PublisherId::from_raw(3),
        program: ProgramId::from_raw(4),
        at: Time::from_micros(5),
        quality: Quality::Ok,
        consent: true,
        buyer: None,
        address: None,
        country: None,
        agent: None,
        referrer: None,
        subs: [const { None }; 5],
        url: None,
    })
}

struct Bench {
    dir: Arc<SpoolDir>,
    root: PathBuf,
    spooler: Spooler,
    thread: JoinHandle<()>,
}

impl Bench {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("ristourne-spooler-{name}-{}", std::process::id()));
        let dir = Arc::new(SpoolDir::open(&root, 1).expect("opens").expect("free"));
        let (spooler, thread) = Spooler::start(Arc::clone(&dir)).expect("starts");
        Self { dir, root, spooler, thread }
    }

    fn append(&self, job: &Arc<Job>, queued: bool) -> oneshot::Receiver<Result<Kept, NotKept>> {
        let (answer, answered) = oneshot::channel();
        self.spooler.order(Order::Append { job: Arc::clone(job), queued, answer }).expect("room");
        answered
    }

    /// What the files hold.
    fn ids(&self) -> Vec<i64> {
        let paths = self.dir.segments().expect("read");
        paths.iter().flat_map(|path| spool::scan(&fs::read(path).expect("read")).clicks).map(|click| click.id.raw()).collect()
    }

    async fn stop(self) {
        self.spooler.stop().await;
        self.thread.join().expect("ends");
        fs::remove_dir_all(&self.root).expect("the test made it");
    }
}

#[tokio::test]
async fn what_is_stored_by_way_of_the_queue_empties_the_segment() {
    let bench = Bench::new("redundant");
    let jobs: Vec<_> = (1..=3).map(job).collect();
    for job in &jobs {
        assert_eq!(bench.append(job, true).await, Ok(Ok(Kept::Spooled)));
    }
    assert_eq!(bench.append(&jobs[0], true).await, Ok(Ok(Kept::Spooled)), "asked for twice, written once");
    assert_eq!(bench.ids(), [1, 2, 3]);
    assert!(!bench.spooler.owed().is_set(), "the queue has them");
    for (job, left) in jobs.iter().zip([3, 3, 0]) {
        let segment = job.mark_stored().expect("spooled");
        bench.spooler.order(Order::Redundant { segment, count: 1 }).expect("room");
        // An order behind it, so that it is carried out.
        let stored = bench.append(&jobs[0], true).await;
        assert_eq!(stored, Ok(Ok(Kept::Stored)), "what is stored is not spooled again");
        assert_eq!(bench.ids().len(), left);
    }
    assert_eq!(jobs[0].mark_stored(), None);
    assert_eq!(bench.append(&job(4), true).await, Ok(Ok(Kept::Spooled)), "it goes on from the start");
    assert_eq!(bench.ids(), [4]);
    bench.stop().await;
}

#[tokio::test]
async fn what_is_in_no_queue_is_owed_and_a_segment_that_rotates_is_not_emptied() {
    let bench = Bench::new("owed");
    let (queued, alone) = (job(1), job(2));
    assert_eq!(bench.append(&queued, true).await, Ok(Ok(Kept::Spooled)));
    assert_eq!(bench.append(&alone, false).await, Ok(Ok(Kept::Spooled)));
    bench.spooler.owed().wait().await;
    assert!(bench.spooler.owed().take() && !bench.spooler.owed().is_set());
    let first = bench.spooler.rotate().await;
    assert_eq!(first.len(), 1);
    let third = job(3);
    assert_eq!(bench.append(&third, true).await, Ok(Ok(Kept::Spooled)));
    // A click of the closed segment is stored: that says nothing about the new one.
    let segment = queued.mark_stored().expect("spooled");
    bench.spooler.order(Order::Redundant { segment, count: 1 }).expect("room");
    assert_eq!(bench.append(&third, false).await, Ok(Ok(Kept::Spooled)), "given up by the writer");
    assert!(bench.spooler.owed().take(), "now somebody must read it back");
    assert_eq!(bench.ids(), [1, 2, 3]);
    assert_eq!(bench.spooler.rotate().await.len(), 2);
    bench.stop().await;
}

#[tokio::test]
async fn a_directory_that_is_gone_refuses_and_says_so() {
    let bench = Bench::new("gone");
    fs::remove_dir_all(&bench.root).expect("removed");
    let lost = job(1);
    assert_eq!(bench.append(&lost, true).await, Ok(Err(NotKept)));
    assert_eq!(lost.mark_stored(), None, "it never was in a segment");
    fs::create_dir_all(bench.root.join("node-1")).expect("made again");
    assert_eq!(bench.append(&job(2), true).await, Ok(Ok(Kept::Spooled)), "it recovers");
    bench.spooler.stop().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let (answer, _) = oneshot::channel();
    assert!(bench.spooler.order(Order::Append { job: job(3), queued: true, answer }).is_err(), "nobody is there any more");
    bench.stop().await;
}
