//! Who a home is, the very first time: its node id and where its clock starts.
//!
//! Asked once in the life of a home, when its first segment is made; from then
//! on every segment header carries the node id, and the log alone decides.
//! `clock.json` of the Python tool is believed as far as it is plausible, so
//! that a node keeps its id and never issues a clock value twice; what is not
//! plausible in it is left out and said.
//!
//! A second home of the same user is another node: with the id of the first it
//! would issue the same clock values for other events.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::home::Home;
use crate::log::append::NodeIdentity;
use crate::log::header::NodeId;
use crate::log::segment::LogDir;
use crate::log::storage::Disk;
use crate::platform;
use crate::position::Lamport;

/// The original writes about a hundred bytes.
const MAX_CLOCK_BYTES: usize = 64 * 1024;

/// What a home begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The node id: that of `clock.json` if there is one, else worked out.
    pub(super) node_id: NodeId,
    /// The highest clock value known from before; zero when there is none.
    pub(super) clock: Lamport,
    /// What of `clock.json` was left out.
    pub(super) note: Option<OriginNote>,
}

/// What of an old clock file was not taken over.
///
/// ```
/// use spec_kitty::emitter::{EmitNote, EventEmitter, OriginNote};
/// use spec_kitty::event::{EntryType, HistoryAdded};
/// use spec_kitty::home::Home;
///
/// let dir = tempfile::tempdir()?;
/// let home = Home::at(dir.path());
/// std::fs::write(home.legacy_clock_file(), r#"{"value": "many"}"#)?;
///
/// let emitter = EventEmitter::new(home, dir.path());
/// let emission = emitter.emit_payload(HistoryAdded::new("WP01", EntryType::Note, "x"), None);
/// assert!(emission.is_recorded()); // with a clock that starts anew, and said
/// let told = |note: &EmitNote| matches!(note, EmitNote::Origin(OriginNote::Value));
/// assert!(emission.notes.iter().any(told));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginNote {
    /// The file is there and cannot be read as a JSON object.
    Unreadable,
    /// Its value is not a whole number from 0 to 2^53 - 1.
    Value,
    /// Its node id is not one that the original made: 12 hexadecimal digits.
    NodeId,
}

impl fmt::Display for OriginNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "clock.json cannot be read; the clock starts anew",
            Self::Value => "clock.json holds no plausible value; the clock starts anew",
            Self::NodeId => "clock.json holds no usable node id; it was worked out anew",
        })
    }
}

/// What `home` begins with on this machine, for this user.
pub(super) fn origin(home: &Home) -> Origin {
    let clock_json = match platform::read_regular(&home.legacy_clock_file(), MAX_CLOCK_BYTES) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(_) => Some(Vec::new()),
    };
    let computed = match second_home(home, Home::of_user().as_ref()) {
        Some(path) => node_of_second(&platform::host_name(), &platform::user_name(), &path),
        None => this_node().node_id,
    };
    origin_from(clock_json.as_deref(), computed)
}

/// The path of `home` when it is not the user's own and that one is in use: it
/// has a log, or a clock of the Python tool.
fn second_home(home: &Home, own: Option<&Home>) -> Option<PathBuf> {
    let resolved = |home: &Home| fs::canonicalize(home.root());
    // A home that was never made is not in use.
    let own = own.and_then(|own| Some((own, resolved(own).ok()?)));
    let (own, own_path) = own?;
    let path = resolved(home).or_else(|_| std::path::absolute(home.root()));
    let path = path.unwrap_or_else(|_| home.root().to_owned());
    if path == own_path {
        return None;
    }
    let has_log = LogDir::new(own.log_dir(), Arc::new(Disk))
        .ordinals()
        .is_ok_and(|ordinals| !ordinals.is_empty());
    let is_used = has_log || own.legacy_clock_file().is_file();
    is_used.then_some(path)
}

/// The node id of a second home: the start of SHA-256 over `host:user:path`.
fn node_of_second(host: &str, user: &str, path: &Path) -> NodeId {
    let mut hasher = Sha256::new();
    hasher.update(format!("{host}:{user}:"));
    hasher.update(path.as_os_str().as_encoded_bytes());
    let digest: [u8; 32] = hasher.finalize().into();
    let [a, b, c, d, e, f, ..] = digest;
    NodeId::from_bytes([a, b, c, d, e, f])
}

/// The node that this machine and user are by themselves.
pub(super) fn this_node() -> NodeIdentity {
    node_of(&platform::host_name(), &platform::user_name())
}

/// The original's node id, the start of SHA-256 over `host:user`; a longer
/// start of it tells whether a home was moved to another node.
fn node_of(host: &str, user: &str) -> NodeIdentity {
    let digest: [u8; 32] = Sha256::digest(format!("{host}:{user}").as_bytes()).into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    NodeIdentity {
        node_id: NodeId::from_bytes([a, b, c, d, e, f]),
        facts: [a, b, c, d, e, f, g, h],
    }
}

