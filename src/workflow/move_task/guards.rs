//! The four guards, as pure decisions over facts.
//!
//! They are asked in this order, and the first refusal ends the move: owner,
//! feedback, subtasks, and, for a move to review or done, the state of the
//! planning files and of the worktree.

use thiserror::Error;

use crate::event::Lane;
use crate::workflow::feature::Slug;
use crate::workflow::file;
use crate::workflow::git::{Change, ChangeKind, Head, Operation};
use crate::workflow::project;
use crate::workflow::tasks_md::Subtask;
use crate::workflow::work_package::WpId;

/// How many items a message lists.
const LISTED: usize = 10;

/// A guard's no. `--force` would skip it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It belongs to another agent.
    #[error("{wp} is assigned to '{owner}', not to '{agent}'")]
    AgentMismatch {
        /// The work package.
        wp: WpId,
        /// Its agent.
        owner: String,
        /// The agent that asks.
        agent: String,
    },
    /// Sent back without a word.
    #[error("{wp} goes back from review to planned, and its author needs to know why")]
    FeedbackNeeded {
        /// The work package.
        wp: WpId,
    },
    /// Boxes are open.
    #[error("{wp} has {} in tasks.md:{}", counted(open.len(), "open subtask"), listed(open))]
    OpenSubtasks {
        /// The work package.
        wp: WpId,
        /// The open subtasks, as written.
        open: Vec<String>,
        /// Their ids, where they have one.
        ids: Vec<String>,
    },
    /// The plan is not committed.
    #[error(
        "{} of the feature {slug} not committed:{}",
        counted(paths.len(), "planning file"), listed(paths)
    )]
    UncommittedPlanning {
        /// The feature.
        slug: Slug,
        /// The files.
        paths: Vec<String>,
    },
    /// The worktree is not in a state to be reviewed.
    #[error("the worktree {worktree} {fault}")]
    Worktree {
        /// The worktree, from the root.
        worktree: String,
        /// What is wrong with it.
        fault: WorktreeFault,
    },
}

/// What is wrong with a worktree.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum WorktreeFault {
    /// A directory without `.git`.
    #[error("is a directory, but not a git worktree")]
    NotAWorktree,
    /// HEAD is no branch.
    #[error("is not on a branch (detached HEAD)")]
    Detached,
    /// A merge or the like is not finished.
    #[error("is in the middle of a {}", .0.command())]
    InProgress(Operation),
    /// Its base went on.
    #[error("is behind its base '{base}' by {}", counted(*commits, "commit"))]
    Behind {
        /// The base.
        base: String,
        /// By how many commits, status commits not counted.
        commits: usize,
    },
    /// Work is not committed.
    #[error("has uncommitted work ({}):{}", kinds(.0), listed(&paths(.0)))]
    Dirty(Vec<Change>),
    /// No work at all.
    #[error("has no commit beyond its base '{base}'")]
    Empty {
        /// The base.
        base: String,
    },
}

/// What is known of a worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WorktreeFacts {
    pub(super) head: Head,
    pub(super) operation: Option<Operation>,
    pub(super) base: String,
    /// Commits of the base that the worktree lacks, status commits not counted.
    pub(super) behind: u64,
    /// Commits of the worktree that the base lacks.
    pub(super) ahead: u64,
    pub(super) changes: Vec<Change>,
}

