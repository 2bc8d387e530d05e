//! The run itself: one coordinator that changes the project, and one thread for
//! each agent that runs.
//!
//! The coordinator is the only one that writes the state, moves lanes and tells
//! of it; agents only work in their worktrees. Every change of a lane is a real
//! one, by the same code as the commands.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use super::config::{Agent, Config};
use super::error::OrchestrateError;
use super::lanes;
use super::prompt;
use super::state::{RunState, RunStatus, WpRun, WpStatus};
use super::worker::{self, Job, Outcome};
use crate::event::{DependencyResolved, FeatureCompleted, Payload, Phase, Resolution, WpAssigned};
use crate::workflow::audience::{Audience, Effects, caused_by};
use crate::workflow::feature::Slug;
use crate::workflow::graph::{Graph, is_ready, order};
use crate::workflow::project::Project;
use crate::workflow::scene::Place;
use crate::workflow::work_package::{WorkPackage, WpId};

const TICK: Duration = Duration::from_millis(100);

/// Everything that a run needs.
pub(super) struct Run<'a> {
    pub(super) project: Project,
    pub(super) slug: Slug,
    pub(super) graph: Graph,
    pub(super) config: Config,
    pub(super) state: RunState,
    pub(super) place: Place,
    pub(super) audience: &'a mut dyn Audience,
    /// Which agent runs for which work package.
    pub(super) running: BTreeMap<WpId, String>,
    /// Before when a work package is not tried again.
    pub(super) not_before: BTreeMap<WpId, Instant>,
}

