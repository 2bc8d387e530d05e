//! Homes in trouble: busy, full, newer, read-only, corrupt.

use std::fs;
use std::path::Path;
use std::process::{Command as Process, Output, Stdio};

use assert_cmd::Command;
use serde_json::Value;

use crate::support::{KEYS, World, error, exit, keys, line, note, receipts, text};

#[test]
fn corrupt_settings_and_credentials_cost_no_event() {
    let world = World::new();
    fs::create_dir(world.path("home")).unwrap();
    for garbage in [&b"[log"[..], b"\xff\xfe\x00", b"= = ="] {
        fs::write(world.home().config_file(), garbage).unwrap();
        fs::write(world.home().credentials_file(), garbage).unwrap();
        fs::write(world.home().legacy_clock_file(), garbage).unwrap();
        let output = world.emit(&["HistoryAdded", "--payload", &note("x").to_string()]);
        assert_eq!(exit(&output), 0);
        let stderr = text(&output.stderr);
        assert!(
            stderr.contains("config.toml") && stderr.contains("credentials"),
            "{stderr}"
        );
    }
    assert_eq!(world.events().len(), 3);
}

#[test]
fn a_busy_log_ends_with_6_after_the_wait_that_was_asked_for() {
    let world = World::new();
    let payload = note("x").to_string();
    assert_eq!(
        exit(&world.emit(&["HistoryAdded", "--payload", &payload])),
        0
    );
    let lock = fs::File::options()
        .write(true)
        .open(world.home().log_dir().join("LOCK"))
        .unwrap();
    assert!(spec_kitty::platform::try_lock_exclusive(&lock).unwrap());
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("spec-kitty"));
    let output = command
        .envs(world.environment())
        .env("SPEC_KITTY_LOCK_TIMEOUT", "30ms")
        .current_dir(world.path("project"))
        .args(["--json", "emit", "HistoryAdded", "--payload", &payload])
        .output()
        .unwrap();
    assert_eq!(exit(&output), 6);
    assert_eq!(receipts(&output)[0]["error"]["code"], "busy");
    assert_eq!(error(&output)["code"], "busy");
    drop(lock);
    assert_eq!(world.events().len(), 1);
    assert_eq!(world.failures(), 1, "what could not be recorded is counted");
}

#[test]
fn a_log_that_fills_up_warns_first_and_then_refuses() {
    let world = World::new();
    fs::create_dir(world.path("home")).unwrap();
    let config = "[log]\nmax_bytes = 65536\nsegment_bytes = 4096\n";
    fs::write(world.home().config_file(), config).unwrap();
    let payload = note(&"x".repeat(2000)).to_string();
    let mut warned = false;
    for recorded in 0..100 {
        let output = world.emit(&["HistoryAdded", "--payload", &payload]);
        let stderr = text(&output.stderr);
        if exit(&output) == 0 {
            assert!(
                !warned || stderr.starts_with("warning: "),
                "once high, always said"
            );
            warned |= stderr.starts_with("warning: ");
            continue;
        }
        assert!(warned, "the refusal does not come out of the blue");
        assert_eq!(exit(&output), 1);
        assert!(stderr.starts_with("error[log-full]"), "{stderr}");
        assert_eq!(world.events().len(), recorded);
        assert_eq!(world.failures(), 1);
        return;
    }
    panic!("the limit was never reached");
}

#[test]
fn a_log_of_a_newer_version_ends_with_10_and_is_left_alone() {
    let world = World::new();
    let payload = note("x").to_string();
    assert_eq!(
        exit(&world.emit(&["HistoryAdded", "--payload", &payload])),
        0
    );
    let segment = world.home().log_dir().join("0000000001.seg");
    let mut bytes = fs::read(&segment).unwrap();
    for copy in bytes[..1024].chunks_exact_mut(512) {
        copy[8..10].copy_from_slice(&99_u16.to_le_bytes());
        let crc = crc32fast::hash(&copy[..508]);
        copy[508..].copy_from_slice(&crc.to_le_bytes());
    }
    fs::write(&segment, &bytes).unwrap();
    let output = world.emit(&["HistoryAdded", "--payload", &payload]);
    assert_eq!(exit(&output), 10, "{}", text(&output.stderr));
    let output = world.emit_in("project", &["--stdin"], (line("y") + "\n").as_bytes());
    assert_eq!(exit(&output), 10);
    assert_eq!(fs::read(&segment).unwrap(), bytes);
}

