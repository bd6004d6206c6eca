//! Merchants.

use super::{Api, Body, Caller, Field, Ids, Input, Kind, NAME_CHARS_MAX, Query, Routes, email, ok, op};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR},
        merchant::Merchant,
    },
    kernel::id::MerchantId,
    store,
    web::problem::Problem,
};
use axum::{extract::State, response::Response};

/// The one of the path.
const ID: &[Field] = &[Field::required("id", Kind::Id(MerchantId::PREFIX), "The merchant.")];

const NEW: Body = Body::new(
    "NewMerchant",
    &[
        Field::required("name", Kind::Text { chars_max: NAME_CHARS_MAX }, "The shop's name."),
        Field::optional("email", Kind::Email, "Where the shop's people are written to."),
    ],
)
.example(r#"{"name": "Librairie Mérou", "email": "ventes@merou.example"}"#);

pub fn routes() -> Routes {
    Routes::new("merchants")
        .get("/merchants", list, op("list_merchants", "Merchants, newest first").roles(OPERATOR | MERCHANT).page::<Merchant>())
        .post("/merchants", create, op("create_merchant", "A new merchant").body(NEW).created::<Merchant>())
        .get("/merchants/{id}", one, op("get_merchant", "One merchant").roles(OPERATOR | MERCHANT).ids(ID).ok::<Merchant>())
}

async fn create(State(api): State<Api>, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let merchant = input.read(|object, errors| {
        let name = object.required("name", errors).full_text(NAME_CHARS_MAX, errors);
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
    let ((), page) = query.read_page(|_, _| Some(()))?;
    let mut tx = api.db().read().await?;
    let merchants = store::merchant::list(&mut tx, caller.scope.merchant(), page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(merchants, |merchant| merchant.id.to_string(), |merchant| merchant))
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<MerchantId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let merchant = caller.find_merchant(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok(ok(&merchant))
}
