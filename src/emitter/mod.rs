//! From a fact to a durable event: identity, context, the emitter.

mod git_fields;
mod place;
mod remote;

pub use git_fields::GitFields;
