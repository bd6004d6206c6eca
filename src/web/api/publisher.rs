//! Publishers.

use super::{Api, Body, Caller, Field, Ids, Input, Kind, NAME_CHARS_MAX, Query, Routes, email, ok, op};
use crate::{
    domain::{
        access::{OPERATOR, PUBLISHER},
        publisher::{self, Publisher},
    },
    kernel::id::PublisherId,
    store,
    web::problem::Problem,
};
use axum::{extract::State, response::Response};

const ID: &[Field] = &[Field::required("id", Kind::Id(PublisherId::PREFIX), "The publisher.")];

const NEW: Body = Body::new(
    "NewPublisher",
    &[
        Field::required("name", Kind::Text { chars_max: NAME_CHARS_MAX }, "The name of the site or its owner."),
        Field::optional("email", Kind::Email, "Where the publisher is written to."),
        Field::optional("kind", Kind::Word(publisher::Kind::WORDS), "What the site does; `content` if left out."),
        Field::optional("portal", Kind::Boolean, "Whether it is a cashback site that names its members in `buyer=`; false if left out."),
        Field::optional("generosity", Kind::Percent, "Percent of its own share that it gives to the buyer; 0 if left out."),
    ],
)
.example(r#"{"name": "Lire au lit", "email": "nadia@lire.example", "kind": "content", "generosity": "10"}"#);

pub fn routes() -> Routes {
    Routes::new("publishers")
        .get("/publishers", list, op("list_publishers", "Publishers, newest first").roles(OPERATOR | PUBLISHER).page::<Publisher>())
        .post("/publishers", create, op("create_publisher", "A new publisher").body(NEW).created::<Publisher>())
        .get("/publishers/{id}", one, op("get_publisher", "One publisher").roles(OPERATOR | PUBLISHER).ids(ID).ok::<Publisher>())
}

async fn create(State(api): State<Api>, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let publisher = input.read(|object, errors| {
        let name = object.required("name", errors).full_text(NAME_CHARS_MAX, errors);
        let email = email(object, errors);
        let kind =
            object.optional("kind").word(publisher::Kind::WORDS, publisher::Kind::from_word, errors).unwrap_or(publisher::Kind::Content);
        let portal = object.optional("portal").boolean(errors).unwrap_or(false);
        let generosity = object.optional("generosity").percent(errors).unwrap_or_default();
        Some(Publisher { id: PublisherId::from_raw(api.mint(now)), name: name?, email, kind, portal, generosity })
    })?;
    let mut tx = api.db().begin().await?;
    if let Some(answer) = api.first_answer(&input, &mut tx).await? {
        return Ok(answer);
    }
    store::publisher::insert(&mut tx, &publisher, now).await?;
    let answer = api.created(&input, tx, &publisher).await?;
    api.engine.catalogue.put_publisher(&publisher);
    Ok(answer)
}

async fn list(State(api): State<Api>, caller: Caller, query: Query) -> Result<Response, Problem> {
    let ((), page) = query.read_page(|_, _| Some(()))?;
    let mut tx = api.db().read().await?;
    let publishers = store::publisher::list(&mut tx, caller.scope.publisher(), page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(publishers, |publisher| publisher.id.to_string(), |publisher| publisher))
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<PublisherId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let publisher = caller.find_publisher(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok(ok(&publisher))
}
