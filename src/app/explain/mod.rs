//! `ristourne explain cnv_…`: the receipt of a conversion, as text or as JSON. The decision is made again from what is stored.

mod commission;
mod text;

pub use text::text;

use crate::{
    app::{config::DatabaseArgs, failure::Failure, serve::say},
    domain::{
        due::due,
        receipt::{Receipt, receipt},
    },
    kernel::id::ConversionId,
    store::{
        Db,
        facts::{self, TermsCache},
    },
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The conversion
    #[arg(value_name = "cnv_…")]
    conversion: ConversionId,
    /// Print it as one JSON object, as the API does
    #[arg(long, env = "RISTOURNE_JSON")]
    json: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let db = args.database.open_existing().await?;
    let found = find(&db, args.conversion).await;
    db.close().await;
    let receipt = found?.ok_or_else(|| Failure::Refused(format!("there is no conversion {}", args.conversion)))?;
    if args.json {
        say(&format!("{}\n", serde_json::to_string_pretty(&receipt)?))?;
    } else {
        say(&text(&receipt))?;
    }
    Ok(())
}

/// None if there is no such conversion, or its sale is still awaited.
async fn find(db: &Db, id: ConversionId) -> Result<Option<Receipt>, Failure> {
    let Some(facts) = facts::receipt(&mut db.read().await?, &TermsCache::default(), id).await? else { return Ok(None) };
    let Some(due) = due(&facts.order, &facts.version.terms)? else { return Ok(None) };
    let receipt = receipt(&facts.order, &due, &facts.program, &facts.version, &facts.entries);
    Ok(receipt.map(|receipt| receipt.paid_by(&facts.payments)))
}
