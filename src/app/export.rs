//! `ristourne export`: on stdout, the journal for other book-keeping programs, and what `import` reads back without loss.

use crate::{
    app::{
        config::{DatabaseArgs, InstallationArgs},
        failure::Failure,
    },
    engine::export::{self, ExportError, data},
    formats::ledger::Format,
    kernel::seal::Vault,
    store::Db,
};
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use std::io::{BufWriter, ErrorKind, Stdout, Write as _, stdout};

const EXAMPLES: &str = "\
Examples:
  ristourne export ledger | hledger -f - balance
  ristourne export ledger --format csv > journal.csv
  ristourne export setup > setup.jsonl       what `ristourne import` reads into another database:
  ristourne export rates > rates.csv         of SQLite or PostgreSQL, whichever this one is
  ristourne export clicks > clicks.csv
  ristourne export sales > sales.csv";

/// What is written at once.
const BUFFER_BYTES: usize = 64 * 1024;

#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum Command {
    /// The whole journal: every entry with its postings
    Ledger(LedgerArgs),
    /// Every click, as CSV
    Clicks(DatabaseArgs),
    /// Every fact of every order, with what was looked up for it, as CSV
    Sales(DatabaseArgs),
    /// Exchange rates, in the form of the European Central Bank's history
    Rates(DatabaseArgs),
    /// Merchants, programs with their terms, publishers, buyers, links and coupons, as JSON lines
    Setup(SetupArgs),
}

#[derive(Debug, ClapArgs)]
pub struct LedgerArgs {
    /// For which program
    #[arg(long, env = "RISTOURNE_LEDGER_FORMAT", default_value = "hledger")]
    format: FormatArg,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, ClapArgs)]
pub struct SetupArgs {
    /// Merchants' secrets, API keys' hashes and the keys that seal click ids too, readable by whoever has the file
    #[arg(long, env = "RISTOURNE_WITH_SECRETS")]
    with_secrets: bool,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    installation: InstallationArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    Hledger,
    Beancount,
    Csv,
}

pub async fn run(command: Command) -> Result<(), Failure> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, stdout());
    let (written, what) = match command {
        Command::Ledger(args) => {
            let format = match args.format {
                FormatArg::Hledger => Format::Hledger,
                FormatArg::Beancount => Format::Beancount,
                FormatArg::Csv => Format::Csv,
            };
            let db = args.database.open_existing().await?;
            (ended(&db, export::journal(&db, format, &mut out).await).await, "entries")
        }
        Command::Clicks(database) => {
            let db = database.open_existing().await?;
            (ended(&db, data::clicks(&db, &mut out).await).await, "clicks")
        }
        Command::Sales(database) => {
            let db = database.open_existing().await?;
            (ended(&db, data::sales(&db, &mut out).await).await, "facts")
        }
        Command::Rates(database) => {
            let db = database.open_existing().await?;
            (ended(&db, data::rates(&db, &mut out).await).await, "days")
        }
        Command::Setup(args) => (setup(&args, &mut out).await?, "things"),
    };
    match written.and_then(|written| Ok((written, out.flush()?))) {
        Ok((written, ())) => {
            eprintln!("{written} {what}");
            Ok(())
        }
        // Whoever read has seen enough: `export … | head`.
        Err(ExportError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => {
            // What is still held back has nowhere to go.
            drop(out.into_parts());
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

async fn setup(args: &SetupArgs, out: &mut BufWriter<Stdout>) -> Result<Result<u64, ExportError>, Failure> {
    let vault = Vault::new(args.installation.master_key().map_err(Failure::Usage)?.as_ref());
    let db = args.database.open_existing().await?;
    if args.with_secrets {
        eprintln!("warning: who can read this export can sign postbacks and forge click ids; keep it as you keep the master key");
    }
    Ok(ended(&db, data::setup(&db, args.with_secrets.then_some(&vault), out).await).await)
}

async fn ended(db: &Db, written: Result<u64, ExportError>) -> Result<u64, ExportError> {
    db.close().await;
    written
}
