//! One chunk on its way: what is asked next, and when an event is blamed. Pure.
//!
//! A chunk starts as one request. An answer settles events, or splits the
//! request in two (left half first, so that a creation precedes what follows
//! it), or settles nothing. Parts are never joined again, so a chunk of `n`
//! events ends after at most `2n` answers that do anything.
//!
//! An event that is refused all alone, with no reason given, is to blame only
//! when the server takes other events: a server that refuses everything is a
//! broken server, and must not make us park a whole log.

use crate::state::Trouble;
use crate::sync::chunk::{Chunk, ChunkLimits};
use crate::sync::outcome::{Again, EventAnswer, Verdict};

/// After this many events refused alone while none was taken, the server is
/// not believed any more.
const MAX_LONE_REFUSALS: u32 = 3;
/// So many events of a pass may stay without an answer, while the server
/// answers about others; beyond that it is the server that does not answer.
const MAX_PASSED_OVER: usize = 2_000;

/// Whether the server takes anything at all, over one pass.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Credit {
    pub(super) accepted: bool,
    lone_refusals: u32,
    passed_over: usize,
}

/// What the sender has to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Send what comes next; events were settled.
    Progress,
    /// Send what comes next; the request was cut in two, or its events, about
    /// which nothing was said twice, are left for another pass.
    Split,
    /// Get a new access token, then send the same.
    Refresh(Trouble),
    /// Send the same after this wait.
    Wait(std::time::Duration, Trouble),
    /// Nothing was learned; the same may be tried a little later.
    Again(Trouble),
    /// Nothing more can be done in this pass.
    Stop(Trouble),
}

/// The events of a chunk, with what is known of each.
#[derive(Debug)]
pub(super) struct Work<'a> {
    chunk: &'a Chunk,
    answers: Vec<Option<EventAnswer>>,
    /// The events refused alone without a reason; judged at the end.
    lone: Vec<usize>,
    /// What is to be sent, the next last.
    todo: Vec<Vec<usize>>,
    size: Sizes,
}

/// What the splits of this chunk teach about the server's limits.
#[derive(Debug, Default)]
struct Sizes {
    too_large: bool,
    unexplained: bool,
    advertised: Option<ChunkLimits>,
    largest_taken: (usize, usize),
}

impl<'a> Work<'a> {
    pub(super) fn new(chunk: &'a Chunk) -> Self {
        let all: Vec<usize> = (0..chunk.parcels().len()).collect();
        Self {
            chunk,
            answers: vec![None; all.len()],
            lone: Vec::new(),
            todo: if all.is_empty() {
                Vec::new()
            } else {
                vec![all]
            },
            size: Sizes::default(),
        }
    }

    /// The events of the next request; `None` when all are settled.
    pub(super) fn next(&self) -> Option<&[usize]> {
        self.todo.last().map(Vec::as_slice)
    }

    /// Takes in the answer to the request that [`Work::next`] named, whose body
    /// had `body_bytes` bytes.
    pub(super) fn take(
        &mut self,
        verdict: Verdict,
        body_bytes: usize,
        credit: &mut Credit,
    ) -> After {
        match verdict {
            Verdict::Answers(answers) => self.settle(answers, body_bytes, credit),
            Verdict::TooLarge { limits, trouble } => {
                self.size.too_large = true;
                self.size.advertised = limits.or(self.size.advertised);
                self.split(trouble, "event-too-large", credit)
            }
            Verdict::Unexplained(trouble) => {
                self.size.unexplained = true;
                self.split(trouble, "rejected", credit)
            }
            Verdict::Unauthorized(trouble) => After::Refresh(trouble),
            Verdict::Wait { wait, trouble } => After::Wait(wait, trouble),
            Verdict::Transient(trouble) => After::Again(trouble),
            Verdict::Halt(trouble) => After::Stop(trouble),
        }
    }

