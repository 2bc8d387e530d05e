//! Where the next frame may go, and where it may not.

use crate::log::header::HEADER_BYTES;
use crate::log::test_support::{dir_at, log_at, options, placed, read_dir};
use crate::position::Ordinal;

/// One copy of the header is still there, so the segment is known, but its
/// first frame would lie behind a hole. Found by fuzzing.
#[test]
fn a_segment_that_was_cut_inside_its_header_takes_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let path = &dir_at(dir.path()).segment_path(Ordinal(1));
    let log = log_at(dir.path(), options());
    placed(&log, &["a"]);
    let first = std::fs::read(path).unwrap();
    std::fs::write(path, &first[..HEADER_BYTES - 100]).unwrap();
    let ordinal = placed(&log, &["b"])[0].ordinal;
    assert_eq!(ordinal, Ordinal(2));
    assert_eq!(std::fs::read(path).unwrap(), &first[..HEADER_BYTES - 100]);
    assert_eq!(read_dir(dir.path()).0, [(1, "b@16385".to_owned())]);
}
