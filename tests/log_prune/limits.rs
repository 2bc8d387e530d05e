//! At the limits: confirmed events go first, then new ones are refused.

use spec_kitty::emitter::{EmitError, EmitNote, EventEmitter};
use spec_kitty::event::{Draft, HistoryAdded, Payload};
use spec_kitty::state::State;

use crate::support::bench::{Bench, server};
use crate::{bench, segments, seqs, signed_in};

fn note() -> Draft {
    HistoryAdded::new("WP01", spec_kitty::event::EntryType::Note, "begun")
        .into_draft()
        .unwrap()
}

fn emit_one(bench: &Bench) -> spec_kitty::emitter::Emission {
    EventEmitter::new(bench.home.clone(), bench.project("widgets")).emit(note())
}

fn bytes(bench: &Bench) -> u64 {
    crate::log_dir(bench).bytes().unwrap()
}

#[test]
fn a_log_that_is_delivered_never_fills_up() {
    let (server, stored) = server(|_, _| None);
    let bench = signed_in(&server, "max_bytes = 65536");
    let widgets = bench.project("widgets");
    let mut made_room = false;
    for _ in 0..20 {
        let emitter = EventEmitter::new(bench.home.clone(), widgets.clone());
        let emission = emitter.emit_all((0..20).map(|_| note()).collect());
        assert!(emission.is_recorded(), "{emission:?}");
        made_room |= emission
            .notes
            .iter()
            .any(|note| matches!(note, EmitNote::Pruned { .. }));
        assert!(bytes(&bench) <= 65_536 + 20 * 1024);
        bench.sync();
    }
    assert!(made_room);
    let (first, last) = seqs(&bench);
    assert!(first > 1 && last == 400, "{first}..{last}");
    assert_eq!(
        stored.lock().unwrap().len(),
        400,
        "and the server has them all"
    );
    assert!(!bench.status().disagrees(), "{:?}", bench.status());
}

#[test]
fn what_is_not_delivered_is_never_given_up_for_something_new() {
    let bench = bench("max_bytes = 65536");
    let mut warned = false;
    let error = loop {
        let emission = emit_one(&bench);
        if let Some(error) = emission.receipts[0].error.clone() {
            break error;
        }
        warned |= emission
            .notes
            .iter()
            .any(|note| matches!(note, EmitNote::Pressure));
    };
    assert_eq!(error.code(), "log-full");
    assert!(warned, "the warning comes first");
    let (first, last) = seqs(&bench);
    assert_eq!((first, segments(&bench)[0]), (1, 1));
    assert_eq!(bench.status().pending, last);
    let failures = State::at(bench.home.state_dir()).failures().read().unwrap();
    assert_eq!(failures.full, 1);
}

/// A call that is larger than the room that is left makes room in the middle.
#[test]
fn a_large_call_makes_room_on_its_way() {
    let (server, _) = server(|_, _| None);
    let bench = signed_in(&server, "max_bytes = 65536");
    let widgets = bench.project("widgets");
    bench.emit(&widgets, 40);
    bench.sync();
    let emitter = EventEmitter::new(bench.home.clone(), widgets);
    let emission = emitter.emit_all((0..40).map(|_| note()).collect());
    assert!(
        emission.is_recorded(),
        "{:?}",
        emission.receipts.iter().find(|r| !r.is_recorded())
    );
    let seqs: Vec<_> = emission
        .receipts
        .iter()
        .map(|receipt| receipt.seq.unwrap().0)
        .collect();
    assert_eq!(seqs, (41..=80).collect::<Vec<_>>());
}

#[test]
fn events_that_were_recorded_signed_out_make_room_once_their_owner_has_them() {
    let (server, _) = server(|_, _| None);
    let bench = signed_in(&server, "max_bytes = 65536");
    let widgets = bench.project("widgets");
    bench.sign_out();
    bench.emit(&widgets, 40);
    bench.sign_in(&server, crate::ALICE.0, crate::ALICE.1);
    bench.adopt();
    bench.sync();
    bench.emit(&widgets, 30);
    bench.emit(&widgets, 5);
    assert!(segments(&bench)[0] > 1, "{:?}", segments(&bench));
}

#[test]
fn more_events_than_may_wait_are_refused_when_a_segment_would_begin() {
    let (server, _) = server(|_, _| None);
    let bench = signed_in(&server, "max_pending_events = 10");
    let mut refused = None;
    for _ in 0..30 {
        refused = emit_one(&bench).receipts[0].error.clone();
        if refused.is_some() {
            break;
        }
    }
    let error = refused.unwrap();
    assert!(matches!(error, EmitError::Backlog(_)), "{error}");
    assert_eq!(error.code(), "backlog-full");
    let waiting = bench.status().pending;
    assert!((10..=16).contains(&waiting), "{waiting}");
    bench.sync();
    assert!(
        emit_one(&bench).is_recorded(),
        "delivered events do not wait"
    );
}
