//! `completions`: a script for the user's shell, made from the command tree.
//!
//! Nothing is asked of the log while somebody presses TAB: the scripts know
//! commands, options, files and the words that never change (lanes, event
//! types, delivery states, settings, topics). Ids, features and work packages are
//! not completed: clap_complete's way to ask the program at each TAB is marked
//! unstable at the version that is locked, and a name of a directory would have to
//! pass through four shells unharmed.

use clap::builder::PossibleValuesParser;
use clap::{Args, Command, ValueEnum};

use super::failure::Failure;
use super::help;
use super::output::Output;
use crate::config::KEYS;
use crate::event::{EventType, Lane};

mod fish;

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Which shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

const EXAMPLES: &str = "\
Once, for every new shell:
  bash        spec-kitty completions bash \\
                > ~/.local/share/bash-completion/completions/spec-kitty
  zsh         spec-kitty completions zsh > ~/.zfunc/_spec-kitty
              (with `fpath+=~/.zfunc` before `compinit` in ~/.zshrc)
  fish        spec-kitty completions fish \\
                > ~/.config/fish/completions/spec-kitty.fish
  PowerShell  spec-kitty completions powershell >> $PROFILE";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    #[value(name = "powershell")]
    Power,
}

impl Shell {
    const fn generator(self) -> clap_complete::Shell {
        match self {
            Self::Bash => clap_complete::Shell::Bash,
            Self::Zsh => clap_complete::Shell::Zsh,
            Self::Fish => clap_complete::Shell::Fish,
            Self::Power => clap_complete::Shell::PowerShell,
        }
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut Output) -> Result<(), Failure> {
    let script = script(arguments.shell);
    if out.json() {
        let shell = arguments
            .shell
            .to_possible_value()
            .map(|value| value.get_name().to_owned());
        return out.object(&serde_json::json!({
            "kind": "completions", "v": 1, "shell": shell,
            "script": script,
        }));
    }
    out.pass_through();
    out.raw(script.as_bytes())
}

fn script(shell: Shell) -> String {
    const NAME: &str = "spec-kitty";
    let mut script = Vec::new();
    let mut command = with_words(super::command());
    clap_complete::generate(shell.generator(), &mut command, NAME, &mut script);
    // clap_complete 4.6.11 writes the hyphen of the program's name in two ways
    // into the script for bash, which then completes nothing below the top.
    let mut script = String::from_utf8_lossy(&script).replace("spec__subcmd__kitty", "spec__kitty");
    if matches!(shell, Shell::Fish) {
        script.push_str(&fish::missing(&command));
    }
    script
}

/// The tree with the words that a text may be, for the scripts alone: the
/// commands themselves take such words in any case and ask back kindly.
fn with_words(command: Command) -> Command {
    command
        .mut_args(|argument| {
            if !argument.get_action().takes_values() {
                return argument;
            }
            let words: Vec<&'static str> = match argument.get_id().as_str() {
                "to" => Lane::WORDS.to_vec(),
                "status" => ["pending"].iter().chain(Lane::WORDS).copied().collect(),
                "event_type" | "types" => EventType::WORDS.to_vec(),
                // The parser wants words that live for ever; the program ends here.
                "key" => KEYS.iter().map(|key| &*key.full_name().leak()).collect(),
                "topic" => help::names().collect(),
                _ => return argument,
            };
            argument.value_parser(PossibleValuesParser::new(words))
        })
        .mut_subcommands(with_words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_is_told_commands_options_and_words() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for word in ["move-task", "undelivered"] {
                assert!(script.contains(word), "{shell:?} does not know {word}");
            }
        }
        // The generator for PowerShell leaves the values of arguments out.
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell);
            for word in [
                "WPStatusChanged",
                "for_review",
                "duplicate",
                "entry-type",
                "sync.server_url",
                "exit-codes",
            ] {
                assert!(script.contains(word), "{shell:?} does not know {word}");
            }
        }
    }

    /// As the generated script asks where it is, so do the lines that are ours.
    #[test]
    fn fish_knows_the_options_of_the_deepest_commands_and_the_words_of_arguments() {
        let script = script(Shell::Fish);
        let deep = "-n \"__fish_spec_kitty_using_subcommand agent; and \
                    __fish_seen_subcommand_from tasks; and __fish_seen_subcommand_from move-task\"";
        let lanes = "-r -f -a 'planned doing for_review done'";
        let found = script
            .lines()
            .find(|line| line.contains(deep) && line.contains(" -l to "));
        assert!(found.is_some_and(|line| line.ends_with(lanes)), "{found:?}");
        let keys = "__fish_spec_kitty_using_subcommand config; and __fish_seen_subcommand_from get\" \
                    -f -a 'sync.server_url sync.auto ";
        assert!(script.contains(keys));
        assert!(script.contains("function __fish_spec_kitty_using_subcommand"));
        assert!(
            !script
                .chars()
                .any(|one| one.is_control() && one != '\n' && one != '\t')
        );
    }
}
