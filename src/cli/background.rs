//! The background sender, started by commands that recorded something.
//!
//! One that is running costs a command three system calls and nothing else. A
//! start is a process of its own that inherits nothing: no terminal, no pipe,
//! no lock, no directory of a project. The command does not wait for it, and
//! whatever is in the way of it is the background's business: `sync status`
//! says it, not the command.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::auth::named_server;
use crate::auth::{Recipient, Store};
use crate::config::{Config, SyncConfig};
use crate::emitter;
use crate::home::Home;
use crate::server_url::ServerUrl;
use crate::sync::clock;
use crate::sync::daemon::{self, Errands, Host, Turn};
use crate::sync::gate::{account_gate, no_daemon, sync_is_off};

/// A command that records all the time looks this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a command does for the background after it recorded something.
#[derive(Debug, Default)]
pub(super) struct Waker {
    looked: Option<Instant>,
    hosts: bool,
    host: Option<Host>,
}

impl Waker {
    /// For a command that lives long: where no process may be started, or none
    /// can, it does the work in a thread of its own.
    pub(super) fn hosting() -> Self {
        Self {
            hosts: true,
            ..Self::default()
        }
    }

    /// Makes sure that somebody sends what was recorded, when that is wanted.
    pub(super) fn wake(&mut self, home: &Home) {
        let now = Instant::now();
        let recently = |then| now.saturating_duration_since(then) < LOOK_EVERY;
        if self.looked.is_some_and(recently) {
            return;
        }
        self.looked = Some(now);
        let no_process = no_daemon();
        if sync_is_off() || (no_process && !self.hosts) || self.is_cared_for(home) {
            return;
        }
        let Ok(named) = named_server(None) else {
            return;
        };
        let (config, recipient) = resolve(home, named.as_ref());
        if !config.auto || account_gate(&recipient, false).is_some() {
            return;
        }
        if (no_process || !start_in_turn(home)) && self.hosts {
            self.host = Host::start(home.clone(), errands(home, named)).ok();
        }
    }

    fn is_cared_for(&self, home: &Home) -> bool {
        self.host.as_ref().is_some_and(|host| !host.has_left()) || daemon::is_running(home)
    }
}

/// The settings, and to whom events may be sent, in silence: other commands say
/// what is wrong with them.
pub(super) fn resolve(home: &Home, named: Option<&ServerUrl>) -> (SyncConfig, Recipient) {
    let config = Config::load(&home.config_file()).config;
    let recipient = Recipient::resolve(named, &config, Store::new(home).load().session);
    (config.sync, recipient)
}

fn errands(home: &Home, named: Option<ServerUrl>) -> Errands {
    let (asked, heard) = (home.clone(), home.clone());
    Errands {
        resolve: Box::new(move || resolve(&asked, named.as_ref())),
        hear: Box::new(move |remote| {
            // What could not be heard now is told again with the next answer.
            let _ = clock::receive(&emitter::log_of(&heard), remote);
        }),
    }
}

/// Starts one unless somebody else just did; `false` when it cannot be started.
fn start_in_turn(home: &Home) -> bool {
    let now_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
    match Turn::take(home, now_ms) {
        Ok(Some(turn)) => turn.note().and_then(|()| spawn(home)).map(reap).is_ok(),
        Ok(None) => true,
        Err(_) => false,
    }
}

/// A command that outlives what it started leaves no zombie.
fn reap(mut child: Child) {
    let _ = thread::Builder::new()
        .name("background-start".into())
        .spawn(move || child.wait());
}

/// Starts it as a process of its own that outlives this one, and waits for nothing.
pub(super) fn spawn(home: &Home) -> std::io::Result<Child> {
    let root = std::path::absolute(home.root())?;
    command(&std::env::current_exe()?, &root).spawn()
}

fn command(program: &Path, root: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .arg("--home")
        .arg(root)
        .args(["sync", "daemon", "run", "--detached"])
        .env_remove("SPEC_KITTY_PASSWORD")
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
