//! Journal entries: balanced lines, named after the event, chained by hash.

use crate::domain::{account::Account, word::words};
use crate::kernel::{
    currency::Currency,
    id::{ConversionId, EntryId, InvoiceId, MovementId, PaymentId, StatementId},
    time::Time,
};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, fmt};

words! {
    /// The event that an entry posts.
    pub enum Kind {
        Recorded = "recorded",
        Completed = "completed",
        Replaced = "replaced",
        Approved = "approved",
        MerchantPaid = "merchant_paid",
        Refunded = "refunded",
        Adjusted = "adjusted",
        Rejected = "rejected",
        BuyerTied = "buyer_tied",
        ShareExpired = "share_expired",
        Claimed = "claimed",
        BonusEarned = "bonus_earned",
        Reopened = "reopened",
        // Beside orders: a movement, by its kind.
        Bonus = "bonus",
        Fee = "fee",
        Received = "received",
        PaidBack = "paid_back",
        BankCharge = "bank_charge",
        WrittenOff = "written_off",
        Waived = "waived",
        TakenOver = "taken_over",
        // A movement undone.
        Reversed = "reversed",
        Invoiced = "invoiced",
        SelfBilled = "self_billed",
        PayoutPrepared = "payout_prepared",
        PayoutCancelled = "payout_cancelled",
        PayoutSettled = "payout_settled",
        PayoutReturned = "payout_returned",
    }
}

words! {
    /// What kind of thing an entry is about.
    pub enum SubjectKind {
        Order = "order",
        Movement = "movement",
        Payment = "payment",
        Invoice = "invoice",
        Statement = "statement",
    }
}

/// What an entry is about. Its entries together post exactly what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    Order(ConversionId),
    Movement(MovementId),
    Payment(PaymentId),
    Invoice(InvoiceId),
    Statement(StatementId),
}

impl Subject {
    pub const fn kind(self) -> SubjectKind {
        match self {
            Self::Order(_) => SubjectKind::Order,
            Self::Movement(_) => SubjectKind::Movement,
            Self::Payment(_) => SubjectKind::Payment,
            Self::Invoice(_) => SubjectKind::Invoice,
            Self::Statement(_) => SubjectKind::Statement,
        }
    }

    /// The stored number.
    pub const fn raw(self) -> i64 {
        match self {
            Self::Order(id) => id.raw(),
            Self::Movement(id) => id.raw(),
            Self::Payment(id) => id.raw(),
            Self::Invoice(id) => id.raw(),
            Self::Statement(id) => id.raw(),
        }
    }

    pub const fn from_raw(kind: SubjectKind, raw: i64) -> Self {
        match kind {
            SubjectKind::Order => Self::Order(ConversionId::from_raw(raw)),
            SubjectKind::Movement => Self::Movement(MovementId::from_raw(raw)),
            SubjectKind::Payment => Self::Payment(PaymentId::from_raw(raw)),
            SubjectKind::Invoice => Self::Invoice(InvoiceId::from_raw(raw)),
            SubjectKind::Statement => Self::Statement(StatementId::from_raw(raw)),
        }
    }

    /// The order, if it is one.
    pub const fn order(self) -> Option<ConversionId> {
        match self {
            Self::Order(id) => Some(id),
            _ => None,
        }
    }
}

/// The id as people see it.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(id) => id.fmt(f),
            Self::Movement(id) => id.fmt(f),
            Self::Payment(id) => id.fmt(f),
            Self::Invoice(id) => id.fmt(f),
            Self::Statement(id) => id.fmt(f),
        }
    }
}

/// What an order, or a document beside orders, holds on each account: minor units of its currency (an order's is its program's), debits positive. No zeros.
pub type Row = BTreeMap<Account, i64>;

/// One balanced entry, not yet chained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub id: EntryId,
    pub kind: Kind,
    pub subject: Subject,
    pub at: Time,
    pub currency: Currency,
    /// Sorted by account; debits positive; sums to zero, and its pending lines by themselves.
    pub postings: Row,
}

/// New row − old row; empty if they are equal.
pub fn difference(new: &Row, old: &Row) -> Row {
    let mut row = new.clone();
    for (account, amount) in old {
        *row.entry(*account).or_default() -= amount;
    }
    row.retain(|_, amount| *amount != 0);
    row
}

/// Whether the lines sum to zero, and the pending ones by themselves.
pub fn is_balanced(row: &Row) -> bool {
    let all: i128 = row.values().map(|&a| i128::from(a)).sum();
    let pending: i128 = row.iter().filter(|(account, _)| account.is_pending()).map(|(_, &a)| i128::from(a)).sum();
    all == 0 && pending == 0
}

/// A link of a node's chain: `seq` rises from 1 without holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    pub node: u16,
    pub seq: i64,
    pub hash: [u8; 32],
}

impl Link {
    /// The head of a chain without entries.
    pub const fn start(node: u16) -> Self {
        Self { node, seq: 0, hash: [0; 32] }
    }

    /// The hash, hexadecimal.
    pub fn hash_text(&self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.hash {
            for digit in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(digit.into(), 16));
            }
        }
        text
    }

    /// `node:seq:hash`.
    pub fn text(&self) -> String {
        format!("{}:{}:{}", self.node, self.seq, self.hash_text())
    }

    /// Reads what [`Self::text`] writes.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (node, seq, hash) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
        if parts.next().is_some() || hash.len() != 64 || !hash.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hash.get(n * 2..n * 2 + 2)?, 16).ok()?;
        }
        Some(Self { node, seq, hash: bytes })
    }

    /// The ends of several chains as documents keep them, with blanks between.
    pub fn texts(heads: &[Self]) -> String {
        heads.iter().map(Self::text).collect::<Vec<_>>().join(" ")
    }

    /// Reads what [`Self::texts`] writes.
    pub fn from_texts(text: &str) -> Option<Vec<Self>> {
        text.split_ascii_whitespace().map(Self::from_text).collect()
    }

    /// The next link: SHA-256 over the previous hash, node, seq, id, time, kind, subject and the postings sorted by account.
    /// Ids and amounts only, so that erasing a person never touches it. Every field ends in a line feed.
    #[must_use]
    pub fn next(&self, entry: &Entry) -> Self {
        let seq = self.seq + 1;
        let mut hash = Sha256::new();
        hash.update(self.hash);
        let head = format!("{}\n{seq}\n{}\n{}\n{}\n{}\n", self.node, entry.id, entry.at.micros(), entry.kind.word(), entry.subject);
        hash.update(head.as_bytes());
        let mut lines: Vec<_> = entry.postings.iter().map(|(account, amount)| (account.to_string(), amount)).collect();
        lines.sort();
        for (account, amount) in lines {
            hash.update(format!("{account} {amount} {}\n", entry.currency).as_bytes());
        }
        Self { node: self.node, seq, hash: hash.finalize().into() }
    }
}
