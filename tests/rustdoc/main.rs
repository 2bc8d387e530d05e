//! Every public item of the library shows how it is used.
//!
//! The library is what the documentation shows: every public item of `src/`
//! that is in no module, and behind no re-export, marked `#[doc(hidden)]`.
//! `cargo test --doc` compiles and runs the examples that there are; this test
//! says which are missing.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod sources;

use std::collections::{BTreeMap, BTreeSet};

use sources::{Library, join};

/// Items without an example of their own, and the item whose example shows them:
/// mostly errors, which come out of a function, and parts of a value.
const SHOWN_BY: &[(&str, &str)] = &[
    ("auth::client::LoginError", "auth::client::login"),
    ("auth::client::RefreshError", "auth::client::refresh"),
    ("auth::http::Limits", "auth::http::Client"),
    ("auth::http::NoAnswer", "auth::client::login"),
    ("auth::http::SetupError", "auth::http::Client"),
    (
        "emitter::project::file::FileFault",
        "emitter::project::ProjectProblem",
    ),
    ("log::append::NodeIdentity", "log::append::Log"),
    ("log::backward::Backward", "event::codec::EventHeader"),
    ("log::frame::Fault", "log::read::Damage"),
    ("log::header::Pressure", "log::append::Log"),
    ("log::outcome::Appended", "log::append::Log"),
    ("log::outcome::Outcome", "log::append::Log"),
    ("log::outcome::Placed", "log::append::Log"),
    ("log::read::Item", "log::verify::verify"),
    ("log::read::Reason", "log::read::Damage"),
    ("log::record::Record", "log::append::Log"),
    ("log::record::Refused", "log::append::Log"),
    ("log::record::Stamp", "log::append::Log"),
    ("log::record::Tick", "log::append::Log"),
    ("log::scan::SeqRange", "log::read::Damage"),
    ("log::segment::LogDir", "log::reader::Reader"),
    ("log::storage::Disk", "log::storage::Storage"),
    ("log::storage::Held", "log::storage::Idle"),
    ("log::storage::StoredFile", "log::storage::Storage"),
    ("log::verify::Verdict", "log::verify::verify"),
    ("log::verify::Writers", "log::verify::verify"),
    ("state::StateError", "state::ledger::apply::LedgerFull"),
    ("state::ledger::Cursor", "state::ledger::commit::Outcome"),
    ("state::ledger::DeliveryState", "state::ledger::Ledger"),
    ("state::ledger::Exception", "state::ledger::commit::Refusal"),
    ("state::ledger::Standing", "state::ledger::commit::Refusal"),
    ("state::ledger::Stream", "state::ledger::commit::Outcome"),
    (
        "state::ledger::TargetLedger",
        "state::ledger::commit::Answer",
    ),
    (
        "state::ledger::commit::Retry",
        "state::ledger::commit::Refusal",
    ),
    ("sync::daemon::DaemonError", "sync::daemon::run"),
    ("sync::daemon::Duty", "sync::daemon::run"),
    ("sync::daemon::Left", "sync::daemon::run"),
    ("sync::daemon::host::Errands", "sync::daemon::host::Host"),
    ("sync::gate::Closed", "sync::gate::account_gate"),
    ("sync::setting::Pace", "sync::setting::Setting"),
    ("sync::setting::Progress", "sync::setting::Setting"),
    ("sync::status::Counted", "sync::status::Status"),
];

/// Whether the code has this word in it.
fn mentions(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.split(|c| !is_part(c)).any(|found| found == word)
}

#[test]
fn every_public_item_has_an_example() {
    let mut library = Library::default();
    let mut shown = BTreeSet::new();
    library.shown_in("", &mut shown);
    assert!(shown.len() > 100, "the sources were not understood");
    let by_path: BTreeMap<String, &(String, String)> =
        shown.iter().map(|at| (join(&at.0, &at.1), at)).collect();
    let has_one = |at: &(String, String)| {
        let item = library.item(at);
        !item.examples.is_empty()
            || (item.is_value && mentions(&library.modules[&at.0].examples, &at.1))
    };
    let exceptions: BTreeMap<&str, &str> = SHOWN_BY.iter().copied().collect();

    let without = by_path.iter().filter(|(_, at)| !has_one(at));
    let without: BTreeSet<&str> = without.map(|(path, _)| path.as_str()).collect();
    let listed: BTreeSet<&str> = exceptions.keys().copied().collect();
    let missing: Vec<&&str> = without.difference(&listed).collect();
    assert!(missing.is_empty(), "without an example: {missing:#?}");
    let stale: Vec<&&str> = listed.difference(&without).collect();
    assert!(stale.is_empty(), "need not be listed: {stale:#?}");

    for (path, shower) in exceptions {
        let by = by_path.get(shower);
        let by = by.unwrap_or_else(|| panic!("{path}: there is no {shower}"));
        let name = path.rsplit("::").next().unwrap();
        let shows = mentions(&library.item(by).examples, name);
        assert!(shows, "no example of {shower} has {name} in it");
    }
}
