//! Payments of payouts, and the lines of the journal that they hold.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{
    entry::{Kind, Subject, SubjectKind},
    payee::Payee,
    payment::{Payment, State, Status},
    payout::Taken,
    sale::OrderKey,
    wallet::{Details, Method, ReturnReason},
};
use crate::kernel::{
    id::{BatchId, ConversionId, EntryId, PaymentId, ProgramId, StatementId},
    money::Money,
    time::Time,
};
use crate::{args, statements};
use std::collections::{BTreeMap, HashMap};

statements! {
    LIST = "SELECT id, batch, payee, payee_kind, amount, fee, currency, method, holder, shown, sealed, details_at, lines, prepared_at, statement, status,
        exported_at, settled_at, returned_at, cancelled_at, reason, note FROM payment";
    FREE = "UPDATE payment_line SET live = FALSE WHERE payment IN (SELECT value FROM json_each($1))",
        postgres "UPDATE payment_line SET live = FALSE WHERE payment = ANY($1)";
    LINES = "SELECT l.entry, l.line, l.amount, l.conversion, e.at, e.kind, e.subject_kind, e.subject
        FROM payment_line l JOIN journal_entry e ON e.id = l.entry";
    COVERED = "SELECT l.conversion AS conversion, p.payee AS payee, p.payee_kind AS payee_kind, CAST(SUM(-l.amount) AS BIGINT) AS amount
        FROM payment_line l JOIN payment p ON p.id = l.payment
        WHERE l.conversion IN (SELECT value FROM json_each($1)) AND p.status = 'settled' GROUP BY l.conversion, p.payee, p.payee_kind",
        postgres "SELECT l.conversion AS conversion, p.payee AS payee, p.payee_kind AS payee_kind, CAST(SUM(-l.amount) AS BIGINT) AS amount
        FROM payment_line l JOIN payment p ON p.id = l.payment
        WHERE l.conversion = ANY($1) AND p.status = 'settled' GROUP BY l.conversion, p.payee, p.payee_kind";
    OF_CONVERSION = "SELECT p.id AS id, CAST(SUM(-l.amount) AS BIGINT) AS amount FROM payment_line l JOIN payment p ON p.id = l.payment
        WHERE l.conversion = $1 GROUP BY p.id ORDER BY p.id";
    WAITING = "SELECT DISTINCT l.conversion AS conversion, p.counted AS counted FROM payment_line l JOIN payment p ON p.id = l.payment";
    ORDERS = "SELECT DISTINCT l.conversion AS id, o.program AS program, o.goal AS goal, o.order_id AS order_id
        FROM payment_line l JOIN orders o ON o.id = l.conversion";
    COUNTED = "UPDATE payment SET counted = TRUE WHERE id = $1 AND status = $2";
    TALLIES = "SELECT batch, status, COUNT(*) AS payments, CAST(SUM(amount) AS BIGINT) AS amount, CAST(SUM(fee) AS BIGINT) AS fee FROM payment
        WHERE batch IN (SELECT value FROM json_each($1)) GROUP BY batch, status",
        postgres "SELECT batch, status, COUNT(*) AS payments, CAST(SUM(amount) AS BIGINT) AS amount, CAST(SUM(fee) AS BIGINT) AS fee FROM payment
        WHERE batch = ANY($1) GROUP BY batch, status";
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    batch: i64,
    payee: i64,
    payee_kind: String,
    amount: i64,
    fee: i64,
    currency: String,
    method: String,
    holder: String,
    shown: String,
    sealed: Vec<u8>,
    details_at: i64,
    lines: i64,
    prepared_at: i64,
    statement: Option<i64>,
    status: String,
    exported_at: Option<i64>,
    settled_at: Option<i64>,
    returned_at: Option<i64>,
    cancelled_at: Option<i64>,
    reason: Option<String>,
    note: Option<String>,
}

impl Row {
    fn state(&self) -> Option<State> {
        let time = |at: Option<i64>| at.map(Time::from_micros);
        Some(match Status::from_word(&self.status)? {
            Status::Prepared => State::Prepared,
            Status::Exported => State::Exported { at: time(self.exported_at)? },
            Status::Settled => State::Settled { exported_at: time(self.exported_at)?, at: time(self.settled_at)? },
            Status::Returned => State::Returned {
                exported_at: time(self.exported_at)?,
                settled_at: time(self.settled_at),
                at: time(self.returned_at)?,
                reason: ReturnReason::from_code(self.reason.as_deref()?)?,
                note: self.note.clone(),
            },
            Status::Cancelled => State::Cancelled { at: time(self.cancelled_at)? },
        })
    }

