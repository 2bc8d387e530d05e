//! From a fact to a durable event: identity, context, the emitter.
//!
//! A workflow command says what happened; this room adds who, where and when,
//! and appends it to the log. It never returns an error and never waits for a
//! network: what became of an event is a [`Receipt`], and a wait for other
//! writers is bounded.
//!
//! * Where: project and git fields, read from files without starting a process.
//! * Who: the account of the credentials and the team; the node is the log's.
//! * When: wall-clock time for people; the order is the log's clock.
//!
//! From outside: [`get_emitter`] and the `emit_*` functions record in the user's
//! own home, an [`EventEmitter`] or a [`SyncContext`] in any.
//!
//! Invariants:
//!
//! * An event that got a receipt `recorded` is durable.
//! * A project's identity is written before it is used; one that cannot be
//!   written is not used.
//! * The state store is asked for clock values before the log's lock is taken,
//!   and only when a new segment is likely. Without it the log goes on alone.
//! * What could not be recorded is counted, where the home is writable.
//!
//! What this room does not do: it sends nothing, prints nothing, starts nothing.

mod event_emitter;
mod git_fields;
mod identity;
mod journal;
mod memory;
mod place;
mod process;
mod project;
mod receipt;
mod recipient;
mod record;
mod remote;
mod room;
mod scope;
mod surroundings;

pub use event_emitter::{DEFAULT_LOCK_TIMEOUT, EventEmitter};
pub use identity::OriginNote;
pub use journal::log_of;
pub(crate) use journal::node_of;
pub use process::{
    emit_dependency_resolved, emit_error_logged, emit_event, emit_feature_completed,
    emit_feature_created, emit_history_added, emit_wp_assigned, emit_wp_created,
    emit_wp_status_changed, generate_causation_id, get_emitter,
};
pub(crate) use process::{lock_timeout_from_env, start_directory};
pub use project::{FileFault, ProjectProblem};
pub use receipt::{Emission, EmitError, EmitNote, Receipt, Status};
pub use scope::SyncContext;
pub(crate) use surroundings::look_at_project;

#[cfg(test)]
mod tests;
