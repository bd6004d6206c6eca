//! Floor 5: the command line (one file a command), configuration, start and stop, telemetry, and the demo.

pub mod failure;
pub mod telemetry;
