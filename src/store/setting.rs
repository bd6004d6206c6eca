//! What the installation knows about itself: one row a fact.
use super::db::Tx;
use super::error::StoreError;
use crate::{args, statements};

statements! {
    GET = "SELECT value FROM setting WHERE key = $1";
    PUT = "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
}

#[derive(sqlx::FromRow)]
struct Row {
    value: String,
}

pub async fn get(tx: &mut Tx, key: &str) -> Result<Option<String>, StoreError> {
    Ok(tx.one::<Row>(GET, args![key]).await?.map(|row| row.value))
}

pub async fn put(tx: &mut Tx, key: &str, value: &str) -> Result<(), StoreError> {
    tx.run(PUT, args![key, value]).await?;
    Ok(())
}
