//! Work packages: ids, files, and what their front matter says.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use super::file::{FileError, read_text};
use super::frontmatter::{Data, DataError};
use super::lane::{self, UnknownLane};
use super::text::{MAX_FILE_BYTES, Split, SplitError};
use crate::event::Lane;

/// The most directory entries that are looked at in one `tasks/` directory.
const MAX_ENTRIES: usize = 10_000;

/// The id of a work package: `WP` and two digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WpId(u8);

/// A text that is not a work package id.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("'{given}' is not a work package id; ids are WP and two digits, such as WP01")]
pub(crate) struct InvalidWpId {
    /// What was given, cut to 40 characters.
    pub given: String,
    /// The id that was likely meant.
    pub meant: Option<WpId>,
}

impl FromStr for WpId {
    type Err = InvalidWpId;

    fn from_str(text: &str) -> Result<Self, InvalidWpId> {
        let digits = text.strip_prefix("WP").unwrap_or_default();
        let exact = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        match digits.parse() {
            Ok(number) if exact => Ok(Self(number)),
            _ => Err(InvalidWpId {
                given: text.chars().take(40).collect(),
                meant: likely(text),
            }),
        }
    }
}

/// `wp1`, `WP-01`, `1` mean WP01.
fn likely(text: &str) -> Option<WpId> {
    let word = text.trim().to_ascii_uppercase();
    let digits = word.strip_prefix("WP").unwrap_or(&word);
    let digits = digits.trim_start_matches(['-', '_', ' ']);
    let few = (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| few).map(WpId)
}

impl fmt::Display for WpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WP{:02}", self.0)
    }
}

impl fmt::Debug for WpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl WpId {
    /// The id at the start of a file name such as `WP01-title.md`; `WP04b-x.md` has none.
    fn of_file(name: &str) -> Option<Self> {
        let (id, rest) = name.split_at_checked("WP01".len())?;
        let is_file = rest.starts_with(['-', '_', '.']) && rest.ends_with(".md");
        id.parse().ok().filter(|_| is_file)
    }
}

/// Why a work package could not be found or read.
#[derive(Debug, Error)]
pub(crate) enum WpError {
    /// No file for it.
    #[error("there is no work package {id} in {}{}", dir.display(), listed(present))]
    Missing {
        /// The id that was looked for.
        id: WpId,
        /// The `tasks/` directory.
        dir: PathBuf,
        /// The ids that are there.
        present: Vec<WpId>,
    },
    /// Several files for it.
    #[error("{id} is ambiguous: {} all carry it", names.join(", "))]
    Ambiguous {
        /// The id.
        id: WpId,
        /// The file names.
        names: Vec<String>,
    },
    /// The file or its directory cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It has no usable front matter.
    #[error("{id} cannot be read: {source}")]
    Split {
        /// The id.
        id: WpId,
        /// Why.
        source: SplitError,
    },
    /// Its front matter is not data.
    #[error("{id} cannot be read: {source}")]
    Data {
        /// The id.
        id: WpId,
        /// Why.
        source: DataError,
    },
    /// It lies in the layout of old projects, where the directory is the lane.
    #[error("{id} lies in the old layout ({}), which is read but not changed", path.display())]
    Legacy {
        /// The id.
        id: WpId,
        /// Its file.
        path: PathBuf,
    },
    /// Its lane is none of the four.
    #[error("the file of {id} cannot be used: {source}")]
    Lane {
        /// The id.
        id: WpId,
        /// What stands there.
        source: UnknownLane,
    },
}

fn listed(present: &[WpId]) -> String {
    if present.is_empty() {
        return String::new();
    }
    let ids: Vec<String> = present.iter().map(WpId::to_string).collect();
    format!("; there are {}", ids.join(", "))
}

/// A work package file as it was read.
#[derive(Clone, Debug)]
pub(crate) struct WorkPackage {
    /// Its id, from the file name.
    pub id: WpId,
    /// Its file.
    pub path: PathBuf,
    /// The whole file.
    pub text: String,
    /// Its front matter.
    pub data: Data,
    /// Its lane; a missing one means planned.
    pub lane: Lane,
    /// Whether its directory is its lane (`tasks/doing/WP01-x.md`), as in old
    /// projects. Such a work package is read, and never changed.
    pub is_legacy: bool,
}

