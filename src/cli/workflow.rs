//! What all workflow commands share at the command line: where they run, how
//! their events are recorded, how a commit that was not made is told.

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use ulid::Ulid;

use super::background::Waker;
use super::emission;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{Output, visible_line};
use crate::emitter::{
    Emission, EmitError, EventEmitter, generate_causation_id, lock_timeout_from_env,
    start_directory,
};
use crate::event::{Draft, EventId, Invalid};
use crate::home::{Home, HomeError};
use crate::log::append::AppendError;
use crate::workflow::audience::Audience;
use crate::workflow::committed::{Committed, Settled};
use crate::workflow::git::CommitFailure;
use crate::workflow::scene::{Known, Patience, Place};
use crate::workflow::trouble::{Concerned, Fault, report};

/// Takes the events and notes of a workflow command. Whatever becomes of an
/// event is at most one line on stderr, and nothing else of the command changes.
pub(super) struct Recorder<'a> {
    home: &'a Result<Home, HomeError>,
    out: &'a Output,
    cause: Option<Ulid>,
    /// How long the next emission waits for other writers: not at all after one
    /// that waited in vain, so that a stuck writer costs one wait a command.
    patience: Duration,
    has_warned: bool,
    has_recorded: bool,
    waker: Waker,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(home: &'a Result<Home, HomeError>, out: &'a Output) -> Self {
        Self::with(home, out, None, Waker::default())
    }

    /// For a command that lives long.
    pub(super) fn hosting(home: &'a Result<Home, HomeError>, out: &'a Output) -> Self {
        Self::with(home, out, None, Waker::hosting())
    }

    /// For a command that makes several changes: no event of it causes another
    /// one, and one id that is no event's ties them together.
    pub(super) fn tying(home: &'a Result<Home, HomeError>, out: &'a Output) -> Self {
        Self::with(home, out, Some(generate_causation_id()), Waker::default())
    }

    fn with(
        home: &'a Result<Home, HomeError>,
        out: &'a Output,
        cause: Option<Ulid>,
        waker: Waker,
    ) -> Self {
        Self {
            home,
            out,
            cause,
            patience: lock_timeout_from_env(),
            has_warned: false,
            has_recorded: false,
            waker,
        }
    }

    fn warn(&mut self, text: &str) {
        if !self.has_warned {
            self.has_warned = true;
            self.out.warn(text);
        }
    }
}

impl Audience for Recorder<'_> {
    fn record(&mut self, drafts: Vec<Result<Draft, Invalid>>) -> Option<Ulid> {
        if drafts.is_empty() {
            return None;
        }
        let mut valid = Vec::new();
        for draft in drafts {
            match draft {
                Ok(draft) => valid.push(draft),
                Err(invalid) => {
                    let why = visible_line(&invalid.to_string());
                    self.warn(&format!("an event was not recorded: {why}"));
                }
            }
        }
        match self.home {
            Ok(home) => {
                let emitter =
                    EventEmitter::new(home.clone(), start_directory()).lock_timeout(self.patience);
                let emission = emitter.emit_all(valid);
                if let Some(warning) = emission::warning(self.out, &emission) {
                    self.warn(&warning);
                }
                self.patience = match waited_in_vain(&emission) {
                    true => Duration::ZERO,
                    false => lock_timeout_from_env(),
                };
                self.has_recorded = true;
                if emission.wakes_sender {
                    self.waker.wake(home);
                }
                emission.last_id().and_then(EventId::ulid)
            }
            Err(unknown) => {
                let why = visible_line(&unknown.to_string());
                self.warn(&format!("an event was not recorded: {why}"));
                None
            }
        }
    }

    fn cause(&self) -> Option<Ulid> {
        self.cause
    }

    fn note(&mut self, note: &dyn fmt::Display) {
        self.out
            .note(format!("note: {}", visible_line(&note.to_string())));
    }
}

impl Drop for Recorder<'_> {
    /// The connection is shown once, after everything that was recorded.
    fn drop(&mut self) {
        if let (true, Ok(home)) = (self.has_recorded, self.home) {
            emission::show_connection(home, self.out);
        }
    }
}

fn waited_in_vain(emission: &Emission) -> bool {
    let mut errors = emission.receipts.iter().filter_map(|it| it.error.as_ref());
    errors.any(|error| {
        matches!(error, EmitError::Log(error) if matches!(**error, AppendError::Busy { .. }))
    })
}

/// The request that the arguments make; a refusal of them is recorded first.
pub(super) fn asked<R, E: Fault>(
    parsed: Result<R, E>,
    recorder: &mut Recorder<'_>,
) -> Result<R, E> {
    parsed.inspect_err(|error| {
        report(error, &Concerned::default(), &Known::default(), recorder);
    })
}

/// How ` --feature` is repeated in a command to run next.
pub(super) fn same_feature(feature: Option<&str>) -> String {
    feature.map_or_else(String::new, |slug| format!(" --feature {slug}"))
}

/// Where and when this command runs.
pub(super) fn place() -> Result<Place, Failure> {
    let cwd = env::current_dir().map_err(|error| {
        Failure::new(
            "no-directory",
            Exit::Failed,
            format!("cannot tell the working directory: {error}"),
        )
        .hint("change to the project: cd PROJECT")
    })?;
    Ok(Place {
        cwd,
        root: env::var_os("SPECIFY_REPO_ROOT").map(PathBuf::from),
        feature: env::var("SPECIFY_FEATURE").ok(),
        now: Timestamp::now(),
        patience: Patience::default(),
    })
}

/// What became of the commit of `what` (such as `the move`), on stderr.
pub(super) fn tell(what: &str, settled: &Settled, out: &Output) {
    let command = visible_line(&settled.command());
    match &settled.committed {
        Committed::Yes(_) | Committed::NoChange => {}
        Committed::NotAsked => out.detail(format!("not committed, as asked; later: {command}")),
        Committed::Ignored => out.note("note: not committed: git ignores the file"),
        Committed::OtherBranch { target, current } => out.warn(format!(
            "{what} is made but not committed: the repository is on '{}' and the feature belongs \
             to '{}'\n  next: git switch '{}', then {command}",
            visible_line(current),
            visible_line(target),
            visible_line(target),
        )),
        Committed::Failed(failure) => out.warn(format!(
            "{what} is made but not committed: {}\n  next: {}{command}",
            visible_line(&failure.to_string()),
            match failure {
                CommitFailure::Locked { .. } =>
                    "when no git process is running, remove the lock, then ",
                CommitFailure::Git(_) => "",
            }
        )),
    }
}
