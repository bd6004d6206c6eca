//! What only `verify` and exports read: the journal in the order of its chains, pages of orders, and rows that should not exist alone.

use crate::domain::{
    account::Account,
    audit::Chained,
    entry::{Entry, Kind, Link},
};
use crate::kernel::{
    currency::Currency,
    id::{ConversionId, EntryId, LinkId, ProgramId, PublisherId},
    time::{Month, Time},
};
use crate::store::{StoreError, Tx};
use crate::{args, statements};
use std::collections::BTreeMap;

statements! {
    NODES = "SELECT DISTINCT node AS n FROM journal_entry ORDER BY node";
    HEADS = "SELECT e.node AS node, e.seq AS seq, e.hash AS hash FROM journal_entry e
            JOIN (SELECT node, MAX(seq) AS seq FROM journal_entry GROUP BY node) h ON h.node = e.node AND h.seq = e.seq ORDER BY e.node";
    JOURNAL = "SELECT id, node, seq, at, kind, subject, currency, previous, hash FROM journal_entry WHERE node = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    BY_TIME = "SELECT id, node, seq, at, kind, subject, currency, previous, hash FROM journal_entry WHERE (at, id) > ($1, $2) ORDER BY at, id LIMIT $3";
    BY_SUBJECTS = "SELECT id, node, seq, at, kind, subject, currency, previous, hash FROM journal_entry
            WHERE subject IN (SELECT value FROM json_each($1)) ORDER BY at, id",
        postgres "SELECT id, node, seq, at, kind, subject, currency, previous, hash FROM journal_entry WHERE subject = ANY($1) ORDER BY at, id";
    POSTINGS = "SELECT entry, account, amount, currency FROM posting WHERE entry IN (SELECT value FROM json_each($1)) ORDER BY entry, line",
        postgres "SELECT entry, account, amount, currency FROM posting WHERE entry = ANY($1) ORDER BY entry, line";
    BALANCES = "SELECT account, currency, owner_kind, owner, amount FROM balance ORDER BY account, currency";
    FIRST_USE = "SELECT p.account AS account, p.currency AS currency, MIN(e.at) AS at FROM posting p JOIN journal_entry e ON e.id = p.entry GROUP BY p.account, p.currency ORDER BY p.account";
    ORDERS = "SELECT id, program, goal, order_id, state FROM orders WHERE id > $1 ORDER BY id LIMIT $2";
    TOUCHES = "SELECT conversion, click FROM touch WHERE conversion IN (SELECT value FROM json_each($1)) ORDER BY conversion, click",
        postgres "SELECT conversion, click FROM touch WHERE conversion = ANY($1) ORDER BY conversion, click";
    CLICKS = "SELECT id, link, quality FROM click WHERE id > $1 ORDER BY id LIMIT $2";
    CLICK_STATS = "SELECT day, link, raw, counted FROM click_stat ORDER BY day, link";
    TIER_BASES = "SELECT program, publisher, month, amount FROM tier_base ORDER BY program, publisher, month";
    LAST_MESSAGE = "SELECT MAX(received_at) AS n FROM inbox";
    LONE_CONVERSIONS = "SELECT c.id AS n FROM conversion c LEFT JOIN orders o ON o.id = c.id WHERE o.id IS NULL ORDER BY c.id LIMIT 100";
    LONE_CREDITS = "SELECT DISTINCT c.conversion AS n FROM credit c LEFT JOIN conversion o ON o.id = c.conversion WHERE o.id IS NULL ORDER BY n LIMIT 100";
    LONE_FACTS = "SELECT DISTINCT f.conversion AS n FROM order_fact f LEFT JOIN orders o ON o.id = f.conversion WHERE o.id IS NULL ORDER BY n LIMIT 100";
    LONE_CONTEXTS = "SELECT DISTINCT f.conversion AS n FROM order_context f LEFT JOIN orders o ON o.id = f.conversion WHERE o.id IS NULL ORDER BY n LIMIT 100";
    LONE_TOUCHES = "SELECT DISTINCT t.conversion AS n FROM touch t LEFT JOIN orders o ON o.id = t.conversion WHERE o.id IS NULL ORDER BY n LIMIT 100";
    LONE_POSTINGS = "SELECT DISTINCT p.entry AS n FROM posting p LEFT JOIN journal_entry e ON e.id = p.entry WHERE e.id IS NULL ORDER BY n LIMIT 100";
    LONE_ENTRIES = "SELECT e.id AS n FROM journal_entry e LEFT JOIN orders o ON o.id = e.subject WHERE o.id IS NULL ORDER BY e.id LIMIT 100";
    FACTS_WITHOUT_MESSAGE = "SELECT DISTINCT f.conversion AS n FROM order_fact f LEFT JOIN inbox i ON i.id = f.inbox WHERE i.id IS NULL ORDER BY n LIMIT 100";
    RECORDED_WITHOUT_ORDER = "SELECT i.id AS n FROM inbox i LEFT JOIN orders o ON o.id = i.conversion
            WHERE i.verdict IN ('recorded', 'unattributed', 'parked') AND o.id IS NULL ORDER BY i.id LIMIT 100";
    USED_WEBHOOK_IDS = "SELECT i.id AS n FROM inbox i LEFT JOIN webhook_seen w ON w.merchant = i.merchant AND w.webhook_id = i.webhook_id
            WHERE i.webhook_id IS NOT NULL AND i.verdict IN ('recorded', 'unattributed', 'parked', 'duplicate') AND w.webhook_id IS NULL ORDER BY i.id LIMIT 100";
}

