//! Reads the fields of a JSON object, or of a query string by the same rules, and collects every wrong one.
//!
//! Values stay raw until they are asked for: an amount is read from its digits, never through a float. A key that stands twice is refused,
//! because two readers of one message must not understand different things. `null`, and an empty text, count as not sent.

use crate::kernel::{currency::Currency, fields::FieldErrors, money::Money, percent::Percent, time::Time};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt, ops::RangeInclusive, str::FromStr};

/// The code of a body that is not JSON at all: HTTP 415, where every other code is 422.
pub const NOT_JSON: &str = "not_json";
/// Names in messages are cut to so many characters: a sender could choose them as long as the body.
const SHOWN_NAME_CHARS: usize = 64;

/// The fields of one object, by name.
#[derive(Debug)]
pub struct Object<'a> {
    /// Where it stands: empty at the top, else `customer` or `items[1]`.
    path: String,
    fields: Vec<(Cow<'a, str>, Value<'a>)>,
}

#[derive(Debug, Clone)]
enum Value<'a> {
    Json(&'a RawValue),
    /// Of a query string: text that may stand for any type.
    Query(Cow<'a, str>),
}

/// A named place of an object, or an element of a list, that may hold a value.
#[derive(Debug)]
pub struct Field<'o, 'a> {
    base: &'o str,
    name: Cow<'o, str>,
    value: Option<Value<'a>>,
}

impl<'a> Object<'a> {
    /// A whole body. None if it is not an object; what is wrong then stands in `errors`, with the code [`NOT_JSON`] if it is not JSON.
    pub fn parse(body: &'a [u8], errors: &mut FieldErrors) -> Option<Self> {
        Self::read(String::new(), grammar(body, errors)?, errors)
    }

    /// A raw query string: `&` between, `+` for a space, percent-encoded UTF-8.
    pub fn from_query(query: &'a str, errors: &mut FieldErrors) -> Self {
        let mut fields = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(name) = decode_query(name) else {
                errors.push(shown(name), "invalid_text", "the name is not percent-encoded UTF-8");
                continue;
            };
            match decode_query(value) {
                Some(value) => fields.push((name, Value::Query(value))),
                None => errors.push(shown(&name), "invalid_text", "not percent-encoded UTF-8"),
            }
        }
        Self::checked(String::new(), fields, errors)
    }

    /// The fields of a line of a table, by the names of its columns. Those of `json` hold JSON, the others text that may stand for any type.
    pub fn from_row(fields: impl Iterator<Item = (&'a str, &'a str)>, json: &[&str], errors: &mut FieldErrors) -> Self {
        let mut read = Vec::new();
        for (name, text) in fields.filter(|(_, text)| !text.is_empty()) {
            let value = if !json.contains(&name) {
                Value::Query(Cow::Borrowed(text))
            } else if let Ok(raw) = serde_json::from_str::<&RawValue>(text) {
                Value::Json(raw)
            } else {
                errors.push(name, "invalid_type", "JSON is wanted");
                continue;
            };
            read.push((Cow::Borrowed(name), value));
        }
        Self::checked(String::new(), read, errors)
    }

    /// The elements of a body that is one list, each with its raw text.
    pub fn parse_list(body: &'a [u8], max: usize, errors: &mut FieldErrors) -> Option<Vec<&'a str>> {
        let whole = Field { base: "", name: Cow::Borrowed(""), value: Some(Value::Json(grammar(body, errors)?)) };
        Some(whole.list(max, errors)?.iter().filter_map(Field::json).collect())
    }

    fn read(path: String, raw: &'a RawValue, errors: &mut FieldErrors) -> Option<Self> {
        if !raw.get().starts_with('{') {
            errors.push(path, "invalid_type", "an object is wanted");
            return None;
        }
        // The grammar was checked before: what is left to go wrong is a name's text.
        let Ok(fields) = serde_json::Deserializer::from_str(raw.get()).deserialize_map(Entries) else {
            errors.push(path, "invalid_text", "a name holds an unpaired surrogate");
            return None;
        };
        Some(Self::checked(path, fields, errors))
    }

    fn checked(path: String, fields: Vec<(Cow<'a, str>, Value<'a>)>, errors: &mut FieldErrors) -> Self {
        let object = Self { path, fields };
        let mut names: Vec<&str> = object.names().collect();
        names.sort_unstable();
        for pair in names.windows(2).filter(|pair| pair[0] == pair[1]) {
            errors.push(join(&object.path, &shown(pair[0])), "duplicate_field", "the same name stands here more than once");
        }
        object
    }

    /// The names that stand in it, as sent.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_ref())
    }

    /// Whether a field of this name stands there, be it `null`.
    pub fn has(&self, name: &str) -> bool {
        self.names().any(|found| found == name)
    }

    /// A field that may be absent.
    pub fn optional<'o>(&'o self, name: &'o str) -> Field<'o, 'a> {
        let found = self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
        let value = found.filter(|value| match value {
            Value::Json(raw) => !matches!(raw.get(), "null" | "\"\""),
            Value::Query(text) => !text.is_empty(),
        });
        Field { base: &self.path, name: Cow::Borrowed(name), value }
    }

    /// A field that must be there.
    pub fn required<'o>(&'o self, name: &'o str, errors: &mut FieldErrors) -> Field<'o, 'a> {
        let field = self.optional(name);
        if !field.is_present() {
            errors.push(field.path(), "missing_field", "this field is required");
        }
        field
    }

    /// Refuses every name that is not among these: where a typing error would cost money.
    pub fn only(&self, known: &[&str], errors: &mut FieldErrors) {
        for name in self.names().filter(|name| !known.contains(name)) {
            errors.push(join(&self.path, &shown(name)), "unknown_field", format!("known here: {}", known.join(", ")));
        }
    }

    /// Where it stands, for errors that the caller finds.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where a field of this object stands, for errors that the caller finds.
    pub fn path_of(&self, name: &str) -> String {
        join(&self.path, name)
    }
}

