//! `ristourne key rotate` and `ristourne key reseal`: a new key for click ids and refs, and a new master key over all that is stored sealed.

use crate::{
    app::{
        config::{DatabaseArgs, InstallationArgs, MasterKeyText},
        failure::Failure,
        serve::say,
    },
    engine::{clock::Clock, keys},
    kernel::seal::Vault,
    store::{self, Db},
};
use clap::Args;
use serde_json::json;

#[derive(Debug, Args)]
pub struct RotateArgs {
    #[command(flatten)]
    installation: InstallationArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub struct ResealArgs {
    /// The master key from now on: 32 bytes in base64, as `openssl rand -base64 32` prints them
    #[arg(long, env = "RISTOURNE_NEW_MASTER_KEY", value_name = "KEY", hide_env_values = true, value_parser = clap::builder::ValueParser::new(MasterKeyText::read))]
    new_master_key: MasterKeyText,
    /// Even while node numbers are leased: their servers were killed, and run no more
    #[arg(long, env = "RISTOURNE_RESEAL_FORCE")]
    force: bool,
    #[command(flatten)]
    installation: InstallationArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// Beside running servers: they read the ring every second.
pub async fn rotate(args: RotateArgs) -> Result<(), Failure> {
    let vault = Vault::new(args.installation.master_key().map_err(Failure::Usage)?.as_ref());
    let db = args.database.open_existing().await?;
    let rotated = keys::rotate(&db, &vault, Clock::System.now()).await;
    db.close().await;
    let (number, begins) = rotated?;
    Ok(say(&format!("{}\n", json!({"key": number, "seals_from": begins})))?)
}

/// While no server runs: those that do would go on sealing under the old master key.
pub async fn reseal(args: ResealArgs) -> Result<(), Failure> {
    let old = Vault::new(args.installation.master_key().map_err(Failure::Usage)?.as_ref());
    let new = args.new_master_key.parse("--new-master-key").map_err(Failure::Usage)?;
    let db = args.database.open_existing().await?;
    let resealed = async {
        if !args.force {
            nobody_runs(&db).await?;
        }
        Ok::<_, Failure>(keys::reseal(&db, &old, &Vault::new(Some(&new))).await?)
    };
    let resealed = resealed.await;
    db.close().await;
    Ok(say(&format!("{}\n", json!({"resealed": resealed?})))?)
}

async fn nobody_runs(db: &Db) -> Result<(), Failure> {
    let mut tx = db.read().await?;
    let live = store::node::live(&mut tx, Clock::System.now()).await?;
    tx.commit().await?;
    match live.first() {
        None => Ok(()),
        Some(node) => Err(Failure::Refused(format!(
            "node {node} has a lease: stop its server first; if it was killed, start and stop it once, or say --force"
        ))),
    }
}
