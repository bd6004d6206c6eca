//! Imports: tables of clicks, sales, rates and verdicts, sent as CSV and stored as they come; no table is ever held whole.

use super::{Api, Caller, Field, Ids, Kind, Query, RawBody, Routes, ok, op};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR},
        import::{Holds, State as Stands},
    },
    engine::import::{ImportError, upload},
    formats::csv::{TableError, rejected},
    kernel::{id::ImportId, time::Time},
    store::{
        self,
        import::{Import, Rejected},
    },
    web::{headers, json, limits::Patience, problem::Problem},
};
use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use bytes::{Buf as _, Bytes};
use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use serde::Serialize;
use std::{
    io::{self, Read},
    pin::pin,
};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;

/// Imports at once: each has a thread and, of each database, one writer. More are told to come back.
const AT_ONCE: usize = 4;
/// Pieces of a body, of some 64 KiB, that have come and are not read yet.
const PIECES_AHEAD: usize = 4;
/// Rejected lines in an answer …
const SHOWN: i64 = 100;
/// … and those of one read of the table of all.
const ROWS: i64 = 500;
/// How the reader is told that a body ended because it may not be longer.
const TOO_LARGE: io::ErrorKind = io::ErrorKind::FileTooLarge;
const CSV: &str = "text/csv";

const ID: &[Field] = &[Field::required("id", Kind::Id(ImportId::PREFIX), "The import.")];

const ABOUT: &str = "The body is the table, as CSV with a header; `docs/IMPORT.md` has its columns. It is stored as it comes. Sending it again \
    changes nothing: lines that are stored already are counted as duplicates, so it needs no `Idempotency-Key` and passes over one. A table \
    of another shape is refused before anything is stored. An upload that is cut keeps what was stored; it is finished by sending it again.";
const ABOUT_REJECTED: &str = "The first 10,000 at most, and `rejected_kept` says how many: each with its line in the table, why, and its own fields, \
    as far as all of them have 8 MiB. Mended there, it can be sent again: its three columns are passed over.";

const CODES: &[(u16, &str)] = &[
    (422, "empty_table"),
    (422, "not_text"),
    (422, "unknown_column"),
    (422, "header_too_long"),
    (422, "duplicate_column"),
    (422, "missing_column"),
];

const CLICKS: &str = "link,at,country,sub1\nlnk_09dkq3fzg0g00,2026-10-01T09:00:00Z,FR,newsletter\n";
const SALES: &str = "program,type,order_id,amount,currency,occurred_at\nprg_09dkq3fzg0g00,sale,OLD-1,120.00,EUR,2026-10-01 09:30:00\n";
const VERDICTS: &str = "program,order_id,verdict,reason\nprg_09dkq3fzg0g00,A-1001,reject,returned\n";
const RATES: &str = "Date,USD,JPY\n2026-11-19,1.0880,164.40\n";

pub fn routes() -> Routes {
    let take = |id, summary, example| {
        op(id, summary).about(ABOUT).raw_body(RawBody { media: CSV, code: "not_csv", example }).created::<View>().codes(CODES)
    };
    let rejected = op("list_rejected_lines", "The lines that it rejected, as CSV").about(ABOUT_REJECTED).roles(OPERATOR | MERCHANT).ids(ID);
    let rejected = rejected.answer(200, super::Content::Raw(CSV));
    let judged = take("import_verdicts", "Approvals, rejections and adjustments", VERDICTS).roles(OPERATOR | MERCHANT);
    let read = op("get_import", "One import, with the first of its rejected lines").roles(OPERATOR | MERCHANT).ids(ID).ok::<View>();
    Routes::new("imports")
        .get("/imports", list, op("list_imports", "Imports over the API, newest first").roles(OPERATOR | MERCHANT).page::<View>())
        .post("/imports/clicks", clicks, take("import_clicks", "Clicks from elsewhere, or of our own export", CLICKS))
        .post("/imports/sales", sales, take("import_sales", "Sales from elsewhere, or of our own export", SALES))
        .post("/imports/rates", rates, take("import_rates", "Rates as the ECB publishes them", RATES))
        .post("/imports/verdicts", verdicts, judged)
        .get("/imports/{id}", one, read)
        .get("/imports/{id}/rejected", rejected_lines, rejected)
}

