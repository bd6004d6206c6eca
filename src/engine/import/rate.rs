//! Exchange rates of a file into the database, a command a day: sales that waited for one are recorded with it.
use super::{Feed, ImportError, Item, Opened, Progress, Rejects, Store, Tally, Target, kept, pump};
use crate::domain::{
    command::{Act, Channel, Command, Message},
    order::Actor,
};
use crate::formats::csv::{
    Refused, Table, TableError,
    rate::{Rates, Reader},
};
use crate::kernel::{id::InboxId, time::Time};
use sha2::{Digest as _, Sha256};
use std::{io::Read, sync::atomic::Ordering};
use tokio::sync::mpsc;

/// Days of one transaction: some 10,000 rates.
const BATCH_MAX: usize = 256;

/// Stores rates. The first that is known of a day and currency stays: a day that says otherwise is rejected.
pub async fn rates(
    opened: Opened<impl Read + Send + 'static>,
    target: &mut Target,
    rejects: &mut dyn Rejects,
    progress: &Progress,
) -> Result<(), ImportError> {
    let Opened { mut table, header } = opened;
    let reader = Reader::new(&header)?;
    rejects.header(&header);
    let pause = target.shares_sqlite();
    let now = target.clock.now();
    pump(move |to| read(&mut table, &reader, now, to), Days { target }, pause, &mut Tally::new(progress, rejects)).await
}

fn read(table: &mut Table<impl Read>, reader: &Reader, now: Time, to: mpsc::Sender<super::Batch<Rates>>) -> Result<(), TableError> {
    let mut feed = Feed::new(to, BATCH_MAX);
    while let Some(line) = table.next_line()? {
        let fields = line.fields();
        let rates = fields.map_err(Refused::from).and_then(|fields| reader.read(&fields, now));
        feed.add(line.number, kept(&line), fields.map_or(0, |fields| fields.bytes()), rates);
        if feed.is_full() && !feed.send(table.bytes()) {
            return Ok(());
        }
    }
    feed.send(table.bytes());
    Ok(())
}

struct Days<'a> {
    target: &'a mut Target,
}

impl Store<Rates> for Days<'_> {
    async fn store(&mut self, items: Vec<Item<Rates>>, tally: &mut Tally<'_>) -> Result<(), ImportError> {
        let now = self.target.clock.now();
        let command = |item: &Item<Rates>| Command {
            message: Message {
                id: InboxId::from_raw(self.target.ids.next(now)),
                received_at: now,
                channel: Channel::Import,
                by: Actor::Operator,
                merchant: None,
                program: None,
                webhook_id: None,
                body: item.fields.clone(),
                body_hash: Sha256::digest(&item.fields).into(),
            },
            test: false,
            once: None,
            act: Act::Rates { day: item.value.day, rates: item.value.rates.clone() },
        };
        let commands: Vec<Command> = items.iter().map(command).collect();
        let answers = self.target.ledger.submit(commands).await?;
        for (item, answer) in items.into_iter().zip(&answers) {
            tally.progress.passed_over.fetch_add(item.value.passed_over, Ordering::Relaxed);
            tally.answered(item, answer);
        }
        Ok(())
    }
}
