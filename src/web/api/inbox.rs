//! The inbox: what came in, with its verdict. Here refused postbacks are found again.

use super::{Accept, Api, Caller, Chunk, CsvLine, Field, Format, Ids, Kind, Query, Record, Routes, ok, op, stream_list};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR},
        command::{Channel, Message},
        order::Actor,
    },
    kernel::{
        fields::FieldError,
        id::{ConversionId, InboxId, MerchantId, ProgramId},
        time::Time,
    },
    store::{
        self,
        inbox::{Received, Wanted},
    },
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use serde::Serialize;
use serde_json::value::RawValue;
use std::fmt::Write as _;
use utoipa::ToSchema;

/// Characters of a verdict's code.
const VERDICT_CHARS_MAX: usize = 64;

const ID: &[Field] = &[Field::required("id", Kind::Id(InboxId::PREFIX), "The message.")];

const WANTED: &[Field] = &[
    Field::optional("program", Kind::Id(ProgramId::PREFIX), "Only messages about this program."),
    Field::optional("conversion", Kind::Id(ConversionId::PREFIX), "Only messages about this conversion."),
    Field::optional("verdict", Kind::Text { chars_max: VERDICT_CHARS_MAX }, "Only those with this verdict."),
];

pub fn routes() -> Routes {
    Routes::new("inbox")
        .get(
            "/inbox",
            list,
            op("list_inbox", "What came in, with its verdict, newest first")
                .roles(OPERATOR | MERCHANT)
                .query(WANTED)
                .page::<View>()
                .streamed(),
        )
        .get("/inbox/{id}", one, op("get_inbox", "One message, with its raw body").roles(OPERATOR | MERCHANT).ids(ID).ok::<View>())
}

/// A message that came in, with its verdict.
#[derive(Serialize, ToSchema)]
#[schema(as = InboxMessage)]
struct View {
    id: InboxId,
    received_at: Time,
    channel: Channel,
    #[schema(value_type = Actor)]
    by: &'static str,
    /// Whose it is, as far as known.
    #[schema(required)]
    merchant: Option<MerchantId>,
    #[schema(required)]
    program: Option<ProgramId>,
    #[schema(required)]
    webhook_id: Option<String>,
    #[schema(required)]
    order_id: Option<String>,
    #[schema(required)]
    conversion: Option<ConversionId>,
    /// The status that its sender got, or would have got.
    http: u16,
    /// `recorded`, `duplicate`, `parked`, … or the code of a refusal.
    verdict: String,
    /// Why, where the verdict alone does not say it.
    #[schema(required)]
    code: Option<String>,
    /// Every wrong field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Vec<FieldError>>)]
    errors: Option<Box<RawValue>>,
    /// SHA-256 of the whole body, hexadecimal.
    body_sha256: String,
    /// The raw body or query, as text; of one message only. What is no UTF-8 is shown as U+FFFD.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    body: Option<String>,
}

impl View {
    fn new(received: Received) -> Self {
        let Received { message, order_id, conversion, http, verdict, code, errors } = received;
        let Message { id, received_at, channel, by, merchant, program, webhook_id, body_hash, .. } = message;
        // Stored as JSON; if it is not, the rest of the row is shown all the same.
        let errors = errors.and_then(|errors| {
            RawValue::from_string(errors).inspect_err(|error| tracing::error!(%error, inbox = %id, "errors are not JSON")).ok()
        });
        let body_sha256 = body_hash.iter().fold(String::with_capacity(64), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a String never fails");
            text
        });
        let by = by.word();
        Self {
            id,
            received_at,
            channel,
            by,
            merchant,
            program,
            webhook_id,
            order_id,
            conversion,
            http,
            verdict,
            code,
            errors,
            body_sha256,
            body: None,
        }
    }
}

impl Record for View {
    const FILE: &'static str = "inbox.csv";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "received_at",
        "channel",
        "by",
        "merchant",
        "program",
        "webhook_id",
        "order_id",
        "conversion",
        "http",
        "verdict",
        "code",
        "body_sha256",
    ];

    fn lines(&self) -> Vec<CsvLine> {
        let line = CsvLine::default().plain(self.id).plain(self.received_at).plain(self.channel.word()).plain(self.by);
        let line = line.maybe(self.merchant).maybe(self.program).text(self.webhook_id.as_deref()).text(self.order_id.as_deref());
        let line = line.maybe(self.conversion).plain(self.http).plain(&self.verdict).maybe(self.code.as_deref());
        vec![line.plain(&self.body_sha256)]
    }
}

async fn list(State(api): State<Api>, caller: Caller, accept: Accept, query: Query) -> Result<Response, Problem> {
    let ((program, conversion, verdict), page, format) = query.read_list(accept, |query, errors| {
        let program = query.optional("program").id(errors);
        let conversion = query.optional("conversion").id(errors);
        Some((program, conversion, query.optional("verdict").text(VERDICT_CHARS_MAX, errors)))
    })?;
    let merchant = caller.scope.merchant();
    if format == Format::Json {
        let wanted = Wanted { merchant, program, conversion, verdict: verdict.as_deref() };
        let mut tx = api.db().read().await?;
        let rows = store::inbox::list(&mut tx, &wanted, page.after, page.rows()).await?;
        tx.commit().await?;
        return Ok(page.answer(rows, |row| row.message.id.to_string(), View::new));
    }
    let read = move |after, rows| {
        let (api, verdict) = (api.clone(), verdict.clone());
        async move {
            let wanted = Wanted { merchant, program, conversion, verdict: verdict.as_deref() };
            let mut tx = api.db().read().await?;
            let page = store::inbox::list(&mut tx, &wanted, after, rows).await?;
            tx.commit().await?;
            Ok(Chunk::of(page.into_iter().map(View::new).collect(), rows, |last: &View| last.id))
        }
    };
    stream_list(format, page, read).await
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<InboxId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let received = store::inbox::by_id(&mut tx, id).await?;
    tx.commit().await?;
    let received = received.filter(|received| caller.scope.sees_message(received.message.merchant)).ok_or_else(Problem::not_found)?;
    let body = String::from_utf8_lossy(&received.message.body).into_owned();
    Ok(ok(&View { body: Some(body), ..View::new(received) }))
}
