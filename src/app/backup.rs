//! `ristourne backup DIR`: the SQLite database and the click spool of a running installation, as they are at one moment.

use crate::{
    app::{config::DatabaseArgs, failure::Failure, opening, serve::say},
    engine::backup::{self, Copied},
    store::{Db, Options},
};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory to write it into, which must not be there yet
    #[arg(value_name = "DIR")]
    into: PathBuf,
    /// The spool of the server that runs [default: FILE-spool beside SQLite's file]
    #[arg(long, env = "RISTOURNE_SPOOL_DIR", value_name = "DIR")]
    spool_dir: Option<PathBuf>,
    /// Print what was written as one JSON object
    #[arg(long, env = "RISTOURNE_JSON")]
    json: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let spool = args.spool_dir.clone().unwrap_or_else(|| args.database.database.spool_dir());
    // Without migrations: a backup is what there is before them.
    args.database.look(false)?;
    let options = Options { make_file: false, ..args.database.pool.options() };
    let db =
        Db::open(args.database.database.as_str(), &options).await.map_err(|error| opening::failure(&args.database.database, &error))?;
    let copied = backup::write(&db, &spool, &args.into).await;
    db.close().await;
    let Copied { database_bytes, spool_files, spool_bytes } = copied?;
    let into = args.into.display();
    Ok(say(&if args.json {
        format!(
            "{}\n",
            json!({"directory": into.to_string(), "database_bytes": database_bytes, "spool_files": spool_files, "spool_bytes": spool_bytes})
        )
    } else {
        format!("{into}: a database of {database_bytes} bytes, and {spool_files} files of the click spool with {spool_bytes} bytes\n")
    })?)
}
