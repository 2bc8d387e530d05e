//! `log repair`: puts the files of the log in order and makes anew what is
//! derived from it. A plan is shown before anything is touched.
//!
//! It never writes into a segment. What is damaged there stays, for whoever
//! wants to look closer; `log verify` says what is lost.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::Session;
use crate::cli::ask::{self, Intent, Leave};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::emitter::log_of;
use crate::log::append::Log;
use crate::log::disorder::{self, Action, Disorder, Findings};
use crate::log::read::Damage;
use crate::log::tidy::{Settled, tidy};
use crate::position::Ordinal;
use crate::state::{Checkup, ClockOfLog, SenderLock, State};
use crate::sync::recount::Recount;

use super::Reading;

mod page;
mod report;

/// Options of `log repair`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RepairArgs {
    /// Show what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking
    #[arg(long, env = "SPEC_KITTY_YES", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    yes: bool,
}

/// How long to wait for other writers of the log, for the sender, and for the
/// state store.
const DEADLINE: Duration = Duration::from_secs(5);

/// Everything that is to be done.
struct Plan {
    root: PathBuf,
    log: Log,
    state: State,
    files: Vec<Disorder>,
    clock: ClockOfLog,
    checkup: Checkup,
    /// The segments that `state/tallies` counts wrongly.
    miscounted: Vec<Ordinal>,
    /// What stays damaged.
    damage: Vec<Damage>,
}

/// What was done of it.
#[derive(Default)]
struct Done {
    files: Vec<Settled>,
    rebuilt: bool,
    /// Whether the wrong counts were forgotten: the next look counts anew.
    forgotten: bool,
    /// What was set aside of the state.
    aside: Vec<PathBuf>,
    failure: Option<Failure>,
}

pub(super) fn run(args: &RepairArgs, session: &mut Session) -> Result<(), Failure> {
    let mut plan = Plan::of(session)?;
    let intent = Intent::of(args.dry_run, args.yes);
    if !session.out.json() {
        page::print(&plan.lines(), &mut session.out)?;
    }
    let mut done = Done::default();
    if intent != Intent::Show && !plan.is_empty() {
        if intent == Intent::Ask
            && ask::go_ahead(&mut session.out, "spec-kitty log repair --yes")? == Leave::Refused
        {
            session.out.note("Nothing was changed.");
            return Ok(());
        }
        done = plan.carry_out(&session.out);
        if !session.out.json() {
            page::print(&plan.lines_after(&done), &mut session.out)?;
        }
    }
    if session.out.json() {
        session.out.object(&plan.report(&done, intent))?;
    }
    done.failure.map_or(Ok(()), Err)
}

impl Plan {
    fn of(session: &Session) -> Result<Self, Failure> {
        let log = log_of(&session.home);
        let state = State::at(session.home.state_dir());
        let mut recount = Recount::of(&state);
        let Findings {
            files,
            damage,
            clock,
            leased_to,
        } = {
            let mut progress = Reading::of(log.dir(), &session.out);
            disorder::look(log.dir(), log.options().node.facts, &mut |item| {
                progress.passed(item);
                recount.see(item);
            })?
        };
        Ok(Self {
            root: session.home.root().to_owned(),
            checkup: state.examine(DEADLINE)?,
            miscounted: recount.wrong(log.dir()),
            clock: ClockOfLog {
                value: clock,
                leased_to,
            },
            log,
            state,
            files,
            damage,
        })
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.checkup.ailments.is_empty() && self.miscounted.is_empty()
    }

    /// Does what can be done, and looks again at what is left.
    fn carry_out(&mut self, out: &Output) -> Done {
        let mut done = Done::default();
        let facts = self.log.options().node.facts;
        if !self.miscounted.is_empty() {
            match self.state.forget_tallies() {
                Ok(()) => done.forgotten = true,
                Err(error) => {
                    done.failure = Some(error.into());
                    return done;
                }
            }
        }
        match self.sender() {
            Err(failure) => done.failure = Some(failure),
            Ok(sender) => {
                let tidied = tidy(self.log.dir(), facts, &self.files, DEADLINE);
                done.files = tidied.done;
                done.failure = tidied.failure.map(Failure::from);
                if let (Some(sender), None) = (sender, &done.failure) {
                    self.rebuild(sender, &mut done);
                }
            }
        }
        if done.failure.is_none() && !self.files.is_empty() {
            let mut progress = Reading::of(self.log.dir(), out);
            match disorder::look(self.log.dir(), facts, &mut |item| progress.passed(item)) {
                Err(error) => done.failure = Some(error.into()),
                Ok(found) if found.files.is_empty() => self.damage = found.damage,
                Ok(_) => done.failure = Some(changed()),
            }
        }
        done
    }

    /// The right to be the one sender of this home, where that is needed: the
    /// ledger is the sender's, and one who has listed the segments could miss
    /// one that is renamed.
    fn sender(&self) -> Result<Option<SenderLock>, Failure> {
        let is_rename = |file: &Disorder| matches!(file.action, Action::Rename(_));
        if self.checkup.ailments.is_empty() && !self.files.iter().any(is_rename) {
            return Ok(None);
        }
        let busy = || {
            let message = "another process is sending; nothing was changed";
            Failure::new("sender-busy", Exit::Busy, message)
                .hint("when it is done: spec-kitty log repair")
        };
        let sender = self.state.sender_lock(DEADLINE)?;
        sender.map(Some).ok_or_else(busy)
    }

    fn rebuild(&self, sender: SenderLock, done: &mut Done) {
        if self.checkup.ailments.is_empty() {
            return;
        }
        match self.state.rebuild(sender, self.clock, DEADLINE) {
            Ok(aside) => (done.rebuilt, done.aside) = (true, aside),
            Err(error) => done.failure = Some(error.into()),
        }
    }
}

fn changed() -> Failure {
    let message = "files changed meanwhile; something is left to do";
    Failure::new("changed", Exit::Failed, message).hint("spec-kitty log repair")
}
