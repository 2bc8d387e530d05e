//! What is written into prepared space is a log like any other.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use crate::log::append::LogOptions;
use crate::log::backward::Backward;
use crate::log::frame::MAGIC;
use crate::log::header::HEADER_BYTES;
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::log::storage::{Disk, Held, Storage, StoredFile};
use crate::log::test_support::{
    self, append, dir_at, log_at, options, placed, read_all, read_dir, written,
};
use crate::log::verify::{Writers, verify};
use crate::position::{Ordinal, Seq};

use super::*;

fn prepared(segment_bytes: u64, prepared_bytes: u64) -> LogOptions {
    LogOptions {
        segment_bytes,
        ..test_support::prepared(prepared_bytes)
    }
}

fn segment(dir: &Path, ordinal: u64) -> std::path::PathBuf {
    dir_at(dir).segment_path(Ordinal(ordinal))
}

fn length(dir: &Path, ordinal: u64) -> u64 {
    fs::metadata(segment(dir, ordinal)).unwrap().len()
}

#[test]
fn a_file_is_lengthened_in_steps_and_not_beyond_its_limit() {
    assert_eq!(zeros_behind(1500, 1024, 4096, 8192), 4096 - 1500);
    assert_eq!(zeros_behind(4096, 4096, 4096, 8192), 0, "it fits");
    assert_eq!(zeros_behind(4096, 4000, 4096, 8192), 0, "it just fits");
    assert_eq!(zeros_behind(4097, 4096, 4096, 8192), 8192 - 4097);
    assert_eq!(zeros_behind(8000, 7000, 4096, 8100), 100);
    assert_eq!(zeros_behind(9000, 8100, 4096, 8100), 0, "one large frame");
    assert_eq!(zeros_behind(1500, 1024, 0, 8192), 0, "nothing is prepared");
    assert_eq!(zeros_behind(u64::MAX, 0, 4096, 8192), 0);
}

proptest! {
    #[test]
    fn the_end_is_behind_the_last_byte_that_is_not_zero(
        written in proptest::collection::vec(any::<u8>(), 0..9000),
        zeros in 0..70_000_usize,
        floor in 0..2000_u64,
    ) {
        let mut bytes = written.clone();
        bytes.resize(written.len() + zeros, 0);
        let expected = written.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        prop_assert_eq!(written_length(&bytes), expected);

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, &bytes).unwrap();
        let file = Disk.open_read(&path).unwrap();
        let size = as_u64(bytes.len());
        let floor = floor.min(size);
        let expected = as_u64(expected).max(floor);
        prop_assert_eq!(written_end(file.as_ref(), size, floor).unwrap(), expected);
        prop_assert!(is_blank(file.as_ref(), expected).unwrap());
        if expected > floor {
            prop_assert!(!is_blank(file.as_ref(), expected - 1).unwrap());
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever is prepared, and however the calls fall: the frames are the same,
    /// byte for byte, and each reader finds them.
    #[test]
    fn a_log_with_prepared_space_holds_what_one_without_holds(
        step in prop_oneof![Just(0_u64), 1..64_u64, 512..5000_u64],
        calls in proptest::collection::vec(proptest::collection::vec("[a-z]{1,300}", 1..5), 1..12),
        alternate in any::<bool>(),
    ) {
        let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let mut read = Vec::new();
        for (home, step) in homes.iter().zip([0, step]) {
            let logs = [(); 2].map(|()| log_at(home.path(), prepared(2500, step)));
            let mut follower = Reader::new(dir_at(home.path()), Seq(1));
            let mut followed = Vec::new();
            for (index, texts) in calls.iter().enumerate() {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                placed(&logs[if alternate { index % 2 } else { 0 }], &texts);
                let (frames, damage) = read_all(&mut follower);
                prop_assert!(damage.is_empty());
                followed.extend(frames);
            }
            let (frames, damage) = read_dir(home.path());
            prop_assert!(damage.is_empty());
            prop_assert_eq!(&followed, &frames);
            let mut backward = Backward::new(dir_at(home.path())).unwrap();
            let mut back = Vec::new();
            while let Some(item) = backward.step().unwrap() {
                back.push((item.seq.0, String::from_utf8_lossy(item.body).into_owned()));
            }
            back.reverse();
            prop_assert_eq!(&back, &frames);
            let verdict = verify(dir_at(home.path()), Writers::None, |_| {}).unwrap();
            prop_assert!(verdict.is_sound() && verdict.torn_bytes == 0, "{:?}", verdict);
            let ordinals = dir_at(home.path()).ordinals().unwrap();
            let lengths: Vec<_> = ordinals
                .iter()
                .map(|ordinal| written(&dir_at(home.path()).segment_path(*ordinal)).len())
                .collect();
            read.push((frames, lengths));
        }
        prop_assert_eq!(&read[0], &read[1]);
    }
}

#[test]
fn a_file_that_is_shorter_than_it_was_ends_where_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    fs::write(&path, [7; 100]).unwrap();
    let file = Disk.open_read(&path).unwrap();
    assert_eq!(written_end(file.as_ref(), 5000, 10).unwrap(), 100);
}

#[test]
fn appends_fill_what_was_prepared_and_lengthen_the_file_once_in_a_while() {
    let dir = tempfile::tempdir().unwrap();
    let text = "x".repeat(100);
    let mut lengths = Vec::new();
    for _ in 0..60 {
        placed(&log_at(dir.path(), prepared(8192, 2048)), &[&text]);
        lengths.push(length(dir.path(), 1));
    }
    lengths.dedup();
    assert_eq!(
        lengths,
        [2048, 4096, 6144, 8192],
        "not beyond a segment's end"
    );
    assert_eq!(read_dir(dir.path()).0.len(), 60);
}

