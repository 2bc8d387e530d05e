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
use crate::position::{Lamport, Offset, Ordinal, Seq};
use crate::target::TargetId;

/// This many are remembered one by one.
const MOST: usize = 1024;

/// Remembers what it saw.
#[derive(Debug, Default)]
pub(super) struct Witness {
    before: Option<Side>,
    holes: Vec<Hole>,
    strangers: Vec<Stranger>,
    strange: u64,
    newer: Option<(Ordinal, Offset, String)>,
    /// Events whose owner another record may name.
    unowned: u64,
}

/// A record next to a hole.
#[derive(Clone, Copy, Debug)]
struct Side {
    seq: Seq,
    clock: Lamport,
    /// When the event nearest to the hole was recorded.
    at_us: Option<i64>,
}

/// A hole, and what lies on both sides.
#[derive(Debug)]
struct Hole {
    before: Option<Side>,
    behind: Side,
}

/// What is known of lost records by what lies on both sides of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    /// The clock before the first and after the last of them.
    pub(super) clock: (Option<Lamport>, Option<Lamport>),
    /// When the events before and behind them were recorded.
    pub(super) at_us: (Option<i64>, Option<i64>),
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
                let has_team = entry.header.team.is_some_and(|team| team != "no-team");
                let is_owned = has_team && entry.header.target != TargetId::SIGNED_OUT;
                self.unowned += u64::from(!is_owned);
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
        let behind = Side {
            seq: item.seq,
            clock: item.clock,
            at_us,
        };
        let before = self.before;
        let last = before.map_or(Seq(0), |before| before.seq);
        if item.seq != last.next() && self.holes.len() < MOST {
            self.holes.push(Hole { before, behind });
        }
        self.before = Some(Side {
            at_us: at_us.or(before.and_then(|before| before.at_us)),
            ..behind
        });
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

    /// Whether every event says itself whose it is, and can be understood: what
    /// is lost may have been a record that says it of others.
    pub(super) fn knows_all_owners(&self) -> bool {
        self.unowned == 0 && self.strange == 0
    }

    /// What lies on both sides of lost records.
    pub(super) fn around(&self, lost: SeqRange) -> Around {
        let holds = |hole: &&Hole| {
            let from = hole.before.map_or(Seq(0), |before| before.seq);
            from < lost.from && lost.to < hole.behind.seq
        };
        let (before, behind) = match self.holes.iter().find(holds) {
            Some(hole) => (hole.before, Some(hole.behind)),
            None => (self.before.filter(|last| last.seq < lost.from), None),
        };
        let at_us = |side: Option<Side>| side.and_then(|side| side.at_us);
        Around {
            clock: (before.map(|side| side.clock), behind.map(|side| side.clock)),
            at_us: (at_us(before), at_us(behind)),
        }
    }
}

impl Around {
    /// `between 2026-02-02 16:20:11 and …`, as far as it is known.
    pub(super) fn times(&self, zone: &Zone) -> Option<String> {
        let shown = |at_us: Option<i64>| at_us.map(|at_us| zone.second(at_us));
        match (shown(self.at_us.0), shown(self.at_us.1)) {
            (Some(from), Some(to)) if from == to => Some(format!("at {from}")),
            (Some(from), Some(to)) => Some(format!("between {from} and {to}")),
            (Some(from), None) => Some(format!("after {from}")),
            (None, Some(to)) => Some(format!("before {to}")),
            (None, None) => None,
        }
    }

    /// `Lamport 318` where nothing else fits so many events, else the bounds.
    pub(super) fn clocks(&self, lost: SeqRange) -> Option<String> {
        match self.clock {
            (Some(from), Some(to)) if to.0.saturating_sub(from.0) == lost.count() + 1 => {
                let (first, last) = (from.next(), to.previous());
                Some(if first == last {
                    format!("Lamport {first}")
                } else {
                    format!("Lamport {first} to {last}")
                })
            }
            (Some(from), Some(to)) => Some(format!("Lamport {from} to {to}")),
            (Some(from), None) => Some(format!("Lamport {} or later", from.next())),
            (None, Some(to)) => Some(format!("Lamport {to} or earlier")),
            (None, None) => None,
        }
    }
}
