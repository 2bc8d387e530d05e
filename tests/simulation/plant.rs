//! Known bugs, planted between the log and the disk.
//!
//! A simulator that finds nothing proves something only when it finds these.
//! Each one changes what the log's file operations do in the way in which a
//! careless log would have used them.

use std::borrow::Cow;

use spec_kitty::log::frame::{self, Seed};
use spec_kitty::log::header::{HEADER_BYTES, Header, HeaderRead};
use spec_kitty::log::scan::{End, Expected, Region, Scan};
use spec_kitty::position::{Lamport, Offset};

use crate::disk::Inode;

/// A mistake that real logs made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Directories are never synced.
    NoDirectorySync,
    /// Success is reported without a sync.
    ReceiptBeforeSync,
    /// The sync is made on a descriptor opened anew, which does not hear of an
    /// error that went to the one that wrote.
    SyncOnReopenedDescriptor,
    /// A torn tail is not noticed: new frames go behind it.
    AppendAfterDebris,
    /// After a failed write or sync the same numbers are given out again, over
    /// the same bytes.
    NumbersReused,
    /// A segment's header does not say which clock values it may issue.
    LeaseNotRecorded,
    /// The sender ships what it can read, synced or not.
    ShipsUnsynced,
    /// The cursor is moved before the server has answered.
    CursorBeforeData,
}

impl Bug {
    pub const ALL: [Self; 8] = [
        Self::NoDirectorySync,
        Self::ReceiptBeforeSync,
        Self::SyncOnReopenedDescriptor,
        Self::AppendAfterDebris,
        Self::NumbersReused,
        Self::LeaseNotRecorded,
        Self::ShipsUnsynced,
        Self::CursorBeforeData,
    ];
}

/// The size of a file as a log with this bug sees it.
pub fn seen_size(bug: Option<Bug>, inode: &Inode) -> u64 {
    match bug {
        Some(Bug::AppendAfterDebris) => valid_end(&inode.cache) as u64,
        Some(Bug::NumbersReused) => valid_end(inode.durable()) as u64,
        _ => inode.cache.len() as u64,
    }
}

/// Where a log with this bug writes.
pub fn place(bug: Option<Bug>, inode: &Inode, offset: u64) -> usize {
    match bug {
        Some(Bug::AppendAfterDebris) if offset > 0 => inode.cache.len(),
        _ => usize::try_from(offset).unwrap(),
    }
}

/// What a log with this bug writes.
pub fn written(bug: Option<Bug>, bytes: &[u8], offset: u64) -> Cow<'_, [u8]> {
    if bug == Some(Bug::LeaseNotRecorded)
        && offset == 0
        && let HeaderRead::Sound { mut header, .. } = Header::decode(bytes)
    {
        header.lease.end = Lamport(0);
        return Cow::Owned(header.encode().to_vec());
    }
    Cow::Borrowed(bytes)
}

/// What is wrong with a write at this place, if anything: the log may only add
/// bytes, and only behind a good frame or a header.
pub fn misplaced(inode: &Inode, place: usize) -> Option<String> {
    let end = inode.cache.len();
    if place < end {
        return Some(format!("bytes from {place} on are overwritten"));
    }
    (end > 0 && valid_end(&inode.cache) != end).then(|| {
        format!(
            "frames are written behind the debris at {}",
            valid_end(&inode.cache)
        )
    })
}

/// Where the last good frame of a segment image ends.
fn valid_end(bytes: &[u8]) -> usize {
    let HeaderRead::Sound { header, .. } = Header::decode(bytes) else {
        return bytes.len();
    };
    let expected = Expected {
        seed: Seed::of(&header.segment_id),
        base: Offset(HEADER_BYTES as u64),
        seq: header.first_seq,
        clock: header.predecessor.last_clock,
        end: End::Open,
    };
    let mut end = HEADER_BYTES;
    for region in Scan::new(&bytes[HEADER_BYTES..], expected) {
        if let Region::Frame { offset, frame } = region {
            end = usize::try_from(offset.0).unwrap() + frame.body.len() + frame::OVERHEAD_BYTES;
        }
    }
    end
}
