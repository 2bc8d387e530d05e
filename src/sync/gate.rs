//! The gates between an event and the server, in their fixed order.
//!
//! A closed gate holds events back and never anything else. Each says why it
//! is closed and names a command that can be run in that very state.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::auth::Recipient;

/// One gate. The order is the order in which they are looked at.
///
/// ```
/// use spec_kitty::sync::gate::Gate;
///
/// assert!(Gate::SignedIn < Gate::Network); // the order in which they are looked at
/// assert_eq!(Gate::of_category("dns"), Gate::Network);
/// let words: Vec<_> = Gate::ALL.iter().map(|gate| gate.as_str()).collect();
/// assert_eq!(words.join(" "), "sync signed-in team project server wait network");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// Sending is allowed on this machine.
    Sync,
    /// Somebody is signed in, to the server that is configured.
    SignedIn,
    /// The account has a team.
    Team,
    /// The events have a project.
    Project,
    /// The server takes what we send.
    Server,
    /// The server has not asked to wait.
    Wait,
    /// The server can be reached.
    Network,
}

impl Gate {
    /// Every gate, in order.
    pub const ALL: [Self; 7] = [
        Self::Sync,
        Self::SignedIn,
        Self::Team,
        Self::Project,
        Self::Server,
        Self::Wait,
        Self::Network,
    ];

    /// The word for it in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::SignedIn => "signed-in",
            Self::Team => "team",
            Self::Project => "project",
            Self::Server => "server",
            Self::Wait => "wait",
            Self::Network => "network",
        }
    }

    /// The gate at which a request with this category of trouble ended.
    #[must_use]
    pub fn of_category(category: &str) -> Self {
        match category {
            "dns" | "network" | "timeout" | "tls" | "proxy" => Self::Network,
            "throttled" => Self::Wait,
            "unauthorized" => Self::SignedIn,
            _ => Self::Server,
        }
    }
}

/// A gate that is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Which one.
    pub gate: Gate,
    /// Why, for people.
    pub reason: String,
    /// The command that opens it.
    pub next: String,
}

/// Why nothing is sent before `until`.
pub(super) fn wait_reason(until: Timestamp, now: Timestamp) -> String {
    let left = u64::try_from(until.duration_since(now).as_secs()).unwrap_or(0);
    let left = humantime::format_duration(Duration::from_secs(left.max(1)));
    format!("the server asks to wait another {left}")
}

/// The variable that turns sending off for a process and its children.
pub const OFF_VARIABLE: &str = "SPEC_KITTY_SYNC_DISABLE";

/// The gates of the machine and of the account: the first that is closed.
///
/// ```
/// use spec_kitty::auth::Recipient;
/// use spec_kitty::sync::gate::{Closed, Gate, account_gate};
///
/// let nobody = Recipient::SignedOut { server: None };
/// let closed: Option<Closed> = account_gate(&nobody, false);
/// let closed = closed.ok_or("nobody is signed in")?;
/// assert_eq!(closed.gate, Gate::SignedIn);
/// println!("{}; to go on: {}", closed.reason, closed.next);
///
/// let turned_off = account_gate(&nobody, true).map(|closed| closed.gate);
/// assert_eq!(turned_off, Some(Gate::Sync)); // the first of them
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn account_gate(recipient: &Recipient, sync_off: bool) -> Option<Closed> {
    let closed = |gate, reason: String, next: &str| {
        let next = next.to_owned();
        Some(Closed { gate, reason, next })
    };
    let sign_in = "spec-kitty auth login";
    if sync_off {
        let reason = format!("sending is turned off by {OFF_VARIABLE}");
        return closed(Gate::Sync, reason, "unset SPEC_KITTY_SYNC_DISABLE");
    }
    match recipient {
        Recipient::Ready(credentials) if credentials.account.team.is_none() => closed(
            Gate::Team,
            format!("{} has no team yet", credentials.account.user),
            "spec-kitty auth login --force",
        ),
        Recipient::Ready(_) => None,
        Recipient::SignedOut { server: Some(_) } => {
            closed(Gate::SignedIn, "nobody is signed in".to_owned(), sign_in)
        }
        Recipient::SignedOut { server: None } => closed(
            Gate::SignedIn,
            "nobody is signed in and no server is configured".to_owned(),
            "spec-kitty auth login --server https://YOUR-SERVER",
        ),
        Recipient::Ended(account) => closed(
            Gate::SignedIn,
            format!(
                "the session of {} on {} has ended",
                account.user, account.server
            ),
            sign_in,
        ),
        Recipient::Disagreement { account, chosen } => closed(
            Gate::SignedIn,
            format!(
                "signed in to {}, but told to use {}",
                account.server, chosen.server
            ),
            sign_in,
        ),
        Recipient::Unreadable(why) => closed(Gate::SignedIn, why.to_string(), sign_in),
    }
}

/// The variable that keeps a process and its children from starting a
/// background sender.
pub const NO_DAEMON_VARIABLE: &str = "SPEC_KITTY_NO_DAEMON";

/// Whether the environment turns sending off.
///
/// ```
/// use spec_kitty::auth::Recipient;
/// use spec_kitty::sync::gate::{OFF_VARIABLE, account_gate, sync_is_off};
///
/// let nobody = Recipient::SignedOut { server: None };
/// if let Some(closed) = account_gate(&nobody, sync_is_off()) {
///     assert_eq!(closed.reason.contains(OFF_VARIABLE), sync_is_off());
/// }
/// ```
#[must_use]
pub fn sync_is_off() -> bool {
    is_set(OFF_VARIABLE)
}

/// Whether the environment keeps commands from starting a background sender.
///
/// ```
/// use spec_kitty::sync::gate::{NO_DAEMON_VARIABLE, no_daemon};
///
/// if no_daemon() {
///     println!("{NO_DAEMON_VARIABLE} is set: events wait for `sync now`");
/// }
/// ```
#[must_use]
pub fn no_daemon() -> bool {
    is_set(NO_DAEMON_VARIABLE)
}

fn is_set(variable: &str) -> bool {
    std::env::var(variable).is_ok_and(|text| is_truthy(&text))
}

fn is_truthy(text: &str) -> bool {
    !matches!(
        text.trim().to_ascii_lowercase().as_str(),
        "" | "0" | "false" | "no" | "off"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_json_are_the_words_of_the_gates() {
        for gate in Gate::ALL {
            let json = serde_json::to_value(gate).unwrap();
            assert_eq!(json, gate.as_str());
        }
        assert!(Gate::ALL.is_sorted());
    }

    #[test]
    fn off_means_off() {
        for text in ["1", "true", "YES", "on", "x"] {
            assert!(is_truthy(text), "{text}");
        }
        for text in ["", " ", "0", "False", "no", "off"] {
            assert!(!is_truthy(text), "{text}");
        }
    }
}
