//! One thing that was looked at: how it is, and what mends it.

use std::path::PathBuf;

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing is wrong.
    Note,
    /// Something has to be done.
    Problem,
}

impl State {
    /// The word in reports.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem => "problem",
        }
    }

    /// The sign on a page; the word for it never stands alone there either.
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Ok => "✓",
            Self::Note => "!",
            Self::Problem => "✗",
        }
    }
}

/// What `doctor --fix` can do by itself, because nothing can be lost by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mend {
    /// Take the rights of others off these files and directories.
    Close(Vec<PathBuf>),
    /// Make the ledger and its view anew from what is left of both.
    Rebuild,
    /// Remove the request to stop that no background sender is there to read.
    RemoveStop,
}

/// The command that carries out every [`Mend`].
pub(super) const FIX: &str = "spec-kitty doctor --fix";

/// One finding.
#[derive(Clone, Debug)]
pub(super) struct Check {
    /// A stable word.
    pub(super) id: &'static str,
    pub(super) state: State,
    /// For the person whose machine this is; not escaped.
    pub(super) detail: String,
    /// For anybody: the same without what was quoted from files and servers.
    pub(super) plain: String,
    /// The command, or where there is none for it what a person does.
    pub(super) fix: Option<String>,
    pub(super) mend: Option<Mend>,
}

impl Check {
    fn new(id: &'static str, state: State, detail: String) -> Self {
        Self {
            id,
            state,
            plain: detail.clone(),
            detail,
            fix: None,
            mend: None,
        }
    }

    pub(super) fn ok(id: &'static str, detail: impl Into<String>) -> Self {
        Self::new(id, State::Ok, detail.into())
    }

    pub(super) fn note(id: &'static str, detail: impl Into<String>) -> Self {
        Self::new(id, State::Note, detail.into())
    }

    pub(super) fn problem(id: &'static str, detail: impl Into<String>) -> Self {
        Self::new(id, State::Problem, detail.into())
    }

    /// What mends it.
    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// What `doctor --fix` does about it.
    pub(super) fn mend(mut self, mend: Mend) -> Self {
        self.mend = Some(mend);
        self.fix(FIX)
    }

    /// The detail quotes what is nobody else's business; `plain` says as much as
    /// others may read.
    pub(super) fn told_as(mut self, plain: impl Into<String>) -> Self {
        self.plain = plain.into();
        self
    }
}
