//! Where imported events wait between being read and being appended.
//!
//! A temporary SQLite file of our own, seen by nobody else and gone afterwards.
//! It puts the events of all sources into one order, knows which ids were there
//! already, and keeps memory the same however many there are.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Map, Value};

use crate::event::{decode_body, same_data};
use crate::legacy::LegacyError;
use crate::legacy::refusal::{Place, Refusal};
use crate::position::{Lamport, Seq};
use crate::scratch::Scratch;

/// Nothing in it has to survive anything. The cache is 8 MiB.
const SCHEMA: &str = "
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA cache_size = -8192;
    BEGIN;
    CREATE TABLE events (
        n INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        lamport INTEGER NOT NULL,
        queued INTEGER NOT NULL,
        source INTEGER NOT NULL,
        retries INTEGER NOT NULL,
        seq INTEGER,
        body BLOB NOT NULL
    );
    CREATE INDEX in_order ON events (lamport, queued, source, n);
    CREATE TABLE refused (
        n INTEGER PRIMARY KEY,
        source INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        a INTEGER NOT NULL,
        b INTEGER NOT NULL,
        id TEXT,
        conflict INTEGER NOT NULL,
        reason TEXT NOT NULL,
        data BLOB
    );";

/// Longer texts than this are named, not kept.
const MAX_KEPT_BYTES: usize = 16 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Stage {
    db: Connection,
    _dir: Scratch,
}

/// An event on its way in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) source: usize,
    pub(super) id: &'a str,
    pub(super) lamport: u64,
    /// Its place in its queue among events of the same clock value.
    pub(super) queued: i64,
    pub(super) retries: u32,
    /// The body of its frame.
    pub(super) body: &'a [u8],
}

/// What became of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    New,
    /// The same event is there.
    Repeated,
    /// Another event of this id is there.
    Conflict,
}

/// An event that is not in the log yet.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) n: i64,
    pub(super) body: Vec<u8>,
}

/// Something that is not taken over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused<'a> {
    pub(super) source: usize,
    pub(super) place: Place,
    pub(super) id: Option<&'a str>,
    pub(super) conflict: bool,
    pub(super) reason: &'a str,
    pub(super) data: Option<&'a [u8]>,
}

type Result<T> = std::result::Result<T, LegacyError>;

impl Stage {
    pub(super) fn create() -> Result<Self> {
        let dir = Scratch::create()?;
        let failed = LegacyError::stage("create");
        let db = Connection::open(dir.path().join("stage.db"))
            .and_then(|db| db.execute_batch(SCHEMA).map(|()| db))
            .map_err(failed)?;
        Ok(Self { db, _dir: dir })
    }

    /// Adds an event, unless one of its id is there.
    pub(super) fn add(&self, event: &Candidate<'_>) -> Result<Added> {
        const INSERT: &str = "INSERT INTO events (id, lamport, queued, source, retries, body)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING";
        let values = params![
            event.id,
            as_i64(event.lamport),
            event.queued,
            as_i64(u64::try_from(event.source).unwrap_or(u64::MAX)),
            event.retries,
            event.body
        ];
        let inserted = self
            .db
            .prepare_cached(INSERT)
            .and_then(|mut insert| insert.execute(values))
            .map_err(LegacyError::stage("write to"))?;
        if inserted > 0 {
            return Ok(Added::New);
        }
        let there = self.find(event.id)?;
        Ok(match there {
            Some((_, body)) if is_same(&body, event.body) => Added::Repeated,
            _ => Added::Conflict,
        })
    }

