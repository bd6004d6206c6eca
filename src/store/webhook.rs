//! `webhook-id`s that are used up.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::kernel::{id::MerchantId, time::Time};
use crate::statements;
use std::collections::BTreeSet;

statements! {
    LIST = "SELECT merchant, webhook_id, body_hash FROM webhook_seen";
}

#[derive(sqlx::FromRow)]
struct Row {
    merchant: i64,
    webhook_id: String,
    body_hash: Vec<u8>,
}

/// A `webhook-id` with the SHA-256 of the body that used it up.
pub type Seen = ((MerchantId, String), [u8; 32]);

/// Merchant, `webhook-id`, SHA-256 of the body, when.
pub type Used<'a> = (MerchantId, &'a str, &'a [u8; 32], Time);

/// Those of the merchants' numbers that are used up, and perhaps more.
pub async fn by_ids(tx: &mut Tx, ids: &BTreeSet<(MerchantId, String)>) -> Result<Vec<Seen>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let keys = ids.iter().map(|(merchant, id)| (merchant.raw(), id.as_str()));
    let rows: Vec<Row> = Filter::new(LIST).keyed("merchant", "webhook_id", keys).all(tx).await?;
    let seen = |row: Row| {
        let merchant = MerchantId::from_raw(row.merchant);
        let corrupt = |_| StoreError::corrupt("webhook_seen", "body_hash", format_args!("{merchant}/{}", row.webhook_id));
        let hash = <[u8; 32]>::try_from(row.body_hash.as_slice()).map_err(corrupt)?;
        Ok(((merchant, row.webhook_id), hash))
    };
    rows.into_iter().map(seen).collect()
}

/// One that is there already keeps its body. Sorted, because another node may store the same for another program of the merchant.
pub async fn insert(tx: &mut Tx, mut seen: Vec<Used<'_>>) -> Result<(), StoreError> {
    seen.sort_unstable();
    let columns = [
        ("merchant", Column::int(&seen, |(merchant, ..)| merchant.raw())),
        ("webhook_id", Column::text(&seen, |(_, id, ..)| id)),
        ("body_hash", Column::blob(&seen, |(_, _, hash, _)| hash.as_slice())),
        ("seen_at", Column::int(&seen, |(.., at)| at.micros())),
    ];
    bulk::insert(tx, "webhook_seen", &columns, "ON CONFLICT (merchant, webhook_id) DO NOTHING").await?;
    Ok(())
}
