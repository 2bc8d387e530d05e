//! Orchestrating a feature: agents build and review its work packages, as many
//! at once as may, each after what it waits for.
//!
//! What `agents.yaml` configures is run in the worktree of a work package, in a
//! process group that ends with its time. Lanes really move. The state is written
//! whenever it changes, so that a run that was stopped or killed goes on, and a
//! work package that failed is tried again then, or skipped by a person.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::sync::atomic::AtomicBool;

mod config;
mod error;
mod lanes;
mod outcome;
mod prompt;
mod run;
mod state;
mod verdict;
mod worker;

pub(crate) use config::Choices;
pub(crate) use error::OrchestrateError;
pub(crate) use state::{RunState, RunStatus, WpRun, WpStatus};

use super::audience::Audience;
use super::feature::Slug;
use super::git::{Git, worktree};
use super::graph::{Graph, cycles};
use super::options::AutoCommit;
use super::project::Project;
use super::scene::{Known, Place, Scene, look_around};
use super::trouble::{Concerned, Trouble, report};
use super::work_package::{WorkPackage, WpId, list};
use crate::event::{Lane, Resolution};
use crate::platform;
use run::Run;

/// What `orchestrate` can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Begin a run.
    Start,
    /// Go on with one.
    Resume,
    /// Tell how it stands.
    Status,
    /// Leave a work package out.
    Skip(WpId),
    /// Give it up, with its worktrees or without.
    Abort(Cleanup),
}

/// What happens to worktrees when a run is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cleanup {
    /// They stay.
    Keep,
    /// Those without uncommitted work are removed; branches stay.
    Remove,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrchestrateRequest {
    /// The feature, unchecked.
    pub feature: Option<String>,
    /// What to do.
    pub action: Action,
    /// What the command line says about agents.
    pub choices: Choices,
}

/// Does what is asked for, and tells `audience` of it. `stop` ends a run: its
/// agents are stopped, and it is paused.
///
/// # Errors
/// When it cannot be done. A run with failed work packages is no error: its
/// state says so.
pub(crate) fn orchestrate(
    request: &OrchestrateRequest,
    place: &Place,
    stop: &AtomicBool,
    audience: &mut dyn Audience,
) -> Result<RunState, OrchestrateError> {
    let mut known = Known::default();
    attempt(request, place, stop, &mut known, audience).inspect_err(|error| {
        report(error, &Concerned::default(), &known, audience);
    })
}

fn attempt(
    request: &OrchestrateRequest,
    place: &Place,
    stop: &AtomicBool,
    known: &mut Known,
    audience: &mut dyn Audience,
) -> Result<RunState, OrchestrateError> {
    let project = Project::locate(&place.cwd, place.root.as_deref()).map_err(Trouble::from)?;
    let present = RunState::read(&project.root)?;
    // A run that is there says which feature it is about.
    let begun = present.as_ref().map(|state| state.feature_slug.clone());
    let named = match request.action {
        Action::Start => request.feature.clone(),
        _ => request.feature.clone().or(begun),
    };
    let commit = match request.action {
        Action::Start | Action::Resume => AutoCommit::On,
        _ => AutoCommit::Off,
    };
    if request.action == Action::Status {
        return present.ok_or(OrchestrateError::None);
    }
    let scene = look_around(named.as_deref(), commit, place, known)?;
    let lock = scene
        .repository
        .common_dir
        .join("spec-kitty/orchestrate.lock");
    let _lock = lock_run(&lock)?;
    let (slug, graph, done) = plan(&scene)?;
    let mut state = match (request.action, present) {
        (Action::Start, Some(state)) if state.status != RunStatus::Completed => {
            return Err(OrchestrateError::Unfinished {
                feature: state.feature_slug,
                status: state.status.as_str(),
            });
        }
        (Action::Start, _) => fresh(&slug, &graph, &done, place),
        (_, None) => return Err(OrchestrateError::None),
        (_, Some(state)) => state,
    };
    if let Action::Abort(cleanup) = request.action {
        if cleanup == Cleanup::Remove {
            remove_worktrees(&scene, &state, place);
        }
        RunState::remove(&scene.project.root);
        state.status = RunStatus::Failed;
        return Ok(state);
    }
    if request.action == Action::Resume {
        if state.status == RunStatus::Completed {
            return Err(OrchestrateError::Completed);
        }
        revive(&mut state);
    }
    let config = config::read(&scene.project.root, &request.choices);
    let mut run = Run {
        config: match (request.action, config) {
            (Action::Skip(_), _) => config::nobody(),
            (_, config) => config?,
        },
        project: scene.project,
        slug,
        graph,
        state,
        place: place.clone(),
        audience,
        running: BTreeMap::new(),
        not_before: BTreeMap::new(),
    };
    if let Action::Skip(wp) = request.action {
        skip(&mut run, wp)?;
        return Ok(run.state);
    }
    run.state.status = RunStatus::Running;
    run.state.pid = std::process::id();
    run.state.concurrency_limit = run.config.concurrency;
    run.state.write(&run.project.root)?;
    run.run_on(stop)?;
    Ok(run.state)
}

