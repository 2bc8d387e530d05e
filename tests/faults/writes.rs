//! Writes that fail, stop short, or find the disk full.

use std::io;

use spec_kitty::log::append::{AppendError, Note, Outcome};
use spec_kitty::log::header::HEADER_BYTES;

use crate::Home;
use crate::faulty::{Call, Fault, eio};

/// Three records of one call take so many bytes.
const THREE: usize = 3 * 45;

#[test]
fn after_a_short_write_it_is_known_what_was_not_written() {
    for landed in 0..THREE {
        let mut home = Home::in_memory();
        let log = home.process();
        home.confirm(&log, &["before"]);
        home.faulty.next(Call::Write, Fault::Short(landed));
        let appended = home.append(&log, &["one  ", "two  ", "three"]);
        let failure = appended.failure.unwrap();
        assert!(
            matches!(&failure, AppendError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull),
            "{failure}"
        );
        let whole = landed / 45;
        for (index, outcome) in appended.outcomes.iter().enumerate() {
            let expected = if index < whole {
                "unknown"
            } else {
                "not written"
            };
            let word = match outcome {
                Outcome::Unknown(_) => "unknown",
                Outcome::NotWritten => "not written",
                other => panic!("{other:?}"),
            };
            assert_eq!(word, expected, "record {index}, {landed} bytes");
        }
        let next = home.confirm(&log, &["after"]);
        let debris = landed % 45;
        if debris > 0 {
            let noted =
                matches!(next.notes[..], [Note::Debris { bytes, .. }] if bytes == debris as u64);
            assert!(noted, "{:?}", next.notes);
        }
        let Outcome::Recorded(placed) = next.outcomes[0] else {
            panic!("confirmed");
        };
        assert_eq!(
            placed.ordinal.0, 2,
            "nothing is added behind it by this process"
        );
        assert_eq!(home.read().len(), 2 + whole, "what landed whole is valid");
        home.expect_sound();
    }
}

#[test]
fn after_a_failed_write_nothing_is_known_and_nothing_is_retried() {
    for landed in [0, 1, 44, 45, 46, 90, THREE - 1, THREE] {
        let mut home = Home::in_memory();
        let log = home.process();
        home.confirm(&log, &["before"]);
        home.faulty.made();
        home.faulty.next(Call::Write, Fault::Torn(landed));
        let appended = home.append(&log, &["one  ", "two  ", "three"]);
        assert!(matches!(
            appended.failure,
            Some(AppendError::Unknown { .. })
        ));
        let unknown = |outcome: &Outcome| matches!(outcome, Outcome::Unknown(_));
        assert!(appended.outcomes.iter().all(unknown), "{appended:?}");
        let made = home.faulty.made();
        let of = |call| made.iter().filter(|(made, _)| *made == call).count();
        assert_eq!((of(Call::Write), of(Call::Sync)), (1, 0), "{made:?}");
        home.confirm(&log, &["after"]);
        let made = home.faulty.made();
        let again = made
            .iter()
            .any(|(call, name)| *call == Call::Write && name == "0000000001.seg");
        assert!(!again, "a successor is written instead: {made:?}");
        home.expect_sound();
    }
}

#[test]
fn a_write_that_fails_in_a_call_of_many_segments_costs_only_the_rest() {
    let texts: Vec<String> = (0..60)
        .map(|n| format!("record {n:02} {}", "x".repeat(90)))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for skipped in 0..12 {
        let mut home = Home::in_memory();
        let log = home.process();
        home.faulty.later(Call::Write, skipped, eio());
        let appended = home.append(&log, &texts);
        assert!(appended.failure.is_some() && !home.faulty.is_armed());
        // Whatever comes before the failure is confirmed, whatever comes after
        // it is not written; in between at most one segment is unknown.
        let rank = |outcome: &Outcome| match outcome {
            Outcome::Recorded(_) => 0,
            Outcome::Unknown(_) => 1,
            _ => 2,
        };
        assert!(
            appended.outcomes.iter().map(rank).is_sorted(),
            "{appended:?}"
        );
        home.confirm(&log, &["after"]);
        home.expect_sound();
    }
}

/// The disk fills up at every possible byte, also in the middle of a header.
/// What is there stays readable, and writing goes on when there is room.
#[test]
fn a_disk_that_fills_up_in_mid_frame_costs_nothing_that_was_confirmed() {
    for room in (0..4 * HEADER_BYTES).step_by(41) {
        let mut home = Home::in_memory();
        let log = home.process();
        home.confirm(&log, &["first"]);
        home.faulty.room(Some(room));
        let mut refused = 0;
        for n in 0..40 {
            let text = format!("{n} {}", "y".repeat(n * 11 % 170));
            let appended = home.append(&log, &[&text, "and another"]);
            refused += u32::from(appended.failure.is_some());
        }
        assert!(refused > 0, "room for {room} bytes");
        home.expect_sound();
        home.faulty.room(None);
        home.confirm(&log, &["room again"]);
        home.confirm(&home.process(), &["and another process"]);
        home.expect_sound();
    }
}
