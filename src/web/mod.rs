//! Floor 4: HTTP. The edge answers redirects and postbacks on its own runtime; the router has the rest.

pub mod cookie;
pub mod edge;
pub mod headers;
pub mod intake;
pub mod json;
pub mod problem;
pub mod redirect;
