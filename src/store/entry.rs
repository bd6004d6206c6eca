//! The journal: entries with their postings, one hash chain per node. Rows are only ever added.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{
    account::{Account, Owner},
    entry::{Entry, Kind, Link, Row as Postings, Subject, SubjectKind},
};
use crate::kernel::{
    currency::Currency,
    id::{EntryId, ProgramId},
    time::Time,
};
use crate::{args, statements};
use std::collections::HashMap;

statements! {
    LIST = "SELECT id, node, seq, at, kind, subject_kind, subject, program, currency, previous, hash FROM journal_entry";
    POSTINGS = "SELECT entry, account, amount, currency FROM posting WHERE entry IN (SELECT value FROM json_each($1)) ORDER BY entry, line",
        postgres "SELECT entry, account, amount, currency FROM posting WHERE entry = ANY($1) ORDER BY entry, line";
    LINES = "SELECT p.entry, p.line, p.account, p.amount, p.currency, e.at, e.kind, e.subject_kind, e.subject, e.program
        FROM posting p JOIN journal_entry e ON e.id = p.entry";
}

/// An entry as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub entry: Entry,
    /// Of an order.
    pub program: Option<ProgramId>,
    /// Its place in its node's chain.
    pub link: Link,
    /// The hash of the entry before it.
    pub previous: [u8; 32],
}

/// A line of the journal, for those whose account it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub entry: EntryId,
    /// 1, 2, 3, … within the entry.
    pub line: i64,
    pub account: Account,
    /// Minor units, debit positive.
    pub amount: i64,
    pub currency: Currency,
    pub at: Time,
    pub kind: Kind,
    pub subject: Subject,
    /// Of an order.
    pub program: Option<ProgramId>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    node: i64,
    seq: i64,
    at: i64,
    kind: String,
    subject_kind: String,
    subject: i64,
    program: Option<i64>,
    currency: String,
    previous: Vec<u8>,
    hash: Vec<u8>,
}

#[derive(sqlx::FromRow)]
struct PostingRow {
    entry: i64,
    account: String,
    amount: i64,
    currency: String,
}

#[derive(sqlx::FromRow)]
struct LineRow {
    entry: i64,
    line: i64,
    account: String,
    amount: i64,
    currency: String,
    at: i64,
    kind: String,
    subject_kind: String,
    subject: i64,
    program: Option<i64>,
}

fn subject(kind: &str, number: i64) -> Option<Subject> {
    Some(Subject::from_raw(SubjectKind::from_word(kind)?, number))
}

fn hash(bytes: &[u8]) -> Option<[u8; 32]> {
    bytes.try_into().ok()
}

impl Row {
    fn with(self, postings: Postings) -> Result<Stored, StoreError> {
        let id = EntryId::from_raw(self.id);
        let corrupt = |column| StoreError::corrupt("journal_entry", column, id);
        let node = u16::try_from(self.node).map_err(|_| corrupt("node"))?;
        let entry = Entry {
            id,
            kind: Kind::from_word(&self.kind).ok_or_else(|| corrupt("kind"))?,
            subject: subject(&self.subject_kind, self.subject).ok_or_else(|| corrupt("subject_kind"))?,
            at: Time::from_micros(self.at),
            currency: self.currency.parse().map_err(|_| corrupt("currency"))?,
            postings,
        };
        Ok(Stored {
            entry,
            program: self.program.map(ProgramId::from_raw),
            link: Link { node, seq: self.seq, hash: hash(&self.hash).ok_or_else(|| corrupt("hash"))? },
            previous: hash(&self.previous).ok_or_else(|| corrupt("previous"))?,
        })
    }
}

impl LineRow {
    fn read(&self) -> Result<Line, StoreError> {
        let entry = EntryId::from_raw(self.entry);
        let corrupt = |column| StoreError::corrupt("posting", column, format_args!("{entry}/{}", self.line));
        Ok(Line {
            entry,
            line: self.line,
            account: self.account.parse().map_err(|_| corrupt("account"))?,
            amount: self.amount,
            currency: self.currency.parse().map_err(|_| corrupt("currency"))?,
            at: Time::from_micros(self.at),
            kind: Kind::from_word(&self.kind).ok_or_else(|| StoreError::corrupt("journal_entry", "kind", entry))?,
            subject: subject(&self.subject_kind, self.subject)
                .ok_or_else(|| StoreError::corrupt("journal_entry", "subject_kind", entry))?,
            program: self.program.map(ProgramId::from_raw),
        })
    }
}

/// The entries about one thing, oldest first.
pub async fn of_subject(tx: &mut Tx, subject: Subject) -> Result<Vec<Stored>, StoreError> {
    let rows = Filter::new(LIST).and("subject =", Some(subject.raw())).tail("ORDER BY at, id").all(tx).await?;
    with_postings(tx, rows).await
}

/// The entries about some things, oldest first. Numbers of different kinds are never the same.
pub async fn of_subjects(tx: &mut Tx, subjects: impl IntoIterator<Item = Subject>) -> Result<Vec<Stored>, StoreError> {
    let ids: Vec<i64> = subjects.into_iter().map(Subject::raw).collect();
    let rows = Filter::new(LIST).any_of("subject", Some(ids)).tail("ORDER BY at, id").all(tx).await?;
    with_postings(tx, rows).await
}

