//! Clicks into the database: a batch a transaction, and what the spool holds, a batch at a time.

use crate::{
    domain::{click::Click, fold::Counter},
    engine::spool,
    kernel::{id::ClickId, time::Zone},
    store::{
        self, Db, StoreError,
        direct::{Direct, InsertTx},
    },
};
use std::{
    collections::{HashSet, VecDeque},
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// A database that takes longer for a transaction is away: a batch takes 5 ms, and the longest checkpoint that was measured 39 ms.
const COMMIT_MAX: Duration = Duration::from_secs(5);
/// A deadlock or a serialisation failure runs the transaction again so often.
const TRIES_MAX: u32 = 3;
/// Phrases (agents and referrers) known to be stored, so that they are not written again: some 2 MB. Beyond it all are forgotten, which
/// only costs writes.
const PHRASES_MAX: usize = 100_000;

/// The database is away: nothing may be taken as stored, though it may be.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no answer within {} s", COMMIT_MAX.as_secs())]
    TooLong,
}

/// Whether ids of a batch may be stored already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// They were just made, and have never been where they could be read back from.
    New,
    /// Those that are stored are skipped.
    MayBeStored,
}

/// Where clicks are stored, and what has yet to be read back from the spool.
#[derive(Debug)]
pub struct ClickStore {
    db: Db,
    direct: Option<Direct>,
    counter: Counter,
    batch_max: usize,
    phrases: HashSet<i64>,
    segments: VecDeque<PathBuf>,
    open: Option<OpenSegment>,
}

/// A segment that is being stored.
#[derive(Debug)]
struct OpenSegment {
    path: PathBuf,
    clicks: Vec<Click>,
    /// How many of them are done with.
    done: usize,
    /// Something in it could not be read or stored.
    set_aside: bool,
}

impl ClickStore {
    pub fn new(db: Db, zone: Zone, batch_max: usize) -> Self {
        Self {
            direct: db.direct(),
            db,
            counter: Counter::new(zone),
            batch_max,
            phrases: HashSet::new(),
            segments: VecDeque::new(),
            open: None,
        }
    }

    /// Whether storing keeps the thread that it runs on: then it should be one of its own.
    pub fn blocks(&self) -> bool {
        self.direct.is_some()
    }

    /// Stores a batch, and gives those that the database refuses: one bad click never hurts its batch.
    pub async fn insert(&mut self, clicks: &[&Click], ids: Ids) -> Result<Vec<ClickId>, Trouble> {
        let Some(error) = self.attempt(clicks, ids).await? else { return Ok(Vec::new()) };
        tracing::warn!(%error, clicks = clicks.len(), "a batch of clicks failed and runs again one at a time");
        let mut refused = Vec::new();
        for click in clicks {
            if let Some(error) = self.attempt(&[click], Ids::MayBeStored).await? {
                tracing::error!(id = %click.id, %error, "click refused by the database");
                metrics::counter!("ristourne_clicks_refused_total").increment(1);
                refused.push(click.id);
            }
        }
        Ok(refused)
    }

    /// One transaction. Gives the error if it is the clicks' fault.
    async fn attempt(&mut self, clicks: &[&Click], ids: Ids) -> Result<Option<StoreError>, Trouble> {
        let mut tries = 0;
        loop {
            tries += 1;
            let started = Instant::now();
            match timeout(COMMIT_MAX, self.transaction(clicks, ids)).await {
                Ok(Ok((phrases, new))) => {
                    metrics::counter!("ristourne_clicks_recorded_total").increment(new as u64);
                    metrics::histogram!("ristourne_click_commit_duration_seconds").record(started.elapsed());
                    if self.phrases.len() + phrases.len() > PHRASES_MAX {
                        self.phrases.clear();
                    }
                    self.phrases.extend(phrases);
                    return Ok(None);
                }
                Ok(Err(error)) if error.is_retryable() => {
                    metrics::counter!("ristourne_click_batches_retried_total").increment(1);
                    if tries == TRIES_MAX {
                        return Err(error.into());
                    }
                }
                Ok(Err(error)) if error.is_connection() => return Err(error.into()),
                Ok(Err(error)) => return Ok(Some(error)),
                Err(_) => return Err(Trouble::TooLong),
            }
        }
    }

