//! The operator as a seller: one row of the settings.
use super::db::Tx;
use super::error::StoreError;
use crate::domain::identity::Identity;
use crate::{args, statements};

const KEY: &str = "seller";

statements! {
    GET = "SELECT value FROM setting WHERE key = $1";
    PUT = "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
}

#[derive(sqlx::FromRow)]
struct Row {
    value: String,
}

/// None as long as nobody said.
pub async fn get(tx: &mut Tx) -> Result<Option<Identity>, StoreError> {
    let Some(row) = tx.one::<Row>(GET, args![KEY]).await? else { return Ok(None) };
    Identity::from_text(&row.value).map(Some).ok_or_else(|| StoreError::corrupt("setting", "value", KEY))
}

pub async fn put(tx: &mut Tx, seller: &Identity) -> Result<(), StoreError> {
    tx.run(PUT, args![KEY, &seller.text()]).await?;
    Ok(())
}
