//! A file to import. Input: a byte that says what it is taken for (0 found out,
//! 1 NDJSON, 2 a queue, 3 a clock; 4 more: make the header of a database right),
//! then the file.
//!
//! Promised: no panic and an end; a look at it writes nothing into the home;
//! what is taken in and what is refused are all that was counted; a row that is
//! taken has an event in it whose body reads back as the same bytes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use spec_kitty::event::{Flags, Foreign, decode_body, encode_body};
use spec_kitty::home::Home;
use spec_kitty::legacy::{ClockFile, Format, OwnerOf, Purpose, Scope, find, gather};
use spec_kitty::log::ambient::System;
use spec_kitty::log::append::{Log, LogOptions, NodeIdentity};
use spec_kitty::log::header::NodeId;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::storage::Disk;
use spec_kitty::position::Lamport;
use spec_kitty::target::TargetId;

/// Reads the file and holds what came of it to the promises.
pub fn run(data: &[u8]) {
    let Some((choice, content)) = data.split_first() else {
        return;
    };
    let mut content = content.to_vec();
    if choice & 4 != 0 && content.len() > 16 {
        content[..16].copy_from_slice(b"SQLite format 3\0");
    }
    lines(&content);
    if let Ok(clock) = ClockFile::parse(&content) {
        assert!(clock.value <= Lamport::MAX_PLAUSIBLE);
    }
    if let Some(scope) = std::str::from_utf8(&content).ok().and_then(Scope::parse) {
        assert!(scope.target().is_some() && scope.hash().len() == 16);
    }
    let format = match choice & 3 {
        0 => Format::Auto,
        1 => Format::Ndjson,
        2 => Format::Sqlite,
        _ => Format::Clock,
    };
    let dir = Scratch::new();
    let path = dir.0.join("file");
    std::fs::write(&path, &content).expect("room for a file");
    look(&dir.0, &path, format);
    assert!(
        std::fs::read(&path).expect("the file") == content,
        "the original was changed"
    );
}

/// Each line that is an event is kept byte for byte.
fn lines(content: &[u8]) {
    for line in content.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        let Ok(event) = Foreign::read(line) else {
            continue;
        };
        let header = event.header(TargetId::SIGNED_OUT, Flags::default(), 0);
        let mut body = Vec::new();
        encode_body(&header, line, &mut body).expect("what was read can be kept");
        let (read, json) = decode_body(&body).expect("what was kept can be read");
        assert!(
            read == header && json == line,
            "other bytes than were given"
        );
    }
}

fn look(dir: &Path, path: &Path, format: Format) {
    let home = Home::at(dir.join("home"));
    let node = NodeIdentity {
        node_id: NodeId::parse("b805cd5cee74").expect("a node id"),
        facts: [0; 8],
    };
    let log_dir = LogDir::new(home.log_dir(), Arc::new(Disk));
    let log = Log::new(log_dir, Arc::new(System), LogOptions::for_node(node));
    let Ok(sources) = find(path, format, &home.log_dir(), &[]) else {
        return;
    };
    let owners = |_: &LogDir| -> Result<Box<OwnerOf<'static>>, _> {
        Ok(
            Box::new(|_, header: &spec_kitty::event::EventHeader<'_>| header.target)
                as Box<OwnerOf<'static>>,
        )
    };
    let Ok(gathered) = gather(&home, &log, &sources, &owners, Purpose::Look, &mut |_| true) else {
        return;
    };
    assert!(!home.root().exists(), "a look has made a home");
    let (waiting, present) = gathered.count().expect("a stage that counts");
    let (listed, refused) = gathered.refusals().expect("a stage that lists");
    let sum = |of: fn(&spec_kitty::legacy::SourceReport) -> u64| {
        gathered.sources.iter().map(of).sum::<u64>()
    };
    assert_eq!((waiting, present), (sum(|source| source.new), 0));
    assert_eq!(refused, sum(|source| source.refused));
    assert!(listed.iter().all(|refusal| !refusal.reason.is_empty()));
    assert!(
        gathered.reach < Lamport::MAX_PLAUSIBLE,
        "an absurd clock is believed"
    );
}

/// A directory that is gone afterwards, whatever happens.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("spec-kitty-fuzz-{}-{next}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("room for a directory");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