/// How many imports there may be, and how large.
#[derive(Debug)]
pub struct Imports {
    room: Semaphore,
    bytes_max: u64,
}

impl Imports {
    pub fn new(bytes_max: u64) -> Self {
        Self { room: Semaphore::new(AT_ONCE), bytes_max }
    }
}

/// A table that was sent, and what became of its lines.
#[derive(Serialize, ToSchema)]
#[schema(as = Import)]
struct View {
    id: ImportId,
    kind: Holds,
    state: Stands,
    /// Lines, without the header and blank ones.
    #[schema(minimum = 0)]
    read: i64,
    #[schema(minimum = 0)]
    imported: i64,
    /// Lines that were stored already: they changed nothing.
    #[schema(minimum = 0)]
    duplicates: i64,
    #[schema(minimum = 0)]
    rejected: i64,
    /// How many of the rejected `/rejected` has: the first 10,000 at most.
    #[schema(minimum = 0)]
    rejected_kept: i64,
    /// Rates of currencies that are no more.
    #[schema(minimum = 0)]
    passed_over: i64,
    started_at: Time,
    /// Null as long as it runs, and where its server ended before it did.
    #[schema(required)]
    finished_at: Option<Time>,
    /// The first 100 rejected lines. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    errors: Option<Vec<RejectedLine>>,
}

/// A rejected line.
#[derive(Serialize, ToSchema)]
struct RejectedLine {
    /// In the table, whose header is 1.
    #[schema(minimum = 1)]
    line: i64,
    /// Stable, for programs.
    code: String,
    /// For people; every wrong field is named.
    detail: String,
}

impl View {
    fn new(import: &Import, now: Time) -> Self {
        let counts = &import.counts;
        Self {
            id: import.id,
            kind: import.holds,
            state: import.state.seen(import.seen_at, now),
            read: counts.read,
            imported: counts.imported,
            duplicates: counts.duplicates,
            rejected: counts.rejected,
            rejected_kept: import.kept,
            passed_over: counts.passed_over,
            started_at: import.started_at,
            finished_at: import.finished_at,
            errors: None,
        }
    }

    fn with(self, rejected: Vec<Rejected>) -> Self {
        let line = |rejected: Rejected| RejectedLine { line: rejected.line, code: rejected.code, detail: rejected.because };
        Self { errors: Some(rejected.into_iter().map(line).collect()), ..self }
    }
}

async fn clicks(State(api): State<Api>, caller: Caller, request: Request) -> Result<Response, Problem> {
    take(&api, &caller, Holds::Clicks, request).await
}

async fn sales(State(api): State<Api>, caller: Caller, request: Request) -> Result<Response, Problem> {
    take(&api, &caller, Holds::Sales, request).await
}

async fn rates(State(api): State<Api>, caller: Caller, request: Request) -> Result<Response, Problem> {
    take(&api, &caller, Holds::Rates, request).await
}

async fn verdicts(State(api): State<Api>, caller: Caller, request: Request) -> Result<Response, Problem> {
    take(&api, &caller, Holds::Verdicts, request).await
}

async fn take(api: &Api, caller: &Caller, holds: Holds, request: Request) -> Result<Response, Problem> {
    if !is_csv(headers::text(request.headers(), &header::CONTENT_TYPE).unwrap_or_default()) {
        let wanted = "The body must be a table, with `Content-Type: text/csv`.";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_csv", wanted));
    }
    let announced = headers::text(request.headers(), &header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > api.imports.bytes_max) {
        return Err(Problem::too_large());
    }
    let _room = api.imports.room.try_acquire().map_err(|_| Problem::unavailable())?;
    if let Some(patience) = request.extensions().get::<Patience>() {
        patience.wait_for_pieces();
    }
    let (to, pieces) = mpsc::channel(PIECES_AHEAD);
    let source = Pieces { pieces, piece: Bytes::new() };
    let mut work = pin!(upload(&api.engine, holds, caller.scope, source));
    let mut sending = pin!(feed(request.into_body(), api.imports.bytes_max, to));
    let mut sent = false;
    // When the work has failed, nobody needs the rest of the body.
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            () = &mut sending, if !sent => sent = true,
        }
    };
    let import = done.map_err(|error| problem(&error))?;
    let mut tx = api.db().read().await?;
    let rejected = store::import::rejected(&mut tx, import.id, 0, SHOWN).await?;
    tx.commit().await?;
    Ok(json::answer(StatusCode::CREATED, &View::new(&import, api.now()).with(rejected)))
}

