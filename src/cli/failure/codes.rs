//! Every error code there is, with the exits it may come with and what it
//! means: the table behind `help exit-codes` and the documents.
//!
//! Codes are words of the contract: scripts compare them. A test reads the
//! sources and fails when one of them is not here, or stands here for nothing.

use crate::cli::exit::Exit;

/// One error code.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// The word.
    pub word: &'static str,
    /// The exit codes it may come with.
    pub exits: &'static [Exit],
    /// What it means, in one line for people.
    pub about: &'static str,
}

impl Code {
    /// Its exit codes as text, with `between` them.
    #[must_use]
    pub fn exits_as_text(&self, between: &str) -> String {
        let codes = self.exits.iter().map(|exit| exit.code().to_string());
        codes.collect::<Vec<_>>().join(between)
    }
}

const fn code(word: &'static str, exits: &'static [Exit], about: &'static str) -> Code {
    Code { word, exits, about }
}

const BUSY: &[Exit] = &[Exit::Busy];
const DAMAGE: &[Exit] = &[Exit::Damage];
const FAILED: &[Exit] = &[Exit::Failed];
const HELD: &[Exit] = &[Exit::Held];
const NEWER: &[Exit] = &[Exit::Newer];
const NO_ANSWER: &[Exit] = &[Exit::NoAnswer];
const NOT_FOUND: &[Exit] = &[Exit::NotFound];
const PARTLY: &[Exit] = &[Exit::Partly];
const USAGE: &[Exit] = &[Exit::Usage];

/// All codes, in groups for people.
pub const CODES: &[(&str, &[Code])] = &[
    ("Any command", ANYWHERE),
    ("The log", LOG),
    ("Delivery state", STATE),
    ("Sending", SENDING),
    ("A gate that is closed", GATES),
    ("No usable answer", ANSWERS),
    ("Account and settings", ACCOUNT),
    ("Project and plan", PROJECT),
    ("Git", GIT),
    ("Work packages", WORK),
    ("Orchestration", ORCHESTRATION),
    ("Import and export", IMPORT),
    ("Demo and reference server", DEMO),
];

#[rustfmt::skip]
const ANYWHERE: &[Code] = &[
    code("usage", USAGE, "the command line is not understood"),
    code("no-such-topic", USAGE, "help was asked for something that does not exist"),
    code("needs-yes", &[Exit::NeedsYes], "there is no terminal to ask on; --yes goes ahead"),
    code("home", FAILED, "the home cannot be found or made"),
    code("no-directory", FAILED, "the working directory cannot be told"),
    code("output", FAILED, "the output cannot be written"),
    code("stdin", FAILED, "the input cannot be read"),
    code("exists", FAILED, "a file is there already, and is not replaced"),
    code("bundle", FAILED, "the report of doctor cannot be written"),
    code("fix", FAILED, "something could not be mended; what was done before is done"),
    code("signals", FAILED, "the system does not let signals be watched"),
    code("man", FAILED, "the manual pages cannot be written"),
    code("internal", FAILED, "a defect of this program; please report it"),
];

#[rustfmt::skip]
const LOG: &[Code] = &[
    code("invalid-event", USAGE, "the event is not valid; the message says where"),
    code("event-too-large", USAGE, "the event is larger than any event may be"),
    code("event-refused", USAGE, "the event cannot be recorded as it is"),
    code("payload-unreadable", FAILED, "the file or the input with the payload cannot be read"),
    code("partly-recorded", PARTLY, "of many events, some were refused; the others are recorded"),
    code("busy", BUSY, "another process held a lock past the deadline"),
    code("log-busy", BUSY, "another process is writing to the log"),
    code("log-full", FAILED, "the log may not grow further"),
    code("backlog-full", FAILED, "as many events wait for delivery as may"),
    code("disk-full", FAILED, "the disk is full; nothing was recorded"),
    code("home-not-writable", FAILED, "the home may not be written to"),
    code("log-io", FAILED, "the log cannot be written"),
    code("log", FAILED, "the log cannot be read or tidied up"),
    code("not-written", FAILED, "the event was not written"),
    code("unknown-outcome", FAILED, "whether the event is on disk is not known; look before trying again"),
    code("closed", FAILED, "the emitter was closed before"),
    code("clock-exhausted", FAILED, "no larger clock value exists"),
    code("newer-log", NEWER, "the log was written by a newer version"),
    code("log-damaged", DAMAGE, "part of the log cannot be read; the rest was exported"),
    code("no-such-event", NOT_FOUND, "no event has this id or number"),
    code("ambiguous-id", USAGE, "several events' ids begin so"),
    code("changed", FAILED, "the log changed while the plan was read; nothing was done"),
];

#[rustfmt::skip]
const STATE: &[Code] = &[
    code("state", FAILED, "the state store cannot be used"),
    code("state-copy", FAILED, "there is no room for the copy of the state store that is looked at"),
    code("state-busy", BUSY, "another process is using the state store"),
    code("newer", NEWER, "the state was written by a newer version"),
    code("view-damaged", DAMAGE, "the copy of the ledger for readers is damaged; the next sync makes it anew"),
    code("ledger", DAMAGE, "the delivery ledger cannot be used"),
    code("ledger-full", PARTLY, "more events are refused than can be kept track of"),
];

