//! What the log costs, in time and in allocations: `cargo bench --bench log`.
//!
//! Logs are written below `TMPDIR`, which should lie on a disk.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};
use spec_kitty::emitter::EventEmitter;
use spec_kitty::event::{Draft, EntryType, HistoryAdded, Payload};
use spec_kitty::home::Home;
use spec_kitty::log::frame::{self, Kind, Seed};
use spec_kitty::log::read::Step;
use spec_kitty::log::reader::Reader;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::storage::Disk;
use spec_kitty::position::{Lamport, Seq};
use spec_kitty::state::EventKey;
use spec_kitty::sync::chunk::{Chunk, ChunkLimits, Fit};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// As long as the body of a usual event.
const BODY_BYTES: usize = 660;

fn main() {
    divan::main();
}

fn push_frame(body: &[u8], out: &mut Vec<u8>) {
    let place = (Kind::Event, Seq(7), Lamport(9));
    let encoded = frame::encode(out, place, Seed::of(&[3; 16]), drop, |out| {
        out.extend_from_slice(body);
        Ok(())
    });
    encoded.unwrap();
}

#[divan::bench]
fn encode_frame(bencher: Bencher<'_, '_>) {
    let body = vec![b'x'; BODY_BYTES];
    let mut out = Vec::with_capacity(4096);
    bencher
        .counter(BytesCount::new(BODY_BYTES))
        .bench_local(|| {
            out.clear();
            push_frame(black_box(&body), &mut out);
            out.len()
        });
}

#[divan::bench]
fn decode_frame(bencher: Bencher<'_, '_>) {
    let mut bytes = Vec::new();
    push_frame(&[b'x'; BODY_BYTES], &mut bytes);
    bencher
        .counter(BytesCount::new(BODY_BYTES))
        .bench_local(|| {
            let frame = frame::decode(black_box(&bytes), Seed::of(&[3; 16])).unwrap();
            frame.seq
        });
}

fn drafts(events: usize) -> Vec<Draft> {
    let payload = || HistoryAdded::new("WP01", EntryType::Note, "begun");
    (0..events)
        .map(|_| payload().into_draft().unwrap())
        .collect()
}

/// So many drafts, durable: one append, one sync.
#[divan::bench(args = [1, 100, 10_000], sample_count = 20, sample_size = 1)]
fn append(bencher: Bencher<'_, '_>, events: usize) {
    let dir = tempfile::tempdir().unwrap();
    let emitter = EventEmitter::new(Home::at(dir.path().join("home")), dir.path());
    assert!(emitter.emit_all(drafts(1)).is_recorded());
    bencher
        .with_inputs(|| drafts(events))
        .counter(ItemsCount::new(events))
        .bench_local_values(|drafts| emitter.emit_all(drafts).is_recorded());
}

/// Reading and verifying 10,000 events: most of a segment.
#[divan::bench(sample_count = 20)]
fn scan_10000(bencher: Bencher<'_, '_>) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path().join("home"));
    let emitter = EventEmitter::new(home.clone(), dir.path());
    assert!(emitter.emit_all(drafts(10_000)).is_recorded());
    bencher
        .counter(ItemsCount::new(10_000_usize))
        .bench_local(|| {
            let mut reader = Reader::new(LogDir::new(home.log_dir(), Arc::new(Disk)), Seq(1));
            let mut frames = 0;
            loop {
                match reader.step().unwrap() {
                    Step::Frame(_) => frames += 1,
                    Step::Damage(damage) => panic!("{damage:?}"),
                    Step::Idle => return frames,
                }
            }
        });
}

/// What the sender puts together for one request of a thousand events.
#[divan::bench]
fn chunk_of_1000(bencher: Bencher<'_, '_>) {
    let json = format!("{{\"payload\":\"{}\"}}", "x".repeat(480));
    let keys = (0..1000).map(|number| EventKey::new(&format!("id-{number}")).unwrap());
    let keys: Vec<EventKey> = keys.collect();
    let all: Vec<usize> = (0..keys.len()).collect();
    let limits = ChunkLimits {
        events: 1000,
        bytes: usize::MAX,
    };
    bencher
        .counter(ItemsCount::new(keys.len()))
        .bench_local(|| {
            let mut chunk = Chunk::default();
            for (key, seq) in keys.iter().zip(1..) {
                let fit = chunk.offer((Seq(seq), key), json.as_bytes(), None, limits);
                assert_eq!(fit, Fit::Taken);
            }
            chunk.body(&all).len()
        });
}
