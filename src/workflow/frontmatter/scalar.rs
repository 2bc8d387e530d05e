//! One-line YAML scalars: where they stand in a line, and how to write them.
//!
//! Only what fits on one line is understood. Anything else (lists, blocks,
//! anchors, tags, texts over several lines) is `None`, and the edit is refused
//! rather than guessed.

use std::ops::Range;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Nothing between the colon and the comment or the end of the line.
    Empty,
    /// Without quotes.
    Plain,
    /// In single quotes.
    Single,
    /// In double quotes.
    Double,
}

/// A value inside its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) style: Style,
    /// Byte range in the line; for [`Style::Empty`] the empty range behind the colon.
    pub(super) range: Range<usize>,
}

/// Finds the value in `line` behind the colon that ends at byte `after_colon`.
pub(super) fn find(line: &str, after_colon: usize) -> Option<Value> {
    let rest = line.get(after_colon..)?;
    let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let start = after_colon + blank;
    let text = line.get(start..)?;
    if text.is_empty() || (text.starts_with('#') && blank > 0) {
        return Some(Value {
            style: Style::Empty,
            range: after_colon..after_colon,
        });
    }
    if blank == 0 {
        return None;
    }
    let (style, length) = match text.bytes().next()? {
        b'"' => (Style::Double, double_quoted(text)?),
        b'\'' => (Style::Single, single_quoted(text)?),
        _ => (Style::Plain, plain(text)?),
    };
    let tail = text.get(length..)?;
    let trimmed = tail.trim_start_matches([' ', '\t']);
    let clean = trimmed.is_empty() || (trimmed.starts_with('#') && trimmed.len() < tail.len());
    clean.then(|| Value {
        style,
        range: start..start + length,
    })
}

fn double_quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().enumerate().skip(1).find_map(|(at, byte)| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends.then_some(at + 1)
    })
}

fn single_quoted(text: &str) -> Option<usize> {
    let mut from = 1;
    loop {
        let at = from + text.get(from..)?.find('\'')?;
        if text.as_bytes().get(at + 1) != Some(&b'\'') {
            return Some(at + 1);
        }
        from = at + 2;
    }
}

fn plain(text: &str) -> Option<usize> {
    let mut bytes = text.bytes();
    let first = bytes.next()?;
    let second = bytes.next();
    let indicator = b"[]{}&*!|>%@`,".contains(&first)
        || (b"-?:".contains(&first) && second.is_none_or(|byte| byte == b' '));
    if indicator || text.contains(": ") || text.ends_with(':') {
        return None;
    }
    let end = [" #", "\t#"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .unwrap_or(text.len());
    Some(text.get(..end)?.trim_end().len())
}

/// Writes `text` as a one-line scalar, in `style` where that can hold it, else
/// in double quotes.
pub(super) fn render(text: &str, style: Style) -> String {
    match style {
        Style::Plain if is_plain_safe(text) => text.to_owned(),
        Style::Single if !text.chars().any(needs_escape) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        _ => double(text),
    }
}

/// Whether every YAML reader takes the bare `text` as exactly this text.
fn is_plain_safe(text: &str) -> bool {
    const RESERVED: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let simple = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-./ ".contains(c));
    let reserved = RESERVED.iter().any(|word| text.eq_ignore_ascii_case(word));
    starts && simple && !text.ends_with(' ') && !reserved
}

fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn double(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 2);
    shown.push('"');
    for c in text.chars() {
        match c {
            '"' => shown.push_str("\\\""),
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            c if needs_escape(c) => shown.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown.push('"');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::frontmatter::data::Data;
    use proptest::prelude::*;

    fn found(line: &str) -> Option<(Style, &str)> {
        let value = find(line, line.find(':').unwrap() + 1)?;
        Some((value.style, &line[value.range]))
    }

    #[test]
    fn a_value_ends_where_its_style_says() {
        assert_eq!(found("a: doing  # note"), Some((Style::Plain, "doing")));
        assert_eq!(found("a: C# code#1"), Some((Style::Plain, "C# code#1")));
        assert_eq!(found("a: 'it''s' # x"), Some((Style::Single, "'it''s'")));
        assert_eq!(
            found("a: \"q\\\" # no\""),
            Some((Style::Double, "\"q\\\" # no\""))
        );
        assert_eq!(found("a:"), Some((Style::Empty, "")));
        assert_eq!(found("a:    # only a comment"), Some((Style::Empty, "")));
    }

    #[test]
    fn what_is_not_a_one_line_scalar_is_not_guessed() {
        for line in [
            "a: [x]",
            "a: {b: c}",
            "a: |",
            "a: >-",
            "a: &x y",
            "a: *x",
            "a: !!str y",
            "a: - b",
            "a: \"open",
            "a: 'open",
            "a: \"x\" y",
            "a:b",
            "a: b: c",
            "a:#x",
            "a: 'x'#y",
        ] {
            assert_eq!(found(line), None, "{line}");
        }
    }

    #[test]
    fn the_style_is_kept_where_it_can_hold_the_text() {
        assert_eq!(render("for_review", Style::Plain), "for_review");
        assert_eq!(render("for_review", Style::Single), "'for_review'");
        assert_eq!(render("for_review", Style::Empty), "\"for_review\"");
        assert_eq!(render("4711", Style::Plain), "\"4711\"");
        assert_eq!(render("No", Style::Plain), "\"No\"");
        assert_eq!(render("it's", Style::Single), "'it''s'");
        assert_eq!(render("a\nb", Style::Single), "\"a\\nb\"");
        assert_eq!(render("a\\\"", Style::Double), "\"a\\\\\\\"\"");
    }

    proptest! {
        #[test]
        fn what_is_written_is_found_and_read_back(
            text in any::<String>(),
            style in prop::sample::select(vec![Style::Empty, Style::Plain, Style::Single, Style::Double]),
        ) {
            let line = format!("key: {} # note", render(&text, style));
            let value = find(&line, 4).unwrap();
            prop_assert_eq!(&line[value.range.end..], " # note");
            let data = Data::parse(&format!("{line}\n")).unwrap();
            prop_assert_eq!(data.get("key"), Some(&crate::workflow::frontmatter::data::Datum::Text(text)));
        }
    }
}
