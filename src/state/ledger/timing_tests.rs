//! Which deliveries are timed, and that each is timed once.

use super::*;

/// What was counted of how long deliveries took.
fn timed(ledger: &Ledger) -> (u64, Option<u64>) {
    let latencies = ledger.target(TARGET).unwrap().latencies();
    (latencies.count(), latencies.longest_ms())
}

#[test]
fn a_delivery_is_timed_once_however_often_it_is_committed() {
    let mut first = commit_of(90, &[(1, Outcome::Delivered), (2, refused(Retry::At(91)))]);
    first.time(None, Seq(1), 10, 90);
    first.time(None, Seq(2), 20, 90);
    let mut ledger = ledger_of(&[first.clone(), first]);
    assert_eq!(timed(&ledger), (1, Some(80)), "a refusal is no delivery");
    let mut second = commit_of(500, &[(2, Outcome::Delivered)]);
    second.time(None, Seq(2), 20, 400);
    ledger.apply(&second).unwrap();
    ledger.apply(&second).unwrap();
    assert_eq!(timed(&ledger), (2, Some(380)));
    ledger
        .apply(&commit_of(600, &[(3, Outcome::Delivered)]))
        .unwrap();
    assert_eq!(
        timed(&ledger),
        (2, Some(380)),
        "without times nothing is timed"
    );
}

/// A lost answer is made good by a duplicate, and that is a delivery like any
/// other. A lost ledger makes duplicates of everything, and nobody knows how
/// long those took.
#[test]
fn what_the_server_had_already_is_timed_only_since_the_ledger_knows() {
    let mut again = commit_of(900, &[(1, Outcome::Duplicate), (2, Outcome::Delivered)]);
    again.time(None, Seq(1), 0, 900);
    again.time(None, Seq(2), 100, 900);
    let mut ledger = ledger_of(&[again]);
    assert_eq!(
        timed(&ledger),
        (1, Some(800)),
        "a success is known in any case"
    );
    let mut next = commit_of(2_000, &[(3, Outcome::Duplicate), (4, Outcome::Duplicate)]);
    next.time(None, Seq(3), 899, 2_000);
    next.time(None, Seq(4), 900, 2_000);
    ledger.apply(&next).unwrap();
    assert_eq!(timed(&ledger), (2, Some(1_100)));
    let mut over = commit_of(3_000, &[]);
    over.restart(None);
    ledger.apply(&over).unwrap();
    let mut again = commit_of(3_100, &[(4, Outcome::Duplicate), (5, Outcome::Duplicate)]);
    again.time(None, Seq(4), 900, 3_100);
    again.time(None, Seq(5), 3_050, 3_100);
    ledger.apply(&again).unwrap();
    assert_eq!(
        timed(&ledger),
        (3, Some(1_100)),
        "what was counted stays true"
    );
}
