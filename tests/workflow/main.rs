//! The workflow commands, end to end: the real program, real project trees, real
//! git repositories. `agent tasks move-task` has tests of its own.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, unreachable_pub, dead_code)]

mod accept;
#[path = "../support/agents.rs"]
mod agents;
mod causes;
mod finalize;
mod history;
mod hosting;
mod implement;
mod life;
mod marks;
mod merge;
mod old_layout;
mod orchestrate;
#[path = "../support/project.rs"]
mod project;
mod unfelt;
