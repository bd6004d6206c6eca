//! Orders: the sets of their facts, append-only, and the contexts that were looked up when their sales were recorded.
mod context;
pub mod export;
mod fact;
mod loyalty;
pub mod orphan;
mod sale;
#[cfg(test)]
mod tests;

use crate::domain::{
    decision::{Change, FactKind},
    order::{Actor, Order},
    sale::OrderKey,
};
use crate::kernel::{
    id::{ConversionId, InboxId, ProgramId},
    time::Time,
};
use crate::store::{
    bulk::{self, Column},
    db::Tx,
    error::StoreError,
    filter::Filter,
};
use crate::{args, statements};
use context::{FoundJson, TouchJson};
use loyalty::{parse as loyalty_of, text as loyalty_text};
use sale::SaleJson;
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};

/// A text of a stored JSON, borrowed where it has no escapes.
type Text<'a> = Cow<'a, str>;

statements! {
    LIST = "SELECT id, program, goal, order_id FROM orders";
    FACTS = "SELECT conversion, kind, key, inbox, at, body FROM order_fact WHERE conversion IN (SELECT value FROM json_each($1))
        ORDER BY conversion, kind, key, inbox",
        postgres "SELECT conversion, kind, key, inbox, at, body FROM order_fact WHERE conversion = ANY($1)
        ORDER BY conversion, kind, key, inbox";
    CONTEXTS = "SELECT conversion, revision, body FROM order_context WHERE conversion IN (SELECT value FROM json_each($1))
        ORDER BY conversion, revision",
        postgres "SELECT conversion, revision, body FROM order_context WHERE conversion = ANY($1) ORDER BY conversion, revision";
    WITHOUT_RATE = "SELECT id, program, goal, order_id FROM orders WHERE state = 'no_rate' ORDER BY first_seen_at, id";
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    program: i64,
    goal: String,
    order_id: String,
}

#[derive(sqlx::FromRow)]
struct FactRow {
    conversion: i64,
    kind: String,
    key: String,
    inbox: i64,
    at: i64,
    body: String,
}

#[derive(sqlx::FromRow)]
struct ContextRow {
    conversion: i64,
    revision: i64,
    body: String,
}

impl Row {
    fn empty(self) -> Order {
        let key = OrderKey { program: ProgramId::from_raw(self.program), goal: self.goal, order_id: self.order_id };
        Order::empty(ConversionId::from_raw(self.id), key)
    }
}

/// How far an order has come, as stored.
fn state(order: &Order) -> &'static str {
    match (&order.sale, &order.context) {
        (Some(_), Some(_)) => "recorded",
        (Some(_), None) => "no_rate",
        (None, _) => "parked",
    }
}

/// A fact as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub conversion: ConversionId,
    /// `sale`, `refund`, `cancel`, `approve`, `reject`, `reopen`, `adjust`, `tie`, `merchant_paid`, `expire`, `loyalty`, `paid`, `claim`.
    pub kind: String,
    /// Tells facts of one kind apart: a revision, a `refund_id`, who approved or claims; else empty.
    pub key: String,
    /// The message that brought it.
    pub inbox: InboxId,
    pub at: Time,
    /// JSON.
    pub body: String,
}

impl From<FactRow> for Fact {
    fn from(row: FactRow) -> Self {
        Self {
            conversion: ConversionId::from_raw(row.conversion),
            kind: row.kind,
            key: row.key,
            inbox: InboxId::from_raw(row.inbox),
            at: Time::from_micros(row.at),
            body: row.body,
        }
    }
}

/// Orders by key, of whatever goal, and perhaps more.
pub async fn by_keys(tx: &mut Tx, keys: &BTreeSet<OrderKey>) -> Result<Vec<Order>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let pairs = keys.iter().map(|key| (key.program.raw(), key.order_id.as_str()));
    let rows = Filter::new(LIST).keyed("program", "order_id", pairs).all(tx).await?;
    with_facts(tx, rows).await
}

pub async fn by_ids(tx: &mut Tx, ids: &[ConversionId]) -> Result<Vec<Order>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.raw()).collect();
    let rows = Filter::new(LIST).any_of("id", Some(ids)).all(tx).await?;
    with_facts(tx, rows).await
}

