//! Where the next frame may go, and where it may not.

use crate::log::backward::Backward;
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

/// Somebody put the newest segment together by hand, and one of its frames is
/// there once more at the end. It is whole, and its checksum is right: taken for
/// the last one, its successor's number would be used for the second time.
#[test]
fn a_frame_that_is_there_once_more_at_the_end_is_not_the_last_one() {
    for texts in [vec!["a"], vec!["a", "b", "c"], vec!["a"; 9]] {
        for again in 0..texts.len() {
            let dir = tempfile::tempdir().unwrap();
            let log = log_at(dir.path(), options());
            let placed_before = placed(&log, &texts);
            let path = &dir_at(dir.path()).segment_path(Ordinal(1));
            let mut bytes = std::fs::read(path).unwrap();
            let frame = placed_before[again];
            let from = usize::try_from(frame.offset.0).unwrap();
            let length = usize::try_from(frame.bytes).unwrap();
            bytes.extend_from_within(from..from + length);
            std::fs::write(path, bytes).unwrap();

            let before = read_dir(dir.path()).0;
            assert_eq!(before.len(), texts.len());
            assert_eq!(backward(dir.path()), before, "frame {again} again");
            let next = placed(&log, &["next"])[0].seq;
            assert_eq!(next.0, texts.len() as u64 + 1, "frame {again} again");
            let (after, damage) = read_dir(dir.path());
            assert_eq!(after.len(), texts.len() + 1, "{damage:?}");
            assert!(damage.iter().all(|damage| damage.lost.is_none()));
            assert_eq!(backward(dir.path()), after, "frame {again} again");
        }
    }
}

fn backward(dir: &std::path::Path) -> Vec<(u64, String)> {
    let mut reader = Backward::new(dir_at(dir)).unwrap();
    let mut frames = Vec::new();
    while let Some(item) = reader.step().unwrap() {
        frames.push((item.seq.0, String::from_utf8_lossy(item.body).into_owned()));
    }
    frames.reverse();
    frames
}
