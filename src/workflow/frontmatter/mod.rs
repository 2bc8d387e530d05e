//! Front matter: read as data, edited as lines.
//!
//! An edit sets top-level keys to one-line texts and touches nothing but the
//! value itself: comments, quoting style, key order, unknown keys and line
//! endings stay. Afterwards the result is read again by a YAML parser and
//! compared with what was intended; on any difference the edit is refused.
//!
//! It does not delete keys, and it does not edit mappings; lists are set as a whole.

use std::ops::Range;

use thiserror::Error;

mod data;
mod list;
mod scalar;
#[cfg(test)]
mod tests;

pub use data::{Data, DataError, Datum};
pub use list::set_list;
use scalar::Style;

use super::text::{Line, line_ending_of, lines};

/// A missing key is written just before this one, else at the end.
const INSERT_BEFORE: &str = "history";

/// Why a front matter could not be edited. Nothing was changed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EditError {
    /// It cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The present value is a list, a mapping, a block, an alias or spans lines.
    #[error("the value of '{key}' (line {line} of the file) is not a simple text on one line")]
    NotSimple {
        /// The key.
        key: String,
        /// The line in the file, counted from 1.
        line: usize,
    },
    /// The parser does not see what the edit was meant to do.
    #[error("'{key}' cannot be set safely: the front matter would not read as intended")]
    Unsafe {
        /// The key.
        key: String,
    },
}

/// `front` with the top-level `key` set to the text `value`. `ending` is the line
/// ending of the file, for a front matter that has no line of its own yet.
///
/// # Errors
/// When the front matter cannot be read, the present value is not a one-line
/// text, or the result does not read as intended.
///
/// ```
/// use spec_kitty::workflow::frontmatter::set;
/// let front = "lane: planned  # do not edit\nhistory: []\n";
/// let front = set(front, "lane", "doing", "\n").unwrap();
/// let front = set(&front, "agent", "claude", "\n").unwrap();
/// assert_eq!(front, "lane: doing  # do not edit\nagent: \"claude\"\nhistory: []\n");
/// ```
pub fn set(front: &str, key: &str, value: &str, ending: &str) -> Result<String, EditError> {
    let before = Data::parse(front)?;
    let edited = splice(front, key, value, ending)?;
    let intended = intended(before, key, value);
    match Data::parse(&edited) {
        Ok(after) if after == intended => Ok(edited),
        _ => Err(EditError::Unsafe { key: key.into() }),
    }
}

/// The data that the edit is meant to have.
fn intended(mut data: Data, key: &str, value: &str) -> Data {
    let text = Datum::Text(value.to_owned());
    let position = |name: &str| data.pairs.iter().position(|(other, _)| other == name);
    match (position(key), position(INSERT_BEFORE)) {
        (Some(at), _) => {
            if let Some(pair) = data.pairs.get_mut(at) {
                pair.1 = text;
            }
        }
        (None, Some(at)) => data.pairs.insert(at, (key.to_owned(), text)),
        (None, None) => data.pairs.push((key.to_owned(), text)),
    }
    data
}

fn splice(front: &str, key: &str, value: &str, ending: &str) -> Result<String, EditError> {
    let Some((line, after_colon)) = key_line(front, key) else {
        return Ok(insert(front, key, value, ending));
    };
    let not_simple = || EditError::NotSimple {
        key: key.to_owned(),
        // The front matter starts on the second line of the file.
        line: front.get(..line.start).unwrap_or_default().lines().count() + 2,
    };
    if continues_below(front, line.end) {
        return Err(not_simple());
    }
    let old = scalar::find(line.text, after_colon).ok_or_else(not_simple)?;
    let mut new = scalar::render(value, old.style);
    if old.style == Style::Empty {
        new.insert(0, ' ');
    }
    let range = line.start + old.range.start..line.start + old.range.end;
    Ok(replaced(front, range, &new))
}

fn insert(front: &str, key: &str, value: &str, ending: &str) -> String {
    let (at, near) = match key_line(front, INSERT_BEFORE) {
        Some((line, _)) => (line.start, front.get(line.start..line.end)),
        None => (
            front.len(),
            lines(front, 0)
                .next()
                .and_then(|line| front.get(..line.end)),
        ),
    };
    let ending = near.map_or(ending, |line| line_ending_of(line));
    let line = format!("{key}: {}{ending}", scalar::render(value, Style::Empty));
    replaced(front, at..at, &line)
}

/// The first line that starts with the top-level `key`, bare or quoted, and the
/// offset in that line just behind its colon.
fn key_line<'a>(front: &'a str, key: &str) -> Option<(Line<'a>, usize)> {
    lines(front, 0).find_map(|line| {
        let rest = [key.to_owned(), format!("\"{key}\""), format!("'{key}'")]
            .iter()
            .find_map(|name| line.text.strip_prefix(name.as_str()))?;
        let rest = rest.trim_start_matches([' ', '\t']).strip_prefix(':')?;
        let is_key = rest.is_empty() || rest.starts_with([' ', '\t']);
        is_key.then_some((line, line.text.len() - rest.len()))
    })
}

/// Whether the lines from `from` on still belong to the value above them.
fn continues_below(front: &str, from: usize) -> bool {
    let next = lines(front, from).find(|line| {
        let text = line.text.trim();
        !text.is_empty() && !text.starts_with('#')
    });
    next.is_some_and(|line| {
        line.text.starts_with([' ', '\t']) || line.text == "-" || line.text.starts_with("- ")
    })
}

fn replaced(text: &str, range: Range<usize>, new: &str) -> String {
    let mut result = text.to_owned();
    result.replace_range(range, new);
    result
}
