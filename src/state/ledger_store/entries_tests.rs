//! The ledger survives its way through the store, and what does not is named.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::state::store::{Job, Store};
use crate::state::{
    Answer, Commit, DeliveryState, EventKey, Latencies, Outcome, Refusal, Retry, Trouble,
};

const WAIT: Duration = Duration::from_secs(20);
const TARGET: TargetId = TargetId([3; 16]);

type Loaded = (Ledger, Vec<String>);

/// Does `work` in a fresh store and loads what is there then.
fn after(work: impl Fn(&Trees) -> sled::Result<()> + Send + 'static) -> Loaded {
    let dir = tempfile::tempdir().unwrap();
    let job: Job<Loaded> = Box::new(move |trees| {
        work(trees)?;
        Ok(load(&read(trees)?))
    });
    let done = Store::in_dir(dir.path()).run(WAIT, job).unwrap();
    assert!(done.notes.is_empty(), "{:?}", done.notes);
    done.value
}

fn key(seq: u64) -> EventKey {
    EventKey::new(&format!("e{seq}")).unwrap()
}

fn refused() -> Outcome {
    Outcome::Refused(Refusal {
        retry: Retry::Never,
        trouble: Trouble::new("invalid", "no", Some(400)),
    })
}

fn commit() -> impl Strategy<Value = Commit> {
    let outcome = prop_oneof![
        Just(Outcome::Delivered),
        Just(Outcome::Duplicate),
        Just(refused())
    ];
    let event = (0_usize..3, 1_u64..40, outcome);
    let parts = (
        0_u8..2,
        any::<u16>(),
        any::<bool>(),
        prop_oneof![9 => Just(false), 1 => Just(true)],
    );
    (parts, prop::collection::vec(event, 0..12)).prop_map(
        |((target, at_ms, answer, restart), events)| {
            let projects = [None, Some("one"), Some("two")];
            let project = |n: usize| projects[n].map(|text| Project::new(text).unwrap());
            let mut commit = Commit::new(TargetId([target; 16]), at_ms.into());
            for (n, seq, outcome) in events {
                commit.settle(project(n).as_ref(), Seq(seq), key(seq), outcome);
                commit.time(project(n).as_ref(), Seq(seq), 3, at_ms.into());
            }
            if restart {
                commit.restart(project(1).as_ref());
            }
            if answer {
                commit.answer(Answer::Unanswered(Trouble::new("unreachable", "x", None)));
            }
            commit
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn writing_what_changed_is_writing_everything(commits in prop::collection::vec(commit(), 1..10)) {
        let mut ledger = Ledger::default();
        let mut steps = Vec::new();
        for commit in &commits {
            let changes = ledger.apply_noting(commit).unwrap();
            steps.push(changed(&ledger, commit.target(), &changes).unwrap());
        }
        let stepwise = after(move |trees| {
            steps.iter().try_for_each(|entries| update(trees, entries))
        });
        prop_assert_eq!(&stepwise, &(ledger.clone(), vec![]));
        let entries = all(&ledger).unwrap();
        let at_once = after(move |trees| {
            trees.delivery.insert(b"xleft over", b"from another ledger")?;
            replace(trees, &entries)
        });
        prop_assert_eq!(at_once, (ledger, vec![]));
    }
}

proptest! {
    #[test]
    fn a_key_says_one_thing(target: [u8; 16], text in "[a-zé]{0,30}", seq: u64) {
        let target = TargetId(target);
        let project = Project::new(&text).ok();
        let keys = [
            Key::Revision,
            Key::Contact(target),
            Key::Stream(target, project.clone()),
            Key::Exception(target, project, Seq(seq)),
        ];
        for key in keys {
            prop_assert_eq!(Key::decode(&key.encode()), Some(key));
        }
    }

    #[test]
    fn arbitrary_keys_are_one_key_or_none(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Some(key) = Key::decode(&bytes) {
            prop_assert_eq!(key.encode(), bytes);
        }
    }
}

/// A store of the version before loses nothing, and nothing was timed by then.
#[test]
fn a_contact_of_version_one_is_read_and_has_no_latencies_yet() {
    let mut ledger = sample();
    let mut commit = Commit::new(TARGET, 9);
    commit.settle(None, Seq(3), key(3), Outcome::Delivered);
    commit.time(None, Seq(3), 2, 9);
    commit.answer(Answer::Answered {
        retry_not_before_ms: Some(12),
        trouble: None,
    });
    ledger.apply(&commit).unwrap();
    let mut entries: Vec<_> = all(&ledger)
        .unwrap()
        .into_iter()
        .map(|(key, value)| (key, value.unwrap()))
        .collect();
    assert_eq!(load(&entries), (ledger.clone(), vec![]));
    let contact = Key::Contact(TARGET).encode();
    let kept = entries.iter_mut().find(|(key, _)| *key == contact);
    // Version, last contact at 9, not before 12, no error.
    kept.unwrap().1 = vec![1, 1, 9, 1, 12, 0];
    let (found, dropped) = load(&entries);
    let contact = &mut ledger.targets.get_mut(&TARGET).unwrap().contact;
    (contact.latencies, contact.timed_since_ms) = (Latencies::default(), None);
    assert_eq!((found, dropped), (ledger, vec![]));
}

/// A ledger with a confirmed event at 1 and a parked one at 2, in two streams.
fn sample() -> Ledger {
    let mut ledger = Ledger::default();
    let mut commit = Commit::new(TARGET, 1);
    for project in [None, Some(Project::new("p").unwrap())] {
        commit.settle(project.as_ref(), Seq(1), key(1), Outcome::Delivered);
        commit.settle(project.as_ref(), Seq(2), key(2), refused());
    }
    ledger.apply(&commit).unwrap();
    ledger
}

/// What becomes of the sample when `key` holds garbage.
fn spoiled(key: Vec<u8>) -> Loaded {
    let entries = all(&sample()).unwrap();
    after(move |trees| {
        update(trees, &entries)?;
        trees.delivery.insert(key.as_slice(), b"garbage")?;
        Ok(())
    })
}

#[test]
fn a_lost_exception_makes_its_stream_start_over_and_no_other() {
    let (ledger, dropped) = spoiled(Key::Exception(TARGET, None, Seq(2)).encode());
    assert_eq!(dropped.len(), 1);
    let state = |project, seq| ledger.state_of(TARGET, project, Seq(seq));
    assert_eq!(state(None, 2), DeliveryState::Pending, "never delivered");
    assert_eq!(state(None, 1), DeliveryState::Pending);
    let project = Project::new("p").unwrap();
    assert_eq!(state(Some(&project), 1), DeliveryState::Delivered);
    assert_eq!(state(Some(&project), 2), DeliveryState::Parked);
}

#[test]
fn an_entry_of_unknown_meaning_makes_every_stream_start_over() {
    let (ledger, dropped) = spoiled(b"?unknown".to_vec());
    assert_eq!(dropped, ["3f756e6b6e6f776e"]);
    assert!(ledger.streams().all(|stream| stream.cursor().is_none()));
    assert_eq!(ledger.count_exceptions(), 2, "parked events stay visible");
}

#[test]
fn a_lost_stream_or_contact_costs_only_itself() {
    let (ledger, dropped) = spoiled(Key::Stream(TARGET, None).encode());
    assert_eq!(dropped.len(), 1);
    let contact = &ledger.target(TARGET).unwrap().contact;
    assert_eq!(
        contact.timed_since_ms, None,
        "what is sent again is not timed"
    );
    assert_eq!(
        ledger.state_of(TARGET, None, Seq(1)),
        DeliveryState::Pending
    );
    assert_eq!(ledger.state_of(TARGET, None, Seq(2)), DeliveryState::Parked);
    let (ledger, dropped) = spoiled(Key::Contact(TARGET).encode());
    let mut expected = sample();
    let contact = &mut expected.targets.get_mut(&TARGET).unwrap().contact;
    assert!(contact.timed_since_ms.take().is_some());
    assert_eq!((ledger, dropped.len()), (expected, 1));
}
