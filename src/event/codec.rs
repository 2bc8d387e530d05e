//! The header in front of an event's JSON: the only module that knows bincode.
//!
//! Readers filter, and the sender cuts its chunks, by these few fields without
//! parsing any JSON. The crate behind it is no longer maintained, so it is
//! fenced in here: one call, one plain struct, a limit, and golden vectors
//! that pin the bytes. The subset is small enough to be written by hand where
//! it is done for every event: what is an event's own is written so, between
//! the bytes that are the same in all events of a call, and headers are read so
//! (see `read`).
//!
//! # Bytes
//!
//! ```text
//! body     = version (1 byte, 1) header json
//! header   = event_id event_type aggregate_type aggregate_id node_id : text
//!            lamport : unsigned, timestamp_us : signed
//!            team project feature causation_id : optional text
//!            target : 16 bytes as they are
//!            flags  : 1 byte, bit 0 = the project opted out, bits 3 to 7 =
//!                     how often it was refused before it was imported
//! text     = length in bytes : unsigned, then UTF-8
//! optional = 0, or 1 and the value
//! unsigned = one byte up to 250; 251 and 2 bytes; 252 and 4 bytes; 253 and 8
//!            bytes, little endian
//! signed   = unsigned, zigzag: 0, -1, 1, -2 … are 0, 1, 2, 3 …
//! json     = the rest, from `{` to `}`
//! ```
//!
//! The struct is never reordered. Another layout gets another version byte.

use serde::Serialize;
use thiserror::Error;

use super::MAX_OWN_JSON;
use crate::target::TargetId;

mod flags;
mod read;

pub use flags::Flags;

/// The longest header, in bytes.
pub const MAX_HEADER_BYTES: usize = 4096;

/// The version byte of the layout described above.
const VERSION: u8 = 1;

/// bincode counts eight bytes for every number however short it was written,
/// so the limit on decoding lies above the longest header.
const DECODE_LIMIT: usize = MAX_HEADER_BYTES + 256;

const CONFIG: bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    bincode::config::Limit<DECODE_LIMIT>,
> = bincode::config::standard().with_limit::<DECODE_LIMIT>();

/// What filters and the sender need to know of an event, borrowed from the
/// bytes it was read from.
///
/// Everything here may come from elsewhere (imports, a damaged or forged file):
/// texts are UTF-8 and bounded by [`MAX_HEADER_BYTES`], no more than that.
///
/// ```
/// use spec_kitty::emitter::{EventEmitter, log_of};
/// use spec_kitty::event::{EntryType, HistoryAdded, decode_body};
/// use spec_kitty::home::Home;
/// use spec_kitty::log::backward::Backward;
///
/// let dir = tempfile::tempdir()?;
/// let home = Home::at(dir.path());
/// let emitter = EventEmitter::new(home.clone(), dir.path());
/// let note = HistoryAdded::new("WP01", EntryType::Note, "begun").feature("028-x");
/// assert!(emitter.emit_payload(note, None).is_recorded());
///
/// // Which work package and which feature: told without parsing any JSON.
/// let mut newest = Backward::new(log_of(&home).dir().clone())?;
/// let item = newest.step()?.ok_or("an event was recorded")?;
/// let (header, _json) = decode_body(item.body)?;
/// assert_eq!((header.aggregate_id, header.feature), ("WP01", Some("028-x")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct EventHeader<'a> {
    /// The event's id as text; read it with [`super::EventId::parse`].
    pub event_id: &'a str,
    /// The event's type; imported events know more types than we do.
    pub event_type: &'a str,
    /// The kind of thing the event is about.
    pub aggregate_type: &'a str,
    /// The thing the event is about.
    pub aggregate_id: &'a str,
    /// The node that made the event.
    pub node_id: &'a str,
    /// The event's own Lamport value.
    pub lamport: u64,
    /// The event's time, in microseconds since 1970.
    pub timestamp_us: i64,
    /// The team it was recorded for.
    #[cfg_attr(test, serde(borrow))]
    pub team: Option<&'a str>,
    /// The project's UUID.
    #[cfg_attr(test, serde(borrow))]
    pub project: Option<&'a str>,
    /// The feature's slug.
    #[cfg_attr(test, serde(borrow))]
    pub feature: Option<&'a str>,
    /// The event that caused it.
    #[cfg_attr(test, serde(borrow))]
    pub causation_id: Option<&'a str>,
    /// Where it may go.
    pub target: TargetId,
    /// What else is known of it.
    pub flags: Flags,
}