    fn read(self) -> Result<Payment, StoreError> {
        let id = PaymentId::from_raw(self.id);
        let corrupt = |column| StoreError::corrupt("payment", column, id);
        Ok(Payment {
            id,
            batch: BatchId::from_raw(self.batch),
            payee: Payee::from_stored(&self.payee_kind, self.payee).ok_or_else(|| corrupt("payee_kind"))?,
            amount: Money::new(self.amount, self.currency.parse().map_err(|_| corrupt("currency"))?),
            fee: self.fee,
            state: self.state().ok_or_else(|| corrupt("status"))?,
            details: Details {
                method: Method::from_word(&self.method).ok_or_else(|| corrupt("method"))?,
                holder: self.holder,
                shown: self.shown,
                sealed: self.sealed,
                changed_at: Time::from_micros(self.details_at),
            },
            lines: self.lines,
            prepared_at: Time::from_micros(self.prepared_at),
            statement: self.statement.map(StatementId::from_raw),
        })
    }
}

fn all(rows: Vec<Row>) -> Result<Vec<Payment>, StoreError> {
    rows.into_iter().map(Row::read).collect()
}

fn micros(at: Option<Time>) -> Option<i64> {
    at.map(Time::micros)
}

/// Stores payments as they now are; only how far they have come ever changes.
pub async fn save(tx: &mut Tx, payments: &[&Payment]) -> Result<(), StoreError> {
    let columns = [
        ("id", Column::int(payments, |p| p.id.raw())),
        ("batch", Column::int(payments, |p| p.batch.raw())),
        ("payee", Column::int(payments, |p| p.payee.raw())),
        ("payee_kind", Column::text(payments, |p| p.payee.owner().kind())),
        ("amount", Column::int(payments, |p| p.amount.minor)),
        ("fee", Column::int(payments, |p| p.fee)),
        ("currency", Column::text(payments, |p| p.amount.currency.code())),
        ("method", Column::text(payments, |p| p.details.method.word())),
        ("holder", Column::text(payments, |p| &p.details.holder)),
        ("shown", Column::text(payments, |p| &p.details.shown)),
        ("sealed", Column::blob(payments, |p| &p.details.sealed)),
        ("details_at", Column::int(payments, |p| p.details.changed_at.micros())),
        ("lines", Column::int(payments, |p| p.lines)),
        ("prepared_at", Column::int(payments, |p| p.prepared_at.micros())),
        ("statement", Column::int_or_null(payments, |p| p.statement.map(StatementId::raw))),
        ("status", Column::text(payments, |p| p.status().word())),
        ("exported_at", Column::int_or_null(payments, |p| micros(p.exported_at()))),
        ("settled_at", Column::int_or_null(payments, |p| micros(p.settled_at()))),
        ("returned_at", Column::int_or_null(payments, |p| p.returned().map(|(at, ..)| at.micros()))),
        ("cancelled_at", Column::int_or_null(payments, |p| micros(p.cancelled_at()))),
        ("reason", Column::text_or_null(payments, |p| p.returned().map(|(_, reason, _)| reason.code()))),
        ("note", Column::text_or_null(payments, |p| p.returned().and_then(|(.., note)| note.map(String::as_str)))),
        ("counted", Column::bool(payments, |p| !p.touches_orders())),
    ];
    let tail =
        "ON CONFLICT (id) DO UPDATE SET status = excluded.status, exported_at = excluded.exported_at, settled_at = excluded.settled_at,
        returned_at = excluded.returned_at, cancelled_at = excluded.cancelled_at, reason = excluded.reason, note = excluded.note,
        counted = excluded.counted";
    bulk::insert(tx, "payment", &columns, tail).await?;
    Ok(())
}

/// The lines that payments take. One that a live payment holds already is refused by the database.
pub async fn take(tx: &mut Tx, taken: &[Taken]) -> Result<(), StoreError> {
    let columns = [
        ("payment", Column::int(taken, |t| t.payment.raw())),
        ("entry", Column::int(taken, |t| t.line.entry.raw())),
        ("line", Column::int(taken, |t| t.line.line)),
        ("amount", Column::int(taken, |t| t.line.amount)),
        ("conversion", Column::int_or_null(taken, |t| t.line.subject.order().map(ConversionId::raw))),
        ("live", Column::bool(taken, |_| true)),
    ];
    bulk::insert(tx, "payment_line", &columns, "").await?;
    Ok(())
}

