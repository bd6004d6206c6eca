//! What other terms would have paid on the sales that are stored, before a draft goes live.

use super::{Api, Body, Caller, Field, Ids, Input, Kind, Routes, TERMS, TERMS_CODES, ok, op, span, wrong_field};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR},
        program::Program,
        simulate::{Amounts, Bonuses, Part},
        terms::{self, Terms},
    },
    engine::simulate::{self, Changed, SimulateError, Totals},
    kernel::{
        currency::Currency,
        id::{BuyerId, ConversionId, ProgramId, PublisherId},
        money::Money,
    },
    store::{self, Tx},
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Simulations at once: each decides every order again. More are told to come back.
pub const AT_ONCE: usize = 2;
/// Orders that are listed; all are counted.
const LISTED_MAX: usize = 1000;

const PROGRAM: &[Field] = &[Field::required("id", Kind::Id(ProgramId::PREFIX), "The program.")];
const DRAFT: Body = Body::new(
    "Draft",
    &[
        Field::required("terms", TERMS, "What the program would pay."),
        Field::optional("since", Kind::Moment, "Only orders placed then or later."),
        Field::optional("until", Kind::Moment, "Only orders placed before; a date counts whole."),
    ],
)
.example(
    r#"{"terms": {"commission": [{"pay": {"percent": "6"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}}, "since": "2026-10-01"}"#,
);
const ABOUT: &str = "Decided again: the rules, the split, the attribution, the boosts. As it was when a sale was recorded: the exchange rate, \
    whether the customer was new, each publisher's gift to the buyer, and the month's sum that tiers look at. Refunds and verdicts count as \
    they are now. Boosts are asked in order of time, as if the draft had been in effect: each budget and quota begins with what orders before \
    `since` took of the boost of that name, and a first order that was rewarded by another program, or outside of the span, stays rewarded. \
    What a draft asks and nobody asked then is read from the stored orders as they are now (`history_asked_anew` counts the orders). Of \
    adjustments and reopenings of an order the last counts, a sale counts as it was told last, and a code that was never handed out is used \
    by nobody. Nothing is written. Of the orders that change the first 1,000 are listed, in the sequence in which they were recorded; \
    `since` and `until` show the others.";

pub fn routes() -> Routes {
    let compare = op("simulate_terms", "What other terms would have paid").about(ABOUT).roles(OPERATOR | MERCHANT).ids(PROGRAM).body(DRAFT);
    let compare = compare.reads().ok::<View>().codes(TERMS_CODES).codes(&[(422, "unknown_program"), (503, "unavailable")]);
    Routes::new("terms").post("/programs/{id}/simulate", compare_terms, compare)
}

/// What the sales of a program come to under its own terms and under others, in its currency.
#[derive(Serialize, ToSchema)]
#[schema(as = Simulation)]
struct View {
    program: ProgramId,
    /// Sales that were decided again.
    orders: u64,
    /// How many of them change.
    changed_orders: u64,
    /// Orders recorded under terms without tiers: under these they count from a base of 0.
    without_tier_base: u64,
    /// Orders whose boosts look at a history of the buyer that was not looked up when they were recorded: their last order, or what they had
    /// bought. It is read from the stored orders, with the refunds and rejections of today.
    history_asked_anew: u64,
    /// Orders of which the tier of a boost left out what the buyer spent in another currency: there is no rate for their day.
    boost_tiers_without_rate: u64,
    totals: Sums,
    /// Of each publisher that is credited before or after.
    publishers: Vec<OfPublisher>,
    /// Of each known buyer; the operator's alone to see.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    buyers: Option<Vec<OfBuyer>>,
    /// The first 1,000 orders that change, as they were recorded.
    changed: Vec<ChangedOrder>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SimulatedTotals)]
struct Sums {
    commission: Gap,
    publisher: Gap,
    buyer: Gap,
    platform: Gap,
    bonuses: Funded,
}

/// Bonuses to buyers, beside the commission, by who pays them.
#[derive(Serialize, ToSchema)]
#[schema(as = SimulatedBonuses)]
struct Funded {
    platform: Gap,
    merchant: Gap,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SimulatedDifference)]
struct Gap {
    before: Money,
    after: Money,
    difference: Money,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SimulatedPublisher)]
struct OfPublisher {
    publisher: PublisherId,
    before: Money,
    after: Money,
    difference: Money,
    /// What buyers get beside, on the orders whose newest credit is this publisher's.
    bonuses: Funded,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SimulatedBuyer)]
struct OfBuyer {
    buyer: BuyerId,
    /// Of the commission.
    before: Money,
    after: Money,
    difference: Money,
    bonuses: Funded,
}

/// An order that the other terms pay otherwise.
#[derive(Serialize, ToSchema)]
#[schema(as = SimulatedOrder)]
struct ChangedOrder {
    conversion: ConversionId,
    order_id: String,
    #[serde(rename = "type")]
    goal: String,
    commission: Gap,
    publisher: Gap,
    buyer: Gap,
    platform: Gap,
    bonuses: Funded,
}

impl Gap {
    fn new(before: i64, after: i64, currency: Currency) -> Self {
        let money = |minor| Money::new(minor, currency);
        Self { before: money(before), after: money(after), difference: money(after - before) }
    }
}

