//! `ristourne payout …`: the payout run from the command line, on the database itself, beside a server or without one.

use crate::{
    app::{
        config::{DatabaseArgs, InstallationArgs},
        failure::Failure,
        serve::say,
    },
    domain::{
        command::{Act, Channel, Command as Message, Outcome, PayoutDone},
        order::Actor,
        payout::{Form, LeftOut, Step},
    },
    engine::{
        clock::Clock,
        import::Ledger,
        ledger_batch::{Setting, clock_command},
        node::Lease,
        paid, payout_file,
    },
    kernel::{
        code::Language,
        currency::Currency,
        id::{BatchId, PaymentId},
        money::Money,
        seal::Vault,
        time::{Day, Time},
    },
    store::{Db, facts::TermsCache},
};
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::{io::Write as _, path::PathBuf, sync::Arc};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prepare a batch: a payment to everybody whose balance may be paid
    Prepare(PrepareArgs),
    /// Write a batch as a file for the bank to stdout; from now on its payments are settled or returned
    Export(ExportArgs),
    /// Note that the bank has paid: a payment (pay_…), or every one of a batch (bat_…)
    Settle(StepArgs),
    /// Cancel a batch (bat_…), or take one payment (pay_…) out of it, before the bank is told
    Cancel(StepArgs),
}

#[derive(Debug, clap::Args)]
pub struct CommonArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    installation: InstallationArgs,
    /// Where the node numbers of this machine are kept, as for `serve`
    #[arg(long, env = "RISTOURNE_SPOOL_DIR", value_name = "DIR")]
    spool_dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct PrepareArgs {
    /// Whose balances are paid
    #[arg(long, env = "RISTOURNE_PAYOUT_CURRENCY", default_value = "EUR", value_name = "CODE")]
    currency: Currency,
    /// Only what became payable up to the end of this day [default: everything]
    #[arg(long, env = "RISTOURNE_PAYOUT_UNTIL", value_name = "DATE", value_parser = day)]
    until: Option<Day>,
    /// What is kept of each payment [default: nothing]
    #[arg(long, env = "RISTOURNE_PAYOUT_FEE", value_name = "AMOUNT")]
    fee: Option<String>,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// SEPA credit transfers, pain.001.001.09
    Pain001,
    /// All other payments
    Csv,
}

#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The batch
    #[arg(value_name = "bat_…")]
    batch: BatchId,
    #[arg(long, env = "RISTOURNE_PAYOUT_FORMAT", default_value = "pain001")]
    format: Format,
    /// With csv: every payment, also those that a pain.001 takes
    #[arg(long, env = "RISTOURNE_PAYOUT_ALL")]
    all: bool,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, clap::Args)]
pub struct StepArgs {
    /// The batch or the payment
    #[arg(value_name = "bat_…|pay_…", value_parser = either)]
    what: Either,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Clone, Copy)]
enum Either {
    Batch(BatchId),
    Payment(PaymentId),
}

fn either(text: &str) -> Result<Either, String> {
    let batch = text.parse().map(Either::Batch);
    batch.or_else(|_| text.parse().map(Either::Payment)).map_err(|_| "bat_… or pay_… is wanted".to_owned())
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "a date such as 2026-11-30 is wanted".to_owned())
}

pub async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Prepare(PrepareArgs { currency, until, fee, common }) => {
            let fee = fee.map(|fee| Money::parse(&fee, currency)).transpose();
            let fee = fee.map_err(|error| Failure::Usage(format!("--fee: {error}")))?.map_or(0, |fee| fee.minor);
            if fee < 0 {
                return Err(Failure::Usage("--fee: 0 or more is wanted".to_owned()));
            }
            let until = until.map(|day| common.installation.timezone.start(day.minus(-1)));
            let done = carry_out(&common, Step::Prepare { currency, until, fee }).await?;
            Ok(say(&format!("{}\n", summary(&done)))?)
        }
        Command::Export(args) => export(args).await,
        Command::Settle(StepArgs { what, common }) => {
            let step = match what {
                Either::Batch(batch) => Step::SettleAll { batch },
                Either::Payment(payment) => Step::Settle { payment },
            };
            let done = carry_out(&common, step).await?;
            Ok(say(&format!("{}\n", summary(&done)))?)
        }
        Command::Cancel(StepArgs { what, common }) => {
            let step = match what {
                Either::Batch(batch) => Step::Cancel { batch },
                Either::Payment(payment) => Step::Remove { payment },
            };
            let done = carry_out(&common, step).await?;
            Ok(say(&format!("{}\n", summary(&done)))?)
        }
    }
}

