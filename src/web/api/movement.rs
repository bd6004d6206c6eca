//! Movements: money that moved beside orders. Bonuses, fees, merchants' payments, bank charges, what is written off or waived.

use super::{
    AMOUNT, Api, Body, Caller, Field, Ids, Input, Kind, NOTE, PAID_AT, Query, RECEIVED_AT, REFERENCE, Routes, WHY, happened_at, money,
    moved, ok, op, paid, party, reason, reference, refusal,
};
use crate::{
    domain::{
        access::{ANY, Scope},
        account::Owner,
        command::{Act, Moved, Outcome},
        movement::{Kind as MovementKind, Movement, Party, What},
    },
    kernel::{
        id::{BuyerId, InvoiceId, MerchantId, MovementId},
        money::Money,
        time::Time,
    },
    store::{self, movement::Wanted},
    web::{idempotency::Reply, problem::Problem},
};
use axum::{extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

const OWNER: Field = Field::required("owner", Kind::Owner, "Whose balance: a merchant, a publisher or a buyer.");

const OF_MERCHANT: &[Field] = &[Field::required("id", Kind::Id(MerchantId::PREFIX), "The merchant.")];
const MOVEMENT: &[Field] = &[Field::required("id", Kind::Id(MovementId::PREFIX), "The movement.")];

const BONUS: Body = Body::new(
    "NewBonus",
    &[
        Field::required("buyer", Kind::Id(BuyerId::PREFIX), "Who gets it."),
        AMOUNT,
        Field::required("funded_by", Kind::Owner, "Who pays it: `platform`, or a merchant."),
        WHY,
    ],
)
.example(r#"{"buyer": "buy_09dkq3fzg0g00", "amount": {"amount": "20.00", "currency": "EUR"}, "funded_by": "mer_09dkq3fzg0g00", "reason": "The parcel came late."}"#);
const FEE: Body =
    Body::new("NewFee", &[AMOUNT, WHY]).example(r#"{"amount": {"amount": "49.00", "currency": "EUR"}, "reason": "Monthly fee, November"}"#);
const PAYMENT: Body = Body::new("NewPayment", &[AMOUNT, RECEIVED_AT, REFERENCE])
    .example(r#"{"amount": {"amount": "500.00", "currency": "EUR"}, "reference": "VIR MEROU 11/26"}"#);
const REPAYMENT: Body = Body::new("NewRepayment", &[AMOUNT, NOTE, REFERENCE, PAID_AT])
    .example(r#"{"amount": {"amount": "120.00", "currency": "EUR"}, "reason": "The merchant leaves."}"#);
const WRITE_OFF: Body = Body::new("NewWriteOff", &[OWNER, AMOUNT, WHY])
    .example(r#"{"owner": "mer_09dkq3fzg0g00", "amount": {"amount": "12.00", "currency": "EUR"}, "reason": "insolvent"}"#);
const WAIVER: Body = Body::new("NewWaiver", &[OWNER, AMOUNT, WHY])
    .example(r#"{"owner": "buy_09dkq3fzg0g00", "amount": {"amount": "0.30", "currency": "EUR"}, "reason": "waived by mail"}"#);
const BANK_CHARGE: Body = Body::new("NewBankCharge", &[AMOUNT, NOTE, REFERENCE, PAID_AT])
    .example(r#"{"amount": {"amount": "1.20", "currency": "EUR"}, "reason": "SEPA credit transfers, November"}"#);
const REVERSAL: Body = Body::new("Reversal", &[WHY]).example(r#"{"reason": "It was another merchant's payment."}"#);

const WANTED: &[Field] = &[
    Field::optional("owner", Kind::Owner, "Only those of this merchant, publisher, buyer, or of the platform."),
    Field::optional("kind", Kind::Word(MovementKind::WORDS), "Only those of this kind."),
    Field::optional("invoice", Kind::Id(InvoiceId::PREFIX), "Only payments of this invoice."),
];

pub const CODES: &[(u16, &str)] = &[(404, "not_found"), (422, "amount_not_positive")];
/// Where it is told when money came or went.
pub const PAST: &[(u16, &str)] = &[(422, "date_in_future")];
const SETTLES: &[(u16, &str)] = &[(404, "not_found"), (422, "amount_not_positive"), (422, "exceeds_balance")];

pub fn routes() -> Routes {
    let new = |id, summary, body| op(id, summary).body(body).created::<View>();
    let reverse_it = op("reverse_movement", "Undoes a movement: what it posted is posted back").about(
        "Doing it again changes nothing. Conversions that a payment made payable stay payable: their publishers may be paid already.",
    );
    Routes::new("movements")
        .post("/bonuses", bonus, new("create_bonus", "A bonus or goodwill for a buyer, payable at once", BONUS).codes(CODES))
        .post(
            "/merchants/{id}/fees",
            fee,
            new("create_fee", "Charges a merchant; it stands on the next invoice", FEE).ids(OF_MERCHANT).codes(CODES),
        )
        .post(
            "/merchants/{id}/payments",
            payment,
            new("create_payment", "A merchant's payment without an invoice: it pays the oldest, or stays as credit", PAYMENT)
                .ids(OF_MERCHANT)
                .codes(CODES)
                .codes(PAST),
        )
        .post(
            "/merchants/{id}/repayments",
            repayment,
            new("create_repayment", "A merchant's credit paid back", REPAYMENT).ids(OF_MERCHANT).codes(SETTLES).codes(PAST),
        )
        .post("/write-offs", write_off, new("create_write_off", "Writes off a debt: a payee's or a merchant's", WRITE_OFF).codes(SETTLES))
        .post(
            "/waivers",
            waiver,
            new("create_waiver", "A payee's balance that is waived or dormant goes to the platform", WAIVER).codes(SETTLES),
        )
        .post("/bank-charges", bank_charge, new("create_bank_charge", "The bank's own charge", BANK_CHARGE).codes(CODES).codes(PAST))
        .get("/movements", list, op("list_movements", "What moved beside orders, newest first").roles(ANY).query(WANTED).page::<View>())
        .get("/movements/{id}", one, op("get_movement", "One movement").roles(ANY).ids(MOVEMENT).ok::<View>())
        .post("/movements/{id}/reverse", reverse, reverse_it.ids(MOVEMENT).body(REVERSAL).ok::<View>())
}

/// Money that moved beside orders.
#[derive(Serialize, ToSchema)]
#[schema(as = Movement)]
pub struct View {
    id: MovementId,
    kind: MovementKind,
    /// Whose it is: the buyer of a bonus, the merchant of a payment; null for a reader who may not know.
    #[schema(required)]
    owner: Option<String>,
    /// Who pays a bonus: `platform`, or a merchant.
    #[schema(required)]
    funded_by: Option<String>,
    /// What a payment is for.
    #[schema(required)]
    invoice: Option<InvoiceId>,
    amount: Money,
    #[schema(required)]
    reason: Option<String>,
    /// The bank's, or the merchant's own.
    #[schema(required)]
    reference: Option<String>,
    /// When it was entered.
    at: Time,
    /// When the money moved.
    happened_at: Time,
    /// When it was undone.
    #[schema(required)]
    reversed_at: Option<Time>,
    #[schema(required)]
    reversed_reason: Option<String>,
}

impl View {
    pub fn of(movement: Movement, scope: Scope) -> Self {
        let owner = movement.what.owner();
        let seen = match owner {
            Owner::Buyer(id) => scope.is_buyer(id),
            _ => true,
        };
        let funded_by = match movement.what {
            What::Bonus { funder, .. } => Some(funder.map_or_else(|| Owner::Platform.to_string(), |id| id.to_string())),
            _ => None,
        };
        let invoice = match movement.what {
            What::Received { invoice, .. } => invoice,
            _ => None,
        };
        let (reversed_at, reversed_reason) = movement.reversed.map(|reversed| (reversed.at, reversed.reason)).unzip();
        Self {
            id: movement.id,
            kind: movement.what.kind(),
            owner: seen.then(|| owner.to_string()),
            funded_by,
            invoice,
            amount: movement.amount,
            reason: movement.reason,
            reference: movement.reference,
            at: movement.at,
            happened_at: movement.happened_at,
            reversed_at,
            reversed_reason: reversed_reason.flatten(),
        }
    }
}

async fn bonus(State(api): State<Api>, caller: Caller, input: Input) -> Result<Response, Problem> {
    let (what, moved) = input.read(|object, errors| {
        let buyer = object.required("buyer", errors).id(errors);
        let amount = money(object, errors);
        let field = object.required("funded_by", errors);
        let funder = match field.text(32, errors).as_deref() {
            Some("platform") => Some(None),
            Some(text) => text.parse::<MerchantId>().ok().map(Some),
            None => None,
        };
        if funder.is_none() && field.is_present() {
            errors.push(field.path(), "invalid_id", "platform or mer_… is wanted");
        }
        let reason = reason(&object.required("reason", errors), errors);
        Some((What::Bonus { buyer: buyer?, funder: funder? }, Moved { reason: Some(reason?), ..moved(amount?) }))
    })?;
    make(&api, &caller, &input, what, moved).await
}

async fn fee(State(api): State<Api>, caller: Caller, Ids(merchant): Ids<MerchantId>, input: Input) -> Result<Response, Problem> {
    let moved = input.read(|object, errors| {
        let amount = money(object, errors);
        let reason = reason(&object.required("reason", errors), errors);
        Some(Moved { reason: Some(reason?), ..moved(amount?) })
    })?;
    make(&api, &caller, &input, What::Fee { merchant }, moved).await
}

async fn payment(State(api): State<Api>, caller: Caller, Ids(merchant): Ids<MerchantId>, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let moved = input.read(|object, errors| {
        let amount = money(object, errors);
        let happened_at = happened_at(object, "received_at", now, errors);
        let reference = reference(object, errors);
        Some(Moved { reference, happened_at, ..moved(amount?) })
    })?;
    make(&api, &caller, &input, What::Received { merchant, invoice: None }, moved).await
}

async fn repayment(State(api): State<Api>, caller: Caller, Ids(merchant): Ids<MerchantId>, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let moved = input.read(|object, errors| paid(object, now, errors))?;
    make(&api, &caller, &input, What::PaidBack { merchant }, moved).await
}

async fn bank_charge(State(api): State<Api>, caller: Caller, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let moved = input.read(|object, errors| paid(object, now, errors))?;
    make(&api, &caller, &input, What::BankCharge, moved).await
}

async fn write_off(State(api): State<Api>, caller: Caller, input: Input) -> Result<Response, Problem> {
    let (what, moved) = input.read(|object, errors| {
        let of = party(object, errors);
        let amount = money(object, errors);
        let reason = reason(&object.required("reason", errors), errors);
        Some((What::WrittenOff { of: of? }, Moved { reason: Some(reason?), ..moved(amount?) }))
    })?;
    make(&api, &caller, &input, what, moved).await
}

async fn waiver(State(api): State<Api>, caller: Caller, input: Input) -> Result<Response, Problem> {
    let (what, moved) = input.read(|object, errors| {
        let by = match party(object, errors) {
            Some(Party::Merchant(_)) => {
                errors.push("owner", "invalid_id", "pub_… or buy_… is wanted: a merchant's credit is paid back");
                None
            }
            Some(Party::Payee(payee)) => Some(payee),
            None => None,
        };
        let amount = money(object, errors);
        let reason = reason(&object.required("reason", errors), errors);
        Some((What::Waived { by: by? }, Moved { reason: Some(reason?), ..moved(amount?) }))
    })?;
    make(&api, &caller, &input, what, moved).await
}

/// Submits, and answers the movement.
pub async fn make(api: &Api, caller: &Caller, input: &Input, what: What, moved: Moved) -> Result<Response, Problem> {
    let mut about = caller.about(None)?;
    if let Owner::Merchant(merchant) = what.owner() {
        about.merchant = Some(merchant);
    }
    let scope = caller.scope;
    let render = move |outcome: &Outcome| match outcome {
        Outcome::Moved { movement, .. } => Reply::created(&View::of((**movement).clone(), scope)),
        outcome => Err(refusal(outcome)),
    };
    let answer = api.submit(about, input, Act::Move(what, moved), render).await?;
    if let Some(merchant) = what.merchant() {
        api.pass_on(merchant).await;
    }
    Ok(answer)
}

async fn reverse(State(api): State<Api>, caller: Caller, Ids(movement): Ids<MovementId>, input: Input) -> Result<Response, Problem> {
    let reason = input.read(|object, errors| reason(&object.required("reason", errors), errors))?;
    let scope = caller.scope;
    let render = move |outcome: &Outcome| match outcome {
        Outcome::Moved { movement, .. } => Reply::ok(&View::of((**movement).clone(), scope)),
        outcome => Err(refusal(outcome)),
    };
    let answer = api.submit(caller.about(None)?, &input, Act::Reverse { movement, reason: Some(reason) }, render).await?;
    let mut tx = api.db().read().await?;
    let merchant = store::movement::by_ids(&mut tx, &[movement]).await?.first().and_then(|movement| movement.what.merchant());
    tx.commit().await?;
    if let Some(merchant) = merchant {
        // Without a fee or a bonus, credit may cover what waits.
        api.pass_on(merchant).await;
    }
    Ok(answer)
}

async fn list(State(api): State<Api>, caller: Caller, query: Query) -> Result<Response, Problem> {
    let (wanted, page) = query.read_page(|query, errors| {
        let owner = if query.optional("owner").is_present() { Some(super::owner_of(query, caller.scope, errors)?) } else { None };
        let kind = query.optional("kind").word(MovementKind::WORDS, MovementKind::from_word, errors);
        let invoice = query.optional("invoice").id(errors);
        Some(Wanted { owner, kind, invoice, ..Wanted::default() })
    })?;
    let Some(wanted) = narrow(wanted, caller.scope) else { return Ok(super::empty()) };
    let mut tx = api.db().read().await?;
    let movements = store::movement::list(&mut tx, wanted, page.after, page.rows()).await?;
    tx.commit().await?;
    let scope = caller.scope;
    Ok(page.answer(movements, |movement| movement.id.to_string(), |movement| View::of(movement, scope)))
}

/// What of a list a reader sees: a merchant also the bonuses that it pays. To ask for somebody else's is to ask for nobody's.
fn narrow(wanted: Wanted, scope: Scope) -> Option<Wanted> {
    let Some(own) = scope.owner() else { return Some(wanted) };
    if wanted.owner.is_some_and(|owner| owner != own) {
        return None;
    }
    Some(match own {
        Owner::Merchant(id) if wanted.owner.is_none() => Wanted { owner: None, merchant: Some(id), ..wanted },
        own => Wanted { owner: Some(own), ..wanted },
    })
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<MovementId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let movement = store::movement::by_ids(&mut tx, &[id]).await?.pop();
    tx.commit().await?;
    let movement = movement.filter(|movement| caller.scope.sees_movement(&movement.what)).ok_or_else(Problem::not_found)?;
    Ok(ok(&View::of(movement, caller.scope)))
}
