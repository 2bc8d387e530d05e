//! Whether one segment may go. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::log::fill::Fill;
use crate::log::header::Pressure;
use crate::retention::holding::Holding;

/// What the user and the clock say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long confirmed events stay, counted from the end of their segment.
    pub retention: Duration,
    /// The present, in microseconds since 1970.
    pub now_us: i64,
}

/// What an event waits for that is not confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hold {
    /// Its delivery.
    Pending,
    /// A person, or another try: the server refused it.
    Refused,
    /// An owner: it was recorded while signed out.
    Unbound,
    /// A project: it was recorded outside of one.
    NoProject,
    /// A look at what lies behind it, which may have given it an owner.
    OwnerOpen,
    /// A version of this program that understands it.
    NotUnderstood,
    /// Nothing: a target was added or removed here, which speaks of all events.
    Target,
}

impl Hold {
    /// A stable word for reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Refused => "refused",
            Self::Unbound => "signed-out",
            Self::NoProject => "no-project",
            Self::OwnerOpen => "owner-open",
            Self::NotUnderstood => "not-understood",
            Self::Target => "target",
        }
    }
}

/// Why a segment may go. All of it is confirmed in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// Its time is over.
    Old,
    /// The log is at 80 % of its limit or more.
    Room,
}

impl Because {
    /// A stable word for reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Old => "retention",
            Self::Room => "room",
        }
    }
}

/// Why a segment stays, and with it all behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It is the newest, or might be: it carries the log on.
    Newest,
    /// Events in it wait, so many for each thing.
    Waiting(BTreeMap<Hold, u64>),
    /// Its time is not over before this, in microseconds since 1970.
    Recent {
        /// When it is over.
        until_us: i64,
    },
    /// The file does not belong to this log.
    Alien,
    /// Nothing was ever delivered from here.
    NoTarget,
    /// The look at it took too long.
    OutOfTime,
}

impl Keep {
    /// A stable word for reports.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Waiting(_) => "waiting",
            Self::Recent { .. } => "recent",
            Self::Alien => "alien",
            Self::NoTarget => "no-target",
            Self::OutOfTime => "out-of-time",
        }
    }
}

/// Whether the segment may go from a log that is as full as `fill` says.
///
/// What was damaged in it, and events that stay on this machine by the wish of
/// their project, have no copy anywhere else: only time takes these.
pub(super) fn judge(holding: &Holding, rules: Rules, fill: Fill) -> Result<Because, Keep> {
    if !holding.waiting.is_empty() {
        return Err(Keep::Waiting(holding.waiting.clone()));
    }
    let retention_us = i64::try_from(rules.retention.as_micros()).unwrap_or(i64::MAX);
    let until_us = holding.ended_us.saturating_add(retention_us);
    let is_copied = holding.opted_out == 0 && !holding.damaged;
    if until_us <= rules.now_us {
        Ok(Because::Old)
    } else if is_copied && fill.pressure() == Pressure::High {
        Ok(Because::Room)
    } else {
        Err(Keep::Recent { until_us })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

    fn holding() -> Holding {
        Holding {
            events: 3,
            confirmed: 3,
            ended_us: 100 * DAY_US,
            ..Holding::default()
        }
    }

    fn rules(day: i64) -> Rules {
        Rules {
            retention: Duration::from_secs(30 * 24 * 60 * 60),
            now_us: day * DAY_US,
        }
    }

    fn fill(bytes: u64) -> Fill {
        Fill { bytes, limit: 100 }
    }

    #[test]
    fn confirmed_events_go_when_their_time_is_over_and_before_it_only_for_room() {
        assert_eq!(judge(&holding(), rules(130), fill(10)), Ok(Because::Old));
        let until_us = 130 * DAY_US;
        let recent = Err(Keep::Recent { until_us });
        assert_eq!(judge(&holding(), rules(129), fill(79)), recent);
        assert_eq!(judge(&holding(), rules(129), fill(80)), Ok(Because::Room));
    }

    #[test]
    fn nothing_that_waits_goes_however_old_and_however_full() {
        for hold in [
            Hold::Pending,
            Hold::Refused,
            Hold::Unbound,
            Hold::NoProject,
            Hold::OwnerOpen,
            Hold::NotUnderstood,
            Hold::Target,
        ] {
            let waiting = BTreeMap::from([(hold, 1)]);
            let holding = Holding {
                waiting: waiting.clone(),
                ..holding()
            };
            let verdict = judge(&holding, rules(100_000), fill(100));
            assert_eq!(verdict, Err(Keep::Waiting(waiting)));
        }
    }

    #[test]
    fn what_has_no_copy_elsewhere_goes_by_time_alone() {
        for only_here in [
            Holding {
                opted_out: 1,
                ..holding()
            },
            Holding {
                damaged: true,
                ..holding()
            },
        ] {
            let stays = judge(&only_here, rules(129), fill(100));
            assert!(matches!(stays, Err(Keep::Recent { .. })));
            assert_eq!(judge(&only_here, rules(130), fill(0)), Ok(Because::Old));
        }
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_everything() {
        let verdict = judge(&holding(), rules(-5000), fill(10));
        assert!(matches!(verdict, Err(Keep::Recent { .. })));
    }
}
