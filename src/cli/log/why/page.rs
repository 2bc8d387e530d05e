//! `log why` for people: the event, what led to it, what followed, its delivery.

use jiff::Timestamp;

use crate::cli::columns::{counted, left, wrapped};
use crate::cli::log::entry::Entry;
use crate::cli::log::members::Members;
use crate::cli::output::{clip, visible_line, width};
use crate::cli::style::{BOLD, CYAN, DIM, paint};
use crate::cli::time::Zone;

use super::Story;
use super::chain::{End, Link, Named};

/// `Together`.
const LABEL_COLUMNS: usize = 8;
/// The most effects and fellows that a page shows.
const MOST_SHOWN: usize = 12;
/// Steps further away are not moved further to the right.
const DEEPEST: usize = 4;
/// Below this the time of other events is left out.
const COLUMNS_FOR_TIMES: usize = 60;

/// Where in git the event was recorded.
pub(super) fn git(entry: &Entry<'_>) -> String {
    let Ok(event) = Members::read(entry.json) else {
        return String::new();
    };
    let text = |name| event.text(name).map(|text| visible_line(&text));
    let commit = text("head_commit_sha").map(|sha| sha.chars().take(10).collect::<String>());
    match (text("git_branch"), commit) {
        (Some(branch), Some(commit)) => format!("on {branch} at {commit}"),
        (Some(branch), None) => format!("on {branch}"),
        (None, Some(commit)) => format!("at {commit}"),
        (None, None) => String::new(),
    }
}

/// The room for a page: a terminal's columns, and no end of them elsewhere.
struct Page<'a> {
    zone: &'a Zone,
    margin: &'static str,
    columns: Option<usize>,
    lines: Vec<String>,
}

impl Story {
    pub(super) fn page(&self, zone: &Zone, columns: Option<usize>, now: Timestamp) -> Vec<String> {
        let margin = if columns.is_some() { "  " } else { "" };
        let mut page = Page {
            zone,
            margin,
            columns: columns.map(|columns| columns.saturating_sub(margin.len())),
            lines: Vec::new(),
        };
        page.subject(self);
        page.push("");
        page.causes(self);
        page.named("Led to", &self.chain.effects, "nothing yet");
        if !self.chain.together.links.is_empty() {
            page.named("Together", &self.chain.together, "");
        }
        page.push("");
        page.delivery(self, now);
        if self.chain.gaps {
            page.push("");
            page.paragraph(
                "",
                "Part of the log cannot be read; causes may be missing here.",
            );
            page.push("  next: spec-kitty log verify");
        }
        page.lines
    }
}

