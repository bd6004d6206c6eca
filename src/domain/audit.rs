//! Audit: what is stored held against what the facts say. Pure; `verify` feeds it.

use crate::domain::{
    account::Account,
    claim::{Claim, State},
    conversion::Conversion,
    entry::{self, Entry, Link, Row},
    invoice::{self, Invoice},
    movement::{Movement, What},
    order::Order,
    series::Series,
    statement::{Draft, Statement},
};
use crate::kernel::{currency::Currency, money::Money, time::Time};
use std::collections::BTreeMap;

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// A stable `snake_case` code of the invariant.
    pub code: &'static str,
    /// What it is about: an order, an entry, an account.
    pub subject: String,
    /// What stands there and what should.
    pub detail: String,
}

impl Breach {
    pub fn new(code: &'static str, subject: impl std::fmt::Display, detail: impl Into<String>) -> Self {
        Self { code, subject: subject.to_string(), detail: detail.into() }
    }
}

/// Holds a claim against its order, the conversion that it was found as, and the goodwill that was paid for it.
pub fn claim(claim: &Claim, order: Option<&Order>, conversion: Option<&Conversion>, movement: Option<&Movement>) -> Option<Breach> {
    let breach = |code, detail: String| Some(Breach::new(code, claim.id, detail));
    let fact = order.and_then(|order| order.claims.get(&claim.buyer)).filter(|fact| fact.claim == claim.id);
    let Some(fact) = fact else { return breach("claim_without_order", format!("order {} does not know it", claim.key)) };
    if claim.is_lost() {
        let is_theirs = conversion.is_some_and(|conversion| conversion.buyer == Some(claim.buyer));
        return if is_theirs { breach("claim_differs", "it is refused, its order is this buyer's".to_owned()) } else { None };
    }
    match claim.state() {
        State::Matched { conversion: id } | State::Accepted { conversion: id } => {
            // One whose sale was replaced by another in a currency without a rate waits for that.
            let waits = order.is_some_and(|order| order.context.is_none());
            let is_theirs = conversion.is_some_and(|conversion| conversion.buyer == Some(claim.buyer) || conversion.expired_at.is_some());
            let is_theirs = is_theirs || waits;
            let is_its_own = order.is_some_and(|order| order.id == *id);
            if is_theirs && is_its_own { None } else { breach("claim_not_credited", format!("{id} is not this buyer's")) }
        }
        State::Goodwill { movement: id } => {
            let pays = |movement: &Movement| matches!(movement.what, What::Bonus { buyer, .. } if buyer == claim.buyer);
            match movement {
                Some(movement) if pays(movement) && fact.closed => None,
                _ => breach("goodwill_differs", format!("{id} is not a bonus of this buyer, or the order may still pay them too")),
            }
        }
        State::Refused { reason, .. } if fact.closed == reason.stays_open() => {
            breach("claim_differs", format!("it is refused as {reason}, its order says otherwise"))
        }
        State::Waiting { .. } | State::Escalated if fact.closed => {
            breach("claim_differs", "it is open, its order says otherwise".to_owned())
        }
        _ => None,
    }
}

/// Amounts by account and currency, debits positive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums(BTreeMap<(Account, Currency), i128>);

impl Sums {
    pub fn add(&mut self, row: &Row, currency: Currency) {
        for (account, amount) in row {
            *self.0.entry((*account, currency)).or_default() += i128::from(*amount);
        }
    }
    pub fn add_one(&mut self, account: Account, currency: Currency, amount: i64) {
        *self.0.entry((account, currency)).or_default() += i128::from(amount);
    }
    /// Where the two differ; a missing sum counts as 0.
    pub fn differences<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (Account, Currency, i128, i128)> + 'a {
        let keys: std::collections::BTreeSet<_> = self.0.keys().chain(other.0.keys()).copied().collect();
        let of = |sums: &Self, key: (Account, Currency)| sums.0.get(&key).copied().unwrap_or(0);
        keys.into_iter().map(move |key| (key.0, key.1, of(self, key), of(other, key))).filter(|(_, _, a, b)| a != b)
    }
}

/// Holds an issued document against the lines that it lists: their sum and number.
pub fn invoice(invoice: &Invoice, net: i64, lines: i64) -> Vec<Breach> {
    let draft = &invoice.draft;
    let mut breaches = Vec::new();
    if (draft.net, draft.lines) != (net, lines) {
        let detail =
            format!("it says {} over {} lines, its {lines} lines sum to {}", draft.net(), draft.lines, Money::new(net, draft.currency));
        breaches.push(Breach::new("invoice_lines_differ", invoice.id, detail));
    }
    let vat = invoice::vat(draft.net, draft.vat_rate);
    if draft.vat != vat {
        let detail = format!("its VAT is {}, {} % of its net amount is {}", draft.vat(), draft.vat_rate, Money::new(vat, draft.currency));
        breaches.push(Breach::new("invoice_vat_differs", invoice.id, detail));
    }
    if (draft.net < 0) != (draft.series == Series::CreditNote) {
        breaches.push(Breach::new("invoice_series_differs", invoice.id, format!("it is numbered as {}", draft.series.word())));
    }
    breaches
}

