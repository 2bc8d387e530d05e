//! The stores that ours is held against, each behind the same three calls. One
//! record is 500 bytes; `append` returns when it is durable.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fs2::FileExt as _;
use spec_kitty::log::ambient::System;
use spec_kitty::log::append::{Log, LogOptions, NodeIdentity, Record, Refused, Stamp, Tick};
use spec_kitty::log::frame::Kind;
use spec_kitty::log::header::NodeId;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::storage::Disk;

pub const RECORD_BYTES: usize = 500;
pub const ALL: &[&str] = &[
    "bare",
    "ours",
    "okaywal",
    "raft-engine",
    "fjall",
    "redb",
    "sqlite",
    "sled",
];

pub trait Store {
    fn append(&mut self);
    /// So many records and one sync.
    fn batch(&mut self, records: usize);
}

pub fn record() -> Vec<u8> {
    record_of(RECORD_BYTES)
}

fn record_of(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| b'a' + (at % 26) as u8).collect()
}

/// Opens, or makes, the store `name` in `dir`.
pub fn open(name: &str, dir: &Path) -> Box<dyn Store> {
    std::fs::create_dir_all(dir).unwrap();
    match name {
        "bare" => Box::new(Bare::open(dir, RECORD_BYTES)),
        "bare-inside" => Box::new(SyncInside(Bare::open(dir, RECORD_BYTES))),
        "ours-prepared" => Box::new(Ours(log_with(dir, u64::MAX, PREPARED_BYTES))),
        "bare-prepared" => Box::new(Prepared(Bare::open(dir, RECORD_BYTES), 0)),
        "ours" => Box::new(Ours(log_in(dir, u64::MAX))),
        "okaywal" => Box::new(Wal(okaywal::WriteAheadLog::recover(
            dir.join("wal"),
            Silent,
        )
        .unwrap())),
        "raft-engine" => Box::new(Raft::open(dir)),
        "fjall" => Box::new(Fjall::open(dir)),
        "redb" => Box::new(Redb(redb::Database::create(dir.join("redb")).unwrap(), 0)),
        "sqlite" => Box::new(Sqlite::open(dir)),
        "sled" => Box::new(Sled(
            sled::Config::new().path(dir.join("sled")).open().unwrap(),
            0,
        )),
        other => panic!("no store {other}"),
    }
}

/// A file with a length, a checksum and a number before each record: lock, look
/// at the last frame, write behind it, sync. Nothing can do less and be durable.
struct Bare {
    file: File,
    lock: File,
    end: u64,
    number: u64,
    record_bytes: usize,
}

const BARE_HEAD: usize = 16;
pub const BARE_FRAME: usize = BARE_HEAD + RECORD_BYTES;

impl Bare {
    fn open(dir: &Path, record_bytes: usize) -> Self {
        let open = |name: &str| {
            let mut options = OpenOptions::new();
            options
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(dir.join(name))
                .unwrap()
        };
        let (file, lock) = (open("bare"), open("LOCK"));
        lock.lock_exclusive().unwrap();
        let end = file.metadata().unwrap().len();
        let mut number = 0;
        let frame_bytes = BARE_HEAD + record_bytes;
        if end >= frame_bytes as u64 {
            let mut last = vec![0; frame_bytes];
            file.read_exact_at(&mut last, end - frame_bytes as u64)
                .unwrap();
            let crc = u32::from_le_bytes(last[4..8].try_into().unwrap());
            assert_eq!(crc32fast::hash(&last[8..]), crc);
            number = u64::from_le_bytes(last[8..16].try_into().unwrap());
        }
        Self {
            file,
            lock,
            end,
            number,
            record_bytes,
        }
    }

    fn write_one(&mut self) {
        let mut bytes = Vec::with_capacity(BARE_FRAME);
        self.frame(&mut bytes);
        self.file.write_all_at(&bytes, self.end).unwrap();
        self.end += bytes.len() as u64;
    }

    fn frame(&mut self, out: &mut Vec<u8>) {
        self.number += 1;
        let start = out.len();
        out.extend((self.record_bytes as u32).to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.number.to_le_bytes());
        out.extend(record_of(self.record_bytes));
        let crc = crc32fast::hash(&out[start + 8..]);
        out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    }
}

impl Store for Bare {
    fn append(&mut self) {
        self.write_one();
        let _ = fs2::FileExt::unlock(&self.lock);
        self.file.sync_data().unwrap();
    }

