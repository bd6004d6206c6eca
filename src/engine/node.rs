//! This process's node number: leased in the database, so that no two processes make the same ids, with the spool directory that belongs
//! to it and the generator of its ids.
//!
//! A lease lasts a day and is renewed hourly, so that a database away for an hour, or for twenty, stops nothing. A process that died leaves
//! its lease and its directory; the next one on the same machine finds the directory unlocked, takes number and clicks over with the token
//! in it, and need not wait for the lease to run out. Directories of other dead processes are emptied on the way.

use crate::{
    engine::{clock::Clock, keys, spool::SpoolDir},
    kernel::{
        id::{self, Generator},
        time::{DAY, SECOND, Time},
    },
    store::{Db, StoreError, node},
};
use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// How long a lease lasts, microseconds.
const LEASE: i64 = DAY;
const RENEW_EVERY: Duration = Duration::from_hours(1);
/// After a renewal that failed.
const RENEW_AGAIN: Duration = Duration::from_mins(1);
/// A database that takes longer is away.
const RENEW_MAX: Duration = Duration::from_secs(30);
/// How far the highest id may lie ahead of the clock, microseconds. Beyond it the clock is wrong, and ids would carry wrong times for long.
const AHEAD_MAX: i64 = 60 * SECOND;
/// While another process empties the directory of the number that the database gave us: that takes seconds at most.
const BUSY_AGAIN: Duration = Duration::from_millis(100);
const BUSY_TRIES: u32 = 100;

