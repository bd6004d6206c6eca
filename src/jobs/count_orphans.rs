//! Orphans: what was said of orders whose sale never came is counted, so that somebody hears of it.

use crate::{
    engine::engine::Engine,
    kernel::time::{DAY, Time},
    store::{self, StoreError},
};

/// An order waits so long before it counts.
const AFTER: i64 = 90 * DAY;

/// Counts those at `now`.
pub async fn run(engine: &Engine, now: Time) -> Result<(), StoreError> {
    let count = store::order::orphan::count(&mut engine.db.read().await?, now.plus(-AFTER)).await?;
    metrics::gauge!("ristourne_orphans").set(u32::try_from(count).unwrap_or(u32::MAX));
    Ok(())
}
