//! What a person reads of an error, and what is never broken.

use proptest::prelude::*;

use super::*;
use crate::cli::exit::Exit;
use crate::cli::failure::codes::CODES;
use crate::cli::output::is_hostile;

fn told(message: &str, hint: &str, columns: usize) -> Vec<String> {
    let told = Failure::new("log", Exit::Failed, message).hint(hint);
    failure(&told, columns, Verbosity::Normal)
}

#[test]
fn what_fits_stays_as_it_is() {
    assert_eq!(
        told("no event has the number 99", "spec-kitty log tail", 80),
        [
            "error[log]: no event has the number 99",
            "  next: spec-kitty log tail"
        ]
    );
}

#[test]
fn lines_are_broken_between_words_and_commands_are_not() {
    assert_eq!(
        laid_out(
            "warning: the ledger is behind; spec-kitty log repair --yes makes it anew",
            40
        ),
        [
            "warning: the ledger is behind;",
            "  spec-kitty log repair --yes makes it",
            "  anew",
        ]
    );
    let command = format!("spec-kitty log import {}", "x".repeat(50));
    assert_eq!(
        laid_out(
            &format!("  next: do it: {command}, then go on with the next one"),
            40
        ),
        [
            "  next: do it:".to_owned(),
            format!("    {command},"),
            "    then go on with the next one".to_owned()
        ]
    );
}

#[test]
fn a_long_error_keeps_its_beginning_and_its_end_and_v_shows_it_all() {
    let list: Vec<_> = (1..=9).map(|n| format!("WP0{n} is in doing")).collect();
    let message = format!("not ready:\n{}", list.join("\n"));
    let hint = "settle it, then run it again";
    assert_eq!(
        told(&message, hint, 80),
        [
            "error[log]: not ready:",
            "  WP01 is in doing",
            "  … 7 more lines: run it with -v",
            "  WP09 is in doing",
            "  next: settle it, then run it again",
        ]
    );
    let all = Failure::new("log", Exit::Failed, message).hint(hint);
    assert_eq!(failure(&all, 80, Verbosity::Verbose).len(), 11);
}

/// The lines of an error at a terminal, where a command counts as one: whoever
/// copies it gets one.
fn is_short(lines: &[String], columns: usize) -> Result<(), TestCaseError> {
    prop_assert!(lines.len() <= most_lines(columns), "{lines:#?}");
    for line in lines {
        let text = line.trim_start();
        let beside_label = text.split_once(": ");
        let beside_label = beside_label.filter(|(label, _)| !label.contains(' '));
        let text = beside_label.map_or(text, |(_, command)| command);
        let is_command = ["spec-kitty ", "git ", "mv ", "cd ", "chmod "]
            .iter()
            .any(|name| text.starts_with(name));
        prop_assert!(width(line) <= columns || is_command, "{line:?}");
        prop_assert!(!line.chars().any(is_hostile), "{line:?}");
    }
    Ok(())
}

fn codes() -> Vec<&'static str> {
    let codes = CODES.iter().flat_map(|(_, codes)| *codes);
    codes.map(|code| code.word).collect()
}

/// At 80 columns, and in as much room at others: an error of every code there is
/// says in five lines what happened, why, and what is next.
#[test]
fn an_error_of_every_code_has_five_lines_at_most() {
    let long = "cannot write /home/ada/".to_owned() + &"a/".repeat(200) + ": permission denied";
    let list = "the checks found:\n".to_owned() + &"  WP01 日本語 is not done\n".repeat(12);
    let words = "what was to be done could not be done for a reason ".repeat(9);
    for code in codes() {
        for message in [&long, &list, &words] {
            let told = Failure::new(code, Exit::Failed, message.clone());
            let told = told.hint("look at it, then: spec-kitty log repair --dry-run");
            for columns in [80, 40] {
                is_short(&failure(&told, columns, Verbosity::Normal), columns).unwrap();
            }
        }
    }
}

fn message() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-z]{1,12}",
        "[日本語🎉é]{1,9}",
        "/[a-z/]{60,300}",
        any::<String>()
    ];
    let line = prop::collection::vec(word, 1..30).prop_map(|words| words.join(" "));
    prop::collection::vec(line, 1..12).prop_map(|lines| lines.join("\n"))
}

fn hint() -> impl Strategy<Value = Option<String>> {
    let command = "(spec-kitty|git|mv) [a-z]{1,9}( --[a-z]{1,9}){0,3}( /[a-z/]{1,200})?";
    let hint = ("([a-z]{1,9} ){0,8}", command).prop_map(|(words, command)| match words.trim() {
        "" => command,
        words => format!("{words}: {command}"),
    });
    prop::option::of(hint)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever stands in it, and whatever is next.
    #[test]
    fn no_error_has_more_than_five_lines(
        message in message(),
        hint in hint(),
        code in prop::sample::select(codes()),
    ) {
        let mut told = Failure::new(code, Exit::Failed, message);
        told.hint = hint;
        for columns in [120, 80, 60, 40] {
            is_short(&failure(&told, columns, Verbosity::Normal), columns)?;
        }
        let last = failure(&told, 80, Verbosity::Normal).pop().unwrap_or_default();
        if let Some(hint) = &told.hint {
            let command = hint.rsplit(": ").next().unwrap_or(hint);
            prop_assert!(last.contains(command), "{last:?} is not all of {command:?}");
        }
    }

    /// Nothing is lost and nothing is added but margins.
    #[test]
    fn a_line_that_is_broken_says_the_same(line in message(), columns in 20_usize..130) {
        for line in line.lines() {
            let line = visible(line);
            let without = |text: &str| text.replace(' ', "");
            let broken = laid_out(&line, columns);
            prop_assert_eq!(without(&broken.concat()), without(&line));
        }
    }
}
