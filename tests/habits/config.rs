//! `config`: what is set is what is used, and the file stays the user's.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{program, stderr, stdout};

/// Runs it where nothing keeps commands from starting the background sender, so
/// that the file is what counts; these commands start none.
fn run(home: &Path, words: &[&str]) -> std::process::Output {
    let mut command = program(home);
    command.env_remove("SPEC_KITTY_NO_DAEMON").args(words);
    command.output().unwrap()
}

fn listed(home: &Path) -> Value {
    let output = run(home, &["config", "list", "--json"]);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn one<'a>(report: &'a Value, key: &str) -> &'a Value {
    let settings = report["settings"].as_array().unwrap();
    settings.iter().find(|one| one["key"] == key).unwrap()
}

const MINE: &str = "\
# mine, and dear to me
[tracker]
provider = \"jira\"

[sync]
# the team's server
server_url = \"https://old.example\"   # until March
background_daemon = \"manual\"
";

#[test]
fn comments_order_and_the_keys_of_others_survive_a_change() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config.toml");
    fs::write(&file, MINE).unwrap();
    let url = "https://new.example";
    let done = run(home.path(), &["config", "set", "sync.server_url", url]);
    assert!(done.status.success(), "{}", stderr(&done));
    let wanted = MINE.replace("https://old.example", url);
    assert_eq!(fs::read_to_string(&file).unwrap(), wanted);
    let got = run(home.path(), &["config", "get", "sync.server_url"]);
    assert_eq!(stdout(&got), format!("{url}\n"));
    let report = listed(home.path());
    assert_eq!(
        report["unknown"],
        serde_json::json!(["tracker.provider", "sync.background_daemon"])
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for name in ["config.toml", "config.lock"] {
            let mode = fs::metadata(home.path().join(name)).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
        }
    }
}

#[test]
fn every_setting_can_be_listed_read_set_and_read_again() {
    let home = tempfile::tempdir().unwrap();
    for key in spec_kitty::config::KEYS {
        let name = key.full_name();
        let value = match key.kind {
            spec_kitty::config::Kind::Flag => "false".to_owned(),
            spec_kitty::config::Kind::Number { max, .. } => max.to_string(),
            spec_kitty::config::Kind::Server => "https://kitty.example.org".to_owned(),
            spec_kitty::config::Kind::File => "/etc/ca.pem".to_owned(),
        };
        assert_eq!(one(&listed(home.path()), &name)["origin"], "default");
        let done = run(home.path(), &["config", "set", &name, &value, "--json"]);
        assert!(done.status.success(), "{name}: {}", stderr(&done));
        let report: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(report["setting"]["origin"], "config.toml", "{name}");
        let got = run(home.path(), &["config", "get", &name]);
        assert_eq!(stdout(&got).trim(), value, "{name}");
        assert!(stderr(&got).is_empty(), "{name}: {}", stderr(&got));
    }
}

#[test]
fn a_variable_wins_and_is_said_to() {
    let home = tempfile::tempdir().unwrap();
    let words = ["config", "set", "sync.server_url", "https://a.example"];
    let done = program(home.path())
        .args(words)
        .env("SPEC_KITTY_SERVER_URL", "https://b.example")
        .output()
        .unwrap();
    assert!(done.status.success());
    assert!(
        stderr(&done).contains("SPEC_KITTY_SERVER_URL"),
        "{}",
        stderr(&done)
    );
    let list = program(home.path())
        .args(["config", "list"])
        .env("SPEC_KITTY_SERVER_URL", "https://b.example")
        .env("SPEC_KITTY_CA_FILE", "/some/ca.pem")
        .output()
        .unwrap();
    let text = stdout(&list);
    assert!(text.contains("https://b.example"), "{text}");
    assert!(text.contains("SPEC_KITTY_SERVER_URL"), "{text}");
    assert!(text.contains("/some/ca.pem"), "{text}");
}

#[test]
fn a_mistyped_setting_is_guessed_and_a_wrong_value_is_explained() {
    let home = tempfile::tempdir().unwrap();
    for words in [
        &["config", "get", "sync.server_ulr"][..],
        &["config", "set", "server_url", "https://a.example"],
    ] {
        let said = run(home.path(), words);
        assert_eq!(said.status.code(), Some(2));
        let text = stderr(&said);
        assert!(text.contains("did you mean sync.server_url?"), "{text}");
    }
    for (key, value) in [
        ("sync.auto", "maybe"),
        ("sync.interval_seconds", "0"),
        ("sync.server_url", "http://example.org"),
        ("log.segment_bytes", "1"),
    ] {
        let said = run(home.path(), &["config", "set", key, value]);
        assert_eq!(said.status.code(), Some(2), "{key}");
        assert!(stderr(&said).contains(key), "{}", stderr(&said));
        assert!(
            !home.path().join("config.toml").exists(),
            "{key} was written"
        );
    }
}

#[test]
fn a_file_that_cannot_be_understood_is_never_overwritten() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config.toml");
    for broken in [&b"[sync\nauto = true\n"[..], b"\xff\xfe", b"sync = 3\n"] {
        fs::write(&file, broken).unwrap();
        let said = run(home.path(), &["config", "set", "sync.auto", "false"]);
        assert_eq!(said.status.code(), Some(1), "{}", stderr(&said));
        assert!(stderr(&said).contains("config.toml"), "{}", stderr(&said));
        assert_eq!(fs::read(&file).unwrap(), broken);
    }
    let list = run(home.path(), &["config", "list"]);
    assert!(list.status.success(), "listing works on a broken file");
}

/// Two at once: the lock around reading, changing and writing.
#[test]
fn of_many_changes_at_once_none_is_lost() {
    let home = tempfile::tempdir().unwrap();
    let keys: Vec<String> = spec_kitty::config::KEYS
        .iter()
        .filter_map(|key| match key.kind {
            spec_kitty::config::Kind::Number { .. } => Some(key.full_name()),
            _ => None,
        })
        .collect();
    let children: Vec<_> = keys
        .iter()
        .map(|key| {
            let mut command = program(home.path());
            command.args(["config", "set", key, "65536"]);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().unwrap()
        })
        .collect();
    let mut set = 0;
    for mut child in children {
        set += usize::from(child.wait().unwrap().success());
    }
    let report = listed(home.path());
    let changed = keys
        .iter()
        .filter(|key| one(&report, key)["origin"] == "config.toml")
        .count();
    assert!(set >= 4, "most numbers may be 65536");
    assert_eq!(changed, set);
}
