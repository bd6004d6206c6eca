//! What the installation knows about itself: one row a fact.
use super::db::Tx;
use super::error::StoreError;
use crate::kernel::time::Zone;
use crate::{args, statements};

statements! {
    GET = "SELECT value FROM setting WHERE key = $1";
    PUT_FIRST = "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
    PUT = "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
}

/// By which time zone documents are dated and numbered, months end and days are counted.
const ZONE: &str = "timezone";

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

/// Notes the time zone beside the first document that has a number; another one is an error from then on.
pub async fn fix_zone(tx: &mut Tx, zone: &Zone) -> Result<(), StoreError> {
    tx.run(PUT_FIRST, args![ZONE, zone.name()]).await?;
    check_zone(tx, zone).await
}

/// Whether this may be the installation's time zone.
pub async fn check_zone(tx: &mut Tx, zone: &Zone) -> Result<(), StoreError> {
    match get(tx, ZONE).await? {
        Some(fixed) if fixed != zone.name() => Err(StoreError::OtherZone { fixed, given: zone.name().to_owned() }),
        _ => Ok(()),
    }
}
