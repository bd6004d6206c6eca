//! The postings that an invoice or credit note lists.

use super::{Accept, Api, Caller, Chunk, CsvLine, Field, Format, Ids, Kind, Query, Record, Routes, op, stream_list};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR},
        entry::{self, Subject},
    },
    kernel::{
        currency::Currency,
        id::{ConversionId, EntryId, InvoiceId, ProgramId},
        money::Money,
        time::Time,
    },
    store::{self, invoice::Line},
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

const ID: &[Field] = &[Field::required("id", Kind::Id(InvoiceId::PREFIX), "The document.")];

pub fn routes() -> Routes {
    let list_them = op("list_invoice_lines", "The postings that a document lists, oldest first").roles(OPERATOR | MERCHANT);
    Routes::new("invoices").get("/invoices/{id}/lines", list, list_them.ids(ID).page::<View>().streamed())
}

/// A posting on a document.
#[derive(Serialize, ToSchema)]
#[schema(as = InvoiceLine)]
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
    /// Of a fee or bonus.
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
        let Line { entry, at, kind, subject, program, order_id, reason, amount, .. } = line;
        Self { entry, at, kind, subject, conversion: subject.order(), program, order_id, reason, amount: Money::new(amount, currency) }
    }
}

impl Record for View {
    const FILE: &'static str = "invoice-lines.csv";
    const COLUMNS: &'static [&'static str] =
        &["entry", "at", "kind", "subject", "conversion", "program", "order_id", "reason", "amount", "currency"];

    fn lines(&self) -> Vec<CsvLine> {
        let line = CsvLine::default().plain(self.entry).plain(self.at).plain(self.kind.word()).plain(self.subject);
        let line = line.maybe(self.conversion).maybe(self.program).text(self.order_id.as_deref()).text(self.reason.as_deref());
        vec![line.amount(self.amount).plain(self.amount.currency)]
    }
}

async fn list(State(api): State<Api>, caller: Caller, accept: Accept, Ids(id): Ids<InvoiceId>, query: Query) -> Result<Response, Problem> {
    let ((), page, format) = query.read_list::<EntryId, _>(accept, |_, _| Some(()))?;
    let mut tx = api.db().read().await?;
    let currency = caller.find_invoice(&mut tx, id).await?.ok_or_else(Problem::not_found)?.draft.currency;
    if format == Format::Json {
        let lines = store::invoice::lines(&mut tx, id, page.after, page.rows()).await?;
        tx.commit().await?;
        return Ok(page.answer(lines, |line| line.entry.to_string(), |line| View::of(line, currency)));
    }
    tx.commit().await?;
    let read = move |after, rows| {
        let api = api.clone();
        async move {
            let mut tx = api.db().read().await?;
            let lines = store::invoice::lines(&mut tx, id, after, rows).await?;
            tx.commit().await?;
            Ok(Chunk::of(lines.into_iter().map(|line| View::of(line, currency)).collect(), rows, |last: &View| last.entry))
        }
    };
    stream_list(format, page, read).await
}
