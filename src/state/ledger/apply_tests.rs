//! What applying commits must and must not do.

use proptest::prelude::*;

use super::*;
use crate::state::ledger::{DeliveryState, Outcome, Trouble};
use crate::target::TargetId;

const TARGET: TargetId = TargetId([1; 16]);

fn key(seq: u64) -> EventKey {
    EventKey::new(&format!("event-{seq}")).unwrap()
}

fn refused(retry: Retry) -> Outcome {
    let trouble = Trouble::new("invalid", "no such work package", Some(200));
    Outcome::Refused(Refusal { retry, trouble })
}

fn commit_of(at_ms: u64, outcomes: &[(u64, Outcome)]) -> Commit {
    let mut commit = Commit::new(TARGET, at_ms);
    for (seq, outcome) in outcomes {
        commit.settle(None, Seq(*seq), key(*seq), outcome.clone());
    }
    commit
}

fn ledger_of(commits: &[Commit]) -> Ledger {
    let mut ledger = Ledger::default();
    for commit in commits {
        ledger.apply(commit).unwrap();
    }
    ledger
}

fn state(ledger: &Ledger, seq: u64) -> DeliveryState {
    ledger.state_of(TARGET, None, Seq(seq))
}

/// An event without an answer is pending, keeps no attempt, and is settled by
/// the first word about it; only an exception can be released or dropped.
#[test]
fn what_people_want_and_what_was_not_said_change_only_exceptions() {
    let silent = || Outcome::Unanswered(Trouble::new("unconfirmed", "silence", Some(200)));
    let mut ledger = Ledger::default();
    let first = commit_of(
        1,
        &[
            (1, silent()),
            (2, refused(Retry::Never)),
            (3, Outcome::Delivered),
        ],
    );
    ledger.apply(&first).unwrap();
    let state = |ledger: &Ledger, seq| ledger.state_of(first.target(), None, Seq(seq));
    assert_eq!(state(&ledger, 1), DeliveryState::Pending);
    let target = ledger.target(first.target()).unwrap();
    assert_eq!(target.refused(), (0, 1));
    assert_eq!(
        target.stream(None).unwrap().exceptions()[&Seq(1)].attempts,
        0
    );
    ledger
        .apply(&commit_of(
            2,
            &[(2, Outcome::Released), (3, Outcome::Released)],
        ))
        .unwrap();
    assert_eq!(state(&ledger, 2), DeliveryState::Rejected);
    assert_eq!(state(&ledger, 3), DeliveryState::Delivered);
    ledger
        .apply(&commit_of(
            3,
            &[(1, Outcome::Delivered), (2, Outcome::Dropped)],
        ))
        .unwrap();
    ledger
        .apply(&commit_of(
            4,
            &[(9, Outcome::Dropped), (8, Outcome::Released)],
        ))
        .unwrap();
    let stream = ledger.target(first.target()).unwrap().stream(None).unwrap();
    assert!(stream.exceptions().is_empty());
    assert_eq!(
        (stream.delivered(), stream.cursor().unwrap().seq),
        (2, Seq(3))
    );
}

#[test]
fn each_outcome_has_its_state_and_the_cursor_passes_a_refusal() {
    use DeliveryState::{Delivered, Duplicate, Parked, Pending, Rejected};
    let ledger = ledger_of(&[commit_of(
        9,
        &[
            (2, Outcome::Delivered),
            (3, Outcome::Duplicate),
            (5, refused(Retry::At(50))),
            (6, refused(Retry::Never)),
        ],
    )]);
    let states: Vec<_> = [2, 3, 5, 6, 7].iter().map(|s| state(&ledger, *s)).collect();
    assert_eq!(states, [Delivered, Duplicate, Rejected, Parked, Pending]);
    let target = ledger.target(TARGET).unwrap();
    let stream = target.stream(None).unwrap();
    assert_eq!(stream.cursor().unwrap().event, key(6));
    assert_eq!((stream.delivered(), stream.duplicate()), (1, 1));
    assert_eq!((target.refused(), target.due(49).count()), ((1, 1), 0));
    assert_eq!(target.due(50).next().unwrap().1, Seq(5));
    assert_eq!(target.last_delivered_at_ms(), Some(9));
    assert_eq!(ledger.highest_seq(), Some(Seq(6)));
}

