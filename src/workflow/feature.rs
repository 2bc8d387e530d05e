//! Which feature a command is about.
//!
//! The first answer wins: `--feature`, `SPECIFY_FEATURE`, the branch of the main
//! repository, the path of the working directory, the only feature there is,
//! the highest-numbered incomplete one. A name from outside is checked before it
//! becomes a path. Nothing is printed here: what was chosen, and how, is a value.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::project::Project;
use super::work_package::{self, WorkPackage};
use crate::event::Lane;

const MAX_SLUG_BYTES: usize = 200;
const MAX_FEATURES: usize = 10_000;
/// How many features an error lists.
const LISTED: usize = 10;

/// The name of a feature: three digits, a dash, and at least one more character.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slug(String);

impl Slug {
    /// Checks a name: the form `NNN-name`, and nothing that could leave the directory.
    ///
    /// # Errors
    /// When it has another form or holds a character that a slug cannot hold.
    pub(crate) fn parse(text: &str) -> Result<Self, FeatureError> {
        let text = text.trim();
        let forbidden =
            |c: char| c.is_control() || c.is_whitespace() || matches!(c, '/' | '\\' | ':');
        let name = text.split_at_checked(3).and_then(|(number, rest)| {
            let digits = number.bytes().all(|byte| byte.is_ascii_digit());
            rest.strip_prefix('-').filter(|_| digits)
        });
        let fits = text.len() <= MAX_SLUG_BYTES && !text.contains(forbidden);
        match name {
            Some(name) if !name.is_empty() && fits => Ok(Self(text.to_owned())),
            _ => Err(FeatureError::BadSlug {
                given: text.chars().take(60).collect(),
                known: Vec::new(),
            }),
        }
    }

    /// The slug as text.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The three digits in front.
    #[must_use]
    pub(crate) fn number(&self) -> &str {
        self.0.get(..3).unwrap_or_default()
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why no feature could be chosen.
#[derive(Debug, Error)]
pub(crate) enum FeatureError {
    /// Not the form `NNN-name`.
    #[error("'{given}' is not a feature slug; slugs look like 028-my-feature")]
    BadSlug {
        /// What was given, cut to 60 characters.
        given: String,
        /// The features that exist, where that is known.
        known: Vec<Slug>,
    },
    /// There is no such feature.
    #[error("there is no feature kitty-specs/{slug}{}", listed(known))]
    Missing {
        /// The slug.
        slug: Slug,
        /// Those that exist.
        known: Vec<Slug>,
    },
    /// The project has no feature at all.
    #[error("this project has no feature yet: kitty-specs/ holds none")]
    None,
    /// There are several, all complete.
    #[error("which feature? none is named and all are complete{}", listed(known))]
    Undecided {
        /// Those that exist.
        known: Vec<Slug>,
    },
    /// Its directory leads out of the project.
    #[error("kitty-specs/{slug} leads out of the project by a symbolic link")]
    Outside {
        /// The slug.
        slug: Slug,
    },
    /// `kitty-specs/` cannot be read.
    #[error("cannot list kitty-specs/: {0}")]
    Io(#[source] io::Error),
}

fn listed(known: &[Slug]) -> String {
    if known.is_empty() {
        return String::new();
    }
    let shown: Vec<&str> = known.iter().rev().take(LISTED).map(Slug::as_str).collect();
    let more = match known.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("; there are {}{more}", shown.join(", "))
}

/// How a feature was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// By `--feature`.
    Named,
    /// By `SPECIFY_FEATURE`.
    Environment,
    /// By the branch of the main repository.
    Branch,
    /// By the working directory.
    Directory,
    /// There is only one.
    Only,
    /// The highest-numbered incomplete one of several: worth telling the user.
    LatestIncomplete,
}

/// The feature a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Feature {
    /// Its name.
    pub slug: Slug,
    /// Its directory, which exists.
    pub dir: PathBuf,
    /// How it was chosen.
    pub chosen: Chosen,
}

impl Feature {
    /// The directory of its work packages.
    #[must_use]
    pub(crate) fn tasks_dir(&self) -> PathBuf {
        self.dir.join("tasks")
    }
}

/// What a choice is made from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hints<'a> {
    /// The value of `--feature`.
    pub named: Option<&'a str>,
    /// The value of `SPECIFY_FEATURE`.
    pub environment: Option<&'a str>,
    /// The branch of the main repository.
    pub branch: Option<&'a str>,
}

