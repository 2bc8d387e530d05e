//! The emitter as a whole, on a real home in a temporary directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::emitter::record::{EventRecord, Shared};
use crate::emitter::*;
use crate::event::{
    Context, Draft, EntryType, HistoryAdded, Lane, Payload, WpStatusChanged, decode_body,
    proposed_id,
};
use crate::home::Home;
use crate::log::read::Step;
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::log::storage::Disk;
use crate::platform;
use crate::position::Seq;
use crate::state::State;
use crate::target::Target;

struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("project/.kittify")).unwrap();
        fs::create_dir(dir.path().join("home")).unwrap();
        Self { dir }
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.dir.path().join(inside)
    }

    fn home(&self) -> Home {
        Home::at(self.path("home"))
    }

    fn emitter(&self) -> EventEmitter {
        EventEmitter::new(self.home(), self.path("project"))
    }

    /// Every event of the log: its JSON and whether it was opted out, in order.
    fn events(&self) -> Vec<(Value, bool)> {
        let dir = LogDir::new(self.home().log_dir(), Arc::new(Disk));
        let mut reader = Reader::new(dir, Seq(1));
        let mut events = Vec::new();
        loop {
            match reader.step().unwrap() {
                Step::Frame(item) => {
                    let (header, json) = decode_body(item.body).unwrap();
                    let json = serde_json::from_slice(json).unwrap();
                    events.push((json, header.flags.opted_out()));
                }
                Step::Damage(damage) => panic!("{damage:?}"),
                Step::Idle => return events,
            }
        }
    }
}

fn note(text: &str) -> Draft {
    HistoryAdded::new("WP01", EntryType::Note, text)
        .into_draft()
        .unwrap()
}

#[test]
fn an_event_says_where_it_was_recorded() {
    let world = World::new();
    let git = world.path("project/.git");
    fs::create_dir_all(git.join("refs/heads")).unwrap();
    let commit = "409ce863c69ac30e0cef7d21797a1f45928a0084";
    fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(git.join("refs/heads/main"), commit).unwrap();
    let config = "[remote \"origin\"]\n\turl = git@example.org:acme/Widgets_2.git\n";
    fs::write(git.join("config"), config).unwrap();
    let emission = world.emitter().emit_payload(
        WpStatusChanged::new("WP01", Lane::Planned, Lane::Doing),
        None,
    );
    assert!(emission.is_recorded(), "{emission:?}");
    let receipt = emission.receipt().unwrap();
    let (event, opted_out) = world.events().remove(0);
    assert!(!opted_out);
    assert_eq!(
        event["event_id"],
        receipt.event_id.clone().unwrap().to_string()
    );
    assert_eq!(event["lamport_clock"], receipt.lamport_clock.unwrap().0);
    assert_eq!(event["project_slug"], "widgets-2");
    assert_eq!(event["git_branch"], "main");
    assert_eq!(event["head_commit_sha"], commit);
    assert_eq!(event["repo_slug"], "acme/Widgets_2");
    assert!(event.get("team_slug").is_none(), "signed out");
    assert_eq!(event["node_id"].as_str().unwrap().len(), 12);
    let yaml = fs::read_to_string(world.path("project/.kittify/config.yaml")).unwrap();
    assert!(yaml.contains(event["project_uuid"].as_str().unwrap()));
}

#[test]
fn an_event_belongs_to_whoever_is_signed_in_also_when_the_session_has_ended() {
    let world = World::new();
    let credentials = "[tokens]\naccess = \"a\"\nrefresh = \"r\"\n\
        access_expires_at = \"2020-01-01T00:00:00+00:00\"\n\
        refresh_expires_at = \"2020-01-02T00:00:00+00:00\"\n\
        [user]\nusername = \"alice@example.com\"\nteam_slug = \"acme\"\n\
        [server]\nurl = \"https://sync.example.org\"\n";
    fs::write(world.home().credentials_file(), credentials).unwrap();
    assert!(world.emitter().emit(note("x")).is_recorded());
    let (event, _) = world.events().remove(0);
    assert_eq!(event["team_slug"], "acme");
    let dir = LogDir::new(world.home().log_dir(), Arc::new(Disk));
    let mut reader = Reader::new(dir, Seq(1));
    let Step::Frame(item) = reader.step().unwrap() else {
        panic!("no frame");
    };
    let (header, _) = decode_body(item.body).unwrap();
    let target = Target::new(
        "https://sync.example.org",
        "alice@example.com",
        Some("acme"),
    );
    assert_eq!(header.target, target.id());
}

