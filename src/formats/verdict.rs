//! Verdicts that merchants and operators give many at a time: the objects of a list, or the lines of a table, read into acts.

use crate::domain::{
    command::Act,
    sale::{OrderKey, REFERENCE_CHARS_MAX, SALE},
    terms::parse::{NAME_CHARS_MAX, VERBS},
    verdict::Grounds,
};
use crate::kernel::{
    currency::Currency,
    fields::FieldErrors,
    id::{ConversionId, ProgramId},
    money::Money,
    object::Object,
};

/// The fields of an object, and the columns of a table.
pub const FIELDS: [&str; 8] = ["conversion", "program", "order_id", "type", "verdict", "reason", "reason_text", "amount"];
/// What may be said.
pub const WORDS: &[&str] = &["approve", "reject", "adjust"];

/// One verdict, as far as it can be read without its sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub of: Of,
    said: Said,
}

/// What it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    Conversion(ConversionId),
    Order(OrderKey),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Approve,
    Reject(Grounds),
    /// The amount's digits: how many decimals it may have is its currency's to say.
    Adjust {
        amount: String,
        reason: Grounds,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Approve,
    Reject,
    Adjust,
}

fn word(text: &str) -> Option<Word> {
    match text {
        "approve" => Some(Word::Approve),
        "reject" => Some(Word::Reject),
        "adjust" => Some(Word::Adjust),
        _ => None,
    }
}

impl Asked {
    /// A JSON object.
    pub fn parse_body(body: &[u8]) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let asked = Object::parse(body, &mut errors).and_then(|object| read(&object, &mut errors));
        errors.finish(asked)
    }

    /// A line of a table, by the names of its columns.
    pub fn parse_row<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let object = Object::from_row(fields, &[], &mut errors);
        let asked = read(&object, &mut errors);
        errors.finish(asked)
    }

    /// As an act on this order, which was sold in this currency.
    pub fn into_act(self, key: OrderKey, sold_in: Currency) -> Result<Act, FieldErrors> {
        let (amount, reason) = match self.said {
            Said::Approve => return Ok(Act::Approve { key }),
            Said::Reject(reason) => return Ok(Act::Reject { key, reason: Some(reason) }),
            Said::Adjust { amount, reason } => (amount, reason),
        };
        let mut errors = FieldErrors::default();
        let amount = match Money::parse(&amount, sold_in) {
            Ok(amount) if amount.minor >= 0 => Some(amount),
            Ok(_) => {
                errors.push("amount", "negative_amount", "0 or more is wanted");
                None
            }
            Err(error) => {
                errors.push("amount", error.code(), error.to_string());
                None
            }
        };
        errors.finish(amount).map(|amount| Act::Adjust { key, amount, reason: Some(reason) })
    }
}

fn read(object: &Object<'_>, errors: &mut FieldErrors) -> Option<Asked> {
    let of = of(object, errors);
    let verdict = object.required("verdict", errors).word(WORDS, word, errors);
    let said = verdict.and_then(|verdict| said(object, verdict, errors));
    object.only(&FIELDS, errors);
    Some(Asked { of: of?, said: said? })
}

/// A conversion if one is named; else an order.
fn of(object: &Object<'_>, errors: &mut FieldErrors) -> Option<Of> {
    let conversion = object.optional("conversion");
    if conversion.is_present() {
        return conversion.id(errors).map(Of::Conversion);
    }
    if !object.optional("program").is_present() && !object.optional("order_id").is_present() {
        errors.push("conversion", "missing_field", "a conversion, or a program and an order_id");
        return None;
    }
    let program: Option<ProgramId> = object.required("program", errors).id(errors);
    let order_id = object.required("order_id", errors).text(REFERENCE_CHARS_MAX, errors);
    let goal = object.optional("type").text(NAME_CHARS_MAX, errors).unwrap_or_else(|| SALE.to_owned());
    if VERBS.contains(&goal.as_str()) {
        errors.push("type", "reserved_type", "it names the goal of the order: sale, lead, …");
    }
    Some(Of::Order(OrderKey { program: program?, goal, order_id: order_id? }))
}

