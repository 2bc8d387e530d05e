//! The variables that the program reads: one table, from which `help
//! environment` and the documents are made.
//!
//! The twins of options are not listed here; they are read from the command
//! tree. A test walks that tree: each option has a twin or is among those that
//! are listed here as having none, with the reason.

use clap::Command;

use crate::config::KEYS;

/// A variable of the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// The option or the setting that it stands for, if it does.
    pub twin_of: Option<String>,
    /// One line for people.
    pub about: String,
}

/// Variables that are no twin of an option: their names and what they do.
const ALONE: &[(&str, &str)] = &[
    (
        "SPEC_KITTY_PASSWORD",
        "the password for `auth login`; it is never an argument",
    ),
    (
        "SPEC_KITTY_SYNC_DISABLE",
        "1 keeps this process and its children from sending",
    ),
    (
        "SPEC_KITTY_NO_DAEMON",
        "1 keeps commands from starting the background sender",
    ),
    (
        "SPEC_KITTY_LOCK_TIMEOUT",
        "how long to wait for other writers: 2, 500ms [default: 5s; at most a minute]",
    ),
    (
        "SPEC_KITTY_DEV_PASSWORD",
        "the password of all accounts of `dev-server`",
    ),
    (
        "SPEC_KITTY_FORCE_TTY",
        "lay stdout out as for a terminal although it is none",
    ),
    (
        "SPECIFY_FEATURE",
        "the feature that workflow commands work on: --feature, for all of them",
    ),
    (
        "SPECIFY_REPO_ROOT",
        "the project, wherever a command is run",
    ),
];

/// Variables of others that are honoured.
const OF_OTHERS: &[(&str, &str)] = &[
    ("NO_COLOR", "no colour, whatever its value"),
    ("CLICOLOR_FORCE", "colour also where there is no terminal"),
    ("CLICOLOR", "0: no colour"),
    ("TERM", "dumb: no colour"),
    ("COLUMNS", "how wide the output may be"),
    (
        "HTTPS_PROXY, NO_PROXY",
        "the proxy to the server; also HTTP_PROXY and ALL_PROXY",
    ),
    (
        "SSL_CERT_FILE",
        "the certificates of the system, where the platform reads it",
    ),
    ("USER", "who accepts, where `accept` is not told"),
    (
        "TMPDIR",
        "where imports keep what they sort, and repairs a copy of the ledger",
    ),
];

/// What the agents of `orchestrate` find set.
const FOR_AGENTS: &[(&str, &str)] = &[
    ("SPEC_KITTY_WP", "the work package they are at"),
    ("SPEC_KITTY_ROLE", "implementer or reviewer"),
];

