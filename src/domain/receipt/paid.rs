//! The payments of a receipt: when and by which payment each payee got their part.

use super::Receipt;
use crate::domain::{
    payee::Payee,
    payment::{Payment, Status},
};
use crate::kernel::{id::PaymentId, money::Money, time::Time};
use serde::Serialize;
use utoipa::ToSchema;

/// A payment that holds or held a part of the conversion.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptPayment)]
pub struct PaymentLine {
    pub payment: PaymentId,
    #[schema(value_type = String)]
    pub payee: Payee,
    /// How much of the conversion it pays.
    pub amount: Money,
    pub status: Status,
    #[schema(required)]
    pub settled_at: Option<Time>,
    #[schema(required)]
    pub returned_at: Option<Time>,
}

impl Receipt {
    /// With the payments in which its lines stand or stood, and how much of it each pays in minor units. Those that were taken out before
    /// anybody was told are left out.
    #[must_use]
    pub fn paid_by(mut self, payments: &[(Payment, i64)]) -> Self {
        let line = |(payment, minor): &(Payment, i64)| PaymentLine {
            payment: payment.id,
            payee: payment.payee,
            amount: Money::new(*minor, payment.amount.currency),
            status: payment.status(),
            settled_at: payment.settled_at(),
            returned_at: payment.returned().map(|(at, ..)| at),
        };
        self.payments = payments.iter().filter(|(payment, _)| payment.cancelled_at().is_none()).map(line).collect();
        self
    }
}
