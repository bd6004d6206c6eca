//! The feed: every second, what other nodes have changed is taken into the catalogue and the key ring.

use crate::{
    engine::{catalogue::Catalogue, clock::Clock, keys, snapshot::Snapshot},
    kernel::{
        seal::{KeyRing, Vault},
        time::{SECOND, Time},
    },
    store::{Db, StoreError},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

/// So that an ended program or a revoked secret is gone everywhere within 2 s.
const EVERY: Duration = Duration::from_secs(1);
/// Each time, rows changed since so long before the last time are read, microseconds: clocks of nodes differ, and a transaction commits
/// some time after the moment that it writes into its rows.
const OVERLAP: i64 = 10 * SECOND;
/// A database that takes longer is away.
const READ_MAX: Duration = Duration::from_secs(5);

/// The feed's task. It holds nothing that would be lost: dropped, it just ends.
#[derive(Debug)]
pub struct Feed(JoinHandle<()>);

impl Feed {
    /// Starts it on the current runtime.
    pub fn start(db: Db, clock: Clock, catalogue: Arc<Catalogue>, ring: Arc<KeyRing>, vault: Arc<Vault>) -> Self {
        Self(tokio::spawn(run(db, clock, catalogue, ring, vault)))
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn run(db: Db, clock: Clock, catalogue: Arc<Catalogue>, ring: Arc<KeyRing>, vault: Arc<Vault>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let age = i64::try_from(catalogue.age().as_micros()).unwrap_or(i64::MAX);
    let (mut last, mut away) = (clock.now().plus(-age), false);
    loop {
        ticks.tick().await;
        let now = clock.now();
        // After an outage everything since the last success is read.
        let read = async {
            refresh(&catalogue, &db, last.plus(-OVERLAP)).await?;
            keys::refresh(&ring, &db, &vault, now).await
        };
        let failure = match timeout(READ_MAX, read).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(elapsed) => Some(elapsed.to_string()),
        };
        let Some(error) = failure else {
            last = now;
            if std::mem::take(&mut away) {
                tracing::info!("the feed reads again");
            }
            continue;
        };
        metrics::counter!("ristourne_feed_errors_total").increment(1);
        // One line an outage, not one a second.
        if !std::mem::replace(&mut away, true) {
            tracing::warn!(%error, "the feed cannot read; serving what is known");
        }
    }
}

/// Takes in what has changed since then.
pub async fn refresh(catalogue: &Catalogue, db: &Db, since: Time) -> Result<(), StoreError> {
    let read_from = catalogue.writes();
    let mut tx = db.read().await?;
    let rows = Snapshot::changes(&mut tx, since).await?;
    catalogue.take_in(&rows, read_from);
    Ok(())
}
