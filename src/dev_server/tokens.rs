//! Who holds which token, and until when.
//!
//! A token is 244 random bits. The server keeps only the SHA-256 of it, so
//! neither its memory nor its file can be used to sign in, and looking one up
//! compares digests, which says nothing about the token by its timing.
//! Invariants: a refresh token is spent by its first use; nothing counts after
//! its time; the file is complete or absent (written aside and renamed).

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How many tokens are remembered; beyond that the ones that end soonest go.
const MAX_GRANTS: usize = 4096;
/// The largest file that is read back, in bytes.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Use {
    Access,
    Refresh,
    Socket,
}

/// How long tokens last, in seconds.
///
/// ```
/// use spec_kitty::dev_server::{Lifetimes, Options};
///
/// let data = tempfile::tempdir()?;
/// let mut options = Options::new(data.path(), "sesame".into());
/// options.lifetimes.access_s = 1; // to see a refresh soon
/// assert_eq!(Lifetimes::default().access_s, 900);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Access tokens, for the batch and health routes. Default 900.
    pub access_s: u32,
    /// Refresh tokens, good for one use. Default 604,800 (seven days).
    pub refresh_s: u32,
    /// Tokens that open a websocket. Default 300.
    pub socket_s: u32,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            access_s: 900,
            refresh_s: 7 * 24 * 3600,
            socket_s: 300,
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Grant {
    used_for: Use,
    user: String,
    /// Seconds since 1970.
    ends_at_s: i64,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    v: u8,
    /// By the hexadecimal SHA-256 of the token.
    grants: HashMap<String, Grant>,
}

/// All tokens that are out.
pub(crate) struct Tokens {
    path: PathBuf,
    lifetimes: Lifetimes,
    grants: HashMap<String, Grant>,
}

impl Tokens {
    /// Reads the tokens of an earlier run, if any. An unreadable file means
    /// that everybody signs in again.
    pub(crate) fn open(path: &Path, lifetimes: Lifetimes) -> io::Result<Self> {
        let grants = match std::fs::metadata(path) {
            Ok(metadata) if metadata.len() <= MAX_FILE => {
                serde_json::from_slice::<Saved>(&std::fs::read(path)?)
                    .ok()
                    .filter(|saved| saved.v == 1)
                    .map(|saved| saved.grants)
                    .unwrap_or_default()
            }
            Ok(_) => HashMap::new(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => HashMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            path: path.to_owned(),
            lifetimes,
            grants,
        })
    }

    pub(crate) fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    /// A new token for `user`; it survives a restart once [`Tokens::save`] was called.
    pub(crate) fn issue(&mut self, used_for: Use, user: &str, now_s: i64) -> SecretString {
        let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let lifetime = match used_for {
            Use::Access => self.lifetimes.access_s,
            Use::Refresh => self.lifetimes.refresh_s,
            Use::Socket => self.lifetimes.socket_s,
        };
        let grant = Grant {
            used_for,
            user: user.to_owned(),
            ends_at_s: now_s.saturating_add(i64::from(lifetime)),
        };
        self.make_room(now_s);
        self.grants.insert(digest(&token), grant);
        SecretString::from(token)
    }

    /// Whose token this is, if it is good for this use now.
    pub(crate) fn owner(&self, token: &SecretString, used_for: Use, now_s: i64) -> Option<&str> {
        self.grants
            .get(&digest(token.expose_secret()))
            .filter(|grant| grant.used_for == used_for && now_s < grant.ends_at_s)
            .map(|grant| grant.user.as_str())
    }

    /// As [`Tokens::owner`] for a refresh token, which is thereby spent.
    pub(crate) fn spend(&mut self, token: &SecretString, now_s: i64) -> Option<String> {
        let owner = self.owner(token, Use::Refresh, now_s)?.to_owned();
        self.grants.remove(&digest(token.expose_secret()));
        Some(owner)
    }

    /// Makes what was issued and spent survive a restart.
    pub(crate) fn save(&self) -> io::Result<()> {
        let dir = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        let saved = Saved {
            v: 1,
            grants: self.grants.clone(),
        };
        file.write_all(&serde_json::to_vec(&saved)?)?;
        file.as_file().sync_data()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }

    fn make_room(&mut self, now_s: i64) {
        if self.grants.len() < MAX_GRANTS {
            return;
        }
        self.grants.retain(|_, grant| now_s < grant.ends_at_s);
        while self.grants.len() >= MAX_GRANTS {
            let soonest = self.grants.iter().min_by_key(|(_, grant)| grant.ends_at_s);
            let Some(key) = soonest.map(|(key, _)| key.clone()) else {
                return;
            };
            self.grants.remove(&key);
        }
    }
}

fn digest(token: &str) -> String {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(token.as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(dir: &Path) -> Tokens {
        Tokens::open(&dir.join("sessions.json"), Lifetimes::default()).unwrap()
    }

    #[test]
    fn a_refresh_token_is_spent_by_its_first_use_and_stays_spent_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = tokens(dir.path());
        let spent = first.issue(Use::Refresh, "demo", 0);
        let kept = first.issue(Use::Refresh, "demo", 0);
        assert_eq!(first.spend(&spent, 1).as_deref(), Some("demo"));
        assert_eq!(first.spend(&spent, 1), None);
        first.save().unwrap();
        let mut second = tokens(dir.path());
        assert_eq!(second.spend(&spent, 1), None);
        assert_eq!(second.spend(&kept, 1).as_deref(), Some("demo"));
    }

    #[test]
    fn a_token_is_good_for_its_own_use_and_time_only() {
        let dir = tempfile::tempdir().unwrap();
        let mut tokens = tokens(dir.path());
        let access = tokens.issue(Use::Access, "demo", 1000);
        assert_eq!(tokens.owner(&access, Use::Access, 1899), Some("demo"));
        assert_eq!(tokens.owner(&access, Use::Access, 1900), None);
        assert_eq!(tokens.owner(&access, Use::Socket, 1000), None);
        assert_eq!(tokens.spend(&access, 1000), None);
        let shortened = SecretString::from(access.expose_secret().get(..63).unwrap());
        assert_eq!(tokens.owner(&shortened, Use::Access, 1000), None);
    }

    #[test]
    fn the_file_holds_no_token_and_a_broken_one_signs_everybody_out() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = tokens(dir.path());
        let access = first.issue(Use::Access, "demo", 0);
        first.save().unwrap();
        let text = std::fs::read_to_string(dir.path().join("sessions.json")).unwrap();
        assert!(!text.contains(access.expose_secret()));
        std::fs::write(dir.path().join("sessions.json"), &text[..text.len() / 2]).unwrap();
        assert_eq!(tokens(dir.path()).owner(&access, Use::Access, 0), None);
    }

    #[test]
    fn signing_in_for_ever_does_not_fill_the_memory() {
        let dir = tempfile::tempdir().unwrap();
        let mut tokens = tokens(dir.path());
        let first = tokens.issue(Use::Access, "demo", 0);
        for now in 0..5000 {
            tokens.issue(Use::Access, "demo", now / 10);
        }
        assert!(tokens.grants.len() <= MAX_GRANTS);
        assert_eq!(tokens.owner(&first, Use::Access, 500), None);
    }
}
