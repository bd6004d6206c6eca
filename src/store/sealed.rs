//! All that is stored sealed under the master key, wherever it stands: for the day on which that key changes.
use super::db::Tx;
use super::error::StoreError;
use crate::{args, statements};

statements! {
    ALL_SEALED = "SELECT sealed FROM seal_key UNION ALL SELECT sealed FROM secret UNION ALL SELECT answer FROM idempotency WHERE sealed";
    RESEAL_KEY = "UPDATE seal_key SET sealed = $1 WHERE sealed = $2";
    RESEAL_SECRET = "UPDATE secret SET sealed = $1 WHERE sealed = $2";
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

/// Puts other bytes in the place of these; gives how many rows had them.
pub async fn replace(tx: &mut Tx, old: &[u8], new: &[u8]) -> Result<u64, StoreError> {
    let mut rows = 0;
    for statement in [RESEAL_KEY, RESEAL_SECRET, RESEAL_ANSWER] {
        rows += tx.run(statement, args![new, old]).await?;
    }
    Ok(rows)
}
