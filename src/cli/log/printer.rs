//! The forms in which events are printed.

use clap::ValueEnum;

use crate::cli::charset;
use crate::cli::columns::terminal_columns;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, visible_json, visible_line};
use crate::cli::time::Zone;
use crate::log::segment::LogDir;

use super::delivery::Delivery;
use super::entry::Entry;
use super::line::Lines;
use super::{full, json, plain};

/// What is printed for each event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// One line each; TAB-separated when piped
    Line,
    /// Everything about each, over several lines
    Full,
    /// One JSON object a line
    Json,
    /// Comma-separated, with a header
    Csv,
    /// The recorded JSON as it is, one a line
    Raw,
}

/// Prints events in one form.
pub(super) struct Printer {
    way: Way,
    /// Whether a person is looking: data is then escaped.
    terminal: bool,
    printed: u64,
}

enum Way {
    Lines(Lines),
    Tabbed,
    Page(Zone, LogDir),
    Fields,
    Json,
    Csv,
    Raw,
}

impl Printer {
    /// A printer for stdout, which must not have been written to.
    pub(super) fn new(form: Form, zone: Zone, dir: &LogDir, out: &mut Output) -> Self {
        let terminal = out.stdout_is_terminal();
        let way = match form {
            Form::Line if terminal => Way::Lines(Lines::new(terminal_columns(), zone)),
            Form::Line => Way::Tabbed,
            Form::Full if terminal => Way::Page(zone, dir.clone()),
            Form::Full => Way::Fields,
            Form::Json => Way::Json,
            Form::Csv => Way::Csv,
            Form::Raw => Way::Raw,
        };
        if !matches!(way, Way::Lines(_) | Way::Page(..)) {
            out.pass_through();
        }
        Self {
            way,
            terminal,
            printed: 0,
        }
    }

    /// Whether people read this form.
    pub(super) const fn is_for_people(&self) -> bool {
        matches!(
            self.way,
            Way::Lines(_) | Way::Tabbed | Way::Page(..) | Way::Fields
        )
    }

    /// How many events were printed.
    pub(super) const fn printed(&self) -> u64 {
        self.printed
    }

    /// What comes before the first event.
    pub(super) fn begin(&self, out: &mut Output) -> Result<(), Failure> {
        match self.way {
            Way::Csv => out.line(plain::CSV_HEADER),
            _ => Ok(()),
        }
    }

    /// Prints one event.
    pub(super) fn event(
        &mut self,
        entry: &Entry<'_>,
        delivery: &Delivery<'_>,
        out: &mut Output,
    ) -> Result<(), Failure> {
        match &mut self.way {
            Way::Lines(lines) => {
                for line in lines.event(entry, delivery) {
                    out.line(line)?;
                }
            }
            Way::Tabbed => out.line(plain::tabbed(entry, delivery))?,
            Way::Page(zone, dir) => {
                let page = full::page(entry, delivery, zone, dir, terminal_columns());
                paragraph(page, self.printed, out)?;
            }
            Way::Fields => paragraph(full::fields(entry, delivery), self.printed, out)?,
            Way::Csv => {
                let line = plain::csv(entry, delivery);
                out.line(match (self.terminal, charset::is_unicode()) {
                    (false, _) => line,
                    (true, true) => visible_line(&line),
                    (true, false) => charset::ascii(&visible_line(&line)),
                })?;
            }
            Way::Raw => self.json(json::recorded(entry), out)?,
            Way::Json => match json::object(entry, delivery) {
                Ok(line) => self.json(line, out)?,
                Err(error) => {
                    out.warn(format!(
                        "event {} is no JSON object and is left out: {error}",
                        entry.seq
                    ));
                    return Ok(());
                }
            },
        }
        self.printed += 1;
        Ok(())
    }

    fn json(&self, line: String, out: &mut Output) -> Result<(), Failure> {
        out.line(if self.terminal {
            visible_json(&line)
        } else {
            line
        })
    }
}

/// Several lines, with an empty one between two events.
fn paragraph(lines: Vec<String>, printed: u64, out: &mut Output) -> Result<(), Failure> {
    if printed > 0 {
        out.line("")?;
    }
    // The payload is JSON to be copied, and everything else has its columns.
    lines.into_iter().try_for_each(|line| out.whole(line))
}
