//! `agent feature finalize-tasks`: a plan in, what was announced out.

use clap::Args;
use serde::Serialize;

use crate::cli::failure::{self, Failure};
use crate::cli::output::{Output, visible_line};
use crate::cli::workflow::{Recorder, place, tell};
use crate::home::{Home, HomeError};
use crate::workflow::finalize::{Finalized, Planned, finalize};
use crate::workflow::work_package::WpId;

/// Arguments of `agent feature finalize-tasks`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The feature, such as 028-sync [default: SPECIFY_FEATURE, the branch, the directory]
    #[arg(long, value_name = "SLUG")]
    feature: Option<String>,
}

pub(super) fn run(
    arguments: Arguments,
    home: &Result<Home, HomeError>,
    out: &mut Output,
) -> Result<(), Failure> {
    let place = place()?;
    let mut recorder = Recorder::tying(home, out);
    let outcome = finalize(arguments.feature.as_deref(), &place, &mut recorder);
    drop(recorder);
    let finalized = outcome.map_err(|error| failure::of_finalize(&error))?;
    tell("the plan", &finalized.settled, out);
    answer(&finalized, out)
}

/// The report of `--json`, with the field names of the original.
#[derive(Serialize)]
struct Report<'a> {
    kind: &'static str,
    v: u8,
    result: &'static str,
    updated_wp_count: usize,
    tasks_dir: String,
    commit_created: bool,
    commit_hash: Option<&'a str>,
    files_committed: Vec<String>,
    work_packages: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    id: String,
    title: &'a str,
    dependencies: Vec<String>,
}

impl<'a> Row<'a> {
    fn of(wp: &'a Planned) -> Self {
        Self {
            id: wp.id.to_string(),
            title: &wp.title,
            dependencies: wp.dependencies.iter().map(WpId::to_string).collect(),
        }
    }
}

fn answer(finalized: &Finalized, out: &mut Output) -> Result<(), Failure> {
    let commit = finalized.settled.committed.id();
    if out.json() {
        let files = finalized.files.iter().filter(|_| commit.is_some());
        return out.object(&Report {
            kind: "finalize-tasks",
            v: 1,
            result: "success",
            updated_wp_count: finalized.updated.len(),
            tasks_dir: finalized.tasks_dir.to_string_lossy().into_owned(),
            commit_created: commit.is_some(),
            commit_hash: commit,
            files_committed: files
                .map(|path| path.to_string_lossy().into_owned())
                .collect(),
            work_packages: finalized.work_packages.iter().map(Row::of).collect(),
        });
    }
    for wp in &finalized.work_packages {
        let needs: Vec<String> = wp.dependencies.iter().map(WpId::to_string).collect();
        let needs = match needs.as_slice() {
            [] => String::new(),
            needs => format!("  needs {}", needs.join(", ")),
        };
        out.line(format!("{}  {}{needs}", wp.id, visible_line(&wp.title)))?;
    }
    let commit = commit.map_or_else(String::new, |id| format!(" (commit {id})"));
    match finalized.updated.len() {
        0 => out.line(format!("The plan was up to date{commit}")),
        count => out.line(format!(
            "Wrote the dependencies of {count} work packages{commit}"
        )),
    }
}
