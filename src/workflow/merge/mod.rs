//! Merging a feature: all its work packages into the branch that it belongs to,
//! in the order of their dependencies.
//!
//! Nothing is merged before everything can be; how far it has come is written
//! down before and after each step. A work package that was in doing goes to
//! review, and that is what is told. Branches and worktrees are removed last,
//! and only what was merged.

use std::path::Path;

mod cleanup;
mod error;
mod forecast;
mod preflight;
mod request;
mod state;
mod status_file;
mod step;

pub(crate) use error::MergeError;
pub(crate) use forecast::Expected;
pub(crate) use request::{Action, Keep, MergeRequest, Strategy};
pub(crate) use state::MergeState;

use super::audience::Audience;
use super::committed::Settled;
use super::edit::{Written, edited};
use super::git::{count_commits, tip};
use super::lane_change::LaneChange;
use super::note::Note;
use super::options::AutoCommit;
use super::scene::{Known, Place};
use super::trouble::{Concerned, Trouble, report};
use super::work::{Change, Edit, Work};
use super::work_package::{WorkPackage, WpId};
use crate::event::Lane;

/// What `merge` did.
#[derive(Debug)]
pub(crate) struct Merged {
    /// The feature.
    pub feature: String,
    /// The branch that everything is merged into.
    pub target: String,
    /// How.
    pub strategy: Strategy,
    /// What came of it.
    pub ending: Ending,
    /// The work packages, in the order in which they are merged.
    pub order: Vec<WpId>,
    /// The lanes that changed.
    pub changes: Vec<LaneChange>,
    /// What became of the commits of the lanes.
    pub settled: Vec<Settled>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Everything is merged.
    Merged {
        /// Whether the target was pushed.
        pushed: bool,
        /// The work packages whose worktree or branch was removed.
        removed: Vec<WpId>,
    },
    /// What would come of it.
    Forecast(Vec<Expected>),
    /// It was given up; these stay merged.
    Aborted(Vec<String>),
    /// There was nothing to give up.
    NothingToAbort,
}

/// Merges a feature, or does what else is asked for, and tells `audience` of it.
///
/// # Errors
/// When it is not merged, or not to the end. What was merged stays merged.
pub(crate) fn merge(
    request: &MergeRequest,
    place: &Place,
    audience: &mut dyn Audience,
) -> Result<Merged, MergeError> {
    let mut known = Known::default();
    attempt(request, place, &mut known, audience).inspect_err(|error| {
        let whom = Concerned {
            wp: error.work_package(),
            agent: None,
        };
        report(error, &whom, &known, audience);
    })
}

fn attempt(
    request: &MergeRequest,
    place: &Place,
    known: &mut Known,
    audience: &mut dyn Audience,
) -> Result<Merged, MergeError> {
    if place.cwd.iter().any(|part| part == ".worktrees") {
        return Err(MergeError::InWorktree);
    }
    let commit = match request.action {
        Action::Start => AutoCommit::On,
        // An interrupted merge is what they are about, and a forecast commits nothing.
        Action::Resume | Action::Abort | Action::Forecast => AutoCommit::Off,
    };
    let feature = request.feature.as_deref();
    let mut work = Work::begin(feature, commit, place, known, audience)?;
    let root = work.scene.project.root.clone();
    let present = MergeState::read(&root)?;
    match (request.action, present) {
        (Action::Start, Some(state)) => Err(MergeError::Unfinished {
            feature: state.feature_slug,
        }),
        (Action::Start, None) => {
            let state = begin(request, &mut work)?;
            state.write(&root)?;
            go_on(&mut work, state)
        }
        (Action::Forecast, _) => look_ahead(request, &work),
        (Action::Resume, None) => Err(MergeError::NothingToResume),
        (Action::Resume, Some(state)) => {
            check_feature(&state, request, &work)?;
            let state = pick_up(&work, state)?;
            go_on(&mut work, state)
        }
        (Action::Abort, None) => Ok(ended(&work, None, Ending::NothingToAbort)),
        (Action::Abort, Some(state)) => {
            check_feature(&state, request, &work)?;
            give_up(&work, state)
        }
    }
}

fn target(request: &MergeRequest, work: &Work<'_>) -> Result<String, MergeError> {
    let named = request.target.as_deref().or(work.scene.meta.target());
    let target = named.unwrap_or("main").to_owned();
    check_branch(&target, work)?;
    Ok(target)
}

