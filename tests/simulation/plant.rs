//! Known bugs, planted between the library and its world.
//!
//! A simulator that finds nothing proves something only when it finds these.
//! Each one changes what the library's operations do in the way in which
//! careless code would have used them.

use std::borrow::Cow;

use spec_kitty::log::frame;
use spec_kitty::log::header::{HEADER_BYTES, Header, HeaderRead};
use spec_kitty::log::scan::{Region, Scan};
use spec_kitty::position::Lamport;

use crate::cast::Who;
use crate::disk::{Inode, SECTOR};
use crate::facts;

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
    /// What other processes have written behind the end that a process left is not
    /// looked for: the length of the file tells, which it does not in prepared space.
    BlindBehindItsEnd,
    /// The sender ships what it can read, synced or not.
    ShipsUnsynced,
    /// The cursor is moved before the server has the events.
    CursorBeforeData,
    /// Segments are removed by the leave of a ledger that is not durable.
    PruneBeforeLedger,
    /// What one server confirmed is written down for another.
    CommitToTheWrongTarget,
}

impl Bug {
    pub const ALL: [Self; 11] = [
        Self::NoDirectorySync,
        Self::ReceiptBeforeSync,
        Self::SyncOnReopenedDescriptor,
        Self::AppendAfterDebris,
        Self::NumbersReused,
        Self::LeaseNotRecorded,
        Self::BlindBehindItsEnd,
        Self::ShipsUnsynced,
        Self::CursorBeforeData,
        Self::PruneBeforeLedger,
        Self::CommitToTheWrongTarget,
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

/// How much of a read a log with this bug gets.
pub fn seen_bytes(bug: Option<Bug>, wanted: usize) -> usize {
    match bug {
        Some(Bug::BlindBehindItsEnd) if wanted == SECTOR => 0,
        _ => wanted,
    }
}

/// Where a log with this bug writes.
pub fn place(bug: Option<Bug>, inode: &Inode, offset: u64) -> usize {
    match bug {
        Some(Bug::AppendAfterDebris) if offset > 0 => written_end(&inode.cache),
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

/// Under which key an entry of the ledger is kept.
pub fn key(bug: Option<Bug>, mut key: Vec<u8>) -> Vec<u8> {
    let (alice, bob) = (Who::Alice.id().0, Who::Bob.id().0);
    if bug == Some(Bug::CommitToTheWrongTarget)
        && let Some(target) = key.get_mut(1..17)
    {
        if target == alice {
            target.copy_from_slice(&bob);
        } else if target == bob {
            target.copy_from_slice(&alice);
        }
    }
    key
}

/// What is wrong with a write at this place, if anything: the log may only fill
/// zeros and add bytes, and only right behind a good frame or a header.
pub fn misplaced(inode: &Inode, place: usize) -> Option<String> {
    let end = written_end(&inode.cache);
    if place < end {
        return Some(format!("bytes from {place} on are overwritten"));
    }
    if end > 0 && valid_end(&inode.cache) < end {
        let debris = valid_end(&inode.cache);
        return Some(format!("frames are written behind the debris at {debris}"));
    }
    (place > end).then(|| format!("frames are written at {place}, behind a gap from {end} on"))
}

/// Where the bytes of a segment image end, prepared space left out.
pub fn written_end(bytes: &[u8]) -> usize {
    let written = bytes.iter().rposition(|byte| *byte != 0);
    let written = written.map_or(0, |last| last + 1);
    written.max(HEADER_BYTES.min(bytes.len()))
}

/// Where the last good frame of a segment image ends.
pub fn valid_end(bytes: &[u8]) -> usize {
    let Some((_, expected)) = facts::start_of(bytes) else {
        return bytes.len();
    };
    let mut end = HEADER_BYTES;
    for region in Scan::new(&bytes[HEADER_BYTES..], expected) {
        if let Region::Frame { offset, frame } = region {
            end = usize::try_from(offset.0).unwrap() + frame.body.len() + frame::OVERHEAD_BYTES;
        }
    }
    end
}
