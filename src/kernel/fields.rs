//! Wrong fields, all of them: parsing collects every one before it refuses.

use serde::Serialize;

/// One wrong field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Where: `amount`, `items[1].quantity`, `terms.split`.
    pub field: String,
    /// A stable `snake_case` code, such as `too_many_decimals`.
    pub code: &'static str,
    /// What was expected, for a person.
    pub detail: String,
}

/// Collects wrong fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    pub fn push(&mut self, field: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        self.0.push(FieldError { field: field.into(), code, detail: detail.into() });
    }
    /// Takes over the wrong fields of another reading, those of the wanted codes.
    pub fn extend(&mut self, others: Self, wanted: impl Fn(&str) -> bool) {
        self.0.extend(others.0.into_iter().filter(|error| wanted(error.code)));
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The code that stands for all: that of the first wrong field.
    pub fn code(&self) -> &'static str {
        self.0.first().map_or("invalid", |error| error.code)
    }
    pub fn as_slice(&self) -> &[FieldError] {
        &self.0
    }
    /// The value if no field was wrong.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self),
        }
    }
}