fn check_branch(target: &str, work: &Work<'_>) -> Result<(), MergeError> {
    match work.scene.head.branch() {
        Some(current) if current == target => Ok(()),
        current => Err(MergeError::OtherBranch {
            target: target.to_owned(),
            current: current.unwrap_or("no branch").to_owned(),
        }),
    }
}

/// A merge that was named is the one that goes on; without a name, any is.
fn check_feature(
    state: &MergeState,
    request: &MergeRequest,
    work: &Work<'_>,
) -> Result<(), MergeError> {
    let asked = &work.scene.feature.slug;
    if state.feature_slug == asked.as_str()
        || request.feature.is_none() && state.feature_slug.is_empty()
    {
        return Ok(());
    }
    Err(MergeError::OtherFeature {
        feature: state.feature_slug.clone(),
        asked: asked.clone(),
    })
}

/// Checks everything, and brings the target up to date where it has an upstream.
fn begin(request: &MergeRequest, work: &mut Work<'_>) -> Result<MergeState, MergeError> {
    let target = target(request, work)?;
    let parts = preflight::parts(work)?;
    let mut problems = preflight::problems(work, &parts)?;
    if problems.is_empty() {
        problems.extend(pull(work, &target)?);
    }
    if !problems.is_empty() {
        return Err(MergeError::Preflight { problems });
    }
    let now = work.place.second();
    let merged_commits = parts
        .iter()
        .filter_map(|part| Some((part.wp.to_string(), part.commit.clone()?)))
        .collect();
    Ok(MergeState {
        feature_slug: work.scene.feature.slug.to_string(),
        target_branch: target,
        wp_order: parts.iter().map(|part| part.wp.to_string()).collect(),
        completed_wps: Vec::new(),
        current_wp: None,
        has_pending_conflicts: false,
        strategy: request.strategy,
        started_at: now.clone(),
        updated_at: now,
        keep: request.keep,
        merged_commits,
    })
}

/// Fast-forwards to the upstream, when there is one. What cannot be fetched is
/// merged as it is known.
fn pull(work: &mut Work<'_>, target: &str) -> Result<Option<String>, MergeError> {
    let upstream = format!("{target}@{{upstream}}");
    let limit = work.place.patience.commit;
    let has_upstream = {
        let git = work.scene.git(limit);
        git.run(&["rev-parse", "-q", "--verify", &upstream])?.code == Some(0)
    };
    if !has_upstream {
        return Ok(None);
    }
    if work.scene.git(limit).ask(&["fetch", "-q"]).is_err() {
        work.note(&Note::NotFetched);
    }
    let git = work.scene.git(limit);
    if count_commits(&git, "HEAD", &upstream, None)? == 0 {
        return Ok(None);
    }
    Ok(git
        .ask(&["merge", "-q", "--ff-only", &upstream])
        .err()
        .map(|_| format!("the branch '{target}' and its upstream have diverged: git pull")))
}

fn look_ahead(request: &MergeRequest, work: &Work<'_>) -> Result<Merged, MergeError> {
    let target = target(request, work)?;
    let parts = preflight::parts(work)?;
    let problems = preflight::problems(work, &parts)?;
    if !problems.is_empty() {
        return Err(MergeError::Preflight { problems });
    }
    let expected = forecast::forecast(work, &parts)?;
    Ok(Merged {
        feature: work.scene.feature.slug.to_string(),
        target,
        strategy: request.strategy,
        ending: Ending::Forecast(expected),
        order: parts.iter().map(|part| part.wp).collect(),
        changes: Vec::new(),
        settled: Vec::new(),
    })
}

/// Finds an interrupted merge in a state in which it can go on.
fn pick_up(work: &Work<'_>, mut state: MergeState) -> Result<MergeState, MergeError> {
    check_branch(&state.target_branch, work)?;
    let git = work.scene.git(work.place.patience.commit);
    let files = step::unmerged(&git)?;
    let current: Option<WpId> = state.current_wp.as_deref().and_then(|wp| wp.parse().ok());
    if !files.is_empty() {
        let wp = state.current_wp.unwrap_or_default();
        return Err(MergeError::Conflict { wp, files });
    }
    if let Some(wp) = current {
        if step::is_under_way(&git) {
            let message = preflight::subject(wp, &state.feature_slug);
            step::conclude(&git, wp, &message)?;
        } else {
            step::forget_half(&git, &work.scene.workspace(wp))?;
        }
    }
    let problems = preflight::main_tree(&git)?;
    if !problems.is_empty() {
        return Err(MergeError::Preflight { problems });
    }
    state.has_pending_conflicts = false;
    Ok(state)
}