/// Guard 1: a work package is moved by the agent that it is assigned to.
pub(super) fn owner(wp: WpId, owner: Option<&str>, agent: Option<&str>) -> Result<(), Refusal> {
    match (owner, agent) {
        (Some(owner), Some(agent)) if owner != agent => Err(Refusal::AgentMismatch {
            wp,
            owner: owner.to_owned(),
            agent: agent.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Guard 2: what goes back from review goes with the reviewer's words.
pub(super) fn feedback(wp: WpId, from: Lane, to: Lane, given: bool) -> Result<(), Refusal> {
    if (from, to, given) == (Lane::ForReview, Lane::Planned, false) {
        return Err(Refusal::FeedbackNeeded { wp });
    }
    Ok(())
}

/// Whether a lane claims that the work is finished, so that guards 3 and 4 apply.
pub(super) fn claims_finished(to: Lane) -> bool {
    matches!(to, Lane::ForReview | Lane::Done)
}

/// Guard 3: every subtask is ticked.
pub(super) fn subtasks(wp: WpId, subtasks: &[Subtask]) -> Result<(), Refusal> {
    let open: Vec<&Subtask> = subtasks.iter().filter(|task| !task.ticked).collect();
    if open.is_empty() {
        return Ok(());
    }
    Err(Refusal::OpenSubtasks {
        wp,
        ids: open
            .iter()
            .filter_map(|task| task.id().map(str::to_owned))
            .collect(),
        open: open.iter().map(|task| task.text.clone()).collect(),
    })
}

/// Guard 4, first part: the plan is committed. Work package files are status,
/// not plan, and do not count. `dir` is the feature's directory from the top of
/// the work tree.
pub(super) fn planning(slug: &Slug, dir: &str, changes: &[Change]) -> Result<(), Refusal> {
    let status_dir = format!("{dir}/tasks/");
    let is_status = |path: &str| {
        path.strip_prefix(&status_dir).is_some_and(|name| {
            !name.contains('/') && (name.ends_with(".md") || file::is_leftover(name))
        })
    };
    let paths: Vec<String> = changes
        .iter()
        .map(|change| change.path.clone())
        .filter(|path| !is_status(path))
        .collect();
    if paths.is_empty() {
        return Ok(());
    }
    Err(Refusal::UncommittedPlanning {
        slug: slug.clone(),
        paths,
    })
}

/// Guard 4, second part: the worktree is in a state to be reviewed.
pub(super) fn worktree(facts: WorktreeFacts) -> Result<(), WorktreeFault> {
    let base = facts.base;
    let changes: Vec<Change> = facts
        .changes
        .into_iter()
        .filter(|change| !project::is_own_file(&change.path))
        .collect();
    match (facts.head, facts.operation) {
        // A rebase detaches HEAD; the rebase is what there is to say.
        (_, Some(operation)) => Err(WorktreeFault::InProgress(operation)),
        (Head::Detached, None) => Err(WorktreeFault::Detached),
        _ if facts.behind > 0 => Err(WorktreeFault::Behind {
            base,
            commits: usize::try_from(facts.behind).unwrap_or(usize::MAX),
        }),
        _ if !changes.is_empty() => Err(WorktreeFault::Dirty(changes)),
        _ if facts.ahead == 0 => Err(WorktreeFault::Empty { base }),
        _ => Ok(()),
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

fn listed(items: &[String]) -> String {
    let mut text = String::new();
    for item in items.iter().take(LISTED) {
        text.push_str("\n  ");
        text.push_str(item);
    }
    if items.len() > LISTED {
        text.push_str(&format!("\n  and {} more", items.len() - LISTED));
    }
    text
}

fn paths(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|change| change.path.clone()).collect()
}

fn kinds(changes: &[Change]) -> String {
    let kinds = [
        (ChangeKind::Staged, "staged"),
        (ChangeKind::Unstaged, "unstaged"),
        (ChangeKind::Untracked, "untracked"),
    ];
    let parts: Vec<String> = kinds
        .iter()
        .map(|(kind, name)| (changes.iter().filter(|c| c.kind == *kind).count(), name))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wp() -> WpId {
        "WP01".parse().unwrap()
    }

    fn change(path: &str, kind: ChangeKind) -> Change {
        Change {
            path: path.into(),
            kind,
        }
    }

    fn facts() -> WorktreeFacts {
        WorktreeFacts {
            head: Head::Branch("028-x-WP01".into()),
            operation: None,
            base: "main".into(),
            behind: 0,
            ahead: 1,
            changes: vec![change(".kittify/config.yaml", ChangeKind::Unstaged)],
        }
    }

    #[test]
    fn only_another_named_agent_is_refused() {
        assert!(owner(wp(), Some("a"), Some("a")).is_ok());
        assert!(owner(wp(), Some("a"), None).is_ok());
        assert!(owner(wp(), None, Some("b")).is_ok());
        let no = owner(wp(), Some("a"), Some("b")).unwrap_err();
        assert_eq!(no.to_string(), "WP01 is assigned to 'a', not to 'b'");
    }

    #[test]
    fn only_the_way_back_from_review_to_planned_needs_words() {
        for from in Lane::ALL {
            for to in Lane::ALL {
                let refused = feedback(wp(), *from, *to, false).is_err();
                assert_eq!(refused, (*from, *to) == (Lane::ForReview, Lane::Planned));
                assert!(feedback(wp(), *from, *to, true).is_ok());
            }
        }
    }

    #[test]
    fn open_subtasks_are_listed_with_their_ids() {
        let task = |text: &str, ticked| Subtask {
            text: text.into(),
            ticked,
        };
        assert!(subtasks(wp(), &[task("T001 a", true)]).is_ok());
        let no = subtasks(
            wp(),
            &[
                task("T001 a", true),
                task("T002 b", false),
                task("c", false),
            ],
        );
        let no = no.unwrap_err();
        assert_eq!(
            no.to_string(),
            "WP01 has 2 open subtasks in tasks.md:\n  T002 b\n  c"
        );
        assert!(matches!(no, Refusal::OpenSubtasks { ids, .. } if ids == ["T002"]));
    }

    #[test]
    fn work_package_files_are_not_the_plan() {
        let slug = Slug::parse("028-x").unwrap();
        let dir = "app/kitty-specs/028-x";
        let at = |path: &str| change(&format!("{dir}/{path}"), ChangeKind::Unstaged);
        let status = [
            at("tasks/WP01-a.md"),
            at("tasks/README.md"),
            at("tasks/.spec-kitty-1.tmp"),
        ];
        assert!(planning(&slug, dir, &status).is_ok());
        for path in ["tasks.md", "spec.md", "tasks/sub/WP01.md", "tasks/x.txt"] {
            let no = planning(&slug, dir, &[at(path)]).unwrap_err();
            assert!(no.to_string().contains(path), "{no}");
        }
    }

    #[test]
    fn a_worktree_is_judged_in_order() {
        assert_eq!(worktree(facts()), Ok(()));
        let mut bad = WorktreeFacts {
            head: Head::Detached,
            operation: Some(Operation::Rebase),
            behind: 2,
            ahead: 0,
            ..facts()
        };
        bad.changes.push(change("a", ChangeKind::Staged));
        bad.changes.push(change("b", ChangeKind::Untracked));
        let says = |facts: &WorktreeFacts| worktree(facts.clone()).unwrap_err().to_string();
        assert_eq!(says(&bad), "is in the middle of a rebase");
        bad.operation = None;
        assert_eq!(says(&bad), "is not on a branch (detached HEAD)");
        bad.head = Head::Branch("x".into());
        assert_eq!(says(&bad), "is behind its base 'main' by 2 commits");
        bad.behind = 0;
        assert_eq!(
            says(&bad),
            "has uncommitted work (1 staged, 1 untracked):\n  a\n  b"
        );
        bad.changes.clear();
        assert_eq!(says(&bad), "has no commit beyond its base 'main'");
    }
}
