//! When the background sender tries next. Pure; chance comes in as a number.
//!
//! After a failure it waits half a second, then twice as long each time up to
//! half a minute, each pause shorter by up to a half, by chance, so that many
//! machines do not come back at the same moment. No pause is longer than half a
//! minute, so that is the longest that a network can be back unnoticed.

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
/// While nobody may send it looks again after so long: that costs two small files.
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

    /// What was recorded is dealt with already.
    pub fn no_news(&mut self) {
        self.news = false;
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

    /// Nobody may send: what is new stays new until somebody may.
    pub fn held(&mut self, now: Instant) {
        self.news = true;
        self.more = false;
        self.failures = 0;
        self.not_before = now + GATED_PAUSE;
    }

    /// A pass came to its end. `chance` is any number at random.
    pub fn passed(&mut self, now: Instant, interval: Duration, report: &Report, chance: u16) {
        self.news = false;
        self.flush_at = now + FLUSH_EVERY;
        if is_trouble(report) {
            self.more = report.pending > 0;
            self.back_off(now, chance);
            return;
        }
        self.failures = 0;
        // What is held back does not stop what may be sent.
        self.more = report.sendable > 0 || (report.pending > 0 && report.stopped.is_none());
        self.not_before = now + interval;
        if report.sent == 0 {
            // Nothing went out: what comes next need not wait.
            self.not_before = now;
        }
    }

    /// A pass could not be made. `chance` is any number at random.
    pub fn failed(&mut self, now: Instant, chance: u16) {
        self.more = true;
        self.back_off(now, chance);
    }

    fn back_off(&mut self, now: Instant, chance: u16) {
        let pause = FIRST_PAUSE
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + shortened(pause, chance);
    }
}

/// A pause, shorter by up to a half.
fn shortened(pause: Duration, chance: u16) -> Duration {
    let off = (pause / 2).saturating_mul(chance.into()) / u32::from(u16::MAX);
    pause.saturating_sub(off)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::gate::Gate;
    use crate::sync::report::Stopped;
    use proptest::prelude::*;

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
            rhythm.passed(now, Duration::from_secs(5), &trouble(), 0);
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
        rhythm.passed(now, interval, &some, 0);
        assert!(!rhythm.is_due(now + interval / 2) && rhythm.is_due(now + interval));
        let all = Report {
            sent: 10,
            ..Report::default()
        };
        rhythm.passed(now, interval, &all, 0);
        assert!(!rhythm.is_due(now + interval * 2));
        rhythm.news();
        assert!(rhythm.is_due(now + interval));
        assert!(Rhythm::new(now).is_due(now + FLUSH_EVERY));
    }

    #[test]
    fn what_only_a_person_can_open_is_looked_at_now_and_then() {
        let now = Instant::now();
        let mut rhythm = Rhythm::new(now);
        rhythm.held(now);
        assert!(!rhythm.is_due(now + GATED_PAUSE / 2) && rhythm.is_due(now + GATED_PAUSE));
        assert!(!rhythm.has_more(), "and keeps nobody here");
    }

    #[test]
    fn what_is_due_later_is_tried_every_five_minutes_without_news() {
        let now = Instant::now();
        let mut rhythm = Rhythm::new(now);
        let refused_earlier = Report::default();
        rhythm.passed(now, Duration::from_secs(5), &refused_earlier, 0);
        assert!(!rhythm.is_due(now + FLUSH_EVERY - Duration::from_millis(1)));
        assert!(rhythm.is_due(now + FLUSH_EVERY));
    }

    const TICK: Duration = Duration::from_millis(250);

    /// A network that is away from the beginning for `away`; how many tries there
    /// were meanwhile, and how long after its return the next one was.
    fn outage(away: Duration, chances: &[u16]) -> (usize, Duration) {
        let begun = Instant::now();
        let mut chances = chances.iter().copied().cycle();
        let mut rhythm = Rhythm::new(begun);
        let mut now = begun;
        let mut tries = 0;
        loop {
            if rhythm.is_due(now) {
                let Some(late) = now.checked_duration_since(begun + away) else {
                    tries += 1;
                    let chance = chances.next().unwrap_or_default();
                    rhythm.passed(now, Duration::from_secs(5), &trouble(), chance);
                    continue;
                };
                return (tries, late);
            }
            now += TICK;
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// However long the network was away and whatever chance says.
        #[test]
        fn a_network_that_is_back_is_noticed_within_half_a_minute(
            away_ms in 0_u64..7_200_000,
            chances in prop::collection::vec(any::<u16>(), 1..50),
        ) {
            let away = Duration::from_millis(away_ms);
            let (tries, late) = outage(away, &chances);
            prop_assert!(late <= LONGEST_PAUSE + TICK, "{late:?}");
            // A try every quarter of a minute at most, after the first few.
            let most = 12 + away.as_secs() / 15;
            prop_assert!(tries as u64 <= most, "{tries} in {away:?}");
        }

        #[test]
        fn machines_do_not_come_back_at_the_same_moment(first: u16, second: u16) {
            let pauses = [first, second].map(|chance| shortened(LONGEST_PAUSE, chance));
            prop_assert_eq!(first == second, pauses[0] == pauses[1]);
            for pause in pauses {
                prop_assert!(pause >= LONGEST_PAUSE / 2 && pause <= LONGEST_PAUSE);
            }
        }
    }
}
