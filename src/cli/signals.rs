//! SIGINT and SIGTERM as a value that a long-running command looks at.
//!
//! The handlers do nothing but set a number, so the command ends where it
//! chooses to: after flushing what it holds.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::cli::exit::Exit;

const INTERRUPTED: usize = 1;
const TERMINATED: usize = 2;

/// What was asked of this process since [`Signals::watch`].
#[derive(Clone, Debug)]
pub(super) struct Signals {
    caught: Arc<AtomicUsize>,
}

impl Signals {
    /// From now on SIGINT and SIGTERM do not end the process by themselves.
    ///
    /// # Errors
    /// Any error of the system in setting a handler.
    pub(super) fn watch() -> io::Result<Self> {
        let caught = Arc::new(AtomicUsize::new(0));
        signal_hook::flag::register_usize(SIGINT, Arc::clone(&caught), INTERRUPTED)?;
        signal_hook::flag::register_usize(SIGTERM, Arc::clone(&caught), TERMINATED)?;
        Ok(Self { caught })
    }

    /// The exit code to end with, once a signal came.
    #[must_use]
    pub(super) fn caught(&self) -> Option<Exit> {
        match self.caught.load(Ordering::SeqCst) {
            INTERRUPTED => Some(Exit::Interrupted),
            TERMINATED => Some(Exit::Terminated),
            _ => None,
        }
    }
}
