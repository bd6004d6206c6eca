//! `ristourne export ledger`: the whole journal on stdout, for other book-keeping programs.

use crate::app::{config::DatabaseArgs, failure::Failure};
use crate::engine::export;
use crate::formats::ledger::Format;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use std::io::{BufWriter, stdout};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write the whole journal to stdout
    Ledger(LedgerArgs),
}

#[derive(Debug, ClapArgs)]
pub struct LedgerArgs {
    /// For which program
    #[arg(long, env = "RISTOURNE_LEDGER_FORMAT", default_value = "hledger")]
    format: FormatArg,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    Hledger,
    Beancount,
    Csv,
}

pub async fn run(command: Command) -> Result<(), Failure> {
    let Command::Ledger(args) = command;
    let format = match args.format {
        FormatArg::Hledger => Format::Hledger,
        FormatArg::Beancount => Format::Beancount,
        FormatArg::Csv => Format::Csv,
    };
    let db = args.database.open_existing().await?;
    let written = export::journal(&db, format, &mut BufWriter::new(stdout().lock())).await;
    db.close().await;
    eprintln!("{} entries", written?);
    Ok(())
}
