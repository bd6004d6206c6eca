//! Floor 3: what runs. A file is here only if it owns a queue, a task, a snapshot or a connection to the outside.

pub mod backup;
pub mod catalogue;
pub mod click_store;
pub mod click_writer;
pub mod clock;
pub mod desk;
#[expect(clippy::module_inception, reason = "the noun of the floor is also that of its composition")]
pub mod engine;
pub mod export;
pub mod feed;
pub mod folder;
pub mod gauges;
pub mod geo;
pub mod import;
pub mod keys;
pub mod ledger_batch;
pub mod ledger_writer;
pub mod node;
pub mod paid;
pub mod passing_on;
pub mod payout_file;
pub mod process;
pub mod recent;
pub mod recount;
pub mod simulate;
pub mod snapshot;
pub mod spool;
pub mod spooler;
pub mod verdict;
pub mod verify;
