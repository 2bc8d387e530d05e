//! One id, two events: what a copied log, a forged one or a server with another
//! memory can bring about.

use std::time::Duration;

use serde_json::{Value, json};
use spec_kitty::emitter;
use spec_kitty::log::append::{Record, Refused, Stamp, Tick};
use spec_kitty::log::frame::Kind;
use spec_kitty::log::read::Step;
use spec_kitty::log::reader::Reader;
use spec_kitty::position::Seq;
use spec_kitty::sync::pass::log_dir;

use crate::support::Reply;
use crate::support::bench::{BATCH, Bench, ids_of, server, stored_ids};
use crate::{ready, settled};

struct Twin(Vec<u8>);

impl Record for Twin {
    fn kind(&self) -> Kind {
        Kind::ForeignEvent
    }

    fn tick(&self) -> Tick {
        Tick::Still
    }

    fn encode(&mut self, _: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        out.extend(&self.0);
        Ok(())
    }
}

/// Appends the first event once more, under its id, with other words in it.
fn double(bench: &Bench) {
    let mut reader = Reader::new(log_dir(&bench.home), Seq(1));
    let body = loop {
        match reader.step().unwrap() {
            Step::Frame(item) if item.kind == Kind::Event => break item.body.to_vec(),
            Step::Idle => panic!("no event"),
            _ => {}
        }
    };
    let text = String::from_utf8_lossy(&body);
    assert!(text.contains("\"begun\""));
    let at = body.windows(5).position(|word| word == b"begun").unwrap();
    let mut other = body;
    other[at..at + 5].copy_from_slice(b"ended");
    let mut twin = Twin(other);
    let records: &mut [&mut dyn Record] = &mut [&mut twin];
    let written = emitter::log_of(&bench.home).append(records, None, Duration::from_secs(5));
    assert!(written.failure.is_none());
}

/// The two never travel in one request, where nobody could say which one an
/// answer means; the server keeps the first, and both are settled.
#[test]
fn two_events_of_one_id_travel_apart_and_the_first_stays() {
    let (server, stored) = server(|_, _| None);
    let (bench, ids) = ready(&server, 3);
    double(&bench);
    let report = bench.sync();
    assert_eq!((report.delivered, report.duplicate), (3, 1), "{report:?}");
    assert_eq!(stored_ids(&stored), ids);
    assert_eq!(
        stored.lock().unwrap()[0]["payload"]["entry_content"],
        "begun"
    );
    let mut requests = server.requests();
    requests.retain(|request| request.path == BATCH);
    for request in &requests {
        let mut once = ids_of(request);
        once.sort();
        once.dedup();
        assert_eq!(
            once.len(),
            ids_of(request).len(),
            "no id twice in a request"
        );
    }
    settled(&bench, (0, 4, 0, 0));
    assert_eq!(bench.sync().sent, 0);
}

/// A server that has the id with other content, and says so.
#[test]
fn an_id_that_the_server_has_with_other_content_is_parked_alone() {
    let (server, stored) = server(|request, stored| {
        (request.path == BATCH).then(|| {
            let mut results = Vec::new();
            for event in request.json()["events"].as_array().unwrap() {
                let id = event["event_id"].clone();
                if stored.lock().unwrap().is_empty() && results.is_empty() {
                    results.push(
                        json!({"event_id": id, "status": "rejected", "retryable": false,
                        "error_category": "id_conflict", "error": "other content under this id"}),
                    );
                    continue;
                }
                stored.lock().unwrap().push(event.clone());
                results.push(json!({"event_id": id, "status": "success"}));
            }
            Reply::json(200, &json!({"results": results}))
        })
    });
    let (bench, ids) = ready(&server, 3);
    let report = bench.sync();
    assert_eq!((report.delivered, report.parked), (2, 1), "{report:?}");
    assert_eq!(stored_ids(&stored), ids[1..]);
    let categories: Vec<&str> = report.categories().into_keys().collect();
    assert_eq!(categories, ["id-conflict"]);
    settled(&bench, (0, 2, 0, 1));
    let (_, listed, _): (i32, Value, Value) =
        crate::commands::run(&bench, &["sync", "failures", "list"]);
    assert_eq!(listed["failures"][0]["event_id"], ids[0].as_str());
}
