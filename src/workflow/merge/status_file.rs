//! Conflicts in status files that nobody needs to look at: pure.
//!
//! Two sides that differ from their common ancestor only in boxes, lanes, names
//! and lines of the activity log can be put together: what is ticked stays
//! ticked, the furthest lane wins, every line is kept. When one side changed
//! anything else, the other must not have; else a person has to look.

use std::collections::BTreeSet;

use crate::event::Lane;
use crate::workflow::activity::{self, Entry};
use crate::workflow::frontmatter::{self, Data};
use crate::workflow::lane;
use crate::workflow::tasks_md::subtask;
use crate::workflow::text::{Split, lines};
use crate::workflow::tick::{Mark, mark};

/// Keys that commands set.
const STATUS_KEYS: [&str; 6] = [
    "lane",
    "agent",
    "assignee",
    "shell_pid",
    "review_status",
    "reviewed_by",
];

/// Whether `path` (from the top of the repository) is a file in which such
/// conflicts occur.
pub(super) fn is_status_file(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default();
    let is_wp = parts.next() == Some("tasks") && path.ends_with(".md");
    let below = path.split('/').any(|part| part == "kitty-specs");
    below && (is_wp || name == "tasks.md")
}

/// The text that both sides agree to; `None` when a person has to look.
pub(super) fn resolved(base: &str, ours: &str, theirs: &str) -> Option<String> {
    let (plain_base, plain_ours, plain_theirs) = (plain(base), plain(ours), plain(theirs));
    let (main, other) = if plain_theirs == plain_base || plain_theirs == plain_ours {
        (ours, theirs)
    } else if plain_ours == plain_base {
        (theirs, ours)
    } else {
        return None;
    };
    let text = with_ticks(main, other)?;
    match (Split::of(&text), Split::of(other)) {
        (Ok(split), Ok(other)) => together(&split, &other),
        _ => Some(text),
    }
}

/// A text without what commands set.
fn plain(text: &str) -> String {
    let front_end = Split::of(text).map_or(0, |split| text.len() - split.body.len());
    let mut kept = String::new();
    for line in lines(text, 0) {
        let in_front = line.start < front_end;
        let is_status = in_front
            && STATUS_KEYS.iter().any(|key| {
                let rest = line.text.strip_prefix(key);
                rest.is_some_and(|rest| rest.starts_with(':'))
            });
        if is_status || (!in_front && Entry::parse(line.text).is_some()) {
            continue;
        }
        match subtask(line.text) {
            Some(task) => kept.push_str(&task.text),
            None => kept.push_str(line.text),
        }
        kept.push('\n');
    }
    kept
}

fn with_ticks(main: &str, other: &str) -> Option<String> {
    let ticked: Vec<String> = lines(other, 0)
        .filter_map(|line| subtask(line.text))
        .filter(|task| task.ticked)
        .filter_map(|task| task.id().map(str::to_owned))
        .collect();
    mark(main, &ticked, Mark::Ticked)
        .ok()
        .map(|marked| marked.text)
}

/// The furthest lane, and the lines of both logs.
fn together(main: &Split<'_>, other: &Split<'_>) -> Option<String> {
    let (data, others) = (
        Data::parse(main.front).ok()?,
        Data::parse(other.front).ok()?,
    );
    let lane_of = |data: &Data| {
        data.text("lane")
            .map_or(Some(Lane::Planned), |text| lane::parse(text).ok())
    };
    let (own, their) = (lane_of(&data)?, lane_of(&others)?);
    let ending = main.line_ending();
    let mut front = main.front.to_owned();
    if rank(their) > rank(own) {
        for key in STATUS_KEYS {
            if let Some(value) = others
                .text(key)
                .filter(|value| data.text(key) != Some(value))
            {
                front = frontmatter::set(&front, key, value, ending).ok()?;
            }
        }
    }
    let present: BTreeSet<String> = activity::entries(main.body)
        .iter()
        .map(Entry::to_line)
        .collect();
    let mut body = main.body.to_owned();
    for entry in activity::entries(other.body) {
        if !present.contains(&entry.to_line()) {
            body = activity::append(&body, &entry, ending).ok()?;
        }
    }
    Some(main.join(&front, &body))
}

fn rank(lane: Lane) -> usize {
    Lane::ALL
        .iter()
        .position(|other| *other == lane)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wp(lane: &str, body: &str, log: &[&str]) -> String {
        let log: String = log
            .iter()
            .map(|note| format!("- 2026-02-04T11:41:17Z – a – lane={lane} – {note}\n"))
            .collect();
        format!("---\ntitle: x\nlane: \"{lane}\"\n---\n# T\n{body}\n## Activity Log\n{log}")
    }

    #[test]
    fn the_furthest_lane_wins_and_every_line_is_kept() {
        let (base, ours) = (wp("planned", "", &[]), wp("doing", "", &["mine"]));
        let theirs = wp("for_review", "", &["yours"]);
        let both = resolved(&base, &ours, &theirs).unwrap();
        assert!(both.contains("lane: \"for_review\""), "{both}");
        assert!(
            both.contains("– mine\n") && both.contains("– yours\n"),
            "{both}"
        );
        let other_way = resolved(&base, &theirs, &ours).unwrap();
        assert!(other_way.contains("lane: \"for_review\""));
    }

    #[test]
    fn ticked_stays_ticked() {
        let base = "## WP01\n- [ ] T001 a\n- [ ] T002 b\n";
        let ours = base.replace("[ ] T001", "[x] T001");
        let theirs = base.replace("[ ] T002", "[X] T002");
        let both = resolved(base, &ours, &theirs).unwrap();
        assert_eq!(both, "## WP01\n- [x] T001 a\n- [x] T002 b\n");
    }

    #[test]
    fn other_changes_of_one_side_are_kept_and_of_both_are_for_a_person() {
        let (base, ours) = (wp("planned", "text", &[]), wp("doing", "text", &["mine"]));
        let theirs = wp("planned", "better text", &[]);
        let both = resolved(&base, &ours, &theirs).unwrap();
        assert!(
            both.contains("better text")
                && both.contains("lane: \"doing\"")
                && both.contains("– mine")
        );
        let also = wp("doing", "other text", &[]);
        assert_eq!(resolved(&base, &also, &theirs), None);
    }

    #[test]
    fn only_files_of_features_are_status_files() {
        assert!(is_status_file("kitty-specs/028-x/tasks/WP01-a.md"));
        assert!(is_status_file("app/kitty-specs/028-x/tasks.md"));
        for path in ["tasks.md", "kitty-specs/028-x/spec.md", "src/tasks/a.md"] {
            assert!(!is_status_file(path), "{path}");
        }
    }
}
