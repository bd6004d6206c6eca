//! What self-billed statements say of a publisher: who they are, their VAT, and the mandate by which the platform writes for them.

use super::{
    Api, BLOCK_CHARS_MAX, Body, COUNTRY, COUNTRY_CODES, Caller, Field, Ids, Input, Kind, NUMBER_CHARS_MAX, Routes, country, name, ok, op,
};
use crate::{
    domain::{
        access::{OPERATOR, PUBLISHER},
        identity::Identity,
        statement::Billing,
    },
    kernel::{country::Country, fields::FieldErrors, id::PublisherId, object::Object, percent::Percent, time::Time},
    store,
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

const ID: &[Field] = &[Field::required("id", Kind::Id(PublisherId::PREFIX), "The publisher.")];

const BILLING: Body = Body::new(
    "NewPublisherBilling",
    &[
        Field::required("legal_name", Kind::Name, "As it stands on statements."),
        Field::optional("address", Kind::Text { chars_max: BLOCK_CHARS_MAX }, "Street, code and town, in lines."),
        Field::optional("country", COUNTRY, "ISO 3166, two letters."),
        Field::optional("vat_number", Kind::Text { chars_max: NUMBER_CHARS_MAX }, "Their VAT number; needed if they charge VAT."),
        Field::optional("registration", Kind::Text { chars_max: NUMBER_CHARS_MAX }, "SIREN, SIRET or whatever register there is."),
        Field::optional("vat_rate", Kind::Percent, "Percent of what they earn, paid on top of it; 0 if left out."),
        Field::optional(
            "vat_mention",
            Kind::Text { chars_max: BLOCK_CHARS_MAX },
            "What stands on their statements about VAT; without number and rate « TVA non applicable, art. 293 B du CGI » if left out.",
        ),
        Field::required("mandate", Kind::Boolean, "They accept that the platform writes their invoices; `false` withdraws it."),
    ],
)
.example(
    r#"{"legal_name": "Nadia Lefèvre EI", "address": "4 rue des Algues\n29900 Concarneau", "country": "FR", "vat_number": "FR40303265045", "registration": "SIREN 303 265 045", "vat_rate": "20", "mandate": true}"#,
);

pub fn routes() -> Routes {
    let path = "/publishers/{id}/billing";
    let about = "With the mandate, each payment that pays them for orders comes with a statement, and its VAT on top. VAT that a publisher \
                 says themselves is paid once the operator has said the same; until then payouts wait with `vat_unconfirmed`. What is left \
                 out is cleared. Issued statements stay as they are.";
    Routes::new("statements")
        .get(path, one, op("get_publisher_billing", "What statements say of a publisher").roles(OPERATOR | PUBLISHER).ids(ID).ok::<View>())
        .put(
            path,
            put,
            op("set_publisher_billing", "Says what statements say of a publisher")
                .about(about)
                .roles(OPERATOR | PUBLISHER)
                .ids(ID)
                .body(BILLING)
                .ok::<View>()
                .codes(COUNTRY_CODES)
                .codes(&[(422, "missing_field")]),
        )
}

/// What statements say of a publisher. All of it is null until they have said it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PublisherBilling)]
struct View {
    publisher: PublisherId,
    #[schema(required)]
    legal_name: Option<String>,
    #[schema(required)]
    address: Option<String>,
    #[schema(required)]
    country: Option<Country>,
    #[schema(required)]
    vat_number: Option<String>,
    #[schema(required)]
    registration: Option<String>,
    /// Percent.
    #[schema(required)]
    vat_rate: Option<Percent>,
    #[schema(required)]
    vat_mention: Option<String>,
    /// They let the platform write their invoices.
    mandate: bool,
    #[schema(required)]
    mandate_accepted_at: Option<Time>,
    /// When the operator found VAT number and rate to be right.
    #[schema(required)]
    vat_confirmed_at: Option<Time>,
}

impl View {
    fn of(publisher: PublisherId, billing: Option<Billing>) -> Self {
        let vat_rate = billing.as_ref().map(|billing| billing.vat_rate);
        let (mandate_at, confirmed_at) = billing.as_ref().map_or((None, None), |billing| (billing.mandate_at, billing.vat_confirmed_at));
        let (party, vat_mention) = billing.map_or((None, None), |billing| (Some(billing.party), billing.vat_mention));
        let Identity { name, address, country, vat_number, registration, .. } = party.unwrap_or_default();
        Self {
            publisher,
            legal_name: Some(name).filter(|name| !name.is_empty()),
            address,
            country,
            vat_number,
            registration,
            vat_rate,
            vat_mention,
            mandate: mandate_at.is_some(),
            mandate_accepted_at: mandate_at,
            vat_confirmed_at: confirmed_at,
        }
    }
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<PublisherId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    caller.find_publisher(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let billing = store::billing::of_publisher(&mut tx, id).await?;
    tx.commit().await?;
    Ok(ok(&View::of(id, billing)))
}

fn read(object: &Object<'_>, publisher: PublisherId, now: Time, errors: &mut FieldErrors) -> Option<Billing> {
    let name = name(&object.required("legal_name", errors), errors);
    let vat_number = object.optional("vat_number");
    let vat_rate = object.optional("vat_rate").percent(errors).unwrap_or(Percent::ZERO);
    let party = Identity {
        name: name.unwrap_or_default(),
        address: object.optional("address").full_text(BLOCK_CHARS_MAX, errors),
        country: object.optional("country").is_present().then(|| country(&object.optional("country"), errors)).flatten(),
        vat_number: vat_number.full_text(NUMBER_CHARS_MAX, errors),
        registration: object.optional("registration").full_text(NUMBER_CHARS_MAX, errors),
        ..Identity::default()
    };
    if vat_rate.parts() > 0 && !vat_number.is_present() {
        errors.push(vat_number.path(), "missing_field", "whoever charges VAT has a number");
    }
    let mandate = object.required("mandate", errors).boolean(errors)?;
    let vat_mention = object.optional("vat_mention").full_text(BLOCK_CHARS_MAX, errors);
    Some(Billing { publisher, party, vat_rate, vat_mention, mandate_at: mandate.then_some(now), vat_confirmed_at: None })
}

async fn put(State(api): State<Api>, caller: Caller, Ids(id): Ids<PublisherId>, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let mut tx = api.db().begin().await?;
    caller.find_publisher(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let said = input.read(|object, errors| read(object, id, now, errors))?;
    store::publisher::for_update(&mut tx, id).await?;
    let by_operator = caller.scope.publisher().is_none();
    let known = store::billing::of_publisher(&mut tx, id).await?.unwrap_or_else(|| said.clone());
    let billing = known.replaced_by(said, by_operator, now);
    store::billing::save(&mut tx, &billing).await?;
    tx.commit().await?;
    Ok(ok(&View::of(id, Some(billing))))
}
