//! Which of the rows that lie on the pages of a damaged database are news, and
//! what is left that neither SQLite nor the pages gave.
//!
//! What SQLite found is believed before what lies on a page.

use std::path::Path;

use rusqlite::Connection;

use crate::legacy::queue::{Others, Rows, Taken};
use crate::legacy::refusal::{Place, Why};
use crate::legacy::salvage::{Found, Runs, salvage};

/// Reads a database that SQLite cannot make anything of.
pub(super) fn salvage_all<R: Rows>(
    path: &Path,
    said: &str,
    rows: &mut R,
) -> Result<Others, R::Error> {
    let found = salvage_rows(path, &mut |_| false, rows)?;
    tell_gaps(&[(Place::Whole, said.to_owned())], &found, said, rows)?;
    Ok(Others {
        bodies: 0,
        recovered: found.taken,
    })
}

/// The rows that the pages gave.
#[derive(Debug, Default)]
pub(super) struct Salvaged {
    pub(super) taken: Runs,
    /// Those, and those that were refused by name.
    told: Runs,
    /// How many were taken.
    count: u64,
}

/// Hands out the rows that `is_read` does not know.
pub(super) fn salvage_rows<R: Rows>(
    path: &Path,
    is_read: &mut dyn FnMut(i64) -> bool,
    rows: &mut R,
) -> Result<Salvaged, R::Error> {
    let mut salvaged = Salvaged::default();
    salvage(path, &mut |found| match found {
        Found::Row(row) if is_read(row.id) => Ok(()),
        Found::Row(row) => {
            let id = row.id;
            let became = rows.recovered(row)?;
            if became == Taken::New {
                salvaged.taken.add(id);
                salvaged.count = salvaged.count.saturating_add(1);
            }
            salvaged.told.add(id);
            Ok(())
        }
        Found::Broken(Place::Row(id), _) if is_read(id) => Ok(()),
        Found::Broken(place, why) => {
            if let Place::Row(id) = place {
                salvaged.told.add(id);
            }
            rows.lost(place, why)
        }
    })?;
    Ok(salvaged)
}

/// Names what neither SQLite nor the pages gave, and that there is damage at
/// all, unless nothing was lost by it.
pub(super) fn tell_gaps<R: Rows>(
    gaps: &[(Place, String)],
    found: &Salvaged,
    said: &str,
    rows: &mut R,
) -> Result<(), R::Error> {
    let is_whole = gaps.iter().any(|(place, _)| *place == Place::Whole);
    if is_whole || found.count > 0 {
        let why = Why::Salvaged {
            rows: found.count,
            said: said.to_owned(),
        };
        rows.lost(Place::Whole, why)?;
    }
    for (place, said) in gaps {
        let (from, to) = match place {
            Place::Row(id) => (*id, *id),
            Place::Rows { from, to } => (*from, *to),
            _ => continue,
        };
        for (from, to) in found.told.missing(from, to) {
            let place = if from == to {
                Place::Row(from)
            } else {
                Place::Rows { from, to }
            };
            rows.lost(place, Why::Unreadable(said.clone()))?;
        }
    }
    Ok(())
}

/// What is wrong with a database that could be opened, if anything.
pub(super) fn damage_in(db: &Connection) -> Option<String> {
    let check = db.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match check {
        Ok(said) if said == "ok" => None,
        Ok(said) => Some(said.lines().last().unwrap_or_default().to_owned()),
        Err(error) => Some(error.to_string()),
    }
}
