//! The names of the files in the directory of a log.

use crate::log::header::MOST_COUNTED;
use crate::position::Ordinal;

/// As many digits has an ordinal in a file name; more are used when it needs more.
const ZEROS: &str = "0000000000";
const ORDINAL_DIGITS: usize = ZEROS.len();
const SUFFIX: &str = ".seg";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// The name of the file of the segment with this ordinal.
pub(super) fn file_name(ordinal: Ordinal) -> String {
    let digits = ordinal.0.to_string();
    let zeros = ZEROS.get(digits.len()..).unwrap_or_default();
    let mut name = String::with_capacity(zeros.len() + digits.len() + SUFFIX.len());
    name.push_str(zeros);
    name.push_str(&digits);
    name.push_str(SUFFIX);
    name
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
        for (number, name) in [
            (0, "0000000000.seg"),
            (7, "0000000007.seg"),
            (1_234_567_890, "1234567890.seg"),
            (9_999_999_999, "9999999999.seg"),
            (10_000_000_000, "10000000000.seg"),
            (u64::MAX, "18446744073709551615.seg"),
        ] {
            assert_eq!(file_name(Ordinal(number)), name);
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