/// One run in a repository at a time; the lock goes with the process.
fn lock_run(path: &std::path::Path) -> Result<std::fs::File, OrchestrateError> {
    let io = |source| {
        let path = path.to_owned();
        OrchestrateError::Trouble(Trouble::Turn(super::turn::TurnError::Io { path, source }))
    };
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(io)?;
    }
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(io)?;
    match platform::try_lock_exclusive(&file).map_err(io)? {
        true => Ok(file),
        false => Err(OrchestrateError::Running),
    }
}

/// The feature, who waits for whom, and the lane of each work package.
fn plan(scene: &Scene) -> Result<(Slug, Graph, BTreeMap<WpId, Lane>), OrchestrateError> {
    let tasks_dir = scene.feature.tasks_dir();
    let (mut graph, mut lanes) = (Graph::new(), BTreeMap::new());
    for (id, name) in list(&tasks_dir)? {
        let wp = WorkPackage::read(id, &tasks_dir.join(name)).map_err(Trouble::from)?;
        lanes.insert(id, wp.lane);
        graph.insert(id, wp.dependencies());
    }
    if graph.is_empty() {
        return Err(OrchestrateError::Empty);
    }
    if !cycles(&graph).is_empty() {
        return Err(OrchestrateError::Dependencies(
            "some of them are circular".into(),
        ));
    }
    for (wp, needs) in &graph {
        if let Some(other) = needs.iter().find(|other| !graph.contains_key(other)) {
            let why = format!("{wp} waits for {other}, which does not exist");
            return Err(OrchestrateError::Dependencies(why));
        }
    }
    Ok((scene.feature.slug.clone(), graph, lanes))
}

/// A run from the beginning; what is done or waits for review is taken as it is.
fn fresh(slug: &Slug, graph: &Graph, lanes: &BTreeMap<WpId, Lane>, place: &Place) -> RunState {
    let of = |wp: &WpId| WpRun {
        status: match lanes.get(wp) {
            Some(Lane::Done) => WpStatus::Completed,
            Some(Lane::ForReview) => WpStatus::Built,
            _ => WpStatus::Pending,
        },
        ..WpRun::default()
    };
    RunState {
        run_id: uuid::Uuid::new_v4().to_string(),
        feature_slug: slug.to_string(),
        started_at: place.now.to_string(),
        completed_at: None,
        status: RunStatus::Running,
        concurrency_limit: 0,
        wps_total: graph.len(),
        wps_completed: 0,
        wps_failed: 0,
        parallel_peak: 0,
        total_agent_invocations: 0,
        pid: std::process::id(),
        work_packages: graph.keys().map(|wp| (wp.to_string(), of(wp))).collect(),
        last_events: BTreeMap::new(),
    }
}

/// What was under way when a run was stopped or killed is begun again; what
/// failed gets another chance.
fn revive(state: &mut RunState) {
    for wp in state.work_packages.values_mut() {
        wp.status = match wp.status {
            WpStatus::Implementation => WpStatus::Pending,
            WpStatus::Review => WpStatus::Built,
            WpStatus::Failed => {
                wp.tries = 0;
                wp.review_cycles = 0;
                wp.fallback_agents_tried.clear();
                WpStatus::Pending
            }
            other => other,
        };
    }
}

fn skip(run: &mut Run<'_>, wp: WpId) -> Result<(), OrchestrateError> {
    let Some(found) = run.state.work_packages.get_mut(&wp.to_string()) else {
        return Err(OrchestrateError::NotPart { wp });
    };
    if found.status.is_over() {
        let status = found.status.as_str();
        return Err(OrchestrateError::NotSkippable { wp, status });
    }
    found.status = WpStatus::Skipped;
    run.state.write(&run.project.root)?;
    run.resolved(wp, Resolution::Skipped);
    Ok(())
}

/// Removes the worktrees of a run; git keeps those with uncommitted work.
fn remove_worktrees(scene: &Scene, state: &RunState, place: &Place) {
    let git: Git<'_> = scene.git(place.patience.commit);
    for wp in state.work_packages.keys().filter_map(|wp| wp.parse().ok()) {
        let path = scene.project.worktree(&scene.workspace(wp));
        if let Ok(worktree::Standing::Present(_)) = worktree::standing(&git, &path) {
            let _ = git.run(&["worktree", "remove", &path.to_string_lossy()]);
        }
    }
}
