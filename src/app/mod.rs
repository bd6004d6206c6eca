//! Floor 5: the command line (one file a command), configuration, start and stop, telemetry, and the demo.

pub mod backup;
pub mod cli;
pub mod completions;
pub mod config;
pub mod demo;
pub mod explain;
pub mod export;
pub mod failure;
pub mod import;
pub mod key;
pub mod key_list;
pub mod key_ring;
pub mod opening;
pub mod payout;
pub mod serve;
pub mod server;
pub mod simulate;
pub mod telemetry;
pub mod verify;