/// Merges what is left, and cleans up.
fn go_on(work: &mut Work<'_>, mut state: MergeState) -> Result<Merged, MergeError> {
    let root = work.scene.project.root.clone();
    let mut merged = ended(work, Some(&state), Ending::NothingToAbort);
    for wp in merged.order.clone() {
        let name = wp.to_string();
        if !state.completed_wps.contains(&name) {
            let branch = work.scene.workspace(wp);
            state.current_wp = Some(name.clone());
            save(&mut state, work, &root)?;
            // Deleted branches were merged by an earlier run.
            if tip(&work.git(), &branch)?.is_some()
                && let Err(error) = step::merge(work, wp, &branch, state.strategy)
            {
                state.has_pending_conflicts = matches!(error, MergeError::Conflict { .. });
                save(&mut state, work, &root)?;
                return Err(error);
            }
            state.completed_wps.push(name);
            state.current_wp = None;
            save(&mut state, work, &root)?;
        }
        let found =
            WorkPackage::find(&work.scene.feature.tasks_dir(), wp).map_err(Trouble::from)?;
        if found.lane == Lane::Doing {
            let (change, settled) = to_review(work, wp, &state.target_branch)?;
            merged.changes.push(change);
            merged.settled.push(settled);
        }
    }
    let pushed = state.keep.push && cleanup::push(work, &state.target_branch);
    let removed = cleanup::remove(work, &state);
    MergeState::remove(&root);
    merged.ending = Ending::Merged { pushed, removed };
    Ok(merged)
}

fn save(state: &mut MergeState, work: &Work<'_>, root: &Path) -> Result<(), MergeError> {
    state.updated_at = work.place.second();
    Ok(state.write(root)?)
}

/// What was being done and is merged now waits for its review.
fn to_review(
    work: &mut Work<'_>,
    wp: WpId,
    target: &str,
) -> Result<(LaneChange, Settled), Trouble> {
    let wp = work.work_package(wp)?;
    let written = Written {
        note: Some(format!("Merged into {target}")),
        ..Written::to(Lane::ForReview, work.place.second())
    };
    let change = LaneChange {
        wp: wp.id,
        feature: work.scene.feature.slug.clone(),
        old: wp.lane,
        new: Lane::ForReview,
        by: None,
    };
    let settled = work.apply(Change {
        what: change.what(),
        edits: vec![Edit {
            path: wp.path.clone(),
            new: edited(&wp.text, wp.lane, &written)?,
            old: wp.text,
            lane: Some((wp.id, Lane::ForReview)),
        }],
        along: Vec::new(),
        message: change.message(),
        commit: AutoCommit::On,
        drafts: vec![change.draft()],
    })?;
    Ok((change, settled))
}

/// Gives up what is being merged; what was merged before stays.
fn give_up(work: &Work<'_>, state: MergeState) -> Result<Merged, MergeError> {
    let git = work.scene.git(work.place.patience.commit);
    if step::is_under_way(&git) || !step::unmerged(&git)?.is_empty() {
        let args: &[&str] = match state.strategy {
            Strategy::Merge => &["merge", "--abort"],
            Strategy::Squash => &["reset", "-q", "--merge"],
        };
        git.ask(args)?;
    }
    MergeState::remove(&work.scene.project.root);
    let completed = state.completed_wps.clone();
    Ok(ended(work, Some(&state), Ending::Aborted(completed)))
}

fn ended(work: &Work<'_>, state: Option<&MergeState>, ending: Ending) -> Merged {
    let order = state
        .map(|state| state.wp_order.as_slice())
        .unwrap_or_default();
    Merged {
        feature: work.scene.feature.slug.to_string(),
        target: state.map_or_else(String::new, |state| state.target_branch.clone()),
        strategy: state.map_or(Strategy::Merge, |state| state.strategy),
        ending,
        order: order.iter().filter_map(|wp| wp.parse().ok()).collect(),
        changes: Vec::new(),
        settled: Vec::new(),
    }
}
