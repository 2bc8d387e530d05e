//! `log tail`: the newest events, and those that come.
//!
//! The last few that match are found by reading backward. Where they are few and
//! nothing is missing between, they are printed as they were met; else everything
//! is printed reading forward from there, by the same reader that follows. Memory
//! stays small however many are asked for.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use crate::cli::Session;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::time::Zone;
use crate::home::Home;
use crate::log::read::{Damage, Item, Step};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::position::Seq;

use super::delivery::Deliveries;
use super::filter::{Filter, Which};
use super::find;
use super::newest::{NewestFirst, newest_seq};
use super::printer::{Form, Printer};
use super::{damage, types, understood, when};

mod follow;
mod kept;
mod live;

use kept::Kept;

/// How many events are shown when nobody says.
const USUAL_LINES: u64 = 20;

/// Options of `log tail`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct TailArgs {
    /// The newest N events, or "all" [default: 20; all with --since or --after]
    #[arg(short = 'n', long, value_name = "N|all", help_heading = HOW_MUCH)]
    lines: Option<Lines>,
    /// Go on printing as events arrive; Ctrl-C to stop
    #[arg(short, long, help_heading = HOW_MUCH)]
    follow: bool,
    /// Only events behind this one in the log: an id, how one begins, a number, or @ and a Lamport clock
    #[arg(long, value_name = "ID", help_heading = HOW_MUCH)]
    after: Option<String>,
    /// Stop after N events
    #[arg(long, value_name = "N", help_heading = HOW_MUCH)]
    limit: Option<u64>,
    /// With --follow: stop when nothing was printed for so long, such as 5s
    #[arg(long, value_name = "DUR", requires = "follow", value_parser = when::duration,
          help_heading = HOW_MUCH)]
    idle_exit: Option<Duration>,
    #[command(flatten)]
    which: Which,
    /// What to print for each event
    #[arg(short, long, value_name = "FORM", help_heading = HOW)]
    output: Option<Form>,
    /// Newest first
    #[arg(short, long, conflicts_with = "follow", help_heading = HOW)]
    reverse: bool,
    /// Show times in UTC, and read them so
    #[arg(long, env = "SPEC_KITTY_UTC", hide_env_values = true, help_heading = HOW,
          value_parser = clap::builder::FalseyValueParser::new())]
    utc: bool,
}

const EXAMPLES: &str = "\
Examples:
  spec-kitty log tail -f --wp WP03           what happens to one work package
  spec-kitty log tail --since today -u       what of today is not delivered yet
  spec-kitty log tail -n all -o raw          every event exactly as recorded
  spec-kitty log tail --json | jq .payload    the payloads alone";

const HOW_MUCH: &str = "How much";
const HOW: &str = "How";

/// How many events are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lines {
    All,
    Last(u64),
}

impl FromStr for Lines {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("all") {
            return Ok(Self::All);
        }
        text.parse()
            .map(Self::Last)
            .map_err(|_| "write a number, or all")
    }
}

/// The part of the log that is looked at.
#[derive(Debug)]
struct Window {
    from: Seq,
    /// The newest frame there was at the start; zero when there was none.
    to: Seq,
    /// All its frames, where they have been met already.
    kept: Option<Kept>,
}

/// One run of the command.
struct Tail<'a> {
    args: &'a TailArgs,
    dir: LogDir,
    deliveries: Deliveries,
    filter: Filter<'a>,
    printer: Printer,
}

pub(super) fn run(args: &TailArgs, session: &mut Session) -> Result<(), Failure> {
    let zone = Zone::chosen(args.utc);
    let dir = super::log_dir(session);
    let types = types::resolve(&dir, &args.which.types)?;
    let usual = if session.out.json() {
        Form::Json
    } else {
        Form::Line
    };
    let form = args.output.unwrap_or(usual);
    let mut tail = Tail {
        args,
        deliveries: super::deliveries(session, &dir),
        filter: args.which.filter(types, &zone.now()),
        printer: Printer::new(form, zone, &dir, &mut session.out),
        dir,
    };
    if let Some(moments) = tail.filter.moments() {
        session.out.detail(moments);
    }
    tail.run(&session.home, &mut session.out)
}

