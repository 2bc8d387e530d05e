//! What is asked for, checked before anything is looked at.

use super::error::AcceptError;
use super::summary::Strictness;
use crate::workflow::options::name;
use crate::workflow::trouble::Trouble;

/// What comes after acceptance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A pull request when there is a remote, else local.
    Auto,
    /// A pull request.
    Pr,
    /// A local merge.
    Local,
    /// Nothing: only the checks are wanted.
    Checklist,
}

impl Mode {
    /// The word for it.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Pr => "pr",
            Self::Local => "local",
            Self::Checklist => "checklist",
        }
    }
}

/// Whether anything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    /// Promotions, and the record.
    Record,
    /// Nothing: `--no-commit`, or a checklist.
    Nothing,
}

/// The arguments of the command as they were given.
#[derive(Clone, Debug)]
pub(crate) struct RawAccept {
    /// `--feature`
    pub feature: Option<String>,
    /// `--mode`
    pub mode: Mode,
    /// `--actor`, else the user.
    pub actor: Option<String>,
    /// `--test`, any number.
    pub tests: Vec<String>,
    /// `--lenient`
    pub lenient: bool,
    /// `--no-commit`
    pub no_commit: bool,
}

/// An acceptance that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AcceptRequest {
    /// The feature, unchecked.
    pub feature: Option<String>,
    /// What comes after.
    pub mode: Mode,
    /// Who accepts.
    pub actor: String,
    /// Commands that were run to validate; recorded, never run.
    pub tests: Vec<String>,
    /// How strictly the front matter is looked at.
    pub strictness: Strictness,
    /// Whether anything is written.
    pub writing: Writing,
}

impl AcceptRequest {
    /// Checks the arguments.
    ///
    /// # Errors
    /// When the actor cannot be written.
    pub(crate) fn parse(raw: RawAccept) -> Result<Self, AcceptError> {
        let actor = name("--actor", raw.actor).map_err(Trouble::from)?;
        let writes = raw.mode != Mode::Checklist && !raw.no_commit;
        Ok(Self {
            feature: raw.feature,
            mode: raw.mode,
            actor: actor.unwrap_or_else(|| "system".into()),
            tests: raw.tests,
            strictness: if raw.lenient {
                Strictness::Lenient
            } else {
                Strictness::Strict
            },
            writing: if writes {
                Writing::Record
            } else {
                Writing::Nothing
            },
        })
    }
}
