//! The folder: adds what transactions of clicks and of the ledger leave to the roll-ups of reports.
//!
//! Reports read the roll-ups and what waits in one snapshot, so that nothing hangs on how soon it is folded, and a process that is killed
//! loses nothing. Folding only keeps short what waits. A fold is read and added up beside the writers, and written in one short
//! transaction; every server runs a folder, and of two folds at once the second finds that it comes too late and begins anew.

use crate::{
    domain::{
        click::Click,
        facet::WORDS,
        fold::{ClickFold, Counter},
    },
    kernel::time::Zone,
    store::{self, Db, StoreError, fold},
};
use std::time::Duration;
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

/// How long transactions gather. A scope that many of them touch is then written once.
const EVERY: Duration = Duration::from_secs(1);
/// Transactions of each kind in one fold: a second of a flood. It bounds the memory of a fold, not its reach: the next follows at once.
pub const AT_ONCE: i64 = 200;
/// A database that takes longer for a fold is away.
const FOLD_MAX: Duration = Duration::from_secs(30);
/// The last fold, at the end of the process.
const LAST_MAX: Duration = Duration::from_secs(5);
/// Rows of one read while everything is folded anew.
const PAGE: i64 = 20_000;

/// The folder's task. It holds nothing that would be lost: dropped, it just ends.
#[derive(Debug)]
pub struct Folder {
    db: Db,
    task: JoinHandle<()>,
}

impl Folder {
    /// Folds what waits, and everything where that was never done or done by other words, and starts to do so every second.
    pub async fn start(db: Db, zone: &Zone) -> Result<Self, StoreError> {
        let mut tx = db.read().await?;
        let words = fold::state(&mut tx).await?.words;
        tx.commit().await?;
        if words == WORDS {
            fold_all(&db).await?;
        } else {
            rebuild(&db, zone).await?;
        }
        Ok(Self { task: tokio::spawn(run(db.clone())), db })
    }

    /// Ends the task, and folds what the others have left at their ends; if that takes too long the next start does it.
    pub async fn stop(self) {
        self.task.abort();
        match timeout(LAST_MAX, fold_all(&self.db)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "not folded at the end; the next start does it"),
            Err(_) => tracing::warn!("not folded in time at the end; the next start goes on"),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(db: Db) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut away = false;
    loop {
        ticks.tick().await;
        let failure = match timeout(FOLD_MAX, fold_all(&db)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(elapsed) => Some(elapsed.to_string()),
        };
        let Some(error) = failure else {
            away = false;
            continue;
        };
        metrics::counter!("ristourne_fold_errors_total").increment(1);
        // One line an outage, not one a second.
        if !std::mem::replace(&mut away, true) {
            tracing::warn!(%error, "reports are not folded; they read what waits as well, and take longer");
        }
    }
}

/// Folds what waits. What comes meanwhile waits for the next time: while clicks come there is always something, and a fold of a few
/// transactions costs nearly as much as one of many.
pub async fn fold_all(db: &Db) -> Result<(), StoreError> {
    while fold_some(db).await? {}
    Ok(())
}

/// One fold. Whether there may be more to do.
async fn fold_some(db: &Db) -> Result<bool, StoreError> {
    let mut tx = db.read().await?;
    let state = fold::state(&mut tx).await?;
    let pending = fold::pending(&mut tx, AT_ONCE).await?;
    if pending.is_empty() {
        return Ok(false);
    }
    let more = pending.is_full(AT_ONCE);
    let folded = fold::prepare(&mut tx, &pending).await?;
    tx.commit().await?;
    let mut tx = db.begin().await?;
    if !fold::apply(&mut tx, state, &pending, &folded).await? {
        // Another server's fold came between.
        return Ok(true);
    }
    tx.commit().await?;
    metrics::counter!("ristourne_folded_transactions_total").increment(pending.transactions() as u64);
    Ok(more)
}

/// Folds every click and conversion anew, in one transaction: who writes them waits meanwhile, and clicks go to the spool. Some 100,000
/// clicks a second. Gives how many clicks and conversions there are.
pub async fn rebuild(db: &Db, zone: &Zone) -> Result<(u64, u64), StoreError> {
    let (mut clicks, mut sales, mut after) = (0, 0, 0);
    let mut folding = Counter::new(zone.clone());
    let mut tx = db.begin().await?;
    fold::clear(&mut tx).await?;
    loop {
        let page = store::click::page(&mut tx, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id.raw();
        clicks += page.len() as u64;
        let counted = ClickFold::of(&mut folding, &page.iter().collect::<Vec<&Click>>(), false);
        add(&mut tx, fold::Pending::of(counted, Vec::new())).await?;
    }
    after = 0;
    loop {
        let page = store::conversion::numbers(&mut tx, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = *last;
        sales += page.len() as u64;
        let changes = fold::changes(&mut tx, &page, fold::Words::Kept).await?;
        add(&mut tx, fold::Pending::of(ClickFold::default(), changes)).await?;
    }
    fold::set_words(&mut tx, WORDS).await?;
    tx.commit().await?;
    if clicks + sales > 0 {
        tracing::info!(clicks, conversions = sales, "the roll-ups of reports are made anew");
    }
    Ok((clicks, sales))
}

async fn add(tx: &mut store::Tx, pending: fold::Pending) -> Result<(), StoreError> {
    let state = fold::state(tx).await?;
    let folded = fold::prepare(tx, &pending).await?;
    // Nobody folds between: this transaction holds the state's row.
    fold::apply(tx, state, &pending, &folded).await.map(drop)
}