    /// The event of this id: its number and body.
    pub(super) fn find(&self, id: &str) -> Result<Option<(i64, Vec<u8>)>> {
        self.db
            .prepare_cached("SELECT n, body FROM events WHERE id = ?1")
            .and_then(|mut query| {
                let found = query.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)));
                found.optional()
            })
            .map_err(LegacyError::stage("search"))
    }

    /// The event is in the log, there.
    pub(super) fn found_at(&self, n: i64, seq: Seq) -> Result<()> {
        self.db
            .prepare_cached("UPDATE events SET seq = ?2 WHERE n = ?1")
            .and_then(|mut update| update.execute(params![n, as_i64(seq.0)]))
            .map(drop)
            .map_err(LegacyError::stage("write to"))
    }

    /// The log has another event of this id: what came in is kept aside.
    pub(super) fn conflicts(&self, n: i64, reason: &str) -> Result<()> {
        let event = self
            .db
            .prepare_cached("SELECT source, id, body FROM events WHERE n = ?1")
            .and_then(|mut query| {
                query.query_row([n], |row| {
                    Ok((
                        row.get::<_, i64>(0)?,
                        row.get::<_, String>(1)?,
                        row.get::<_, Vec<u8>>(2)?,
                    ))
                })
            });
        let (source, id, body) = event.map_err(LegacyError::stage("search"))?;
        self.refuse(&Refused {
            source: usize::try_from(source).unwrap_or(usize::MAX),
            place: Place::Whole,
            id: Some(&id),
            conflict: true,
            reason,
            data: json_of(&body),
        })?;
        self.remove(n)
    }

    /// The log would not take the event.
    pub(super) fn refused_by_log(&self, n: i64, reason: &str) -> Result<()> {
        self.db
            .prepare_cached(
                "INSERT INTO refused (source, kind, a, b, id, conflict, reason)
                 SELECT source, 0, 0, 0, id, 0, ?2 FROM events WHERE n = ?1",
            )
            .and_then(|mut insert| insert.execute(params![n, reason]))
            .map_err(LegacyError::stage("write to"))?;
        self.remove(n)
    }

    fn remove(&self, n: i64) -> Result<()> {
        self.db
            .execute("DELETE FROM events WHERE n = ?1", [n])
            .map(drop)
            .map_err(LegacyError::stage("write to"))
    }

    pub(super) fn refuse(&self, refused: &Refused<'_>) -> Result<()> {
        let (kind, a, b) = place_to_row(refused.place);
        let data = refused.data.filter(|data| data.len() <= MAX_KEPT_BYTES);
        let source = as_i64(u64::try_from(refused.source).unwrap_or(u64::MAX));
        self.db
            .prepare_cached(
                "INSERT INTO refused (source, kind, a, b, id, conflict, reason, data)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    source,
                    kind,
                    a,
                    b,
                    refused.id,
                    refused.conflict,
                    refused.reason,
                    data
                ])
            })
            .map(drop)
            .map_err(LegacyError::stage("write to"))
    }

    /// How many events are not in the log yet, and how many are.
    pub(super) fn count(&self) -> Result<(u64, u64)> {
        let query = "SELECT count(*) - count(seq), count(seq) FROM events";
        let counts = self
            .db
            .query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?)));
        let (new, present): (i64, i64) = counts.map_err(LegacyError::stage("count in"))?;
        Ok((as_u64(new), as_u64(present)))
    }

    /// The same for one source.
    pub(super) fn count_of(&self, source: usize) -> Result<(u64, u64)> {
        let query = "SELECT count(*) - count(seq), count(seq) FROM events WHERE source = ?1";
        let source = as_i64(u64::try_from(source).unwrap_or(u64::MAX));
        let counts = self
            .db
            .query_row(query, [source], |row| Ok((row.get(0)?, row.get(1)?)));
        let (new, present): (i64, i64) = counts.map_err(LegacyError::stage("count in"))?;
        Ok((as_u64(new), as_u64(present)))
    }

    /// The highest clock value up to `horizon`; how many events lie above it,
    /// and the highest of those.
    pub(super) fn clocks(&self, horizon: Lamport) -> Result<(Lamport, u64, Lamport)> {
        let ask = |query| {
            let answer = self.db.query_row(query, [as_i64(horizon.0)], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?))
            });
            answer.map_err(LegacyError::stage("search"))
        };
        let (_, within) = ask("SELECT 0, max(lamport) FROM events WHERE lamport <= ?1")?;
        let (beyond, highest) =
            ask("SELECT count(*), max(lamport) FROM events WHERE lamport > ?1")?;
        let clock = |value: Option<i64>| Lamport(as_u64(value.unwrap_or(0)));
        Ok((clock(within), as_u64(beyond), clock(highest)))
    }

    /// Hands out the events that are not in the log, by clock, then by their
    /// place in the queue.
    pub(super) fn each_waiting(&self, mut give: impl FnMut(Waiting) -> Result<()>) -> Result<()> {
        const QUERY: &str = "SELECT n, body FROM events INDEXED BY in_order WHERE seq IS NULL
            ORDER BY lamport, queued, source, n";
        let failed = || LegacyError::stage("read");
        let mut query = self.db.prepare(QUERY).map_err(failed())?;
        let mut rows = query.query([]).map_err(failed())?;
        while let Some(row) = rows.next().map_err(failed())? {
            let waiting = (|| {
                Ok(Waiting {
                    n: row.get(0)?,
                    body: row.get(1)?,
                })
            })();
            give(waiting.map_err(failed())?)?;
        }
        Ok(())
    }

    /// The first refusals, at most `limit` of them, and how many there are.
    pub(super) fn refusals(&self, limit: u32) -> Result<(Vec<Refusal>, u64)> {
        let failed = || LegacyError::stage("read");
        let total = self
            .db
            .query_row("SELECT count(*) FROM refused", [], |row| row.get(0));
        let total = as_u64(total.map_err(failed())?);
        let query = "SELECT source, kind, a, b, id, reason FROM refused ORDER BY n LIMIT ?1";
        let mut query = self.db.prepare(query).map_err(failed())?;
        let rows = query.query_map([limit], refusal_in).map_err(failed())?;
        let refusals = rows
            .collect::<rusqlite::Result<Vec<_>>>()
            .map_err(failed())?;
        Ok((refusals, total))
    }

    /// The ids of events that were there with other content, at most `limit`.
    pub(super) fn conflicting_ids(&self, limit: u32) -> Result<Vec<String>> {
        let failed = || LegacyError::stage("read");
        let query =
            "SELECT DISTINCT id FROM refused WHERE conflict AND id IS NOT NULL ORDER BY n LIMIT ?1";
        let mut query = self.db.prepare(query).map_err(failed())?;
        let rows = query
            .query_map([limit], |row| row.get(0))
            .map_err(failed())?;
        rows.collect::<rusqlite::Result<Vec<_>>>().map_err(failed())
    }

    /// Hands out what was refused together with what it was.
    pub(super) fn each_kept(
        &self,
        mut give: impl FnMut(&Refusal, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let failed = || LegacyError::stage("read");
        let query = "SELECT source, kind, a, b, id, reason, data FROM refused
            WHERE data IS NOT NULL ORDER BY n";
        let mut query = self.db.prepare(query).map_err(failed())?;
        let mut rows = query.query([]).map_err(failed())?;
        while let Some(row) = rows.next().map_err(failed())? {
            let refusal = refusal_in(row).map_err(failed())?;
            let data: Vec<u8> = row.get(6).map_err(failed())?;
            give(&refusal, &data)?;
        }
        Ok(())
    }
}

