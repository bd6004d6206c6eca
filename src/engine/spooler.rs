//! The thread that writes the spool: it alone appends, so that a disk that hangs holds up no task, and many clicks become one write.

use crate::{
    domain::click::Click,
    engine::spool::{self, SEGMENT_BYTES_MAX, Segment, SpoolDir},
};
use std::{
    io,
    path::PathBuf,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};
use tokio::sync::{Notify, mpsc, oneshot};

/// Orders that may wait. One second of a flood; beyond it the disk hangs, and waiting longer would only cost memory (about 32 MB).
const ORDERS_MAX: usize = 65_536;
/// Orders taken at once: one write of some 300 KiB.
const ORDERS_AT_ONCE: usize = 1_024;

/// Where a recorded click is when its visitor is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Committed.
    Stored,
    /// Handed to the operating system; survives the end of this process, but not a power cut.
    Spooled,
}

/// A click that is nowhere but in memory, if at all: database and disk both failed. The visitor is redirected all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither the database nor the spool took the click")]
pub struct NotKept;

/// How the maker of a click learns what became of it.
pub type Answer = oneshot::Sender<Result<Kept, NotKept>>;

/// A click on its way, shared by its visitor, the writer and the spool's thread.
#[derive(Debug)]
pub struct Job {
    pub click: Click,
    /// `WAITING`, `STORED`, or the number of the segment that holds it.
    state: AtomicU64,
}

const WAITING: u64 = 0;
const STORED: u64 = u64::MAX;

impl Job {
    pub fn new(click: Click) -> Arc<Self> {
        Arc::new(Self { click, state: AtomicU64::new(WAITING) })
    }

    /// Whether it stands in the spool too, from where it may have been read back and stored.
    pub fn is_spooled(&self) -> bool {
        self.state.load(Ordering::Acquire) != WAITING
    }

    /// After its commit. Gives the segment that holds it too, if one does: there it is redundant from now on.
    pub fn mark_stored(&self) -> Option<u64> {
        Some(self.state.swap(STORED, Ordering::AcqRel)).filter(|state| *state != WAITING && *state != STORED)
    }

    /// After a write that failed: unless it has been stored meanwhile, it is nowhere again.
    fn forget_segment(&self, number: u64) {
        if self.state.compare_exchange(number, WAITING, Ordering::AcqRel, Ordering::Acquire).is_err() {
            tracing::debug!(id = %self.click.id, "stored while its spool record failed");
        }
    }
}

/// What the thread is asked to do.
#[derive(Debug)]
pub enum Order {
    Append {
        job: Arc<Job>,
        /// It also stands in the writer's queue, so nobody needs to read it back while the process lives.
        queued: bool,
        answer: Answer,
    },
    /// So many clicks of a segment have been stored by way of the queue.
    Redundant { segment: u64, count: u64 },
    /// Closes the segment that is being written; answers with all that may be read, oldest first.
    Rotate { answer: oneshot::Sender<Vec<PathBuf>> },
    /// Ends the thread and lets the directory go.
    Stop,
}

/// The thread's other end. Clones ask the same thread; it ends when it is told to, or the last is dropped.
#[derive(Debug, Clone)]
pub struct Spooler {
    orders: mpsc::Sender<Order>,
    owed: Arc<Owed>,
    /// The thread's, which lets it go at its end, whoever still holds this.
    dir: Weak<SpoolDir>,
}

/// Whether the spool holds clicks that are in no queue: somebody has to read them back.
#[derive(Debug, Default)]
pub struct Owed {
    flag: AtomicBool,
    changed: Notify,
}

impl Owed {
    fn set(&self) {
        self.flag.store(true, Ordering::Release);
        self.changed.notify_one();
    }
    /// True if it was set; from then on it is not.
    pub fn take(&self) -> bool {
        self.flag.swap(false, Ordering::AcqRel)
    }
    pub fn is_set(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }
    /// Until it is set (or was, since the last look).
    pub async fn wait(&self) {
        self.changed.notified().await;
    }
}

impl Spooler {
    /// Starts the thread.
    pub fn start(dir: Arc<SpoolDir>) -> io::Result<(Self, JoinHandle<()>)> {
        let (orders, receiver) = mpsc::channel(ORDERS_MAX);
        let owed = Arc::new(Owed::default());
        let seen = Arc::downgrade(&dir);
        let thread = Thread { dir, active: None, owed: Arc::clone(&owed) };
        let handle = std::thread::Builder::new().name("click-spool".to_owned()).spawn(move || thread.run(receiver))?;
        Ok((Self { orders, owed, dir: seen }, handle))
    }

    pub fn owed(&self) -> &Owed {
        &self.owed
    }

    /// Bytes of the segments on the disk.
    pub fn bytes(&self) -> io::Result<u64> {
        self.dir.upgrade().map_or(Ok(0), |dir| dir.bytes())
    }

    /// Gives an order without waiting; back when too many wait, or the thread has ended.
    pub fn order(&self, order: Order) -> Result<(), Order> {
        self.orders.try_send(order).map_err(|error| match error {
            mpsc::error::TrySendError::Full(order) | mpsc::error::TrySendError::Closed(order) => order,
        })
    }

    /// Closes the segment that is being written; all that may be read, oldest first.
    pub async fn rotate(&self) -> Vec<PathBuf> {
        let (answer, answered) = oneshot::channel();
        if self.orders.send(Order::Rotate { answer }).await.is_err() {
            return Vec::new();
        }
        answered.await.unwrap_or_default()
    }

    /// Ends the thread once it has done what it was asked for before.
    pub async fn stop(&self) {
        if self.orders.send(Order::Stop).await.is_err() {
            tracing::debug!("the spool's thread has ended already");
        }
    }
}

