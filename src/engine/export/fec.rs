//! The books of a year for the accountant's software, streamed from one snapshot.

use super::ExportError;
use crate::domain::{
    account::Account,
    entry::{Entry, Subject},
};
use crate::formats::fec::{Names, Writer, parties};
use crate::kernel::{
    currency::Currency,
    id::EntryId,
    time::{Day, Zone},
};
use crate::store::{self, Db, StoreError, Tx, entry};
use std::{collections::BTreeSet, io::Write};

/// Entries of one read.
const PAGE: i64 = 500;

/// What was written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    pub entries: u64,
    /// Entries in other currencies, which the books in euros leave out.
    pub others: u64,
}

/// Writes the final lines of the entries of these days, from the first and before the last.
pub async fn fec(db: &Db, zone: &Zone, (from, until): (Day, Day), out: &mut impl Write) -> Result<Written, ExportError> {
    let mut tx = db.read().await?;
    let (mut writer, mut names, mut written, mut text) = (Writer::new(zone.clone()), Names::default(), Written::default(), String::new());
    Writer::head(&mut text);
    let (mut after, end) = ((zone.start(from).plus(-1), EntryId::from_raw(i64::MAX)), zone.start(until));
    loop {
        let mut page: Vec<Entry> = entry::by_time(&mut tx, after, PAGE).await?.into_iter().map(|stored| stored.entry).collect();
        let Some(last) = page.last() else { break };
        after = (last.at, last.id);
        page.retain(|entry| entry.at < end);
        learn(&mut tx, &mut names, &page).await?;
        for entry in &page {
            let is_final = parties(entry).next().is_some();
            if entry.currency == Currency::EUR {
                written.entries += u64::from(writer.entry(entry, &names, &mut text));
            } else {
                written.others += u64::from(is_final);
            }
        }
        out.write_all(text.as_bytes())?;
        text.clear();
        if after.0 >= end {
            break;
        }
    }
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(written)
}

/// The days of a calendar year: its first, and the first of the next.
pub fn year(year: u16) -> Option<(Day, Day)> {
    let first = |year: u16| Day::parse(&format!("{year:04}-01-01"));
    Some((first(year)?, first(year + 1)?))
}

/// The names of those whom a page names and that are not known yet.
async fn learn(tx: &mut Tx, names: &mut Names, page: &[Entry]) -> Result<(), StoreError> {
    let (mut merchants, mut publishers, mut programs) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for account in page.iter().flat_map(parties) {
        match account {
            Account::MerchantOwed(id) if !names.merchants.contains_key(&id) => drop(merchants.insert(id)),
            Account::Publisher(id, _) if !names.publishers.contains_key(&id) => drop(publishers.insert(id)),
            Account::Unclaimed(id, _) if !names.programs.contains_key(&id) => drop(programs.insert(id)),
            _ => {}
        }
    }
    let merchants = store::merchant::by_ids(tx, &merchants.into_iter().collect::<Vec<_>>()).await?;
    names.merchants.extend(merchants.into_iter().map(|merchant| (merchant.id, merchant.name)));
    let publishers = store::publisher::by_ids(tx, &publishers.into_iter().collect::<Vec<_>>()).await?;
    names.publishers.extend(publishers.into_iter().map(|publisher| (publisher.id, publisher.name)));
    let programs = store::program::by_ids(tx, &programs.into_iter().collect::<Vec<_>>()).await?;
    names.programs.extend(programs.into_iter().map(|program| (program.id, program.name)));
    learn_documents(tx, names, page).await
}

/// The numbers of the documents of a page. Each has one entry, so those of the page before are done with.
async fn learn_documents(tx: &mut Tx, names: &mut Names, page: &[Entry]) -> Result<(), StoreError> {
    let (mut invoices, mut statements) = (Vec::new(), Vec::new());
    for entry in page {
        match entry.subject {
            Subject::Invoice(id) => invoices.push(id),
            Subject::Statement(id) => statements.push(id),
            Subject::Order(_) | Subject::Movement(_) | Subject::Payment(_) => {}
        }
    }
    let invoices = store::invoice::by_ids(tx, &invoices).await?.into_iter().map(|invoice| (Subject::Invoice(invoice.id), invoice.number));
    let statements = store::statement::by_ids(tx, &statements).await?.into_iter().map(|one| (Subject::Statement(one.id), one.number));
    names.documents = invoices.chain(statements).collect();
    Ok(())
}
