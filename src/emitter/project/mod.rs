//! Who a project is: its identity, and whether its events may leave the machine.
//!
//! The identity is kept in the project's own `.kittify/config.yaml`, shared
//! with everybody who works on it. What is missing there is made up once and
//! written; what cannot be written is not used, because a made-up identity
//! that nobody will find again would scatter the project's events over as many
//! projects as there were commands. Such events are recorded without a project
//! and wait.
//!
//! Writing is atomic and serialised by a lock on the file that becomes the new
//! one, so that of several processes that find the identity missing exactly
//! one makes it up. The path that is read is never written through a symbolic
//! link.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use thiserror::Error;
use uuid::Uuid;

use crate::platform;

mod completion;
mod file;
mod plain;

use completion::Values;
pub use file::FileFault;
use file::Section;
pub(super) use file::Wishes;

/// A project's file is some hundred bytes; nothing sensible is larger than this.
const MAX_FILE_BYTES: usize = 64 * 1024;

/// How long to wait for another process that is completing the same file.
const LOCK_DEADLINE: Duration = Duration::from_secs(1);

/// The name of the file that becomes the new one.
const NEW_FILE_NAME: &str = ".config.yaml.new";

/// The identity of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProjectIdentity {
    /// Identifies the project everywhere: lower case, with hyphens.
    pub(super) uuid: String,
    /// A name for people.
    pub(super) slug: String,
    /// `owner/repo` where the project sets it by hand.
    pub(super) repo_slug: Option<String>,
}

/// What an event needs to know about the project it is recorded in.
#[derive(Debug, Default)]
pub(super) struct ProjectFacts {
    /// The identity, where there is one.
    pub(super) identity: Option<ProjectIdentity>,
    /// What it asks for about sending.
    pub(super) wishes: Wishes,
    /// Why there is no identity although there is a project.
    pub(super) problem: Option<ProjectProblem>,
}

/// Why a project has no identity for now.
///
/// ```
/// use spec_kitty::emitter::{EmitNote, EventEmitter, FileFault, ProjectProblem};
/// use spec_kitty::event::{EntryType, HistoryAdded};
/// use spec_kitty::home::Home;
///
/// let dir = tempfile::tempdir()?;
/// std::fs::create_dir(dir.path().join(".kittify"))?;
/// std::fs::write(dir.path().join(".kittify/config.yaml"), "just words\n")?;
///
/// let emitter = EventEmitter::new(Home::at(dir.path().join("home")), dir.path());
/// let emission = emitter.emit_payload(HistoryAdded::new("WP01", EntryType::Note, "x"), None);
/// assert!(emission.is_recorded()); // without a project: it waits for one
/// let told = |note: &EmitNote| match note {
///     EmitNote::Project(ProjectProblem::Content { fault, .. }) => *fault == FileFault::Malformed,
///     _ => false,
/// };
/// assert!(emission.notes.iter().any(told));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProjectProblem {
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// The file or the directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file's content is in the way.
    #[error("{} {fault}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: FileFault,
    },
    /// Another process is writing the file and did not finish in time.
    #[error("another process holds {}", path.display())]
    Busy {
        /// The file that is locked.
        path: PathBuf,
    },
}

/// What to make up where something is missing.
pub(super) trait Defaults {
    /// The project's name.
    fn slug(&self) -> String;
    /// The node that completes the file.
    fn node_id(&self) -> String;
}

