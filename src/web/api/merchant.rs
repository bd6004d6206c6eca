//! Merchants.

use super::{
    Api, BLOCK_CHARS_MAX, Body, COUNTRY, COUNTRY_CODES, Caller, Field, Ids, Input, Kind, NAME_CHARS_MAX, NUMBER_CHARS_MAX, Query, Routes,
    country, email, name, ok, op, set, set_or_clear,
};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR},
        merchant::{Billing, Merchant},
    },
    kernel::{fields::FieldErrors, id::MerchantId, object::Object},
    store::{self, merchant::Wanted},
    web::problem::Problem,
};
use axum::{extract::State, response::Response};

/// A year.
const PAYMENT_DAYS_MAX: i64 = 366;

/// The one of the path.
const ID: &[Field] = &[Field::required("id", Kind::Id(MerchantId::PREFIX), "The merchant.")];

const NEW: Body = Body::new(
    "NewMerchant",
    &[
        Field::required("name", Kind::Name, "The shop's name."),
        Field::optional("email", Kind::Email, "Where the shop's people are written to."),
        Field::optional("legal_name", Kind::Text { chars_max: NAME_CHARS_MAX }, "As it stands on invoices; the name if left out."),
        Field::optional("address", Kind::Text { chars_max: BLOCK_CHARS_MAX }, "Street, code and town, in lines."),
        Field::optional("country", COUNTRY, "ISO 3166, two letters."),
        Field::optional("vat_number", Kind::Text { chars_max: NUMBER_CHARS_MAX }, "Its VAT number."),
        Field::optional("vat_rate", Kind::Percent, "Percent of what is invoiced; 20 if left out."),
        Field::optional(
            "vat_mention",
            Kind::Text { chars_max: BLOCK_CHARS_MAX },
            "What stands on its invoices about VAT: Autoliquidation and the like.",
        ),
        Field::optional(
            "payment_days",
            Kind::Integer { min: 0, max: PAYMENT_DAYS_MAX },
            "An invoice is due so many days after it was issued; 30 if left out.",
        ),
        Field::optional("prepaid", Kind::Boolean, "It pays ahead: sales that its credit does not cover are held."),
    ],
)
.example(r#"{"name": "Librairie Mérou", "email": "ventes@merou.example"}"#);

const CHANGES: Body = Body::new(
    "MerchantChanges",
    &[
        Field::kept("name", Kind::Name, "The shop's name."),
        Field::clearable("email", Kind::Email, "Where the shop's people are written to."),
        Field::clearable("legal_name", Kind::Text { chars_max: NAME_CHARS_MAX }, "As it stands on invoices; the name if cleared."),
        Field::clearable("address", Kind::Text { chars_max: BLOCK_CHARS_MAX }, "Street, code and town, in lines."),
        Field::clearable("country", COUNTRY, "ISO 3166, two letters."),
        Field::clearable("vat_number", Kind::Text { chars_max: NUMBER_CHARS_MAX }, "Its VAT number."),
        Field::kept("vat_rate", Kind::Percent, "Percent of what is invoiced."),
        Field::clearable("vat_mention", Kind::Text { chars_max: BLOCK_CHARS_MAX }, "What stands on its invoices about VAT: Autoliquidation and the like."),
        Field::kept("payment_days", Kind::Integer { min: 0, max: PAYMENT_DAYS_MAX }, "An invoice is due so many days after it was issued."),
        Field::kept("prepaid", Kind::Boolean, "It pays ahead: sales that its credit does not cover are held."),
    ],
)
.fixed(&[("id", "An id names the same thing for ever.")])
.example(r#"{"email": "boutique@merou.example", "legal_name": "Mérou SARL", "address": "3 quai Duguay-Trouin\n35400 Saint-Malo", "country": "FR", "vat_rate": "20"}"#);

const EMAIL: Field = Field::optional("email", Kind::Email, "Only those with this e-mail address, compared without case.");

pub fn routes() -> Routes {
    Routes::new("merchants")
        .get(
            "/merchants",
            list,
            op("list_merchants", "Merchants, newest first").roles(OPERATOR | MERCHANT).query(&[EMAIL]).page::<Merchant>(),
        )
        .post("/merchants", create, op("create_merchant", "A new merchant").body(NEW).created::<Merchant>().codes(COUNTRY_CODES))
        .get("/merchants/{id}", one, op("get_merchant", "One merchant").roles(OPERATOR | MERCHANT).ids(ID).ok::<Merchant>())
        .patch(
            "/merchants/{id}",
            change,
            op("change_merchant", "Changes a merchant").ids(ID).body(CHANGES).ok::<Merchant>().codes(COUNTRY_CODES),
        )
}

async fn create(State(api): State<Api>, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let merchant = input.read(|object, errors| {
        let name = name(&object.required("name", errors), errors);
        let email = email(object, errors);
        let mut billing = Billing::default();
        read_billing(object, &mut billing, errors);
        Some(Merchant { id: MerchantId::from_raw(api.mint(now)), name: name?, email, billing })
    })?;
    let mut tx = api.db().begin().await?;
    if let Some(answer) = api.first_answer(&input, &mut tx).await? {
        return Ok(answer);
    }
    store::merchant::insert(&mut tx, &merchant, now).await?;
    api.created(&input, tx, &merchant).await
}

/// What of it is said; the rest stays.
fn read_billing(object: &Object<'_>, billing: &mut Billing, errors: &mut FieldErrors) {
    set_or_clear(object, "legal_name", &mut billing.legal_name, errors, |field, errors| field.full_text(NAME_CHARS_MAX, errors));
    set_or_clear(object, "address", &mut billing.address, errors, |field, errors| field.full_text(BLOCK_CHARS_MAX, errors));
    set_or_clear(object, "country", &mut billing.country, errors, country);
    set_or_clear(object, "vat_number", &mut billing.vat_number, errors, |field, errors| field.full_text(NUMBER_CHARS_MAX, errors));
    set_or_clear(object, "vat_mention", &mut billing.vat_mention, errors, |field, errors| field.full_text(BLOCK_CHARS_MAX, errors));
    if let Some(rate) = object.optional("vat_rate").percent(errors) {
        billing.vat_rate = rate;
    }
    let days = object.optional("payment_days").integer(0..=PAYMENT_DAYS_MAX, errors);
    if let Some(days) = days.and_then(|days| u32::try_from(days).ok()) {
        billing.payment_days = days;
    }
    if let Some(prepaid) = object.optional("prepaid").boolean(errors) {
        billing.prepaid = prepaid;
    }
}

async fn list(State(api): State<Api>, caller: Caller, query: Query) -> Result<Response, Problem> {
    let (wanted, page) = query.read_page(|query, errors| Some(email(query, errors)))?;
    let wanted = Wanted { only: caller.scope.merchant(), email: wanted.as_deref() };
    let mut tx = api.db().read().await?;
    let merchants = store::merchant::list(&mut tx, wanted, page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(merchants, |merchant| merchant.id.to_string(), |merchant| merchant))
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<MerchantId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let merchant = caller.find_merchant(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok(ok(&merchant))
}

async fn change(State(api): State<Api>, Ids(id): Ids<MerchantId>, input: Input) -> Result<Response, Problem> {
    let mut tx = api.db().begin().await?;
    let mut merchant = store::merchant::for_update(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    input.read(|object, errors| {
        set(object, "name", &mut merchant.name, errors, name);
        set_or_clear(object, "email", &mut merchant.email, errors, |_, errors| email(object, errors));
        read_billing(object, &mut merchant.billing, errors);
        for name in ["vat_rate", "payment_days", "prepaid"] {
            let field = object.optional(name);
            if object.has(name) && !field.is_present() {
                errors.push(field.path(), "missing_field", "it cannot be empty");
            }
        }
        Some(())
    })?;
    store::merchant::update(&mut tx, &merchant).await?;
    tx.commit().await?;
    Ok(ok(&merchant))
}
