//! How what is said beside the output is laid out for a person: within the columns
//! of the terminal, and an error within five lines.
//!
//! Lines are broken between words. A command is never broken: it is there to be
//! copied, and a terminal that folds it copies it whole. Pure; who looks, and how
//! wide the terminal is, others know.

use crate::cli::columns::wrapped;
use crate::cli::failure::Failure;
use crate::cli::output::{Verbosity, visible, width};

/// The most lines of an error where a line has [`USUAL_COLUMNS`].
const MOST_LINES: usize = 5;
const USUAL_COLUMNS: usize = 80;
/// What goes on stands so far to the right of what it goes on from.
const HANGING: usize = 2;
/// No paragraph is narrower than this for the sake of its margin.
const LEAST_ROOM: usize = 16;

/// A failure as a person reads it: the message, cut in its middle where it would
/// be longer than five lines (`-v` shows all of it), and the next step, whole.
pub(super) fn failure(failure: &Failure, columns: usize, verbosity: Verbosity) -> Vec<String> {
    let mut message = Vec::new();
    for (index, line) in failure.message.lines().enumerate() {
        let line = visible(line);
        let line = match index {
            0 => format!("error[{}]: {line}", failure.code),
            // What goes on stands under what it goes on from.
            _ if line.starts_with(' ') => line,
            _ => format!("  {line}"),
        };
        message.extend(laid_out(&line, columns));
    }
    if message.is_empty() {
        message.push(format!("error[{}]", failure.code));
    }
    let hint = failure.hint.as_deref();
    let hint = hint.map(|hint| laid_out(&format!("  next: {}", visible(hint)), columns));
    let hint = hint.unwrap_or_default();
    if verbosity < Verbosity::Verbose {
        let room = most_lines(columns).saturating_sub(hint.len());
        shorten(&mut message, room.max(3));
    }
    message.extend(hint);
    message
}

/// Five lines of 80 columns have room for as much as ten of 40.
const fn most_lines(columns: usize) -> usize {
    if columns >= USUAL_COLUMNS {
        return MOST_LINES;
    }
    (MOST_LINES * USUAL_COLUMNS).div_ceil(if columns == 0 { 1 } else { columns })
}

/// Keeps the beginning, which says what happened, and the end, which says why.
fn shorten(lines: &mut Vec<String>, most: usize) {
    let Some(last) = lines.last().cloned().filter(|_| lines.len() > most) else {
        return;
    };
    let kept = most.saturating_sub(2);
    let cut = lines.len().saturating_sub(kept + 1);
    lines.truncate(kept);
    lines.push(format!("  … {cut} more lines: run it with -v"));
    lines.push(last);
}

/// A line in lines of at most `columns` columns, but for commands.
pub(super) fn laid_out(line: &str, columns: usize) -> Vec<String> {
    if width(line) <= columns {
        return vec![line.to_owned()];
    }
    let text = line.trim_start_matches(' ');
    let margin = width(line).saturating_sub(width(text));
    let hanging = (margin + HANGING).min(columns.saturating_sub(LEAST_ROOM));
    let margin = margin.min(hanging);
    let mut page = Page {
        lines: Vec::new(),
        line: " ".repeat(margin),
        begun: false,
        hanging,
        columns,
    };
    for part in parts(text) {
        page.add(part);
    }
    page.end_line();
    page.lines
}

/// Lines that are filled.
struct Page {
    lines: Vec<String>,
    line: String,
    /// Whether a word stands in the line.
    begun: bool,
    hanging: usize,
    columns: usize,
}

impl Page {
    fn end_line(&mut self) {
        let next = " ".repeat(self.hanging);
        let line = std::mem::replace(&mut self.line, next);
        self.lines.push(line.trim_end().to_owned());
        self.begun = false;
    }

    fn add(&mut self, part: Part<'_>) {
        let text = part.text();
        let gap = usize::from(self.begun);
        // A command that has no room on a line of its own stays beside its label.
        let is_label = self.line.ends_with(':') && !self.line.trim_start().contains(' ');
        let is_longest = width(text) > self.columns.saturating_sub(self.hanging);
        let stays = matches!(part, Part::Command(_)) && is_label && is_longest;
        if self.begun && !stays && width(&self.line) + gap + width(text) > self.columns {
            self.end_line();
        }
        if self.begun {
            self.line.push(' ');
        }
        self.begun = true;
        let room = self.columns.saturating_sub(width(&self.line));
        if matches!(part, Part::Command(_)) || width(text) <= room {
            self.line.push_str(text);
            return;
        }
        let room = self.columns.saturating_sub(self.hanging);
        for (index, piece) in wrapped(text, room.max(1)).into_iter().enumerate() {
            if index > 0 {
                self.end_line();
            }
            self.begun = true;
            self.line.push_str(&piece);
        }
    }
}

/// What is not broken where it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    Word(&'a str),
    Command(&'a str),
}

impl<'a> Part<'a> {
    const fn text(self) -> &'a str {
        match self {
            Self::Word(text) | Self::Command(text) => text,
        }
    }
}

/// The words of a text; a command with its arguments is one.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let plain = without_style(rest);
        let is_command = ["spec-kitty ", "git ", "mv ", "cd ", "chmod "]
            .iter()
            .any(|name| plain.starts_with(name));
        let end = if is_command {
            command_end(rest)
        } else {
            rest.find(' ').unwrap_or(rest.len())
        };
        let (part, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        parts.push(if is_command {
            Part::Command(part)
        } else {
            Part::Word(part)
        });
        rest = behind.strip_prefix(' ').unwrap_or(behind);
    }
    parts
}

/// The text behind the styles that it begins with.
fn without_style(text: &str) -> &str {
    let mut text = text;
    while let Some(style) = text.strip_prefix("\u{1b}[") {
        let Some((_, behind)) = style.split_once('m') else {
            break;
        };
        text = behind;
    }
    text
}

/// Where a command that begins the text ends: where the sentence goes on.
fn command_end(text: &str) -> usize {
    let ends = ["; ", ", ", ") ", ": ", " or ", " and ", " makes "];
    let found = ends.iter().filter_map(|end| {
        let at = text.find(end)?;
        // The mark belongs to the command's word, the space behind it does not.
        Some(at + end.trim_end().len() * usize::from(!end.starts_with(' ')))
    });
    found.min().unwrap_or(text.len())
}

#[cfg(test)]
#[path = "telling_tests.rs"]
mod tests;
