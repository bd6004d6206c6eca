//! The one integration binary: everything that needs a database, a server or the sources.
mod currencies;
mod engine_catalogue;
mod engine_clicks;
mod engine_node;
mod store;
mod store_batch;
mod store_rows;
mod store_world;
mod support;
mod tidy;
