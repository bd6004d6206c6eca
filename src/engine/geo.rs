//! Countries of addresses, from an MMDB file: `GeoLite2`, DB-IP and others come as such.
//!
//! The file is read into memory, so that a look-up touches no disk, and read again when it has been replaced. Nothing of it is kept but
//! two letters with each click.

use crate::kernel::{address::Address, country::Country};
use maxminddb::{MaxMindDbError, Reader, path};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

/// How often the file is looked at; that costs one question to the operating system.
const EVERY: Duration = Duration::from_secs(2);

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct GeoError {
    path: PathBuf,
    source: MaxMindDbError,
}

/// When the file was changed, and its length: another file has others.
type Stamp = (Option<SystemTime>, u64);

/// The file as it was read last.
type Current = Arc<RwLock<Arc<Reader<Vec<u8>>>>>;

/// The countries; unknown ones all, where no file is given. Clones share the file.
#[derive(Debug, Clone, Default)]
pub struct Geo(Option<Current>);

impl Geo {
    /// Reads the file, and follows it as long as the task lives.
    pub fn open(path: Option<&Path>) -> Result<(Self, Option<Follow>), GeoError> {
        let Some(path) = path else { return Ok((Self::default(), None)) };
        let stamp = stamp(path);
        let current = Arc::new(RwLock::new(Arc::new(read(path)?)));
        let follow = Follow(tokio::spawn(follow(path.to_owned(), stamp, Arc::clone(&current))));
        Ok((Self(Some(current)), Some(follow)))
    }

    /// Where an address is, if that is known. About 1 µs.
    pub fn country(&self, address: Address) -> Option<Country> {
        let reader = Arc::clone(&self.0.as_ref()?.read().unwrap_or_else(PoisonError::into_inner));
        let code = reader.lookup(address.ip()).and_then(|found| found.decode_path::<&str>(&path!["country", "iso_code"]));
        match code {
            Ok(code) => code.and_then(Country::parse),
            Err(error) => {
                // A damaged record, or an IPv6 address in a database of IPv4.
                tracing::debug!(%error, ?address, "no country");
                None
            }
        }
    }
}

/// The task that follows the file; dropped, it ends.
#[derive(Debug)]
pub struct Follow(JoinHandle<()>);

impl Drop for Follow {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn follow(path: PathBuf, mut known: Stamp, current: Arc<RwLock<Arc<Reader<Vec<u8>>>>>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let file = path.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let seen = stamp(&file);
            (seen, (seen != known).then(|| read(&file)))
        });
        match looked.await {
            Ok((seen, Some(Ok(reader)))) => {
                known = seen;
                *current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(reader);
                tracing::info!(path = %path.display(), "the database of addresses was replaced");
            }
            Ok((seen, Some(Err(error)))) => {
                // Half-written perhaps: when it changes again it is read again.
                known = seen;
                tracing::warn!(%error, "the database of addresses cannot be read; the one in memory stays");
            }
            Ok((_, None)) => {}
            Err(error) => tracing::error!(%error, "the database of addresses was not looked at"),
        }
    }
}

fn stamp(path: &Path) -> Stamp {
    std::fs::metadata(path).map_or((None, 0), |file| (file.modified().ok(), file.len()))
}

fn read(path: &Path) -> Result<Reader<Vec<u8>>, GeoError> {
    Reader::open_readfile(path).map_err(|source| GeoError { path: path.to_owned(), source })
}
