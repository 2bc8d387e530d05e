//! Why an import or an export could not be done at all. What is wrong with a
//! single row is a [`super::Refusal`], not an error.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::log::append::AppendError;
use crate::log::read::ReadError;
use crate::private_file::WriteError;
use crate::scratch::ScratchError;

/// Why nothing, or nothing more, was imported or exported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LegacyError {
    /// The file or directory does not exist.
    #[error("{} does not exist", path.display())]
    NotFound {
        /// What was named.
        path: PathBuf,
    },
    /// A directory without anything that could be imported.
    #[error("{} holds no queue.db, queues, clock.json or log", path.display())]
    NothingThere {
        /// The directory.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no room, or no place, for what is needed for a while.
    #[error(transparent)]
    Scratch(#[from] ScratchError),
    /// The temporary file that sorts what is imported does not work.
    #[error("cannot {action} the temporary store: {source}")]
    Stage {
        /// What was tried, as a verb.
        action: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Another import is under way in this home.
    #[error("another import is under way: {} is locked", path.display())]
    Busy {
        /// The lock.
        path: PathBuf,
    },
    /// A log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log cannot be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A small file could not be replaced.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The file to be written exists and is no queue of the Python tool.
    #[error("{} exists and is not a queue of the Python tool: {reason}", path.display())]
    NotAQueue {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Whoever was asked to stop, stopped; what is done so far is durable.
    #[error("interrupted")]
    Interrupted,
}

impl LegacyError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(super) fn stage(action: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Stage { action, source }
    }
}
