//! The command line: which commands there are, and their exit codes: 0 done, 1 refused or failed, 2 wrong usage.
//!
//! Results go to stdout, logs and progress to stderr. To add a command: a file with its `Args` and `run`, and its two lines here.

use crate::app::{
    backup, completions, demo, explain, export,
    failure::Failure,
    import, key, payout, serve, simulate,
    telemetry::{self, LogArgs},
    verify,
};
use clap::{CommandFactory as _, Parser, Subcommand};
use std::process::ExitCode;

/// Self-hosted affiliate and cashback tracking: every cent explained
#[derive(Debug, Parser)]
#[command(name = "ristourne", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    logs: LogArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the tables up to date, then run the server until SIGTERM or SIGINT
    Serve(serve::Args),
    /// Make a fresh demo database with weeks of traffic, then run the server on it
    Demo(demo::Args),
    /// Copy the SQLite database and the click spool of a running server
    Backup(backup::Args),
    /// API keys, and the keys that seal
    #[command(subcommand)]
    Key(key::Command),
    /// Say why a conversion's amounts are what they are
    Explain(explain::Args),
    /// Replay every decision and check every invariant; exit 1 on any breach
    Verify(verify::Args),
    /// Say what other terms would have paid on the sales that are stored
    Simulate(simulate::Args),
    /// Read clicks, sales, exchange rates or a set-up from a file
    #[command(subcommand)]
    Import(import::Command),
    /// Pay publishers and buyers: prepare a batch, export it for the bank, settle or cancel it
    #[command(subcommand)]
    Payout(payout::Command),
    /// Write the journal, or what `import` reads, to stdout
    #[command(subcommand)]
    Export(export::Command),
    /// Print what a shell needs to complete commands and options
    Completions(completions::Args),
}

impl Command {
    /// What is logged unless somebody asks for more or less.
    fn usual_log(&self) -> &'static str {
        match self {
            Self::Serve(_) => "info,sqlx=warn",
            _ => "warn",
        }
    }

    async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Serve(args) => serve::run(args).await,
            Self::Demo(args) => demo::run(args).await,
            Self::Backup(args) => backup::run(args).await,
            Self::Key(command) => key::run(command).await,
            Self::Explain(args) => explain::run(args).await,
            Self::Verify(args) => verify::run(args).await,
            Self::Import(command) => import::run(command).await,
            Self::Simulate(args) => simulate::run(args).await,
            Self::Payout(command) => payout::run(command).await,
            Self::Export(command) => export::run(command).await,
            Self::Completions(args) => completions::run(&args, Cli::command()),
        }
    }
}

/// Reads the command line and runs the command.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ristourne: {failure}");
            failure.exit_code()
        }
    }
}

fn start(cli: Cli) -> Result<(), Failure> {
    telemetry::start_logs(&cli.logs, cli.command.usual_log()).map_err(Failure::Usage)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(cli.command.run());
    // A reader of standard input that nobody waits for any more would hold the process until its next line.
    runtime.shutdown_background();
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_option_has_an_environment_variable() {
        fn check(command: &clap::Command, without: &mut Vec<String>) {
            for option in command.get_arguments().filter(|arg| !arg.is_positional() && arg.get_env().is_none()) {
                without.push(format!("{} --{}", command.get_name(), option.get_id()));
            }
            command.get_subcommands().for_each(|sub| check(sub, without));
        }
        let mut without = Vec::new();
        check(&Cli::command(), &mut without);
        without.retain(|option| !option.ends_with("--help") && !option.ends_with("--version"));
        assert!(without.is_empty(), "{without:?}");
    }
}
