//! In which order a commit is told does not matter, and a wish is no word.

use std::collections::BTreeMap;

use super::*;

#[test]
fn a_wish_about_what_the_same_commit_has_word_of_counts_for_nothing() {
    for wish in [Outcome::Released, Outcome::Dropped] {
        let word = [(1, Outcome::Delivered), (2, refused(Retry::Never))];
        let plain = ledger_of(&[commit_of(1, &word)]);
        for seq in [1, 2] {
            let before = [&[(seq, wish.clone())], word.as_slice()].concat();
            let after = [word.as_slice(), &[(seq, wish.clone())]].concat();
            assert_eq!(ledger_of(&[commit_of(1, &before)]), plain);
            assert_eq!(ledger_of(&[commit_of(1, &after)]), plain);
        }
    }
    let beyond = [(1, Outcome::Delivered), (2, Outcome::Released)];
    let stream = &ledger_of(&[commit_of(1, &beyond)]).targets[&TARGET].streams[&None];
    assert_eq!(stream.cursor().map(|cursor| cursor.seq), Some(Seq(1)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_last_word_about_each_event_counts_in_whatever_order_they_come(
        rounds in prop::collection::vec(
            prop::collection::vec((1_u64..12, outcome()), 1..20), 1..4),
    ) {
        let (mut told, mut sorted) = (Ledger::default(), Ledger::default());
        for (at_ms, words) in rounds.into_iter().enumerate() {
            let last: BTreeMap<u64, Outcome> = words.iter().cloned().collect();
            let last: Vec<_> = last.into_iter().collect();
            told.apply(&commit_of(at_ms as u64, &words)).unwrap();
            sorted.apply(&commit_of(at_ms as u64, &last)).unwrap();
            prop_assert_eq!(&told, &sorted);
            let stream = &told.targets[&TARGET].streams[&None];
            let cursor = stream.cursor().unwrap();
            prop_assert_eq!(cursor.event.clone(), key(cursor.seq.0));
        }
    }
}
