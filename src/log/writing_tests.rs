//! A long write is one write as far as anybody can tell from what is there.

use std::sync::Mutex;

use super::*;
use crate::log::storage::{Disk, Storage};

/// What a file was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Write { at: u64, bytes: usize },
    Begin { at: u64, bytes: u64 },
}

/// A file that takes only so many bytes, and says so as a disk does.
#[derive(Debug)]
struct Small {
    room: u64,
    asked: Mutex<Vec<Asked>>,
    full: io::ErrorKind,
}

impl Small {
    fn with_room(room: u64) -> Self {
        Self {
            room,
            asked: Mutex::default(),
            full: io::ErrorKind::StorageFull,
        }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl StoredFile for Small {
    fn size(&self) -> io::Result<u64> {
        Ok(0)
    }

    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        Ok(0)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let bytes = bytes.len();
        self.asked.lock().unwrap().push(Asked::Write { at, bytes });
        match usize::try_from(self.room.saturating_sub(at)).unwrap() {
            0 => Err(self.full.into()),
            room => Ok(bytes.min(room)),
        }
    }

    fn begin_to_sync(&self, at: u64, bytes: u64) {
        self.asked.lock().unwrap().push(Asked::Begin { at, bytes });
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

const PIECE: u64 = PIECE_BYTES as u64;

#[test]
fn what_fits_into_a_piece_is_one_write_and_nothing_else() {
    let file = Small::with_room(u64::MAX);
    for bytes in [1, 700, PIECE_BYTES] {
        let written = write_out(&file, &vec![1; bytes], bytes, Offset(1024));
        assert!(matches!(written, Written::All { bytes: all } if all == bytes as u64));
    }
    let writes = [1, 700, PIECE_BYTES].map(|bytes| Asked::Write { at: 1024, bytes });
    assert_eq!(file.asked(), writes);
}

#[test]
fn the_disk_begins_with_each_piece_of_a_long_write() {
    let file = Small::with_room(u64::MAX);
    let bytes = PIECE_BYTES + 3;
    let written = write_out(&file, &vec![1; bytes], bytes, Offset(10));
    assert!(matches!(written, Written::All { bytes: all } if all == bytes as u64));
    let (at, end) = (10, 10 + PIECE);
    assert_eq!(
        file.asked(),
        [
            Asked::Write {
                at,
                bytes: PIECE_BYTES
            },
            Asked::Begin { at, bytes: PIECE },
            Asked::Write { at: end, bytes: 3 },
            Asked::Begin { at: end, bytes: 3 },
        ]
    );
}

#[test]
fn nothing_is_written_behind_what_is_missing() {
    // In a piece, at its end, and where only what does not matter is cut off.
    for room in [5, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 7] {
        let file = Small::with_room(room);
        let bytes = vec![1; 3 * PIECE_BYTES];
        match write_out(&file, &bytes, bytes.len(), Offset(0)) {
            Written::Short(written) => assert_eq!(written, room),
            other => panic!("room for {room}: {other:?}"),
        }
        let wanted = usize::try_from(room).unwrap();
        match write_out(&file, &bytes, wanted, Offset(0)) {
            Written::All { bytes } => assert_eq!(bytes, room),
            other => panic!("room for {room}: {other:?}"),
        }
        let behind = |asked: &Asked| matches!(asked, Asked::Write { at, .. } if *at > room);
        assert!(!file.asked().iter().any(behind), "room for {room}");
    }
}

#[test]
fn of_a_piece_that_failed_nobody_knows() {
    let file = Small {
        full: io::ErrorKind::Other,
        ..Small::with_room(PIECE)
    };
    let bytes = vec![1; 2 * PIECE_BYTES];
    let written = write_out(&file, &bytes, bytes.len(), Offset(0));
    assert!(matches!(written, Written::Failed(_)));
}

#[test]
fn what_the_disk_begins_with_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = Disk.create_new(&dir.path().join("long")).unwrap();
    let bytes: Vec<u8> = (0..3 * PIECE_BYTES + 5).map(|n| (n % 251) as u8).collect();
    let written = write_out(file.as_ref(), &bytes, bytes.len(), Offset(0));
    assert!(matches!(written, Written::All { .. }));
    file.sync().unwrap();
    assert!(std::fs::read(dir.path().join("long")).unwrap() == bytes);
}
