//! What only `verify` and exports read: pages of orders, accounts in use, and rows that should not exist alone.

use crate::domain::account::Account;
use crate::kernel::{
    currency::Currency,
    id::{self, ConversionId, EntryId, InboxId, InvoiceId, PaymentId, ProgramId, PublisherId, StatementId},
    time::{Month, Time},
};
use crate::store::{StoreError, Tx};
use crate::{args, statements};
use std::collections::BTreeMap;

statements! {
    BALANCES = "SELECT account, currency, owner_kind, owner, amount FROM balance ORDER BY account, currency";
    FIRST_USE = "SELECT p.account AS account, p.currency AS currency, MIN(e.at) AS at FROM posting p JOIN journal_entry e ON e.id = p.entry GROUP BY p.account, p.currency ORDER BY p.account";
    ORDERS = "SELECT o.id, o.program, o.goal, o.order_id, o.state, c.day FROM orders o LEFT JOIN conversion c ON c.id = o.id
            WHERE o.id > $1 ORDER BY o.id LIMIT $2";
    TOUCHES = "SELECT conversion, click FROM touch WHERE conversion IN (SELECT value FROM json_each($1)) ORDER BY conversion, click",
        postgres "SELECT conversion, click FROM touch WHERE conversion = ANY($1) ORDER BY conversion, click";
    TIER_BASES = "SELECT program, publisher, month, amount FROM tier_base ORDER BY program, publisher, month";
    /// An import runs without the clock's jobs: it says nothing about how far they should be.
    LAST_MESSAGE = "SELECT MAX(received_at) AS n FROM inbox WHERE channel <> 'import'";
    LONE_CONVERSIONS = "SELECT c.id AS n FROM conversion c LEFT JOIN orders o ON o.id = c.id WHERE o.id IS NULL ORDER BY c.id LIMIT 100";
    LONE_CREDITS = "SELECT DISTINCT c.conversion AS n FROM credit c LEFT JOIN conversion o ON o.id = c.conversion WHERE o.id IS NULL ORDER BY n LIMIT 100";
    LONE_FACTS = "SELECT DISTINCT f.conversion AS n FROM order_fact f LEFT JOIN orders o ON o.id = f.conversion WHERE o.id IS NULL ORDER BY n LIMIT 100";
    LONE_CONTEXTS = "SELECT DISTINCT f.conversion AS n FROM order_context f LEFT JOIN orders o ON o.id = f.conversion WHERE o.id IS NULL ORDER BY n LIMIT 100";
    LONE_TOUCHES = "SELECT DISTINCT t.conversion AS n FROM touch t LEFT JOIN orders o ON o.id = t.conversion WHERE o.id IS NULL ORDER BY n LIMIT 100";
    LONE_POSTINGS = "SELECT DISTINCT p.entry AS n FROM posting p LEFT JOIN journal_entry e ON e.id = p.entry WHERE e.id IS NULL ORDER BY n LIMIT 100";
    LONE_ENTRIES = "SELECT e.id AS n FROM journal_entry e
        LEFT JOIN orders o ON o.id = e.subject AND e.subject_kind = 'order'
        LEFT JOIN movement m ON m.id = e.subject AND e.subject_kind = 'movement'
        LEFT JOIN invoice v ON v.id = e.subject AND e.subject_kind = 'invoice'
        LEFT JOIN payment p ON p.id = e.subject AND e.subject_kind = 'payment'
        LEFT JOIN statement s ON s.id = e.subject AND e.subject_kind = 'statement'
        WHERE COALESCE(o.id, m.id, v.id, p.id, s.id) IS NULL ORDER BY e.id LIMIT 100";
    INVOICE_SUMS = "SELECT invoice AS id, CAST(SUM(amount) AS BIGINT) AS net, COUNT(*) AS lines FROM invoice_line
        WHERE invoice IN (SELECT value FROM json_each($1)) GROUP BY invoice",
        postgres "SELECT invoice AS id, CAST(SUM(amount) AS BIGINT) AS net, COUNT(*) AS lines FROM invoice_line
        WHERE invoice = ANY($1) GROUP BY invoice";
    INVOICE_LINES = "SELECT l.entry AS n FROM invoice_line l LEFT JOIN invoice i ON i.id = l.invoice LEFT JOIN posting p ON p.entry = l.entry
        AND p.owner_kind = 'merchant' AND p.owner = i.merchant AND p.amount = l.amount AND p.currency = i.currency AND p.account LIKE '%:owed'
        WHERE p.entry IS NULL ORDER BY l.entry LIMIT 100";
    STATEMENT_SUMS = "SELECT statement AS id, CAST(SUM(-amount) AS BIGINT) AS net, COUNT(*) AS lines FROM statement_line
        WHERE statement IN (SELECT value FROM json_each($1)) GROUP BY statement",
        postgres "SELECT statement AS id, CAST(SUM(-amount) AS BIGINT) AS net, COUNT(*) AS lines FROM statement_line
        WHERE statement = ANY($1) GROUP BY statement";
    STATEMENT_LINES = "SELECT l.entry AS n FROM statement_line l LEFT JOIN statement s ON s.id = l.statement
        LEFT JOIN journal_entry e ON e.id = l.entry AND e.subject_kind IN ('order', 'movement') AND e.currency = s.currency
        LEFT JOIN posting p ON p.entry = e.id AND p.line = l.line AND p.owner_kind = 'publisher' AND p.owner = s.publisher
        AND p.amount = l.amount AND p.account LIKE '%:payable' WHERE p.entry IS NULL ORDER BY l.entry LIMIT 100";
    /// A statement and its payment name each other, and the payment paid its VAT.
    STATEMENT_PAYMENTS = "SELECT s.id AS n FROM statement s LEFT JOIN payment p ON p.id = s.payment AND p.statement = s.id
        AND p.payee_kind = 'publisher' AND p.payee = s.publisher AND p.currency = s.currency
        LEFT JOIN journal_entry e ON e.subject = s.id AND e.subject_kind = 'statement'
        LEFT JOIN payment_line l ON l.payment = p.id AND l.entry = e.id
        WHERE p.id IS NULL OR (s.vat <> 0 AND l.entry IS NULL) ORDER BY s.id LIMIT 100";
    PAYMENTS_WITHOUT_STATEMENT = "SELECT p.id AS n FROM payment p LEFT JOIN statement s ON s.id = p.statement AND s.payment = p.id
        WHERE p.statement IS NOT NULL AND s.id IS NULL ORDER BY p.id LIMIT 100";
    SERIES = "SELECT s.series, s.year, s.last, COUNT(i.serial) AS issued, COALESCE(MAX(i.serial), 0) AS highest FROM series s
        LEFT JOIN (SELECT series, year, serial FROM invoice UNION ALL SELECT 'statement' AS series, year, serial FROM statement) i
        ON i.series = s.series AND i.year = s.year GROUP BY s.series, s.year, s.last ORDER BY s.series, s.year";
    INVOICES_WITHOUT_SERIES = "SELECT i.id AS n FROM invoice i LEFT JOIN series s ON s.series = i.series AND s.year = i.year
        WHERE s.series IS NULL ORDER BY i.id LIMIT 100";
    STATEMENTS_WITHOUT_SERIES = "SELECT i.id AS n FROM statement i LEFT JOIN series s ON s.series = 'statement' AND s.year = i.year
        WHERE s.series IS NULL ORDER BY i.id LIMIT 100";
    /// With its own line nothing is left of what a payment holds, and that line is what it takes from the balance.
    PAYMENT_SUMS = "SELECT p.id AS n FROM payment p LEFT JOIN payment_line l ON l.payment = p.id
        LEFT JOIN journal_entry e ON e.id = l.entry AND e.subject = p.id GROUP BY p.id, p.amount, p.lines
        HAVING COALESCE(SUM(l.amount), 0) <> 0 OR COUNT(l.entry) <> p.lines + 1
            OR COALESCE(SUM(CASE WHEN e.id IS NOT NULL THEN l.amount END), 0) <> p.amount ORDER BY p.id LIMIT 100";
    PAYMENT_LINES = "SELECT DISTINCT l.payment AS n FROM payment_line l LEFT JOIN payment p ON p.id = l.payment
        LEFT JOIN posting q ON q.entry = l.entry AND q.line = l.line LEFT JOIN journal_entry e ON e.id = l.entry
        WHERE p.id IS NULL OR q.entry IS NULL OR e.id IS NULL OR q.amount <> l.amount OR q.currency <> p.currency OR q.owner <> p.payee
            OR q.account NOT LIKE '%:payable' OR l.live <> (p.status IN ('prepared', 'exported', 'settled'))
            OR l.conversion IS DISTINCT FROM (CASE WHEN e.subject_kind = 'order' THEN e.subject END) ORDER BY n LIMIT 100";
    PAID_TWICE = "SELECT entry AS n FROM payment_line WHERE live GROUP BY entry, line HAVING COUNT(*) > 1 ORDER BY n LIMIT 100";
    FACTS_WITHOUT_MESSAGE = "SELECT DISTINCT f.conversion AS n FROM order_fact f LEFT JOIN inbox i ON i.id = f.inbox WHERE i.id IS NULL ORDER BY n LIMIT 100";
    RECORDED_WITHOUT_ORDER = "SELECT i.id AS n FROM inbox i LEFT JOIN orders o ON o.id = i.conversion
            WHERE i.verdict IN ('recorded', 'unattributed', 'parked') AND o.id IS NULL ORDER BY i.id LIMIT 100";
    COPIES = "SELECT c.id AS n FROM conversion c LEFT JOIN program p ON p.id = c.program
            LEFT JOIN credit k ON k.conversion = c.id AND k.position = (SELECT MAX(position) FROM credit WHERE conversion = c.id)
            WHERE c.publisher IS DISTINCT FROM k.publisher OR c.link IS DISTINCT FROM k.link OR c.click IS DISTINCT FROM k.click
                OR c.merchant IS DISTINCT FROM p.merchant ORDER BY c.id LIMIT 100";
    APPOINTMENTS = "SELECT id AS n FROM conversion
            WHERE approve_at IS DISTINCT FROM (CASE WHEN status = 'pending' AND flags NOT LIKE '%held%' AND flags NOT LIKE '%unsigned%' THEN payable_at END)
                OR expire_at IS DISTINCT FROM (CASE WHEN flags LIKE '%unclaimed%' THEN claim_until END) ORDER BY id LIMIT 100";
    USED_WEBHOOK_IDS = "SELECT i.id AS n FROM inbox i LEFT JOIN webhook_seen w ON w.merchant = i.merchant AND w.webhook_id = i.webhook_id
            WHERE i.webhook_id IS NOT NULL AND i.verdict IN ('recorded', 'unattributed', 'parked', 'duplicate') AND w.webhook_id IS NULL ORDER BY i.id LIMIT 100";
}

