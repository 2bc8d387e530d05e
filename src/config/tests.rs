//! A configuration is always usable, and says what it could not understand.

use super::*;

fn parse(text: &str) -> Loaded {
    Config::parse(text, Path::new("config.toml"))
}

#[test]
fn a_missing_file_means_defaults_and_no_server() {
    let dir = tempfile::tempdir().unwrap();
    let loaded = Config::load(&dir.path().join("config.toml"));
    assert_eq!(loaded.config, Config::default());
    assert!(loaded.problems.is_empty());
    assert_eq!(
        loaded.config.sync.server_url, None,
        "there is no built-in server"
    );
}

#[test]
fn the_python_tools_file_is_understood_and_its_other_keys_are_no_problem() {
    let loaded = parse(
        r#"
[sync]
server_url = "https://Example.invalid/"
max_queue_size = 100000
background_daemon = "manual"
[sync.repo_defaults."acme/widgets"]
enabled = true
[tracker]
provider = "jira"
"#,
    );
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    assert_eq!(
        loaded.config.sync.server_url.unwrap().as_str(),
        "https://example.invalid"
    );
}

#[test]
fn bad_values_take_their_defaults_and_are_named() {
    let loaded = parse(
        r#"
[sync]
server_url = 42
auto = "yes"
interval_seconds = 0
max_events_per_batch = 1001
max_batch_bytes = 600000
max_queue_size = "many"
ca_file = 1
[log]
segment_bytes = -1
"#,
    );
    assert_eq!(loaded.config, Config::default());
    let told: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 8, "{told:#?}");
    assert!(
        told.contains(
            &"config.toml: sync.max_events_per_batch must be a whole number from 1 to 1000"
                .to_owned()
        ),
        "{told:#?}"
    );
    let plain = parse("[sync]\nserver_url = \"http://example.org\"\n");
    assert_eq!(plain.config.sync.server_url, None);
    assert!(plain.problems[0].to_string().contains("https://"));
}

#[test]
fn a_broken_file_means_defaults_and_one_problem() {
    for text in [
        "[sync\nserver_url = \"https://x\"\n",
        "sync = 1 = 2",
        "\u{0}",
    ] {
        let loaded = parse(text);
        assert_eq!(
            (loaded.config, loaded.problems.len()),
            (Config::default(), 1),
            "{text:?}"
        );
    }
    // A section that is no table has none of our keys.
    assert!(parse("sync = 3").problems.is_empty());
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        Config::load(dir.path()).problems.len(),
        1,
        "a directory in the way"
    );
}

#[test]
fn every_value_in_bounds_is_taken() {
    let loaded = parse(
        r#"
[sync]
auto = false
interval_seconds = 60
max_events_per_batch = 10
max_batch_bytes = 524288
ca_file = "/etc/ca.pem"
[log]
max_bytes = 1048576
max_pending_events = 5
segment_bytes = 4096
"#,
    );
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    let Config { sync, log } = loaded.config;
    assert!(!sync.auto);
    assert_eq!(sync.interval, Duration::from_secs(60));
    assert_eq!(
        (sync.max_events_per_batch, sync.max_batch_bytes),
        (10, 524_288)
    );
    assert_eq!(sync.ca_file.as_deref(), Some(Path::new("/etc/ca.pem")));
    assert_eq!(
        (log.max_bytes, log.max_pending_events, log.segment_bytes),
        (1 << 20, 5, 4096)
    );
}

#[test]
fn setting_keeps_comments_order_and_unknown_keys() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    let before = "# mine\n[tracker]\nprovider = \"jira\" # theirs\n\n[sync]\n# where to\nserver_url = \"https://a.org\" # old\nother = 1\n";
    std::fs::write(&path, before).unwrap();
    set(&path, "sync.server_url", "https://b.org").unwrap();
    set(&path, "log.max_bytes", "1048576").unwrap();
    let after = std::fs::read_to_string(&path).unwrap();
    let expected = before.replace("a.org", "b.org") + "\n[log]\nmax_bytes = 1048576\n";
    assert_eq!(after, expected);
    let loaded = Config::load(&path);
    assert!(loaded.problems.is_empty());
    assert_eq!(loaded.config.log.max_bytes, 1 << 20);
}

#[test]
fn setting_refuses_what_could_not_be_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    assert!(matches!(
        set(&path, "sync.nope", "1"),
        Err(SetError::Unknown { .. })
    ));
    for (key, text) in [
        ("sync.auto", "maybe"),
        ("sync.max_batch_bytes", "600000"),
        ("log.segment_bytes", "8 MiB"),
        ("sync.server_url", "http://example.org"),
    ] {
        assert!(
            matches!(set(&path, key, text), Err(SetError::Wrong { .. })),
            "{key}"
        );
    }
    assert!(!path.exists());
    std::fs::write(&path, "[sync\n").unwrap();
    assert!(matches!(
        set(&path, "sync.auto", "false"),
        Err(SetError::NotToml { .. })
    ));
    std::fs::write(&path, "sync = 3\n").unwrap();
    assert!(matches!(
        set(&path, "sync.auto", "false"),
        Err(SetError::NotToml { .. })
    ));
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "sync = 3\n",
        "left as it was"
    );
}

proptest::proptest! {
    #[test]
    fn no_text_stops_the_loader(text in "(\\[sync\\]\n|\\[log\\]\n|[a-z_]{1,12} = [-0-9a-z\"]{1,8}\n|.{0,20}\n){0,8}") {
        let _ = parse(&text);
    }
}

/// Files that the Python tool wrote, or choked on; see the folder's names.
#[test]
fn every_configuration_of_the_python_tool_is_judged() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/python-home/config");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let loaded = Config::load(&path);
        let problems = match name {
            "config-bad-types.toml" => 2,
            "config-malformed.toml" => 1,
            _ => 0,
        };
        assert_eq!(
            loaded.problems.len(),
            problems,
            "{name}: {:?}",
            loaded.problems
        );
        let none = ["bad-types", "malformed", "empty", "no-sync-table"];
        let expected = !none.iter().any(|word| name.contains(word));
        assert_eq!(loaded.config.sync.server_url.is_some(), expected, "{name}");
    }
}
