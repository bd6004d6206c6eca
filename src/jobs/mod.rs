//! Floor 4: what runs on a clock. Each file is one job; here is the loop that runs them.
//!
//! Every node runs every job. Two nodes that do the same at once do no harm: the ledger writer judges each command under its program's lock,
//! and the second finds nothing left to change. So there is no lease to lose.

pub mod approve_due;
pub mod claims_due;
pub mod count_orphans;
pub mod expire_unclaimed;
pub mod invoices;
pub mod merchant_paid;
pub mod retention;

use crate::{
    domain::{
        command::{Act, Outcome},
        sale::OrderKey,
    },
    engine::{engine::Engine, ledger_batch::clock_command},
    kernel::time::Time,
    store::StoreError,
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::oneshot, task::JoinHandle, time::MissedTickBehavior};

/// How often due work is looked for. Dates are counted in days, so a minute late is on time.
const EVERY: Duration = Duration::from_mins(1);
/// Commands handed to the ledger writer at once: two of its batches, so that requests in between wait for at most so many.
const AT_ONCE: i64 = 512;

/// The jobs' task.
#[derive(Debug)]
pub struct Jobs {
    task: JoinHandle<()>,
    end: oneshot::Sender<()>,
}

impl Jobs {
    /// Ends between two batches, and waits for that.
    pub async fn stop(self) {
        drop(self.end);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the jobs ended badly");
        }
    }
}

/// Starts the jobs; the first run is at once, or the first after `from`.
pub fn start(engine: &Arc<Engine>, from: Option<Time>) -> Jobs {
    let (end, mut ended) = oneshot::channel();
    let engine = Arc::clone(engine);
    let task = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = &mut ended => break,
                _ = ticks.tick() => {}
            }
            let now = engine.clock.now();
            if from.is_some_and(|from| now < from) {
                continue;
            }
            if let Err(error) = run(&engine, now).await {
                // The database is away or busy; the next run finds the same work.
                tracing::warn!(%error, "a job did not finish");
            }
        }
    });
    Jobs { task, end }
}

/// Does all that is due at `now`. Gives how many orders it changed.
pub async fn run(engine: &Engine, now: Time) -> Result<usize, StoreError> {
    let approved = done("approve_due", now, approve_due::run(engine, now).await?);
    let expired = done("expire_unclaimed", now, expire_unclaimed::run(engine, now).await?);
    let escalated = done("claims_due", now, claims_due::run(engine, now).await?);
    if escalated > 0 {
        tracing::info!(escalated, "claims without an answer");
    }
    if approved + expired > 0 {
        tracing::info!(approved, expired, "due orders");
    }
    let paid = done("merchant_paid", now, merchant_paid::run(engine, now).await?);
    if paid > 0 {
        tracing::info!(paid, "conversions whose merchant has paid");
    }
    if engine.invoice_monthly {
        let issued = done("invoices", now, invoices::run(engine, now).await?);
        if issued > 0 {
            tracing::info!(issued, "monthly invoices");
        }
    }
    let forgotten = retention::run(engine, now).await?;
    if forgotten > 0 {
        tracing::info!(forgotten, "answers kept for their Idempotency-Key");
    }
    count_orphans::run(engine, now).await?;
    Ok(approved + expired + paid)
}

/// Notes that a job came to its end, having changed so many orders.
fn done(job: &'static str, now: Time, orders: usize) -> usize {
    metrics::gauge!("ristourne_job_last_success_timestamp_seconds", "job" => job).set(u32::try_from(now.seconds()).unwrap_or(u32::MAX));
    metrics::counter!("ristourne_job_orders_total", "job" => job).increment(orders as u64);
    orders
}

/// Submits one batch of a job. Gives how many of its commands took effect; none says that asking again now is of no use.
async fn submit(engine: &Engine, now: Time, keys: Vec<OrderKey>, act: impl Fn(OrderKey) -> Act) -> usize {
    let commands = keys.into_iter().map(|key| clock_command(engine.ids.next(now), now, act(key))).collect();
    let answers = engine.ledger.submit_all(commands).await;
    answers.iter().filter(|answer| matches!(answer, Ok(Outcome::Recorded(_)))).count()
}