/// The same of a statement, whose lines are a publisher's.
pub fn statement(statement: &Statement, net: i64, lines: i64) -> Vec<Breach> {
    let Draft { currency, total, vat_rate, .. } = &statement.draft;
    let mut breaches = Vec::new();
    let money = |minor| Money::new(minor, *currency);
    if (total.net, total.lines) != (net, lines) {
        let detail = format!("it says {} over {} lines, its {lines} lines sum to {}", money(total.net), total.lines, money(net));
        breaches.push(Breach::new("statement_lines_differ", statement.id, detail));
    }
    let vat = invoice::vat(total.net, *vat_rate);
    if total.vat != vat {
        let detail = format!("its VAT is {}, {vat_rate} % of its net amount is {}", money(total.vat), money(vat));
        breaches.push(Breach::new("statement_vat_differs", statement.id, detail));
    }
    breaches
}

/// Holds a stored conversion against what its facts say.
pub fn conversion(stored: &Conversion, decided: &Conversion) -> Vec<Breach> {
    let (mut breaches, id) = (Vec::new(), decided.id);
    let mut differ = |field: &str, stored: String, decided: String| {
        if stored != decided {
            breaches.push(Breach::new("decision_differs", id, format!("{field} is {stored}, its facts say {decided}")));
        }
    };
    // One line a field, so that a breach names the field.
    differ("status", stored.status.word().into(), decided.status.word().into());
    differ("flags", stored.flags.text(), decided.flags.text());
    differ("reason", format!("{:?}", stored.reason), format!("{:?}", decided.reason));
    differ("amount", stored.amount.to_string(), decided.amount.to_string());
    differ("refunded", stored.refunded.to_string(), decided.refunded.to_string());
    differ("commission", stored.commission.to_string(), decided.commission.to_string());
    differ("shares.publisher", stored.shares.publisher.to_string(), decided.shares.publisher.to_string());
    differ("shares.buyer", stored.shares.buyer.to_string(), decided.shares.buyer.to_string());
    differ("shares.platform", stored.shares.platform.to_string(), decided.shares.platform.to_string());
    differ("credits", format!("{:?}", stored.credits), format!("{:?}", decided.credits));
    differ("bonuses", format!("{:?}", stored.bonuses), format!("{:?}", decided.bonuses));
    differ("buyer", format!("{:?}", stored.buyer), format!("{:?}", decided.buyer));
    differ("net", stored.net.to_string(), decided.net.to_string());
    differ("terms_version", stored.terms_version.to_string(), decided.terms_version.to_string());
    differ("occurred_at", stored.occurred_at.to_string(), decided.occurred_at.to_string());
    differ("recorded_at", stored.recorded_at.to_string(), decided.recorded_at.to_string());
    differ("approved_at", format!("{:?}", stored.approved_at), format!("{:?}", decided.approved_at));
    differ("payable_at", format!("{:?}", stored.payable_at), format!("{:?}", decided.payable_at));
    differ("claim_until", format!("{:?}", stored.claim_until), format!("{:?}", decided.claim_until));
    differ("expired_at", format!("{:?}", stored.expired_at), format!("{:?}", decided.expired_at));
    differ("buyer_paid", stored.buyer_paid.to_string(), decided.buyer_paid.to_string());
    differ(
        "order",
        format!("{}/{}/{}", stored.program, stored.goal, stored.order_id),
        format!("{}/{}/{}", decided.program, decided.goal, decided.order_id),
    );
    breaches
}

/// Whether an entry balances, and its pending half by itself.
pub fn balance(entry: &Entry) -> Option<Breach> {
    let sum: i128 = entry.postings.values().map(|&a| i128::from(a)).sum();
    (!entry::is_balanced(&entry.postings)).then(|| {
        Breach::new("entry_unbalanced", entry.id, format!("its lines sum to {sum} minor units, or its pending lines do not sum to 0"))
    })
}

/// Walks one node's chain, entry by entry in the order of `seq`.
#[derive(Debug, Clone, Copy)]
pub struct ChainWalk {
    head: Link,
}

impl ChainWalk {
    pub const fn start(node: u16) -> Self {
        Self { head: Link::start(node) }
    }

    /// What is wrong at this entry, which is stored with `link`, behind one with the hash `previous`. The walk goes on from what is stored, so that one alteration is named once.
    pub fn step(&mut self, entry: &Entry, link: Link, previous: [u8; 32]) -> Vec<Breach> {
        let mut breaches = Vec::new();
        let (expected, id) = (self.head.next(entry), entry.id);
        if link.seq != expected.seq {
            let detail = format!("node {} goes from seq {} to {}", self.head.node, self.head.seq, link.seq);
            breaches.push(Breach::new("chain_hole", id, detail));
        } else if previous != self.head.hash {
            breaches.push(Breach::new(
                "chain_broken",
                id,
                format!("node {} seq {}: it does not continue the entry before", self.head.node, expected.seq),
            ));
        }
        let from_stored = Link { node: self.head.node, seq: link.seq - 1, hash: previous };
        if from_stored.next(entry).hash != link.hash {
            breaches.push(Breach::new(
                "entry_altered",
                id,
                format!("node {} seq {}: its content does not give its hash", self.head.node, link.seq),
            ));
        }
        self.head = link;
        breaches
    }

    pub const fn head(&self) -> Link {
        self.head
    }
}

/// Whether an unclaimed share outlived its date, and the last change of its order, by more than the clock may be late, microseconds.
pub fn outlived(conversion: &Conversion, changed: Time, now: Time, late_max: i64) -> Option<Breach> {
    let until = conversion.claim_until.filter(|_| conversion.flags.unclaimed)?;
    (now.since(until.max(changed)) > late_max)
        .then(|| Breach::new("unclaimed_outlived", conversion.id, format!("its unclaimed share was to expire at {until}")))
}
