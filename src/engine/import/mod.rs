//! Imports: a file's lines, read in a thread of their own beside the writing, stored in batches. A line that cannot be stored is handed
//! to whoever asked, with a reason, and the rest goes on. A line that is stored already changes nothing, so an import that was cut off is
//! run again from the start and passes over what it finds.
//!
//! reader thread → at most [`BATCHES_AHEAD`] batches → write turns. So the memory does not grow with the file.
mod click;
mod rate;
mod sale;
mod setup;
mod upload;
mod verdict;

pub use click::clicks;
pub use rate::rates;
pub use sale::sales;
pub(super) use setup::opened;
pub use setup::setup;
pub use upload::upload;
pub use verdict::verdicts;

use crate::domain::command::{Command, Outcome};
use crate::engine::{
    clock::Clock,
    keys::KeysError,
    ledger_batch::Setting,
    ledger_writer::{self, Answer, LedgerWriter, NotStored},
};
use crate::formats::csv::{self, Line, Refused, Table, TableError};
use crate::kernel::{code::Language, id::Generator, seal::Vault, time::Zone};
use crate::store::{Db, Kind, StoreError};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;

/// Batches that are read ahead of the one that is being stored.
const BATCHES_AHEAD: usize = 2;
/// A batch ends with so many bytes of fields, whatever its lines: long ones must not fill the memory.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Between two write turns on SQLite, another process finds the file free: its attempts are a millisecond apart.
const GAP: Duration = Duration::from_millis(2);

/// Why an import ended before its file did. What was stored stays; running it again goes on.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{0}")]
    Table(#[from] TableError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error("the database: {0}")]
    Store(#[from] StoreError),
    #[error("the database took no more; what was stored before is kept, run the import again")]
    Unavailable,
    #[error("a rejected line could not be written: {0}")]
    Rejects(io::Error),
    #[error("the reader ended badly")]
    Reader,
}

/// A line that is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// In the file, from 1.
    pub line: u64,
    pub code: &'static str,
    pub because: String,
    /// The line's fields as CSV, without a line break; empty if they are too long to be repeated.
    pub fields: Vec<u8>,
}

/// Where rejected lines go, in the sequence of the file. The file's header comes first.
pub trait Rejects: Send {
    fn header(&mut self, names: &[String]);
    fn take(&mut self, reject: Reject) -> io::Result<()>;
}

/// A table whose first line was read.
#[derive(Debug)]
pub struct Opened<R> {
    table: Table<R>,
    header: Vec<String>,
}

impl<R: io::Read> Opened<R> {
    /// Reads from the source, and so may wait.
    pub fn read(source: R) -> Result<Self, TableError> {
        let mut table = Table::open(source)?;
        let header = table.header()?;
        Ok(Self { table, header })
    }
}

/// How far an import is; the counts of lines but for `bytes` and `passed_over`.
#[derive(Debug, Default)]
pub struct Progress {
    pub bytes: AtomicU64,
    pub read: AtomicU64,
    pub imported: AtomicU64,
    pub duplicates: AtomicU64,
    pub rejected: AtomicU64,
    /// Rates of currencies that are no more.
    pub passed_over: AtomicU64,
}

/// Where an import writes to.
#[derive(Debug)]
pub struct Target {
    pub db: Db,
    pub clock: Clock,
    pub zone: Zone,
    pub ids: Arc<Generator>,
    pub vault: Arc<Vault>,
    pub ledger: Ledger,
}

/// How what posts is posted.
#[derive(Debug)]
pub enum Ledger {
    /// By a process of its own, which is a node of its own: a file's batch is a transaction.
    Own(Setting, Option<crate::domain::entry::Link>),
    /// Within a server, by its writer.
    Queue(LedgerWriter),
}

impl Ledger {
    /// The answers in order, unless the database takes none at all.
    pub async fn submit(&mut self, commands: Vec<Command>) -> Result<Vec<Answer>, ImportError> {
        let answers = match self {
            Self::Own(setting, head) => ledger_writer::settle(setting, head, &commands).await,
            Self::Queue(writer) => writer.submit_all(commands).await,
        };
        // What the database refuses is a line's own fault, even if it is the only one.
        let is_away = answers.iter().all(Result::is_err) && answers.contains(&Err(NotStored::Unavailable));
        if is_away { Err(ImportError::Unavailable) } else { Ok(answers) }
    }
}

/// A line that was read, with what is kept of it in case that it is refused.
#[derive(Debug)]
struct Item<T> {
    line: u64,
    value: T,
    fields: Vec<u8>,
}

/// Lines that are stored together.
#[derive(Debug)]
struct Batch<T> {
    items: Vec<Item<T>>,
    rejects: Vec<Reject>,
    bytes: usize,
    /// Of the file, when the batch ended.
    at: u64,
}

impl<T> Batch<T> {
    fn empty() -> Self {
        Self { items: Vec::new(), rejects: Vec::new(), bytes: 0, at: 0 }
    }

