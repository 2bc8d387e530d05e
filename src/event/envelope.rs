//! The envelope: what surrounds a payload, and how it is written.
//!
//! The keys and their order are those of the original tool, so that a diff of
//! two wires shows what differs and nothing else. One thing is different: an
//! event recorded without a team has no `team_slug` key; [`splice_team`] adds
//! it as the last key when the event is sent, and changes no other byte.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::position::Lamport;
use crate::target::TargetId;

use super::MAX_OWN_JSON;
use super::codec::{BodyError, EventHeader, Flags, encode_header};
use super::date_time::push_timestamp;
use super::draft::Draft;
use super::id::EventId;
use super::json::{push_text, text_len};

/// What an event is recorded with, beyond its draft: who, where, when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The node: a hash, never a name. Must not be empty.
    pub node_id: String,
    /// The team of whoever is signed in. Not empty when there.
    pub team_slug: Option<String>,
    /// The project's identity; without it the event is held back.
    pub project_uuid: Option<String>,
    /// The project's name.
    pub project_slug: Option<String>,
    /// The branch, `HEAD` when detached.
    pub git_branch: Option<String>,
    /// The commit.
    pub head_commit_sha: Option<String>,
    /// `owner/repo` of the remote.
    pub repo_slug: Option<String>,
    /// When it was recorded, in microseconds since 1970. Information only: the
    /// clock that orders events is the Lamport clock.
    pub timestamp_us: i64,
    /// Where the event may go; [`TargetId::SIGNED_OUT`] when nobody is signed in.
    pub target: TargetId,
    /// Whether the project opted out: recorded, never sent.
    pub opted_out: bool,
}

/// The JSON of an event: one line, compact, UTF-8, no newline at the end.
#[must_use]
pub fn render(draft: &Draft, context: &Context, id: &EventId, lamport: Lamport) -> Vec<u8> {
    const USUAL_ENVELOPE_BYTES: usize = 512;
    let mut out = Vec::with_capacity(draft.payload().len() + USUAL_ENVELOPE_BYTES);
    push_event(&mut out, draft, context, id, lamport);
    out
}

/// Appends the body of an event's frame to `out`: its header, then its JSON.
///
/// # Errors
///
/// When the JSON is longer than [`MAX_OWN_JSON`], or the context has an empty
/// node or team, or absurdly long names; `out` is then as it was. What is
/// written otherwise passes [`super::validate_recorded`].
pub fn encode_event(
    draft: &Draft,
    context: &Context,
    id: &EventId,
    lamport: Lamport,
    out: &mut Vec<u8>,
) -> Result<(), BodyError> {
    if context.node_id.is_empty() {
        return Err(BodyError::Nameless { field: "node_id" });
    }
    if context.team_slug.as_deref() == Some("") {
        return Err(BodyError::Nameless { field: "team_slug" });
    }
    let (mut id_buffer, mut cause_buffer) = ([0; 26], [0; 26]);
    let cause = draft.causation_id().map(EventId::Ulid);
    let header = EventHeader {
        event_id: id.as_str_in(&mut id_buffer),
        event_type: draft.event_type().as_str(),
        aggregate_type: draft.aggregate_type().as_str(),
        aggregate_id: draft.aggregate_id(),
        node_id: &context.node_id,
        lamport: lamport.0,
        timestamp_us: context.timestamp_us,
        team: context.team_slug.as_deref(),
        project: context.project_uuid.as_deref(),
        feature: draft.feature(),
        causation_id: cause
            .as_ref()
            .map(|cause| cause.as_str_in(&mut cause_buffer)),
        target: context.target,
        flags: Flags::default().with_opted_out(context.opted_out),
    };
    let start = out.len();
    encode_header(&header, out)?;
    let json_start = out.len();
    push_event(out, draft, context, id, lamport);
    let bytes = out.len() - json_start;
    if bytes > MAX_OWN_JSON {
        out.truncate(start);
        return Err(BodyError::TooLong { bytes });
    }
    Ok(())
}

