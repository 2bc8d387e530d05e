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
//!   and is either known in the same way or had its header read when the walk
//!   began.
//!
//! Where one file that is not known has another segment's name, or a header that
//! cannot be read, nothing is passed over at all: what belongs where is then for
//! a reader to find out. In every other case a segment is read like any other. A segment becomes known only
//! if it was read from its first frame to its recorded end without any damage.
//! Takes no lock and writes nothing.

use std::collections::BTreeMap;

use crate::log::header::HeaderRead;
use crate::log::read::{Damage, Item, ReadError, Step};
use crate::log::reader::{Border, Reader};
use crate::log::segment::{Access, LogDir, Naming};
use crate::platform::Stamp;
use crate::position::{Ordinal, Seq};

mod sealed;

pub use sealed::Sealed;
use sealed::{Named, of_header};

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

/// Walks over the log in `dir` from its beginning to its end, with `visit` told
/// of everything in order. `known` are the segments that need not be read.
///
/// # Errors
/// [`ReadError`] when something cannot be listed, opened or read.
pub fn walk(
    dir: &LogDir,
    known: &BTreeMap<Ordinal, &Sealed>,
    visit: &mut dyn FnMut(Stride<'_>) -> Onward,
) -> Result<(), ReadError> {
    let dir = dir.clone();
    let map = Map::of(&dir, known)?;
    let mut border = None;
    loop {
        while let Some(sealed) = map.passable(border.as_ref()) {
            border = Some(*sealed.border());
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
    /// All of them, ascending.
    listed: Vec<Listed<'a>>,
}

/// One of them.
struct Listed<'a> {
    ordinal: Ordinal,
    stamp: Option<Stamp>,
    /// What is known of it, where its file is as it was then and anything may be
    /// passed over at all.
    known: Option<&'a Sealed>,
    /// What it says of the segment before it, where anything is known of others.
    named: Option<Named>,
}

impl<'a> Map<'a> {
    fn of(dir: &'a LogDir, known: &BTreeMap<Ordinal, &'a Sealed>) -> Result<Self, ReadError> {
        let ordinals = dir.ordinals_seen();
        let ordinals = ordinals.map_err(ReadError::io("list", dir.path().to_owned()))?;
        let stamps = stamps(dir, &ordinals);
        let listed = ordinals.into_iter().zip(stamps);
        let listed = listed.map(|(ordinal, stamp)| Listed::of(dir, known, ordinal, stamp));
        let mut listed: Vec<_> = listed.collect();
        if listed.iter().any(|segment| segment.named.is_none()) {
            for segment in &mut listed {
                segment.known = None;
            }
        }
        Ok(Self { dir, listed })
    }

    /// The segments behind this one.
    fn behind(&self, ordinal: Ordinal) -> &[Listed<'a>] {
        let at = self.listed.partition_point(|s| s.ordinal <= ordinal);
        self.listed.get(at..).unwrap_or_default()
    }

    /// The segment behind `border`, when it is known and as it was.
    fn passable(&self, border: Option<&Border>) -> Option<&'a Sealed> {
        let here = border.map_or(Ordinal(0), |border| border.ordinal);
        let [next, heir, ..] = self.behind(here) else {
            return None;
        };
        let sealed = next.known?;
        (sealed.follows(border) && heir.named == Some(sealed.as_named())).then_some(sealed)
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
            let behind = self.behind(border.map_or(Ordinal(0), |border| border.ordinal));
            let next = behind.first();
            // The last one that was listed may have got successors since.
            let last = next.filter(|_| behind.len() > 1);
            reader.stop_after(last.map(|last| last.ordinal));
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
            let read = next.filter(|next| sound && next.ordinal == reached.ordinal);
            let stamp = read.and_then(|read| read.stamp);
            let sealed = stamp.and_then(|stamp| Sealed::new(reached, stamp, &reader.before()));
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

impl<'a> Listed<'a> {
    fn of(
        dir: &LogDir,
        known: &BTreeMap<Ordinal, &'a Sealed>,
        ordinal: Ordinal,
        stamp: Option<Stamp>,
    ) -> Self {
        let is_current = |sealed: &&Sealed| sealed.ordinal() == ordinal && sealed.has(stamp);
        let current = known.get(&ordinal).copied().filter(is_current);
        let named = match current {
            Some(sealed) => Some(sealed.before()),
            None if known.is_empty() => None,
            None => named_in(dir, ordinal),
        };
        Self {
            ordinal,
            stamp,
            known: current,
            named,
        }
    }
}

/// The stamps of the files of these segments.
fn stamps(dir: &LogDir, ordinals: &[Ordinal]) -> Vec<Option<Stamp>> {
    if dir.knows_wrong_names() {
        return ordinals.iter().map(|o| dir.stamp_of(*o).ok()).collect();
    }
    dir.storage().stamps_in(dir.path(), ordinals)
}

/// What the header of this segment says of the one before it now.
fn named_in(dir: &LogDir, ordinal: Ordinal) -> Option<Named> {
    let opened = dir.open(ordinal, Access::Read).ok()?;
    match opened.read {
        HeaderRead::Sound { header, .. } if opened.naming == Naming::Right => {
            Some(of_header(&header.predecessor))
        }
        _ => None,
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
