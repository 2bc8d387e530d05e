//! Whose events are, by what control frames say.

use super::*;
use crate::event::Flags;
use crate::target::Target;

fn header(target: TargetId, project: Option<&'static str>) -> EventHeader<'static> {
    EventHeader {
        event_id: "id",
        event_type: "WPCreated",
        aggregate_type: "WorkPackage",
        aggregate_id: "WP01",
        node_id: "node",
        lamport: 1,
        timestamp_us: 0,
        team: None,
        project,
        feature: None,
        causation_id: None,
        target,
        flags: Flags::default(),
    }
}

fn bound(at: u64, from: TargetId, to: &Target) -> Bindings {
    let mut bindings = Bindings::default();
    bindings.note(
        Seq(at),
        &Control::Bind {
            from,
            to: to.clone(),
        }
        .encode(),
    );
    bindings
}

#[test]
fn signed_out_events_belong_to_the_first_sign_in_behind_them() {
    let alice = Target::new("https://a.org", "alice", Some("acme"));
    let bob = Target::new("https://a.org", "bob", Some("acme"));
    let mut bindings = bound(10, TargetId::SIGNED_OUT, &alice);
    let to_bob = Control::Bind {
        from: TargetId::SIGNED_OUT,
        to: bob.clone(),
    };
    bindings.note(Seq(20), &to_bob.encode());
    let owner = |seq| match bindings.route(Seq(seq), &header(TargetId::SIGNED_OUT, Some("p"))) {
        Route::Stream { target, .. } => Some(target),
        _ => None,
    };
    assert_eq!(owner(9), Some(alice.id()));
    assert_eq!(owner(11), Some(bob.id()));
    assert_eq!(owner(21), None, "nobody has signed in since");
}

#[test]
fn events_of_an_account_known_by_half_its_id_go_to_that_account_alone() {
    let alice = Target::new("https://a.org", "alice", Some("acme"));
    let bob = Target::new("https://a.org", "bob", Some("acme"));
    let half = header(alice.stand_in(), Some("p"));
    let theft = bound(10, alice.stand_in(), &bob);
    assert!(
        matches!(theft.route(Seq(5), &half), Route::Stream { target, .. } if target == alice.stand_in())
    );
    let bindings = bound(10, alice.stand_in(), &alice);
    assert!(
        matches!(bindings.route(Seq(5), &half), Route::Stream { target, .. } if target == alice.id())
    );
}

#[test]
fn a_bound_event_stays_with_its_account() {
    let alice = Target::new("https://a.org", "alice", Some("acme"));
    let bob = Target::new("https://a.org", "bob", Some("acme"));
    let bindings = bound(10, TargetId::SIGNED_OUT, &bob);
    let route = bindings.route(Seq(5), &header(alice.id(), Some("p")));
    assert!(matches!(route, Route::Stream { target, .. } if target == alice.id()));
}

#[test]
fn events_follow_their_account_into_its_team_and_never_to_another() {
    let alice = Target::new("https://a.org", "alice", Some("acme"));
    let alone = alice.without_team();
    let bob = Target::new("https://a.org", "bob", Some("acme"));
    let mut bindings = bound(10, TargetId::SIGNED_OUT, &alone);
    let into_team = Control::Bind {
        from: alone.id(),
        to: alice.clone(),
    };
    bindings.note(Seq(20), &into_team.encode());
    let theft = Control::Bind {
        from: alice.id(),
        to: bob.clone(),
    };
    bindings.note(Seq(30), &theft.encode());
    for (seq, recorded_for) in [
        (5, TargetId::SIGNED_OUT),
        (15, alone.id()),
        (25, alice.id()),
    ] {
        let route = bindings.route(Seq(seq), &header(recorded_for, Some("p")));
        assert!(matches!(route, Route::Stream { target, .. } if target == alice.id()));
    }
}

/// They were several frames once. Of several, one can be lost: torn, in
/// another segment, rotten. Then its events got their owner at the next
/// sign-in, when the cursor of adopted events had passed them, and counted
/// as delivered without ever being sent.
#[test]
fn one_frame_binds_all_that_a_sign_in_gives_to_an_account() {
    let alice = Target::new("https://a.org", "alice", Some("acme"));
    let bindings = bound(10, TargetId::SIGNED_OUT, &alice);
    let teamless = alice.without_team().id();
    for recorded_for in [TargetId::SIGNED_OUT, teamless, alice.stand_in()] {
        let route = bindings.route(Seq(5), &header(recorded_for, Some("p")));
        assert!(matches!(route, Route::Stream { target, .. } if target == alice.id()));
    }
    let bob = Target::new("https://a.org", "bob", Some("acme"));
    let route = bindings.route(Seq(5), &header(bob.without_team().id(), Some("p")));
    assert!(matches!(route, Route::Stream { target, .. } if target != alice.id()));
}

#[test]
fn adopted_events_have_a_stream_of_their_own() {
    let alice = Target::new("https://a.org", "alice", Some("acme"));
    let bindings = bound(10, TargetId::SIGNED_OUT, &alice);
    let own = bindings.route(Seq(5), &header(alice.id(), Some("p")));
    let adopted = bindings.route(Seq(5), &header(TargetId::SIGNED_OUT, Some("p")));
    assert_ne!(own, adopted);
    let forged = bindings.route(Seq(5), &header(alice.id(), Some("\u{1}p")));
    assert!(matches!(forged, Route::NoProject { .. }));
}

#[test]
fn what_opted_out_goes_nowhere_and_what_has_no_project_waits() {
    let alice = Target::new("https://a.org", "alice", Some("acme"));
    let bindings = Bindings::default();
    let mut opted_out = header(alice.id(), Some("p"));
    opted_out.flags = Flags::default().with_opted_out(true);
    assert_eq!(bindings.route(Seq(1), &opted_out), Route::OptedOut);
    for project in [None, Some("")] {
        let route = bindings.route(Seq(1), &header(alice.id(), project));
        assert_eq!(route, Route::NoProject { target: alice.id() });
    }
}
