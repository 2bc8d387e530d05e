//! What a write-ahead log has that its database has not: the newest committed
//! version of each page, found without SQLite.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::platform;

const HEADER_BYTES: usize = 32;
const FRAME_BYTES: usize = 24;

/// What it begins with; the last bit says in which order it sums up.
const MAGIC: u32 = 0x377F_0682;

/// The pages that a write-ahead log holds.
#[derive(Debug)]
pub(super) struct Wal {
    pub(super) file: File,
    pub(super) page_bytes: usize,
    /// How many pages the database had at the last commit.
    pub(super) pages: u32,
    /// Where the newest version of a page begins.
    pub(super) places: HashMap<u32, u64>,
}

impl Wal {
    /// Reads the log at `path` up to its last commit; `None` when there is
    /// none, or none that can be read.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let file = match platform::open_regular(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?.0,
        };
        let mut input = BufReader::new(file.try_clone()?);
        let mut header = [0; HEADER_BYTES];
        if !filled(&mut input, &mut header)? {
            return Ok(None);
        }
        let words = words(&header);
        let [magic, _, page_bytes, _, salt, other_salt, first, second] = words.as_slice() else {
            return Ok(None);
        };
        let mut sum = Sum {
            is_big: magic & 1 == 1,
            value: (0, 0),
        };
        sum.add(header.get(..24).unwrap_or_default());
        let page_bytes = usize::try_from(*page_bytes).unwrap_or(0);
        let is_sound = page_bytes.is_power_of_two() && (512..=65_536).contains(&page_bytes);
        if magic & !1 != MAGIC || !is_sound || sum.value != (*first, *second) {
            return Ok(None);
        }
        let mut wal = Self {
            file,
            page_bytes,
            pages: 0,
            places: HashMap::new(),
        };
        wal.frames(&mut input, [*salt, *other_salt], sum)?;
        Ok((wal.pages > 0).then_some(wal))
    }

    fn frames(&mut self, input: &mut impl Read, salts: [u32; 2], mut sum: Sum) -> io::Result<()> {
        let mut at = HEADER_BYTES as u64;
        let mut waiting = Vec::new();
        let mut frame = vec![0; FRAME_BYTES + self.page_bytes];
        while filled(input, &mut frame)? {
            let Some((head, page)) = frame.split_first_chunk::<FRAME_BYTES>() else {
                return Ok(());
            };
            let words = words(head);
            let [number, pages, salt, other_salt, first, second] = words.as_slice() else {
                return Ok(());
            };
            sum.add(head.get(..8).unwrap_or_default());
            sum.add(page);
            if salts != [*salt, *other_salt] || sum.value != (*first, *second) {
                return Ok(());
            }
            waiting.push((*number, at + FRAME_BYTES as u64));
            if *pages > 0 {
                self.pages = *pages;
                self.places.extend(waiting.drain(..));
            }
            at += frame.len() as u64;
        }
        Ok(())
    }
}

/// The sum by which SQLite knows what it wrote itself.
struct Sum {
    is_big: bool,
    value: (u32, u32),
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let (pairs, _) = bytes.as_chunks::<8>();
        for [a, b, c, d, e, f, g, h] in pairs {
            let read = |word| {
                if self.is_big {
                    u32::from_be_bytes(word)
                } else {
                    u32::from_le_bytes(word)
                }
            };
            let (mut first, mut second) = self.value;
            first = first
                .wrapping_add(read([*a, *b, *c, *d]))
                .wrapping_add(second);
            second = second
                .wrapping_add(read([*e, *f, *g, *h]))
                .wrapping_add(first);
            self.value = (first, second);
        }
    }
}

fn words(bytes: &[u8]) -> Vec<u32> {
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().map(|word| u32::from_be_bytes(*word)).collect()
}

/// Reads as much as fits; says whether there was so much.
fn filled(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match input.read_exact(buffer) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        other => other.map(|()| true),
    }
}
