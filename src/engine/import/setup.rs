//! A set-up's lines into the database: what is new is stored under its own id, what is known stays, and what says otherwise is refused.
use super::{Feed, ImportError, Item, Progress, Reject, Rejects, Store, Tally, Target, kept, pump, sale::wrong_fields};
use crate::domain::setup::Thing;
use crate::domain::terms;
use crate::engine::keys;
use crate::formats::{
    csv::{LINE_BYTES_MAX, REJECTED, Refused, Table, TableError, write_line},
    setup,
};
use crate::kernel::{id::time_of, seal::Vault, signature::WebhookSecret, time::Time};
use crate::store::{self, StoreError, Tx};
use std::io::{BufRead, BufReader, Read};
use tokio::sync::mpsc;

/// Lines of one write turn.
const BATCH_MAX: usize = 256;

/// The one column of the lines that were refused.
const LINE: &str = "line";

/// Stores a set-up.
pub async fn setup(
    source: impl Read + Send + 'static,
    target: &mut Target,
    rejects: &mut dyn Rejects,
    progress: &Progress,
) -> Result<(), ImportError> {
    rejects.header(&[LINE.to_owned()]);
    let pause = target.shares_sqlite();
    let now = target.clock.now();
    pump(move |to| read(source, to), Things { target, now }, pause, &mut Tally::new(progress, rejects)).await
}

fn read(source: impl Read, to: mpsc::Sender<super::Batch<Thing>>) -> Result<(), TableError> {
    let (mut source, feed) = (BufReader::new(source), Feed::new(to, BATCH_MAX));
    if source.fill_buf()?.starts_with(REJECTED[0].as_bytes()) {
        return read_refused(source, feed);
    }
    read_lines(source, feed)
}

/// A file of lines that were refused, and mended since.
fn read_refused(source: impl Read, mut feed: Feed<Thing>) -> Result<(), TableError> {
    let mut table = Table::open(source)?;
    if table.header()? != [LINE] {
        return Err(TableError::Missing(LINE.to_owned()));
    }
    while let Some(line) = table.next_line()? {
        let fields = line.fields();
        let thing = fields.map_err(Refused::from).and_then(|fields| parsed(fields.get(0).as_bytes()));
        feed.add(line.number, kept(&line), fields.map_or(0, |fields| fields.bytes()), thing);
        if feed.is_full() && !feed.send(table.bytes()) {
            return Ok(());
        }
    }
    feed.send(table.bytes());
    Ok(())
}

fn parsed(line: &[u8]) -> Result<Thing, Refused> {
    setup::read(line).map_err(|errors| wrong_fields(&errors))
}

fn read_lines(mut source: impl BufRead, mut feed: Feed<Thing>) -> Result<(), TableError> {
    let (mut line, mut number, mut bytes) = (Vec::new(), 0, 0);
    loop {
        line.clear();
        let read = source.by_ref().take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        number += 1;
        bytes += read as u64;
        let is_whole = line.ends_with(b"\n") || read < LINE_BYTES_MAX;
        if !is_whole {
            bytes += skip_line(&mut source)?;
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        if number == 1 && !text.starts_with(b"{") {
            return Err(TableError::NotText("not JSON lines as `export setup` writes them"));
        }
        let thing = if is_whole { parsed(text) } else { Err(Refused::new("line_too_long", "longer than 1 MiB")) };
        let mut fields = Vec::new();
        if is_whole {
            write_line(&mut fields, [text]);
            fields.pop();
        }
        feed.add(number, fields, read, thing);
        if feed.is_full() && !feed.send(bytes) {
            return Ok(());
        }
    }
    feed.send(bytes);
    Ok(())
}

/// To the end of a line that is too long; gives its bytes.
fn skip_line(source: &mut impl BufRead) -> std::io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = source.fill_buf()?;
        let (end, is_last) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        source.consume(end);
        skipped += end as u64;
        if is_last {
            return Ok(skipped);
        }
    }
}

struct Things<'a> {
    target: &'a mut Target,
    now: Time,
}

/// What became of a line.
enum Done {
    New,
    Known,
    Refused(Refused),
}

