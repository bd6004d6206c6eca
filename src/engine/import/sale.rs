//! Sales of a file into the ledger: facts of our own export, taken over as they were, or lines like postbacks, judged as if they came in now.
use super::{BATCH_BYTES_MAX, Feed, ImportError, Item, Opened, Progress, Rejects, Store, Tally, Target, kept, pump};
use crate::domain::{
    command::{Act, Channel, Command, Message, Restored},
    order::Actor,
    program::Program,
    sale::{OpenedClick, SentClick},
};
use crate::engine::keys;
use crate::formats::{
    csv::{
        Columns, Fields, Refused, Table, TableError,
        sale::{self, Exported, POSTBACK_COLUMNS},
    },
    postback::{Postback, Received},
};
use crate::kernel::{
    fields::FieldErrors,
    id::{ClickId, ConversionId, Generator, InboxId, ProgramId, time_of},
    seal::KeyRing,
    time::Time,
};
use crate::store::{
    self,
    order::{self, Given},
};
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeSet, HashMap},
    io::Read,
    sync::Arc,
};
use tokio::sync::mpsc;

/// Lines of one transaction: a tenth of a second's work on SQLite.
const BATCH_MAX: usize = 1024;
/// The facts of an order stay together, but for orders that have more batches than one.
const BATCH_LINES_MAX: usize = 8 * BATCH_MAX;
const ORDER_ID: usize = 3;

/// Stores the sales of a file, and whatever else it says of orders.
pub async fn sales(
    opened: Opened<impl Read + Send + 'static>,
    target: &mut Target,
    rejects: &mut dyn Rejects,
    progress: &Progress,
) -> Result<(), ImportError> {
    let Opened { mut table, header } = opened;
    let programs = store::program::all(&mut target.db.read().await?).await?;
    let programs: HashMap<ProgramId, Program> = programs.into_iter().map(|program| (program.id, program)).collect();
    let now = target.clock.now();
    let form = if sale::is_export(&header) {
        Form::Export(sale::Reader::new(&header)?)
    } else {
        let columns = Columns::of(&header, &POSTBACK_COLUMNS)?;
        if let Some(n) = [0, ORDER_ID].into_iter().find(|n| !columns.has(*n)) {
            return Err(TableError::Missing(POSTBACK_COLUMNS[n].to_owned()).into());
        }
        Form::Postbacks(columns, keys::ring(&target.db, &target.vault, now).await?)
    };
    rejects.header(&header);
    let reader = Reader { form, programs, ids: Arc::clone(&target.ids), now };
    let pause = target.shares_sqlite();
    pump(move |to| reader.read_all(&mut table, to), Sales { target }, pause, &mut Tally::new(progress, rejects)).await
}

enum Form {
    Export(sale::Reader),
    /// Click ids in it are opened with these keys.
    Postbacks(Columns, KeyRing),
}

struct Reader {
    form: Form,
    programs: HashMap<ProgramId, Program>,
    ids: Arc<Generator>,
    /// When the import began: lines like postbacks came in then.
    now: Time,
}

impl Reader {
    fn read_all(&self, table: &mut Table<impl Read>, to: mpsc::Sender<super::Batch<Command>>) -> Result<(), TableError> {
        let mut feed = Feed::new(to, BATCH_MAX);
        let mut order: Option<ConversionId> = None;
        while let Some(line) = table.next_line()? {
            let (number, kept) = (line.number, kept(&line));
            let fields = line.fields();
            let command = fields.map_err(Refused::from).and_then(|fields| self.read(&fields, &kept));
            let next = command.as_ref().ok().and_then(restored);
            let stays = next.is_some() && next == order && feed.batch.lines() < BATCH_LINES_MAX && feed.batch.bytes < 4 * BATCH_BYTES_MAX;
            let bytes = fields.map_or(0, |fields| fields.bytes());
            // Before the line, so that no order is cut where it can be helped: who reads meanwhile sees it whole.
            if feed.is_full() && !stays && !feed.send(table.bytes()) {
                return Ok(());
            }
            order = next;
            feed.add(number, kept, bytes, command);
        }
        feed.send(table.bytes());
        Ok(())
    }

    fn read(&self, fields: &Fields<'_>, kept: &[u8]) -> Result<Command, Refused> {
        match &self.form {
            Form::Export(reader) => self.exported(reader.read(fields)?, kept),
            Form::Postbacks(columns, ring) => self.postback(columns, ring, fields, kept),
        }
    }

    fn exported(&self, line: Exported<'_>, kept: &[u8]) -> Result<Command, Refused> {
        let (act, at, by, program) = match line {
            Exported::ClickTie { click, tie } => (Act::Restore(Restored::ClickTie { click, tie }), tie.at, Actor::Buyer, None),
            Exported::Fact(fact) => {
                let program = fact.order.program;
                if time_of(fact.conversion.raw()) > self.now || fact.at > self.now {
                    return Err(Refused::new("in_future", "it has not come yet"));
                }
                let given = Given {
                    id: fact.conversion,
                    key: &fact.order,
                    kind: fact.kind,
                    fact_key: fact.key,
                    at: fact.at,
                    body: fact.body,
                    context: fact.looked_up,
                };
                let wrong = || Refused::new("invalid_fact", "fact, key, body and looked_up are not a fact that ristourne exports");
                let (restored, kind) = order::exported(&given).ok_or_else(wrong)?;
                (Act::Restore(Restored::Fact { order: Box::new(restored), fact: kind }), fact.at, fact.by, Some(program))
            }
        };
        let merchant = match program {
            Some(id) => Some(self.programs.get(&id).ok_or_else(|| unknown_program(&id.to_string()))?.merchant),
            None => None,
        };
        Ok(Command { message: Message { merchant, program, ..self.message(at, by, kept) }, test: false, once: None, act })
    }

