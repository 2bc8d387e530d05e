//! The commands that hooks and status lines run all the time, each parsed by
//! itself.
//!
//! The tree of all commands, or even one branch of it, costs such a command more
//! than everything else that it does. Here its options and those that every
//! command takes are put together as if they were a program of their own. What
//! they understand the whole tree understands in the same way, which a test
//! holds them to; whatever they do not understand (help, wrong usage, options in
//! front of the command) is left to the tree.

use std::ffi::OsString;
use std::mem::ManuallyDrop;

use clap::{Args, Command, FromArgMatches};

use super::{Typed, without_empty_variables};
use crate::cli::log::{LogCommand, TailArgs};
use crate::cli::sync::{StatusArgs, SyncCommand};
use crate::cli::{AnyCommand, Cli, Command as WithHome, Global};

/// The command that these words are, when it is one of those few and says
/// nothing unusual.
pub(super) fn parse(arguments: &[OsString]) -> Option<(Cli, Typed)> {
    let (_, words) = arguments.split_first()?;
    let (first, rest) = words.split_first()?;
    match (first.to_str()?, rest.first().and_then(|word| word.to_str())) {
        ("emit", _) => parse_as(words, WithHome::Emit),
        ("log", Some("tail")) => parse_as(rest, |args: TailArgs| {
            WithHome::Log(LogCommand::Tail(Box::new(args)))
        }),
        ("sync", Some("status")) => parse_as(rest, |args: StatusArgs| {
            WithHome::Sync(SyncCommand::Status(args))
        }),
        _ => None,
    }
}

/// Parses `words`, the name of the command before its arguments.
fn parse_as<A: Args>(
    words: &[OsString],
    command: impl FnOnce(A) -> WithHome,
) -> Option<(Cli, Typed)> {
    let tree = A::augment_args(Global::augment_args(Command::new("spec-kitty")));
    // The process is about to do one thing and end: to take these down would
    // cost as much as to use them.
    let mut tree = ManuallyDrop::new(without_empty_variables(tree));
    let mut matches = ManuallyDrop::new(tree.try_get_matches_from_mut(words).ok()?);
    let typed = Typed::of(&matches);
    let cli = Cli {
        global: Global::from_arg_matches_mut(&mut matches).ok()?,
        command: AnyCommand::AtHome(command(A::from_arg_matches_mut(&mut matches).ok()?)),
    };
    Some((cli, typed))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parse_by;
    use super::*;

    fn words(text: &[&str]) -> Vec<OsString> {
        let program = std::iter::once(&"spec-kitty");
        program.chain(text).map(OsString::from).collect()
    }

    fn shown((cli, typed): (Cli, Typed)) -> String {
        format!("{cli:?} {typed:?}")
    }

    #[test]
    fn what_is_run_all_the_time_is_understood() {
        for text in [
            &["emit", "HistoryAdded", "--payload", "{}"][..],
            &[
                "emit",
                "HistoryAdded",
                "--payload={}",
                "--json",
                "--home",
                "/h",
            ],
            &["emit", "--stdin", "-q"],
            &["log", "tail"],
            &["log", "tail", "-n", "1", "-f", "--since", "1h", "-v"],
            &["sync", "status", "--json"],
        ] {
            assert!(parse(&words(text)).is_some(), "{text:?}");
        }
        for text in [
            &["emit"][..],
            &["emit", "--help"],
            &["emit", "--version"],
            &["log", "--json", "tail"],
            &["--json", "log", "tail"],
            &["log"],
            &["sync", "now"],
            &[],
        ] {
            assert!(parse(&words(text)).is_none(), "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn what_is_understood_alone_the_whole_tree_understands_the_same(
            start in prop::sample::select(vec![
                &["emit"][..], &["log", "tail"], &["sync", "status"], &["log", "show"],
            ]),
            rest in prop::collection::vec(prop::sample::select(vec![
                "HistoryAdded", "--payload", "{}", "--payload={}", "-", "--", "--stdin",
                "--causation", "x", "--json", "-q", "-v", "-vv", "-qv", "--quiet", "--verbose",
                "--home", "/h", "--home=", "--color", "never", "--color=always", "--colour",
                "-n", "1", "-n1", "all", "-f", "-nf", "--lines=3", "--after", "--limit",
                "--since", "1h", "--until=today", "-t", "A,B", "-u", "-s", "pending", "-g", "",
                "--help", "-h", "--version", "help", "emit", "tail", "status", "--js", "-x",
                "--full", "--wp", "WP01", "--check", "--watch", "-w",
            ]), 0..6),
        ) {
            let words = words(&[start, &rest].concat());
            if let Some(alone) = parse(&words) {
                let whole = parse_by(super::super::command(), &words);
                let whole = whole.map_err(|error| error.to_string());
                prop_assert_eq!(Ok(shown(alone)), whole.map(shown));
            }
        }
    }
}