#[test]
fn a_corrupt_credentials_or_config_file_costs_a_note_and_no_event() {
    let world = World::new();
    fs::write(world.home().credentials_file(), "[tokens\n").unwrap();
    fs::write(world.home().config_file(), "[log\n").unwrap();
    let emission = world.emitter().emit(note("x"));
    assert!(emission.is_recorded());
    let attention: Vec<_> = emission
        .notes
        .iter()
        .filter(|n| n.needs_attention())
        .collect();
    assert_eq!(attention.len(), 2, "{attention:?}");
}

#[test]
fn an_opted_out_project_is_recorded_as_such() {
    let world = World::new();
    let config = world.path("project/.kittify/config.yaml");
    fs::write(config, "sync:\n  enabled: false\n").unwrap();
    assert!(world.emitter().emit(note("x")).is_recorded());
    assert!(world.events().remove(0).1);
}

#[test]
fn a_project_without_a_usable_identity_still_records() {
    let world = World::new();
    let config = world.path("project/.kittify/config.yaml");
    fs::write(&config, "project: [\n").unwrap();
    let emission = world.emitter().emit(note("x"));
    assert!(emission.is_recorded());
    assert!(matches!(emission.notes.as_slice(), [EmitNote::Project(_)]));
    assert_eq!(world.events().remove(0).0["project_uuid"], Value::Null);
    assert_eq!(fs::read_to_string(&config).unwrap(), "project: [\n");
}

#[test]
fn no_event_names_the_users_home() {
    let Some(home) = std::env::home_dir().filter(|home| home.components().count() > 1) else {
        return;
    };
    let world = World::new();
    let text = format!("failed:\n{}/secret/file", home.display());
    assert!(world.emitter().emit(note(&text)).is_recorded());
    let event = world.events().remove(0).0;
    assert_eq!(event["payload"]["entry_content"], "failed:\n~/secret/file");
}

#[test]
fn a_refused_event_does_not_hold_back_its_neighbours() {
    let world = World::new();
    let large = "x".repeat(crate::event::MAX_OWN_JSON - 100);
    let emission = world
        .emitter()
        .emit_all(vec![note("a"), note(&large), note("b")]);
    let status: Vec<_> = emission.receipts.iter().map(|r| r.status).collect();
    assert_eq!(
        status,
        [Status::Recorded, Status::Refused, Status::Recorded]
    );
    let refused = emission.receipts[1].error.as_ref().unwrap();
    assert_eq!(refused.code(), "event-too-large");
    assert_eq!(world.events().len(), 2);
    let counts = State::at(world.home().state_dir())
        .failures()
        .read()
        .unwrap();
    assert_eq!(counts.refused, 1);
}

#[test]
fn ids_and_clock_increase_over_calls_and_processes() {
    let world = World::new();
    let mut ids = Vec::new();
    for _ in 0..5 {
        let emission = world
            .emitter()
            .emit_all((0..20).map(|n| note(&n.to_string())).collect());
        ids.extend(emission.receipts.into_iter().map(|r| r.event_id.unwrap()));
    }
    assert!(ids.is_sorted_by(|one, two| one < two));
    let clocks: Vec<_> = world
        .events()
        .iter()
        .map(|(event, _)| event["lamport_clock"].as_u64().unwrap())
        .collect();
    assert_eq!(clocks, (1..=100).collect::<Vec<_>>());
}

#[test]
fn a_home_goes_on_where_the_python_tool_left_off() {
    let world = World::new();
    let clock = r#"{"value": 5000, "node_id": "b805cd5cee74"}"#;
    fs::write(world.home().legacy_clock_file(), clock).unwrap();
    let first = world.emitter().emit(note("x"));
    assert_eq!(first.receipt().unwrap().lamport_clock.unwrap().0, 5001);
    let event = world.events().remove(0).0;
    assert_eq!(event["node_id"], "b805cd5cee74");
    let changed = r#"{"value": 9000, "node_id": "ffffffffffff"}"#;
    fs::write(world.home().legacy_clock_file(), changed).unwrap();
    let second = world.emitter().emit(note("y"));
    assert_eq!(second.receipt().unwrap().lamport_clock.unwrap().0, 5002);
    assert_eq!(
        world.events()[1].0["node_id"],
        "b805cd5cee74",
        "the log decides"
    );
}

#[test]
fn without_a_state_store_the_clock_still_starts_above_the_old_one() {
    let world = World::new();
    let clock = r#"{"value": 5000, "node_id": "b805cd5cee74"}"#;
    fs::write(world.home().legacy_clock_file(), clock).unwrap();
    fs::write(world.home().state_dir(), "in the way").unwrap();
    let emission = world.emitter().emit(note("x"));
    assert_eq!(emission.receipt().unwrap().lamport_clock.unwrap().0, 5001);
    let [EmitNote::NoLease(_)] = emission.notes.as_slice() else {
        panic!("{:?}", emission.notes);
    };
}

