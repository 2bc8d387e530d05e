//! tasks.md: the section of a work package, and its subtasks.
//!
//! Headings of the second to fourth level are known, with or without the words
//! `Work Package` (`## Work Package WP01: Title`, `### WP01: Title`). Boxes
//! inside code fences are examples, not subtasks.

use super::markdown::{Fences, heading, section, text_lines};

/// A box of a task list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subtask {
    /// The text behind the box, as written.
    pub text: String,
    /// Whether the box is ticked, with a small or a capital x.
    pub ticked: bool,
}

impl Subtask {
    /// The id at the start of the text (`T001`), if there is one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        id_at(&self.text)
    }
}

/// The subtask id that `text` starts with, marked up (`**T001**`) or not.
fn id_at(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(['*', '_', '`']);
    let word = text.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
    is_subtask_id(word).then_some(word)
}

/// Whether `word` is the id of a subtask: `T` and at least two digits.
#[must_use]
pub fn is_subtask_id(word: &str) -> bool {
    let digits = word.strip_prefix('T').unwrap_or_default();
    digits.len() >= 2 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The subtasks of the work package `wp` (such as `WP01`), in the order of the
/// file; `None` when `tasks` has no section for it.
///
/// ```
/// use spec_kitty::workflow::tasks_md::subtasks;
/// let tasks = "### WP01: Title\n- [x] T001 done\n- [ ] T002 open\n## Summary\n- [ ] no\n";
/// let found = subtasks(tasks, "WP01").unwrap();
/// assert_eq!(found.iter().filter(|task| !task.ticked).count(), 1);
/// ```
#[must_use]
pub fn subtasks(tasks: &str, wp: &str) -> Option<Vec<Subtask>> {
    [Fences::Respected, Fences::Ignored]
        .into_iter()
        .find_map(|fences| {
            let mut own_level = 0;
            let found = section(
                tasks,
                fences,
                |level, title| {
                    own_level = level;
                    is_section_of(level, title) == Some(wp)
                },
                |level, title| is_section_of(level, title).is_some(),
            )?;
            let content = tasks.get(found.content)?;
            Some(boxes(content, fences, own_level))
        })
}

/// The boxes of a section; a heading of the section's own level or above ends it.
fn boxes(content: &str, fences: Fences, own_level: usize) -> Vec<Subtask> {
    text_lines(content, fences)
        .map(|line| line.text)
        .take_while(|line| heading(line).is_none_or(|(level, _)| level > own_level))
        .filter_map(subtask)
        .collect()
}

/// The level of a work package's heading, and its id.
pub(super) fn work_package_heading(line: &str) -> Option<(usize, &str)> {
    let (level, title) = heading(line)?;
    is_section_of(level, title).map(|id| (level, id))
}

pub(super) fn subtask(line: &str) -> Option<Subtask> {
    let line = line.trim_start();
    let line = line.strip_prefix(['-', '*', '+'])?.trim_start();
    let (ticked, text) = match line.split_at_checked(3)? {
        ("[ ]", text) => (false, text),
        ("[x]" | "[X]", text) => (true, text),
        _ => return None,
    };
    text.starts_with([' ', '\t']).then(|| Subtask {
        text: text.trim().to_owned(),
        ticked,
    })
}

/// The id of the work package whose section a heading opens.
fn is_section_of(level: usize, title: &str) -> Option<&str> {
    if !(2..=4).contains(&level) {
        return None;
    }
    let title = title.strip_prefix("Work Package").unwrap_or(title);
    let title = title.trim_start();
    let (id, rest) = title.split_at_checked("WP01".len())?;
    let digits = id.strip_prefix("WP")?;
    let is_id = digits.bytes().all(|byte| byte.is_ascii_digit());
    let ends = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    (is_id && ends).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(tasks: &str, wp: &str) -> Vec<String> {
        subtasks(tasks, wp)
            .unwrap()
            .into_iter()
            .filter(|task| !task.ticked)
            .map(|task| task.text)
            .collect()
    }

    #[test]
    fn every_heading_form_of_the_real_files_opens_a_section() {
        for title in [
            "## Work Package WP01: Title (Priority: P0)",
            "### Work Package WP01",
            "### WP01: Template ⚡ CRITICAL ⚡",
            "#### WP01 - Title",
            "## WP01",
        ] {
            let tasks = format!("# All\n{title}\n### Included\n- [ ] T001 x\n");
            let tasks = tasks.replace("### Included", "##### Included");
            assert_eq!(open(&tasks, "WP01"), ["T001 x"], "{title}");
        }
    }

    #[test]
    fn a_section_ends_at_the_next_work_package_or_at_its_own_level() {
        let tasks = "## WP01: A\n### Sub\n- [ ] T001\n## Summary\n- [ ] T009\n### WP02: B\n- [X] T002\n- [x] T003\n";
        assert_eq!(open(tasks, "WP01"), ["T001"]);
        assert_eq!(open(tasks, "WP02"), Vec::<String>::new());
        assert_eq!(subtasks(tasks, "WP02").unwrap().len(), 2);
        assert_eq!(subtasks(tasks, "WP03"), None);
    }

    #[test]
    fn a_longer_id_is_another_work_package() {
        let tasks = "## WP04b: B\n- [ ] T001\n## WP041\n- [ ] T002\n## WP04: A\n- [ ] T003\n";
        assert_eq!(open(tasks, "WP04"), ["T003"]);
    }

    #[test]
    fn boxes_and_headings_in_code_are_examples() {
        let tasks = "## WP01: A\n```md\n- [ ] T001\n## WP02: no\n```\n- [ ] T002 real\n  * [ ] T003 nested\n";
        assert_eq!(open(tasks, "WP01"), ["T002 real", "T003 nested"]);
        assert_eq!(
            open("## WP01\n- [ ]T001\n- [] T002\n- [y] T003\n", "WP01"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn the_id_is_the_first_word() {
        let id = |text: &str| {
            let task = Subtask {
                text: text.into(),
                ticked: false,
            };
            task.id().map(str::to_owned)
        };
        assert_eq!(id("T001 [P] text"), Some("T001".into()));
        assert_eq!(id("T001: text"), Some("T001".into()));
        assert_eq!(id("**T001** text"), Some("T001".into()));
        assert_eq!(id("T001b text"), None);
        assert_eq!(id("Text"), None);
    }
}
