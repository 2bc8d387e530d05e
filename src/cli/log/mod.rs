//! `log tail | show | why | stats | verify | export`: the inspector; and `log prune`,
//! `log repair` and `log import`, which alone here change anything.
//!
//! The inspector takes no lock, writes no file and opens no sled: it works on a
//! read-only mount and while others write. What it does not know it does not
//! claim. Everything that comes from an event is escaped before a terminal
//! sees it; data for programs is passed on byte for byte.

use std::sync::Arc;

use clap::Subcommand;

use crate::cli::Session;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::event::BodyError;
use crate::log::read::Item;
use crate::log::segment::LogDir;
use crate::log::storage::Disk;
use crate::state::State;

pub(super) use tail::TailArgs;
pub(super) use verify::{Reading, examine};

use delivery::Deliveries;
use entry::{Entry, Unreadable};

mod damage;
mod delivery;
mod entry;
mod export;
mod filter;
mod find;
mod full;
mod grep;
mod import;
mod json;
mod layout;
mod line;
mod members;
mod newest;
mod plain;
mod pretty;
mod printer;
mod prune;
mod range;
mod repair;
mod show;
mod stats;
mod summary;
mod tail;
mod types;
mod verify;
mod when;
mod why;

/// See, count and check the local event log.
#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// Show the newest events, or follow them as they are written
    Tail(Box<tail::TailArgs>),
    /// Show everything about one event
    Show(show::ShowArgs),
    /// Show what led to an event, what followed, and why it is not delivered
    Why(why::WhyArgs),
    /// Count events: by type, node, day and delivery
    Stats(Box<stats::StatsArgs>),
    /// Read the whole log and name everything that is damaged
    Verify,
    /// Put files in order and make derived state anew; never writes into a segment
    Repair(repair::RepairArgs),
    /// Remove the oldest events that are delivered and old enough
    Prune(prune::PruneArgs),
    /// Write events to a file: NDJSON, or a queue for the Python tool
    Export(Box<export::ExportArgs>),
    /// Take in events: of the Python tool, another home, or a file
    Import(import::ImportArgs),
}

pub(super) fn run(command: LogCommand, session: &mut Session) -> Result<(), Failure> {
    match command {
        LogCommand::Tail(args) => tail::run(&args, session),
        LogCommand::Show(args) => show::run(&args, session),
        LogCommand::Why(args) => why::run(&args, session),
        LogCommand::Stats(args) => stats::run(&args, session),
        LogCommand::Verify => verify::run(session),
        LogCommand::Repair(args) => repair::run(&args, session),
        LogCommand::Prune(args) => prune::run(&args, session),
        LogCommand::Export(args) => export::run(&args, session),
        LogCommand::Import(args) => import::run(&args, session),
    }
}

/// The log, with what spares a reader of its end the listing.
fn log_dir(session: &Session) -> LogDir {
    let dir = LogDir::new(session.home.log_dir(), Arc::new(Disk));
    let mark = State::at(session.home.state_dir()).mark();
    if let Some((highest, stamp)) = mark.and_then(|mark| mark.highest) {
        dir.recall_highest(highest, stamp);
    }
    dir
}

fn deliveries(session: &Session, dir: &LogDir) -> Deliveries {
    Deliveries::load(&session.home, dir, &session.out)
}

/// The event in a frame; `None` for frames that hold something else, and for
/// those that cannot be understood, which are named on stderr.
fn understood<'a>(
    item: &Item<'a>,
    dir: &LogDir,
    out: &Output,
) -> Result<Option<Entry<'a>>, Failure> {
    match Entry::read(item) {
        None => Ok(None),
        Some(Ok(entry)) => Ok(Some(entry)),
        Some(Err(error)) => {
            let place = full::file_name(dir, item.ordinal);
            let text = format!("{place}, byte {}: {error}", item.offset);
            if matches!(error, Unreadable::Body(BodyError::UnknownLayout { .. })) {
                return Err(Failure::newer(text));
            }
            out.warn(format!("{text}; record {} is left out", item.seq));
            Ok(None)
        }
    }
}

/// What to say when there is not a single event.
const NO_EVENTS: &str = "no events yet; record one: spec-kitty emit --help";