    /// Gives the phrases that are stored now, and the number of clicks that were not stored before.
    async fn transaction(&mut self, clicks: &[&Click], ids: Ids) -> Result<(Vec<i64>, usize), StoreError> {
        let mut tx = InsertTx::begin(&self.db, self.direct.as_mut()).await?;
        let stored = match ids {
            Ids::New => (store::click::insert_new(&mut tx, &mut self.counter, clicks, &self.phrases).await?, clicks.len()),
            Ids::MayBeStored => {
                let (phrases, taken) = store::click::insert_missing(&mut tx, &mut self.counter, clicks, &self.phrases).await?;
                (phrases, clicks.len() - taken.len())
            }
        };
        tx.commit().await?;
        Ok(stored)
    }

    /// Whether the database can begin a write.
    pub async fn answers(&mut self) -> bool {
        let probe = async { InsertTx::begin(&self.db, self.direct.as_mut()).await?.commit().await };
        matches!(timeout(COMMIT_MAX, probe).await, Ok(Ok(())))
    }

    /// Segments to be read back, oldest first, after those that are still owed.
    pub fn read_back(&mut self, segments: Vec<PathBuf>) {
        self.segments.extend(segments);
    }

    /// Whether segments are still to be read back.
    pub fn owes(&self) -> bool {
        self.open.is_some() || !self.segments.is_empty()
    }

    /// Stores the next batch of what is owed, and removes a segment when all of it is stored.
    pub async fn read_back_some(&mut self) -> Result<(), Trouble> {
        if self.open.is_none() {
            let Some(path) = self.segments.pop_front() else { return Ok(()) };
            self.open = open(path).await;
        }
        let Some(mut segment) = self.open.take() else { return Ok(()) };
        let end = segment.clicks.len().min(segment.done + self.batch_max);
        let chunk: Vec<&Click> = segment.clicks[segment.done..end].iter().collect();
        let stored = if chunk.is_empty() { Ok(Vec::new()) } else { self.insert(&chunk, Ids::MayBeStored).await };
        if let Ok(refused) = &stored {
            metrics::counter!("ristourne_spool_clicks_read_back_total").increment(chunk.len() as u64);
            segment.done = end;
            segment.set_aside |= !refused.is_empty();
        }
        if stored.is_ok() && segment.done == segment.clicks.len() {
            close(segment).await;
        } else {
            self.open = Some(segment);
        }
        stored.map(drop)
    }
}

/// Reads a segment. One that cannot be read stays where it is, for the next start.
async fn open(path: PathBuf) -> Option<OpenSegment> {
    let read = {
        let path = path.clone();
        tokio::task::spawn_blocking(move || std::fs::read(path).map(|bytes| spool::scan(&bytes))).await
    };
    match read.map_err(std::io::Error::other).flatten() {
        Ok(scan) => {
            if scan.torn_bytes > 0 || scan.damaged_bytes > 0 {
                tracing::warn!(path = %path.display(), scan.torn_bytes, scan.damaged_bytes, "spool segment not wholly readable");
                metrics::counter!("ristourne_spool_damaged_bytes_total").increment((scan.torn_bytes + scan.damaged_bytes) as u64);
            }
            Some(OpenSegment { path, clicks: scan.clicks, done: 0, set_aside: scan.damaged_bytes > 0 })
        }
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "spool segment not read");
            None
        }
    }
}

async fn close(segment: OpenSegment) {
    let OpenSegment { path, set_aside, .. } = segment;
    let shown = path.display().to_string();
    let closed = tokio::task::spawn_blocking(move || spool::finish(&path, set_aside)).await;
    if let Err(error) = closed.map_err(std::io::Error::other).flatten() {
        tracing::error!(path = shown, %error, "spool segment not removed; it is read again at the next start");
    }
}