/// The lines of these payments are free again.
pub async fn free(tx: &mut Tx, payments: &[PaymentId]) -> Result<(), StoreError> {
    if !payments.is_empty() {
        tx.run(FREE, args![payments.iter().map(|id| id.raw()).collect::<Vec<_>>()]).await?;
    }
    Ok(())
}

pub async fn by_ids(tx: &mut Tx, ids: &[PaymentId]) -> Result<Vec<Payment>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.raw()).collect();
    all(Filter::new(LIST).any_of("id", Some(ids)).all(tx).await?)
}

pub async fn by_id(tx: &mut Tx, id: PaymentId) -> Result<Option<Payment>, StoreError> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// Every payment of these batches, by id.
pub async fn of_batches(tx: &mut Tx, batches: &[BatchId]) -> Result<Vec<Payment>, StoreError> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    let batches: Vec<i64> = batches.iter().map(|id| id.raw()).collect();
    all(Filter::new(LIST).any_of("batch", Some(batches)).tail("ORDER BY id").all(tx).await?)
}

/// What a list is narrowed to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    pub payee: Option<Payee>,
    pub batch: Option<BatchId>,
    pub status: Option<Status>,
}

/// Newest first, older than `after`.
pub async fn list(tx: &mut Tx, wanted: Wanted, after: Option<PaymentId>, limit: i64) -> Result<Vec<Payment>, StoreError> {
    let filter = Filter::new(LIST)
        .and("payee =", wanted.payee.map(Payee::raw))
        .and("batch =", wanted.batch.map(BatchId::raw))
        .and("status =", wanted.status.map(Status::word))
        .and("id <", after.map(PaymentId::raw));
    all(filter.order("ORDER BY id DESC", limit).all(tx).await?)
}

/// Every payment behind an id, for audits.
pub async fn page(tx: &mut Tx, after: PaymentId, limit: i64) -> Result<Vec<Payment>, StoreError> {
    all(Filter::new(LIST).and("id >", Some(after.raw())).order("ORDER BY id", limit).all(tx).await?)
}

/// A line that a payment pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub entry: EntryId,
    pub line: i64,
    /// Minor units, positive is the payee's.
    pub amount: i64,
    pub at: Time,
    pub kind: Kind,
    pub subject: Subject,
}

#[derive(sqlx::FromRow)]
struct LineRow {
    entry: i64,
    line: i64,
    amount: i64,
    at: i64,
    kind: String,
    subject_kind: String,
    subject: i64,
}

/// The lines that a payment pays, oldest first, behind `after`; without its own.
pub async fn lines(tx: &mut Tx, payment: PaymentId, after: Option<(EntryId, i64)>, limit: i64) -> Result<Vec<Line>, StoreError> {
    let after = after.map(|(entry, line)| (entry.raw(), line));
    let filter = Filter::new(LINES).and("l.payment =", Some(payment.raw())).and("e.subject <>", Some(payment.raw()));
    let rows: Vec<LineRow> = filter.and_pair("(l.entry, l.line) >", after).order("ORDER BY l.entry, l.line", limit).all(tx).await?;
    let read = |row: LineRow| {
        let corrupt = |column| StoreError::corrupt("journal_entry", column, EntryId::from_raw(row.entry));
        let kind = SubjectKind::from_word(&row.subject_kind).ok_or_else(|| corrupt("subject_kind"))?;
        Ok(Line {
            entry: EntryId::from_raw(row.entry),
            line: row.line,
            amount: -row.amount,
            at: Time::from_micros(row.at),
            kind: Kind::from_word(&row.kind).ok_or_else(|| corrupt("kind"))?,
            subject: Subject::from_raw(kind, row.subject),
        })
    };
    rows.into_iter().map(read).collect()
}

