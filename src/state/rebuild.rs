//! Whether the store and the view can be used, and making them anew from each
//! other and from the log.
//!
//! Looking changes nothing: the store is copied while it is closed and the copy
//! is opened, because opening a damaged store sets it aside. Making anew sets
//! aside what is damaged and writes the ledger that is left to both places. What
//! is lost with it is said beforehand ([`Remains`]); the worst of it is that
//! events are sent again, to the same recipient as ever, because whose they are
//! stands in the log.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::platform;
use crate::position::Lamport;
use crate::scratch::{Scratch, ScratchError};
use crate::state::ground::SledShelf;
use crate::state::ledger_store::entries;
use crate::state::store::{Job, Store};
use crate::state::{Note, SenderLock, State, StateError, ViewError, clock, view};

/// The store or the view cannot be used, or is behind the other one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ailment {
    /// The directory or file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// What the ledger is made of when it is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remains {
    /// The store, or the view that is newer: all of it.
    Whole,
    /// The view, which may lack what was learned last: the store is damaged.
    View,
    /// What can be read of the store: streams of which something is lost start
    /// over.
    Parts {
        /// How many entries cannot be read.
        lost: usize,
    },
    /// Nothing: delivery starts over, and what the server refused is forgotten.
    Nothing,
}

/// What a look at the store and the view found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkup {
    /// What is wrong; empty when all is well, or nothing is there.
    pub ailments: Vec<Ailment>,
    /// What the ledger is made of when both are made anew.
    pub remains: Remains,
}

/// How far the clock of the log has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockOfLog {
    /// The value after the last frame.
    pub value: Lamport,
    /// The highest value that a segment may issue.
    pub leased_to: Lamport,
}

impl State {
    /// Looks at the store and the view, waiting at most `deadline` for the store.
    ///
    /// # Errors
    /// [`StateError`] when nothing can be found out: the store is in use, was
    /// written by a newer version, or there is no room for a copy of it.
    pub fn examine(&self, deadline: Duration) -> Result<Checkup, StateError> {
        let (sled, view) = (self.store().sled_dir(), view::path_in(self.dir()));
        let viewed = self.viewed()?;
        let stored = if sled.is_dir() {
            Some(look_at_copy(&self.store(), deadline)?)
        } else {
            None
        };
        let mut ailments = Vec::new();
        let mut ails = |path: &Path, reason: &str| {
            ailments.push(Ailment {
                path: path.to_owned(),
                reason: reason.to_owned(),
            });
        };
        let known = |viewed: &Viewed| match viewed {
            Viewed::Revision(revision) => *revision,
            Viewed::Missing | Viewed::Damaged(_) => 0,
        };
        if let Viewed::Damaged(reason) = &viewed {
            ails(&view, reason);
        }
        match &stored {
            None if known(&viewed) > 0 => ails(&sled, "it is missing"),
            Some(Stored::Damaged(reason)) => ails(&sled, reason),
            Some(Stored::Ledger { dropped, .. }) if *dropped > 0 => {
                ails(&sled, &format!("{dropped} of its entries cannot be read"));
            }
            Some(Stored::Ledger { revision, .. }) if *revision < known(&viewed) => {
                ails(&sled, "it is older than the view");
            }
            Some(Stored::Ledger { revision, .. }) => match &viewed {
                Viewed::Missing if *revision > 0 => ails(&view, "it is missing"),
                Viewed::Revision(view_revision) if view_revision < revision => {
                    ails(&view, "it is older than the store");
                }
                _ => {}
            },
            None => {}
        }
        Ok(Checkup {
            ailments,
            remains: remains(&viewed, stored.as_ref()),
        })
    }

    /// Writes the ledger that is left to both places, and what the log says of
    /// the clock to the store, setting aside what is damaged. Says what was set
    /// aside.
    ///
    /// # Errors
    /// [`StateError`]; repeating it goes on from wherever it ended.
    pub fn rebuild(
        &self,
        sender: SenderLock,
        log: ClockOfLog,
        deadline: Duration,
    ) -> Result<Vec<PathBuf>, StateError> {
        let mut aside = Vec::new();
        if let Viewed::Damaged(_) = self.viewed()? {
            aside.push(set_view_aside(self.dir())?);
        }
        let mut notes = clock::restore(&self.store(), log, deadline)?;
        let store = self.store();
        let opened = self.open_ledger_on(SledShelf { store, sender }, deadline)?;
        notes.extend(opened.notes);
        let mut ledger = opened.value;
        notes.extend(ledger.rewrite(deadline)?);
        aside.extend(notes.into_iter().filter_map(|note| match note {
            Note::Healed { moved_to, .. } => Some(moved_to),
            _ => None,
        }));
        Ok(aside)
    }