impl Run<'_> {
    /// Runs until everything is over, nothing can go on, or `stop` says so.
    pub(super) fn run_on(&mut self, stop: &AtomicBool) -> Result<(), OrchestrateError> {
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            let ended = self.rounds(scope, stop, &sender, &receiver);
            // Nobody is left behind, however it ended.
            if ended.is_err() {
                stop.store(true, Ordering::SeqCst);
            }
            ended
        })?;
        self.state.status = if stop.load(Ordering::SeqCst) {
            RunStatus::Paused
        } else if self
            .state
            .work_packages
            .values()
            .all(|wp| wp.status.is_over())
        {
            RunStatus::Completed
        } else {
            RunStatus::Failed
        };
        if self.state.status == RunStatus::Completed {
            self.complete();
        }
        self.save()
    }

    fn rounds<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        stop: &'scope AtomicBool,
        sender: &Sender<Outcome>,
        receiver: &Receiver<Outcome>,
    ) -> Result<(), OrchestrateError> {
        loop {
            let mut waits = false;
            if !stop.load(Ordering::SeqCst) {
                for wp in order(&self.graph) {
                    match self.next_job(wp)? {
                        Next::Job(job) => {
                            let sender = sender.clone();
                            scope.spawn(move || {
                                let _ = sender.send(worker::run(&job, stop));
                            });
                        }
                        Next::Later => waits = true,
                        Next::Nothing => {}
                    }
                }
            }
            if self.running.is_empty() && !waits {
                return Ok(());
            }
            if let Ok(outcome) = receiver.recv_timeout(TICK) {
                self.running.remove(&outcome.wp);
                self.ended(&outcome)?;
                self.save()?;
            } else if self.running.is_empty() && stop.load(Ordering::SeqCst) {
                return Ok(());
            }
        }
    }

    pub(super) fn wp(&self, wp: WpId) -> WpRun {
        let found = self.state.work_packages.get(&wp.to_string());
        found.cloned().unwrap_or_default()
    }

    pub(super) fn set(&mut self, wp: WpId, run: WpRun) {
        self.state.work_packages.insert(wp.to_string(), run);
    }

    fn save(&mut self) -> Result<(), OrchestrateError> {
        self.state.write(&self.project.root)
    }

    pub(super) fn now(&mut self) -> &Place {
        self.place.now = jiff::Timestamp::now();
        &self.place
    }

    /// What is to be done for a work package now, begun so far that an agent can
    /// run.
    fn next_job(&mut self, wp: WpId) -> Result<Next, OrchestrateError> {
        if self.running.contains_key(&wp) {
            return Ok(Next::Nothing);
        }
        let mut run = self.wp(wp);
        let phase = match run.status {
            WpStatus::Pending | WpStatus::Rework => {
                let states = &self.state.work_packages;
                let over = |other: WpId| {
                    states
                        .get(&other.to_string())
                        .is_some_and(|wp| wp.status.is_over())
                };
                if !is_ready(&self.graph, wp, over) {
                    return Ok(Next::Nothing);
                }
                Phase::Implementation
            }
            WpStatus::Built => Phase::Review,
            _ => return Ok(Next::Nothing),
        };
        let waits = self
            .not_before
            .get(&wp)
            .is_some_and(|at| *at > Instant::now());
        if waits || self.running.len() >= self.config.concurrency {
            return Ok(Next::Later);
        }
        let Some(agent) = self.agent_for(&run, phase) else {
            run.status = WpStatus::Failed;
            self.set(wp, run);
            self.save()?;
            return Ok(Next::Nothing);
        };
        let busy = self.running.values().filter(|id| **id == agent.id).count();
        if busy >= agent.max_concurrent {
            return Ok(Next::Later);
        }
        match self.begin(wp, run, phase, &agent) {
            Ok(job) => {
                self.running.insert(wp, agent.id);
                self.state.parallel_peak = self.state.parallel_peak.max(self.running.len());
                self.state.total_agent_invocations += 1;
                self.save()?;
                Ok(Next::Job(Box::new(job)))
            }
            Err(why) => {
                let mut run = self.wp(wp);
                run.status = WpStatus::Failed;
                run.last_error = Some(why);
                self.set(wp, run);
                self.save()?;
                Ok(Next::Nothing)
            }
        }
    }

    /// The first agent that was not given up for this work package.
    pub(super) fn agent_for(&self, run: &WpRun, phase: Phase) -> Option<Agent> {
        let agents = match phase {
            Phase::Implementation => &self.config.implementers,
            Phase::Review => &self.config.reviewers,
        };
        let untried = |agent: &&Agent| !run.fallback_agents_tried.contains(&agent.id);
        agents.iter().find(untried).cloned()
    }

    /// Makes the worktree, moves the lane, tells of the assignment.
    fn begin(
        &mut self,
        wp: WpId,
        mut run: WpRun,
        phase: Phase,
        agent: &Agent,
    ) -> Result<Job, String> {
        let slug = self.slug.clone();
        self.now();
        let mut effects = Effects::of(self.state.last_event(wp), self.audience);
        let begun = lanes::begin(&self.place, &mut effects, &slug, wp, phase, &agent.id);
        let moved = effects.last();
        self.state.follow(wp, moved);
        let (worktree, base) = begun?;
        let text = WorkPackage::find(
            &self.project.specs_dir().join(slug.as_str()).join("tasks"),
            wp,
        )
        .map_err(|error| error.to_string())?
        .text;
        let (role, retries, command, prompt) = match phase {
            Phase::Implementation => {
                run.status = WpStatus::Implementation;
                run.implementation_agent = Some(agent.id.clone());
                let text = prompt::implementation(
                    &text,
                    run.review_feedback.as_deref(),
                    run.last_error.as_deref(),
                );
                (
                    "implementation",
                    run.implementation_retries,
                    &agent.implement,
                    text,
                )
            }
            Phase::Review => {
                run.status = WpStatus::Review;
                run.review_agent = Some(agent.id.clone());
                let text = prompt::review(&wp.to_string(), &base, &text);
                ("review", run.review_retries, &agent.review, text)
            }
        };
        let stamp = self.place.now.strftime("%Y%m%d-%H%M%S").to_string();
        let log = self
            .project
            .root
            .join(format!(".kittify/logs/{wp}-{role}-{stamp}.log"));
        run.log_file = Some(self.project.relative(&log).to_string_lossy().into_owned());
        run.worktree_path = Some(
            self.project
                .relative(&worktree)
                .to_string_lossy()
                .into_owned(),
        );
        self.set(wp, run);
        let event = WpAssigned::new(wp.to_string(), &agent.id, phase)
            .retry_count(retries)
            .feature(slug.as_str());
        let cause = self.state.last_event(wp);
        let assigned = caused_by(cause, vec![event.into_draft()]);
        let assigned = self.audience.record(assigned);
        self.state.follow(wp, assigned);
        Ok(Job {
            wp,
            command: command.clone(),
            prompt: agent.prompt,
            text: prompt,
            dir: worktree,
            log,
            timeout: agent.timeout,
            environment: vec![
                ("SPECIFY_FEATURE", slug.to_string()),
                (
                    "SPECIFY_REPO_ROOT",
                    self.project.root.to_string_lossy().into_owned(),
                ),
                ("SPEC_KITTY_WP", wp.to_string()),
                ("SPEC_KITTY_ROLE", role.to_owned()),
            ],
        })
    }

    /// Tells those that waited for `wp`.
    pub(super) fn resolved(&mut self, wp: WpId, how: Resolution) {
        let slug = self.slug.as_str();
        let cause = self.state.last_event(wp);
        for (other, _) in self.graph.iter().filter(|(_, needs)| needs.contains(&wp)) {
            let event = DependencyResolved::new(other.to_string(), wp.to_string(), how)
                .feature(slug)
                .into_draft();
            let resolved = self.audience.record(caused_by(cause, vec![event]));
            if !self.wp(*other).status.is_over() {
                self.state.follow(*other, resolved);
            }
        }
    }

    fn complete(&mut self) {
        let now = jiff::Timestamp::now();
        let begun: jiff::Timestamp = self.state.started_at.parse().unwrap_or(now);
        let seconds = now.duration_since(begun).as_secs_f64();
        self.state.completed_at = Some(now.to_string());
        let total = u32::try_from(self.graph.len()).unwrap_or(u32::MAX);
        let event = FeatureCompleted::new(self.slug.as_str(), total)
            .completed_at(now.to_string())
            .total_duration(format!("{seconds:.1}s"));
        let cause = self.state.newest_event();
        self.audience
            .record(caused_by(cause, vec![event.into_draft()]));
    }
}

/// What is to be done for a work package.
enum Next {
    /// This, now.
    Job(Box<Job>),
    /// Something, when there is time for it.
    Later,
    Nothing,
}
