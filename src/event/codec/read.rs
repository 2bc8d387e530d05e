//! Reading a header, by hand.
//!
//! A look at the log reads the header of every event it counts, so this is what
//! such a look costs. Exactly what bincode accepts is accepted, numbers that
//! could have been written shorter as well, and within the same limit: the tests
//! compare the two.
//!
//! Mostly texts are so short that their lengths are characters, too. Then texts in
//! a row are checked to be UTF-8 all at once, with what stands between them. In
//! every other case each is read by itself: what is wrong is found there.

use thiserror::Error;

use super::{DECODE_LIMIT, EventHeader, Flags};
use crate::target::TargetId;

/// What bincode counts for a number or a length, however short it was written.
const NUMBER_COST: usize = 8;
/// What it counts for everything in a header but the texts that are there.
const FIXED_COST: usize = 2 * NUMBER_COST + 4 + 16 + 1;
/// The longest text whose length is a character.
const MAX_SHORT: u8 = 127;

/// Why bytes are not a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Fault {
    #[error("the bytes end within the header")]
    Cut,
    #[error("a number begins with {0}")]
    Number(u8),
    #[error("{0} says neither that a text is there nor that it is not")]
    Presence(u8),
    #[error("the texts are longer than a header can be")]
    Texts,
    #[error("a text is not UTF-8")]
    NotUtf8,
}

/// Reads the header at the start of `bytes`; what follows it comes back, too.
#[inline]
pub(super) fn header(bytes: &[u8]) -> Result<(EventHeader<'_>, &[u8]), Fault> {
    let mut source = Source {
        rest: bytes,
        allowance: DECODE_LIMIT.saturating_sub(FIXED_COST),
    };
    let [event_id, event_type, aggregate_type, aggregate_id, node_id] = source.names()?;
    let (lamport, timestamp_us) = (source.unsigned()?, signed(source.unsigned()?));
    let [team, project, feature, causation_id] = source.optionals()?;
    let (target, [flags]) = (TargetId(source.array()?), source.array()?);
    let header = EventHeader {
        event_id,
        event_type,
        aggregate_type,
        aggregate_id,
        node_id,
        lamport,
        timestamp_us,
        team,
        project,
        feature,
        causation_id,
        target,
        flags: Flags(flags),
    };
    Ok((header, source.rest))
}

/// What was not read yet.
struct Source<'a> {
    rest: &'a [u8],
    /// How much longer the texts that follow may be, with their lengths.
    allowance: usize,
}

/// Short texts in a row.
struct Row<const N: usize> {
    /// Where each begins and ends; behind its length, so not at 0 if it is there.
    places: [(usize, usize); N],
    end: usize,
    cost: usize,
}

impl<'a> Source<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Fault::Cut)?;
        self.rest = rest;
        Ok(*array)
    }

    fn unsigned(&mut self) -> Result<u64, Fault> {
        match self.array()? {
            [number @ ..=250] => Ok(number.into()),
            [251] => Ok(u16::from_le_bytes(self.array()?).into()),
            [252] => Ok(u32::from_le_bytes(self.array()?).into()),
            [253] => Ok(u64::from_le_bytes(self.array()?)),
            [other] => Err(Fault::Number(other)),
        }
    }

    fn text(&mut self) -> Result<&'a str, Fault> {
        let length = usize::try_from(self.unsigned()?).map_err(|_| Fault::Texts)?;
        let left = self.allowance.checked_sub(NUMBER_COST);
        let left = left.and_then(|left| left.checked_sub(length));
        self.allowance = left.ok_or(Fault::Texts)?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(Fault::Cut)?;
        self.rest = rest;
        str::from_utf8(text).map_err(|_| Fault::NotUtf8)
    }

    fn optional(&mut self) -> Result<Option<&'a str>, Fault> {
        match self.array()? {
            [0] => Ok(None),
            [1] => self.text().map(Some),
            [other] => Err(Fault::Presence(other)),
        }
    }

    fn names(&mut self) -> Result<[&'a str; 5], Fault> {
        let short = Row::of_names(self.rest).and_then(|row| self.take(&row));
        if let Some(texts) = short {
            return Ok(texts.map(Option::unwrap_or_default));
        }
        let mut texts = [""; 5];
        for text in &mut texts {
            *text = self.text()?;
        }
        Ok(texts)
    }

    fn optionals(&mut self) -> Result<[Option<&'a str>; 4], Fault> {
        let short = Row::of_optionals(self.rest).and_then(|row| self.take(&row));
        if let Some(texts) = short {
            return Ok(texts);
        }
        let mut texts = [None; 4];
        for text in &mut texts {
            *text = self.optional()?;
        }
        Ok(texts)
    }

    /// The texts in `row`; `None`, and nothing taken, where anything is wrong.
    fn take<const N: usize>(&mut self, row: &Row<N>) -> Option<[Option<&'a str>; N]> {
        let (bytes, rest) = self.rest.split_at_checked(row.end)?;
        let allowance = self.allowance.checked_sub(row.cost)?;
        let mut texts = [None; N];
        if row.cost > 0 {
            let whole = str::from_utf8(bytes).ok()?;
            for (text, (start, end)) in texts.iter_mut().zip(row.places) {
                if start > 0 {
                    *text = Some(whole.get(start..end)?);
                }
            }
        }
        *self = Self { rest, allowance };
        Some(texts)
    }
}

impl Row<5> {
    fn of_names(bytes: &[u8]) -> Option<Self> {
        let mut row = Self::new();
        for place in 0..5 {
            row.push(place, bytes)?;
        }
        Some(row)
    }
}

impl Row<4> {
    fn of_optionals(bytes: &[u8]) -> Option<Self> {
        let mut row = Self::new();
        for place in 0..4 {
            let is_there = *bytes.get(row.end)?;
            row.end += 1;
            match is_there {
                0 => {}
                1 => row.push(place, bytes)?,
                _ => return None,
            }
        }
        Some(row)
    }
}

impl<const N: usize> Row<N> {
    fn new() -> Self {
        Self {
            places: [(0, 0); N],
            end: 0,
            cost: 0,
        }
    }

    /// The text whose length is the next byte.
    fn push(&mut self, place: usize, bytes: &[u8]) -> Option<()> {
        let length = *bytes.get(self.end).filter(|length| **length <= MAX_SHORT)?;
        let start = self.end + 1;
        self.end = start + usize::from(length);
        self.cost += NUMBER_COST + usize::from(length);
        *self.places.get_mut(place)? = (start, self.end);
        Some(())
    }
}

/// 0, 1, 2, 3 … are 0, -1, 1, -2 …
fn signed(zigzag: u64) -> i64 {
    let half = (zigzag / 2).cast_signed();
    if zigzag.is_multiple_of(2) {
        half
    } else {
        !half
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
