//! Self-billed statements of what publishers were paid, and the postings that they list.

use super::{
    Accept, Api, Caller, ChainHead, Chunk, CsvLine, Field, Format, Ids, Kind, Query, Record, Routes, empty, load_statement_page, ok, op,
    stream_list,
};
use crate::{
    domain::{
        access::{OPERATOR, PUBLISHER},
        entry,
        identity::Identity,
        statement::Statement,
    },
    kernel::{
        currency::Currency,
        id::{ConversionId, EntryId, PaymentId, ProgramId, PublisherId, StatementId},
        money::Money,
        percent::Percent,
        time::{Day, Time},
    },
    store::{self, statement::Line},
    web::problem::{self, Problem},
};
use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

const ID: &[Field] = &[Field::required("id", Kind::Id(StatementId::PREFIX), "The statement.")];
const WANTED: &[Field] = &[Field::optional("publisher", Kind::Id(PublisherId::PREFIX), "Only those of this publisher.")];

pub fn routes() -> Routes {
    let read = |id, summary| op(id, summary).roles(OPERATOR | PUBLISHER);
    Routes::new("statements")
        .get("/statements", list, read("list_statements", "Self-billed statements, newest first").query(WANTED).page::<View>())
        .get(
            "/statements/{id}",
            one,
            read("get_statement", "One self-billed statement")
                .about("To a browser, and to whoever accepts `text/html`, a page to print or to save as PDF, in the reader's language.")
                .ids(ID)
                .ok::<View>()
                .answer(200, super::Content::Raw("text/html")),
        )
        .get(
            "/statements/{id}/lines",
            lines,
            read("list_statement_lines", "The postings that a statement lists, oldest first").ids(ID).page::<LineView>().streamed(),
        )
}

/// A publisher's invoice to the platform, written by the platform with a payment. It never changes.
#[derive(Serialize, ToSchema)]
#[schema(as = Statement)]
struct View {
    id: StatementId,
    /// Of a gapless series, by year.
    number: String,
    publisher: PublisherId,
    /// The payment with which it was drawn up.
    payment: PaymentId,
    /// Below zero if more was taken back than earned, and so are VAT and gross.
    net: Money,
    /// Percent of the net amount.
    vat_rate: Percent,
    vat: Money,
    gross: Money,
    #[schema(required)]
    vat_mention: Option<String>,
    /// When the publisher accepted that the platform writes their invoices.
    mandate_accepted_at: Time,
    issued_at: Time,
    issued_on: Day,
    /// How many postings it lists.
    lines: i64,
    /// The publisher.
    seller: Identity,
    /// The platform.
    buyer: Identity,
    /// The ends of the journal's chains when it was issued.
    heads: Vec<ChainHead>,
}

impl From<Statement> for View {
    fn from(statement: Statement) -> Self {
        let Statement { id, number, issued_at, draft, heads } = statement;
        Self {
            id,
            number: number.to_string(),
            publisher: draft.publisher,
            payment: draft.payment,
            net: draft.net(),
            vat_rate: draft.vat_rate,
            vat: draft.vat(),
            gross: draft.gross(),
            vat_mention: draft.vat_mention,
            mandate_accepted_at: draft.mandate_at,
            issued_at,
            issued_on: draft.issued_on,
            lines: draft.total.lines,
            seller: draft.seller,
            buyer: draft.buyer,
            heads: heads.iter().map(ChainHead::from).collect(),
        }
    }
}

/// A posting on a statement.
#[derive(Serialize, ToSchema)]
#[schema(as = StatementLine)]
struct LineView {
    /// The journal entry.
    entry: EntryId,
    at: Time,
    /// The event.
    kind: entry::Kind,
    conversion: ConversionId,
    #[schema(required)]
    program: Option<ProgramId>,
    /// The merchant's number of the order.
    #[schema(required)]
    order_id: Option<String>,
    /// Below zero for what was taken back.
    amount: Money,
}

impl LineView {
    fn of(line: Line, currency: Currency) -> Self {
        let Line { entry, at, kind, conversion, program, order_id, amount, .. } = line;
        Self { entry, at, kind, conversion, program, order_id, amount: Money::new(amount, currency) }
    }
}

impl Record for LineView {
    const FILE: &'static str = "statement-lines.csv";
    const COLUMNS: &'static [&'static str] = &["entry", "at", "kind", "conversion", "program", "order_id", "amount", "currency"];

    fn lines(&self) -> Vec<CsvLine> {
        let line = CsvLine::default().plain(self.entry).plain(self.at).plain(self.kind.word()).plain(self.conversion);
        let line = line.maybe(self.program).text(self.order_id.as_deref());
        vec![line.amount(self.amount).plain(self.amount.currency)]
    }
}

async fn list(State(api): State<Api>, caller: Caller, query: Query) -> Result<Response, Problem> {
    let (asked, page) = query.read_page(|query, errors| Some(query.optional("publisher").id::<PublisherId>(errors)))?;
    let own = caller.scope.publisher();
    if own.is_some() && asked.is_some() && asked != own {
        return Ok(empty());
    }
    let mut tx = api.db().read().await?;
    let statements = store::statement::list(&mut tx, asked.or(own), page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(statements, |statement| statement.id.to_string(), View::from))
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<StatementId>, headers: HeaderMap) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let statement = caller.find_statement(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    if problem::wants_page(&headers) {
        let page = load_statement_page(&mut tx, &statement).await?;
        tx.commit().await?;
        return Ok(page.render(&statement, api.zone(), problem::language(&headers)));
    }
    tx.commit().await?;
    Ok(ok(&View::from(statement)))
}

async fn lines(
    State(api): State<Api>,
    caller: Caller,
    accept: Accept,
    Ids(id): Ids<StatementId>,
    query: Query,
) -> Result<Response, Problem> {
    let ((), page, format) = query.read_list::<EntryId, _>(accept, |_, _| Some(()))?;
    let mut tx = api.db().read().await?;
    let currency = caller.find_statement(&mut tx, id).await?.ok_or_else(Problem::not_found)?.draft.currency;
    if format == Format::Json {
        let lines = store::statement::lines(&mut tx, id, page.after, page.rows()).await?;
        tx.commit().await?;
        return Ok(page.answer(lines, |line| line.entry.to_string(), |line| LineView::of(line, currency)));
    }
    tx.commit().await?;
    let read = move |after, rows| {
        let api = api.clone();
        async move {
            let mut tx = api.db().read().await?;
            let lines = store::statement::lines(&mut tx, id, after, rows).await?;
            tx.commit().await?;
            Ok(Chunk::of(lines.into_iter().map(|line| LineView::of(line, currency)).collect(), rows, |last: &LineView| last.entry))
        }
    };
    stream_list(format, page, read).await
}
