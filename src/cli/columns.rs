//! Columns, numbers and small pictures of numbers, for people.
//!
//! Everything here counts terminal columns, not characters: a wide glyph takes
//! two. Texts come in escaped already (see [`crate::cli::output::visible_line`]).

use terminal_size::{Width, terminal_size};

use crate::cli::output::{clip, columns_of, width};

/// The columns of a terminal that does not say how wide it is.
const USUAL_COLUMNS: usize = 80;
/// Below this nothing can be laid out.
const LEAST_COLUMNS: usize = 20;
/// No line needs more.
const MOST_COLUMNS: usize = 400;

/// How many columns a line may take: `COLUMNS` when it is a number, else what
/// the terminal says, else 80.
#[must_use]
pub fn terminal_columns() -> usize {
    let told = std::env::var("COLUMNS").ok();
    let told = told.and_then(|text| text.trim().parse().ok());
    let seen = || terminal_size().map(|(Width(columns), _)| usize::from(columns));
    told.or_else(seen)
        .unwrap_or(USUAL_COLUMNS)
        .clamp(LEAST_COLUMNS, MOST_COLUMNS)
}

/// `text` in exactly `columns` columns: cut or filled up behind.
#[must_use]
pub fn left(text: &str, columns: usize) -> String {
    let mut text = clip(text, columns);
    let missing = columns.saturating_sub(width(&text));
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

/// `text` in at least `columns` columns: filled up in front, never cut.
#[must_use]
pub fn right(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    " ".repeat(missing) + text
}

/// `text` in lines of at most `columns` columns, broken between words, and
/// within a word only when it is longer than a line.
#[must_use]
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0_usize);
    for word in text.split(' ') {
        if used > 0 && used.saturating_add(1 + width(word)) > columns {
            lines.push(std::mem::take(&mut line));
            used = 0;
        } else if used > 0 {
            line.push(' ');
            used += 1;
        }
        for letter in word.chars() {
            let wide = columns_of(letter);
            if used > 0 && used.saturating_add(wide) > columns {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(letter);
            used += wide;
        }
    }
    lines.push(line);
    lines
}

/// `parts` beside one another in lines of at most `columns` columns, none of them
/// broken unless it is longer than a line.
#[must_use]
pub fn beside(parts: &[String], columns: usize) -> Vec<String> {
    const GAP: &str = "   ";
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if width(line) + GAP.len() + width(part) <= columns => {
                line.push_str(GAP);
                line.push_str(part);
            }
            _ => lines.extend(wrapped(part, columns)),
        }
    }
    lines
}

/// `1,204`: digits in groups of three.
///
/// ```
/// use spec_kitty::cli::columns::grouped;
/// assert_eq!(grouped(1204), "1,204");
/// ```
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 event`, `2 events`.
#[must_use]
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { many }
    )
}

/// `212 KiB`, `1.4 MiB`, `61 B`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut whole, mut rest, mut unit) = (bytes, 0, "B");
    for next in UNITS {
        if whole < 1024 {
            break;
        }
        (rest, whole, unit) = (whole % 1024, whole / 1024, next);
    }
    if whole < 10 {
        format!("{whole}.{} {unit}", rest * 10 / 1024)
    } else {
        format!("{whole} {unit}")
    }
}

/// `43 ms`, `1.3 s`, `3 min`, `2 h`, `4 days`: how long something takes at most.
///
/// ```
/// use spec_kitty::cli::columns::lasting;
/// assert_eq!([lasting(43), lasting(1_201), lasting(100_000)], ["43 ms", "1.3 s", "2 min"]);
/// ```
#[must_use]
pub fn lasting(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..=9_900 => {
            let tenths = ms.div_ceil(100);
            match tenths % 10 {
                0 => format!("{} s", tenths / 10),
                rest => format!("{}.{rest} s", tenths / 10),
            }
        }
        9_901..100_000 => format!("{} s", ms.div_ceil(1_000)),
        100_000..6_000_000 => format!("{} min", ms.div_ceil(60_000)),
        6_000_000..172_800_000 => format!("{} h", ms.div_ceil(3_600_000)),
        _ => counted(ms.div_ceil(86_400_000), "day", "days"),
    }
}

/// One bar a value, the highest as high as a line; a space where there is none.
///
/// ```
/// use spec_kitty::cli::columns::sparkline;
/// assert_eq!(sparkline(&[0, 1, 4, 8]), " ▁▄█");
/// ```
#[must_use]
pub fn sparkline(values: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let highest = values.iter().copied().max().unwrap_or(0).max(1);
    let bar = |value: u64| {
        let eighths = u128::from(value) * 8;
        let step = eighths.div_ceil(u128::from(highest));
        let index = usize::try_from(step).unwrap_or(8).checked_sub(1)?;
        BARS.get(index).copied()
    };
    values
        .iter()
        .map(|value| bar(*value).unwrap_or(' '))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn numbers_are_grouped_from_the_right() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (12_345, "12,345"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (217_088, "212 KiB"),
            (u64::MAX, "16383 PiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn lines_break_between_words_where_they_can() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one two three", 100), ["one two three"]);
        assert_eq!(wrapped("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrapped("", 3), [""]);
    }

    proptest! {
        #[test]
        fn no_word_is_lost_and_no_line_is_too_wide(text in "[a-z日 ]{0,40}", columns in 2_usize..20) {
            let lines = wrapped(&text, columns);
            prop_assert!(lines.iter().all(|line| width(line) <= columns));
            let without = |text: &str| text.replace(' ', "");
            prop_assert_eq!(without(&lines.concat()), without(&text));
        }

        /// A terminal that joins signs, or shows one as a picture, takes no more
        /// columns than were counted.
        #[test]
        fn nothing_is_wider_than_it_was_counted(
            text in any::<String>(),
            signs in "[❤☁✔1#🏳👩💻🎉\u{fe0f}\u{200d}\u{20e3}\u{1f3fb}\u{301}\u{1f1e6}日é]{0,20}",
        ) {
            for text in [text, signs] {
                let shown = crate::cli::output::visible_line(&text);
                prop_assert!(width(&shown) >= UnicodeWidthStr::width(shown.as_str()));
            }
        }

        #[test]
        fn a_column_is_as_wide_as_it_was_asked_for(text in "\\PC{0,20}", columns in 0_usize..30) {
            let padded = left(&crate::cli::output::visible_line(&text), columns);
            prop_assert_eq!(width(&padded), columns);
        }
    }

    #[test]
    fn what_stands_beside_one_another_is_not_torn() {
        let parts = ["p50 3 s", "p90 4 min", "p99 2 h"].map(str::to_owned);
        assert_eq!(beside(&parts, 80), ["p50 3 s   p90 4 min   p99 2 h"]);
        assert_eq!(beside(&parts, 20), ["p50 3 s   p90 4 min", "p99 2 h"]);
        assert_eq!(beside(&[], 20), [""; 0]);
    }
}
