//! Merchants.

use super::{Api, Body, Caller, Field, Ids, Input, Kind, Query, Routes, email, name, ok, op, set, set_or_clear};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR},
        merchant::Merchant,
    },
    kernel::id::MerchantId,
    store::{self, merchant::Wanted},
    web::problem::Problem,
};
use axum::{extract::State, response::Response};

/// The one of the path.
const ID: &[Field] = &[Field::required("id", Kind::Id(MerchantId::PREFIX), "The merchant.")];

const NEW: Body = Body::new(
    "NewMerchant",
    &[
        Field::required("name", Kind::Name, "The shop's name."),
        Field::optional("email", Kind::Email, "Where the shop's people are written to."),
    ],
)
.example(r#"{"name": "Librairie Mérou", "email": "ventes@merou.example"}"#);

const CHANGES: Body = Body::new(
    "MerchantChanges",
    &[
        Field::kept("name", Kind::Name, "The shop's name."),
        Field::clearable("email", Kind::Email, "Where the shop's people are written to."),
    ],
)
.fixed(&[("id", "An id names the same thing for ever.")])
.example(r#"{"email": "boutique@merou.example"}"#);

const EMAIL: Field = Field::optional("email", Kind::Email, "Only those with this e-mail address, compared without case.");

pub fn routes() -> Routes {
    Routes::new("merchants")
        .get(
            "/merchants",
            list,
            op("list_merchants", "Merchants, newest first").roles(OPERATOR | MERCHANT).query(&[EMAIL]).page::<Merchant>(),
        )
        .post("/merchants", create, op("create_merchant", "A new merchant").body(NEW).created::<Merchant>())
        .get("/merchants/{id}", one, op("get_merchant", "One merchant").roles(OPERATOR | MERCHANT).ids(ID).ok::<Merchant>())
        .patch("/merchants/{id}", change, op("change_merchant", "Changes a merchant").ids(ID).body(CHANGES).ok::<Merchant>())
}

async fn create(State(api): State<Api>, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let merchant = input.read(|object, errors| {
        let name = name(&object.required("name", errors), errors);
        let email = email(object, errors);
        Some(Merchant { id: MerchantId::from_raw(api.mint(now)), name: name?, email })
    })?;
    let mut tx = api.db().begin().await?;
    if let Some(answer) = api.first_answer(&input, &mut tx).await? {
        return Ok(answer);
    }
    store::merchant::insert(&mut tx, &merchant, now).await?;
    api.created(&input, tx, &merchant).await
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
        Some(())
    })?;
    store::merchant::update(&mut tx, &merchant).await?;
    tx.commit().await?;
    Ok(ok(&merchant))
}
