//! When the live connection is tried again. Pure; chance comes in as a number.
//!
//! A connection that could not be made, or broke, is tried again after half a
//! second, then after twice as long each time up to half a minute, each pause
//! longer or shorter by up to a second, so that many machines do not come back
//! at the same moment. After ten tries, or when the server refuses the session
//! or has no such channel, events go in batches and the connection is tried
//! quietly now and then. Only one that held for a while is a success: a server
//! that accepts and hangs up climbs the same ladder.

use std::time::{Duration, Instant};

/// The pause after the first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A pause is longer or shorter by up to so much, in milliseconds.
const SWAY_MS: u16 = 1000;
/// So many tries in a row, then batches.
const TRIES: u32 = 10;
/// How often it is tried while events go in batches.
pub(super) const QUIET_EVERY: Duration = Duration::from_secs(300);
/// A connection that held for so long ends the row of failures.
const STEADY: Duration = Duration::from_secs(30);

/// What kind of end it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The network, or a server that is down: another try may help.
    Passing,
    /// The server asked to wait so long.
    Wait(Duration),
    /// The session is refused, or the server has no such channel: it stays so
    /// until somebody changes something.
    Lasting,
}

/// How the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// To be tried at this moment.
    Waiting(Instant),
    Dialling,
    /// Up, since this moment.
    Up(Instant),
}

/// The ladder of one recipient.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ladder {
    stage: Stage,
    failures: u32,
    lasting: bool,
}

/// The word for how the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rung {
    /// Not tried yet, or given up for a while.
    Batch,
    /// Trying again.
    Reconnecting,
    /// Up.
    Connected,
}

impl Ladder {
    /// To be tried at once.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            stage: Stage::Waiting(now),
            failures: 0,
            lasting: false,
        }
    }

    /// Whether it is time to dial.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        matches!(self.stage, Stage::Waiting(until) if now >= until)
    }

    /// Somebody dials.
    pub(super) fn dialling(&mut self) {
        self.stage = Stage::Dialling;
    }

    /// The server has said its first word.
    pub(super) fn up(&mut self, now: Instant) {
        self.stage = Stage::Up(now);
    }

    /// It could not be made, or it broke. `chance` is any number at random.
    pub(super) fn down(&mut self, now: Instant, failure: Failure, chance: u16) {
        if matches!(self.stage, Stage::Up(since) if now.saturating_duration_since(since) >= STEADY)
        {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.lasting = failure == Failure::Lasting;
        let pause = if self.lasting || self.failures > TRIES {
            QUIET_EVERY
        } else {
            swayed(pause_after(self.failures), chance)
        };
        let pause = match failure {
            Failure::Wait(asked) => pause.max(asked),
            Failure::Passing | Failure::Lasting => pause,
        };
        self.stage = Stage::Waiting(now + pause);
    }

    /// How it stands.
    pub(super) fn rung(&self) -> Rung {
        match self.stage {
            Stage::Up(_) => Rung::Connected,
            _ if self.failures == 0 || self.lasting || self.failures > TRIES => Rung::Batch,
            _ => Rung::Reconnecting,
        }
    }
}

/// The pause after so many failures in a row, at least one.
fn pause_after(failures: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << failures.saturating_sub(1).min(10))
        .min(LONGEST_PAUSE)
}

/// A pause, longer or shorter by chance, never below nothing.
fn swayed(pause: Duration, chance: u16) -> Duration {
    let sway = u64::from(chance % (2 * SWAY_MS + 1));
    (pause + Duration::from_millis(sway)).saturating_sub(Duration::from_millis(SWAY_MS.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The number that neither lengthens nor shortens a pause.
    const MIDDLE: u16 = SWAY_MS;

    fn pause(ladder: &Ladder, now: Instant) -> Duration {
        let Stage::Waiting(until) = ladder.stage else {
            panic!("{ladder:?}");
        };
        until - now
    }

    #[test]
    fn ten_tries_with_longer_and_longer_pauses_and_then_batches() {
        let now = Instant::now();
        let mut ladder = Ladder::new(now);
        assert!(ladder.is_due(now));
        assert_eq!(ladder.rung(), Rung::Batch, "nothing was tried yet");
        let mut pauses = Vec::new();
        for _ in 0..TRIES {
            ladder.dialling();
            assert!(!ladder.is_due(now + QUIET_EVERY), "one at a time");
            ladder.down(now, Failure::Passing, MIDDLE);
            assert_eq!(ladder.rung(), Rung::Reconnecting);
            pauses.push(pause(&ladder, now).as_millis());
        }
        let expected = [
            500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000,
        ];
        assert_eq!(pauses, expected);
        for _ in 0..3 {
            ladder.dialling();
            ladder.down(now, Failure::Passing, MIDDLE);
            assert_eq!(ladder.rung(), Rung::Batch);
            assert_eq!(pause(&ladder, now), QUIET_EVERY);
        }
        ladder.dialling();
        assert_eq!(ladder.rung(), Rung::Batch, "a quiet try is not told of");
        ladder.up(now);
        assert_eq!(ladder.rung(), Rung::Connected);
    }

    #[test]
    fn what_stays_so_goes_to_batches_at_once() {
        let now = Instant::now();
        let mut ladder = Ladder::new(now);
        ladder.dialling();
        ladder.down(now, Failure::Lasting, 0);
        assert_eq!(ladder.rung(), Rung::Batch);
        assert_eq!(pause(&ladder, now), QUIET_EVERY);
    }

    #[test]
    fn a_server_that_accepts_and_hangs_up_climbs_the_ladder() {
        let now = Instant::now();
        let mut ladder = Ladder::new(now);
        for _ in 0..=TRIES {
            ladder.dialling();
            ladder.up(now);
            ladder.down(now, Failure::Passing, MIDDLE);
        }
        assert_eq!(ladder.rung(), Rung::Batch);
        ladder.dialling();
        ladder.up(now);
        ladder.down(now + STEADY, Failure::Passing, MIDDLE);
        assert_eq!(ladder.rung(), Rung::Reconnecting, "that one had held");
        assert_eq!(pause(&ladder, now + STEADY), FIRST_PAUSE);
    }

    #[test]
    fn a_wait_that_the_server_asks_for_is_kept() {
        let now = Instant::now();
        let mut ladder = Ladder::new(now);
        ladder.dialling();
        let hour = Duration::from_secs(3600);
        ladder.down(now, Failure::Wait(hour), 0);
        assert_eq!(pause(&ladder, now), hour);
    }

    proptest! {
        /// Whatever chance says and however often it fails: never tighter than
        /// the pause less a second, never longer than it and a second.
        #[test]
        fn every_pause_stays_in_its_bounds(
            failures in prop::collection::vec((any::<u16>(), any::<bool>()), 1..40),
        ) {
            let now = Instant::now();
            let mut ladder = Ladder::new(now);
            for (tried, (chance, came_up)) in (1..).zip(failures) {
                ladder.dialling();
                if came_up {
                    ladder.up(now);
                }
                ladder.down(now, Failure::Passing, chance);
                let pause = pause(&ladder, now);
                let second = Duration::from_millis(SWAY_MS.into());
                if tried > TRIES {
                    prop_assert_eq!(pause, QUIET_EVERY);
                } else {
                    prop_assert!(pause <= pause_after(tried) + second);
                    prop_assert!(pause + second >= pause_after(tried));
                }
                prop_assert!(!ladder.is_due(now) || pause.is_zero());
                prop_assert!(ladder.is_due(now + pause));
            }
        }
    }
}
