//! The names of the files in the directory of a log.

use crate::log::header::MOST_COUNTED;
use crate::position::Ordinal;

/// Digits of an ordinal in a file name; more are used when it needs more.
const ORDINAL_DIGITS: usize = 10;
/// As many as the highest number has.
const MOST_DIGITS: usize = 20;
const SUFFIX: &str = ".seg";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// The name of the file of the segment with this ordinal.
pub(super) fn file_name(ordinal: Ordinal) -> String {
    let (mut digits, mut rest) = ([b'0'; MOST_DIGITS], ordinal.0);
    let mut first = MOST_DIGITS;
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        if rest == 0 && at < MOST_DIGITS - ORDINAL_DIGITS {
            break;
        }
        *digit += u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        first = at;
    }
    let digits = digits.get(first..).unwrap_or_default();
    let name = [digits, SUFFIX.as_bytes()].concat();
    String::from_utf8(name).unwrap_or_default()
}

/// The name of a segment while it is being made.
pub(super) fn leftover_name(ordinal: Ordinal, salt: [u8; 4]) -> String {
    let [a, b, c, d] = salt;
    format!(
        ".{:0ORDINAL_DIGITS$}.{a:02x}{b:02x}{c:02x}{d:02x}{TEMPORARY_SUFFIX}",
        ordinal.0
    )
}

/// Whether a file is what an interrupted creation left.
pub(super) fn is_leftover(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(TEMPORARY_SUFFIX)
}

/// The ordinal in a file name, when that is exactly how we write it.
pub(super) fn ordinal_of(name: &str) -> Option<Ordinal> {
    let digits = name.strip_suffix(SUFFIX)?;
    let number: u64 = digits.parse().ok()?;
    let is_padded = digits.len() == ORDINAL_DIGITS;
    let is_long = digits.len() > ORDINAL_DIGITS && !digits.starts_with('0');
    let canonical = digits.bytes().all(|b| b.is_ascii_digit()) && (is_padded || is_long);
    (canonical && (1..=MOST_COUNTED).contains(&number)).then_some(Ordinal(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_ten_digits_or_more() {
        let numbers = [0, 7, 1_234_567_890, 9_999_999_999, 10_000_000_000, u64::MAX];
        for number in numbers {
            assert_eq!(file_name(Ordinal(number)), format!("{number:010}.seg"));
        }
    }

    #[test]
    fn only_names_that_we_write_are_segments() {
        assert_eq!(ordinal_of("0000000001.seg"), Some(Ordinal(1)));
        assert_eq!(ordinal_of("12345678901.seg"), Some(Ordinal(12_345_678_901)));
        for other in [
            "0000000000.seg",
            "1.seg",
            "00000000001.seg",
            "0000000001.seg.bak",
            "LOCK",
            ".0000000002.0a0b0c0d.tmp",
            "+000000001.seg",
            "00000000x1.seg",
            "18446744073709551615.seg",
            "",
        ] {
            assert_eq!(ordinal_of(other), None, "{other}");
        }
    }
}
