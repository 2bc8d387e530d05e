//! Tokens that run out in the middle of a drain, with many processes at it.

use std::collections::HashSet;
use std::process::Child;
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::support::bench::{BATCH, Bench, HEALTH, REFRESH, Stored, honest, stored_ids};
use crate::support::{FakeServer, Reply, Request};
use crate::{ALICE, settled, start};

/// An access token is good for so many batches.
const BATCHES_EACH: usize = 2;

/// Hands out rotating tokens as the real server does: each refresh token once.
#[derive(Default)]
struct Issuer {
    generation: usize,
    used: usize,
    spent_twice: usize,
}

impl Issuer {
    fn answer(&mut self, request: &Request, stored: &Stored) -> Reply {
        match request.path.as_str() {
            REFRESH => {
                if request.json()["refresh"] != format!("REFRESH-{}", self.generation) {
                    self.spent_twice += 1;
                    return Reply::json(401, &json!({"code": "token_not_valid"}));
                }
                self.generation += 1;
                self.used = 0;
                let next = self.generation;
                Reply::json(
                    200,
                    &json!({"access": format!("ACCESS-{next}"), "refresh": format!("REFRESH-{next}")}),
                )
            }
            BATCH => {
                let bearer = format!("Bearer ACCESS-{}", self.generation);
                if request.header("authorization") != Some(&bearer) || self.used == BATCHES_EACH {
                    return Reply::json(401, &json!({"code": "token_not_valid"}));
                }
                self.used += 1;
                honest(request, stored)
            }
            _ => Reply::text(404, ""),
        }
    }
}

#[test]
fn tokens_that_run_out_in_mid_drain_are_spent_once_by_eight_processes() {
    let stored = Stored::default();
    let issuer = Arc::new(Mutex::new(Issuer::default()));
    let server = {
        let (stored, issuer) = (Arc::clone(&stored), Arc::clone(&issuer));
        FakeServer::start(move |request| issuer.lock().unwrap().answer(request, &stored))
    };
    let bench = Bench::new();
    let config = "[sync]\nmax_events_per_batch = 10\ninterval_seconds = 1\n";
    std::fs::write(bench.home.config_file(), config).unwrap();
    bench.sign_in(&server, ALICE.0, ALICE.1);
    let ids = bench.emit(&bench.project("widgets"), 200);

    let mut daemon = start(&bench, &["sync", "daemon", "run"]);
    let now = |_| start(&bench, &["sync", "now"]);
    let mut others: Vec<Child> = (0..6).map(now).collect();
    others.push(start(&bench, &["sync", "status", "--probe"]));
    let ends: Vec<_> = others.iter_mut().map(|one| one.wait().unwrap()).collect();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert!(ends.iter().all(|end| end.success()), "{ends:?}");

    let issuer = issuer.lock().unwrap();
    assert_eq!(issuer.spent_twice, 0, "a refresh token was spent twice");
    assert_eq!(server.count(REFRESH), issuer.generation);
    let enough = 200_usize.div_ceil(10 * BATCHES_EACH);
    assert!((enough - 1..=enough + 1).contains(&issuer.generation));
    let held = stored_ids(&stored);
    assert_eq!(held.iter().collect::<HashSet<_>>().len(), held.len());
    assert_eq!(held, ids, "each once, in order");
    assert!(server.count(HEALTH) <= 8);
    settled(&bench, (0, 200, 0, 0));
}