impl<'a> Field<'_, 'a> {
    pub fn is_present(&self) -> bool {
        self.value.is_some()
    }

    /// Where it stands: `order_id`, `items[1].quantity`.
    pub fn path(&self) -> String {
        join(self.base, &self.name)
    }

    fn refuse<T>(&self, errors: &mut FieldErrors, code: &'static str, detail: impl Into<String>) -> Option<T> {
        errors.push(self.path(), code, detail);
        None
    }

    /// A text of at most so many characters, kept verbatim. An empty one counts as not sent.
    pub fn text(&self, chars_max: usize, errors: &mut FieldErrors) -> Option<String> {
        let text = self.decoded(errors)?;
        if text.chars().nth(chars_max).is_some() {
            return self.refuse(errors, "too_long", format!("at most {chars_max} characters"));
        }
        (!text.is_empty()).then(|| text.into_owned())
    }

    /// A text that must not be empty: an element of a list.
    pub fn full_text(&self, chars_max: usize, errors: &mut FieldErrors) -> Option<String> {
        let before = errors.as_slice().len();
        let text = self.text(chars_max, errors);
        if text.is_none() && self.is_present() && errors.as_slice().len() == before {
            errors.push(self.path(), "missing_field", "it must not be empty");
        }
        text
    }

    /// The text whatever its length.
    fn decoded(&self, errors: &mut FieldErrors) -> Option<Cow<'a, str>> {
        let text = match self.value.as_ref()? {
            Value::Query(text) => text.clone(),
            Value::Json(raw) if raw.get().starts_with('"') => match serde_json::from_str::<Text<'a>>(raw.get()) {
                Ok(Text(text)) => text,
                Err(_) => return self.refuse(errors, "invalid_text", "the text holds an unpaired surrogate"),
            },
            Value::Json(_) => return self.refuse(errors, "invalid_type", "a text is wanted"),
        };
        if text.contains('\0') { self.refuse(errors, "invalid_text", "the text holds U+0000") } else { Some(text) }
    }

    /// The digits of a number, as written: of a JSON number or of a text.
    pub fn digits(&self, errors: &mut FieldErrors) -> Option<Cow<'a, str>> {
        match self.value.as_ref()? {
            Value::Json(raw) if raw.get().starts_with(|c: char| c == '-' || c.is_ascii_digit()) => Some(Cow::Borrowed(raw.get())),
            Value::Json(raw) if !raw.get().starts_with('"') => {
                self.refuse(errors, "invalid_type", "a decimal text is wanted, such as \"12.34\"")
            }
            _ => self.decoded(errors),
        }
    }

    /// An amount, perhaps negative, of a text or number.
    pub fn amount(&self, currency: Currency, errors: &mut FieldErrors) -> Option<Money> {
        let digits = self.digits(errors)?;
        Money::parse(&digits, currency).map_or_else(|e| self.refuse(errors, e.code(), e.to_string()), Some)
    }

    /// An amount of minor units that may be 0 but not below.
    pub fn minor_from_zero(&self, currency: Currency, errors: &mut FieldErrors) -> Option<i64> {
        match self.amount(currency, errors)? {
            money if money.minor < 0 => self.refuse(errors, "negative_amount", "0 or more is wanted"),
            money => Some(money.minor),
        }
    }

    /// 0 to 100 with at most 4 decimals, of a text or number.
    pub fn percent(&self, errors: &mut FieldErrors) -> Option<Percent> {
        let digits = self.digits(errors)?;
        digits.parse().map_or_else(|e: crate::kernel::percent::InvalidPercent| self.refuse(errors, "invalid_percent", e.to_string()), Some)
    }

    /// A whole number within the range.
    pub fn integer(&self, range: RangeInclusive<i64>, errors: &mut FieldErrors) -> Option<i64> {
        let digits = match self.value.as_ref()? {
            Value::Json(raw) => Cow::Borrowed(raw.get()),
            Value::Query(text) => text.clone(),
        };
        let number = digits.strip_prefix('-').unwrap_or(&digits);
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return self.refuse(errors, "invalid_type", "a whole number is wanted");
        }
        match digits.parse() {
            Ok(number) if range.contains(&number) => Some(number),
            _ => self.refuse(errors, "out_of_range", format!("from {} to {}", range.start(), range.end())),
        }
    }

    pub fn boolean(&self, errors: &mut FieldErrors) -> Option<bool> {
        let word = match self.value.as_ref()? {
            Value::Json(raw) => raw.get(),
            Value::Query(text) => text.as_ref(),
        };
        match (word, &self.value) {
            ("true", _) | ("1", Some(Value::Query(_))) => Some(true),
            ("false", _) | ("0", Some(Value::Query(_))) => Some(false),
            _ => self.refuse(errors, "invalid_type", "true or false is wanted"),
        }
    }

    /// RFC 3339 with an offset.
    pub fn time(&self, errors: &mut FieldErrors) -> Option<Time> {
        let text = self.decoded(errors)?;
        Time::parse(&text).map_or_else(|| self.refuse(errors, "invalid_time", "RFC 3339 is wanted, such as 2026-11-22T09:00:00Z"), Some)
    }

    pub fn currency(&self, errors: &mut FieldErrors) -> Option<Currency> {
        self.parsed("unknown_currency", errors)
    }

    /// An id of ours.
    pub fn id<T: FromStr<Err: fmt::Display>>(&self, errors: &mut FieldErrors) -> Option<T> {
        self.parsed("invalid_id", errors)
    }

    /// A text that a type of ours reads, refused with this code.
    pub fn parsed<T: FromStr<Err: fmt::Display>>(&self, code: &'static str, errors: &mut FieldErrors) -> Option<T> {
        let text = self.decoded(errors)?;
        text.parse().map_or_else(|e: T::Err| self.refuse(errors, code, e.to_string()), Some)
    }

    /// One of a few words.
    pub fn word<T>(&self, words: &[&str], from_word: impl FnOnce(&str) -> Option<T>, errors: &mut FieldErrors) -> Option<T> {
        let text = self.decoded(errors)?;
        from_word(&text).map_or_else(|| self.refuse(errors, "unknown_word", format!("one of: {}", words.join(", "))), Some)
    }

    pub fn object(&self, errors: &mut FieldErrors) -> Option<Object<'a>> {
        let Value::Json(raw) = self.value.as_ref()? else { return self.refuse(errors, "invalid_type", "an object is wanted") };
        Object::read(self.path(), raw, errors)
    }

    /// The raw text of a JSON value: an element of a list that is read on its own.
    pub fn json(&self) -> Option<&'a str> {
        match self.value.as_ref()? {
            Value::Json(raw) => Some(raw.get()),
            Value::Query(_) => None,
        }
    }

    /// The elements of a list, at most so many; in a query what stands between commas.
    pub fn list(&self, max: usize, errors: &mut FieldErrors) -> Option<Vec<Field<'static, 'a>>> {
        let values: Vec<Value<'a>> = match self.value.as_ref()? {
            Value::Json(raw) => match serde_json::from_str::<Vec<&'a RawValue>>(raw.get()) {
                Ok(list) => list.into_iter().map(Value::Json).collect(),
                Err(_) => return self.refuse(errors, "invalid_type", "a list is wanted"),
            },
            Value::Query(text) => {
                text.split(',').filter(|one| !one.is_empty()).map(|one| Value::Query(Cow::Owned(one.to_owned()))).collect()
            }
        };
        if values.len() > max {
            return self.refuse(errors, "too_many", format!("at most {max}"));
        }
        let path = self.path();
        let element = |(n, value)| Field { base: "", name: Cow::Owned(format!("{path}[{n}]")), value: Some(value) };
        Some(values.into_iter().enumerate().map(element).collect())
    }

    /// At least one text, each not empty: a list of them, or one that stands for a list of one.
    pub fn texts(&self, chars_max: usize, max: usize, errors: &mut FieldErrors) -> Option<Vec<String>> {
        if matches!(self.value.as_ref()?, Value::Json(raw) if raw.get().starts_with('"')) {
            return self.full_text(chars_max, errors).map(|one| vec![one]);
        }
        let list = self.list(max, errors)?;
        if list.is_empty() {
            return self.refuse(errors, "empty_list", "at least one is wanted");
        }
        let texts: Vec<String> = list.iter().filter_map(|element| element.full_text(chars_max, errors)).collect();
        (texts.len() == list.len()).then_some(texts)
    }
}