fn origin_from(clock_json: Option<&[u8]>, computed: NodeId) -> Origin {
    let mut origin = Origin {
        node_id: computed,
        clock: Lamport(0),
        note: None,
    };
    let Some(bytes) = clock_json else {
        return origin;
    };
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let Ok(Value::Object(clock)) = serde_json::from_slice::<Value>(bytes) else {
        origin.note = Some(OriginNote::Unreadable);
        return origin;
    };
    if let Some(stored) = clock.get("node_id") {
        match stored.as_str().and_then(NodeId::parse) {
            Some(node_id) => origin.node_id = node_id,
            None => origin.note = Some(OriginNote::NodeId),
        }
    }
    match clock.get("value").and_then(Value::as_u64) {
        Some(value) if value <= Lamport::MAX_PLAUSIBLE.0 => origin.clock = Lamport(value),
        _ => origin.note = Some(OriginNote::Value),
    }
    origin
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPUTED: &str = "0123456789ab";
    const STORED: &str = "b805cd5cee74";

    fn from(text: &str) -> (u64, String, Option<OriginNote>) {
        let origin = origin_from(Some(text.as_bytes()), NodeId::parse(COMPUTED).unwrap());
        (origin.clock.0, origin.node_id.to_string(), origin.note)
    }

    #[test]
    fn the_node_id_is_the_originals() {
        assert_eq!(node_of("vm", "root").node_id.as_str(), STORED);
    }

    #[test]
    fn a_second_home_is_another_node_and_only_while_the_first_is_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let [own, other] = ["own", "other"].map(|name| Home::at(dir.path().join(name)));
        let second = |home| second_home(home, Some(&own));
        assert_eq!(second(&other), None, "there is no first one");
        own.create().unwrap();
        own.create_child(&own.log_dir()).unwrap();
        assert_eq!(second(&other), None, "nothing was recorded in it");
        for file in [
            own.legacy_clock_file(),
            own.log_dir().join("0000000001.seg"),
        ] {
            fs::write(&file, "").unwrap();
            assert!(second(&other).is_some(), "{}", file.display());
            fs::remove_file(&file).unwrap();
        }
        fs::write(own.legacy_clock_file(), "").unwrap();
        assert_eq!(second(&own), None);
        let roundabout = Home::at(dir.path().join("own/../own"));
        assert_eq!(second(&roundabout), None, "the same place by another way");
        assert_eq!(second_home(&other, None), None);
        let [one, two] = ["a", "b"].map(|path| node_of_second("vm", "root", Path::new(path)));
        assert!(one != two && one != node_of("vm", "root").node_id);
    }

    #[test]
    fn a_plausible_clock_file_is_taken_over() {
        let text = r#"{"value": 42, "node_id": "b805cd5cee74", "updated_at": "x"}"#;
        assert_eq!(from(text), (42, STORED.to_owned(), None));
        let marked = format!("\u{feff}{text}");
        assert_eq!(from(&marked), (42, STORED.to_owned(), None));
        assert_eq!(
            from(r#"{"value": 9007199254740991, "node_id": "b805cd5cee74"}"#),
            (9_007_199_254_740_991, STORED.to_owned(), None)
        );
        assert_eq!(from(r#"{"value": 7}"#), (7, COMPUTED.to_owned(), None));
        let none = origin_from(None, NodeId::parse(COMPUTED).unwrap());
        assert_eq!((none.clock, none.note), (Lamport(0), None));
    }

    #[test]
    fn a_hostile_value_does_not_poison_the_clock() {
        for value in [
            "9007199254740992",
            "9223372036854775807",
            "18446744073709551616",
            "1000000000000000000000000000000",
            "1e3",
            "-5",
            "42.5",
            "42.0",
            "true",
            "null",
            "\"42\"",
            "[42]",
        ] {
            let text = format!(r#"{{"value": {value}, "node_id": "{STORED}"}}"#);
            let expected = (0, STORED.to_owned(), Some(OriginNote::Value));
            assert_eq!(from(&text), expected, "{value}");
        }
    }

    #[test]
    fn what_is_no_clock_file_is_left_out_and_said() {
        let deep = "[".repeat(10_000);
        for text in [
            "",
            "[]",
            "{\n  \"value\": 42,\n  \"node_",
            "42",
            "NaN",
            &deep,
        ] {
            let expected = (0, COMPUTED.to_owned(), Some(OriginNote::Unreadable));
            assert_eq!(from(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_node_id_that_the_original_did_not_make_is_left_out_and_said() {
        for node_id in [
            "null",
            "7",
            "\"\"",
            "\"alice-laptop-abc123\"",
            "\"B805CD5CEE74\"",
        ] {
            let text = format!(r#"{{"value": 1, "node_id": {node_id}}}"#);
            let expected = (1, COMPUTED.to_owned(), Some(OriginNote::NodeId));
            assert_eq!(from(&text), expected, "{node_id}");
        }
    }
}
