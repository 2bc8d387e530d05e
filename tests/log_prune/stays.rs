//! What stays, whatever the limits say.

use std::time::Duration;

use serde_json::{Value, json};
use spec_kitty::emitter;
use spec_kitty::log::append::{Record, Refused, Stamp, Tick};
use spec_kitty::log::frame::Kind;
use spec_kitty::state::{Commit, EventKey, Outcome, State};
use spec_kitty::target::Target;

use crate::support::bench::{Bench, server, stored_ids};
use crate::support::{Reply, bench};
use crate::{ALICE, bench as home, run, segments, seqs, signed_in};

const NOW: &str = "retention_days = 0";

/// What ends the plan.
fn stopped_by(bench: &Bench) -> Value {
    run(bench, &["--json", "log", "prune", "--dry-run"]).json()["stopped_by"].clone()
}

#[test]
fn without_a_recipient_nothing_goes() {
    let bench = home(NOW);
    bench.emit(&bench.project("widgets"), 20);
    assert_eq!(stopped_by(&bench)["reason"], json!("no-target"));
    assert_eq!(stopped_by(&bench)["segment"], json!(1));
}

#[test]
fn what_waits_stays_and_so_does_everything_behind_it() {
    let (server, _) = server(|_, _| None);
    let bench = signed_in(&server, NOW);
    bench.emit(&bench.project("widgets"), 10);
    bench.sync();
    bench.emit(&bench.nowhere(), 1);
    bench.emit(&bench.project("widgets"), 20);
    bench.sync();
    let stop = stopped_by(&bench);
    assert_eq!(stop["reason"], json!("waiting"));
    assert_eq!(stop["waiting"], json!({"no-project": 1}));
    assert_eq!(run(&bench, &["log", "prune", "--yes"]).code, Some(0));
    let (first, last) = seqs(&bench);
    assert!(first <= 11 && last == 31, "{first}..{last}");
    assert_eq!(bench.status().pending, 1, "it is still there");
}

#[test]
fn signed_out_events_stay_until_their_owner_has_confirmed_them() {
    let (server, stored) = server(|_, _| None);
    let bench = signed_in(&server, NOW);
    bench.emit(&bench.project("other"), 1);
    bench.sync();
    bench.sign_out();
    bench.emit(&bench.project("widgets"), 20);
    assert!(stopped_by(&bench)["waiting"]["signed-out"].as_u64() > Some(0));
    bench.sign_in(&server, ALICE.0, ALICE.1);
    bench.adopt();
    assert!(stopped_by(&bench)["waiting"]["pending"].as_u64() > Some(0));
    bench.sync();
    assert_eq!(run(&bench, &["log", "prune", "--yes"]).code, Some(0));
    assert_eq!(segments(&bench).len(), 1);
    assert_eq!(stored.lock().unwrap().len(), 21);
    assert!(!bench.status().disagrees());
}

/// A bind frame speaks only of events before it. When it is pruned they are
/// gone as well, and the events behind it keep their owners.
#[test]
fn a_pruned_bind_frame_takes_no_owner_from_what_stays() {
    let (server, stored) = server(|_, _| None);
    let bench = signed_in(&server, NOW);
    bench.sign_out();
    let widgets = bench.project("widgets");
    bench.emit(&widgets, 12);
    bench.sign_in(&server, ALICE.0, ALICE.1);
    bench.adopt();
    bench.emit(&widgets, 12);
    bench.sync();
    bench.sign_out();
    let unowned = bench.emit(&widgets, 12);
    assert_eq!(run(&bench, &["log", "prune", "--yes"]).code, Some(0));
    let (first, _) = seqs(&bench);
    assert!(first > 13, "the bind frame, number 13, is gone");
    let status = bench.status();
    assert_eq!(
        (status.pending, status.disagrees()),
        (12, false),
        "{status:?}"
    );
    bench.sign_in(&server, "bob@example.com", Some("acme"));
    assert_eq!(
        bench.sync().delivered,
        0,
        "they are not bob's before he takes them"
    );
    bench.adopt();
    assert_eq!(bench.sync().delivered, 12);
    let ids = stored_ids(&stored);
    assert!(unowned.iter().all(|id| ids.contains(id)));
    assert_eq!(ids.len(), 36);
}

