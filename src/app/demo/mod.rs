//! `ristourne demo`: a fresh database with weeks of believable traffic, then the server on it. The same day gives the same ledger.

mod cast;
mod dice;
mod plot;
mod stage;
mod wire;

use crate::{
    app::{
        config::{DatabaseArgs, DatabaseUrl, EngineArgs, ListenArgs, PoolArgs},
        failure::Failure,
        key,
        serve::say,
        server::{Server, Signals},
        telemetry,
    },
    domain::key::Role,
    engine::{
        clock::Clock,
        engine::{Engine, Options},
    },
    jobs,
    kernel::time::{DAY, Day, Time, Zone},
};
use cast::Cast;
use metrics_exporter_prometheus::PrometheusHandle;
use plot::{Event, Plot, Visit};
use serde_json::json;
use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};
use wire::Wire;

/// Clicks answered together. They share commits, as real ones do.
const TOGETHER: usize = 64;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the demo lives; made anew each time, if it is a demo's
    #[arg(long, env = "DATABASE_URL", default_value = "sqlite://ristourne-demo.db", value_name = "URL", hide_env_values = true)]
    database: DatabaseUrl,
    #[command(flatten)]
    pool: PoolArgs,
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// The day at whose beginning (UTC) the traffic ends; the same day gives the same ledger [default: today]
    #[arg(long, env = "RISTOURNE_DEMO_DAY", value_name = "DAY", value_parser = day)]
    day: Option<Day>,
    /// Make the database, print how many there are of what, and end
    #[arg(long, env = "RISTOURNE_DEMO_ONLY_MAKE")]
    only_make: bool,
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "a day such as 2026-11-22 is wanted".to_owned())
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let database = DatabaseArgs { database: args.database, pool: args.pool };
    let end = args.day.unwrap_or_else(|| Zone::UTC.day(Clock::System.now())).start_utc();
    if end > Clock::System.now() {
        return Err(Failure::Usage("--day: the traffic cannot end in the future".to_owned()));
    }
    let metrics = telemetry::start_metrics()?;
    let mut signals = Signals::listen()?;
    let options = args.engine.options(&database, Clock::System).map_err(Failure::Usage)?;
    tracing::info!(database = %database.database, "playing the demo's traffic");
    let clock = Clock::manual(end.plus(-plot::DAYS * DAY));
    let past = args.engine.options(&database, clock).map_err(Failure::Usage)?;
    let made = async {
        stage::clear(&database, &options.spool_dir).await?;
        play(past, metrics.clone(), end).await
    };
    let (cast, tally) = tokio::select! {
        made = made => made?,
        () = signals.wait() => return Ok(()),
    };
    say(&format!("{tally}, in {}\n", database.database))?;
    if args.only_make {
        return Ok(());
    }
    let server = Server::start(options, &args.listen, metrics).await?;
    let operator = key::create(&server.engine.db, Role::Operator, None, Some("demo reader".to_owned())).await?;
    let operator = operator.map(|created| created.text).unwrap_or_default();
    say(&stage::programme(&cast, server.engine.base_url(), &operator))?;
    let ended = server.run_until(&mut signals).await;
    server.stop().await;
    ended
}

/// Plays the whole plot on an engine of its own.
async fn play(options: Options, metrics: PrometheusHandle, end: Time) -> Result<(Cast, Tally), Failure> {
    let (engine, stop) = Engine::start(options).await?;
    let wire = Wire::connect(&engine, metrics).await?;
    let played = perform(&wire, end).await;
    drop(wire);
    stop.stop(engine).await;
    played
}

async fn perform(wire: &Wire, end: Time) -> Result<(Cast, Tally), Failure> {
    let engine = &wire.engine;
    let cast = cast::sign_up(wire).await?;
    let mut plot = Plot::new(&cast, end);
    let mut tally = Tally { buyers: cast.buyers.len(), shops: cast.shops.len(), blogs: cast.blogs.len(), ..Tally::default() };
    while let Some((at, event)) = plot.pop() {
        engine.clock.set(at);
        match event {
            Event::Click(visit) => tally.clicks += clicks(wire, &cast, &mut plot, (at, visit)).await?,
            Event::Send { shop, body, how } => {
                let status = wire.send(&cast.shops[shop], at, &body, how).await?;
                *tally.answers.entry(status.as_u16()).or_default() += 1;
            }
            Event::Rates { day } => drop(wire.post("/rates", &day).await?),
            Event::SignIn { buyer, clicks } => {
                wire.post(&format!("/buyers/{}/clicks", cast.buyers[buyer].id), &json!({"click_ids": clicks})).await?;
            }
            Event::Jobs => tally.due += jobs::run(engine, at).await?,
        }
    }
    engine.clock.set(end);
    tally.due += jobs::run(engine, end).await?;
    Ok((cast, tally))
}

/// Answers a click and those that follow it at once.
async fn clicks(wire: &Wire, cast: &Cast, plot: &mut Plot, first: (Time, Visit)) -> Result<usize, Failure> {
    let mut group = vec![first];
    while group.len() < TOGETHER
        && let Some(next) = plot.pop_click()
    {
        group.push(next);
    }
    let answers = all(group.iter().map(|(at, visit)| wire.follow(cast, *at, visit))).await;
    for ((at, visit), answer) in group.iter().zip(answers) {
        plot.clicked(cast, *at, visit, answer?.as_deref());
    }
    Ok(group.len())
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
        for (future, place) in waiting.iter_mut().zip(&mut done) {
            if place.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(value) => *place = Some(value),
                    Poll::Pending => open = true,
                }
            }
        }
        if open { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// How many there were of what.
#[derive(Debug, Default)]
struct Tally {
    shops: usize,
    blogs: usize,
    buyers: usize,
    clicks: usize,
    /// Messages by the HTTP status of their answer.
    answers: BTreeMap<u16, usize>,
    /// Orders that the clock approved, and unclaimed shares that expired.
    due: usize,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let messages: usize = self.answers.values().sum();
        write!(f, "{} shops, {} blogs, {} buyers, {} clicks, {messages} postbacks (", self.shops, self.blogs, self.buyers, self.clicks)?;
        for (n, (status, count)) in self.answers.iter().enumerate() {
            write!(f, "{}{count} × {status}", if n == 0 { "" } else { ", " })?;
        }
        write!(f, "), {} orders approved or expired by the clock", self.due)
    }
}
