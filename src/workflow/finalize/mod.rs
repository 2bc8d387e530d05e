//! Finalizing a plan: the dependencies that tasks.md states go into the work
//! packages, and the feature and its work packages are announced.
//!
//! Everything is checked before anything is written: ids, self references,
//! unknown ids, cycles. What tasks.md does not state is left as it is. A second
//! run without changes writes nothing, commits nothing and tells nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

mod error;
mod told;

pub(crate) use error::FinalizeError;
use told::Told;

use super::audience::Audience;
use super::committed::Settled;
use super::edit::rejoined;
use super::feature::Feature;
use super::file::{FileError, read_text};
use super::frontmatter::set_list;
use super::git::changes;
use super::graph::{Graph, cycles};
use super::note::Note;
use super::options::AutoCommit;
use super::plan::{self, Stated};
use super::scene::{Known, Place};
use super::text::{MAX_FILE_BYTES, Split};
use super::trouble::{Concerned, Trouble, report};
use super::work::{Change, Edit, Work};
use super::work_package::{WorkPackage, WpError, WpId, list};

/// A work package as it was announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    /// Its id.
    pub id: WpId,
    /// Its title, or its id.
    pub title: String,
    /// What it waits for.
    pub dependencies: Vec<WpId>,
}

/// What finalizing did.
#[derive(Debug)]
pub(crate) struct Finalized {
    /// The directory of the work packages.
    pub tasks_dir: PathBuf,
    /// The work packages, in the order of their ids.
    pub work_packages: Vec<Planned>,
    /// The work packages whose file was changed.
    pub updated: Vec<WpId>,
    /// The files that were committed, or were to be, from the root.
    pub files: Vec<PathBuf>,
    /// What became of the commit.
    pub settled: Settled,
}

/// Finalizes the plan of a feature, and tells `audience` of it.
///
/// # Errors
/// When the plan cannot be read or contradicts itself; nothing was changed.
pub(crate) fn finalize(
    feature: Option<&str>,
    place: &Place,
    audience: &mut dyn Audience,
) -> Result<Finalized, FinalizeError> {
    let mut known = Known::default();
    attempt(feature, place, &mut known, audience).inspect_err(|error| {
        report(error, &Concerned::default(), &known, audience);
    })
}

fn attempt(
    feature: Option<&str>,
    place: &Place,
    known: &mut Known,
    audience: &mut dyn Audience,
) -> Result<Finalized, FinalizeError> {
    let mut work = Work::begin(feature, AutoCommit::On, place, known, audience)?;
    let tasks_dir = work.scene.feature.tasks_dir();
    let files = read_all(&work.scene.feature)?;
    let tasks_path = work.scene.feature.dir.join("tasks.md");
    let tasks = read_tasks(&tasks_path)?;
    let ids: Vec<WpId> = files.iter().map(|wp| wp.id).collect();
    let stated = plan::dependencies(tasks.as_deref().unwrap_or_default(), &ids);
    let graph = graph(&files, &stated);
    check(&graph)?;
    for id in stated.keys().filter(|id| !ids.contains(id)) {
        work.note(&Note::NoFile(*id));
    }
    let edits = edits(&files, &graph)?;
    let along = uncommitted(
        &work,
        &files,
        tasks.is_some().then_some(&tasks_path),
        &edits,
    )?;
    let updated = files
        .iter()
        .filter(|wp| edits.iter().any(|edit| edit.path == wp.path))
        .map(|wp| wp.id)
        .collect();
    for path in edits.iter().map(|edit| &edit.path).chain(&along) {
        work.check_merged(path)?;
    }
    let paths: Vec<PathBuf> = edits
        .iter()
        .map(|edit| &edit.path)
        .chain(&along)
        .map(|path| work.relative(path))
        .collect();
    let settled = if paths.is_empty() {
        Settled::unchanged(&work.scene)
    } else {
        let slug = work.scene.feature.slug.clone();
        work.apply(Change {
            what: format!("written the dependencies of {slug}"),
            edits,
            along,
            message: format!("Add tasks for feature {slug}"),
            commit: AutoCommit::On,
            drafts: Vec::new(),
        })?
    };
    let work_packages: Vec<Planned> = files
        .iter()
        .map(|wp| Planned {
            id: wp.id,
            title: wp.title(),
            dependencies: graph.get(&wp.id).cloned().unwrap_or_default(),
        })
        .collect();
    Told::read(&work).announce(&mut work, &work_packages);
    Ok(Finalized {
        tasks_dir,
        work_packages,
        updated,
        files: paths,
        settled,
    })
}