    fn settle(
        &mut self,
        answers: Vec<Option<EventAnswer>>,
        body_bytes: usize,
        credit: &mut Credit,
    ) -> After {
        let batch = self.todo.pop().unwrap_or_default();
        let sent = batch.len();
        let mut open = Vec::new();
        for (index, answer) in batch.into_iter().zip(answers) {
            let taken = matches!(
                answer,
                Some(EventAnswer::Delivered | EventAnswer::Duplicate)
            );
            credit.accepted |= taken;
            match (answer, self.answers.get_mut(index)) {
                (Some(answer), Some(slot)) => *slot = Some(answer),
                _ => open.push(index),
            }
        }
        let nothing = open.len() == sent;
        if nothing {
            return self.leave_open(open, credit);
        }
        if !open.is_empty() {
            self.todo.push(open);
        }
        let (events, bytes) = &mut self.size.largest_taken;
        (*events, *bytes) = ((*events).max(sent), (*bytes).max(body_bytes));
        After::Progress
    }

    /// Nothing was said about these events. Where the server speaks of others,
    /// they are passed over, so that they hold up nobody.
    fn leave_open(&mut self, open: Vec<usize>, credit: &mut Credit) -> After {
        let passed_over = credit.passed_over.saturating_add(open.len());
        if !credit.accepted || passed_over > MAX_PASSED_OVER {
            self.todo.push(open);
            return After::Again(unconfirmed("the events"));
        }
        credit.passed_over = passed_over;
        for index in open {
            if let Some(slot) = self.answers.get_mut(index) {
                *slot = Some(EventAnswer::Unanswered(unconfirmed("it")));
            }
        }
        After::Split
    }

    fn split(&mut self, trouble: Trouble, category: &str, credit: &mut Credit) -> After {
        let mut left = self.todo.pop().unwrap_or_default();
        if left.len() > 1 {
            let right = left.split_off(left.len().div_ceil(2));
            self.todo.push(right);
            self.todo.push(left);
            return After::Split;
        }
        credit.lone_refusals = credit.lone_refusals.saturating_add(1);
        if !credit.accepted && credit.lone_refusals > MAX_LONE_REFUSALS {
            self.todo.push(left);
            return After::Stop(trouble);
        }
        for index in left {
            if let Some(slot) = self.answers.get_mut(index) {
                let trouble = Trouble::new(category, trouble.message(), trouble.http_status());
                *slot = Some(EventAnswer::Refused {
                    again: Again::Perhaps,
                    trouble,
                });
                self.lone.push(index);
            }
        }
        After::Progress
    }

    /// What is known of each event. Those refused alone are parked when the
    /// server has taken others.
    pub(super) fn answers(&self, credit: &Credit) -> Vec<Option<EventAnswer>> {
        let mut answers = self.answers.clone();
        for index in self.lone.iter().filter(|_| credit.accepted) {
            if let Some(Some(EventAnswer::Refused { again, .. })) = answers.get_mut(*index) {
                *again = Again::Never;
            }
        }
        answers
    }

    /// What later chunks should keep to, so that they need not be split again.
    pub(super) fn learned(&self) -> Option<ChunkLimits> {
        let Sizes {
            too_large,
            unexplained,
            advertised,
            largest_taken: (events, bytes),
        } = self.size;
        if let Some(limits) = advertised {
            return Some(limits);
        }
        // With an event to blame, the splits say nothing about sizes.
        if !self.lone.is_empty() || events == 0 || !(too_large || unexplained) {
            return None;
        }
        Some(ChunkLimits {
            events: if unexplained { events } else { usize::MAX },
            bytes: if too_large { bytes } else { usize::MAX },
        })
    }

    /// The chunk itself.
    pub(super) fn chunk(&self) -> &Chunk {
        self.chunk
    }
}

