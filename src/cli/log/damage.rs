//! Damage in words.

use crate::cli::columns::{counted, grouped};
use crate::log::frame::Fault;
use crate::log::read::{Damage, Reason};
use crate::log::scan::SeqRange;
use crate::log::segment::LogDir;

use super::full::file_name;

/// One line about damage met while reading, for stderr.
pub(super) fn warning(dir: &LogDir, damage: &Damage) -> String {
    let lost = damage
        .lost
        .map_or_else(String::new, |lost| format!("; {}", is_lost(lost)));
    format!(
        "{}: {}{lost}; see: spec-kitty log verify",
        place(dir, damage),
        reason(damage.reason)
    )
}

/// One line about numbers that are missing between what could be read.
pub(super) fn gap(lost: SeqRange) -> String {
    format!("{}; see: spec-kitty log verify", is_lost(lost))
}

/// One line about records that a prune took before a follower had read them.
pub(super) fn pruned(gone: SeqRange) -> String {
    let (are, they) = match gone.count() {
        1 => ("is", "it"),
        _ => ("are", "they"),
    };
    let gone = records(gone);
    format!("{gone} {are} not shown: {they} went with a log prune before {they} could be read")
}

/// `0000000002.seg, byte 81,920`.
pub(super) fn place(dir: &LogDir, damage: &Damage) -> String {
    let name = file_name(dir, damage.ordinal);
    let at = grouped(damage.offset.0);
    match (damage.bytes, damage.offset.0) {
        (0, 0) => format!("before {name}"),
        (0, _) => format!("{name}, at byte {at}"),
        _ => format!("{name}, byte {at}"),
    }
}

/// What is wrong, in words.
pub(super) const fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Bytes(Fault::Cut) => "a record is cut off",
        Reason::Bytes(Fault::Head) => "the beginning of a record is overwritten",
        Reason::Bytes(Fault::Tail) => "the two lengths of a record do not agree",
        Reason::Bytes(Fault::Checksum) => "a checksum is wrong: the bytes changed on disk",
        Reason::Bytes(Fault::OutOfPlace) => "a record stands where it does not belong",
        Reason::UnreadableHeader => "both copies of the header are unreadable",
        Reason::HeaderCopy => "one of two copies of the header is unreadable; nothing is lost",
        Reason::Missing => "records are missing",
        Reason::Alien => "the file does not belong to this log",
        Reason::Misnamed => "the file has another segment's name; nothing is lost",
    }
}

/// `record 301 is lost`, `records 301 to 303 are lost (3 records)`.
fn is_lost(lost: SeqRange) -> String {
    if lost.count() == 1 {
        return format!("record {} is lost", lost.from);
    }
    format!("{} are lost", records(lost))
}

/// `record 301`, `3 records, 301 to 303`.
pub(super) fn records(lost: SeqRange) -> String {
    if lost.count() == 1 {
        return format!("record {}", lost.from);
    }
    let count = counted(lost.count(), "record", "records");
    format!("{count}, {} to {},", lost.from, lost.to)
        .trim_end_matches(',')
        .to_owned()
}
