//! The bytes on disk are a promise: golden segments, written and read.
//!
//! `tests/golden/log-v1/` holds the two segments of a small log whose every
//! input is fixed. Writing the same log again must give the same bytes, and
//! reading those files must give the same frames, for as long as format 1 is
//! supported. `docs/log-format.md` shows the first segment as a hex dump; the
//! dump is held to the golden file here.
//!
//! To make the files anew after a deliberate change of format (which needs a
//! new version number): `SPEC_KITTY_WRITE_GOLDEN=1 cargo test --test log_format`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use spec_kitty::event::{
    Context, EventId, Lane, Payload, WpStatusChanged, decode_body, encode_event,
};
use spec_kitty::log::ambient::Ambient;
use spec_kitty::log::append::{Log, LogOptions, NodeIdentity, Record, Refused, Stamp, Tick};
use spec_kitty::log::frame::Kind;

use spec_kitty::log::header::{HEADER_BYTES, NodeId};
use spec_kitty::log::read::Step;
use spec_kitty::log::reader::Reader;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::storage::{Disk, Held, Storage, StoredFile};
use spec_kitty::position::{Lamport, Seq};
use spec_kitty::target::Target;

const DEADLINE: Duration = Duration::from_secs(5);

/// Time stands still and randomness counts.
#[derive(Debug, Default)]
struct Fixed(AtomicU8);

impl Ambient for Fixed {
    fn now_us(&self) -> i64 {
        1_770_120_000_000_000
    }

    fn random(&self) -> [u8; 16] {
        [self.0.fetch_add(1, Ordering::Relaxed) + 0xA0; 16]
    }
}

/// The real file system, but with a lock whose inode is always the same.
#[derive(Debug)]
struct FixedLock;

#[derive(Debug)]
struct FixedHeld(Box<dyn Held>);

impl Held for FixedHeld {
    fn identity(&self) -> u64 {
        0x1122_3344
    }

    fn is_current(&self) -> bool {
        self.0.is_current()
    }
}

impl Storage for FixedLock {
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        Disk.list(dir)
    }
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        Disk.open_read(path)
    }
    fn open_write(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        Disk.open_write(path)
    }
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        Disk.create_new(path)
    }
    fn size_of(&self, path: &Path) -> io::Result<u64> {
        Disk.size_of(path)
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        Disk.create_dir_all(path)
    }
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename_new(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        Disk.remove(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        Disk.sync_dir(path)
    }
    fn lock(&self, path: &Path, deadline: Duration) -> io::Result<Option<Box<dyn Held>>> {
        Ok(Disk
            .lock(path, deadline)?
            .map(|held| Box::new(FixedHeld(held)) as Box<dyn Held>))
    }
}

/// A real event with every input fixed.
struct Event(u8);

impl Record for Event {
    fn kind(&self) -> Kind {
        Kind::Event
    }

    fn tick(&self) -> Tick {
        Tick::Own
    }

    fn encode(&mut self, stamp: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        let draft = WpStatusChanged::new("WP01", Lane::Planned, Lane::Doing)
            .changed_by("claude")
            .feature("028-demo")
            .into_draft()
            .unwrap();
        let context = Context {
            node_id: stamp.node_id.to_string(),
            team_slug: Some("acme".into()),
            project_uuid: Some("3a3819b1-a27d-4152-a493-ad2ef5a006cd".into()),
            project_slug: Some("widgets".into()),
            git_branch: Some("main".into()),
            head_commit_sha: None,
            repo_slug: Some("acme/widgets".into()),
            timestamp_us: 1_770_120_000_123_456,
            target: Target::new("https://example.org", "alice", Some("acme")).id(),
            opted_out: false,
        };
        let id = EventId::parse(&format!("01KGHD0000000000000000000{}", self.0)).unwrap();
        encode_event(&draft, &context, &id, stamp.clock, out).unwrap();
        Ok(())
    }
}

/// A clock value received from elsewhere, and a control fact.
struct Plain(Kind, Tick, &'static str);

impl Record for Plain {
    fn kind(&self) -> Kind {
        self.0
    }

    fn tick(&self) -> Tick {
        self.1
    }

    fn encode(&mut self, _: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        out.extend_from_slice(self.2.as_bytes());
        Ok(())
    }
}

fn write_log(dir: &Path, prepared_bytes: u64) {
    let node_id = NodeId::parse("b805cd5cee74").unwrap();
    let node = NodeIdentity {
        node_id,
        facts: *b"factshex",
    };
    let options = LogOptions {
        segment_frames: 4,
        prepared_bytes,
        ..LogOptions::for_node(node)
    };
    let log_dir = LogDir::new(dir.join("log"), Arc::new(FixedLock));
    let log = Log::new(log_dir, Arc::new(Fixed::default()), options);
    let (mut first, mut second, mut third) = (Event(1), Event(2), Event(3));
    let mut clock = Plain(
        Kind::Clock,
        Tick::Past(Lamport(40)),
        "{\"v\":1,\"received\":40}",
    );
    let mut control = Plain(Kind::Control, Tick::Still, "{\"v\":1}");
    let records: &mut [&mut dyn Record] = &mut [
        &mut first,
        &mut clock,
        &mut second,
        &mut control,
        &mut third,
    ];
    let appended = log.append(records, None, DEADLINE);
    assert!(appended.failure.is_none(), "{:?}", appended.failure);
}

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/log-v1")
}