/// The project in `root`, completed where parts of its identity are missing.
pub(super) fn resolve(root: &Path, defaults: &dyn Defaults) -> ProjectFacts {
    let file = ProjectPath::of(root);
    let (wishes, section) = match file.read() {
        Ok((_, parsed)) => (parsed.wishes, parsed.section),
        Err(problem) => return ProjectFacts::without_identity(problem, Wishes::default()),
    };
    let section = match section {
        Ok(section) => section,
        Err(fault) => return ProjectFacts::without_identity(file.fault(fault), wishes),
    };
    if section.is_complete() {
        return ProjectFacts::with(section, wishes);
    }
    match file.complete(defaults) {
        Ok(completed) => ProjectFacts::with(completed, wishes),
        // The name and the node can be worked out again at any time.
        Err(_) if section.uuid.is_some() => ProjectFacts::with(
            Section {
                slug: section.slug.or_else(|| Some(defaults.slug())),
                ..section
            },
            wishes,
        ),
        Err(problem) => ProjectFacts::without_identity(problem, wishes),
    }
}

/// The project in `root` as its file has it now. Changes nothing.
pub(super) fn look(root: &Path) -> Result<Looked, ProjectProblem> {
    let file = ProjectPath::of(root);
    let (_, parsed) = file.read()?;
    let section = parsed.section.map_err(|fault| file.fault(fault))?;
    Ok(Looked {
        is_known: section.uuid.is_some(),
        opted_out: parsed.wishes.opted_out,
        no_auto_start: parsed.wishes.no_auto_start,
    })
}

/// What a project's file says, as far as anybody but its events needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Looked {
    /// It has an identity.
    pub is_known: bool,
    /// Its events stay on this machine.
    pub opted_out: bool,
    /// Commands in it start no background sender.
    pub no_auto_start: bool,
}

/// A project's name as the original makes it up: lower case, with hyphens for
/// underscores and spaces.
pub(super) fn slug_from(name: &str) -> String {
    let slug: String = name
        .to_lowercase()
        .chars()
        .filter(|character| !character.is_control())
        .map(|character| match character {
            '_' | ' ' => '-',
            other => other,
        })
        .take(64)
        .collect();
    if slug.trim_matches('-').is_empty() {
        "project".to_owned()
    } else {
        slug
    }
}

impl ProjectFacts {
    fn with(section: Section, wishes: Wishes) -> Self {
        let identity = section
            .uuid
            .zip(section.slug)
            .map(|(uuid, slug)| ProjectIdentity {
                uuid: uuid.to_string(),
                slug,
                repo_slug: section.repo_slug,
            });
        Self {
            identity,
            wishes,
            problem: None,
        }
    }

    fn without_identity(problem: ProjectProblem, wishes: Wishes) -> Self {
        Self {
            identity: None,
            wishes,
            problem: Some(problem),
        }
    }
}

impl Section {
    fn is_complete(&self) -> bool {
        self.uuid.is_some() && self.slug.is_some() && self.node_id.is_some()
    }
}

/// The file and the directory it is in.
struct ProjectPath {
    dir: PathBuf,
    file: PathBuf,
}

impl ProjectPath {
    fn of(root: &Path) -> Self {
        let dir = root.join(".kittify");
        let file = dir.join("config.yaml");
        Self { dir, file }
    }

    fn fault(&self, fault: FileFault) -> ProjectProblem {
        ProjectProblem::Content {
            path: self.file.clone(),
            fault,
        }
    }

    fn unreadable(&self, source: io::Error) -> ProjectProblem {
        ProjectProblem::Unreadable {
            path: self.file.clone(),
            source,
        }
    }

    /// The text of the file and what it says; a missing file is an empty one.
    fn read(&self) -> Result<(String, file::ProjectFile), ProjectProblem> {
        let bytes = match platform::read_regular(&self.file, MAX_FILE_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(self.unreadable(source)),
        };
        let text = String::from_utf8(bytes).map_err(|_| self.fault(FileFault::Malformed))?;
        let parsed = file::parse(&text);
        Ok((text, parsed))
    }