fn is_csv(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(CSV))
}

/// Why an import ended early; what it has stored stays.
fn problem(error: &ImportError) -> Problem {
    match error {
        ImportError::Table(TableError::Io(error)) if error.kind() == TOO_LARGE => Problem::too_large(),
        ImportError::Table(TableError::Io(_)) => Problem::new(StatusCode::BAD_REQUEST, "body_incomplete", "The body did not come whole."),
        ImportError::Table(error) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.code(), format!("The table: {error}.")),
        ImportError::Store(error) if !(error.is_connection() || error.is_retryable()) => internal(error),
        ImportError::Store(_) | ImportError::Unavailable => {
            tracing::warn!(%error, "an import ended early");
            Problem::unavailable()
        }
        ImportError::Keys(_) | ImportError::Rejects(_) | ImportError::Reader => internal(error),
    }
}

fn internal(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "an import failed");
    Problem::internal()
}

/// Hands the body on as it comes, and why it ended where that is before its end.
async fn feed(mut body: Body, bytes_max: u64, to: mpsc::Sender<io::Result<Bytes>>) {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let piece = match frame.map(Frame::into_data) {
            Ok(Ok(piece)) => {
                bytes += piece.len() as u64;
                if bytes > bytes_max { Err(TOO_LARGE.into()) } else { Ok(piece) }
            }
            // Trailers.
            Ok(Err(_)) => continue,
            Err(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        };
        let ended = piece.is_err();
        // Who reads no more needs no more.
        if to.send(piece).await.is_err() || ended {
            return;
        }
    }
}

/// A body for a thread that reads.
struct Pieces {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let bytes = into.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut into[..bytes]);
        Ok(bytes)
    }
}

async fn list(State(api): State<Api>, caller: Caller, query: Query) -> Result<Response, Problem> {
    let ((), page) = query.read_page::<ImportId, _>(|_, _| Some(()))?;
    let mut tx = api.db().read().await?;
    let imports = store::import::list(&mut tx, caller.scope.merchant(), page.after, page.rows()).await?;
    tx.commit().await?;
    let now = api.now();
    Ok(page.answer(imports, |import| import.id.to_string(), |import| View::new(&import, now)))
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<ImportId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let import = caller.find_import(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let rejected = store::import::rejected(&mut tx, id, 0, SHOWN).await?;
    tx.commit().await?;
    Ok(ok(&View::new(&import, api.now()).with(rejected)))
}

/// The file that `ristourne import` writes beside what it reads.
async fn rejected_lines(State(api): State<Api>, caller: Caller, Ids(id): Ids<ImportId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let import = caller.find_import(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    let mut bytes = Vec::new();
    rejected::header(&mut bytes, &import.header);
    let (to, pieces) = mpsc::channel::<io::Result<Bytes>>(PIECES_AHEAD);
    tokio::spawn(async move {
        let mut after = 0;
        loop {
            let rows = match some_rejected(&api, id, after).await {
                Ok(rows) => rows,
                Err(error) => {
                    tracing::warn!(%error, "a table of rejected lines is cut off");
                    return to.send(Err(io::Error::other("it could not be read to its end"))).await.unwrap_or_default();
                }
            };
            for row in &rows {
                rejected::line(&mut bytes, &row.line.to_string(), &row.code, &row.because, &row.fields);
            }
            // Whoever does not listen any more wants no more of it.
            let sent = to.send(Ok(std::mem::take(&mut bytes).into())).await;
            match rows.last() {
                Some(last) if sent.is_ok() => after = last.number,
                _ => return,
            }
        }
    });
    let mut answer = Response::new(Body::from_stream(ReceiverStream::new(pieces)));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    Ok(answer)
}

async fn some_rejected(api: &Api, id: ImportId, after: i64) -> Result<Vec<Rejected>, store::StoreError> {
    let mut tx = api.db().read().await?;
    let rows = store::import::rejected(&mut tx, id, after, ROWS).await?;
    tx.commit().await?;
    Ok(rows)
}
