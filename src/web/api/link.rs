//! Links: what publishers place.

use super::{Api, Body, Caller, Field, Ids, Input, Kind, Query, Routes, empty, ok, op, own_id, refuse_ended, set_or_clear};
use crate::{
    domain::{
        access::{self, Scope, Whose},
        link::{ProgramRoute, URL_CHARS_MAX, parse_slug},
        program::Program,
        publisher::Publisher,
    },
    engine::{keys, snapshot::Rows},
    kernel::{
        fields::FieldErrors,
        id::{LinkId, ProgramId, PublisherId},
        object::Object,
        time::Time,
    },
    store::{
        self,
        link::{Link, Wanted},
    },
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// Characters that nobody mistakes for one another, and that spell no word.
const SLUG_ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of a slug that we choose: 40 bits, so that a second try is hardly ever needed.
const SLUG_CHARS: usize = 8;
const TRIES_MAX: usize = 5;

const ID: &[Field] = &[Field::required("id", Kind::Id(LinkId::PREFIX), "The link.")];
const PROGRAM: Field = Field::optional("program", Kind::Id(ProgramId::PREFIX), "Only links of this program.");
const PUBLISHER: Field = Field::optional("publisher", Kind::Id(PublisherId::PREFIX), "Only links of this publisher.");

const NEW: Body = Body::new(
    "NewLink",
    &[
        Field::required("program", Kind::Id(ProgramId::PREFIX), "The program that it leads to."),
        Field::optional("publisher", Kind::Id(PublisherId::PREFIX), "Who places it: an operator must say; a publisher's are its own."),
        Field::optional(
            "slug",
            Kind::Pattern { pattern: "^[A-Za-z0-9_-]{1,64}$", chars_max: URL_CHARS_MAX },
            "What stands behind `/c/`; chosen by the server if left out.",
        ),
        Field::optional("url", Kind::Url, "A page of the shop, in place of the program's landing page."),
    ],
)
.example(
    r#"{"program": "prg_09dkq3fzg0g00", "publisher": "pub_09dkq3fzg0g00", "slug": "roman-7", "url": "https://merou.example/romans/7"}"#,
);

const CHANGES: Body = Body::new(
    "LinkChanges",
    &[Field::clearable("url", Kind::Url, "A page of the shop; cleared, the link leads to the program's landing page.")],
)
.fixed(&[
    ("id", "An id names the same thing for ever."),
    ("slug", "It is placed already: make another link."),
    ("program", "Clicks on it are this program's: make another link."),
    ("publisher", "Clicks on it are this publisher's: make another link."),
    ("ended_at", "DELETE ends a link, for good."),
])
.example(r#"{"url": "https://merou.example/romans/8"}"#);

const SLUG: Field = Field::optional("slug", Kind::Text { chars_max: URL_CHARS_MAX }, "Only the link with this slug.");

const CODES: &[(u16, &str)] = &[
    (409, "slug_taken"),
    (409, "program_ended"),
    (422, "unknown_program"),
    (422, "unknown_publisher"),
    (422, "invalid_slug"),
    (422, "invalid_url"),
    (422, "url_not_allowed"),
];

pub fn routes() -> Routes {
    Routes::new("links")
        .get(
            "/links",
            list,
            op("list_links", "Links, newest first")
                .roles(access::OPERATOR | access::PUBLISHER)
                .query(&[SLUG, PROGRAM, PUBLISHER])
                .page::<View>(),
        )
        .post(
            "/links",
            create,
            op("create_link", "A new link").roles(access::OPERATOR | access::PUBLISHER).body(NEW).created::<View>().codes(CODES),
        )
        .get("/links/{id}", one, op("get_link", "One link").roles(access::OPERATOR | access::PUBLISHER).ids(ID).ok::<View>())
        .patch(
            "/links/{id}",
            change,
            op("change_link", "Changes where a link leads")
                .roles(access::OPERATOR | access::PUBLISHER)
                .ids(ID)
                .body(CHANGES)
                .ok::<View>()
                .codes(&[(422, "url_not_allowed")]),
        )
        .delete(
            "/links/{id}",
            end,
            op("end_link", "Ends a link: it answers 410").roles(access::OPERATOR | access::PUBLISHER).ids(ID).ok::<View>(),
        )
}

#[derive(Serialize, ToSchema)]
#[schema(as = Link)]
struct View {
    id: LinkId,
    slug: String,
    /// What the publisher places.
    url: String,
    program: ProgramId,
    publisher: PublisherId,
    /// Where it leads instead of the program's landing page.
    deep_link: Option<String>,
    /// It answers 410 from then on; sales of earlier clicks still count.
    #[schema(required)]
    ended_at: Option<Time>,
}

impl View {
    fn new(api: &Api, link: Link) -> Self {
        let url = format!("{}/c/{}", api.engine.base_url(), link.slug);
        let Link { id, slug, program, publisher, url: deep_link, ended_at } = link;
        Self { id, slug, url, program, publisher, deep_link, ended_at }
    }
}

/// A link as asked for.
struct Asked {
    program: ProgramId,
    publisher: PublisherId,
    slug: Option<String>,
    url: Option<String>,
}

async fn create(State(api): State<Api>, caller: Caller, input: Input) -> Result<Response, Problem> {
    let asked = input.read(|object, errors| read(object, caller.scope, errors))?;
    let now = api.now();
    let read_from = api.engine.catalogue.writes();
    let mut tx = api.db().begin().await?;
    if let Some(answer) = api.first_answer(&input, &mut tx).await? {
        return Ok(answer);
    }
    let program = caller.find_program(&mut tx, asked.program).await?;
    let publisher = caller.find_publisher(&mut tx, asked.publisher).await?;
    let mut errors = FieldErrors::default();
    if program.is_none() {
        errors.push("program", "unknown_program", "there is no such program");
    }
    if publisher.is_none() {
        errors.push("publisher", "unknown_publisher", "there is no such publisher");
    }
    if let (Some(program), Some(url)) = (&program, &asked.url) {
        check_url(program, url, &mut errors);
    }
    let (program, publisher) = match errors.finish(program.zip(publisher)) {
        Ok(found) => found,
        Err(errors) => return Err(api.refused(&input, tx, Problem::fields(&errors)).await),
    };
    if let Err(ended) = refuse_ended(&program) {
        return Err(api.refused(&input, tx, ended).await);
    }
    let mut link = Link {
        id: LinkId::from_raw(api.mint(now)),
        slug: String::new(),
        program: program.id,
        publisher: publisher.id,
        url: asked.url,
        ended_at: None,
    };
    let mut tries = 0;
    loop {
        link.slug = match &asked.slug {
            Some(slug) => slug.clone(),
            None => random_slug()?,
        };
        tries += 1;
        if store::link::insert(&mut tx, &link, now).await? {
            break;
        }
        if asked.slug.is_some() || tries == TRIES_MAX {
            let problem = Problem::new(StatusCode::CONFLICT, "slug_taken", "Another link has this slug.");
            return Err(api.refused(&input, tx, problem).await);
        }
    }
    let answer = api.created(&input, tx, &View::new(&api, link.clone())).await?;
    publish(&api, &link, publisher, read_from).await;
    Ok(answer)
}

/// Tells the catalogue. Another node may just have made the link's program or publisher, and the catalogue takes links of known ones only;
/// a program comes with its merchant's secrets.
async fn publish(api: &Api, link: &Link, publisher: Publisher, read_from: u64) {
    if let Err(error) = api.engine.catalogue.find_program(link.program).await {
        tracing::warn!(%error, link = %link.id, "its program is not known here yet");
    }
    api.engine.catalogue.take_in(&Rows { publishers: vec![publisher], ..Rows::default() }, read_from);
    api.engine.catalogue.put_link(link);
}

/// A page that a link may lead to: on one of the program's domains.
fn check_url(program: &Program, url: &str, errors: &mut FieldErrors) {
    let route = ProgramRoute::parse(program.id, &program.landing_url, &program.domains, &program.click_param);
    if let Err(error) = route.and_then(|route| route.deep_link(url)) {
        errors.push("url", error.code(), error.to_string());
    }
}

fn read(object: &Object<'_>, scope: Scope, errors: &mut FieldErrors) -> Option<Asked> {
    let program = object.required("program", errors).id(errors);
    let publisher = own_id(object, "publisher", scope.publisher(), errors);
    let slug = object.optional("slug");
    let slug = slug
        .full_text(URL_CHARS_MAX, errors)
        .and_then(|text| parse_slug(&text).map_err(|error| errors.push(slug.path(), error.code(), error.to_string())).ok());
    let url = object.optional("url").full_text(URL_CHARS_MAX, errors);
    Some(Asked { program: program?, publisher: publisher?, slug, url })
}

fn random_slug() -> Result<String, Problem> {
    let random = keys::random::<SLUG_CHARS>().map_err(|error| {
        tracing::error!(%error, "no slug can be made");
        Problem::internal()
    })?;
    Ok(random.iter().map(|byte| char::from(SLUG_ALPHABET[usize::from(byte & 31)])).collect())
}

async fn list(State(api): State<Api>, caller: Caller, query: Query) -> Result<Response, Problem> {
    let ((slug, program, publisher), page) = query.read_page(|query, errors| {
        let slug = query.optional("slug").full_text(URL_CHARS_MAX, errors);
        Some((slug, query.optional("program").id(errors), query.optional("publisher").id(errors)))
    })?;
    let asked = Whose { publisher, ..Whose::default() };
    let Some(Whose { publisher, .. }) = caller.scope.narrow(asked) else { return Ok(empty()) };
    let wanted = Wanted { slug: slug.as_deref(), program, publisher };
    let mut tx = api.db().read().await?;
    let links = store::link::list(&mut tx, wanted, page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(links, |link| link.id.to_string(), |link| View::new(&api, link)))
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<LinkId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let link = caller.find_link(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok(ok(&View::new(&api, link)))
}

/// Changes it with what `change` does to it, given its program.
async fn changed(
    api: &Api,
    caller: &Caller,
    id: LinkId,
    change: impl FnOnce(&mut Link, &Program, Time) -> Result<(), Problem>,
) -> Result<Response, Problem> {
    let now = api.now();
    let read_from = api.engine.catalogue.writes();
    let mut tx = api.db().begin().await?;
    let mut link = caller.change_link(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let program = store::program::by_id(&mut tx, link.program).await?.ok_or_else(Problem::not_found)?;
    let publisher = store::publisher::by_id(&mut tx, link.publisher).await?.ok_or_else(Problem::not_found)?;
    let before = link.clone();
    change(&mut link, &program, now)?;
    if link != before {
        store::link::update(&mut tx, &link, now).await?;
    }
    tx.commit().await?;
    publish(api, &link, publisher, read_from).await;
    Ok(ok(&View::new(api, link)))
}

async fn change(State(api): State<Api>, caller: Caller, Ids(id): Ids<LinkId>, input: Input) -> Result<Response, Problem> {
    changed(&api, &caller, id, |link, program, _| {
        input.read(|object, errors| {
            set_or_clear(object, "url", &mut link.url, errors, |field, errors| {
                let url = field.full_text(URL_CHARS_MAX, errors)?;
                check_url(program, &url, errors);
                Some(url)
            });
            Some(())
        })
    })
    .await
}

/// Ends it: it answers 410 from now on. Ending it again changes nothing.
async fn end(State(api): State<Api>, caller: Caller, Ids(id): Ids<LinkId>) -> Result<Response, Problem> {
    changed(&api, &caller, id, |link, _, now| {
        link.ended_at.get_or_insert(now);
        Ok(())
    })
    .await
}
