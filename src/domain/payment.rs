//! A payment of a payout: one payee's money on its way, and what it holds on the ledger at each step.

use crate::domain::{
    account::Account,
    entry::{Kind, Row},
    payee::Payee,
    reason::Refusal,
    wallet::{Details, ReturnReason},
    word::words,
};
use crate::kernel::{
    id::{BatchId, PaymentId, StatementId},
    money::Money,
    time::Time,
};

words! {
    /// Where a payment stands.
    pub enum Status {
        Prepared = "prepared",
        Exported = "exported",
        Settled = "settled",
        Returned = "returned",
        Cancelled = "cancelled",
    }
}

/// How far a payment has come, with what is known since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// May be looked at, and taken out again.
    Prepared,
    /// Told to the bank: from now on only the bank's word changes it.
    Exported {
        at: Time,
    },
    Settled {
        exported_at: Time,
        at: Time,
    },
    /// The bank brought it back, perhaps after it had been settled.
    Returned {
        exported_at: Time,
        settled_at: Option<Time>,
        at: Time,
        reason: ReturnReason,
        note: Option<String>,
    },
    /// Taken out before it was told to the bank.
    Cancelled {
        at: Time,
    },
}

/// One payee's payment of a payout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub id: PaymentId,
    pub batch: BatchId,
    pub payee: Payee,
    /// What it takes from the payee's balance, the fee included; above the fee.
    pub amount: Money,
    /// Minor units that stay with the platform; not negative.
    pub fee: i64,
    /// As they were when it was prepared.
    pub details: Details,
    /// How many lines of the journal it pays, its own not counted.
    pub lines: i64,
    pub prepared_at: Time,
    /// The self-billed statement that was drawn up with it, whose VAT is part of the amount.
    pub statement: Option<StatementId>,
    pub state: State,
}

/// What a step made of a payment: nothing new, or as it is from then on, with the kind of its entry.
pub type Stepped = Result<Option<(Payment, Kind)>, Refusal>;

impl Payment {
    /// What the payee gets.
    pub const fn net(&self) -> Money {
        Money { minor: self.amount.minor - self.fee, currency: self.amount.currency }
    }

    pub const fn status(&self) -> Status {
        match self.state {
            State::Prepared => Status::Prepared,
            State::Exported { .. } => Status::Exported,
            State::Settled { .. } => Status::Settled,
            State::Returned { .. } => Status::Returned,
            State::Cancelled { .. } => Status::Cancelled,
        }
    }

    /// Whether its lines are its own: those of one that came back, or was taken out, are free again.
    pub const fn is_live(&self) -> bool {
        matches!(self.state, State::Prepared | State::Exported { .. } | State::Settled { .. })
    }

    pub const fn exported_at(&self) -> Option<Time> {
        match self.state {
            State::Exported { at } => Some(at),
            State::Settled { exported_at, .. } | State::Returned { exported_at, .. } => Some(exported_at),
            State::Prepared | State::Cancelled { .. } => None,
        }
    }

    pub const fn settled_at(&self) -> Option<Time> {
        match self.state {
            State::Settled { at, .. } => Some(at),
            State::Returned { settled_at, .. } => settled_at,
            _ => None,
        }
    }

    /// When it was taken out.
    pub const fn cancelled_at(&self) -> Option<Time> {
        match self.state {
            State::Cancelled { at } => Some(at),
            _ => None,
        }
    }

    /// When and why it came back.
    pub const fn returned(&self) -> Option<(Time, ReturnReason, Option<&String>)> {
        match &self.state {
            State::Returned { at, reason, note, .. } => Some((*at, *reason, note.as_ref())),
            _ => None,
        }
    }

    /// Whether the orders that it pays have to be told: it has come into a settled state, or left one.
    pub const fn touches_orders(&self) -> bool {
        self.settled_at().is_some()
    }

    /// What it holds on the ledger, debits positive. The fee of one that came back stays.
    pub fn row(&self) -> Row {
        let (payable, gross, net) = (self.payee.payable(), self.amount.minor, self.net().minor);
        let mut row = match self.state {
            State::Prepared | State::Exported { .. } => Row::from([(payable, gross), (Account::PayoutsInFlight, -net)]),
            State::Settled { .. } => Row::from([(payable, gross), (Account::Cash, -net)]),
            State::Returned { .. } => Row::from([(payable, self.fee)]),
            State::Cancelled { .. } => return Row::new(),
        };
        row.insert(Account::PlatformFees, -self.fee);
        row.retain(|_, amount| *amount != 0);
        row
    }

