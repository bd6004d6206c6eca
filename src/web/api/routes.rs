//! From declarations to routes: what is served is what is declared.

use super::{Api, Operation};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    handler::Handler,
    routing::{MethodRouter, delete, get, patch, post, put},
};
use http::Method;

/// The operations of one noun, or of all, with what serves them.
#[derive(Debug)]
pub struct Routes {
    tag: &'static str,
    pub operations: Vec<Operation>,
    pub router: Router<Api>,
}

impl Routes {
    pub fn new(tag: &'static str) -> Self {
        Self { tag, operations: Vec::new(), router: Router::new() }
    }

    #[must_use]
    pub fn get<H: Handler<T, Api>, T: 'static>(self, path: &'static str, handler: H, operation: Operation) -> Self {
        self.on(Method::GET, path, get(handler), operation)
    }
    #[must_use]
    pub fn post<H: Handler<T, Api>, T: 'static>(self, path: &'static str, handler: H, operation: Operation) -> Self {
        self.on(Method::POST, path, post(handler), operation)
    }
    #[must_use]
    pub fn patch<H: Handler<T, Api>, T: 'static>(self, path: &'static str, handler: H, operation: Operation) -> Self {
        self.on(Method::PATCH, path, patch(handler), operation)
    }
    #[must_use]
    pub fn put<H: Handler<T, Api>, T: 'static>(self, path: &'static str, handler: H, operation: Operation) -> Self {
        self.on(Method::PUT, path, put(handler), operation)
    }
    #[must_use]
    pub fn delete<H: Handler<T, Api>, T: 'static>(self, path: &'static str, handler: H, operation: Operation) -> Self {
        self.on(Method::DELETE, path, delete(handler), operation)
    }

    fn on(mut self, method: Method, path: &'static str, handler: MethodRouter<Api>, mut operation: Operation) -> Self {
        let handler = handler.layer(DefaultBodyLimit::max(operation.body_bytes_max));
        self.router = self.router.route(path, handler);
        (operation.method, operation.path, operation.tag) = (method, path, self.tag);
        self.operations.push(operation);
        self
    }

    /// Both, these first.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.router = self.router.merge(others.router);
        self.operations.extend(others.operations);
        self
    }
}

#[cfg(test)]
mod tests {
    use crate::web::api::operations;
    use std::collections::BTreeSet;

    #[test]
    fn declarations_are_whole() {
        let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
        for operation in operations() {
            let id = operation.id;
            assert!(ids.insert(id), "two operations are called {id}");
            assert!(places.insert((operation.method.to_string(), operation.path)), "{id} has the place of another");
            let braces = operation.path.split('{').skip(1).map(|part| part.split('}').next().unwrap_or_default());
            assert_eq!(braces.collect::<Vec<_>>(), operation.ids.iter().map(|id| id.name).collect::<Vec<_>>(), "the path of {id}");
            assert!(!operation.answers.is_empty(), "{id} answers nothing");
            let names: Vec<&str> = operation.parameters().map(|field| field.name).collect();
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{id} has a parameter twice");
        }
    }
}
