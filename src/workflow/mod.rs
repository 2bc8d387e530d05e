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
//! [`audience::Audience`] while it is done.

pub mod accept;
pub mod activity;
pub mod add_history;
pub mod audience;
pub mod committed;
pub mod edit;
pub mod feature;
pub mod file;
pub mod finalize;
pub mod frontmatter;
pub mod git;
pub mod graph;
pub mod implement;
pub mod json_edit;
pub mod lane;
pub mod lane_change;
pub mod mark_status;
mod markdown;
pub mod merge;
pub mod meta;
pub mod move_task;
pub mod note;
pub mod options;
pub mod orchestrate;
pub mod plan;
pub mod project;
pub mod review;
pub mod scene;
pub mod tasks_md;
pub mod text;
pub mod tick;
pub mod trouble;
pub mod turn;
mod unfinished;
mod work;
pub mod work_package;