pub async fn by_id(tx: &mut Tx, id: ConversionId) -> Result<Option<Order>, StoreError> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// Orders whose sale waits for a rate, oldest first.
pub async fn without_rate(tx: &mut Tx) -> Result<Vec<OrderKey>, StoreError> {
    let rows: Vec<Row> = tx.all(WITHOUT_RATE, args![]).await?;
    Ok(rows.into_iter().map(|row| row.empty().key).collect())
}

/// Every fact of an order, also those that later ones replaced.
pub async fn facts(tx: &mut Tx, id: ConversionId) -> Result<Vec<Fact>, StoreError> {
    let rows: Vec<FactRow> = tx.all(FACTS, args![vec![id.raw()]]).await?;
    Ok(rows.into_iter().map(Fact::from).collect())
}

/// In the sequence of their rows.
async fn with_facts(tx: &mut Tx, rows: Vec<Row>) -> Result<Vec<Order>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let at: HashMap<i64, usize> = ids.iter().enumerate().map(|(n, id)| (*id, n)).collect();
    let mut orders: Vec<Order> = rows.into_iter().map(Row::empty).collect();
    for row in tx.all::<FactRow>(FACTS, args![&ids]).await? {
        let fact = Fact::from(row);
        let Some(order) = at.get(&fact.conversion.raw()).and_then(|n| orders.get_mut(*n)) else { continue };
        fact::add(order, &fact).ok_or_else(|| corrupt(&fact))?;
    }
    for row in tx.all::<ContextRow>(CONTEXTS, args![&ids]).await? {
        let Some(order) = at.get(&row.conversion).and_then(|n| orders.get_mut(*n)) else { continue };
        // The sale's current revision may wait for a rate where an earlier one did not.
        if order.sale.as_ref().is_none_or(|sale| i64::from(sale.revision) != row.revision) {
            continue;
        }
        let context = context::parse(&row.body).ok_or_else(|| {
            StoreError::corrupt("order_context", "body", format_args!("{}/{}", ConversionId::from_raw(row.conversion), row.revision))
        })?;
        order.context = Some(context);
    }
    Ok(orders)
}

fn corrupt(fact: &Fact) -> StoreError {
    StoreError::corrupt("order_fact", "body", format_args!("{}/{}/{}", fact.conversion, fact.kind, fact.key))
}

/// Why a text is not JSON of ours does not matter: its row is named, and the row is there to be looked at.
fn read<'a, T: Deserialize<'a>>(body: &'a str) -> Option<T> {
    serde_json::from_str(body).ok()
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::corrupt("order_fact", "body", "a value that cannot be written as JSON"))
}

/// One change with the message that brought it.
#[derive(Debug, Clone, Copy)]
pub struct Changed<'a> {
    pub change: &'a Change,
    pub inbox: InboxId,
    pub at: Time,
}

