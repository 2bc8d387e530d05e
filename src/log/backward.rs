//! Reading backward from the end: what `log tail -n` asks for.
//!
//! Trailing lengths lead from frame to frame towards the start, so the newest
//! few cost the same however long the log is. Where a step back does not land
//! on a good frame, the segment is scanned forward instead, which finds every
//! good frame behind damage too.

use std::io;

use crate::log::header::{HeaderRead, Predecessor};
use crate::log::read::{Item, ReadError};
use crate::log::segment::{Access, LogDir, Look, Naming};
use crate::position::{Offset, Ordinal, Seq};

mod place;

use place::{Found, Place};

/// Reads frames from the newest to the oldest.
#[derive(Debug)]
pub struct Backward {
    dir: LogDir,
    /// Segments that were not entered yet, oldest first.
    ordinals: Vec<Ordinal>,
    /// Whether those are all there are.
    older: Older,
    /// All segments from here on are dealt with.
    below: Ordinal,
    place: Option<Place>,
    /// What the segment entered last said of the one before it.
    predecessor: Option<Predecessor>,
    buffer: Vec<u8>,
    /// Whether reading forward would report nothing of what was met so far.
    untroubled: bool,
}

/// The segments before those that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Older {
    Listed,
    /// Most readers never come to them.
    Unlisted,
}

impl Backward {
    /// A reader that begins behind the newest frame.
    ///
    /// # Errors
    /// [`ReadError`] when the directory cannot be listed.
    pub fn new(dir: LogDir) -> Result<Self, ReadError> {
        let (ordinals, older) = match dir.newest_seen() {
            Some(newest) => (vec![newest], Older::Unlisted),
            None => (dir.list_seen()?, Older::Listed),
        };
        Ok(Self {
            dir,
            ordinals,
            older,
            below: Ordinal(u64::MAX),
            place: None,
            predecessor: None,
            buffer: Vec::new(),
            untroubled: true,
        })
    }

    /// Whether there was nothing on the way so far, beside missing numbers, that
    /// reading forward would report.
    #[must_use]
    pub fn is_untroubled(&self) -> bool {
        self.untroubled
    }

    /// A reader that begins in the segment which the frame before `seq` lies in,
    /// or behind it where that cannot be told: frames from `seq` on may come first.
    ///
    /// # Errors
    /// As for [`Backward::new`].
    pub fn near(dir: LogDir, seq: Seq) -> Result<Self, ReadError> {
        let mut reader = Self::new(dir)?;
        while let Some(last) = reader.next_ordinal()? {
            match reader.dir.header(last) {
                Ok(Some(header)) if header.first_seq >= seq => {
                    reader.predecessor = Some(header.predecessor);
                    reader.done_with(last);
                }
                _ => break,
            }
        }
        Ok(reader)
    }

    /// The frame before, or `None` at the start of the log. Damage is passed
    /// over: reading forward is what reports it.
    ///
    /// # Errors
    /// [`ReadError`]; a segment that vanished because it was pruned is none.
    pub fn step(&mut self) -> Result<Option<Item<'_>>, ReadError> {
        let (ordinal, found) = loop {
            let Some(place) = &mut self.place else {
                if !self.enter()? {
                    return Ok(None);
                }
                continue;
            };
            let failed = ReadError::io("read", self.dir.segment_path(place.ordinal));
            let found = place.back(&mut self.buffer).map_err(failed)?;
            if place.scanned.is_some() {
                self.untroubled = false;
            }
            match found {
                Some(found) => break (place.ordinal, found),
                None => self.place = None,
            }
        };
        let Found {
            kind,
            seq,
            clock,
            offset,
            body,
        } = found;
        let body = self.buffer.get(body).unwrap_or_default();
        Ok(Some(Item {
            seq,
            clock,
            kind,
            ordinal,
            offset: Offset(offset),
            body,
        }))
    }

    /// Goes to the end of the newest segment that was not read yet. A segment
    /// counts as read only when it was opened: after an error it comes again.
    fn enter(&mut self) -> Result<bool, ReadError> {
        loop {
            let next = self.next_ordinal()?;
            self.find_missing(next)?;
            let Some(ordinal) = self.ordinals.last().copied() else {
                return Ok(false);
            };
            let path = self.dir.segment_path(ordinal);
            let opened = match self.dir.open(ordinal, Access::Read) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.done_with(ordinal);
                    continue;
                }
                other => other.map_err(ReadError::io("open", path.clone()))?,
            };
            if opened.naming != Naming::Right || !opened.read.is_whole() {
                self.untroubled = false;
            }
            let recorded = self
                .predecessor
                .filter(|recorded| recorded.ordinal == ordinal);
            let place = match &opened.read {
                HeaderRead::Newer { version } => {
                    return Err(ReadError::Newer {
                        path,
                        version: *version,
                    });
                }
                HeaderRead::Sound { header, .. } if opened.naming != Naming::Wrong => {
                    let header = header.clone();
                    let recorded = recorded.filter(|recorded| recorded.id == header.segment_id);
                    let place = Place::at_end(&header, opened, recorded)
                        .map_err(ReadError::io("read", path))?;
                    self.predecessor = Some(header.predecessor);
                    place
                }
                HeaderRead::Sound { .. } => {
                    self.below = ordinal;
                    self.look_again()?;
                    continue;
                }
                HeaderRead::Unreadable => {
                    match recorded.filter(|recorded| recorded.id != [0; 16]) {
                        Some(recorded) => Place::headless(ordinal, opened, recorded),
                        None => {
                            self.done_with(ordinal);
                            continue;
                        }
                    }
                }
            };
            self.done_with(ordinal);
            self.place = Some(place);
            self.buffer.clear();
            return Ok(true);
        }
    }

    /// The newest segment that is left.
    fn next_ordinal(&mut self) -> Result<Option<Ordinal>, ReadError> {
        if self.ordinals.is_empty() && self.older == Older::Unlisted {
            self.ordinals = self.dir.list_seen()?;
            self.only_those_below();
        }
        Ok(self.ordinals.last().copied())
    }

    /// The newest segment that is left is dealt with.
    fn done_with(&mut self, ordinal: Ordinal) {
        self.ordinals.pop();
        self.below = ordinal;
    }

    /// When the segment that comes now is not in its place, it may be under
    /// another name.
    fn find_missing(&mut self, next: Option<Ordinal>) -> Result<(), ReadError> {
        let Some(missing) = self.predecessor.map(|predecessor| predecessor.ordinal) else {
            return Ok(());
        };
        if missing.0 == 0 || next.is_some_and(|next| next >= missing) {
            return Ok(());
        }
        self.dir
            .sort_out_names(Look::Once)
            .map_err(ReadError::io("list", self.dir.path().to_owned()))?;
        self.look_again()
    }

    /// Lists the segments anew, because names were sorted out.
    fn look_again(&mut self) -> Result<(), ReadError> {
        self.ordinals = self
            .dir
            .ordinals()
            .map_err(ReadError::io("list", self.dir.path().to_owned()))?;
        self.only_those_below();
        Ok(())
    }

    /// All segments are listed now: those are left that were not dealt with.
    fn only_those_below(&mut self) {
        self.ordinals.retain(|ordinal| *ordinal < self.below);
        self.older = Older::Listed;
    }
}

#[cfg(test)]
#[path = "backward_tests.rs"]
mod tests;
