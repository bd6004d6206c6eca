//! `ristourne import`: files of clicks, sales, rates, verdicts or a set-up into the database, beside a server that runs on it or without one.

mod rejected;
mod report;

use crate::{
    app::{
        config::{DatabaseArgs, InstallationArgs, in_zone},
        failure::Failure,
        serve::say,
        server::Signals,
    },
    domain::access::Scope,
    engine::{
        clock::Clock,
        import::{self, ImportError, Ledger, Opened, Progress, Target},
        ledger_batch::Setting,
        node::Lease,
    },
    kernel::seal::Vault,
    store::facts::TermsCache,
};
use clap::Subcommand;
use rejected::RejectedFile;
use std::{
    fs::{File, Metadata},
    io,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

const EXAMPLES: &str = "\
Examples:
  ristourne export setup > setup.jsonl      on the old installation: export, and move
  ristourne export clicks > clicks.csv
  ristourne export sales > sales.csv
  ristourne import setup setup.jsonl        on the new one, in this order
  ristourne import rates rates.csv
  ristourne import clicks clicks.csv
  ristourne import sales sales.csv

  curl -s https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.zip | funzip | ristourne import rates -

  ristourne import verdicts september.csv

Lines that cannot be stored go to FILE.rejected.csv with their reason; mend them there and import that file.
docs/IMPORT.md has the columns.";

#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum Command {
    /// Clicks, as `export clicks` writes them or from elsewhere
    #[command(after_help = EXAMPLES)]
    Clicks(Args),
    /// Sales and what else is said of orders, as `export sales` writes it or a line a postback
    #[command(after_help = EXAMPLES)]
    Sales(Args),
    /// Exchange rates in the form of the European Central Bank's files
    #[command(after_help = EXAMPLES)]
    Rates(Args),
    /// Approvals, rejections and adjustments, by conversion or by the order's number
    #[command(after_help = EXAMPLES)]
    Verdicts(Args),
    /// Merchants, programs with their terms, publishers, buyers, links and coupons, as `export setup` writes them
    #[command(after_help = EXAMPLES)]
    Setup(Args),
}

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file; - reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where rejected lines go [default: FILE.rejected.csv]
    #[arg(long, env = "RISTOURNE_REJECTED", value_name = "FILE")]
    rejected: Option<PathBuf>,
    /// Print the result as one JSON line
    #[arg(long, env = "RISTOURNE_JSON")]
    json: bool,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    installation: InstallationArgs,
    /// Where the node numbers of this machine are kept, as for `serve`
    #[arg(long, env = "RISTOURNE_SPOOL_DIR", value_name = "DIR")]
    spool_dir: Option<PathBuf>,
}

/// What a file holds.
#[derive(Debug, Clone, Copy)]
enum What {
    Clicks,
    Sales,
    Rates,
    Verdicts,
    Setup,
}

impl What {
    const fn word(self) -> &'static str {
        match self {
            Self::Clicks => "clicks",
            Self::Sales => "sales",
            Self::Rates => "rates",
            Self::Verdicts => "verdicts",
            Self::Setup => "setup",
        }
    }
}

pub async fn run(command: Command) -> Result<(), Failure> {
    let (what, args) = match command {
        Command::Clicks(args) => (What::Clicks, args),
        Command::Sales(args) => (What::Sales, args),
        Command::Rates(args) => (What::Rates, args),
        Command::Verdicts(args) => (What::Verdicts, args),
        Command::Setup(args) => (What::Setup, args),
    };
    let vault = Arc::new(Vault::new(args.installation.master_key().map_err(Failure::Usage)?.as_ref()));
    let (source, about) = open(&args.file)?;
    let bytes = about.is_file().then_some(about.len());
    let mut rejected = RejectedFile::new(args.rejected.clone().unwrap_or_else(|| rejected_name(&args.file, what)), &about)?;
    let mut signals = Signals::listen()?;
    // All but a set-up name what must be stored, so a database that is not there is one that was mistyped.
    let db = match what {
        What::Setup => args.database.open().await?,
        What::Clicks | What::Sales | What::Rates | What::Verdicts => args.database.open_existing().await?,
    };
    let db = in_zone(db, &args.installation.timezone).await?;
    let spool = args.spool_dir.clone().unwrap_or_else(|| args.database.database.spool_dir());
    let lease = Lease::acquire(&db, &Clock::System, &spool).await?;
    let (ids, zone) = (Arc::new(lease.generator()), args.installation.timezone.clone());
    let debt_limit = args.installation.debt_limit;
    let setting = Setting { db: db.clone(), ids: Arc::clone(&ids), zone: zone.clone(), terms: Arc::new(TermsCache::default()), debt_limit };
    let mut target = Target { db: db.clone(), clock: Clock::System, zone, ids, vault, ledger: Ledger::Own(setting, None) };
    let (progress, started) = (Progress::default(), Instant::now());
    let done = {
        let work = work(what, source, &mut target, &mut rejected, &progress);
        tokio::select! {
            done = work => done.map_err(|error| failure(&args.file, error)),
            never = report::watch(&progress, bytes, started) => match never {},
            () = signals.wait() => Err(Failure::Refused("stopped; run it again to go on".to_owned())),
            () = lease.lost() => Err(Failure::Refused("another process has this node number; run it again to go on".to_owned())),
        }
    };
    drop(target);
    let kept = rejected.finish(done.is_ok());
    if let Err(error) = lease.release().await {
        tracing::warn!(%error, "the node number was not given back; its lease runs out by itself");
    }
    db.close().await;
    let kept = kept.map_err(|error| Failure::Refused(format!("{error}; the rejected lines could not be written")))?;
    if let Some(path) = &kept {
        eprintln!("rejected lines: {}", path.display());
    }
    done?;
    say(&report::result(what.word(), &progress, started.elapsed(), kept.as_deref(), args.json))?;
    Ok(())
}

async fn work(what: What, source: File, target: &mut Target, rejected: &mut RejectedFile, progress: &Progress) -> Result<(), ImportError> {
    match what {
        What::Clicks => import::clicks(Opened::read(source)?, target, rejected, progress).await,
        What::Sales => import::sales(Opened::read(source)?, target, rejected, progress).await,
        What::Rates => import::rates(Opened::read(source)?, target, rejected, progress).await,
        What::Verdicts => import::verdicts(Opened::read(source)?, target, Scope::All, rejected, progress).await,
        What::Setup => import::setup(source, target, rejected, progress).await,
    }
}

/// The file, and what the system says of it.
fn open(file: &Path) -> Result<(File, Metadata), Failure> {
    let refused = |error: io::Error| Failure::Refused(format!("{}: {error}", file.display()));
    let opened = if file.as_os_str() == "-" { io::stdin().as_fd().try_clone_to_owned().map(File::from) } else { File::open(file) };
    let opened = opened.map_err(refused)?;
    let about = opened.metadata().map_err(refused)?;
    if about.is_dir() {
        return Err(Failure::Refused(format!("{} is a directory; a file is wanted", file.display())));
    }
    Ok((opened, about))
}

/// `FILE.rejected.csv`; of standard input a name in the working directory.
fn rejected_name(file: &Path, what: What) -> PathBuf {
    if file.as_os_str() == "-" {
        return PathBuf::from(format!("{}.rejected.csv", what.word()));
    }
    let mut name = file.as_os_str().to_owned();
    name.push(".rejected.csv");
    PathBuf::from(name)
}

fn failure(file: &Path, error: ImportError) -> Failure {
    match error {
        ImportError::Table(error) => Failure::Refused(format!("{}: {error}", file.display())),
        error => Failure::Failed(Box::new(error)),
    }
}
