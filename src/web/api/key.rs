//! API keys: made for somebody, shown once, revoked.

use super::{Api, Body, Caller, Field, Ids, Input, Kind, Query, Routes, name, ok, op, owner_exists, wrong_field};
use crate::{
    domain::{
        access::Scope,
        account::Owner,
        key::{self, Key, Role},
    },
    engine::keys,
    kernel::{
        fields::FieldErrors,
        id::{BuyerId, KeyId, MerchantId, PublisherId},
        object::Object,
        time::Time,
    },
    store::{
        self,
        key::{Issued, Wanted},
    },
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// The longest id.
const OWNER_CHARS_MAX: usize = 32;
const OWNER_KIND: Kind = Kind::Pattern { pattern: "^(mer|pub|buy)_[0-7][0-9a-hjkmnp-tv-z]{12}$", chars_max: OWNER_CHARS_MAX };

const ID: &[Field] = &[Field::required("id", Kind::Id(KeyId::PREFIX), "The key.")];
const ROLE: Field = Field::optional("role", Kind::Word(Role::WORDS), "Only keys of this role.");
const OWNER: Field = Field::optional("owner", OWNER_KIND, "Only keys of this merchant, publisher or buyer.");

const NEW: Body = Body::new(
    "NewKey",
    &[
        Field::required("role", Kind::Word(Role::WORDS), "What it may do."),
        Field::optional("owner", OWNER_KIND, "The merchant, publisher or buyer whose rows it sees; an operator's key has none."),
        Field::optional("name", Kind::Name, "A name to know it by."),
    ],
)
.example(r#"{"role": "operator", "name": "nightly import"}"#);

const CODES: &[(u16, &str)] = &[(422, "invalid_id"), (422, "unknown_owner"), (422, "unexpected_owner")];

pub fn routes() -> Routes {
    Routes::new("keys")
        .get("/keys", list, op("list_keys", "Live keys, newest first").query(&[ROLE, OWNER]).page::<View>().codes(&[(422, "invalid_id")]))
        .post("/keys", create, op("create_key", "A new key, shown once").body(NEW).created::<NewView>().codes(CODES))
        .get("/keys/{id}", one, op("get_key", "One key, live or revoked").ids(ID).ok::<View>())
        .delete("/keys/{id}", revoke, op("revoke_key", "Revokes a key").ids(ID).ok::<View>().codes(&[(409, "last_operator_key")]))
}

/// An API key, without what is secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
struct View {
    id: KeyId,
    role: Role,
    /// The merchant, publisher or buyer whose rows it sees.
    #[schema(required)]
    owner: Option<String>,
    #[schema(required)]
    name: Option<String>,
    created_at: Time,
    #[schema(required)]
    revoked_at: Option<Time>,
}

impl View {
    fn new(issued: Issued) -> Self {
        let Issued { key, created_at, revoked_at } = issued;
        let owner = match Scope::of(&key) {
            None | Some(Scope::All) => None,
            Some(Scope::Merchant(id)) => Some(id.to_string()),
            Some(Scope::Publisher(id)) => Some(id.to_string()),
            Some(Scope::Buyer(id)) => Some(id.to_string()),
        };
        Self { id: key.id, role: key.role, owner, name: key.name, created_at, revoked_at }
    }
}

/// A new API key. Its text is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedKey)]
struct NewView {
    #[serde(flatten)]
    view: View,
    /// What goes behind `Authorization: Bearer`.
    #[schema(pattern = r"^rst_[A-Za-z0-9_-]{43}$")]
    key: String,
}

async fn create(State(api): State<Api>, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let (role, owner, name) = input.read(|object, errors| {
        let held = holder(object, errors);
        let name = name(&object.optional("name"), errors);
        let (role, owner) = held?;
        Some((role, owner, name))
    })?;
    let random = keys::random().map_err(|error| {
        tracing::error!(%error, "no key can be made");
        Problem::internal()
    })?;
    let text = key::text(random);
    let key = Key { id: KeyId::from_raw(api.mint(now)), role, owner: owner.map(Owner::number), name };
    let mut tx = api.db().begin().await?;
    if let Some(answer) = api.first_answer(&input, &mut tx).await? {
        return Ok(answer);
    }
    if let Some(owner) = owner
        && !owner_exists(&mut tx, owner).await?
    {
        let problem = wrong_field("owner", "unknown_owner", "there is no such merchant, publisher or buyer");
        return Err(api.refused(&input, tx, problem).await);
    }
    store::key::insert(&mut tx, &key, &key::hash(&text), now).await?;
    let view = View::new(Issued { key, created_at: now, revoked_at: None });
    api.created_secret(&input, tx, &NewView { view, key: text }).await
}

/// The role, and whose rows a key of it sees.
fn holder(object: &Object<'_>, errors: &mut FieldErrors) -> Option<(Role, Option<Owner>)> {
    let role = object.required("role", errors).word(Role::WORDS, Role::from_word, errors)?;
    let owner = match role {
        Role::Operator => {
            if object.optional("owner").is_present() {
                errors.push("owner", "unexpected_owner", "an operator's key belongs to nobody");
            }
            return Some((role, None));
        }
        Role::Merchant => Owner::Merchant(object.required("owner", errors).id::<MerchantId>(errors)?),
        Role::Publisher => Owner::Publisher(object.required("owner", errors).id::<PublisherId>(errors)?),
        Role::Buyer => Owner::Buyer(object.required("owner", errors).id::<BuyerId>(errors)?),
    };
    Some((role, Some(owner)))
}

async fn list(State(api): State<Api>, query: Query) -> Result<Response, Problem> {
    let (wanted, page) = query.read_page(|query, errors| {
        let role = query.optional("role").word(Role::WORDS, Role::from_word, errors);
        Some(Wanted { role, owner: owner(query, errors) })
    })?;
    let mut tx = api.db().read().await?;
    let keys = store::key::list(&mut tx, wanted, page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(keys, |issued| issued.key.id.to_string(), View::new))
}

/// The number of the owner whose keys are wanted.
fn owner(query: &Object<'_>, errors: &mut FieldErrors) -> Option<i64> {
    let field = query.optional("owner");
    let text = field.text(OWNER_CHARS_MAX, errors)?;
    let id = text.parse().map(MerchantId::raw).or_else(|_| text.parse().map(PublisherId::raw)).or_else(|_| text.parse().map(BuyerId::raw));
    id.map_err(|_| errors.push(field.path(), "invalid_id", "mer_…, pub_… or buy_… is wanted")).ok()
}

async fn one(State(api): State<Api>, Ids(id): Ids<KeyId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let issued = store::key::by_id(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok(ok(&View::new(issued)))
}

/// Revokes it: within 2 seconds no node takes it any more. Revoking it again changes nothing. The last operator's key stays, since with it
/// would go the way to make another.
async fn revoke(State(api): State<Api>, caller: Caller, Ids(id): Ids<KeyId>) -> Result<Response, Problem> {
    let mut tx = api.db().begin().await?;
    let operators = store::key::lock_operators(&mut tx).await?;
    if matches!(&operators[..], [last] if last.id == id) {
        let detail = "This is the last live key of an operator. Make another before you revoke it.";
        return Err(Problem::new(StatusCode::CONFLICT, "last_operator_key", detail));
    }
    let revoked = store::key::revoke(&mut tx, id, api.now()).await?;
    let issued = store::key::by_id(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    if revoked {
        tracing::info!(key = %id, by = %caller.key.id, "an API key was revoked");
    }
    Ok(ok(&View::new(issued)))
}
