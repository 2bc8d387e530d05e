//! A walk over the whole log that passes over segments which it knows.
//!
//! Up to the end that its successor has recorded a segment is final. So what
//! somebody once learned of it holds for good, as long as it is that very file:
//! [`Sealed`] is what a walk must know to be sure. A segment is passed over only
//! when
//!
//! * its file has the stamp it had before it was read: nobody has written to
//!   it, replaced it, copied it or renamed another one over it since;
//! * it names the segment before it, and begins where that one ends;
//! * the next segment that there is names it, with the end that it had then,
//!   and is either known in the same way or has its header read now.
//!
//! Where one file that is not known has another segment's name, or a header that
//! cannot be read, nothing is passed over at all: what belongs where is then for
//! a reader to find out. In every other case a segment is read like any other. A segment becomes known only
//! if it was read from its first frame to its recorded end without any damage.
//! Takes no lock and writes nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::log::header::{HeaderRead, Predecessor};
use crate::log::read::{Damage, Item, ReadError, Step};
use crate::log::reader::{Border, Reader};
use crate::log::segment::{Access, LogDir, Naming};
use crate::platform::Stamp;
use crate::position::{Offset, Ordinal, Seq};

/// A segment that will not change any more, as it was when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    border: Border,
    /// The file, before it was read.
    stamp: Stamp,
    /// The segment before it, as its own header says.
    before: (Ordinal, [u8; 16], Offset, Seq),
}

/// What a walk comes past.
#[derive(Clone, Copy, Debug)]
pub enum Stride<'a> {
    /// A frame.
    Frame(Item<'a>),
    /// Something that cannot be read.
    Damage(Damage),
    /// The segment of the frames since the last of these can be passed over
    /// from now on: this is what has to be known for it.
    Sealed(Sealed),
    /// A segment that is not known, or may change, came to its end.
    Read(Ordinal),
    /// A known segment, passed over as a whole.
    Known(Ordinal),
    /// The end of what is there: the number of the next frame.
    End(Seq),
}

/// Whether to walk on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onward {
    /// Yes.
    GoOn,
    /// No.
    Stop,
}

impl Sealed {
    /// Its ordinal.
    #[must_use]
    pub fn ordinal(&self) -> Ordinal {
        self.border.ordinal
    }

    /// Its first number; where it has no frames, that of the next frame.
    #[must_use]
    pub fn first_seq(&self) -> Seq {
        self.border.began
    }

    /// The last number that it used up.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        self.border.last_seq
    }

    /// Whether the segment's file in `dir` is untouched since.
    #[must_use]
    pub fn is_current(&self, dir: &LogDir) -> bool {
        dir.stamp_of(self.ordinal()).ok() == Some(self.stamp)
    }

    fn new(border: Border, stamp: Stamp, before: &Predecessor) -> Option<Self> {
        let fits = border.valid_end.0 <= stamp.size && border.next_seq == border.last_seq.next();
        fits.then_some(Self {
            border,
            stamp,
            before: of_header(before),
        })
    }

    /// What the segment behind it must say of it.
    fn as_named(&self) -> (Ordinal, [u8; 16], Offset, Seq) {
        let border = &self.border;
        (border.ordinal, border.id, border.valid_end, border.last_seq)
    }

    fn follows(&self, border: Option<&Border>) -> bool {
        border.is_none_or(|border| {
            (self.before.0, self.before.1) == (border.ordinal, border.id)
                && self.border.began == border.next_seq
        })
    }
}

fn of_header(before: &Predecessor) -> (Ordinal, [u8; 16], Offset, Seq) {
    (before.ordinal, before.id, before.valid_end, before.last_seq)
}

/// Walks over the log in `dir` from its beginning to its end, with `visit` told
/// of everything in order. `known` are the segments that need not be read.
///
/// # Errors
/// [`ReadError`] when something cannot be listed, opened or read.
pub fn walk(
    dir: &LogDir,
    known: &BTreeMap<Ordinal, Sealed>,
    visit: &mut dyn FnMut(Stride<'_>) -> Onward,
) -> Result<(), ReadError> {
    let dir = dir.clone();
    let map = Map::of(&dir, known)?;
    let mut border = None;
    loop {
        while let Some(sealed) = map.passable(border.as_ref()) {
            border = Some(sealed.border);
            if visit(Stride::Known(sealed.ordinal())) == Onward::Stop {
                return Ok(());
            }
        }
        match map.read(border, visit)? {
            Some(reached) => border = Some(reached),
            None => return Ok(()),
        }
    }
}

/// The segments as they lay there when the walk began.
struct Map<'a> {
    dir: &'a LogDir,
    stamps: BTreeMap<Ordinal, Option<Stamp>>,
    /// `None` when nothing may be passed over.
    known: Option<&'a BTreeMap<Ordinal, Sealed>>,
}