#[test]
fn refused_events_stay_for_a_person() {
    let (server, _) = server(|request, stored| {
        let events = request.json()["events"].clone();
        let bad = |event: &Value| event["payload"]["entry_content"] == json!("bad");
        if !events
            .as_array()
            .is_some_and(|events| events.iter().any(bad))
        {
            return None;
        }
        let results: Vec<_> = events.as_array().unwrap().iter().map(|event| {
            if bad(event) {
                json!({"event_id": event["event_id"], "status": "rejected", "error_message": "no"})
            } else {
                stored.lock().unwrap().push(event.clone());
                json!({"event_id": event["event_id"], "status": "success"})
            }
        }).collect();
        Some(Reply::json(200, &json!({"results": results})))
    });
    let bench = signed_in(&server, NOW);
    let texts: Vec<_> = (0..20)
        .map(|n| if n == 7 { "bad" } else { "good" }.to_owned())
        .collect();
    bench.emit_texts(&bench.project("widgets"), &texts);
    bench.sync();
    let stop = stopped_by(&bench);
    assert_eq!(stop["waiting"], json!({"refused": 1}), "{stop}");
}

#[test]
fn opted_out_events_go_by_time_alone() {
    let (server, _) = server(|_, _| None);
    let mut limits = "max_bytes = 65536\nretention_days = 1";
    for expected in ["recent", "newest"] {
        let bench = signed_in(&server, limits);
        let secret = bench.project("secret");
        let file = secret.join(".kittify/config.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}sync:\n  enabled: false\n")).unwrap();
        bench.emit(&secret, 10);
        for _ in 0..4 {
            bench.emit(&bench.project("widgets"), 10);
        }
        bench.sync();
        assert_eq!(stopped_by(&bench)["reason"], json!(expected));
        limits = "max_bytes = 65536\nretention_days = 0";
    }
}

/// A log that was restored or begun anew has other events where those were that
/// the ledger has settled. Nothing of it was confirmed to anybody.
#[test]
fn a_ledger_of_another_log_gives_no_leave() {
    let (server, _) = server(|_, _| None);
    let bench = signed_in(&server, NOW);
    let widgets = bench.project("widgets");
    bench.emit(&widgets, 30);
    bench.sync();
    for entry in std::fs::read_dir(bench.home.log_dir()).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for count in [20, 20] {
        bench.emit(&widgets, count);
        let stop = stopped_by(&bench);
        assert_eq!(
            (&stop["segment"], &stop["reason"]),
            (&json!(1), &json!("waiting"))
        );
    }
    bench.sync();
    assert_eq!(stopped_by(&bench)["reason"], json!("newest"));
}

/// A frame of a kind that a later version writes.
struct Unknown(Kind, &'static [u8]);

impl Record for Unknown {
    fn kind(&self) -> Kind {
        self.0
    }

    fn tick(&self) -> Tick {
        Tick::Still
    }

    fn encode(&mut self, _stamp: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        out.extend_from_slice(self.1);
        Ok(())
    }
}

/// It may say anything about any event, those before it included.
#[test]
fn a_fact_that_is_not_understood_keeps_everything() {
    let (server, _) = server(|_, _| None);
    for (kind, body) in [
        (Kind::Control, br#"{"v":2,"target_added":{}}"#.as_slice()),
        (Kind::Other(9), b"?"),
    ] {
        let bench = signed_in(&server, NOW);
        let widgets = bench.project("widgets");
        bench.emit(&widgets, 20);
        let mut fact = Unknown(kind, body);
        let log = emitter::log_of(&bench.home);
        let appended = log.append(&mut [&mut fact], None, Duration::from_secs(5));
        assert!(appended.failure.is_none());
        bench.sync();
        let stop = stopped_by(&bench);
        assert_eq!(stop["segment"], json!(1));
        assert_eq!(stop["waiting"], json!({"not-understood": 1}));
    }
}

/// Confirmed by one recipient is not confirmed by the one they belong to.
#[test]
fn the_word_of_another_recipient_counts_nothing() {
    let (server, _) = server(|_, _| None);
    let bench = signed_in(&server, NOW);
    let ids = bench.emit(&bench.project("widgets"), 20);
    let bob = Target::new("https://example.org", "bob", Some("acme"));
    let state = State::at(bench.home.state_dir());
    let wait = Duration::from_secs(20);
    let sender = state.sender_lock(wait).unwrap().unwrap();
    let mut ledger = state.open_ledger(sender, wait).unwrap().value;
    let mut commit = Commit::new(bob.id(), 1);
    let project = spec_kitty::state::Project::new(&bench::uuid_of("widgets")).unwrap();
    for (seq, id) in (1..).zip(&ids) {
        let event = EventKey::new(id).unwrap();
        commit.settle(
            Some(&project),
            spec_kitty::position::Seq(seq),
            event,
            Outcome::Delivered,
        );
    }
    ledger.commit(&commit, wait).unwrap();
    let stop = stopped_by(&bench);
    assert_eq!(
        (&stop["segment"], &stop["reason"]),
        (&json!(1), &json!("waiting"))
    );
}
