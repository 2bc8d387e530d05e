//! A work package file as bytes with meaning: byte order mark, front matter, body.
//!
//! Splitting is exact: the four parts joined give the file back, byte for byte.
//! Nothing here knows YAML or Markdown.

use thiserror::Error;

/// The largest work package file that is read: 4 MiB. The largest real one seen has 64 KiB.
pub const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// The largest front matter that is read: 32 KiB.
pub const MAX_FRONT_BYTES: usize = 32 * 1024;

/// A file cut at its front matter. Joined in order, the parts are the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split<'a> {
    /// The byte order mark, if any, and the opening `---` line.
    pub open: &'a str,
    /// The YAML between the `---` lines.
    pub front: &'a str,
    /// The closing `---` line.
    pub close: &'a str,
    /// Everything after it.
    pub body: &'a str,
}

/// Why a text has no usable front matter.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SplitError {
    /// The first line is not `---`.
    #[error("it has no front matter: the first line is not '---'")]
    Absent,
    /// No second `---` line.
    #[error("its front matter is not closed: there is no second '---' line")]
    Unterminated,
    /// More than [`MAX_FRONT_BYTES`].
    #[error("its front matter is larger than {} KiB", MAX_FRONT_BYTES / 1024)]
    TooLarge,
}

impl<'a> Split<'a> {
    /// Cuts `text` at its front matter.
    ///
    /// # Errors
    /// When the first line is not `---`, no later line is, or the part between is too large.
    ///
    /// ```
    /// use spec_kitty::workflow::text::Split;
    /// let split = Split::of("---\nlane: doing\n---\n# Body\n").unwrap();
    /// assert_eq!((split.front, split.body), ("lane: doing\n", "# Body\n"));
    /// ```
    pub fn of(text: &'a str) -> Result<Self, SplitError> {
        let mark = if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        let mut lines = lines(text, mark);
        let first = lines.next().ok_or(SplitError::Absent)?;
        if !is_rule(first.text) || first.end == first.start + first.text.len() {
            return Err(SplitError::Absent);
        }
        let rule = lines
            .find(|line| is_rule(line.text))
            .ok_or(SplitError::Unterminated)?;
        if rule.start - first.end > MAX_FRONT_BYTES {
            return Err(SplitError::TooLarge);
        }
        let (open, rest) = cut(text, first.end);
        let (front, rest) = cut(rest, rule.start - first.end);
        let (close, body) = cut(rest, rule.end - rule.start);
        Ok(Self {
            open,
            front,
            close,
            body,
        })
    }

    /// The same file with another front matter and body.
    #[must_use]
    pub fn join(&self, front: &str, body: &str) -> String {
        [self.open, front, self.close, body].concat()
    }

    /// The line ending of the file, judged by its first line.
    #[must_use]
    pub fn line_ending(&self) -> &'static str {
        line_ending_of(self.open)
    }
}

/// `\r\n` when `line` ends with it, else `\n`.
#[must_use]
pub(super) fn line_ending_of(line: &str) -> &'static str {
    if line.ends_with("\r\n") { "\r\n" } else { "\n" }
}

fn is_rule(line: &str) -> bool {
    line.trim_end() == "---"
}

/// Splits at a position that was found by walking lines, hence a character boundary.
fn cut(text: &str, at: usize) -> (&str, &str) {
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// One line of a text, with where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Offset of its first byte.
    pub(super) start: usize,
    /// The line without its ending.
    pub(super) text: &'a str,
    /// Offset behind its ending.
    pub(super) end: usize,
}

/// The lines of `text` from byte `from` on. Both `\n` and `\r\n` end a line.
pub(super) fn lines(text: &str, from: usize) -> impl Iterator<Item = Line<'_>> + Clone {
    let rest = text.get(from..).unwrap_or_default();
    rest.split_inclusive('\n').scan(from, |offset, raw| {
        let start = *offset;
        *offset += raw.len();
        let text = raw.strip_suffix('\n').unwrap_or(raw);
        let text = text.strip_suffix('\r').unwrap_or(text);
        Some(Line {
            start,
            text,
            end: *offset,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rule_in_the_body_is_not_the_end_of_the_front_matter() {
        let split = Split::of("---\na: 1\n---\ntext\n---\nlane: x\n---\n").unwrap();
        assert_eq!(split.front, "a: 1\n");
        assert_eq!(split.body, "text\n---\nlane: x\n---\n");
    }

    #[test]
    fn what_is_not_front_matter_is_named() {
        assert_eq!(Split::of(""), Err(SplitError::Absent));
        assert_eq!(Split::of("---"), Err(SplitError::Absent));
        assert_eq!(Split::of("# Title\n---\n"), Err(SplitError::Absent));
        assert_eq!(Split::of("---\nlane: x\n"), Err(SplitError::Unterminated));
        let large = format!("---\n{}---\n", "a: 1\n".repeat(MAX_FRONT_BYTES));
        assert_eq!(Split::of(&large), Err(SplitError::TooLarge));
    }

    #[test]
    fn the_line_ending_is_that_of_the_first_line() {
        let split = Split::of("\u{feff}---\r\nlane: x\r\n--- \r\nbody").unwrap();
        assert_eq!(split.line_ending(), "\r\n");
        assert_eq!(split.body, "body");
    }

    proptest! {
        #[test]
        fn the_parts_joined_are_the_file(text in "(\u{feff})?(---\r?\n)?([a-z:# \r\n-]|é){0,60}(---\r?\n)?[a-z\n-]{0,20}") {
            if let Ok(split) = Split::of(&text) {
                prop_assert_eq!(split.join(split.front, split.body), text);
            }
        }
    }
}
