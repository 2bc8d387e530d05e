//! `clock.json` of the Python tool: read without believing it, written without
//! ever lowering it.

use std::fmt;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use crate::legacy::LegacyError;
use crate::platform;
use crate::position::Lamport;
use crate::private_file;

/// The original writes about a hundred bytes.
const MAX_BYTES: usize = 64 * 1024;

/// What a clock file says, as far as it can be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockFile {
    /// Its value.
    pub value: Lamport,
    /// Its node.
    pub node_id: Option<String>,
}

/// Why a clock file's value is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockFault {
    /// It is not a JSON object.
    Unreadable,
    /// Its value is not a whole number from 0 to 2^53 - 1.
    Value,
    /// Its value is further ahead of this home's clock than any honest clock.
    Leap,
}

impl fmt::Display for ClockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "is not a JSON object; its clock is not believed",
            Self::Value => {
                "its value is not a whole number from 0 to 9007199254740991; it is not believed"
            }
            Self::Leap => "its value is too far ahead of this home's clock; it is not believed",
        })
    }
}

impl ClockFile {
    /// What `bytes` say.
    ///
    /// # Errors
    /// [`ClockFault`] when no clock can go on from there.
    pub fn parse(bytes: &[u8]) -> Result<Self, ClockFault> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let Ok(Value::Object(clock)) = serde_json::from_slice::<Value>(bytes) else {
            return Err(ClockFault::Unreadable);
        };
        let value = clock.get("value").and_then(Value::as_u64);
        let value = value.filter(|value| Lamport(*value) <= Lamport::MAX_PLAUSIBLE);
        let node_id = clock.get("node_id").and_then(Value::as_str);
        Ok(Self {
            value: Lamport(value.ok_or(ClockFault::Value)?),
            node_id: node_id.map(str::to_owned),
        })
    }

    /// Reads the file at `path`; `None` when there is none.
    ///
    /// # Errors
    /// [`LegacyError::Io`], when it cannot be read at all.
    pub fn read(path: &Path) -> Result<Option<Result<Self, ClockFault>>, LegacyError> {
        match platform::read_regular(path, MAX_BYTES) {
            Ok(bytes) => Ok(Some(Self::parse(&bytes))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => {
                Ok(Some(Err(ClockFault::Unreadable)))
            }
            Err(source) => Err(LegacyError::io("read", path)(source)),
        }
    }

    /// Writes `clock` and `node_id` to `path` as the original does, unless a
    /// value that is at least as high is there. A believable node id that is
    /// there stays. Returns the value that the file has now.
    ///
    /// # Errors
    /// [`LegacyError`] when the old file cannot be read or the new one written.
    pub fn raise(path: &Path, clock: Lamport, node_id: &str) -> Result<Lamport, LegacyError> {
        let present = Self::read(path)?.and_then(Result::ok);
        if let Some(present) = &present
            && present.value >= clock
        {
            return Ok(present.value);
        }
        let kept = present.and_then(|present| present.node_id);
        let node_id = kept.as_deref().unwrap_or(node_id);
        private_file::replace(path, text(clock, node_id, Timestamp::now()).as_bytes())?;
        Ok(clock)
    }
}

/// The file as the original writes it: indented by two, no line break behind.
fn text(clock: Lamport, node_id: &str, now: Timestamp) -> String {
    let updated_at = format!("{now:.6}").replace('Z', "+00:00");
    let node_id = Value::from(node_id);
    format!(
        "{{\n  \"value\": {clock},\n  \"node_id\": {node_id},\n  \"updated_at\": \"{updated_at}\"\n}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plausible_value_is_believed() {
        for value in [
            "9007199254740992",
            "1e3",
            "-5",
            "42.5",
            "true",
            "null",
            "\"42\"",
            "[42]",
        ] {
            let text = format!("{{\"value\": {value}}}");
            assert_eq!(
                ClockFile::parse(text.as_bytes()),
                Err(ClockFault::Value),
                "{value}"
            );
        }
        for text in ["", "[]", "{\"value\": 4", "42"] {
            assert_eq!(
                ClockFile::parse(text.as_bytes()),
                Err(ClockFault::Unreadable)
            );
        }
        let marked = "\u{feff}{\"value\": 42, \"node_id\": \"b805cd5cee74\"}";
        assert_eq!(
            ClockFile::parse(marked.as_bytes()).unwrap().value,
            Lamport(42)
        );
    }

    #[test]
    fn a_clock_that_is_there_is_never_lowered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clock.json");
        let raise = |value| {
            ClockFile::raise(&path, Lamport(value), "b805cd5cee74")
                .unwrap()
                .0
        };
        assert_eq!((raise(7), raise(3), raise(9)), (7, 7, 9));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with(
                "{\n  \"value\": 9,\n  \"node_id\": \"b805cd5cee74\",\n  \"updated_at\": \"20"
            ),
            "{text}"
        );
        assert!(text.ends_with("+00:00\"\n}"), "{text}");
        std::fs::write(&path, "[]").unwrap();
        assert_eq!(raise(5), 5, "what nobody can go on from is replaced");
    }
}
