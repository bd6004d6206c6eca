//! What merchants send: the JSON body of `POST /postback` and the query of its URL forms, read into an act.
//!
//! The fields are read in the order of precedence of their refusals, since the code of the first wrong one stands for all. Names that are
//! not known are ignored: shops add their own.

use crate::domain::{
    command::Act,
    program::Program,
    reason::Refusal,
    sale::{Content, Customer, Line, OpenedClick, OrderKey, REFERENCE_CHARS_MAX, Refund, RefundLine, SALE, Sale, SentClick},
    terms::parse::{NAME_CHARS_MAX, VERBS},
    verdict::Grounds,
};
use crate::kernel::{
    currency::Currency,
    fields::FieldErrors,
    id::ProgramId,
    money::{MINOR_MAX, Money},
    object::Object,
    time::Time,
};

pub const COUPON_CHARS_MAX: usize = 64;
pub const CHANNEL_CHARS_MAX: usize = 64;
/// A longer click id is not one of ours (56 to 64 characters); what is kept of it.
const CLICK_ID_CHARS_KEPT: usize = 128;
/// No journey of a buyer has more clicks; each costs an opening of a seal.
pub const CLICK_IDS_MAX: usize = 100;
/// Lines of one order or refund.
pub const LINES_MAX: usize = 1000;
pub const QUANTITY_MAX: i64 = 1_000_000;
/// What `channel` says when the sale is this network's.
const OURS: &str = "ristourne";

/// A message of which only the envelope is read: the rest depends on the program that it names.
#[derive(Debug)]
pub struct Postback<'a> {
    object: Object<'a>,
    form: Form,
    errors: FieldErrors,
    program: Option<ProgramId>,
    test: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Body,
    Query,
    /// A line of a table.
    Row,
}

/// How a message came to us, as far as it decides what may be said in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    pub at: Time,
    /// False for the pixel: anybody can have sent it.
    pub signed: bool,
}

/// Opens a sealed click id, if a key of ours sealed it.
pub type Open<'a> = &'a dyn Fn(&str) -> Option<OpenedClick>;

