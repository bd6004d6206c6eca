//! `ristourne serve`: the server, until SIGTERM or SIGINT.

use crate::{
    app::{
        config::{DatabaseArgs, EngineArgs, ListenArgs},
        failure::Failure,
        server::{Server, Signals},
        telemetry,
    },
    engine::clock::Clock,
};
use std::io::Write as _;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    args.database.look(true)?;
    let options = args.engine.options(&args.database, Clock::System).map_err(Failure::Usage)?;
    let metrics = telemetry::start_metrics()?;
    let mut signals = Signals::listen()?;
    let server = tokio::select! {
        server = Server::start(options, &args.listen, metrics, None) => server?,
        () = signals.wait() => return Ok(()),
    };
    tracing::info!(address = %server.address, database = %args.database.database, node = server.engine.ids.node(), "serving");
    say(&format!("listening on http://{}\n", server.address))?;
    let ended = server.run_until(&mut signals).await;
    tracing::info!("stopping");
    server.stop().await;
    ended
}

/// Writes to stdout at once, so that whoever started us through a pipe can read the address. A closed stdout is no reason not to serve.
pub fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}
