//! Frames, segments, append, read, recovery, lock. Knows event headers only.

mod bytes;

pub mod ambient;
pub mod frame;
pub mod header;
pub mod scan;
pub mod storage;
