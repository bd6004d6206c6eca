//! Clicks of a file into the database.
use super::{Feed, ImportError, Item, Ledger, Opened, Progress, Reject, Rejects, Store, Tally, Target, kept, pump};
use crate::domain::{click::Click, facts::LinkFacts, fold::Counter};
use crate::formats::csv::{
    Refused, Table, TableError,
    click::{Imported, Links, NO_ID_LEFT, Reader},
};
use crate::kernel::{
    id::{ClickId, LinkId},
    time::Time,
};
use crate::store::{
    self, Db, StoreError,
    click::Stored,
    direct::{Direct, InsertTx},
};
use std::{
    collections::{HashMap, HashSet},
    io::Read,
};

/// Clicks of one write turn: some 40 ms on SQLite at the measured rate.
const BATCH_MAX: usize = 4096;
/// The same within a server, whose other writers wait for the turn.
const SHARED_BATCH_MAX: usize = 1000;
/// A deadlock or a serialisation failure runs the transaction again so often.
const TRIES_MAX: u32 = 3;
/// Phrases known to be stored, so that they are not written again: some 2 MB.
const PHRASES_MAX: usize = 100_000;

/// Stores the clicks of a file, which are new if their ids are.
pub async fn clicks(
    opened: Opened<impl Read + Send + 'static>,
    target: &mut Target,
    rejects: &mut dyn Rejects,
    progress: &Progress,
) -> Result<(), ImportError> {
    let Opened { mut table, header } = opened;
    let mut reader = Reader::new(&header)?;
    rejects.header(&header);
    let links = Known::load(&target.db).await?;
    // Ids of this moment and later may be made by a server that runs.
    let now = target.clock.now();
    let batch_max = if matches!(target.ledger, Ledger::Own(..)) { BATCH_MAX } else { SHARED_BATCH_MAX };
    let counter = Counter::new(target.zone.clone());
    let store = Clicks { direct: target.db.direct(), counter, target, phrases: HashSet::new() };
    let pause = store.target.shares_sqlite();
    let read = move |to| read(&mut table, &mut reader, &links, now, Feed::new(to, batch_max));
    pump(read, store, pause, &mut Tally::new(progress, rejects)).await
}

fn read(table: &mut Table<impl Read>, reader: &mut Reader, links: &Known, now: Time, mut feed: Feed<Imported>) -> Result<(), TableError> {
    while let Some(line) = table.next_line()? {
        let fields = line.fields();
        let click = fields.map_err(Refused::from).and_then(|fields| reader.read(&fields, links, now));
        // Nothing but the reader refuses a click, so only then is its line of any use.
        let kept = if click.is_err() { kept(&line) } else { Vec::new() };
        feed.add(line.number, kept, fields.map_or(0, |fields| fields.bytes()), click);
        if feed.is_full() && !feed.send(table.bytes()) {
            return Ok(());
        }
    }
    feed.send(table.bytes());
    Ok(())
}

/// Every link that there is.
#[derive(Debug)]
struct Known {
    by_id: HashMap<LinkId, LinkFacts>,
    by_slug: HashMap<String, LinkId>,
}

impl Known {
    async fn load(db: &Db) -> Result<Self, StoreError> {
        let links = store::link::all(&mut db.read().await?).await?;
        let mut known = Self { by_id: HashMap::with_capacity(links.len()), by_slug: HashMap::with_capacity(links.len()) };
        for link in links {
            known.by_id.insert(link.id, LinkFacts { program: link.program, publisher: link.publisher });
            known.by_slug.insert(link.slug, link.id);
        }
        Ok(known)
    }
}

impl Links for Known {
    fn by_id(&self, id: LinkId) -> Option<LinkFacts> {
        self.by_id.get(&id).copied()
    }
    fn by_slug(&self, slug: &str) -> Option<(LinkId, LinkFacts)> {
        let id = *self.by_slug.get(slug)?;
        Some((id, self.by_id(id)?))
    }
}

struct Clicks<'a> {
    target: &'a mut Target,
    direct: Option<Direct>,
    counter: Counter,
    phrases: HashSet<i64>,
}

impl Store<Imported> for Clicks<'_> {
    async fn store(&mut self, items: Vec<Item<Imported>>, tally: &mut Tally<'_>) -> Result<(), ImportError> {
        let mut left = items;
        for place in 1.. {
            let clicks: Vec<&Click> = left.iter().map(|item| &item.value.click).collect();
            let taken = self.insert(&clicks).await?;
            tally.imported(clicks.len() - taken.len());
            let others = self.others(&left, &taken).await?;
            tally.duplicates(taken.len() - others.len());
            if others.is_empty() {
                break;
            }
            let mut next = Vec::with_capacity(others.len());
            for (_, mut item) in left.into_iter().enumerate().filter(|(n, _)| others.contains(n)) {
                let Imported { click, sequence } = &mut item.value;
                if sequence.as_ref().is_some_and(|sequence| sequence.put(click, place)) {
                    next.push(item);
                } else {
                    let because = "too many clicks of that time: no id is left for it".to_owned();
                    tally.reject(Reject { line: item.line, code: NO_ID_LEFT, because, fields: item.fields });
                }
            }
            left = next;
        }
        Ok(())
    }
}

impl Clicks<'_> {
    /// Stores those whose ids are free; gives the others' places.
    async fn insert(&mut self, clicks: &[&Click]) -> Result<Vec<usize>, StoreError> {
        let mut tries = 0;
        let (phrases, taken) = loop {
            tries += 1;
            match self.transaction(clicks).await {
                Err(error) if error.is_retryable() && tries < TRIES_MAX => {}
                done => break done?,
            }
        };
        if self.phrases.len() + phrases.len() > PHRASES_MAX {
            self.phrases.clear();
        }
        self.phrases.extend(phrases);
        Ok(taken)
    }

    /// Of those whose ids are taken: whose made ids are another click's, by chance. The rest are stored already.
    async fn others(&mut self, items: &[Item<Imported>], taken: &[usize]) -> Result<HashSet<usize>, StoreError> {
        let made: Vec<usize> = taken.iter().copied().filter(|n| items[*n].value.sequence.is_some()).collect();
        if made.is_empty() {
            return Ok(HashSet::new());
        }
        let ids: Vec<ClickId> = made.iter().map(|n| items[*n].value.click.id).collect();
        let stored = store::click::by_ids(&mut self.target.db.read().await?, &ids).await?;
        let stored: HashMap<ClickId, Stored> = stored.into_iter().map(|click| (click.id, click)).collect();
        let is_other = |click: &Click| stored.get(&click.id).is_some_and(|stored| !stored.says_the_same(click));
        Ok(made.into_iter().filter(|n| is_other(&items[*n].value.click)).collect())
    }

    async fn transaction(&mut self, clicks: &[&Click]) -> Result<(Vec<i64>, Vec<usize>), StoreError> {
        let mut tx = InsertTx::begin(&self.target.db, self.direct.as_mut()).await?;
        let stored = store::click::insert_missing(&mut tx, &mut self.counter, clicks, &self.phrases).await?;
        tx.commit().await?;
        Ok(stored)
    }
}
