//! The inbox: what came in, with its verdict.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{
    command::{Channel, Message},
    order::Actor,
};
use crate::kernel::{
    id::{ConversionId, InboxId, MerchantId, ProgramId},
    time::Time,
};
use crate::statements;

statements! {
    LIST = "SELECT id, received_at, channel, actor, merchant, program, webhook_id, order_id, conversion, http, verdict, code, body,
        body_hash, errors FROM inbox";
}

/// A message and what it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub message: Message,
    /// The merchant's number of the order it was about.
    pub order_id: Option<String>,
    pub conversion: Option<ConversionId>,
    pub http: u16,
    pub verdict: String,
    pub code: Option<String>,
    /// A JSON array of the wrong fields.
    pub errors: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    received_at: i64,
    channel: String,
    actor: String,
    merchant: Option<i64>,
    program: Option<i64>,
    webhook_id: Option<String>,
    order_id: Option<String>,
    conversion: Option<i64>,
    http: i64,
    verdict: String,
    code: Option<String>,
    body: Vec<u8>,
    body_hash: Vec<u8>,
    errors: Option<String>,
}

impl TryFrom<Row> for Received {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = InboxId::from_raw(row.id);
        let corrupt = |column| StoreError::corrupt("inbox", column, id);
        let message = Message {
            id,
            received_at: Time::from_micros(row.received_at),
            channel: Channel::from_word(&row.channel).ok_or_else(|| corrupt("channel"))?,
            by: Actor::from_word(&row.actor).ok_or_else(|| corrupt("actor"))?,
            merchant: row.merchant.map(MerchantId::from_raw),
            program: row.program.map(ProgramId::from_raw),
            webhook_id: row.webhook_id,
            body: row.body,
            body_hash: row.body_hash.as_slice().try_into().map_err(|_| corrupt("body_hash"))?,
        };
        Ok(Self {
            message,
            order_id: row.order_id,
            conversion: row.conversion.map(ConversionId::from_raw),
            http: u16::try_from(row.http).map_err(|_| corrupt("http"))?,
            verdict: row.verdict,
            code: row.code,
            errors: row.errors,
        })
    }
}

/// Which messages a list holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    pub merchant: Option<MerchantId>,
    pub program: Option<ProgramId>,
    pub conversion: Option<ConversionId>,
    pub verdict: Option<&'a str>,
}

/// Newest first, older than `after`.
pub async fn list(tx: &mut Tx, wanted: &Wanted<'_>, after: Option<InboxId>, limit: i64) -> Result<Vec<Received>, StoreError> {
    let rows: Vec<Row> = Filter::new(LIST)
        .and("merchant =", wanted.merchant.map(MerchantId::raw))
        .and("program =", wanted.program.map(ProgramId::raw))
        .and("conversion =", wanted.conversion.map(ConversionId::raw))
        .and("verdict =", wanted.verdict)
        .and("id <", after.map(InboxId::raw))
        .order("ORDER BY id DESC", limit)
        .all(tx)
        .await?;
    rows.into_iter().map(Received::try_from).collect()
}

pub async fn by_id(tx: &mut Tx, id: InboxId) -> Result<Option<Received>, StoreError> {
    Filter::new(LIST).and("id =", Some(id.raw())).one::<Row>(tx).await?.map(Received::try_from).transpose()
}

/// A message to store.
#[derive(Debug, Clone)]
pub struct Saved<'a> {
    pub message: &'a Message,
    pub order_id: Option<&'a str>,
    pub conversion: Option<ConversionId>,
    pub http: u16,
    pub verdict: &'a str,
    pub code: Option<&'a str>,
    pub errors: Option<String>,
}

pub async fn insert(tx: &mut Tx, rows: &[Saved<'_>]) -> Result<(), StoreError> {
    let columns = [
        ("id", Column::int(rows, |row| row.message.id.raw())),
        ("received_at", Column::int(rows, |row| row.message.received_at.micros())),
        ("channel", Column::text(rows, |row| row.message.channel.word())),
        ("actor", Column::text(rows, |row| row.message.by.word())),
        ("merchant", Column::int_or_null(rows, |row| row.message.merchant.map(MerchantId::raw))),
        ("program", Column::int_or_null(rows, |row| row.message.program.map(ProgramId::raw))),
        ("webhook_id", Column::text_or_null(rows, |row| row.message.webhook_id.as_deref())),
        ("order_id", Column::text_or_null(rows, |row| row.order_id)),
        ("conversion", Column::int_or_null(rows, |row| row.conversion.map(ConversionId::raw))),
        ("http", Column::int(rows, |row| i64::from(row.http))),
        ("verdict", Column::text(rows, |row| row.verdict)),
        ("code", Column::text_or_null(rows, |row| row.code)),
        ("body", Column::blob(rows, |row| &row.message.body)),
        ("body_hash", Column::blob(rows, |row| &row.message.body_hash)),
        ("errors", Column::text_or_null(rows, |row| row.errors.as_deref())),
    ];
    bulk::insert(tx, "inbox", &columns, "").await?;
    Ok(())
}
