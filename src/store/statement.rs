//! Self-billed statements, and the postings that they list.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{
    entry::{self, Link},
    identity::Identity,
    payout::FreeLine,
    series::{Number, Series},
    statement::{Draft, Statement, Total},
};
use crate::kernel::{
    id::{ConversionId, EntryId, PaymentId, ProgramId, PublisherId, StatementId},
    time::{Day, Time},
};
use crate::{args, statements};

statements! {
    LIST = "SELECT id, publisher, payment, year, serial, currency, net, vat_rate, vat, vat_mention, mandate_at, issued_at, issued_on, lines,
        seller, buyer, heads FROM statement";
    LINES = "SELECT l.entry, l.line, e.at, e.kind, e.subject, e.program, o.order_id, l.amount
        FROM statement_line l JOIN journal_entry e ON e.id = l.entry LEFT JOIN orders o ON o.id = e.subject";
    SUMMARY = "SELECT e.program, g.name, COUNT(*) AS lines, CAST(SUM(-l.amount) AS BIGINT) AS amount FROM statement_line l
        JOIN journal_entry e ON e.id = l.entry LEFT JOIN program g ON g.id = e.program WHERE l.statement = $1
        GROUP BY e.program, g.name ORDER BY e.program";
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    publisher: i64,
    payment: i64,
    year: i64,
    serial: i64,
    currency: String,
    net: i64,
    vat_rate: String,
    vat: i64,
    vat_mention: Option<String>,
    mandate_at: i64,
    issued_at: i64,
    issued_on: i64,
    lines: i64,
    seller: String,
    buyer: String,
    heads: String,
}

impl Row {
    fn read(self) -> Result<Statement, StoreError> {
        let id = StatementId::from_raw(self.id);
        let corrupt = |column| StoreError::corrupt("statement", column, id);
        let issued_on = i32::try_from(self.issued_on).ok().map(Day::from_number);
        Ok(Statement {
            id,
            number: Number { series: Series::Statement, year: self.year, serial: self.serial },
            issued_at: Time::from_micros(self.issued_at),
            draft: Draft {
                publisher: PublisherId::from_raw(self.publisher),
                payment: PaymentId::from_raw(self.payment),
                currency: self.currency.parse().map_err(|_| corrupt("currency"))?,
                total: Total { lines: self.lines, net: self.net, vat: self.vat },
                vat_rate: self.vat_rate.parse().map_err(|_| corrupt("vat_rate"))?,
                vat_mention: self.vat_mention,
                mandate_at: Time::from_micros(self.mandate_at),
                issued_on: issued_on.ok_or_else(|| corrupt("issued_on"))?,
                seller: Identity::from_text(&self.seller).ok_or_else(|| corrupt("seller"))?,
                buyer: Identity::from_text(&self.buyer).ok_or_else(|| corrupt("buyer"))?,
            },
            heads: Link::from_texts(&self.heads).ok_or_else(|| corrupt("heads"))?,
        })
    }
}

fn all(rows: Vec<Row>) -> Result<Vec<Statement>, StoreError> {
    rows.into_iter().map(Row::read).collect()
}

/// Stores issued statements, before their lines.
pub async fn save(tx: &mut Tx, statements: &[&Statement]) -> Result<(), StoreError> {
    let columns = [
        ("id", Column::int(statements, |s| s.id.raw())),
        ("publisher", Column::int(statements, |s| s.draft.publisher.raw())),
        ("payment", Column::int(statements, |s| s.draft.payment.raw())),
        ("year", Column::int(statements, |s| s.number.year)),
        ("serial", Column::int(statements, |s| s.number.serial)),
        ("currency", Column::text(statements, |s| s.draft.currency.code())),
        ("net", Column::int(statements, |s| s.draft.total.net)),
        ("vat_rate", Column::string(statements, |s| s.draft.vat_rate.to_string())),
        ("vat", Column::int(statements, |s| s.draft.total.vat)),
        ("vat_mention", Column::text_or_null(statements, |s| s.draft.vat_mention.as_deref())),
        ("mandate_at", Column::int(statements, |s| s.draft.mandate_at.micros())),
        ("issued_at", Column::int(statements, |s| s.issued_at.micros())),
        ("issued_on", Column::int(statements, |s| s.draft.issued_on.number())),
        ("lines", Column::int(statements, |s| s.draft.total.lines)),
        ("seller", Column::string(statements, |s| s.draft.seller.text())),
        ("buyer", Column::string(statements, |s| s.draft.buyer.text())),
        ("heads", Column::string(statements, |s| Link::texts(&s.heads))),
    ];
    bulk::insert(tx, "statement", &columns, "").await?;
    Ok(())
}

