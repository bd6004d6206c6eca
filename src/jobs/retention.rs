//! What is kept for a time only: first answers to `Idempotency-Key`s, for a day.

use crate::{
    engine::engine::Engine,
    kernel::time::{DAY, Time},
    store::{self, StoreError},
};

/// How long a request may be sent again under its key, microseconds.
const ANSWERS_KEPT: i64 = DAY;
/// Rows of one transaction: half of what SQLite's write turn may take, for each has an answer of some kilobytes.
const AT_ONCE: u32 = 500;

/// Removes what is older at `now`; gives how many answers it removed.
pub async fn run(engine: &Engine, now: Time) -> Result<u64, StoreError> {
    let mut removed = 0;
    loop {
        let mut tx = engine.db.begin().await?;
        let done = store::idempotency::forget(&mut tx, now.plus(-ANSWERS_KEPT), i64::from(AT_ONCE)).await?;
        tx.commit().await?;
        removed += done;
        if done < u64::from(AT_ONCE) {
            return Ok(removed);
        }
    }
}