/// All work packages of the feature; there is at least one, and one file for each.
fn read_all(feature: &Feature) -> Result<Vec<WorkPackage>, FinalizeError> {
    let tasks_dir = feature.tasks_dir();
    let names = match list(&tasks_dir) {
        Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(Trouble::from)?,
    };
    if names.is_empty() {
        let slug = feature.slug.clone();
        return Err(FinalizeError::Empty { slug });
    }
    let mut files: Vec<WorkPackage> = Vec::new();
    for (id, name) in &names {
        if files.last().is_some_and(|last| last.id == *id) {
            WorkPackage::find(&tasks_dir, *id).map_err(Trouble::from)?;
        }
        files.push(WorkPackage::read(*id, &tasks_dir.join(name)).map_err(Trouble::from)?);
    }
    Ok(files)
}

fn read_tasks(path: &Path) -> Result<Option<String>, Trouble> {
    match read_text(path, MAX_FILE_BYTES) {
        Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        other => Ok(Some(other?)),
    }
}

/// What each work package waits for: what tasks.md states, else what its own
/// file has.
fn graph(files: &[WorkPackage], stated: &BTreeMap<WpId, Stated>) -> Graph {
    files
        .iter()
        .map(|wp| match stated.get(&wp.id) {
            Some(stated) if stated.is_explicit => (wp.id, stated.ids.clone()),
            _ => (wp.id, wp.dependencies()),
        })
        .collect()
}

fn check(graph: &Graph) -> Result<(), FinalizeError> {
    for (wp, needs) in graph {
        if needs.contains(wp) {
            return Err(FinalizeError::Itself { wp: *wp });
        }
        let unknown: Vec<WpId> = needs
            .iter()
            .filter(|id| !graph.contains_key(id))
            .copied()
            .collect();
        if !unknown.is_empty() {
            return Err(FinalizeError::Unknown { wp: *wp, unknown });
        }
    }
    let cycles = cycles(graph);
    if cycles.is_empty() {
        Ok(())
    } else {
        Err(FinalizeError::Cycles { cycles })
    }
}

/// The files whose list is missing or another one.
fn edits(files: &[WorkPackage], graph: &Graph) -> Result<Vec<Edit>, Trouble> {
    let mut edits = Vec::new();
    for wp in files {
        let wanted = graph.get(&wp.id).map(Vec::as_slice).unwrap_or_default();
        if wp.data.get("dependencies").is_some() && wp.dependencies() == wanted {
            continue;
        }
        if wp.is_legacy {
            let (id, path) = (wp.id, wp.path.clone());
            return Err(WpError::Legacy { id, path }.into());
        }
        edits.push(Edit {
            path: wp.path.clone(),
            old: wp.text.clone(),
            new: with_dependencies(&wp.text, wanted)?,
            lane: None,
        });
    }
    Ok(edits)
}

fn with_dependencies(text: &str, ids: &[WpId]) -> Result<String, Trouble> {
    let ids: Vec<String> = ids.iter().map(WpId::to_string).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let edited = Split::of(text)
        .map_err(super::edit::EditFailure::from)
        .and_then(|split| {
            let front = set_list(split.front, "dependencies", &ids, split.line_ending())?;
            rejoined(&split, &front, split.body)
        });
    Ok(edited?)
}

/// tasks.md and the work packages that are not committed as they are, beside
/// those that are about to be edited. Nothing else is committed with them.
fn uncommitted(
    work: &Work<'_>,
    files: &[WorkPackage],
    tasks: Option<&PathBuf>,
    edits: &[Edit],
) -> Result<Vec<PathBuf>, Trouble> {
    let dir = work.relative(&work.scene.feature.dir);
    let changed = changes(&work.git(), Some(&dir))?;
    let prefix = &work.scene.repository.prefix;
    let is_changed = |path: &Path| {
        let name = format!("{prefix}{}", work.relative(path).to_string_lossy());
        changed.iter().any(|change| change.path == name)
    };
    let of_plan = tasks.into_iter().chain(files.iter().map(|wp| &wp.path));
    Ok(of_plan
        .filter(|path| !edits.iter().any(|edit| edit.path == **path))
        .filter(|path| is_changed(path))
        .cloned()
        .collect())
}
