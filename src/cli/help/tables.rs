//! The topics that are printed from tables of the code.

use std::fmt::Write as _;

use clap::Command;

use crate::cli::columns::wrapped;
use crate::cli::environment::{self, Variable};
use crate::cli::exit::Exit;
use crate::cli::failure::codes::CODES;

/// The columns that the topics keep to.
const COLUMNS: usize = 79;

/// A name and what it means, on as many lines as that takes.
fn entry(text: &mut String, name: &str, name_columns: usize, about: &str) {
    let indent = name_columns + 4;
    let mut lines = wrapped(about, COLUMNS - indent).into_iter();
    let first = lines.next().unwrap_or_default();
    if name.len() > name_columns {
        let _ = writeln!(text, "  {name}\n{:indent$}{first}", "");
    } else {
        let _ = writeln!(text, "  {name:name_columns$}  {first}");
    }
    for line in lines {
        let _ = writeln!(text, "{:indent$}{line}", "");
    }
}

pub(super) fn environment(tree: &Command) -> String {
    const NAME_COLUMNS: usize = 24;
    let mut text = String::from(
        "Environment: the variables that are read\n\n\
         A word on the command line wins over a variable, a variable over config.toml.\n\
         Set but empty counts as not set. 0, false, no and off switch a switch off.\n",
    );
    for (title, variables) in environment::groups(tree) {
        let _ = writeln!(text, "\n{title}");
        for Variable { name, about, .. } in variables {
            entry(&mut text, &name, NAME_COLUMNS, &about);
        }
    }
    text.push_str("\nOther options have no variable: they belong to one call, or say who acts.\n");
    text
}

pub(super) fn exit_codes() -> String {
    let mut text = String::from("Exit codes: how a command says what became of it\n\n");
    for exit in Exit::ALL {
        entry(&mut text, &exit.code().to_string(), 3, exit.about());
    }
    text.push_str(
        "\nAbove all of them: a workflow command never fails, and never waits, because an\n\
         event could not be recorded or sent.\n\n\
         Error codes: what it was, in a word that does not change\n",
    );
    for (title, codes) in CODES {
        let _ = writeln!(text, "\n{title}");
        for code in *codes {
            let about = format!("{} (exit {})", code.about, code.exits_as_text(" or "));
            entry(&mut text, code.word, 24, &about);
        }
    }
    text
}
