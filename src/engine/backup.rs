//! A backup of a running installation on SQLite: first the spool, then the database. A click that was answered before is in the one or the
//! other, since it leaves the spool only when the database has it; one that is in both is stored once, because its id says so.

use crate::store::{Db, StoreError};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

/// The names within a backup.
const DATABASE: &str = "ristourne.db";
const SPOOL: &str = "ristourne.db-spool";
/// What is not copied: the lock of the process that runs.
const LOCK: &str = "lock";

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{} is there already; a backup goes into a directory of its own that it makes: name another", .0.display())]
    Exists(PathBuf),
    #[error("the directory {} does not exist; make it first", .0.display())]
    NoParent(PathBuf),
    #[error("{}: {error}; may this user write there, and is there room?", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("the database: {0}")]
    Store(#[from] StoreError),
    #[error("PostgreSQL is backed up with its own tools, after the spool: see docs/OPERATIONS.md")]
    NotSqlite,
}

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    pub database_bytes: u64,
    pub spool_files: usize,
    pub spool_bytes: u64,
}

/// Writes it into a directory, which must not be there yet; when this returns it is on the disk.
pub async fn write(db: &Db, spool: &Path, into: &Path) -> Result<Copied, BackupError> {
    if db.kind() != crate::store::Kind::Sqlite {
        return Err(BackupError::NotSqlite);
    }
    // Whatever the umask: the merchants' secrets are in it.
    fs::DirBuilder::new().mode(0o700).create(into).map_err(|error| not_made(into, error))?;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| BackupError::Io { path, error }
    };
    let (spool_files, spool_bytes) = copy_spool(spool, &into.join(SPOOL)).map_err(failed(spool))?;
    let file = into.join(DATABASE);
    db.copy_to(&file).await?;
    let database_bytes = on_the_disk(&file).map_err(failed(&file))?;
    on_the_disk(into).map_err(failed(into))?;
    Ok(Copied { database_bytes, spool_files, spool_bytes })
}

/// Why the directory could not be made.
fn not_made(into: &Path, error: io::Error) -> BackupError {
    match (error.kind(), into.parent()) {
        (io::ErrorKind::AlreadyExists, _) => BackupError::Exists(into.to_owned()),
        (io::ErrorKind::NotFound, Some(parent)) => BackupError::NoParent(parent.to_owned()),
        _ => BackupError::Io { path: into.to_owned(), error },
    }
}

/// Waits until it is there after a power cut, too; gives its length.
fn on_the_disk(path: &Path) -> io::Result<u64> {
    let file = File::open(path)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// Copies every node's directory; gives the number of files with clicks, and their bytes.
fn copy_spool(from: &Path, to: &Path) -> io::Result<(usize, u64)> {
    fs::create_dir(to)?;
    let (mut files, mut bytes) = (0, 0);
    let nodes = match fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, 0)),
        nodes => nodes?,
    };
    for node in nodes {
        let node = node?;
        if !node.file_type()?.is_dir() {
            continue;
        }
        let copy = to.join(node.file_name());
        fs::create_dir(&copy)?;
        for file in fs::read_dir(node.path())? {
            let name = file?.file_name();
            if name == LOCK {
                continue;
            }
            match fs::copy(node.path().join(&name), copy.join(&name)) {
                Ok(length) => {
                    File::open(copy.join(&name))?.sync_all()?;
                    if name.to_string_lossy().starts_with("clicks-") {
                        (files, bytes) = (files + 1, bytes + length);
                    }
                }
                // The database has its clicks by now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        File::open(&copy)?.sync_all()?;
    }
    File::open(to)?.sync_all()?;
    Ok((files, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_is_copied_without_its_locks() {
        let root = std::env::temp_dir().join(format!("ristourne-backup-{}", std::process::id()));
        let (from, to) = (root.join("from"), root.join("to"));
        fs::create_dir_all(from.join("node-3")).expect("a directory");
        for (name, text) in [("clicks-0000000001.spool", "RSK1"), ("clicks-0000000002.aside", "x"), ("holder", "token"), ("lock", "")] {
            fs::write(from.join("node-3").join(name), text).expect("a file");
        }
        assert_eq!(copy_spool(&from, &to).expect("copied"), (2, 5));
        assert!(to.join("node-3/holder").exists() && !to.join("node-3/lock").exists());
        assert_eq!(copy_spool(&root.join("nowhere"), &root.join("other")).expect("nothing to copy"), (0, 0));
        fs::remove_dir_all(root).expect("removed");
    }
}
