//! The guard before every operation: whose key it is, and whether the operation is for that role.

use super::{About, Operation};
use crate::{
    domain::{
        access::{Roles, Scope},
        key::{Key, Role},
        program::Program,
    },
    web::{
        actor::{Client, Keys},
        problem::Problem,
    },
};
use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{Extensions, Method, StatusCode, request::Parts};
use std::{collections::HashMap, sync::Arc};

/// Where the API lives.
pub const PREFIX: &str = "/api/v1";

/// All operations, by path, and the keys.
#[derive(Debug)]
pub struct Guard {
    keys: Arc<Keys>,
    operations: HashMap<&'static str, Vec<Arc<Operation>>>,
}

impl Guard {
    pub fn new(keys: Arc<Keys>, operations: Vec<Operation>) -> Self {
        let mut by_path: HashMap<_, Vec<_>> = HashMap::new();
        for operation in operations {
            by_path.entry(operation.path).or_default().push(Arc::new(operation));
        }
        Self { keys, operations: by_path }
    }

    /// What serves the request; none for a method that its path does not have.
    fn operation(&self, request: &Request) -> Option<&Arc<Operation>> {
        let path = request.extensions().get::<MatchedPath>()?.as_str().strip_prefix(PREFIX)?;
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        self.operations.get(path)?.iter().find(|operation| operation.method == *method)
    }
}

/// Who asks, and whose rows they see. Among the extensions of every request that passed the guard.
#[derive(Debug, Clone)]
pub struct Caller {
    pub key: Arc<Key>,
    pub scope: Scope,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        caller_of(&parts.extensions).cloned()
    }
}

impl Caller {
    /// What an act of theirs is filed under; about no program, it is a merchant's own at least.
    pub fn about(&self, program: Option<&Program>) -> Result<About, Problem> {
        let by = self.scope.actor().ok_or_else(|| {
            tracing::error!(key = %self.key.id, "an operation that acts on orders is open to a role that does not");
            Problem::internal()
        })?;
        let merchant = program.map(|program| program.merchant).or(self.scope.merchant());
        Ok(About { by, merchant, program: program.map(|program| program.id) })
    }
}

/// Lets a key of the operation's roles through. Everybody else learns that they are not known, or that this is not theirs, before anything
/// of the request is looked at.
pub async fn guard(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Result<Response, Problem> {
    let from = request.extensions().get::<Client>().map(|client| client.0);
    let (key, left) = guard.keys.authenticate(request.headers(), from).await?;
    let scope = Scope::of(&key).ok_or_else(|| {
        tracing::error!(key = %key.id, "a key has a role and no owner");
        Problem::internal()
    })?;
    if let Some(operation) = guard.operation(&request).cloned() {
        if !operation.roles.contains(key.role) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", forbidden(operation.roles)));
        }
        request.extensions_mut().insert(operation);
    }
    request.extensions_mut().insert(Caller { key, scope });
    let mut answer = next.run(request).await;
    if let Some(left) = left {
        left.dress(answer.headers_mut());
    }
    Ok(answer)
}

fn forbidden(roles: Roles) -> String {
    let roles: Vec<&str> = roles.iter().map(Role::word).collect();
    format!("This takes a key of: {}.", roles.join(", "))
}

/// Who asks.
pub fn caller_of(extensions: &Extensions) -> Result<&Caller, Problem> {
    extensions.get::<Caller>().ok_or_else(|| missing("caller"))
}

/// The declaration of what is being served.
pub fn operation_of(extensions: &Extensions) -> Result<Arc<Operation>, Problem> {
    extensions.get::<Arc<Operation>>().cloned().ok_or_else(|| missing("operation"))
}

fn missing(what: &str) -> Problem {
    tracing::error!(what, "a handler stands outside the guard");
    Problem::internal()
}
