//! What is noticed while the whole log goes by: events that nobody can
//! understand, and the times on both sides of every hole in the numbers.

use crate::cli::failure::Failure;
use crate::cli::log::entry::{Entry, Unreadable};
use crate::cli::log::full::file_name;
use crate::cli::log::members::Members;
use crate::cli::time::Zone;
use crate::event::BodyError;
use crate::log::frame::OVERHEAD_BYTES;
use crate::log::read::Item;
use crate::log::scan::SeqRange;
use crate::log::segment::LogDir;
use crate::position::{Offset, Ordinal, Seq};

/// This many are remembered one by one.
const MOST: usize = 1024;

/// Remembers what it saw.
#[derive(Debug, Default)]
pub(super) struct Witness {
    before: Option<(Seq, Option<i64>)>,
    holes: Vec<Hole>,
    strangers: Vec<Stranger>,
    strange: u64,
    newer: Option<(Ordinal, Offset, String)>,
}

/// A hole: the last number before it and the times on both sides.
#[derive(Debug)]
struct Hole {
    after: Seq,
    from_us: Option<i64>,
    to_us: Option<i64>,
}

/// A whole frame that holds no event although it says so.
#[derive(Debug)]
pub(super) struct Stranger {
    pub(super) ordinal: Ordinal,
    pub(super) offset: Offset,
    pub(super) bytes: u64,
    pub(super) seq: Seq,
    /// What is wrong, for people.
    pub(super) why: String,
}

impl Witness {
    /// Looks at one frame; frames come in order.
    pub(super) fn see(&mut self, item: &Item<'_>) {
        let at_us = match Entry::read(item) {
            None => None,
            Some(Ok(entry)) => {
                if let Err(error) = Members::read(entry.json) {
                    self.wonder_at(item, error.to_string());
                }
                entry.recorded_at_us()
            }
            Some(Err(error)) => {
                if matches!(error, Unreadable::Body(BodyError::UnknownLayout { .. })) {
                    let newer = (item.ordinal, item.offset, error.to_string());
                    self.newer.get_or_insert(newer);
                } else {
                    self.wonder_at(item, error.to_string());
                }
                None
            }
        };
        let (last, last_us) = self.before.unwrap_or((item.seq.previous(), None));
        if item.seq != last.next() && self.holes.len() < MOST {
            self.holes.push(Hole {
                after: last,
                from_us: last_us,
                to_us: at_us,
            });
        }
        self.before = Some((item.seq, at_us.or(last_us)));
    }

    fn wonder_at(&mut self, item: &Item<'_>, why: String) {
        self.strange += 1;
        if self.strangers.len() < MOST {
            let bytes = item.body.len().saturating_add(OVERHEAD_BYTES);
            self.strangers.push(Stranger {
                ordinal: item.ordinal,
                offset: item.offset,
                bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
                seq: item.seq,
                why,
            });
        }
    }

    /// How many events nobody can understand.
    pub(super) const fn strange(&self) -> u64 {
        self.strange
    }

    /// The first of them.
    pub(super) fn strangers(&self) -> &[Stranger] {
        &self.strangers
    }

    /// Events that a newer version wrote are no damage, and not for us to judge.
    pub(super) fn newer(&self, dir: &LogDir) -> Option<Failure> {
        let (ordinal, offset, why) = self.newer.as_ref()?;
        let place = file_name(dir, *ordinal);
        Some(Failure::newer(format!("{place}, byte {offset}: {why}")))
    }

    /// `between 2026-02-02 16:20:11 and …`, as far as it is known.
    pub(super) fn around(&self, lost: SeqRange, zone: &Zone) -> Option<String> {
        let mut holes = self.holes.iter();
        let hole = holes.find(|hole| hole.after.next() == lost.from);
        let shown = |at_us: Option<i64>| at_us.map(|at_us| zone.second(at_us));
        let at_end = self.before.filter(|(last, _)| last.next() == lost.from);
        let (from, to) = match (hole, at_end) {
            (Some(hole), _) => (shown(hole.from_us), shown(hole.to_us)),
            (None, Some((_, last_us))) => (shown(last_us), None),
            (None, None) => (None, None),
        };
        match (from, to) {
            (Some(from), Some(to)) => Some(format!("between {from} and {to}")),
            (Some(from), None) => Some(format!("after {from}")),
            (None, Some(to)) => Some(format!("before {to}")),
            (None, None) => None,
        }
    }
}
