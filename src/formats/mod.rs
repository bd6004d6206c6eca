//! See the floor plan in lib.rs.
pub mod ledger;
