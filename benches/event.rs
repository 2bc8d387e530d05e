//! What one event costs before it meets a disk: `cargo bench --bench event`.
//!
//! The aim: 100,000 events encoded in well under 100 ms on one core, so that
//! the writer lock is never held for arithmetic.

#![allow(clippy::unwrap_used, missing_docs)]

use divan::{Bencher, black_box};
use spec_kitty::event::{
    Context, Draft, EventId, Lane, Payload, WpStatusChanged, decode_body, encode_event, render,
    validate_wire,
};
use spec_kitty::position::Lamport;

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

#[divan::bench]
fn encode_100_000(bencher: Bencher<'_, '_>) {
    let (draft, context, id) = event();
    let mut out = Vec::new();
    bencher.bench_local(|| {
        out.clear();
        for lamport in 0..100_000 {
            encode_event(&draft, &context, &id, Lamport(lamport), &mut out).unwrap();
        }
        out.len()
    });
}

#[divan::bench]
fn decode_header(bencher: Bencher<'_, '_>) {
    let (draft, context, id) = event();
    let mut body = Vec::new();
    encode_event(&draft, &context, &id, Lamport(1), &mut body).unwrap();
    bencher.bench_local(|| decode_body(black_box(&body)).unwrap().0.lamport);
}

#[divan::bench]
fn validate(bencher: Bencher<'_, '_>) {
    let (draft, context, id) = event();
    let json = render(&draft, &context, &id, Lamport(1));
    bencher.bench_local(|| validate_wire(black_box(&json)));
}

#[divan::bench]
fn draft_from_json(bencher: Bencher<'_, '_>) {
    let (draft, ..) = event();
    bencher.bench_local(|| Draft::from_json("WPStatusChanged", black_box(draft.payload()), None));
}
