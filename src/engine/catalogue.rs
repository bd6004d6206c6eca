//! What the redirect and the postback know without a read: a snapshot filled at start. A write by the API puts its row here before it
//! answers, and `engine/feed` brings what other nodes wrote.
//!
//! What is not known, because another node made it a moment ago, is read once from the database. Many who ask for the same at once share one read; few reads run at once, so that somebody who tries out slugs takes no connections
//! away; and what does not exist is remembered for a while.

use crate::{
    domain::link,
    engine::snapshot::{Found, ProgramEntry, Rows, Snapshot},
    kernel::{
        id::{MerchantId, ProgramId},
        seal::Vault,
    },
    store::{self, Db, StoreError},
};
use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, watch},
    time::timeout,
};

/// The longest that anybody waits for a read. A redirect that takes longer is abandoned by its visitor.
const WAIT_MAX: Duration = Duration::from_millis(250);
/// How long it is remembered that something does not exist.
const MISS_AGE_MAX: Duration = Duration::from_secs(5);
/// The same of a merchant's secrets after a signature that fits none of the known ones: many wrong signatures must not become many reads.
const SECRETS_AGE_MAX: Duration = Duration::from_millis(250);
/// Misses remembered: at most about 1.5 MB. Beyond it all are forgotten, which only costs reads.
const MISSES_MAX: usize = 10_000;
/// Reads at once; of the pool's ten connections most stay free for everybody else.
const READS_AT_ONCE: usize = 4;
/// Different things read or waited for at once. Beyond it there is no hope to be served within [`WAIT_MAX`].
const FLIGHTS_MAX: usize = 1_024;

/// The database did not answer in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not known here, and the database did not answer in time")]
pub struct Unavailable;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Asked {
    Slug(String),
    Program(ProgramId),
    Secrets(MerchantId),
}

impl Asked {
    /// How long it is remembered that the database knew no more than the snapshot.
    fn age_max(&self) -> Duration {
        if matches!(self, Self::Secrets(_)) { SECRETS_AGE_MAX } else { MISS_AGE_MAX }
    }
}

/// The catalogue was not filled.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct FillError(#[from] StoreError);

/// The snapshot, with the database behind it. Clones share both.
#[derive(Debug, Clone)]
pub struct Catalogue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    snapshot: Snapshot,
    /// The feed begins where the snapshot ends.
    filled: Instant,
    db: Db,
    /// Reads run here, whichever runtime the asker is on: a connection belongs to the runtime that opened it.
    runtime: Handle,
    reads: Semaphore,
    /// What is being read.
    flights: Mutex<HashMap<Asked, watch::Receiver<Landed>>>,
    misses: Mutex<HashMap<Asked, Instant>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Landed {
    NotYet,
    Done,
    Failed,
}

impl Deref for Catalogue {
    type Target = Snapshot;
    fn deref(&self) -> &Snapshot {
        &self.0.snapshot
    }
}

impl Catalogue {
    /// Reads everything. Later reads run on the runtime that this runs on.
    pub async fn fill(db: &Db, vault: Arc<Vault>) -> Result<Self, FillError> {
        let filled = Instant::now();
        Ok(Self(Arc::new(Shared {
            snapshot: Snapshot::fill(db, vault).await?,
            filled,
            db: db.clone(),
            runtime: Handle::current(),
            reads: Semaphore::new(READS_AT_ONCE),
            flights: Mutex::default(),
            misses: Mutex::default(),
        })))
    }

    /// How long ago the snapshot was read.
    pub fn age(&self) -> Duration {
        self.0.filled.elapsed()
    }

    /// A link: from the snapshot at once, else from the database.
    pub async fn find(&self, slug: &str) -> Result<Option<Found>, Unavailable> {
        if let Some(found) = self.get(slug) {
            return Ok(Some(found));
        }
        if let Ok(slug) = link::parse_slug(slug) {
            self.read(Asked::Slug(slug)).await?;
        }
        Ok(self.get(slug))
    }

    /// A program, and with it its merchant's secrets: from the snapshot at once, else from the database.
    pub async fn find_program(&self, id: ProgramId) -> Result<Option<Arc<ProgramEntry>>, Unavailable> {
        if let Some(program) = self.program(id) {
            return Ok(Some(program));
        }
        self.read(Asked::Program(id)).await?;
        Ok(self.program(id))
    }

