//! Floor 2: the only SQL. One file an aggregate; a private row struct becomes a domain type, or an error naming table, column and row.
//!
//! The core, shared by every file of the folder: [`db`] (database, transaction, the verbs `run`, `one`, `all`, `commit`), [`sql`]
//! (registered statements, arguments), [`filter`] (lists), [`bulk`] (many rows), [`error`], [`migrate`], [`turn`].
//!
//! To add an aggregate: a file with `statements!`, private rows and functions in the field's nouns that take `&mut Tx`; then its line
//! below and in [`statements`].
pub mod audit;
pub mod bulk;
pub mod db;
pub mod error;
pub mod filter;
pub mod migrate;
pub mod sql;
pub mod turn;

pub use db::{Db, Kind, Options, Tx};
pub use error::StoreError;

/// The statements of every file, for the test that prepares each on both databases.
pub fn statements() -> Vec<&'static [sql::Sql]> {
    vec![audit::ALL]
}