#[rustfmt::skip]
const SENDING: &[Code] = &[
    code("sender-busy", BUSY, "another process is sending"),
    code("refused", PARTLY, "the server refused some events"),
    code("report", FAILED, "the report of refused events cannot be written"),
    code("no-such-target", NOT_FOUND, "no target is called so"),
    code("daemon", FAILED, "the background sender cannot be started or asked"),
    code("daemon-busy", BUSY, "the background sender did not stop in time"),
    code("daemon-running", BUSY, "the background sender is running already"),
];

#[rustfmt::skip]
const GATES: &[Code] = &[
    code("sync", HELD, "sending is turned off"),
    code("signed-in", HELD, "nobody is signed in, or the session has ended"),
    code("team", HELD, "the account has no team"),
    code("project", HELD, "no project may send, or none is known for these events"),
    code("server", HELD, "the server does not take events now"),
    code("wait", HELD, "the server asked to wait"),
    code("network", &[Exit::Held, Exit::NoAnswer], "the network cannot be reached"),
];

/// What a pass may end with when there was no usable answer.
#[rustfmt::skip]
pub(in crate::cli) const ANSWERS: &[Code] = &[
    code("dns", NO_ANSWER, "the server's name has no address"),
    code("unreachable", NO_ANSWER, "the server cannot be reached"),
    code("timeout", NO_ANSWER, "no answer came in time"),
    code("tls", NO_ANSWER, "the connection cannot be made safe"),
    code("proxy", NO_ANSWER, "the proxy refuses or cannot be used"),
    code("ca-file", FAILED, "the file of certificates cannot be used"),
    code("throttled", NO_ANSWER, "the server asks to wait longer than this command does"),
    code("unauthorized", NO_ANSWER, "the server does not accept the session"),
    code("refresh-refused", NO_ANSWER, "the server does not renew the session"),
    code("forbidden", NO_ANSWER, "the server forbids it"),
    code("no-such-server", NO_ANSWER, "there is no such service at this address"),
    code("version-mismatch", NO_ANSWER, "server and program do not speak the same version"),
    code("too-large", NO_ANSWER, "the server takes no request of this size"),
    code("server-error", NO_ANSWER, "the server failed"),
    code("server-refused", NO_ANSWER, "the server refused the sign-in for another reason"),
    code("redirect", NO_ANSWER, "the server points elsewhere; that is not followed"),
    code("bad-answer", NO_ANSWER, "the answer to the sign-in is not understood"),
    code("unusable-answer", NO_ANSWER, "the answer is not understood"),
    code("unconfirmed", NO_ANSWER, "the answer says nothing of what was sent"),
    code("refused-request", NO_ANSWER, "the server refused the request as a whole"),
];

#[rustfmt::skip]
const ACCOUNT: &[Code] = &[
    code("invalid-credentials", FAILED, "the server does not know this user and password"),
    code("credentials", FAILED, "the credentials file cannot be used"),
    code("credentials-busy", BUSY, "another process is signing in"),
    code("config", FAILED, "config.toml cannot be read or written; it is as it was"),
    code("config-busy", BUSY, "another process is changing the settings"),
    code("unknown-setting", USAGE, "there is no such setting"),
];

#[rustfmt::skip]
const PROJECT: &[Code] = &[
    code("no-project", NOT_FOUND, "no project is here"),
    code("no-such-feature", NOT_FOUND, "there is no such feature"),
    code("invalid-feature", USAGE, "this cannot be the name of a feature"),
    code("feature-undecided", USAGE, "several features are here and none was named"),
    code("feature-outside", FAILED, "the feature's directory leads out of the project"),
    code("no-meta", FAILED, "the feature has no meta.json"),
    code("bad-meta", FAILED, "the feature's meta.json is not understood"),
    code("no-tasks-file", NOT_FOUND, "the feature has no tasks.md"),
    code("no-work-packages", NOT_FOUND, "the feature has no work packages"),
    code("self-dependency", FAILED, "a work package depends on itself"),
    code("unknown-dependency", FAILED, "a work package depends on one that does not exist"),
    code("circular-dependencies", FAILED, "work packages depend on each other in a circle"),
    code("bad-dependencies", FAILED, "the dependencies of the feature are not usable"),
    code("not-acceptable", FAILED, "something is missing before the feature can be accepted"),
    code("file", FAILED, "a file of the project cannot be read or written"),
    code("file-changed", FAILED, "a file changed while it was being edited; it is as it was"),
    code("file-too-large", FAILED, "a file is larger than any plan"),
    code("not-a-file", FAILED, "what stands there is not a regular file"),
    code("not-utf8", FAILED, "a file is not UTF-8"),
    code("unsafe-edit", FAILED, "the edit would change more than it should; the file is as it was"),
];

