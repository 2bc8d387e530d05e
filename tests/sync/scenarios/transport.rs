//! What happens on the way.

use std::io::Write;
use std::sync::atomic::Ordering;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{batch, cured, play, stops};
use crate::ready;
use crate::settled;
use crate::support::bench::{BATCH, HEALTH, honest, server, stored_ids};
use crate::support::{Reply, Request};

fn redirect(request: &Request, status: u16) -> Option<Reply> {
    batch(request, || {
        Reply::with(
            status,
            &[("Location", "https://elsewhere.example.org/")],
            b"",
        )
    })
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn no_redirect_is_followed() {
    play(&[
        stops("301", "redirect", |_, r, _| redirect(r, 301)),
        stops("302", "redirect", |_, r, _| redirect(r, 302)),
        stops("303", "redirect", |_, r, _| redirect(r, 303)),
        stops("307", "redirect", |_, r, _| redirect(r, 307)),
        stops("308", "redirect", |_, r, _| redirect(r, 308)),
        stops("300 to nowhere", "redirect", |_, r, _| {
            batch(r, || Reply::text(300, ""))
        }),
    ]);
}

#[test]
fn a_broken_line_is_told_and_costs_nothing() {
    play(&[
        stops("closed without a word", "network", |_, r, _| {
            batch(r, || Reply(Vec::new()))
        }),
        stops("lost after the commit", "network", |_, r, s| {
            batch(r, || honest(r, s).cut(0))
        }),
        stops("cut in the head after the commit", "network", |_, r, s| {
            batch(r, || honest(r, s).cut(30))
        }),
        stops(
            "cut in the body after the commit",
            "unusable-answer",
            |_, r, s| {
                batch(r, || {
                    let reply = honest(r, s);
                    let most = reply.0.len() - 10;
                    reply.cut(most)
                })
            },
        ),
        stops("not HTTP", "unusable-answer", |_, r, _| {
            batch(r, || Reply(b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec()))
        }),
        stops("a head without an end", "unusable-answer", |_, r, _| {
            batch(r, || {
                let filler = "x".repeat(60_000);
                Reply::with(200, &[("X-Filler", &filler)], b"{}")
            })
        }),
        stops("a bomb", "unusable-answer", |_, r, _| {
            batch(r, || {
                let bomb = packed(&vec![b' '; 16 << 20]);
                Reply::with(200, &[("Content-Encoding", "gzip")], &bomb)
            })
        }),
        stops("not gzip", "unusable-answer", |_, r, _| {
            batch(r, || {
                Reply::with(200, &[("Content-Encoding", "gzip")], b"plain")
            })
        }),
        cured("compressed", |_, r, s| {
            batch(r, || {
                let reply = honest(r, s).0;
                let at = reply.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
                Reply::with(
                    200,
                    &[("Content-Encoding", "gzip")],
                    &packed(&reply[at + 4..]),
                )
            })
        }),
    ]);
}

/// The connection is reset while the request is still on its way.
#[test]
fn a_reset_in_the_middle_of_the_upload_is_made_good() {
    let (server, stored) = server(|_, _| None);
    server.reset_uploads.store(1, Ordering::SeqCst);
    let (bench, ids) = ready(&server, 90);
    let report = bench.sync();
    assert_eq!(report.stopped.unwrap().word(), "network");
    settled(&bench, (90, 0, 0, 0));
    assert!(stored_ids(&stored).is_empty());
    assert_eq!(bench.sync().delivered, 90);
    assert_eq!(stored_ids(&stored), ids);
    settled(&bench, (0, 90, 0, 0));
}

#[test]
fn an_answer_that_comes_in_drips_is_an_answer() {
    let (server, stored) = server(|_, _| None);
    server.drips.store(true, Ordering::SeqCst);
    let (bench, ids) = ready(&server, 5);
    assert_eq!(bench.sync().delivered, 5);
    assert_eq!(stored_ids(&stored), ids);
    settled(&bench, (0, 5, 0, 0));
}

/// Whatever byte of an answer is the last that comes: what it confirmed is
/// delivered once, and only what was read is believed.
#[test]
fn an_answer_may_break_off_at_any_byte() {
    let (server, stored) = server(|request, stored| {
        let events = request.json();
        let cut: Option<usize> = events["events"][0]["payload"]["entry_content"]
            .as_str()
            .and_then(|text| text.parse().ok());
        let known = stored
            .lock()
            .unwrap()
            .iter()
            .any(|s| s["event_id"] == events["events"][0]["event_id"]);
        let reply = honest(request, stored);
        Some(match cut.filter(|_| !known) {
            Some(bytes) => reply.cut(bytes),
            None => reply,
        })
    });
    let (bench, _) = ready(&server, 0);
    let project = bench.project("widgets");
    let whole = 160;
    for cut in 0..whole {
        bench.emit_texts(&project, &[cut.to_string()]);
        let report = bench.sync();
        let believed = report.stopped.is_none();
        assert_eq!(report.pending, u64::from(!believed), "{cut}: {report:?}");
        if !believed {
            let report = bench.sync();
            assert_eq!((report.duplicate, report.pending), (1, 0), "{cut}");
        }
    }
    assert_eq!(stored_ids(&stored).len(), whole);
    settled(&bench, (0, whole as u64, 0, 0));
    assert_eq!(
        server.count(HEALTH),
        0,
        "small passes ask for nothing first"
    );
    assert!(server.count(BATCH) > whole);
}