/// A segment under way.
struct Active {
    segment: Segment,
    /// Clicks written into it.
    written: u64,
    /// Of those, clicks known to be stored.
    redundant: u64,
}

/// A click whose record is in the buffer.
struct Pending {
    job: Arc<Job>,
    queued: bool,
    answer: Answer,
    /// Its record was not written before.
    new: bool,
}

struct Thread {
    dir: Arc<SpoolDir>,
    active: Option<Active>,
    owed: Arc<Owed>,
}

impl Thread {
    fn run(mut self, mut receiver: mpsc::Receiver<Order>) {
        let mut orders = Vec::with_capacity(ORDERS_AT_ONCE);
        while receiver.blocking_recv_many(&mut orders, ORDERS_AT_ONCE) > 0 && !self.carry_out(&mut orders) {}
        self.close();
    }

    /// True when it was told to stop.
    fn carry_out(&mut self, orders: &mut Vec<Order>) -> bool {
        let (mut buffer, mut pending, mut stop) = (Vec::new(), Vec::new(), false);
        for order in orders.drain(..) {
            match order {
                Order::Append { job, queued, answer } => {
                    self.encode(Pending { job, queued, answer, new: false }, &mut buffer, &mut pending);
                }
                Order::Redundant { segment, count } => {
                    self.flush(&mut buffer, &mut pending);
                    self.count_redundant(segment, count);
                }
                Order::Rotate { answer } => {
                    self.flush(&mut buffer, &mut pending);
                    self.close();
                    if answer.send(self.segments()).is_err() {
                        tracing::debug!("whoever asked for the segments has gone; the next to ask gets the same");
                    }
                }
                Order::Stop => stop = true,
            }
        }
        self.flush(&mut buffer, &mut pending);
        stop
    }

    fn encode(&mut self, mut order: Pending, buffer: &mut Vec<u8>, pending: &mut Vec<Pending>) {
        let number = match self.active() {
            Ok(active) => active.segment.number(),
            Err(error) => return refuse(vec![order], &error),
        };
        match order.job.state.compare_exchange(WAITING, number, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                spool::encode(&order.job.click, buffer);
                order.new = true;
            }
            Err(STORED) => return answer(order.answer, Ok(Kept::Stored)),
            // Asked for twice, by the visitor and by the writer that gives it up: it is in the file, or in this buffer.
            Err(_) => {}
        }
        pending.push(order);
    }

    fn active(&mut self) -> io::Result<&mut Active> {
        match &mut self.active {
            Some(active) => Ok(active),
            none => Ok(none.insert(Active { segment: self.dir.new_segment()?, written: 0, redundant: 0 })),
        }
    }

    /// Writes what is buffered and answers for it.
    fn flush(&mut self, buffer: &mut Vec<u8>, pending: &mut Vec<Pending>) {
        let (bytes, orders) = (std::mem::take(buffer), std::mem::take(pending));
        let (false, Some(active)) = (orders.is_empty(), &mut self.active) else { return };
        if let Err(error) = active.segment.append(&bytes) {
            let number = active.segment.number();
            for order in orders.iter().filter(|order| order.new) {
                order.job.forget_segment(number);
            }
            // What is stored meanwhile will be reported as redundant here without having been written: the count is worth nothing
            // any more, so the segment is closed, and read back like any other.
            self.close();
            self.owed.set();
            return refuse(orders, &error);
        }
        let written = orders.iter().filter(|order| order.new).count() as u64;
        metrics::counter!("ristourne_clicks_unsynced_total").increment(written);
        active.written += written;
        let full = active.segment.bytes() > SEGMENT_BYTES_MAX;
        if full {
            self.close();
        }
        if full || orders.iter().any(|order| !order.queued) {
            self.owed.set();
        }
        for order in orders {
            answer(order.answer, Ok(Kept::Spooled));
        }
    }

    fn count_redundant(&mut self, segment: u64, count: u64) {
        let Some(active) = self.active.as_mut().filter(|active| active.segment.number() == segment) else { return };
        active.redundant += count;
        if active.redundant == active.written {
            match active.segment.clear() {
                Ok(()) => (active.written, active.redundant) = (0, 0),
                Err(error) => tracing::warn!(%error, "spool segment not emptied; its clicks are skipped when they are read back"),
            }
        }
    }

    fn close(&mut self) {
        if let Some(active) = self.active.take()
            && let Err(error) = active.segment.close()
        {
            tracing::warn!(%error, "spool segment not closed");
        }
    }

    fn segments(&self) -> Vec<PathBuf> {
        self.dir.segments().unwrap_or_else(|error| {
            tracing::error!(%error, "spool directory not readable");
            Vec::new()
        })
    }
}

/// Tells the maker of a click. It may have gone; the click is kept all the same.
pub fn answer(to: Answer, what: Result<Kept, NotKept>) {
    if to.send(what).is_err() {
        tracing::trace!("nobody waits for this click any more");
    }
}

/// A visitor is sent on whose click stands nowhere. Queued, it may still be stored.
pub fn unkept(queued: bool) {
    metrics::counter!("ristourne_clicks_unkept_total", "queued" => if queued { "true" } else { "false" }).increment(1);
}

fn refuse(orders: Vec<Pending>, error: &io::Error) {
    tracing::error!(%error, clicks = orders.len(), "spool not written");
    metrics::counter!("ristourne_spool_errors_total").increment(1);
    for order in orders {
        answer(order.answer, Err(NotKept));
    }
}

#[cfg(test)]
#[path = "spooler_tests.rs"]
mod tests;
