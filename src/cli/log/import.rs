//! `log import`: events of the Python tool, of another home, of a file.
//!
//! What there is to import is read and compared first; with `--dry-run` that is
//! all. What cannot be taken over is named, one line each, kept aside, and ends
//! with exit 8; everything else is imported all the same.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::auth::Store;
use crate::cli::Session;
use crate::cli::columns::counted;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, visible};
use crate::cli::progress::{Progress as Shown, Unit};
use crate::cli::signals::Signals;
use crate::emitter;
use crate::home::Home;
use crate::legacy::{
    self, Format, Gathered, Imported, LegacyError, OwnerOf, Phase, Place, Progress, Purpose,
    Setting, Source, SourceReport,
};
use crate::log::read::ReadError;
use crate::log::segment::LogDir;
use crate::sync::route::{Bindings, Route};
use crate::target::{Target, TargetId};

use plan::plan;
use report::report;

mod plan;
mod report;

/// Options of `log import`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct ImportArgs {
    /// A queue.db, clock.json or NDJSON file; or a directory: a whole
    /// ~/.spec-kitty, or the log of another home
    #[arg(value_name = "FILE|DIR")]
    path: PathBuf,
    /// What the file is
    #[arg(long, value_enum, default_value_t)]
    format: As,
    /// Show what would be imported, and change nothing
    #[arg(long)]
    dry_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  spec-kitty log import ~/.spec-kitty --dry-run   what the Python tool left
  spec-kitty log import ~/.spec-kitty             take it over
  spec-kitty log import events.ndjson             events that log export wrote";

/// What a file is said to be.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum As {
    /// Found out from how it begins
    #[default]
    Auto,
    /// One event a line
    Ndjson,
    /// A queue.db of the Python tool
    Sqlite,
    /// A clock.json of the Python tool
    Clock,
}

impl From<As> for Format {
    fn from(wanted: As) -> Self {
        match wanted {
            As::Auto => Self::Auto,
            As::Ndjson => Self::Ndjson,
            As::Sqlite => Self::Sqlite,
            As::Clock => Self::Clock,
        }
    }
}

pub(super) fn run(args: &ImportArgs, session: &mut Session) -> Result<(), Failure> {
    let home = session.home.clone();
    let accounts = accounts(&home, &args.path);
    let sources = legacy::find(&args.path, args.format.into(), &home.log_dir(), &accounts)?;
    let log = emitter::log_of(&home);
    let signals = Signals::watch().map_err(|error| {
        Failure::new(
            "signals",
            Exit::Failed,
            format!("cannot watch for signals: {error}"),
        )
    })?;
    let purpose = if args.dry_run {
        Purpose::Look
    } else {
        Purpose::Import
    };
    let mut meter = Meter::new(&session.out, &signals, None);
    let gathered = legacy::gather(
        &home,
        &log,
        &sources,
        &owners_in,
        purpose,
        &mut |progress| meter.tell(progress),
    );
    drop(meter);
    let gathered = gathered.map_err(|error| stopped(error, &signals))?;
    if !session.out.json() {
        for line in plan(&gathered, &sources, &args.path)? {
            session.out.line(line)?;
        }
        session.out.flush()?;
    }
    let imported = if args.dry_run {
        Imported::default()
    } else {
        let setting = Setting {
            home: &home,
            log: &log,
            timeout: emitter::lock_timeout_from_env(),
        };
        let (waiting, _) = gathered.count()?;
        let mut meter = Meter::new(&session.out, &signals, Some(waiting));
        legacy::carry_out(&gathered, &sources, &setting, &mut |progress| {
            meter.tell(progress)
        })
        .map_err(|error| stopped(error, &signals))?
    };
    tell(args, &gathered, &sources, &imported, session)
}

/// A signal ends with its own code; what was imported until then stays.
fn stopped(error: LegacyError, signals: &Signals) -> Failure {
    match (error, signals.caught()) {
        (LegacyError::Interrupted, Some(exit)) => Failure::silent(exit),
        (error, _) => error.into(),
    }
}

/// The accounts that a scoped queue may belong to: those that are signed in
/// where the queue comes from, and here.
fn accounts(home: &Home, path: &Path) -> Vec<Target> {
    let beside = path.ancestors().take(3).map(|dir| Home::at(dir.to_owned()));
    beside
        .chain([home.clone()])
        .filter_map(|home| Store::new(&home).load().session.target())
        .collect()
}

