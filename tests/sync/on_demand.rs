//! The background sender, started by commands that recorded something: by those
//! that may, once, and with nothing of theirs in its hands.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::{Value, json};
use spec_kitty::auth::Store;
use spec_kitty::dev_server::{DevServer, Options};
use spec_kitty::sync::daemon;

use crate::ALICE;
use crate::commands::run;
use crate::daemon::wait_until;
use crate::support::bench::{Bench, server, stored_ids};

/// A bench whose commands may start a background sender. None is left behind.
struct Lively(Bench);

impl Drop for Lively {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.0.home.daemon_dir().join("start"));
        if daemon::is_running(&self.0.home) {
            let (code, _, error) = run(&self.0, &["sync", "daemon", "stop"]);
            if code != 0 && !thread::panicking() {
                panic!("it does not stop: {error}");
            }
        }
    }
}

impl Lively {
    fn command(&self, program: &str, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(std::env::var_os("LLVM_PROFILE_FILE").map(|to| ("LLVM_PROFILE_FILE", to)))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("SPEC_KITTY_HOME", self.0.home.root())
            // What keeps others from starting one is not set here.
            .env_remove("SPEC_KITTY_NO_DAEMON")
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Records one event; the answer is there when all of stdout and stderr is.
    fn emit(&self, directory: &Path, environment: &[(&str, &str)]) -> Output {
        let mut command = self.command(PROGRAM, directory);
        command.args(["emit", "HistoryAdded", "--payload", PAYLOAD]);
        let output = command.envs(environment.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output
    }

    fn pid(&self) -> u32 {
        wait_until("it says who it is", || {
            daemon::read_status(&self.0.home).is_some()
        });
        daemon::read_status(&self.0.home).unwrap().pid
    }

    /// Whether anything was started, or tried.
    fn is_untouched(&self) -> bool {
        !self.0.home.daemon_dir().join("start").exists() && !daemon::is_running(&self.0.home)
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_spec-kitty");
const PAYLOAD: &str = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"begun"}"#;

#[test]
fn what_a_command_recorded_arrives_by_itself() {
    let (server, stored) = server(|_, _| None);
    let bench = Lively(Bench::new());
    bench.0.sign_in(&server, ALICE.0, ALICE.1);
    let project = bench.0.project("widgets");
    let output = bench.emit(&project, &[]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("recorded"));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    wait_until("delivered", || stored_ids(&stored).len() == 1);
    let pid = bench.pid();
    bench.emit(&project, &[]);
    wait_until("the next too", || stored_ids(&stored).len() == 2);
    assert_eq!(bench.pid(), pid, "by the same process");
    let (_, status, _) = run(&bench.0, &["sync", "status"]);
    assert_eq!(status["daemon"]["pid"], pid);
}

/// No terminal, no pipe, no lock, no directory of the project, no password.
#[cfg(target_os = "linux")]
#[test]
fn it_holds_nothing_of_the_command_that_started_it() {
    let (server, stored) = server(|_, _| None);
    let bench = Lively(Bench::new());
    bench.0.sign_in(&server, ALICE.0, ALICE.1);
    let project = bench.0.project("widgets");
    let script = format!(
        "exec 9>lock 7>pipe 12</dev/zero; exec {PROGRAM} emit HistoryAdded --payload '{PAYLOAD}'"
    );
    // dash knows one digit only; what it does not know it is not asked.
    let script = match Path::new("/bin/bash").exists() {
        true => script,
        false => script.replace(" 12</dev/zero", ""),
    };
    let shell = ["/bin/bash", "/bin/sh"].into_iter();
    let shell = shell.into_iter().find(|path| Path::new(path).exists());
    let mut command = bench.command(shell.unwrap(), &project);
    let output = command
        .args(["-c", &script])
        .env("SPEC_KITTY_PASSWORD", "a password")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    wait_until("delivered", || stored_ids(&stored).len() == 1);
    let about = Path::new("/proc").join(bench.pid().to_string());
    let home = bench.0.home.root().canonicalize().unwrap();
    let mut held = Vec::new();
    for entry in fs::read_dir(about.join("fd")).unwrap() {
        let path = entry.unwrap().path();
        // One that was closed meanwhile holds nothing.
        let Ok(to) = fs::read_link(&path) else {
            continue;
        };
        let number: u32 = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let foreign = to.starts_with(&project) || to == Path::new("/dev/zero");
        if foreign || (number < 3 && to != Path::new("/dev/null")) {
            held.push((number, to));
        }
    }
    assert!(held.is_empty(), "{held:?}");
    assert_eq!(fs::read_link(about.join("cwd")).unwrap(), home);
    let environment = fs::read(about.join("environ")).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains("a password"));
    let stat = fs::read_to_string(about.join("stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split(' ').collect();
    assert_eq!(fields[4], bench.pid().to_string(), "a session of its own");
}

#[test]
fn it_is_not_started_where_somebody_does_not_want_it() {
    let (server, _) = server(|_, _| None);
    let bench = Lively(Bench::new());
    let project = bench.0.project("widgets");
    bench.emit(&project, &[]);
    assert!(bench.is_untouched(), "signed out");
    bench.0.sign_in(&server, ALICE.0, None);
    bench.emit(&project, &[]);
    assert!(bench.is_untouched(), "no team");
    bench.0.sign_in(&server, ALICE.0, ALICE.1);
    bench.emit(&project, &[("SPEC_KITTY_NO_DAEMON", "1")]);
    assert!(bench.is_untouched(), "the environment");
    bench.emit(&project, &[("SPEC_KITTY_SYNC_DISABLE", "1")]);
    assert!(bench.is_untouched(), "sync is off");
    bench.emit(
        &project,
        &[("SPEC_KITTY_SERVER_URL", "https://other.example")],
    );
    assert!(bench.is_untouched(), "another server");
    for sync in ["auto_start: false", "enabled: false"] {
        let other = bench.0.project(&sync.replace(": ", "-"));
        let file = other.join(".kittify/config.yaml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{text}sync:\n  {sync}\n")).unwrap();
        bench.emit(&other, &[]);
        assert!(bench.is_untouched(), "{sync}");
    }
    fs::write(bench.0.home.config_file(), "[sync]\nauto = false\n").unwrap();
    bench.emit(&project, &[]);
    assert!(bench.is_untouched(), "the settings");
    assert!(server.requests().is_empty());
}

#[test]
fn many_commands_at_once_start_one() {
    let (server, stored) = server(|_, _| None);
    let bench = Lively(Bench::new());
    bench.0.sign_in(&server, ALICE.0, ALICE.1);
    let project = bench.0.project("widgets");
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| bench.emit(&project, &[]));
        }
    });
    wait_until("delivered", || stored_ids(&stored).len() == 6);
    let said = fs::read_to_string(bench.0.home.daemon_dir().join("start")).unwrap();
    assert_eq!(said.split_whitespace().nth(1), Some("1"), "{said}");
    // One that comes too late leaves again, and takes nothing away.
    let pid = bench.pid();
    let late = ["sync", "daemon", "run", "--detached"];
    let output = bench
        .command(PROGRAM, &project)
        .args(late)
        .output()
        .unwrap();
    assert!(!output.status.success(), "{output:?}");
    assert_eq!(bench.pid(), pid);
}

