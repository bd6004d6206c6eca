//! `ristourne verify`: replays every decision and checks every invariant. Exit 1 on any breach.

use crate::app::{
    config::{DatabaseArgs, InstallationArgs},
    failure::Failure,
    serve::say,
};
use crate::engine::verify::{Report, verify};
use crate::store::terms::TermsCache;
use clap::Args as ClapArgs;
use serde_json::json;

#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    installation: InstallationArgs,
    /// Print the report as one JSON object
    #[arg(long, env = "RISTOURNE_JSON")]
    json: bool,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let db = args.database.open_existing().await?;
    let report = verify(&db, &args.installation.timezone, &TermsCache::default()).await;
    db.close().await;
    let report = report?;
    if args.json {
        say(&format!("{}\n", as_json(&report)))?;
    } else {
        say(&in_words(&report))?;
    }
    match report.breaches.len() {
        0 => Ok(()),
        1 => Err(Failure::Refused("1 invariant is broken".to_owned())),
        n => Err(Failure::Refused(format!("{n} invariants are broken"))),
    }
}

fn in_words(report: &Report) -> String {
    let Report { orders, entries, balances, clicks, breaches } = report;
    let mut lines = vec![
        format!("orders decided again from their facts: {orders}"),
        format!("journal entries balanced and chained: {entries}"),
        format!("balances equal to their postings and to what the orders hold: {balances}"),
        format!("clicks counted against the statistics: {clicks}"),
    ];
    lines.extend(breaches.iter().map(|breach| format!("{} {}: {}", breach.code, breach.subject, breach.detail)));
    lines.push(if breaches.is_empty() { "everything holds\n" } else { "BROKEN\n" }.to_owned());
    lines.join("\n")
}

fn as_json(report: &Report) -> serde_json::Value {
    let breaches: Vec<_> = report.breaches.iter().map(|b| json!({"code": b.code, "subject": b.subject, "detail": b.detail})).collect();
    json!({"orders": report.orders, "entries": report.entries, "balances": report.balances, "clicks": report.clicks, "breaches": breaches})
}
