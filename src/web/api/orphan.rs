//! Orphans: what was said of orders whose sale, or its exchange rate, has not come.

use super::{Api, Caller, Field, Kind, Query, Routes, op};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR},
        order::{Order, Said},
    },
    kernel::{
        id::{ConversionId, ProgramId},
        schema,
        time::{DAY, Time},
    },
    store::{self, order::orphan::Orphan},
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;

/// How long an order waits before it is listed, if nothing else is said. Days.
const AFTER_DAYS: i64 = 90;
/// A hundred years.
const DAYS_MAX: i64 = 36_500;

const WANTED: &[Field] = &[Field::optional(
    "older_than_days",
    Kind::Integer { min: 0, max: DAYS_MAX },
    "Only those that wait for so many days or more; 90 if left out.",
)];
const ABOUT: &str = "Refunds, cancellations and verdicts that came before their sale wait for it, and a sale waits for its exchange rate. \
    None is ever dropped: what waits for months was probably sent with a wrong number, or the sale was lost.";

pub fn routes() -> Routes {
    let list_them = op("list_orphans", "Orders whose sale, or its exchange rate, has not come").about(ABOUT).roles(OPERATOR | MERCHANT);
    Routes::new("conversions").get("/orphans", list, list_them.query(WANTED).page::<View>())
}

/// An order that waits.
#[derive(Serialize, ToSchema)]
#[schema(as = Orphan)]
struct View {
    program: ProgramId,
    /// The goal: `sale`, `lead`, …
    #[serde(rename = "type")]
    goal: String,
    order_id: String,
    #[schema(schema_with = awaited)]
    waits_for: &'static str,
    /// When the first message about it came in.
    since: Time,
    /// What was said of it.
    said: Vec<Said>,
}

fn awaited() -> schema::Shape {
    schema::words("What it waits for.", &["sale", "rate"])
}

impl View {
    fn new(orphan: Orphan, order: Option<&Order>) -> Self {
        let said = |order: &Order| {
            let approved = order.approvals.merchant.or(order.approvals.operator).is_some();
            let there = [
                (order.sale.is_some(), Said::Sale),
                (!order.refunds.is_empty(), Said::Refund),
                (order.cancel.is_some(), Said::Cancel),
                (approved, Said::Approve),
                (order.reject.is_some(), Said::Reject),
            ];
            there.into_iter().filter_map(|(is_there, said)| is_there.then_some(said)).collect::<Vec<_>>()
        };
        let said = order.map(said).unwrap_or_default();
        Self {
            program: orphan.key.program,
            goal: orphan.key.goal,
            order_id: orphan.key.order_id,
            waits_for: if said.contains(&Said::Sale) { "rate" } else { "sale" },
            since: orphan.since,
            said,
        }
    }
}

/// Oldest first.
async fn list(State(api): State<Api>, caller: Caller, query: Query) -> Result<Response, Problem> {
    let (days, page) = query.read_page::<ConversionId, _>(|query, errors| {
        let days = query.optional("older_than_days");
        Some(if days.is_present() { days.integer(0..=DAYS_MAX, errors)? } else { AFTER_DAYS })
    })?;
    let since = api.now().plus(-days * DAY);
    let mut tx = api.db().read().await?;
    let orphans = store::order::orphan::list(&mut tx, caller.scope.merchant(), since, page.after, page.rows()).await?;
    let ids: Vec<ConversionId> = orphans.iter().map(|orphan| orphan.id).collect();
    let orders = store::order::by_ids(&mut tx, &ids).await?;
    tx.commit().await?;
    let orders: HashMap<ConversionId, Order> = orders.into_iter().map(|order| (order.id, order)).collect();
    Ok(page.answer(
        orphans,
        |orphan| orphan.id.to_string(),
        |orphan| {
            let order = orders.get(&orphan.id);
            View::new(orphan, order)
        },
    ))
}
