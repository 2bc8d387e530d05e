//! What failures around a feature's plan mean at the command line.

use super::{Failure, of_trouble};
use crate::cli::exit::Exit;
use crate::workflow::accept::AcceptError;
use crate::workflow::finalize::FinalizeError;
use crate::workflow::implement::ImplementError;
use crate::workflow::merge::MergeError;

/// A plan that was not finalized.
pub(in crate::cli) fn of_finalize(error: &FinalizeError) -> Failure {
    let (code, exit, hint) = match error {
        FinalizeError::Trouble(trouble) => {
            return of_trouble(trouble, "agent feature finalize-tasks", "");
        }
        FinalizeError::Empty { .. } => (
            "no-work-packages",
            Exit::NotFound,
            "write the work packages first, or name another feature: --feature NNN-name",
        ),
        FinalizeError::Itself { .. } => (
            "self-dependency",
            Exit::Failed,
            "take it out of its own section in tasks.md, or out of its file, then run this again",
        ),
        FinalizeError::Unknown { .. } => (
            "unknown-dependency",
            Exit::Failed,
            "correct the id in tasks.md, or add the file of that work package, then run this again",
        ),
        FinalizeError::Cycles { .. } => (
            "circular-dependencies",
            Exit::Failed,
            "take one of these dependencies out of tasks.md, then run this again",
        ),
    };
    Failure::new(code, exit, error.to_string()).hint(hint)
}

/// A work package that was not begun; `again` is the command that was run.
pub(in crate::cli) fn of_implement(error: &ImplementError, again: &str) -> Failure {
    let (code, exit, hint) = match error {
        ImplementError::Trouble(trouble) => return of_trouble(trouble, "implement", ""),
        ImplementError::InWorktree { main } => (
            "in-worktree",
            Exit::Failed,
            format!("cd '{}', then run it again", main.display()),
        ),
        ImplementError::OnItself { .. } => {
            ("usage", Exit::Usage, "name another one: --base WPyy".into())
        }
        ImplementError::Taken { .. } => (
            "agent-mismatch",
            Exit::Failed,
            format!("to take it over: {again} --force"),
        ),
        ImplementError::NoCommit => (
            "no-commit",
            Exit::Failed,
            "commit something first: git add -A, git commit".into(),
        ),
        ImplementError::NoTarget { target } => (
            "no-target-branch",
            Exit::Failed,
            format!("make it: git branch '{target}'"),
        ),
        ImplementError::NotBegun { missing, .. } => {
            let first = missing.first().map(ToString::to_string).unwrap_or_default();
            (
                "dependency-not-begun",
                Exit::Failed,
                format!("spec-kitty implement {first}, or without it: {again} --force"),
            )
        }
        ImplementError::Conflict { .. } => (
            "base-conflict",
            Exit::Failed,
            format!(
                "merge one of them into the target branch first, or name one to build on: {again} --base WPyy"
            ),
        ),
        ImplementError::NotAWorktree { path } => (
            "not-a-worktree",
            Exit::Failed,
            format!("move it away: mv '{}' SOMEWHERE", path.display()),
        ),
        ImplementError::OtherBranch { path, .. } => (
            "worktree-branch",
            Exit::Failed,
            format!(
                "git -C '{0}' switch '{1}'",
                path.display(),
                path.file_name().unwrap_or_default().to_string_lossy()
            ),
        ),
    };
    Failure::new(code, exit, error.to_string()).hint(hint)
}

/// A feature that was not accepted.
pub(in crate::cli) fn of_accept(error: &AcceptError) -> Failure {
    let (code, hint) = match error {
        AcceptError::Trouble(trouble) => return of_trouble(trouble, "accept", ""),
        AcceptError::Outstanding(summary) => (
            "not-acceptable",
            match summary.outstanding_keys.as_slice() {
                ["metadata"] => "fill in what is missing, or: spec-kitty accept --lenient",
                ["git_dirty"] => "commit or put away what is listed, then run this again",
                _ => "settle what is listed, then run this again",
            }
            .to_owned(),
        ),
        AcceptError::OtherBranch { target, .. } => (
            "other-branch",
            format!("git switch '{target}', then run this again"),
        ),
    };
    Failure::new(code, Exit::Failed, error.to_string()).hint(hint)
}

/// A feature that was not merged, or not to the end.
pub(in crate::cli) fn of_merge(error: &MergeError) -> Failure {
    let resume = "spec-kitty merge --resume, or give it up: spec-kitty merge --abort";
    let (code, hint) = match error {
        MergeError::Trouble(trouble) => return of_trouble(trouble, "merge", ""),
        MergeError::InWorktree => ("in-worktree", "change to the main repository".to_owned()),
        MergeError::OtherBranch { target, .. } => (
            "other-branch",
            format!("git switch '{target}', then run this again"),
        ),
        MergeError::Preflight { .. } => (
            "not-mergeable",
            "settle what is listed, then run this again; nothing was merged".into(),
        ),
        MergeError::Cycle => (
            "circular-dependencies",
            "correct tasks.md, then: spec-kitty agent feature finalize-tasks".into(),
        ),
        MergeError::Unfinished { .. } => ("merge-unfinished", resume.into()),
        MergeError::NothingToResume => ("nothing-to-resume", "begin one: spec-kitty merge".into()),
        MergeError::OtherFeature { feature, .. } => {
            ("other-feature", format!("name it: --feature {feature}"))
        }
        MergeError::Conflict { .. } => (
            "merge-conflict",
            format!("resolve the files, git add them, then: {resume}"),
        ),
        MergeError::NotMerged { .. } => ("not-merged", format!("settle it, then: {resume}")),
    };
    Failure::new(code, Exit::Failed, error.to_string()).hint(hint)
}
