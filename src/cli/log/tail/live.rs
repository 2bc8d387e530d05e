//! The line below the events while they are followed: that somebody is waiting,
//! and how to stop.
//!
//! Written to a terminal only, and only after everything that came was printed.
//! It is overwritten with spaces before anything else is, so that it needs no
//! command of the terminal's; the cursor is never hidden, and whatever ends the
//! program leaves nothing to be put right.

use std::io::{self, IsTerminal};

use crate::cli::columns::{counted, terminal_columns};
use crate::cli::failure::Failure;
use crate::cli::output::{Output, Verbosity, clip, width};
use crate::cli::style::{DIM, paint};

/// The line, when it is wanted.
pub(super) struct Live {
    wanted: bool,
    /// The columns of what stands there now.
    shown: usize,
}

impl Live {
    pub(super) fn new(for_people: bool, out: &Output) -> Self {
        let is_watched = io::stdout().is_terminal() && out.verbosity() > Verbosity::Quiet;
        Self {
            wanted: for_people && is_watched,
            shown: 0,
        }
    }

    /// Puts the line there unless it is.
    pub(super) fn draw(&mut self, printed: u64, out: &mut Output) -> Result<(), Failure> {
        if !self.wanted || self.shown > 0 {
            return Ok(());
        }
        let events = counted(printed, "event", "events");
        let text = format!("following · {events} so far · Ctrl-C ends");
        // One column is left free: a full line would make some terminals scroll.
        let room = terminal_columns().saturating_sub(3);
        let text = clip(&text, room);
        self.shown = 2 + width(&text);
        out.part(format!("\r  {}", paint(DIM, &text)))?;
        out.flush()
    }

    /// Takes it away; the caller flushes.
    pub(super) fn erase(&mut self, out: &mut Output) -> Result<(), Failure> {
        match std::mem::take(&mut self.shown) {
            0 => Ok(()),
            shown => out.part(format!("\r{:shown$}\r", "")),
        }
    }
}
