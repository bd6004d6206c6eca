//! What goes out: one thing, a page of a list, a whole list.

use crate::web::json;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

/// Which part of a list: at most `limit` rows that follow the one of the cursor.
#[derive(Debug, Clone, Copy)]
pub struct Page<C> {
    pub limit: i64,
    pub after: Option<C>,
}

#[derive(Serialize)]
struct List<T> {
    data: Vec<T>,
    next: Option<String>,
}

impl<C> Page<C> {
    /// One row more than a page holds: it tells whether there is a next one.
    pub fn rows(&self) -> i64 {
        self.limit + 1
    }

    /// Cuts the rows to the page and answers it; `cursor` names a row for `after`.
    pub fn answer<R, T: Serialize>(&self, mut rows: Vec<R>, cursor: impl FnOnce(&R) -> String, view: impl FnMut(R) -> T) -> Response {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(cursor);
        json::answer(StatusCode::OK, &List { data: rows.into_iter().map(view).collect(), next })
    }
}

/// A list that holds nothing.
pub fn empty() -> Response {
    whole::<()>(Vec::new())
}

/// A list that is whole.
pub fn whole<T: Serialize>(data: Vec<T>) -> Response {
    json::answer(StatusCode::OK, &List { data, next: None })
}

pub fn ok(value: &impl Serialize) -> Response {
    json::answer(StatusCode::OK, value)
}
