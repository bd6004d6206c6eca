//! Payments of payouts: what publishers and buyers were paid, and with which lines.

use super::{Api, Caller, Field, Ids, Kind, Query, Routes, empty, ok, op};
use crate::{
    domain::{
        access::{BUYER, OPERATOR, PUBLISHER, Scope},
        entry::{Kind as EntryKind, Subject},
        payee::Payee,
        payment::{Payment, Status},
        wallet::{Method, ReturnReason},
    },
    kernel::{
        code::Language,
        id::{BatchId, BuyerId, ConversionId, EntryId, PaymentId, PublisherId, StatementId},
        money::Money,
        time::Time,
    },
    store::{self, payment::Wanted},
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use serde::{Serialize, Serializer};
use std::str::FromStr;
use utoipa::ToSchema;

const ID: &[Field] = &[Field::required("id", Kind::Id(PaymentId::PREFIX), "The payment.")];
const WANTED: &[Field] = &[
    Field::optional("publisher", Kind::Id(PublisherId::PREFIX), "Only those to this publisher."),
    Field::optional("buyer", Kind::Id(BuyerId::PREFIX), "Only those to this buyer."),
    Field::optional("batch", Kind::Id(BatchId::PREFIX), "Only those of this batch."),
    Field::optional("status", Kind::Word(Status::WORDS), "Only those with this status."),
];

pub fn routes() -> Routes {
    let readers = OPERATOR | PUBLISHER | BUYER;
    Routes::new("payouts")
        .get(
            "/payments",
            list,
            op("list_payments", "Payments to publishers and buyers, newest first").roles(readers).query(WANTED).page::<View>(),
        )
        .get("/payments/{id}", one, op("get_payment", "One payment").roles(readers).ids(ID).ok::<View>())
        .get(
            "/payments/{id}/lines",
            lines,
            op("list_payment_lines", "The lines of the balance that a payment pays, oldest first")
                .roles(readers)
                .ids(ID)
                .page::<LineView>(),
        )
}

/// One payee's payment of a payout.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Payment)]
pub struct View {
    id: PaymentId,
    batch: BatchId,
    /// A publisher or a buyer.
    #[schema(value_type = String, examples("buy_09dkq3fzg0g00"))]
    payee: Payee,
    /// What the payee gets.
    amount: Money,
    /// What was kept of the balance beside it.
    fee: Money,
    status: Status,
    method: Method,
    /// As much of the account as anybody is shown.
    account: String,
    holder: String,
    /// How many lines of the balance it pays.
    lines: i64,
    /// The self-billed statement that was drawn up with it, whose VAT is part of the amount.
    #[schema(required)]
    statement: Option<StatementId>,
    prepared_at: Time,
    #[schema(required)]
    exported_at: Option<Time>,
    #[schema(required)]
    settled_at: Option<Time>,
    #[schema(required)]
    returned_at: Option<Time>,
    #[schema(required)]
    cancelled_at: Option<Time>,
    /// Why it came back.
    #[schema(required)]
    reason: Option<ReturnReason>,
    #[schema(required)]
    reason_text: Option<Texts>,
    /// What the operator wrote about it.
    #[schema(required)]
    note: Option<String>,
}

/// A code's text, as people read it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PayoutTexts)]
pub struct Texts {
    en: &'static str,
    fr: &'static str,
}

impl Texts {
    pub fn of(text: impl Fn(Language) -> &'static str) -> Self {
        Self { en: text(Language::En), fr: text(Language::Fr) }
    }
}

impl From<&Payment> for View {
    fn from(payment: &Payment) -> Self {
        let returned = payment.returned();
        let reason = returned.map(|(_, reason, _)| reason);
        Self {
            id: payment.id,
            batch: payment.batch,
            payee: payment.payee,
            amount: payment.net(),
            fee: Money::new(payment.fee, payment.amount.currency),
            status: payment.status(),
            method: payment.details.method,
            account: payment.details.shown.clone(),
            holder: payment.details.holder.clone(),
            lines: payment.lines,
            statement: payment.statement,
            prepared_at: payment.prepared_at,
            exported_at: payment.exported_at(),
            settled_at: payment.settled_at(),
            returned_at: returned.map(|(at, ..)| at),
            cancelled_at: payment.cancelled_at(),
            reason,
            reason_text: reason.map(|reason| Texts::of(|language| reason.text(language))),
            note: returned.and_then(|(.., note)| note.cloned()),
        }
    }
}

/// A line of the payee's balance that a payment pays.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentLine)]
struct LineView {
    /// The journal entry.
    id: EntryId,
    /// Its place in the entry.
    line: i64,
    at: Time,
    kind: EntryKind,
    /// What it is about: a conversion, a movement, a payment, a statement.
    #[serde(serialize_with = "text")]
    #[schema(value_type = String)]
    subject: Subject,
    /// That, if it is a conversion.
    #[schema(required)]
    conversion: Option<ConversionId>,
    /// Positive is the payee's.
    amount: Money,
}

fn text<S: Serializer>(what: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(what)
}

/// The payee whose payments a scope sees; none is everybody's.
pub const fn own_payee(scope: Scope) -> Option<Payee> {
    match scope {
        Scope::Publisher(id) => Some(Payee::Publisher(id)),
        Scope::Buyer(id) => Some(Payee::Buyer(id)),
        Scope::All | Scope::Merchant(_) => None,
    }
}

async fn list(State(api): State<Api>, caller: Caller, query: Query) -> Result<Response, Problem> {
    let ((publisher, buyer, batch, status), page) = query.read_page(|query, errors| {
        let publisher: Option<PublisherId> = query.optional("publisher").id(errors);
        let buyer: Option<BuyerId> = query.optional("buyer").id(errors);
        let status = query.optional("status").word(Status::WORDS, Status::from_word, errors);
        Some((publisher.map(Payee::Publisher), buyer.map(Payee::Buyer), query.optional("batch").id(errors), status))
    })?;
    let mut payees: Vec<Payee> = [own_payee(caller.scope), publisher, buyer].into_iter().flatten().collect();
    payees.dedup();
    // Nobody is two payees.
    if payees.len() > 1 {
        return Ok(empty());
    }
    let wanted = Wanted { payee: payees.pop(), batch, status };
    let mut tx = api.db().read().await?;
    let payments = store::payment::list(&mut tx, wanted, page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(payments, |payment| payment.id.to_string(), |payment| View::from(&payment)))
}

async fn find(api: &Api, caller: &Caller, id: PaymentId) -> Result<(store::Tx, Payment), Problem> {
    let mut tx = api.db().read().await?;
    let payment = store::payment::by_id(&mut tx, id).await?;
    let seen = payment.filter(|payment| own_payee(caller.scope).is_none_or(|own| own == payment.payee));
    Ok((tx, seen.ok_or_else(Problem::not_found)?))
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<PaymentId>) -> Result<Response, Problem> {
    let (tx, payment) = find(&api, &caller, id).await?;
    tx.commit().await?;
    Ok(ok(&View::from(&payment)))
}

/// `jrn_…-2`: an entry and a line of it.
#[derive(Debug, Clone, Copy)]
struct Cursor((EntryId, i64));

/// Not a cursor of this list.
#[derive(Debug, thiserror::Error)]
#[error("not a cursor of this list: the `next` of a page is wanted")]
struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (entry, line) = text.split_once('-').ok_or(CursorError)?;
        Ok(Self((entry.parse().map_err(|_| CursorError)?, line.parse().map_err(|_| CursorError)?)))
    }
}

async fn lines(State(api): State<Api>, caller: Caller, Ids(id): Ids<PaymentId>, query: Query) -> Result<Response, Problem> {
    let ((), page) = query.read_page::<Cursor, _>(|_, _| Some(()))?;
    let (mut tx, payment) = find(&api, &caller, id).await?;
    let lines = store::payment::lines(&mut tx, id, page.after.map(|cursor| cursor.0), page.rows()).await?;
    tx.commit().await?;
    let currency = payment.amount.currency;
    let view = |line: store::payment::Line| LineView {
        id: line.entry,
        line: line.line,
        at: line.at,
        kind: line.kind,
        subject: line.subject,
        conversion: line.subject.order(),
        amount: Money::new(line.amount, currency),
    };
    Ok(page.answer(lines, |line| format!("{}-{}", line.entry, line.line), view))
}