fn said(object: &Object<'_>, verdict: Word, errors: &mut FieldErrors) -> Option<Said> {
    let (amount, reason) = (object.optional("amount"), object.optional("reason"));
    // Whoever sends what the verdict does not take meant another one.
    let mut unwanted = |name: &str, is_there: bool, detail: &str| {
        if is_there {
            errors.push(object.path_of(name), "unknown_field", detail);
        }
    };
    if verdict != Word::Adjust {
        unwanted("amount", amount.is_present(), "an amount goes with `adjust`");
    }
    if verdict == Word::Approve {
        unwanted("reason", reason.is_present(), "an approval needs no reason");
        unwanted("reason_text", object.optional("reason_text").is_present(), "an approval needs no reason");
        return Some(Said::Approve);
    }
    if verdict == Word::Reject {
        return Grounds::require(object, errors).map(Said::Reject);
    }
    let amount = object.required("amount", errors).digits(errors).map(std::borrow::Cow::into_owned);
    let reason = Grounds::require(object, errors);
    Some(Said::Adjust { amount: amount?, reason: reason? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::verdict::VerdictReason, kernel::money::AmountError};

    fn codes(body: &str) -> Vec<&'static str> {
        let errors = Asked::parse_body(body.as_bytes()).expect_err(body);
        errors.as_slice().iter().map(|error| error.code).collect()
    }

    #[test]
    fn a_verdict_names_a_conversion_or_an_order() {
        let key = OrderKey { program: ProgramId::from_raw(7), goal: "lead".to_owned(), order_id: "A-1".to_owned() };
        let program = key.program;
        let body = format!(
            r#"{{"program": "{program}", "type": "lead", "order_id": "A-1", "verdict": "adjust", "amount": "9.5", "reason": "returned"}}"#
        );
        let asked = Asked::parse_body(body.as_bytes()).expect("a verdict");
        assert_eq!(asked.of, Of::Order(key.clone()));
        let reason = Some(VerdictReason::Returned.into());
        let act = Act::Adjust { key: key.clone(), amount: Money::new(950, Currency::EUR), reason };
        assert_eq!(asked.clone().into_act(key.clone(), Currency::EUR), Ok(act));
        let yen = asked.into_act(key.clone(), "JPY".parse().expect("a currency")).expect_err("a yen has no decimals");
        assert_eq!(yen.code(), "too_many_decimals");

        let id = ConversionId::from_raw(9).to_string();
        let row = [("conversion", id.as_str()), ("order_id", "not looked at"), ("verdict", "reject"), ("reason", "lost"), ("amount", "")];
        let asked = Asked::parse_row(row.into_iter()).expect("a verdict");
        assert_eq!(asked.of, Of::Conversion(ConversionId::from_raw(9)));
        assert_eq!(asked.into_act(key.clone(), Currency::EUR), Ok(Act::Reject { key, reason: Some(Grounds::other("lost")) }));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(codes("[]"), ["invalid_type"]);
        assert_eq!(codes("{}"), ["missing_field", "missing_field"]);
        assert_eq!(codes(r#"{"conversion": "x", "verdict": "cancel"}"#), ["invalid_id", "unknown_word"]);
        let with = |rest: &str| format!(r#"{{"conversion": "{}", {rest}}}"#, ConversionId::from_raw(9));
        assert_eq!(codes(&with(r#""verdict": "approve", "amount": "1", "reason": "fraud""#)), ["unknown_field", "unknown_field"]);
        assert_eq!(codes(&with(r#""verdict": "reject""#)), ["missing_field"]);
        assert_eq!(codes(&with(r#""verdict": "adjust", "because": "x""#)), ["missing_field", "missing_field", "unknown_field"]);
        let order = format!(r#"{{"program": "{}", "order_id": "A", "type": "refund", "verdict": "approve"}}"#, ProgramId::from_raw(7));
        assert_eq!(codes(&order), ["reserved_type"]);
    }

    #[test]
    fn an_adjustment_is_not_negative() {
        let key = OrderKey { program: ProgramId::from_raw(7), goal: SALE.to_owned(), order_id: "A-1".to_owned() };
        let program = key.program.to_string();
        for (amount, code) in [("-1", "negative_amount"), ("1e3", AmountError::Invalid.code())] {
            let row = [("program", program.as_str()), ("order_id", "A-1"), ("verdict", "adjust"), ("reason", "x"), ("amount", amount)];
            let asked = Asked::parse_row(row.into_iter()).expect("a verdict");
            assert_eq!(asked.into_act(key.clone(), Currency::EUR).expect_err(amount).code(), code);
        }
    }
}