    fn batch(&mut self, records: usize) {
        let mut bytes = Vec::with_capacity(256 * 1024 + BARE_FRAME);
        for left in (0..records).rev() {
            self.frame(&mut bytes);
            if bytes.len() >= 256 * 1024 || left == 0 {
                self.file.write_all_at(&bytes, self.end).unwrap();
                self.end += bytes.len() as u64;
                bytes.clear();
            }
        }
        self.file.sync_data().unwrap();
    }
}

/// The bare file whose lock is given back after the sync.
struct SyncInside(Bare);

impl Store for SyncInside {
    fn append(&mut self) {
        self.0.write_one();
        self.0.file.sync_data().unwrap();
        let _ = fs2::FileExt::unlock(&self.0.lock);
    }

    fn batch(&mut self, records: usize) {
        self.0.batch(records);
    }
}

/// So many zeros are written ahead, where that is tried.
const PREPARED_BYTES: u64 = 64 * 1024;

/// The bare file with zeros written ahead, as ours has them when asked to.
struct Prepared(Bare, u64);

impl Store for Prepared {
    fn append(&mut self) {
        let Self(bare, length) = self;
        let mut bytes = Vec::with_capacity(BARE_FRAME);
        bare.frame(&mut bytes);
        let end = bare.end + bytes.len() as u64;
        if end > *length {
            *length = end.next_multiple_of(PREPARED_BYTES);
            bytes.resize((*length - bare.end) as usize, 0);
        }
        bare.file.write_all_at(&bytes, bare.end).unwrap();
        bare.end = end;
        let _ = fs2::FileExt::unlock(&bare.lock);
        bare.file.sync_data().unwrap();
    }

    fn batch(&mut self, records: usize) {
        self.0.batch(records);
    }
}

/// The bare file with frames of another size.
pub fn bare_with(dir: &Path, frame_bytes: usize) -> Box<dyn Store> {
    Box::new(Bare::open(dir, frame_bytes - BARE_HEAD))
}

/// The log itself, with bodies that are ready.
struct Ours(Log);

struct Body(Vec<u8>);

impl Record for Body {
    fn kind(&self) -> Kind {
        Kind::Event
    }

    fn tick(&self) -> Tick {
        Tick::Own
    }

    fn encode(&mut self, _: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        out.extend_from_slice(&self.0);
        Ok(())
    }
}

pub fn log_in(dir: &Path, max_bytes: u64) -> Log {
    log_with(dir, max_bytes, 0)
}

fn log_with(dir: &Path, max_bytes: u64, prepared_bytes: u64) -> Log {
    let node = NodeIdentity {
        node_id: NodeId::parse("b805cd5cee74").unwrap(),
        facts: [9; 8],
    };
    let options = LogOptions {
        max_bytes,
        prepared_bytes,
        ..LogOptions::for_node(node)
    };
    let dir = LogDir::new(dir.join("log"), Arc::new(Disk));
    Log::new(dir, Arc::new(System), options)
}

impl Store for Ours {
    fn append(&mut self) {
        self.batch(1);
    }

    fn batch(&mut self, records: usize) {
        let mut bodies: Vec<_> = (0..records).map(|_| Body(record())).collect();
        let mut slots: Vec<_> = bodies.iter_mut().map(|b| b as &mut dyn Record).collect();
        let appended = self.0.append(&mut slots, None, Duration::from_secs(5));
        assert!(appended.failure.is_none(), "{:?}", appended.failure);
    }
}

#[derive(Debug)]
struct Silent;

impl okaywal::LogManager for Silent {
    fn recover(&mut self, _: &mut okaywal::Entry<'_>) -> std::io::Result<()> {
        Ok(())
    }

    fn checkpoint_to(
        &mut self,
        _: okaywal::EntryId,
        _: &mut okaywal::SegmentReader,
        _: &okaywal::WriteAheadLog,
    ) -> std::io::Result<()> {
        Ok(())
    }
}

struct Wal(okaywal::WriteAheadLog);

impl Store for Wal {
    fn append(&mut self) {
        self.batch(1);
    }

    fn batch(&mut self, records: usize) {
        let mut entry = self.0.begin_entry().unwrap();
        for _ in 0..records {
            entry.write_chunk(&record()).unwrap();
        }
        entry.commit().unwrap();
    }
}