impl Store<Thing> for Things<'_> {
    async fn store(&mut self, items: Vec<Item<Thing>>, tally: &mut Tally<'_>) -> Result<(), ImportError> {
        let mut tx = self.target.db.begin().await?;
        let (mut new, mut known, mut rejects) = (0, 0, Vec::new());
        for Item { line, value, fields } in items {
            match self.one(&mut tx, &value).await? {
                Done::New => new += 1,
                Done::Known => known += 1,
                Done::Refused(Refused { code, because }) => rejects.push(Reject { line, code, because, fields }),
            }
        }
        tx.commit().await?;
        tally.imported(new);
        tally.duplicates(known);
        for reject in rejects {
            tally.reject(reject);
        }
        Ok(())
    }
}

impl Things<'_> {
    async fn one(&self, tx: &mut Tx, thing: &Thing) -> Result<Done, StoreError> {
        let refused = |code, because: String| Ok(Done::Refused(Refused::new(code, because)));
        if let Some(number) = thing.number().filter(|number| time_of(*number) > self.now) {
            return refused("in_future", format!("{} has not come yet", time_of(number)));
        }
        if let Some(stored) = store::setup::stored(tx, thing).await? {
            let same = opened(&self.target.vault, stored).is_some_and(|stored| setup::is_same(&stored, thing));
            return if same { Ok(Done::Known) } else { refused("contradiction", format!("{} is stored and says otherwise", thing.name())) };
        }
        if let Some(word) = store::setup::add::missing(tx, thing).await? {
            return refused("unknown_reference", format!("the {word} that it names is not stored"));
        }
        if let Some(wrong) = self.wrong(tx, thing).await? {
            return Ok(Done::Refused(wrong));
        }
        let sealed = match self.sealed(thing) {
            Ok(sealed) => sealed,
            Err(error) => return refused("not_sealed", error.to_string()),
        };
        if store::setup::add::insert(tx, sealed.as_ref().unwrap_or(thing), self.target.clock.now()).await? {
            Ok(Done::New)
        } else {
            refused("taken", "its slug, e-mail address, external id, code or hash is another's".to_owned())
        }
    }

    /// What a thing says that the API would have refused.
    async fn wrong(&self, tx: &mut Tx, thing: &Thing) -> Result<Option<Refused>, StoreError> {
        match thing {
            Thing::Terms { program, body, .. } => {
                let Some(program) = store::program::by_id(tx, *program).await? else { return Ok(None) };
                Ok(terms::parse::parse(body, program.currency, program.upstream).err().map(|errors| wrong_fields(&errors)))
            }
            Thing::Secret { secret, .. } => {
                let is_secret = std::str::from_utf8(secret).is_ok_and(|text| WebhookSecret::parse(text).is_ok());
                Ok((!is_secret).then(|| Refused::new("invalid_secret", "whsec_ and the base64 of 24 to 64 bytes are wanted")))
            }
            _ => Ok(None),
        }
    }

    /// The thing as it is stored, if it is a secret.
    fn sealed(&self, thing: &Thing) -> Result<Option<Thing>, getrandom::Error> {
        let seal = |plain: &[u8]| Ok(self.target.vault.seal_secret(plain, keys::random()?));
        Ok(match thing {
            Thing::Secret { id, merchant, secret, created_at, revoked_at } => {
                let (id, merchant, created_at, revoked_at) = (*id, *merchant, *created_at, *revoked_at);
                Some(Thing::Secret { id, merchant, secret: seal(secret)?, created_at, revoked_at })
            }
            Thing::SealKey { number, key, created_at } => {
                Some(Thing::SealKey { number: *number, key: seal(key)?, created_at: *created_at })
            }
            _ => None,
        })
    }
}

/// A stored thing with its secret plain; none if another master key sealed it.
pub(in crate::engine) fn opened(vault: &Vault, stored: Thing) -> Option<Thing> {
    Some(match stored {
        Thing::Secret { id, merchant, secret, created_at, revoked_at } => {
            Thing::Secret { id, merchant, secret: vault.open_secret(&secret).ok()?, created_at, revoked_at }
        }
        Thing::SealKey { number, key, created_at } => Thing::SealKey { number, key: vault.open_secret(&key).ok()?, created_at },
        other => other,
    })
}