    /// Reads a merchant's secrets again: one that fits a signature may have been made on another node a moment ago.
    pub async fn read_secrets(&self, merchant: MerchantId) -> Result<(), Unavailable> {
        self.read(Asked::Secrets(merchant)).await
    }

    /// Reads it, unless somebody is doing that already, or it is known not to exist.
    async fn read(&self, asked: Asked) -> Result<(), Unavailable> {
        if self.0.is_miss(&asked) {
            return Ok(());
        }
        let mut flight = self.flight(asked)?;
        let landed = timeout(WAIT_MAX, flight.wait_for(|landed| *landed != Landed::NotYet)).await;
        match landed {
            Ok(Ok(landed)) if *landed == Landed::Done => Ok(()),
            _ => Err(Unavailable),
        }
    }

    fn flight(&self, asked: Asked) -> Result<watch::Receiver<Landed>, Unavailable> {
        let mut flights = lock(&self.0.flights);
        if let Some(flight) = flights.get(&asked) {
            return Ok(flight.clone());
        }
        if flights.len() >= FLIGHTS_MAX {
            return Err(Unavailable);
        }
        let (landed, flight) = watch::channel(Landed::NotYet);
        flights.insert(asked.clone(), flight.clone());
        let task = Flight { shared: Arc::clone(&self.0), asked, landed };
        self.0.runtime.spawn(task.fly());
        Ok(flight)
    }
}

/// One read under way. Dropped, in whatever way it ended, it makes room for the next.
struct Flight {
    shared: Arc<Shared>,
    asked: Asked,
    landed: watch::Sender<Landed>,
}

impl Flight {
    async fn fly(self) {
        let landed = match timeout(WAIT_MAX, self.shared.load(&self.asked)).await {
            Ok(Ok(())) => Landed::Done,
            Ok(Err(error)) => {
                tracing::warn!(asked = ?self.asked, %error, "look-up failed");
                Landed::Failed
            }
            Err(_) => {
                tracing::warn!(asked = ?self.asked, "look-up took too long");
                Landed::Failed
            }
        };
        self.landed.send_replace(landed);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        lock(&self.shared.flights).remove(&self.asked);
    }
}

impl Shared {
    async fn load(&self, asked: &Asked) -> Result<(), StoreError> {
        let _permit = self.reads.acquire().await.expect("the semaphore is never closed");
        metrics::counter!("ristourne_catalogue_lookups_total").increment(1);
        let read_from = self.snapshot.writes();
        let mut tx = self.db.read().await?;
        let mut rows = Rows::default();
        let program = match asked {
            Asked::Program(id) => Some(*id),
            Asked::Secrets(merchant) => {
                rows.secrets = store::secret::live_of_merchant(&mut tx, *merchant).await?;
                None
            }
            Asked::Slug(slug) => {
                rows.links.extend(store::link::by_slug(&mut tx, slug).await?);
                if let Some(link) = rows.links.first() {
                    rows.publishers.extend(store::publisher::by_id(&mut tx, link.publisher).await?);
                }
                rows.links.first().map(|link| link.program)
            }
        };
        if let Some(id) = program {
            rows.programs.extend(store::program::by_id(&mut tx, id).await?);
        }
        if let Some(program) = rows.programs.first() {
            rows.secrets = store::secret::live_of_merchant(&mut tx, program.merchant).await?;
        }
        if rows.programs.is_empty() {
            self.remember_miss(asked.clone());
        }
        self.snapshot.take_in(&rows, read_from);
        Ok(())
    }

    fn is_miss(&self, asked: &Asked) -> bool {
        lock(&self.misses).get(asked).is_some_and(|since| since.elapsed() < asked.age_max())
    }

    fn remember_miss(&self, asked: Asked) {
        let mut misses = lock(&self.misses);
        if misses.len() >= MISSES_MAX {
            misses.retain(|asked, since| since.elapsed() < asked.age_max());
        }
        if misses.len() >= MISSES_MAX {
            misses.clear();
        }
        misses.insert(asked, Instant::now());
    }
}

/// Nothing panics while it holds one of these locks, and half a change to a map of memories harms nobody.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
