//! Merchants.

use super::{Api, Ids, Input, NAME_CHARS_MAX, Query, created, email, ok};
use crate::{domain::merchant::Merchant, kernel::id::MerchantId, store, web::problem::Problem};
use axum::{Router, extract::State, response::Response, routing::get};

pub fn routes() -> Router<Api> {
    Router::new().route("/merchants", get(list).post(create)).route("/merchants/{id}", get(one))
}

async fn create(State(api): State<Api>, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let merchant = input.read(&["name", "email"], |object, errors| {
        let name = object.required("name", errors).full_text(NAME_CHARS_MAX, errors);
        let email = email(object, errors);
        Some(Merchant { id: MerchantId::from_raw(api.mint(now)), name: name?, email })
    })?;
    let mut tx = api.db().begin().await?;
    store::merchant::insert(&mut tx, &merchant, now).await?;
    tx.commit().await?;
    Ok(created(&merchant))
}

async fn list(State(api): State<Api>, query: Query) -> Result<Response, Problem> {
    let ((), page) = query.read_page(&[], |_, _| Some(()))?;
    let mut tx = api.db().read().await?;
    let merchants = store::merchant::list(&mut tx, page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(merchants, |merchant| merchant.id.to_string(), |merchant| merchant))
}

async fn one(State(api): State<Api>, Ids(id): Ids<MerchantId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let merchant = store::merchant::by_id(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok(ok(&merchant))
}