    /// Adds what is missing, unless another process has done so meanwhile.
    fn complete(&self, defaults: &dyn Defaults) -> Result<Section, ProjectProblem> {
        let new_file = NewFile::lock(self)?;
        let (text, parsed) = self.read()?;
        let section = parsed.section.map_err(|fault| self.fault(fault))?;
        if section.is_complete() {
            new_file.discard();
            return Ok(section);
        }
        let values = Values {
            uuid: Uuid::new_v4(),
            slug: defaults.slug(),
            node_id: defaults.node_id(),
        };
        let published = completion::complete(&text, &values)
            .map_err(|fault| self.fault(fault))
            .and_then(|completed| new_file.publish(self, &completed));
        if let Err(problem) = published {
            new_file.discard();
            return Err(problem);
        }
        Ok(Section {
            uuid: section.uuid.or(Some(values.uuid)),
            slug: section.slug.or(Some(values.slug)),
            node_id: section.node_id.or(Some(values.node_id)),
            repo_slug: section.repo_slug,
        })
    }

    /// The metadata of the file that is to be replaced. A read-only file or
    /// directory is left alone even by somebody who could write it.
    fn check_writable(&self) -> Result<Option<Metadata>, ProjectProblem> {
        let refused = |path: &Path, kind: io::ErrorKind| ProjectProblem::Unwritable {
            path: path.to_owned(),
            source: kind.into(),
        };
        let dir = std::fs::metadata(&self.dir).map_err(|error| self.unreadable(error))?;
        if dir.permissions().readonly() {
            return Err(refused(&self.dir, io::ErrorKind::PermissionDenied));
        }
        match std::fs::symlink_metadata(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.unreadable(source)),
            Ok(file) if file.permissions().readonly() => {
                Err(refused(&self.file, io::ErrorKind::PermissionDenied))
            }
            Ok(file) if file.is_file() => Ok(Some(file)),
            Ok(_) => Err(refused(&self.file, io::ErrorKind::InvalidInput)),
        }
    }
}

/// The locked file that becomes the new one.
struct NewFile {
    path: PathBuf,
    file: File,
    replaced: Option<Metadata>,
}

impl NewFile {
    /// Takes the lock. Whoever gets it after the file was renamed or removed
    /// by its last holder holds nothing, and starts over.
    fn lock(project: &ProjectPath) -> Result<Self, ProjectProblem> {
        let path = project.dir.join(NEW_FILE_NAME);
        let unwritable = |source| ProjectProblem::Unwritable {
            path: path.clone(),
            source,
        };
        let give_up = Instant::now() + LOCK_DEADLINE;
        loop {
            let replaced = project.check_writable()?;
            let opened = open_new_file(&path).map_err(unwritable)?;
            let left = give_up.saturating_duration_since(Instant::now());
            let Some(file) = platform::lock_exclusive(opened, left).map_err(unwritable)? else {
                return Err(ProjectProblem::Busy { path });
            };
            let held = platform::file_identity(&file).map_err(unwritable)?;
            if platform::path_identity(&path).is_ok_and(|named| named == held) {
                return Ok(Self {
                    path,
                    file,
                    replaced,
                });
            }
        }
    }

    /// Makes `text` the content of the project's file, durably.
    fn publish(&self, project: &ProjectPath, text: &str) -> Result<(), ProjectProblem> {
        self.write(text)
            .and_then(|()| std::fs::rename(&self.path, &project.file))
            .and_then(|()| platform::sync_dir(&project.dir))
            .map_err(|source| ProjectProblem::Unwritable {
                path: project.file.clone(),
                source,
            })
    }

    fn write(&self, text: &str) -> io::Result<()> {
        // What a process left behind that was killed here is overwritten.
        self.file.set_len(0)?;
        let mut writer = &self.file;
        writer.seek(SeekFrom::Start(0))?;
        writer.write_all(text.as_bytes())?;
        if let Some(replaced) = &self.replaced {
            self.file.set_permissions(replaced.permissions())?;
        }
        self.file.sync_all()
    }

    /// Removes the file while it is still locked; nothing depends on it.
    fn discard(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Opens the new file for writing; never through a symbolic link.
fn open_new_file(path: &Path) -> io::Result<File> {
    if std::fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    platform::refuse_links(&mut options);
    options.open(path)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
