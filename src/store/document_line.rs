//! The postings that invoices and statements list.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{
    entry::{self, Subject, SubjectKind},
    movement,
};
use crate::kernel::{
    id::{EntryId, InvoiceId, ProgramId, StatementId},
    time::Time,
};
use crate::{args, statements};

statements! {
    OF_INVOICE = "SELECT l.entry, e.at, e.kind, e.subject_kind, e.subject, e.program, o.order_id, m.reason, l.amount
        FROM invoice_line l JOIN journal_entry e ON e.id = l.entry LEFT JOIN orders o ON o.id = e.subject AND e.subject_kind = 'order'
        LEFT JOIN movement m ON m.id = e.subject AND e.subject_kind = 'movement'";
    OF_STATEMENT = "SELECT l.entry, e.at, e.kind, e.subject_kind, e.subject, e.program, o.order_id, m.reason, -l.amount AS amount
        FROM statement_line l JOIN journal_entry e ON e.id = l.entry LEFT JOIN orders o ON o.id = e.subject AND e.subject_kind = 'order'
        LEFT JOIN movement m ON m.id = e.subject AND e.subject_kind = 'movement'";
    INVOICE_PARTS = "SELECT e.program, g.name, m.kind AS moved, COUNT(*) AS lines, CAST(SUM(l.amount) AS BIGINT) AS amount FROM invoice_line l
        JOIN journal_entry e ON e.id = l.entry LEFT JOIN movement m ON m.id = e.subject AND e.subject_kind = 'movement'
        LEFT JOIN program g ON g.id = e.program WHERE l.invoice = $1 GROUP BY e.program, g.name, m.kind ORDER BY m.kind IS NOT NULL, e.program, m.kind";
    STATEMENT_PARTS = "SELECT e.program, g.name, m.kind AS moved, COUNT(*) AS lines, CAST(SUM(-l.amount) AS BIGINT) AS amount FROM statement_line l
        JOIN journal_entry e ON e.id = l.entry LEFT JOIN movement m ON m.id = e.subject AND e.subject_kind = 'movement'
        LEFT JOIN program g ON g.id = e.program WHERE l.statement = $1 GROUP BY e.program, g.name, m.kind ORDER BY m.kind IS NOT NULL, e.program, m.kind";
}

/// A document that lists postings: of what a merchant owes, or of what a publisher was paid.
#[derive(Debug, Clone, Copy)]
pub enum Listing {
    Invoice(InvoiceId),
    Statement(StatementId),
}

/// A posting on a document. An entry has one at most of an account, so it stands for the line.
#[derive(Debug, Clone)]
pub struct Line {
    pub entry: EntryId,
    pub at: Time,
    pub kind: entry::Kind,
    pub subject: Subject,
    pub program: Option<ProgramId>,
    pub order_id: Option<String>,
    /// Of a fee or bonus, of what was given up or written off.
    pub reason: Option<String>,
    /// Minor units; positive is what the merchant owes, what the publisher earned.
    pub amount: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    entry: i64,
    at: i64,
    kind: String,
    subject_kind: String,
    subject: i64,
    program: Option<i64>,
    order_id: Option<String>,
    reason: Option<String>,
    amount: i64,
}

impl Row {
    fn read(self) -> Result<Line, StoreError> {
        let entry = EntryId::from_raw(self.entry);
        let corrupt = |column| StoreError::corrupt("journal_entry", column, entry);
        let subject = SubjectKind::from_word(&self.subject_kind).ok_or_else(|| corrupt("subject_kind"))?;
        Ok(Line {
            entry,
            at: Time::from_micros(self.at),
            kind: entry::Kind::from_word(&self.kind).ok_or_else(|| corrupt("kind"))?,
            subject: Subject::from_raw(subject, self.subject),
            program: self.program.map(ProgramId::from_raw),
            order_id: self.order_id,
            reason: self.reason,
            amount: self.amount,
        })
    }
}

/// A document's lines as they were posted, behind `after`.
pub async fn list(tx: &mut Tx, of: Listing, after: Option<EntryId>, limit: i64) -> Result<Vec<Line>, StoreError> {
    let filter = match of {
        Listing::Invoice(id) => Filter::new(OF_INVOICE).and("l.invoice =", Some(id.raw())),
        Listing::Statement(id) => Filter::new(OF_STATEMENT).and("l.statement =", Some(id.raw())),
    };
    let rows: Vec<Row> = filter.and("l.entry >", after.map(EntryId::raw)).order("ORDER BY l.entry", limit).all(tx).await?;
    rows.into_iter().map(Row::read).collect()
}

/// The lines of one program, or of one kind of movement, together.
#[derive(Debug, Clone)]
pub struct Part {
    /// Of the program.
    pub name: Option<String>,
    /// What moved, if it is no order.
    pub moved: Option<movement::Kind>,
    pub lines: i64,
    /// As a line's.
    pub amount: i64,
}

#[derive(sqlx::FromRow)]
struct PartRow {
    name: Option<String>,
    moved: Option<String>,
    lines: i64,
    amount: i64,
}

/// What a document lists, summed up: programs first.
pub async fn parts(tx: &mut Tx, of: Listing) -> Result<Vec<Part>, StoreError> {
    let rows: Vec<PartRow> = match of {
        Listing::Invoice(id) => tx.all(INVOICE_PARTS, args![id.raw()]).await?,
        Listing::Statement(id) => tx.all(STATEMENT_PARTS, args![id.raw()]).await?,
    };
    let read =
        |PartRow { name, moved, lines, amount }| Part { name, moved: moved.as_deref().and_then(movement::Kind::from_word), lines, amount };
    Ok(rows.into_iter().map(read).collect())
}
