//! Putting the files of a log in order: what a person would do by hand, with
//! the lock held and without a chance to lose anything.
//!
//! * Nothing is deleted but the leftovers of interrupted creations, which mean
//!   nothing. What does not belong here is moved to `log/aside/`.
//! * No byte of a segment is written. A segment under a wrong name, which the
//!   readers find anyway, gets its own name back.
//! * At every moment each segment has a name by which the readers find it, so
//!   that an interruption leaves a log like any other. Doing it again goes on.
//!
//! What is to be done is found out in [`super::disorder`].

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::log::disorder::{self, Action, Disorder};
use crate::log::names::{file_name, ordinal_of};
use crate::log::segment::LogDir;
use crate::position::Ordinal;

/// Where files that do not belong to the log are moved to, inside its directory.
pub const ASIDE: &str = "aside";

/// A file that was put in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What it was.
    pub file: Disorder,
    /// Where it is now; `None` when it was removed.
    pub now: Option<PathBuf>,
}

/// What was put in order.
#[derive(Debug, Default)]
pub struct Tidied {
    /// These files.
    pub done: Vec<Settled>,
    /// Why it ended early, when that was an error.
    pub failure: Option<TidyError>,
}

/// Why files could not be put in order. What was done before is done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TidyError {
    /// Another process held the writer lock past the deadline.
    #[error("another process held {} for {} ms", path.display(), waited.as_millis())]
    Busy {
        /// The lock.
        path: PathBuf,
        /// The deadline that passed.
        waited: Duration,
    },
    /// The system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl TidyError {
    fn io(action: &'static str, path: PathBuf) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// Puts these files in order, waiting at most `deadline` for the writer lock.
///
/// Each is looked at again under the lock, and only those that are out of order
/// in the same way still are dealt with. Where files are renamed nobody may be
/// sending: a reader that has listed the old names could miss a segment.
pub fn tidy(dir: &LogDir, facts: [u8; 8], files: &[Disorder], deadline: Duration) -> Tidied {
    let mut tidied = Tidied::default();
    if !files.is_empty() {
        tidied.failure = tidy_all(dir, facts, files, deadline, &mut tidied.done).err();
    }
    tidied
}

fn tidy_all(
    dir: &LogDir,
    facts: [u8; 8],
    files: &[Disorder],
    deadline: Duration,
    done: &mut Vec<Settled>,
) -> Result<(), TidyError> {
    let path = dir.lock_path();
    let held = dir.storage().lock(&path, deadline);
    let Some(_held) = held.map_err(TidyError::io("lock", path.clone()))? else {
        return Err(TidyError::Busy {
            path,
            waited: deadline,
        });
    };
    let found = disorder::find(dir, facts);
    let found = found.map_err(TidyError::io("list", dir.path().to_owned()))?;
    let mut moves = Vec::new();
    for file in files
        .iter()
        .filter(|file| found.iter().any(|now| now.is_still(file)))
    {
        let now = match file.action {
            Action::Rename(to) => {
                moves.push((file, file.name.clone(), to));
                continue;
            }
            Action::Remove => {
                let path = dir.path().join(&file.name);
                let removed = dir.storage().remove(&path);
                removed.map_err(TidyError::io("remove", path))?;
                None
            }
            Action::SetAside(_) => Some(set_aside(dir, &file.name)?),
        };
        sync(dir)?;
        let file = file.clone();
        done.push(Settled { file, now });
    }
    rename_all(dir, moves, done)
}

/// Moves a file to `aside/`, under its name or, when that is taken, a number
/// behind it. Says where it is now.
fn set_aside(dir: &LogDir, name: &str) -> Result<PathBuf, TidyError> {
    let aside = dir.path().join(ASIDE);
    let from = dir.path().join(name);
    dir.storage()
        .create_dir_all(&aside)
        .map_err(TidyError::io("create", aside.clone()))?;
    sync(dir)?;
    let mut taken = 0_u32;
    let to = loop {
        let to = match taken {
            0 => aside.join(name),
            number => aside.join(format!("{name}.{number}")),
        };
        match dir.storage().rename_new(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && taken < 10_000 => {
                taken += 1;
            }
            other => {
                other.map_err(TidyError::io("set aside", from))?;
                break to;
            }
        }
    };
    dir.storage()
        .sync_dir(&aside)
        .map_err(TidyError::io("sync", aside))?;
    Ok(to)
}

/// Gives segments their own names, one rename after the other; where each one's
/// name is another one's file, one goes to a free number first.
fn rename_all<'a>(
    dir: &LogDir,
    mut moves: Vec<(&'a Disorder, String, Ordinal)>,
    done: &mut Vec<Settled>,
) -> Result<(), TidyError> {
    let failed = |name: &str| TidyError::io("rename", dir.path().join(name));
    let rename = |from: &str, to: &str| {
        let (from, to) = (dir.path().join(from), dir.path().join(to));
        dir.storage().rename_new(&from, &to)
    };
    let mut detours = 0..moves.len();
    while !moves.is_empty() {
        let mut waiting: Vec<(&'a Disorder, String, Ordinal)> = Vec::new();
        let before = moves.len();
        for (file, name, to) in moves {
            match rename(&name, &file_name(to)) {
                Ok(()) => {
                    sync(dir)?;
                    done.push(Settled {
                        file: file.clone(),
                        now: Some(dir.path().join(file_name(to))),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    waiting.push((file, name, to));
                }
                Err(error) => return Err(failed(&name)(error)),
            }
        }
        if waiting.len() == before {
            let Some((_, name, _)) = waiting.first_mut().filter(|_| detours.next().is_some())
            else {
                // Another file has come to lie there: it is looked at next time.
                return Ok(());
            };
            let free = file_name(highest(dir).map_err(failed(name))?.next());
            rename(name, &free).map_err(failed(name))?;
            sync(dir)?;
            *name = free;
        }
        moves = waiting;
    }
    Ok(())
}

/// The highest number in the name of a file.
fn highest(dir: &LogDir) -> io::Result<Ordinal> {
    let names = dir.storage().list(dir.path())?;
    let numbers = names.iter().filter_map(|name| ordinal_of(name));
    Ok(numbers.max().unwrap_or_default())
}

fn sync(dir: &LogDir) -> Result<(), TidyError> {
    dir.storage()
        .sync_dir(dir.path())
        .map_err(TidyError::io("sync", dir.path().to_owned()))
}

#[cfg(test)]
#[path = "tidy_tests.rs"]
mod tests;