#[test]
fn a_refused_event_that_is_tried_again_counts_its_attempts_until_it_is_delivered() {
    let mut ledger = ledger_of(&[
        commit_of(1, &[(5, refused(Retry::At(2))), (6, Outcome::Delivered)]),
        commit_of(2, &[(5, refused(Retry::Never))]),
    ]);
    let attempts = |ledger: &Ledger| {
        let stream = &ledger.targets[&TARGET].streams[&None];
        stream.exceptions.get(&Seq(5)).map(|found| found.attempts)
    };
    assert_eq!(attempts(&ledger), Some(2));
    assert_eq!(state(&ledger, 5), DeliveryState::Parked);
    ledger
        .apply(&commit_of(3, &[(5, Outcome::Delivered)]))
        .unwrap();
    assert_eq!(attempts(&ledger), None);
    assert_eq!(state(&ledger, 5), DeliveryState::Delivered);
    assert_eq!(
        ledger.targets[&TARGET].streams[&None].cursor().unwrap().seq,
        Seq(6)
    );
}

#[test]
fn what_is_settled_stays_settled_whatever_comes_later() {
    let mut ledger = ledger_of(&[commit_of(1, &[(7, Outcome::Delivered)])]);
    let before = ledger.targets.clone();
    let late = commit_of(2, &[(3, refused(Retry::Never)), (7, Outcome::Duplicate)]);
    ledger.apply(&late).unwrap();
    assert_eq!(ledger.targets, before);
}

#[test]
fn projects_and_targets_do_not_touch_each_other() {
    let project = Project::new("p").unwrap();
    let mut commit = Commit::new(TARGET, 1);
    commit.settle(Some(&project), Seq(4), key(4), Outcome::Delivered);
    let ledger = ledger_of(&[commit]);
    let state = |target, project| ledger.state_of(target, project, Seq(4));
    assert_eq!(state(TARGET, Some(&project)), DeliveryState::Delivered);
    assert_eq!(state(TARGET, None), DeliveryState::Pending);
    assert_eq!(
        state(TargetId([2; 16]), Some(&project)),
        DeliveryState::Pending
    );
}

#[test]
fn a_stream_that_starts_over_forgets_positions_and_the_counts_up_to_them() {
    let mut ledger = ledger_of(&[commit_of(
        1,
        &[(5, Outcome::Duplicate), (9, refused(Retry::Never))],
    )]);
    let mut commit = Commit::new(TARGET, 2);
    commit.restart(None);
    commit.settle(None, Seq(2), key(2), Outcome::Delivered);
    let changes = ledger.apply_noting(&commit).unwrap();
    assert!(changes.exceptions.contains(&(None, Seq(9))));
    let states = [2, 5, 9].map(|seq| state(&ledger, seq));
    use DeliveryState::{Delivered, Pending};
    assert_eq!(states, [Delivered, Pending, Pending]);
    let stream = &ledger.targets[&TARGET].streams[&None];
    assert_eq!((stream.delivered(), stream.duplicate()), (1, 0));
}

#[test]
fn a_retry_after_outlives_silence_and_ends_with_the_next_answer() {
    let mut ledger = Ledger::default();
    let mut say = |at_ms, answer| {
        let mut commit = Commit::new(TARGET, at_ms);
        commit.answer(answer);
        ledger.apply(&commit).unwrap();
        let target = &ledger.targets[&TARGET];
        let error = target.last_error().map(|(at, trouble)| {
            let category = trouble.category().to_owned();
            (at, category, trouble.http_status())
        });
        (
            target.last_contact_at_ms(),
            target.retry_not_before_ms(),
            error,
        )
    };
    let busy = Trouble::new("throttled", "slow down", Some(429));
    let answered = |retry_not_before_ms, trouble| Answer::Answered {
        retry_not_before_ms,
        trouble,
    };
    assert_eq!(
        say(10, answered(Some(99), Some(busy))),
        (
            Some(10),
            Some(99),
            Some((10, "throttled".into(), Some(429)))
        )
    );
    assert_eq!(
        say(
            20,
            Answer::Unanswered(Trouble::new("unreachable", "", None))
        ),
        (Some(10), Some(99), Some((20, "unreachable".into(), None)))
    );
    assert_eq!(say(30, answered(None, None)), (Some(30), None, None));
}

