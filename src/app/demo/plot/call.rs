//! What somebody at a desk asks of the API, and what its answer leads to.

use crate::app::demo::accounts::Accounts;
use http::{Method, StatusCode};
use serde_json::Value;

/// Somebody at a desk calls the API.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: Method,
    pub path: String,
    pub body: Value,
    pub(super) then: Then,
}

/// What its answer leads to.
#[derive(Debug, Clone)]
pub(super) enum Then {
    Nothing,
    /// An invoice was issued: the shop pays, by its habit.
    Pay(&'static Accounts),
    /// A batch was prepared: it goes to the bank.
    Export,
    /// The bank has it: some payments come back, the others arrive.
    Settle(Vec<String>),
    /// Vouchers were made: their codes lie in parcels from now on.
    ReadCodes(usize),
    HandOut(usize),
    /// A claim waits for the shop.
    Answer {
        shop: usize,
        amount: String,
    },
    /// The operator rejected a sale by mistake.
    Reopen(String),
    /// Something was booked by mistake, or for nothing: it is undone for this reason.
    Undo(&'static str),
    /// Orders that are paid out: parcels of some of them come back.
    TakeBack,
    /// The balances of somebody who does not answer: what is owed is written off.
    WriteOff(String),
    /// The balances of somebody who leaves: what is there is given up.
    GiveUp(String),
}

impl Call {
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, path: path.into(), body, then: Then::Nothing }
    }

    pub(super) fn put(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::PUT, ..Self::post(path, body) }
    }

    pub(super) fn patch(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::PATCH, ..Self::post(path, body) }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, ..Self::post(path, Value::Null) }
    }

    pub(super) fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }

    /// Whether the play goes on after this answer: what is not there to be invoiced, paid or exported is refused, and that is believable.
    pub fn is_fine(status: StatusCode) -> bool {
        status.is_success() || matches!(status, StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY)
    }
}
