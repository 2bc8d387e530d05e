//! Everything in a home is for its user alone, whatever the umask: given when it
//! comes into being, not taken away afterwards.

#![cfg(unix)]
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "support/stage.rs"]
mod stage;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use spec_kitty::home::Home;
use spec_kitty::private_file;

use stage::{PASSWORD, Stage, give, line, server, texts};

/// The same command under a umask that takes nothing away; traced into `trace`
/// where that is given.
fn open_handed(plain: &Command, trace: Option<&Path>) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec \"$@\"", "sh"]);
    if let Some(trace) = trace {
        let calls = "trace=openat,mkdir,mkdirat";
        command
            .args(["strace", "-f", "-qq", "-A", "-e", calls, "-o"])
            .arg(trace);
    }
    command
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(plain.get_current_dir().unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// Signs in, records over several segments, delivers, records again, prunes.
fn live(stage: &Stage, home: &Home, trace: Option<&Path>) {
    home.create().unwrap();
    private_file::replace(&home.config_file(), b"[log]\nsegment_bytes = 4096\n").unwrap();
    let server = server(&stage.path("server"));
    let url = server.url();
    let lines: String = texts("a", 30).iter().map(|text| line(text)).collect();
    let login = ["auth", "login", "--server", url, "-u", "demo"];
    let login = [&login[..], &["--password-stdin"]].concat();
    for (arguments, input) in [
        (&login[..], PASSWORD),
        (&["sync", "server", url], ""),
        (&["emit", "--stdin"], &lines),
        (&["sync", "now"], ""),
        (&["emit", "--stdin"], &lines),
        (&["sync", "now", "--report", "report.json"], ""),
        (&["log", "prune", "--yes"], ""),
    ] {
        let command = open_handed(&stage.command(home, arguments), trace);
        let output = give(command, input);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
    }
}

/// Everything below `dir` and itself, with its permissions.
fn modes(dir: &Path) -> Vec<(PathBuf, u32)> {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut found = vec![(dir.to_owned(), mode(dir))];
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(modes(&path));
        } else {
            found.push((path.clone(), mode(&path)));
        }
    }
    found
}

#[test]
fn everything_in_a_home_is_private_under_a_umask_of_zero() {
    let stage = Stage::new();
    let home = Home::at(stage.path("home"));
    live(&stage, &home, None);
    let modes = modes(home.root());
    for (path, mode) in &modes {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(*mode, expected, "{}: {mode:o}", path.display());
    }
    for part in ["log/", "state/sled/db", "state/sled/snap.", "state/mark"] {
        let is_there = |(path, _): &(PathBuf, u32)| path.to_str().unwrap().contains(part);
        assert!(modes.iter().any(is_there), "{part} was looked at");
    }
    let report = stage.path("project/report.json");
    let mode = fs::metadata(report).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the report holds what was recorded");
}

/// Temporary files as well, and not only in the end. The one exception is what
/// sled makes inside its directory, which is private itself.
#[cfg(target_os = "linux")]
#[test]
fn everything_comes_into_being_private() {
    let works = Command::new("strace")
        .args(["-qq", "-e", "trace=none", "true"])
        .stderr(Stdio::null())
        .status();
    if !works.is_ok_and(|status| status.success()) {
        println!("skipped: strace is missing or may not trace");
        return;
    }
    let stage = Stage::new();
    let home = Home::at(stage.path("home"));
    let trace = stage.path("trace");
    live(&stage, &home, Some(&trace));
    let root = home.root().to_str().unwrap();
    let trace = fs::read_to_string(trace).unwrap();
    let (mut files, mut dirs) = (0, 0);
    let worked = |line: &&str| line.contains(root) && !line.contains(" = -1 ");
    for call in trace.lines().filter(worked) {
        let mode = call.split(')').next().unwrap().rsplit(", ").next();
        let mode = mode.unwrap().split(' ').next().unwrap();
        if call.contains("mkdir") {
            assert_eq!(mode, "0700", "{call}");
            dirs += 1;
        } else if call.contains("O_CREAT") && !call.contains("/state/sled/") {
            assert_eq!(mode, "0600", "{call}");
            files += 1;
        }
    }
    assert!(
        files > 30 && dirs >= 4,
        "{files} files and {dirs} directories"
    );
}
