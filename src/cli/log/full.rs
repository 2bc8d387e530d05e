//! Everything about one event, over several lines.

use crate::cli::columns::{grouped, left, wrapped};
use crate::cli::output::{visible_line, width};
use crate::cli::style::{BOLD, CYAN, DIM, RED, paint};
use crate::cli::time::{self, Zone};
use crate::log::segment::LogDir;
use crate::position::Ordinal;

use super::delivery::Delivery;
use super::entry::Entry;
use super::line::glyph;
use super::members::Members;
use super::pretty;
use super::summary::Summary;

const LABEL_COLUMNS: usize = 10;

/// For a person: a headline, labelled facts, the payload.
pub(super) fn page(
    entry: &Entry<'_>,
    delivery: &Delivery<'_>,
    zone: &Zone,
    dir: &LogDir,
    columns: usize,
) -> Vec<String> {
    let header = &entry.header;
    let (id, event_type) = (
        visible_line(header.event_id),
        visible_line(header.event_type),
    );
    let fits = 2 + width(&id) + 2 + width(&event_type) <= columns;
    let (id, event_type) = (paint(CYAN, &id), paint(BOLD, &event_type));
    let mut lines = if fits {
        vec![format!("  {id}  {event_type}")]
    } else {
        vec![format!("  {id}"), format!("  {event_type}")]
    };
    lines.push(String::new());
    let room = columns.saturating_sub(2 + LABEL_COLUMNS + 1);
    let labelled =
        |label: &str, text: &str| format!("  {} {text}", paint(DIM, &left(label, LABEL_COLUMNS)));
    for (label, text) in facts(entry, zone, dir) {
        let mut label = label;
        for line in wrapped(&text, room) {
            lines.push(labelled(label, &line));
            label = "";
        }
    }
    lines.push(labelled("Delivery", &delivered(entry, delivery)));
    if let Some(error) = delivery.last_error {
        let error = wrapped(&visible_line(error), room).into_iter();
        lines.extend(error.map(|line| labelled("", &paint(RED, &line))));
    }
    lines.extend([String::new(), format!("  {}", paint(DIM, "Payload"))]);
    let payload = payload(entry);
    lines.extend(
        pretty::lines(payload)
            .into_iter()
            .map(|line| format!("    {line}")),
    );
    lines
}

fn facts(entry: &Entry<'_>, zone: &Zone, dir: &LogDir) -> Vec<(&'static str, String)> {
    let header = &entry.header;
    let summary = Summary::of(entry);
    let aggregate = visible_line(header.aggregate_id);
    let about = format!("{aggregate} ({})", visible_line(header.aggregate_type));
    let what = [Some(summary.text), summary.actor];
    let what: Vec<_> = what
        .into_iter()
        .flatten()
        .filter(|text| !text.is_empty())
        .collect();
    let place = file_name(dir, entry.ordinal);
    let offset = grouped(entry.offset.0);
    let mut facts = vec![
        ("About", about),
        ("What", what.join(" · ")),
        (
            if entry.foreign { "Made" } else { "Recorded" },
            zone.full(header.timestamp_us),
        ),
        (
            "Clock",
            format!(
                "{} (Lamport), node {}",
                header.lamport,
                visible_line(header.node_id)
            ),
        ),
        ("Position", format!("{}, {place} byte {offset}", entry.seq)),
    ];
    let event = Members::read(entry.json).ok();
    let known = |name| {
        let value = event.as_ref().and_then(|event| event.text(name));
        value.map(|text| visible_line(&text))
    };
    let named = |text: Option<&str>, slug: Option<String>| {
        let text = text.map(visible_line);
        [slug, text]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" · ")
    };
    let git = ["git_branch", "head_commit_sha", "repo_slug"].map(known);
    facts.extend([
        (
            "Feature",
            header.feature.map(visible_line).unwrap_or_default(),
        ),
        ("Team", header.team.map(visible_line).unwrap_or_default()),
        ("Project", named(header.project, known("project_slug"))),
        (
            "Git",
            git.into_iter().flatten().collect::<Vec<_>>().join(" · "),
        ),
        (
            "Caused by",
            header.causation_id.map(visible_line).unwrap_or_default(),
        ),
    ]);
    facts.retain(|(_, text)| !text.is_empty());
    facts
}

fn delivered(entry: &Entry<'_>, delivery: &Delivery<'_>) -> String {
    if entry.header.flags.opted_out() {
        return "never sent: its project opted out".to_owned();
    }
    if delivery.state.is_none() {
        return "not known".to_owned();
    }
    let state = format!("{} {}", glyph(delivery), delivery.word());
    match delivery.attempts {
        0 => state,
        1 => format!("{state} after 1 try"),
        tries => format!("{state} after {tries} tries"),
    }
}

/// For programs: one `name TAB value` a line, UTC, nothing cut.
pub(super) fn fields(entry: &Entry<'_>, delivery: &Delivery<'_>) -> Vec<String> {
    let header = &entry.header;
    let event = Members::read(entry.json).ok();
    let known = |name| {
        let value = event.as_ref().and_then(|event| event.text(name));
        value.unwrap_or_default().into_owned()
    };
    let optional = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let fields = [
        ("event_id", header.event_id.to_owned()),
        ("event_type", header.event_type.to_owned()),
        ("aggregate_type", header.aggregate_type.to_owned()),
        ("aggregate_id", header.aggregate_id.to_owned()),
        ("time", time::utc(header.timestamp_us)),
        ("lamport_clock", header.lamport.to_string()),
        ("node_id", header.node_id.to_owned()),
        ("causation_id", optional(header.causation_id)),
        ("feature", optional(header.feature)),
        ("team_slug", optional(header.team)),
        ("project_uuid", optional(header.project)),
        ("project_slug", known("project_slug")),
        ("git_branch", known("git_branch")),
        ("head_commit_sha", known("head_commit_sha")),
        ("repo_slug", known("repo_slug")),
        ("seq", entry.seq.to_string()),
        ("segment", entry.ordinal.to_string()),
        ("offset", entry.offset.to_string()),
        ("state", delivery.word().to_owned()),
        ("attempts", delivery.attempts.to_string()),
        ("last_error", optional(delivery.last_error)),
        ("payload", payload(entry).to_owned()),
    ];
    fields
        .iter()
        .map(|(name, value)| format!("{name}\t{}", visible_line(value)))
        .collect()
}

fn payload<'a>(entry: &Entry<'a>) -> &'a str {
    let event = Members::read(entry.json).ok();
    let payload = event.and_then(|event| event.get("payload"));
    payload.map_or(entry.json, |payload| payload.get())
}

/// The name of a segment's file.
pub(super) fn file_name(dir: &LogDir, ordinal: Ordinal) -> String {
    let path = dir.find_path(ordinal);
    let name = path.file_name().unwrap_or_default();
    visible_line(&name.to_string_lossy())
}
