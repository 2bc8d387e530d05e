//! Making a damaged copy readable enough for SQLite to save what it can.
//!
//! Only ever done to a [`super::snapshot`]. The header of a database says
//! nothing that cannot be worked out again: the size of a page from where pages
//! begin, the number of pages from the length of the file.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::legacy::snapshot::{HEADER_BYTES, MAGIC};
use crate::platform;

/// The kinds of a page that a table begins with.
const TABLE_KINDS: [u8; 2] = [0x05, 0x0D];

/// The least and the most bytes of a page.
const PAGE_BYTES: std::ops::RangeInclusive<u32> = 512..=65_536;

/// The most entries of a first page.
const MOST_CELLS: u16 = 1024;

/// Whether the file begins as a database does.
pub(super) fn has_magic(path: &Path) -> io::Result<bool> {
    let (file, _) = platform::open_regular(path)?;
    let mut magic = [0; MAGIC.len()];
    Ok(read_full(&file, &mut magic, 0)? && magic == *MAGIC)
}

/// Writes a new header into the copy at `path`, when what is behind it looks
/// like a database; says whether it does.
pub(super) fn write_header(path: &Path) -> io::Result<bool> {
    let mut options = platform::private_options();
    let file = options.read(true).write(true).open(path)?;
    let bytes = file.metadata()?.len();
    let Some(page_bytes) = page_bytes(&file)? else {
        return Ok(false);
    };
    let pages = u32::try_from(bytes / u64::from(page_bytes)).unwrap_or(u32::MAX);
    let header = header(page_bytes, pages);
    Ok(pages > 0 && platform::write_at(&file, &header, 0)? == header.len())
}

/// How long the pages are: the first entry of a page lies at its very end, and
/// the offsets of all entries of the first page stand behind the header.
fn page_bytes(file: &File) -> io::Result<Option<u32>> {
    const HEAD_BYTES: u64 = 12;
    let at = u64::try_from(HEADER_BYTES).unwrap_or(100);
    let mut head = [0; 5];
    if !read_full(file, &mut head, at)? {
        return Ok(None);
    }
    let [kind, _, _, high, low] = head;
    let cells = u16::from_be_bytes([high, low]);
    if !TABLE_KINDS.contains(&kind) || cells == 0 || cells > MOST_CELLS {
        return Ok(None);
    }
    // The head of a page of entries is four bytes shorter.
    let offsets_at = at + HEAD_BYTES - if kind == 0x0D { 4 } else { 0 };
    let mut offsets = vec![0; usize::from(cells) * 2];
    if !read_full(file, &mut offsets, offsets_at)? {
        return Ok(None);
    }
    let last = offsets
        .chunks_exact(2)
        .filter_map(|pair| pair.try_into().ok());
    let last = last.map(u16::from_be_bytes).max().unwrap_or_default();
    let page_bytes = (u32::from(last) + 1)
        .next_power_of_two()
        .max(*PAGE_BYTES.start());
    Ok(PAGE_BYTES.contains(&page_bytes).then_some(page_bytes))
}

fn read_full(file: &File, buffer: &mut [u8], at: u64) -> io::Result<bool> {
    Ok(platform::read_at(file, buffer, at)? == buffer.len())
}

/// A header as SQLite writes it, for a database without a free list.
fn header(page_bytes: u32, pages: u32) -> Vec<u8> {
    let page_field = u16::try_from(page_bytes).unwrap_or(1);
    let mut header = MAGIC.to_vec();
    header.extend(page_field.to_be_bytes());
    header.extend([1, 1, 0, 64, 32, 32]);
    let change_counter = 1_u32;
    // Change counter, pages, free list (2), schema version and format, cache,
    // largest root, encoding (UTF-8), user version, vacuum, application id.
    for number in [change_counter, pages, 0, 0, 1, 4, 0, 0, 1, 0, 0, 0] {
        header.extend(number.to_be_bytes());
    }
    header.resize(92, 0);
    header.extend(change_counter.to_be_bytes());
    header.extend(3_045_000_u32.to_be_bytes());
    header
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_database_without_its_header_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        for page_bytes in [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536] {
            let path = dir.path().join(format!("{page_bytes}.db"));
            let made = Connection::open(&path).unwrap();
            made.execute_batch(&format!(
                "PRAGMA page_size={page_bytes}; CREATE TABLE queue(id INTEGER PRIMARY KEY, data);
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<200)
                 INSERT INTO queue SELECT i, 'row ' || i || hex(randomblob(300)) FROM n;"
            ))
            .unwrap();
            drop(made);
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[..HEADER_BYTES].fill(0);
            std::fs::write(&path, bytes).unwrap();
            assert!(write_header(&path).unwrap(), "{page_bytes}");
            let read = Connection::open(&path).unwrap();
            let count =
                read.query_row("SELECT count(*) FROM queue", [], |row| row.get::<_, i64>(0));
            assert_eq!(count.unwrap(), 200, "{page_bytes}");
        }
    }

    #[test]
    fn what_is_no_database_does_not_become_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        for bytes in [
            Vec::new(),
            vec![0; 8192],
            b"<html>".repeat(2000),
            vec![0x0D; 99],
        ] {
            std::fs::write(&path, &bytes).unwrap();
            assert!(!write_header(&path).unwrap());
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
    }
}
