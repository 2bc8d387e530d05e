//! How far something is that takes a while, on stderr.
//!
//! On a terminal one line that is rewritten, from 300 ms on; elsewhere a plain
//! line every ten seconds, so that whoever reads a log later sees that it went
//! on. Nothing with `-q` or `--json`. Whoever says anything else meanwhile calls
//! [`Progress::clear`] first.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::columns::{counted, grouped, lasting, size, terminal_columns};
use super::output::{Output, Verbosity, clip, width};

/// What is over sooner needs no progress.
const FIRST_AFTER: Duration = Duration::from_millis(300);
/// How often a terminal's line is rewritten.
const EVERY_ON_TERMINAL: Duration = Duration::from_millis(100);
/// How often a plain line is written.
const EVERY_PLAIN: Duration = Duration::from_secs(10);

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Events, or other things that are shown one by one.
    Events,
    /// Bytes.
    Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Silent,
    Plain,
    Rewritten,
}

/// How far one job is; what is shown goes when this is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    verb: &'static str,
    unit: Unit,
    manner: Manner,
    begun: Instant,
    next: Instant,
    /// The columns of the line that stands there now.
    shown: usize,
}

impl Progress {
    /// The progress of a job that `verb` names, such as `Sending`.
    #[must_use]
    pub(super) fn new(out: &Output, verb: &'static str, unit: Unit) -> Self {
        let manner = if out.json() || out.verbosity() == Verbosity::Quiet {
            Manner::Silent
        } else if io::stderr().is_terminal() {
            Manner::Rewritten
        } else {
            Manner::Plain
        };
        let begun = Instant::now();
        let first = match manner {
            Manner::Rewritten => FIRST_AFTER,
            Manner::Plain | Manner::Silent => EVERY_PLAIN,
        };
        Self {
            verb,
            unit,
            manner,
            begun,
            next: begun + first,
            shown: 0,
        }
    }

    /// Shows how much is done, when it is time to; cheap when it is not. `total`
    /// is `None` while nobody knows.
    pub(super) fn show(&mut self, done: u64, total: Option<u64>) {
        let now = Instant::now();
        if self.manner == Manner::Silent || now < self.next {
            return;
        }
        let text = line(self.verb, self.unit, done, total, now - self.begun);
        let mut stderr = io::stderr().lock();
        // That it cannot be shown stops nothing.
        let _ = if self.manner == Manner::Plain {
            self.next = now + EVERY_PLAIN;
            writeln!(stderr, "{text}")
        } else {
            self.next = now + EVERY_ON_TERMINAL;
            let text = clip(&text, terminal_columns().saturating_sub(1));
            let before = std::mem::replace(&mut self.shown, width(&text));
            let rest = before.saturating_sub(self.shown);
            write!(stderr, "\r{text}{:rest$}", "")
        };
    }

    /// Takes the line away, to make room for something else.
    pub(super) fn clear(&mut self) {
        let shown = std::mem::take(&mut self.shown);
        if shown > 0 {
            let _ = write!(io::stderr(), "\r{:shown$}\r", "");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// `Sending  12,000 of 100,000 events  12 %  3,000 events/s  30 s left`
fn line(verb: &str, unit: Unit, done: u64, total: Option<u64>, elapsed: Duration) -> String {
    let known = total.filter(|total| *total >= done && *total > 0);
    let mut text = match known {
        Some(total) => {
            let share = done.saturating_mul(100) / total;
            let done = if unit == Unit::Events {
                grouped(done)
            } else {
                size(done)
            };
            format!("{verb}  {done} of {}  {share} %", named(unit, total))
        }
        None => format!("{verb}  {}", named(unit, done)),
    };
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let per_second = done.saturating_mul(1000) / elapsed_ms.max(1);
    if per_second > 0 {
        text.push_str(&format!("  {}/s", named(unit, per_second)));
        if let Some(total) = known {
            let left = (total - done).div_ceil(per_second);
            let left = lasting(left.saturating_mul(1000));
            text.push_str(&format!("  {left} left"));
        }
    }
    text
}

fn named(unit: Unit, count: u64) -> String {
    match unit {
        Unit::Events => counted(count, "event", "events"),
        Unit::Bytes => size(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_how_fast_and_how_long() {
        let at = |unit, done, total, ms| line("At", unit, done, total, Duration::from_millis(ms));
        assert_eq!(
            at(Unit::Events, 12_000, Some(100_000), 4000),
            "At  12,000 of 100,000 events  12 %  3,000 events/s  30 s left"
        );
        assert_eq!(
            at(Unit::Bytes, 3 << 20, Some(1 << 30), 1000),
            "At  3.0 MiB of 1.0 GiB  0 %  3.0 MiB/s  6 min left"
        );
        assert_eq!(at(Unit::Events, 1, None, 1000), "At  1 event  1 event/s");
        assert_eq!(at(Unit::Events, 0, Some(0), 0), "At  0 events");
        assert_eq!(at(Unit::Events, 0, Some(7), 500), "At  0 of 7 events  0 %");
        // More than was expected: nothing is said that is not so.
        assert_eq!(at(Unit::Events, 9, Some(7), 90_000), "At  9 events");
    }

    #[test]
    fn no_number_breaks_a_line() {
        for done in [0, 1, u64::MAX / 2, u64::MAX] {
            for total in [None, Some(0), Some(done), Some(u64::MAX)] {
                for unit in [Unit::Events, Unit::Bytes] {
                    let text = line("At", unit, done, total, Duration::from_nanos(1));
                    assert!(text.starts_with("At  "), "{text}");
                }
            }
        }
    }
}