    fn with(&self, state: State) -> Self {
        Self { state, ..self.clone() }
    }

    pub fn export(&self, at: Time) -> Option<Self> {
        matches!(self.state, State::Prepared).then(|| self.with(State::Exported { at }))
    }

    pub fn cancel(&self, at: Time) -> Stepped {
        match self.state {
            State::Prepared => Ok(Some((self.with(State::Cancelled { at }), Kind::PayoutCancelled))),
            State::Cancelled { .. } => Ok(None),
            _ => Err(Refusal::PaymentExported),
        }
    }

    pub fn settle(&self, at: Time) -> Stepped {
        match self.state {
            State::Exported { at: exported_at } => Ok(Some((self.with(State::Settled { exported_at, at }), Kind::PayoutSettled))),
            State::Settled { .. } => Ok(None),
            State::Prepared => Err(Refusal::PaymentNotExported),
            State::Returned { .. } | State::Cancelled { .. } => Err(Refusal::PaymentClosed),
        }
    }

    pub fn bring_back(&self, at: Time, reason: ReturnReason, note: Option<&String>) -> Stepped {
        let (exported_at, settled_at) = match self.state {
            State::Exported { at } => (at, None),
            State::Settled { exported_at, at } => (exported_at, Some(at)),
            State::Returned { .. } => return Ok(None),
            State::Prepared => return Err(Refusal::PaymentNotExported),
            State::Cancelled { .. } => return Err(Refusal::PaymentClosed),
        };
        let state = State::Returned { exported_at, settled_at, at, reason, note: note.cloned() };
        Ok(Some((self.with(state), Kind::PayoutReturned)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        entry::{difference, is_balanced},
        wallet::Method,
    };
    use crate::kernel::{currency::Currency, id::BuyerId};

    #[test]
    fn every_step_posts_what_the_rules_say() {
        let (t, payee) = (Time::from_micros, Payee::Buyer(BuyerId::from_raw(1)));
        let details =
            Details { method: Method::Manual, holder: "A".to_owned(), shown: "…".to_owned(), sealed: Vec::new(), changed_at: t(0) };
        let prepared = Payment {
            id: PaymentId::from_raw(1),
            batch: BatchId::from_raw(2),
            payee,
            amount: Money::new(1000, Currency::EUR),
            fee: 25,
            details,
            lines: 1,
            prepared_at: t(1),
            statement: None,
            state: State::Prepared,
        };
        assert_eq!(prepared.settle(t(2)), Err(Refusal::PaymentNotExported));
        let exported = prepared.export(t(2)).expect("exported");
        assert_eq!(difference(&exported.row(), &prepared.row()), Row::new());
        let (settled, _) = exported.settle(t(3)).expect("settled").expect("new");
        let posted = Row::from([(Account::PayoutsInFlight, 975), (Account::Cash, -975)]);
        assert_eq!(difference(&settled.row(), &exported.row()), posted);
        let back = |payment: &Payment| payment.bring_back(t(4), ReturnReason::Refused, None).expect("returned").expect("new").0;
        let before = Row::from([(Account::PayoutsInFlight, 975), (payee.payable(), -975)]);
        let after = Row::from([(Account::Cash, 975), (payee.payable(), -975)]);
        assert_eq!(difference(&back(&exported).row(), &exported.row()), before);
        assert_eq!(difference(&back(&settled).row(), &settled.row()), after);
        let (cancelled, _) = prepared.cancel(t(2)).expect("cancelled").expect("new");
        for payment in [&prepared, &exported, &settled, &back(&settled), &cancelled] {
            assert!(is_balanced(&payment.row()), "{payment:?}");
        }
        assert_eq!(exported.cancel(t(3)), Err(Refusal::PaymentExported));
        assert_eq!(back(&settled).settle(t(5)), Err(Refusal::PaymentClosed));
        assert_eq!((settled.settle(t(5)), back(&settled).bring_back(t(5), ReturnReason::Other, None)), (Ok(None), Ok(None)));
    }
}
