//! Silence means approval: pending orders whose date has come are approved by the clock.

use crate::{
    domain::command::Act,
    engine::engine::Engine,
    jobs::{AT_ONCE, submit},
    kernel::time::Time,
    store::{self, StoreError},
};

/// Approves all that is due at `now`; gives how many.
pub async fn run(engine: &Engine, now: Time) -> Result<usize, StoreError> {
    let mut approved = 0;
    loop {
        let due = store::conversion::due_for_approval(&mut engine.db.read().await?, now, AT_ONCE).await?;
        let done = submit(engine, now, due, |key| Act::Approve { key }).await;
        approved += done;
        if done == 0 {
            return Ok(approved);
        }
    }
}
