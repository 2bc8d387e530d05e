//! One line an event, for a person at a terminal.
//!
//! Columns drop as the terminal gets narrower: the id first, then the actor,
//! the Lamport clock, and below 48 columns everything but the time, the glyph
//! and what happened. No line is wider than the terminal. A line is dated by
//! the day line above it.

use crate::cli::columns::{left, right};
use crate::cli::output::{clip, visible_line, width};
use crate::cli::style::{CYAN, DIM, RED, paint};
use crate::cli::time::Zone;

use super::delivery::{Delivery, DeliveryState};
use super::entry::Entry;
use super::summary::Summary;

const TYPE_COLUMNS: usize = 18;
const LAMPORT_COLUMNS: usize = 5;
const ID_COLUMNS: usize = 26;

/// Which columns there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Room {
    /// Time, glyph and what happened, close together.
    Least,
    /// No Lamport clock, no actor.
    Little,
    /// No actor.
    Some,
    /// All but the id.
    Usual,
    /// Everything.
    Most,
}

impl Room {
    const fn of(columns: usize) -> Self {
        match columns {
            0..48 => Self::Least,
            48..60 => Self::Little,
            60..72 => Self::Some,
            72..120 => Self::Usual,
            _ => Self::Most,
        }
    }
}

/// Lays out events line by line, with a line for each new day.
#[derive(Debug)]
pub(super) struct Lines {
    columns: usize,
    room: Room,
    zone: Zone,
    day: Option<String>,
}

impl Lines {
    pub(super) fn new(columns: usize, zone: Zone) -> Self {
        Self {
            columns,
            room: Room::of(columns),
            zone,
            day: None,
        }
    }

    /// The lines for one event: the day when it is another than before, the
    /// event, and why it was refused.
    pub(super) fn event(&mut self, entry: &Entry<'_>, delivery: &Delivery<'_>) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.new_day(entry.header.timestamp_us));
        let summary = Summary::of(entry);
        let (head, head_columns) = self.head(entry, delivery);
        let rest = self.columns.saturating_sub(head_columns);
        let line = head + &self.rest(entry, &summary, rest);
        lines.push(line.trim_end().to_owned());
        if let Some(error) = delivery.last_error {
            let indent = if self.room == Room::Least {
                8
            } else {
                head_columns
            };
            let text = format!("{}: {}", delivery.word(), visible_line(error));
            let text = clip(&text, self.columns.saturating_sub(indent));
            lines.push(" ".repeat(indent) + &paint(RED, &text));
        }
        lines
    }

    fn new_day(&mut self, timestamp_us: i64) -> Option<String> {
        let day = self.zone.day(timestamp_us);
        if self.day.as_ref() == Some(&day) {
            return None;
        }
        let shown = clip(&day, self.columns.saturating_sub(self.margin().len()));
        let line = format!("{}{}", self.margin(), paint(DIM, &shown));
        self.day = Some(day);
        Some(line)
    }

    const fn margin(&self) -> &'static str {
        match self.room {
            Room::Least => "",
            _ => "  ",
        }
    }

    /// Time, glyph, clock and type, and how many columns they take.
    fn head(&self, entry: &Entry<'_>, delivery: &Delivery<'_>) -> (String, usize) {
        let at_us = entry.header.timestamp_us;
        let clock = match self.room {
            Room::Least => self.zone.short_clock(at_us),
            _ => self.zone.clock(at_us),
        };
        let mut head = format!(
            "{}{} {} ",
            self.margin(),
            paint(DIM, &clock),
            glyph(delivery)
        );
        if self.room >= Room::Some {
            let lamport = right(&entry.header.lamport.to_string(), LAMPORT_COLUMNS);
            head.extend([&lamport, "  "]);
        }
        if self.room > Room::Least {
            let event_type = visible_line(entry.header.event_type);
            head.extend([&left(&event_type, TYPE_COLUMNS), " "]);
        }
        let columns = width(&head);
        (head, columns)
    }

    /// What happened, who did it, and the id, in `columns`.
    fn rest(&self, entry: &Entry<'_>, summary: &Summary, columns: usize) -> String {
        let Summary {
            subject,
            text,
            brief,
            actor,
        } = summary;
        if self.room == Room::Least {
            let event_type = visible_line(entry.header.event_type);
            let text = brief.as_ref().unwrap_or(text);
            return clip(&format!("{event_type} {subject} {text}"), columns);
        }
        let actor_columns = if self.room == Room::Most { 14 } else { 10 };
        let what = format!("{subject} {text}");
        let actor = actor.as_deref().filter(|_| self.room >= Room::Usual);
        // A line without an actor gives its room to what happened.
        let actor = actor.map(|actor| format!("  {}", left(actor, actor_columns)));
        let id = (self.room == Room::Most).then(|| {
            let id = clip(&visible_line(entry.header.event_id), ID_COLUMNS);
            format!("  {}", paint(CYAN, &id))
        });
        let actor = actor.unwrap_or_default();
        let id_columns = id.as_ref().map_or(0, |_| 2 + ID_COLUMNS);
        let what_columns = columns.saturating_sub(width(&actor) + id_columns);
        left(&what, what_columns) + &actor + &id.unwrap_or_default()
    }
}

/// The state as one glyph in its colour.
pub(super) fn glyph(delivery: &Delivery<'_>) -> String {
    use crate::cli::style::{GREEN, YELLOW};
    let (style, glyph) = match delivery.state {
        None => (DIM, "·"),
        Some(DeliveryState::Pending) => (YELLOW, "○"),
        Some(DeliveryState::Sent) => (YELLOW, "◔"),
        Some(DeliveryState::Delivered) => (GREEN, "●"),
        Some(DeliveryState::Duplicate) => (GREEN, "◌"),
        Some(DeliveryState::Rejected | DeliveryState::Parked) => (RED, "✗"),
    };
    paint(style, glyph)
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
