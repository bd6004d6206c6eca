//! Payouts as tests make them.
use super::server::{Operator, text};
use reqwest::Method;
use serde_json::{Value, json};

/// A payee who is paid by hand, however little it is.
pub async fn by_hand(operator: &Operator, payee: &str) {
    let noun = if payee.starts_with("pub") { "publishers" } else { "buyers" };
    let body = json!({"method": "manual", "holder": "Ada Byron", "details": "cash box 7", "minimums": {"EUR": "0.01"}});
    operator.call(Method::PUT, &format!("/{noun}/{payee}/payout-method"), Some(&body)).await.expect(200);
}

/// A payee with an account in the euro area.
pub async fn by_sepa(operator: &Operator, buyer: &str) {
    let body = json!({"method": "sepa", "holder": "Ada Byron", "iban": "DE89370400440532013000"});
    operator.call(Method::PUT, &format!("/buyers/{buyer}/payout-method"), Some(&body)).await.expect(200);
}

/// Something to pay to a buyer: 20.00 EUR from the platform.
pub async fn earn(operator: &Operator, buyer: &str) {
    let amount = json!({"amount": "20.00", "currency": "EUR"});
    operator.create("/bonuses", json!({"buyer": buyer, "amount": amount, "funded_by": "platform", "reason": "thank you"})).await;
}

/// The payment to this payee in a batch.
pub fn payment_to(batch: &Value, payee: &str) -> String {
    let payments = batch["payments"].as_array().expect("payments");
    let found = payments.iter().find(|payment| payment["payee"] == payee);
    text(&found.unwrap_or_else(|| panic!("no payment to {payee}: {batch}"))["id"])
}

/// A new batch with a payment to this buyer: both ids.
pub async fn prepared(operator: &Operator, buyer: &str) -> (String, String) {
    earn(operator, buyer).await;
    let batch = operator.create("/payouts", json!({"currency": "EUR"})).await;
    (text(&batch["id"]), payment_to(&batch, buyer))
}

/// The same, told to the bank.
pub async fn exported(operator: &Operator, buyer: &str) -> (String, String) {
    let (batch, payment) = prepared(operator, buyer).await;
    operator.post(&format!("/payouts/{batch}/export?format=csv&all=true"), json!({})).await;
    (batch, payment)
}
