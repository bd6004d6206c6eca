//! The journal's lines behind an owner's balances.

use super::{Accept, Api, Caller, Chunk, CsvLine, Format, OWNER, Query, Record, Routes, check_owner, op, owner_of, stream_list};
use crate::{
    domain::{
        access::ANY,
        account::Account,
        entry::{Kind, Subject},
    },
    kernel::{
        id::{ConversionId, EntryId, ProgramId},
        money::Money,
        time::Time,
    },
    store::{
        self,
        entry::{Line, Place},
    },
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use serde::{Serialize, Serializer};
use std::str::FromStr;
use utoipa::ToSchema;

pub fn routes() -> Routes {
    let list_them = op("list_entries", "The journal's lines behind an owner's balances, newest first")
        .roles(ANY)
        .query(&[OWNER])
        .codes(&[(404, "not_found"), (422, "missing_field")]);
    Routes::new("entries").get("/entries", list, list_them.page::<View>().streamed())
}

/// A line of the journal.
#[derive(Serialize, ToSchema)]
#[schema(as = EntryLine)]
struct View {
    /// The journal entry; lines of one entry share it.
    id: EntryId,
    /// Its place in the entry, from 0.
    line: i64,
    at: Time,
    kind: Kind,
    /// What it is about: a conversion, a movement, a payment, an invoice, a statement.
    #[serde(serialize_with = "text")]
    #[schema(value_type = String)]
    subject: Subject,
    /// That, if it is a conversion.
    #[schema(required)]
    conversion: Option<ConversionId>,
    /// Of the conversion.
    #[schema(required)]
    program: Option<ProgramId>,
    /// `publisher:pub_…:pending` and the like.
    #[serde(serialize_with = "text")]
    #[schema(value_type = String)]
    account: Account,
    /// Positive is the account's usual side.
    amount: Money,
}

fn text<S: Serializer>(what: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(what)
}

impl From<Line> for View {
    fn from(line: Line) -> Self {
        let Line { entry, line: number, account, amount, currency, at, kind, subject, program } = line;
        let amount = Money::new(account.usual(amount), currency);
        Self { id: entry, line: number, at, kind, subject, conversion: subject.order(), program, account, amount }
    }
}

/// `jrn_…-2`: an entry and a line of it.
#[derive(Debug, Clone, Copy)]
struct Cursor(Place);

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

impl Cursor {
    fn of(line: &View) -> Self {
        Self((line.id, line.line))
    }
}

impl Record for View {
    const FILE: &'static str = "entries.csv";
    const COLUMNS: &'static [&'static str] =
        &["id", "line", "at", "kind", "subject", "conversion", "program", "account", "amount", "currency"];

    fn lines(&self) -> Vec<CsvLine> {
        let line = CsvLine::default().plain(self.id).plain(self.line).plain(self.at).plain(self.kind.word()).plain(self.subject);
        vec![line.maybe(self.conversion).maybe(self.program).plain(self.account).amount(self.amount).plain(self.amount.currency)]
    }
}

/// Newest first.
async fn list(State(api): State<Api>, caller: Caller, accept: Accept, query: Query) -> Result<Response, Problem> {
    let (owner, page, format) = query.read_list::<Cursor, _>(accept, |query, errors| owner_of(query, caller.scope, errors))?;
    let mut tx = api.db().read().await?;
    check_owner(&mut tx, caller.scope, owner).await?;
    if format == Format::Json {
        let lines = store::entry::of_owner(&mut tx, owner, page.after.map(|cursor| cursor.0), page.rows()).await?;
        tx.commit().await?;
        return Ok(page.answer(lines, |line| format!("{}-{}", line.entry, line.line), View::from));
    }
    tx.commit().await?;
    let read = move |after: Option<Cursor>, rows| {
        let api = api.clone();
        async move {
            let mut tx = api.db().read().await?;
            let lines = store::entry::of_owner(&mut tx, owner, after.map(|cursor| cursor.0), rows).await?;
            tx.commit().await?;
            Ok(Chunk::of(lines.into_iter().map(View::from).collect(), rows, Cursor::of))
        }
    };
    stream_list(format, page, read).await
}
