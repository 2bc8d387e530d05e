//! What an import would do, for a person: the sources by their short names, and
//! what of each is new here.

use std::path::Path;

use super::{recovered_in, short};
use crate::cli::columns::{counted, grouped, left, terminal_columns, wrapped};
use crate::cli::output::{visible_line, width};
use crate::legacy::{Gathered, LegacyError, Source, SourceReport};
use crate::position::Lamport;
use crate::target::Target;

/// Names that are longer have a line of their own.
const WIDEST_NAME: usize = 40;

/// The lines; `root` is what was asked to be imported.
pub(super) fn plan(
    gathered: &Gathered,
    sources: &[Source],
    root: &Path,
) -> Result<Vec<String>, LegacyError> {
    let columns = terminal_columns();
    let named = sources.iter().map(|source| {
        let name = short(source, root);
        visible_line(&name.display().to_string())
    });
    let names: Vec<String> = named.collect();
    let widest = names.iter().map(|name| width(name));
    let column = widest.filter(|wide| *wide <= WIDEST_NAME).max();
    let column = column.unwrap_or(0).min(columns / 2);
    let mut lines = Vec::new();
    for (name, (source, found)) in names.iter().zip(sources.iter().zip(&gathered.sources)) {
        let room = columns.saturating_sub(column + 4);
        let said = wrapped(&found_in(source, found), room);
        let mut said = said.into_iter();
        if width(name) <= column {
            let first = said.next().unwrap_or_default();
            lines.push(format!("  {}  {first}", left(name, column)));
        } else {
            lines.push(format!("  {name}"));
        }
        lines.extend(said.map(|line| format!("  {}  {line}", left("", column))));
    }
    if let [_, _, ..] = sources {
        lines.insert(
            0,
            format!("In {}:", visible_line(&root.display().to_string())),
        );
        lines.push(String::new());
    }
    lines.extend(wrapped(&sum(gathered)?, columns));
    Ok(lines)
}

/// What all of it comes to.
fn sum(gathered: &Gathered) -> Result<String, LegacyError> {
    let (new, present) = gathered.count()?;
    let there = match present {
        0 => String::new(),
        _ => format!(", {} here already", grouped(present)),
    };
    let events = counted(new, "event", "events");
    let clock = match (gathered.clock, gathered.reach) {
        (now, reach) if now <= reach && reach > Lamport(0) => {
            format!(" The clock goes from {now} to above {reach}.")
        }
        _ => String::new(),
    };
    Ok(format!("{events} to import{there}.{clock}"))
}

fn found_in(source: &Source, found: &SourceReport) -> String {
    let mut parts = Vec::new();
    if let Some(clock) = found.clock {
        parts.push(format!("clock {clock}"));
    }
    if found.new + found.present + found.refused > 0 || found.clock.is_none() {
        parts.push(format!("{} new", grouped(found.new)));
    }
    if found.present > 0 {
        parts.push(format!("{} here already", grouped(found.present)));
    }
    let recovered = recovered_in(found);
    if recovered > 0 {
        parts.push(format!("{} recovered from its pages", grouped(recovered)));
    }
    if found.refused > 0 {
        parts.push(format!("{} refused", grouped(found.refused)));
    }
    if found.bodies > 0 {
        let bodies = counted(found.bodies, "artifact body", "artifact bodies");
        parts.push(format!("{bodies} left where they are (no events)"));
    }
    let owner = match source.account() {
        Some(account) => format!("; of {}", visible_line(&person(account))),
        None if source.is_of_unknown_account() => {
            "; of an account that is not known here, and wait for its sign-in".to_owned()
        }
        None => String::new(),
    };
    parts.join(", ") + &owner
}

fn person(account: &Target) -> String {
    let Target { server, user, team } = account;
    match team {
        Some(team) => format!("{user}, {team}, at {server}"),
        None => format!("{user}, without a team, at {server}"),
    }
}