struct Raft {
    engine: raft_engine::Engine,
    number: u64,
}

impl Raft {
    fn open(dir: &Path) -> Self {
        let config = raft_engine::Config {
            dir: dir.join("raft").to_str().unwrap().to_owned(),
            ..Default::default()
        };
        Self {
            engine: raft_engine::Engine::open(config).unwrap(),
            number: 0,
        }
    }
}

impl Store for Raft {
    fn append(&mut self) {
        self.batch(1);
    }

    fn batch(&mut self, records: usize) {
        let mut batch = raft_engine::LogBatch::with_capacity(records);
        for _ in 0..records {
            self.number += 1;
            batch
                .put(1, self.number.to_be_bytes().to_vec(), record())
                .unwrap();
        }
        self.engine.write(&mut batch, true).unwrap();
    }
}

struct Fjall {
    db: fjall::Database,
    keys: fjall::Keyspace,
    number: u64,
}

impl Fjall {
    fn open(dir: &Path) -> Self {
        let db = fjall::Database::builder(dir.join("fjall")).open().unwrap();
        let keys = db
            .keyspace("e", fjall::KeyspaceCreateOptions::default)
            .unwrap();
        let number = u64::from(std::process::id()) << 32;
        Self { db, keys, number }
    }
}

impl Store for Fjall {
    fn append(&mut self) {
        self.batch(1);
    }

    fn batch(&mut self, records: usize) {
        for _ in 0..records {
            self.number += 1;
            self.keys
                .insert(self.number.to_be_bytes(), record())
                .unwrap();
        }
        self.db.persist(fjall::PersistMode::SyncData).unwrap();
    }
}

const TABLE: redb::TableDefinition<'_, u64, &[u8]> = redb::TableDefinition::new("e");

struct Redb(redb::Database, u64);

impl Store for Redb {
    fn append(&mut self) {
        self.batch(1);
    }

    fn batch(&mut self, records: usize) {
        let write = self.0.begin_write().unwrap();
        {
            let mut table = write.open_table(TABLE).unwrap();
            for _ in 0..records {
                self.1 += 1;
                table.insert(self.1, record().as_slice()).unwrap();
            }
        }
        write.commit().unwrap();
    }
}

struct Sqlite(rusqlite::Connection);

/// Some things answer "busy" at once, whatever the timeout is.
fn until_free<T>(mut job: impl FnMut() -> rusqlite::Result<T>) {
    while let Err(error) = job() {
        let busy = Some(rusqlite::ErrorCode::DatabaseBusy);
        assert_eq!(error.sqlite_error_code(), busy, "{error}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Sqlite {
    fn open(dir: &Path) -> Self {
        let db = rusqlite::Connection::open(dir.join("sqlite")).unwrap();
        db.busy_timeout(Duration::from_secs(60)).unwrap();
        until_free(|| {
            db.execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                 CREATE TABLE IF NOT EXISTS e (n INTEGER PRIMARY KEY, body BLOB);",
            )
        });
        Self(db)
    }
}

impl Store for Sqlite {
    fn append(&mut self) {
        until_free(|| {
            let mut insert = self.0.prepare_cached("INSERT INTO e (body) VALUES (?1)")?;
            insert.execute([record()])
        });
    }

    fn batch(&mut self, records: usize) {
        self.0.execute_batch("BEGIN IMMEDIATE").unwrap();
        (0..records).for_each(|_| self.append());
        self.0.execute_batch("COMMIT").unwrap();
    }
}

struct Sled(sled::Db, u64);

impl Store for Sled {
    fn append(&mut self) {
        self.batch(1);
    }

    fn batch(&mut self, records: usize) {
        for _ in 0..records {
            self.1 += 1;
            self.0.insert(self.1.to_be_bytes(), record()).unwrap();
        }
        self.0.flush().unwrap();
    }
}

/// `frames` bare frames in a file, for scans.
pub fn bare_file(path: &Path, frames: usize) {
    let mut file = std::io::BufWriter::new(File::create(path).unwrap());
    let mut bare = Bare::open(path.parent().unwrap(), RECORD_BYTES);
    let mut bytes = Vec::new();
    for _ in 0..frames {
        bytes.clear();
        bare.frame(&mut bytes);
        file.write_all(&bytes).unwrap();
    }
    file.flush().unwrap();
}
