//! A home with projects, and a batch server that keeps what it was sent and
//! can be told to misbehave.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use spec_kitty::auth::{Recipient, Store};
use spec_kitty::config::Config;
use spec_kitty::emitter::{self, EventEmitter};
use spec_kitty::event::Draft;
use spec_kitty::home::Home;
use spec_kitty::private_file;
use spec_kitty::sync::adopt;
use spec_kitty::sync::pass::{self, Pace, PassError, Setting};
use spec_kitty::sync::report::Report;
use spec_kitty::sync::status::Status;

use super::{FakeServer, Reply, Request};

pub const BATCH: &str = "/api/v1/events/batch/";
pub const HEALTH: &str = "/api/v1/sync/health/";
pub const REFRESH: &str = "/api/v1/token/refresh/";

/// What the server stored, in order.
pub type Stored = Arc<Mutex<Vec<Value>>>;

/// A home and the directories in which events are recorded.
pub struct Bench {
    dir: tempfile::TempDir,
    pub home: Home,
    pub config: Config,
}

impl Bench {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home"));
        home.create().unwrap();
        Self {
            dir,
            home,
            config: Config::default(),
        }
    }

    /// The directory of a project with this name; its identifier is made of it.
    pub fn project(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        if !path.exists() {
            std::fs::create_dir_all(path.join(".kittify")).unwrap();
            let uuid = uuid_of(name);
            let text =
                format!("project:\n  uuid: {uuid}\n  slug: {name}\n  node_id: b805cd5cee74\n");
            std::fs::write(path.join(".kittify/config.yaml"), text).unwrap();
        }
        path
    }

    /// A directory that belongs to no project.
    pub fn nowhere(&self) -> PathBuf {
        let path = self.dir.path().join("nowhere");
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// Records `count` events in `directory`; returns their ids.
    pub fn emit(&self, directory: &Path, count: usize) -> Vec<String> {
        self.emit_texts(directory, &vec!["begun".to_owned(); count])
    }

    /// Records one event for each text.
    pub fn emit_texts(&self, directory: &Path, texts: &[String]) -> Vec<String> {
        let drafts = texts.iter().map(|text| {
            let payload =
                json!({"wp_id": "WP01", "entry_type": "note", "entry_content": text}).to_string();
            Draft::from_json("HistoryAdded", &payload, None).unwrap()
        });
        let emitter = EventEmitter::new(self.home.clone(), directory);
        let emission = emitter.emit_all(drafts.collect());
        let ids = emission.receipts.iter().map(|receipt| {
            assert!(receipt.is_recorded(), "{receipt:?}");
            receipt.event_id.as_ref().unwrap().to_string()
        });
        ids.collect()
    }

    /// Signs in without asking the server.
    pub fn sign_in(&self, server: &FakeServer, user: &str, team: Option<&str>) {
        let team = team.map_or_else(String::new, |team| format!("team_slug = \"{team}\"\n"));
        let text = format!(
            "[tokens]\naccess = \"ACCESS-0\"\nrefresh = \"REFRESH-0\"\naccess_expires_at = \"2099-01-01T00:00:00Z\"\nrefresh_expires_at = \"2099-01-01T00:00:00Z\"\n[user]\nusername = \"{user}\"\n{team}[server]\nurl = \"{}\"\n",
            server.url()
        );
        private_file::replace(&self.home.credentials_file(), text.as_bytes()).unwrap();
    }

    pub fn sign_out(&self) {
        std::fs::remove_file(self.home.credentials_file()).unwrap();
    }

    /// Gives the events without an owner to whoever is signed in.
    pub fn adopt(&self) {
        let recipient = self.recipient();
        let log = emitter::log_of(&self.home);
        adopt::adopt(&log, recipient.account().unwrap()).unwrap();
    }

    pub fn recipient(&self) -> Recipient {
        Recipient::resolve(None, &self.config, Store::new(&self.home).load().session)
    }

    pub fn sync(&self) -> Report {
        self.try_sync().unwrap()
    }

    pub fn try_sync(&self) -> Result<Report, PassError> {
        self.run(&|| false)
    }

    pub fn sync_until(&self, interrupt: &(dyn Fn() -> bool + Sync)) -> Report {
        self.run(interrupt).unwrap()
    }

    fn run(&self, interrupt: &(dyn Fn() -> bool + Sync)) -> Result<Report, PassError> {
        pass::run(Setting {
            home: &self.home,
            config: &self.config.sync,
            recipient: &self.recipient(),
            sync_off: false,
            interrupt,
            pace: Pace::FullSpeed,
            progress: &mut |_| {},
        })
    }

    pub fn status(&self) -> Status {
        Status::take(&self.home, &self.recipient(), false).unwrap()
    }

    /// The word why the pass ended early.
    pub fn stopped(&self) -> Option<String> {
        self.sync().stopped.map(|stopped| stopped.word().to_owned())
    }
}

/// An identifier for a project, made of its name.
pub fn uuid_of(name: &str) -> String {
    let sum = name.bytes().fold(0_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    format!("3a3819b1-a27d-4152-a493-ad2e{sum:08x}")
}

/// A server that stores each event once, after `fault` has had its say.
pub fn server(
    mut fault: impl FnMut(&Request, &Stored) -> Option<Reply> + Send + 'static,
) -> (FakeServer, Stored) {
    let stored = Stored::default();
    let kept = Arc::clone(&stored);
    let server = FakeServer::start(move |request| {
        if request.path == HEALTH {
            // An older server: it does not say what it takes.
            return Reply::text(404, "");
        }
        fault(request, &kept).unwrap_or_else(|| match request.path.as_str() {
            BATCH => honest(request, &kept),
            REFRESH => Reply::json(200, &json!({"access": "ACCESS-1", "refresh": "REFRESH-1"})),
            _ => Reply::text(404, ""),
        })
    });
    (server, stored)
}

/// What the real server does with a batch that is all right.
pub fn honest(request: &Request, stored: &Stored) -> Reply {
    let mut stored = stored.lock().unwrap();
    let mut results = Vec::new();
    for event in request.json()["events"].as_array().unwrap() {
        let known = stored.iter().any(|s| s["event_id"] == event["event_id"]);
        if !known {
            stored.push(event.clone());
        }
        let status = if known { "duplicate" } else { "success" };
        results.push(json!({"event_id": event["event_id"], "status": status}));
    }
    Reply::json(200, &json!({"results": results}))
}

/// The ids in a request, or in what was stored.
pub fn ids(events: &[Value]) -> Vec<String> {
    events
        .iter()
        .map(|event| event["event_id"].as_str().unwrap().to_owned())
        .collect()
}

pub fn ids_of(request: &Request) -> Vec<String> {
    ids(request.json()["events"].as_array().unwrap())
}

pub fn stored_ids(stored: &Stored) -> Vec<String> {
    ids(&stored.lock().unwrap())
}
