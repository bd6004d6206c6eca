//! Before the play: an empty database to play on, which is nobody else's.

use crate::{
    app::{config::DatabaseArgs, failure::Failure},
    engine::spool::SpoolDir,
    store::{self, Db, StoreError},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What marks a database as a demo's, which may be thrown away.
const MARK: &str = "demo";

/// Makes an empty database that is marked as a demo's. An earlier demo's SQLite file is removed; anything else is refused.
pub async fn clear(database: &DatabaseArgs, spool: &Path) -> Result<(), Failure> {
    if let Some(file) = database.database.sqlite_file().filter(|file| fs::metadata(file).is_ok_and(|found| found.len() > 0)) {
        let db = Db::open(database.database.as_str(), &database.pool.options()).await?;
        let ours = is_demo(&db).await;
        db.close().await;
        if !ours {
            return Err(Failure::Refused(format!("{} is not a demo's, and stays as it is: name another with --database", file.display())));
        }
        if in_use(spool)? {
            return Err(Failure::Refused(format!("a server runs on {}: stop it first", file.display())));
        }
        remove(&file, spool)?;
    }
    let db = database.open().await?;
    let marked = mark(&db).await;
    db.close().await;
    if marked? {
        Ok(())
    } else {
        Err(Failure::Refused(format!("{} is not empty, and stays as it is: name another with --database", database.database)))
    }
}

/// Marks an empty database; false, and nothing changes, if somebody uses it.
async fn mark(db: &Db) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    if !store::merchant::list(&mut tx, store::merchant::Wanted::default(), None, 1).await?.is_empty()
        || store::setting::get(&mut tx, MARK).await?.is_some()
    {
        return Ok(false);
    }
    store::setting::put(&mut tx, MARK, "1").await?;
    tx.commit().await?;
    Ok(true)
}

/// Whether the mark is there. A database that is not ours at all has no such table, which says the same.
async fn is_demo(db: &Db) -> bool {
    let mark = async { store::setting::get(&mut db.read().await?, MARK).await };
    match mark.await {
        Ok(mark) => mark.is_some(),
        Err(error) => {
            tracing::debug!(%error, "no demo's database");
            false
        }
    }
}

/// Whether a live process holds one of the spool's directories.
fn in_use(spool: &Path) -> io::Result<bool> {
    for node in SpoolDir::nodes(spool)? {
        if SpoolDir::open(spool, node)?.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn remove(file: &Path, spool: &Path) -> io::Result<()> {
    for ending in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        absent(fs::remove_file(PathBuf::from(name)))?;
    }
    absent(fs::remove_dir_all(spool))
}

/// What is not there need not be removed.
fn absent(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
