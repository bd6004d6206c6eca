//! `ristourne verify`: replays every decision and checks every invariant. Exit 1 on any breach.

use crate::app::{
    config::{DatabaseArgs, InstallationArgs},
    failure::Failure,
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
    let db = args.database.open().await?;
    let report = verify(&db, &args.installation.timezone, &TermsCache::default()).await;
    db.close().await;
    let report = report?;
    if args.json {
        println!("{}", as_json(&report));
    } else {
        print(&report);
    }
    match report.breaches.len() {
        0 => Ok(()),
        1 => Err(Failure::Refused("1 invariant is broken".to_owned())),
        n => Err(Failure::Refused(format!("{n} invariants are broken"))),
    }
}

fn print(report: &Report) {
    println!("orders decided again from their facts: {}", report.orders);
    println!("journal entries balanced and chained: {}", report.entries);
    println!("balances equal to their postings and to what the orders hold: {}", report.balances);
    println!("clicks counted against the statistics: {}", report.clicks);
    for breach in &report.breaches {
        println!("{} {}: {}", breach.code, breach.subject, breach.detail);
    }
    println!("{}", if report.breaches.is_empty() { "everything holds" } else { "BROKEN" });
}

fn as_json(report: &Report) -> serde_json::Value {
    let breaches: Vec<_> = report.breaches.iter().map(|b| json!({"code": b.code, "subject": b.subject, "detail": b.detail})).collect();
    json!({"orders": report.orders, "entries": report.entries, "balances": report.balances, "clicks": report.clicks, "breaches": breaches})
}
