//! The click writer: every click is committed, in batches of whatever is queued when the last commit ends; a visitor whose click takes
//! longer than `click_wait_max` is answered when it stands in the spool.
//!
//! A click may so stand in the queue, in the spool and in the database at once, and it may be stored again after a crash anywhere
//! between a commit and the end of its spool segment. All of that is harmless for one reason: an id that is stored is skipped, its row
//! and its statistics alike. So nothing here needs to be remembered across a crash, and one task does all the writing.
//!
//! - The database has it within 25 ms: the spool never sees it.
//! - The database is slow: the spool has it, then the queue stores it, and the spool's segment is emptied unread.
//! - The queue is full: the spool alone has it; it is read back as soon as a batch is not full, that is, when the writer has caught up.
//! - The database is away: the queue's clicks go to the spool, new ones too without waiting; it is read back when the database answers.
//! - The process is killed: the next one of this machine reads the spool before it serves.

use crate::{
    domain::click::Click,
    engine::{
        click_store::{ClickStore, Ids, Trouble},
        desk::Desk,
        node::Spool,
        spooler::{self, Answer, Job, Kept, NotKept, Order, Spooler},
    },
    kernel::time::Zone,
    store::Db,
};
use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use tokio::{
    runtime::Builder,
    sync::{
        mpsc,
        oneshot::{self, error::TryRecvError},
    },
    task::JoinHandle,
    time::{sleep, timeout},
};

/// Clicks that may wait for the database: eight full batches, a tenth of a second's work and about 8 MB. More would wait longer than
/// `click_wait_max` anyway, and so stand in the spool as well.
const QUEUE_MAX: usize = 8_192;
/// Rows of a transaction: what SQLite's write turn allows.
const BATCH_MAX: usize = 1_000;
/// After a batch of so many clicks the next one is waited for so long: half of what a commit takes. A few visitors wait for nobody.
const LINGER_ROWS: usize = 16;
const LINGER: Duration = Duration::from_micros(300);
/// The longest wait for the spool. A local disk that takes longer hangs; the visitor is sent on.
const SPOOL_WAIT_MAX: Duration = Duration::from_secs(1);
/// While the database is away, how often it is tried.
const AGAIN: Duration = Duration::from_millis(200);

/// Why the writer does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("not read back: {0}")]
    NotReadBack(Trouble),
}

/// A click in the queue.
struct Queued {
    job: Arc<Job>,
    answer: Answer,
}

/// Where clicks are recorded. Clones share the queue.
#[derive(Debug, Clone)]
pub struct ClickWriter {
    queue: mpsc::Sender<Queued>,
    spooler: Spooler,
    /// The database does not answer: nobody waits for it.
    away: Arc<AtomicBool>,
    wait_max: Duration,
    desk: Desk<Result<Kept, NotKept>>,
}

impl std::fmt::Debug for Queued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Queued({})", self.job.click.id)
    }
}

impl ClickWriter {
    /// Stores what earlier processes left in the spool, then starts to take clicks. `wait_max` is how long a visitor waits for the commit.
    pub async fn start(db: &Db, zone: &Zone, spool: Spool, wait_max: Duration) -> Result<(Self, ClickStop), StartError> {
        let mut store = ClickStore::new(db.clone(), zone.clone(), BATCH_MAX);
        let mut segments = Vec::new();
        for dir in spool.orphans.iter().chain([&*spool.own]) {
            segments.extend(dir.segments()?);
        }
        store.read_back(segments);
        while store.owes() {
            store.read_back_some().await.map_err(StartError::NotReadBack)?;
        }
        drop(spool.orphans);
        let (spooler, thread) = Spooler::start(spool.own)?;
        let (queue, receiver) = mpsc::channel(QUEUE_MAX);
        let (end, ended) = oneshot::channel();
        let away = Arc::new(AtomicBool::new(false));
        let desk = Desk::default();
        let writer = Writer {
            store,
            queue: receiver,
            spooler: spooler.clone(),
            away: Arc::clone(&away),
            desk: desk.clone(),
            ended,
            ending: false,
            last_rows: 0,
        };
        let writer = writer.start()?;
        Ok((Self { queue, spooler, away, wait_max, desk }, ClickStop { end, writer, spool: thread }))
    }

    /// Answers visitors on the runtime that this runs on, a batch at a time, for as long as it is polled.
    pub fn attend(&self) -> impl Future<Output = ()> + Send + use<> {
        self.desk.clone().attend()
    }

