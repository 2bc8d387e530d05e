//! What one event costs before it meets a disk, in time and in allocations:
//! `cargo bench --bench event`.
//!
//! The aim: 100,000 events encoded in well under 100 ms on one core, so that
//! the writer lock is never held for arithmetic.

#![allow(clippy::unwrap_used, missing_docs)]

use divan::{AllocProfiler, Bencher, black_box};
use spec_kitty::event::{
    Context, Draft, Encoder, EntryType, EventId, HistoryAdded, Lane, Payload, WpStatusChanged,
    decode_body, encode_event, render, validate_wire,
};
use spec_kitty::position::Lamport;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

fn event() -> (Draft, Context, EventId) {
    let draft = WpStatusChanged::new("WP01", Lane::Planned, Lane::Doing)
        .changed_by("claude")
        .feature("028-cli-event-emission-sync");
    let context = Context {
        node_id: "b805cd5cee74".to_owned(),
        team_slug: Some("acme-corp".to_owned()),
        project_uuid: Some("44a34391-86d8-4159-abf1-e0b4d3abc746".to_owned()),
        project_slug: Some("widgets".to_owned()),
        git_branch: Some("main".to_owned()),
        head_commit_sha: Some("409ce863c69ac30e0cef7d21797a1f45928a0084".to_owned()),
        repo_slug: Some("acme/widgets".to_owned()),
        timestamp_us: 1_795_342_293_702_142,
        ..Context::default()
    };
    let id = EventId::parse("01M81BTPP6PS3R3G0D5WC0XV38").unwrap();
    (draft.into_draft().unwrap(), context, id)
}

fn bodies(events: u64) -> Vec<Vec<u8>> {
    let (draft, context, id) = event();
    let body = |lamport| {
        let mut out = Vec::new();
        encode_event(&draft, &context, &id, Lamport(lamport), &mut out).unwrap();
        out
    };
    (0..events).map(body).collect()
}

/// From the constructor to a draft that is known to be valid.
#[divan::bench]
fn draft_from_a_typed_payload(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| {
        let payload = HistoryAdded::new(black_box("WP01"), EntryType::Note, black_box("begun"));
        payload.into_draft().unwrap()
    });
}

#[divan::bench]
fn draft_from_json(bencher: Bencher<'_, '_>) {
    let (draft, ..) = event();
    bencher.bench_local(|| Draft::from_json("WPStatusChanged", black_box(draft.payload()), None));
}

/// A payload that the parser has to look at: a text with an escaped letter.
#[divan::bench]
fn draft_from_json_the_long_way(bencher: Bencher<'_, '_>) {
    let json = r#"{"wp_id": "WP01", "entry_type": "note", "entry_content": "b\u00e9gun"}"#;
    bencher.bench_local(|| Draft::from_json("HistoryAdded", black_box(json), None));
}

/// Header and JSON of one event of a call.
#[divan::bench]
fn encode(bencher: Bencher<'_, '_>) {
    let (draft, context, id) = event();
    let encoder = Encoder::new(&context).unwrap();
    let mut out = Vec::with_capacity(4096);
    bencher.bench_local(|| {
        out.clear();
        let lamport = black_box(Lamport(70_000));
        encoder.encode(&draft, &id, lamport, &mut out).unwrap();
        out.len()
    });
}

/// The same for the only event of a call.
#[divan::bench]
fn encode_alone(bencher: Bencher<'_, '_>) {
    let (draft, context, id) = event();
    let mut out = Vec::with_capacity(4096);
    bencher.bench_local(|| {
        out.clear();
        let lamport = black_box(Lamport(70_000));
        encode_event(&draft, &context, &id, lamport, &mut out).unwrap();
        out.len()
    });
}

#[divan::bench]
fn decode_header(bencher: Bencher<'_, '_>) {
    let bodies = bodies(1);
    let body = bodies.first().unwrap();
    bencher.bench_local(|| decode_body(black_box(body)).unwrap().0.lamport);
}

/// A filter by type and feature over a thousand events: headers only.
#[divan::bench]
fn filter_1000_by_header(bencher: Bencher<'_, '_>) {
    let bodies = bodies(1000);
    bencher.bench_local(|| {
        let headers = bodies.iter().map(|body| decode_body(body).unwrap().0);
        headers
            .filter(|header| {
                header.event_type == black_box("WPStatusChanged")
                    && header.feature == black_box(Some("028-cli-event-emission-sync"))
            })
            .count()
    });
}

#[divan::bench]
fn validate(bencher: Bencher<'_, '_>) {
    let (draft, context, id) = event();
    let json = render(&draft, &context, &id, Lamport(1));
    bencher.bench_local(|| validate_wire(black_box(&json)));
}
