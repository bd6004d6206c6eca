//! Who stands on a document: the seller and the buyer, as they were when it was issued.

use crate::kernel::country::Country;

/// Somebody as a document names them.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, utoipa::ToSchema)]
pub struct Identity {
    pub name: String,
    /// Street, code and town, in lines.
    #[schema(required)]
    pub address: Option<String>,
    #[schema(required)]
    pub country: Option<Country>,
    #[schema(required)]
    pub vat_number: Option<String>,
    /// SIREN, SIRET or whatever register there is.
    #[schema(required)]
    pub registration: Option<String>,
    /// Where payments go.
    #[schema(required)]
    pub iban: Option<String>,
    /// What else the law wants: form and capital, register, insurance.
    #[schema(required)]
    pub note: Option<String>,
}

impl Identity {
    /// As it is stored: JSON.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what [`Self::text`] writes.
    pub fn from_text(text: &str) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(text).ok()?;
        let field = |name: &str| value[name].as_str().map(str::to_owned);
        let country = match field("country") {
            Some(code) => Some(Country::parse(&code)?),
            None => None,
        };
        Some(Self {
            name: field("name")?,
            address: field("address"),
            country,
            vat_number: field("vat_number"),
            registration: field("registration"),
            iban: field("iban"),
            note: field("note"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_read_as_it_was_written() {
        let whole = Identity {
            name: "Mérou \"& fils\"".to_owned(),
            address: Some("1 quai\n35400 Saint-Malo".to_owned()),
            country: Country::parse("FR"),
            note: Some(String::new()),
            ..Identity::default()
        };
        assert_eq!(Identity::from_text(&whole.text()), Some(whole));
        assert_eq!(Identity::from_text("{}"), None);
    }
}
