//! A guided run that proves the promise: recorded here, delivered there, once
//! and in order, although the network failed in between.
//!
//! Everything is real. A git repository with a feature of three work packages
//! is made in a temporary directory, and the feature lives there from its plan
//! to its acceptance; the commands are child processes of this
//! very binary; the server is the embedded one, on loopback. What is in doubt
//! is decided at the end by comparing two files that were written by different
//! programs: the log of this machine and the server's NDJSON.
//!
//! The room prints nothing: it tells [`Moment`]s to whoever listens. It leaves
//! no process behind, and no directory unless it was asked to keep one.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use crate::dev_server::StartError;
use crate::log::read::ReadError;

mod project;
mod proof;
mod stage;
mod story;

pub(crate) use proof::Proof;

/// Something that happens, in the order of happening.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment<'a> {
    /// A new part begins.
    Scene {
        /// Counted from 1.
        number: usize,
        /// In a few words.
        title: &'a str,
    },
    /// Something worth knowing, one sentence or two.
    Remark(&'a str),
    /// A command is about to run.
    Command {
        /// Its words, quoted for a shell where they need it.
        words: &'a [String],
    },
    /// The command has ended.
    Output {
        /// What it wrote, stdout and stderr as they came.
        text: &'a str,
    },
}

/// Who is told; `Break` ends the demo early.
pub(crate) type Audience<'a> = dyn FnMut(Moment<'_>) -> ControlFlow<()> + 'a;

/// One command that was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Step {
    /// The part that it belongs to.
    pub scene: String,
    /// The command as it would be typed.
    pub command: String,
    /// Its exit code.
    pub exit: i32,
    /// The exit code that the demo counts on.
    pub expected_exit: i32,
}

/// What the demo has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// Every command, in order.
    pub steps: Vec<Step>,
    /// The comparison at the end.
    pub proof: Proof,
}

/// Why the demo could not be played to its end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DemoError {
    /// There is no git to be run.
    #[error("the demo needs git, and it cannot be run: {0}")]
    NoGit(#[source] io::Error),
    /// Git refused a step that the demo needs.
    #[error("git {command} failed: {said}")]
    Git {
        /// The git command.
        command: String,
        /// What git wrote.
        said: String,
    },
    /// A file or directory of the demo cannot be made or read.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory to keep things in holds something already.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// The embedded server did not start.
    #[error(transparent)]
    Server(#[from] StartError),
    /// A command of this binary ended otherwise than it has to.
    #[error("`{command}` ended with {exit}, not with {expected}")]
    Unexpected {
        /// The command as it would be typed.
        command: String,
        /// Its exit code; none when it was killed.
        exit: String,
        /// The exit code that the demo counts on.
        expected: i32,
    },
    /// A command of this binary did not end.
    #[error("`{command}` did not end within {limit_s} s and was stopped")]
    Hung {
        /// The command as it would be typed.
        command: String,
        /// How long it had.
        limit_s: u64,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// A line of the server's file is not an event.
    #[error("{} line {line} is not an event", path.display())]
    Received {
        /// The server's file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// Whoever listened has had enough.
    #[error("the demo was stopped")]
    Stopped,
}

impl DemoError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// Plays the demo with `program` (the path of this binary), in `keep` when
/// given and otherwise in a temporary directory that is gone afterwards.
///
/// # Errors
/// [`DemoError`] when it could not be played to its end. A demo that was, but
/// whose proof failed, is no error: see [`Proof::holds`].
pub(crate) fn play(
    program: &Path,
    keep: Option<&Path>,
    audience: &mut Audience<'_>,
) -> Result<Report, DemoError> {
    match keep {
        Some(dir) => {
            // The children work in another directory than we do.
            let dir = std::path::absolute(dir).map_err(DemoError::io("find", dir))?;
            claim(&dir)?;
            story::play(program, &dir, audience)
        }
        None => {
            let temp = std::env::temp_dir();
            let dir = tempfile::Builder::new()
                .prefix("spec-kitty-demo-")
                .tempdir()
                .map_err(DemoError::io("make a directory in", &temp))?;
            let report = story::play(program, dir.path(), audience);
            let path = dir.path().to_owned();
            dir.close().map_err(DemoError::io("remove", &path))?;
            report
        }
    }
}

/// Makes `dir`, or finds it empty.
fn claim(dir: &Path) -> Result<(), DemoError> {
    std::fs::create_dir_all(dir).map_err(DemoError::io("make", dir))?;
    let mut entries = std::fs::read_dir(dir).map_err(DemoError::io("read", dir))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(DemoError::NotEmpty(dir.to_owned())),
    }
}
