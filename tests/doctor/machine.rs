//! What the machine is to blame for: its disks, its file systems, its terminal.
//!
//! Disks are mounted in a namespace of their own. A network file system cannot be
//! mounted without its server, so there the answer of the kernel is exchanged on
//! its way to the program (`strace` writes another number into what `statfs`
//! returned): the program that runs is the real one. Where a system has no
//! namespaces, no `strace` or no `script`, the test says so and passes.
#![cfg(target_os = "linux")]

use std::process::{Command, Output};

use serde_json::Value;

use crate::ward::{Ward, is, of};

const PROGRAM: &str = env!("CARGO_BIN_EXE_spec-kitty");

/// The checks that a run printed.
fn checks(output: &Output) -> Vec<Value> {
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    report["checks"].as_array().unwrap().clone()
}

/// The checks of a copy of the ward's home, on a file system that `script` mounts
/// on `$1`; `None` where nobody may mount one.
fn on_a_disk(ward: &Ward, mount: &str, after: &str) -> Option<Vec<Value>> {
    let disk = ward.path("disk");
    std::fs::create_dir_all(&disk).unwrap();
    let script = format!(
        "{mount} \"$1\" || exit 99; cp -a \"$2\" \"$1/home\" && {after} \
         exec {PROGRAM} --json --home \"$1/home\" doctor"
    );
    let mut command = Command::new("unshare");
    crate::support::clean(&mut command);
    let output = command
        .args(["--mount", "--map-root-user", "sh", "-c", &script, "sh"])
        .args([&disk, &ward.bench.home()])
        .current_dir(ward.path("here"))
        .env("HOME", ward.path("user"))
        .env("SPEC_KITTY_NO_DAEMON", "1")
        .output();
    let output = output
        .ok()
        .filter(|output| matches!(output.status.code(), Some(0 | 5)));
    if output.is_none() {
        eprintln!("skipped: nothing can be mounted here");
    }
    output.map(|output| checks(&output))
}

#[test]
fn a_disk_that_fills_up_is_a_note_and_one_without_room_a_problem() {
    let ward = Ward::healthy();
    let tmpfs = |size: &str| format!("mount -t tmpfs -o size={size} none");
    let clear = "free some space; see what the log can do without: spec-kitty log prune --dry-run";
    let Some(roomy) = on_a_disk(&ward, &tmpfs("700m"), "") else {
        return;
    };
    is(&of(&roomy, "disk"), "ok", "MiB free", None);
    let little = on_a_disk(&ward, &tmpfs("100m"), "").unwrap();
    is(&of(&little, "disk"), "note", "MiB free", Some(clear));
    let none = on_a_disk(&ward, &tmpfs("12m"), "").unwrap();
    is(
        &of(&none, "disk"),
        "problem",
        "soon no event can be recorded",
        Some(clear),
    );
}

#[test]
fn a_home_that_cannot_be_written_to_is_a_problem() {
    let ward = Ward::healthy();
    let after = "mount -o remount,ro \"$1\" &&";
    let Some(found) = on_a_disk(&ward, "mount -t tmpfs -o size=100m none", after) else {
        return;
    };
    let check = of(&found, "home");
    is(
        &check,
        "problem",
        "cannot be written to",
        check["fix"].as_str(),
    );
}

