//! What the fuzz targets do with their bytes.
//!
//! Each module has one function `run` that takes any bytes and panics when a
//! promise is broken. libFuzzer calls it with new bytes (`fuzz_targets/`), and
//! `tests/fuzz_corpus.rs` calls it with the checked-in ones on every test run.
//!
//! Most parsers of the log stand behind a checksum, which random bytes never
//! pass. So the first byte of an input can ask for the checksums to be made
//! right first: then what lies behind them is fuzzed too.

pub mod batch_response;
pub mod draft_json;
pub mod event_body;
pub mod frame_decode;
pub mod front_matter;
pub mod header_decode;
pub mod import;
mod input;
mod memory;
pub mod reader_dir;
mod script;
pub mod segment_scan;
pub mod server_frame;
pub mod task_files;

/// The name of a target and its function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("batch_response", batch_response::run),
    ("draft_json", draft_json::run),
    ("event_body", event_body::run),
    ("frame_decode", frame_decode::run),
    ("front_matter", front_matter::run),
    ("header_decode", header_decode::run),
    ("import", import::run),
    ("reader_dir", reader_dir::run),
    ("segment_scan", segment_scan::run),
    ("server_frame", server_frame::run),
    ("task_files", task_files::run),
];
