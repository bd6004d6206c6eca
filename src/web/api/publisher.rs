//! Publishers.

use super::{Api, Body, Caller, Field, Ids, Input, Kind, Query, Routes, email, name, ok, op, set, set_or_clear, wrong_field};
use crate::{
    domain::{
        access::{OPERATOR, PUBLISHER},
        publisher::{self, Publisher},
    },
    kernel::id::{BuyerId, PublisherId},
    store::{self, publisher::Wanted},
    web::problem::Problem,
};
use axum::{extract::State, response::Response};

const ID: &[Field] = &[Field::required("id", Kind::Id(PublisherId::PREFIX), "The publisher.")];

const NEW: Body = Body::new(
    "NewPublisher",
    &[
        Field::required("name", Kind::Name, "The name of the site or its owner."),
        Field::optional("email", Kind::Email, "Where the publisher is written to."),
        Field::optional("kind", Kind::Word(publisher::Kind::WORDS), "What the site does; `content` if left out."),
        Field::optional("portal", Kind::Boolean, "Whether it is a cashback site that names its members in `buyer=`; false if left out."),
        Field::optional("generosity", Kind::Percent, "Percent of its own share that it gives to the buyer; 0 if left out."),
    ],
)
.example(r#"{"name": "Lire au lit", "email": "nadia@lire.example", "kind": "content", "generosity": "10"}"#);

const CHANGES: Body = Body::new(
    "PublisherChanges",
    &[
        Field::kept("name", Kind::Name, "The name of the site or its owner."),
        Field::clearable("email", Kind::Email, "Where the publisher is written to."),
        Field::kept("kind", Kind::Word(publisher::Kind::WORDS), "What the site does; it counts for sales recorded from now on."),
        Field::kept("portal", Kind::Boolean, "Whether its links may name members in `buyer=`."),
        Field::kept("generosity", Kind::Percent, "Percent of its own share that it gives to the buyer, of sales recorded from now on."),
        Field::clearable("buyer", Kind::Id(BuyerId::PREFIX), "The same person's account as a buyer, for self-referral."),
    ],
)
.fixed(&[("id", "An id names the same thing for ever.")])
.example(r#"{"generosity": "12.5"}"#);

const EMAIL: Field = Field::optional("email", Kind::Email, "Only those with this e-mail address, compared without case.");
const KIND: Field = Field::optional("kind", Kind::Word(publisher::Kind::WORDS), "Only those of this kind.");

pub fn routes() -> Routes {
    Routes::new("publishers")
        .get(
            "/publishers",
            list,
            op("list_publishers", "Publishers, newest first").roles(OPERATOR | PUBLISHER).query(&[EMAIL, KIND]).page::<Publisher>(),
        )
        .post("/publishers", create, op("create_publisher", "A new publisher").body(NEW).created::<Publisher>())
        .get("/publishers/{id}", one, op("get_publisher", "One publisher").roles(OPERATOR | PUBLISHER).ids(ID).ok::<Publisher>())
        .patch(
            "/publishers/{id}",
            change,
            op("change_publisher", "Changes a publisher").ids(ID).body(CHANGES).ok::<Publisher>().codes(&[(422, "unknown_buyer")]),
        )
}

async fn create(State(api): State<Api>, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let publisher = input.read(|object, errors| {
        let name = name(&object.required("name", errors), errors);
        let email = email(object, errors);
        let kind =
            object.optional("kind").word(publisher::Kind::WORDS, publisher::Kind::from_word, errors).unwrap_or(publisher::Kind::Content);
        let portal = object.optional("portal").boolean(errors).unwrap_or(false);
        let generosity = object.optional("generosity").percent(errors).unwrap_or_default();
        Some(Publisher { id: PublisherId::from_raw(api.mint(now)), name: name?, email, kind, portal, generosity, buyer: None })
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
    let ((email, kind), page) = query.read_page(|query, errors| {
        let kind = query.optional("kind").word(publisher::Kind::WORDS, publisher::Kind::from_word, errors);
        Some((email(query, errors), kind))
    })?;
    let wanted = Wanted { only: caller.scope.publisher(), email: email.as_deref(), kind };
    let mut tx = api.db().read().await?;
    let publishers = store::publisher::list(&mut tx, wanted, page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(publishers, |publisher| publisher.id.to_string(), |publisher| publisher))
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<PublisherId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let publisher = caller.find_publisher(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok(ok(&publisher))
}

/// What it changes counts for sales that are recorded from then on: each keeps what its decision was made with.
#[expect(clippy::redundant_closure_for_method_calls, reason = "the method's path is bound to one lifetime; the closure takes any")]
async fn change(State(api): State<Api>, Ids(id): Ids<PublisherId>, input: Input) -> Result<Response, Problem> {
    let mut tx = api.db().begin().await?;
    let mut publisher = store::publisher::for_update(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    input.read(|object, errors| {
        let Publisher { name: own, email: address, kind, portal, generosity, buyer, .. } = &mut publisher;
        set(object, "name", own, errors, name);
        set_or_clear(object, "email", address, errors, |_, errors| email(object, errors));
        set(object, "kind", kind, errors, |field, errors| field.word(publisher::Kind::WORDS, publisher::Kind::from_word, errors));
        set(object, "portal", portal, errors, |field, errors| field.boolean(errors));
        set(object, "generosity", generosity, errors, |field, errors| field.percent(errors));
        set_or_clear(object, "buyer", buyer, errors, |field, errors| field.id(errors));
        Some(())
    })?;
    if let Some(buyer) = publisher.buyer
        && store::buyer::by_id(&mut tx, buyer).await?.is_none()
    {
        return Err(wrong_field("buyer", "unknown_buyer", "there is no such buyer"));
    }
    store::publisher::update(&mut tx, &publisher, api.now()).await?;
    tx.commit().await?;
    api.engine.catalogue.put_publisher(&publisher);
    Ok(ok(&publisher))
}
