//! From a fact to a durable event: identity, context, the emitter.

mod git_fields;
mod identity;
mod place;
mod project;
mod remote;

pub use git_fields::GitFields;
pub use identity::OriginNote;
pub use project::{FileFault, ProjectFacts, ProjectIdentity, ProjectProblem};