#[test]
fn a_busy_log_is_said_and_counted_and_nothing_is_written() {
    let world = World::new();
    assert!(world.emitter().emit(note("x")).is_recorded());
    let lock = fs::File::options()
        .write(true)
        .open(world.home().log_dir().join("LOCK"))
        .unwrap();
    assert!(platform::try_lock_exclusive(&lock).unwrap());
    let emitter = world.emitter().lock_timeout(Duration::from_millis(20));
    let emission = emitter.emit_all(vec![note("y"), note("z")]);
    let codes: Vec<_> = emission
        .receipts
        .iter()
        .map(|receipt| receipt.error.as_ref().unwrap().code())
        .collect();
    assert_eq!(codes, ["busy", "busy"]);
    drop(lock);
    assert_eq!(world.events().len(), 1);
    let counts = State::at(world.home().state_dir())
        .failures()
        .read()
        .unwrap();
    assert_eq!(counts.busy, 2);
}

#[test]
fn a_home_that_cannot_be_made_is_an_answer_and_no_panic() {
    let world = World::new();
    fs::write(world.path("file"), "").unwrap();
    let emitter = EventEmitter::new(Home::at(world.path("file/home")), world.path("project"));
    let emission = emitter.emit(note("x"));
    let receipt = emission.receipt().unwrap();
    assert_eq!(receipt.status, Status::Refused);
    assert!(receipt.error.as_ref().unwrap().to_string().contains("file"));
}

#[test]
fn two_projects_share_a_home_and_keep_their_identities() {
    let world = World::new();
    fs::create_dir_all(world.path("other/.kittify")).unwrap();
    let uuid_from = |directory: &str| {
        let emitter = EventEmitter::new(world.home(), world.path(directory));
        assert!(emitter.emit(note("x")).is_recorded());
        world.events().pop().unwrap().0["project_uuid"].clone()
    };
    let (one, two) = (uuid_from("project"), uuid_from("other"));
    assert_ne!(one, two);
    assert_eq!(one, uuid_from("project"));
}

#[test]
fn a_closed_context_refuses_and_waits_for_who_is_inside() {
    let world = World::new();
    let context = SyncContext::new(world.home(), world.path("project"));
    let recorded: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let emissions = (0..10).map(|_| context.emit_all(vec![note("x")]));
                    emissions.filter(Emission::is_recorded).count()
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .sum()
    });
    assert_eq!(recorded, 40);
    assert!(context.close(Duration::ZERO));
    let late = context.emit_all(vec![note("y")]);
    assert_eq!(
        late.receipt().unwrap().error.as_ref().unwrap().code(),
        "closed"
    );
    assert_eq!(world.events().len(), 40);
}

#[test]
fn everything_in_a_home_is_private() {
    let world = World::new();
    assert!(world.emitter().emit(note("x")).is_recorded());
    #[cfg(unix)]
    check_private(world.home().log_dir().parent().unwrap());
}

#[cfg(unix)]
fn check_private(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, expected, "{}", path.display());
        if path.is_dir() {
            check_private(&path);
        }
    }
}

/// A new home, or a full segment: many want clock values at once, and one of them
/// makes the segment that all others then write to. It was 10 ms for each of them,
/// one after the other.
#[test]
fn who_waits_for_clock_values_looks_again_whether_it_needs_any() {
    let world = World::new();
    let state_dir = world.home().state_dir();
    fs::create_dir(&state_dir).unwrap();
    let lock = fs::File::create(state_dir.join("LOCK")).unwrap();
    assert!(platform::try_lock_exclusive(&lock).unwrap());

    let emission = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| world.emitter().emit_all(vec![note("waited")]));
        // Long enough to be waiting, whether or not it is by then.
        std::thread::sleep(Duration::from_millis(50));
        let other = note("another process");
        let shared = Shared::new(Context::default(), proposed_id(0, 1));
        let mut record = EventRecord::new(&other, &shared);
        log_of(&world.home()).append(&mut [&mut record], None, Duration::from_secs(5));
        waiting.join().unwrap()
    });

    assert!(emission.is_recorded(), "{emission:?}");
    assert!(emission.notes.is_empty(), "{:?}", emission.notes);
    assert!(
        !state_dir.join("sled").exists(),
        "it needed no clock values"
    );
    assert_eq!(world.events().len(), 2);
}
