//! What comes in: bodies, ids of paths and queries, read by what the operation declares.

use super::{NAME_CHARS_MAX, Operation, PAGE_ROWS, PAGE_ROWS_MAX, Page, caller_of, operation_of};
use crate::{
    kernel::{
        fields::FieldErrors,
        object::{self, Object},
        seal::MasterKey,
        time::{Day, Time, Zone},
    },
    web::{
        actor::presented,
        idempotency::{self, Ticket},
        json,
        problem::Problem,
    },
};
use axum::extract::{FromRequest, FromRequestParts, Path, RawQuery, Request};
use bytes::Bytes;
use http::{Method, StatusCode, request::Parts};
use serde::de::DeserializeOwned;
use std::{fmt::Display, str::FromStr, sync::Arc};

/// What mail servers take at most (RFC 5321): 64 before the @, 255 behind.
const EMAIL_CHARS_MAX: usize = 320;

/// A JSON body. An empty one stands for `{}`: what has no required field needs none.
#[derive(Debug)]
pub struct Input {
    pub body: Bytes,
    operation: Arc<Operation>,
    /// Its `Idempotency-Key`, if it is a POST that has one.
    pub ticket: Ticket,
}

impl<S: Send + Sync> FromRequest<S> for Input {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let operation = operation_of(request.extensions())?;
        if !json::is_json(request.headers()) {
            return Err(json::not_json());
        }
        let token = if request.method() == Method::POST { idempotency::token(request.headers())? } else { None };
        let key = caller_of(request.extensions())?.key.id;
        let own = MasterKey::derived(presented(request.headers()).unwrap_or_default().as_bytes());
        let uri = request.uri().clone();
        let body = match Bytes::from_request(request, state).await {
            Ok(body) if body.is_empty() => Bytes::from_static(b"{}"),
            Ok(body) => body,
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => return Err(Problem::too_large()),
            Err(_) => return Err(Problem::new(StatusCode::BAD_REQUEST, "body_incomplete", "The body did not come whole.")),
        };
        let ticket = Ticket::new(token, (key, own), uri.path(), uri.query(), &body);
        Ok(Self { body, operation, ticket })
    }
}

impl Input {
    /// Reads its fields; every wrong one is named, and so is one that the operation does not declare.
    pub fn read<T>(&self, fields: impl FnOnce(&Object<'_>, &mut FieldErrors) -> Option<T>) -> Result<T, Problem> {
        let fixed = self.operation.fixed();
        let known: Vec<&str> = self.operation.fields().iter().map(|field| field.name).chain(fixed.iter().map(|(name, _)| *name)).collect();
        let mut errors = FieldErrors::default();
        let value = Object::parse(&self.body, &mut errors).and_then(|object| {
            let value = fields(&object, &mut errors);
            for (name, why) in fixed.iter().filter(|(name, _)| object.has(name)) {
                errors.push(object.path_of(name), "immutable_field", *why);
            }
            // Last: the code of the first wrong field stands for all.
            object.only(&known, &mut errors);
            value
        });
        errors.finish(value).map_err(|errors| Problem::fields(&errors))
    }

    /// Nothing but `{}`, or no body.
    pub fn nothing(&self) -> Result<(), Problem> {
        self.read(|_, _| Some(()))
    }

    /// The texts of a list's elements, as many as the operation takes.
    pub fn items(&self) -> Result<Vec<&str>, Problem> {
        let max = self.operation.body.and_then(|body| body.items_max).unwrap_or_default();
        let mut errors = FieldErrors::default();
        let items = Object::parse_list(&self.body, max, &mut errors);
        errors.finish(items).map_err(|errors| Problem::fields(&errors))
    }
}

/// The ids of the path; what is not one of the wanted kind does not exist.
#[derive(Debug)]
pub struct Ids<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Ids<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Path::from_request_parts(parts, state).await.map(|Path(ids)| Self(ids)).map_err(|_| Problem::not_found())
    }
}