/// Why an event's body cannot be written or read.
///
/// ```
/// use spec_kitty::event::{BodyError, MAX_HEADER_BYTES, decode_body};
///
/// assert!(matches!(decode_body(b""), Err(BodyError::Empty)));
/// let later = decode_body(&[9]);
/// assert!(matches!(later, Err(BodyError::UnknownLayout { version: 9 })));
/// let bytes = MAX_HEADER_BYTES + 1;
/// let long = BodyError::HeaderTooLong { bytes }.to_string();
/// assert_eq!(long, "the event's header would be 4097 bytes long, at most 4096 fit");
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The header's texts are too long.
    #[error("the event's header would be {bytes} bytes long, at most {MAX_HEADER_BYTES} fit")]
    HeaderTooLong {
        /// How long it would be.
        bytes: usize,
    },
    /// The header could not be encoded.
    #[error("the event's header cannot be written")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The JSON is longer than an event of our own may be.
    #[error("the event would be {bytes} bytes long, at most {MAX_OWN_JSON} are allowed")]
    TooLong {
        /// How long its JSON would be.
        bytes: usize,
    },
    /// A name that must not be empty is empty.
    #[error("the event's {field} is empty")]
    Nameless {
        /// The key in the envelope.
        field: &'static str,
    },
    /// There is not a single byte.
    #[error("the event's body is empty")]
    Empty,
    /// The body has a layout that this program does not know.
    #[error("the event's body has layout {version}, which this spec-kitty does not know")]
    UnknownLayout {
        /// Its version byte.
        version: u8,
    },
    /// The header's bytes make no sense.
    #[error("the event's header cannot be read")]
    Decode(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What follows the header is not an object.
    #[error("the event's JSON is not an object")]
    NotObject,
}

/// Appends a body to `out`: version, header, JSON as it is.
///
/// # Errors
///
/// When the header is longer than [`MAX_HEADER_BYTES`] or the JSON is not an
/// object; `out` is then as it was.
pub fn encode_body(
    header: &EventHeader<'_>,
    json: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), BodyError> {
    if !is_object(json) {
        return Err(BodyError::NotObject);
    }
    encode_header(header, out)?;
    out.extend_from_slice(json);
    Ok(())
}

/// Appends version and header, after which the JSON must follow.
fn encode_header(header: &EventHeader<'_>, out: &mut Vec<u8>) -> Result<(), BodyError> {
    let start = out.len();
    out.push(VERSION);
    let written = push_encoded(header, out);
    written
        .and_then(|()| check_length(out, start))
        .inspect_err(|_| out.truncate(start))
}

/// What the headers of all events of a call have in common, encoded once.
#[derive(Debug)]
pub(super) struct CommonHeader {
    node: Vec<u8>,
    /// From the time to the project.
    place: Vec<u8>,
    /// The target and the flags.
    end: Vec<u8>,
}

/// What is an event's own in its header.
pub(super) struct OwnHeader<'a> {
    pub(super) event_id: &'a str,
    pub(super) event_type: &'a str,
    pub(super) aggregate_type: &'a str,
    pub(super) aggregate_id: &'a str,
    pub(super) lamport: u64,
    pub(super) feature: Option<&'a str>,
    pub(super) causation_id: Option<&'a str>,
}

impl CommonHeader {
    /// The common part of the headers that have the same node, time, team,
    /// project, target and flags as this one.
    pub(super) fn of(header: &EventHeader<'_>) -> Result<Self, BodyError> {
        let [mut node, mut place, mut end] = [16, 96, 32].map(Vec::with_capacity);
        push_encoded(&header.node_id, &mut node)?;
        let EventHeader {
            timestamp_us,
            team,
            project,
            ..
        } = header;
        push_encoded(&(timestamp_us, team, project), &mut place)?;
        push_encoded(&(header.target, header.flags), &mut end)?;
        Ok(Self { node, place, end })
    }

