//! What failures of an orchestration mean at the command line.

use super::{Failure, near, of_trouble};
use crate::cli::exit::Exit;
use crate::workflow::orchestrate::OrchestrateError;

/// An orchestration that did not run.
pub(in crate::cli) fn of_orchestrate(error: &OrchestrateError) -> Failure {
    let (code, exit, hint) = match error {
        OrchestrateError::Trouble(trouble) => return of_trouble(trouble, "orchestrate", ""),
        OrchestrateError::Config(_) => (
            "bad-configuration",
            Exit::Failed,
            "correct the file under .kittify/, then run this again",
        ),
        OrchestrateError::NoAgent => (
            "no-agent",
            Exit::Failed,
            "install claude, codex or opencode, or name a command in .kittify/agents.yaml",
        ),
        OrchestrateError::NoSuchAgent { name, known } => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let hint = match near(name, &known) {
                Some(meant) => format!("did you mean {meant}?"),
                None => "name one that is there, or describe it in .kittify/agents.yaml".into(),
            };
            return Failure::new("no-such-agent", Exit::NotFound, error.to_string()).hint(hint);
        }
        OrchestrateError::Running => (
            "orchestration-running",
            Exit::Busy,
            "see it: spec-kitty orchestrate --status; interrupting it pauses it",
        ),
        OrchestrateError::Unfinished { .. } => (
            "orchestration-unfinished",
            Exit::Failed,
            "spec-kitty orchestrate --resume, or give it up: spec-kitty orchestrate --abort",
        ),
        OrchestrateError::None => (
            "no-orchestration",
            Exit::NotFound,
            "begin one: spec-kitty orchestrate --feature NNN-name",
        ),
        OrchestrateError::Completed => (
            "orchestration-completed",
            Exit::Failed,
            "merge the feature: spec-kitty merge",
        ),
        OrchestrateError::NotSkippable { .. } | OrchestrateError::NotPart { .. } => (
            "not-skippable",
            Exit::Failed,
            "see which ones there are: spec-kitty orchestrate --status",
        ),
        OrchestrateError::Empty => (
            "no-work-packages",
            Exit::NotFound,
            "write the work packages first, or name another feature: --feature NNN-name",
        ),
        OrchestrateError::Dependencies(_) => (
            "bad-dependencies",
            Exit::Failed,
            "correct tasks.md, then: spec-kitty agent feature finalize-tasks",
        ),
    };
    Failure::new(code, exit, error.to_string()).hint(hint)
}
