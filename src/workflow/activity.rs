//! The activity log of a work package: one bullet per thing that happened.
//!
//! Written form, with EN DASH separators:
//! `- 2026-02-04T11:41:17Z – agent – shell_pid=7 – lane=done – note`.
//! Read form: en dash or hyphen, `shell_pid` optional. A line that would not
//! read back as what was meant is refused, not written.

use thiserror::Error;

use super::markdown::titled_section;
use super::text::{line_ending_of, lines};

const TITLE: &str = "Activity Log";

/// One line of the activity log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// UTC, as written: `2026-02-04T11:41:17Z`.
    pub timestamp: String,
    /// Who did it.
    pub agent: String,
    /// The process id of the agent's shell; empty when unknown.
    pub shell_pid: String,
    /// The lane that the work package was in from then on.
    pub lane: String,
    /// What was done.
    pub note: String,
}

/// The entry cannot be written so that it reads back the same.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "this activity entry would not read back as it was meant: {0:?}; \
     agent names must not hold ' - ' or ' – ' before a word with '='"
)]
pub struct Unwritable(pub String);

impl Entry {
    /// The line as it is written, without a line ending.
    #[must_use]
    pub fn to_line(&self) -> String {
        let pid = match self.shell_pid.as_str() {
            "" => String::new(),
            pid => format!("shell_pid={pid} – "),
        };
        format!(
            "- {} – {} – {pid}lane={} – {}",
            self.timestamp, self.agent, self.lane, self.note
        )
    }

    /// Reads one line; `None` when it is not an entry.
    ///
    /// ```
    /// use spec_kitty::workflow::activity::Entry;
    /// let entry = Entry::parse("- 2026-02-04T10:00:00Z - a b - lane=done - it - works").unwrap();
    /// assert_eq!((entry.agent.as_str(), entry.note.as_str()), ("a b", "it - works"));
    /// ```
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim().strip_prefix("- ")?.trim_start();
        let (timestamp, rest) = line.split_at_checked("2026-02-04T11:41:17Z".len())?;
        if !is_timestamp(timestamp) {
            return None;
        }
        let rest = separator(rest)?;
        let (agent, rest) = until_field(rest)?;
        let (shell_pid, rest) = match rest.strip_prefix("shell_pid=") {
            Some(rest) => field(rest)?,
            None => ("", rest),
        };
        let rest = rest.strip_prefix("lane=")?;
        let (lane, note) = field(rest).unwrap_or((rest.trim(), ""));
        Some(Self {
            timestamp: timestamp.to_owned(),
            agent: agent.trim().to_owned(),
            shell_pid: shell_pid.to_owned(),
            lane: lane.to_owned(),
            note: note.trim().to_owned(),
        })
    }
}

fn is_timestamp(text: &str) -> bool {
    text.bytes()
        .zip(b"dddd-dd-ddTdd:dd:ddZ")
        .all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            form => byte == *form,
        })
}

/// What follows a separator: spaces, one dash, spaces.
fn separator(text: &str) -> Option<&str> {
    let rest = text.trim_start();
    let rest = rest.strip_prefix('–').or_else(|| rest.strip_prefix('-'))?;
    Some(rest.trim_start())
}

/// A value without white space, and what follows the separator behind it.
fn field(text: &str) -> Option<(&str, &str)> {
    let end = text.find(char::is_whitespace)?;
    let (value, rest) = text.split_at_checked(end)?;
    Some((value, separator(rest)?))
}

/// What stands before the first separator that `shell_pid=` or `lane=` follows,
/// and the text from that word on.
fn until_field(text: &str) -> Option<(&str, &str)> {
    ["– ", "- "]
        .iter()
        .flat_map(|dash| text.match_indices(dash))
        .filter_map(|(at, dash)| {
            let (before, after) = (text.get(..at)?, text.get(at + dash.len()..)?.trim_start());
            let is_field = after.starts_with("shell_pid=") || after.starts_with("lane=");
            (is_field && before.ends_with(char::is_whitespace)).then_some((at, before, after))
        })
        .min_by_key(|(at, _, _)| *at)
        .map(|(_, before, after)| (before, after))
}

/// The entries of `body`, in the order of the file, those in code fences included.
#[must_use]
pub fn entries(body: &str) -> Vec<Entry> {
    lines(body, 0)
        .filter_map(|line| Entry::parse(line.text))
        .collect()
}

