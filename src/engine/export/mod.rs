//! Exports. `export ledger`: the whole journal, streamed from one snapshot in the order of posting time and id.

pub mod data;
pub mod fec;

use crate::formats::ledger::{self, Format};
use crate::kernel::{id::EntryId, time::Time};
use crate::store::{Db, StoreError, audit, chain, entry};
use std::{collections::BTreeSet, io::Write};

/// Entries of one read. Bounds the memory, whatever the journal's length.
const PAGE: i64 = 500;

/// Why an export stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0} is sealed with another master key: give the one that sealed it, --master-key")]
    Sealed(String),
    #[error("writing: {0}")]
    Write(#[from] std::io::Error),
}

/// Writes the journal and gives the number of its entries. It states the heads of the chains, so that a journal cut short later shows.
pub async fn journal(db: &Db, format: Format, out: &mut impl Write) -> Result<u64, ExportError> {
    let mut tx = db.read().await?;
    let used = audit::accounts(&mut tx).await?;
    let currencies: BTreeSet<_> = used.iter().map(|(_, currency, _)| *currency).collect();
    let mut accounts: Vec<(_, Time)> = Vec::new();
    for (account, _, since) in used {
        match accounts.last_mut().filter(|(last, _)| *last == account) {
            Some((_, first)) => *first = (*first).min(since),
            None => accounts.push((account, since)),
        }
    }
    let heads = chain::heads(&mut tx).await?;
    out.write_all(ledger::head(format, &accounts, &currencies, &heads).as_bytes())?;
    let (mut after, mut count, mut text) = ((Time::from_micros(i64::MIN), EntryId::from_raw(0)), 0, String::new());
    loop {
        let page = entry::by_time(&mut tx, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = (last.entry.at, last.entry.id);
        text.clear();
        for chained in &page {
            ledger::entry(format, &chained.entry, &mut text);
            count += 1;
        }
        out.write_all(text.as_bytes())?;
    }
    out.flush()?;
    Ok(count)
}