#[derive(sqlx::FromRow)]
struct Number {
    n: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct EntryRow {
    id: i64,
    node: i64,
    seq: i64,
    at: i64,
    kind: String,
    subject: i64,
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

impl EntryRow {
    fn read(self, postings: &mut BTreeMap<i64, Vec<PostingRow>>) -> Result<Chained, StoreError> {
        let corrupt = |column| StoreError::corrupt("journal_entry", column, self.id);
        let currency: Currency = self.currency.parse().map_err(|_| corrupt("currency"))?;
        let mut row = crate::domain::entry::Row::new();
        for posting in postings.remove(&self.id).unwrap_or_default() {
            let account: Account = posting.account.parse().map_err(|_| StoreError::corrupt("posting", "account", self.id))?;
            if posting.currency != self.currency {
                return Err(StoreError::corrupt("posting", "currency", self.id));
            }
            *row.entry(account).or_default() += posting.amount;
        }
        let entry = Entry {
            id: EntryId::from_raw(self.id),
            kind: Kind::from_word(&self.kind).ok_or_else(|| corrupt("kind"))?,
            subject: ConversionId::from_raw(self.subject),
            at: Time::from_micros(self.at),
            currency,
            postings: row,
        };
        let node = u16::try_from(self.node).map_err(|_| corrupt("node"))?;
        let link = Link { node, seq: self.seq, hash: self.hash.as_slice().try_into().map_err(|_| corrupt("hash"))? };
        Ok(Chained { entry, link, previous: self.previous.as_slice().try_into().map_err(|_| corrupt("previous"))? })
    }
}

async fn with_postings(tx: &mut Tx, entries: Vec<EntryRow>) -> Result<Vec<Chained>, StoreError> {
    let ids: Vec<i64> = entries.iter().map(|entry| entry.id).collect();
    let mut postings: BTreeMap<i64, Vec<PostingRow>> = BTreeMap::new();
    for posting in tx.all::<PostingRow>(POSTINGS, args![&ids[..]]).await? {
        postings.entry(posting.entry).or_default().push(posting);
    }
    entries.into_iter().map(|entry| entry.read(&mut postings)).collect()
}

async fn numbers(tx: &mut Tx, statement: crate::store::sql::Sql) -> Result<Vec<i64>, StoreError> {
    Ok(tx.all::<Number>(statement, args![]).await?.into_iter().filter_map(|row| row.n).collect())
}

/// The nodes that have a chain.
pub async fn nodes(tx: &mut Tx) -> Result<Vec<u16>, StoreError> {
    let nodes = numbers(tx, NODES).await?;
    nodes.into_iter().map(|node| u16::try_from(node).map_err(|_| StoreError::corrupt("journal_entry", "node", node))).collect()
}

/// The head of each node's chain: what a copy kept elsewhere proves a later cut against.
pub async fn heads(tx: &mut Tx) -> Result<Vec<Link>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Head {
        node: i64,
        seq: i64,
        hash: Vec<u8>,
    }
    let read = |row: Head| {
        let node = u16::try_from(row.node).map_err(|_| StoreError::corrupt("journal_entry", "node", row.node))?;
        let hash = row.hash.as_slice().try_into().map_err(|_| StoreError::corrupt("journal_entry", "hash", row.seq))?;
        Ok(Link { node, seq: row.seq, hash })
    };
    tx.all::<Head>(HEADS, args![]).await?.into_iter().map(read).collect()
}

/// A node's entries after `seq`, in the order of the chain.
pub async fn chain(tx: &mut Tx, node: u16, after: i64, limit: i64) -> Result<Vec<Chained>, StoreError> {
    let entries = tx.all(JOURNAL, args![i64::from(node), after, limit]).await?;
    with_postings(tx, entries).await
}

/// All nodes' entries after a time and id, in the order of exports.
pub async fn by_time(tx: &mut Tx, after: (Time, EntryId), limit: i64) -> Result<Vec<Chained>, StoreError> {
    let entries = tx.all(BY_TIME, args![after.0.micros(), after.1.raw(), limit]).await?;
    with_postings(tx, entries).await
}

/// The entries about some orders, oldest first.
pub async fn by_subjects(tx: &mut Tx, subjects: &[ConversionId]) -> Result<Vec<Chained>, StoreError> {
    let ids: Vec<i64> = subjects.iter().map(|id| id.raw()).collect();
    let entries = tx.all(BY_SUBJECTS, args![&ids[..]]).await?;
    with_postings(tx, entries).await
}

/// A stored balance, as text where it may be wrong.
#[derive(Debug, sqlx::FromRow)]
pub struct StoredBalance {
    pub account: String,
    pub currency: String,
    pub owner_kind: String,
    pub owner: i64,
    /// Minor units, debits positive.
    pub amount: i64,
}

pub async fn balances(tx: &mut Tx) -> Result<Vec<StoredBalance>, StoreError> {
    tx.all(BALANCES, args![]).await
}

/// Every account that was ever posted to, with its currency and the time of its first entry.
pub async fn accounts(tx: &mut Tx) -> Result<Vec<(Account, Currency, Time)>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct First {
        account: String,
        currency: String,
        at: i64,
    }
    let rows: Vec<First> = tx.all(FIRST_USE, args![]).await?;
    let read = |row: First| {
        let account = row.account.parse().map_err(|_| StoreError::corrupt("posting", "account", &row.account))?;
        let currency = row.currency.parse().map_err(|_| StoreError::corrupt("posting", "currency", &row.account))?;
        Ok((account, currency, Time::from_micros(row.at)))
    };
    rows.into_iter().map(read).collect()
}

