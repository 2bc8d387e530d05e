//! The pages of a database whose header may be lost, one at a time.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::legacy::salvage::page::{Leaf, free_pages};
use crate::legacy::salvage::wal::Wal;
use crate::legacy::snapshot::{HEADER_BYTES, MAGIC, beside};
use crate::platform;

/// The most bytes of a page; every page lies in a block of so many.
const BLOCK_BYTES: usize = 65_536;

/// The sizes that a page may have.
const SIZES: [usize; 8] = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];

/// So many whole pages of one size are enough to be sure of the size.
const SURE: u32 = 32;

/// A database as pages.
#[derive(Debug)]
pub(super) struct Pages {
    file: File,
    wal: Option<Wal>,
    page_bytes: usize,
    /// How much of a page SQLite uses.
    pub(super) usable_bytes: usize,
    pub(super) count: u32,
    /// Which pages are on the list of free pages, by their number.
    free: Vec<bool>,
}

impl Pages {
    /// The pages of the database at `path`, with its write-ahead log; `None`
    /// when there are none.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let (file, metadata) = platform::open_regular(path)?;
        let wal = Wal::read(&beside(path, "-wal"))?;
        let mut header = [0; HEADER_BYTES];
        let read = platform::read_at(&file, &mut header, 0)?;
        let header = header.get(..read).unwrap_or_default();
        let page_bytes = match (&wal, stated(header)) {
            (Some(wal), _) => Some(wal.page_bytes),
            (None, Some(bytes)) => Some(bytes),
            (None, None) => guessed(&file, metadata.len())?,
        };
        let Some(page_bytes) = page_bytes else {
            return Ok(None);
        };
        // What was cut off in a page is read as far as it goes.
        let pages = metadata.len().div_ceil(page_bytes as u64);
        let in_wal = wal.as_ref().map_or(0, |wal| wal.pages);
        let mut pages = Self {
            usable_bytes: page_bytes - reserved(header, page_bytes),
            count: u32::try_from(pages).unwrap_or(u32::MAX).max(in_wal),
            file,
            wal,
            page_bytes,
            free: Vec::new(),
        };
        pages.find_free()?;
        Ok(Some(pages))
    }

    /// Whether nothing in the database points to this page.
    pub(super) fn is_free(&self, number: u32) -> bool {
        let free = usize::try_from(number)
            .ok()
            .and_then(|at| self.free.get(at));
        free.is_some_and(|free| *free)
    }

    /// Reads a page into `buffer`; the last one may be shorter than others.
    pub(super) fn read(&self, number: u32, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.clear();
        buffer.resize(self.page_bytes, 0);
        let newer = self.wal.as_ref();
        let newer = newer.and_then(|wal| Some((&wal.file, *wal.places.get(&number)?)));
        let own_at = u64::from(number.saturating_sub(1)) * self.page_bytes as u64;
        let (file, at) = newer.unwrap_or((&self.file, own_at));
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match platform::read_at(file, rest, at + filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        buffer.truncate(filled);
        Ok(())
    }

    fn find_free(&mut self) -> io::Result<()> {
        let mut free = vec![false; usize::try_from(self.count).unwrap_or(0) + 1];
        let mut page = Vec::new();
        for number in 2..=self.count {
            self.read(number, &mut page)?;
            let Some(named) = free_pages(&page, self.count) else {
                continue;
            };
            for named in named {
                if let Some(free) = usize::try_from(named).ok().and_then(|at| free.get_mut(at)) {
                    *free = true;
                }
            }
        }
        self.free = free;
        Ok(())
    }
}

/// The size of a page that the header states.
fn stated(header: &[u8]) -> Option<usize> {
    let field = header.strip_prefix(MAGIC)?.first_chunk::<2>()?;
    let bytes = match u16::from_be_bytes(*field) {
        1 => BLOCK_BYTES,
        bytes => usize::from(bytes),
    };
    SIZES.contains(&bytes).then_some(bytes)
}

/// How many bytes at the end of each page are not used.
fn reserved(header: &[u8], page_bytes: usize) -> usize {
    const RESERVED_AT: usize = 20;
    let is_stated = stated(header).is_some();
    let reserved = header.get(RESERVED_AT).map_or(0, |byte| usize::from(*byte));
    if is_stated && page_bytes - reserved >= 480 {
        reserved
    } else {
        0
    }
}

/// The size at which the most pages of rows are whole.
fn guessed(file: &File, file_bytes: u64) -> io::Result<Option<usize>> {
    let mut whole = SIZES.map(|size| (size, 0_u32));
    let mut block = vec![0; BLOCK_BYTES];
    let mut at = 0;
    while at < file_bytes && whole.iter().all(|(_, pages)| *pages < SURE) {
        let read = platform::read_at(file, &mut block, at)?;
        let block = block.get(..read).unwrap_or_default();
        for (size, pages) in &mut whole {
            let is_whole = |page: &&[u8]| Leaf::of(page).is_some_and(Leaf::is_whole);
            let found = block.chunks_exact(*size).filter(is_whole).count();
            *pages += u32::try_from(found).unwrap_or(0);
        }
        at += BLOCK_BYTES as u64;
    }
    // Of two that fit alike the larger: a page that fits a small size fits a
    // large one only when it ends there.
    let best = whole.into_iter().max_by_key(|(_, pages)| *pages);
    Ok(best.filter(|(_, pages)| *pages > 0).map(|(size, _)| size))
}