fn push_event(out: &mut Vec<u8>, draft: &Draft, context: &Context, id: &EventId, lamport: Lamport) {
    let mut buffer = [0; 26];
    out.extend_from_slice(b"{\"event_id\":");
    push_text(out, id.as_str_in(&mut buffer));
    out.extend_from_slice(b",\"event_type\":");
    push_text(out, draft.event_type().as_str());
    out.extend_from_slice(b",\"aggregate_id\":");
    push_text(out, draft.aggregate_id());
    out.extend_from_slice(b",\"aggregate_type\":");
    push_text(out, draft.aggregate_type().as_str());
    out.extend_from_slice(b",\"payload\":");
    out.extend_from_slice(draft.payload().as_bytes());
    out.extend_from_slice(b",\"node_id\":");
    push_text(out, &context.node_id);
    out.extend_from_slice(b",\"lamport_clock\":");
    push_number(out, lamport.0);
    out.extend_from_slice(b",\"causation_id\":");
    match draft.causation_id() {
        Some(cause) => push_text(out, cause.array_to_str(&mut buffer)),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"timestamp\":\"");
    push_timestamp(out, context.timestamp_us);
    out.push(b'"');
    if let Some(team) = &context.team_slug {
        out.extend_from_slice(TEAM_KEY);
        push_text(out, team);
    }
    let known: [(&[u8], &Option<String>); 5] = [
        (b",\"project_uuid\":", &context.project_uuid),
        (b",\"project_slug\":", &context.project_slug),
        (b",\"git_branch\":", &context.git_branch),
        (b",\"head_commit_sha\":", &context.head_commit_sha),
        (b",\"repo_slug\":", &context.repo_slug),
    ];
    for (key, value) in known {
        out.extend_from_slice(key);
        match value {
            Some(text) => push_text(out, text),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    let mut divisor = 10_u64.pow(number.checked_ilog10().unwrap_or(0));
    while divisor > 0 {
        let digit = number / divisor % 10;
        out.push(b'0' + u8::try_from(digit).unwrap_or(0));
        divisor /= 10;
    }
}

/// The Python tool's word for no team. An event with it was recorded without one.
pub(crate) const NO_TEAM: &str = "local";

const TEAM_KEY: &[u8] = b",\"team_slug\":";

/// The JSON of an event recorded without a team, with the team as its last key;
/// or in its place, where the event has the key with no team in it, as imported
/// ones may.
///
/// `json` must be an event without a team: an object with other members. No other
/// byte of it is changed, and what stands behind the object stays there.
#[must_use]
pub fn splice_team(json: &[u8], team: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() + spliced_team_len(team));
    if let Some((before, behind)) = around_team(json) {
        out.extend_from_slice(before);
        push_text(&mut out, team);
        out.extend_from_slice(behind);
        return out;
    }
    let end = json.iter().rposition(|byte| *byte == b'}');
    let (members, closing) = json.split_at(end.unwrap_or(json.len()));
    out.extend_from_slice(members);
    out.extend_from_slice(TEAM_KEY);
    push_text(&mut out, team);
    out.extend_from_slice(closing);
    out
}

/// What stands before and behind the value of the key `team_slug`.
fn around_team(json: &[u8]) -> Option<(&[u8], &[u8])> {
    #[derive(Deserialize)]
    struct Teamed<'a> {
        #[serde(borrow, default, deserialize_with = "even_null")]
        team_slug: Option<&'a RawValue>,
    }
    fn even_null<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
        <&RawValue>::deserialize(from).map(Some)
    }
    let value = serde_json::from_slice::<Teamed<'_>>(json).ok()?.team_slug?;
    let at = value
        .get()
        .as_ptr()
        .addr()
        .checked_sub(json.as_ptr().addr())?;
    let (before, rest) = json.split_at_checked(at)?;
    Some((before, rest.get(value.get().len()..)?))
}

/// By how many bytes [`splice_team`] lengthens an event at most: by so many
/// where it has no such key.
#[must_use]
pub fn spliced_team_len(team: &str) -> usize {
    TEAM_KEY.len() + text_len(team)
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
