//! Instants as people and programs read them.
//!
//! Programs get UTC with milliseconds and a `Z`; people get their own time
//! zone, or UTC when they ask for it. Instants that no calendar reaches are
//! moved to its nearer end: what an event claims never fails a command.

use std::cell::OnceCell;
use std::path::Path;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::platform;

/// The rules of one zone are a few kilobytes.
const MAX_RULES_BYTES: usize = 64 * 1024;

/// The time zone in which people are answered. It is looked up when the first
/// instant is shown in it: that costs more than most commands do besides.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    utc: bool,
    found: OnceCell<TimeZone>,
}

impl Zone {
    /// The zone of the system, or UTC when `utc` is asked for.
    #[must_use]
    pub(super) fn chosen(utc: bool) -> Self {
        Self {
            utc,
            found: OnceCell::new(),
        }
    }

    fn time_zone(&self) -> TimeZone {
        let look_up = || if self.utc { TimeZone::UTC } else { local() };
        self.found.get_or_init(look_up).clone()
    }

    /// The present moment.
    #[must_use]
    pub(super) fn now(&self) -> Zoned {
        Timestamp::now().to_zoned(self.time_zone())
    }

    /// `12:52:10`.
    #[must_use]
    pub(super) fn clock(&self, timestamp_us: i64) -> String {
        self.print(timestamp_us, "%H:%M:%S")
    }

    /// `12:52`.
    #[must_use]
    pub(super) fn short_clock(&self, timestamp_us: i64) -> String {
        self.print(timestamp_us, "%H:%M")
    }

    /// `Tuesday 3 February 2026`.
    #[must_use]
    pub(super) fn day(&self, timestamp_us: i64) -> String {
        self.print(timestamp_us, "%A %-d %B %Y")
    }

    /// `2026-02-03`.
    #[must_use]
    pub(super) fn date(&self, timestamp_us: i64) -> String {
        self.print(timestamp_us, "%Y-%m-%d")
    }

    /// `2026-02-03 12:52:10`.
    #[must_use]
    pub(super) fn second(&self, timestamp_us: i64) -> String {
        self.print(timestamp_us, "%Y-%m-%d %H:%M:%S")
    }

    /// `2026-02-03 12:52:10.114 +00:00`.
    #[must_use]
    pub(super) fn full(&self, timestamp_us: i64) -> String {
        self.print(timestamp_us, "%Y-%m-%d %H:%M:%S%.3f %:z")
    }

    fn print(&self, timestamp_us: i64, format: &str) -> String {
        instant(timestamp_us)
            .to_zoned(self.time_zone())
            .strftime(format)
            .to_string()
    }
}

/// The zone of this system. To find it by its name, the names of all zones would
/// be read first; mostly its rules lie in a place of their own.
fn local() -> TimeZone {
    let is_named = std::env::var_os("TZ").is_some_and(|name| !name.is_empty());
    let rules = || platform::read_regular(Path::new("/etc/localtime"), MAX_RULES_BYTES).ok();
    let rules = (!is_named).then(rules).flatten();
    let zone = rules.and_then(|rules| TimeZone::tzif("Local", &rules).ok());
    zone.unwrap_or_else(TimeZone::system)
}

/// `2026-02-03T12:52:10.114Z`: the form for programs.
#[must_use]
pub(super) fn utc(timestamp_us: i64) -> String {
    instant(timestamp_us)
        .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string()
}

/// How long ago that was, in its largest unit: `just now`, `1 minute ago`,
/// `3 days ago`.
#[must_use]
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs();
    let (count, unit) = match seconds {
        ..5 => return "just now".to_owned(),
        5..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

fn instant(timestamp_us: i64) -> Timestamp {
    let end = if timestamp_us < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::from_microsecond(timestamp_us).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_cut_off_and_not_rounded() {
        assert_eq!(utc(1_770_123_130_114_999), "2026-02-03T12:52:10.114Z");
        let now = Timestamp::UNIX_EPOCH;
        let earlier = now - jiff::SignedDuration::from_mins(150);
        assert_eq!(ago(earlier, now), "2 hours ago");
    }

    #[test]
    fn no_instant_is_too_far_to_be_shown() {
        let zone = Zone::chosen(true);
        for instant in [i64::MIN, i64::MAX, 0] {
            assert!(!zone.full(instant).is_empty());
            assert!(utc(instant).ends_with('Z'));
        }
    }

    #[test]
    fn the_rules_of_this_system_say_what_its_zone_says() {
        let (rules, zone) = (local(), TimeZone::system());
        for seconds in [0, 1_770_123_130, 1_784_000_000] {
            let at = Timestamp::from_second(seconds).unwrap();
            assert_eq!(rules.to_offset(at), zone.to_offset(at), "{at}");
        }
    }

    #[test]
    fn people_read_days_and_clocks() {
        let zone = Zone::chosen(true);
        let at = 1_770_123_130_114_000;
        assert_eq!(zone.day(at), "Tuesday 3 February 2026");
        assert_eq!(zone.clock(at), "12:52:10");
        assert_eq!(zone.full(at), "2026-02-03 12:52:10.114 +00:00");
    }
}
