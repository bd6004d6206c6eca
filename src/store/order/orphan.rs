//! Orphans: orders of which something was said long ago, and whose sale, or its rate, has not come since.
use super::Row;
use crate::domain::sale::OrderKey;
use crate::kernel::{
    id::{ConversionId, MerchantId},
    time::Time,
};
use crate::store::{db::Tx, error::StoreError, filter::Filter};
use crate::{args, statements};

statements! {
    LIST = "SELECT o.id AS id, o.program AS program, o.goal AS goal, o.order_id AS order_id, o.first_seen_at AS first_seen_at
        FROM orders o JOIN program p ON p.id = o.program";
    COUNT = "SELECT COUNT(*) FROM orders WHERE state <> 'recorded' AND first_seen_at <= $1
        AND EXISTS (SELECT 1 FROM order_fact f WHERE f.conversion = orders.id AND f.kind <> 'claim')";
}

/// An order that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    pub id: ConversionId,
    pub key: OrderKey,
    /// When the first message about it came in.
    pub since: Time,
}

#[derive(sqlx::FromRow)]
struct OrphanRow {
    id: i64,
    program: i64,
    goal: String,
    order_id: String,
    first_seen_at: i64,
}

impl From<OrphanRow> for Orphan {
    fn from(row: OrphanRow) -> Self {
        let OrphanRow { id, program, goal, order_id, first_seen_at } = row;
        let order = Row { id, program, goal, order_id }.empty();
        Self { id: order.id, key: order.key, since: Time::from_micros(first_seen_at) }
    }
}

/// Those that wait since then or longer, by number; of a merchant, or all.
pub async fn list(
    tx: &mut Tx,
    merchant: Option<MerchantId>,
    since: Time,
    after: Option<ConversionId>,
    limit: i64,
) -> Result<Vec<Orphan>, StoreError> {
    // What only a claim of missing cashback speaks of has its own deadline.
    let told = "EXISTS (SELECT 1 FROM order_fact f WHERE f.conversion = o.id AND f.kind <> 'claim')";
    let filter = Filter::new(LIST).only(true, "o.state <> 'recorded'").only(true, told).and("o.first_seen_at <=", Some(since.micros()));
    let filter = filter.and("p.merchant =", merchant.map(MerchantId::raw)).and("o.id >", after.map(ConversionId::raw));
    let rows: Vec<OrphanRow> = filter.order("ORDER BY o.id", limit).all(tx).await?;
    Ok(rows.into_iter().map(Orphan::from).collect())
}

/// How many wait since then or longer.
pub async fn count(tx: &mut Tx, since: Time) -> Result<i64, StoreError> {
    let row: Option<(i64,)> = tx.one(COUNT, args![since.micros()]).await?;
    Ok(row.map_or(0, |(count,)| count))
}