/// Chooses the feature for a command run in `cwd`.
///
/// # Errors
/// When a name is malformed, the feature does not exist, or none can be chosen.
pub(crate) fn detect(
    project: &Project,
    cwd: &Path,
    hints: Hints<'_>,
) -> Result<Feature, FeatureError> {
    let environment = hints.environment.filter(|text| !text.trim().is_empty());
    let given = hints
        .named
        .map(|text| (text.to_owned(), Chosen::Named))
        .or_else(|| environment.map(|text| (text.to_owned(), Chosen::Environment)))
        .or_else(|| {
            hints
                .branch
                .and_then(from_name)
                .map(|slug| (slug, Chosen::Branch))
        })
        .or_else(|| from_path(project, cwd).map(|slug| (slug, Chosen::Directory)));
    match given {
        Some((text, chosen)) => existing(project, named(project, &text)?, chosen),
        None => choose(project),
    }
}

/// The slug that was given; when it is none, the error knows those that exist.
fn named(project: &Project, text: &str) -> Result<Slug, FeatureError> {
    Slug::parse(text).map_err(|error| match error {
        FeatureError::BadSlug { given, .. } => FeatureError::BadSlug {
            given,
            known: all(project).unwrap_or_default(),
        },
        other => other,
    })
}

/// The slug in a branch or directory name: `NNN-name` or `NNN-name-WPxx`.
fn from_name(name: &str) -> Option<String> {
    let slug = match name.rsplit_once("-WP") {
        Some((slug, digits)) if digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()) => {
            slug
        }
        _ => name,
    };
    Slug::parse(slug).ok().map(|slug| slug.0)
}

/// The slug in the path of the working directory. What stands above the project
/// says nothing about it, and a directory that is merely called like a feature
/// counts only when there is such a feature.
fn from_path(project: &Project, cwd: &Path) -> Option<String> {
    let cwd = fs::canonicalize(cwd).unwrap_or_else(|_| cwd.to_owned());
    let names: Vec<&str> = cwd
        .strip_prefix(&project.root)
        .unwrap_or(&cwd)
        .components()
        .filter_map(|part| part.as_os_str().to_str())
        .collect();
    let after = |parent: &str| {
        let at = names.iter().rposition(|name| *name == parent)?;
        from_name(names.get(at + 1)?)
    };
    let exists = |slug: &String| project.specs_dir().join(slug).is_dir();
    let called = || {
        names
            .iter()
            .rev()
            .find_map(|name| from_name(name).filter(exists))
    };
    after(".worktrees")
        .or_else(|| after("kitty-specs"))
        .or_else(called)
}

fn existing(project: &Project, slug: Slug, chosen: Chosen) -> Result<Feature, FeatureError> {
    let dir = project.specs_dir().join(slug.as_str());
    if !dir.is_dir() {
        let known = all(project)?;
        return Err(FeatureError::Missing { slug, known });
    }
    let inside = |path: &Path| {
        fs::canonicalize(path).is_ok_and(|real| real.starts_with(&project.root)) || !path.exists()
    };
    if !inside(&dir) || !inside(&dir.join("tasks")) {
        return Err(FeatureError::Outside { slug });
    }
    Ok(Feature { slug, dir, chosen })
}

fn choose(project: &Project) -> Result<Feature, FeatureError> {
    let known = all(project)?;
    match known.as_slice() {
        [] => Err(FeatureError::None),
        [only] => existing(project, only.clone(), Chosen::Only),
        several => {
            let latest = several
                .iter()
                .rev()
                .find(|slug| is_incomplete(project, slug));
            match latest {
                Some(slug) => existing(project, slug.clone(), Chosen::LatestIncomplete),
                None => Err(FeatureError::Undecided { known }),
            }
        }
    }
}

/// Every feature of the project, in the order of the slugs.
fn all(project: &Project) -> Result<Vec<Slug>, FeatureError> {
    let entries = match fs::read_dir(project.specs_dir()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FeatureError::Io(error)),
    };
    let mut found = Vec::new();
    for entry in entries.take(MAX_FEATURES) {
        let entry = entry.map_err(FeatureError::Io)?;
        let slug = entry.file_name().to_str().map(Slug::parse);
        if let (Some(Ok(slug)), true) = (slug, entry.path().is_dir()) {
            found.push(slug);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether some work package is not done. No work package, or one that cannot
/// be read, counts as not done.
fn is_incomplete(project: &Project, slug: &Slug) -> bool {
    let tasks = project.specs_dir().join(slug.as_str()).join("tasks");
    match work_package::list(&tasks) {
        Ok(files) if !files.is_empty() => files.iter().any(|(id, name)| {
            !WorkPackage::read(*id, &tasks.join(name)).is_ok_and(|wp| wp.lane == Lane::Done)
        }),
        _ => true,
    }
}

#[cfg(test)]
#[path = "feature_tests.rs"]
mod tests;