#[test]
fn a_home_that_cannot_be_made_ends_with_1_and_one_clear_message() {
    let world = World::new();
    fs::write(world.path("home"), "a file in the way").unwrap();
    let payload = note("x").to_string();
    let output = world.emit(&["HistoryAdded", "--payload", &payload]);
    assert_eq!(exit(&output), 1);
    let stderr = text(&output.stderr);
    assert!(
        stderr.starts_with("error[") && stderr.contains("next: "),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
    assert!(output.stdout.is_empty());
    let output = world.emit_in(
        "project",
        &["--stdin", "--json"],
        (line("y") + "\n").as_bytes(),
    );
    assert_eq!(exit(&output), 1);
    assert_eq!(receipts(&output)[0]["status"], "refused");
    assert_eq!(fs::read(world.path("home")).unwrap(), b"a file in the way");
}

#[cfg(unix)]
#[test]
fn a_read_only_home_loses_nothing_that_was_there() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let payload = note("x").to_string();
    assert_eq!(
        exit(&world.emit(&["HistoryAdded", "--payload", &payload])),
        0
    );
    let dirs = [
        world.home().log_dir(),
        world.home().state_dir(),
        world.path("home"),
    ];
    let set_modes = |dir_mode, file_mode| {
        for dir in &dirs {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    fs::set_permissions(path, fs::Permissions::from_mode(file_mode)).unwrap();
                }
            }
            fs::set_permissions(dir, fs::Permissions::from_mode(dir_mode)).unwrap();
        }
    };
    set_modes(0o500, 0o400);
    // The superuser writes where it likes; there is nothing to see then.
    let is_enforced = fs::File::create(world.path("home/probe")).is_err();
    let output = world.emit(&["HistoryAdded", "--payload", &payload]);
    set_modes(0o700, 0o600);
    if is_enforced {
        assert_eq!(exit(&output), 1);
        assert!(text(&output.stderr).contains("error[home-not-writable]"));
        assert_eq!(world.events().len(), 1);
    }
}

/// Runs `script` where `$1` is a file system of 64 KiB; `None` where a process
/// may not mount one.
#[cfg(target_os = "linux")]
fn on_a_small_disk(dir: &Path, script: &str) -> Option<Output> {
    let mount = "mount -t tmpfs -o size=64k none \"$1\" || exit 99; ";
    let output = Process::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c"])
        .arg(format!("{mount}{script}"))
        .arg("sh")
        .arg(dir)
        .arg(assert_cmd::cargo::cargo_bin!("spec-kitty"))
        .env("SPEC_KITTY_HOME", dir)
        .env("SPEC_KITTY_NO_DAEMON", "1")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let is_mounted = output.status.code() != Some(99) && !text(&output.stderr).contains("unshare");
    is_mounted.then_some(output)
}

/// What was prepared before the disk was full is there for events.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_takes_what_was_prepared_for() {
    let world = World::new();
    fs::create_dir(world.path("home")).unwrap();
    let payload = note("x").to_string();
    let script = format!(
        "printf '[log]\\nprepared_bytes = 16384\\n' > \"$1/config.toml\"; \
         \"$2\" --json emit HistoryAdded --payload '{payload}' || exit 98; \
         cat /dev/zero > \"$1/ballast\" 2>/dev/null; \
         i=0; while [ $i -lt 10 ]; do \
         \"$2\" --json emit HistoryAdded --payload '{payload}' 2>/dev/null; echo \"exit $?\"; \
         i=$((i + 1)); done; \"$2\" log verify; exit 0"
    );
    let Some(output) = on_a_small_disk(&world.path("home"), &script) else {
        return;
    };
    let stdout = text(&output.stdout);
    assert_eq!(stdout.matches("exit 0").count(), 10, "{stdout}");
    assert_eq!(stdout.matches("\"recorded\"").count(), 11, "{stdout}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_answer_and_what_was_recorded_stays() {
    let world = World::new();
    fs::create_dir(world.path("home")).unwrap();
    let payload = note("x").to_string();
    // The first event finds room, the disk is filled, the second does not.
    let script = format!(
        "\"$2\" --json emit HistoryAdded --payload '{payload}' || exit 98; \
         cat /dev/zero > \"$1/ballast\" 2>/dev/null; \
         i=0; while [ $i -lt 12 ]; do \
         \"$2\" --json emit HistoryAdded --payload '{payload}' 2>/dev/null; echo \"exit $?\"; \
         i=$((i + 1)); done; rm \"$1/ballast\"; \
         \"$2\" --json emit HistoryAdded --payload '{payload}'; echo \"exit $?\"; \
         exit 0"
    );
    let Some(output) = on_a_small_disk(&world.path("home"), &script) else {
        return;
    };
    let stdout = text(&output.stdout);
    assert_eq!(exit(&output), 0, "{stdout}{}", text(&output.stderr));
    let exits: Vec<&str> = stdout
        .lines()
        .filter(|line| line.starts_with("exit"))
        .collect();
    assert!(exits.contains(&"exit 1"), "{stdout}");
    assert_eq!(exits.last(), Some(&"exit 0"), "room again: {stdout}");
    for line in stdout.lines().filter(|line| line.starts_with('{')) {
        let receipt: Value = serde_json::from_str(line).unwrap();
        assert_eq!(keys(&receipt), KEYS, "a whole receipt in every case");
    }
}
