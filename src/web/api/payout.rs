//! Payout runs: prepared, looked at, exported to the bank, settled or returned.

use super::{Api, Body, Caller, ChainHead, Field, Ids, Input, Kind, PaymentView, Query, Routes, Texts, ok, op, refusal, span};
use crate::{
    domain::{
        command::{Act, Command, Outcome, PayoutDone},
        payee::Payee,
        payment::{Payment, Status},
        payout::{Batch, BatchStatus, Form, LeftOut, Step},
        wallet::{ReturnReason, Why},
    },
    engine::{import::Ledger, paid, payout_file},
    kernel::{
        currency::Currency,
        id::{BatchId, PaymentId},
        money::Money,
        time::Time,
    },
    store::{self, payment::Tally},
    web::{
        idempotency::{self, Reply},
        problem::Problem,
    },
};
use axum::{body::Body as Bytes, extract::State, response::Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Notes about a payment that came back, in characters.
const NOTE_CHARS_MAX: usize = 500;

const BATCH: &[Field] = &[Field::required("id", Kind::Id(BatchId::PREFIX), "The batch.")];
const PAYMENT: &[Field] = &[Field::required("id", Kind::Id(PaymentId::PREFIX), "The payment.")];
const EITHER: &[Field] = &[Field::required("id", Kind::Id(PaymentId::PREFIX), "The payment; or a batch, `bat_…`: each of its payments.")];
const FORMAT: &[Field] = &[
    Field::required("format", Kind::Word(&["pain001", "csv"]), "`pain001` holds the payments in EUR by SEPA, `csv` all others."),
    Field::optional("all", Kind::Boolean, "With `csv`: every payment, also those that a pain.001 takes. Do not pay them twice."),
];

const NEW: Body = Body::new(
    "NewPayout",
    &[
        Field::required("currency", Kind::Currency, "Whose balances are paid."),
        Field::optional("until", Kind::Moment, "Only what became payable before; a date counts whole. Everything if left out."),
        Field::optional("fee", Kind::Amount, "What is kept of each payment; nothing if left out."),
    ],
)
.example(r#"{"currency": "EUR"}"#);
const RETURN: Body = Body::new(
    "PaymentReturn",
    &[
        Field::required("reason", Kind::Word(ReturnReason::CODES), "Why it came back; the payee reads it."),
        Field::optional("note", Kind::Text { chars_max: NOTE_CHARS_MAX }, "What the bank wrote; the payee reads it too."),
    ],
)
.example(r#"{"reason": "not_executed", "note": "MS03"}"#);

pub fn routes() -> Routes {
    let create_it = op("create_payout", "Prepares a batch: a payment to everybody whose balance may be paid").about(
        "Nothing leaves yet: look at it, take payments out or cancel it, then export it. Whom it leaves out stands there with the reason.",
    );
    let export_it = op("export_payout", "The batch as a file for the bank; from now on its payments are settled or returned")
        .about("The same bytes each time. The IBANs stand in it in full, and nowhere else.")
        .answer(200, super::Content::Raw("application/xml"))
        .answer(200, super::Content::Raw("text/csv"));
    Routes::new("payouts")
        .get("/payouts", list, op("list_payouts", "Payout batches, newest first").page::<Summary>())
        .post("/payouts", create, create_it.body(NEW).created::<View>())
        .get("/payouts/{id}", one, op("get_payout", "One batch, with its payments and whom it left out").ids(BATCH).ok::<View>())
        .post(
            "/payouts/{id}/export",
            export,
            export_it.ids(BATCH).query(FORMAT).codes(&[
                (404, "not_found"),
                (409, "nothing_to_export"),
                (409, "no_debtor"),
                (409, "account_sealed"),
            ]),
        )
        .post(
            "/payouts/{id}/cancel",
            cancel,
            op("cancel_payout", "Cancels a batch, or takes one payment out, before the bank is told")
                .ids(EITHER)
                .ok::<Done>()
                .codes(&[(404, "not_found"), (409, "payment_exported")]),
        )
        .post(
            "/payouts/{id}/settle",
            settle,
            op("settle_payout", "The bank has paid: a payment, or every one of a batch").ids(EITHER).ok::<Done>().codes(&[
                (404, "not_found"),
                (409, "payment_not_exported"),
                (409, "payment_closed"),
            ]),
        )
        .post(
            "/payouts/{id}/return",
            bring_back,
            op("return_payment", "The bank brought a payment back: the money is payable again")
                .ids(PAYMENT)
                .body(RETURN)
                .ok::<PaymentView>()
                .codes(&[(404, "not_found"), (409, "payment_not_exported"), (409, "payment_closed")]),
        )
}

/// A payout run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PayoutSummary)]
struct Summary {
    id: BatchId,
    currency: Currency,
    /// `settled` once every payment is settled, returned or cancelled.
    status: BatchStatus,
    /// Only what became payable before.
    #[schema(required)]
    until: Option<Time>,
    prepared_at: Time,
    #[schema(required)]
    exported_at: Option<Time>,
    #[schema(required)]
    cancelled_at: Option<Time>,
    /// Payments, without cancelled ones.
    count: i64,
    /// What they pay together.
    amount: Money,
    /// What is kept of them.
    fee: Money,
    /// The heads of the journal's chains before it: kept elsewhere, they show a tail that was cut off.
    heads: Vec<ChainHead>,
}

/// A payout run with its payments.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Payout)]
struct View {
    #[serde(flatten)]
    summary: Summary,
    payments: Vec<PaymentView>,
    left_out: Vec<LeftOutView>,
}

/// A payee whom a run left out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PayoutLeftOut)]
struct LeftOutView {
    #[schema(value_type = String)]
    payee: Payee,
    balance: Money,
    why: Why,
    why_text: Texts,
    /// Below the minimum.
    #[schema(required)]
    missing: Option<Money>,
    /// When the reason ends by itself.
    #[schema(required)]
    until: Option<Time>,
}

/// A batch, or the one payment that was named.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = PayoutOrPayment)]
enum Done {
    Batch(View),
    Payment(PaymentView),
}

impl Summary {
    fn of(batch: &Batch, tallies: &[Tally]) -> Self {
        let live = || tallies.iter().filter(|tally| tally.status != Status::Cancelled);
        let is_open = tallies.iter().any(|tally| matches!(tally.status, Status::Prepared | Status::Exported));
        let money = |minor| Money::new(minor, batch.currency);
        Self {
            id: batch.id,
            currency: batch.currency,
            status: batch.status(is_open),
            until: batch.until,
            prepared_at: batch.prepared_at,
            exported_at: batch.exported_at,
            cancelled_at: batch.cancelled_at,
            count: live().map(|tally| tally.count).sum(),
            amount: money(live().map(|tally| tally.amount - tally.fee).sum()),
            fee: money(live().map(|tally| tally.fee).sum()),
            heads: batch.heads.iter().map(ChainHead::from).collect(),
        }
    }
}

impl View {
    fn of(batch: &Batch, payments: &[Payment], left_out: &[LeftOut]) -> Self {
        let tally = |payment: &Payment| Tally {
            batch: batch.id,
            status: payment.status(),
            count: 1,
            amount: payment.amount.minor,
            fee: payment.fee,
        };
        let left = |left: &LeftOut| LeftOutView {
            payee: left.payee,
            balance: Money::new(left.balance, batch.currency),
            why: left.against.why,
            why_text: Texts::of(|language| left.against.why.text(language)),
            missing: left.against.missing.map(|missing| Money::new(missing, batch.currency)),
            until: left.against.until,
        };
        Self {
            summary: Summary::of(batch, &payments.iter().map(tally).collect::<Vec<_>>()),
            payments: payments.iter().map(PaymentView::from).collect(),
            left_out: left_out.iter().map(left).collect(),
        }
    }
}

/// What `settle` and `cancel` are about.
#[derive(Debug, Clone, Copy)]
enum Either {
    Batch(BatchId),
    Payment(PaymentId),
}

impl<'de> Deserialize<'de> for Either {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let batch = text.parse().map(Self::Batch);
        batch.or_else(|_| text.parse().map(Self::Payment)).map_err(serde::de::Error::custom)
    }
}

/// Sends a step through the ledger writer; `render` writes the answer. Gives what was done, if it was done now.
async fn submit(
    api: &Api,
    caller: &Caller,
    input: &Input,
    step: Step,
    render: impl Fn(&PayoutDone) -> Result<Reply, Problem> + Send + Sync + Clone + 'static,
) -> Result<(Response, Option<Box<PayoutDone>>), Problem> {
    let render = move |outcome: &Outcome| match outcome {
        Outcome::Payout(done) => render(done),
        other => Err(refusal(other)),
    };
    let once = input.ticket.once(0, render.clone());
    let message = api.message(caller.about(None)?, &input.body);
    let command = Command { once, ..Command::new(message, Act::Payout(step)) };
    match api.engine.ledger.submit(command).await.map_err(|_| Problem::unavailable())? {
        Outcome::Replayed(kept) => Ok((idempotency::replayed(kept)?, None)),
        outcome => {
            let answer = render(&outcome).map(Reply::answer)?;
            let done = match outcome {
                Outcome::Payout(done) => Some(done),
                _ => None,
            };
            Ok((answer, done))
        }
    }
}

async fn create(State(api): State<Api>, caller: Caller, input: Input) -> Result<Response, Problem> {
    let step = input.read(|object, errors| {
        let currency = object.required("currency", errors).currency(errors);
        let (_, until) = span(object, api.zone(), errors);
        let fee = currency.and_then(|currency| object.optional("fee").minor_from_zero(currency, errors));
        Some(Step::Prepare { currency: currency?, until, fee: fee.unwrap_or(0) })
    })?;
    let render = |done: &PayoutDone| Reply::created(&View::of(&done.batch, &done.payments, &done.left_out));
    Ok(submit(&api, &caller, &input, step, render).await?.0)
}

async fn list(State(api): State<Api>, query: Query) -> Result<Response, Problem> {
    let ((), page) = query.read_page(|_, _| Some(()))?;
    let mut tx = api.db().read().await?;
    let batches = store::payout::list(&mut tx, page.after, page.rows()).await?;
    let tallies = store::payment::tallies(&mut tx, &batches.iter().map(|batch| batch.id).collect::<Vec<_>>()).await?;
    tx.commit().await?;
    let view = |batch: Batch| {
        let own: Vec<Tally> = tallies.iter().filter(|tally| tally.batch == batch.id).copied().collect();
        Summary::of(&batch, &own)
    };
    Ok(page.answer(batches, |batch| batch.id.to_string(), view))
}

async fn one(State(api): State<Api>, Ids(id): Ids<BatchId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let batch = store::payout::by_id(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let payments = store::payment::of_batches(&mut tx, &[id]).await?;
    let left_out = store::payout::left_out(&mut tx, id).await?;
    tx.commit().await?;
    Ok(ok(&View::of(&batch, &payments, &left_out)))
}

fn done(done: &PayoutDone, named: Either) -> Result<Reply, Problem> {
    match (named, done.payments.first()) {
        (Either::Payment(_), Some(payment)) => Reply::ok(&Done::Payment(PaymentView::from(payment))),
        _ => Reply::ok(&Done::Batch(View::of(&done.batch, &done.payments, &[]))),
    }
}

async fn cancel(State(api): State<Api>, caller: Caller, Ids(id): Ids<Either>, input: Input) -> Result<Response, Problem> {
    input.nothing()?;
    let step = match id {
        Either::Batch(batch) => Step::Cancel { batch },
        Either::Payment(payment) => Step::Remove { payment },
    };
    Ok(submit(&api, &caller, &input, step, move |what| done(what, id)).await?.0)
}

async fn settle(State(api): State<Api>, caller: Caller, Ids(id): Ids<Either>, input: Input) -> Result<Response, Problem> {
    input.nothing()?;
    let step = match id {
        Either::Batch(batch) => Step::SettleAll { batch },
        Either::Payment(payment) => Step::Settle { payment },
    };
    let (answer, what) = submit(&api, &caller, &input, step, move |what| done(what, id)).await?;
    tell(&api, what).await;
    Ok(answer)
}

async fn bring_back(State(api): State<Api>, caller: Caller, Ids(payment): Ids<PaymentId>, input: Input) -> Result<Response, Problem> {
    let (reason, note) = input.read(|object, errors| {
        let reason = object.required("reason", errors).word(ReturnReason::CODES, ReturnReason::from_code, errors);
        let note = object.optional("note").text(NOTE_CHARS_MAX, errors);
        Some((reason?, note))
    })?;
    let step = Step::Return { payment, reason, note };
    let render = |done: &PayoutDone| {
        done.payments.first().map_or_else(|| Err(Problem::internal()), |payment| Reply::ok(&PaymentView::from(payment)))
    };
    let (answer, what) = submit(&api, &caller, &input, step, render).await?;
    tell(&api, what).await;
    Ok(answer)
}

/// The orders learn of it before the answer; what fails is done by the job.
async fn tell(api: &Api, done: Option<Box<PayoutDone>>) {
    let mut ledger = Ledger::Queue(api.engine.ledger.clone());
    for payment in done.iter().flat_map(|done| &done.payments).filter(|payment| payment.touches_orders()) {
        if let Err(error) = paid::tell(api.db(), &api.engine.ids, &mut ledger, payment, api.now()).await {
            tracing::warn!(%error, payment = %payment.id, "its orders are told later");
            return;
        }
    }
}

/// The file is made again each time: what is kept of the answer holds no account.
async fn export(State(api): State<Api>, caller: Caller, Ids(id): Ids<BatchId>, query: Query, input: Input) -> Result<Response, Problem> {
    input.nothing()?;
    let form = query.read(|query, errors| {
        let format = query.required("format", errors).word(&["pain001", "csv"], Form::from_word, errors);
        let all = query.optional("all").boolean(errors).unwrap_or(false);
        Some(if all && format? == Form::Csv { Form::CsvAll } else { format? })
    })?;
    // Whatever could not be written is found before the bank is said to know it.
    payout_file::write(api.db(), &api.engine.vault, api.zone(), id, form).await?;
    let step = Step::Export { batch: id, form };
    let render = |done: &PayoutDone| Reply::ok(&serde_json::json!({"batch": done.batch.id}));
    let (answer, done) = submit(&api, &caller, &input, step, render).await?;
    if !answer.status().is_success() {
        return Ok(answer);
    }
    let bytes = payout_file::write(api.db(), &api.engine.vault, api.zone(), id, form).await?;
    let (media, name) = match form {
        Form::Pain001 => ("application/xml", format!("{id}.xml")),
        Form::Csv | Form::CsvAll => ("text/csv; charset=utf-8; header=present", format!("{id}.csv")),
    };
    let mut file = Response::new(Bytes::from(bytes));
    *file.status_mut() = StatusCode::OK;
    file.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    let saved = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")).expect("ids are ASCII");
    file.headers_mut().insert(header::CONTENT_DISPOSITION, saved);
    if done.is_none() {
        idempotency::mark_replayed(&mut file);
    }
    Ok(file)
}
