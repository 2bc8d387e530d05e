//! The new text of a work package file, by example.

use super::*;

fn change(to: Lane) -> Written {
    Written {
        reviewer: "Ada".into(),
        ..Written::to(to, "2026-02-04T11:41:17Z".into())
    }
}

const FILE: &str = "\u{feff}---\r\nwork_package_id: WP01\r\nlane: \"planned\"  # DO NOT EDIT\r\n\
    agent: ''\r\nhistory:\r\n- lane: planned\r\n---\r\n\r\n# T\r\n\r\n## Activity Log\r\n";

#[test]
fn a_move_changes_its_keys_and_adds_one_line() {
    let change = Written {
        agent: Some("claude".into()),
        assignee: Some("Ada L".into()),
        shell_pid: Some(4711),
        note: Some("Go".into()),
        ..change(Lane::Doing)
    };
    assert_eq!(
        edited(FILE, Lane::Planned, &change).unwrap(),
        "\u{feff}---\r\nwork_package_id: WP01\r\nlane: \"doing\"  # DO NOT EDIT\r\n\
         agent: 'claude'\r\nassignee: \"Ada L\"\r\nshell_pid: \"4711\"\r\nhistory:\r\n\
         - lane: planned\r\n---\r\n\r\n# T\r\n\r\n## Activity Log\r\n\
         - 2026-02-04T11:41:17Z – claude – shell_pid=4711 – lane=doing – Go\r\n"
    );
}

#[test]
fn what_is_not_given_comes_from_the_file() {
    let file = FILE.replace("agent: ''", "agent: codex\r\nshell_pid: 12");
    let after = edited(&file, Lane::Planned, &change(Lane::Doing)).unwrap();
    assert!(after.contains("– codex – shell_pid=12 – lane=doing – Moved to doing\r\n"));
    let after = edited(FILE, Lane::Planned, &change(Lane::Doing)).unwrap();
    assert!(after.contains("Z – unknown – lane=doing – Moved to doing\r\n"));
}

#[test]
fn done_means_approved_and_keeps_a_known_reviewer() {
    let done = |file: &str, change: &Written| {
        let after = edited(file, Lane::ForReview, change).unwrap();
        let data = Data::parse(Split::of(&after).unwrap().front).unwrap();
        (
            data.text("review_status").map(str::to_owned),
            data.text("reviewed_by").map(str::to_owned),
        )
    };
    let approved = |by: &str| (Some("approved".to_owned()), Some(by.to_owned()));
    assert_eq!(done(FILE, &change(Lane::Done)), approved("Ada"));
    let sent_back = FILE.replace(
        "agent: ''",
        "review_status: has_feedback\r\nreviewed_by: Bob",
    );
    assert_eq!(done(&sent_back, &change(Lane::Done)), approved("Bob"));
    let named = Written {
        reviewer_named: true,
        ..change(Lane::Done)
    };
    assert_eq!(done(&sent_back, &named), approved("Ada"));
}

#[test]
fn feedback_marks_the_file_and_fills_its_section() {
    let file = FILE.replace("# T\r\n", "# T\r\n\r\n## Review Feedback\r\n\r\nold\r\n");
    let change = Written {
        feedback: Some(Feedback {
            reviewer: "Ada".into(),
            date: "2026-02-04".into(),
            text: "Fix\n---\nlane: done\n".into(),
        }),
        ..change(Lane::Planned)
    };
    let after = edited(&file, Lane::ForReview, &change).unwrap();
    assert!(after.contains("review_status: \"has_feedback\"\r\nreviewed_by: \"Ada\"\r\nhistory"));
    assert!(after.contains("Fix\r\n---\r\nlane: done\r\n"));
    assert!(!after.contains("old"));
    assert_eq!(after.matches('\n').count(), after.matches("\r\n").count());
}

#[test]
fn a_file_that_cannot_be_edited_safely_is_refused() {
    let refused = |text: &str| edited(text, Lane::Planned, &change(Lane::Doing)).unwrap_err();
    assert!(matches!(refused("no"), EditFailure::Split(_)));
    assert!(matches!(refused("---\na: [\n---\n"), EditFailure::Data(_)));
    assert!(matches!(
        refused("---\nlane: &x planned\n---\n"),
        EditFailure::Front(_)
    ));
    let forged = FILE.replace("agent: ''", "agent: 'a – lane=done – b'");
    assert!(matches!(refused(&forged), EditFailure::Activity(_)));
}