    fn lines(&self) -> usize {
        self.items.len() + self.rejects.len()
    }
}

/// The reader's end: fills batches and sends them.
struct Feed<T> {
    to: mpsc::Sender<Batch<T>>,
    batch: Batch<T>,
    lines_max: usize,
}

impl<T> Feed<T> {
    fn new(to: mpsc::Sender<Batch<T>>, lines_max: usize) -> Self {
        Self { to, batch: Batch::empty(), lines_max }
    }

    fn is_full(&self) -> bool {
        self.batch.lines() >= self.lines_max || self.batch.bytes >= BATCH_BYTES_MAX
    }

    fn add(&mut self, line: u64, fields: Vec<u8>, bytes: usize, read: Result<T, Refused>) {
        self.batch.bytes += bytes;
        match read {
            Ok(value) => self.batch.items.push(Item { line, value, fields }),
            Err(Refused { code, because }) => self.batch.rejects.push(Reject { line, code, because, fields }),
        }
    }

    /// False if nobody takes it any more: the import has failed.
    fn send(&mut self, at: u64) -> bool {
        self.batch.at = at;
        self.to.blocking_send(std::mem::replace(&mut self.batch, Batch::empty())).is_ok()
    }
}

/// A line's fields as CSV, for the file of those rejected.
fn kept(line: &Line<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    csv::write_line(&mut out, line.raw());
    out.pop();
    out
}

/// Stores a batch; every one by one, in the sequence of the file.
trait Store<T> {
    async fn store(&mut self, items: Vec<Item<T>>, tally: &mut Tally<'_>) -> Result<(), ImportError>;
}

fn count(what: &AtomicU64, lines: usize) {
    what.fetch_add(lines as u64, Ordering::Relaxed);
}

/// Counts what became of lines.
struct Tally<'a> {
    progress: &'a Progress,
    rejects: &'a mut dyn Rejects,
    /// Of the present batch: what the reader refused is known before what the database does.
    held: Vec<Reject>,
}

impl<'a> Tally<'a> {
    fn new(progress: &'a Progress, rejects: &'a mut dyn Rejects) -> Self {
        Self { progress, rejects, held: Vec::new() }
    }

    fn imported(&self, lines: usize) {
        count(&self.progress.imported, lines);
    }

    fn duplicates(&self, lines: usize) {
        count(&self.progress.duplicates, lines);
    }

    fn reject(&mut self, reject: Reject) {
        count(&self.progress.rejected, 1);
        self.held.push(reject);
    }

    /// Hands on what a batch had, by line.
    fn hand_on(&mut self) -> Result<(), ImportError> {
        self.held.sort_by_key(|reject| reject.line);
        self.held.drain(..).try_for_each(|reject| self.rejects.take(reject)).map_err(ImportError::Rejects)
    }

    /// What the ledger answered to a line.
    fn answered<T>(&mut self, item: Item<T>, answer: &Answer) {
        let Item { line, fields, .. } = item;
        match answer {
            Ok(Outcome::Duplicate(_) | Outcome::RatesStored { new: 0 }) => self.duplicates(1),
            Ok(Outcome::Refused(refusal)) => {
                self.reject(Reject { line, code: refusal.code(), because: refusal.text(Language::En).to_owned(), fields });
            }
            Ok(Outcome::Noted { code, .. }) => self.reject(Reject { line, code, because: String::new(), fields }),
            Ok(_) => self.imported(1),
            Err(error) => self.reject(Reject { line, code: "not_stored", because: error.to_string(), fields }),
        }
    }
}

/// Takes the batches that `read` makes, in a thread of its own, until the file ends.
async fn pump<T: Send + 'static>(
    read: impl FnOnce(mpsc::Sender<Batch<T>>) -> Result<(), TableError> + Send + 'static,
    mut to: impl Store<T>,
    pause: bool,
    tally: &mut Tally<'_>,
) -> Result<(), ImportError> {
    let (sender, mut batches) = mpsc::channel(BATCHES_AHEAD);
    let reader = tokio::task::spawn_blocking(move || read(sender));
    while let Some(batch) = batches.recv().await {
        let lines = batch.lines();
        batch.rejects.into_iter().for_each(|reject| tally.reject(reject));
        let stored = if batch.items.is_empty() { Ok(()) } else { to.store(batch.items, tally).await };
        tally.hand_on()?;
        stored?;
        count(&tally.progress.read, lines);
        tally.progress.bytes.store(batch.at, Ordering::Relaxed);
        if pause {
            tokio::time::sleep(GAP).await;
        }
    }
    reader.await.map_err(|_| ImportError::Reader)??;
    Ok(())
}

impl Target {
    /// Whether it writes to a file that another process may be waiting for.
    fn shares_sqlite(&self) -> bool {
        self.db.kind() == Kind::Sqlite && matches!(self.ledger, Ledger::Own(..))
    }
}