/// Stores new orders, the facts that were added, and the contexts that were found. `changes` are in the sequence of the batch.
pub async fn save(tx: &mut Tx, changes: &[Changed<'_>]) -> Result<(), StoreError> {
    // Of several changes of one order in a batch the last says how far it has come.
    let mut last: BTreeMap<ConversionId, (&Order, Time)> = BTreeMap::new();
    for changed in changes {
        let order = &changed.change.order;
        last.entry(order.id).and_modify(|(known, _)| *known = order).or_insert((order, changed.at));
    }
    let orders: Vec<(&Order, Time)> = last.into_values().collect();
    let columns = [
        ("id", Column::int(&orders, |(order, _)| order.id.raw())),
        ("program", Column::int(&orders, |(order, _)| order.key.program.raw())),
        ("goal", Column::text(&orders, |(order, _)| &order.key.goal)),
        ("order_id", Column::text(&orders, |(order, _)| &order.key.order_id)),
        ("state", Column::text(&orders, |(order, _)| state(order))),
        ("first_seen_at", Column::int(&orders, |(_, at)| at.micros())),
    ];
    bulk::insert(tx, "orders", &columns, "ON CONFLICT (id) DO UPDATE SET state = excluded.state").await?;
    save_facts(tx, changes).await?;
    save_contexts(tx, changes).await
}

async fn save_facts(tx: &mut Tx, changes: &[Changed<'_>]) -> Result<(), StoreError> {
    let mut facts = Vec::new();
    for changed in changes {
        for kind in changed.change.fact.iter().chain(&changed.change.loyalty.fact) {
            facts.push(fact::row(&changed.change.order, kind, changed.inbox, changed.at)?);
        }
    }
    let columns = [
        ("conversion", Column::int(&facts, |fact| fact.conversion.raw())),
        ("kind", Column::text(&facts, |fact| &fact.kind)),
        ("key", Column::text(&facts, |fact| &fact.key)),
        ("inbox", Column::int(&facts, |fact| fact.inbox.raw())),
        ("at", Column::int(&facts, |fact| fact.at.micros())),
        ("body", Column::text(&facts, |fact| &fact.body)),
    ];
    bulk::insert(tx, "order_fact", &columns, "").await?;
    Ok(())
}

/// A context comes with a sale's revision, or without a fact when a rate released the sale.
async fn save_contexts(tx: &mut Tx, changes: &[Changed<'_>]) -> Result<(), StoreError> {
    let mut contexts: Vec<(ConversionId, u32, String)> = Vec::new();
    for Changed { change, .. } in changes {
        let comes = matches!(change.fact, None | Some(FactKind::Sale));
        if let (true, Some(sale), Some(context)) = (comes, &change.order.sale, &change.order.context) {
            contexts.push((change.order.id, sale.revision, context::text(context)?));
        }
    }
    let columns = [
        ("conversion", Column::int(&contexts, |(id, ..)| id.raw())),
        ("revision", Column::int(&contexts, |(_, revision, _)| i64::from(*revision))),
        ("body", Column::text(&contexts, |(.., body)| body)),
    ];
    bulk::insert(tx, "order_context", &columns, "").await?;
    Ok(())
}

/// When a context was found.
fn recorded_at(context: &str) -> Option<Time> {
    context::parse(context).map(|context| context.recorded_at)
}

/// A fact that was exported, as text.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    pub id: ConversionId,
    pub key: &'a OrderKey,
    pub kind: &'a str,
    pub fact_key: &'a str,
    pub at: Time,
    pub body: &'a str,
    pub context: Option<&'a str>,
}

/// An order that holds this one fact. None if it is not one that we write.
pub fn exported(given: &Given<'_>) -> Option<(Order, FactKind)> {
    let Given { id, key, kind, fact_key, at, body, context } = *given;
    let mut order = Order::empty(id, key.clone());
    let row = Fact {
        conversion: id,
        kind: kind.to_owned(),
        key: fact_key.to_owned(),
        // Where it stood there is of no use here.
        inbox: InboxId::from_raw(0),
        at,
        body: body.to_owned(),
    };
    fact::add(&mut order, &row)?;
    order.context = match context {
        Some(text) => Some(context::parse(text)?),
        None => None,
    };
    let kind = match kind {
        "sale" => FactKind::Sale,
        "refund" => FactKind::Refund(fact_key.to_owned()),
        "cancel" => FactKind::Cancel,
        "reject" => FactKind::Reject,
        "reopen" => FactKind::Reopen,
        "approve" => FactKind::Approve(Actor::from_word(fact_key)?),
        "adjust" => FactKind::Adjust,
        "tie" => FactKind::Tie,
        "claim" => FactKind::Claim(fact_key.parse().ok()?),
        "merchant_paid" => FactKind::MerchantPaid,
        "expire" => FactKind::Expire,
        "loyalty" => FactKind::Loyalty,
        "paid" => FactKind::Paid,
        _ => return None,
    };
    let is_keyed = match kind {
        FactKind::Sale
        | FactKind::Refund(_)
        | FactKind::Approve(_)
        | FactKind::Adjust
        | FactKind::Reopen
        | FactKind::Loyalty
        | FactKind::Paid
        | FactKind::Claim(_) => true,
        // Of an order that was reopened before.
        FactKind::Cancel | FactKind::Reject => !fact_key.is_empty(),
        FactKind::Tie | FactKind::MerchantPaid | FactKind::Expire => false,
    };
    let is_sound = (is_keyed != fact_key.is_empty()) && (order.context.is_none() || kind == FactKind::Sale);
    is_sound.then_some((order, kind))
}

fn cow(text: Option<&String>) -> Option<Text<'_>> {
    text.map(|text| Text::Borrowed(text.as_str()))
}

fn owned(text: Option<Text<'_>>) -> Option<String> {
    text.map(Text::into_owned)
}
