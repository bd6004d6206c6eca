//! What `import` reads back without loss: clicks, sales, rates and the set-up they refer to, each streamed from one snapshot.

use super::ExportError;
use crate::domain::{
    order::Actor,
    setup::{Kinds, Thing},
};
use crate::engine::import;
use crate::formats::{
    csv::{self, click, rate, sale},
    setup,
};
use crate::kernel::{
    currency::Currency,
    id::{ClickId, ConversionId},
    seal::Vault,
    time::Day,
};
use crate::store::{self, Db};
use std::io::Write;

/// Rows of one read: bounds the memory, whatever there is to export.
const PAGE: i64 = 5_000;
/// Orders of one read, with all their facts.
const ORDERS_PAGE: i64 = 500;

/// Writes every click, oldest first.
pub async fn clicks(db: &Db, out: &mut impl Write) -> Result<u64, ExportError> {
    let mut tx = db.read().await?;
    let (mut after, mut count, mut text) = (ClickId::from_raw(-1), 0, Vec::new());
    csv::write_line(&mut text, click::COLUMNS.map(str::as_bytes));
    loop {
        let page = store::click::whole_page(&mut tx, after, PAGE).await?;
        for stored in &page {
            let exported = click::Exported {
                id: stored.id,
                link: stored.link,
                quality: stored.quality,
                consent: stored.consent,
                buyer: stored.buyer,
                address: stored.address.as_deref(),
                country: stored.country,
                agent: stored.agent.as_deref(),
                referrer: stored.referrer.as_deref(),
                subs: stored.subs.each_ref().map(Option::as_deref),
                url: stored.url.as_deref(),
            };
            click::write(&mut text, &exported);
            count += 1;
        }
        out.write_all(&text)?;
        text.clear();
        let Some(last) = page.last() else { break };
        after = last.id;
    }
    out.flush()?;
    Ok(count)
}

/// Writes which clicks sign-ins gave to whom, then every fact of every order: orders by number, the facts of each as they came.
pub async fn sales(db: &Db, out: &mut impl Write) -> Result<u64, ExportError> {
    let mut tx = db.read().await?;
    let (mut count, mut text) = (0, Vec::new());
    csv::write_line(&mut text, sale::COLUMNS.map(str::as_bytes));
    let mut after = ClickId::from_raw(-1);
    loop {
        let page = store::tie::page(&mut tx, after, PAGE).await?;
        for (click, tie) in &page {
            sale::write_tie(&mut text, *click, *tie);
            count += 1;
        }
        out.write_all(&text)?;
        text.clear();
        let Some((last, _)) = page.last() else { break };
        after = *last;
    }
    let mut after = ConversionId::from_raw(-1);
    loop {
        let page = store::order::export::page(&mut tx, after, ORDERS_PAGE).await?;
        for stored in &page {
            let fact = sale::Fact {
                conversion: stored.fact.conversion,
                order: stored.key.clone(),
                kind: &stored.fact.kind,
                key: &stored.fact.key,
                at: stored.fact.at,
                by: stored.by.unwrap_or(Actor::Operator),
                body: &stored.fact.body,
                looked_up: stored.context.as_deref(),
            };
            sale::write(&mut text, &fact);
            count += 1;
        }
        out.write_all(&text)?;
        text.clear();
        let Some(last) = page.last() else { break };
        after = last.fact.conversion;
    }
    out.flush()?;
    Ok(count)
}

/// Writes the rates in the form of the ECB's history, oldest day first. Gives the number of days.
pub async fn rates(db: &Db, out: &mut impl Write) -> Result<u64, ExportError> {
    let mut tx = db.read().await?;
    let currencies = store::rate::currencies(&mut tx).await?;
    let (mut count, mut text) = (0, Vec::new());
    rate::head(&mut text, &currencies);
    let mut after: Option<(Day, Currency)> = None;
    let mut day = Vec::new();
    loop {
        let page = store::rate::page(&mut tx, after, PAGE).await?;
        // A day is written when the next has begun.
        for (of, currency, rate) in &page {
            if let Some((last, _)) = after.filter(|(last, _)| last != of) {
                rate::write(&mut text, &currencies, last, &std::mem::take(&mut day));
                count += 1;
            }
            day.push((*currency, *rate));
            after = Some((*of, *currency));
        }
        if page.is_empty() {
            break;
        }
        out.write_all(&text)?;
        text.clear();
    }
    if let Some((last, _)) = after {
        rate::write(&mut text, &currencies, last, &day);
        count += 1;
    }
    out.write_all(&text)?;
    out.flush()?;
    Ok(count)
}

/// Writes everything that clicks and sales refer to, as JSON lines. With a vault also what is secret, plain: who has the file can sign
/// postbacks, forge click ids and use every API key's hash.
pub async fn setup(db: &Db, secrets: Option<&Vault>, out: &mut impl Write) -> Result<u64, ExportError> {
    let mut tx = db.read().await?;
    let (mut count, mut text) = (0, Vec::new());
    let secret_kinds = secrets.map_or(&[][..], |_| &Kinds::SECRET[..]);
    for kinds in Kinds::PLAIN.iter().chain(secret_kinds) {
        let mut after = -1;
        loop {
            let page = store::setup::page(&mut tx, *kinds, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.place().1;
            for thing in page {
                let thing = open(secrets, thing)?;
                setup::write(&mut text, &thing);
                count += 1;
            }
            out.write_all(&text)?;
            text.clear();
        }
    }
    out.flush()?;
    Ok(count)
}

fn open(secrets: Option<&Vault>, thing: Thing) -> Result<Thing, ExportError> {
    let name = thing.name();
    match secrets {
        Some(vault) => import::opened(vault, thing).ok_or(ExportError::Sealed(name)),
        None => Ok(thing),
    }
}