    fn viewed(&self) -> Result<Viewed, StateError> {
        match self.view() {
            Ok(None) => Ok(Viewed::Missing),
            Ok(Some(ledger)) => Ok(Viewed::Revision(ledger.revision())),
            Err(ViewError::Damaged { reason, .. }) => Ok(Viewed::Damaged(reason)),
            Err(ViewError::Newer { path, .. }) => Err(StateError::Newer { path }),
            Err(ViewError::Io { source, .. }) if source.kind() == io::ErrorKind::InvalidInput => {
                Ok(Viewed::Damaged("it is no regular file".to_owned()))
            }
            Err(ViewError::Io {
                action,
                path,
                source,
            }) => Err(StateError::io(action, &path, source)),
        }
    }
}

/// What the view is like.
enum Viewed {
    Missing,
    Revision(u64),
    Damaged(String),
}

/// What the store is like.
enum Stored {
    Ledger { revision: u64, dropped: usize },
    Damaged(String),
}

/// What opening the two would give: see [`State::open_ledger`].
fn remains(viewed: &Viewed, stored: Option<&Stored>) -> Remains {
    let (revision, lost, is_damaged) = match stored {
        Some(Stored::Ledger { revision, dropped }) => (*revision, *dropped, false),
        Some(Stored::Damaged(_)) => (0, 0, true),
        None => (0, 0, false),
    };
    match viewed {
        Viewed::Revision(_) if is_damaged => Remains::View,
        Viewed::Revision(view) if *view > revision || (*view == revision && lost > 0) => {
            Remains::Whole
        }
        Viewed::Damaged(_) | Viewed::Missing if is_damaged || stored.is_none() => Remains::Nothing,
        _ if lost > 0 => Remains::Parts { lost },
        _ => Remains::Whole,
    }
}

fn set_view_aside(state_dir: &Path) -> Result<PathBuf, StateError> {
    let from = view::path_in(state_dir);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_ms = now.map_or(0, |time| time.as_millis());
    let to = from.with_extension(format!("view.corrupt-{now_ms}"));
    platform::rename_new(&from, &to)
        .and_then(|()| platform::sync_dir(state_dir))
        .map_err(|source| StateError::io("set aside", &from, source))?;
    Ok(to)
}

/// Opens a copy of the store, in a directory that is gone afterwards.
fn look_at_copy(store: &Store, deadline: Duration) -> Result<Stored, StateError> {
    let sled_dir = store.sled_dir();
    let scratch = Scratch::create()?;
    let private = scratch.path().join("state");
    platform::create_private_dir(&private).map_err(ScratchError::io("create", &private))?;
    let copy = Store::in_dir(&private);
    store.while_closed(deadline, || copy_all(&sled_dir, &copy.sled_dir()))?;
    let job: Job<_> = Box::new(entries::read);
    let opened = copy.run(deadline, job)?;
    let healed = opened.notes.into_iter().find_map(|note| match note {
        Note::Healed { reason, .. } => Some(Stored::Damaged(reason)),
        _ => None,
    });
    let (ledger, dropped) = entries::load(&opened.value);
    Ok(healed.unwrap_or_else(|| Stored::Ledger {
        revision: ledger.revision(),
        dropped: dropped.len(),
    }))
}

/// Copies the regular files of a directory and of those in it.
fn copy_all(from: &Path, to: &Path) -> Result<(), StateError> {
    let unread = |source| StateError::io("read", from, source);
    platform::create_private_dir(to).map_err(ScratchError::io("create", to))?;
    for entry in fs::read_dir(from).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let (path, name) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(unread)?;
        if kind.is_dir() {
            copy_all(&path, &name)?;
        } else if kind.is_file() {
            copy_one(&path, &name)?;
        }
    }
    Ok(())
}

fn copy_one(from: &Path, to: &Path) -> Result<(), StateError> {
    let unread = |source| StateError::io("read", from, source);
    let (mut file, _) = platform::open_regular(from).map_err(unread)?;
    let mut options = platform::private_options();
    let copy = options.write(true).create_new(true).open(to);
    let mut copy = copy.map_err(ScratchError::io("create", to))?;
    io::copy(&mut file, &mut copy).map_err(|source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ScratchError::io("write to", to)(source).into()
        }
        _ => unread(source),
    })?;
    Ok(())
}
