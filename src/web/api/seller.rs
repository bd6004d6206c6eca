//! The operator as a seller: who stands on invoices, credit notes and statements.

use super::{Api, Body, Field, Input, Kind, NAME_CHARS_MAX, Routes, ok, op, set_or_clear};
use crate::{
    domain::identity::Identity,
    kernel::{country::Country, fields::FieldErrors, object},
    store,
    web::problem::Problem,
};
use axum::{extract::State, response::Response};

/// Of an address or a note, in characters.
pub const BLOCK_CHARS_MAX: usize = 1000;
/// Of a number that an office gave.
pub const NUMBER_CHARS_MAX: usize = 64;
/// The code of what is not a country.
pub const COUNTRY_CODES: &[(u16, &str)] = &[(422, "invalid_country")];
pub const COUNTRY: Kind = Kind::Pattern { pattern: "^[A-Z]{2}$", chars_max: 2 };

const CHANGES: Body = Body::new(
    "SellerChanges",
    &[
        Field::clearable("name", Kind::Text { chars_max: NAME_CHARS_MAX }, "The legal name."),
        Field::clearable("address", Kind::Text { chars_max: BLOCK_CHARS_MAX }, "Street, code and town, in lines."),
        Field::clearable("country", COUNTRY, "ISO 3166, two letters."),
        Field::clearable("vat_number", Kind::Text { chars_max: NUMBER_CHARS_MAX }, "The VAT number, if there is one."),
        Field::clearable("registration", Kind::Text { chars_max: NUMBER_CHARS_MAX }, "SIREN, SIRET or whatever register there is."),
        Field::clearable("iban", Kind::Text { chars_max: NUMBER_CHARS_MAX }, "Where merchants pay."),
        Field::clearable("note", Kind::Text { chars_max: BLOCK_CHARS_MAX }, "What else the law wants: form and capital, register, insurance."),
    ],
)
.example(
    r#"{"name": "Ristourne SAS", "address": "12 rue du Port\n35400 Saint-Malo", "country": "FR", "vat_number": "FR40303265045", "registration": "SIREN 303 265 045", "iban": "FR7630006000011234567890189"}"#,
);

pub fn routes() -> Routes {
    let change_it = op("change_seller", "Changes who stands on documents as their seller").body(CHANGES).ok::<Identity>();
    Routes::new("seller").get("/seller", one, op("get_seller", "Who stands on documents as their seller").ok::<Identity>()).patch(
        "/seller",
        change,
        change_it.about("What is issued already stays as it is.").codes(COUNTRY_CODES),
    )
}

async fn one(State(api): State<Api>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let seller = store::seller::get(&mut tx).await?;
    tx.commit().await?;
    Ok(ok(&seller.unwrap_or_default()))
}

async fn change(State(api): State<Api>, input: Input) -> Result<Response, Problem> {
    let mut tx = api.db().begin().await?;
    let mut seller = store::seller::get(&mut tx).await?.unwrap_or_default();
    input.read(|object, errors| {
        let mut name = Some(std::mem::take(&mut seller.name));
        set_or_clear(object, "name", &mut name, errors, |field, errors| field.full_text(NAME_CHARS_MAX, errors));
        seller.name = name.unwrap_or_default();
        set_or_clear(object, "address", &mut seller.address, errors, |field, errors| field.full_text(BLOCK_CHARS_MAX, errors));
        set_or_clear(object, "country", &mut seller.country, errors, country);
        set_or_clear(object, "vat_number", &mut seller.vat_number, errors, |field, errors| field.full_text(NUMBER_CHARS_MAX, errors));
        set_or_clear(object, "registration", &mut seller.registration, errors, |field, errors| field.full_text(NUMBER_CHARS_MAX, errors));
        set_or_clear(object, "iban", &mut seller.iban, errors, |field, errors| field.full_text(NUMBER_CHARS_MAX, errors));
        set_or_clear(object, "note", &mut seller.note, errors, |field, errors| field.full_text(BLOCK_CHARS_MAX, errors));
        Some(())
    })?;
    store::seller::put(&mut tx, &seller).await?;
    tx.commit().await?;
    Ok(ok(&seller))
}

/// Two upper-case letters.
pub fn country(field: &object::Field<'_, '_>, errors: &mut FieldErrors) -> Option<Country> {
    let text = field.text(2, errors)?;
    let country = Country::parse(&text);
    if country.is_none() {
        errors.push(field.path(), "invalid_country", "two letters of ISO 3166 are wanted, such as FR");
    }
    country
}
