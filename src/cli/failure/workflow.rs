//! What failures of the workflow commands mean at the command line.

use super::near::near_feature;
use super::{Failure, near};
use crate::cli::exit::Exit;
use crate::cli::workflow::same_feature;
use crate::event::Lane;
use crate::workflow::edit::EditFailure;
use crate::workflow::feature::FeatureError;
use crate::workflow::file::FileError;
use crate::workflow::git::{GitError, Operation};
use crate::workflow::lane::UnknownLane;
use crate::workflow::mark_status::MarkError;
use crate::workflow::meta::MetaError;
use crate::workflow::move_task::{MoveError, Refusal, Request, WorktreeFault};
use crate::workflow::trouble::Trouble;
use crate::workflow::turn::TurnError;
use crate::workflow::work_package::{InvalidWpId, WpError, WpId};

/// A move that was not made; `request` is `None` when it could not be understood.
pub(in crate::cli) fn of_move(error: &MoveError, request: Option<&Request>) -> Failure {
    let again = request.map_or_else(String::new, command);
    match error {
        MoveError::Lane(unknown) => unknown_lane("--to", unknown),
        MoveError::Feedback(_) | MoveError::EmptyFeedback { .. } => {
            Failure::new("review-feedback", Exit::Failed, error.to_string())
                .hint("name a text file that says what to change: --review-feedback-file FILE")
        }
        MoveError::Refused(refusal) => refused(refusal, &again),
        MoveError::Trouble(trouble) => of_trouble(
            trouble,
            "agent tasks move-task",
            &format!("{again} --no-auto-commit"),
        ),
    }
}

/// What can go wrong in any of them. `command` is the one that was run;
/// `uncommitted` is a way to run it that commits nothing, empty when there is none.
pub(in crate::cli) fn of_trouble(error: &Trouble, command: &str, uncommitted: &str) -> Failure {
    let failed =
        |code, hint: String| Failure::new(code, Exit::Failed, error.to_string()).hint(hint);
    match error {
        Trouble::WpId(invalid) => invalid_id(invalid, command),
        Trouble::Option(bad) => {
            Failure::usage(bad.to_string()).hint(format!("spec-kitty {command} --help"))
        }
        Trouble::Project(none) => Failure::new("no-project", Exit::NotFound, none.to_string())
            .hint("change to the project, or set SPECIFY_REPO_ROOT to its root"),
        Trouble::Feature(error) => of_feature(error),
        Trouble::Wp(error) => of_work_package(error),
        Trouble::Meta(error) => of_meta(error),
        Trouble::NoRepository(GitError::Missing) | Trouble::Git(GitError::Missing) => failed(
            "git-missing",
            "install git, then run the command again".into(),
        ),
        Trouble::NoRepository(_) => failed(
            "no-repository",
            "see what git says, or make the project a repository: git status, git init".into(),
        ),
        Trouble::Detached if uncommitted.is_empty() => failed(
            "detached-head",
            "switch to a branch: git switch BRANCH".into(),
        ),
        Trouble::Detached => failed(
            "detached-head",
            format!("switch to a branch (git switch BRANCH), or: {uncommitted}"),
        ),
        Trouble::InProgress(operation) => failed("git-in-progress", finish(*operation)),
        Trouble::Unmerged { path } => failed(
            "conflict",
            format!("resolve it, then: git add '{}'", path.display()),
        ),
        Trouble::Turn(TurnError::Busy { .. }) => {
            Failure::new("busy", Exit::Busy, error.to_string()).hint("try again in a moment")
        }
        Trouble::Turn(TurnError::Io { .. }) | Trouble::Journal(_) => failed(
            "repository-lock",
            "check the rights of the git directory, then run the command again".into(),
        ),
        Trouble::Git(_) => failed("git", "see what git says: git status".into()),
        Trouble::Edit(error) => of_edit(error),
        Trouble::File(error) => of_file(error),
    }
}

