//! The `spec-kitty` program. Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    spec_kitty::cli::main()
}
