//! What an agent's output means: pure.

/// What a reviewer decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is good.
    Approved,
    /// It has to be done again.
    Rejected,
    /// Nothing can be told.
    Unclear,
}

/// Why an agent failed, as far as that decides what is tried next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It may not work here; trying again is of no use.
    Auth,
    /// Anything that may pass.
    Other,
}

const REJECTING: [&str; 9] = [
    "changes_requested",
    "changes requested",
    "needs rework",
    "needs work",
    "please fix",
    "issues found",
    "not approved",
    "review failed",
    "tests failing",
];
const APPROVING: [&str; 6] = [
    "lgtm",
    "looks good",
    "review complete",
    "review passed",
    "all tests pass",
    "no issues found",
];

/// Reads a review. The last line that begins with APPROVED or REJECTED decides;
/// without one, phrases do, where they agree; else the exit code.
#[must_use]
pub(crate) fn verdict(output: &str, code: Option<i32>) -> Verdict {
    let lower = output.to_ascii_lowercase();
    let named = lower.lines().rev().find_map(|line| {
        let line = line.trim().trim_start_matches(['*', '#', '"', ' ']);
        let begins = |word: &str| {
            line.strip_prefix(word)
                .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        };
        match (begins("approved"), begins("rejected")) {
            (true, _) => Some(Verdict::Approved),
            (_, true) => Some(Verdict::Rejected),
            _ => None,
        }
    });
    if let Some(named) = named {
        return named;
    }
    // "not approved" and "no issues found" each hold a phrase of the other side.
    let against = lower.replace("no issues found", "");
    let favour = lower.replace("not approved", "");
    let rejects =
        against.contains("rejected") || REJECTING.iter().any(|phrase| against.contains(phrase));
    let approves =
        favour.contains("approved") || APPROVING.iter().any(|phrase| favour.contains(phrase));
    match (approves, rejects, code) {
        (true, false, _) => Verdict::Approved,
        (false, true, _) => Verdict::Rejected,
        (_, _, Some(0)) => Verdict::Approved,
        _ => Verdict::Unclear,
    }
}

/// Why an agent with this output failed.
pub(super) fn reason(output: &str, code: Option<i32>) -> Reason {
    let lower = output.to_ascii_lowercase();
    let words = [
        "unauthorized",
        "authentication",
        "not logged in",
        "invalid api key",
        "please log in",
    ];
    if code == Some(41) || words.iter().any(|word| lower.contains(word)) {
        Reason::Auth
    } else {
        Reason::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_decides_and_traps_are_none() {
        for (output, code, expected) in [
            (
                "REJECTED - tests\nthen fixed\n**APPROVED** - fine",
                Some(0),
                Verdict::Approved,
            ),
            ("approved?\nREJECTED: no tests", Some(0), Verdict::Rejected),
            ("no issues found", Some(1), Verdict::Approved),
            ("2 issues found", Some(0), Verdict::Rejected),
            ("Not approved.", Some(0), Verdict::Rejected),
            ("LGTM but needs work", Some(0), Verdict::Approved),
            ("LGTM but needs work", Some(1), Verdict::Unclear),
            ("", Some(0), Verdict::Approved),
            ("", Some(1), Verdict::Unclear),
            ("", None, Verdict::Unclear),
        ] {
            assert_eq!(verdict(output, code), expected, "{output}");
        }
    }

    #[test]
    fn the_last_word_decides_and_not_approved_is_a_no() {
        assert_eq!(
            verdict("fine\nAPPROVED - review complete\n", Some(0)),
            Verdict::Approved
        );
        assert_eq!(verdict("this is not approved", Some(0)), Verdict::Rejected);
    }
}
