//! `log stats` as text: a page for people, rows for programs.

use crate::cli::columns::{counted, grouped, left, right, size, sparkline};
use crate::cli::output::{clip, visible_line};
use crate::cli::style::{BOLD, DIM, paint};

use super::Report;

/// The most days in a sparkline.
const MOST_DAYS: usize = 28;
/// The most types and nodes that are named.
const MOST_TYPES: usize = 20;
const MOST_NODES: usize = 5;
const NAME_COLUMNS: usize = 18;

impl Report {
    /// For programs that read text: `what TAB name TAB count`.
    pub(super) fn rows(&self) -> Vec<String> {
        let mut rows: Vec<_> = [
            ("events", self.events),
            ("bytes", self.bytes),
            ("segments", self.segments),
        ]
        .map(|(name, count)| format!("{name}\t\t{count}"))
        .into();
        let all = [
            ("type", &self.by_type),
            ("node", &self.by_node),
            ("day", &self.by_day),
        ];
        for (what, counts) in all {
            let row =
                |(name, count): (&String, &u64)| format!("{what}\t{}\t{count}", visible_line(name));
            rows.extend(counts.0.iter().map(row));
        }
        let row = |(state, count)| format!("delivery\t{state}\t{count}");
        rows.extend(self.delivery.all().map(row));
        let ends = [("min", self.lamport.min), ("max", self.lamport.max)];
        for (name, value) in ends {
            rows.extend(value.map(|value| format!("lamport\t{name}\t{value}")));
        }
        rows
    }

    /// For people.
    pub(super) fn page(&self, columns: usize) -> Vec<String> {
        let headline = clip(&self.headline(), columns.saturating_sub(2));
        let mut lines = vec![format!("  {}", paint(BOLD, &headline)), String::new()];
        lines.extend(self.type_lines(columns));
        if self.events > 0 {
            lines.push(String::new());
        }
        let states = self.delivery.all().filter(|(_, count)| *count > 0);
        let states: Vec<_> = states
            .map(|(state, count)| format!("{state} {}", grouped(count)))
            .collect();
        let nodes = self.by_node.most_first();
        let nodes: Vec<_> = nodes
            .iter()
            .take(MOST_NODES)
            .map(|(name, count)| format!("{} {}", visible_line(name), grouped(*count)))
            .collect();
        let lamport = match (self.lamport.min, self.lamport.max) {
            (Some(min), Some(max)) => format!("{min} to {max}"),
            _ => String::new(),
        };
        let mut room = format!(
            "{} in {}",
            size(self.bytes),
            counted(self.segments, "segment", "segments")
        );
        if let Some(each) = self.bytes.checked_div(self.events) {
            room.push_str(&format!(", {} an event", size(each)));
        }
        for (label, text) in [
            ("Delivery", states.join("   ")),
            ("By node", nodes.join("   ")),
            ("Lamport", lamport),
            ("Size", room),
        ] {
            if !text.is_empty() {
                let text = clip(&text, columns.saturating_sub(12));
                lines.push(format!("  {} {text}", paint(DIM, &left(label, 9))));
            }
        }
        lines
    }

    fn headline(&self) -> String {
        let events = counted(self.events, "event", "events");
        let days = u64::try_from(self.by_day.0.len()).unwrap_or(u64::MAX);
        if days == 0 {
            return events;
        }
        let busiest = self.by_day.most_first();
        let busiest = busiest.first().filter(|_| days > 1);
        let busiest = busiest.map_or_else(String::new, |(day, count)| {
            format!(", most on {} ({})", visible_line(day), grouped(*count))
        });
        format!("{events} on {}{busiest}", counted(days, "day", "days"))
    }

    fn type_lines(&self, columns: usize) -> Vec<String> {
        let most = self.by_type.0.values().copied().max().unwrap_or(0);
        let number_columns = grouped(most).len();
        let room = columns.saturating_sub(2 + NAME_COLUMNS + 1 + number_columns + 2);
        let skip = self.by_day.0.len().saturating_sub(room.min(MOST_DAYS));
        let days: Vec<_> = self.by_day.0.keys().skip(skip).collect();
        let line = |(name, count): (&str, u64)| {
            let of_day = |day: &&String| {
                let days = self.days_of_type.get(name)?;
                days.0.get(*day).copied()
            };
            let values: Vec<_> = days.iter().map(|day| of_day(day).unwrap_or(0)).collect();
            let count = right(&grouped(count), number_columns);
            let name = left(&visible_line(name), NAME_COLUMNS);
            let line = format!("  {name} {count}  {}", sparkline(&values));
            line.trim_end().to_owned()
        };
        self.by_type
            .most_first()
            .into_iter()
            .take(MOST_TYPES)
            .map(line)
            .collect()
    }
}
