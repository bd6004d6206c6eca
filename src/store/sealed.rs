//! All that is stored sealed under the master key, wherever it stands: for the day on which that key changes.
use super::db::Tx;
use super::error::StoreError;
use crate::kernel::id::{KeyId, PaymentId, SecretId};
use crate::{args, statements};
use std::fmt;

statements! {
    ALL_SEALED = "SELECT sealed FROM seal_key UNION ALL SELECT sealed FROM secret UNION ALL SELECT answer FROM idempotency WHERE sealed
        UNION ALL SELECT sealed FROM payout_method WHERE sealed IS NOT NULL UNION ALL SELECT sealed FROM payment";
    NAMED = "SELECT 'seal_key' AS kind, number AS id, sealed FROM seal_key UNION ALL SELECT 'secret', id, sealed FROM secret
        UNION ALL SELECT 'idempotency', api_key, answer FROM idempotency WHERE sealed
        UNION ALL SELECT 'payout_method', payee, sealed FROM payout_method WHERE sealed IS NOT NULL
        UNION ALL SELECT 'payment', id, sealed FROM payment ORDER BY 1, 2";
    RESEAL_KEY = "UPDATE seal_key SET sealed = $1 WHERE sealed = $2";
    RESEAL_SECRET = "UPDATE secret SET sealed = $1 WHERE sealed = $2";
    RESEAL_METHOD = "UPDATE payout_method SET sealed = $1 WHERE sealed = $2";
    RESEAL_PAYMENT = "UPDATE payment SET sealed = $1 WHERE sealed = $2";
    RESEAL_ANSWER = "UPDATE idempotency SET answer = $1 WHERE answer = $2 AND sealed";
}

#[derive(sqlx::FromRow)]
struct Row {
    sealed: Vec<u8>,
}

/// The sealed bytes of every key, secret and kept answer.
pub async fn all(tx: &mut Tx) -> Result<Vec<Vec<u8>>, StoreError> {
    Ok(tx.all::<Row>(ALL_SEALED, args![]).await?.into_iter().map(|row| row.sealed).collect())
}

/// Whose sealed bytes they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A key of the ring, by its number.
    SealKey(i64),
    /// A merchant's signing secret.
    Secret(SecretId),
    /// An answer kept for a request of this API key.
    Answer(KeyId),
    /// The account of a payee, by their number.
    Account(i64),
    /// The account that a payment goes to.
    Payment(PaymentId),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SealKey(number) => write!(f, "seal key {number}"),
            Self::Secret(id) => write!(f, "{id}"),
            Self::Account(payee) => write!(f, "account of payee {payee}"),
            Self::Payment(id) => write!(f, "account of {id}"),
            Self::Answer(key) => write!(f, "answer kept for {key}"),
        }
    }
}

#[derive(sqlx::FromRow)]
struct NamedRow {
    kind: String,
    id: i64,
    sealed: Vec<u8>,
}

/// All of them, with whose they are.
pub async fn named(tx: &mut Tx) -> Result<Vec<(Owner, Vec<u8>)>, StoreError> {
    let named = |NamedRow { kind, id, sealed }| match kind.as_str() {
        "seal_key" => (Owner::SealKey(id), sealed),
        "secret" => (Owner::Secret(SecretId::from_raw(id)), sealed),
        "payout_method" => (Owner::Account(id), sealed),
        "payment" => (Owner::Payment(PaymentId::from_raw(id)), sealed),
        _ => (Owner::Answer(KeyId::from_raw(id)), sealed),
    };
    Ok(tx.all::<NamedRow>(NAMED, args![]).await?.into_iter().map(named).collect())
}

/// Puts other bytes in the place of these; gives how many rows had them.
pub async fn replace(tx: &mut Tx, old: &[u8], new: &[u8]) -> Result<u64, StoreError> {
    let mut rows = 0;
    for statement in [RESEAL_KEY, RESEAL_SECRET, RESEAL_ANSWER, RESEAL_METHOD, RESEAL_PAYMENT] {
        rows += tx.run(statement, args![new, old]).await?;
    }
    Ok(rows)
}