    /// Records a click, and returns when it is committed, or after `wait_max` when it is spooled. An error means that neither could be
    /// done, which is counted; the visitor is redirected all the same.
    pub async fn record(&self, click: Click) -> Result<Kept, NotKept> {
        let job = Job::new(click);
        if self.away.load(Ordering::Relaxed) {
            return self.spool(job, false).await;
        }
        let (answer, answered) = oneshot::channel();
        match self.queue.try_send(Queued { job: Arc::clone(&job), answer }) {
            Ok(()) => match timeout(self.wait_max, answered).await {
                Ok(Ok(kept)) => kept.inspect_err(|_| spooler::unkept(false)),
                _ => self.spool(job, true).await,
            },
            Err(_) => self.spool(job, false).await,
        }
    }

    /// Clicks that wait for the database.
    pub fn queue_length(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// What this node's spool holds, in bytes.
    pub fn spool_bytes(&self) -> io::Result<u64> {
        self.spooler.bytes()
    }

    async fn spool(&self, job: Arc<Job>, queued: bool) -> Result<Kept, NotKept> {
        let (answer, answered) = oneshot::channel();
        let kept = match self.spooler.order(Order::Append { job, queued, answer }) {
            Ok(()) => timeout(SPOOL_WAIT_MAX, answered).await,
            Err(_) => Ok(Ok(Err(NotKept))),
        };
        if let Ok(Ok(Ok(kept))) = kept {
            return Ok(kept);
        }
        spooler::unkept(queued);
        Err(NotKept)
    }
}

/// The other end: stops the writer.
#[derive(Debug)]
pub struct ClickStop {
    end: oneshot::Sender<()>,
    writer: Running,
    spool: thread::JoinHandle<()>,
}

/// Where the writer runs.
#[derive(Debug)]
enum Running {
    Task(JoinHandle<()>),
    Thread(thread::JoinHandle<()>),
}

/// Whether a thread ended as it should, once it has.
async fn joined(thread: thread::JoinHandle<()>) -> bool {
    matches!(tokio::task::spawn_blocking(|| thread.join()).await, Ok(Ok(())))
}

impl ClickStop {
    /// Stores what is queued and spooled; what the database does not take stays in the spool. Clicks that come later are not kept.
    pub async fn stop(self) {
        drop(self.end);
        let well = match self.writer {
            Running::Task(task) => task.await.is_ok(),
            Running::Thread(thread) => joined(thread).await,
        };
        if !well {
            // It did not tell the spool's thread to stop.
            return tracing::error!("the click writer ended badly");
        }
        if !joined(self.spool).await {
            tracing::error!("the spool's thread ended badly");
        }
    }
}

struct Writer {
    store: ClickStore,
    queue: mpsc::Receiver<Queued>,
    spooler: Spooler,
    away: Arc<AtomicBool>,
    desk: Desk<Result<Kept, NotKept>>,
    /// Resolves when the process ends.
    ended: oneshot::Receiver<()>,
    ending: bool,
    /// Clicks of the last batch.
    last_rows: usize,
}

impl Writer {
    /// On SQLite a commit keeps its thread, so it gets one; on PostgreSQL the connections belong to this runtime.
    fn start(self) -> io::Result<Running> {
        if !self.store.blocks() {
            return Ok(Running::Task(tokio::spawn(self.run())));
        }
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let thread = thread::Builder::new().name("clicks".to_owned());
        Ok(Running::Thread(thread.spawn(move || runtime.block_on(self.run()))?))
    }

    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while self.next(&mut batch).await {
            self.linger(&mut batch);
            self.last_rows = batch.len();
            let caught_up = batch.len() < BATCH_MAX;
            let mut result = self.write(&mut batch).await;
            if result.is_ok() && caught_up {
                result = self.read_back().await;
            }
            if let Err(trouble) = result {
                self.wait_for_database(trouble).await;
            }
        }
        self.finish().await;
    }

    /// Waits for something to do; false when the process ends and the queue is empty.
    async fn next(&mut self, batch: &mut Vec<Queued>) -> bool {
        if self.store.owes() || self.spooler.owed().is_set() {
            // There is: take along what is queued without waiting for more.
            if !self.ending && self.ended.try_recv() == Err(TryRecvError::Closed) {
                self.end();
            }
            self.take_along(batch);
            return !(self.ending && batch.is_empty());
        }
        tokio::select! {
            biased;
            _ = &mut self.ended, if !self.ending => {
                self.end();
                true
            }
            received = self.queue.recv_many(batch, BATCH_MAX) => received > 0,
            () = self.spooler.owed().wait() => true,
        }
    }