/// What fails at once is not started again with every command.
#[test]
fn one_that_cannot_live_is_not_started_again_at_once() {
    let (server, _) = server(|_, _| None);
    let bench = Lively(Bench::new());
    bench.0.sign_in(&server, ALICE.0, ALICE.1);
    let project = bench.0.project("widgets");
    fs::create_dir_all(bench.0.home.daemon_dir().join("daemon.lock")).unwrap();
    bench.emit(&project, &[]);
    let file = bench.0.home.daemon_dir().join("start");
    let first = fs::read_to_string(&file).unwrap();
    bench.emit(&project, &[]);
    assert_eq!(fs::read_to_string(&file).unwrap(), first);
    let (code, _, error) = run(&bench.0, &["sync", "daemon", "start"]);
    assert_eq!((code, &error["error"]["code"]), (1, &json!("daemon")));
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("ended at once"), "{error}");
    let (_, status, _) = run(&bench.0, &["sync", "status"]);
    assert_eq!(status["daemon"]["running"], false);
}

#[test]
fn a_killed_one_is_started_again_by_a_later_command() {
    let (server, stored) = server(|_, _| None);
    let bench = Lively(Bench::new());
    bench.0.sign_in(&server, ALICE.0, ALICE.1);
    let project = bench.0.project("widgets");
    bench.emit(&project, &[]);
    let pid = bench.pid();
    let killed = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(killed.unwrap().success());
    wait_until("it is dead", || !daemon::is_running(&bench.0.home));
    // As if some time had gone by.
    fs::remove_file(bench.0.home.daemon_dir().join("start")).unwrap();
    bench.emit(&project, &[]);
    wait_until("both", || stored_ids(&stored).len() == 2);
    assert_ne!(bench.pid(), pid);
}

#[test]
fn a_sign_in_sends_what_waited_for_it() {
    let data = tempfile::tempdir().unwrap();
    let started = DevServer::start(Options::new(data.path(), "a password".into())).unwrap();
    let bench = Lively(Bench::new());
    bench.0.emit(&bench.0.project("widgets"), 3);
    let mut command = bench.command(PROGRAM, &bench.0.nowhere());
    let output = command
        .args(["auth", "login", "--server", started.url(), "-u", "demo"])
        .env("SPEC_KITTY_PASSWORD", "a password")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    wait_until("delivered", || {
        let stored = fs::read_to_string(started.data_file()).unwrap_or_default();
        stored.lines().count() == 3
    });
    assert!(Store::new(&bench.0.home).load().session.account().is_some());
    drop(bench);
    started.stop();
}

/// SIGTERM: it writes down what it knows and leaves nothing behind.
#[test]
fn a_terminated_one_leaves_in_order() {
    let (server, stored) = server(|_, _| None);
    let bench = Lively(Bench::new());
    bench.0.sign_in(&server, ALICE.0, ALICE.1);
    bench.0.emit(&bench.0.project("widgets"), 2);
    let mut child = bench
        .command(PROGRAM, &bench.0.nowhere())
        .args(["sync", "daemon", "run"])
        .spawn()
        .unwrap();
    wait_until("delivered", || stored_ids(&stored).len() == 2);
    let pid = child.id().to_string();
    let told = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(told.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(!daemon::is_running(&bench.0.home));
    assert!(!bench.0.home.daemon_dir().join("status.json").exists());
    let (code, status, _): (i32, Value, Value) = run(&bench.0, &["sync", "status"]);
    assert_eq!((code, &status["delivered"]), (0, &json!(2)), "{status}");
}