impl Funded {
    fn new(before: Bonuses, after: Bonuses, currency: Currency) -> Self {
        Self {
            platform: Gap::new(before.platform, after.platform, currency),
            merchant: Gap::new(before.merchant, after.merchant, currency),
        }
    }
}

impl Sums {
    fn new(before: Amounts, after: Amounts, currency: Currency) -> Self {
        let of = |part: fn(Amounts) -> i64| Gap::new(part(before), part(after), currency);
        Self {
            commission: of(|a| a.commission),
            publisher: of(|a| a.publisher),
            buyer: of(|a| a.buyer),
            platform: of(|a| a.platform),
            bonuses: Funded::new(before.bonuses, after.bonuses, currency),
        }
    }
}

impl ChangedOrder {
    fn new(changed: &Changed, currency: Currency) -> Self {
        let Sums { commission, publisher, buyer, platform, bonuses } = Sums::new(changed.before, changed.after, currency);
        let (conversion, order_id, goal) = (changed.conversion, changed.order_id.clone(), changed.goal.clone());
        Self { conversion, order_id, goal, commission, publisher, buyer, platform, bonuses }
    }
}

impl View {
    fn new(program: ProgramId, totals: &Totals, changed: Vec<ChangedOrder>, shows_buyers: bool, currency: Currency) -> Self {
        let gaps = |before: &Part, after: &Part| {
            (Gap::new(before.share, after.share, currency), Funded::new(before.bonuses, after.bonuses, currency))
        };
        let publisher = |(publisher, (before, after)): (&PublisherId, &(Part, Part))| {
            let (Gap { before, after, difference }, bonuses) = gaps(before, after);
            OfPublisher { publisher: *publisher, before, after, difference, bonuses }
        };
        let buyer = |(buyer, (before, after)): (&BuyerId, &(Part, Part))| {
            let (Gap { before, after, difference }, bonuses) = gaps(before, after);
            OfBuyer { buyer: *buyer, before, after, difference, bonuses }
        };
        Self {
            program,
            orders: totals.orders,
            changed_orders: totals.changed,
            without_tier_base: totals.without_tier_base,
            history_asked_anew: totals.asked_anew,
            boost_tiers_without_rate: totals.without_rate,
            totals: Sums::new(totals.before, totals.after, currency),
            publishers: totals.publishers.iter().map(publisher).collect(),
            buyers: shows_buyers.then(|| totals.buyers.iter().map(buyer).collect()),
            changed,
        }
    }
}

async fn compare_terms(State(api): State<Api>, caller: Caller, Ids(id): Ids<ProgramId>, input: Input) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let program = caller.find_own_program(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let (other, placed) = input.read(|object, errors| {
        let terms = object.required("terms", errors).object(errors);
        let terms = terms.and_then(|terms| terms::parse::read(&terms, program.currency, program.upstream, errors));
        let placed = span(object, api.zone(), errors);
        Some((terms?, placed))
    })?;
    if caller.scope.merchant().is_some() {
        check_reach(&mut tx, &api, &program, &other).await?;
    }
    tx.commit().await?;
    let _room = api.simulations.try_acquire().map_err(|_| Problem::unavailable())?;
    let mut listed = Vec::new();
    let mut list = |changed: &Changed| {
        if listed.len() < LISTED_MAX {
            listed.push(ChangedOrder::new(changed, program.currency));
        }
        Ok(())
    };
    let totals = simulate::simulate(api.db(), api.zone(), id, &other, placed, &mut list).await.map_err(problem)?;
    Ok(ok(&View::new(id, &totals, listed, caller.scope.merchant().is_none(), program.currency)))
}

/// What buyers spend elsewhere is not a merchant's to try out: its draft has tiers over its own programs, and those that its terms have.
async fn check_reach(tx: &mut Tx, api: &Api, program: &Program, draft: &Terms) -> Result<(), Problem> {
    let reach = |terms: &Terms| -> BTreeSet<ProgramId> { terms.boosts.iter().flat_map(|boost| boost.kind.looks_at()).copied().collect() };
    let versions = store::terms::versions(tx, &api.engine.terms, std::slice::from_ref(program)).await?;
    let live: BTreeSet<ProgramId> = versions.values().flatten().flat_map(|version| reach(&version.terms)).collect();
    let asked: Vec<ProgramId> = reach(draft).difference(&live).copied().collect();
    let known = store::program::by_ids(tx, &asked).await?;
    if asked.iter().all(|id| known.iter().any(|known| known.id == *id && known.merchant == program.merchant)) {
        return Ok(());
    }
    Err(wrong_field("terms.boosts", "unknown_program", "a tier looks at programs of your own"))
}

fn problem(error: SimulateError) -> Problem {
    match error {
        SimulateError::Store(error) => error.into(),
        SimulateError::OutOfRange(..) | SimulateError::Sums | SimulateError::Write(_) => {
            let detail = "Under these terms an amount is beyond what can be counted exactly.";
            Problem::new(http::StatusCode::UNPROCESSABLE_ENTITY, "amount_out_of_range", detail)
        }
    }
}