    fn end(&mut self) {
        self.ending = true;
        self.queue.close();
    }

    /// Under load a commit of twice the rows costs hardly more.
    fn linger(&mut self, batch: &mut Vec<Queued>) {
        if self.last_rows < LINGER_ROWS || !self.store.blocks() || self.ending {
            return;
        }
        thread::sleep(LINGER);
        self.take_along(batch);
    }

    fn take_along(&mut self, batch: &mut Vec<Queued>) {
        while batch.len() < BATCH_MAX
            && let Ok(queued) = self.queue.try_recv()
        {
            batch.push(queued);
        }
    }

    /// Commits a batch and answers for it.
    async fn write(&mut self, batch: &mut Vec<Queued>) -> Result<(), Trouble> {
        if batch.is_empty() {
            return Ok(());
        }
        metrics::histogram!("ristourne_click_batch_rows").record(u32::try_from(batch.len()).unwrap_or(u32::MAX));
        let clicks: Vec<&Click> = batch.iter().map(|queued| &queued.job.click).collect();
        // Only this task reads the spool back: a click that is not in it now cannot be stored before it is inserted here.
        let ids = if batch.iter().any(|queued| queued.job.is_spooled()) { Ids::MayBeStored } else { Ids::New };
        let refused = match self.store.insert(&clicks, ids).await {
            Ok(refused) => refused,
            Err(trouble) => {
                self.give_up(batch.drain(..));
                return Err(trouble);
            }
        };
        let mut redundant: BTreeMap<u64, u64> = BTreeMap::new();
        let mut stored = Vec::with_capacity(batch.len());
        for queued in batch.drain(..) {
            if refused.contains(&queued.job.click.id) {
                // To the spool, and from there to a file for a person to look at.
                self.give_up([queued]);
                continue;
            }
            if let Some(segment) = queued.job.mark_stored() {
                *redundant.entry(segment).or_default() += 1;
            }
            stored.push((queued.answer, Ok(Kept::Stored)));
        }
        self.desk.answer(stored);
        for (segment, count) in redundant {
            if self.spooler.order(Order::Redundant { segment, count }).is_err() {
                tracing::debug!(segment, count, "the spool is busy; what is stored will be read back and skipped");
            }
        }
        Ok(())
    }

    /// Leaves clicks to the spool, with the answers that are owed for them.
    fn give_up(&self, batch: impl IntoIterator<Item = Queued>) {
        for Queued { job, answer } in batch {
            if let Err(Order::Append { answer, .. }) = self.spooler.order(Order::Append { job, queued: false, answer }) {
                spooler::answer(answer, Err(NotKept));
            }
        }
    }

    /// One batch of what the spool holds.
    async fn read_back(&mut self) -> Result<(), Trouble> {
        if !self.store.owes() && self.spooler.owed().take() {
            let segments = self.spooler.rotate().await;
            self.store.read_back(segments);
        }
        self.store.read_back_some().await
    }

    /// Until the database answers, or the process ends: what is queued goes to the spool.
    async fn wait_for_database(&mut self, trouble: Trouble) {
        tracing::error!(%trouble, "the database takes no clicks; they go to the spool");
        metrics::counter!("ristourne_click_outages_total").increment(1);
        self.away.store(true, Ordering::Relaxed);
        loop {
            while let Ok(queued) = self.queue.try_recv() {
                self.give_up([queued]);
            }
            if self.ending {
                return;
            }
            tokio::select! {
                biased;
                _ = &mut self.ended => self.end(),
                () = sleep(AGAIN) => {
                    if self.database_answers().await {
                        break;
                    }
                }
            }
        }
        self.away.store(false, Ordering::Relaxed);
        tracing::info!("the database takes clicks again");
    }

    /// Tries what failed: clicks of the spool, if it took any.
    async fn database_answers(&mut self) -> bool {
        match self.read_back().await {
            Ok(()) => self.store.answers().await,
            Err(error) => {
                tracing::debug!(%error, "still away");
                false
            }
        }
    }

    /// At the end: what the spool still holds, unless the database is away.
    async fn finish(mut self) {
        let away = self.away.load(Ordering::Relaxed);
        let segments = self.spooler.rotate().await;
        if !away {
            self.store.read_back(segments);
            while self.store.owes() {
                if let Err(trouble) = self.store.read_back_some().await {
                    tracing::error!(%trouble, "clicks stay in the spool; the next start stores them");
                    break;
                }
            }
        }
        self.spooler.stop().await;
    }
}
