//! Frames, segments, append, read, recovery, lock. Knows event headers only.

mod bytes;
mod newest;
mod succession;
mod writer;

pub mod ambient;
pub mod append;
pub mod backward;
pub mod frame;
pub mod header;
pub mod read;
pub mod reader;
pub mod scan;
pub mod segment;
pub mod storage;
pub mod tail;
pub mod verify;

#[cfg(test)]
mod test_support;