#[rustfmt::skip]
const GIT: &[Code] = &[
    code("git", FAILED, "git failed"),
    code("git-missing", FAILED, "git is not installed"),
    code("git-in-progress", FAILED, "a merge or a rebase is under way"),
    code("no-repository", FAILED, "this is no git repository"),
    code("repository-lock", FAILED, "the lock in the git directory cannot be used"),
    code("no-commit", FAILED, "the repository has no commit"),
    code("detached-head", FAILED, "the repository is on no branch"),
    code("no-target-branch", FAILED, "the feature's branch does not exist"),
    code("other-branch", FAILED, "the repository is on another branch than the feature's"),
    code("in-worktree", FAILED, "this runs in the main repository only"),
    code("conflict", &[Exit::Failed, Exit::NoAnswer], "a file has conflicts; from a server: it holds another event by this id"),
    code("uncommitted-planning", FAILED, "the plan has changes that are not committed"),
    code("merge-conflict", FAILED, "a work package conflicts with what is merged"),
    code("merge-unfinished", FAILED, "a merge was interrupted"),
    code("nothing-to-resume", FAILED, "no merge was interrupted"),
    code("not-mergeable", FAILED, "the checks before a merge found something; nothing was merged"),
    code("not-merged", FAILED, "not all could be merged"),
    code("other-feature", FAILED, "the interrupted merge is of another feature"),
];

#[rustfmt::skip]
const WORK: &[Code] = &[
    code("no-such-work-package", NOT_FOUND, "there is no such work package"),
    code("ambiguous-work-package", FAILED, "several files claim this id"),
    code("invalid-work-package", USAGE, "this cannot be the id of a work package"),
    code("no-such-subtask", NOT_FOUND, "tasks.md has no such subtask"),
    code("unknown-lane", USAGE, "there is no such lane"),
    code("bad-lane", FAILED, "the file names a lane that does not exist"),
    code("bad-front-matter", FAILED, "the head of the file is not understood"),
    code("old-layout", FAILED, "the work package is in the old layout of directories"),
    code("agent-mismatch", FAILED, "another agent is at it"),
    code("feedback-needed", FAILED, "a move back needs the reviewer's words"),
    code("review-feedback", FAILED, "the file with the reviewer's words cannot be used"),
    code("open-subtasks", FAILED, "subtasks are open"),
    code("worktree", FAILED, "the worktree is not ready for review"),
    code("dependency-not-begun", FAILED, "a work package that this one needs was not begun"),
    code("base-conflict", FAILED, "what the work package needs does not merge cleanly"),
    code("not-a-worktree", FAILED, "something else stands where the worktree should be"),
    code("worktree-branch", FAILED, "the worktree is on another branch"),
];

#[rustfmt::skip]
const ORCHESTRATION: &[Code] = &[
    code("bad-configuration", FAILED, "a file under .kittify/ is not usable"),
    code("no-agent", FAILED, "no agent is installed"),
    code("no-such-agent", NOT_FOUND, "no agent is called so"),
    code("no-orchestration", NOT_FOUND, "there is no run"),
    code("orchestration-running", BUSY, "a run is under way"),
    code("orchestration-unfinished", FAILED, "a run was not finished"),
    code("orchestration-completed", FAILED, "the run is complete"),
    code("not-skippable", FAILED, "this work package cannot be skipped"),
    code("work-packages-failed", FAILED, "some work packages failed"),
];

#[rustfmt::skip]
const IMPORT: &[Code] = &[
    code("not-found", &[Exit::NotFound, Exit::NoAnswer], "there is no such file; from a server: no such address"),
    code("nothing-to-import", NOT_FOUND, "the directory holds nothing to import"),
    code("not-a-queue", FAILED, "the file is none that can be imported"),
    code("partly-imported", PARTLY, "some rows were refused; they are named and kept"),
    code("import-busy", BUSY, "another import is running"),
    code("import-store", FAILED, "there is no room for what the import has to sort"),
    code("import-io", FAILED, "a file of the import or export cannot be read or written"),
];

#[rustfmt::skip]
const DEMO: &[Code] = &[
    code("demo", &[Exit::Failed, Exit::Damage], "the demo could not be played, or proved something else"),
    code("no-git", FAILED, "the demo needs git"),
    code("port", FAILED, "the port is taken"),
    code("dev-server", FAILED, "the reference server failed"),
    code("dev-server-data", &[Exit::Failed, Exit::Damage], "the reference server's data cannot be used"),
];

/// The code called `word`.
#[must_use]
pub fn find(word: &str) -> Option<&'static Code> {
    CODES
        .iter()
        .flat_map(|(_, codes)| *codes)
        .find(|code| code.word == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_one_word_once_and_ends_with_no_success() {
        let mut seen = BTreeSet::new();
        for code in CODES.iter().flat_map(|(_, codes)| *codes) {
            assert!(seen.insert(code.word), "{} is there twice", code.word);
            let is_kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(code.word.chars().all(is_kebab), "{}", code.word);
            assert!(!code.exits.is_empty() && !code.exits.contains(&Exit::Done));
            assert!(
                !code.about.ends_with('.') && code.about.len() < 90,
                "{}",
                code.word
            );
        }
    }
}
