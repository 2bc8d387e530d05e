//! The emitter of this process, and the functions that record through it.
//!
//! For programs that work in one home and one directory. Whoever needs another
//! home, or an end to it, uses a [`crate::emitter::SyncContext`].

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ulid::Ulid;

use crate::emitter::event_emitter::{DEFAULT_LOCK_TIMEOUT, EventEmitter};
use crate::emitter::receipt::Emission;
use crate::event::{
    DependencyResolved, ErrorLogged, EventId, FeatureCompleted, FeatureCreated, HistoryAdded,
    WpAssigned, WpCreated, WpStatusChanged, proposed_id,
};
use crate::home::Home;

/// However it is set, a command waits no longer than this for other writers.
const MAX_LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// The emitter of this process: the home of the environment, and the project
/// that `SPECIFY_REPO_ROOT` names, else that of the current directory. Built
/// when it is first asked for.
///
/// ```no_run
/// use spec_kitty::emitter::{generate_causation_id, get_emitter};
/// use spec_kitty::event::{EntryType, HistoryAdded, Lane, WpStatusChanged};
///
/// // What belongs together names one cause.
/// let cause = Some(generate_causation_id());
/// let moved = WpStatusChanged::new("WP01", Lane::Doing, Lane::ForReview);
/// get_emitter().emit_payload(moved, cause);
/// let note = HistoryAdded::new("WP01", EntryType::Note, "ready for review");
/// let emission = get_emitter().emit_payload(note, cause);
/// if let Some(error) = emission.receipt().and_then(|receipt| receipt.error.as_ref()) {
///     eprintln!("the event was not recorded: {error}");
/// }
/// ```
pub fn get_emitter() -> &'static EventEmitter {
    static EMITTER: OnceLock<EventEmitter> = OnceLock::new();
    EMITTER.get_or_init(|| {
        EventEmitter::with_home(Home::resolve(None), start_directory())
            .lock_timeout(lock_timeout_from_env())
    })
}

/// Where this process stands: `SPECIFY_REPO_ROOT` when it names a project, else
/// the current directory.
#[must_use]
pub(crate) fn start_directory() -> PathBuf {
    std::env::var_os("SPECIFY_REPO_ROOT")
        .map(PathBuf::from)
        .filter(|root| root.join(".kittify").is_dir())
        .and_then(|root| std::fs::canonicalize(root).ok())
        .or_else(|| std::env::current_dir().ok())
        .unwrap_or_default()
}

/// How long to wait for other writers: `SPEC_KITTY_LOCK_TIMEOUT` (seconds, or a
/// duration such as `500ms`; at most a minute), else five seconds.
#[must_use]
pub(crate) fn lock_timeout_from_env() -> Duration {
    std::env::var("SPEC_KITTY_LOCK_TIMEOUT")
        .ok()
        .and_then(|text| parse_timeout(&text))
        .unwrap_or(DEFAULT_LOCK_TIMEOUT)
}

fn parse_timeout(text: &str) -> Option<Duration> {
    let text = text.trim();
    let timeout = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => humantime::parse_duration(text).ok()?,
    };
    Some(timeout.min(MAX_LOCK_TIMEOUT))
}

/// A new id to tie the events of one action together: each names it as what
/// caused it.
///
/// ```
/// use spec_kitty::emitter::{EventEmitter, generate_causation_id};
/// use spec_kitty::event::{EntryType, HistoryAdded, Lane, WpStatusChanged};
/// use spec_kitty::home::Home;
///
/// let dir = tempfile::tempdir()?;
/// let emitter = EventEmitter::new(Home::at(dir.path()), dir.path());
/// let cause = Some(generate_causation_id());
/// let moved = WpStatusChanged::new("WP01", Lane::Doing, Lane::ForReview);
/// assert!(emitter.emit_payload(moved, cause).is_recorded());
/// let note = HistoryAdded::new("WP01", EntryType::Note, "ready for review");
/// assert!(emitter.emit_payload(note, cause).is_recorded());
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn generate_causation_id() -> Ulid {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now_us = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    proposed_id(now_us, uuid::Uuid::new_v4().as_u128())
}

/// Records an event given as JSON, through the emitter of this process.
///
/// ```no_run
/// let payload = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"begun"}"#;
/// let emission = spec_kitty::emitter::emit_event("HistoryAdded", payload, None);
/// assert!(emission.is_recorded());
/// ```
pub fn emit_event(event_type: &str, payload_json: &str, causation_id: Option<EventId>) -> Emission {
    get_emitter().emit_json(event_type, payload_json, causation_id)
}

