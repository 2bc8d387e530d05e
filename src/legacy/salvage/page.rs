//! The entries of a page of a table, read without SQLite.
//!
//! Everything here is a pure function of bytes that may be anything at all:
//! what does not lie inside of them is not there.

/// What a page begins with that holds rows.
const TABLE_LEAF: u8 = 0x0D;

/// The head of such a page.
const HEAD_BYTES: usize = 8;

/// A row that is longer than this is not put together: sixteen times the
/// longest event that can be imported.
pub(super) const MAX_PAYLOAD_BYTES: usize = 16 * 1024 * 1024;

/// A page of rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf<'a> {
    page: &'a [u8],
    offsets: &'a [u8],
}

/// One entry of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell<'a> {
    pub(super) rowid: i64,
    /// How long the row is as a whole.
    pub(super) payload_bytes: usize,
    /// What of it lies on the page.
    pub(super) local: &'a [u8],
    /// The page on which it goes on.
    pub(super) overflow: Option<u32>,
}

impl<'a> Leaf<'a> {
    /// The page as a page of rows, when it says that it is one.
    pub(super) fn of(page: &'a [u8]) -> Option<Self> {
        let (&[kind, _, _, high, low, ..], rest) = page.split_first_chunk::<HEAD_BYTES>()?;
        let cells = usize::from(u16::from_be_bytes([high, low]));
        let offsets = rest.get(..cells * 2)?;
        (kind == TABLE_LEAF).then_some(Self { page, offsets })
    }

    /// Its entries; `None` stands for one that cannot be read. Only what the
    /// page points to is there: a row that was deleted is not.
    pub(super) fn cells(self, usable_bytes: usize) -> impl Iterator<Item = Option<Cell<'a>>> {
        let starts = HEAD_BYTES + self.offsets.len();
        let (offsets, _) = self.offsets.as_chunks::<2>();
        offsets.iter().map(move |offset| {
            let at = usize::from(u16::from_be_bytes(*offset));
            let page = self.page.get(..usable_bytes).unwrap_or(self.page);
            (at >= starts)
                .then(|| cell(page.get(at..)?, usable_bytes))
                .flatten()
        })
    }

    /// Whether it can be a whole page: there are entries, and each lies in it.
    pub(super) fn is_whole(self) -> bool {
        let mut cells = self.cells(self.page.len()).peekable();
        cells.peek().is_some() && cells.all(|cell| cell.is_some())
    }
}

/// The entry at the beginning of `bytes`.
fn cell(bytes: &[u8], usable_bytes: usize) -> Option<Cell<'_>> {
    let (payload_bytes, rest) = varint(bytes)?;
    let (rowid, rest) = varint(rest)?;
    let payload_bytes = usize::try_from(payload_bytes).ok()?;
    let most = usable_bytes.checked_sub(35)?;
    let least = (usable_bytes.checked_sub(12)? * 32 / 255).checked_sub(23)?;
    let local_bytes = if payload_bytes <= most {
        payload_bytes
    } else {
        let surplus = least + payload_bytes.checked_sub(least)? % (usable_bytes - 4);
        if surplus <= most { surplus } else { least }
    };
    let (local, rest) = rest.split_at_checked(local_bytes)?;
    let overflow = if local_bytes < payload_bytes {
        Some(u32::from_be_bytes(*rest.first_chunk()?))
    } else {
        None
    };
    Some(Cell {
        rowid: rowid.cast_signed(),
        payload_bytes,
        local,
        overflow,
    })
}

/// The number at the beginning of `bytes`, and what comes behind it.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        let rest = bytes.get(index + 1..)?;
        if index == 8 {
            return Some(((value << 8) | u64::from(*byte), rest));
        }
        value = (value << 7) | u64::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            return Some((value, rest));
        }
    }
    None
}

/// The pages that a page of the free list names, when `page` can be one:
/// nothing else in a database that holds text looks like it.
pub(super) fn free_pages(page: &[u8], pages: u32) -> Option<Vec<u32>> {
    let (words, _) = page.as_chunks::<4>();
    let mut words = words.iter().map(|word| u32::from_be_bytes(*word));
    let (next, count) = (words.next()?, usize::try_from(words.next()?).ok()?);
    if next > pages || count > page.len() / 4 {
        return None;
    }
    let named: Vec<u32> = words.take(count).collect();
    let are_pages = named.len() == count && named.iter().all(|page| (2..=pages).contains(page));
    are_pages.then_some(named)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A number as SQLite writes it.
    fn written(value: u64) -> Vec<u8> {
        if value >= 1 << 56 {
            let mut bytes: Vec<u8> = (0..8)
                .map(|n| 0x80 | (value >> (8 + 7 * (7 - n))) as u8)
                .collect();
            bytes.push(value as u8);
            return bytes;
        }
        let mut bytes = vec![(value & 0x7F) as u8];
        let mut rest = value >> 7;
        while rest > 0 {
            bytes.insert(0, 0x80 | (rest & 0x7F) as u8);
            rest >>= 7;
        }
        bytes
    }

    proptest! {
        #[test]
        fn a_number_is_read_as_it_was_written(value: u64, small in 0_u64..1000) {
            for value in [value, small] {
                let mut bytes = written(value);
                bytes.push(7);
                prop_assert_eq!(varint(&bytes), Some((value, &[7_u8][..])));
            }
        }

        #[test]
        fn whatever_the_bytes_are_an_entry_lies_inside_of_them(
            mut page in prop::collection::vec(any::<u8>(), 0..2048),
            usable_bytes in 0_usize..70_000,
        ) {
            if let Some(kind) = page.first_mut() {
                *kind = TABLE_LEAF;
            }
            if let Some(leaf) = Leaf::of(&page) {
                for cell in leaf.cells(usable_bytes).flatten() {
                    prop_assert!(cell.local.len() <= page.len());
                }
                let _ = leaf.is_whole();
            }
            for named in free_pages(&page, 9).into_iter().flatten() {
                prop_assert!((2..=9).contains(&named));
            }
        }
    }
}