/// `f_type` is the first field of what `statfs` fills in: 0x6969 is NFS.
#[test]
fn a_home_on_another_machines_disk_is_a_problem_and_verify_warns_of_it() {
    let ward = Ward::healthy();
    let nfs = "inject=statfs:poke_exit=@arg2=6969000000000000";
    let traced = |arguments: &[&str]| {
        let mut command = Command::new("strace");
        crate::support::clean(&mut command);
        command
            .args([
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                "trace=statfs",
                "-e",
                nfs,
                PROGRAM,
            ])
            .arg("--home")
            .arg(ward.bench.home())
            .args(arguments)
            .current_dir(ward.path("here"))
            .env("HOME", ward.path("user"))
            .env("SPEC_KITTY_NO_DAEMON", "1");
        command.output()
    };
    let Ok(output) = traced(&["--json", "doctor"]) else {
        eprintln!("skipped: there is no strace");
        return;
    };
    if !matches!(output.status.code(), Some(0 | 5)) {
        eprintln!("skipped: strace cannot do it here: {output:?}");
        return;
    }
    let fix = Some("name a directory on a local disk: --home DIR or SPEC_KITTY_HOME");
    is(
        &of(&checks(&output), "file-system"),
        "problem",
        "network file system (nfs)",
        fix,
    );
    let verify = traced(&["log", "verify"]).unwrap();
    let said = String::from_utf8(verify.stdout).unwrap();
    assert!(said.contains("network file system (nfs)"), "{said}");
    is(&ward.check("file-system"), "ok", "of this machine", None);
}

#[test]
fn what_is_known_of_a_terminal_is_told() {
    let ward = Ward::healthy();
    is(
        &ward.check("terminal"),
        "ok",
        "none: output goes to a pipe",
        None,
    );
    let line = format!(
        "stty cols 97 rows 24; exec {PROGRAM} --home {} --json doctor",
        ward.bench.home().display()
    );
    let told = |locale: &str| {
        let mut command = Command::new("script");
        crate::support::clean(&mut command);
        command
            .args(["-qec", &line, "/dev/null"])
            .current_dir(ward.path("here"))
            .env("HOME", ward.path("user"))
            .env("SPEC_KITTY_NO_DAEMON", "1")
            .env("LC_ALL", locale);
        let output = command.stdin(std::process::Stdio::null()).output().ok()?;
        Some(of(&checks(&output), "terminal"))
    };
    let Some(check) = told("C.UTF-8") else {
        eprintln!("skipped: there is no script");
        return;
    };
    is(&check, "ok", "xterm, 97 columns, UTF-8", None);
    is(
        &told("C").unwrap(),
        "ok",
        "xterm, 97 columns, ASCII signs",
        None,
    );
}

/// The file keeps its form and its checksum; only a number in it is another one.
#[test]
fn counts_that_are_kept_wrongly_are_a_problem_and_repair_makes_them_anew() {
    let ward = Ward::healthy();
    let settings = b"[log]\nsegment_bytes = 65536\n";
    spec_kitty::private_file::replace(&ward.file("config.toml"), settings).unwrap();
    let payload = serde_json::json!({
        "wp_id": "WP01", "entry_type": "note", "entry_content": "x".repeat(40_000),
    });
    for _ in 0..5 {
        let payload = payload.to_string();
        let ran = ward.run(&["emit", "HistoryAdded", "--payload", &payload]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    ward.run(&["sync", "status"]);
    is(&ward.check("tallies"), "ok", "what is in them", None);
    let path = ward.file("state/tallies");
    let sound = std::fs::read(&path).unwrap();
    // Numbers of events are the last thing that is kept of a segment.
    let found = (24..sound.len()).rev().take(64).find(|at| {
        let mut forged = sound.clone();
        forged[*at] = forged[*at].wrapping_add(1);
        let mut summed = crc32fast::Hasher::new();
        summed.update(&forged[..20]);
        summed.update(&forged[24..]);
        forged[20..24].copy_from_slice(&summed.finalize().to_le_bytes());
        spec_kitty::private_file::replace(&path, &forged).unwrap();
        ward.check("tallies")["state"] == "problem"
    });
    assert!(found.is_some(), "no forged number was noticed");
    let repair = Some("spec-kitty log repair --dry-run");
    is(&ward.check("tallies"), "problem", "counted wrongly", repair);
    assert_eq!(ward.run(&["log", "repair", "--yes"]).code, Some(0));
    is(&ward.check("tallies"), "ok", "what is in them", None);
}