macro_rules! emit_functions {
    ($($(#[$doc:meta])* $name:ident($payload:ty);)+) => {$(
        $(#[$doc])*
        pub fn $name(payload: $payload, causation_id: Option<Ulid>) -> Emission {
            get_emitter().emit_payload(payload, causation_id)
        }
    )+};
}

emit_functions! {
    /// Records that a work package moved to another lane.
    ///
    /// ```no_run
    /// use spec_kitty::emitter::emit_wp_status_changed;
    /// use spec_kitty::event::{Lane, WpStatusChanged};
    ///
    /// let moved = WpStatusChanged::new("WP01", Lane::Doing, Lane::ForReview);
    /// assert!(emit_wp_status_changed(moved, None).is_recorded());
    /// ```
    emit_wp_status_changed(WpStatusChanged);
    /// Records that a work package came into being.
    ///
    /// ```no_run
    /// use spec_kitty::emitter::emit_wp_created;
    /// use spec_kitty::event::WpCreated;
    ///
    /// let created = WpCreated::new("WP02", "Send", "028-x").dependencies(["WP01"]);
    /// assert!(emit_wp_created(created, None).is_recorded());
    /// ```
    emit_wp_created(WpCreated);
    /// Records that an agent took a work package.
    ///
    /// ```no_run
    /// use spec_kitty::emitter::emit_wp_assigned;
    /// use spec_kitty::event::{Phase, WpAssigned};
    ///
    /// let assigned = WpAssigned::new("WP01", "claude", Phase::Implementation);
    /// assert!(emit_wp_assigned(assigned, None).is_recorded());
    /// ```
    emit_wp_assigned(WpAssigned);
    /// Records that a feature came into being.
    ///
    /// ```no_run
    /// use spec_kitty::emitter::emit_feature_created;
    /// use spec_kitty::event::FeatureCreated;
    ///
    /// let created = FeatureCreated::new("028-cli-event-sync", "028", "main", 7);
    /// assert!(emit_feature_created(created, None).is_recorded());
    /// ```
    emit_feature_created(FeatureCreated);
    /// Records that every work package of a feature is done.
    ///
    /// ```no_run
    /// use spec_kitty::emitter::emit_feature_completed;
    /// use spec_kitty::event::FeatureCompleted;
    ///
    /// let completed = FeatureCompleted::new("028-cli-event-sync", 7);
    /// assert!(emit_feature_completed(completed, None).is_recorded());
    /// ```
    emit_feature_completed(FeatureCompleted);
    /// Records a line of a work package's history.
    ///
    /// ```no_run
    /// use spec_kitty::emitter::emit_history_added;
    /// use spec_kitty::event::{EntryType, HistoryAdded};
    ///
    /// let note = HistoryAdded::new("WP01", EntryType::Note, "begun").author("claude");
    /// assert!(emit_history_added(note, None).is_recorded());
    /// ```
    emit_history_added(HistoryAdded);
    /// Records that something went wrong.
    ///
    /// ```no_run
    /// use spec_kitty::emitter::emit_error_logged;
    /// use spec_kitty::event::{ErrorKind, ErrorLogged};
    ///
    /// let error = ErrorLogged::new(ErrorKind::Runtime, "the tests failed").wp_id("WP01");
    /// assert!(emit_error_logged(error, None).is_recorded());
    /// ```
    emit_error_logged(ErrorLogged);
    /// Records that a work package no longer waits for another.
    ///
    /// ```no_run
    /// use spec_kitty::emitter::emit_dependency_resolved;
    /// use spec_kitty::event::{DependencyResolved, Resolution};
    ///
    /// let free = DependencyResolved::new("WP02", "WP01", Resolution::Merged);
    /// assert!(emit_dependency_resolved(free, None).is_recorded());
    /// ```
    emit_dependency_resolved(DependencyResolved);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_bounded_however_it_is_set() {
        assert_eq!(parse_timeout("2"), Some(Duration::from_secs(2)));
        assert_eq!(parse_timeout(" 250ms "), Some(Duration::from_millis(250)));
        assert_eq!(parse_timeout("0"), Some(Duration::ZERO));
        assert_eq!(parse_timeout("1h"), Some(MAX_LOCK_TIMEOUT));
        for text in ["", "-1", "soon", "99999999999999999999"] {
            assert_eq!(parse_timeout(text), None, "{text:?}");
        }
    }

    #[test]
    fn causation_ids_differ() {
        assert_ne!(generate_causation_id(), generate_causation_id());
    }
}