fn segments(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|suffix| suffix == "seg")
        })
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                std::fs::read(entry.path()).unwrap(),
            )
        })
        .collect();
    found.sort();
    found
}

#[test]
fn the_same_log_is_written_with_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 0);
    let written = segments(&dir.path().join("log"));
    if std::env::var_os("SPEC_KITTY_WRITE_GOLDEN").is_some() {
        for (name, bytes) in &written {
            std::fs::write(golden_dir().join(name), bytes).unwrap();
        }
    }
    assert_eq!(written.len(), 2);
    for ((name, bytes), (golden_name, golden)) in written.iter().zip(segments(&golden_dir())) {
        assert_eq!(*name, golden_name);
        assert!(*bytes == golden, "{name} differs:\n{}", hex_dump(bytes));
    }
}

/// What is prepared is zeros, and only behind the last frame of the segment that
/// was written to last.
#[test]
fn prepared_space_changes_no_byte_of_a_frame() {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 4096);
    let written = segments(&dir.path().join("log"));
    let mut golden = segments(&golden_dir());
    golden[1].1.resize(4096, 0);
    for ((name, bytes), (_, golden)) in written.iter().zip(&golden) {
        assert!(
            bytes[HEADER_BYTES..] == golden[HEADER_BYTES..],
            "{name}: {}",
            hex_dump(bytes)
        );
        let different = (0..HEADER_BYTES).filter(|at| bytes[*at] != golden[*at]);
        let of_each_copy = |at: usize| at % 512 == 10 || at % 512 >= 508;
        assert!(
            different.clone().all(of_each_copy),
            "the flag and the checksum"
        );
        assert_eq!((bytes[10], golden[10]), (2, 0));
    }
}

#[test]
fn golden_segments_are_read_as_they_were_written() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in segments(&golden_dir()) {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    let mut reader = Reader::new(LogDir::new(dir.path(), Arc::new(Disk)), Seq(1));
    let mut seen = Vec::new();
    loop {
        match reader.step().unwrap() {
            Step::Idle => break,
            Step::Damage(damage) => panic!("{damage:?}"),
            Step::Frame(item) => {
                let id = match decode_body(item.body) {
                    Ok((header, json)) => {
                        assert!(json.starts_with(b"{\"event_id\":") && json.ends_with(b"}"));
                        assert_eq!(header.lamport, item.clock.0);
                        header.event_id.to_owned()
                    }
                    Err(_) => String::from_utf8(item.body.to_vec()).unwrap(),
                };
                seen.push((item.seq.0, item.clock.0, item.kind, id));
            }
        }
    }
    let event = |number: u8| format!("01KGHD0000000000000000000{number}");
    assert_eq!(
        seen,
        [
            (1, 1, Kind::Event, event(1)),
            (2, 41, Kind::Clock, "{\"v\":1,\"received\":40}".into()),
            (3, 42, Kind::Event, event(2)),
            (4, 42, Kind::Control, "{\"v\":1}".into()),
            (5, 43, Kind::Event, event(3)),
        ]
    );
}

#[test]
fn the_worked_example_in_the_format_document_is_the_golden_file() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/log-format.md");
    let document = std::fs::read_to_string(document).unwrap();
    let (_, golden) = segments(&golden_dir()).into_iter().next().unwrap();
    let dump = hex_dump(&golden);
    assert!(
        document.contains(&dump),
        "docs/log-format.md must contain:\n{dump}"
    );
}

/// As `hexdump -C` prints it: repeated lines become one `*`.
fn hex_dump(bytes: &[u8]) -> String {
    let mut dump = String::new();
    let mut previous: Option<&[u8]> = None;
    let mut starred = false;
    for (index, line) in bytes.chunks(16).enumerate() {
        if previous == Some(line) && (index + 1) * 16 < bytes.len() {
            if !starred {
                dump.push_str("*\n");
            }
            starred = true;
            continue;
        }
        (previous, starred) = (Some(line), false);
        write!(dump, "{:08x} ", index * 16).unwrap();
        for half in [0, 8] {
            for at in half..half + 8 {
                match line.get(at) {
                    Some(byte) => write!(dump, " {byte:02x}").unwrap(),
                    None => dump.push_str("   "),
                }
            }
            dump.push(' ');
        }
        let text: String = line
            .iter()
            .map(|byte| {
                if (0x20..0x7f).contains(byte) {
                    char::from(*byte)
                } else {
                    '.'
                }
            })
            .collect();
        writeln!(dump, " |{text}|").unwrap();
    }
    writeln!(dump, "{:08x}", bytes.len()).unwrap();
    dump
}
