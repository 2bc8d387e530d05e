//! Has the linker put the functions that a start runs beside each other.
//!
//! A command runs some 400 of this program's 12,000 functions. Where the linker
//! leaves them, they lie here and there in 10 MiB, and the system brings 2.5 MiB
//! into a process that needs 0.5, 64 KiB around each first touch. That costs
//! more than all that the command does besides waiting for the disk, and it
//! costs most when the file lies in the page cache in single pages, which is
//! how it lies after a busy day. docs/performance.md has the figures.
//!
//! The list is `first.ld`, a linker script that is inserted into the linker's
//! own; benches/README.md says how it is made. It changes where functions lie
//! and nothing else. A name that the program does not have is nothing to the
//! linker: a list that is old costs speed, never a build.
//!
//! Used for optimised programs for Linux on x86-64 with the GNU C library, where
//! both usual linkers (lld, which Rust brings, and GNU ld) understand `INSERT`.
//! Not used when somebody has chosen a linker, or has anything to tell it: there
//! are some that refuse such a script.

use std::env;

const PROGRAM: &str = "spec-kitty";
const LIST: &str = "src/link/first.ld";

fn main() {
    println!("cargo::rerun-if-changed={LIST}");
    println!("cargo::rerun-if-changed=src/link/build.rs");
    if !(is_optimised() && is_known_system() && is_usual_linker()) {
        return;
    }
    // Without a comma of ours on the way, a path may have one.
    let list = format!("{}/{LIST}", variable("CARGO_MANIFEST_DIR"));
    for argument in ["-Xlinker", "-T", "-Xlinker", &list] {
        println!("cargo::rustc-link-arg-bin={PROGRAM}={argument}");
    }
}

fn is_optimised() -> bool {
    variable("OPT_LEVEL") == "3"
}

fn is_known_system() -> bool {
    ["TARGET_ARCH", "TARGET_OS", "TARGET_ENV"].map(|name| variable(&format!("CARGO_CFG_{name}")))
        == ["x86_64", "linux", "gnu"]
}

/// Whether the linker is the one that Rust takes by itself. Options that name
/// one, or are meant for one, have "link" in their names.
fn is_usual_linker() -> bool {
    env::var_os("RUSTC_LINKER").is_none() && !variable("CARGO_ENCODED_RUSTFLAGS").contains("link")
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
