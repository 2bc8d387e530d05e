//! The Markdown of tasks.md and of work packages. Input: the length of a note
//! (1 byte), the note, then the text of the file.
//!
//! Promised: no panic; a subtask is found in one section only or in none; an
//! activity entry that is appended is read back, and no line is lost; feedback
//! replaces the feedback before it, whatever fences it leaves open.

use spec_kitty::workflow::activity::{Entry, append, entries};
use spec_kitty::workflow::review::{Feedback, insert};
use spec_kitty::workflow::tasks_md::subtasks;

use super::input::Input;

/// Reads and edits the text and holds the results to the promises.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let length = usize::from(input.byte());
    let (Ok(note), Ok(text)) = (
        std::str::from_utf8(input.take(length)),
        std::str::from_utf8(input.0),
    ) else {
        return;
    };
    let boxes = text.matches('[').count();
    for wp in ["WP01", "WP02"] {
        let found = subtasks(text, wp).unwrap_or_default();
        assert!(found.len() <= boxes, "more subtasks than boxes");
    }
    activity(text, note);
    feedback(text, note);
}

fn activity(body: &str, note: &str) {
    let entry = Entry {
        timestamp: "2026-02-04T11:41:17Z".to_owned(),
        agent: "claude".to_owned(),
        shell_pid: String::new(),
        lane: "doing".to_owned(),
        note: note.to_owned(),
    };
    let Ok(after) = append(body, &entry, "\n") else {
        return;
    };
    let found = entries(&after);
    assert!(found.contains(&entry), "the entry is not read back");
    assert_eq!(
        found.len(),
        entries(body).len() + 1,
        "another entry came or went"
    );
    // A `\r` that ended the file is part of a line ending now.
    let lines = |text: &'_ str| -> Vec<String> {
        let lines = text
            .lines()
            .map(|line| line.trim_end_matches('\r').to_owned());
        lines.collect()
    };
    let after = lines(&after);
    let mut rest = after.iter();
    let kept = lines(body)
        .iter()
        .all(|line| rest.any(|other| other == line));
    assert!(kept, "a line was lost");
}

fn feedback(body: &str, text: &str) {
    let feedback = Feedback {
        reviewer: "ada".to_owned(),
        date: "2026-02-04".to_owned(),
        text: text.to_owned(),
    };
    let once = insert(body, &feedback, "\n");
    let twice = insert(&once, &feedback, "\n");
    // A fence that the file leaves open may take up with one in the feedback.
    if !body.contains("```") && !body.contains("~~~") {
        assert_eq!(twice, once, "the old feedback was not replaced");
    }
}
