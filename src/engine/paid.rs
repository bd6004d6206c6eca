//! Tells orders what settled payments hold of them: right after a settlement, and whatever a crash left.

use crate::{
    domain::{command::Act, payment::Payment},
    engine::{
        import::{ImportError, Ledger},
        ledger_batch::clock_command,
    },
    kernel::{
        id::{ConversionId, Generator},
        time::Time,
    },
    store::{self, Db},
};

/// Orders told at once: a batch of the ledger.
const AT_ONCE: i64 = 512;

/// Tells the orders of a payment how it ended; gives how many changed. What is not known to be stored is told again by the job.
pub async fn tell(db: &Db, ids: &Generator, ledger: &mut Ledger, payment: &Payment, now: Time) -> Result<usize, ImportError> {
    let (mut after, mut changed) = (ConversionId::from_raw(0), 0);
    loop {
        let mut tx = db.read().await?;
        let orders = store::payment::orders(&mut tx, payment.id, after, AT_ONCE).await?;
        tx.commit().await?;
        let Some((last, _)) = orders.last() else { break };
        after = *last;
        let commands = orders.into_iter().map(|(_, key)| clock_command(ids.next(now), now, Act::CountPaid { key })).collect();
        for answer in ledger.submit(commands).await? {
            let outcome = answer.map_err(|_| ImportError::Unavailable)?;
            changed += usize::from(outcome.http() == 201);
        }
    }
    let mut tx = db.begin().await?;
    store::payment::mark_counted(&mut tx, payment.id, payment.status()).await?;
    tx.commit().await?;
    Ok(changed)
}
