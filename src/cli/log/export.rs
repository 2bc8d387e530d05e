//! `log export`: events as NDJSON, as a queue of the Python tool, or the clock.
//!
//! A queue gets what is not delivered yet, so that the other tool sends it; a
//! file of lines gets every event, exactly as it was recorded.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::cli::Session;
use crate::cli::columns::counted;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::progress::{Progress, Unit};
use crate::cli::time::Zone;
use crate::emitter;
use crate::event::{NO_TEAM, splice_team};
use crate::legacy::{ClockFile, LinesFile, QueueFile};
use crate::log::ambient::{Ambient, System};
use crate::log::backward::Backward;
use crate::log::read::{Item, Step};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::position::{Lamport, Seq};

use super::delivery::{Deliveries, Delivery};
use super::entry::Entry;
use super::filter::{Filter, Which};
use super::find;
use super::newest::newest_seq;
use super::{damage, json, types, understood};

/// Options of `log export`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct ExportArgs {
    /// Where to write to [default: stdout for ndjson, clock.json of the home for clock]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// What to write
    #[arg(long, value_enum, default_value_t)]
    format: As,
    /// Only events behind this one in the log: an id, how one begins, a number, or @ and a Lamport clock
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// Stop after N events
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    which: Which,
}

const EXAMPLES: &str = "\
Examples:
  spec-kitty log export events.ndjson                 every event, as recorded
  spec-kitty log export --feature 028 | jq .payload   of one feature, to a pipe
  spec-kitty log export --format sqlite ~/.spec-kitty/queue.db
                                                      what waits, for Python
  spec-kitty log export --format clock                and its clock";

/// What is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum As {
    /// One event a line, as recorded
    #[default]
    Ndjson,
    /// A queue.db that the Python tool sends from; what is not delivered yet,
    /// unless --state says otherwise
    Sqlite,
    /// A clock.json; a value that is there is never lowered
    Clock,
}

#[derive(Serialize)]
struct Report {
    kind: &'static str,
    v: u8,
    format: &'static str,
    file: String,
    /// How many events were written.
    events: u64,
    /// How many were in the file already.
    already_present: u64,
    /// The value of the clock file.
    clock: Option<u64>,
}

pub(super) fn run(args: &ExportArgs, session: &mut Session) -> Result<(), Failure> {
    if args.format == As::Clock {
        return clock(args, session);
    }
    let dir = super::log_dir(session);
    let zone = Zone::chosen(false);
    let types = types::resolve(&dir, &args.which.types)?;
    let sink = match (args.format, args.file.as_deref()) {
        (As::Sqlite, None) => {
            return Err(Failure::usage("name the file to write the queue to")
                .hint("spec-kitty log export --format sqlite queue.db"));
        }
        (As::Sqlite, Some(path)) => {
            let now_s = System.now_us().div_euclid(1_000_000);
            Sink::Queue(QueueFile::open(path, now_s)?)
        }
        (_, Some(path)) if path != Path::new("-") => Sink::File(LinesFile::create(path)?),
        _ => {
            session.out.pass_through();
            Sink::Stdout
        }
    };
    let mut export = Export {
        args,
        deliveries: super::deliveries(session, &dir),
        filter: args.which.filter(types, &zone.now()),
        sink,
        dir,
        written: 0,
        damaged: false,
    };
    export.run(&mut session.out)?;
    let damaged = export.damaged;
    export.finish(session)?;
    if damaged {
        let message = "the log is damaged; what could be read was exported";
        return Err(
            Failure::new("log-damaged", Exit::Damage, message).hint("spec-kitty log verify")
        );
    }
    Ok(())
}

enum Sink {
    Stdout,
    File(LinesFile),
    Queue(QueueFile),
}

struct Export<'a> {
    args: &'a ExportArgs,
    dir: LogDir,
    deliveries: Deliveries,
    filter: Filter<'a>,
    sink: Sink,
    written: u64,
    damaged: bool,
}