/// What settled payments hold of orders, minor units by payee; an order of which they hold nothing is left out.
pub async fn covered(tx: &mut Tx, orders: &[ConversionId]) -> Result<HashMap<ConversionId, BTreeMap<Payee, i64>>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Covered {
        conversion: i64,
        payee: i64,
        payee_kind: String,
        amount: i64,
    }
    let mut covered: HashMap<ConversionId, BTreeMap<Payee, i64>> = HashMap::new();
    if orders.is_empty() {
        return Ok(covered);
    }
    let orders: Vec<i64> = orders.iter().map(|id| id.raw()).collect();
    for row in tx.all::<Covered>(COVERED, args![orders]).await? {
        let id = ConversionId::from_raw(row.conversion);
        let payee =
            Payee::from_stored(&row.payee_kind, row.payee).ok_or_else(|| StoreError::corrupt("payment", "payee_kind", row.payee))?;
        covered.entry(id).or_default().insert(payee, row.amount);
    }
    Ok(covered)
}

/// Those of the orders that payments hold or held, with whether each of these payments has told them how it ended.
pub async fn told(tx: &mut Tx, orders: &[ConversionId]) -> Result<BTreeMap<ConversionId, bool>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Told {
        conversion: i64,
        counted: bool,
    }
    let orders: Vec<i64> = orders.iter().map(|id| id.raw()).collect();
    let rows: Vec<Told> = Filter::new(WAITING).any_of("l.conversion", Some(orders)).all(tx).await?;
    let mut told = BTreeMap::new();
    for row in rows {
        *told.entry(ConversionId::from_raw(row.conversion)).or_insert(true) &= row.counted;
    }
    Ok(told)
}

/// The payments in which an order's lines stand or stood, with how much of it each pays: minor units, positive is the payee's.
pub async fn of_conversion(tx: &mut Tx, conversion: ConversionId) -> Result<Vec<(Payment, i64)>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Part {
        id: i64,
        amount: i64,
    }
    let parts: Vec<Part> = tx.all(OF_CONVERSION, args![conversion.raw()]).await?;
    let ids: Vec<PaymentId> = parts.iter().map(|part| PaymentId::from_raw(part.id)).collect();
    let mut payments: HashMap<i64, Payment> = by_ids(tx, &ids).await?.into_iter().map(|payment| (payment.id.raw(), payment)).collect();
    Ok(parts.into_iter().filter_map(|part| Some((payments.remove(&part.id)?, part.amount))).collect())
}

/// Payments whose orders do not know yet how they ended, oldest first.
pub async fn uncounted(tx: &mut Tx, limit: i64) -> Result<Vec<Payment>, StoreError> {
    all(Filter::new(LIST).only(true, "NOT counted").order("ORDER BY id", limit).all(tx).await?)
}

/// The orders that a payment pays, ascending, behind `after`.
pub async fn orders(tx: &mut Tx, payment: PaymentId, after: ConversionId, limit: i64) -> Result<Vec<(ConversionId, OrderKey)>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Key {
        id: i64,
        program: i64,
        goal: String,
        order_id: String,
    }
    let filter = Filter::new(ORDERS).and("l.payment =", Some(payment.raw())).and("l.conversion >", Some(after.raw()));
    let rows: Vec<Key> = filter.order("ORDER BY l.conversion", limit).all(tx).await?;
    let key = |row: Key| OrderKey { program: ProgramId::from_raw(row.program), goal: row.goal, order_id: row.order_id };
    Ok(rows.into_iter().map(|row| (ConversionId::from_raw(row.id), key(row))).collect())
}

/// Its orders know that it has this status; nothing is noted if it has another by now.
pub async fn mark_counted(tx: &mut Tx, id: PaymentId, status: Status) -> Result<(), StoreError> {
    tx.run(COUNTED, args![id.raw(), status.word()]).await?;
    Ok(())
}

/// How many payments of a batch have a status, and how much they are; minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub batch: BatchId,
    pub status: Status,
    pub count: i64,
    /// With the fees.
    pub amount: i64,
    pub fee: i64,
}

/// The sums of these batches, by status.
pub async fn tallies(tx: &mut Tx, batches: &[BatchId]) -> Result<Vec<Tally>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Sum {
        batch: i64,
        status: String,
        payments: i64,
        amount: i64,
        fee: i64,
    }
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    let batches: Vec<i64> = batches.iter().map(|id| id.raw()).collect();
    let rows: Vec<Sum> = tx.all(TALLIES, args![batches]).await?;
    let read = |row: Sum| {
        let batch = BatchId::from_raw(row.batch);
        let status = Status::from_word(&row.status).ok_or_else(|| StoreError::corrupt("payment", "status", batch))?;
        Ok(Tally { batch, status, count: row.payments, amount: row.amount, fee: row.fee })
    };
    rows.into_iter().map(read).collect()
}
