//! Conversions: lists, verdicts, adjustments, receipts, and postbacks sent in batches.

use super::{
    Accept, Api, Body, Caller, Chunk, CsvLine, Field, Format, Ids, Input, Kind, Query, Record, Routes, empty, nothing, ok, op, refusal,
    span, stream_list,
};
use crate::{
    domain::{
        access::{ANY, MERCHANT, OPERATOR, Whose},
        command::{Act, Outcome},
        conversion::{Conversion, Status},
        due,
        program::Program,
        receipt::{self, Receipt},
        sale::OrderKey,
        verdict::{Grounds, WORDS_CHARS_MAX, Why},
    },
    kernel::{
        code::Language,
        fields::FieldErrors,
        id::{BuyerId, ConversionId, MerchantId, ProgramId, PublisherId},
        money::Money,
        object::Object,
        time::Zone,
    },
    store::{self, conversion::Wanted},
    web::{idempotency::Reply, problem::Problem},
};
use axum::{extract::State, response::Response};

const ID: &[Field] = &[Field::required("id", Kind::Id(ConversionId::PREFIX), "The conversion.")];
const REASON: Field =
    Field::required("reason", Kind::Grounds, "Why: a code, or words of your own, which are `other`. The publisher and the buyer read it.");
const WORDS: Field =
    Field::optional("reason_text", Kind::Text { chars_max: WORDS_CHARS_MAX }, "Beside the reason `other`, your own words.");

const WANTED: &[Field] = &[
    Field::optional("merchant", Kind::Id(MerchantId::PREFIX), "Only those of this merchant."),
    Field::optional("program", Kind::Id(ProgramId::PREFIX), "Only those of this program."),
    Field::optional("publisher", Kind::Id(PublisherId::PREFIX), "Only those in which this publisher has a credit."),
    Field::optional("buyer", Kind::Id(BuyerId::PREFIX), "Only those of this buyer."),
    Field::optional("status", Kind::Word(Status::WORDS), "Only those with this status."),
    Field::optional("since", Kind::Moment, "Only sales that occurred then or later."),
    Field::optional("until", Kind::Moment, "Only sales that occurred before; a date counts whole."),
];

const ABOUT_REOPENING: &str = "It stands as if it had never been refused, and its amounts are posted again; a later refusal counts anew.";