/// The query of a request, as it came.
#[derive(Debug)]
pub struct Query {
    text: String,
    operation: Arc<Operation>,
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let operation = operation_of(&parts.extensions)?;
        let Ok(RawQuery(query)) = RawQuery::from_request_parts(parts, state).await;
        Ok(Self { text: query.unwrap_or_default(), operation })
    }
}

impl Query {
    /// Reads its parameters; every wrong one is named, and so is one that the operation does not declare.
    pub fn read<T>(&self, fields: impl FnOnce(&Object<'_>, &mut FieldErrors) -> Option<T>) -> Result<T, Problem> {
        let known: Vec<&str> = self.operation.parameters().map(|field| field.name).collect();
        let mut errors = FieldErrors::default();
        let object = Object::from_query(&self.text, &mut errors);
        let value = fields(&object, &mut errors);
        object.only(&known, &mut errors);
        errors.finish(value).map_err(|errors| Problem::fields(&errors))
    }

    /// The same for a list that comes in pages.
    pub fn read_page<C: FromStr<Err: Display>, T>(
        &self,
        fields: impl FnOnce(&Object<'_>, &mut FieldErrors) -> Option<T>,
    ) -> Result<(T, Page<C>), Problem> {
        self.read(|query, errors| {
            let limit = query.optional("limit").integer(1..=PAGE_ROWS_MAX, errors).unwrap_or(PAGE_ROWS);
            let after = query.optional("after").parsed("invalid_cursor", errors);
            Some((fields(query, errors)?, Page { limit, after }))
        })
    }
}

/// An id that its owner's own key may leave out.
pub fn own_id<T: FromStr<Err: Display>>(object: &Object<'_>, name: &str, own: Option<T>, errors: &mut FieldErrors) -> Option<T> {
    match own {
        Some(own) if !object.optional(name).is_present() => Some(own),
        _ => object.required(name, errors).id(errors),
    }
}

/// A name that people read: blanks alone are none.
pub fn name(field: &object::Field<'_, '_>, errors: &mut FieldErrors) -> Option<String> {
    let text = field.full_text(NAME_CHARS_MAX, errors)?;
    if text.trim().is_empty() {
        errors.push(field.path(), "missing_field", "it must not be blank");
        return None;
    }
    Some(text)
}

/// An e-mail address, roughly: one `@` with something on both sides. Only a mail proves more.
pub fn email(object: &Object<'_>, errors: &mut FieldErrors) -> Option<String> {
    let field = object.optional("email");
    let text = field.text(EMAIL_CHARS_MAX, errors)?;
    let fits = text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    if !fits || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        errors.push(field.path(), "invalid_email", "an e-mail address is wanted");
        return None;
    }
    Some(text)
}

/// A day, or a moment of one.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Day(Day),
    Time(Time),
}

/// Neither a day nor a time.
#[derive(Debug, thiserror::Error)]
#[error("a day such as 2026-11-22 or a time such as 2026-11-22T09:00:00Z is wanted")]
struct MomentError;

impl FromStr for Moment {
    type Err = MomentError;
    fn from_str(text: &str) -> Result<Self, MomentError> {
        Day::parse(text).map(Self::Day).or_else(|| Time::parse(text).map(Self::Time)).ok_or(MomentError)
    }
}

/// `since=` and `until=`. A day is one of the installation's zone and counts whole; a time `until` is not included.
pub fn span(query: &Object<'_>, zone: &Zone, errors: &mut FieldErrors) -> (Option<Time>, Option<Time>) {
    let since = query.optional("since").parsed("invalid_time", errors).map(|since| match since {
        Moment::Day(day) => zone.start(day),
        Moment::Time(time) => time,
    });
    let until = query.optional("until").parsed("invalid_time", errors).map(|until| match until {
        Moment::Day(day) => zone.start(day.minus(-1)),
        Moment::Time(time) => time,
    });
    (since, until)
}

/// 422 for one field that only the database could tell is wrong.
pub fn wrong_field(field: &str, code: &'static str, detail: impl Into<String>) -> Problem {
    let mut errors = FieldErrors::default();
    errors.push(field, code, detail);
    Problem::fields(&errors)
}