/// Subtasks or work packages that were not marked.
pub(in crate::cli) fn of_mark(error: &MarkError, command: &str) -> Failure {
    const NAME: &str = "agent tasks mark-status";
    match error {
        MarkError::Trouble(trouble) => {
            of_trouble(trouble, NAME, &format!("{command} --no-auto-commit"))
        }
        MarkError::Id { given } => {
            let meant = given.parse::<WpId>().err().and_then(|invalid| invalid.meant);
            Failure::usage(error.to_string()).hint(match meant {
                Some(id) => format!("did you mean {id}?"),
                None => "name subtasks (T001) or work packages (WP01): spec-kitty agent tasks mark-status T001 --status done".into(),
            })
        }
        MarkError::Status { given, what } => {
            Failure::usage(error.to_string()).hint(match near(given, what.words()) {
                Some(meant) => format!("did you mean --status {meant}?"),
                None => "subtasks: --status done or pending; work packages: planned, doing, for_review or done".into(),
            })
        }
        MarkError::NoTasks { .. } => {
            Failure::new("no-tasks-file", Exit::NotFound, error.to_string())
                .hint("write the plan first, or name another feature: --feature NNN-name")
        }
        MarkError::NoneFound { .. } => {
            Failure::new("no-such-subtask", Exit::NotFound, error.to_string())
                .hint("name subtasks that tasks.md has a box for, or another feature: --feature NNN-name")
        }
        MarkError::Move { source, request } => of_move(source, Some(request)),
    }
}

fn command(request: &Request) -> String {
    let feature = same_feature(request.feature.as_deref());
    format!(
        "spec-kitty agent tasks move-task {} --to {}{feature}",
        request.wp, request.to
    )
}

fn unknown_lane(option: &str, unknown: &UnknownLane) -> Failure {
    let failure = Failure::new("unknown-lane", Exit::Usage, unknown.to_string());
    match unknown.meant {
        Some(lane) => failure.hint(format!("did you mean {option} {lane}?")),
        None => failure.hint(format!(
            "name one of them: {option} {}",
            Lane::WORDS.join("|")
        )),
    }
}

fn invalid_id(invalid: &InvalidWpId, command: &str) -> Failure {
    let failure = Failure::new("invalid-work-package", Exit::Usage, invalid.to_string());
    match invalid.meant {
        Some(id) => failure.hint(format!("did you mean {id}?")),
        None => failure.hint(format!(
            "name it by its id, such as WP01: spec-kitty {command} --help"
        )),
    }
}

fn of_feature(error: &FeatureError) -> Failure {
    let meant = match error {
        FeatureError::BadSlug { given, known } => near_feature(given, known),
        FeatureError::Missing { slug, known } => near_feature(slug.as_str(), known),
        _ => None,
    };
    let (code, exit, hint) = match error {
        FeatureError::BadSlug { .. } => (
            "invalid-feature",
            Exit::Usage,
            "name it as its directory is named: --feature NNN-name, or SPECIFY_FEATURE",
        ),
        FeatureError::Missing { .. } => (
            "no-such-feature",
            Exit::NotFound,
            "name one that exists: --feature NNN-name, or SPECIFY_FEATURE",
        ),
        FeatureError::None => (
            "no-such-feature",
            Exit::NotFound,
            "plan a feature first; it lives in kitty-specs/NNN-name/",
        ),
        FeatureError::Undecided { .. } => (
            "feature-undecided",
            Exit::Usage,
            "name it: --feature NNN-name, or SPECIFY_FEATURE",
        ),
        FeatureError::Outside { .. } => (
            "feature-outside",
            Exit::Failed,
            "replace the link by the directory itself",
        ),
        FeatureError::Io(_) => ("file", Exit::Failed, "check the rights of kitty-specs/"),
    };
    let hint = meant.map_or_else(|| hint.to_owned(), |meant| format!("did you mean {meant}?"));
    Failure::new(code, exit, error.to_string()).hint(hint)
}

