//! The performance: the plot on an engine of its own, whose clock shows the time of the play.
//!
//! Everything runs on one thread, so that each play of the same day makes the same ids. What can happen together does: the visits of a
//! quarter of a day share commits, and so do messages that follow each other.

use crate::{
    app::{
        demo::{
            cast::{self, Cast},
            plot::{Call, Event, Plot, Size},
            wire::Wire,
        },
        failure::Failure,
    },
    engine::engine::{Engine, Options},
    jobs,
    kernel::time::{DAY, Time},
};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    thread,
    time::Duration,
};
use tokio::{runtime::Builder, sync::oneshot};

/// Visits come first within a quarter of a day, then what the shops send, so that many of a kind follow each other. Microseconds.
const BLOCK: i64 = DAY / 4;
/// Clicks and messages of one batch: below what the writers take at once, so that a batch is one commit.
const CLICKS_TOGETHER: usize = 1000;
const MESSAGES_TOGETHER: usize = 400;
/// Nobody waits for these redirects: they may take as long as their commit.
const CLICK_WAIT: Duration = Duration::from_secs(10);

/// How many there were of what.
#[derive(Debug, Default, Serialize)]
pub struct Tally {
    pub merchants: usize,
    pub programs: usize,
    pub publishers: usize,
    pub buyers: usize,
    pub days: i64,
    pub clicks: usize,
    /// Messages by the HTTP status of their answer.
    pub answers: BTreeMap<u16, usize>,
    /// Orders that were recorded, attributed or not.
    pub orders: usize,
    /// Orders that the clock approved, and unclaimed shares that expired.
    pub due: usize,
}

impl Tally {
    pub fn messages(&self) -> usize {
        self.answers.values().sum()
    }
}

/// Plays all of it on a thread of its own; the answer comes when it is stored. The traffic ends at `end`, the clock's work at `until`.
pub fn start(
    options: Options,
    metrics: PrometheusHandle,
    size: Size,
    end: Time,
    until: Time,
) -> std::io::Result<oneshot::Receiver<Result<(Cast, Tally), Failure>>> {
    let (tell, told) = oneshot::channel();
    let options = Options { click_wait_max: CLICK_WAIT, ..options };
    thread::Builder::new().name("demo".to_owned()).spawn(move || {
        let played = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(play(options, metrics, size, end, until)),
            Err(error) => Err(error.into()),
        };
        if tell.send(played).is_err() {
            tracing::debug!("nobody waits for the demo any more");
        }
    })?;
    Ok(told)
}

async fn play(options: Options, metrics: PrometheusHandle, size: Size, end: Time, until: Time) -> Result<(Cast, Tally), Failure> {
    let (engine, stop) = Engine::start(options).await?;
    let wire = Wire::connect(&engine, metrics).await?;
    let played = perform(&wire, size, end, until).await;
    let closed = wire.close().await;
    stop.stop(engine).await;
    closed.and(played)
}

async fn perform(wire: &Wire, size: Size, end: Time, until: Time) -> Result<(Cast, Tally), Failure> {
    let cast = cast::sign_up(wire, end.plus(-size.days() * DAY)).await?;
    let mut plot = Plot::new(&cast, size, end);
    let mut tally = Tally {
        merchants: cast.merchants(),
        programs: cast.shops.len(),
        publishers: cast.blogs.len(),
        buyers: cast.buyers.len(),
        days: size.days(),
        ..Tally::default()
    };
    let mut now = plot.start();
    while now < end {
        now = now.plus(BLOCK);
        visits(wire, &cast, &mut plot, now, &mut tally).await?;
        events(wire, &cast, &mut plot, now, &mut tally).await?;
    }
    // And then the clock alone goes on, from midnight to midnight.
    let mut midnight = end;
    while midnight <= until {
        wire.engine.clock.set(midnight);
        tally.due += jobs::run(&wire.engine, midnight).await?;
        midnight = midnight.plus(DAY);
    }
    Ok((cast, tally))
}

async fn visits(wire: &Wire, cast: &Cast, plot: &mut Plot, until: Time, tally: &mut Tally) -> Result<(), Failure> {
    for visits in plot.visits_before(until).chunks(CLICKS_TOGETHER) {
        wire.engine.clock.set(visits[0].0);
        let answers = all(visits.iter().map(|(at, visit)| wire.follow(cast, *at, visit))).await;
        for ((at, visit), answer) in visits.iter().zip(answers) {
            plot.clicked(cast, *at, visit, answer?.as_deref());
        }
        tally.clicks += visits.len();
    }
    Ok(())
}

async fn events(wire: &Wire, cast: &Cast, plot: &mut Plot, until: Time, tally: &mut Tally) -> Result<(), Failure> {
    while let Some((at, event)) = plot.event_before(until) {
        wire.engine.clock.set(at);
        match event {
            Event::Send(message) => {
                let mut group = vec![(at, message)];
                while group[0].1.how.is_prompt()
                    && group.len() < MESSAGES_TOGETHER
                    && let Some(next) = plot.prompt_before(until)
                {
                    group.push(next);
                }
                let sent = group.iter().map(|(at, message)| wire.send(&cast.shops[message.shop], *at, &message.body, &message.how));
                for ((at, message), answer) in group.iter().zip(all(sent).await) {
                    let (status, answer) = answer?;
                    *tally.answers.entry(status.as_u16()).or_default() += 1;
                    tally.orders += usize::from(status == 201 && message.body["type"] == "sale" || answer["status"] == "unattributed");
                    plot.answered(cast, *at, message, &answer);
                }
            }
            Event::Desk { path, body } => drop(wire.post(&path, &body).await?),
            Event::Office(call) => office(wire, plot, at, &call).await?,
            Event::Verdicts(shop) => {
                if let Some(call) = plot.verdicts_of(shop) {
                    office(wire, plot, at, &call).await?;
                }
            }
            Event::Jobs => tally.due += jobs::run(&wire.engine, at).await?,
        }
    }
    Ok(())
}

async fn office(wire: &Wire, plot: &mut Plot, at: Time, call: &Call) -> Result<(), Failure> {
    let (status, answer) = wire.call(&call.method, &call.path, &call.body).await?;
    if !Call::is_fine(status) {
        return Err(Failure::Refused(format!("{} {}: {status} {answer}", call.method, call.path)));
    }
    plot.replied(at, call, status, &answer);
    Ok(())
}

/// Waits for all. They are begun in order, so that ids are the same each time.
async fn all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<Pin<Box<dyn Future<Output = T> + '_>>> = Vec::new();
    let mut done = Vec::new();
    for future in futures {
        waiting.push(Box::pin(future));
        done.push(None);
    }
    poll_fn(|context| {
        let mut open = false;
        for (future, slot) in waiting.iter_mut().zip(&mut done).filter(|(_, slot)| slot.is_none()) {
            match future.as_mut().poll(context) {
                Poll::Ready(value) => *slot = Some(value),
                Poll::Pending => open = true,
            }
        }
        if open { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    done.into_iter().flatten().collect()
}
