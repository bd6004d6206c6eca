//! Floor 4: HTTP. The edge answers redirects and postbacks on its own runtime; the router has the rest.

pub mod actor;
pub mod api;
pub mod cookie;
pub mod docs;
mod document;
pub mod edge;
pub mod headers;
pub mod health;
pub mod idempotency;
pub mod intake;
pub mod json;
pub mod limits;
pub mod openapi;
pub mod page;
pub mod paper;
pub mod problem;
pub mod redirect;
pub mod router;
pub mod sheet;
