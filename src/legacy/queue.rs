//! The rows of a `queue.db`, of every version, sound or damaged.
//!
//! The original never wrote a version into its databases, so the columns say
//! which one it is; only `data` must be there. Rows are read in the order of
//! their `id`. Where a page is damaged, the rows around it are asked for one by
//! one, so that one bad page costs the rows on it and no others.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row, params};

use crate::legacy::recover::{damage_in, salvage_all, salvage_rows, tell_gaps};
use crate::legacy::refusal::{Place, Why};
use crate::legacy::salvage::Runs;

/// Behind a damaged place, so many ids are asked for one by one.
const MOST_PROBES: i64 = 200_000;

/// One row.
#[derive(Clone, Debug)]
pub(super) struct QueueRow<'a> {
    pub(super) id: i64,
    /// The event as it was queued, or what stands in its place.
    pub(super) data: Result<&'a [u8], Why>,
    /// When it was queued, in seconds since 1970; the order of the queue.
    pub(super) queued_s: i64,
    pub(super) retries: u32,
}

/// What a reader of rows is told.
pub(super) trait Rows {
    type Error;

    /// The next row.
    fn row(&mut self, row: QueueRow<'_>) -> Result<(), Self::Error>;

    /// A row that SQLite does not find, and that was found on a page.
    fn recovered(&mut self, row: QueueRow<'_>) -> Result<Taken, Self::Error>;

    /// Something that is not there any more, or cannot be read.
    fn lost(&mut self, place: Place, why: Why) -> Result<(), Self::Error>;
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It was taken in.
    New,
    /// The same event came already.
    Known,
    /// It was refused, by name.
    Refused,
}

/// What else there is to say of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Others {
    /// Bodies of artifacts that wait for being uploaded.
    pub(super) bodies: u64,
    /// The rows that only their pages gave.
    pub(super) recovered: Runs,
}

/// Reads the copy of a queue at `path`. Where SQLite finds damage, what it does
/// not give is looked for on the pages.
pub(super) fn read<R: Rows>(path: &Path, rows: &mut R) -> Result<Others, R::Error> {
    let opened = open(path).and_then(|db| Ok((Columns::of(&db)?, db)));
    let (columns, db) = match opened {
        Ok((Some(columns), db)) => (columns, db),
        Ok((None, db)) => {
            return match damage_in(&db) {
                None => rows
                    .lost(Place::Whole, Why::NoQueue)
                    .map(|()| Others::default()),
                Some(said) => salvage_all(path, &said, rows),
            };
        }
        Err(error) => return salvage_all(path, &error.to_string(), rows),
    };
    let mut scan = Scan::new(&db, &columns);
    scan.run(rows)?;
    let gaps = scan.gaps;
    let mut others = Others {
        bodies: count(&db, "SELECT count(*) FROM body_upload_queue"),
        ..Others::default()
    };
    let said = match gaps.first() {
        Some((_, said)) => Some(said.clone()),
        None => damage_in(&db),
    };
    if let Some(said) = said {
        let mut lookup = db
            .prepare(&format!("SELECT 1 FROM queue WHERE {} = ?1", columns.key))
            .ok();
        let mut is_read = |id: i64| {
            let found = lookup.as_mut().map(|lookup| lookup.exists([id]));
            found.is_some_and(|found| found.unwrap_or(false))
        };
        let found = salvage_rows(path, &mut is_read, rows)?;
        tell_gaps(&gaps, &found, &said, rows)?;
        others.recovered = found.taken;
    }
    Ok(others)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    // Nothing that a schema of somebody else's says is run. A database that
    // was cut off is read as far as it goes.
    db.execute_batch(
        "PRAGMA trusted_schema=OFF; PRAGMA writable_schema=ON; PRAGMA cell_size_check=ON",
    )?;
    Ok(db)
}

fn count(db: &Connection, query: &str) -> u64 {
    let count = db.query_row(query, [], |row| row.get::<_, i64>(0));
    count
        .ok()
        .and_then(|count| u64::try_from(count).ok())
        .unwrap_or(0)
}

/// The query that fits the columns that there are.
struct Columns {
    /// By what a row is known: its number, or where there are none, its `id`.
    key: &'static str,
    selected: String,
}

impl Columns {
    fn of(db: &Connection) -> rusqlite::Result<Option<Self>> {
        let is_table = "SELECT count(*) FROM sqlite_schema WHERE name='queue' COLLATE NOCASE AND type='table' \
                        AND sql NOT LIKE 'CREATE VIRTUAL%'";
        if db.query_row(is_table, [], |row| row.get::<_, i64>(0))? == 0 {
            return Ok(None);
        }
        let mut names = Vec::new();
        let mut statement = db.prepare("PRAGMA table_info(queue)")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            names.push(row.get::<_, String>("name")?.to_ascii_lowercase());
        }
        let has = |name: &str| names.iter().any(|known| known == name);
        let or_zero = |name: &'static str| if has(name) { name } else { "0" };
        let is_numbered = db.prepare("SELECT rowid FROM queue").is_ok();
        let key = if is_numbered { "rowid" } else { "id" };
        Ok(has("data").then(|| Self {
            key,
            selected: format!(
                "SELECT {key}, data, {}, {} FROM queue",
                or_zero("timestamp"),
                or_zero("retry_count")
            ),
        }))
    }
}

