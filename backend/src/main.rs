//! The `langoverrule` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    langoverrule::cli::main()
}
