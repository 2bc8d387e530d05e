//! Whose a scoped queue is.
//!
//! The original keeps the events of one sign-in in `queues/queue-<hash>.db`,
//! named by the beginning of SHA-256 over `server|user|team`. The hash cannot
//! be turned back, but a scope that hashes to it is the one: it stands in
//! `active_queue_scope`, or follows from the credentials.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::server_url::ServerUrl;
use crate::target::{Target, TargetId};

/// How many bytes of the hash are in a file name.
const HASH_BYTES: usize = 8;

/// What the original writes for no team.
const NO_TEAM: &str = "no-team";

/// A server, a user and a team as the original writes them in one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope(String);

impl Scope {
    /// The scope in a text such as `active_queue_scope` holds.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let parts: Vec<_> = text.split('|').collect();
        matches!(parts.as_slice(), [server, user, team]
            if !server.is_empty() && !user.is_empty() && !team.is_empty())
        .then(|| Self(text.to_owned()))
    }

    /// The scope of an account.
    #[must_use]
    pub fn of(target: &Target) -> Self {
        Self(target.scope())
    }

    /// The name of its queue: sixteen hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        let digest = Sha256::digest(self.0.as_bytes());
        let bytes = digest.iter().take(HASH_BYTES);
        bytes.map(|byte| format!("{byte:02x}")).collect()
    }

    /// The account, its server in the one form that we give it.
    #[must_use]
    pub fn target(&self) -> Option<Target> {
        let mut parts = self.0.split('|');
        let (server, user, team) = (parts.next()?, parts.next()?, parts.next()?);
        let server = ServerUrl::parse(server).map_or(server.to_owned(), |url| url.to_string());
        Some(Target::new(
            &server,
            user,
            Some(team).filter(|team| *team != NO_TEAM),
        ))
    }
}

/// Whose the events of a queue are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody's yet: recorded while signed out.
    Nobody,
    /// This account's.
    Account(Target),
    /// Somebody's whose name is not known, only what it hashes to.
    Unknown(TargetId),
}

impl Owner {
    /// The owner of the queue at `path`, by its file name.
    pub(super) fn of(path: &Path, scopes: &[Scope]) -> Self {
        let name = path.file_stem().and_then(|name| name.to_str());
        let Some(hash) = name
            .and_then(|name| name.strip_prefix("queue-"))
            .and_then(hash_in)
        else {
            return Self::Nobody;
        };
        let known = scopes
            .iter()
            .find(|scope| scope.hash() == hash.to_ascii_lowercase());
        match known.and_then(Scope::target) {
            Some(target) => Self::Account(target),
            None => Self::Unknown(TargetId::of_unknown(&first_bytes(hash))),
        }
    }

    pub(super) fn id(&self) -> TargetId {
        match self {
            Self::Nobody => TargetId::SIGNED_OUT,
            Self::Account(target) => target.id(),
            Self::Unknown(id) => *id,
        }
    }
}

/// The hash in a queue's name; nothing when it is named otherwise.
fn hash_in(name: &str) -> Option<&str> {
    let is_hash = name.len() == 2 * HASH_BYTES && name.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then_some(name)
}

fn first_bytes(hash: &str) -> [u8; HASH_BYTES] {
    let value = u64::from_str_radix(hash, 16).unwrap_or_default();
    value.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: &str = "https://spec-kitty-dev.fly.dev|alice@example.com|acme-corp";

    #[test]
    fn a_queue_belongs_to_the_account_that_its_name_was_made_of() {
        let scope = Scope::parse(SCOPE).unwrap();
        assert_eq!(scope.hash(), "272b48816140535c");
        let path = Path::new("queues/queue-272b48816140535c.db");
        let alice = Target::new(
            "https://spec-kitty-dev.fly.dev",
            "alice@example.com",
            Some("acme-corp"),
        );
        assert_eq!(Owner::of(path, &[scope]), Owner::Account(alice.clone()));
        assert_eq!(
            Owner::of(path, &[Scope::of(&alice)]),
            Owner::Account(alice.clone())
        );
        let unknown = Owner::of(path, &[]).id();
        assert!(unknown.to_string().starts_with("272b48816140535c0000"));
        assert_eq!(unknown, alice.stand_in());
    }

    #[test]
    fn a_queue_without_a_hash_is_nobodys() {
        for name in [
            "queue.db",
            "queue-201.db",
            "queue-272b48816140535.db",
            "queue-272b48816140535g.db",
        ] {
            assert_eq!(Owner::of(Path::new(name), &[]), Owner::Nobody, "{name}");
        }
    }

    #[test]
    fn no_team_is_no_team_and_a_default_port_is_the_same_server() {
        let target = Scope::parse("https://a.org:443|bob|no-team\n")
            .unwrap()
            .target()
            .unwrap();
        assert_eq!(target, Target::new("https://a.org", "bob", None));
        for text in ["", "a|b", "a|b|c|d", "|b|c", "a||c"] {
            assert_eq!(Scope::parse(text), None, "{text}");
        }
    }
}
