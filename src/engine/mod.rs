//! Floor 3: what runs. A file is here only if it owns a queue, a task, a snapshot or a connection to the outside.

pub mod clock;
pub mod recent;

pub mod export;
pub mod ledger_batch;
pub mod ledger_writer;
pub mod verify;