impl Page<'_> {
    fn push(&mut self, line: &str) {
        let line = format!("{}{line}", self.margin);
        self.lines.push(line.trim_end().to_owned());
    }

    fn room(&self, taken: usize) -> usize {
        self.columns
            .map_or(usize::MAX, |columns| columns.saturating_sub(taken))
    }

    /// Text in as many lines as it takes, each behind `indent`.
    fn paragraph(&mut self, indent: &str, text: &str) {
        for line in wrapped(text, self.room(indent.len())) {
            self.push(&format!("{indent}{line}"));
        }
    }

    fn subject(&mut self, story: &Story) {
        let subject = &story.subject;
        let seq = subject.seq.to_string();
        let taken = width(&seq) + 4;
        let head = format!(
            "{}  {}",
            paint(BOLD, &visible_line(&subject.event_type)),
            what(subject)
        );
        let head = clip_styled(&head, self.room(taken));
        self.push(&format!("{} {}  {head}", story.glyph, paint(CYAN, &seq)));
        let indent = " ".repeat(taken);
        let by = subject.summary.actor.as_deref();
        let facts = [
            Some(self.zone.second(subject.timestamp_us)),
            by.map(|actor| format!("by {actor}")),
            Some(story.git.clone()).filter(|git| !git.is_empty()),
            Some(format!("Lamport {}", subject.lamport)),
        ];
        let facts: Vec<_> = facts.into_iter().flatten().collect();
        self.paragraph(&indent, &facts.join(", "));
        self.paragraph(&indent, &visible_line(&subject.event_id));
    }

    fn causes(&mut self, story: &Story) {
        let mut label = "Because";
        for link in &story.chain.causes {
            self.link(label, link);
            label = "";
        }
        let said = match &story.chain.end {
            End::First if label.is_empty() => return,
            End::First => "it names no cause".to_owned(),
            End::Long => "… and so on, further than is followed here".to_owned(),
            End::Circle(id) => format!("… which leads back to {}", visible_line(id)),
            End::Missing(id) if story.chain.together.links.is_empty() => {
                format!("{}, which is not in this log", visible_line(id))
            }
            End::Missing(id) => format!("{}, as do the events together with it", visible_line(id)),
        };
        self.labelled(label, &said);
    }

    fn labelled(&mut self, label: &str, text: &str) {
        let mut label = label;
        for line in wrapped(text, self.room(LABEL_COLUMNS + 2)) {
            let shown = paint(DIM, &left(label, LABEL_COLUMNS));
            self.push(&format!("{shown}  {line}"));
            label = "";
        }
    }

    fn named(&mut self, label: &str, named: &Named, nothing: &str) {
        if named.links.is_empty() {
            self.labelled(label, nothing);
            return;
        }
        let mut label = label;
        for link in named.links.iter().take(MOST_SHOWN) {
            self.link(label, link);
            label = "";
        }
        let unseen = named.links.len().saturating_sub(MOST_SHOWN);
        let more = u64::try_from(unseen)
            .unwrap_or(0)
            .saturating_add(named.more);
        if more > 0 {
            let more = counted(more, "more event", "more events");
            self.labelled("", &format!("and {more}"));
        }
    }

    /// One event on one line: number, type, what happened, and when.
    fn link(&mut self, label: &str, link: &Link) {
        let indent = match link.distance.min(DEEPEST) {
            0 | 1 => String::new(),
            deep => " ".repeat(2 * (deep - 2)) + "└ ",
        };
        let seq = link.seq.to_string();
        let taken = LABEL_COLUMNS + 2 + width(&indent) + width(&seq) + 1;
        let clock = match self.columns {
            Some(columns) if columns >= COLUMNS_FOR_TIMES => {
                format!("  {}", self.zone.clock(link.timestamp_us))
            }
            Some(_) => String::new(),
            None => format!("  {}", self.zone.second(link.timestamp_us)),
        };
        let text = format!("{}  {}", visible_line(&link.event_type), what(link));
        let text = match self.columns {
            Some(_) => left(&text, self.room(taken + width(&clock))),
            None => text,
        };
        let shown = paint(DIM, &left(label, LABEL_COLUMNS));
        let (seq, clock) = (paint(CYAN, &seq), paint(DIM, &clock));
        self.push(&format!("{shown}  {indent}{seq} {text}{clock}"));
    }

    fn delivery(&mut self, story: &Story, now: Timestamp) {
        for line in wrapped(&story.fate.headline(self.zone), self.room(0)) {
            self.push(&paint(BOLD, &line));
        }
        for text in story.fate.explained(self.zone, now) {
            self.paragraph("  ", &text);
        }
        let mut label = "next:";
        for command in story.fate.next() {
            // A command is never broken: it is there to be copied.
            self.push(&format!("  {label} {}", visible_line(&command)));
            label = "  or:";
        }
    }
}

/// What happened to whom; the parts are escaped already.
fn what(link: &Link) -> String {
    let summary = &link.summary;
    format!("{} {}", summary.subject, summary.text)
        .trim_end()
        .to_owned()
}

/// `text` cut to `columns`; where it is cut its styles go.
fn clip_styled(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        text.to_owned()
    } else {
        clip(&anstream::adapter::strip_str(text).to_string(), columns)
    }
}
