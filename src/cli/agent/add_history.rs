//! `agent tasks add-history`: one line more in a work package's activity log.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;

use crate::cli::failure::{self, Failure};
use crate::cli::output::Output;
use crate::cli::workflow::{Recorder, asked, place, tell};
use crate::event::EntryType;
use crate::home::{Home, HomeError};
use crate::workflow::add_history::{HistoryRequest, add_history};

const NAME: &str = "agent tasks add-history";

const EXAMPLES: &str = "\
Examples:
  spec-kitty agent tasks add-history WP01 --note \"tests pass\" --agent claude";

/// Arguments of `agent tasks add-history`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The work package, such as WP01
    #[arg(value_name = "WPxx")]
    wp: String,
    /// What to say
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    note: String,
    /// What kind of line it is
    #[arg(
        long,
        value_name = "TYPE",
        default_value = "note",
        value_parser = PossibleValuesParser::new(EntryType::WORDS)
            .try_map(|word| word.parse::<EntryType>())
    )]
    entry_type: EntryType,
    /// The feature, such as 028-sync [default: SPECIFY_FEATURE, the branch, the directory]
    #[arg(long, value_name = "SLUG")]
    feature: Option<String>,
    /// Who says it
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
}

/// The report of `--json`, with the field names of the original.
#[derive(Serialize)]
struct Report<'a> {
    kind: &'static str,
    v: u8,
    result: &'static str,
    task_id: String,
    note: &'a str,
    entry_type: EntryType,
    path: String,
    /// The abbreviated id of the commit; null when nothing was committed.
    commit: Option<&'a str>,
}

pub(super) fn run(
    arguments: Arguments,
    home: &Result<Home, HomeError>,
    out: &mut Output,
) -> Result<(), Failure> {
    let place = place()?;
    let mut recorder = Recorder::new(home, out);
    let request = HistoryRequest::parse(
        &arguments.wp,
        &arguments.note,
        arguments.entry_type,
        arguments.feature,
        arguments.agent,
    );
    let request =
        asked(request, &mut recorder).map_err(|error| failure::of_trouble(&error, NAME, ""))?;
    let outcome = add_history(&request, &place, &mut recorder);
    drop(recorder);
    let added = outcome.map_err(|error| failure::of_trouble(&error, NAME, ""))?;
    tell("the entry", &added.settled, out);
    let commit = added.settled.committed.id();
    if out.json() {
        return out.object(&Report {
            kind: "add-history",
            v: 1,
            result: "success",
            task_id: request.wp.to_string(),
            note: &request.note,
            entry_type: request.entry_type,
            path: added.path.to_string_lossy().into_owned(),
            commit,
        });
    }
    let commit = commit.map_or_else(String::new, |id| format!(" (commit {id})"));
    out.line(format!("Added to the history of {}{commit}", request.wp))
}