fn of_work_package(error: &WpError) -> Failure {
    let (code, exit, hint) = match error {
        WpError::Missing { .. } => (
            "no-such-work-package",
            Exit::NotFound,
            "name one that exists, or another feature: --feature NNN-name",
        ),
        WpError::Ambiguous { .. } => (
            "ambiguous-work-package",
            Exit::Failed,
            "keep one of the files under this id and rename the others",
        ),
        WpError::File(error) => return of_file(error),
        WpError::Split { .. } | WpError::Data { .. } => (
            "bad-front-matter",
            Exit::Failed,
            "mend the part between the '---' lines at the top of the file",
        ),
        WpError::Legacy { .. } => (
            "old-layout",
            Exit::Failed,
            "put its file into tasks/ itself (git mv) and its lane into 'lane:', then commit that",
        ),
        WpError::Lane { .. } => (
            "bad-lane",
            Exit::Failed,
            "set 'lane:' in its front matter to planned, doing, for_review or done",
        ),
    };
    Failure::new(code, exit, error.to_string()).hint(hint)
}

fn of_meta(error: &MetaError) -> Failure {
    let (code, hint) = match error {
        MetaError::Missing { .. } => (
            "no-meta",
            "restore it (git log -- kitty-specs), or write one: {\"target_branch\": \"main\"}",
        ),
        MetaError::File(error) => return of_file(error),
        MetaError::Json { .. } => ("bad-meta", "mend the file; it must be one JSON object"),
    };
    Failure::new(code, Exit::Failed, error.to_string()).hint(hint)
}

fn of_file(error: &FileError) -> Failure {
    let (code, hint) = match error {
        FileError::Io { .. } => ("file", "check the rights of the file and the free space"),
        FileError::NotRegular { .. } => ("not-a-file", "put the file itself in its place"),
        FileError::TooLarge { .. } => ("file-too-large", "look at the file; no plan is that long"),
        FileError::NotUtf8 { .. } => ("not-utf8", "save the file as UTF-8"),
        FileError::Changed { .. } => ("file-changed", "run the command again"),
    };
    Failure::new(code, Exit::Failed, error.to_string()).hint(hint)
}

fn of_edit(error: &EditFailure) -> Failure {
    let hint = match error {
        EditFailure::Activity(_) => "name the agent in plain words: --agent NAME",
        _ => "write the key on one line, as in 'lane: doing', then run the command again",
    };
    Failure::new("unsafe-edit", Exit::Failed, error.to_string()).hint(hint)
}

fn finish(operation: Operation) -> String {
    let verb = operation.command();
    format!("finish it (git {verb} --continue) or give it up (git {verb} --abort)")
}

fn refused(refusal: &Refusal, again: &str) -> Failure {
    let (code, hint) = match refusal {
        Refusal::AgentMismatch { .. } => (
            "agent-mismatch",
            format!("to take it over: {again} --force"),
        ),
        Refusal::FeedbackNeeded { .. } => (
            "feedback-needed",
            format!("{again} --review-feedback-file FILE"),
        ),
        Refusal::OpenSubtasks { ids, .. } => ("open-subtasks", tick(ids, again)),
        Refusal::UncommittedPlanning { slug, .. } => (
            "uncommitted-planning",
            format!("commit them (git add kitty-specs/{slug}, git commit), or: {again} --force"),
        ),
        Refusal::Worktree { worktree, fault } => (
            "worktree",
            format!("{}, or: {again} --force", mend(worktree, fault)),
        ),
    };
    Failure::new(code, Exit::Failed, refusal.to_string()).hint(hint)
}

/// Ticking is named as an edit of tasks.md: that can be done in any state.
fn tick(ids: &[String], again: &str) -> String {
    let what = if ids.is_empty() {
        "them".to_owned()
    } else {
        ids.join(" ")
    };
    format!("tick {what} in tasks.md when done, or: {again} --force")
}

fn mend(worktree: &str, fault: &WorktreeFault) -> String {
    match fault {
        WorktreeFault::NotAWorktree => format!("move the directory {worktree} away"),
        WorktreeFault::Detached => format!("git -C {worktree} switch BRANCH"),
        WorktreeFault::InProgress(operation) => {
            format!("git -C {worktree} {} --continue", operation.command())
        }
        WorktreeFault::Behind { base, .. } => format!("git -C {worktree} rebase {base}"),
        WorktreeFault::Dirty(_) => format!("git -C {worktree} add -A, git -C {worktree} commit"),
        WorktreeFault::Empty { .. } => format!("commit the work in {worktree}"),
    }
}
