//! The postings that invoices, credit notes and statements list.

use super::{Accept, Api, Caller, Chunk, CsvLine, Field, Format, Ids, Kind, Query, Record, Routes, op, stream_list};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR, PUBLISHER},
        entry::{self, Subject},
    },
    kernel::{
        currency::Currency,
        id::{ConversionId, EntryId, InvoiceId, ProgramId, StatementId},
        money::Money,
        time::Time,
    },
    store::document_line::{self, Line, Listing},
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

const INVOICE: &[Field] = &[Field::required("id", Kind::Id(InvoiceId::PREFIX), "The document.")];
const STATEMENT: &[Field] = &[Field::required("id", Kind::Id(StatementId::PREFIX), "The statement.")];

pub fn routes() -> Routes {
    let of_invoice = op("list_invoice_lines", "The postings that a document lists, oldest first").roles(OPERATOR | MERCHANT);
    let of_statement = op("list_statement_lines", "The postings that a statement lists, oldest first").roles(OPERATOR | PUBLISHER);
    Routes::new("invoices").get("/invoices/{id}/lines", invoice_lines, of_invoice.ids(INVOICE).page::<View>().streamed()).and(
        Routes::new("statements").get("/statements/{id}/lines", statement_lines, of_statement.ids(STATEMENT).page::<View>().streamed()),
    )
}

/// A posting on an invoice, credit note or statement.
#[derive(Serialize, ToSchema)]
#[schema(as = DocumentLine)]
struct View {
    /// The journal entry.
    entry: EntryId,
    at: Time,
    /// The event.
    kind: entry::Kind,
    /// What it is about: a conversion, a movement.
    #[serde(serialize_with = "text")]
    #[schema(value_type = String)]
    subject: Subject,
    /// That, if it is a conversion.
    #[schema(required)]
    conversion: Option<ConversionId>,
    #[schema(required)]
    program: Option<ProgramId>,
    /// The merchant's number of the order.
    #[schema(required)]
    order_id: Option<String>,
    /// Of a fee or bonus, of what was given up or written off.
    #[schema(required)]
    reason: Option<String>,
    /// Below zero for what was taken back.
    amount: Money,
}

fn text<S: Serializer>(what: &Subject, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(what)
}

impl View {
    fn of(line: Line, currency: Currency) -> Self {
        let Line { entry, at, kind, subject, program, order_id, reason, amount } = line;
        Self { entry, at, kind, subject, conversion: subject.order(), program, order_id, reason, amount: Money::new(amount, currency) }
    }
}

impl Record for View {
    const FILE: &'static str = "lines.csv";
    const COLUMNS: &'static [&'static str] =
        &["entry", "at", "kind", "subject", "conversion", "program", "order_id", "reason", "amount", "currency"];

    fn lines(&self) -> Vec<CsvLine> {
        let line = CsvLine::default().plain(self.entry).plain(self.at).plain(self.kind.word()).plain(self.subject);
        let line = line.maybe(self.conversion).maybe(self.program).text(self.order_id.as_deref()).text(self.reason.as_deref());
        vec![line.amount(self.amount).plain(self.amount.currency)]
    }
}

async fn invoice_lines(
    State(api): State<Api>,
    caller: Caller,
    accept: Accept,
    Ids(id): Ids<InvoiceId>,
    query: Query,
) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let currency = caller.find_invoice(&mut tx, id).await?.ok_or_else(Problem::not_found)?.draft.currency;
    tx.commit().await?;
    list(api, Listing::Invoice(id), currency, accept, query).await
}

async fn statement_lines(
    State(api): State<Api>,
    caller: Caller,
    accept: Accept,
    Ids(id): Ids<StatementId>,
    query: Query,
) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let currency = caller.find_statement(&mut tx, id).await?.ok_or_else(Problem::not_found)?.draft.currency;
    tx.commit().await?;
    list(api, Listing::Statement(id), currency, accept, query).await
}

/// The lines never change, so they need not be read together with their document.
async fn list(api: Api, of: Listing, currency: Currency, accept: Accept, query: Query) -> Result<Response, Problem> {
    let ((), page, format) = query.read_list::<EntryId, _>(accept, |_, _| Some(()))?;
    if format == Format::Json {
        let mut tx = api.db().read().await?;
        let lines = document_line::list(&mut tx, of, page.after, page.rows()).await?;
        tx.commit().await?;
        return Ok(page.answer(lines, |line| line.entry.to_string(), |line| View::of(line, currency)));
    }
    let read = move |after, rows| {
        let api = api.clone();
        async move {
            let mut tx = api.db().read().await?;
            let lines = document_line::list(&mut tx, of, after, rows).await?;
            tx.commit().await?;
            Ok(Chunk::of(lines.into_iter().map(|line| View::of(line, currency)).collect(), rows, |last: &View| last.entry))
        }
    };
    stream_list(format, page, read).await
}
