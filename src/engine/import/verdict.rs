//! Verdicts of a file into the ledger: approvals, rejections and adjustments, by conversion or by the order's number.
use super::{Feed, ImportError, Item, Opened, Progress, Reject, Rejects, Store, Tally, Target, kept, pump, sale::wrong_fields};
use crate::domain::{
    access::Scope,
    command::{Act, Channel, Command, Message},
    order::Actor,
    program::Program,
};
use crate::engine::verdict::{self, Wrong};
use crate::formats::{
    csv::{Columns, Fields, Refused, Table, TableError},
    verdict::{Asked, FIELDS},
};
use crate::kernel::id::InboxId;
use sha2::{Digest as _, Sha256};
use std::{io::Read, sync::Arc};
use tokio::sync::mpsc;

/// Lines of one transaction: as of sales.
const BATCH_MAX: usize = 1024;
// Places among the fields.
const CONVERSION: usize = 0;
const PROGRAM: usize = 1;
const ORDER_ID: usize = 2;
const VERDICT: usize = 4;

/// Carries out the verdicts of a file; of a merchant, those about its own programs.
pub async fn verdicts(
    opened: Opened<impl Read + Send + 'static>,
    target: &mut Target,
    scope: Scope,
    rejects: &mut dyn Rejects,
    progress: &Progress,
) -> Result<(), ImportError> {
    let Opened { mut table, header } = opened;
    let columns = Columns::of(&header, &FIELDS)?;
    let named = if columns.has(CONVERSION) { &[VERDICT][..] } else { &[PROGRAM, ORDER_ID, VERDICT] };
    if let Some(n) = named.iter().find(|n| !columns.has(**n)) {
        return Err(TableError::Missing(FIELDS[*n].to_owned()).into());
    }
    rejects.header(&header);
    let pause = target.shares_sqlite();
    pump(move |to| read(&mut table, &columns, to), Verdicts { target, scope }, pause, &mut Tally::new(progress, rejects)).await
}

fn read(table: &mut Table<impl Read>, columns: &Columns, to: mpsc::Sender<super::Batch<Asked>>) -> Result<(), TableError> {
    let mut feed = Feed::new(to, BATCH_MAX);
    while let Some(line) = table.next_line()? {
        let fields = line.fields();
        let asked = fields.map_err(Refused::from).and_then(|fields| asked(columns, &fields));
        feed.add(line.number, kept(&line), fields.map_or(0, |fields| fields.bytes()), asked);
        if feed.is_full() && !feed.send(table.bytes()) {
            return Ok(());
        }
    }
    feed.send(table.bytes());
    Ok(())
}

fn asked(columns: &Columns, fields: &Fields<'_>) -> Result<Asked, Refused> {
    columns.check(fields)?;
    let named = FIELDS.iter().enumerate().map(|(n, name)| (*name, columns.get(fields, n)));
    Asked::parse_row(named).map_err(|errors| wrong_fields(&errors))
}

struct Verdicts<'a> {
    target: &'a mut Target,
    scope: Scope,
}

impl Store<Asked> for Verdicts<'_> {
    async fn store(&mut self, items: Vec<Item<Asked>>, tally: &mut Tally<'_>) -> Result<(), ImportError> {
        let asked = items.iter().map(|item| Ok(item.value.clone())).collect();
        let found = verdict::find(&self.target.db, self.scope, asked).await?;
        let (mut lines, mut commands) = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
        for (item, found) in items.into_iter().zip(found) {
            match found {
                Ok((program, act)) => {
                    commands.push(self.command(&program, act, &item.fields));
                    lines.push(item);
                }
                Err(wrong) => {
                    let Refused { code, because } = match wrong {
                        Wrong::NotFound => Refused::new("not_found", "there is no such conversion or program"),
                        Wrong::Fields(errors) => wrong_fields(&errors),
                    };
                    tally.reject(Reject { line: item.line, code, because, fields: item.fields });
                }
            }
        }
        if commands.is_empty() {
            return Ok(());
        }
        let answers = self.target.ledger.submit(commands).await?;
        for (item, answer) in lines.into_iter().zip(&answers) {
            tally.answered(item, answer);
        }
        Ok(())
    }
}

impl Verdicts<'_> {
    fn command(&self, program: &Arc<Program>, act: Act, fields: &[u8]) -> Command {
        let now = self.target.clock.now();
        let message = Message {
            id: InboxId::from_raw(self.target.ids.next(now)),
            received_at: now,
            channel: Channel::Import,
            by: self.scope.actor().unwrap_or(Actor::Merchant),
            merchant: Some(program.merchant),
            program: Some(program.id),
            webhook_id: None,
            body: fields.to_vec(),
            body_hash: Sha256::digest(fields).into(),
        };
        Command::new(message, act)
    }
}
