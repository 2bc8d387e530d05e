//! What people write for a moment: `15m`, `yesterday`, `09:30`, RFC 3339.
//!
//! Reading is pure; what "today" is gets decided later, by the zone in which
//! the answer is given. A day stands for its first moment.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, Zoned};

/// A moment, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// So long before now.
    Ago(Duration),
    /// An instant with its offset.
    At(Timestamp),
    /// A date and time on the wall.
    Wall(DateTime),
    /// A time of today.
    Today(Time),
    /// The day before today.
    Yesterday,
}

const FORMS: &str = "15m, \"2 days\", today, yesterday, 09:30, 2026-02-03, \
                     \"2026-02-03 09:30\", or RFC 3339 such as 2026-02-03T09:30:00Z";

/// Reads a moment.
///
/// # Errors
/// What is wrong with the text, for a person.
pub(super) fn parse(text: &str) -> Result<When, String> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "now" => return Ok(When::Ago(Duration::ZERO)),
        "today" => return Ok(When::Today(Time::midnight())),
        "yesterday" => return Ok(When::Yesterday),
        _ => {}
    }
    if let Some(wall) = wall(text) {
        return Ok(wall);
    }
    let span = lower
        .strip_suffix("ago")
        .and_then(|_| text.get(..text.len().saturating_sub(3)))
        .unwrap_or(text);
    duration(span).map(When::Ago)
}

/// Reads a length of time.
///
/// # Errors
/// What is wrong with the text, for a person.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let mut units = text.split(|letter: char| !letter.is_alphabetic());
    if units.any(|unit| unit == "M") {
        return Err("M could be minutes or months; write 1min (or 1m) or 1month".into());
    }
    humantime::parse_duration(text.trim()).map_err(|_| format!("write it as {FORMS}"))
}

fn wall(text: &str) -> Option<When> {
    let has_digits = text.starts_with(|letter: char| letter.is_ascii_digit());
    if !has_digits || !text.contains(['-', ':']) {
        return None;
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(When::At(instant));
    }
    if let Ok(time) = clock(text) {
        return Some(When::Today(time));
    }
    if text.len() == "2026-02-03".len() {
        let date = text.parse::<Date>().ok()?;
        return Some(When::Wall(date.to_datetime(Time::midnight())));
    }
    let (date, time) = text.split_once([' ', 'T', 't'])?;
    let (date, time) = (date.parse::<Date>().ok()?, clock(time).ok()?);
    Some(When::Wall(date.to_datetime(time)))
}

/// `09:30` or `09:30:15`.
fn clock(text: &str) -> Result<Time, jiff::Error> {
    Time::strptime("%H:%M", text).or_else(|_| Time::strptime("%H:%M:%S", text))
}

impl When {
    /// The instant, in microseconds since 1970, as seen from `now`. Beyond the
    /// calendar it is the calendar's end.
    pub(super) fn resolve(self, now: &Zoned) -> i64 {
        let zone = now.time_zone();
        let at = |wall: DateTime| wall.to_zoned(zone.clone()).map(|zoned| zoned.timestamp());
        let instant = match self {
            Self::Ago(ago) => return micros_before(now.timestamp(), ago),
            Self::At(instant) => Ok(instant),
            Self::Wall(wall) => at(wall),
            Self::Today(time) => at(now.date().to_datetime(time)),
            Self::Yesterday => now
                .date()
                .yesterday()
                .and_then(|date| at(date.to_datetime(Time::midnight()))),
        };
        instant.unwrap_or(Timestamp::MIN).as_microsecond()
    }
}

fn micros_before(now: Timestamp, ago: Duration) -> i64 {
    let ago = i64::try_from(ago.as_micros()).unwrap_or(i64::MAX);
    now.as_microsecond().saturating_sub(ago)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Zoned {
        "2026-02-03T12:00:00+01:00[+01:00]".parse().unwrap()
    }

    fn resolved(text: &str) -> String {
        let instant = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        crate::cli::time::utc(instant.resolve(&now()))
    }

    #[test]
    fn every_form_means_what_it_says() {
        for (text, instant) in [
            ("now", "2026-02-03T11:00:00.000Z"),
            ("15m", "2026-02-03T10:45:00.000Z"),
            ("15m ago", "2026-02-03T10:45:00.000Z"),
            ("1h30m", "2026-02-03T09:30:00.000Z"),
            ("2 days", "2026-02-01T11:00:00.000Z"),
            ("2 days ago", "2026-02-01T11:00:00.000Z"),
            ("1month", "2026-01-04T00:26:24.000Z"),
            ("today", "2026-02-02T23:00:00.000Z"),
            ("Yesterday", "2026-02-01T23:00:00.000Z"),
            ("09:30", "2026-02-03T08:30:00.000Z"),
            ("09:30:15", "2026-02-03T08:30:15.000Z"),
            ("2026-02-01", "2026-01-31T23:00:00.000Z"),
            ("2026-02-01 09:30", "2026-02-01T08:30:00.000Z"),
            ("2026-02-01T09:30", "2026-02-01T08:30:00.000Z"),
            ("2026-02-01T09:30:00Z", "2026-02-01T09:30:00.000Z"),
            ("2026-02-01T09:30:00.5-05:00", "2026-02-01T14:30:00.500Z"),
            ("2026-02-01 09:30:00+02:00", "2026-02-01T07:30:00.000Z"),
        ] {
            assert_eq!(resolved(text), instant, "{text}");
        }
    }

    #[test]
    fn a_month_and_a_minute_are_not_guessed() {
        for text in ["1M", "1h 2M", "1M ago"] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("minutes or months"), "{text}: {error}");
        }
        assert!(parse("1min").is_ok() && parse("1 month").is_ok());
    }

    #[test]
    fn nonsense_is_refused_with_the_forms_that_are_understood() {
        for text in [
            "",
            "soon",
            "2026-13-01",
            "25:00",
            "2026-02-30",
            "15",
            "-",
            "12:5x",
            "1d ago ago",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("yesterday"), "{text}: {error}");
        }
    }

    #[test]
    fn a_length_of_time_longer_than_the_calendar_is_its_beginning() {
        assert!(resolved("900000 years").starts_with('-'));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange_to_be_refused(text in "\\PC{0,30}|[0-9:TZ. +-]{0,30}") {
            if let Ok(when) = parse(&text) {
                when.resolve(&now());
            }
        }
    }
}
