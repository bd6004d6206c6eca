//! Sales as a table. Our own export has a line a fact of an order, or a click that a sign-in gave a buyer; a table from elsewhere has a line a
//! postback, whose columns `formats/postback` reads.
use super::{Columns, Fields, Refused, TableError, write_line};
use crate::domain::{order::Actor, sale::OrderKey, touch::ClickTie};
use crate::kernel::{
    fields::FieldErrors,
    id::{BuyerId, ClickId, ConversionId, ProgramId},
    object::Object,
    text,
    time::Time,
};

/// The columns of the export.
pub const COLUMNS: [&str; 10] = ["conversion", "program", "type", "order_id", "fact", "key", "at", "by", "body", "looked_up"];
// Their places.
const CONVERSION: usize = 0;
const PROGRAM: usize = 1;
const TYPE: usize = 2;
const ORDER_ID: usize = 3;
const FACT: usize = 4;
const KEY: usize = 5;
const AT: usize = 6;
const BY: usize = 7;
const BODY: usize = 8;
const LOOKED_UP: usize = 9;
/// The columns of a table from elsewhere: the fields of a postback's query, and `items` as JSON.
pub const POSTBACK_COLUMNS: [&str; 18] = [
    "program",
    "type",
    "of",
    "order_id",
    "amount",
    "currency",
    "click_id",
    "click_ids",
    "coupon",
    "customer_ref",
    "customer_status",
    "items",
    "occurred_at",
    "channel",
    "commission",
    "refund_id",
    "reason",
    "reason_text",
];
/// Characters of an order's number, and of a fact's key.
const TEXT_CHARS_MAX: usize = 128;
/// What says that a line is a tie.
const CLICK_TIE: &str = "click_tie";

/// Reads lines of the export.
#[derive(Debug)]
pub struct Reader(Columns);

/// A line.
#[derive(Debug)]
pub enum Exported<'a> {
    Fact(Fact<'a>),
    ClickTie { click: ClickId, tie: ClickTie },
}

/// A fact as text: what it says is for the store to read, whose form it has.
#[derive(Debug)]
pub struct Fact<'a> {
    pub conversion: ConversionId,
    pub order: OrderKey,
    pub kind: &'a str,
    pub key: &'a str,
    pub at: Time,
    pub by: Actor,
    pub body: &'a str,
    pub looked_up: Option<&'a str>,
}

/// Whether a header is the export's.
pub fn is_export(header: &[String]) -> bool {
    header.iter().any(|name| name == COLUMNS[FACT])
}

impl Reader {
    pub fn new(header: &[String]) -> Result<Self, TableError> {
        let columns = Columns::of(header, &COLUMNS)?;
        match (0..COLUMNS.len()).find(|n| !columns.has(*n)) {
            Some(n) => Err(TableError::Missing(COLUMNS[n].to_owned())),
            None => Ok(Self(columns)),
        }
    }

    pub fn read<'a>(&self, fields: &Fields<'a>) -> Result<Exported<'a>, Refused> {
        self.0.check(fields)?;
        let get = |n| self.0.get_verbatim(fields, n);
        let at = Time::parse(get(AT)).ok_or_else(|| Refused::new("invalid_time", "at: RFC 3339 is wanted"))?;
        let body = get(BODY);
        // Escaped, it is text enough for JSON and poison for PostgreSQL.
        if body.contains("\\u0000") || get(LOOKED_UP).contains("\\u0000") {
            return Err(Refused::new("invalid_text", "body: U+0000"));
        }
        if get(FACT) == CLICK_TIE {
            return Ok(Exported::ClickTie { click: id(get(KEY), "key")?, tie: ClickTie { buyer: tied_to(body)?, at } });
        }
        let (order_id, key) = (get(ORDER_ID), get(KEY));
        text::check_filled(order_id, TEXT_CHARS_MAX).map_err(|error| Refused::new(error.code(), format!("order_id: {error}")))?;
        text::check_filled(get(TYPE), TEXT_CHARS_MAX).map_err(|error| Refused::new(error.code(), format!("type: {error}")))?;
        text::check(key, TEXT_CHARS_MAX).map_err(|error| Refused::new(error.code(), format!("key: {error}")))?;
        let program: ProgramId = id(get(PROGRAM), "program")?;
        let by = match get(BY) {
            "" => Actor::Operator,
            word => Actor::from_word(word).ok_or_else(|| Refused::new("unknown_word", "by: merchant, operator, buyer or clock"))?,
        };
        Ok(Exported::Fact(Fact {
            conversion: id(get(CONVERSION), "conversion")?,
            order: OrderKey { program, goal: get(TYPE).to_owned(), order_id: order_id.to_owned() },
            kind: get(FACT),
            key,
            at,
            by,
            body,
            looked_up: Some(get(LOOKED_UP)).filter(|text| !text.is_empty()),
        }))
    }
}

fn id<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str, name: &str) -> Result<T, Refused> {
    text.parse().map_err(|error: T::Err| Refused::new("invalid_id", format!("{name}: {error}")))
}

fn tied_to(body: &str) -> Result<BuyerId, Refused> {
    let mut errors = FieldErrors::default();
    let buyer = Object::parse(body.as_bytes(), &mut errors).and_then(|object| object.required("buyer", &mut errors).id(&mut errors));
    buyer.ok_or_else(|| Refused::new("invalid_fact", "body: the buyer of a click is wanted"))
}

/// Appends a fact.
pub fn write(out: &mut Vec<u8>, fact: &Fact<'_>) {
    let Fact { conversion, order, kind, key, at, by, body, looked_up } = fact;
    let (id, program, at) = (conversion.to_string(), order.program.to_string(), at.to_string());
    let fields = [&id, &program, &order.goal, &order.order_id, *kind, key, &at, by.word(), body, looked_up.unwrap_or_default()];
    write_line(out, fields.map(str::as_bytes));
}

/// Appends a tie.
pub fn write_tie(out: &mut Vec<u8>, click: ClickId, tie: ClickTie) {
    let (click, at) = (click.to_string(), tie.at.to_string());
    let body = format!("{{\"buyer\":\"{}\"}}", tie.buyer);
    let fields = ["", "", "", "", CLICK_TIE, &click, &at, Actor::Buyer.word(), &body, ""];
    write_line(out, fields.map(str::as_bytes));
}
