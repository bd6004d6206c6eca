//! Self-billed statements of what publishers were paid.

use super::{Api, Caller, ChainHead, Field, Ids, Kind, Query, Routes, empty, ok, op, print_statement};
use crate::{
    domain::{
        access::{OPERATOR, PUBLISHER},
        identity::Identity,
        statement::Statement,
    },
    kernel::{
        id::{PaymentId, PublisherId, StatementId},
        money::Money,
        percent::Percent,
        time::{Day, Time},
    },
    store,
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
        let page = print_statement(&mut tx, &statement, api.zone(), problem::language(&headers)).await?;
        tx.commit().await?;
        return Ok(page);
    }
    tx.commit().await?;
    Ok(ok(&View::from(statement)))
}