impl<'a> Map<'a> {
    fn of(dir: &'a LogDir, known: &'a BTreeMap<Ordinal, Sealed>) -> Result<Self, ReadError> {
        let listed = dir.ordinals_seen();
        let listed = listed.map_err(ReadError::io("list", dir.path().to_owned()))?;
        let stamp = |ordinal: Ordinal| dir.stamp_of(ordinal).ok();
        let mut map = Self {
            dir,
            stamps: listed.into_iter().map(|o| (o, stamp(o))).collect(),
            known: Some(known),
        };
        let mut listed = map.stamps.keys().filter(|_| !known.is_empty());
        if !listed.all(|o| map.unchanged(*o).is_some() || map.named_by(*o).is_some()) {
            map.known = None;
        }
        Ok(map)
    }

    /// The first segment behind this one that was listed.
    fn after(&self, ordinal: Ordinal) -> Option<Ordinal> {
        let mut later = self.stamps.range(ordinal.next()..);
        later.next().map(|(ordinal, _)| *ordinal)
    }

    /// The segment behind `border`, when it is known and as it was.
    fn passable(&self, border: Option<&Border>) -> Option<&'a Sealed> {
        let here = border.map_or(Ordinal(0), |border| border.ordinal);
        let sealed = self.unchanged(self.after(here)?)?;
        let heir = self.after(sealed.ordinal())?;
        let named = match self.unchanged(heir) {
            Some(heir) => Some(heir.before),
            None => self.named_by(heir),
        };
        (sealed.follows(border) && named == Some(sealed.as_named())).then_some(sealed)
    }

    fn unchanged(&self, ordinal: Ordinal) -> Option<&'a Sealed> {
        let sealed = self.known?.get(&ordinal)?;
        let stamp = self.stamps.get(&ordinal).copied().flatten();
        (stamp == Some(sealed.stamp) && sealed.ordinal() == ordinal).then_some(sealed)
    }

    /// What the header of this segment says of the one before it now.
    fn named_by(&self, ordinal: Ordinal) -> Option<(Ordinal, [u8; 16], Offset, Seq)> {
        let opened = self.dir.open(ordinal, Access::Read).ok()?;
        match opened.read {
            HeaderRead::Sound { header, .. } if opened.naming == Naming::Right => {
                Some(of_header(&header.predecessor))
            }
            _ => None,
        }
    }

    /// Reads on behind `border` up to where a segment can be passed over; says
    /// where that is, or `None` when the log or the walk is at its end.
    fn read(
        &self,
        mut border: Option<Border>,
        visit: &mut dyn FnMut(Stride<'_>) -> Onward,
    ) -> Result<Option<Border>, ReadError> {
        let mut reader = match &border {
            Some(border) => Reader::behind(self.dir.clone(), border),
            None => Reader::new(self.dir.clone(), Seq(1)),
        };
        loop {
            let here = border.map_or(Ordinal(0), |border| border.ordinal);
            let next = self.after(here);
            // The last one that was listed may have got successors since.
            let last = next.filter(|next| self.after(*next).is_some());
            reader.stop_after(last);
            let Some(sound) = to_its_end(&mut reader, visit)? else {
                return Ok(None);
            };
            let Some(reached) = reader.border() else {
                // What ends here was never recorded: nothing behind it is known.
                reader.stop_after(None);
                if to_its_end(&mut reader, visit)?.is_some() {
                    let _ = visit(Stride::End(reader.next_seq()));
                }
                return Ok(None);
            };
            let stamp = self.stamps.get(&reached.ordinal).copied().flatten();
            let sealed = stamp.filter(|_| sound && Some(reached.ordinal) == next);
            let sealed = sealed.and_then(|stamp| Sealed::new(reached, stamp, &reader.before()));
            let stride = sealed.map_or(Stride::Read(reached.ordinal), Stride::Sealed);
            if visit(stride) == Onward::Stop {
                return Ok(None);
            }
            border = Some(reached);
            if self.passable(border.as_ref()).is_some() {
                return Ok(border);
            }
        }
    }
}

/// Reads until `reader` stops; says whether there was no damage on the way, and
/// `None` when the visitor has seen enough.
fn to_its_end(
    reader: &mut Reader,
    visit: &mut dyn FnMut(Stride<'_>) -> Onward,
) -> Result<Option<bool>, ReadError> {
    let mut sound = true;
    loop {
        let stride = match reader.step()? {
            Step::Idle => return Ok(Some(sound)),
            Step::Frame(item) => Stride::Frame(item),
            Step::Damage(damage) => {
                sound = false;
                Stride::Damage(damage)
            }
        };
        if visit(stride) == Onward::Stop {
            return Ok(None);
        }
    }
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
