//! What an agent that ended leads to: the next lane, another try, another agent,
//! or nobody.

use std::time::Instant;

use super::config::Fallback;
use super::error::OrchestrateError;
use super::lanes;
use super::run::Run;
use super::state::{WpRun, WpStatus};
use super::verdict::{Reason, Verdict, reason, verdict};
use super::worker::{End, Outcome};
use crate::event::{Phase, Resolution};
use crate::workflow::audience::Effects;
use crate::workflow::scene::Known;
use crate::workflow::trouble::{Concerned, Fault, report};

/// A failure of an agent, for the event that tells of it.
struct AgentFailure(String);

impl std::fmt::Display for AgentFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Fault for AgentFailure {
    fn kind(&self) -> crate::event::ErrorKind {
        crate::event::ErrorKind::Runtime
    }
}

impl Run<'_> {
    /// What an agent that ended leads to.
    pub(super) fn ended(&mut self, outcome: &Outcome) -> Result<(), OrchestrateError> {
        let run = self.wp(outcome.wp);
        let is_review = run.status == WpStatus::Review;
        if outcome.end == End::Stopped {
            let mut run = run;
            run.status = if is_review {
                WpStatus::Built
            } else {
                WpStatus::Pending
            };
            self.set(outcome.wp, run);
            return Ok(());
        }
        if is_review {
            self.reviewed(outcome, run);
        } else {
            self.built(outcome, run);
        }
        Ok(())
    }

    fn built(&mut self, outcome: &Outcome, mut run: WpRun) {
        let wp = outcome.wp;
        let done = match &outcome.end {
            End::Exited(Some(0)) => {
                let agent = run.implementation_agent.clone().unwrap_or_default();
                let slug = self.slug.clone();
                self.now();
                let mut effects = Effects::of(self.state.last_event(wp), self.audience);
                let done = lanes::to_review(&self.place, &mut effects, &slug, wp, &agent);
                let moved = effects.last();
                self.state.follow(wp, moved);
                done
            }
            other => Err(words(other)),
        };
        match done {
            Ok(()) => {
                run.status = WpStatus::Built;
                run.tries = 0;
                run.last_error = None;
                run.fallback_agents_tried.clear();
                self.set(wp, run);
            }
            Err(why) => self.failed(outcome, run, Phase::Implementation, why),
        }
    }

    fn reviewed(&mut self, outcome: &Outcome, mut run: WpRun) {
        let wp = outcome.wp;
        let code = match &outcome.end {
            End::Exited(code) => *code,
            other => return self.failed(outcome, run, Phase::Review, words(other)),
        };
        let reviewer = run.review_agent.clone().unwrap_or_default();
        let slug = self.slug.clone();
        self.now();
        let mut effects = Effects::of(self.state.last_event(wp), self.audience);
        match verdict(&outcome.output, code) {
            Verdict::Unclear => self.failed(outcome, run, Phase::Review, words(&outcome.end)),
            Verdict::Approved => {
                let done = lanes::to_done(&self.place, &mut effects, &slug, wp, &reviewer);
                let moved = effects.last();
                self.state.follow(wp, moved);
                match done {
                    Ok(()) => {
                        run.status = WpStatus::Completed;
                        run.last_error = None;
                        self.set(wp, run);
                        self.resolved(wp, Resolution::Completed);
                    }
                    Err(why) => self.failed(outcome, run, Phase::Review, why),
                }
            }
            Verdict::Rejected => {
                let feedback = outcome.output.trim().to_owned();
                let file = self
                    .project
                    .root
                    .join(format!(".kittify/logs/{wp}-feedback.md"));
                let moved = lanes::back(
                    &self.place,
                    &mut effects,
                    &slug,
                    wp,
                    &reviewer,
                    &file,
                    &feedback,
                );
                let event = effects.last();
                self.state.follow(wp, event);
                run.review_cycles += 1;
                run.implementation_retries += 1;
                run.tries = 0;
                run.fallback_agents_tried.clear();
                run.review_feedback = Some(feedback);
                run.status = if run.review_cycles > self.config.max_retries || moved.is_err() {
                    run.last_error = Some("sent back too often".into());
                    WpStatus::Failed
                } else {
                    WpStatus::Rework
                };
                self.set(wp, run);
            }
        }
    }

    /// The same agent again, the next one, or nobody.
    fn failed(&mut self, outcome: &Outcome, mut run: WpRun, phase: Phase, why: String) {
        let wp = outcome.wp;
        let (agent, role) = match phase {
            Phase::Implementation => (run.implementation_agent.clone(), "implementation"),
            Phase::Review => (run.review_agent.clone(), "review"),
        };
        let agent = agent.unwrap_or_default();
        let known = Known {
            root: Some(self.project.root.clone()),
            feature: Some(self.slug.clone()),
        };
        let whom = Concerned {
            wp: Some(wp),
            agent: Some(agent.clone()),
        };
        let fault = AgentFailure(format!("{role} of {wp} by {agent} failed: {why}"));
        let mut effects = Effects::of(self.state.last_event(wp), self.audience);
        report(&fault, &whom, &known, &mut effects);
        let told = effects.last();
        self.state.follow(wp, told);
        run.last_error = Some(why);
        run.tries += 1;
        match phase {
            Phase::Implementation => run.implementation_retries += 1,
            Phase::Review => run.review_retries += 1,
        }
        let code = match outcome.end {
            End::Exited(code) => code,
            _ => None,
        };
        let again = reason(&outcome.output, code) == Reason::Other
            && !matches!(outcome.end, End::NotStarted(_))
            && run.tries <= self.config.max_retries;
        run.status = match phase {
            Phase::Implementation => WpStatus::Pending,
            Phase::Review => WpStatus::Built,
        };
        if again {
            self.not_before
                .insert(wp, Instant::now() + self.config.retry_delay);
        } else {
            run.fallback_agents_tried.push(agent);
            run.tries = 0;
            let next = self.config.fallback == Fallback::Next;
            if !next || self.agent_for(&run, phase).is_none() {
                run.status = WpStatus::Failed;
            }
        }
        self.set(wp, run);
    }
}

fn words(end: &End) -> String {
    match end {
        End::Exited(Some(code)) => format!("it ended with exit code {code}"),
        End::Exited(None) => "a signal ended it".into(),
        End::TimedOut => "its time was up, and it was ended".into(),
        End::Stopped => "it was stopped".into(),
        End::NotStarted(_) => "it could not be started".into(),
    }
}