fn refusal_in(row: &Row<'_>) -> rusqlite::Result<Refusal> {
    Ok(Refusal {
        source: usize::try_from(row.get::<_, i64>(0)?).unwrap_or(usize::MAX),
        place: place_of_row(row.get(1)?, row.get(2)?, row.get(3)?),
        event_id: row.get(4)?,
        reason: row.get(5)?,
    })
}

fn place_to_row(place: Place) -> (i64, i64, i64) {
    match place {
        Place::Whole => (0, 0, 0),
        Place::Row(id) => (1, id, 0),
        Place::Rows { from, to } => (2, from, to),
        Place::Line(number) => (3, as_i64(number), 0),
        Place::Frame(seq) => (4, as_i64(seq), 0),
        Place::Page(number) => (5, i64::from(number), 0),
    }
}

fn place_of_row(kind: i64, a: i64, b: i64) -> Place {
    match kind {
        1 => Place::Row(a),
        2 => Place::Rows { from: a, to: b },
        3 => Place::Line(as_u64(a)),
        4 => Place::Frame(as_u64(a)),
        5 => Place::Page(u32::try_from(a).unwrap_or(0)),
        _ => Place::Whole,
    }
}

/// Whether two bodies hold the same event. An event that was recorded without
/// a team may have got one on its way through the other tool.
pub(super) fn is_same(one: &[u8], other: &[u8]) -> bool {
    let text = |body| json_of(body).and_then(|json| std::str::from_utf8(json).ok());
    match (text(one), text(other)) {
        (Some(one), Some(other)) => same_data(one, other) || same_but_for_team(one, other),
        _ => false,
    }
}

/// Whether one of two events has a team, the other none, and all else is the same.
fn same_but_for_team(one: &str, other: &str) -> bool {
    const TEAM: &str = "team_slug";
    let members = |text| serde_json::from_str::<Map<String, Value>>(text).ok();
    match (members(one), members(other)) {
        (Some(mut one), Some(mut other)) if one.contains_key(TEAM) != other.contains_key(TEAM) => {
            one.remove(TEAM);
            other.remove(TEAM);
            one == other
        }
        _ => false,
    }
}

fn json_of(body: &[u8]) -> Option<&[u8]> {
    decode_body(body).ok().map(|(_, json)| json)
}

fn as_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn as_u64(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