#[test]
fn a_full_ledger_refuses_the_whole_commit() {
    let many = |from: u64, count: u64| {
        let outcomes: Vec<_> = (from..from + count)
            .map(|seq| (seq, refused(Retry::Never)))
            .collect();
        commit_of(1, &outcomes)
    };
    let limit = MAX_EXCEPTIONS as u64;
    let mut ledger = ledger_of(&[many(1, limit)]);
    let before = ledger.clone();
    let mut commit = many(limit + 1, 1);
    commit.settle(None, Seq(limit + 2), key(0), Outcome::Delivered);
    assert_eq!(ledger.apply(&commit), Err(LedgerFull::Exceptions));
    assert_eq!(ledger, before);
    assert!(ledger.is_within_limits());
    let again = commit_of(2, &[(1, refused(Retry::Never))]);
    assert_eq!(ledger.apply(&again), Ok(()), "a retry takes no more room");
}

#[test]
fn the_longest_ledger_fits_into_the_view() {
    let trouble = Trouble::new(&"c".repeat(99), &"m".repeat(9_999), Some(u16::MAX));
    let refusal = Refusal {
        retry: Retry::At(u64::MAX),
        trouble,
    };
    let mut ledger = Ledger::default();
    let top = u64::MAX - MAX_EXCEPTIONS as u64;
    let mut commit = Commit::new(TARGET, u64::MAX);
    for n in 0..MAX_EXCEPTIONS as u64 {
        let event = EventKey::new(&format!("{n:064}")).unwrap();
        commit.settle(None, Seq(top + n), event, Outcome::Refused(refusal.clone()));
    }
    ledger.apply(&commit).unwrap();
    for n in 0..MAX_STREAMS - 1 {
        let project = Project::new(&format!("{n:064}")).unwrap();
        let mut commit = Commit::new(TARGET, u64::MAX);
        let event = EventKey::new(&format!("{n:064}")).unwrap();
        commit.settle(Some(&project), Seq(u64::MAX), event, Outcome::Delivered);
        ledger.apply(&commit).unwrap();
    }
    let bytes = crate::state::codec::encode(&ledger).unwrap();
    // Ranges of duplicates of all targets come on top, 18 bytes each.
    let ranges = MAX_TARGETS * MAX_DUPLICATE_RANGES * 18;
    // And so do latencies: two bytes for a bucket and one to nine for its count.
    let latencies = MAX_TARGETS * 496 * (3 + 9);
    assert!(bytes.len() + ranges + latencies < crate::state::codec::MAX_BYTES);
}

#[test]
fn old_duplicates_fade_into_delivered() {
    let mut ledger = Ledger::default();
    let step = 2;
    let rounds = MAX_DUPLICATE_RANGES as u64 + 3;
    for n in 0..rounds {
        let seq = n * step;
        let outcomes = [(seq + 1, Outcome::Duplicate), (seq + 2, Outcome::Delivered)];
        ledger.apply(&commit_of(n, &outcomes)).unwrap();
    }
    assert_eq!(state(&ledger, 5), DeliveryState::Delivered);
    assert_eq!(state(&ledger, 7), DeliveryState::Duplicate);
    let stream = &ledger.targets[&TARGET].streams[&None];
    assert_eq!(stream.head.duplicates.len(), MAX_DUPLICATE_RANGES);
    assert_eq!(stream.duplicate(), rounds, "the count does not fade");
}

