//! Floor 2: other people's bytes to our types and back. Pure.

pub mod csv;
pub mod fec;
pub mod ledger;
pub mod pain001;
pub mod postback;
pub mod setup;
pub mod transfers;
pub mod verdict;
