//! A table that is sent to the server: the same import with this server's own ids and writers, and a row that says how far it is.
use super::{ImportError, Ledger, Opened, Progress, Reject, Rejects, Target, clicks, rates, sales, verdicts};
use crate::domain::{
    access::Scope,
    import::{Counts, Holds, State},
};
use crate::engine::engine::Engine;
use crate::formats::csv::rejected;
use crate::kernel::id::{ImportId, MerchantId};
use crate::store::{
    self, StoreError,
    import::{Import, Rejected},
};
use std::{
    io::{self, Read},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

/// Rejected lines that are kept of one import; all are counted.
const KEPT_MAX: usize = 10_000;
/// Bytes of the fields of all of them: what is above is kept without its fields, so that no table fills memory or database.
const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Characters that are kept of a reason: it may name every field.
const BECAUSE_CHARS_MAX: usize = 1_000;
/// How often the row is written: a tenth of the silence that counts as the end.
const NOTE_EVERY: Duration = Duration::from_secs(5);

/// Stores what a table holds, as far as its sender may. An error before its columns are known to be right leaves nothing; after that the row says `interrupted`.
pub async fn upload(engine: &Engine, holds: Holds, scope: Scope, source: impl Read + Send + 'static) -> Result<Import, ImportError> {
    let opened = spawn_blocking(move || Opened::read(source)).await.map_err(|_| ImportError::Reader)??;
    let (progress, heard) = (Progress::default(), Arc::new(Heard::default()));
    let (mut target, mut rejects) = (target(engine), Kept { heard: Arc::clone(&heard), lines: 0, bytes: 0 });
    let mut record = Record::new(engine, (holds, scope.merchant()), &progress, &heard);
    let work = async {
        let done = match holds {
            Holds::Clicks => clicks(opened, &mut target, &mut rejects, &progress).await,
            Holds::Sales => sales(opened, &mut target, &mut rejects, &progress).await,
            Holds::Rates => rates(opened, &mut target, &mut rejects, &progress).await,
            Holds::Verdicts => verdicts(opened, &mut target, scope, &mut rejects, &progress).await,
        };
        heard.ended.notify_one();
        done
    };
    let (done, ()) = tokio::join!(work, record.follow());
    if done.is_err() && !record.is_accepted() {
        return done.map(|()| record.import);
    }
    let ended = record.note(if done.is_ok() { State::Finished } else { State::Interrupted }).await;
    done?;
    ended?;
    Ok(record.import)
}

fn target(engine: &Engine) -> Target {
    Target {
        db: engine.db.clone(),
        clock: engine.clock.clone(),
        zone: engine.zone.clone(),
        ids: Arc::clone(&engine.ids),
        vault: Arc::clone(&engine.vault),
        ledger: Ledger::Queue(engine.ledger.clone()),
    }
}

/// What the import has said and the row does not say yet.
#[derive(Debug, Default)]
struct Heard {
    /// Of a table whose columns are right.
    header: Mutex<Option<Vec<u8>>>,
    rejects: Mutex<Vec<Reject>>,
    accepted: Notify,
    ended: Notify,
}

/// Takes the first rejected lines.
struct Kept {
    heard: Arc<Heard>,
    lines: usize,
    bytes: usize,
}

impl Rejects for Kept {
    fn header(&mut self, names: &[String]) {
        *self.heard.header.lock().unwrap_or_else(PoisonError::into_inner) = Some(rejected::joined(names));
        self.heard.accepted.notify_one();
    }

    fn take(&mut self, mut reject: Reject) -> io::Result<()> {
        if self.lines == KEPT_MAX {
            return Ok(());
        }
        self.lines += 1;
        if self.bytes + reject.fields.len() > KEPT_BYTES_MAX {
            reject.fields = Vec::new();
        }
        self.bytes += reject.fields.len();
        if let Some((end, _)) = reject.because.char_indices().nth(BECAUSE_CHARS_MAX) {
            reject.because.truncate(end);
        }
        self.heard.rejects.lock().unwrap_or_else(PoisonError::into_inner).push(reject);
        Ok(())
    }
}

/// The import's row. It is there as soon as the table's columns are known to be right.
struct Record<'a> {
    engine: &'a Engine,
    progress: &'a Progress,
    heard: &'a Heard,
    import: Import,
    stored: bool,
    /// Taken, and not in the database yet.
    pending: Vec<Rejected>,
}

impl<'a> Record<'a> {
    fn new(engine: &'a Engine, (holds, merchant): (Holds, Option<MerchantId>), progress: &'a Progress, heard: &'a Heard) -> Self {
        let now = engine.clock.now();
        let import = Import {
            id: ImportId::from_raw(engine.ids.next(now)),
            holds,
            merchant,
            state: State::Running,
            header: Vec::new(),
            counts: Counts::default(),
            kept: 0,
            started_at: now,
            seen_at: now,
            finished_at: None,
        };
        Self { engine, progress, heard, import, stored: false, pending: Vec::new() }
    }

    /// Takes over the header, once. False as long as nothing is known to be right.
    fn is_accepted(&mut self) -> bool {
        if let Some(header) = self.heard.header.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.import.header = header;
        }
        !self.import.header.is_empty()
    }

    /// Writes how far it is, until it has ended. Beside the work and not within: both may wait for SQLite's one write turn.
    async fn follow(&mut self) {
        let mut ticks = interval(NOTE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.heard.ended.notified() => return,
                () = self.heard.accepted.notified() => {}
                _ = ticks.tick() => {}
            }
            if self.is_accepted()
                && let Err(error) = self.note(State::Running).await
            {
                // The next one writes all that this one did not.
                tracing::warn!(%error, import = %self.import.id, "how far an import is could not be written");
            }
        }
    }

    async fn note(&mut self, state: State) -> Result<(), StoreError> {
        let mut rejects = std::mem::take(&mut *self.heard.rejects.lock().unwrap_or_else(PoisonError::into_inner));
        // Of a batch those that could not be read come before those that could not be stored.
        rejects.sort_by_key(|reject| reject.line);
        let (first, now) = (self.import.kept + count(self.pending.len()) + 1, self.engine.clock.now());
        self.pending.extend((first..).zip(rejects).map(|(number, reject)| Rejected {
            number,
            line: i64::try_from(reject.line).unwrap_or(i64::MAX),
            code: reject.code.to_owned(),
            because: reject.because,
            fields: reject.fields,
        }));
        let noted = Import {
            state,
            counts: counts(self.progress),
            kept: self.import.kept + count(self.pending.len()),
            seen_at: now,
            finished_at: (state != State::Running).then_some(now),
            ..self.import.clone()
        };
        let mut tx = self.engine.db.begin().await?;
        if !self.stored {
            store::import::insert(&mut tx, &noted).await?;
        }
        store::import::insert_rejected(&mut tx, noted.id, &self.pending).await?;
        store::import::note(&mut tx, &noted).await?;
        tx.commit().await?;
        (self.import, self.stored) = (noted, true);
        self.pending.clear();
        Ok(())
    }
}

fn count(lines: usize) -> i64 {
    i64::try_from(lines).unwrap_or(i64::MAX)
}

fn counts(progress: &Progress) -> Counts {
    let of = |count: &AtomicU64| i64::try_from(count.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
    Counts {
        read: of(&progress.read),
        imported: of(&progress.imported),
        duplicates: of(&progress.duplicates),
        rejected: of(&progress.rejected),
        passed_over: of(&progress.passed_over),
    }
}
