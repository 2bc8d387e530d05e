//! A program that is all of spec-kitty, and does nothing: what it costs to start
//! a program of that size. With an argument it is spec-kitty, so that nothing of
//! it can be left out.

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args_os().nth(1) {
        None => ExitCode::SUCCESS,
        Some(_) => spec_kitty::cli::main(),
    }
}
