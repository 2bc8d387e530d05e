//! What led to an event, and what followed from it, as the log tells.
//!
//! An event may name one other as its cause, or an id that names no event and
//! ties together what was recorded for one reason. Both come from outside as
//! well: a chain may be long, broken, or lead back into itself. So it is
//! followed for a bounded number of steps, no event is visited twice, and where
//! it ends is said. A cause is looked for before its effect first, where it
//! nearly always is, and behind it only when it is not there.

use std::collections::BTreeMap;

use crate::cli::failure::Failure;
use crate::log::read::{Item, ReadError, Step};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::position::Seq;

use crate::cli::log::entry::Entry;
use crate::cli::log::newest::NewestFirst;
use crate::cli::log::summary::Summary;

/// The most causes that are followed.
const MOST_CAUSES: usize = 32;
/// The most effects, and events that share a reason, that are named.
const MOST_NAMED: usize = 64;
/// The most effects whose own effects are looked for.
const MOST_FOLLOWED: usize = 4096;

/// One event in a chain, in a few words. The texts are escaped.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) seq: Seq,
    /// As recorded: not escaped.
    pub(super) event_id: String,
    pub(super) event_type: String,
    pub(super) aggregate_id: String,
    pub(super) lamport: u64,
    pub(super) timestamp_us: i64,
    pub(super) causation_id: Option<String>,
    pub(super) summary: Summary,
    /// How many steps from the event that was asked about; at least 1.
    pub(super) distance: usize,
}

/// Where the chain of causes ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At an event that names no cause.
    First,
    /// No event here has this id.
    Missing(String),
    /// It leads back to this event.
    Circle(String),
    /// Here nobody looked any further.
    Long,
}

/// What is known around one event.
#[derive(Debug)]
pub(super) struct Chain {
    /// The nearest first.
    pub(super) causes: Vec<Link>,
    pub(super) end: End,
    /// In the order of the log.
    pub(super) effects: Named,
    /// Others that name the same reason, where that is no event.
    pub(super) together: Named,
    /// Part of the log cannot be read.
    pub(super) gaps: bool,
}

/// Some events, and how many more there are.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) links: Vec<Link>,
    pub(super) more: u64,
}

impl Named {
    fn push(&mut self, link: impl FnOnce() -> Link) {
        if self.links.len() < MOST_NAMED {
            self.links.push(link());
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}

impl Link {
    pub(super) fn of(entry: &Entry<'_>, distance: usize) -> Self {
        let header = &entry.header;
        Self {
            seq: entry.seq,
            event_id: header.event_id.to_owned(),
            event_type: header.event_type.to_owned(),
            aggregate_id: header.aggregate_id.to_owned(),
            lamport: header.lamport,
            timestamp_us: header.timestamp_us,
            causation_id: header.causation_id.map(str::to_owned),
            summary: Summary::of(entry),
            distance,
        }
    }
}

impl Chain {
    /// Follows the chain through `entry`.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(super) fn around(dir: &LogDir, entry: &Entry<'_>) -> Result<Self, Failure> {
        let mut chain = Self {
            causes: Vec::new(),
            end: End::First,
            effects: Named::default(),
            together: Named::default(),
            gaps: false,
        };
        chain.look_up(dir, entry)?;
        chain.look_down(dir, entry)?;
        Ok(chain)
    }

    fn look_up(&mut self, dir: &LogDir, entry: &Entry<'_>) -> Result<(), Failure> {
        let mut below = entry.seq;
        let mut wanted = entry.header.causation_id.map(str::to_owned);
        while let Some(id) = wanted {
            let seen = |link: &Link| link.event_id == id;
            if id == entry.header.event_id || self.causes.iter().any(seen) {
                self.end = End::Circle(id);
                return Ok(());
            }
            if self.causes.len() >= MOST_CAUSES {
                self.end = End::Long;
                return Ok(());
            }
            let distance = self.causes.len() + 1;
            let before = self.before(dir, &id, below, distance)?;
            let found = match before {
                Some(link) => Some(link),
                None => self.behind(dir, &id, below, distance)?,
            };
            let Some(link) = found else {
                self.end = End::Missing(id);
                return Ok(());
            };
            (below, wanted) = (link.seq, link.causation_id.clone());
            self.causes.push(link);
        }
        Ok(())
    }

    /// The event with this id before `below`.
    fn before(
        &mut self,
        dir: &LogDir,
        id: &str,
        below: Seq,
        distance: usize,
    ) -> Result<Option<Link>, ReadError> {
        let mut frames = NewestFirst::near(dir, below)?;
        while let Some((item, missing)) = frames.step()? {
            self.gaps |= missing.is_some();
            if item.seq >= below {
                continue;
            }
            if let Some(link) = named(&item, id, distance) {
                return Ok(Some(link));
            }
        }
        Ok(None)
    }

    /// The event with this id behind `above`: an import may bring a cause later
    /// than its effect.
    fn behind(
        &mut self,
        dir: &LogDir,
        id: &str,
        above: Seq,
        distance: usize,
    ) -> Result<Option<Link>, ReadError> {
        let mut reader = Reader::new(dir.clone(), above.next());
        loop {
            match reader.step()? {
                Step::Idle => return Ok(None),
                Step::Damage(_) => self.gaps = true,
                Step::Frame(item) => {
                    if let Some(link) = named(&item, id, distance) {
                        return Ok(Some(link));
                    }
                }
            }
        }
    }

    /// Effects come behind their cause, and the others of one reason anywhere.
    fn look_down(&mut self, dir: &LogDir, entry: &Entry<'_>) -> Result<(), Failure> {
        let reason = match (&self.end, self.causes.is_empty()) {
            (End::Missing(id), true) => Some(id.clone()),
            _ => None,
        };
        let from = reason.as_ref().map_or(entry.seq.next(), |_| Seq(1));
        let mut distances = BTreeMap::from([(entry.header.event_id.to_owned(), 0_usize)]);
        let mut reader = Reader::new(dir.clone(), from);
        loop {
            let item = match reader.step()? {
                Step::Idle => return Ok(()),
                Step::Damage(_) => {
                    self.gaps = true;
                    continue;
                }
                Step::Frame(item) if item.seq != entry.seq => item,
                Step::Frame(_) => continue,
            };
            let Some(Ok(found)) = Entry::read(&item) else {
                continue;
            };
            let Some(cause) = found.header.causation_id else {
                continue;
            };
            if reason.as_deref() == Some(cause) {
                self.together.push(|| Link::of(&found, 1));
            }
            let Some(distance) = distances.get(cause).map(|distance| distance + 1) else {
                continue;
            };
            let id = found.header.event_id;
            if item.seq > entry.seq && !distances.contains_key(id) {
                if distances.len() < MOST_FOLLOWED {
                    distances.insert(id.to_owned(), distance);
                }
                self.effects.push(|| Link::of(&found, distance));
            }
        }
    }
}

fn named(item: &Item<'_>, id: &str, distance: usize) -> Option<Link> {
    let entry = Entry::read(item)?.ok()?;
    (entry.header.event_id == id).then(|| Link::of(&entry, distance))
}
