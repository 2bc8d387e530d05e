//! With further targets an event goes when each of them has confirmed it.

use std::time::Duration;

use serde_json::json;
use spec_kitty::emitter;
use spec_kitty::log::append::Outcome;
use spec_kitty::retention::{Owners, Plan, Retention, Rules};
use spec_kitty::state::State;
use spec_kitty::sync::control::{Beginning, Control};
use spec_kitty::target::Target;

use crate::support::FakeServer;
use crate::support::bench::{Bench, server};
use crate::{ALICE, log_dir, run, segments, signed_in};

const BOB: &str = "bob@example.com";

/// Lets Bob have everything that Alice's team has recorded here.
fn add_bob(bench: &Bench, server: &FakeServer) {
    let mut control = Control::AddTarget {
        target: Target::new(&server.url(), BOB, ALICE.1),
        from: Beginning::Beginning,
    };
    let log = emitter::log_of(&bench.home);
    let appended = log.append(&mut [&mut control], None, Duration::from_secs(10));
    assert!(matches!(appended.outcomes[..], [Outcome::Recorded(_)]));
}

fn plan(bench: &Bench) -> Plan {
    let retention = Retention {
        dir: log_dir(bench),
        state: State::at(bench.home.state_dir()),
        rules: Rules {
            retention: Duration::ZERO,
            now_us: i64::MAX,
        },
        limit_bytes: 1 << 30,
    };
    let owners = Owners::read(&retention.dir, None, &mut |_| {})
        .unwrap()
        .unwrap();
    retention.plan(&owners, None, &mut |_| {}).unwrap()
}

#[test]
fn what_a_further_target_has_not_confirmed_stays_even_after_a_yes() {
    let (server, _) = server(|_, _| None);
    let bench = signed_in(&server, "retention_days = 0");
    bench.emit(&bench.project("widgets"), 30);
    bench.sync();
    let agreed = plan(&bench);
    assert!(agreed.remove.len() > 2, "{agreed:?}");
    assert_eq!(plan(&bench).within(&agreed).remove, agreed.remove);
    // Somebody was shown this plan; before the answer comes a target is added.
    add_bob(&bench, &server);
    assert!(plan(&bench).within(&agreed).is_empty());
    let before = segments(&bench);
    let ran = run(&bench, &["--json", "log", "prune", "--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.json()["stopped_by"]["waiting"]["pending"].as_u64() > Some(0));
    assert_eq!(segments(&bench), before);
    // Once Bob has it all it may go, up to where he was added.
    bench.sign_in(&server, BOB, ALICE.1);
    bench.sync();
    bench.sign_in(&server, ALICE.0, ALICE.1);
    bench.emit(&bench.project("widgets"), 20);
    for user in [ALICE.0, BOB] {
        bench.sign_in(&server, user, ALICE.1);
        bench.sync();
    }
    let ran = run(&bench, &["--json", "log", "prune", "--yes"]);
    assert!(ran.json()["removed"].as_array().unwrap().len() > 2);
    assert_eq!(ran.json()["stopped_by"]["waiting"], json!({"target": 1}));
}