/// Why there is no node number.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error("the node number: {0}")]
    Store(#[from] StoreError),
    #[error("the spool directory: {0}")]
    Spool(#[from] io::Error),
    #[error("all {} node numbers are taken", id::NODES)]
    Exhausted,
    #[error("the spool directory of node {0} is held by another process")]
    Held(u16),
    #[error("ids are stored from {id} on, but the clock says {now}: set the clock")]
    ClockBehind { id: Time, now: Time },
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

/// Directories of the spool that this process holds.
#[derive(Debug)]
pub struct Spool {
    /// Of its own number.
    pub own: Arc<SpoolDir>,
    /// Of processes that died, to be emptied and let go.
    pub orphans: Vec<SpoolDir>,
}

/// The number, for as long as the process runs.
#[derive(Debug)]
pub struct Lease {
    db: Db,
    holder: String,
    own: Arc<SpoolDir>,
    orphans: Mutex<Vec<SpoolDir>>,
    /// Every id known lies at or below it.
    floor: i64,
    renewal: JoinHandle<()>,
    lost: watch::Receiver<bool>,
}

impl Lease {
    /// Takes the number of a process of this machine that died, else the lowest that is free or whose lease has run out. `root` is where
    /// the spool's directories are, the same for all processes of this machine on this database.
    pub async fn acquire(db: &Db, clock: &Clock, root: &Path) -> Result<Self, NodeError> {
        let mut found = Vec::new();
        for node in SpoolDir::nodes(root)? {
            found.extend(SpoolDir::open(root, node)?);
        }
        let (own, holder) = match reclaim(db, clock, &mut found).await? {
            Some(reclaimed) => reclaimed,
            None => take(db, clock, root, &mut found).await?,
        };
        let stored = node::highest_id(&mut db.read().await?).await?;
        let floor = own.highest_id()?.map_or(stored, |spooled| spooled.max(stored));
        let now = clock.now();
        if id::time_of(floor).since(now) > AHEAD_MAX {
            // Given back, since it was not used; if that fails it runs out by itself.
            if let Err(error) = release(db, own.node(), &holder).await {
                tracing::warn!(%error, node = own.node(), "node number not released");
            }
            return Err(NodeError::ClockBehind { id: id::time_of(floor), now });
        }
        let (loses, lost) = watch::channel(false);
        let renewal = tokio::spawn(renew_until_lost(db.clone(), clock.clone(), own.node(), holder.clone(), loses));
        Ok(Self { db: db.clone(), holder, own: Arc::new(own), orphans: Mutex::new(found), floor, renewal, lost })
    }

    pub fn node(&self) -> u16 {
        self.own.node()
    }

    /// Makes this node's ids, above every id that is stored or spooled. There must be only one.
    pub fn generator(&self) -> Generator {
        Generator::new(self.node(), self.floor)
    }

    /// The directories, for the click writer. Those of dead processes are handed out once.
    pub fn spool(&self) -> Spool {
        let mut orphans = self.orphans.lock().unwrap_or_else(PoisonError::into_inner);
        Spool { own: Arc::clone(&self.own), orphans: std::mem::take(&mut orphans) }
    }

    /// Until another process has the number, because this one could not renew its lease for a day: then it must make no more ids and end.
    pub async fn lost(&self) {
        let mut lost = self.lost.clone();
        if lost.wait_for(|lost| *lost).await.is_err() {
            // The renewal ends only with the lease.
            std::future::pending::<()>().await;
        }
    }

    /// Gives the number back, at the end of a process whose clicks are all stored.
    pub async fn release(self) -> Result<(), StoreError> {
        self.renewal.abort();
        release(&self.db, self.own.node(), &self.holder).await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

/// Tries the tokens that dead processes left in their directories. The directory that fits leaves `found`.
async fn reclaim(db: &Db, clock: &Clock, found: &mut Vec<SpoolDir>) -> Result<Option<(SpoolDir, String)>, NodeError> {
    for at in 0..found.len() {
        let Some(holder) = found[at].holder()? else { continue };
        let mut tx = db.begin().await?;
        if node::reclaim(&mut tx, &holder, expiry(clock)).await? == Some(found[at].node()) {
            tx.commit().await?;
            return Ok(Some((found.remove(at), holder)));
        }
    }
    Ok(None)
}

/// Takes a number that is free.
async fn take(db: &Db, clock: &Clock, root: &Path, found: &mut Vec<SpoolDir>) -> Result<(SpoolDir, String), NodeError> {
    let holder = format!("{:032x}", u128::from_be_bytes(keys::random()?));
    let mut tries = 0;
    loop {
        let mut tx = db.begin().await?;
        let number = node::acquire(&mut tx, &holder, clock.now(), expiry(clock)).await?.ok_or(NodeError::Exhausted)?;
        let dir = match found.iter().position(|dir| dir.node() == number) {
            Some(at) => Some(found.remove(at)),
            None => SpoolDir::open(root, number)?,
        };
        if let Some(dir) = dir {
            // Before the commit: a process that dies in between leaves a token without a lease, not a lease without a token.
            dir.set_holder(&holder)?;
            tx.commit().await?;
            return Ok((dir, holder));
        }
        drop(tx);
        tries += 1;
        if tries == BUSY_TRIES {
            return Err(NodeError::Held(number));
        }
        sleep(BUSY_AGAIN).await;
    }
}

fn expiry(clock: &Clock) -> Time {
    clock.now().plus(LEASE)
}

async fn release(db: &Db, number: u16, holder: &str) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    node::release(&mut tx, number, holder).await?;
    tx.commit().await
}

async fn renew_until_lost(db: Db, clock: Clock, number: u16, holder: String, lost: watch::Sender<bool>) {
    let mut wait = RENEW_EVERY;
    loop {
        sleep(wait).await;
        wait = match timeout(RENEW_MAX, renew(&db, number, &holder, expiry(&clock))).await {
            Ok(Ok(true)) => RENEW_EVERY,
            Ok(Ok(false)) => {
                tracing::error!(node = number, "another process has this node number; this one must end");
                lost.send_replace(true);
                return;
            }
            Ok(Err(error)) => {
                tracing::warn!(node = number, %error, "node number not renewed; trying again");
                RENEW_AGAIN
            }
            Err(_) => {
                tracing::warn!(node = number, "node number not renewed in time; trying again");
                RENEW_AGAIN
            }
        };
    }
}

async fn renew(db: &Db, number: u16, holder: &str, expires_at: Time) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    let ours = node::renew(&mut tx, number, holder, expires_at).await?;
    tx.commit().await?;
    Ok(ours)
}
