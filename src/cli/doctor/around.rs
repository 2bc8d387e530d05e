//! Git, the project, what the Python tool left, the environment, the terminal.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::Store;
use crate::cli::charset;
use crate::cli::columns::{counted, grouped, terminal_columns};
use crate::emitter;
use crate::event::EventHeader;
use crate::home::Home;
use crate::legacy::{self, Format, Kind, Purpose};
use crate::log::segment::LogDir;
use crate::log::storage::Disk;
use crate::position::Seq;
use crate::workflow::git::Git;
use crate::workflow::project::MARKER;
use crate::workflow::work_package::{self, WorkPackage};

use super::check::Check;
use super::files::quoted;

/// How long git may take to say its version.
const GIT_PATIENCE: Duration = Duration::from_secs(5);
/// No more features than this are looked at.
const MOST_FEATURES: usize = 1000;

pub(super) fn checks(home: &Home, directory: &Path) -> Vec<Check> {
    let mut checks = vec![git(directory)];
    checks.extend(project(directory));
    checks.extend(leftovers(home));
    checks.push(environment(home));
    checks.push(terminal());
    checks
}

fn git(directory: &Path) -> Check {
    let git = Git {
        dir: directory,
        limit: GIT_PATIENCE,
    };
    match git.ask(&["--version"]) {
        Ok(version) => Check::ok("git", version),
        Err(error) => Check::problem("git", error.to_string())
            .told_as("git cannot be run")
            .fix("install git; the commands that work on a project need it"),
    }
}

/// The project around `directory`: its file and its work packages.
fn project(directory: &Path) -> Vec<Check> {
    let Some((root, looked)) = emitter::look_at_project(directory) else {
        return vec![Check::ok("project", "this directory belongs to none").told_as("none here")];
    };
    let file = root.join(MARKER).join("config.yaml");
    let facts = match looked {
        Err(error) => Check::problem("project", error.to_string())
            .told_as("its config.yaml cannot be used")
            .fix(format!("edit {}", quoted(&file))),
        Ok(looked) if looked.opted_out => Check::note(
            "project",
            "this project opted out: its events stay on this machine for good",
        )
        .fix(format!("edit {}", quoted(&file))),
        Ok(looked) if !looked.is_known => {
            Check::ok("project", "its identity is made with the first event")
        }
        Ok(_) => Check::ok("project", root.display().to_string()).told_as("known, and sends"),
    };
    vec![facts, work_packages(&root)]
}

fn work_packages(root: &Path) -> Check {
    let id = "tasks";
    let features = std::fs::read_dir(root.join("kitty-specs"));
    let features = features.into_iter().flatten().flatten().take(MOST_FEATURES);
    let (mut good, mut bad) = (0_u64, Vec::new());
    for feature in features {
        let tasks = feature.path().join("tasks");
        if !tasks.is_dir() {
            continue;
        }
        match work_package::list(&tasks) {
            Err(error) => bad.push(error.to_string()),
            Ok(files) => {
                for (wp, name) in files {
                    match WorkPackage::read(wp, &tasks.join(name)) {
                        Ok(_) => good = good.saturating_add(1),
                        Err(error) => bad.push(format!(
                            "{}: {error}",
                            feature.file_name().to_string_lossy()
                        )),
                    }
                }
            }
        }
    }
    let files = counted(good, "task file", "task files");
    match bad.split_first() {
        None if good == 0 => Check::ok(id, "no task files"),
        None => Check::ok(id, format!("{files}, all of them can be read")),
        Some((first, rest)) => {
            let more = match rest.len() {
                0 => String::new(),
                n => format!(" (and {n} more)"),
            };
            let count = grouped(u64::try_from(bad.len()).unwrap_or(u64::MAX));
            Check::problem(id, format!("{first}{more}"))
                .told_as(format!("{count} task files cannot be read"))
                .fix("mend the file; what was there before: git log -p -- FILE")
        }
    }
}

/// Events that the Python tool recorded here and nobody took over.
fn leftovers(home: &Home) -> Option<Check> {
    let id = "python-tool";
    let account = Store::new(home).load().session.target();
    let accounts: Vec<_> = account.into_iter().collect();
    let mut sources = legacy::find(home.root(), Format::Auto, &home.log_dir(), &accounts).ok()?;
    sources.retain(|source| source.kind == Kind::Queue);
    if sources.is_empty() {
        return None;
    }
    let log = emitter::log_of(home);
    let owners = |_: &LogDir| -> Result<Box<legacy::OwnerOf<'static>>, _> {
        Ok(Box::new(|_: Seq, header: &EventHeader<'_>| header.target) as _)
    };
    let mut on = |_| true;
    let gathered = legacy::gather(home, &log, &sources, &owners, Purpose::Look, &mut on);
    let (new, refused) = match gathered.and_then(|gathered| {
        let refused = gathered
            .sources
            .iter()
            .map(|source| source.refused)
            .sum::<u64>();
        Ok((gathered.count()?.0, refused))
    }) {
        Ok(counts) => counts,
        Err(error) => {
            return Some(
                Check::note(id, error.to_string())
                    .told_as("the queue of the Python tool cannot be looked at"),
            );
        }
    };
    let import = format!("spec-kitty log import {}", quoted(home.root()));
    Some(match (new, refused) {
        (0, 0) => Check::ok(id, "everything in its queue is in the log"),
        (0, refused) => {
            let rows = counted(refused, "row", "rows");
            Check::note(id, format!("{rows} of its queue cannot be taken over"))
                .fix(format!("{import} --dry-run"))
        }
        (new, _) => {
            let events = counted(new, "event", "events");
            Check::problem(id, format!("{events} of its queue are not in this log")).fix(import)
        }
    })
}

/// What is set in the environment, and whether it leads somewhere else than usual.
fn environment(home: &Home) -> Check {
    let id = "environment";
    let mut names: Vec<String> = std::env::vars_os()
        .filter_map(|(name, value)| (!value.is_empty()).then(|| name.into_string().ok())?)
        .filter(|name| name.starts_with("SPEC_KITTY_") || name.starts_with("SPECIFY_"))
        .collect();
    names.sort();
    let said = if names.is_empty() {
        "nothing is set".to_owned()
    } else {
        names.join(", ")
    };
    let has_log = |home: &Home| {
        let dir = LogDir::new(home.log_dir(), Arc::new(Disk));
        dir.ordinals().is_ok_and(|all| !all.is_empty())
    };
    let usual = Home::of_user();
    match usual.filter(|usual| usual.root() != home.root() && has_log(usual)) {
        Some(usual) => {
            let other = usual.root().display().to_string();
            Check::note(
                id,
                format!("{said}; this is not the home in {other}, which has a log too"),
            )
            .told_as(format!("{said}; another home of this user has a log too"))
            .fix("use one home everywhere: --home DIR or SPEC_KITTY_HOME")
        }
        None => Check::ok(id, said),
    }
}

fn terminal() -> Check {
    if !std::io::stdout().is_terminal() {
        return Check::ok("terminal", "none: output goes to a pipe or a file");
    }
    let term = std::env::var("TERM").unwrap_or_default();
    let columns = terminal_columns();
    let letters = if charset::is_unicode() {
        "UTF-8"
    } else {
        "ASCII signs"
    };
    Check::ok("terminal", format!("{term}, {columns} columns, {letters}"))
}
