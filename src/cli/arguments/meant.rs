//! What was meant by a word of the command line that does not exist.
//!
//! The parser has guesses of its own, which know nothing of swapped letters and
//! do not look beyond the command that was typed; they are taken where ours has none.

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::suggest::nearest;

/// So many places of one name are told.
const MOST_PLACES: usize = 3;

/// The words that were probably meant; none where nothing is near. `command` is
/// the deepest one that was typed, in `tree`.
pub(super) fn meant(error: &clap::Error, tree: &Command, command: &Command) -> Vec<String> {
    let typed = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let (found, theirs) = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = typed(ContextKind::InvalidSubcommand);
            (
                subcommands(word, tree, command),
                ContextKind::SuggestedSubcommand,
            )
        }
        ErrorKind::UnknownArgument => {
            let word = typed(ContextKind::InvalidArg);
            (options(word, tree, command), ContextKind::SuggestedArg)
        }
        ErrorKind::InvalidValue => {
            let known = strings(error, ContextKind::ValidValue);
            let found = pick(typed(ContextKind::InvalidValue), &known);
            (found.into_iter().collect(), ContextKind::SuggestedValue)
        }
        _ => return Vec::new(),
    };
    if found.is_empty() {
        strings(error, theirs)
    } else {
        found
    }
}

fn strings(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

fn pick(word: &str, known: &[String]) -> Option<String> {
    let words: Vec<&str> = known.iter().map(String::as_str).collect();
    nearest(word, &words).and_then(|index| known.get(index).cloned())
}

/// A command beside those that were possible; else the places where a command
/// is called so, or nearly so.
fn subcommands(word: &str, tree: &Command, command: &Command) -> Vec<String> {
    let here: Vec<String> = visible(command).map(name).collect();
    if let Some(found) = pick(word, &here) {
        return vec![found];
    }
    let mut places = Vec::new();
    collect(tree, "", &mut places);
    let names: Vec<String> = places.iter().map(|(name, _)| name.clone()).collect();
    let Some(called) = pick(word, &names) else {
        return Vec::new();
    };
    let same = places.into_iter().filter(|(name, _)| *name == called);
    same.map(|(_, path)| path).take(MOST_PLACES).collect()
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set())
}

fn name(command: &Command) -> String {
    command.get_name().to_owned()
}

/// Every command below `command`: its name, and the way to it.
fn collect(command: &Command, above: &str, places: &mut Vec<(String, String)>) {
    for inner in visible(command) {
        let path = format!("{above}{}", inner.get_name());
        collect(inner, &format!("{path} "), places);
        places.push((name(inner), path));
    }
}

/// An option of the command, or one that every command takes.
fn options(word: &str, tree: &Command, command: &Command) -> Vec<String> {
    if !word.starts_with("--") {
        return Vec::new();
    }
    let both = command.get_arguments().chain(tree.get_arguments());
    let visible = both.filter(|option| !option.is_hide_set());
    let longs = visible.filter_map(|option| Some(format!("--{}", option.get_long()?)));
    let longs: Vec<String> = longs.collect();
    pick(word, &longs).into_iter().collect()
}
