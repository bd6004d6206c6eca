//! The one integration binary: everything that needs a database, a server or the sources.
mod currencies;
mod store;
mod support;
mod tidy;