async fn export(ExportArgs { batch, format, all, common }: ExportArgs) -> Result<(), Failure> {
    let form = match (format, all) {
        (Format::Pain001, _) => Form::Pain001,
        (Format::Csv, false) => Form::Csv,
        (Format::Csv, true) => Form::CsvAll,
    };
    let vault = Vault::new(common.installation.master_key().map_err(Failure::Usage)?.as_ref());
    let db = common.database.open_existing_in(&common.installation.timezone).await?;
    let zone = &common.installation.timezone;
    let refused = |error: payout_file::FileError| Failure::Refused(error.to_string());
    // Whatever could not be written is found before the bank is said to know it.
    payout_file::write(&db, &vault, zone, batch, form).await.map_err(refused)?;
    carry_out(&common, Step::Export { batch, form }).await?;
    let bytes = payout_file::write(&db, &vault, zone, batch, form).await.map_err(refused)?;
    db.close().await;
    Ok(std::io::stdout().lock().write_all(&bytes)?)
}

/// As a node of its own, like an import.
async fn carry_out(common: &CommonArgs, step: Step) -> Result<PayoutDone, Failure> {
    let db = common.database.open_existing_in(&common.installation.timezone).await?;
    let spool = common.spool_dir.clone().unwrap_or_else(|| common.database.database.spool_dir());
    let lease = Lease::acquire(&db, &Clock::System, &spool).await?;
    let done = judge(&db, common, &lease, step).await;
    if let Err(error) = lease.release().await {
        tracing::warn!(%error, "the node number was not given back; its lease runs out by itself");
    }
    db.close().await;
    done
}

async fn judge(db: &Db, common: &CommonArgs, lease: &Lease, step: Step) -> Result<PayoutDone, Failure> {
    let (ids, zone) = (Arc::new(lease.generator()), common.installation.timezone.clone());
    let setting = Setting {
        db: db.clone(),
        ids: Arc::clone(&ids),
        zone,
        terms: Arc::new(TermsCache::default()),
        debt_limit: common.installation.debt_limit,
    };
    let mut ledger = Ledger::Own(setting, None);
    let now: Time = Clock::System.now();
    let Message { message, act, .. } = clock_command(ids.next(now), now, Act::Payout(step));
    let command = Message::new(crate::domain::command::Message { by: Actor::Operator, channel: Channel::Api, ..message }, act);
    let answer = ledger.submit(vec![command]).await?.pop();
    let done = match answer {
        Some(Ok(Outcome::Payout(done))) => *done,
        Some(Ok(Outcome::Refused(refusal))) => return Err(Failure::Refused(refusal.text(Language::En).to_owned())),
        _ => return Err(Failure::Refused("not known to be stored; run it again".to_owned())),
    };
    for payment in done.payments.iter().filter(|payment| payment.touches_orders()) {
        paid::tell(db, &ids, &mut ledger, payment, now).await?;
    }
    Ok(done)
}

/// One JSON line.
fn summary(done: &PayoutDone) -> Value {
    let batch = &done.batch;
    let payment = |payment: &crate::domain::payment::Payment| json!({"id": payment.id, "payee": payment.payee, "amount": payment.net(), "status": payment.status()});
    let left = |left: &LeftOut| json!({"payee": left.payee, "balance": Money::new(left.balance, batch.currency), "why": left.against.why});
    json!({
        "id": batch.id,
        "currency": batch.currency,
        "payments": done.payments.iter().map(payment).collect::<Vec<_>>(),
        "left_out": done.left_out.iter().map(left).collect::<Vec<_>>(),
    })
}
