//! Ticking the boxes of tasks.md: one character a box, and nothing else.
//!
//! The first box of an id counts. Boxes in code fences are examples; only when
//! an id has no other box (files with fences that nobody can untangle exist) are
//! they looked at.

use std::collections::BTreeMap;

use super::edit::EditFailure;
use super::markdown::{Fences, heading, text_lines};
use super::tasks_md::{subtask, work_package_heading};

/// What a box says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Done.
    Ticked,
    /// Not done.
    Open,
}

/// What marking did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marked {
    /// The new text.
    pub text: String,
    /// The ids whose box changed, with the work package whose section they are in.
    pub changed: Vec<(String, Option<String>)>,
    /// The ids whose box said so already.
    pub unchanged: Vec<String>,
    /// The ids that have no box.
    pub missing: Vec<String>,
}

/// A box in a text.
struct Found {
    /// Offset of the character between the brackets.
    at: usize,
    ticked: bool,
    owner: Option<String>,
}

/// `tasks` with the boxes of `ids` marked.
///
/// # Errors
/// When the result would not read as intended.
pub(crate) fn mark(tasks: &str, ids: &[String], mark: Mark) -> Result<Marked, EditFailure> {
    let (boxes, all) = (
        boxes(tasks, Fences::Respected),
        boxes(tasks, Fences::Ignored),
    );
    let mut marked = Marked::default();
    let mut bytes = tasks.as_bytes().to_vec();
    for id in ids {
        let Some(found) = boxes.get(id).or_else(|| all.get(id)) else {
            marked.missing.push(id.clone());
            continue;
        };
        if found.ticked == (mark == Mark::Ticked) {
            marked.unchanged.push(id.clone());
            continue;
        }
        if let Some(byte) = bytes.get_mut(found.at) {
            *byte = if mark == Mark::Ticked { b'x' } else { b' ' };
        }
        marked.changed.push((id.clone(), found.owner.clone()));
    }
    marked.text = String::from_utf8(bytes).map_err(|_| EditFailure::Unsafe)?;
    if reads_as_intended(tasks, &marked, mark) {
        Ok(marked)
    } else {
        Err(EditFailure::Unsafe)
    }
}

fn reads_as_intended(before: &str, marked: &Marked, mark: Mark) -> bool {
    let (old, new) = (
        boxes(before, Fences::Ignored),
        boxes(&marked.text, Fences::Ignored),
    );
    let untouched = |id: &String| !marked.changed.iter().any(|(other, _)| other == id);
    let same = old.len() == new.len()
        && old.iter().all(|(id, found)| {
            let after = new.get(id).map(|found| found.ticked);
            !untouched(id) || after == Some(found.ticked)
        });
    let fenced = boxes(&marked.text, Fences::Respected);
    same && marked.changed.iter().all(|(id, _)| {
        let found = fenced.get(id).or_else(|| new.get(id));
        found.is_some_and(|found| found.ticked == (mark == Mark::Ticked))
    })
}

/// The first box of each id.
fn boxes(tasks: &str, fences: Fences) -> BTreeMap<String, Found> {
    let mut owner: Option<(usize, String)> = None;
    let mut found = BTreeMap::new();
    for line in text_lines(tasks, fences) {
        if let Some((level, id)) = work_package_heading(line.text) {
            owner = Some((level, id.to_owned()));
        } else if let Some((level, _)) = heading(line.text) {
            owner = owner.filter(|(own, _)| level > *own);
        }
        let Some(task) = subtask(line.text) else {
            continue;
        };
        if let (Some(id), Some(bracket)) = (task.id(), line.text.find('[')) {
            found.entry(id.to_owned()).or_insert_with(|| Found {
                at: line.start + bracket + 1,
                ticked: task.ticked,
                owner: owner.as_ref().map(|(_, id)| id.clone()),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(list: &[&str]) -> Vec<String> {
        list.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn every_form_of_a_box_is_ticked_and_unticked() {
        let tasks = "## WP01\r\n- [ ] T001 a\r\n  * [X] T002: b\r\n- [x] **T003** c\r\n";
        let once = mark(tasks, &ids(&["T001", "T002", "T009"]), Mark::Ticked).unwrap();
        assert_eq!(once.text, tasks.replace("[ ] T001", "[x] T001"));
        assert_eq!(once.unchanged, ["T002"]);
        assert_eq!(once.missing, ["T009"]);
        let open = mark(&once.text, &ids(&["T002", "T003"]), Mark::Open).unwrap();
        assert_eq!(
            open.text,
            once.text.replace("[X]", "[ ]").replace("[x] **", "[ ] **")
        );
    }

    #[test]
    fn the_owner_is_the_section_that_the_box_is_in() {
        let tasks = "- [ ] T001\n## WP01: A\n### Sub\n- [ ] T002\n## Other\n- [ ] T003\n### WP02\n- [ ] T004\n";
        let marked = mark(tasks, &ids(&["T001", "T002", "T003", "T004"]), Mark::Ticked).unwrap();
        let owners: Vec<Option<&str>> =
            marked.changed.iter().map(|(_, wp)| wp.as_deref()).collect();
        assert_eq!(owners, [None, Some("WP01"), None, Some("WP02")]);
    }

    #[test]
    fn examples_and_longer_ids_are_left_alone() {
        let tasks = "```\n- [ ] T001 example\n```\n- [ ] T0010 x\n- [ ] T001 real\n";
        let marked = mark(tasks, &ids(&["T001"]), Mark::Ticked).unwrap();
        assert_eq!(marked.text, tasks.replace("[ ] T001 real", "[x] T001 real"));
    }

    proptest! {
        #[test]
        fn only_the_asked_boxes_change(
            tasks in "(## WP0[1-3]: t\n|- \\[[ xX]\\] T00[1-5] é\n|```\n|text \\[ \\]\n|\r\n){0,30}",
            wanted in prop::collection::vec("T00[1-6]", 1..4),
        ) {
            if let Ok(marked) = mark(&tasks, &wanted, Mark::Ticked) {
                prop_assert_eq!(marked.text.len(), tasks.len());
                let differing = tasks.bytes().zip(marked.text.bytes()).filter(|(a, b)| a != b).count();
                prop_assert!(differing <= marked.changed.len());
                let again = mark(&marked.text, &wanted, Mark::Ticked).unwrap();
                prop_assert_eq!(again.changed.len(), 0);
                prop_assert_eq!(again.text, marked.text);
            }
        }
    }

    #[test]
    fn ticking_changes_one_box_and_says_whose_it_was() {
        let tasks = "## WP01: A\n- [ ] T001 x\n";
        let marked = mark(tasks, &["T001".to_owned()], Mark::Ticked).unwrap();
        assert_eq!(marked.text, "## WP01: A\n- [x] T001 x\n");
        assert_eq!(
            marked.changed,
            [("T001".to_owned(), Some("WP01".to_owned()))]
        );
    }
}