const REJECTION: Body = Body::new("Rejection", &[REASON, WORDS]).example(r#"{"reason": "returned"}"#);
const REOPENING: Body =
    Body::new("Reopening", &[REASON, WORDS]).example(r#"{"reason": "other", "reason_text": "The shop took another order for it."}"#);
const ADJUSTMENT: Body =
    Body::new("Adjustment", &[Field::required("amount", Kind::Amount, "What was sold, in the sale's currency."), REASON, WORDS])
        .example(r#"{"amount": "95.00", "reason": "other", "reason_text": "Shipping was counted in."}"#);

pub fn routes() -> Routes {
    let verdict = |id, summary| op(id, summary).roles(OPERATOR | MERCHANT).ids(ID).ok::<Conversion>();
    let reopened = op("reopen_conversion", "Takes a rejection and a cancellation away").about(ABOUT_REOPENING).ids(ID).body(REOPENING);
    let reopened = reopened.ok::<Conversion>();
    Routes::new("conversions")
        .get(
            "/conversions",
            list,
            op("list_conversions", "Conversions, newest first").roles(ANY).query(WANTED).page::<Conversion>().streamed(),
        )
        .get("/conversions/{id}", one, op("get_conversion", "One conversion").roles(ANY).ids(ID).ok::<Conversion>())
        .post("/conversions/{id}/approve", approve, verdict("approve_conversion", "Approves a conversion"))
        .post("/conversions/{id}/reject", reject, verdict("reject_conversion", "Rejects a conversion").body(REJECTION))
        .post("/conversions/{id}/adjust", adjust, verdict("adjust_conversion", "Sets what was sold").body(ADJUSTMENT))
        .post("/conversions/{id}/reopen", reopen, reopened)
        .get("/conversions/{id}/receipt", explain, op("get_receipt", "The explanation of every amount").roles(ANY).ids(ID).ok::<Receipt>())
}

/// `since` and `until` are about when the sales occurred.
async fn list(State(api): State<Api>, caller: Caller, accept: Accept, query: Query) -> Result<Response, Problem> {
    let (wanted, page, format) = query.read_list(accept, |query, errors| Some(read(query, api.zone(), errors)))?;
    let Some(wanted) = narrow(&api, &caller, wanted).await? else {
        return if format == Format::Json { Ok(empty()) } else { nothing::<Conversion>(format).await };
    };
    if format != Format::Json {
        let read = move |after, rows| {
            let (api, scope) = (api.clone(), caller.scope);
            async move {
                let mut tx = api.db().read().await?;
                let page = store::conversion::list(&mut tx, &wanted, after, rows).await?;
                tx.commit().await?;
                Ok(Chunk::of(page.into_iter().map(|row| scope.conversion(row)).collect(), rows, |last: &Conversion| last.id))
            }
        };
        return stream_list(format, page, read).await;
    }
    let mut tx = api.db().read().await?;
    let conversions = store::conversion::list(&mut tx, &wanted, page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(conversions, |conversion| conversion.id.to_string(), |conversion| caller.scope.conversion(conversion)))
}

/// What of a list the caller may see; none if that is nothing.
async fn narrow(api: &Api, caller: &Caller, wanted: Wanted) -> Result<Option<Wanted>, Problem> {
    let Some(whose) = caller.scope.narrow(wanted.whose) else { return Ok(None) };
    let mut wanted = Wanted { whose, ..wanted };
    if let (Some(_), Some(program)) = (caller.scope.merchant(), wanted.program) {
        let mut tx = api.db().read().await?;
        let own = caller.find_own_program(&mut tx, program).await?;
        tx.commit().await?;
        if own.is_none() {
            return Ok(None);
        }
        // A program has one merchant, and its own index is the narrower one.
        wanted.whose.merchant = None;
    }
    Ok(Some(wanted))
}

/// What was sold and given back is in `sale_currency`, the commission and its shares in `currency`. Credits stand in the JSON only.
impl Record for Conversion {
    const FILE: &'static str = "conversions.csv";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "program",
        "order_id",
        "type",
        "status",
        "flags",
        "reason",
        "reason_text_en",
        "reason_text_fr",
        "amount",
        "refunded",
        "sale_currency",
        "commission",
        "share_publisher",
        "share_buyer",
        "share_platform",
        "currency",
        "publisher",
        "link",
        "click",
        "buyer",
        "terms_version",
        "occurred_at",
        "recorded_at",
        "payable_at",
    ];

    fn lines(&self) -> Vec<CsvLine> {
        let (newest, currency) = (self.newest(), self.commission.currency);
        let line = CsvLine::default().plain(self.id).plain(self.program).text(Some(&self.order_id)).text(Some(&self.goal));
        let line = line
            .plain(self.status.word())
            .plain(self.flags.words().collect::<Vec<_>>().join(" "))
            .maybe(self.reason.as_ref().map(Why::code));
        let said = |language| self.reason.as_ref().map(|why| why.text(language));
        let line = line.text(said(Language::En)).text(said(Language::Fr));
        let line = line.amount(self.amount).amount(self.refunded).plain(self.amount.currency).amount(self.commission);
        let line = line.amount(Money::new(self.shares.publisher, currency)).amount(Money::new(self.shares.buyer, currency));
        let line = line.amount(Money::new(self.shares.platform, currency)).plain(currency);
        let line = line.maybe(newest.map(|credit| credit.publisher)).maybe(newest.and_then(|credit| credit.link));
        let line = line.maybe(newest.and_then(|credit| credit.click)).maybe(self.buyer).plain(self.terms_version);
        vec![line.plain(self.occurred_at).plain(self.recorded_at).maybe(self.payable_at)]
    }
}

fn read(query: &Object<'_>, zone: &Zone, errors: &mut FieldErrors) -> Wanted {
    let (since, until) = span(query, zone, errors);
    let whose = Whose {
        merchant: query.optional("merchant").id(errors),
        publisher: query.optional("publisher").id(errors),
        buyer: query.optional("buyer").id(errors),
    };
    Wanted {
        whose,
        program: query.optional("program").id(errors),
        status: query.optional("status").word(Status::WORDS, Status::from_word, errors),
        since,
        until,
    }
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<ConversionId>) -> Result<Response, Problem> {
    Ok(ok(&load(&api, &caller, id).await?.conversion))
}

/// A conversion as its reader sees it, and what they say of it.
struct Loaded {
    conversion: Conversion,
    program: Program,
    key: OrderKey,
}

async fn load(api: &Api, caller: &Caller, id: ConversionId) -> Result<Loaded, Problem> {
    let mut tx = api.db().read().await?;
    let (conversion, program) = caller.find_conversion(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    let key = OrderKey { program: conversion.program, goal: conversion.goal.clone(), order_id: conversion.order_id.clone() };
    Ok(Loaded { conversion: caller.scope.conversion(conversion), program, key })
}

async fn approve(State(api): State<Api>, caller: Caller, Ids(id): Ids<ConversionId>, input: Input) -> Result<Response, Problem> {
    input.nothing()?;
    let Loaded { conversion, program, key } = load(&api, &caller, id).await?;
    settle(&api, &caller, (conversion, &program), &input, Act::Approve { key }).await
}

async fn reject(State(api): State<Api>, caller: Caller, Ids(id): Ids<ConversionId>, input: Input) -> Result<Response, Problem> {
    let reason = input.read(Grounds::require)?;
    let Loaded { conversion, program, key } = load(&api, &caller, id).await?;
    settle(&api, &caller, (conversion, &program), &input, Act::Reject { key, reason: Some(reason) }).await
}

async fn reopen(State(api): State<Api>, caller: Caller, Ids(id): Ids<ConversionId>, input: Input) -> Result<Response, Problem> {
    let reason = input.read(Grounds::require)?;
    let Loaded { conversion, program, key } = load(&api, &caller, id).await?;
    settle(&api, &caller, (conversion, &program), &input, Act::Reopen { key, reason }).await
}

/// Sets what was sold, in the sale's currency; the lines scale in proportion, refunds stay.
async fn adjust(State(api): State<Api>, caller: Caller, Ids(id): Ids<ConversionId>, input: Input) -> Result<Response, Problem> {
    let Loaded { conversion, program, key } = load(&api, &caller, id).await?;
    let (amount, reason) = input.read(|object, errors| {
        let amount = object.required("amount", errors).minor_from_zero(conversion.amount.currency, errors);
        let reason = Grounds::require(object, errors);
        Some((amount?, reason?))
    })?;
    let amount = Money::new(amount, conversion.amount.currency);
    settle(&api, &caller, (conversion, &program), &input, Act::Adjust { key, amount, reason: Some(reason) }).await
}

/// Submits, and answers the conversion as it then is: the one from `before` where nothing changed.
async fn settle(
    api: &Api,
    caller: &Caller,
    (before, program): (Conversion, &Program),
    input: &Input,
    act: Act,
) -> Result<Response, Problem> {
    let scope = caller.scope;
    let render = move |outcome: &Outcome| match outcome.conversion() {
        Some(conversion) => Reply::ok(&scope.conversion(conversion.clone())),
        None if outcome.http() < 300 => Reply::ok(&before),
        None => Err(refusal(outcome)),
    };
    api.submit(caller.about(Some(program))?, input, act, render).await
}

/// The explanation of every amount.
async fn explain(State(api): State<Api>, caller: Caller, Ids(id): Ids<ConversionId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    caller.find_conversion(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let facts = store::facts::receipt(&mut tx, &api.engine.terms, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    let due = due::due(&facts.order, &facts.version.terms).map_err(|error| {
        tracing::error!(%error, conversion = %id, "a stored decision cannot be made again");
        Problem::internal()
    })?;
    let due = due.ok_or_else(Problem::not_found)?;
    let receipt = receipt::receipt(&facts.order, &due, &facts.program, &facts.version, &facts.entries);
    let receipt = receipt.ok_or_else(Problem::not_found)?;
    Ok(ok(&caller.scope.receipt(receipt.paid_by(&facts.payments))))
}