/// A node's entries after `seq`, in the order of its chain.
pub async fn of_node(tx: &mut Tx, node: u16, after: i64, limit: i64) -> Result<Vec<Stored>, StoreError> {
    let rows =
        Filter::new(LIST).and("node =", Some(i64::from(node))).and("seq >", Some(after)).order("ORDER BY seq", limit).all(tx).await?;
    with_postings(tx, rows).await
}

/// Every node's entries after a time and id, in the order of exports.
pub async fn by_time(tx: &mut Tx, after: (Time, EntryId), limit: i64) -> Result<Vec<Stored>, StoreError> {
    let after = (after.0.micros(), after.1.raw());
    let rows = Filter::new(LIST).and_pair("(at, id) >", Some(after)).order("ORDER BY at, id", limit).all(tx).await?;
    with_postings(tx, rows).await
}

/// A place in a list of lines: entry and line.
pub type Place = (EntryId, i64);

/// The lines of an owner's accounts, newest first, older than `after`.
pub async fn of_owner(tx: &mut Tx, owner: Owner, after: Option<Place>, limit: i64) -> Result<Vec<Line>, StoreError> {
    let (kind, number) = (owner.kind(), owner.number());
    let after = after.map(|(entry, line)| (entry.raw(), line));
    let filter = Filter::new(LINES).and("p.owner_kind =", Some(kind)).and("p.owner =", Some(number)).and_pair("(p.entry, p.line) <", after);
    let rows: Vec<LineRow> = filter.order("ORDER BY p.entry DESC, p.line DESC", limit).all(tx).await?;
    rows.iter().map(LineRow::read).collect()
}

async fn with_postings(tx: &mut Tx, rows: Vec<Row>) -> Result<Vec<Stored>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let currencies: HashMap<i64, &str> = rows.iter().map(|row| (row.id, row.currency.as_str())).collect();
    let mut postings: HashMap<i64, Postings> = HashMap::new();
    for row in tx.all::<PostingRow>(POSTINGS, args![rows.iter().map(|row| row.id).collect::<Vec<_>>()]).await? {
        let corrupt = |column| StoreError::corrupt("posting", column, format_args!("{}/{}", EntryId::from_raw(row.entry), row.account));
        if currencies.get(&row.entry).is_none_or(|currency| *currency != row.currency) {
            return Err(corrupt("currency"));
        }
        let account: Account = row.account.parse().map_err(|_| corrupt("account"))?;
        if postings.entry(row.entry).or_default().insert(account, row.amount).is_some() {
            return Err(corrupt("account"));
        }
    }
    rows.into_iter()
        .map(|row| {
            let postings = postings.remove(&row.id).unwrap_or_default();
            row.with(postings)
        })
        .collect()
}

/// Chains entries behind `head` in their sequence and stores them; gives the new head.
pub async fn append(tx: &mut Tx, head: Link, entries: &[(&Entry, Option<ProgramId>)]) -> Result<Link, StoreError> {
    struct Chained<'a> {
        entry: &'a Entry,
        program: Option<ProgramId>,
        previous: [u8; 32],
        link: Link,
    }
    let mut at = head;
    let mut rows = Vec::with_capacity(entries.len());
    for (entry, program) in entries {
        let link = at.next(entry);
        rows.push(Chained { entry, program: *program, previous: at.hash, link });
        at = link;
    }
    let columns = [
        ("id", Column::int(&rows, |row| row.entry.id.raw())),
        ("node", Column::int(&rows, |row| i64::from(row.link.node))),
        ("seq", Column::int(&rows, |row| row.link.seq)),
        ("at", Column::int(&rows, |row| row.entry.at.micros())),
        ("kind", Column::text(&rows, |row| row.entry.kind.word())),
        ("subject_kind", Column::text(&rows, |row| row.entry.subject.kind().word())),
        ("subject", Column::int(&rows, |row| row.entry.subject.raw())),
        ("program", Column::int_or_null(&rows, |row| row.program.map(ProgramId::raw))),
        ("currency", Column::text(&rows, |row| row.entry.currency.code())),
        ("previous", Column::blob(&rows, |row| &row.previous)),
        ("hash", Column::blob(&rows, |row| &row.link.hash)),
    ];
    bulk::insert(tx, "journal_entry", &columns, "").await?;
    append_postings(tx, entries).await?;
    Ok(at)
}

async fn append_postings(tx: &mut Tx, entries: &[(&Entry, Option<ProgramId>)]) -> Result<(), StoreError> {
    let mut lines: Vec<(&Entry, i64, Account, i64)> = Vec::new();
    for (entry, _) in entries {
        lines.extend((1..).zip(&entry.postings).map(|(line, (account, amount))| (*entry, line, *account, *amount)));
    }
    let columns = [
        ("entry", Column::int(&lines, |(entry, ..)| entry.id.raw())),
        ("line", Column::int(&lines, |(_, line, ..)| *line)),
        ("account", Column::string(&lines, |(_, _, account, _)| account.to_string())),
        ("owner_kind", Column::text(&lines, |(_, _, account, _)| account.owner().kind())),
        ("owner", Column::int(&lines, |(_, _, account, _)| account.owner().number())),
        ("amount", Column::int(&lines, |(.., amount)| *amount)),
        ("currency", Column::text(&lines, |(entry, ..)| entry.currency.code())),
    ];
    bulk::insert(tx, "posting", &columns, "").await?;
    Ok(())
}