    /// Appends version and header, as [`encode_header`] does.
    pub(super) fn push(&self, own: &OwnHeader<'_>, out: &mut Vec<u8>) -> Result<(), BodyError> {
        let start = out.len();
        out.push(VERSION);
        push_text(own.event_id, out);
        push_text(own.event_type, out);
        push_text(own.aggregate_type, out);
        push_text(own.aggregate_id, out);
        out.extend_from_slice(&self.node);
        push_unsigned(own.lamport, out);
        out.extend_from_slice(&self.place);
        push_optional(own.feature, out);
        push_optional(own.causation_id, out);
        out.extend_from_slice(&self.end);
        check_length(out, start).inspect_err(|_| out.truncate(start))
    }
}

fn push_encoded(value: &impl Serialize, out: &mut Vec<u8>) -> Result<(), BodyError> {
    bincode::serde::encode_into_std_write(value, out, CONFIG)
        .map(|_| ())
        .map_err(|error| BodyError::Encode(Box::new(error)))
}

/// Whether what was appended from `start` on, a version byte and a header, is
/// within the limit.
fn check_length(out: &[u8], start: usize) -> Result<(), BodyError> {
    match out.len().saturating_sub(start + 1) {
        bytes if bytes > MAX_HEADER_BYTES => Err(BodyError::HeaderTooLong { bytes }),
        _ => Ok(()),
    }
}

fn push_optional(text: Option<&str>, out: &mut Vec<u8>) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        push_text(text, out);
    }
}

fn push_text(text: &str, out: &mut Vec<u8>) {
    push_unsigned(u64::try_from(text.len()).unwrap_or(u64::MAX), out);
    out.extend_from_slice(text.as_bytes());
}

fn push_unsigned(value: u64, out: &mut Vec<u8>) {
    if let Ok(byte @ ..=250) = u8::try_from(value) {
        out.push(byte);
    } else if let Ok(value) = u16::try_from(value) {
        out.push(251);
        out.extend_from_slice(&value.to_le_bytes());
    } else if let Ok(value) = u32::try_from(value) {
        out.push(252);
        out.extend_from_slice(&value.to_le_bytes());
    } else {
        out.push(253);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Splits a body into its header and its JSON, copying neither.
///
/// The JSON is not parsed; it begins with `{` and ends with `}`.
///
/// # Errors
///
/// When the body is empty, has a layout newer than this program, or is not as
/// described in the module. Never panics and never allocates for a length that is not there.
///
/// ```
/// use spec_kitty::emitter::{EventEmitter, log_of};
/// use spec_kitty::event::{Lane, WpStatusChanged, decode_body};
/// use spec_kitty::home::Home;
/// use spec_kitty::log::{read::Step, reader::Reader};
/// use spec_kitty::position::Seq;
///
/// let dir = tempfile::tempdir()?;
/// let home = Home::at(dir.path());
/// let emitter = EventEmitter::new(home.clone(), dir.path());
/// emitter.emit_payload(WpStatusChanged::new("WP01", Lane::Planned, Lane::Doing), None);
///
/// let mut reader = Reader::new(log_of(&home).dir().clone(), Seq(1));
/// let Step::Frame(item) = reader.step()? else {
///     panic!("an event was recorded");
/// };
/// let (header, json) = decode_body(item.body)?;
/// assert_eq!(header.event_type, "WPStatusChanged");
/// let event: serde_json::Value = serde_json::from_slice(json)?;
/// assert_eq!(event["payload"]["new_status"], "doing");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode_body(body: &[u8]) -> Result<(EventHeader<'_>, &[u8]), BodyError> {
    let (version, rest) = body.split_first().ok_or(BodyError::Empty)?;
    if *version != VERSION {
        return Err(BodyError::UnknownLayout { version: *version });
    }
    let (header, json) = read::header(rest).map_err(|fault| BodyError::Decode(Box::new(fault)))?;
    let bytes = rest.len().saturating_sub(json.len());
    if bytes > MAX_HEADER_BYTES {
        return Err(BodyError::HeaderTooLong { bytes });
    }
    if is_object(json) {
        Ok((header, json))
    } else {
        Err(BodyError::NotObject)
    }
}

fn is_object(json: &[u8]) -> bool {
    matches!(json, [b'{', .., b'}'])
}

/// What bincode makes of a header, and of how many bytes: what is read by hand is
/// held against it.
#[cfg(test)]
fn read_by_bincode(bytes: &[u8]) -> Option<(EventHeader<'_>, usize)> {
    bincode::serde::borrow_decode_from_slice(bytes, CONFIG).ok()
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
