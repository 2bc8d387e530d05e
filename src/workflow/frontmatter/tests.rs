//! Front matter edits: what changes, what stays, what is refused.

use super::*;

fn set(front: &str, key: &str, value: &str) -> Result<String, EditError> {
    super::set(front, key, value, "\n")
}

use proptest::prelude::*;

#[test]
fn only_the_value_changes_and_everything_around_it_stays() {
    let front =
        "\"lane\" : 'planned'   # DO NOT EDIT\r\nagent:  # who\r\ntitle: \"a \\\"b\\\"\"\r\n";
    let front = set(front, "lane", "doing").unwrap();
    let front = set(&front, "agent", "claude").unwrap();
    assert_eq!(
        front,
        "\"lane\" : 'doing'   # DO NOT EDIT\r\nagent: \"claude\"  # who\r\ntitle: \"a \\\"b\\\"\"\r\n"
    );
}

#[test]
fn an_empty_value_does_not_swallow_the_next_line() {
    let front = "assignee:\nagent: claude\n";
    assert_eq!(
        set(front, "assignee", "Ada").unwrap(),
        "assignee: \"Ada\"\nagent: claude\n"
    );
}

#[test]
fn a_missing_key_goes_before_the_history_or_to_the_end() {
    assert_eq!(
        set("lane: doing\nhistory:\n- lane: planned\n", "agent", "x").unwrap(),
        "lane: doing\nagent: \"x\"\nhistory:\n- lane: planned\n"
    );
    assert_eq!(
        set("lane: doing\r\n", "agent", "x").unwrap(),
        "lane: doing\r\nagent: \"x\"\r\n"
    );
    assert_eq!(set("", "agent", "x").unwrap(), "agent: \"x\"\n");
}

#[test]
fn a_nested_key_of_the_same_name_is_not_touched() {
    let front = "history:\n- timestamp: 'x'\n  lane: planned\nlane: doing\n";
    assert_eq!(
        set(front, "lane", "done").unwrap(),
        "history:\n- timestamp: 'x'\n  lane: planned\nlane: done\n"
    );
    let block = "note: |\n  lane: planned\n\n  more\nlane: doing\n";
    assert!(
        set(block, "lane", "done")
            .unwrap()
            .contains("  lane: planned\n")
    );
}

#[test]
fn a_value_that_is_more_than_one_line_is_refused_with_its_line() {
    for front in [
        "a: 1\nagent:\n  name: x\n",
        "a: 1\nagent:\n- x\n",
        "a: 1\nagent: one\n  two\n",
        "a: 1\nagent: |\n  x\n",
        "a: 1\nagent: [x]\n",
        "a: &x 1\nagent: *x\n",
    ] {
        assert_eq!(
            set(front, "agent", "y"),
            Err(EditError::NotSimple {
                key: "agent".into(),
                line: 3
            }),
            "{front:?}"
        );
    }
}

#[test]
fn a_key_that_only_looks_like_one_is_never_written_to() {
    // The look-alike is part of a text that runs over lines, down to column 0.
    let front = "title: \"one\nlane: planned\n two\"\nlane: doing\n";
    match set(front, "lane", "done") {
        Ok(edited) => assert!(edited.contains("\nlane: planned\n two"), "{edited}"),
        Err(error) => assert!(matches!(
            error,
            EditError::Unsafe { .. } | EditError::Data(_) | EditError::NotSimple { .. }
        )),
    }
    assert!(set("? lane\n: doing\n", "lane", "done").is_err());
    assert!(set("{lane: doing, agent: x}\n", "lane", "done").is_err());
    assert!(set("lane: a\nlane: b\n", "lane", "done").is_err());
}

/// The lines that differ, given that at most one line was added.
fn changed_lines<'a>(before: &'a str, after: &'a str) -> Vec<(&'a str, &'a str)> {
    let (old, new): (Vec<_>, Vec<_>) = (before.split('\n').collect(), after.split('\n').collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..]
        .iter()
        .rev()
        .zip(new[head..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (old, new) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    if old.is_empty() {
        return new.iter().map(|line| ("", *line)).collect();
    }
    old.iter().copied().zip(new.iter().copied()).collect()
}

const KEYS: [&str; 6] = [
    "lane",
    "agent",
    "assignee",
    "shell_pid",
    "review_status",
    "reviewed_by",
];

fn entry() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "title",
        "phase",
        "tags",
        "history",
        "x-y",
        "deps",
        "note",
        "lane",
        "agent",
        "assignee",
        "reviewed_by",
    ]);
    let value = prop::sample::select(vec![
        "",
        " ''",
        " \"\"",
        " plain text",
        " 'it''s'",
        " \"a \\\" # b\"",
        " x  # comment",
        " # c",
        " []",
        " [WP01, \"WP02\"]",
        "\n- WP01\n- WP02",
        "\n  - lane: planned\n    agent: ''",
        " |\n  lane: x\n\n  agent: y",
        " >-\n  folded\n  text",
        " {a: 1}",
        " 2026-01-01T00:00:00Z",
    ]);
    (name, value).prop_map(|(name, value)| format!("{name}:{value}\n"))
}

proptest! {
    #[test]
    fn an_edit_changes_one_line_and_reads_as_intended(
        entries in prop::collection::vec(entry(), 0..8),
        key in prop::sample::select(KEYS.to_vec()),
        value in "[a-zA-Z0-9 :#'\"\\\\é–-]{0,12}",
        crlf in any::<bool>(),
    ) {
        let mut front = entries.concat();
        if crlf {
            front = front.replace('\n', "\r\n");
        }
        let ending = if crlf { "\r\n" } else { "\n" };
        if let Ok(edited) = super::set(&front, key, &value, ending) {
            let changed = changed_lines(&front, &edited);
            prop_assert!(changed.len() <= 1, "{front:?} -> {edited:?}");
            if let [(old, new)] = changed.as_slice() {
                let comment = old.rsplit_once(" #").map(|(_, comment)| comment);
                prop_assert!(new.starts_with(key), "{front:?} -> {edited:?}");
                if let (Some(comment), false) = (comment, old.contains('"')) {
                    prop_assert!(new.ends_with(comment), "{front:?} -> {edited:?}");
                }
            }
            prop_assert_eq!(
                edited.matches("\r\n").count() == edited.matches('\n').count(),
                crlf || !edited.contains('\n')
            );
        }
    }
}
