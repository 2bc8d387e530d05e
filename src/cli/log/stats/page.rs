//! `log stats` as text: a page for people, rows for programs.

use jiff::civil::Date;

use crate::cli::columns::{
    beside as beside_one_another, counted, grouped, lasting, left, right, size, sparkline, wrapped,
};
use crate::cli::output::{clip, visible_line};
use crate::cli::style::{BOLD, DIM, paint};
use crate::cli::time::{Zone, utc};

use super::{Beside, Latency, Report};

/// The most days in a sparkline.
const MOST_DAYS: usize = 28;
/// The most types and nodes that are named.
const MOST_TYPES: usize = 20;
const MOST_NODES: usize = 5;
const NAME_COLUMNS: usize = 18;

fn latency_parts(latency: &Latency) -> Vec<String> {
    if latency.count == 0 {
        return vec!["no latencies yet".to_owned()];
    }
    let part = |(name, ms)| format!("{name} {}", lasting(ms));
    let mut parts: Vec<_> = latency.figures().map(part).collect();
    let deliveries = counted(latency.count, "delivery", "deliveries");
    parts.push(format!("of {deliveries}"));
    if latency.early > 0 {
        let early = grouped(latency.early);
        parts.push(format!(
            "{early} confirmed before recorded: a clock was set back"
        ));
    }
    parts
}

impl Report {
    /// For programs that read text: `what TAB name TAB count`.
    pub(super) fn rows(&self, beside: &Beside) -> Vec<String> {
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
        if let Some((segments, bytes)) = beside.prunable {
            rows.push(format!("prunable\tsegments\t{segments}"));
            rows.push(format!("prunable\tbytes\t{bytes}"));
        }
        if let Some(latency) = &self.latency {
            rows.push(format!("latency\tcount\t{}", latency.count));
            rows.push(format!("latency\tearly\t{}", latency.early));
            let row = |(name, ms)| format!("latency\t{name}_ms\t{ms}");
            rows.extend(latency.figures().map(row));
        }
        if let Some(at) = beside.last_confirmed {
            rows.push(format!("confirmed\tlast\t{}", utc(at.as_microsecond())));
        }
        rows
    }

    /// For people.
    pub(super) fn page(&self, beside: &Beside, zone: &Zone, columns: usize) -> Vec<String> {
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
        let goes = match beside.prunable {
            Some((segments, bytes)) if segments > 0 => {
                let segments = counted(segments, "segment", "segments");
                format!(
                    "{segments} ({}) could go: spec-kitty log prune",
                    size(bytes)
                )
            }
            _ => String::new(),
        };
        let confirmed = beside.last_confirmed.map_or_else(String::new, |at| {
            format!("last {}", zone.second(at.as_microsecond()))
        });
        let space = columns.saturating_sub(12);
        let latency = self.latency.filter(|_| beside.last_confirmed.is_some());
        let latency = latency.map_or_else(Vec::new, |latency| latency_parts(&latency));
        for (label, text) in [
            ("By day", wrapped(&self.all_days(space), space)),
            ("By node", beside_one_another(&nodes, space)),
            ("Delivery", beside_one_another(&states, space)),
            ("Confirmed", wrapped(&confirmed, space)),
            ("Latency", beside_one_another(&latency, space)),
            ("Lamport", wrapped(&lamport, space)),
            ("Size", wrapped(&room, space)),
            ("Prune", wrapped(&goes, space)),
        ] {
            let mut label = label;
            for line in text.iter().filter(|line| !line.is_empty()) {
                // The first may begin with days without an event.
                let line = if label.is_empty() {
                    line.trim()
                } else {
                    line.trim_end()
                };
                lines.push(format!("  {} {line}", paint(DIM, &left(label, 9))));
                label = "";
            }
        }
        lines
    }

    /// The newest days up to the last with an event, those without one between
    /// them included, so that a picture of them keeps to the calendar.
    fn days(&self, most: usize) -> Vec<String> {
        let dates = self.by_day.0.keys().map(|day| day.parse::<Date>());
        let mut dates: Vec<_> = dates.filter_map(Result::ok).collect();
        dates.sort();
        let (Some(first), Some(last)) = (dates.first(), dates.last()) else {
            return Vec::new();
        };
        let mut days = Vec::new();
        let mut day = Some(*last);
        while let Some(date) = day.filter(|date| date >= first && days.len() < most) {
            days.push(date.to_string());
            day = date.yesterday().ok();
        }
        days.reverse();
        days
    }

    /// All events by day, and from when to when that is.
    fn all_days(&self, room: usize) -> String {
        const DATES: usize = "  2026-01-01 to 2026-01-28".len();
        let days = self.days(MOST_DAYS.min(room.saturating_sub(DATES)));
        let (Some(first), Some(last)) = (days.first(), days.last()) else {
            return String::new();
        };
        let of_day = |day: &String| self.by_day.0.get(day).copied().unwrap_or(0);
        let values: Vec<_> = days.iter().map(of_day).collect();
        let span = if first == last {
            first.clone()
        } else {
            format!("{first} to {last}")
        };
        format!("{}  {span}", sparkline(&values))
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
        let days = self.days(room.min(MOST_DAYS));
        let line = |(name, count): (&str, u64)| {
            let of_day = |day: &String| {
                let days = self.days_of_type.get(name)?;
                days.0.get(day).copied()
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
