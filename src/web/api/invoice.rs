//! Invoices and credit notes of what merchants owe, and their payments.

use super::{
    Api, Body, Caller, ChainHead, Field, Ids, Input, Kind, MONEY_CODES, PAST, Paid, Query, RECEIVED_AT, REFERENCE, Routes, happened_at,
    make, ok, op, print_invoice, reference, refusal,
};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR},
        command::{Act, Moved, Outcome},
        decide::{currency_of, listed},
        identity::Identity,
        invoice::{self, Draft, Drawing, Invoice},
        movement::What,
        reason::Refusal,
        series::Series,
        standing::{self, Billed, InvoiceStatus, Standing},
    },
    kernel::{
        currency::Currency,
        fields::FieldErrors,
        id::{InvoiceId, MerchantId},
        money::Money,
        object::Object,
        percent::Percent,
        time::{Day, Time},
    },
    store::{self, Tx},
    web::{
        idempotency::Reply,
        problem::{self, Problem},
    },
};
use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;

const ID: &[Field] = &[Field::required("id", Kind::Id(InvoiceId::PREFIX), "The document.")];
const OF_MERCHANT: &[Field] = &[Field::required("id", Kind::Id(MerchantId::PREFIX), "The merchant.")];
const WANTED: &[Field] = &[Field::optional("merchant", Kind::Id(MerchantId::PREFIX), "Only those of this merchant.")];
const CURRENCY: Field = Field::optional("currency", Kind::Currency, "In which currency; needed where something is owed in several.");
const UNTIL: Field = Field::optional("until", Kind::Date, "The last day whose postings it lists; the end of last month if left out.");

const DRAFT: &[Field] =
    &[CURRENCY, Field::optional("until", Kind::Date, "The last day whose postings it lists; everything so far if left out.")];

