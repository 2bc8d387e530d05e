//! Named behaviours of servers, one after the other against the real command.
//!
//! Each scenario: four events, a server that misbehaves, `sync now`; then the
//! server is well, and `sync now` again. What is asserted is always the same:
//! the pass ends, with this exit and this code on stderr; what the server holds
//! it holds once, and nothing else; the ledger, the status and the server say
//! the same; only events that the server itself refused count an attempt; and
//! in the end everything is there but what was refused for good.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use spec_kitty::state::{Standing, State};

use crate::ALICE;
use crate::commands::run;
use crate::support::bench::{BATCH, Bench, REFRESH, Stored, honest, stored_ids};
use crate::support::{FakeServer, Reply, Request};

mod transport;
mod upon_events;
mod upon_requests;

/// What the server does with the `n`th request; `None`: what it should.
type Fault = fn(n: usize, request: &Request, stored: &Stored) -> Option<Reply>;

/// (pending, delivered, rejected, parked)
type Counts = (u64, u64, u64, u64);

/// Everything arrives by the first pass.
const ALL: Counts = (0, 4, 0, 0);
/// Nothing does, and nothing is blamed.
const NONE: Counts = (4, 0, 0, 0);

struct Scenario {
    name: &'static str,
    fault: Fault,
    exit: i32,
    /// The code of the error on stderr; empty where there is none.
    code: &'static str,
    first: Counts,
    last: Counts,
}