impl Tail<'_> {
    fn run(&mut self, home: &Home, out: &mut Output) -> Result<(), Failure> {
        let window = self.window()?;
        self.printer.begin(out)?;
        if self.args.follow {
            self.note_emptiness(&window, out);
            return self.follow(window.from, home, out);
        }
        match &window.kept {
            Some(kept) => self.already_met(kept, &window, out)?,
            None if self.args.reverse => self.newest_first(&window, out)?,
            None => self.oldest_first(&window, out)?,
        }
        self.note_emptiness(&window, out);
        Ok(())
    }

    /// Where to begin, so that as many events as wanted are found from there.
    fn window(&self) -> Result<Window, Failure> {
        let first = match self.args.after.as_deref() {
            Some(name) => find::named(&self.dir, name)?.next(),
            None => Seq(1),
        };
        let lines = self.lines();
        if let Lines::Last(count @ 1..) = lines
            && !self.args.reverse
        {
            return self.last(count, first);
        }
        let to = newest_seq(&self.dir)?.unwrap_or_default();
        let from = match lines {
            Lines::Last(0) => to.next().max(first),
            _ => first,
        };
        let kept = None;
        Ok(Window { from, to, kept })
    }

    fn lines(&self) -> Lines {
        let all = self.args.which.since.is_some() || self.args.after.is_some();
        let usual = if all {
            Lines::All
        } else {
            Lines::Last(USUAL_LINES)
        };
        self.args.lines.unwrap_or(usual)
    }

    /// The window of the last `count` events from `first` on that are wanted,
    /// with its frames where they are few.
    fn last(&self, count: u64, first: Seq) -> Result<Window, Failure> {
        let (mut from, mut to) = (None, None);
        let mut missing = count;
        let mut kept = (!self.args.follow).then(Kept::default);
        let mut frames = NewestFirst::new(&self.dir)?;
        self.deliveries.reads_backward();
        while let Some((item, hole)) = frames.step()? {
            to.get_or_insert(item.seq);
            if item.seq < first {
                break;
            }
            self.deliveries.note(&item);
            kept = kept.and_then(|kept| kept.with(&item, hole));
            if !self.wants(&item) {
                continue;
            }
            from = Some(item.seq);
            missing -= 1;
            if missing == 0 {
                break;
            }
        }
        let to = to.unwrap_or_default();
        Ok(Window {
            from: from.unwrap_or(to.next()).max(first),
            to,
            kept: kept.filter(|_| frames.is_untroubled()),
        })
    }

    /// Whether the frame is an event that is wanted, without a word about
    /// those that cannot be understood.
    fn wants(&self, item: &Item<'_>) -> bool {
        let entry = super::entry::Entry::read(item).and_then(Result::ok);
        entry.is_some_and(|entry| self.filter.accepts(&entry, || self.deliveries.of(&entry)))
    }

    fn already_met(
        &mut self,
        kept: &Kept,
        window: &Window,
        out: &mut Output,
    ) -> Result<(), Failure> {
        for item in kept.between(window.from, window.to) {
            if self.is_done() {
                break;
            }
            self.print(&item, out)?;
        }
        Ok(())
    }

    fn oldest_first(&mut self, window: &Window, out: &mut Output) -> Result<(), Failure> {
        let mut reader = Reader::new(self.dir.clone(), window.from);
        while window.from <= window.to && !self.is_done() {
            match reader.step()? {
                Step::Frame(item) if item.seq > window.to => break,
                Step::Frame(item) => {
                    self.print(&item, out)?;
                    if item.seq == window.to {
                        break;
                    }
                }
                Step::Damage(found) => self.report(&found, window.from, out),
                Step::Idle => break,
            }
        }
        Ok(())
    }

    fn newest_first(&mut self, window: &Window, out: &mut Output) -> Result<(), Failure> {
        let wanted = match self.lines() {
            Lines::All => u64::MAX,
            Lines::Last(count) => count,
        };
        let mut frames = NewestFirst::new(&self.dir)?;
        self.deliveries.reads_backward();
        while self.printer.printed() < wanted && !self.is_done() {
            let Some((item, missing)) = frames.step()? else {
                break;
            };
            if let Some(lost) = missing.filter(|lost| lost.to >= window.from) {
                out.warn(damage::gap(lost));
            }
            if item.seq < window.from {
                break;
            }
            self.deliveries.note(&item);
            if item.seq <= window.to {
                self.print(&item, out)?;
            }
        }
        Ok(())
    }

    /// Prints the frame when it is an event that is wanted.
    fn print(&mut self, item: &Item<'_>, out: &mut Output) -> Result<bool, Failure> {
        self.deliveries.note(item);
        let Some(entry) = understood(item, &self.dir, out)? else {
            return Ok(false);
        };
        let deliveries = &self.deliveries;
        if !self.filter.accepts(&entry, || deliveries.of(&entry)) {
            return Ok(false);
        }
        self.printer.event(&entry, &deliveries.of(&entry), out)?;
        Ok(true)
    }

    fn is_done(&self) -> bool {
        let limit = self.args.limit;
        limit.is_some_and(|limit| self.printer.printed() >= limit)
    }

    /// Names damage, unless it lies before everything that was asked for.
    fn report(&self, found: &Damage, from: Seq, out: &Output) {
        if found.lost.is_none_or(|lost| lost.to >= from) {
            out.warn(damage::warning(&self.dir, found));
        }
    }

    fn note_emptiness(&self, window: &Window, out: &Output) {
        if self.printer.printed() > 0 || !self.printer.is_for_people() {
            return;
        }
        if window.to == Seq(0) {
            out.note(super::NO_EVENTS);
        } else if !self.args.follow {
            out.note("no event matches");
        }
    }
}
