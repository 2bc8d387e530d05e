//! A courier against servers that answer as told, or at random.

use super::*;
use crate::auth::http::BodyEnd;
use crate::position::Seq;
use crate::state::EventKey;
use crate::sync::chunk::Fit;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A server inside the test: `answer` is asked about the ids of each request.
struct Bench<F> {
    answer: F,
    requests: usize,
    refreshes: usize,
    paused: Duration,
}

impl<F: FnMut(&[String]) -> Result<Answer, NoAnswer>> Bench<F> {
    fn new(answer: F) -> Self {
        Self {
            answer,
            requests: 0,
            refreshes: 0,
            paused: Duration::ZERO,
        }
    }
}

impl<F: FnMut(&[String]) -> Result<Answer, NoAnswer>> Line for Bench<F> {
    fn post(&mut self, body: &[u8]) -> (Result<Answer, NoAnswer>, u64) {
        self.requests += 1;
        let body: Value = serde_json::from_slice(body).unwrap();
        let events = body["events"].as_array().unwrap();
        let ids: Vec<String> = events
            .iter()
            .map(|e| e["event_id"].as_str().unwrap().to_owned())
            .collect();
        ((self.answer)(&ids), 1)
    }

    fn ensure_fresh(&mut self) -> Result<(), RefreshError> {
        Ok(())
    }

