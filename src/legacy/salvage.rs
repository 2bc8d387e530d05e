//! Rows that SQLite does not find any more, read from the pages themselves.
//!
//! When the schema, the root of a table or the header is lost, the rows are
//! still there: a row lies as an entry on a page that says what it is. Every
//! page is looked at, and each entry that has the shape of a queued event is
//! handed out.
//!
//! Invariants:
//!
//! * Only entries that a page points to are read, and no page that the list of
//!   free pages names. A row that was deleted is in neither, as long as that
//!   list is not lost as well.
//! * Every reading ends: a row is followed over as many pages as its length
//!   says, and that is bounded.
//! * What has the columns of a queue and cannot be read is named.
//!
//! It does not decide what becomes of a row, nor whether it is known already.

use std::path::Path;

use crate::legacy::queue::QueueRow;
use crate::legacy::refusal::{Place, Why};

use page::{Cell, Leaf, MAX_PAYLOAD_BYTES};
use pages::Pages;
use record::{Looks, begins_as_queued, looks};
pub(super) use runs::Runs;

mod page;
mod pages;
mod record;
mod runs;
#[cfg(test)]
mod tests;
mod wal;

/// What was found on the pages.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// A row of a queue.
    Row(QueueRow<'a>),
    /// Something that had been one.
    Broken(Place, Why),
}

/// Hands out what the pages of the database at `path` hold.
///
/// # Errors
/// What `give` answers. What the system says ends the reading and is handed
/// out.
pub(super) fn salvage<E>(
    path: &Path,
    give: &mut impl FnMut(Found<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let said =
        |error: std::io::Error| Found::Broken(Place::Whole, Why::Unreadable(error.to_string()));
    let pages = match Pages::open(path) {
        Ok(Some(pages)) => pages,
        Ok(None) => return Ok(()),
        Err(error) => return give(said(error)),
    };
    let (mut page, mut row) = (Vec::new(), Vec::new());
    // The first page holds the schema.
    for number in (2..=pages.count).filter(|number| !pages.is_free(*number)) {
        if let Err(error) = pages.read(number, &mut page) {
            return give(said(error));
        }
        let Some(leaf) = Leaf::of(&page) else {
            continue;
        };
        let (mut queued, mut broken) = (false, 0_u64);
        for cell in leaf.cells(pages.usable_bytes) {
            match cell {
                None => broken += 1,
                Some(cell) => queued |= one(&pages, cell, &mut row, give)?,
            }
        }
        // Elsewhere it may have been anything.
        if queued && broken > 0 {
            give(Found::Broken(Place::Page(number), Why::Entries(broken)))?;
        }
    }
    Ok(())
}

/// Hands out one row; says whether it belongs to a queue.
fn one<E>(
    pages: &Pages,
    cell: Cell<'_>,
    row: &mut Vec<u8>,
    give: &mut impl FnMut(Found<'_>) -> Result<(), E>,
) -> Result<bool, E> {
    let place = Place::Row(cell.rowid);
    if cell.overflow.is_some() && cell.payload_bytes > MAX_PAYLOAD_BYTES {
        if begins_as_queued(cell.local) {
            give(Found::Broken(place, Why::TooLong(cell.payload_bytes)))?;
            return Ok(true);
        }
        return Ok(false);
    }
    if !joined(pages, cell, row) {
        if begins_as_queued(cell.local) {
            give(Found::Broken(place, Why::TornRow))?;
            return Ok(true);
        }
        return Ok(false);
    }
    match looks(row) {
        Looks::Otherwise => Ok(false),
        Looks::Mixed(_) => give(Found::Broken(place, Why::MixedRow)).map(|()| true),
        Looks::Queued(found) => {
            let retries = found.retries.clamp(0, i64::from(u32::MAX));
            give(Found::Row(QueueRow {
                id: cell.rowid,
                data: Ok(&found.data),
                queued_s: found.queued_s,
                retries: u32::try_from(retries).unwrap_or(0),
            }))?;
            Ok(true)
        }
    }
}

/// Puts a row together from the pages on which it lies; says whether all of it
/// is there.
fn joined(pages: &Pages, cell: Cell<'_>, row: &mut Vec<u8>) -> bool {
    row.clear();
    row.extend_from_slice(cell.local);
    let mut next = cell.overflow;
    let mut page = Vec::new();
    while row.len() < cell.payload_bytes {
        let Some(number) = next.filter(|number| (2..=pages.count).contains(number)) else {
            return false;
        };
        if pages.is_free(number) || pages.read(number, &mut page).is_err() {
            return false;
        }
        let used = page.get(..pages.usable_bytes).unwrap_or(&page);
        let Some((head, content)) = used.split_first_chunk::<4>() else {
            return false;
        };
        let wanted = content.len().min(cell.payload_bytes - row.len());
        if wanted == 0 {
            return false;
        }
        row.extend_from_slice(content.get(..wanted).unwrap_or_default());
        next = Some(u32::from_be_bytes(*head));
    }
    true
}
