//! `ristourne export`: on stdout, the journal for other book-keeping programs, and what `import` reads back without loss.

use crate::{
    app::{
        config::{DatabaseArgs, InstallationArgs, zone},
        failure::Failure,
    },
    engine::export::{self, ExportError, data, fec},
    formats::{fec::file_name, ledger::Format},
    kernel::{seal::Vault, time::Zone},
    store::Db,
};
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use std::{
    fs::File,
    io::{BufWriter, ErrorKind, Stdout, Write as _, stdout},
};

const EXAMPLES: &str = "\
Examples:
  ristourne export ledger | hledger -f - balance
  ristourne export ledger --format csv > journal.csv
  ristourne export fec --year 2026 --siren 123456782 --timezone Europe/Paris
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
    /// The books of a year for the accountant's software: the 18 columns of the French FEC, final accounts in euros only
    Fec(FecArgs),
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
pub struct FecArgs {
    /// The calendar year
    #[arg(long, env = "RISTOURNE_FEC_YEAR", value_name = "YEAR", value_parser = clap::value_parser!(u16).range(2000..=2999))]
    year: u16,
    /// The company's SIREN: writes the file SIRENFECYYYYMMDD.txt here, in the place of stdout
    #[arg(long, env = "RISTOURNE_FEC_SIREN", value_name = "SIREN", value_parser = siren)]
    siren: Option<String>,
    /// The time zone of the installation, whose days count
    #[arg(long, env = "RISTOURNE_TIMEZONE", default_value = "UTC", value_name = "ZONE", value_parser = zone)]
    timezone: Zone,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// Nine digits, of which the last checks the others (Luhn).
fn siren(text: &str) -> Result<String, String> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(10)).collect();
    let digits = digits.filter(|digits| digits.len() == 9).ok_or("nine digits are wanted")?;
    let doubled = |(n, digit): (usize, &u32)| if n % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { *digit };
    let sum: u32 = digits.iter().enumerate().map(doubled).sum();
    if sum.is_multiple_of(10) { Ok(text.to_owned()) } else { Err("a digit is wrong".to_owned()) }
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
        Command::Fec(args) => (fec(&args, &mut out).await?, "entries"),
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

async fn fec(args: &FecArgs, out: &mut BufWriter<Stdout>) -> Result<Result<u64, ExportError>, Failure> {
    let days = fec::year(args.year).ok_or_else(|| Failure::Usage("there is no such year".to_owned()))?;
    let db = args.database.open_existing_in(&args.timezone).await?;
    let written = if let Some(siren) = &args.siren {
        let name = file_name(siren, args.year);
        let file = File::create(&name).map_err(|error| Failure::Refused(format!("{name}: {error}")))?;
        let written = fec::fec(&db, &args.timezone, days, &mut BufWriter::with_capacity(BUFFER_BYTES, file)).await;
        eprintln!("{name}");
        written
    } else {
        fec::fec(&db, &args.timezone, days, out).await
    };
    db.close().await;
    Ok(written.map(|written| {
        if written.others > 0 {
            eprintln!("{} entries in other currencies than EUR are left out", written.others);
        }
        written.entries
    }))
}

async fn ended(db: &Db, written: Result<u64, ExportError>) -> Result<u64, ExportError> {
    db.close().await;
    written
}
