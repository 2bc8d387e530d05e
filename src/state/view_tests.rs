//! The view's bytes, and that no damage to them is ever taken for an answer.

use proptest::prelude::*;

use super::*;
use crate::position::Seq;
use crate::state::ground::Disk;
use crate::state::{
    Answer, Commit, EventKey, Latencies, Outcome, Project, Refusal, Retry, Trouble,
};
use crate::target::TargetId;

fn sample() -> Ledger {
    let target = TargetId(*b"0123456789abcdef");
    let project = Project::new("p1").unwrap();
    let event = |text| EventKey::new(text).unwrap();
    let refusal = Refusal {
        retry: Retry::At(9),
        trouble: Trouble::new("invalid", "no", Some(400)),
    };
    let mut commit = Commit::new(target, 7);
    commit.settle(Some(&project), Seq(3), event("e3"), Outcome::Delivered);
    commit.time(Some(&project), Seq(3), 5, 47);
    commit.settle(Some(&project), Seq(4), event("e4"), Outcome::Duplicate);
    commit.settle(
        Some(&project),
        Seq(6),
        event("e6"),
        Outcome::Refused(refusal),
    );
    commit.settle(None, Seq(5), event("e5"), Outcome::Delivered);
    commit.answer(Answer::Answered {
        retry_not_before_ms: Some(8),
        trouble: Some(Trouble::new("throttled", "later", Some(429))),
    });
    let mut ledger = Ledger::default();
    ledger.apply(&commit).unwrap();
    ledger
}

/// The bytes are a promise to every version that reads them.
#[test]
fn the_bytes_are_those_of_version_two() {
    let golden = concat!(
        // Header: magic, version, length of the body, checksum.
        "736b76696577ff0a 02000000 6800000000000000 d9833c13 ",
        // Revision 1, one target, its id.
        "01 01 30313233343536373839616263646566 ",
        // Last contact at 7, not before 8, an error at 7: throttled, later, 429.
        "0107 0108 0107 097468726f74746c6564 056c61746572 01fbad01 ",
        // One delivery of 40 to 43 ms, the longest of 42, none early, since 7.
        "011a01 2a 00 0107 ",
        // Two streams; that of no project: cursor (5, e5), 1 delivered, 0
        // duplicate, last at 7, no ranges, no exceptions.
        "02 00 0105026535 01 00 0107 00 00 ",
        // That of p1: cursor (6, e6), 1 delivered, 1 duplicate, last at 7, one
        // range 4 to 4, one exception.
        "01027031 0106026536 01 01 0107 010404 01 ",
        // The exception at 6: e6, rejected until 9, 1 attempt, at 7, invalid, no, 400.
        "06 026536 0009 01 07 07696e76616c6964 026e6f 01fb9001",
    );
    assert_eq!(hex(&encode(&sample()).unwrap()), golden.replace(' ', ""));
}

/// What the version before has written is read, and nothing was timed by then.
#[test]
fn a_view_of_version_one_is_read_and_has_no_latencies_yet() {
    let former = concat!(
        "736b76696577ff0a 01000000 6100000000000000 8ac207ca ",
        "01 01 30313233343536373839616263646566 ",
        "0107 0108 0107 097468726f74746c6564 056c61746572 01fbad01 ",
        "02 00 0105026535 01 00 0107 00 00 ",
        "01027031 0106026536 01 01 0107 010404 01 ",
        "06 026536 0009 01 07 07696e76616c6964 026e6f 01fb9001",
    );
    let former = former.replace(' ', "");
    let digits = former.as_bytes().chunks(2);
    let bytes: Vec<u8> = digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let mut expected = sample();
    for target in expected.targets.values_mut() {
        assert_eq!(target.latencies().count(), 1);
        target.contact.latencies = Latencies::default();
        target.contact.timed_since_ms = None;
    }
    assert_eq!(decode(&bytes).unwrap(), expected);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_is_written_is_read_back_and_is_private() {
    let dir = tempfile::tempdir().unwrap();
    assert!(read(&Disk, &path_in(dir.path())).unwrap().is_none());
    std::fs::write(dir.path().join("delivery.view.tmp"), "left by a crash").unwrap();
    for ledger in [Ledger::default(), sample()] {
        write(&Disk, dir.path(), &ledger).unwrap();
        assert_eq!(read(&Disk, &path_in(dir.path())).unwrap(), Some(ledger));
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let found = std::fs::metadata(path_in(dir.path())).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn every_flipped_bit_and_every_missing_byte_is_noticed() {
    let bytes = encode(&sample()).unwrap();
    for index in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[index] ^= 1 << bit;
            assert!(decode(&flipped).is_err(), "bit {bit} of byte {index}");
        }
        assert!(decode(&bytes[..index]).is_err(), "cut at {index}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(matches!(decode(&longer), Err(Fault::Length)));
}

#[test]
fn what_is_no_view_is_named_as_that_and_never_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = path_in(dir.path());
    std::fs::create_dir(&path).unwrap();
    assert!(matches!(read(&Disk, &path), Err(ViewError::Io { .. })));
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, "").unwrap();
    assert!(matches!(read(&Disk, &path), Err(ViewError::Damaged { .. })));
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    assert!(matches!(read(&Disk, &path), Err(ViewError::Damaged { .. })));
}

#[test]
fn a_newer_version_is_not_called_damage() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = encode(&sample()).unwrap();
    bytes[8] = 3;
    std::fs::write(path_in(dir.path()), sealed(bytes)).unwrap();
    let found = read(&Disk, &path_in(dir.path()));
    assert!(matches!(found, Err(ViewError::Newer { version: 3, .. })));
}

/// The same bytes with length and checksum made right.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = (bytes.len() - HEADER_BYTES) as u64;
    bytes[12..20].copy_from_slice(&length.to_le_bytes());
    let crc = checksum(&bytes[..20], &bytes[HEADER_BYTES..]);
    bytes[20..24].copy_from_slice(&crc.to_le_bytes());
    bytes
}

proptest! {
    /// Behind a right checksum any bytes may stand: they are refused or are a
    /// ledger within its limits, and nothing panics.
    #[test]
    fn a_hostile_body_is_refused_or_harmless(
        at in 0_usize..120, news in prop::collection::vec(any::<u8>(), 0..12), cut in 0_usize..8,
    ) {
        let mut bytes = encode(&sample()).unwrap();
        let start = (HEADER_BYTES + at).min(bytes.len());
        let end = (start + cut).min(bytes.len());
        bytes.splice(start..end, news);
        if let Ok(ledger) = decode(&sealed(bytes)) {
            prop_assert!(ledger.is_within_limits());
            let _ = ledger.highest_seq();
            let _ = ledger.targets().values().fold(0, |sum, target| sum + target.refused().0);
            prop_assert_eq!(decode(&encode(&ledger).unwrap()).unwrap(), ledger);
        }
    }

    #[test]
    fn arbitrary_bytes_are_no_view(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&bytes).is_err());
    }
}
