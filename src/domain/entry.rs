//! Journal entries: balanced lines, named after the event, chained by hash.

use crate::domain::{account::Account, word::words};
use crate::kernel::{
    currency::Currency,
    id::{ConversionId, EntryId},
    time::Time,
};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

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
    }
}

/// What an order holds on each account: minor units of the program's currency, debits positive. No zeros.
pub type Row = BTreeMap<Account, i64>;

/// One balanced entry, not yet chained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub id: EntryId,
    pub kind: Kind,
    /// The order it is about.
    pub subject: ConversionId,
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
