//! The few styles there are. Sixteen colours at most, so that the user's own
//! theme decides; a style is never all that tells two things apart.

use anstyle::{AnsiColor, Style};

/// Times, labels, what is there to be overlooked.
pub(super) const DIM: Style = Style::new().dimmed();
/// The headline.
pub(super) const BOLD: Style = Style::new().bold();
/// Done.
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
/// Waiting.
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
/// Refused, damaged.
pub(super) const RED: Style = AnsiColor::Red.on_default();
/// Identifiers.
pub(super) const CYAN: Style = AnsiColor::Cyan.on_default();

/// `text` in a style. Output drops it where colour is off.
#[must_use]
pub(super) fn paint(style: Style, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("{style}{text}{style:#}")
}
