//! `ristourne demo`: a fresh database with months of believable traffic, then the server on it. The same day gives the same ledger: in
//! the play everything happens at times of the play, and the server that follows does no work of the clock until the next midnight.

mod accounts;
mod cast;
mod dice;
mod play;
mod plot;
mod programme;
mod script;
mod stage;
mod wire;

use crate::{
    app::{
        config::{DatabaseArgs, DatabaseUrl, EngineArgs, ListenArgs, PoolArgs},
        failure::Failure,
        serve::say,
        server::{Server, Signals},
        telemetry,
    },
    engine::clock::Clock,
    kernel::time::{DAY, Day, Zone},
};
use plot::Size;
use programme::{Keys, Programme};

/// Where `--debt-limit` says nothing: small, so that the demo shows a debt that is beyond it.
const DEBT_LIMIT: &str = "3";

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
    /// The day at whose beginning (UTC) the traffic ends [default: today]
    ///
    /// With --only-make the same day gives the same ledger, whenever it is made. A demo that serves also approves and expires what fell due
    /// between that day and today's beginning: its ledger is the same for the same day if it is made on the same date (UTC), and stays so
    /// until midnight, as long as nobody adds to it.
    #[arg(long, env = "RISTOURNE_DEMO_DAY", value_name = "DAY", value_parser = day)]
    day: Option<Day>,
    /// How much traffic is made
    #[arg(long, env = "RISTOURNE_DEMO_SIZE", default_value = "full", value_name = "SIZE")]
    size: Size,
    /// Make the database, print how many there are of what, and end
    #[arg(long, env = "RISTOURNE_DEMO_ONLY_MAKE")]
    only_make: bool,
    /// Print one JSON object: what was made, the address, everybody's ids, and keys and secrets to try
    #[arg(long, env = "RISTOURNE_JSON")]
    json: bool,
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "a day such as 2026-11-22 is wanted".to_owned())
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let database = DatabaseArgs { database: args.database, pool: args.pool };
    let today = Zone::UTC.day(Clock::System.now()).start_utc();
    let end = args.day.map_or(today, Day::start_utc);
    if end > today {
        return Err(Failure::Usage("--day: the traffic cannot end in the future".to_owned()));
    }
    let metrics = telemetry::start_metrics()?;
    let mut signals = Signals::listen()?;
    let mut engine = args.engine;
    engine.installation.debt_limit = engine.installation.debt_limit.or_else(|| DEBT_LIMIT.parse().ok());
    let options = engine.options(&database, Clock::System).map_err(Failure::Usage)?;
    let clock = Clock::manual(end.plus(-args.size.days() * DAY));
    let past = engine.options(&database, clock).map_err(Failure::Usage)?;
    eprintln!("making {} days of traffic in {} …", args.size.days(), database.database);
    let played = async {
        stage::clear(&database, &options.spool_dir).await?;
        let told = play::start(past, metrics.clone(), args.size, end, if args.only_make { end } else { today })?;
        told.await.unwrap_or_else(|_| Err(Failure::Refused("the demo's play ended without a word".to_owned())))
    };
    let (cast, tally) = tokio::select! {
        played = played => played?,
        () = signals.wait() => return Ok(()),
    };
    let programme = Programme { cast: &cast, tally: &tally, database: database.database.to_string() };
    if args.only_make {
        return Ok(say(&if args.json { programme.made_as_json() } else { programme.made() })?);
    }
    let server = Server::start(options, &args.listen, metrics, Some(today.plus(DAY))).await?;
    let keys = Keys::make(&server.engine.db, &cast).await?;
    let base = server.engine.base_url();
    say(&if args.json { programme.as_json(base, &keys) } else { programme.made() + &programme.in_words(base, &keys) })?;
    let ended = server.run_until(&mut signals).await;
    server.stop().await;
    ended
}
