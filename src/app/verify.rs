//! `ristourne verify`: replays every decision and checks every invariant. Exit 1 on any breach.

use crate::app::{
    config::{DatabaseArgs, InstallationArgs},
    failure::Failure,
    serve::say,
};
use crate::engine::{
    keys::{self, Checked},
    verify::{Report, verify},
};
use crate::kernel::seal::Vault;
use crate::store::{StoreError, terms::TermsCache};
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
    let master = args.installation.master_key().map_err(Failure::Usage)?;
    let db = args.database.open_existing_in(&args.installation.timezone).await?;
    let checks = async {
        let keys = keys::check(&db, &Vault::new(master.as_ref())).await?;
        Ok::<_, StoreError>((verify(&db, &args.installation.timezone, &TermsCache::default()).await?, keys))
    };
    let checks = checks.await;
    db.close().await;
    let (mut report, mut keys) = checks?;
    report.breaches.append(&mut keys.breaches);
    if args.json {
        say(&format!("{}\n", as_json(&report, &keys)))?;
    } else {
        say(&in_words(&report, &keys, master.is_some()))?;
    }
    match report.breaches.len() {
        0 => Ok(()),
        1 => Err(Failure::Refused("1 invariant is broken".to_owned())),
        n => Err(Failure::Refused(format!("{n} invariants are broken"))),
    }
}

fn in_words(report: &Report, keys: &Checked, master: bool) -> String {
    let Report { orders, documents, claims, entries, balances, clicks, breaches } = report;
    let mut lines = vec![
        format!("orders decided again from their facts: {orders}"),
        format!("movements and documents held against their entries: {documents}"),
        format!("claims held against their orders: {claims}"),
        format!("journal entries balanced and chained: {entries}"),
        format!("balances equal to their postings and to what orders and documents hold: {balances}"),
        format!("clicks counted against the statistics: {clicks}"),
        format!("stored keys, secrets and kept answers tried with the master key: {}", keys.stored),
    ];
    if master && keys.plain > 0 {
        lines.push(format!(
            "{} of them are stored as they are, though there is a master key: `ristourne key reseal` seals them",
            keys.plain
        ));
    }
    lines.extend(breaches.iter().map(|breach| format!("{} {}: {}", breach.code, breach.subject, breach.detail)));
    lines.push(if breaches.is_empty() { "everything holds\n" } else { "BROKEN\n" }.to_owned());
    lines.join("\n")
}

fn as_json(report: &Report, keys: &Checked) -> serde_json::Value {
    let breaches: Vec<_> = report.breaches.iter().map(|b| json!({"code": b.code, "subject": b.subject, "detail": b.detail})).collect();
    json!({"orders": report.orders, "documents": report.documents, "claims": report.claims,
        "entries": report.entries, "balances": report.balances, "clicks": report.clicks, "secrets": keys.stored,
        "unsealed": keys.plain, "breaches": breaches})
}
