//! What tests share: fresh databases and directories.
pub mod document;
pub mod domain;
pub mod domain_boosts;
pub mod domain_cases;
pub mod domain_claimed;
pub mod domain_rivals;
pub mod domain_said;
pub mod domain_tables;
pub mod dump;
pub mod letter;
pub mod load;
pub mod mmdb;
pub mod payouts;
pub mod postgres;
pub mod retail;
pub mod server;
pub mod sql;

use ristourne::store::{Db, Options};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory under `target/tmp`, removed when its test succeeds and kept when it fails.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}-{n}", std::process::id()));
        // A killed run with the same process id may have left one.
        if path.exists() {
            std::fs::remove_dir_all(&path).expect("an old directory goes");
        }
        std::fs::create_dir_all(&path).expect("a temporary directory can be made");
        Self(path)
    }

    /// One that is there already.
    pub fn take(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept for a look: {}", self.0.display());
        } else if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{}: {error}", self.0.display());
        }
    }
}

/// A database for one test: migrated, empty, gone when the test succeeds.
#[derive(Debug)]
pub struct Fresh {
    pub url: String,
    dir: Option<TempDir>,
}

impl Fresh {
    /// A SQLite file, in a directory of its own.
    pub async fn sqlite() -> Self {
        let fresh = Self::sqlite_empty();
        let db = Db::open(&fresh.url, &Options::default()).await.expect("SQLite opens");
        db.migrate().await.expect("SQLite migrates");
        db.close().await;
        fresh
    }

    /// A SQLite file that does not exist yet.
    pub fn sqlite_empty() -> Self {
        let dir = TempDir::new("sqlite");
        Self { url: format!("sqlite://{}/ristourne.db", dir.path().display()), dir: Some(dir) }
    }

    /// A database of the run's PostgreSQL.
    pub async fn postgres() -> Self {
        Self { url: postgres::cluster().await.create_migrated().await, dir: None }
    }

    /// A database of the run's PostgreSQL without a table.
    pub async fn postgres_empty() -> Self {
        Self { url: postgres::cluster().await.create_empty().await, dir: None }
    }

    pub async fn open(&self) -> Db {
        Db::open(&self.url, &Options::default()).await.expect("the database opens")
    }

    /// Takes the database away.
    pub async fn remove(self) {
        if self.dir.is_none() {
            postgres::cluster().await.remove(&self.url).await;
        }
    }
}

/// Runs a test on a fresh, migrated database of each kind: `for_each_database(async |url| { … }).await`.
pub async fn for_each_database(test: impl AsyncFn(&str)) {
    for fresh in [Fresh::sqlite().await, Fresh::postgres().await] {
        eprintln!("on {}", fresh.url);
        test(&fresh.url).await;
        fresh.remove().await;
    }
}

/// As `for_each_database`, on databases without tables.
pub async fn for_each_empty_database(test: impl AsyncFn(&str)) {
    for fresh in [Fresh::sqlite_empty(), Fresh::postgres_empty().await] {
        eprintln!("on {}", fresh.url);
        test(&fresh.url).await;
        fresh.remove().await;
    }
}
