//! Orders learn that payments of theirs were settled or came back: what a crash left between the two.

use crate::{
    engine::{engine::Engine, import::Ledger, paid},
    kernel::time::Time,
    store::{self, StoreError},
};

/// Payments looked at in one run.
const AT_ONCE: i64 = 512;

/// Gives how many orders changed.
pub async fn run(engine: &Engine, now: Time) -> Result<usize, StoreError> {
    let mut tx = engine.db.read().await?;
    let payments = store::payment::uncounted(&mut tx, AT_ONCE).await?;
    tx.commit().await?;
    let (mut ledger, mut changed) = (Ledger::Queue(engine.ledger.clone()), 0);
    for payment in payments {
        match paid::tell(&engine.db, &engine.ids, &mut ledger, &payment, now).await {
            Ok(orders) => changed += orders,
            Err(error) => {
                tracing::warn!(%error, payment = %payment.id, "its orders were not told");
                break;
            }
        }
    }
    Ok(changed)
}