/// Puts postings on their statements. One that stands on another already is refused by the database.
pub async fn save_lines(tx: &mut Tx, lines: &[(StatementId, FreeLine)]) -> Result<(), StoreError> {
    let columns = [
        ("entry", Column::int(lines, |(_, line)| line.entry.raw())),
        ("line", Column::int(lines, |(_, line)| line.line)),
        ("statement", Column::int(lines, |(statement, _)| statement.raw())),
        ("amount", Column::int(lines, |(_, line)| line.amount)),
    ];
    bulk::insert(tx, "statement_line", &columns, "").await?;
    Ok(())
}

pub async fn by_id(tx: &mut Tx, id: StatementId) -> Result<Option<Statement>, StoreError> {
    Ok(all(Filter::new(LIST).and("id =", Some(id.raw())).tail("").all(tx).await?)?.pop())
}

/// Newest first, older than `after`.
pub async fn list(
    tx: &mut Tx,
    publisher: Option<PublisherId>,
    after: Option<StatementId>,
    limit: i64,
) -> Result<Vec<Statement>, StoreError> {
    let filter = Filter::new(LIST).and("publisher =", publisher.map(PublisherId::raw)).and("id <", after.map(StatementId::raw));
    all(filter.order("ORDER BY id DESC", limit).all(tx).await?)
}

/// Every statement behind an id, for audits.
pub async fn page(tx: &mut Tx, after: StatementId, limit: i64) -> Result<Vec<Statement>, StoreError> {
    all(Filter::new(LIST).and("id >", Some(after.raw())).order("ORDER BY id", limit).all(tx).await?)
}

/// A posting on a statement.
#[derive(Debug, Clone)]
pub struct Line {
    pub entry: EntryId,
    /// Within the entry.
    pub line: i64,
    pub at: Time,
    pub kind: entry::Kind,
    pub conversion: ConversionId,
    pub program: Option<ProgramId>,
    pub order_id: Option<String>,
    /// Minor units, positive is the publisher's.
    pub amount: i64,
}

#[derive(sqlx::FromRow)]
struct LineRow {
    entry: i64,
    line: i64,
    at: i64,
    kind: String,
    subject: i64,
    program: Option<i64>,
    order_id: Option<String>,
    amount: i64,
}

/// A statement's lines as they were posted, behind `after`.
pub async fn lines(tx: &mut Tx, statement: StatementId, after: Option<EntryId>, limit: i64) -> Result<Vec<Line>, StoreError> {
    let filter = Filter::new(LINES).and("l.statement =", Some(statement.raw())).and("l.entry >", after.map(EntryId::raw));
    let rows: Vec<LineRow> = filter.order("ORDER BY l.entry, l.line", limit).all(tx).await?;
    let read = |row: LineRow| {
        let entry = EntryId::from_raw(row.entry);
        Ok(Line {
            entry,
            line: row.line,
            at: Time::from_micros(row.at),
            kind: entry::Kind::from_word(&row.kind).ok_or_else(|| StoreError::corrupt("journal_entry", "kind", entry))?,
            conversion: ConversionId::from_raw(row.subject),
            program: row.program.map(ProgramId::from_raw),
            order_id: row.order_id,
            amount: -row.amount,
        })
    };
    rows.into_iter().map(read).collect()
}

/// The lines of one program together, minor units.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Part {
    pub program: Option<i64>,
    pub name: Option<String>,
    pub lines: i64,
    pub amount: i64,
}

pub async fn summary(tx: &mut Tx, statement: StatementId) -> Result<Vec<Part>, StoreError> {
    tx.all(SUMMARY, args![statement.raw()]).await
}
