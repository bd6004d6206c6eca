//! The program: everything is in the library, so that tests and other programs can use it.
use std::process::ExitCode;

fn main() -> ExitCode {
    ristourne::app::cli::main()
}
