//! Floor 2: other people's bytes to our types and back. Pure.

pub mod ledger;
pub mod postback;