fn unconfirmed(what: &str) -> Trouble {
    let words = format!("the server has not said what became of {what}");
    Trouble::new("unconfirmed", &words, Some(200))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Seq;
    use crate::state::EventKey;
    use crate::sync::chunk::Fit;

    fn chunk(count: u64) -> Chunk {
        let mut chunk = Chunk::default();
        let limits = ChunkLimits {
            events: 1000,
            bytes: 1 << 20,
        };
        for n in 0..count {
            let id = EventKey::new(&format!("id-{n}")).unwrap();
            assert_eq!(chunk.offer((Seq(n), &id), b"{}", None, limits), Fit::Taken);
        }
        chunk
    }

    fn trouble() -> Trouble {
        Trouble::new("rejected", "no", Some(400))
    }

    /// A server that refuses any request with one of `poisoned` in it and says
    /// nothing more.
    fn run(count: u64, poisoned: &[usize]) -> (Vec<Option<EventAnswer>>, Vec<usize>, bool) {
        let chunk = chunk(count);
        let mut work = Work::new(&chunk);
        let mut credit = Credit::default();
        let mut taken = Vec::new();
        let mut requests = 0;
        while let Some(batch) = work.next() {
            requests += 1;
            assert!(requests <= 2 * count, "it must end");
            let batch = batch.to_vec();
            let verdict = if batch.iter().any(|index| poisoned.contains(index)) {
                Verdict::Unexplained(trouble())
            } else {
                taken.extend(&batch);
                Verdict::Answers(vec![Some(EventAnswer::Delivered); batch.len()])
            };
            if matches!(work.take(verdict, 100, &mut credit), After::Stop(_)) {
                return (work.answers(&credit), taken, true);
            }
        }
        (work.answers(&credit), taken, false)
    }

    #[test]
    fn the_poisoned_event_is_parked_and_its_neighbours_arrive_in_order() {
        let (answers, taken, stopped) = run(100, &[0, 41, 99]);
        assert!(!stopped);
        for (index, answer) in answers.iter().enumerate() {
            match answer {
                Some(EventAnswer::Delivered) => assert!(![0, 41, 99].contains(&index)),
                Some(EventAnswer::Refused {
                    again: Again::Never,
                    ..
                }) => {
                    assert!([0, 41, 99].contains(&index));
                }
                other => panic!("{index}: {other:?}"),
            }
        }
        assert!(taken.is_sorted());
    }

    #[test]
    fn a_server_that_refuses_everything_parks_nothing() {
        let all: Vec<usize> = (0..1000).collect();
        let (answers, taken, stopped) = run(1000, &all);
        assert!(stopped && taken.is_empty());
        let refused = answers.iter().flatten().count();
        assert_eq!(
            refused, 3,
            "the refused three count an attempt, the rest nothing"
        );
        let parked = |a: &&Option<EventAnswer>| {
            matches!(
                a,
                Some(EventAnswer::Refused {
                    again: Again::Never,
                    ..
                })
            )
        };
        assert_eq!(answers.iter().filter(parked).count(), 0);
    }

    #[test]
    fn a_limit_below_ours_is_learned_from_the_splits() {
        let chunk = chunk(100);
        let mut work = Work::new(&chunk);
        let mut credit = Credit::default();
        while let Some(batch) = work.next() {
            let size = batch.len();
            let verdict = if size > 30 {
                Verdict::TooLarge {
                    limits: None,
                    trouble: trouble(),
                }
            } else {
                Verdict::Answers(vec![Some(EventAnswer::Duplicate); size])
            };
            work.take(verdict, size * 10, &mut credit);
        }
        assert_eq!(
            work.learned(),
            Some(ChunkLimits {
                events: usize::MAX,
                bytes: 250
            })
        );
        assert!(work.answers(&credit).iter().all(Option::is_some));
    }

    #[test]
    fn what_was_not_answered_is_sent_again_and_nothing_else() {
        let chunk = chunk(4);
        let mut work = Work::new(&chunk);
        let mut credit = Credit::default();
        let some = vec![
            None,
            Some(EventAnswer::Delivered),
            None,
            Some(EventAnswer::Delivered),
        ];
        assert_eq!(
            work.take(Verdict::Answers(some), 9, &mut credit),
            After::Progress
        );
        assert_eq!(work.next(), Some([0, 2].as_slice()));
        let none = Verdict::Answers(vec![None, None]);
        assert_eq!(work.take(none, 9, &mut credit), After::Split);
        assert_eq!(work.next(), None);
        let answers = work.answers(&credit);
        assert!(matches!(answers[2], Some(EventAnswer::Unanswered(_))));
    }

    #[test]
    fn a_server_that_answers_about_nothing_is_asked_again_and_passes_over_nothing() {
        for (accepted, passed_over) in [(false, 0), (true, MAX_PASSED_OVER)] {
            let chunk = chunk(4);
            let mut work = Work::new(&chunk);
            let mut credit = Credit {
                accepted,
                passed_over,
                ..Credit::default()
            };
            let none = Verdict::Answers(vec![None; 4]);
            assert!(matches!(work.take(none, 9, &mut credit), After::Again(_)));
            assert_eq!(work.next(), Some([0, 1, 2, 3].as_slice()));
        }
    }
}
