//! Features, work packages, tasks.md and git: the files of a project.
//!
//! The workflow commands work here: they find the project and the feature, read
//! and edit the files that people and other tools edit too, and commit exactly
//! what they changed. Decisions are pure functions over what was read; the parts
//! that touch files and git are thin.
//!
//! Invariants:
//!
//! * **Only the lines that must change do.** Every edit is read back by an
//!   independent parser and refused when it says anything else than intended.
//! * **The user's index, branch and other work stay.** Only named files are
//!   committed; no other branch is checked out.
//! * **The change comes first.** An event is drafted from a change that was
//!   made; no change, no event.
//!
//! This room prints nothing and emits nothing: what a command does is told to an
//! `audience::Audience` while it is done.

pub(crate) mod accept;
pub mod activity;
pub(crate) mod add_history;
pub(crate) mod audience;
pub(crate) mod committed;
pub(crate) mod edit;
pub(crate) mod feature;
pub(crate) mod file;
pub(crate) mod finalize;
pub mod frontmatter;
pub(crate) mod git;
pub(crate) mod graph;
pub(crate) mod implement;
pub(crate) mod json_edit;
pub(crate) mod lane;
pub(crate) mod lane_change;
pub(crate) mod mark_status;
mod markdown;
pub(crate) mod merge;
pub(crate) mod meta;
pub(crate) mod move_task;
pub(crate) mod note;
pub(crate) mod options;
pub(crate) mod orchestrate;
pub(crate) mod plan;
pub(crate) mod project;
pub mod review;
pub(crate) mod scene;
pub mod tasks_md;
pub mod text;
pub(crate) mod tick;
pub(crate) mod trouble;
pub(crate) mod turn;
mod unfinished;
mod work;
pub(crate) mod work_package;
