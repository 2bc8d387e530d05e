//! Frames, segments, append, read, recovery, lock. Knows event headers only.
