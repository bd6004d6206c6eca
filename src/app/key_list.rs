//! `ristourne key list` and `key revoke`: which API keys open the door, and closing it to one.

use crate::{
    app::{config::DatabaseArgs, failure::Failure, serve::say},
    domain::key::{Key, Role},
    engine::clock::Clock,
    kernel::id::{BuyerId, KeyId, MerchantId, PublisherId, time_of},
    store,
};
use clap::Args;
use serde_json::json;
use std::fmt::Write as _;

/// Keys of one read.
const PAGE: i64 = 500;

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print a JSON object a line
    #[arg(long, env = "RISTOURNE_JSON")]
    json: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// The key's id, as `key list` shows it; not the key itself
    #[arg(value_name = "key_…")]
    id: KeyId,
    /// Print the result as one JSON line
    #[arg(long, env = "RISTOURNE_JSON")]
    json: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// Keys that are not revoked, newest first. The keys themselves are not known any more.
pub async fn list(args: ListArgs) -> Result<(), Failure> {
    let db = args.database.open_existing().await?;
    let (mut after, mut out) = (None, String::new());
    if !args.json {
        writeln!(out, "{:<18} {:<10} {:<18} {:<25} name", "id", "role", "owner", "created")?;
    }
    loop {
        let page = store::key::list(&mut db.read().await?, store::key::Wanted::default(), after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.id);
        for issued in &page {
            line(&mut out, &issued.key, args.json)?;
        }
    }
    db.close().await;
    say(&out)?;
    Ok(())
}

fn line(out: &mut String, key: &Key, as_json: bool) -> std::fmt::Result {
    let (owner, created_at) = (owner(key), time_of(key.id.raw()));
    if as_json {
        let line = json!({"id": key.id, "role": key.role.word(), "owner": owner, "name": key.name, "created_at": created_at});
        return writeln!(out, "{line}");
    }
    let (owner, name) = (owner.as_deref().unwrap_or("-"), key.name.as_deref().unwrap_or("-"));
    writeln!(out, "{:<18} {:<10} {owner:<18} {:<25} {name}", key.id.to_string(), key.role.word(), created_at.to_string())
}

fn owner(key: &Key) -> Option<String> {
    let number = key.owner?;
    match key.role {
        Role::Operator => None,
        Role::Merchant => Some(MerchantId::from_raw(number).to_string()),
        Role::Publisher => Some(PublisherId::from_raw(number).to_string()),
        Role::Buyer => Some(BuyerId::from_raw(number).to_string()),
    }
}

/// From then on requests with it are refused.
pub async fn revoke(args: RevokeArgs) -> Result<(), Failure> {
    let db = args.database.open_existing().await?;
    let mut tx = db.begin().await?;
    let revoked = store::key::revoke(&mut tx, args.id, Clock::System.now()).await?;
    tx.commit().await?;
    db.close().await;
    if !revoked {
        return Err(Failure::Refused(format!("there is no live key {}; `ristourne key list` shows those that there are", args.id)));
    }
    let said = if args.json { json!({"id": args.id, "revoked": true}).to_string() } else { format!("{} is revoked", args.id) };
    say(&format!("{said}\n"))?;
    Ok(())
}