/// A segment that is full takes no more frames: nothing is prepared behind them.
#[test]
fn a_segment_that_is_left_in_the_same_call_ends_with_its_last_frame() {
    let dir = tempfile::tempdir().unwrap();
    let text = "x".repeat(300);
    placed(
        &log_at(dir.path(), prepared(2000, 4096)),
        &[text.as_str(); 6],
    );
    let first = segment(dir.path(), 1);
    assert_eq!(length(dir.path(), 1), as_u64(written(&first).len()));
    assert_eq!(read_dir(dir.path()).0.len(), 6);
}

/// The disk as another process sees it in the middle of a write: the first time
/// the bytes from `from` on are asked for, those that are behind them come, and
/// zeros in their place.
#[derive(Debug)]
struct HalfSeen {
    from: u64,
    is_over: Arc<AtomicBool>,
}

#[derive(Debug)]
struct HalfSeenFile(Box<dyn StoredFile>, HalfSeen);

impl StoredFile for HalfSeenFile {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.0.read_at(buffer, offset)?;
        let hidden = as_usize(self.1.from.saturating_sub(offset));
        let is_inside = self.1.from >= offset && hidden < count;
        if is_inside && !self.1.is_over.swap(true, Ordering::Relaxed) {
            let end = count.min(hidden + 20);
            buffer[hidden..end].fill(0);
        }
        Ok(count)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Storage for HalfSeen {
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        Disk.list(dir)
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        let seen = Self {
            from: self.from,
            is_over: Arc::clone(&self.is_over),
        };
        Ok(Box::new(HalfSeenFile(Disk.open_read(path)?, seen)))
    }

    fn open_write(&self, _: &Path) -> io::Result<Box<dyn StoredFile>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn create_new(&self, _: &Path) -> io::Result<Box<dyn StoredFile>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn size_of(&self, path: &Path) -> io::Result<u64> {
        Disk.size_of(path)
    }

    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn rename_new(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn lock(&self, _: &Path, _: Duration) -> io::Result<Option<Box<dyn Held>>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The first bytes of a write were not seen yet, those behind them were: with
/// prepared space both lie within the length of the file. What looks like damage
/// with a good frame behind it, or like a torn tail, is looked at again.
#[test]
fn a_frame_whose_beginning_is_seen_last_is_neither_damaged_nor_torn() {
    for texts in [&["a", "b"][..], &["a", "b", "c"], &["a", "b", "c", "d"]] {
        let dir = tempfile::tempdir().unwrap();
        let frames = placed(&log_at(dir.path(), prepared(1 << 20, 65_536)), texts);
        for hidden in &frames {
            let half_seen = HalfSeen {
                from: hidden.offset.0,
                is_over: Arc::default(),
            };
            let is_over = Arc::clone(&half_seen.is_over);
            let log_dir = LogDir::new(dir.path().join("log"), Arc::new(half_seen));
            let (read, damage) = read_all(&mut Reader::new(log_dir, Seq(1)));
            assert!(is_over.load(Ordering::Relaxed), "nothing was hidden");
            assert!(damage.is_empty(), "{damage:?}");
            assert_eq!(read.len(), texts.len(), "hidden: {hidden:?}");
        }
    }
}

#[test]
fn debris_behind_prepared_space_is_a_torn_tail_and_takes_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    placed(&log_at(dir.path(), prepared(1 << 20, 4096)), &["a"]);
    let mut file = fs::File::options()
        .append(true)
        .open(segment(dir.path(), 1))
        .unwrap();
    file.write_all(&MAGIC).unwrap();
    let verdict = verify(dir_at(dir.path()), Writers::None, |_| {}).unwrap();
    assert!(verdict.is_sound());
    assert!(verdict.torn_bytes > as_u64(MAGIC.len()), "{verdict:?}");
    let next = placed(&log_at(dir.path(), prepared(1 << 20, 4096)), &["b"]);
    assert_eq!((next[0].ordinal, next[0].seq), (Ordinal(2), Seq(2)));
    let verdict = verify(dir_at(dir.path()), Writers::None, |_| {}).unwrap();
    assert!(verdict.is_sound() && verdict.torn_bytes > 0);
}

/// A power cut leaves the length of an append that was not synced, and none of
/// its bytes: the log ends before it, and is whole.
#[test]
fn zeros_alone_are_no_debris_where_space_may_be_prepared() {
    let dir = tempfile::tempdir().unwrap();
    let log = log_at(dir.path(), prepared(1 << 20, 1));
    placed(&log, &["a"]);
    let file = fs::File::options()
        .write(true)
        .open(segment(dir.path(), 1))
        .unwrap();
    file.set_len(100_000).unwrap();
    let verdict = verify(dir_at(dir.path()), Writers::None, |_| {}).unwrap();
    assert!(verdict.is_sound() && verdict.torn_bytes == 0, "{verdict:?}");
    let appended = append(&log_at(dir.path(), options()), &["b"]);
    assert!(appended.notes.is_empty(), "{:?}", appended.notes);
    assert_eq!(read_dir(dir.path()).0.len(), 2);
    assert!(written(&segment(dir.path(), 1)).len() > HEADER_BYTES);
    assert_eq!(length(dir.path(), 1), 100_000);
}
