//! A delivery target: one server, one user, one team.
//!
//! An event recorded while signed in is bound to its target for good, by the
//! target's hash in the event's header. The hash is taken over the same scope
//! text that the Python tool derives its queue names from, so that an imported
//! queue can be matched with the account it was made for.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Where events may go: a server, as one user, for one team.
///
/// ```
/// use spec_kitty::target::Target;
/// let one = Target::new("https://Example.org/", "Alice@example.org ", Some("Acme"));
/// let two = Target::new("https://example.org", "alice@example.org", Some("acme"));
/// assert_eq!(one.id(), two.id());
/// assert_eq!(one.scope(), "https://example.org|alice@example.org|acme");
/// assert_ne!(one.id(), one.without_team().id());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// Base URL of the server, lower case, without a trailing slash.
    pub server: String,
    /// The account, lower case.
    pub user: String,
    /// The team, lower case; `None` while the account has no team.
    pub team: Option<String>,
}

impl Target {
    /// A target with its parts brought to their one form: trimmed, lower case,
    /// no slash at the end of the server, an empty team is no team.
    #[must_use]
    pub fn new(server: &str, user: &str, team: Option<&str>) -> Self {
        let lower = |text: &str| text.trim().to_lowercase();
        Self {
            server: lower(server).trim_end_matches('/').to_owned(),
            user: lower(user),
            team: team.map(lower).filter(|team| !team.is_empty()),
        }
    }

    /// The same account as it is known before it has a team.
    #[must_use]
    pub fn without_team(&self) -> Self {
        Self {
            team: None,
            ..self.clone()
        }
    }

    /// The scope text: `server|user|team`, `no-team` standing in for none.
    #[must_use]
    pub fn scope(&self) -> String {
        format!(
            "{}|{}|{}",
            self.server,
            self.user,
            self.team.as_deref().unwrap_or("no-team")
        )
    }

    /// What stands for this account where only the name of its queue is known.
    #[must_use]
    pub fn stand_in(&self) -> TargetId {
        let id = self.id();
        id.0.first_chunk().map_or(id, TargetId::of_unknown)
    }

    /// The identity of this target on disk.
    #[must_use]
    pub fn id(&self) -> TargetId {
        let digest = Sha256::digest(self.scope().as_bytes());
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(digest) {
            *to = from;
        }
        TargetId(id)
    }
}

/// The first 16 bytes of SHA-256 over a target's scope. All zero: signed out.
///
/// ```
/// use spec_kitty::target::{Target, TargetId};
///
/// let alice = Target::new("https://kitty.example.org", "alice", Some("acme"));
/// let bob = Target::new("https://kitty.example.org", "bob", Some("acme"));
/// assert_ne!(alice.id(), bob.id());
/// assert_ne!(alice.id(), TargetId::SIGNED_OUT);
/// assert_eq!(alice.id().to_string().len(), 32); // hexadecimal digits
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct TargetId(pub [u8; 16]);

impl TargetId {
    /// The id of events that were recorded while nobody was signed in.
    pub const SIGNED_OUT: Self = Self([0; 16]);

    /// Stands for an account of which only the first half of its id is known,
    /// as the name of an imported queue tells it. No account has such an id.
    #[must_use]
    pub fn of_unknown(first_half: &[u8; 8]) -> Self {
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(first_half) {
            *to = *from;
        }
        Self(id)
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The original names the queue of this account `queue-272b48816140535c.db`.
    #[test]
    fn the_hash_is_the_one_behind_the_original_queue_names() {
        let target = Target::new(
            "https://spec-kitty-dev.fly.dev/",
            "alice@example.com",
            Some("ACME-corp"),
        );
        assert!(target.id().to_string().starts_with("272b48816140535c"));
    }
}
