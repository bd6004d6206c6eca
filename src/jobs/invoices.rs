//! Monthly invoicing: once a month is over, what each merchant owes of it is invoiced. Off unless `--invoice-monthly` is set.
//!
//! Of two servers that do the same at once the second finds nothing that is not on a document already.

use crate::{
    domain::{
        command::{Act, Outcome},
        reason::Refusal,
    },
    engine::{engine::Engine, ledger_batch::clock_command, passing_on},
    kernel::time::Time,
    store::{self, StoreError},
};

/// Invoices all that was posted before this month; gives how many documents it issued.
pub async fn run(engine: &Engine, now: Time) -> Result<usize, StoreError> {
    let until = engine.zone.start_of_month(now);
    let key = until.micros().to_string();
    let mut tx = engine.db.read().await?;
    let done = store::setting::get(&mut tx, DONE).await?;
    if done.as_deref() == Some(key.as_str()) {
        return Ok(0);
    }
    let owing = store::invoice::owing(&mut tx).await?;
    tx.commit().await?;
    let (mut issued, mut failed) = (0, 0);
    for (merchant, currency) in owing {
        let act = Act::Invoice { merchant, currency: Some(currency), until };
        match engine.ledger.submit(clock_command(engine.ids.next(now), now, act)).await {
            Ok(Outcome::Invoiced(_)) => {
                issued += 1;
                passing_on::of_merchant(engine, merchant, now).await?;
            }
            Ok(Outcome::Refused(Refusal::NothingToInvoice)) => {}
            Ok(outcome) => {
                failed += 1;
                tracing::warn!(%merchant, code = outcome.verdict(), "a merchant was not invoiced");
            }
            Err(error) => {
                failed += 1;
                tracing::warn!(%merchant, %error, "a merchant was not invoiced");
            }
        }
    }
    if failed == 0 {
        let mut tx = engine.db.begin().await?;
        store::setting::put(&mut tx, DONE, &key).await?;
        tx.commit().await?;
    }
    Ok(issued)
}

/// Up to which moment everything is invoiced.
const DONE: &str = "invoiced_until";
