//! The log: whether it is sound, how full, whose it is, what its clock says.

use jiff::Timestamp;

use crate::cli::columns::{counted, grouped, size};
use crate::cli::failure::Failure;
use crate::cli::log::{Reading, examine};
use crate::cli::output::Output;
use crate::config::LogConfig;
use crate::emitter;
use crate::event::decode_body;
use crate::home::Home;
use crate::legacy::ClockFile;
use crate::log::disorder;
use crate::log::fill::Fill;
use crate::log::header::Pressure;
use crate::log::read::Item;
use crate::log::segment::LogDir;
use crate::platform;
use crate::position::Lamport;
use crate::state::{Ledger, State};
use crate::sync::recount::Recount;

use super::check::Check;

/// Clocks of machines differ by so much without anybody noticing.
const SKEW_US: i64 = 5 * 60 * 1_000_000;

/// What the events say of clocks.
#[derive(Clone, Copy, Debug, Default)]
struct Clocks {
    /// The highest clock value of any event, imported ones included.
    highest: u64,
    /// Events that are dated later than now, and the latest of them.
    ahead: u64,
    latest_us: i64,
}

impl Clocks {
    fn see(&mut self, item: &Item<'_>, now_us: i64) {
        if !item.kind.is_event() {
            return;
        }
        let Ok((header, _)) = decode_body(item.body) else {
            return;
        };
        self.highest = self.highest.max(header.lamport);
        if header.timestamp_us > now_us.saturating_add(SKEW_US) {
            self.ahead = self.ahead.saturating_add(1);
            self.latest_us = self.latest_us.max(header.timestamp_us);
        }
    }
}

pub(super) fn checks(
    home: &Home,
    config: &LogConfig,
    ledger: Option<&Ledger>,
    out: &Output,
) -> Vec<Check> {
    let log = emitter::log_of(home);
    let dir = log.dir();
    let now_us = Timestamp::now().as_microsecond();
    let mut clocks = Clocks::default();
    let mut recount = Recount::of(&State::at(home.state_dir()));
    let mut progress = Reading::of(dir, out);
    let examined = examine(home, ledger, &mut |item| {
        progress.passed(item);
        clocks.see(item, now_us);
        recount.see(item);
    });
    drop(progress);
    let sound = match examined {
        Ok(sound) => sound,
        Err(Failure { message, hint, .. }) => {
            let check = Check::problem("log", message).told_as("the log cannot be read");
            return vec![match hint {
                Some(hint) => check.fix(hint),
                None => check,
            }];
        }
    };
    let mut checks = Vec::new();
    let events = counted(sound.events, "event", "events");
    checks.push(if sound.is_sound() {
        let segments = counted(sound.segments, "segment", "segments");
        Check::ok("log", format!("{events} in {segments}, sound to the end"))
    } else {
        let places = counted(sound.places, "place is", "places are");
        let lost = counted(sound.lost, "record is lost", "records are lost");
        Check::problem(
            "log",
            format!("{places} damaged, {lost}; {events} are good"),
        )
        .fix("spec-kitty log verify")
    });
    checks.push(match recount.wrong(dir).len() {
        0 => Check::ok(
            "tallies",
            "what is kept of full segments is what is in them",
        ),
        wrong => {
            let wrong = u64::try_from(wrong).unwrap_or(u64::MAX);
            let of = counted(wrong, "segment", "segments");
            let said = format!("{of} counted wrongly, and so is what waits");
            Check::problem("tallies", said).fix("spec-kitty log repair --dry-run")
        }
    });
    checks.push(order(dir, log.options().node.facts));
    checks.push(fill(dir, config));
    checks.push(identity(dir, log.options().node.facts));
    checks.push(lamport(sound.clock, clocks.highest));
    checks.push(wall(&clocks));
    checks.extend(clock_file(home, sound.clock));
    checks
}

/// Files that lie in the log and should not, or not under that name.
fn order(dir: &LogDir, facts: [u8; 8]) -> Check {
    match disorder::look(dir, facts, &mut |_| {}) {
        Err(error) => Check::problem("log-files", error.to_string())
            .told_as("the files of the log cannot be looked at")
            .fix("spec-kitty log verify"),
        Ok(found) if found.files.is_empty() => Check::ok("log-files", "in order"),
        Ok(found) => {
            let count = u64::try_from(found.files.len()).unwrap_or(u64::MAX);
            let files = counted(count, "file is", "files are");
            Check::problem("log-files", format!("{files} out of order in the log"))
                .fix("spec-kitty log repair --dry-run")
        }
    }
}

fn fill(dir: &LogDir, config: &LogConfig) -> Check {
    match dir.bytes() {
        Ok(bytes) => judge_fill(Fill {
            bytes,
            limit: config.max_bytes,
        }),
        Err(error) => Check::problem("log-size", error.to_string())
            .told_as("the files of the log cannot be looked at")
            .fix("spec-kitty log verify"),
    }
}

