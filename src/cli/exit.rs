//! The exit codes: one table for the whole program.

/// What the process tells its caller, as fixed by the command-line contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// I/O, git, an internal failure, or a workflow check that refused.
    Failed = 1,
    /// Bad usage, or a single `emit` whose event is refused.
    Usage = 2,
    /// The thing named does not exist.
    NotFound = 3,
    /// Something is pending and may not be sent.
    Held = 4,
    /// Damage or disagreement was found.
    Damage = 5,
    /// Another process held a lock past the deadline.
    Busy = 6,
    /// No usable answer came; events stay pending.
    NoAnswer = 7,
    /// Partly done: some events were refused.
    Partly = 8,
    /// Needs `--yes`: there is no terminal to ask on.
    NeedsYes = 9,
    /// The log was written by a newer version.
    Newer = 10,
    /// Interrupted (SIGINT), after flushing.
    Interrupted = 130,
    /// Terminated (SIGTERM), after flushing.
    Terminated = 143,
}

impl Exit {
    /// All of them, smallest first.
    pub const ALL: [Self; 13] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::NotFound,
        Self::Held,
        Self::Damage,
        Self::Busy,
        Self::NoAnswer,
        Self::Partly,
        Self::NeedsYes,
        Self::Newer,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// What it means, in one line for people.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Done => "done, or nothing to do; also when the reader closed the pipe",
            Self::Failed => {
                "failed (files, git, something internal), or a check of a workflow command refused"
            }
            Self::Usage => "wrong usage, or a single `emit` whose event is refused",
            Self::NotFound => "what was named does not exist: an event, a work package, a feature",
            Self::Held => {
                "something waits and may not be sent: signed out, session ended, no team, no \
                 project, sync off"
            }
            Self::Damage => "damage or disagreement was found",
            Self::Busy => "busy: another process held a lock past the deadline",
            Self::NoAnswer => "no usable answer from the server; the events stay here",
            Self::Partly => "partly done: some events were refused",
            Self::NeedsYes => "needs --yes: there is no terminal to ask on",
            Self::Newer => "the log was written by a newer version",
            Self::Interrupted => "interrupted (Ctrl-C), after flushing",
            Self::Terminated => "terminated, after flushing",
        }
    }

    /// The number for the operating system.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}
