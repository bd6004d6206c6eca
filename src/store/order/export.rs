//! Orders' facts as one database exports them and another takes them over: the stored JSON itself, which never changes its form.
use super::{Fact, FactRow};
use crate::domain::order::Actor;
use crate::domain::sale::OrderKey;
use crate::kernel::id::ConversionId;
use crate::store::{db::Tx, error::StoreError};
use crate::{args, statements};
use std::collections::HashMap;

statements! {
    ORDERS = "SELECT id, program, goal, order_id FROM orders WHERE id > $1 ORDER BY id LIMIT $2";
    FACTS = "SELECT f.conversion, f.kind, f.key, f.inbox, f.at, f.body, i.actor AS actor FROM order_fact f LEFT JOIN inbox i ON i.id = f.inbox
        WHERE f.conversion IN (SELECT value FROM json_each($1)) ORDER BY f.conversion, f.inbox, f.kind, f.key",
        postgres "SELECT f.conversion, f.kind, f.key, f.inbox, f.at, f.body, i.actor AS actor FROM order_fact f LEFT JOIN inbox i ON i.id = f.inbox
        WHERE f.conversion = ANY($1) ORDER BY f.conversion, f.inbox, f.kind, f.key";
    CONTEXTS = "SELECT conversion, revision, body FROM order_context WHERE conversion IN (SELECT value FROM json_each($1))",
        postgres "SELECT conversion, revision, body FROM order_context WHERE conversion = ANY($1)";
}

/// A fact with all that is needed to take it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    pub key: OrderKey,
    pub fact: Fact,
    /// Who sent it, if its message is still there.
    pub by: Option<Actor>,
    /// With a sale that did not wait for a rate: what was looked up for it, JSON.
    pub context: Option<String>,
}

#[derive(sqlx::FromRow)]
struct SentRow {
    conversion: i64,
    kind: String,
    key: String,
    inbox: i64,
    at: i64,
    body: String,
    actor: Option<String>,
}

/// The facts of the next orders by number, each order's in the sequence in which they counted: a sale that waited for a rate stands where
/// the rate came. Empty at the end.
pub async fn page(tx: &mut Tx, after: ConversionId, orders_max: i64) -> Result<Vec<Exported>, StoreError> {
    let orders: Vec<super::Row> = tx.all(ORDERS, args![after.raw(), orders_max]).await?;
    let ids: Vec<i64> = orders.iter().map(|order| order.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut contexts: HashMap<(i64, String), String> = HashMap::new();
    for row in tx.all::<super::ContextRow>(CONTEXTS, args![&ids]).await? {
        contexts.insert((row.conversion, row.revision.to_string()), row.body);
    }
    let keys: HashMap<i64, OrderKey> = orders.into_iter().map(super::Row::empty).map(|order| (order.id.raw(), order.key)).collect();
    let exported = |row: SentRow| {
        let SentRow { conversion, kind, key, inbox, at, body, actor } = row;
        let order = keys.get(&conversion)?.clone();
        let context = (kind == "sale").then(|| contexts.remove(&(conversion, key.clone()))).flatten();
        let fact = Fact::from(FactRow { conversion, kind, key, inbox, at, body });
        Some(Exported { key: order, fact, by: actor.as_deref().and_then(Actor::from_word), context })
    };
    let mut facts: Vec<Exported> = tx.all::<SentRow>(FACTS, args![&ids]).await?.into_iter().filter_map(exported).collect();
    facts.sort_by_cached_key(|exported| {
        let recorded_at = exported.context.as_deref().and_then(super::recorded_at);
        (exported.fact.conversion, recorded_at.map_or(exported.fact.at, |at| at.max(exported.fact.at)))
    });
    Ok(facts)
}