    fn refresh(&mut self) -> Result<(), RefreshError> {
        self.refreshes += 1;
        Ok(())
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn pause(&mut self, pause: Duration) {
        self.paused += pause;
    }

    fn interrupted(&self) -> bool {
        false
    }

    fn reads_ahead(&self) -> bool {
        false
    }
}

fn answer(status: u16, body: &str) -> Result<Answer, NoAnswer> {
    let body = body.as_bytes().to_vec();
    Ok(Answer {
        status,
        retry_after: None,
        location: None,
        body,
        end: BodyEnd::Whole,
    })
}

fn results(ids: &[String], status: &str) -> Result<Answer, NoAnswer> {
    let results: Vec<Value> = ids
        .iter()
        .map(|id| json!({"event_id": id, "status": status}))
        .collect();
    answer(200, &json!({"results": results}).to_string())
}

fn chunk(count: u64) -> Chunk {
    let mut chunk = Chunk::default();
    let limits = ChunkLimits {
        events: 1000,
        bytes: 1 << 20,
    };
    for n in 0..count {
        let id = EventKey::new(&format!("id-{n}")).unwrap();
        let json = json!({"event_id": id.as_str()}).to_string();
        assert_eq!(
            chunk.offer((Seq(n), &id), json.as_bytes(), None, limits),
            Fit::Taken
        );
    }
    chunk
}

const LIMITS: ChunkLimits = ChunkLimits {
    events: 1000,
    bytes: 1 << 18,
};

#[test]
fn an_expired_token_is_refreshed_once_and_the_chunk_resumes() {
    let mut first = true;
    let mut bench = Bench::new(|ids| {
        if std::mem::take(&mut first) {
            answer(401, "{}")
        } else {
            results(ids, "success")
        }
    });
    let mut courier = Courier::new(&mut bench, LIMITS, WAIT_BUDGET);
    let carried = courier.carry(&chunk(5));
    assert!(carried.stop.is_none());
    assert!(
        carried
            .answers
            .iter()
            .all(|a| *a == Some(EventAnswer::Delivered))
    );
    assert_eq!((bench.requests, bench.refreshes), (2, 1));
}

#[test]
fn a_server_that_always_says_401_is_asked_twice() {
    let mut bench = Bench::new(|_| answer(401, "{}"));
    let carried = Courier::new(&mut bench, LIMITS, WAIT_BUDGET).carry(&chunk(5));
    assert!(matches!(carried.stop, Some(Stop::Trouble(t)) if t.category() == "unauthorized"));
    assert_eq!((bench.requests, bench.refreshes), (2, 1));
    assert!(carried.answers.iter().all(Option::is_none));
}

#[test]
fn a_first_failure_is_told_at_once_and_a_later_one_is_tried_again() {
    let mut bench = Bench::new(|_| answer(500, ""));
    let carried = Courier::new(&mut bench, LIMITS, WAIT_BUDGET).carry(&chunk(5));
    assert!(carried.stop.is_some());
    assert_eq!((bench.requests, bench.paused), (1, Duration::ZERO));

    let mut fails = 0;
    let mut bench = Bench::new(|ids| {
        if ids.iter().any(|id| id == "id-0") || fails == 2 {
            return results(ids, "success");
        }
        fails += 1;
        answer(502, "<html>")
    });
    let mut courier = Courier::new(&mut bench, LIMITS, WAIT_BUDGET);
    assert!(courier.carry(&chunk(1)).stop.is_none());
    let mut later = Chunk::default();
    let id = EventKey::new("late").unwrap();
    later.offer((Seq(9), &id), br#"{"event_id":"late"}"#, None, LIMITS);
    assert!(courier.carry(&later).stop.is_none());
    assert_eq!(bench.paused, Duration::from_millis(1500));
}

#[test]
fn a_wait_within_the_budget_is_kept_and_a_longer_one_ends_the_pass() {
    let mut times = 0;
    let mut bench = Bench::new(|ids| {
        times += 1;
        if times < 3 {
            answer(429, r#"{"retry_after": 10}"#)
        } else {
            results(ids, "success")
        }
    });
    assert!(
        Courier::new(&mut bench, LIMITS, WAIT_BUDGET)
            .carry(&chunk(2))
            .stop
            .is_none()
    );
    assert_eq!(bench.paused, Duration::from_secs(20));

    let mut bench = Bench::new(|_| answer(429, r#"{"retry_after": 31}"#));
    let stop = Courier::new(&mut bench, LIMITS, WAIT_BUDGET)
        .carry(&chunk(2))
        .stop;
    assert!(matches!(stop, Some(Stop::Wait { until, .. }) if until.as_second() == 31));
    assert_eq!((bench.requests, bench.paused), (1, Duration::ZERO));

    let mut bench = Bench::new(|_| answer(429, r#"{"retry_after": 0}"#));
    assert!(
        Courier::new(&mut bench, LIMITS, WAIT_BUDGET)
            .carry(&chunk(2))
            .stop
            .is_some()
    );
    assert_eq!(bench.requests, 31, "even a wait of nothing is paid for");
}

#[test]
fn a_limit_is_learned_once() {
    let mut bench = Bench::new(|ids| {
        if ids.len() > 10 {
            answer(413, "<html>")
        } else {
            results(ids, "success")
        }
    });
    let mut courier = Courier::new(&mut bench, LIMITS, WAIT_BUDGET);
    courier.carry(&chunk(40));
    assert!(courier.limits.bytes < 400, "{:?}", courier.limits);
}

/// One of the things a server may say, honest or not.
fn say(choice: u8, ids: &[String]) -> Result<Answer, NoAnswer> {
    let only = |id: &String| vec![id.clone()];
    match choice % 20 {
        0 => results(ids, "success"),
        1 => results(ids, "duplicate"),
        2 => results(ids, "rejected"),
        3 => results(ids, "queued"),
        4 => results(&ids.first().map(only).unwrap_or_default(), "accepted"),
        5 => results(&ids.last().map(only).unwrap_or_default(), "error"),
        6 => answer(200, r#"{"results":[]}"#),
        7 => answer(200, "<html>"),
        8 => answer(400, ""),
        9 => {
            let details = json!([{"event_id": ids.first(), "error": "bad"}]);
            answer(400, &json!({"details": details}).to_string())
        }
        10 => answer(401, ""),
        11 => answer(403, ""),
        12 => answer(413, ""),
        13 => answer(413, r#"{"limits":{"max_events_per_batch":1}}"#),
        14 => answer(429, r#"{"retry_after":0}"#),
        15 => answer(429, r#"{"retry_after":5}"#),
        16 => answer(500, ""),
        17 => answer(302, ""),
        18 => Err(NoAnswer::Connection {
            host: "h".into(),
            reason: "reset".into(),
        }),
        _ => answer(412, ""),
    }
}

proptest! {
    /// Whatever a server answers, a chunk of n events ends, within bounds, and
    /// nothing is settled that the server did not speak about.
    #[test]
    fn every_pass_ends(
        count in 1_u64..60,
        choices in prop::collection::vec(any::<u8>(), 1..80),
        chunks in 1_usize..4,
    ) {
        let mut spoken = std::collections::HashSet::new();
        let mut turn = 0;
        let (mut bench_requests, mut ended) = (0, true);
        {
            let mut bench = Bench::new(|ids: &[String]| {
                let choice = choices[turn % choices.len()];
                turn += 1;
                spoken.extend(ids.iter().cloned());
                say(choice, ids)
            });
            let mut courier = Courier::new(&mut bench, LIMITS, WAIT_BUDGET);
            for _ in 0..chunks {
                let chunk = chunk(count);
                let carried = courier.carry(&chunk);
                prop_assert_eq!(carried.answers.len(), chunk.parcels().len());
                prop_assert!(carried.sent <= count);
                let all = carried.answers.iter().all(Option::is_some);
                prop_assert!(all || carried.stop.is_some(), "neither finished nor stopped");
                ended &= carried.stop.is_none();
                if carried.stop.is_some() {
                    break;
                }
            }
            bench_requests += bench.requests;
            prop_assert!(bench.paused <= WAIT_BUDGET
                + Duration::from_millis(3500) * (u32::try_from(count).unwrap() * 3 + 1));
        }
        // Per event: one settling answer, one split, one refresh, three retries;
        // and thirty waits in all.
        let bound = chunks * usize::try_from(count).unwrap() * 6 + 30 + 10;
        prop_assert!(bench_requests <= bound, "{} requests", bench_requests);
        let _ = ended;
    }
}
