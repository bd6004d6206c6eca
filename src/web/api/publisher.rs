//! Publishers.

use super::{Api, Ids, Input, NAME_CHARS_MAX, Query, created, email, ok};
use crate::{
    domain::publisher::{Kind, Publisher},
    kernel::id::PublisherId,
    store,
    web::problem::Problem,
};
use axum::{Router, extract::State, response::Response, routing::get};

pub fn routes() -> Router<Api> {
    Router::new().route("/publishers", get(list).post(create)).route("/publishers/{id}", get(one))
}

async fn create(State(api): State<Api>, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let publisher = input.read(&["name", "email", "kind", "portal", "generosity"], |object, errors| {
        let name = object.required("name", errors).full_text(NAME_CHARS_MAX, errors);
        let email = email(object, errors);
        let kind = object.optional("kind").word(Kind::WORDS, Kind::from_word, errors).unwrap_or(Kind::Content);
        let portal = object.optional("portal").boolean(errors).unwrap_or(false);
        let generosity = object.optional("generosity").percent(errors).unwrap_or_default();
        Some(Publisher { id: PublisherId::from_raw(api.mint(now)), name: name?, email, kind, portal, generosity })
    })?;
    let mut tx = api.db().begin().await?;
    store::publisher::insert(&mut tx, &publisher, now).await?;
    tx.commit().await?;
    api.engine.catalogue.put_publisher(&publisher);
    Ok(created(&publisher))
}

async fn list(State(api): State<Api>, query: Query) -> Result<Response, Problem> {
    let ((), page) = query.read_page(&[], |_, _| Some(()))?;
    let mut tx = api.db().read().await?;
    let publishers = store::publisher::list(&mut tx, page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(publishers, |publisher| publisher.id.to_string(), |publisher| publisher))
}

async fn one(State(api): State<Api>, Ids(id): Ids<PublisherId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let publisher = store::publisher::by_id(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok(ok(&publisher))
}
