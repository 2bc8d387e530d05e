//! `config set`: one value changed, everything else left as it is.
//!
//! Comments, order and unknown keys of the file survive. A file that cannot be
//! parsed is never overwritten: the user is told, because their text is worth
//! more than our value. Whoever changes the file holds `config.lock` beside it,
//! so that of two changes at once none is lost; readers need no lock, the file
//! is only ever replaced as a whole.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use toml_edit::{DocumentMut, Item, Table, value};

use super::{Key, Kind, MAX_FILE_BYTES, Value, Wrong, first_line};
use crate::platform;
use crate::private_file::{self, ReadError, WriteError};

/// How long a change waits for another one.
const LOCK_DEADLINE: Duration = Duration::from_secs(5);

/// Why a setting was not changed. The file is as it was.
///
/// ```
/// use spec_kitty::config::{self, SetError};
///
/// let dir = tempfile::tempdir()?;
/// let file = dir.path().join("config.toml");
/// let refused = config::set(&file, "sync.atuo", "false");
/// let Err(SetError::Unknown { meant, .. }) = refused else {
///     panic!("there is no such setting");
/// };
/// assert_eq!(meant.as_deref(), Some("sync.auto"));
/// assert!(!file.exists());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SetError {
    /// There is no such setting.
    #[error("there is no setting called {name}")]
    Unknown {
        /// The name as given.
        name: String,
        /// A setting that is called nearly so.
        meant: Option<String>,
    },
    /// The setting cannot hold this value.
    #[error("{key} {reason}")]
    Wrong {
        /// The setting, `section.key`.
        key: String,
        /// What is wrong with the value.
        reason: Wrong,
    },
    /// The present file is not TOML; it is left alone.
    #[error("{} is not valid TOML and is left as it is: {reason}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// The parser's first line.
        reason: String,
    },
    /// Another process held the lock past the deadline.
    #[error("another process is changing the settings")]
    Busy,
    /// The lock file could not be used.
    #[error("cannot lock {}: {source}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The present file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The new file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Sets the setting `name` (`section.key`) in the file `path` to `text`.
///
/// The home must exist. The file is made when it is missing, private in any case.
///
/// # Errors
/// [`SetError`]; nothing has been changed then.
///
/// ```
/// use spec_kitty::config::{self, Config};
///
/// let dir = tempfile::tempdir()?;
/// let file = dir.path().join("config.toml");
/// std::fs::write(&file, "# ours\n[sync]\nauto = true\n")?;
///
/// config::set(&file, "sync.auto", "false")?;
/// assert!(!Config::load(&file).config.sync.auto);
/// assert!(std::fs::read_to_string(&file)?.starts_with("# ours"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn set(path: &Path, name: &str, text: &str) -> Result<(), SetError> {
    let key = Key::find(name).ok_or_else(|| SetError::Unknown {
        name: name.to_owned(),
        meant: Key::suggest(name),
    })?;
    let item = checked(key, text)?;
    let _lock = lock(path)?;
    let present = private_file::read(path, MAX_FILE_BYTES)?;
    let changed = with_value(
        present.map_or_else(String::new, |file| file.text),
        key,
        item,
    )
    .map_err(|reason| SetError::NotToml {
        path: path.to_owned(),
        reason,
    })?;
    Ok(private_file::replace(path, changed.as_bytes())?)
}

/// The lock around a change; it is given back when the file is closed.
fn lock(path: &Path) -> Result<File, SetError> {
    let path = path.with_file_name("config.lock");
    let mut options = platform::private_options();
    options.write(true).create(true).truncate(false);
    let locked = options
        .open(&path)
        .and_then(|file| platform::lock_exclusive(file, LOCK_DEADLINE));
    match locked {
        Ok(Some(file)) => Ok(file),
        Ok(None) => Err(SetError::Busy),
        Err(source) => Err(SetError::Lock { path, source }),
    }
}

/// `text` as the TOML value of `key`, read back once as the loader would.
fn checked(key: &Key, text: &str) -> Result<Item, SetError> {
    let text = text.trim();
    let item = match key.kind {
        Kind::Flag => text.parse::<bool>().map_or_else(|_| value(text), value),
        Kind::Number { .. } => text.parse::<i64>().map_or_else(|_| value(text), value),
        Kind::Server | Kind::File => value(text),
    };
    match Value::read(key.kind, &item) {
        Ok(_) => Ok(item),
        Err(reason) => Err(SetError::Wrong {
            key: key.full_name(),
            reason,
        }),
    }
}

fn with_value(text: String, key: &Key, mut item: Item) -> Result<String, String> {
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| first_line(error.message()))?;
    let section = document
        .entry(key.section)
        .or_insert_with(|| Item::Table(Table::new()));
    let Some(section) = section.as_table_like_mut() else {
        return Err(format!("{} is not a table", key.section));
    };
    // The comment at the end of a line belongs to the old value: carry it over.
    if let (Some(old), Some(new)) = (
        section.get(key.name).and_then(Item::as_value),
        item.as_value_mut(),
    ) {
        *new.decor_mut() = old.decor().clone();
    }
    match section.get_mut(key.name) {
        Some(old) => *old = item,
        None => {
            section.insert(key.name, item);
        }
    }
    Ok(document.to_string())
}
