//! The emitter: drafts in, receipts out.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ulid::Ulid;

use crate::emitter::journal::{self, Journal};
use crate::emitter::receipt::{Emission, EmitError, Receipt};
use crate::emitter::recipient::Recipient;
use crate::emitter::record::{EventRecord, Shared};
use crate::emitter::surroundings;
use crate::event::{Draft, EventId, Invalid, Payload, proposed_id};
use crate::home::{Home, HomeError};
use crate::log::ambient::{Ambient, System};
use crate::state::State;

/// How long an emission waits for other processes that are writing.
///
/// ```
/// use spec_kitty::emitter::{DEFAULT_LOCK_TIMEOUT, EventEmitter};
/// use spec_kitty::home::Home;
///
/// let dir = tempfile::tempdir()?;
/// let patient = EventEmitter::new(Home::at(dir.path()), dir.path())
///     .lock_timeout(2 * DEFAULT_LOCK_TIMEOUT);
/// assert_eq!(patient.directory(), dir.path());
/// # Ok::<(), std::io::Error>(())
/// ```
pub const DEFAULT_LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Records events in one home, as seen from one directory.
///
/// Never fails and never touches the network: what became of an event is in its
/// [`Receipt`]. Every event of a call is durable when the call returns, or
/// reported as not recorded. May be used by several threads at once.
///
/// ```
/// use spec_kitty::emitter::EventEmitter;
/// use spec_kitty::event::{Lane, WpStatusChanged};
/// use spec_kitty::home::Home;
///
/// let dir = tempfile::tempdir()?;
/// let emitter = EventEmitter::new(Home::at(dir.path()), dir.path());
/// let emission = emitter.emit_payload(
///     WpStatusChanged::new("WP01", Lane::Planned, Lane::Doing),
///     None,
/// );
/// assert!(emission.is_recorded());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct EventEmitter {
    home: Result<Home, Arc<HomeError>>,
    directory: PathBuf,
    user_home: Option<PathBuf>,
    lock_timeout: Duration,
    journal: OnceLock<Journal>,
    recipient: Recipient,
}

impl EventEmitter {
    /// An emitter for `home`, recording what happens in `directory`. Nothing
    /// is read or created before the first event.
    #[must_use]
    pub fn new(home: Home, directory: impl Into<PathBuf>) -> Self {
        Self::with_home(Ok(home), directory.into())
    }

    pub(super) fn with_home(home: Result<Home, HomeError>, directory: PathBuf) -> Self {
        Self {
            home: home.map_err(Arc::new),
            directory,
            user_home: std::env::home_dir(),
            lock_timeout: DEFAULT_LOCK_TIMEOUT,
            journal: OnceLock::new(),
            recipient: Recipient::default(),
        }
    }

    /// The same emitter, waiting at most `timeout` for other writers.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// The directory whose project the events belong to.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Records one event.
    pub fn emit(&self, draft: Draft) -> Emission {
        self.emit_all(vec![draft])
    }

    /// Records one event of a type that is known, caused by another one perhaps.
    pub fn emit_payload<P: Payload>(&self, payload: P, causation_id: Option<Ulid>) -> Emission {
        match payload.into_draft() {
            Ok(draft) => self.emit(match causation_id {
                Some(cause) => draft.caused_by(cause),
                None => draft,
            }),
            Err(invalid) => self.refuse(invalid),
        }
    }

    /// Records one event given as JSON; its aggregate is derived from the payload.
    pub fn emit_json(
        &self,
        event_type: &str,
        payload_json: &str,
        causation_id: Option<EventId>,
    ) -> Emission {
        match Draft::from_json(event_type, payload_json, causation_id) {
            Ok(draft) => self.emit(draft),
            Err(invalid) => self.refuse(invalid),
        }
    }

    fn refuse(&self, invalid: Invalid) -> Emission {
        let emission = Emission::failed(1, &EmitError::Invalid(invalid));
        self.count_failures(&emission);
        emission
    }

    /// Records events with one append and one sync. One that is refused does
    /// not hold back the others.
    pub fn emit_all(&self, drafts: Vec<Draft>) -> Emission {
        if drafts.is_empty() {
            return Emission::default();
        }
        let emission = match &self.home {
            Ok(home) => self.record(home, drafts),
            Err(error) => Emission::failed(drafts.len(), &EmitError::Home(Arc::clone(error))),
        };
        self.count_failures(&emission);
        emission
    }

    fn record(&self, home: &Home, drafts: Vec<Draft>) -> Emission {
        let mut notes = Vec::new();
        let opened = || journal::open(home, &mut notes);
        let journal = self.journal.get_or_init(opened);
        let timestamp_us = System.now_us();
        let (context, wishes) = surroundings::gather(
            home,
            &self.directory,
            self.user_home.as_deref(),
            &self.recipient,
            timestamp_us,
            &mut notes,
        );
        let drafts = self.without_home(drafts);
        let random = u128::from_le_bytes(System.random());
        let shared = Shared::new(context, proposed_id(timestamp_us, random));
        let mut records: Vec<EventRecord<'_>> = Vec::with_capacity(drafts.len());
        let valid = drafts.iter().filter_map(|draft| draft.as_ref().ok());
        records.extend(valid.map(|draft| EventRecord::new(draft, &shared)));
        let receipts = journal::append(self.lock_timeout, home, journal, &mut records, &mut notes);
        let receipts = among_refused(&drafts, receipts);
        let sendable = receipts.iter().any(Receipt::is_recorded) && !wishes.opted_out;
        Emission {
            receipts,
            notes,
            wakes_sender: sendable && !wishes.no_auto_start,
        }
    }

    /// No user's name is recorded: the home directory becomes `~`.
    fn without_home(&self, drafts: Vec<Draft>) -> Vec<Result<Draft, EmitError>> {
        let user_home = self.user_home.as_ref().and_then(|path| path.to_str());
        drafts
            .into_iter()
            .map(|draft| match user_home {
                Some(path) => draft.without_home(path).map_err(EmitError::Invalid),
                None => Ok(draft),
            })
            .collect()
    }

    /// What could not be recorded is counted where the home is writable.
    fn count_failures(&self, emission: &Emission) {
        let Ok(home) = &self.home else { return };
        let mut errors = emission
            .receipts
            .iter()
            .filter_map(|receipt| receipt.error.as_ref())
            .peekable();
        if errors.peek().is_none() {
            return;
        }
        let failures = State::at(home.state_dir()).failures();
        let now_ms = u64::try_from(System.now_us() / 1000).unwrap_or(0);
        for error in errors {
            failures.record(error.failure_reason(), now_ms);
        }
    }
}

/// The receipts of all drafts, given those of the ones that were handed in.
fn among_refused(drafts: &[Result<Draft, EmitError>], handed_in: Vec<Receipt>) -> Vec<Receipt> {
    if handed_in.len() == drafts.len() {
        return handed_in;
    }
    let mut receipts = handed_in.into_iter();
    drafts
        .iter()
        .filter_map(|draft| match draft {
            Ok(_) => receipts.next(),
            Err(error) => Some(Receipt::refused(error.clone())),
        })
        .collect()
}