/// The server misbehaves as long as it is asked in the first pass.
const fn scenario(
    name: &'static str,
    fault: Fault,
    (exit, code): (i32, &'static str),
    first: Counts,
) -> Scenario {
    // What is parked needs a person.
    let last = (0, 4 - first.3, 0, first.3);
    Scenario {
        name,
        fault,
        exit,
        code,
        first,
        last,
    }
}

/// It is over within the first pass.
const fn cured(name: &'static str, fault: Fault) -> Scenario {
    scenario(name, fault, (0, ""), ALL)
}

/// No usable answer.
const fn stops(name: &'static str, code: &'static str, fault: Fault) -> Scenario {
    scenario(name, fault, (7, code), NONE)
}

fn play(scenarios: &[Scenario]) {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(one) = scenarios.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let found = one.play();
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

impl Scenario {
    /// Plays it; says what was not as it should be.
    fn play(&self) -> Vec<String> {
        let stored = Stored::default();
        let well = Arc::new(AtomicBool::new(false));
        let server = self.server(&stored, &well);
        let bench = Bench::new();
        bench.sign_in(&server, ALICE.0, ALICE.1);
        let texts = ["one", "two", "three", "four"].map(str::to_owned);
        let ids = bench.emit_texts(&bench.project("widgets"), &texts);

        let mut wrong = Wrong::new(self.name);
        let (exit, report, error) = run(&bench, &["sync", "now"]);
        wrong.same("exit", &exit, &self.exit);
        let code = error["error"]["code"].as_str().unwrap_or_default();
        wrong.same("code", &code, &self.code);
        wrong.same("pending", &report["pending"], &json!(self.first.0));
        check(&mut wrong, "first", &bench, &stored, (&ids, self.first));
        attempts(&mut wrong, &bench);

        well.store(true, Ordering::SeqCst);
        bench.sign_in(&server, ALICE.0, ALICE.1);
        let (exit, _, _) = run(&bench, &["sync", "now"]);
        wrong.same("last exit", &exit, &0);
        check(&mut wrong, "last", &bench, &stored, (&ids, self.last));
        let held = stored_ids(&stored).len() as u64;
        wrong.same("held in the end", &held, &self.last.1);
        wrong.found
    }

    fn server(&self, stored: &Stored, well: &Arc<AtomicBool>) -> FakeServer {
        let (kept, well, fault) = (Arc::clone(stored), Arc::clone(well), self.fault);
        let mut n = 0;
        FakeServer::start(move |request| {
            let fault = if well.load(Ordering::SeqCst) {
                None
            } else {
                fault(n, request, &kept)
            };
            n += usize::from(request.path == BATCH);
            fault.unwrap_or_else(|| match request.path.as_str() {
                BATCH => honest(request, &kept),
                REFRESH => Reply::json(200, &json!({"access": "ACCESS-1", "refresh": "REFRESH-1"})),
                _ => Reply::text(404, ""),
            })
        })
    }
}

/// What the ledger, the status and the server say, against each other.
fn check(
    wrong: &mut Wrong,
    when: &str,
    bench: &Bench,
    stored: &Stored,
    (ids, counts): (&[String], Counts),
) {
    let status = bench.status();
    let found = (
        status.pending,
        status.delivered,
        status.rejected,
        status.parked,
    );
    wrong.same(when, &found, &counts);
    wrong.same("disagrees", &status.disagrees(), &false);
    let (exit, told, _) = run(bench, &["sync", "status"]);
    wrong.same("status exit", &exit, &0);
    wrong.same("status", &told["pending"], &json!(counts.0));
    let held = stored_ids(stored);
    let mut once = held.clone();
    once.sort();
    once.dedup();
    wrong.same("held once", &once.len(), &held.len());
    wrong.same("ours alone", &held.iter().all(|id| ids.contains(id)), &true);
    // What is called delivered is there; a lost answer may leave more there.
    wrong.same("delivered is held", &(held.len() as u64 >= counts.1), &true);
}

fn attempts(wrong: &mut Wrong, bench: &Bench) {
    let ledger = State::at(bench.home.state_dir()).view().unwrap();
    for target in ledger.unwrap_or_default().targets().values() {
        for stream in target.streams().values() {
            for found in stream.exceptions().values() {
                let due = u32::from(found.standing != Standing::Unanswered);
                wrong.same("attempts", &found.attempts, &due);
            }
        }
    }
}

struct Wrong {
    name: &'static str,
    found: Vec<String>,
}

impl Wrong {
    fn new(name: &'static str) -> Self {
        let found = Vec::new();
        Self { name, found }
    }

    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, is: &T, should: &T) {
        if is != should {
            let name = self.name;
            self.found
                .push(format!("{name}: {what} is {is:?}, should be {should:?}"));
        }
    }
}

/// On the batch route only.
fn batch(request: &Request, reply: impl FnOnce() -> Reply) -> Option<Reply> {
    (request.path == BATCH).then(reply)
}

fn always(request: &Request, status: u16, body: &str) -> Option<Reply> {
    batch(request, || Reply::text(status, body))
}

fn once(n: usize, request: &Request, reply: impl FnOnce() -> Reply) -> Option<Reply> {
    (n == 0).then(|| batch(request, reply)).flatten()
}

fn text_of(event: &Value) -> &str {
    event["payload"]["entry_content"].as_str().unwrap()
}

/// A 200 with what `entry` says of each event; those called a success are stored.
fn each(
    request: &Request,
    stored: &Stored,
    entry: impl Fn(&Value) -> Option<Value>,
) -> Option<Reply> {
    batch(request, || {
        let results = results(request, stored, entry);
        Reply::json(200, &json!({"results": results}))
    })
}

fn results(
    request: &Request,
    stored: &Stored,
    entry: impl Fn(&Value) -> Option<Value>,
) -> Vec<Value> {
    let mut stored = stored.lock().unwrap();
    let body = request.json();
    let mut results = Vec::new();
    for event in body["events"].as_array().unwrap() {
        let Some(mut said) = entry(event) else {
            continue;
        };
        let word = said["status"].as_str().unwrap_or_default().to_lowercase();
        let taken = ["success", "accepted", "warning", "duplicate"];
        let known = stored.iter().any(|s| s["event_id"] == event["event_id"]);
        if taken.contains(&word.as_str()) && !known {
            stored.push(event.clone());
        }
        said["event_id"] = event["event_id"].clone();
        results.push(said);
    }
    results
}

fn success() -> Option<Value> {
    Some(json!({"status": "success"}))
}