    fn postback(&self, columns: &Columns, ring: &KeyRing, fields: &Fields<'_>, kept: &[u8]) -> Result<Command, Refused> {
        columns.check(fields)?;
        // Of times, what tables have is taken too.
        let occurred_at = match columns.get(fields, OCCURRED_AT) {
            "" => None,
            text => Some(crate::formats::csv::moment(text).map_or_else(|| text.to_owned(), |time| time.to_string())),
        };
        let named = POSTBACK_COLUMNS.iter().enumerate().map(|(n, name)| match (n, &occurred_at) {
            (OCCURRED_AT, Some(text)) => (*name, text.as_str()),
            _ => (*name, columns.get(fields, n)),
        });
        let postback = Postback::parse_row(named).map_err(|errors| wrong_fields(&errors))?;
        let id = columns.get(fields, 0);
        let program = postback.program().and_then(|id| self.programs.get(&id)).ok_or_else(|| unknown_program(id))?;
        let open = |text: &str| ring.open_click(text).and_then(|token| OpenedClick::of(&token));
        let act = postback.into_act(program, Received { at: self.now, signed: true }, &open).map_err(|errors| wrong_fields(&errors))?;
        let message = self.message(self.now, Actor::Operator, kept);
        Ok(Command {
            message: Message { merchant: Some(program.merchant), program: Some(program.id), ..message },
            test: false,
            once: None,
            act,
        })
    }

    fn message(&self, at: Time, by: Actor, kept: &[u8]) -> Message {
        Message {
            id: InboxId::from_raw(self.ids.next(at)),
            received_at: at,
            channel: Channel::Import,
            by,
            merchant: None,
            program: None,
            webhook_id: None,
            body: kept.to_vec(),
            body_hash: Sha256::digest(kept).into(),
        }
    }
}

const OCCURRED_AT: usize = 12;

fn restored(command: &Command) -> Option<ConversionId> {
    match &command.act {
        Act::Restore(Restored::Fact { order, .. }) => Some(order.id),
        _ => None,
    }
}

fn unknown_program(id: &str) -> Refused {
    Refused::new("unknown_program", format!("there is no program {id}"))
}

/// Every wrong field in one line, under the code of the first.
pub(super) fn wrong_fields(errors: &FieldErrors) -> Refused {
    let each = errors.as_slice().iter().map(|error| format!("{}: {}", error.field, error.detail));
    Refused::new(errors.code(), each.collect::<Vec<_>>().join("; "))
}

struct Sales<'a> {
    target: &'a mut Target,
}

impl Store<Command> for Sales<'_> {
    async fn store(&mut self, items: Vec<Item<Command>>, tally: &mut Tally<'_>) -> Result<(), ImportError> {
        let (mut lines, mut commands) = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
        for Item { line, value, fields } in items {
            lines.push(Item { line, value: (), fields });
            commands.push(value);
        }
        self.open_plain_ids(&mut commands).await?;
        let answers = self.target.ledger.submit(commands).await?;
        for (item, answer) in lines.into_iter().zip(&answers) {
            tally.answered(item, answer);
        }
        Ok(())
    }
}

impl Sales<'_> {
    /// A file may name clicks by their plain ids, `clk_…`, which only the operator can: what the seal would say is read from the click.
    async fn open_plain_ids(&self, commands: &mut [Command]) -> Result<(), ImportError> {
        let plain = |click: &SentClick| match click {
            SentClick::Unknown(text) => text.parse::<ClickId>().ok(),
            SentClick::Opened(_) => None,
        };
        let sold = |command: &Command| match &command.act {
            Act::Sale { sale, .. } => sale.clicks.iter().filter_map(plain).collect(),
            _ => Vec::new(),
        };
        let ids: BTreeSet<ClickId> = commands.iter().flat_map(sold).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let ids: Vec<ClickId> = ids.into_iter().collect();
        let stored = store::click::by_ids(&mut self.target.db.read().await?, &ids).await?;
        let opened: HashMap<ClickId, OpenedClick> = stored
            .into_iter()
            .map(|click| (click.id, OpenedClick { click: click.id, link: click.link, buyer: click.buyer, quality: click.quality }))
            .collect();
        for command in commands {
            let Act::Sale { sale, .. } = &mut command.act else { continue };
            for click in &mut sale.clicks {
                if let Some(found) = plain(click).and_then(|id| opened.get(&id)) {
                    *click = SentClick::Opened(*found);
                }
            }
        }
        Ok(())
    }
}
