//! `emit`: record events by hand, one or many.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Serialize, Serializer};

use crate::cli::background::Waker;
use crate::cli::emission;
use crate::cli::failure::Failure;
use crate::cli::output::visible_line;
use crate::cli::{Session, exit::Exit};
use crate::emitter::{
    Emission, EmitError, EmitNote, EventEmitter, Receipt, lock_timeout_from_env, start_directory,
};
use crate::event::{Draft, EventId, Invalid, MAX_OWN_JSON, Reason};

mod input;
mod lines;
mod stdin;

/// White space between the tokens of a payload does not count against it.
const MAX_INPUT_BYTES: usize = 2 * MAX_OWN_JSON;

/// Record events by hand: one, or many from stdin
///
/// The payload is one JSON object; its fields depend on the event type and are
/// checked before anything is written. With --stdin, each line is one object
/// {"event_type": …, "payload": {…}}, with "causation_id" if there is one; each
/// gets a receipt as soon as it is durable, also while more input is to come.
#[derive(Debug, Args)]
#[command(after_long_help = PAYLOADS_AND_EXAMPLES)]
pub(super) struct Arguments {
    /// WPStatusChanged, WPCreated, WPAssigned, FeatureCreated,
    /// FeatureCompleted, HistoryAdded, ErrorLogged or DependencyResolved
    #[arg(required_unless_present = "stdin", conflicts_with = "stdin")]
    event_type: Option<String>,
    /// The payload: JSON, @FILE, or - for stdin
    #[arg(long, value_name = "JSON|@FILE|-", conflicts_with = "stdin")]
    payload: Option<String>,
    /// The id of the event or action that caused it
    #[arg(long, value_name = "ID", conflicts_with = "stdin")]
    causation: Option<String>,
    /// Read one event a line from stdin
    #[arg(long)]
    stdin: bool,
}

const PAYLOADS_AND_EXAMPLES: &str = "\
Payloads ([] = optional; any further key is kept as it is):
  WPStatusChanged     wp_id, previous_status, new_status, [changed_by]
  WPCreated           wp_id, title, feature_slug, [dependencies]
  WPAssigned          wp_id, agent_id, phase, [retry_count]
  FeatureCreated      feature_slug, feature_number, target_branch, wp_count,
                      [created_at]
  FeatureCompleted    feature_slug, total_wps, [completed_at], [total_duration]
  HistoryAdded        wp_id, entry_type, entry_content, [author]
  ErrorLogged         error_type, error_message, [wp_id], [stack_trace],
                      [agent_id]
  DependencyResolved  wp_id, dependency_wp_id, resolution_type
  All of them         [feature_slug]

Words:
  statuses            planned, doing, for_review, done
  phase               implementation, review
  entry_type          note, review, error, comment
  error_type          validation, runtime, network, auth, unknown
  resolution_type     completed, skipped, merged

Examples:
  spec-kitty emit HistoryAdded --payload \\
    '{\"wp_id\":\"WP01\",\"entry_type\":\"note\",\"entry_content\":\"begun\"}'
  jq -c '{event_type:\"HistoryAdded\",payload:.}' notes.json |
    spec-kitty emit --stdin";

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<(), Failure> {
    let emitter = EventEmitter::new(session.home.clone(), start_directory())
        .lock_timeout(lock_timeout_from_env());
    if arguments.stdin {
        return stdin::run(&emitter, session);
    }
    let mut emission = match draft_of(&arguments) {
        Ok(draft) => emitter.emit(draft),
        Err(Unready::Input(failure)) => return Err(failure),
        Err(Unready::Invalid(invalid)) => Emission {
            receipts: vec![Receipt::refused(EmitError::Invalid(invalid))],
            ..Emission::default()
        },
    };
    let receipt = emission.receipts.pop();
    let receipt = receipt.unwrap_or_else(|| Receipt::refused(EmitError::NotWritten));
    let subject = arguments.event_type.as_deref().unwrap_or_default();
    if session.out.json() || receipt.error.is_none() {
        show_receipt(&receipt, subject, session)?;
        session.out.flush()?;
    }
    if let Some(error) = &receipt.error {
        return Err(error.into());
    }
    show_notes(&emission.notes, session);
    emission::show_connection(&session.home, &session.out);
    if emission.wakes_sender {
        Waker::default().wake(&session.home);
    }
    Ok(())
}

/// Why there is nothing to hand to the emitter.
enum Unready {
    Input(Failure),
    Invalid(Invalid),
}

