//! Labelled facts and paragraphs, laid out within the columns that there are.

use crate::cli::columns::{left, terminal_columns, wrapped};
use crate::cli::output::Output;
use crate::cli::style::{BOLD, paint};

/// A line before it is laid out.
#[derive(Clone, Debug)]
pub(super) enum Line {
    Empty,
    Text(anstyle::Style, String),
    Fact(&'static str, String),
}

impl Line {
    pub(super) fn fact(label: &'static str, text: impl Into<String>) -> Self {
        Self::Fact(label, text.into())
    }

    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(anstyle::Style::new(), text.into())
    }

    /// In lines of at most `columns` columns, `labels` of them for labels.
    pub(super) fn laid_out(&self, labels: usize, columns: usize) -> Vec<String> {
        match self {
            Self::Empty => vec![String::new()],
            Self::Text(style, text) => {
                let lines = wrapped(text, columns).into_iter();
                lines.map(|line| paint(*style, &line)).collect()
            }
            Self::Fact(label, text) => {
                let room = columns.saturating_sub(labels + 1);
                let mut label = paint(BOLD, &left(label, labels));
                let mut lines = Vec::new();
                for line in wrapped(text, room) {
                    lines.push(format!("{label} {line}"));
                    label = " ".repeat(labels);
                }
                lines
            }
        }
    }
}

/// The margin on the left, and the columns behind it: a terminal's own, and no
/// end of them elsewhere.
pub(super) fn page_of(out: &Output) -> (&'static str, usize) {
    if out.stdout_is_terminal() {
        ("  ", terminal_columns().saturating_sub(2))
    } else {
        ("", usize::MAX)
    }
}