#[test]
fn a_run_of_duplicates_over_many_commits_is_one_range() {
    let commits: Vec<_> = (0..50)
        .map(|n| {
            commit_of(
                n,
                &[
                    (10 * n + 1, Outcome::Duplicate),
                    (10 * n + 4, Outcome::Duplicate),
                ],
            )
        })
        .collect();
    let ledger = ledger_of(&commits);
    let stream = &ledger.targets[&TARGET].streams[&None];
    assert_eq!(stream.head.duplicates.len(), 1);
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::Delivered),
        2 => Just(Outcome::Duplicate),
        1 => Just(refused(Retry::Never)),
        2 => (0_u64..100).prop_map(|at| refused(Retry::At(at))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The model keeps, for every event, what the server last said about it
    /// as long as it was not yet confirmed.
    #[test]
    fn states_are_what_the_server_said(
        steps in prop::collection::vec((any::<bool>(), prop::collection::vec(outcome(), 1..6)), 1..20),
    ) {
        let mut ledger = Ledger::default();
        let mut said: Vec<Outcome> = Vec::new();
        for (round, (retry, outcomes)) in steps.into_iter().enumerate() {
            let mut commit = Commit::new(TARGET, round as u64);
            for (n, outcome) in outcomes.into_iter().enumerate() {
                let seq = if retry { n as u64 + 1 } else { said.len() as u64 + 1 };
                commit.settle(None, Seq(seq), key(seq), outcome.clone());
                match said.get_mut(seq as usize - 1) {
                    Some(old @ Outcome::Refused(_)) => *old = outcome,
                    Some(_) => {}
                    None => said.push(outcome),
                }
            }
            let before = ledger.clone();
            ledger.apply(&commit).unwrap();
            let once = ledger.clone();
            ledger.apply(&commit).unwrap();
            prop_assert_eq!(&ledger.targets, &once.targets, "twice is once");
            let cursor = |ledger: &Ledger| {
                let stream = ledger.target(TARGET).and_then(|t| t.stream(None));
                stream.and_then(|s| s.cursor().map(|c| c.seq))
            };
            prop_assert!(cursor(&before) <= cursor(&ledger));
        }
        for (n, outcome) in said.iter().enumerate() {
            let expected = match outcome {
                Outcome::Delivered => DeliveryState::Delivered,
                Outcome::Duplicate => DeliveryState::Duplicate,
                Outcome::Refused(Refusal { retry: Retry::Never, .. }) => DeliveryState::Parked,
                Outcome::Refused(_) => DeliveryState::Rejected,
                _ => DeliveryState::Pending,
            };
            prop_assert_eq!(state(&ledger, n as u64 + 1), expected);
        }
        prop_assert_eq!(state(&ledger, said.len() as u64 + 1), DeliveryState::Pending);
        prop_assert_eq!(ledger.highest_seq(), Some(Seq(said.len() as u64)));
        let stream = &ledger.targets[&TARGET].streams[&None];
        let confirmed = stream.delivered() + stream.duplicate();
        prop_assert_eq!(confirmed as usize + stream.exceptions.len(), said.len());
        prop_assert!(ledger.is_within_limits());
    }
}

#[test]
fn a_first_refusal_counts_on_from_what_was_imported() {
    let mut first = commit_of(1, &[(1, refused(Retry::Never)), (2, Outcome::Delivered)]);
    first.carry(None, Seq(1), 3);
    first.carry(None, Seq(2), 9);
    let mut ledger = ledger_of(&[first]);
    let attempts = |ledger: &Ledger| {
        let stream = ledger.target(TARGET).unwrap().stream(None).unwrap();
        stream.exceptions().get(&Seq(1)).map(|found| found.attempts)
    };
    assert_eq!(attempts(&ledger), Some(4));
    let mut again = commit_of(2, &[(1, refused(Retry::Never))]);
    again.carry(None, Seq(1), 3);
    ledger.apply(&again).unwrap();
    assert_eq!(attempts(&ledger), Some(5), "counted on, not carried twice");
    assert_eq!(state(&ledger, 2), DeliveryState::Delivered);
}

#[path = "order_tests.rs"]
mod order;
#[path = "timing_tests.rs"]
mod timing;
