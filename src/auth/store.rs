//! The credentials file on disk, and the lock around changing it.
//!
//! Reading takes no lock, because the file is only ever replaced as a whole.
//! Changing it takes `credentials.lock` (the Python tool's lock, a `flock`),
//! waits at most [`LOCK_DEADLINE`], and is one atomic replacement. The file is
//! never deleted because something went wrong, only by signing out.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use super::credentials::{Credentials, Session, Unusable};
use crate::home::{Home, HomeError};
use crate::platform;
use crate::private_file::{self, WriteError};

/// The most bytes a credentials file may have.
const MAX_FILE_BYTES: u64 = 128 * 1024;

/// How long a change waits for the lock: longer than the holder's request may take.
pub(crate) const LOCK_DEADLINE: Duration = Duration::from_secs(20);

/// Why the credentials could not be changed.
///
/// ```
/// use std::time::Duration;
/// use spec_kitty::auth::{Store, StoreError};
/// use spec_kitty::home::Home;
///
/// let dir = tempfile::tempdir()?;
/// let store = Store::new(&Home::at(dir.path()));
/// let _locked = store.lock(Duration::from_secs(1))?;
/// let second = store.lock(Duration::from_millis(10)).map(drop);
/// assert!(matches!(second, Err(StoreError::Busy)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process held the lock past the deadline.
    #[error("another process is signing in or refreshing the session")]
    Busy,
    /// The lock file could not be used.
    #[error("cannot lock {}: {source}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The file could not be removed.
    #[error("cannot remove {}: {source}", path.display())]
    Remove {
        /// The credentials file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The home could not be made.
    #[error(transparent)]
    Home(#[from] HomeError),
}

/// The credentials file of one home.
///
/// ```
/// use spec_kitty::auth::{Session, Store};
/// use spec_kitty::home::Home;
///
/// let dir = tempfile::tempdir()?;
/// let store = Store::new(&Home::at(dir.path()));
/// assert!(matches!(store.load().session, Session::SignedOut));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Store {
    home: Home,
}

/// What was read, and whether the file's permissions are too wide.
///
/// ```
/// use spec_kitty::auth::{Session, Store};
/// use spec_kitty::home::Home;
///
/// let dir = tempfile::tempdir()?;
/// let home = Home::at(dir.path());
/// std::fs::write(home.credentials_file(), "no TOML")?;
/// let stored = Store::new(&home).load();
/// assert!(matches!(stored.session, Session::Unreadable(_)));
/// if stored.open_to_others {
///     eprintln!("others can read your tokens");
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stored {
    /// What the file means now.
    pub session: Session,
    /// Others than the owner may read the tokens: worth a warning.
    pub open_to_others: bool,
}

impl Store {
    /// The credentials of `home`. Nothing is read yet.
    #[must_use]
    pub fn new(home: &Home) -> Self {
        Self { home: home.clone() }
    }

    /// Reads the file and judges it at this moment. Never fails: what cannot
    /// be used is a state of its own.
    #[must_use]
    pub fn load(&self) -> Stored {
        self.load_at(Timestamp::now())
    }

    /// As [`Store::load`], judged at `now`.
    #[must_use]
    pub fn load_at(&self, now: Timestamp) -> Stored {
        match private_file::read(&self.home.credentials_file(), MAX_FILE_BYTES) {
            Ok(Some(file)) => Stored {
                session: Session::parse(&file.text, now),
                open_to_others: file.open_to_others,
            },
            Ok(None) => Stored {
                session: Session::SignedOut,
                open_to_others: false,
            },
            Err(error) => Stored {
                session: Session::Unreadable(Unusable::Unreadable(error.to_string())),
                open_to_others: false,
            },
        }
    }

    /// Takes the lock; it is given back when the value is dropped.
    ///
    /// # Errors
    /// [`StoreError::Busy`] after `deadline`, or a failure of the lock file.
    pub fn lock(&self, deadline: Duration) -> Result<Locked<'_>, StoreError> {
        self.home.create()?;
        let path = self.home.root().join("credentials.lock");
        let lock_error = |source| StoreError::Lock {
            path: path.clone(),
            source,
        };
        let file = platform::private_options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(lock_error)?;
        match platform::lock_exclusive(file, deadline).map_err(lock_error)? {
            Some(lock) => Ok(Locked {
                store: self,
                _lock: lock,
            }),
            None => Err(StoreError::Busy),
        }
    }
}

/// The right to change the credentials file.
///
/// ```
/// use std::time::Duration;
/// use jiff::Timestamp;
/// use spec_kitty::auth::{Session, Store};
/// use spec_kitty::home::Home;
///
/// let dir = tempfile::tempdir()?;
/// let store = Store::new(&Home::at(dir.path()));
/// let text = "[tokens]\naccess = 'A'\nrefresh = 'R'\n\
///             [user]\nusername = 'alice'\n[server]\nurl = 'https://kitty.example.org'\n";
/// let Session::Active(credentials) = Session::parse(text, Timestamp::now()) else {
///     panic!("somebody is signed in");
/// };
///
/// let locked = store.lock(Duration::from_secs(1))?;
/// locked.save(&credentials)?; // signed in
/// assert!(locked.remove()?); // and out again
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Locked<'a> {
    store: &'a Store,
    _lock: File,
}

impl Locked<'_> {
    /// Reads the file as it is under the lock.
    #[must_use]
    pub fn load(&self) -> Stored {
        self.store.load()
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// [`StoreError::Write`]; the old file is then untouched.
    pub fn save(&self, credentials: &Credentials) -> Result<(), StoreError> {
        let path = self.store.home.credentials_file();
        Ok(private_file::replace(
            &path,
            credentials.to_toml().as_bytes(),
        )?)
    }

    /// Removes the file; true when there was one.
    ///
    /// # Errors
    /// [`StoreError::Remove`] when it is still there.
    pub fn remove(&self) -> Result<bool, StoreError> {
        let path = self.store.home.credentials_file();
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(StoreError::Remove { path, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[tokens]\naccess = \"A\"\nrefresh = \"R\"\n[user]\nusername = \"alice\"\n[server]\nurl = \"https://example.org\"\n";

    #[test]
    fn what_is_saved_is_private_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home"));
        let store = Store::new(&home);
        assert!(matches!(store.load().session, Session::SignedOut));
        let Session::Active(credentials) = Session::parse(FILE, Timestamp::now()) else {
            panic!("the text is a session");
        };
        let locked = store.lock(Duration::ZERO).unwrap();
        locked.save(&credentials).unwrap();
        assert!(matches!(store.lock(Duration::ZERO), Err(StoreError::Busy)));
        let stored = locked.load();
        assert!(matches!(stored.session, Session::Active(_)));
        assert!(!stored.open_to_others);
        assert!(locked.remove().unwrap());
        assert!(!locked.remove().unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_noticed() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        std::fs::write(home.credentials_file(), FILE).unwrap();
        let wide = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(home.credentials_file(), wide).unwrap();
        assert!(Store::new(&home).load().open_to_others);
    }

    #[test]
    fn a_directory_in_the_way_is_a_state_and_not_a_crash() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        std::fs::create_dir(home.credentials_file()).unwrap();
        assert!(matches!(
            Store::new(&home).load().session,
            Session::Unreadable(_)
        ));
    }
}