/// Whose the events of another home's log are by now.
fn owners_in(dir: &LogDir) -> Result<Box<OwnerOf<'static>>, ReadError> {
    let bindings = Bindings::read(dir)?;
    Ok(Box::new(move |seq, header| {
        match bindings.route(seq, header) {
            Route::Stream { target, .. }
            | Route::Dropped { target, .. }
            | Route::NoProject { target } => target,
            Route::Unbound => TargetId::SIGNED_OUT,
            Route::OptedOut | Route::Nameless => header.target,
        }
    }))
}

/// A source by its path below what was asked to be imported.
fn short<'a>(source: &'a Source, root: &Path) -> &'a Path {
    let below = source.path.strip_prefix(root).ok();
    below
        .filter(|rest| !rest.as_os_str().is_empty())
        .unwrap_or(&source.path)
}

/// The most runs of recovered rows that are listed.
const MOST_LISTED: usize = 10_000;

/// The rows that only the pages of damaged databases gave, with the index of
/// their source.
fn recovered(gathered: &Gathered) -> impl Iterator<Item = (usize, Place)> {
    let sources = gathered.sources.iter().enumerate();
    let runs = sources.flat_map(|(index, found)| {
        found.recovered.iter().map(move |(from, to)| {
            let (from, to) = (*from, *to);
            let place = if from == to {
                Place::Row(from)
            } else {
                Place::Rows { from, to }
            };
            (index, place)
        })
    });
    runs.take(MOST_LISTED)
}

/// How many rows those are of one source.
fn recovered_in(found: &SourceReport) -> u64 {
    let lengths = found.recovered.iter().map(|(from, to)| to.abs_diff(*from));
    lengths.fold(0, |sum, length| {
        sum.saturating_add(length).saturating_add(1)
    })
}

fn tell(
    args: &ImportArgs,
    gathered: &Gathered,
    sources: &[Source],
    imported: &Imported,
    session: &mut Session,
) -> Result<(), Failure> {
    let out = &mut session.out;
    let (refusals, refused) = gathered.refusals()?;
    if out.json() {
        let report = report(gathered, sources, imported, args.dry_run)?;
        out.object(&report)?;
    } else {
        if !args.dry_run {
            let events = counted(imported.events, "event", "events");
            out.line(format!(
                "Imported {events}; the clock is at {}.",
                imported.clock
            ))?;
        }
        let name_of = |index: usize| {
            let source = sources.get(index);
            source.map(|source| short(source, &args.path).display().to_string())
        };
        for (source, place) in recovered(gathered) {
            let source = name_of(source).unwrap_or_default();
            out.warn(visible(&format!("{source}, {place}: recovered")));
        }
        for refusal in &refusals {
            let source = name_of(refusal.source);
            let id = refusal.event_id.as_deref().map(|id| format!(" ({id})"));
            out.warn(visible(&format!(
                "{}, {}{}: {}",
                source.unwrap_or_default(),
                refusal.place,
                id.unwrap_or_default(),
                refusal.reason
            )));
        }
    }
    if let Some((events, highest)) = gathered.beyond {
        let events = counted(events, "event carries", "events carry");
        out.warn(format!(
            "{events} clock values up to {highest}, which no honest clock reaches; \
             they were kept as they are and did not move this home's clock"
        ));
    }
    if refused == 0 {
        return Ok(());
    }
    let things = counted(refused, "thing was", "things were");
    let message = if args.dry_run {
        let things = counted(refused, "thing", "things");
        format!("{things} cannot be taken over; the rest can")
    } else {
        format!("{things} not taken over; the rest is imported")
    };
    let failure = Failure::new("partly-imported", Exit::Partly, message);
    Err(match &imported.aside {
        Some(aside) => failure.hint(format!("look at what was kept aside: {}", aside.display())),
        None => failure,
    })
}

/// Shows how far it is, one line for each phase, and listens for signals.
struct Meter<'a> {
    out: &'a Output,
    signals: &'a Signals,
    shown: Option<(Phase, Shown)>,
    /// How many events there are to append, once that is known.
    waiting: Option<u64>,
}

impl<'a> Meter<'a> {
    fn new(out: &'a Output, signals: &'a Signals, waiting: Option<u64>) -> Self {
        Self {
            out,
            signals,
            shown: None,
            waiting,
        }
    }

    fn tell(&mut self, progress: Progress) -> bool {
        let Progress { phase, done } = progress;
        match &mut self.shown {
            Some((shown, line)) if *shown == phase => line.show(done, self.waiting),
            other => {
                let verb = match phase {
                    Phase::Reading => "Reading",
                    Phase::Comparing => "Comparing",
                    Phase::Appending => "Importing",
                };
                // The line of the phase before goes first.
                *other = None;
                *other = Some((phase, Shown::new(self.out, verb, Unit::Events)));
            }
        }
        self.signals.caught().is_none()
    }
}
