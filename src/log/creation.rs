//! How a segment comes into being.
//!
//! A segment appears with its header already durable: temporary file, header,
//! sync, rename to a name that must be free, sync of the directory. A leftover
//! temporary file is an interrupted creation and means nothing.

use std::io;
use std::path::Path;

use crate::log::append::Log;
use crate::log::header::Header;
use crate::log::names::{is_leftover, leftover_name};
use crate::log::outcome::AppendError;
use crate::log::segment::LogDir;
use crate::log::storage::{Held, StoredFile};
use crate::log::writing::{Written, short, write_out};
use crate::position::{Offset, Seq};

impl LogDir {
    /// Creates the segment that `header` describes and makes it durable.
    pub(super) fn create(&self, header: &Header, salt: [u8; 4]) -> io::Result<Box<dyn StoredFile>> {
        let temporary = self.path().join(leftover_name(header.ordinal, salt));
        let created = self.fill_and_name(&temporary, header);
        if created.is_err() {
            let _ = self.storage().remove(&temporary);
        }
        created
    }

    fn fill_and_name(&self, temporary: &Path, header: &Header) -> io::Result<Box<dyn StoredFile>> {
        let name = &self.path_named(header.ordinal);
        let file = self.storage().create_new(temporary)?;
        let bytes = header.encode();
        match write_out(file.as_ref(), &bytes, bytes.len(), Offset(0)) {
            Written::All { .. } => {}
            Written::Short(count) => return Err(short(count, bytes.len())),
            Written::Failed(error) => return Err(error),
        }
        file.sync()?;
        self.storage().rename_new(temporary, name)?;
        self.storage().sync_dir(self.path())?;
        self.made(header.ordinal);
        Ok(file)
    }

    /// Removes what interrupted creations left. Only under the writer lock,
    /// where no creation can be under way. Best effort: a leftover is harmless.
    pub(super) fn remove_leftovers(&self) {
        let Ok(names) = self.storage().list(self.path()) else {
            return;
        };
        for name in names {
            if is_leftover(&name) {
                let _ = self.storage().remove(&self.path().join(name));
            }
        }
    }
}

/// Creates the segment of `header` under this lock.
pub(super) fn create_for(
    log: &Log,
    held: &dyn Held,
    header: &Header,
) -> Result<Box<dyn StoredFile>, AppendError> {
    let [a, b, c, d, ..] = log.ambient.random();
    // Whoever holds a newer lock may add to the segment that this one would
    // end. A lock that is made from now on leads to the same ordinal.
    let created = if held.is_current() {
        log.dir.create(header, [a, b, c, d])
    } else {
        Err(io::Error::other("the lock file was replaced"))
    };
    created.map_err(|source| AppendError::Io {
        action: "create",
        path: log.dir.segment_path(header.ordinal),
        source,
    })
}

/// What is known of the name of a segment without frames.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// This call made it, and synced it.
    Synced,
    /// Whoever made it may have stopped before it was durable.
    Found,
}

/// Makes the way to a segment without frames durable: its name, and for the
/// first frame of a home, which is only as durable as they are, the home's own
/// name and its parent's.
pub(super) fn make_findable(log: &Log, header: &Header, name: Name) -> Result<(), AppendError> {
    let above = if header.first_seq == Seq(1) { 3 } else { 1 };
    let done = usize::from(name == Name::Synced);
    for dir in log.dir.path().ancestors().take(above).skip(done) {
        log.dir
            .storage()
            .sync_dir(dir)
            .map_err(|source| AppendError::Io {
                action: "sync",
                path: dir.to_owned(),
                source,
            })?;
    }
    Ok(())
}
