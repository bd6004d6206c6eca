//! How our types look in the OpenAPI document, where a derive cannot see it: texts that a grammar of ours reads and writes.

use serde_json::{Map, Value, json};
use utoipa::openapi::{
    RefOr,
    extensions::Extensions,
    schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type},
};

/// A schema, or the name of one.
pub type Shape = RefOr<Schema>;

/// Declares a type's schema and the name it has in the document.
#[macro_export]
macro_rules! schema {
    ($type:ty, $name:expr, $shape:expr) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> $crate::kernel::schema::Shape {
                $shape
            }
        }
        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::from($name)
            }
        }
    };
}

/// A text that fits a pattern (ECMA 262, anchored at both ends).
pub fn text(description: &str, pattern: &str, example: &str) -> Shape {
    string(description).pattern(Some(pattern)).examples([example]).build().into()
}

/// One of a few words.
pub fn words(description: &str, words: &[&str]) -> Shape {
    let description = Some(description.trim()).filter(|text| !text.is_empty());
    ObjectBuilder::new().schema_type(Type::String).description(description).enum_values(Some(words.iter().copied())).build().into()
}

/// The same, or null.
pub fn words_or_null(description: &str, words: &[&str]) -> Shape {
    let values = words.iter().map(|word| Value::from(*word)).chain([Value::Null]);
    let kind = SchemaType::from_iter([Type::String, Type::Null]);
    ObjectBuilder::new().schema_type(kind).description(Some(description.trim())).enum_values(Some(values)).build().into()
}

/// One of a list of codes; `x-texts` says what people read, by code and language.
pub fn codes<'a>(description: &str, list: impl Iterator<Item = (&'a str, &'a str, &'a str)>) -> Shape {
    let (mut codes, mut texts) = (Vec::new(), Map::new());
    for (code, en, fr) in list {
        codes.push(code);
        texts.insert(code.to_owned(), json!({"en": en, "fr": fr}));
    }
    let extensions = Extensions::builder().add("x-texts", Value::Object(texts)).build();
    string(description).enum_values(Some(codes)).extensions(Some(extensions)).build().into()
}

/// An id with this prefix.
pub fn id(prefix: &str) -> Shape {
    let pattern = format!("^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{12}}$");
    text(&format!("`{prefix}_` and 13 characters; sorts by the time it was made."), &pattern, &format!("{prefix}_09dkq3fzg0g00"))
}

/// A moment, in UTC.
pub fn time() -> Shape {
    let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    string("RFC 3339, in UTC, to the microsecond at most.").format(Some(format)).examples(["2026-11-22T09:00:00Z"]).build().into()
}

/// A calendar day.
pub fn day() -> Shape {
    let format = SchemaFormat::KnownFormat(KnownFormat::Date);
    string("A calendar day of the installation's zone.").format(Some(format)).examples(["2026-11-22"]).build().into()
}

fn string(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description.trim()))
}

/// The name of a type in the document: `publisher::Kind` is `PublisherKind`, `reason::Reason` is `Reason`.
pub fn name_of(module: &str, name: &str) -> String {
    let module = module.rsplit("::").next().unwrap_or_default();
    let mut letters = module.chars();
    let module: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    if name.starts_with(&module) { name.to_owned() } else { format!("{module}{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{currency::Currency, id::MerchantId, money::Money};
    use utoipa::{PartialSchema as _, ToSchema as _};

    #[test]
    fn names_tell_what_they_are_of() {
        assert_eq!(name_of("ristourne::domain::publisher", "Kind"), "PublisherKind");
        assert_eq!(name_of("ristourne::domain::reason", "Reason"), "Reason");
        assert_eq!(MerchantId::name(), "MerchantId");
    }

    #[test]
    fn ids_and_currencies_say_exactly_what_they_are() {
        let schema = serde_json::to_value(MerchantId::schema()).expect("JSON");
        assert_eq!(schema["pattern"], "^mer_[0-7][0-9a-hjkmnp-tv-z]{12}$");
        let example = schema["examples"][0].as_str().expect("an example");
        assert!(example.parse::<MerchantId>().is_ok());
        let schema = serde_json::to_value(Currency::schema()).expect("JSON");
        let codes = schema["enum"].as_array().expect("a list");
        assert!(codes.len() > 140 && codes.contains(&"EUR".into()) && !codes.contains(&"XAU".into()) && !codes.contains(&"HRK".into()));
        assert_eq!(serde_json::to_value(Money::schema()).expect("JSON")["required"], json!(["amount", "currency"]));
    }
}