fn draft_of(arguments: &Arguments) -> Result<Draft, Unready> {
    let payload = payload_of(arguments.payload.as_deref())?;
    let text = as_text("payload", &payload).map_err(Unready::Invalid)?;
    let event_type = arguments.event_type.as_deref().unwrap_or_default();
    let causation = arguments.causation.as_deref().map(causation_of);
    let causation = causation.transpose().map_err(Unready::Invalid)?;
    Draft::from_json(event_type, text, causation).map_err(Unready::Invalid)
}

/// The bytes of the payload, at most one more than may be used.
fn payload_of(argument: Option<&str>) -> Result<Vec<u8>, Unready> {
    let unreadable = |path: &Path, source: &io::Error| {
        let message = format!("cannot read the payload from {}: {source}", path.display());
        let failure = Failure::new("payload-unreadable", Exit::Failed, message);
        Unready::Input(failure.hint("give the JSON itself, @FILE, or - for stdin"))
    };
    match argument {
        None => Ok(b"{}".to_vec()),
        Some("-") => read_bounded(io::stdin().lock())
            .map_err(|source| unreadable(Path::new("stdin"), &source)),
        Some(text) => match text.strip_prefix('@').map(PathBuf::from) {
            None => Ok(text.as_bytes().to_vec()),
            Some(path) => File::open(&path)
                .and_then(read_bounded)
                .map_err(|source| unreadable(&path, &source)),
        },
    }
}

fn read_bounded(input: impl Read) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(MAX_INPUT_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    input
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text that `bytes` are, within the limit of an input.
fn as_text<'a>(field: &str, bytes: &'a [u8]) -> Result<&'a str, Invalid> {
    let invalid = |reason| Invalid {
        field: field.to_owned(),
        reason,
    };
    if bytes.len() > MAX_INPUT_BYTES {
        return Err(invalid(Reason::TooLong {
            bytes: bytes.len(),
            max: MAX_OWN_JSON,
        }));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        invalid(Reason::NotUtf8 {
            valid_bytes: error.valid_up_to(),
        })
    })
}

fn causation_of(text: &str) -> Result<EventId, Invalid> {
    EventId::parse(text).map_err(|_| Invalid {
        field: "causation_id".to_owned(),
        reason: Reason::NotUlid,
    })
}

/// Everything that recording events came across: what needs attention as a warning, the
/// rest with `-v`.
fn show_notes(notes: &[EmitNote], session: &Session) {
    for note in notes {
        let text = visible_line(&note.to_string());
        if note.needs_attention() {
            session.out.warn(text);
        } else {
            session.out.detail(text);
        }
    }
}

/// Writes one receipt to stdout. `subject` says to a person which event is meant.
fn show_receipt(receipt: &Receipt, subject: &str, session: &mut Session) -> Result<(), Failure> {
    if session.out.json() {
        return session.out.object(&Report::of(receipt));
    }
    let subject = visible_line(subject);
    let status = receipt.status.as_str();
    let line = match (&receipt.error, receipt.seq, &receipt.event_id) {
        (None, Some(seq), Some(id)) => format!("{status}  {subject}  seq {seq}  {id}"),
        (Some(error), _, _) => {
            format!("{status}  {subject}  {}", visible_line(&error.to_string()))
        }
        (None, _, _) => format!("{status}  {subject}"),
    };
    session.out.line(line)
}

/// A receipt in JSON: every key on every line.
#[derive(Serialize)]
struct Report<'a> {
    kind: &'static str,
    v: u8,
    status: &'static str,
    event_id: &'a Option<EventId>,
    seq: Option<u64>,
    lamport_clock: Option<u64>,
    #[serde(serialize_with = "code_and_message")]
    error: Option<&'a EmitError>,
}

impl<'a> Report<'a> {
    fn of(receipt: &'a Receipt) -> Self {
        Self {
            kind: "emit",
            v: 1,
            status: receipt.status.as_str(),
            event_id: &receipt.event_id,
            seq: receipt.seq.map(|seq| seq.0),
            lamport_clock: receipt.lamport_clock.map(|clock| clock.0),
            error: receipt.error.as_ref(),
        }
    }
}

fn code_and_message<S: Serializer>(
    error: &Option<&EmitError>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Error {
        code: &'static str,
        message: String,
    }
    error
        .map(|error| Error {
            code: error.code(),
            message: error.to_string(),
        })
        .serialize(serializer)
}
