//! An unclaimed share whose date has passed goes where the program's terms say, for good.

use crate::{
    domain::command::Act,
    engine::engine::Engine,
    jobs::{AT_ONCE, submit},
    kernel::time::Time,
    store::{self, StoreError},
};

/// Expires all that is due at `now`; gives how many.
pub async fn run(engine: &Engine, now: Time) -> Result<usize, StoreError> {
    let mut expired = 0;
    loop {
        let due = store::conversion::due_for_expiry(&mut engine.db.read().await?, now, AT_ONCE).await?;
        let done = submit(engine, now, due, |key| Act::Expire { key }).await;
        expired += done;
        if done == 0 {
            return Ok(expired);
        }
    }
}