const NEW: Body =
    Body::new("NewInvoice", &[Field::required("merchant", Kind::Id(MerchantId::PREFIX), "Who is invoiced."), CURRENCY, UNTIL])
        .example(r#"{"merchant": "mer_09dkq3fzg0g00", "currency": "EUR", "until": "2026-11-20"}"#);
const PAYMENT: Body = Body::new(
    "InvoicePayment",
    &[
        Field::required("amount", Kind::Amount, "How much, in the document's currency; what is too much stays as credit."),
        RECEIVED_AT,
        REFERENCE,
    ],
)
.example(r#"{"amount": "10.00", "received_at": "2026-11-25T09:00:00Z", "reference": "VIR MEROU 2026-000001"}"#);

const CODES: &[(u16, &str)] =
    &[(404, "not_found"), (409, "nothing_to_invoice"), (409, "seller_unknown"), (422, "currency_wanted"), (422, "date_in_future")];

pub fn routes() -> Routes {
    let issue_it = op("create_invoice", "Issues an invoice of what a merchant owes and no document lists yet; below zero, a credit note")
        .about("It lists the postings up to the end of `until` of orders, fees and bonuses, refunds included, and posts its VAT. It never changes.");
    let read = |id, summary| op(id, summary).roles(OPERATOR | MERCHANT);
    Routes::new("invoices")
        .post("/invoices", create, issue_it.body(NEW).created::<View>().codes(CODES))
        .get("/invoices", list, read("list_invoices", "Invoices and credit notes, newest first").query(WANTED).page::<View>())
        .get(
            "/invoices/{id}",
            one,
            read("get_invoice", "One invoice or credit note")
                .about("To a browser, and to whoever accepts `text/html`, a page to print or to save as PDF, in the reader's language.")
                .ids(ID)
                .ok::<View>()
                .answer(200, super::Content::Raw("text/html")),
        )
        .post(
            "/invoices/{id}/payments",
            pay,
            op("create_invoice_payment", "A payment of an invoice, whole or in part")
                .about("Where an invoice is paid in full, its conversions become payable before this is answered.")
                .ids(ID)
                .body(PAYMENT)
                .created::<Paid>()
                .codes(MONEY_CODES)
                .codes(PAST)
                .codes(&[(409, "credit_note_not_payable")]),
        )
        .get(
            "/merchants/{id}/draft-invoice",
            draft,
            read("get_draft_invoice", "What an invoice would say; nothing is issued, and it has no number")
                .ids(OF_MERCHANT)
                .query(DRAFT)
                .ok::<DraftView>()
                .codes(CODES),
        )
}

/// What a document says.
#[derive(Serialize, ToSchema)]
#[schema(as = DraftInvoice)]
pub struct DraftView {
    merchant: MerchantId,
    /// `invoice`, or `credit_note` if it is below zero.
    kind: Series,
    /// Below zero on a credit note, and so are VAT and gross.
    net: Money,
    /// Percent of the net amount.
    vat_rate: Percent,
    vat: Money,
    gross: Money,
    #[schema(required)]
    vat_mention: Option<String>,
    /// The moment up to which postings are listed, itself not included.
    until: Time,
    issued_on: Day,
    due_on: Day,
    /// How many postings it lists.
    lines: i64,
    seller: Identity,
    buyer: Identity,
}

impl From<Draft> for DraftView {
    fn from(draft: Draft) -> Self {
        let (net, vat, gross) = (draft.net(), draft.vat(), draft.gross());
        let Draft { merchant, series, vat_rate, vat_mention, until, issued_on, due_on, lines, seller, buyer, .. } = draft;
        Self { merchant, kind: series, net, vat_rate, vat, gross, vat_mention, until, issued_on, due_on, lines, seller, buyer }
    }
}

/// An issued document, with how far it is paid.
#[derive(Serialize, ToSchema)]
#[schema(as = Invoice)]
pub struct View {
    id: InvoiceId,
    /// Of a gapless series of its kind, by year.
    number: String,
    issued_at: Time,
    status: InvoiceStatus,
    /// What is covered by payments and credit.
    paid: Money,
    /// What is still to be paid; 0 on a credit note.
    open: Money,
    #[serde(flatten)]
    draft: DraftView,
    /// The ends of the journal's chains when it was issued.
    heads: Vec<ChainHead>,
}

impl View {
    fn of(invoice: Invoice, standing: Standing, today: Day) -> Self {
        Self {
            id: invoice.id,
            number: invoice.number.to_string(),
            issued_at: invoice.issued_at,
            status: standing.status(today),
            paid: standing.paid,
            open: standing.open,
            heads: invoice.heads.iter().map(ChainHead::from).collect(),
            draft: invoice.draft.into(),
        }
    }

    /// As it was issued, before anybody looks at payments.
    fn fresh(invoice: Invoice, today: Day) -> Self {
        let billed = Billed::of(&invoice);
        let (paid, open) = (Money::zero(billed.gross.currency), Money::new(billed.gross.minor.max(0), billed.gross.currency));
        Self::of(invoice, Standing { billed, paid, open }, today)
    }
}

/// The moment after the last day that is asked for, if one is.
#[expect(clippy::option_option, reason = "wrong, or left out")]
fn until(object: &Object<'_>, api: &Api, now: Time, errors: &mut FieldErrors) -> Option<Option<Time>> {
    let field = object.optional("until");
    let Some(text) = field.text(10, errors) else { return Some(None) };
    let Some(day) = Day::parse(&text) else {
        errors.push(field.path(), "invalid_date", "a date such as 2026-11-22 is wanted");
        return None;
    };
    if day > api.zone().day(now) {
        errors.push(field.path(), "date_in_future", "what will be posted is not known yet");
        return None;
    }
    Some(Some(api.zone().start(day.minus(-1))))
}

async fn create(State(api): State<Api>, caller: Caller, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let (merchant, currency, until) = input.read(|object, errors| {
        let merchant = object.required("merchant", errors).id(errors);
        let currency = object.optional("currency").currency(errors);
        Some((merchant?, currency, until(object, &api, now, errors)?))
    })?;
    let until = until.unwrap_or_else(|| api.zone().start_of_month(now));
    let today = api.zone().day(now);
    let render = move |outcome: &Outcome| match outcome {
        Outcome::Invoiced(invoice) => Reply::created(&View::fresh((**invoice).clone(), today)),
        outcome => Err(refusal(outcome)),
    };
    let mut about = caller.about(None)?;
    about.merchant = Some(merchant);
    let answer = api.submit(about, &input, Act::Invoice { merchant, currency, until }, render).await?;
    // What credit covers is paid already.
    api.pass_on(merchant).await;
    Ok(answer)
}

async fn draft(State(api): State<Api>, caller: Caller, Ids(id): Ids<MerchantId>, query: Query) -> Result<Response, Problem> {
    let now = api.now();
    let (asked, until) =
        query.read(|query, errors| Some((query.optional("currency").currency(errors), until(query, &api, now, errors)?)))?;
    let until = until.unwrap_or(now);
    let mut tx = api.db().read().await?;
    let merchant = caller.find_merchant(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let seller = store::seller::get(&mut tx).await?.unwrap_or_default();
    let owed = store::invoice::owed(&mut tx, id, until).await?;
    tx.commit().await?;
    let refused = |why: Refusal| refusal(&Outcome::Refused(why));
    let currency = match currency_of(&owed, asked) {
        Err(Refusal::NothingToInvoice) => Currency::EUR,
        other => other.map_err(refused)?,
    };
    let lines = listed(&owed, currency, until);
    let drawing = Drawing { merchant: &merchant, seller: &seller, currency, until, now, zone: api.zone() };
    Ok(ok(&DraftView::from(invoice::draw(&drawing, &lines))))
}

/// How a merchant's documents stand, in every currency.
pub async fn standings(tx: &mut Tx, merchant: MerchantId) -> Result<HashMap<InvoiceId, Standing>, Problem> {
    let accounts = accounts(tx, merchant).await?;
    Ok(accounts.into_iter().flat_map(|account| account.standings).map(|standing| (standing.billed.id, standing)).collect())
}

pub async fn accounts(tx: &mut Tx, merchant: MerchantId) -> Result<Vec<standing::Account>, Problem> {
    let billed = store::invoice::billed(tx, merchant).await?;
    let movements = store::movement::of_merchant(tx, merchant).await?;
    Ok(standing::accounts(&billed, &movements))
}

async fn list(State(api): State<Api>, caller: Caller, query: Query) -> Result<Response, Problem> {
    let (asked, page) = query.read_page(|query, errors| Some(query.optional("merchant").id::<MerchantId>(errors)))?;
    let own = caller.scope.merchant();
    if own.is_some() && asked.is_some() && asked != own {
        return Ok(super::empty());
    }
    let mut tx = api.db().read().await?;
    let invoices = store::invoice::list(&mut tx, asked.or(own), page.after, page.rows()).await?;
    let mut known = HashMap::new();
    let mut merchants: Vec<MerchantId> = invoices.iter().map(|invoice| invoice.draft.merchant).collect();
    merchants.sort_unstable();
    merchants.dedup();
    for merchant in merchants {
        known.extend(standings(&mut tx, merchant).await?);
    }
    tx.commit().await?;
    let today = api.zone().day(api.now());
    let view = |invoice: Invoice| match known.get(&invoice.id) {
        Some(standing) => View::of(invoice, *standing, today),
        None => View::fresh(invoice, today),
    };
    Ok(page.answer(invoices, |invoice| invoice.id.to_string(), view))
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<InvoiceId>, headers: HeaderMap) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let invoice = caller.find_invoice(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    if problem::wants_page(&headers) {
        let page = print_invoice(&mut tx, &invoice, api.zone(), problem::language(&headers)).await?;
        tx.commit().await?;
        return Ok(page);
    }
    let standing = standings(&mut tx, invoice.draft.merchant).await?.remove(&id);
    tx.commit().await?;
    let today = api.zone().day(api.now());
    Ok(ok(&match standing {
        Some(standing) => View::of(invoice, standing, today),
        None => View::fresh(invoice, today),
    }))
}

/// A payment, part of one, or more than is open.
async fn pay(State(api): State<Api>, caller: Caller, Ids(id): Ids<InvoiceId>, input: Input) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let invoice = caller.find_invoice(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    let (Draft { merchant, currency, .. }, now) = (invoice.draft, api.now());
    let moved = input.read(|object, errors| {
        let minor = object.required("amount", errors).minor_from_zero(currency, errors);
        let happened_at = happened_at(object, "received_at", now, errors);
        let reference = reference(object, errors);
        Some(Moved { amount: Money::new(minor?, currency), reason: None, reference, happened_at })
    })?;
    make(&api, &caller, &input, What::Received { merchant, invoice: Some(id) }, moved).await
}