#[derive(sqlx::FromRow)]
struct Number {
    n: Option<i64>,
}

async fn numbers(tx: &mut Tx, statement: crate::store::sql::Sql) -> Result<Vec<i64>, StoreError> {
    Ok(tx.all::<Number>(statement, args![]).await?.into_iter().filter_map(|row| row.n).collect())
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
    /// The day that reports count its conversion on, since 1970-01-01; none if there is no conversion.
    pub day: Option<i64>,
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

/// Rows that stand alone, and columns that repeat what stands elsewhere and do not: the invariant's code, and the id of what they miss or
/// are.
pub async fn lone_rows(tx: &mut Tx) -> Result<Vec<(&'static str, String)>, StoreError> {
    let checks = [
        ("conversion_without_order", ConversionId::PREFIX, LONE_CONVERSIONS),
        ("conversion_copies_differ", ConversionId::PREFIX, COPIES),
        ("appointment_differs", ConversionId::PREFIX, APPOINTMENTS),
        ("credit_without_conversion", ConversionId::PREFIX, LONE_CREDITS),
        ("fact_without_order", ConversionId::PREFIX, LONE_FACTS),
        ("context_without_order", ConversionId::PREFIX, LONE_CONTEXTS),
        ("touch_without_order", ConversionId::PREFIX, LONE_TOUCHES),
        ("posting_without_entry", EntryId::PREFIX, LONE_POSTINGS),
        ("entry_without_order", EntryId::PREFIX, LONE_ENTRIES),
        ("invoice_line_differs", EntryId::PREFIX, INVOICE_LINES),
        ("statement_line_differs", EntryId::PREFIX, STATEMENT_LINES),
        ("statement_payment_differs", StatementId::PREFIX, STATEMENT_PAYMENTS),
        ("payment_without_statement", PaymentId::PREFIX, PAYMENTS_WITHOUT_STATEMENT),
        ("number_without_series", InvoiceId::PREFIX, INVOICES_WITHOUT_SERIES),
        ("number_without_series", StatementId::PREFIX, STATEMENTS_WITHOUT_SERIES),
        ("payment_sum_differs", PaymentId::PREFIX, PAYMENT_SUMS),
        ("payment_line_differs", PaymentId::PREFIX, PAYMENT_LINES),
        ("line_paid_twice", EntryId::PREFIX, PAID_TWICE),
        ("fact_without_message", ConversionId::PREFIX, FACTS_WITHOUT_MESSAGE),
        ("message_without_order", InboxId::PREFIX, RECORDED_WITHOUT_ORDER),
        ("webhook_id_not_used_up", InboxId::PREFIX, USED_WEBHOOK_IDS),
    ];
    let mut lone = Vec::new();
    for (code, prefix, statement) in checks {
        lone.extend(numbers(tx, statement).await?.into_iter().map(|number| (code, id::text(prefix, number))));
    }
    Ok(lone)
}

#[derive(sqlx::FromRow)]
struct SumRow {
    id: i64,
    net: i64,
    lines: i64,
}

/// What the lines of documents sum to, and how many there are.
pub async fn invoice_sums(tx: &mut Tx, invoices: &[i64]) -> Result<BTreeMap<i64, (i64, i64)>, StoreError> {
    sums(tx, INVOICE_SUMS, invoices).await
}

/// The same of statements; positive is the publisher's.
pub async fn statement_sums(tx: &mut Tx, statements: &[i64]) -> Result<BTreeMap<i64, (i64, i64)>, StoreError> {
    sums(tx, STATEMENT_SUMS, statements).await
}

async fn sums(tx: &mut Tx, statement: crate::store::sql::Sql, documents: &[i64]) -> Result<BTreeMap<i64, (i64, i64)>, StoreError> {
    let rows: Vec<SumRow> = tx.all(statement, args![documents.to_vec()]).await?;
    Ok(rows.into_iter().map(|row| (row.id, (row.net, row.lines))).collect())
}

#[derive(sqlx::FromRow)]
struct SeriesRow {
    series: String,
    year: i64,
    last: i64,
    issued: i64,
    highest: i64,
}

/// Series whose numbers do not run from 1 to their counter, each with what is there.
pub async fn series_gaps(tx: &mut Tx) -> Result<Vec<(String, String)>, StoreError> {
    let rows: Vec<SeriesRow> = tx.all(SERIES, args![]).await?;
    let gap = |row: &SeriesRow| row.issued != row.last || row.highest != row.last;
    let told = |row: SeriesRow| {
        let detail = format!("its counter is {}, {} documents are numbered up to {}", row.last, row.issued, row.highest);
        (format!("{} {}", row.series, row.year), detail)
    };
    Ok(rows.into_iter().filter(gap).map(told).collect())
}
