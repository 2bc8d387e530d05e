//! What is worth telling beside the outcome of a command.

use std::fmt;

use super::feature::Slug;
use super::work_package::WpId;
use crate::event::Lane;

/// Something worth telling beside the outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// The feature was chosen among several.
    FeatureChosen(Slug),
    /// A change that a killed run had made was completed.
    Completed(String),
    /// These were marked before the one that was refused.
    MarkedBefore(Vec<String>),
    /// These work packages build on the one that goes to review.
    Dependents(WpId, Vec<WpId>),
    /// tasks.md has a section for a work package that has no file.
    NoFile(WpId),
    /// A work package that is not planned keeps its lane.
    NotPlanned(WpId, Lane),
    /// The first does not name the second as what it waits for.
    NotDeclared(WpId, WpId),
    /// The target branch was missing and was made.
    TargetMade {
        /// The target.
        target: String,
        /// What it was made from.
        from: String,
    },
    /// Several branches were merged into one to begin from.
    BasesMerged(String, Vec<String>),
    /// The upstream could not be asked.
    NotFetched,
    /// The branch was not pushed, and why.
    NotPushed(String, String),
    /// What was merged was not removed, and why.
    NotRemoved(WpId, String),
    /// The branch that the workspace was made from is gone; it was compared with another.
    BaseGone {
        /// The recorded base.
        base: String,
        /// The branch it was compared with.
        target: String,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FeatureChosen(slug) => {
                write!(
                    f,
                    "no feature was named; took the latest incomplete one, {slug}"
                )
            }
            Self::Completed(what) => {
                write!(f, "completed an interrupted run, which had {what}")
            }
            Self::MarkedBefore(ids) => {
                write!(f, "marked before that, and left so: {}", ids.join(", "))
            }
            Self::Dependents(id, others) => {
                let verb = if others.len() == 1 {
                    "depends"
                } else {
                    "depend"
                };
                write!(
                    f,
                    "{} {verb} on {id}; changes that its review asks for mean a rebase there",
                    joined(others)
                )
            }
            Self::NoFile(id) => {
                write!(
                    f,
                    "tasks.md has a section for {id}, and tasks/ has no file for it"
                )
            }
            Self::NotPlanned(id, lane) => {
                write!(
                    f,
                    "{id} is in {lane} and stays there; only planned ones are begun"
                )
            }
            Self::NotDeclared(id, base) => {
                write!(f, "{id} does not name {base} among its dependencies")
            }
            Self::TargetMade { target, from } => {
                write!(
                    f,
                    "the target branch '{target}' did not exist; made it from '{from}'"
                )
            }
            Self::BasesMerged(branch, from) => {
                write!(
                    f,
                    "merged {} into '{branch}' to begin from",
                    from.join(", ")
                )
            }
            Self::NotFetched => {
                f.write_str("the upstream could not be fetched; merged into what is known of it")
            }
            Self::NotPushed(branch, why) => {
                write!(f, "not pushed: {why}; next: git push origin '{branch}'")
            }
            Self::NotRemoved(id, why) => write!(f, "{id} is merged but not removed: {why}"),
            Self::BaseGone { base, target } => write!(
                f,
                "the base branch '{base}' of the workspace is gone; compared with '{target}'"
            ),
        }
    }
}

/// `WP01, WP02`.
pub(super) fn joined(ids: &[WpId]) -> String {
    let ids: Vec<String> = ids.iter().map(WpId::to_string).collect();
    ids.join(", ")
}
