//! Documents: what posts beside orders. Each is read as a row of what it holds, and every event about it posts new row − old row, as
//! with orders; so `verify` checks it the same way.

use crate::domain::{
    entry::{self, Entry, Row, Subject},
    invoice::Invoice,
    movement::Movement,
    payment::Payment,
    statement::Statement,
};
use crate::kernel::{currency::Currency, id::EntryId, time::Time};

/// Something beside orders that holds money on the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    Movement(Movement),
    Invoice(Box<Invoice>),
    Payment(Payment),
    Statement(Box<Statement>),
}

impl Document {
    pub fn subject(&self) -> Subject {
        match self {
            Self::Movement(movement) => Subject::Movement(movement.id),
            Self::Invoice(invoice) => Subject::Invoice(invoice.id),
            Self::Payment(payment) => Subject::Payment(payment.id),
            Self::Statement(statement) => Subject::Statement(statement.id),
        }
    }

    pub fn currency(&self) -> Currency {
        match self {
            Self::Movement(movement) => movement.amount.currency,
            Self::Invoice(invoice) => invoice.draft.currency,
            Self::Payment(payment) => payment.amount.currency,
            Self::Statement(statement) => statement.draft.currency,
        }
    }

    /// What it holds on the ledger, debits positive.
    pub fn row(&self) -> Row {
        match self {
            Self::Movement(movement) => movement.row(),
            Self::Invoice(invoice) => invoice.row(),
            Self::Payment(payment) => payment.row(),
            Self::Statement(statement) => statement.row(),
        }
    }
}

/// A document as it is from now on, with the entry that posts the difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub document: Document,
    /// It was not known before.
    pub is_new: bool,
    pub entry: Option<Entry>,
}

/// What changes when a document goes from `before` to `document`.
pub fn write(before: Option<&Document>, document: Document, kind: entry::Kind, now: Time, mint: &mut dyn FnMut() -> i64) -> Written {
    let postings = entry::difference(&document.row(), &before.map(Document::row).unwrap_or_default());
    debug_assert!(entry::is_balanced(&postings), "unbalanced entry for {}: {postings:?}", document.subject());
    let entry = (!postings.is_empty()).then(|| Entry {
        id: EntryId::from_raw(mint()),
        kind,
        subject: document.subject(),
        at: now,
        currency: document.currency(),
        postings,
    });
    Written { is_new: before.is_none(), document, entry }
}
