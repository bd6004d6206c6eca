//! `Idempotency-Key`: a POST that is sent again gets its first answer again, and takes effect once.
//!
//! What is kept is stored in the transaction of the effect: by the handler of a cold write, by the ledger writer for a command.

use crate::{
    domain::{
        command::{Once, Outcome},
        idempotency::{Kept, Scope, Slot, is_kept},
    },
    engine::keys,
    kernel::{
        id::KeyId,
        seal::{MasterKey, Vault},
        time::Time,
    },
    store::{
        self, Tx,
        idempotency::{Saved, has_other_body},
    },
    web::{
        headers::{self, IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED},
        json,
        problem::Problem,
    },
};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// CONTRACT's limit.
const TOKEN_CHARS_MAX: usize = 255;

/// An answer before it leaves: it may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: StatusCode,
    /// JSON.
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(status: StatusCode, value: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(value).map_err(|error| {
            tracing::error!(%error, "an answer could not be written as JSON");
            Problem::internal()
        })?;
        Ok(Self { status, body })
    }
    pub fn ok(value: &impl Serialize) -> Result<Self, Problem> {
        Self::json(StatusCode::OK, value)
    }
    pub fn created(value: &impl Serialize) -> Result<Self, Problem> {
        Self::json(StatusCode::CREATED, value)
    }

    pub fn answer(self) -> Response {
        json::answer_bytes(self.status, self.body)
    }
}

/// What makes a request one that takes effect once. One without an `Idempotency-Key` has an empty ticket, which keeps nothing.
#[derive(Debug, Clone)]
pub struct Ticket(Option<Request>);

#[derive(Debug, Clone)]
struct Request {
    scope: Arc<Scope>,
    body_hash: [u8; 32],
    /// Made of the API key's text, which is stored nowhere.
    own: MasterKey,
}

/// The `Idempotency-Key` of a request, if it has one: 1 to 255 characters of UTF-8.
pub fn token(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = str::from_utf8(value.as_bytes()).ok();
    let fits = text.filter(|text| (1..=TOKEN_CHARS_MAX).contains(&text.chars().count()) && values.next().is_none());
    let invalid = || {
        let detail = "One Idempotency-Key of 1 to 255 characters is wanted.";
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_idempotency_key", detail)
    };
    Ok(Some(fits.ok_or_else(invalid)?.to_owned()))
}

impl Ticket {
    /// For a request with this token and API key, which comes with what is derived of its text; `path` is without its query, which counts
    /// as a part of what was sent. However the path is escaped, it is the same one.
    pub fn new(token: Option<String>, (api_key, own): (KeyId, MasterKey), path: &str, query: Option<&str>, body: &Bytes) -> Self {
        Self(token.map(|token| {
            let mut hash = Sha256::new_with_prefix(body);
            if let Some(query) = query {
                hash.update(b"?");
                hash.update(query);
            }
            let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
            Request { scope: Arc::new(Scope { api_key, path, token }), body_hash: hash.finalize().into(), own }
        }))
    }

    /// Before anything else in a handler's transaction: waits for another request under this key, and gives the first answer if there
    /// is one.
    pub async fn replay(&self, tx: &mut Tx, vault: &Vault) -> Result<Option<Response>, Problem> {
        let Some(request) = &self.0 else { return Ok(None) };
        store::idempotency::lock(tx, [&*request.scope]).await?;
        let Some(mut kept) = store::idempotency::by_scope(tx, &request.scope).await? else { return Ok(None) };
        if kept.body_hash != request.body_hash {
            return Err(conflict());
        }
        if kept.sealed {
            let inner = vault.open_secret(&kept.answer);
            let opened = inner.and_then(|inner| Vault::new(Some(&request.own)).open_secret(&inner));
            kept.answer = opened.map_err(|error| broken(&error))?;
        }
        replayed(kept).map(Some)
    }

    /// Keeps the answer in the transaction of its effect, and commits both.
    pub async fn commit(&self, mut tx: Tx, now: Time, reply: Reply) -> Result<Response, Problem> {
        self.keep(&mut tx, now, reply.status, &reply.body, false).await?;
        tx.commit().await?;
        Ok(reply.answer())
    }

    /// The same for an answer that holds a secret. It is kept sealed for whoever presents this API key again, so that a copy of the database
    /// does not open it, and then as other secrets are, under the master key if there is one.
    pub async fn commit_secret(&self, mut tx: Tx, now: Time, reply: Reply, vault: &Vault) -> Result<Response, Problem> {
        if let Some(request) = &self.0 {
            let nonce = || {
                keys::random().map_err(|error| {
                    tracing::error!(%error, "an answer cannot be sealed");
                    Problem::internal()
                })
            };
            let inner = Vault::new(Some(&request.own)).seal_secret(&reply.body, nonce()?);
            self.keep(&mut tx, now, reply.status, &vault.seal_secret(&inner, nonce()?), true).await?;
        }
        tx.commit().await?;
        Ok(reply.answer())
    }

    /// Keeps the refusal of a transaction that has changed nothing, and gives it back.
    pub async fn refuse(&self, mut tx: Tx, now: Time, problem: Problem) -> Problem {
        if self.0.is_none() {
            return problem;
        }
        match self.keep(&mut tx, now, problem.status(), &problem.to_json(), false).await {
            Ok(()) => tx.commit().await.map_or_else(Problem::from, |()| problem),
            Err(failed) => failed,
        }
    }

