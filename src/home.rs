//! Where everything of one user lives, and nothing else decides that.
//!
//! One root function for every path, so that moving `SPEC_KITTY_HOME` moves
//! all of it. The names shared with the Python tool (`config.toml`,
//! `credentials`, `queue.db`, `clock.json`) keep their places and formats.
//! This module knows names and permissions; it never reads a file.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::platform;

/// Why there is no home to work in.
///
/// ```
/// use spec_kitty::home::{Home, HomeError};
///
/// let dir = tempfile::tempdir()?;
/// let in_the_way = dir.path().join("file");
/// std::fs::write(&in_the_way, "")?;
/// let made = Home::at(&in_the_way).create();
/// assert!(matches!(made, Err(HomeError::Create { path, .. }) if path == in_the_way));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HomeError {
    /// Neither an option, nor `SPEC_KITTY_HOME`, nor a home directory is set.
    #[error("no home directory is known; set SPEC_KITTY_HOME")]
    Unknown,
    /// A directory could not be made.
    #[error("cannot create {}: {source}", path.display())]
    Create {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The directory of one user's event log and everything around it.
///
/// ```
/// use std::path::Path;
/// use spec_kitty::home::Home;
///
/// let home = Home::at("/tmp/example"); // nothing is created
/// assert_eq!(home.log_dir(), Path::new("/tmp/example/log"));
/// assert_eq!(home.config_file(), home.root().join("config.toml"));
///
/// // What the user asks for comes before SPEC_KITTY_HOME and ~/.spec-kitty.
/// let chosen = Home::resolve(Some(Path::new("/tmp/example")))?;
/// assert_eq!(chosen, home);
/// # Ok::<(), spec_kitty::home::HomeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// The home in `root`. Nothing is created.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The home to use: `chosen` when given, else `SPEC_KITTY_HOME`, else `~/.spec-kitty`.
    ///
    /// # Errors
    /// [`HomeError::Unknown`] when none of the three is known.
    pub fn resolve(chosen: Option<&Path>) -> Result<Self, HomeError> {
        if let Some(path) = chosen {
            return Ok(Self::at(path));
        }
        match std::env::var_os("SPEC_KITTY_HOME") {
            Some(path) if !path.is_empty() => Ok(Self::at(path)),
            _ => Self::of_user().ok_or(HomeError::Unknown),
        }
    }

    /// The user's own home, `~/.spec-kitty`, whether or not it is the one in
    /// use; `None` when no home directory is known.
    #[must_use]
    pub fn of_user() -> Option<Self> {
        std::env::home_dir()
            .filter(|path| !path.as_os_str().is_empty())
            .map(|path| Self::at(path.join(".spec-kitty")))
    }

    /// The root directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `log/`: the segments and the writer lock.
    #[must_use]
    pub fn log_dir(&self) -> PathBuf {
        self.root.join("log")
    }

    /// `state/`: what can be rebuilt from the log.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.root.join("state")
    }

    /// `daemon/`: the lock, the status and the stop file of the background sender.
    #[must_use]
    pub fn daemon_dir(&self) -> PathBuf {
        self.root.join("daemon")
    }

    /// `config.toml`, shared with the Python tool.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// `credentials`, shared with the Python tool.
    #[must_use]
    pub fn credentials_file(&self) -> PathBuf {
        self.root.join("credentials")
    }

    /// `clock.json` of the Python tool: read once, when the log is first made.
    #[must_use]
    pub fn legacy_clock_file(&self) -> PathBuf {
        self.root.join("clock.json")
    }

    /// Creates the root (and its parents) with mode 0700 where it is missing.
    ///
    /// # Errors
    /// [`HomeError::Create`] naming the directory that could not be made.
    pub fn create(&self) -> Result<(), HomeError> {
        create_private_tree(&self.root)
    }

    /// Creates the root and the directory `child` of it.
    ///
    /// # Errors
    /// [`HomeError::Create`] naming the directory that could not be made.
    pub fn create_child(&self, child: &Path) -> Result<(), HomeError> {
        create_private_tree(child)
    }
}

fn create_private_tree(path: &Path) -> Result<(), HomeError> {
    platform::create_private_tree(path).map_err(|source| HomeError::Create {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creating_twice_is_fine_and_a_file_in_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("a/b"));
        home.create().unwrap();
        home.create().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let error = Home::at(dir.path().join("file")).create().unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
    }
}
