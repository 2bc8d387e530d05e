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
use std::slice;

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
    /// Before all others: the oldest segment that was listed.
    Begin(Ordinal),
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
/// of everything in order. `known` are the segments that need not be read, ascending.
///
/// # Errors
/// [`ReadError`] when something cannot be listed, opened or read.
pub fn walk(
    dir: &LogDir,
    known: &[&Sealed],
    visit: &mut dyn FnMut(Stride<'_>) -> Onward,
) -> Result<(), ReadError> {
    let dir = dir.clone();
    let map = Map::of(&dir, known)?;
    if let Some(oldest) = map.listed.first()
        && visit(Stride::Begin(oldest.ordinal)) == Onward::Stop
    {
        return Ok(());
    }
    let mut border: Option<Border> = None;
    loop {
        for pair in map.pairs_behind(border.as_ref()) {
            let Some(sealed) = map.passable(pair, border.as_ref()) else {
                break;
            };
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
    /// Their stamps.
    stamps: Vec<Option<Stamp>>,
    /// What those that are not known say of the segment before them, where any are.
    named: BTreeMap<Ordinal, Named>,
}

/// One of them.
struct Listed<'a> {
    ordinal: Ordinal,
    /// What is known of it, where its file is as it was then and anything may be
    /// passed over at all.
    known: Option<&'a Sealed>,
}

impl<'a> Map<'a> {
    fn of(dir: &'a LogDir, known: &[&'a Sealed]) -> Result<Self, ReadError> {
        let ordinals = dir.list_seen()?;
        let stamps = stamps(dir, &ordinals);
        let mut listed = Vec::with_capacity(ordinals.len());
        let mut rest = known.iter().copied().peekable();
        for (ordinal, stamp) in ordinals.into_iter().zip(&stamps) {
            while rest.next_if(|sealed| sealed.ordinal() < ordinal).is_some() {}
            let known = rest.next_if(|sealed| sealed.ordinal() == ordinal);
            let known = known.filter(|sealed| sealed.has(*stamp));
            listed.push(Listed { ordinal, known });
        }
        let mut map = Self {
            dir,
            listed,
            stamps,
            named: BTreeMap::new(),
        };
        if !known.is_empty() {
            map.learn_names();
        }
        Ok(map)
    }

    /// Asks those that are not known; where one does not say, nothing is known.
    fn learn_names(&mut self) {
        let unknown = self.listed.iter().filter(|listed| listed.known.is_none());
        let named =
            |listed: &Listed<'_>| Some((listed.ordinal, named_in(self.dir, listed.ordinal)?));
        match unknown.map(named).collect() {
            Some(named) => self.named = named,
            None => self
                .listed
                .iter_mut()
                .for_each(|listed| listed.known = None),
        }
    }

    /// Where the segments behind this one begin.
    fn place_behind(&self, border: Option<&Border>) -> usize {
        let here = border.map_or(Ordinal(0), |border| border.ordinal);
        self.listed.partition_point(|s| s.ordinal <= here)
    }

    /// Those, each with the one after it.
    fn pairs_behind(&self, border: Option<&Border>) -> slice::Windows<'_, Listed<'a>> {
        let behind = self.listed.get(self.place_behind(border)..);
        behind.unwrap_or_default().windows(2)
    }

    /// The first of two segments, behind `border`, when it is known and as it was,
    /// and the second one agrees.
    fn passable(&self, pair: &[Listed<'a>], border: Option<&Border>) -> Option<&'a Sealed> {
        let [next, heir] = pair else { return None };
        let sealed = next.known?;
        let named = match heir.known {
            Some(heir) => heir.before(),
            None => *self.named.get(&heir.ordinal)?,
        };
        (sealed.follows(border) && named == sealed.as_named()).then_some(sealed)
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
            let place = self.place_behind(border.as_ref());
            let next = self.listed.get(place).map(|next| next.ordinal);
            // The last one that was listed may have got successors since.
            reader.stop_after(next.filter(|_| place + 1 < self.listed.len()));
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
            let stamp = self.stamps.get(place).copied().flatten();
            let stamp = stamp.filter(|_| sound && next == Some(reached.ordinal));
            let sealed = stamp.and_then(|stamp| Sealed::new(reached, stamp, &reader.before()));
            let stride = sealed.map_or(Stride::Read(reached.ordinal), Stride::Sealed);
            if visit(stride) == Onward::Stop {
                return Ok(None);
            }
            border = Some(reached);
            let next = self.pairs_behind(border.as_ref()).next();
            if next.is_some_and(|pair| self.passable(pair, border.as_ref()).is_some()) {
                return Ok(border);
            }
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