fn judge_fill(fill: Fill) -> Check {
    let said = format!("{} of {}", size(fill.bytes), size(fill.limit));
    let plan = "spec-kitty log prune --dry-run";
    match fill.pressure() {
        Pressure::Calm => Check::ok("log-size", said),
        _ if fill.bytes >= fill.limit => Check::problem(
            "log-size",
            format!("{said}: full, nothing is recorded until something goes"),
        )
        .fix(plan),
        _ => Check::note("log-size", format!("{said}: it is filling up")).fix(plan),
    }
}

/// Whether the newest segment was made in this home, on this machine.
fn identity(dir: &LogDir, facts: [u8; 8]) -> Check {
    let newest = dir.ordinals().ok().and_then(|all| all.last().copied());
    let header = newest.and_then(|ordinal| dir.header(ordinal).ok().flatten());
    let Some(header) = header else {
        return Check::ok("node", "decided with the first event");
    };
    let lock = platform::path_identity(&dir.lock_path());
    let node = header.node_id;
    if header.node_facts != facts {
        let said = format!(
            "this log was last written on another machine or by another user; \
             the next event gets a node id of its own (it was {node})"
        );
        return Check::note("node", said);
    }
    if lock.is_ok_and(|lock| lock != header.lock_identity) {
        let said = format!(
            "this home is a copy, or its log/LOCK was replaced; \
             the next event gets a node id of its own (it was {node})"
        );
        return Check::note("node", said);
    }
    Check::ok("node", format!("{node}"))
}

fn lamport(ours: Lamport, highest: u64) -> Check {
    let ours_said = grouped(ours.0);
    if ours >= Lamport::MAX_PLAUSIBLE {
        return Check::problem(
            "clock",
            format!("the clock is at {ours_said}, the highest value there is; no event can follow"),
        )
        .fix("begin a home anew: --home DIR or SPEC_KITTY_HOME");
    }
    if highest > ours.0 {
        let highest = grouped(highest);
        return Check::note(
            "clock",
            format!(
                "Lamport {ours_said}; an imported event claims {highest}, which is not believed"
            ),
        );
    }
    Check::ok(
        "clock",
        format!("Lamport {ours_said}; no event is ahead of it"),
    )
}

fn wall(clocks: &Clocks) -> Check {
    if clocks.ahead == 0 {
        return Check::ok("wall-clock", "no event is dated in the future");
    }
    let events = counted(clocks.ahead, "event is", "events are");
    let until = crate::cli::time::utc(clocks.latest_us);
    Check::note(
        "wall-clock",
        format!("{events} dated in the future, up to {until}; the order is right all the same"),
    )
    .fix("compare this machine's clock with another one's: date")
}

/// `clock.json` of the Python tool, which still counts up while that is in use.
fn clock_file(home: &Home, ours: Lamport) -> Option<Check> {
    let path = home.legacy_clock_file();
    Some(match ClockFile::read(&path) {
        Ok(None) => return None,
        Ok(Some(Ok(_))) if ours == Lamport(0) => Check::ok(
            "clock-file",
            "the log will begin behind clock.json of the Python tool",
        ),
        Ok(Some(Ok(file))) if file.value > ours => Check::problem(
            "clock-file",
            format!(
                "clock.json of the Python tool is at {}, this log at {}: \
                 the same values would be given out twice",
                grouped(file.value.0),
                grouped(ours.0)
            ),
        )
        .fix(format!(
            "spec-kitty log import {}",
            super::files::quoted(&path)
        )),
        Ok(Some(Ok(file))) => Check::ok(
            "clock-file",
            format!("clock.json is at {}, behind ours", grouped(file.value.0)),
        ),
        Ok(Some(Err(fault))) => Check::note("clock-file", format!("clock.json {fault}")),
        Err(error) => {
            Check::note("clock-file", error.to_string()).told_as("clock.json cannot be read")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    #[test]
    fn a_clock_at_its_end_is_a_problem_and_one_that_is_passed_a_note() {
        assert_eq!(lamport(Lamport(5), 5).state, State::Ok);
        assert_eq!(lamport(Lamport(5), 6).state, State::Note);
        assert_eq!(lamport(Lamport::MAX_PLAUSIBLE, 6).state, State::Problem);
    }

    #[test]
    fn a_log_that_fills_up_says_so_before_it_is_full() {
        let state = |bytes| judge_fill(Fill { bytes, limit: 1000 }).state;
        assert_eq!(state(100), State::Ok);
        assert_eq!(state(900), State::Note);
        assert_eq!(state(1000), State::Problem);
    }
}