/// `body` with `entry` at the end of its `## Activity Log` section, behind the
/// section's last line that is not blank. A missing section is added at the end.
///
/// `ending` is the line ending of the file, for a body that has none of its own.
///
/// # Errors
/// When the line would not read back as `entry`.
pub fn append(body: &str, entry: &Entry, ending: &str) -> Result<String, Unwritable> {
    let line = entry.to_line();
    if line.contains(['\n', '\r']) || Entry::parse(&line).as_ref() != Some(entry) {
        return Err(Unwritable(line));
    }
    let Some(section) = titled_section(body, TITLE) else {
        return Ok(with_new_section(body, &line, ending));
    };
    let last = lines(body, section.heading.start)
        .take_while(|other| other.start < section.content.end)
        .filter(|other| !other.text.trim().is_empty())
        .last()
        .map_or(section.heading.end, |other| other.end);
    let (before, after) = body.split_at_checked(last).unwrap_or((body, ""));
    let ending = match line_ending_of(before) {
        own if before.ends_with('\n') => own,
        _ => ending,
    };
    let gap = if before.ends_with('\n') { "" } else { ending };
    Ok([before, gap, &line, ending, after].concat())
}

fn with_new_section(body: &str, line: &str, ending: &str) -> String {
    let gap = if body.is_empty() || body.ends_with('\n') {
        ""
    } else {
        ending
    };
    [
        body, gap, ending, "## ", TITLE, ending, ending, line, ending,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(note: &str) -> Entry {
        Entry {
            timestamp: "2026-02-04T11:41:17Z".into(),
            agent: "claude-opus".into(),
            shell_pid: "64523".into(),
            lane: "doing".into(),
            note: note.into(),
        }
    }

    #[test]
    fn both_forms_are_read() {
        let written =
            "- 2026-02-04T11:41:17Z – claude-opus – shell_pid=64523 – lane=doing – Go – on";
        assert_eq!(Entry::parse(written), Some(entry("Go – on")));
        assert_eq!(entry("Go – on").to_line(), written);
        let other =
            Entry::parse("-  2026-02-04T11:41:17Z - my agent-2 - lane=done - a-b - c").unwrap();
        assert_eq!(other.agent, "my agent-2");
        assert_eq!(other.shell_pid, "");
        assert_eq!(other.note, "a-b - c");
        for no in [
            "* 2026-02-04T11:41:17Z – a – lane=done – x",
            "- 2026-02-04T11:41:17+01:00 – a – lane=done – x",
            "- 2026-02-04T11:41:17Z – a – state=done – x",
            "- yesterday – a – lane=done – x",
            "- ",
        ] {
            assert_eq!(Entry::parse(no), None, "{no}");
        }
    }

    #[test]
    fn a_line_goes_to_the_end_of_the_section_and_nothing_else_moves() {
        let body =
            "# T\n\n## Activity Log\n\n- old\n\n---\n\n### Updating\n\n**Valid**\n\n## Next\n";
        let line = entry("x").to_line();
        assert_eq!(
            append(body, &entry("x"), "\n").unwrap(),
            format!(
                "# T\n\n## Activity Log\n\n- old\n\n---\n\n### Updating\n\n**Valid**\n{line}\n\n## Next\n"
            )
        );
    }

    #[test]
    fn the_section_is_made_where_it_is_missing() {
        let line = entry("x").to_line();
        assert_eq!(
            append("text", &entry("x"), "\r\n").unwrap(),
            format!("text\r\n\r\n## Activity Log\r\n\r\n{line}\r\n")
        );
        assert_eq!(
            append("", &entry("x"), "\n").unwrap(),
            format!("\n## Activity Log\n\n{line}\n")
        );
    }

    #[test]
    fn a_heading_without_content_and_without_an_end_is_a_section() {
        let line = entry("x").to_line();
        assert_eq!(
            append("## Activity Log", &entry("x"), "\r\n").unwrap(),
            format!("## Activity Log\r\n{line}\r\n")
        );
    }

    #[test]
    fn an_agent_that_would_forge_a_field_is_refused() {
        let forged = Entry {
            agent: "a – lane=done – b".into(),
            ..entry("x")
        };
        assert!(append("", &forged, "\n").is_err());
        assert!(append("", &entry("two\nlines"), "\n").is_err());
    }

    proptest! {
        #[test]
        fn an_append_only_inserts(
            head in "(#{1,3} [A-Z]|```|text|- x|\r?\n|\n){0,12}",
            tail in "(#{1,3} [A-Z]|```|text|- x|\r?\n|\n){0,12}",
            section in any::<bool>(),
        ) {
            let title = if section { "\n## Activity Log\n" } else { "" };
            let body = format!("{head}{title}{tail}");
            let line = entry("note").to_line();
            let after = append(&body, &entry("note"), "\n").unwrap();
            let at = after.find(&line).unwrap();
            let rest = &after[at + line.len()..];
            prop_assert!(body.starts_with(&after[..at]) || after[..at].starts_with(&body)
                || body.starts_with(after[..at].trim_end()));
            prop_assert!(body.ends_with(rest.trim_start_matches('\r').trim_start_matches('\n')));
            prop_assert_eq!(entries(&after).len(), entries(&body).len() + 1);
        }
    }
}
