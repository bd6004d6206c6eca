//! Buyers, and the clicks that their sign-in ties to them.

use super::{Api, Body, Caller, Field, Ids, Input, Kind, Query, Routes, email, ok, op, refusal, set_or_clear, wrong_field};
use crate::{
    domain::{
        access::{BUYER, OPERATOR},
        buyer::Buyer,
        command::{Act, Outcome, TieVerdict},
        reason::Reason,
        sale::OpenedClick,
        terms::boost::DAYS_MAX,
    },
    kernel::{
        id::{BuyerId, ProgramId},
        time::{DAY, Time},
    },
    store::{self, buyer::Wanted},
    web::{idempotency::Reply, problem::Problem},
};
use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;

/// Characters of the operator's own number for a person.
const EXTERNAL_ID_CHARS_MAX: usize = 128;
/// Click ids of one sign-in: a cookie holds 8, a member's history some hundreds.
const CLICK_IDS_MAX: usize = 500;
/// A click id has 56 characters; of longer text so much is shown again.
const CLICK_ID_CHARS_MAX: usize = 128;

const ID: &[Field] = &[Field::required("id", Kind::Id(BuyerId::PREFIX), "The buyer.")];

const NEW: Body = Body::new(
    "NewBuyer",
    &[
        Field::optional("email", Kind::Email, "Where the buyer is written to; no other buyer has it."),
        Field::optional("external_id", Kind::Text { chars_max: EXTERNAL_ID_CHARS_MAX }, "Your own number for them; no other buyer has it."),
        Field::optional("referred_by", Kind::Id(BuyerId::PREFIX), "The buyer who brought them."),
    ],
)
.example(r#"{"email": "paul@example.org", "external_id": "member-77"}"#);

const CHANGES: Body = Body::new(
    "BuyerChanges",
    &[
        Field::clearable("email", Kind::Email, "Where the buyer is written to; no other buyer has it."),
        Field::clearable(
            "external_id",
            Kind::Text { chars_max: EXTERNAL_ID_CHARS_MAX },
            "Your own number for them; no other buyer has it.",
        ),
    ],
)
.fixed(&[
    ("id", "An id names the same thing for ever."),
    ("ref", "It is made of the id."),
    ("referred_by", "Who brought somebody is settled when they join."),
])
.example(r#"{"email": "paul@example.net"}"#);

const EMAIL: Field = Field::optional("email", Kind::Email, "Only the one with this e-mail address, compared without case.");
const EXTERNAL_ID: Field =
    Field::optional("external_id", Kind::Text { chars_max: EXTERNAL_ID_CHARS_MAX }, "Only the one with this number.");

const DORMANT: &[Field] = &[
    Field::required("days", Kind::Integer { min: 0, max: DAYS_MAX }, "How many times 24 hours without an order."),
    Field::optional("program", Kind::Id(ProgramId::PREFIX), "Without an order in this program."),
];

const CLICKS: Body = Body::new(
    "ClicksToTie",
    &[Field::required(
        "click_ids",
        Kind::List { of: &Kind::Text { chars_max: CLICK_ID_CHARS_MAX }, max: CLICK_IDS_MAX },
        "Sealed click ids, as the shop receives them.",
    )],
)
.example(r#"{"click_ids": ["0gAAAAB2VqYw8kqk1hXW2zqv7Jd9cQ5sYtR4uLp3mN6bE8xZ"]}"#);

pub fn routes() -> Routes {
    let create_it = op("create_buyer", "A new buyer").body(NEW).created::<View>().codes(&[(409, "buyer_exists"), (422, "unknown_buyer")]);
    let tie_them = op("tie_clicks", "What signing in does: these clicks are the buyer's").ids(ID).body(CLICKS);
    Routes::new("buyers")
        .get("/buyers", list, op("list_buyers", "Buyers, newest first").roles(OPERATOR | BUYER).query(&[EMAIL, EXTERNAL_ID]).page::<View>())
        .post("/buyers", create, create_it)
        .get("/buyers/{id}", one, op("get_buyer", "One buyer").roles(OPERATOR | BUYER).ids(ID).ok::<View>())
        .patch(
            "/buyers/{id}",
            change,
            op("change_buyer", "Changes a buyer").ids(ID).body(CHANGES).ok::<View>().codes(&[(409, "buyer_exists")]),
        )
        .get(
            "/buyers/dormant",
            dormant,
            op("list_dormant_buyers", "Buyers whose last order lies long back")
                .about("Whom a code could win back. Refused orders are none; who never ordered is not listed.")
                .query(DORMANT)
                .page::<Dormant>(),
        )
        .post("/buyers/{id}/clicks", tie, tie_them.ok::<Ties>())
}

/// Somebody whose purchases earn cashback.
#[derive(Serialize, ToSchema)]
#[schema(as = Buyer)]
struct View {
    #[serde(flatten)]
    buyer: Buyer,
    /// Names the buyer in `buyer=` of a portal's links; sealed, so that nobody else can read or forge it.
    #[serde(rename = "ref")]
    reference: String,
}

impl View {
    fn new(api: &Api, buyer: Buyer) -> Self {
        Self { reference: api.engine.ring.seal_ref(buyer.id), buyer }
    }
}

async fn create(State(api): State<Api>, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let buyer = input.read(|object, errors| {
        let email = email(object, errors);
        let external_id = object.optional("external_id").full_text(EXTERNAL_ID_CHARS_MAX, errors);
        let referred_by = object.optional("referred_by").id(errors);
        Some(Buyer { id: BuyerId::from_raw(api.mint(now)), email, external_id, referred_by })
    })?;
    let mut tx = api.db().begin().await?;
    if let Some(answer) = api.first_answer(&input, &mut tx).await? {
        return Ok(answer);
    }
    if let Some(friend) = buyer.referred_by
        && store::buyer::by_id(&mut tx, friend).await?.is_none()
    {
        let problem = wrong_field("referred_by", "unknown_buyer", "there is no such buyer");
        return Err(api.refused(&input, tx, problem).await);
    }
    if !store::buyer::insert(&mut tx, &buyer, now).await? {
        return Err(api.refused(&input, tx, taken()).await);
    }
    api.created(&input, tx, &View::new(&api, buyer)).await
}

fn taken() -> Problem {
    Problem::new(StatusCode::CONFLICT, "buyer_exists", "Another buyer has this e-mail address or external id.")
}

async fn change(State(api): State<Api>, Ids(id): Ids<BuyerId>, input: Input) -> Result<Response, Problem> {
    let mut tx = api.db().begin().await?;
    let mut buyer = store::buyer::for_update(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    input.read(|object, errors| {
        set_or_clear(object, "email", &mut buyer.email, errors, |_, errors| email(object, errors));
        set_or_clear(object, "external_id", &mut buyer.external_id, errors, |field, errors| field.full_text(EXTERNAL_ID_CHARS_MAX, errors));
        Some(())
    })?;
    if !store::buyer::update(&mut tx, &buyer).await? {
        return Err(taken());
    }
    tx.commit().await?;
    Ok(ok(&View::new(&api, buyer)))
}

async fn list(State(api): State<Api>, caller: Caller, query: Query) -> Result<Response, Problem> {
    let ((email, external_id), page) = query.read_page(|query, errors| {
        let external_id = query.optional("external_id").full_text(EXTERNAL_ID_CHARS_MAX, errors);
        Some((email(query, errors), external_id))
    })?;
    let wanted = Wanted { only: caller.scope.buyer(), email: email.as_deref(), external_id: external_id.as_deref() };
    let mut tx = api.db().read().await?;
    let buyers = store::buyer::list(&mut tx, wanted, page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(buyers, |buyer| buyer.id.to_string(), |buyer| View::new(&api, caller.scope.buyers_row(buyer))))
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<BuyerId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let buyer = caller.find_buyer(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok(ok(&View::new(&api, caller.scope.buyers_row(buyer))))
}

/// Somebody who has not ordered for long.
#[derive(Serialize, ToSchema)]
#[schema(as = DormantBuyer)]
struct Dormant {
    buyer: BuyerId,
    /// When their last order was placed.
    last_order_at: Time,
}

async fn dormant(State(api): State<Api>, query: Query) -> Result<Response, Problem> {
    let ((days, program), page) = query.read_page(|query, errors| {
        let days = query.required("days", errors).integer(0..=DAYS_MAX, errors);
        let program = query.optional("program").id(errors);
        Some((days?, program))
    })?;
    let before = api.now().plus(-days * DAY);
    let mut tx = api.db().read().await?;
    let buyers = store::history::dormant(&mut tx, program, before, page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(buyers, |(buyer, _)| buyer.to_string(), |(buyer, last_order_at)| Dormant { buyer, last_order_at }))
}

/// What became of each click.
#[derive(Serialize, ToSchema)]
struct Ties {
    /// The click ids that are the buyer's now, as sent.
    tied: Vec<String>,
    refused: Vec<Refused>,
}

/// A click that did not become the buyer's.
#[derive(Serialize, ToSchema)]
#[schema(as = RefusedClick)]
struct Refused {
    /// As sent.
    click_id: String,
    code: Reason,
}

/// What signing in does: clicks become the buyer's, and with them the unclaimed shares of their sales.
async fn tie(State(api): State<Api>, caller: Caller, Ids(buyer): Ids<BuyerId>, input: Input) -> Result<Response, Problem> {
    let sent = input.read(|object, errors| {
        let list = object.required("click_ids", errors).list(CLICK_IDS_MAX, errors)?;
        Some(list.iter().filter_map(|id| id.full_text(CLICK_ID_CHARS_MAX, errors)).collect::<Vec<_>>())
    })?;
    let mut tx = api.db().read().await?;
    store::buyer::by_id(&mut tx, buyer).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    let opened: Vec<(String, Option<OpenedClick>)> = sent.into_iter().map(|id| (id.clone(), api.open_click(&id))).collect();
    let clicks: Vec<OpenedClick> = opened.iter().filter_map(|(_, click)| *click).collect();
    let render = move |outcome: &Outcome| match outcome {
        Outcome::Tied(verdicts) => Reply::ok(&ties(&opened, verdicts)),
        outcome => Err(refusal(outcome)),
    };
    api.submit(caller.about(None)?, &input, Act::Tie { buyer, clicks }, render).await
}

/// What became of the clicks that were sent, in their order.
fn ties(sent: &[(String, Option<OpenedClick>)], verdicts: &[TieVerdict]) -> Ties {
    let verdicts: HashMap<_, _> = verdicts.iter().map(|verdict| (verdict.click.click, verdict.refused)).collect();
    let mut ties = Ties { tied: Vec::new(), refused: Vec::new() };
    for (click_id, click) in sent {
        let click_id = click_id.clone();
        match click.map(|click| verdicts.get(&click.click)) {
            Some(Some(None)) => ties.tied.push(click_id),
            Some(Some(Some(code))) => ties.refused.push(Refused { click_id, code: *code }),
            Some(None) | None => ties.refused.push(Refused { click_id, code: Reason::UnknownClick }),
        }
    }
    ties
}