impl Export<'_> {
    fn run(&mut self, out: &mut Output) -> Result<(), Failure> {
        let from = match self.args.after.as_deref() {
            Some(name) => find::named(&self.dir, name)?.next(),
            None => Seq(1),
        };
        // Events that come while this runs are for the next time.
        let to = newest_seq(&self.dir)?.unwrap_or_default();
        let mut reader = Reader::new(self.dir.clone(), from);
        let mut progress = match self.sink {
            Sink::Stdout => None,
            _ => Some(Progress::new(out, "Exporting", Unit::Events)),
        };
        while from <= to && self.args.limit.is_none_or(|limit| self.written < limit) {
            match reader.step()? {
                Step::Frame(item) if item.seq > to => break,
                Step::Frame(item) => {
                    self.frame(&item, out)?;
                    if let Some(progress) = &mut progress {
                        progress.show(self.written, None);
                    }
                    if item.seq == to {
                        break;
                    }
                }
                Step::Damage(found) => {
                    if found.lost.is_none_or(|lost| lost.to >= from) {
                        self.damaged = true;
                        if let Some(progress) = &mut progress {
                            progress.clear();
                        }
                        out.warn(damage::warning(&self.dir, &found));
                    }
                }
                Step::Idle => break,
            }
        }
        Ok(())
    }

    fn frame(&mut self, item: &Item<'_>, out: &mut Output) -> Result<(), Failure> {
        self.deliveries.note(item);
        if !item.kind.is_event() {
            return Ok(());
        }
        let Some(entry) = understood(item, &self.dir, out)? else {
            self.damaged = true;
            return Ok(());
        };
        if !self.filter.accepts(&entry, || self.deliveries.of(&entry)) {
            return Ok(());
        }
        let line = json::recorded(&entry);
        match &mut self.sink {
            Sink::Stdout => out.line(line)?,
            Sink::File(file) => file.add(&line)?,
            Sink::Queue(queue) => {
                let delivery = self.deliveries.of(&entry);
                if !is_wanted(&self.args.which, &delivery) {
                    return Ok(());
                }
                queue.add(
                    &entry.header,
                    &for_original(&entry, line),
                    delivery.attempts,
                )?;
            }
        }
        self.written += 1;
        Ok(())
    }

    fn finish(self, session: &mut Session) -> Result<(), Failure> {
        let (format, written, present) = match self.sink {
            Sink::Stdout => return Ok(()),
            Sink::File(file) => {
                file.finish()?;
                ("ndjson", self.written, 0)
            }
            Sink::Queue(queue) => {
                let (written, present) = queue.finish()?;
                ("sqlite", written, present)
            }
        };
        let file = self.args.file.as_deref().unwrap_or(Path::new("-"));
        let report = Report {
            kind: "log-export",
            v: 1,
            format,
            file: file.display().to_string(),
            events: written,
            already_present: present,
            clock: None,
        };
        let there = if present > 0 {
            format!(", {present} were there already")
        } else {
            String::new()
        };
        let events = counted(written, "event", "events");
        say(
            session,
            &report,
            &format!("Exported {events} to {}{there}.", report.file),
        )
    }
}

/// Whether a queue gets an event: it still has to reach a server. Who names
/// states gets those.
fn is_wanted(which: &Which, delivery: &Delivery<'_>) -> bool {
    which.names_states() || delivery.is_undelivered()
}

/// The event as the original queues it: there every event has a team, and
/// `local` is its word for none.
fn for_original(entry: &Entry<'_>, line: String) -> String {
    if entry.foreign || entry.header.team.is_some() {
        return line;
    }
    let spliced = splice_team(line.as_bytes(), NO_TEAM);
    String::from_utf8(spliced).unwrap_or(line)
}

fn clock(args: &ExportArgs, session: &mut Session) -> Result<(), Failure> {
    let dir = super::log_dir(session);
    let mut backward = Backward::new(dir)?;
    let clock = backward.step()?.map_or(Lamport(0), |item| item.clock);
    let path = args
        .file
        .clone()
        .unwrap_or_else(|| session.home.legacy_clock_file());
    let node_id = emitter::node_of(&session.home);
    let value = ClockFile::raise(&path, clock, node_id.as_str())?;
    let report = Report {
        kind: "log-export",
        v: 1,
        format: "clock",
        file: path.display().to_string(),
        events: 0,
        already_present: 0,
        clock: Some(value.0),
    };
    let text = format!(
        "{} is at {value}; this home's clock is at {clock}.",
        report.file
    );
    say(session, &report, &text)
}

fn say(session: &mut Session, report: &Report, text: &str) -> Result<(), Failure> {
    if session.out.json() {
        session.out.object(report)
    } else {
        session.out.note(crate::cli::output::visible(text));
        Ok(())
    }
}