/// One reading of a table.
struct Scan<'a> {
    db: &'a Connection,
    columns: &'a Columns,
    /// The last id that was read or given up. Never goes back, so that every
    /// reading ends.
    last: i64,
    /// What could not be read, and what SQLite said.
    gaps: Vec<(Place, String)>,
}

impl<'a> Scan<'a> {
    fn new(db: &'a Connection, columns: &'a Columns) -> Self {
        Self {
            db,
            columns,
            last: i64::MIN,
            gaps: Vec::new(),
        }
    }

    fn run<R: Rows>(&mut self, rows: &mut R) -> Result<(), R::Error> {
        loop {
            let Err(said) = self.ascend(rows)? else {
                return Ok(());
            };
            if !self.probe(rows, &said)? {
                return Ok(());
            }
        }
    }

    /// Reads on until the end, or until something cannot be read.
    fn ascend<R: Rows>(&mut self, rows: &mut R) -> Result<Result<(), String>, R::Error> {
        let Columns { key, selected } = self.columns;
        let query = format!("{selected} WHERE {key} > ?1 ORDER BY {key}");
        let mut statement = match self.db.prepare_cached(&query) {
            Ok(statement) => statement,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let mut found = match statement.query(params![self.last]) {
            Ok(found) => found,
            Err(error) => return Ok(Err(error.to_string())),
        };
        loop {
            match found.next() {
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error.to_string())),
                Ok(Some(row)) => {
                    let Some(row) = of(row) else {
                        return Ok(Err("a row cannot be read".to_owned()));
                    };
                    // Only a damaged page makes ids go back.
                    if row.id <= self.last {
                        return Ok(Err("the rows are out of order".to_owned()));
                    }
                    self.last = row.id;
                    rows.row(row)?;
                }
            }
        }
    }

    /// Asks for the rows behind a damaged place one by one, until one is there
    /// and told of. Says whether there is anything to go on with.
    fn probe<R: Rows>(&mut self, rows: &mut R, said: &str) -> Result<bool, R::Error> {
        let first = self.last.max(0).saturating_add(1);
        let end = self
            .highest()
            .unwrap_or_else(|| first.saturating_add(MOST_PROBES));
        let Columns { key, selected } = self.columns;
        let query = format!("{selected} WHERE {key} = ?1");
        let mut unreadable: Option<(i64, i64)> = None;
        let mut next = None;
        if let Ok(mut statement) = self.db.prepare(&query) {
            for id in first..=end.min(first.saturating_add(MOST_PROBES)) {
                let mut found = match statement.query(params![id]) {
                    Ok(found) => found,
                    Err(_) => break,
                };
                match found.next().map(|row| row.and_then(of)) {
                    Ok(Some(row)) if row.id == id => {
                        next = Some(id);
                        self.last = id;
                        rows.row(row)?;
                        break;
                    }
                    Ok(_) => {}
                    Err(_) => unreadable = Some((unreadable.map_or(id, |(from, _)| from), id)),
                }
            }
        }
        // A garbled row is not to be found under its id, and gives no error.
        let garbled = next.map(|next| (first, next.saturating_sub(1)));
        let lost = unreadable.or(garbled.filter(|(from, to)| from <= to));
        let place = match lost {
            Some((from, to)) if from == to => Some(Place::Row(from)),
            Some((from, to)) => Some(Place::Rows { from, to }),
            None if next.is_none() => Some(Place::Whole),
            None => None,
        };
        if let Some(place) = place {
            self.gaps.push((place, said.to_owned()));
        }
        Ok(next.is_some())
    }

    /// The highest id that there was.
    fn highest(&self) -> Option<i64> {
        let ask = |query: &str| {
            self.db
                .query_row(query, [], |row| row.get::<_, Option<i64>>(0))
        };
        let there = ask(&format!("SELECT max({}) FROM queue", self.columns.key))
            .ok()
            .flatten();
        let given = ask("SELECT max(seq) FROM sqlite_sequence WHERE name='queue' COLLATE NOCASE")
            .ok()
            .flatten();
        there.max(given)
    }
}

/// The row at hand; `None` when not even its id can be read.
fn of<'a>(row: &'a Row<'_>) -> Option<QueueRow<'a>> {
    let id = row.get_ref(0).ok()?.as_i64().ok()?;
    let data = match row.get_ref(1) {
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => Ok(bytes),
        Ok(_) => Err(Why::NotText),
        Err(error) => Err(Why::Unreadable(error.to_string())),
    };
    let number = |index| match row.get_ref(index) {
        Ok(ValueRef::Integer(value)) => value,
        _ => 0,
    };
    Some(QueueRow {
        id,
        data,
        queued_s: number(2),
        retries: u32::try_from(number(3).clamp(0, i64::from(u32::MAX))).unwrap_or(0),
    })
}