/// An order's own row.
#[derive(Debug, sqlx::FromRow)]
pub struct StoredOrder {
    pub id: i64,
    pub program: i64,
    pub goal: String,
    pub order_id: String,
    pub state: String,
}

pub async fn orders(tx: &mut Tx, after: ConversionId, limit: i64) -> Result<Vec<StoredOrder>, StoreError> {
    tx.all(ORDERS, args![after.raw(), limit]).await
}

/// The clicks that the rows of `touch` name for some orders.
pub async fn touches(tx: &mut Tx, orders: &[i64]) -> Result<BTreeMap<i64, Vec<i64>>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct TouchRow {
        conversion: i64,
        click: i64,
    }
    let mut clicks: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for row in tx.all::<TouchRow>(TOUCHES, args![orders]).await? {
        clicks.entry(row.conversion).or_default().push(row.click);
    }
    Ok(clicks)
}

/// A click as statistics count it.
#[derive(Debug, sqlx::FromRow)]
pub struct CountedClick {
    pub id: i64,
    pub link: i64,
    pub quality: i64,
}

pub async fn clicks(tx: &mut Tx, after: i64, limit: i64) -> Result<Vec<CountedClick>, StoreError> {
    tx.all(CLICKS, args![after, limit]).await
}

/// Stored click statistics: raw and counted by day and link.
pub async fn click_stats(tx: &mut Tx) -> Result<BTreeMap<(i64, LinkId), (i64, i64)>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Stat {
        day: i64,
        link: i64,
        raw: i64,
        counted: i64,
    }
    let rows: Vec<Stat> = tx.all(CLICK_STATS, args![]).await?;
    Ok(rows.into_iter().map(|s| ((s.day, LinkId::from_raw(s.link)), (s.raw, s.counted))).collect())
}

/// A publisher's month in a program.
pub type TierKey = (ProgramId, PublisherId, Month);

pub async fn tier_bases(tx: &mut Tx) -> Result<BTreeMap<TierKey, i64>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Base {
        program: i64,
        publisher: i64,
        month: i64,
        amount: i64,
    }
    let rows: Vec<Base> = tx.all(TIER_BASES, args![]).await?;
    let read = |row: Base| {
        let month = i32::try_from(row.month).map_err(|_| StoreError::corrupt("tier_base", "month", row.month))?;
        Ok(((ProgramId::from_raw(row.program), PublisherId::from_raw(row.publisher), Month::from_number(month)), row.amount))
    };
    rows.into_iter().map(read).collect()
}

/// When the last message came in.
pub async fn last_message_at(tx: &mut Tx) -> Result<Option<Time>, StoreError> {
    Ok(numbers(tx, LAST_MESSAGE).await?.first().map(|&at| Time::from_micros(at)))
}

/// Rows that stand alone: the invariant's code, and the number of what they miss or are.
pub async fn lone_rows(tx: &mut Tx) -> Result<Vec<(&'static str, i64)>, StoreError> {
    let checks = [
        ("conversion_without_order", LONE_CONVERSIONS),
        ("credit_without_conversion", LONE_CREDITS),
        ("fact_without_order", LONE_FACTS),
        ("context_without_order", LONE_CONTEXTS),
        ("touch_without_order", LONE_TOUCHES),
        ("posting_without_entry", LONE_POSTINGS),
        ("entry_without_order", LONE_ENTRIES),
        ("fact_without_message", FACTS_WITHOUT_MESSAGE),
        ("message_without_order", RECORDED_WITHOUT_ORDER),
        ("webhook_id_not_used_up", USED_WEBHOOK_IDS),
    ];
    let mut lone = Vec::new();
    for (code, statement) in checks {
        lone.extend(numbers(tx, statement).await?.into_iter().map(|number| (code, number)));
    }
    Ok(lone)
}