    async fn keep(&self, tx: &mut Tx, at: Time, status: StatusCode, answer: &[u8], sealed: bool) -> Result<(), Problem> {
        let Some(Request { scope, body_hash, .. }) = &self.0 else { return Ok(()) };
        if is_kept(status.as_u16()) {
            let slot = Slot { scope: Arc::clone(scope), item: 0 };
            let kept = Kept { body_hash: *body_hash, status: status.as_u16(), answer: answer.to_vec(), sealed };
            store::idempotency::insert(tx, &[Saved { slot: &slot, kept: &kept, at }]).await?;
        }
        Ok(())
    }

    /// Before the items of a batch, which are kept one by one: notes that it has begun, so that another body is refused as a whole.
    pub async fn begin_batch(&self, db: &store::Db, at: Time) -> Result<(), Problem> {
        let Some(Request { scope, body_hash, .. }) = &self.0 else { return Ok(()) };
        let mut tx = db.begin().await?;
        store::idempotency::lock(&mut tx, [&**scope]).await?;
        if has_other_body(&mut tx, scope, body_hash).await? {
            return Err(conflict());
        }
        if store::idempotency::by_scope(&mut tx, scope).await?.is_none() {
            // No answer: nothing asks for item 0 of a batch but this.
            let kept = Kept { body_hash: *body_hash, status: 0, answer: Vec::new(), sealed: false };
            let slot = Slot { scope: Arc::clone(scope), item: 0 };
            store::idempotency::insert(&mut tx, &[Saved { slot: &slot, kept: &kept, at }]).await?;
        }
        Ok(tx.commit().await?)
    }

    /// For a command: the ledger writer keeps what `render` makes of its outcome. A batch counts its items from 1, else `item` is 0.
    pub fn once(&self, item: u32, render: impl Fn(&Outcome) -> Result<Reply, Problem> + Send + Sync + 'static) -> Option<Box<Once>> {
        let Request { scope, body_hash, .. } = self.0.as_ref()?;
        let render = move |outcome: &Outcome| match render(outcome) {
            Ok(reply) => (reply.status.as_u16(), reply.body),
            Err(problem) => (problem.status().as_u16(), problem.to_json()),
        };
        Some(Box::new(Once { slot: Slot { scope: Arc::clone(scope), item }, body_hash: *body_hash, render: Arc::new(render) }))
    }
}

fn conflict() -> Problem {
    use crate::{domain::reason::Refusal, kernel::code::Language};
    let refusal = Refusal::IdempotencyConflict;
    Problem::new(StatusCode::CONFLICT, refusal.code(), refusal.text(Language::En))
}

fn broken(why: &impl std::fmt::Display) -> Problem {
    tracing::error!(%why, "a kept answer cannot be given again");
    Problem::internal()
}

/// The first answer again, byte for byte; opened, if it was kept sealed.
pub fn replayed(kept: Kept) -> Result<Response, Problem> {
    let status = StatusCode::from_u16(kept.status).map_err(|error| broken(&error))?;
    let mut answer = json::answer_bytes(status, kept.answer);
    if status.is_client_error() {
        answer.headers_mut().insert(header::CONTENT_TYPE, headers::PROBLEM);
    }
    mark_replayed(&mut answer);
    metrics::counter!("ristourne_idempotent_replays_total").increment(1);
    Ok(answer)
}

/// Says that nothing was done, for it had been done before.
pub fn mark_replayed(answer: &mut Response) {
    answer.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).expect("a header's value"));
        }
        headers
    }

    #[test]
    fn tokens() {
        let longest = "é".repeat(TOKEN_CHARS_MAX);
        assert_eq!(token(&HeaderMap::new()).expect("none is fine"), None);
        for good in ["a", "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", longest.as_str()] {
            assert_eq!(token(&with(&[good.as_bytes()])).expect("a key").as_deref(), Some(good));
        }
        let too_long = "a".repeat(TOKEN_CHARS_MAX + 1);
        for bad in [&[b"".as_slice()][..], &[too_long.as_bytes()], &[b"\xff"], &[b"a", b"a"]] {
            assert_eq!(token(&with(bad)).expect_err("refused").code(), "invalid_idempotency_key", "{bad:?}");
        }
    }

    #[test]
    fn a_body_is_the_same_with_the_same_query() {
        let hash = |query, body: &'static [u8]| {
            let key = (KeyId::from_raw(1), MasterKey::derived(b"key"));
            let ticket = Ticket::new(Some("t".to_owned()), key, "/p", query, &Bytes::from_static(body));
            ticket.0.expect("a ticket with a key").body_hash
        };
        assert_eq!(hash(None, b"{}"), hash(None, b"{}"));
        assert_ne!(hash(None, b"{}"), hash(None, b"{ }"));
        assert_ne!(hash(None, b"{}"), hash(Some("a=1"), b"{}"));
    }
    #[test]
    fn a_path_is_the_same_however_it_is_escaped() {
        let scope = |path| {
            let key = (KeyId::from_raw(1), MasterKey::derived(b"key"));
            Ticket::new(Some("t".to_owned()), key, path, None, &Bytes::new()).0.expect("a ticket with a key").scope
        };
        assert_eq!(scope("/merchants/mer%5F1/secrets"), scope("/merchants/mer_1/secrets"));
        assert_ne!(scope("/merchants/mer_2/secrets"), scope("/merchants/mer_1/secrets"));
    }
}