impl WorkPackage {
    /// Reads the file of the work package `id` at `path`.
    ///
    /// # Errors
    /// When the file cannot be read, has no readable front matter, or its lane is unknown.
    pub(crate) fn read(id: WpId, path: &Path) -> Result<Self, WpError> {
        let text = read_text(path, MAX_FILE_BYTES)?;
        let split = Split::of(&text).map_err(|source| WpError::Split { id, source })?;
        let data = Data::parse(split.front).map_err(|source| WpError::Data { id, source })?;
        let by_dir = legacy_lane(path);
        let lane = match data.get("lane") {
            _ if by_dir.is_some() => by_dir.unwrap_or(Lane::Planned),
            None => Lane::Planned,
            Some(_) => lane::parse(data.text("lane").unwrap_or_default())
                .map_err(|source| WpError::Lane { id, source })?,
        };
        Ok(Self {
            id,
            path: path.to_owned(),
            text,
            data,
            lane,
            is_legacy: by_dir.is_some(),
        })
    }

    /// The ids that it waits for, as its front matter has them; other words there
    /// are no ids.
    #[must_use]
    pub(crate) fn dependencies(&self) -> Vec<WpId> {
        let mut ids: Vec<WpId> = self
            .data
            .texts("dependencies")
            .iter()
            .filter_map(|text| text.trim().parse().ok())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Its title; its id when it has none.
    #[must_use]
    pub(crate) fn title(&self) -> String {
        let keys = ["title", "work_package_title", "subtitle"];
        let title = keys.iter().find_map(|key| self.data.text(key));
        title.map_or_else(|| self.id.to_string(), str::to_owned)
    }

    /// Finds the file of `id` in a feature's `tasks/` directory and reads it.
    ///
    /// # Errors
    /// When there is none, there are several, or it cannot be read.
    pub(crate) fn find(tasks_dir: &Path, id: WpId) -> Result<Self, WpError> {
        let files = list(tasks_dir)?;
        let mut own = files.iter().filter(|(other, _)| *other == id);
        match (own.next(), own.next()) {
            (Some((_, name)), None) => Self::read(id, &tasks_dir.join(name)),
            (Some(_), Some(_)) => Err(WpError::Ambiguous {
                id,
                names: files
                    .iter()
                    .filter(|(other, _)| *other == id)
                    .map(|(_, name)| name.clone())
                    .collect(),
            }),
            (None, _) => {
                let mut present: Vec<WpId> = files.iter().map(|(id, _)| *id).collect();
                present.dedup();
                Err(WpError::Missing {
                    id,
                    dir: tasks_dir.to_owned(),
                    present,
                })
            }
        }
    }
}

/// The lane whose directory the file lies in, in the layout of old projects.
fn legacy_lane(path: &Path) -> Option<Lane> {
    let dir = path.parent()?;
    let is_below_tasks = dir.parent()?.file_name()? == "tasks";
    let lane = dir.file_name()?.to_str()?.parse().ok()?;
    is_below_tasks.then_some(lane)
}

/// The work package files of a `tasks/` directory, in the order of their ids,
/// named from that directory. Those in directories named like lanes belong to
/// it. File names that are not UTF-8 belong to no work package.
///
/// # Errors
/// When the directory cannot be read.
pub(crate) fn list(tasks_dir: &Path) -> Result<Vec<(WpId, String)>, FileError> {
    let mut found = Vec::new();
    list_into(tasks_dir, "", &mut found)?;
    for lane in Lane::WORDS {
        let dir = tasks_dir.join(lane);
        if fs::symlink_metadata(&dir).is_ok_and(|facts| facts.is_dir()) {
            list_into(&dir, lane, &mut found)?;
        }
    }
    found.sort();
    Ok(found)
}

fn list_into(dir: &Path, lane: &str, found: &mut Vec<(WpId, String)>) -> Result<(), FileError> {
    let io = |source| FileError::Io {
        action: "list",
        path: dir.to_owned(),
        source,
    };
    for entry in fs::read_dir(dir).map_err(io)?.take(MAX_ENTRIES) {
        let name = entry.map_err(io)?.file_name();
        if let Some((id, name)) = name
            .to_str()
            .and_then(|name| Some((WpId::of_file(name)?, name)))
        {
            let name = match lane {
                "" => name.to_owned(),
                lane => format!("{lane}/{name}"),
            };
            found.push((id, name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> WpId {
        text.parse().unwrap()
    }

    #[test]
    fn an_id_is_wp_and_two_digits() {
        assert_eq!(id("WP07").to_string(), "WP07");
        for (text, meant) in [
            ("wp01", Some("WP01")),
            ("WP1", Some("WP01")),
            ("3", Some("WP03")),
            ("WP-12", Some("WP12")),
            ("WP001", None),
            ("WP0١", None),
            ("../WP01", None),
            ("WP+1", None),
            ("", None),
        ] {
            let error = text.parse::<WpId>().unwrap_err();
            assert_eq!(error.meant, meant.map(id), "{text}");
        }
    }

    #[test]
    fn wp04_is_not_wp04b() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "WP04b-x.md",
            "WP04-y.md",
            "WP041-z.md",
            "README.md",
            "WP04-y.txt",
        ] {
            fs::write(dir.path().join(name), "---\nlane: Done\n---\n").unwrap();
        }
        let found = WorkPackage::find(dir.path(), id("WP04")).unwrap();
        assert_eq!(found.path.file_name().unwrap(), "WP04-y.md");
        assert_eq!(found.lane, Lane::Done);
        let missing = WorkPackage::find(dir.path(), id("WP05")).unwrap_err();
        assert!(
            missing.to_string().ends_with("; there are WP04"),
            "{missing}"
        );
        fs::write(dir.path().join("WP04_again.md"), "").unwrap();
        let several = WorkPackage::find(dir.path(), id("WP04")).unwrap_err();
        assert!(matches!(several, WpError::Ambiguous { names, .. } if names.len() == 2));
    }

    #[test]
    fn in_the_old_layout_the_directory_is_the_lane() {
        let dir = tempfile::tempdir().unwrap();
        let tasks = dir.path().join("tasks");
        fs::create_dir_all(tasks.join("for_review")).unwrap();
        fs::create_dir_all(tasks.join("other")).unwrap();
        fs::write(tasks.join("for_review/WP02-b.md"), "---\ntitle: B\n---\n").unwrap();
        fs::write(tasks.join("other/WP03-c.md"), "---\n---\n").unwrap();
        fs::write(tasks.join("WP01-a.md"), "---\nlane: doing\n---\n").unwrap();
        let names: Vec<String> = list(&tasks)
            .unwrap()
            .into_iter()
            .map(|(_, name)| name)
            .collect();
        assert_eq!(names, ["WP01-a.md", "for_review/WP02-b.md"]);
        let old = WorkPackage::find(&tasks, id("WP02")).unwrap();
        assert_eq!((old.lane, old.is_legacy), (Lane::ForReview, true));
        assert!(!WorkPackage::find(&tasks, id("WP01")).unwrap().is_legacy);
    }

    #[test]
    fn a_file_without_a_usable_lane_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let path = dir.path().join("WP01-x.md");
            fs::write(&path, text).unwrap();
            WorkPackage::read(id("WP01"), &path)
        };
        assert_eq!(read("---\ntitle: x\n---\n").unwrap().lane, Lane::Planned);
        assert!(matches!(
            read("---\nlane: blocked\n---\n"),
            Err(WpError::Lane { .. })
        ));
        assert!(matches!(
            read("---\nlane: [a]\n---\n"),
            Err(WpError::Lane { .. })
        ));
        assert!(matches!(
            read("---\nlane:\n---\n"),
            Err(WpError::Lane { .. })
        ));
        assert!(matches!(
            read("---\nlane: \"x\n---\n"),
            Err(WpError::Data { .. })
        ));
        assert!(matches!(read("# no\n"), Err(WpError::Split { .. })));
    }
}
