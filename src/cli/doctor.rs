//! `doctor`: looks at everything around the log, and says how to mend what is wrong.
//!
//! It never touches the network, waits for nobody longer than a second, and works
//! where nothing else does: without a home, with damaged files, while others write.
//! It changes nothing, but for `--fix`, which does only what nothing can be lost by.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::Session;
use super::ask::{self, Intent, Leave};
use super::auth::named_server;
use super::exit::Exit;
use super::failure::Failure;
use crate::auth::{Recipient, Store};
use crate::config::Config;
use crate::state::State as Stores;

use check::{Check, Mend, State};

mod account;
mod around;
mod bundle;
mod check;
mod files;
mod ledger;
mod log;
mod mend;
mod page;

/// Check this machine, and say how to fix what is wrong
#[derive(Debug, Args)]
#[command(after_long_help = EXITS)]
pub(super) struct Arguments {
    /// Mend what nothing can be lost by
    ///
    /// Closes files to others, makes derived state anew, removes an old request
    /// to stop. Shows what it will do, and asks.
    #[arg(long)]
    fix: bool,
    /// With --fix: do it without asking
    #[arg(long, env = "SPEC_KITTY_YES", hide_env_values = true,
          value_parser = clap::builder::FalseyValueParser::new())]
    yes: bool,
    /// Write a report for others, without names, tokens and payloads
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
}

const EXITS: &str = "Exit codes: 0 nothing is wrong, 5 something is, 9 --fix needs --yes";

pub(super) fn run(args: &Arguments, session: &mut Session) -> Result<(), Failure> {
    if let Some(path) = &args.bundle {
        bundle::refuse_existing(path)?;
    }
    let mut checks = look(session);
    let mends: Vec<Mend> = checks
        .iter()
        .filter_map(|check| check.mend.clone())
        .collect();
    if args.fix && !mends.is_empty() {
        let mends = mend::ordered(mends);
        if !session.out.json() {
            page::plan(&mends, &session.home, &mut session.out)?;
        }
        if Intent::of(false, args.yes) == Intent::Ask
            && ask::go_ahead(&mut session.out, "spec-kitty doctor --fix --yes")? == Leave::Refused
        {
            session.out.note("Nothing was changed.");
            return Ok(());
        }
        mend::carry_out(&mends, &session.home)?;
        checks = look(session);
    }
    if session.out.json() {
        let checks: Vec<_> = checks.iter().map(in_json).collect();
        session
            .out
            .object(&json!({"kind": "doctor", "v": 1, "checks": checks}))?;
    } else {
        page::print(&checks, args.bundle.is_none(), &mut session.out)?;
    }
    if let Some(path) = &args.bundle {
        session.out.flush()?;
        bundle::write(path, &checks, session)?;
        session.out.note(format!("  Written: {}", path.display()));
    }
    let worst = checks.iter().map(|check| check.state).max();
    if worst == Some(State::Problem) {
        Err(Failure::silent(Exit::Damage))
    } else {
        Ok(())
    }
}

/// Looks at everything, in the order in which it is told.
fn look(session: &Session) -> Vec<Check> {
    let home = &session.home;
    let config = Config::load(&home.config_file());
    let stored = Store::new(home).load();
    let (named, server) = match named_server(None) {
        Ok(named) => (named, None),
        Err(failure) => (
            None,
            Some(
                Check::problem("server", failure.message)
                    .told_as("SPEC_KITTY_SERVER_URL cannot be used")
                    .fix("unset SPEC_KITTY_SERVER_URL"),
            ),
        ),
    };
    let recipient = Recipient::resolve(named.as_ref(), &config.config, stored.session.clone());
    let view = Stores::at(home.state_dir()).view().ok().flatten();
    let directory = std::env::current_dir().unwrap_or_default();
    let mut checks = files::checks(home, &config.config.log);
    checks.extend(log::checks(
        home,
        &config.config.log,
        view.as_ref(),
        &session.out,
    ));
    checks.extend(ledger::checks(home, &recipient));
    checks.extend(server);
    checks.extend(account::checks(home, &config, &stored, &recipient));
    checks.extend(around::checks(home, &directory));
    checks
}

fn in_json(check: &Check) -> serde_json::Value {
    json!({
        "id": check.id, "state": check.state.as_str(),
        "detail": check.detail, "fix": check.fix,
    })
}
