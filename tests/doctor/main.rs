//! `doctor`: each finding provoked, mended, and told without secrets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(unreachable_pub, missing_docs, dead_code)]

mod bundle;
mod findings;
mod fix;
mod machine;
mod page;
#[path = "../inspector/support.rs"]
mod support;
mod ward;