/// Checks that a body is JSON, whatever it says.
fn grammar<'a>(body: &'a [u8], errors: &mut FieldErrors) -> Option<&'a RawValue> {
    let json = str::from_utf8(body).map_err(|e| e.to_string());
    let raw = json.and_then(|text| serde_json::from_str::<&RawValue>(text).map_err(|e| e.to_string()));
    raw.map_err(|detail| errors.push("", NOT_JSON, format!("not JSON: {detail}"))).ok()
}

/// Borrowed where nothing is escaped.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct Entries;

impl<'a> Visitor<'a> for Entries {
    type Value = Vec<(Cow<'a, str>, Value<'a>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((Text(name), raw)) = map.next_entry::<Text<'a>, &'a RawValue>()? {
            entries.push((name, Value::Json(raw)));
        }
        Ok(entries)
    }
}

fn decode_query(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['+', '%']) {
        return Some(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()))
}

fn join(base: &str, name: &str) -> String {
    if base.is_empty() { name.to_owned() } else { format!("{base}.{name}") }
}

/// A sender's name as it may stand in a message: short, and without control characters (a stored U+0000 poisons a PostgreSQL batch).
fn shown(name: &str) -> String {
    name.chars().take(SHOWN_NAME_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
#[path = "object_tests.rs"]
mod tests;
