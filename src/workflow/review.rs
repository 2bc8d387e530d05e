//! The `## Review Feedback` section of a work package.
//!
//! New feedback replaces the old (which stays in the git history). A rule that
//! closes the section stays. Headings of the feedback are lowered to the third
//! level at least, so that the section still ends where it ends.

use std::borrow::Cow;

use super::markdown::{Fences, heading, missing_fence, text_lines, titled_section};
use super::text::lines;

const TITLE: &str = "Review Feedback";

/// What a reviewer has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// Who reviewed.
    pub reviewer: String,
    /// The day, `2026-02-04`.
    pub date: String,
    /// The text, as Markdown.
    pub text: String,
}

/// `body` with `feedback` as the content of its `## Review Feedback` section.
/// A missing section is made before `## Activity Log`, else at the end.
#[must_use]
pub fn insert(body: &str, feedback: &Feedback, ending: &str) -> String {
    let text = rendered(feedback, ending);
    if let Some(section) = titled_section(body, TITLE) {
        let old = body.get(section.content.clone()).unwrap_or_default();
        let kept = closing_rule(old);
        let before = body
            .get(..section.content.end - old.len())
            .unwrap_or_default();
        let after = body.get(section.content.end..).unwrap_or_default();
        let gap = if before.ends_with('\n') { "" } else { ending };
        let blank = if kept.is_empty() && !after.is_empty() {
            ending
        } else {
            ""
        };
        return [before, gap, ending, &text, blank, kept, after].concat();
    }
    let at = titled_section(body, "Activity Log").map_or(body.len(), |log| log.heading.start);
    let (before, after) = body.split_at_checked(at).unwrap_or((body, ""));
    let gap = if before.is_empty() || before.ends_with('\n') {
        ""
    } else {
        ending
    };
    let blank = if after.is_empty() { "" } else { ending };
    [
        before, gap, ending, "## ", TITLE, ending, ending, &text, blank, after,
    ]
    .concat()
}

fn rendered(feedback: &Feedback, ending: &str) -> String {
    let mut text = format!(
        "**Reviewed by**: {}{ending}**Status**: ❌ Changes Requested{ending}**Date**: {}{ending}{ending}",
        feedback.reviewer, feedback.date
    );
    let source = without_closing_rules(feedback.text.trim_start_matches(['\n', '\r']));
    if source.is_empty() {
        // One blank line less: else each feedback without words adds one.
        text.truncate(text.len() - ending.len());
        return text;
    }
    // What is left of an odd line ending would become one with the new ending.
    let source: Vec<_> = lines(source, 0)
        .map(|line| line.text.trim_end_matches('\r'))
        .collect();
    let source = source.join("\n");
    let source = closed(&source, ending);
    let mut shown = text_lines(&source, Fences::Respected)
        .filter(|line| heading(line.text).is_some_and(|(level, _)| level < 3))
        .map(|line| line.start)
        .peekable();
    for line in lines(&source, 0) {
        if shown.next_if_eq(&line.start).is_some() {
            text.push_str("###");
            text.push_str(line.text.trim_start_matches('#'));
        } else {
            text.push_str(line.text);
        }
        text.push_str(ending);
    }
    text
}

/// `text` without the rules and blanks that end it: a rule there would be taken
/// for the one that closes the section.
fn without_closing_rules(text: &str) -> &str {
    let mut text = text.trim_end();
    loop {
        let rule = closing_rule(text);
        if rule.is_empty() {
            return text;
        }
        text = text.strip_suffix(rule).unwrap_or_default().trim_end();
    }
}

/// `text` without an open end: a fence that stays open would make what comes
/// after it look like code.
fn closed<'a>(text: &'a str, ending: &str) -> Cow<'a, str> {
    match missing_fence(text) {
        Some(fence) => [text, ending, &fence].concat().into(),
        None => text.into(),
    }
}