impl<'a> Postback<'a> {
    /// A JSON body. Refused at once if it is no object, or names no program.
    pub fn parse_body(body: &'a [u8]) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        match Object::parse(body, &mut errors) {
            Some(object) => Self::envelope(object, Form::Body, errors),
            None => Err(errors),
        }
    }

    /// A raw query string, as in `GET /postback` and `GET /pixel.gif`; `ts` and `sig` are another's to check.
    pub fn parse_query(query: &'a str) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let object = Object::from_query(query, &mut errors);
        Self::envelope(object, Form::Query, errors)
    }

    /// A line of a table whose columns have the names of the query's fields; `items` is JSON.
    pub fn parse_row(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let object = Object::from_row(fields, &["items"], &mut errors);
        Self::envelope(object, Form::Row, errors)
    }

    fn envelope(object: Object<'a>, form: Form, mut errors: FieldErrors) -> Result<Self, FieldErrors> {
        let Some(program) = object.required("program", &mut errors).text(REFERENCE_CHARS_MAX, &mut errors) else { return Err(errors) };
        let test = object.optional("test").boolean(&mut errors).unwrap_or(false);
        Ok(Self { object, form, errors, program: program.parse().ok(), test })
    }

    /// The program that the message names; none if the text is not an id, which is a program that does not exist.
    pub fn program(&self) -> Option<ProgramId> {
        self.program
    }

    /// Whether the sender only wants to know the verdict.
    pub fn is_test(&self) -> bool {
        self.test
    }

    /// What the message asks for, or every wrong field of it.
    pub fn into_act(mut self, program: &Program, received: Received, open: Open<'_>) -> Result<Act, FieldErrors> {
        let mut errors = std::mem::take(&mut self.errors);
        let act = self.act(program, received, open, &mut errors);
        errors.finish(act)
    }

    fn act(&self, program: &Program, received: Received, open: Open<'_>, errors: &mut FieldErrors) -> Option<Act> {
        let kind = self.object.optional("type").text(NAME_CHARS_MAX, errors).unwrap_or_else(|| SALE.to_owned());
        let order_id = self.object.required("order_id", errors).text(REFERENCE_CHARS_MAX, errors);
        let is_verb = VERBS.contains(&kind.as_str());
        if is_verb && !received.signed {
            errors.push("type", "signature_missing", "only a signed message may say this about an order");
        }
        let key = |goal: String| order_id.map(|order_id| OrderKey { program: program.id, goal, order_id });
        if !is_verb {
            let sale = self.sale(&kind, program, received, open, errors);
            return Some(Act::Sale { key: key(kind)?, sale: sale? });
        }
        let goal = self.object.optional("of").text(NAME_CHARS_MAX, errors).unwrap_or_else(|| SALE.to_owned());
        if VERBS.contains(&goal.as_str()) {
            errors.push("of", "reserved_type", "it names the goal of the order: sale, lead, …");
        }
        let key = key(goal);
        match kind.as_str() {
            "refund" => {
                let refund_id = self.object.required("refund_id", errors).text(REFERENCE_CHARS_MAX, errors);
                let refund = self.refund(program, errors);
                Some(Act::Refund { key: key?, refund_id: refund_id?, refund: refund? })
            }
            "cancel" => {
                let reason = Grounds::read(&self.object, errors);
                Some(Act::Cancel { key: key?, reason })
            }
            "approve" => Some(Act::Approve { key: key? }),
            _ => {
                let reason = Grounds::require(&self.object, errors);
                Some(Act::Reject { key: key?, reason })
            }
        }
    }

    fn sale(&self, goal: &str, program: &Program, received: Received, open: Open<'_>, errors: &mut FieldErrors) -> Option<Sale> {
        let content = self.content(goal, program, errors);
        let occurred_at = self.object.optional("occurred_at").time(errors).unwrap_or(received.at);
        let clicks = self.clicks(open, errors);
        let channel = self.object.optional("channel").text(CHANNEL_CHARS_MAX, errors);
        let other_channel = channel.filter(|channel| !channel.eq_ignore_ascii_case(OURS));
        Some(Sale { content: content?, occurred_at, clicks, other_channel, signed: received.signed })
    }

    fn content(&self, goal: &str, program: &Program, errors: &mut FieldErrors) -> Option<Content> {
        let is_sale = goal == SALE;
        let currency = self.currency(is_sale, program, errors);
        let field = if is_sale { self.object.required("amount", errors) } else { self.object.optional("amount") };
        let (total, lines, reported) = in_currency(currency, program, errors, |currency, errors| {
            let amount = field.amount(currency, errors);
            if let Some(amount) = amount
                && (amount.minor < 0 || is_sale && amount.minor == 0)
            {
                not_positive("amount", errors);
            }
            let lines = self.lines(currency, errors);
            let total = Self::total(field.is_present(), amount, lines.as_deref(), currency, errors);
            let reported = program.upstream.then(|| self.object.optional("commission").minor_from_zero(currency, errors)).flatten();
            (total, lines, reported)
        });
        let coupon = self.object.optional("coupon").text(COUPON_CHARS_MAX, errors);
        let customer = self.customer(errors);
        let amount = total?;
        let whole = || vec![Line { sku: None, category: None, quantity: 1, amount: amount.minor }];
        let lines = lines.filter(|lines| !lines.is_empty()).unwrap_or_else(whole);
        Some(Content { amount, lines, coupon, customer, reported })
    }

    /// A sale says its currency; where nothing is said elsewhere it is the program's.
    fn currency(&self, required: bool, program: &Program, errors: &mut FieldErrors) -> Option<Currency> {
        let field = if required { self.object.required("currency", errors) } else { self.object.optional("currency") };
        if field.is_present() { field.currency(errors) } else { (!required).then_some(program.currency) }
    }

    /// The lines, if any are sent and all of them can be read.
    fn lines(&self, currency: Currency, errors: &mut FieldErrors) -> Option<Vec<Line>> {
        let items = self.items(errors)?;
        let mut lines = Vec::with_capacity(items.len());
        for item in &items {
            let sku = item.optional("sku").text(REFERENCE_CHARS_MAX, errors);
            let category = item.optional("category").text(REFERENCE_CHARS_MAX, errors);
            let amount = line_amount(item, currency, errors);
            let quantity = item.optional("quantity");
            let quantity = if quantity.is_present() { quantity.integer(1..=QUANTITY_MAX, errors) } else { Some(1) };
            if let (Some(quantity), Some(amount)) = (quantity, amount) {
                lines.push(Line { sku, category, quantity, amount });
            }
        }
        (lines.len() == items.len()).then_some(lines)
    }

    fn items(&self, errors: &mut FieldErrors) -> Option<Vec<Object<'a>>> {
        if self.form == Form::Query {
            return None;
        }
        let list = self.object.optional("items").list(LINES_MAX, errors)?;
        let items: Vec<Object<'a>> = list.iter().filter_map(|item| item.object(errors)).collect();
        (items.len() == list.len()).then_some(items)
    }

    /// The amount sent, which the lines add up to; without it that of the lines; without both 0.
    fn total(sent: bool, amount: Option<Money>, lines: Option<&[Line]>, currency: Currency, errors: &mut FieldErrors) -> Option<Money> {
        let sum = match lines {
            Some(lines) if !lines.is_empty() => Some(sum(lines.iter().map(|line| line.amount), currency, errors)?),
            _ => None,
        };
        match (amount, sum) {
            (Some(amount), Some(sum)) if amount != sum => {
                mismatch(amount, sum, errors);
                None
            }
            (Some(amount), _) => Some(amount),
            (None, _) if sent => None,
            (None, sum) => sum.or_else(|| Some(Money::zero(currency))),
        }
    }

    fn customer(&self, errors: &mut FieldErrors) -> Option<Customer> {
        let customer = match self.form {
            Form::Query | Form::Row => customer(&self.object, "customer_ref", "customer_status", errors),
            Form::Body => customer(&self.object.optional("customer").object(errors)?, "ref", "status", errors),
        };
        (customer.reference.is_some() || customer.new.is_some()).then_some(customer)
    }

    /// Each once, in the order sent, `click_id` last.
    fn clicks(&self, open: Open<'_>, errors: &mut FieldErrors) -> Vec<SentClick> {
        let several = self.object.optional("click_ids").list(CLICK_IDS_MAX, errors).unwrap_or_default();
        let last = self.object.optional("click_id");
        let mut clicks = Vec::new();
        for field in several.iter().chain([&last]) {
            let Some(text) = field.text(usize::MAX, errors) else { continue };
            let click = match open(&text) {
                Some(opened) => SentClick::Opened(opened),
                None => SentClick::Unknown(text.chars().take(CLICK_ID_CHARS_KEPT).collect()),
            };
            if !clicks.contains(&click) {
                clicks.push(click);
            }
        }
        clicks
    }

    fn refund(&self, program: &Program, errors: &mut FieldErrors) -> Option<Refund> {
        let currency = self.currency(false, program, errors);
        in_currency(currency, program, errors, |currency, errors| self.refund_in(currency, errors))
    }

    fn refund_in(&self, currency: Currency, errors: &mut FieldErrors) -> Option<Refund> {
        let amount = self.object.optional("amount");
        let items = self.items(errors);
        if !amount.is_present() && items.as_ref().is_none_or(Vec::is_empty) {
            errors.push("amount", "missing_field", "amount or items: what was given back this time");
            return None;
        }
        let whole = amount.amount(currency, errors);
        if whole.is_some_and(|whole| whole.minor <= 0) {
            not_positive("amount", errors);
        }
        let Some(items) = items.filter(|items| !items.is_empty()) else { return whole.map(Refund::Amount) };
        let lines: Vec<RefundLine> = items.iter().filter_map(|item| refund_line(item, currency, errors)).collect();
        let sum = sum(lines.iter().map(|line| line.amount), currency, errors)?;
        match whole {
            _ if lines.len() < items.len() => return None,
            Some(whole) if whole != sum => mismatch(whole, sum, errors),
            None if sum.minor <= 0 => not_positive("items", errors),
            _ => {}
        }
        Some(Refund::Lines { currency, lines })
    }
}

