//! The secrets with which merchants sign their postbacks. Several may be live; each is shown once.

use super::{Api, Caller, Field, Ids, Input, Kind, Routes, ok, op, whole};
use crate::{
    domain::access::{MERCHANT, OPERATOR},
    engine::keys,
    kernel::{
        id::{MerchantId, SecretId},
        time::Time,
    },
    store::{self, secret::Secret},
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

const OF: Field = Field::required("id", Kind::Id(MerchantId::PREFIX), "The merchant.");
const SECRET: Field = Field::required("secret", Kind::Id(SecretId::PREFIX), "The secret.");

pub fn routes() -> Routes {
    let list_it = op("list_secrets", "The merchant's live secrets, without what is secret").roles(OPERATOR | MERCHANT).ids(&[OF]);
    let create_it = op("create_secret", "A new secret, shown once").roles(OPERATOR | MERCHANT).ids(&[OF]);
    let revoke_it = op("revoke_secret", "Revokes a secret").roles(OPERATOR | MERCHANT).ids(&[OF, SECRET]);
    Routes::new("secrets")
        .get("/merchants/{id}/secrets", list, list_it.whole::<View>())
        .post("/merchants/{id}/secrets", create, create_it.created::<View>())
        .delete("/merchants/{id}/secrets/{secret}", revoke, revoke_it.ok::<View>())
}

/// A secret with which a merchant signs.
#[derive(Serialize, ToSchema)]
#[schema(as = Secret)]
struct View {
    id: SecretId,
    merchant: MerchantId,
    created_at: Time,
    /// In the answer to its creation only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = r"^whsec_[A-Za-z0-9+/]{32,88}={0,2}$")]
    secret: Option<String>,
    /// In the answer to its revocation only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    revoked_at: Option<Time>,
}

async fn create(State(api): State<Api>, caller: Caller, Ids(merchant): Ids<MerchantId>, input: Input) -> Result<Response, Problem> {
    input.nothing()?;
    let now = api.now();
    let (secret, sealed) = keys::new_secret(&api.engine.vault).map_err(|error| {
        tracing::error!(%error, "no secret can be made");
        Problem::internal()
    })?;
    let stored = Secret { id: SecretId::from_raw(api.mint(now)), merchant, sealed, created_at: now, revoked_at: None };
    let mut tx = api.db().begin().await?;
    if let Some(answer) = api.first_answer(&input, &mut tx).await? {
        return Ok(answer);
    }
    caller.find_merchant(&mut tx, merchant).await?.ok_or_else(Problem::not_found)?;
    store::secret::insert(&mut tx, stored.id, merchant, &stored.sealed, now).await?;
    let view = View { id: stored.id, merchant, created_at: now, secret: Some(secret.reveal()), revoked_at: None };
    let answer = api.created_secret(&input, tx, &view).await?;
    api.engine.catalogue.put_secret(&stored);
    Ok(answer)
}

/// The live ones, without what is secret.
async fn list(State(api): State<Api>, caller: Caller, Ids(merchant): Ids<MerchantId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    caller.find_merchant(&mut tx, merchant).await?.ok_or_else(Problem::not_found)?;
    let secrets = store::secret::live_of_merchant(&mut tx, merchant).await?;
    tx.commit().await?;
    let view = |secret: Secret| View { id: secret.id, merchant, created_at: secret.created_at, secret: None, revoked_at: None };
    Ok(whole(secrets.into_iter().map(view).collect()))
}

async fn revoke(State(api): State<Api>, caller: Caller, Ids((merchant, id)): Ids<(MerchantId, SecretId)>) -> Result<Response, Problem> {
    let now = api.now();
    let mut tx = api.db().begin().await?;
    caller.find_merchant(&mut tx, merchant).await?.ok_or_else(Problem::not_found)?;
    store::secret::revoke(&mut tx, merchant, id, now).await?;
    let secret = store::secret::of_merchant(&mut tx, merchant, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    api.engine.catalogue.revoke_secret(merchant, id);
    Ok(ok(&View { id, merchant, created_at: secret.created_at, secret: None, revoked_at: secret.revoked_at }))
}
