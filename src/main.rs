//! The program: everything is in the library, so that tests and other programs can use it.
use std::process::ExitCode;

/// glibc's takes a quarter of a redirect's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ristourne::app::cli::main()
}