/// Reads amounts. Without a currency they are read as if in the program's, for what is wrong with them in any: every wrong field is to be
/// named. (The missing currency refuses the message.)
fn in_currency<T>(
    currency: Option<Currency>,
    program: &Program,
    errors: &mut FieldErrors,
    read: impl FnOnce(Currency, &mut FieldErrors) -> T,
) -> T {
    let mut found = FieldErrors::default();
    let value = read(currency.unwrap_or(program.currency), &mut found);
    errors.extend(found, |code| currency.is_some() || !matches!(code, "too_many_decimals" | "amount_out_of_range" | "items_mismatch"));
    value
}

fn customer(object: &Object<'_>, reference: &str, status: &str, errors: &mut FieldErrors) -> Customer {
    let is_new = |word: &str| match word {
        "new" => Some(true),
        "returning" => Some(false),
        _ => None,
    };
    let reference = object.optional(reference).text(REFERENCE_CHARS_MAX, errors);
    Customer { reference, new: object.optional(status).word(&["new", "returning"], is_new, errors) }
}

fn refund_line(item: &Object<'_>, currency: Currency, errors: &mut FieldErrors) -> Option<RefundLine> {
    let sku = item.required("sku", errors).text(REFERENCE_CHARS_MAX, errors);
    let amount = line_amount(item, currency, errors);
    let quantity = item.optional("quantity");
    let quantity = if quantity.is_present() { quantity.integer(0..=QUANTITY_MAX, errors) } else { Some(0) };
    Some(RefundLine { sku: sku?, quantity: quantity?, amount: amount? })
}

/// A line's total in minor units, 0 or more.
fn line_amount(item: &Object<'_>, currency: Currency, errors: &mut FieldErrors) -> Option<i64> {
    match item.required("amount", errors).amount(currency, errors)? {
        amount if amount.minor < 0 => {
            errors.push(item.path_of("amount"), "negative_line", "a line's total is 0 or more");
            None
        }
        amount => Some(amount.minor),
    }
}

fn sum(lines: impl Iterator<Item = i64>, currency: Currency, errors: &mut FieldErrors) -> Option<Money> {
    let total = lines.map(i128::from).sum::<i128>();
    match i64::try_from(total) {
        Ok(minor) if minor <= MINOR_MAX => Some(Money::new(minor, currency)),
        _ => {
            errors.push("items", "amount_out_of_range", "at most 10^15 minor units");
            None
        }
    }
}

fn mismatch(amount: Money, sum: Money, errors: &mut FieldErrors) {
    errors.push("items", "items_mismatch", format!("the items add up to {sum}, not to {amount}"));
}

fn not_positive(field: &str, errors: &mut FieldErrors) {
    errors.push(field, Refusal::AmountNotPositive.code(), "above 0 is wanted");
}

#[cfg(test)]
#[path = "postback_tests.rs"]
mod tests;
