//! Payouts: runs over everybody's wallets, what became of their payments, and why somebody was left out.

use crate::domain::{
    entry::Link,
    order::Actor,
    payee::Payee,
    series::Series,
    wallet::{Against, FreeLine, Method, ReturnReason},
    word::words,
};
use crate::kernel::{
    currency::Currency,
    id::{BatchId, PaymentId},
    time::Time,
};

words! {
    /// What a batch is exported as. `csv` holds the payments that a pain.001 cannot take, `csv_all` every payment.
    pub enum Form {
        Pain001 = "pain001",
        Csv = "csv",
        CsvAll = "csv_all",
    }
}

words! {
    /// Where a payout run stands, by its payments.
    pub enum BatchStatus {
        Prepared = "prepared",
        Exported = "exported",
        Settled = "settled",
        Cancelled = "cancelled",
    }
}

/// A payout run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub id: BatchId,
    pub currency: Currency,
    /// Only what was posted before; everything, if nobody said.
    pub until: Option<Time>,
    pub by: Actor,
    pub prepared_at: Time,
    /// When a part of it was first told to a bank.
    pub exported_at: Option<Time>,
    pub cancelled_at: Option<Time>,
    /// The heads of the journal's chains before it: kept elsewhere, they show a tail that was cut off.
    pub heads: Vec<Link>,
}

impl Batch {
    /// `is_open`: a payment of it is still under way.
    pub const fn status(&self, is_open: bool) -> BatchStatus {
        match (self.cancelled_at, self.exported_at, is_open) {
            (Some(_), ..) => BatchStatus::Cancelled,
            (None, None, _) => BatchStatus::Prepared,
            (None, Some(_), true) => BatchStatus::Exported,
            (None, Some(_), false) => BatchStatus::Settled,
        }
    }
}

/// A payee whom a run left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    pub payee: Payee,
    /// Minor units, positive is the payee's.
    pub balance: i64,
    pub against: Against,
}

/// A line that a payment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    pub payment: PaymentId,
    pub line: FreeLine,
}

/// What a payout's command writes beside its payments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub batch: Batch,
    /// Of a new batch.
    pub left_out: Vec<LeftOut>,
    /// With the payments' own lines.
    pub taken: Vec<Taken>,
    /// Payments whose lines are free again.
    pub freed: Vec<PaymentId>,
}

/// What may be done about payouts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A new batch of everything due in a currency; `fee` is kept from each payment, minor units, not negative.
    Prepare {
        currency: Currency,
        until: Option<Time>,
        fee: i64,
    },
    Cancel {
        batch: BatchId,
    },
    /// Takes one payment out of its batch.
    Remove {
        payment: PaymentId,
    },
    Export {
        batch: BatchId,
        form: Form,
    },
    SettleAll {
        batch: BatchId,
    },
    Settle {
        payment: PaymentId,
    },
    Return {
        payment: PaymentId,
        reason: ReturnReason,
        note: Option<String>,
    },
}

impl Step {
    pub const fn batch(&self) -> Option<BatchId> {
        match self {
            Self::Cancel { batch } | Self::Export { batch, .. } | Self::SettleAll { batch } => Some(*batch),
            _ => None,
        }
    }

    /// The series of the documents that it may issue.
    pub const fn series(&self) -> Option<Series> {
        match self {
            Self::Prepare { .. } => Some(Series::Statement),
            _ => None,
        }
    }

    pub const fn payment(&self) -> Option<PaymentId> {
        match self {
            Self::Remove { payment } | Self::Settle { payment } | Self::Return { payment, .. } => Some(*payment),
            _ => None,
        }
    }
}

/// Whether a payment to these details stands in this form of a batch.
pub fn fits(form: Form, method: Method, currency: Currency) -> bool {
    let by_sepa = method == Method::Sepa && currency == Currency::EUR;
    match form {
        Form::Pain001 => by_sepa,
        Form::Csv => !by_sepa,
        Form::CsvAll => true,
    }
}
