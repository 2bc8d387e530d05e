//! When the background sender tries next. Pure, but for a little chance in the
//! pauses, so that many machines do not come back at the same moment.

use std::time::{Duration, Instant};

use crate::sync::daemon::is_trouble;
use crate::sync::report::Report;

/// The pause after the first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Without anything new it looks again after so long: refused events get
/// another try.
const FLUSH_EVERY: Duration = Duration::from_secs(300);
/// While nobody is signed in it looks again after so long.
const GATED_PAUSE: Duration = Duration::from_secs(2);

/// When to try next.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// There may be something that was not tried yet.
    news: bool,
    /// Something was left that could be sent.
    more: bool,
    not_before: Instant,
    flush_at: Instant,
    failures: u32,
}

impl Rhythm {
    /// Tries at once.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            news: true,
            more: false,
            not_before: now,
            flush_at: now + FLUSH_EVERY,
            failures: 0,
        }
    }

    /// Something was recorded.
    pub fn news(&mut self) {
        self.news = true;
    }

    /// Whether something is left to be sent.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.more
    }

    /// Whether it is time for a pass.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.not_before && (self.news || self.more || now >= self.flush_at)
    }

    /// A pass came to its end.
    pub fn passed(&mut self, now: Instant, interval: Duration, report: &Report, gated: bool) {
        self.news = false;
        self.flush_at = now + FLUSH_EVERY;
        if is_trouble(report) {
            self.more = report.pending > 0;
            self.back_off(now);
            return;
        }
        self.failures = 0;
        self.more = report.pending > 0 && (gated || report.stopped.is_none());
        self.not_before = now + if gated { GATED_PAUSE } else { interval };
        if report.sent == 0 && !gated {
            // Nothing went out: what comes next need not wait.
            self.not_before = now;
        }
    }

    /// A pass could not be made.
    pub fn failed(&mut self, now: Instant) {
        self.more = true;
        self.back_off(now);
    }

    fn back_off(&mut self, now: Instant) {
        let pause = FIRST_PAUSE
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::gate::Gate;
    use crate::sync::report::Stopped;

    fn trouble() -> Report {
        Report {
            pending: 3,
            stopped: Some(Stopped::Trouble {
                gate: Gate::Network,
                category: "network".to_owned(),
                message: "gone".to_owned(),
            }),
            ..Report::default()
        }
    }

    #[test]
    fn failures_make_the_pauses_longer_up_to_half_a_minute() {
        let now = Instant::now();
        let mut rhythm = Rhythm::new(now);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            rhythm.passed(now, Duration::from_secs(5), &trouble(), false);
            pauses.push((rhythm.not_before - now).as_millis());
        }
        assert_eq!(pauses[..4], [500, 1000, 2000, 4000]);
        assert_eq!(pauses[8], 30_000);
        assert!(rhythm.is_due(now + LONGEST_PAUSE), "also without news");
    }

    #[test]
    fn one_batch_an_interval_while_there_is_more_and_none_without() {
        let now = Instant::now();
        let interval = Duration::from_secs(5);
        let mut rhythm = Rhythm::new(now);
        assert!(rhythm.is_due(now));
        let some = Report {
            sent: 10,
            pending: 90,
            ..Report::default()
        };
        rhythm.passed(now, interval, &some, false);
        assert!(!rhythm.is_due(now + interval / 2) && rhythm.is_due(now + interval));
        let all = Report {
            sent: 10,
            ..Report::default()
        };
        rhythm.passed(now, interval, &all, false);
        assert!(!rhythm.is_due(now + interval * 2));
        rhythm.news();
        assert!(rhythm.is_due(now + interval));
        assert!(Rhythm::new(now).is_due(now + FLUSH_EVERY));
    }

    #[test]
    fn what_only_a_person_can_open_is_looked_at_now_and_then() {
        let now = Instant::now();
        let mut rhythm = Rhythm::new(now);
        let held = Report {
            pending: 3,
            ..Report::default()
        };
        rhythm.passed(now, Duration::from_secs(5), &held, true);
        assert!(!rhythm.is_due(now + GATED_PAUSE / 2) && rhythm.is_due(now + GATED_PAUSE));
    }
}
