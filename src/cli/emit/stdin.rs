//! `emit --stdin`: a receipt for every line, as soon as its event is durable.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::background::Waker;
use crate::cli::emit::input::Input;
use crate::cli::emit::lines::{Line, Lines};
use crate::cli::emit::{MAX_INPUT_BYTES, as_text, causation_of, show_notes, show_receipt};
use crate::cli::failure::Failure;
use crate::cli::signals::Signals;
use crate::cli::{Session, emission, exit::Exit};
use crate::emitter::{Emission, EmitError, EmitNote, EventEmitter, Receipt, Status};
use crate::event::{Draft, Invalid, MAX_OWN_JSON, Reason};

/// How many different notes are shown; a stream may go on for days.
const MAX_NOTES: usize = 32;

pub(super) fn run(emitter: &EventEmitter, session: &mut Session) -> Result<(), Failure> {
    let unreadable = |source| {
        let message = format!("cannot read stdin: {source}");
        Failure::new("stdin", Exit::Failed, message)
    };
    let signals = Signals::watch().map_err(unreadable)?;
    let input = Input::start(signals.clone()).map_err(unreadable)?;
    let mut lines = Lines::new(input, MAX_INPUT_BYTES);
    let mut shown = HashSet::new();
    let mut tally = Tally::default();
    let mut waker = Waker::default();
    loop {
        let batch = lines
            .next_batch()
            .map_err(|source| match signals.caught() {
                Some(exit) => Failure::silent(exit),
                None => unreadable(source),
            })?;
        if batch.is_empty() {
            break;
        }
        let Emission {
            receipts,
            notes,
            wakes_sender,
        } = record(emitter, &batch);
        if receipts.iter().any(Receipt::is_recorded) {
            show_notes(&new_ones(notes, &mut shown), session);
        }
        for (line, receipt) in batch.iter().zip(&receipts) {
            tally.count(receipt);
            show_receipt(receipt, &format!("line {}", line.number), session)?;
        }
        session.out.flush()?;
        if wakes_sender {
            waker.wake(&session.home);
        }
    }
    if tally.recorded > 0 {
        emission::show_connection(&session.home, &session.out);
    }
    tally.verdict()
}

/// Records a batch with one append; one receipt a line, in order.
fn record(emitter: &EventEmitter, batch: &[Line]) -> Emission {
    let mut drafts = Vec::with_capacity(batch.len());
    let refusals: Vec<Option<Invalid>> = batch
        .iter()
        .map(|line| draft_of(line).map(|draft| drafts.push(draft)).err())
        .collect();
    let mut emission = emitter.emit_all(drafts);
    let mut recorded = std::mem::take(&mut emission.receipts).into_iter();
    let receipts = refusals
        .into_iter()
        .map(|refusal| match refusal {
            Some(invalid) => Receipt::refused(EmitError::Invalid(invalid)),
            None => recorded
                .next()
                .unwrap_or_else(|| Receipt::refused(EmitError::NotWritten)),
        })
        .collect();
    Emission {
        receipts,
        ..emission
    }
}

/// A line as it is to be written. What is not known is refused: a mistyped
/// `causation_id` must not be lost in silence.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request<'a> {
    #[serde(borrow)]
    event_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    causation_id: Option<Cow<'a, str>>,
}

fn draft_of(line: &Line) -> Result<Draft, Invalid> {
    let bytes = match &line.content {
        Ok(bytes) => bytes,
        Err(length) => {
            return Err(Invalid {
                field: String::new(),
                reason: Reason::TooLong {
                    bytes: *length,
                    max: MAX_OWN_JSON,
                },
            });
        }
    };
    let text = as_text("", bytes)?;
    // Some shells begin a pipe with a byte order mark.
    let text = if line.number == 1 {
        text.trim_start_matches('\u{feff}')
    } else {
        text
    };
    let request: Request<'_> = serde_json::from_str(text).map_err(|error| Invalid {
        field: String::new(),
        reason: Reason::NotJson(error.to_string()),
    })?;
    let missing = |field: &str| Invalid {
        field: field.to_owned(),
        reason: Reason::Missing,
    };
    let event_type = request.event_type.ok_or_else(|| missing("event_type"))?;
    let payload = request.payload.ok_or_else(|| missing("payload"))?;
    let causation = request.causation_id.as_deref().map(causation_of);
    Draft::from_json(&event_type, payload.get(), causation.transpose()?)
}

/// The notes that have not been shown yet.
fn new_ones(notes: Vec<EmitNote>, shown: &mut HashSet<String>) -> Vec<EmitNote> {
    notes
        .into_iter()
        .filter(|note| shown.len() < MAX_NOTES && shown.insert(note.to_string()))
        .collect()
}

/// What became of all lines together.
#[derive(Default)]
struct Tally {
    recorded: u64,
    refused: u64,
    unknown: u64,
    /// The failure of the first event that was good and could not be recorded.
    failure: Option<Failure>,
}

impl Tally {
    fn count(&mut self, receipt: &Receipt) {
        match receipt.status {
            Status::Recorded => self.recorded += 1,
            Status::Refused => self.refused += 1,
            Status::Unknown => self.unknown += 1,
        }
        let failure = receipt.error.as_ref().map(Failure::from);
        if self.failure.is_none() {
            self.failure = failure.filter(|failure| failure.exit != Exit::Usage);
        }
    }

    /// All recorded is 0; some recorded or some refused for what they are is 8;
    /// when nothing at all could be recorded, the reason for that.
    fn verdict(self) -> Result<(), Failure> {
        let not_recorded = self.refused + self.unknown;
        if not_recorded == 0 {
            return Ok(());
        }
        match self.failure {
            Some(failure) if self.recorded == 0 => Err(failure),
            _ => {
                let message = format!(
                    "{not_recorded} of {} events were not recorded",
                    self.recorded + not_recorded
                );
                Err(Failure::new("partly-recorded", Exit::Partly, message)
                    .hint("the receipts say which and why"))
            }
        }
    }
}
