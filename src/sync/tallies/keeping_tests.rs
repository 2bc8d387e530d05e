//! What is kept, when it is believed, and when it is not.

use std::borrow::Cow;

use super::super::take::{MAX_ENTRIES, MAX_TALLIES, MAX_TEXT_BYTES, is_small, within_limits};
use super::*;
use crate::log::test_support::Counting;
use crate::sync::kept::gathered;

fn events(count: u8) -> Vec<Frame> {
    let event = |id| Frame::Event {
        target: 1,
        team: None,
        project: Some(0),
        id,
        at_us: 0,
        opted_out: false,
    };
    (2..count + 2).map(event).collect()
}

/// A home whose first segments are known.
fn known() -> (tempfile::TempDir, Log, State) {
    let home = tempfile::tempdir().unwrap();
    let log = log_in(home.path());
    append(&log, &events(60));
    let state = State::at(home.path());
    Survey::glance(log.dir(), &state, &Ledger::default()).unwrap();
    (home, log, state)
}

fn kept_in(state: &State) -> Vec<Kept> {
    state.tallies::<Known<Kept>>().unwrap().kept
}

/// Keeps that instead.
fn keep(state: &State, kept: Vec<Kept>) {
    assert!(state.keep_tallies(&Known { listed: None, kept }));
}

/// What is kept, each segment by itself.
fn each_kept(state: &State) -> Vec<Kept> {
    let kept = kept_in(state);
    kept.into_iter().flat_map(|kept| kept.checked().0).collect()
}

#[test]
fn a_forged_count_is_believed_until_somebody_reads_the_log() {
    let (_home, log, state) = known();
    let mut kept = each_kept(&state);
    assert_eq!(kept.len(), 7);
    assert!(differences(log.dir(), &state).is_empty());
    if let Part::Events(tallies) = &mut kept[3].parts[0] {
        tallies[0].events += 1;
    }
    kept[5].parts.clear();
    keep(&state, kept);
    let survey = |state: &State| {
        Survey::glance(log.dir(), state, &Ledger::default())
            .unwrap()
            .0
    };
    assert_eq!(survey(&state).events, 60 + 1 - 8);
    assert_eq!(differences(log.dir(), &state), [Ordinal(4), Ordinal(6)]);
    state.forget_tallies().unwrap();
    assert_eq!(survey(&state).events, 60);
    assert!(differences(log.dir(), &state).is_empty());
    let mut kept = kept_in(&state);
    assert_eq!(kept.len(), 3, "as many as there can be are kept together");
    if let Part::Events(tallies) = &mut kept[1].parts[0] {
        tallies[0].events += 1;
    }
    keep(&state, kept);
    assert_eq!(survey(&state).events, 60 + 1);
    let wrong = [Ordinal(4), Ordinal(5), Ordinal(6)];
    assert_eq!(differences(log.dir(), &state), wrong);
}

#[test]
fn of_segments_that_are_kept_together_those_that_were_touched_are_counted_anew() {
    let (_home, log, state) = known();
    let path = log.dir().segment_path(Ordinal(5));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let look = |ledger: &Ledger| Survey::glance(log.dir(), &state, ledger).unwrap().0;
    let survey = look(&Ledger::default());
    assert_eq!((survey.events, survey.damage), (59, 1), "it is read again");
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(look(&Ledger::default()).events, 60);
    assert_eq!(each_kept(&state).len(), 7);
    assert!(differences(log.dir(), &state).is_empty());
    for ordinal in 1..=2 {
        std::fs::remove_file(log.dir().segment_path(Ordinal(ordinal))).unwrap();
        let survey = look(&Ledger::default());
        assert_eq!(survey.events, 60 - 8 * ordinal);
        assert!(!survey.is_whole());
    }
    let swapped = kept_in(&state);
    let swapped: Vec<Kept> = swapped.into_iter().rev().collect();
    keep(&state, swapped);
    assert_eq!(look(&Ledger::default()).events, 60 - 16);
}

#[test]
fn whatever_lies_in_its_place_the_count_is_right() {
    let (home, log, state) = known();
    let path = home.path().join("tallies");
    let sound = std::fs::read(&path).unwrap();
    let survey = |state: &State| {
        Survey::glance(log.dir(), state, &Ledger::default())
            .unwrap()
            .0
    };
    for bad in [
        &b""[..],
        b"sktally\n",
        &sound[..sound.len() - 1],
        &[0xff; 4096],
    ] {
        std::fs::write(&path, bad).unwrap();
        assert_eq!(survey(&state).events, 60);
        assert_eq!(
            std::fs::read(&path).unwrap().len(),
            sound.len(),
            "made anew"
        );
    }
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(survey(&state).events, 60);
    let missing = State::at(home.path().join("missing"));
    assert_eq!(survey(&missing).events, 60);
    assert!(!missing.dir().exists(), "a look makes no directory");
}

/// A look that met the first segments before they were pruned and the next ones after
/// called the cursor in these one that does not fit, and the stream started over.
#[test]
fn a_look_that_somebody_prunes_beside_is_made_again() {
    // The third segment is opened for its header, and for its frames.
    for times in 1..6 {
        let home = tempfile::tempdir().unwrap();
        let log = log_in(home.path());
        append(&log, &events(60));
        let path = |ordinal| log.dir().segment_path(Ordinal(ordinal));
        let storage = Arc::new(Counting::default());
        storage.remove_before(path(3), times, (1..=3).map(path).collect());
        let dir = LogDir::new(log.dir().path(), Arc::<Counting>::clone(&storage));
        let state = State::at(home.path());
        let survey = || Survey::glance(&dir, &state, &Ledger::default()).unwrap().0;
        let before = survey();
        let gone = !path(1).exists();
        assert_eq!(before.events, if gone { 60 - 3 * 8 } else { 60 }, "{times}");
        assert_eq!(before.is_whole(), !gone);
    }
}

/// The deadline of a command that wants to record.
#[test]
fn a_look_that_ends_early_keeps_what_it_has_learned() {
    let (_home, log, state) = known();
    let kept = kept_in(&state);
    keep(&state, kept[..1].to_vec());
    let over = Some(Instant::now());
    let none = Tallies::renew_until(log.dir(), &state, &Ledger::default(), over).unwrap();
    assert!(none.is_none());
    assert_eq!(kept_in(&state), kept[..1]);
    let some = Tallies::renew_until(log.dir(), &state, &Ledger::default(), None).unwrap();
    assert!(some.is_some());
    assert_eq!(kept_in(&state), kept);
}

#[test]
fn no_more_is_kept_than_may_be() {
    let (_home, _log, state) = known();
    let kept = each_kept(&state);
    let most = usize::try_from(MAX_TALLIES).unwrap();
    let many = vec![Cow::Borrowed(&kept[0]); most];
    assert_eq!(within_limits(many).len(), most / 2);
    let together = gathered(kept.iter().take(3).collect()).remove(0);
    assert_eq!(within_limits(vec![together; most]).len(), most / 6);
    let control = |bytes| Part::Control {
        seq: Seq(1),
        body: vec![0; bytes],
    };
    assert!(is_small(&vec![control(MAX_TEXT_BYTES); MAX_ENTRIES]));
    assert!(!is_small(&vec![control(1); MAX_ENTRIES + 1]));
    assert!(!is_small(&[control(MAX_TEXT_BYTES + 1)]));
}
