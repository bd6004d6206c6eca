//! Claims of missing cashback: made by buyers, answered by merchants and the operator.

use super::{
    About, Api, Body, Caller, Field, Ids, Input, Kind, Query, REASON_CHARS_MAX, Routes, empty, ok, op, own_id, refusal, wrong_field,
};
use crate::{
    domain::{
        access::{BUYER, MERCHANT, OPERATOR, Scope},
        claim::{Claim, ClaimReason, ClaimStatus, State, Step},
        command::{Act, Answered, Goodwill, NewClaim, Outcome},
        order::Actor,
        program::Program,
        sale::{OrderKey, SALE},
    },
    kernel::{
        code::Language,
        id::{BuyerId, ClaimId, ClickId, ConversionId, LinkId, MovementId, ProgramId, PublisherId, time_of},
        money::Money,
        time::Time,
    },
    store::{self, claim::Wanted},
    web::{idempotency::Reply, problem::Problem},
};
use axum::{extract::State as Axum, response::Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// As in a postback.
const ORDER_ID_CHARS_MAX: usize = 128;
/// Why a merchant or operator may refuse: all but what only the clock finds out.
const REASONS: &[&str] =
    &["no_visit", "order_not_found", "not_eligible", "already_credited_elsewhere", "cancelled_or_returned", "too_late", "other"];
const FUNDERS: &[&str] = &["platform", "merchant"];

const ID: &[Field] = &[Field::required("id", Kind::Id(ClaimId::PREFIX), "The claim.")];

const NEW: Body = Body::new(
    "NewClaim",
    &[
        Field::optional("buyer", Kind::Id(BuyerId::PREFIX), "Who bought; a buyer's own key may leave it out."),
        Field::required("program", Kind::Id(ProgramId::PREFIX), "Where."),
        Field::required("order_id", Kind::Text { chars_max: ORDER_ID_CHARS_MAX }, "The shop's number of the order, as on its mail."),
        Field::optional("amount", Kind::Amount, "What was paid, in the program's currency."),
        Field::optional("ordered_at", Kind::Time, "When it was ordered; at most a year ago."),
        Field::optional("note", Kind::Text { chars_max: REASON_CHARS_MAX }, "Anything that helps to find it; the merchant reads it."),
    ],
)
.example(
    r#"{"buyer": "buy_09dkq3fzg0g00", "program": "prg_09dkq3fzg0g00", "order_id": "A-1001", "amount": "120.00", "note": "Paid by card."}"#,
);

const ACCEPTANCE: Body = Body::new(
    "ClaimAcceptance",
    &[Field::optional(
        "amount",
        Kind::Amount,
        "What was sold, net of tax and shipping, in the program's currency; only where the sale was never sent.",
    )],
)
.example(r#"{"amount": "100.00"}"#);
const REFUSAL: Body = Body::new(
    "ClaimRefusal",
    &[
        Field::required("reason", Kind::Word(REASONS), "Why; the buyer reads its text."),
        Field::optional("reason_text", Kind::Text { chars_max: REASON_CHARS_MAX }, "In your own words; required with `other`."),
    ],
)
.example(r#"{"reason": "order_not_found"}"#);
const GOODWILL: Body = Body::new(
    "ClaimGoodwill",
    &[
        Field::required("amount", Kind::Amount, "What the buyer gets, in the program's currency."),
        Field::required("funded_by", Kind::Word(FUNDERS), "Whose budget pays it; a merchant pays its own."),
        Field::optional("reason", Kind::Text { chars_max: REASON_CHARS_MAX }, "What the buyer reads."),
    ],
)
.example(r#"{"amount": "5.00", "funded_by": "platform", "reason": "With our apologies."}"#);

const WANTED: &[Field] = &[
    Field::optional("buyer", Kind::Id(BuyerId::PREFIX), "Only those of this buyer."),
    Field::optional("program", Kind::Id(ProgramId::PREFIX), "Only those of this program."),
    Field::optional("state", Kind::Word(ClaimStatus::WORDS), "Only those that stand there."),
];

pub fn routes() -> Routes {
    let new = op("create_claim", "Claims missing cashback")
        .about("It may come before the sale, and waits for it. The same order of the same buyer again answers the claim that there is.")
        .roles(OPERATOR | BUYER)
        .body(NEW)
        .created::<View>()
        .ok::<View>()
        .codes(&[
            (409, "order_already_claimed"),
            (409, "claim_window_closed"),
            (409, "too_many_claims"),
            (422, "claim_too_old"),
            (422, "occurred_in_future"),
            (422, "amount_not_positive"),
            (422, "unknown_program"),
            (422, "unknown_buyer"),
        ]);
    let answer =
        |id, summary, body| op(id, summary).roles(OPERATOR | MERCHANT).ids(ID).body(body).ok::<View>().codes(&[(409, "claim_closed")]);
    let accept_it = answer("accept_claim", "Accepts a claim: the order is the buyer's", ACCEPTANCE)
        .about(
            "A sale that was never sent is recorded by it, as one that the merchant signed. Without a visit of the buyer's it is refused.",
        )
        .codes(&[(409, "claim_not_creditable"), (422, "not_recorded"), (422, "amount_not_positive"), (422, "unknown_type")]);
    Routes::new("claims")
        .get("/claims", list, op("list_claims", "Claims, newest first").roles(OPERATOR | MERCHANT | BUYER).query(WANTED).page::<View>())
        .post("/claims", create, new)
        .get("/claims/{id}", one, op("get_claim", "One claim, with its steps").roles(OPERATOR | MERCHANT | BUYER).ids(ID).ok::<View>())
        .post("/claims/{id}/accept", accept, accept_it)
        .post("/claims/{id}/refuse", refuse, answer("refuse_claim", "Refuses a claim", REFUSAL))
        .post(
            "/claims/{id}/goodwill",
            goodwill,
            answer("pay_goodwill", "Pays goodwill in the place of cashback, payable at once", GOODWILL)
                .codes(&[(422, "amount_not_positive")]),
        )
}

/// What a buyer says they bought, and every dated step until it is answered.
#[derive(Serialize, ToSchema)]
#[schema(as = Claim)]
struct View {
    id: ClaimId,
    /// Shown to the operator and the buyer only; null for a merchant.
    #[schema(required)]
    buyer: Option<BuyerId>,
    program: ProgramId,
    order_id: String,
    /// What the buyer says they paid.
    #[schema(required)]
    amount: Option<Money>,
    /// When they say they ordered.
    #[schema(required)]
    ordered_at: Option<Time>,
    #[schema(required)]
    note: Option<String>,
    made_at: Time,
    /// The buyer's own click that led to the shop before; null if none is known.
    #[schema(required)]
    visit: Option<VisitView>,
    state: ClaimStatus,
    /// Until when the merchant may answer, while it waits for that.
    #[schema(required)]
    answer_by: Option<Time>,
    /// The order that is the buyer's now.
    #[schema(required)]
    conversion: Option<ConversionId>,
    /// The goodwill that was paid.
    #[schema(required)]
    movement: Option<MovementId>,
    /// Oldest first; the last is where it stands.
    steps: Vec<StepView>,
}

/// A click that led to the shop.
#[derive(Serialize, ToSchema)]
#[schema(as = ClaimVisit)]
struct VisitView {
    at: Time,
    click: ClickId,
    link: LinkId,
    publisher: PublisherId,
}

/// A dated step of a claim.
#[derive(Serialize, ToSchema)]
#[schema(as = ClaimStep)]
struct StepView {
    at: Time,
    by: Actor,
    state: ClaimStatus,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<ClaimReason>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason_text: Option<Texts>,
}

/// Both texts of a reason; who refused it in their own words has written one.
#[derive(Serialize, ToSchema)]
#[schema(as = ClaimReasonTexts)]
struct Texts {
    en: String,
    fr: String,
}

impl StepView {
    fn of(step: &Step) -> Self {
        let State::Refused { reason, text } = &step.state else {
            return Self { at: step.at, by: step.by, state: step.state.status(), reason: None, reason_text: None };
        };
        let words = |language| text.clone().unwrap_or_else(|| reason.text(language).to_owned());
        let texts = Texts { en: words(Language::En), fr: words(Language::Fr) };
        Self { at: step.at, by: step.by, state: step.state.status(), reason: Some(*reason), reason_text: Some(texts) }
    }
}

impl View {
    fn of(claim: &Claim, scope: Scope) -> Self {
        let state = claim.state();
        let visit = claim.visit.map(|visit| VisitView {
            at: time_of(visit.click.raw()),
            click: visit.click,
            link: visit.link,
            publisher: visit.publisher,
        });
        Self {
            id: claim.id,
            buyer: Some(claim.buyer).filter(|buyer| scope.is_buyer(*buyer)),
            program: claim.key.program,
            order_id: claim.key.order_id.clone(),
            amount: claim.amount,
            ordered_at: claim.ordered_at,
            note: claim.note.clone(),
            made_at: claim.made_at,
            visit,
            state: state.status(),
            answer_by: match state {
                State::Waiting { answer_by } => Some(*answer_by),
                _ => None,
            },
            conversion: state.conversion(),
            movement: state.movement(),
            steps: claim.steps.iter().map(StepView::of).collect(),
        }
    }
}

async fn list(Axum(api): Axum<Api>, caller: Caller, query: Query) -> Result<Response, Problem> {
    let (wanted, page) = query.read_page(|query, errors| {
        let (buyer, program) = (query.optional("buyer").id(errors), query.optional("program").id(errors));
        let state = query.optional("state").word(ClaimStatus::WORDS, ClaimStatus::from_word, errors);
        Some(Wanted { buyer, merchant: None, program, state })
    })?;
    let whose = crate::domain::access::Whose { buyer: wanted.buyer, ..Default::default() };
    let Some(whose) = caller.scope.narrow(whose) else { return Ok(empty()) };
    let wanted = Wanted { buyer: whose.buyer, merchant: whose.merchant, ..wanted };
    let mut tx = api.db().read().await?;
    let claims = store::claim::list(&mut tx, wanted, page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(claims, |claim| claim.id.to_string(), |claim| View::of(&claim, caller.scope)))
}

async fn one(Axum(api): Axum<Api>, caller: Caller, Ids(id): Ids<ClaimId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let claim = caller.find_claim(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok(ok(&View::of(&claim, caller.scope)))
}

async fn create(Axum(api): Axum<Api>, caller: Caller, input: Input) -> Result<Response, Problem> {
    let (buyer, program): (BuyerId, ProgramId) = input.read(|object, errors| {
        let buyer = own_id(object, "buyer", caller.scope.buyer(), errors);
        let program = object.required("program", errors).id(errors);
        object.required("order_id", errors);
        Some((buyer?, program?))
    })?;
    let mut tx = api.db().read().await?;
    let program = store::program::by_id(&mut tx, program).await?;
    let known = if caller.scope.is_buyer(buyer) { store::buyer::by_id(&mut tx, buyer).await? } else { None };
    tx.commit().await?;
    let program = program.ok_or_else(|| wrong_field("program", "unknown_program", "there is no such program"))?;
    known.ok_or_else(|| wrong_field("buyer", "unknown_buyer", "there is no such buyer"))?;
    let new = input.read(|object, errors| {
        let order_id = object.required("order_id", errors).full_text(ORDER_ID_CHARS_MAX, errors);
        let amount = object.optional("amount").minor_from_zero(program.currency, errors);
        let ordered_at = object.optional("ordered_at").time(errors);
        let note = object.optional("note").full_text(REASON_CHARS_MAX, errors);
        Some(NewClaim {
            buyer,
            key: OrderKey { program: program.id, goal: SALE.to_owned(), order_id: order_id? },
            amount: amount.map(|minor| Money::new(minor, program.currency)),
            ordered_at,
            note,
            answer_days: api.claims.answer_days,
            open_max: api.claims.open_max,
        })
    })?;
    // Filed under no merchant: its inbox would show who bought.
    let about = About { merchant: None, program: None, ..caller.about(None)? };
    submit(&api, &caller, about, &input, Act::Claim(Box::new(new))).await
}

/// A claim that the caller may answer, and its program.
async fn load(api: &Api, caller: &Caller, id: ClaimId) -> Result<(Claim, Program), Problem> {
    let mut tx = api.db().read().await?;
    let claim = caller.find_claim(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let program = store::program::by_id(&mut tx, claim.key.program).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok((claim, program))
}

async fn accept(Axum(api): Axum<Api>, caller: Caller, Ids(id): Ids<ClaimId>, input: Input) -> Result<Response, Problem> {
    let (claim, program) = load(&api, &caller, id).await?;
    let minor = input.read(|object, errors| Some(object.optional("amount").minor_from_zero(program.currency, errors)))?;
    let amount = minor.map(|minor| Money::new(minor, program.currency));
    answer(&api, &caller, (&claim, &program), &input, Answered::Accept { amount }).await
}

async fn refuse(Axum(api): Axum<Api>, caller: Caller, Ids(id): Ids<ClaimId>, input: Input) -> Result<Response, Problem> {
    let answered = input.read(|object, errors| {
        let reason = object.required("reason", errors).word(REASONS, ClaimReason::from_code, errors);
        let text = if reason == Some(ClaimReason::Other) { object.required("reason_text", errors) } else { object.optional("reason_text") };
        let text = text.full_text(REASON_CHARS_MAX, errors);
        Some(Answered::Refuse { reason: reason?, text })
    })?;
    let (claim, program) = load(&api, &caller, id).await?;
    answer(&api, &caller, (&claim, &program), &input, answered).await
}

async fn goodwill(Axum(api): Axum<Api>, caller: Caller, Ids(id): Ids<ClaimId>, input: Input) -> Result<Response, Problem> {
    let (claim, program) = load(&api, &caller, id).await?;
    let goodwill = input.read(|object, errors| {
        let amount = object.required("amount", errors).minor_from_zero(program.currency, errors);
        let by_merchant = object.required("funded_by", errors).word(FUNDERS, |word| Some(word == "merchant"), errors);
        let reason = object.optional("reason").full_text(REASON_CHARS_MAX, errors);
        let funder = by_merchant?.then_some(program.merchant);
        Some(Goodwill { amount: Money::new(amount?, program.currency), funder, reason })
    })?;
    if caller.scope.merchant().is_some() && goodwill.funder.is_none() {
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "The platform's budget is the operator's to spend."));
    }
    answer(&api, &caller, (&claim, &program), &input, Answered::Goodwill(goodwill)).await
}

async fn answer(
    api: &Api,
    caller: &Caller,
    (claim, program): (&Claim, &Program),
    input: &Input,
    answer: Answered,
) -> Result<Response, Problem> {
    let act = Act::Answer { claim: claim.id, key: claim.key.clone(), answer };
    submit(api, caller, caller.about(Some(program))?, input, act).await
}

async fn submit(api: &Api, caller: &Caller, about: About, input: &Input, act: Act) -> Result<Response, Problem> {
    let scope = caller.scope;
    let render = move |outcome: &Outcome| match outcome {
        Outcome::Claimed { claim, is_new: true } => Reply::created(&View::of(claim, scope)),
        Outcome::Claimed { claim, is_new: false } => Reply::ok(&View::of(claim, scope)),
        outcome => Err(refusal(outcome)),
    };
    api.submit(about, input, act, render).await
}