/// Options without a twin, and why.
pub const WITHOUT: &[(&str, &str)] = &[
    ("--abort", ONE_CALL),
    ("--actor", WHO),
    ("--after", ONE_LOOK),
    ("--agent", WHO),
    ("--assignee", WHO),
    ("--auto-commit", ONE_CALL),
    ("--base", ONE_CALL),
    ("--bundle", ONE_CALL),
    ("--causation", ONE_CALL),
    ("--cleanup", ONE_CALL),
    ("--dir", ONE_CALL),
    ("--dry-run", ONE_CALL),
    ("--entry-type", ONE_CALL),
    (
        "--feature",
        "the workflow commands read SPECIFY_FEATURE themselves; as a filter it belongs to one look",
    ),
    ("--fix", SAFEGUARD),
    ("--follow", ONE_LOOK),
    ("--force", SAFEGUARD),
    ("--format", ONE_CALL),
    ("--from", SAFEGUARD),
    ("--grep", ONE_LOOK),
    ("--idle-exit", ONE_LOOK),
    ("--implementer", PROJECT),
    ("--keep", ONE_CALL),
    ("--keep-branch", ONE_CALL),
    ("--keep-worktree", ONE_CALL),
    ("--lamport", ONE_LOOK),
    ("--lenient", SAFEGUARD),
    ("--limit", ONE_LOOK),
    (
        "--lines",
        "a forgotten variable would silently shorten what --since asks for",
    ),
    ("--max-parallel", PROJECT),
    ("--mode", ONE_CALL),
    ("--no-auto-commit", ONE_CALL),
    ("--no-commit", ONE_CALL),
    ("--node", ONE_LOOK),
    ("--note", ONE_CALL),
    (
        "--output",
        "SPEC_KITTY_JSON is the switch for programs; the other forms belong to one look",
    ),
    (
        "--password-stdin",
        "SPEC_KITTY_PASSWORD holds the password itself",
    ),
    ("--payload", ONE_CALL),
    ("--probe", ONE_CALL),
    ("--push", SAFEGUARD),
    ("--report", ONE_CALL),
    ("--resume", ONE_CALL),
    ("--reverse", ONE_LOOK),
    ("--review-feedback-file", ONE_CALL),
    ("--reviewer", WHO),
    ("--shell-pid", ONE_CALL),
    ("--since", ONE_LOOK),
    ("--skip", ONE_CALL),
    ("--state", ONE_LOOK),
    ("--status", ONE_CALL),
    ("--stdin", ONE_CALL),
    ("--strategy", ONE_CALL),
    ("--target", ONE_CALL),
    ("--team", ONE_LOOK),
    ("--test", ONE_CALL),
    ("--to", ONE_CALL),
    ("--type", ONE_LOOK),
    ("--undelivered", ONE_LOOK),
    ("--until", ONE_LOOK),
    ("--user", SAFEGUARD),
    ("--wp", ONE_LOOK),
    ("--yes", SAFEGUARD),
];

const ONE_CALL: &str = "belongs to one call";
const ONE_LOOK: &str = "belongs to one look at the log";
const PROJECT: &str = "has its place in the project's .kittify/agents.yaml";
const SAFEGUARD: &str = "a safeguard is lifted, or consent given, by hand and each time";
const WHO: &str = "who acts is said each time, or a forgotten variable would sign for others";

/// All variables in groups, for people; `tree` is the command tree.
#[must_use]
pub fn groups(tree: &Command) -> Vec<(&'static str, Vec<Variable>)> {
    let plain = |table: &[(&str, &str)]| {
        let variable = |(name, about): &(&str, &str)| Variable {
            name: (*name).to_owned(),
            twin_of: None,
            about: (*about).to_owned(),
        };
        table.iter().map(variable).collect::<Vec<_>>()
    };
    let mut twins = Vec::new();
    of_options(tree, "", &mut twins);
    let mut settings = Vec::new();
    for key in KEYS {
        let name = key.variable.unwrap_or_default();
        if !name.is_empty() && !twins.iter().any(|twin| twin.name == name) {
            settings.push(Variable {
                name: name.to_owned(),
                twin_of: Some(key.full_name()),
                about: format!("{}: {}", key.full_name(), key.about),
            });
        }
    }
    vec![
        ("For an option", twins),
        ("For a setting", settings),
        ("On their own", plain(ALONE)),
        ("Of others, honoured", plain(OF_OTHERS)),
        ("Set for the agents of `orchestrate`", plain(FOR_AGENTS)),
    ]
}

/// Collects the twins of options, each where it is met first.
fn of_options(command: &Command, path: &str, twins: &mut Vec<Variable>) {
    for option in command.get_arguments() {
        let (Some(name), Some(long)) = (option.get_env(), option.get_long()) else {
            continue;
        };
        let name = name.to_string_lossy().into_owned();
        if twins.iter().any(|twin| twin.name == name) {
            continue;
        }
        let about = option.get_help().map(ToString::to_string);
        let about = about.unwrap_or_default();
        twins.push(Variable {
            about: format!("{path}--{long}: {about}"),
            twin_of: Some(format!("--{long}")),
            name,
        });
    }
    for inner in command.get_subcommands() {
        let path = format!("{path}{} ", inner.get_name());
        of_options(inner, &path, twins);
    }
}
