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
use super::codec::{BodyError, CommonHeader, EventHeader, Flags, OwnHeader};
use super::date_time::push_timestamp;
use super::draft::Draft;
use super::id::{EventId, IdBuffer};
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
    let mut out = Vec::new();
    let (mut id_buffer, mut cause_buffer) = ([0; 26], [0; 26]);
    let own = Own::new(draft, id, lamport, (&mut id_buffer, &mut cause_buffer));
    Surroundings::of(context).push_event(&own, &mut out);
    out
}

/// Appends the body of an event's frame to `out`: its header, then its JSON.
/// Many events with one context: see [`Encoder`].
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
    Encoder::new(context)?.encode(draft, id, lamport, out)
}

/// Encodes events that are recorded with the same context: what they have in
/// common is rendered once and copied into each.
#[derive(Debug)]
pub struct Encoder {
    header: CommonHeader,
    surroundings: Surroundings,
}

impl Encoder {
    /// An encoder for events with this context.
    ///
    /// # Errors
    ///
    /// When the context has an empty node or team.
    pub fn new(context: &Context) -> Result<Self, BodyError> {
        if context.node_id.is_empty() {
            return Err(BodyError::Nameless { field: "node_id" });
        }
        if context.team_slug.as_deref() == Some("") {
            return Err(BodyError::Nameless { field: "team_slug" });
        }
        let header = CommonHeader::of(&EventHeader {
            event_id: "",
            event_type: "",
            aggregate_type: "",
            aggregate_id: "",
            node_id: &context.node_id,
            lamport: 0,
            timestamp_us: context.timestamp_us,
            team: context.team_slug.as_deref(),
            project: context.project_uuid.as_deref(),
            feature: None,
            causation_id: None,
            target: context.target,
            flags: Flags::default().with_opted_out(context.opted_out),
        })?;
        Ok(Self {
            header,
            surroundings: Surroundings::of(context),
        })
    }

    /// Appends the body of one event's frame to `out`, as [`encode_event`] does.
    ///
    /// # Errors
    ///
    /// When the JSON is longer than [`MAX_OWN_JSON`], or the context has absurdly
    /// long names; `out` is then as it was.
    pub fn encode(
        &self,
        draft: &Draft,
        id: &EventId,
        lamport: Lamport,
        out: &mut Vec<u8>,
    ) -> Result<(), BodyError> {
        let (mut id_buffer, mut cause_buffer) = ([0; 26], [0; 26]);
        let own = Own::new(draft, id, lamport, (&mut id_buffer, &mut cause_buffer));
        let start = out.len();
        let header = OwnHeader {
            event_id: own.id,
            event_type: draft.event_type().as_str(),
            aggregate_type: draft.aggregate_type().as_str(),
            aggregate_id: draft.aggregate_id(),
            lamport: lamport.0,
            feature: draft.feature(),
            causation_id: own.cause,
        };
        self.header.push(&header, out)?;
        let json_start = out.len();
        self.surroundings.push_event(&own, out);
        let bytes = out.len() - json_start;
        if bytes > MAX_OWN_JSON {
            out.truncate(start);
            return Err(BodyError::TooLong { bytes });
        }
        Ok(())
    }
}

/// What is an event's own.
struct Own<'a> {
    draft: &'a Draft,
    id: &'a str,
    cause: Option<&'a str>,
    lamport: Lamport,
}

impl<'a> Own<'a> {
    fn new(
        draft: &'a Draft,
        id: &'a EventId,
        lamport: Lamport,
        (id_buffer, cause_buffer): (&'a mut IdBuffer, &'a mut IdBuffer),
    ) -> Self {
        let cause = draft.causation_id();
        Self {
            draft,
            id: id.as_str_in(id_buffer),
            cause: cause.map(|cause| -> &str { cause.array_to_str(cause_buffer) }),
            lamport,
        }
    }
}

/// The JSON that all events of a context have in common.
#[derive(Debug)]
struct Surroundings {
    /// From behind the payload to the clock's value.
    node: Vec<u8>,
    /// From behind the cause to the end.
    rest: Vec<u8>,
}

impl Surroundings {
    fn of(context: &Context) -> Self {
        let mut node = Vec::with_capacity(64);
        node.extend_from_slice(b",\"node_id\":");
        push_text(&mut node, &context.node_id);
        node.extend_from_slice(b",\"lamport_clock\":");
        let mut rest = Vec::with_capacity(512);
        rest.extend_from_slice(b",\"timestamp\":\"");
        push_timestamp(&mut rest, context.timestamp_us);
        rest.push(b'"');
        if let Some(team) = &context.team_slug {
            rest.extend_from_slice(TEAM_KEY);
            push_text(&mut rest, team);
        }
        let known: [(&[u8], &Option<String>); 5] = [
            (b",\"project_uuid\":", &context.project_uuid),
            (b",\"project_slug\":", &context.project_slug),
            (b",\"git_branch\":", &context.git_branch),
            (b",\"head_commit_sha\":", &context.head_commit_sha),
            (b",\"repo_slug\":", &context.repo_slug),
        ];
        for (key, value) in known {
            rest.extend_from_slice(key);
            match value {
                Some(text) => push_text(&mut rest, text),
                None => rest.extend_from_slice(b"null"),
            }
        }
        rest.push(b'}');
        Self { node, rest }
    }

    fn push_event(&self, own: &Own<'_>, out: &mut Vec<u8>) {
        /// What is written here of an event without its payload, mostly.
        const USUAL_BYTES: usize = 256;
        let draft = own.draft;
        let parts = [&self.node, &self.rest].map(Vec::len);
        out.reserve(draft.payload().len() + USUAL_BYTES + parts.iter().sum::<usize>());
        out.extend_from_slice(b"{\"event_id\":");
        push_text(out, own.id);
        out.extend_from_slice(b",\"event_type\":\"");
        out.extend_from_slice(draft.event_type().as_str().as_bytes());
        out.extend_from_slice(b"\",\"aggregate_id\":");
        push_text(out, draft.aggregate_id());
        out.extend_from_slice(b",\"aggregate_type\":\"");
        out.extend_from_slice(draft.aggregate_type().as_str().as_bytes());
        out.extend_from_slice(b"\",\"payload\":");
        out.extend_from_slice(draft.payload().as_bytes());
        out.extend_from_slice(&self.node);
        push_number(out, own.lamport.0);
        match own.cause {
            Some(cause) => {
                out.extend_from_slice(b",\"causation_id\":\"");
                out.extend_from_slice(cause.as_bytes());
                out.push(b'"');
            }
            None => out.extend_from_slice(b",\"causation_id\":null"),
        }
        out.extend_from_slice(&self.rest);
    }
}

fn push_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        first = at;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(first..).unwrap_or_default());
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