/// The part of an old section that is layout, not feedback: the last `---` line
/// with the blank lines around it, when nothing follows it.
fn closing_rule(content: &str) -> &str {
    let mut from = content.len();
    let mut rule = false;
    let all: Vec<_> = lines(content, 0).collect();
    for line in all.iter().rev() {
        match line.text.trim() {
            "" => {}
            "---" if !rule => rule = true,
            _ => break,
        }
        from = line.start;
    }
    if rule {
        content.get(from..).unwrap_or_default()
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feedback(text: &str) -> Feedback {
        Feedback {
            reviewer: "Ada".into(),
            date: "2026-02-04".into(),
            text: text.into(),
        }
    }

    const HEAD: &str =
        "**Reviewed by**: Ada\n**Status**: ❌ Changes Requested\n**Date**: 2026-02-04\n\n";

    #[test]
    fn new_feedback_replaces_the_old_and_keeps_the_rule() {
        let body = "# T\n\n## Review Feedback\n\n> old\n\n*[empty]*\n\n---\n\n## Next\n";
        let once = insert(body, &feedback("\nFix it.\n\n"), "\n");
        assert_eq!(
            once,
            format!("# T\n\n## Review Feedback\n\n{HEAD}Fix it.\n\n---\n\n## Next\n")
        );
        assert_eq!(
            insert(&once, &feedback("Fix it."), "\n"),
            once,
            "twice is once"
        );
    }

    /// Found by fuzzing: a blank line came with each.
    #[test]
    fn feedback_without_words_adds_nothing_the_second_time() {
        let body = "## Review Feedback\n\n*none*\n\n---\n\n## Next\n";
        let once = insert(body, &feedback("\n"), "\n");
        assert_eq!(
            once,
            format!("## Review Feedback\n\n{HEAD}---\n\n## Next\n")
        );
        assert_eq!(insert(&once, &feedback(""), "\n"), once);
    }

    /// Found by fuzzing: each time one more rule was kept.
    #[test]
    fn feedback_that_ends_in_a_rule_adds_none_the_second_time() {
        for text in ["Fix it.\n\n---\n", "Fix it.\n---\n\n---", "Fix it."] {
            let once = insert("# T\n", &feedback(text), "\n");
            assert_eq!(
                once,
                format!("# T\n\n## Review Feedback\n\n{HEAD}Fix it.\n")
            );
            assert_eq!(insert(&once, &feedback(text), "\n"), once);
        }
    }

    #[test]
    fn headings_of_the_feedback_do_not_end_the_section() {
        let body = "## Review Feedback\n\nold\n## Next\n";
        let text = "# One\n```\n# code\n```\n## Two\n### Three";
        let once = insert(body, &feedback(text), "\n");
        assert_eq!(
            once,
            format!(
                "## Review Feedback\n\n{HEAD}### One\n```\n# code\n```\n### Two\n### Three\n\n## Next\n"
            )
        );
        let again = insert(&once, &feedback("short"), "\n");
        assert_eq!(
            again,
            format!("## Review Feedback\n\n{HEAD}short\n\n## Next\n")
        );
    }

    /// Found by fuzzing: `##` and two carriage returns were no heading until they
    /// were written.
    #[test]
    fn an_odd_line_ending_makes_no_heading_of_a_line() {
        let text = "Fix\n##\r\r\nit";
        let once = insert("# T\n", &feedback(text), "\n");
        assert!(once.ends_with("Fix\n###\nit\n"), "{once:?}");
        assert_eq!(insert(&once, &feedback(text), "\n"), once);
    }

    #[test]
    fn a_missing_section_is_made_before_the_log() {
        let body = "# T\n\n## Activity Log\n- x\n";
        assert_eq!(
            insert(body, &feedback("Fix"), "\n"),
            format!("# T\n\n\n## Review Feedback\n\n{HEAD}Fix\n\n## Activity Log\n- x\n")
        );
        assert!(insert("text", &feedback("Fix"), "\n").starts_with("text\n\n## Review Feedback\n"));
    }

    #[test]
    fn the_line_ending_is_that_of_the_file() {
        let body = "## Review Feedback\r\n\r\n---\r\n\r\n## Next\r\n";
        let after = insert(body, &feedback("a\nb\r\nc"), "\r\n");
        assert_eq!(after.matches('\n').count(), after.matches("\r\n").count());
    }

    /// Found by fuzzing: the activity log behind such feedback looked like code,
    /// and the next feedback took it along.
    #[test]
    fn feedback_with_an_open_fence_costs_nothing_that_stands_behind_it() {
        let body = "# T\n\n## Review Feedback\n\nold\n\n## Activity Log\n\n- one\n```\n- two\n";
        let once = insert(body, &feedback("see:\n```rust\n# attribute"), "\n");
        assert!(once.contains("```rust\n# attribute\n```\n"), "{once}");
        let twice = insert(&once, &feedback("better"), "\n");
        assert!(
            twice.contains("## Activity Log\n\n- one\n```\n- two\n"),
            "{twice}"
        );
        assert!(!twice.contains("attribute"), "{twice}");
    }
}
