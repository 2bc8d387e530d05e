//! Dates and times as RFC 3339 writes them: our own, and a check of others'.
//!
//! The check accepts what JSON Schema's `date-time` format asserts: upper or
//! lower case `T` and `Z`, any number of fraction digits, offsets up to 23:59,
//! and a leap second only in the last minute of a UTC day.

use jiff::Timestamp;
use jiff::tz::Offset;

/// The first instant of the year 1, in microseconds since 1970: RFC 3339 has
/// four digits for the year.
const FIRST_US: i64 = -62_135_596_800_000_000;

/// Appends `YYYY-MM-DDTHH:MM:SS.ffffff+00:00`. Instants outside the years 1 to
/// 9999 are moved to the nearer end.
pub(super) fn push_timestamp(out: &mut Vec<u8>, timestamp_us: i64) {
    let instant = Timestamp::from_microsecond(timestamp_us.max(FIRST_US)).unwrap_or(Timestamp::MAX);
    let utc = Offset::UTC.to_datetime(instant);
    let parts: [(i32, u32, &[u8]); 7] = [
        (i32::from(utc.year()), 4, b"-"),
        (i32::from(utc.month()), 2, b"-"),
        (i32::from(utc.day()), 2, b"T"),
        (i32::from(utc.hour()), 2, b":"),
        (i32::from(utc.minute()), 2, b":"),
        (i32::from(utc.second()), 2, b"."),
        (utc.subsec_nanosecond() / 1000, 6, b"+00:00"),
    ];
    for (value, width, after) in parts {
        push_digits(out, value.unsigned_abs(), width);
        out.extend_from_slice(after);
    }
}

/// Appends the last `width` decimal digits of `value`.
fn push_digits(out: &mut Vec<u8>, value: u32, width: u32) {
    for place in (0..width).rev() {
        let digit = value / 10_u32.pow(place) % 10;
        out.push(b'0' + u8::try_from(digit).unwrap_or(0));
    }
}

/// Whether the text is a date and time of RFC 3339.
pub(super) fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else {
        return false;
    };
    is_date(date.as_bytes()) && is_time(time.as_bytes())
}

fn is_date(date: &[u8]) -> bool {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else {
        return false;
    };
    let (Some(century), Some(year), Some(month), Some(day)) = (
        two_digits(y1, y2),
        two_digits(y3, y4),
        two_digits(m1, m2),
        two_digits(d1, d2),
    ) else {
        return false;
    };
    let leap = if year == 0 {
        century % 4 == 0
    } else {
        year % 4 == 0
    };
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=last).contains(&day)
}

fn is_time(time: &[u8]) -> bool {
    let &[h1, h2, b':', m1, m2, b':', s1, s2, ref rest @ ..] = time else {
        return false;
    };
    let (Some(hour), Some(minute), Some(second)) =
        (two_digits(h1, h2), two_digits(m1, m2), two_digits(s1, s2))
    else {
        return false;
    };
    let Some(offset_minutes) = after_fraction(rest).and_then(offset_minutes) else {
        return false;
    };
    let utc_minute = (i32::from(hour) * 60 + i32::from(minute) - offset_minutes).rem_euclid(1440);
    hour <= 23 && minute <= 59 && (second <= 59 || (second == 60 && utc_minute == 1439))
}

/// What follows a fraction of a second, if there is one and it has digits.
fn after_fraction(rest: &[u8]) -> Option<&[u8]> {
    let Some(fraction) = rest.strip_prefix(b".") else {
        return Some(rest);
    };
    let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit());
    let count = digits.count();
    fraction.get(count..).filter(|_| count > 0)
}

/// The offset from UTC in minutes.
fn offset_minutes(offset: &[u8]) -> Option<i32> {
    let (sign, hours, minutes) = match *offset {
        [b'Z' | b'z'] => return Some(0),
        [b'+', h1, h2, b':', m1, m2] => (1, two_digits(h1, h2)?, two_digits(m1, m2)?),
        [b'-', h1, h2, b':', m1, m2] => (-1, two_digits(h1, h2)?, two_digits(m1, m2)?),
        _ => return None,
    };
    (hours <= 23 && minutes <= 59).then(|| sign * (i32::from(hours) * 60 + i32::from(minutes)))
}

fn two_digits(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(timestamp_us: i64) -> String {
        let mut out = Vec::new();
        push_timestamp(&mut out, timestamp_us);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn microseconds_are_always_written() {
        assert_eq!(printed(0), "1970-01-01T00:00:00.000000+00:00");
        assert_eq!(printed(-1), "1969-12-31T23:59:59.999999+00:00");
        assert_eq!(
            printed(1_795_342_293_694_788),
            "2026-11-22T10:11:33.694788+00:00"
        );
        assert_eq!(
            printed(1_709_164_800_000_001),
            "2024-02-29T00:00:00.000001+00:00"
        );
    }

    #[test]
    fn an_instant_that_has_no_four_digit_year_is_moved_to_the_nearer_end() {
        assert_eq!(printed(i64::MIN), "0001-01-01T00:00:00.000000+00:00");
        assert!(printed(i64::MAX).starts_with("9999-12-30T"));
        assert!(is_date_time(&printed(i64::MIN)) && is_date_time(&printed(i64::MAX)));
    }

    #[test]
    fn a_leap_second_is_the_last_of_a_utc_day() {
        for right in [
            "2016-12-31T23:59:60Z",
            "2017-01-01T00:59:60+01:00",
            "2016-12-31T15:59:60.5-08:00",
            "2016-12-31t23:59:60z",
        ] {
            assert!(is_date_time(right), "{right}");
        }
        for wrong in [
            "2016-12-31T23:58:60Z",
            "2017-01-01T00:59:60Z",
            "2016-12-31T23:59:61Z",
            "2016-12-31T23:59:60-01:00",
        ] {
            assert!(!is_date_time(wrong), "{wrong}");
        }
    }

    #[test]
    fn only_days_that_exist_are_dates() {
        for (date, exists) in [
            ("2024-02-29", true),
            ("2023-02-29", false),
            ("2000-02-29", true),
            ("1900-02-29", false),
            ("0000-02-29", true),
            ("2026-04-31", false),
            ("2026-12-31", true),
            ("2026-13-01", false),
            ("2026-00-01", false),
            ("2026-01-00", false),
            ("+026-01-01", false),
        ] {
            assert_eq!(is_date_time(&format!("{date}T00:00:00Z")), exists, "{date}");
        }
    }

    #[test]
    fn a_time_needs_its_offset_and_digits_after_its_point() {
        for wrong in [
            "",
            "2026-01-01",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00,5Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00+01:60",
            "2026-01-01T00:00:00ZZ",
            "2026-01-01T00:00:00Z ",
        ] {
            assert!(!is_date_time(wrong), "{wrong}");
        }
        assert!(is_date_time("2026-01-01T00:00:00.123456789012Z"));
        assert!(is_date_time("2026-01-01T00:00:00-23:59"));
    }
}
