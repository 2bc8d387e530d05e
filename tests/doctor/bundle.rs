//! `doctor --bundle`: a report that can be given away.

use std::fs;

use serde_json::Value;
use spec_kitty::state::Retry;

use crate::support::{PROJECT, id, rejected};
use crate::ward::Ward;

/// Everything in here is somebody's business.
const SECRETS: [&str; 12] = [
    "SECRET-A",
    "SECRET-R",
    "alice",
    "acme-corp",
    "kitty.example",
    "hunter2",
    "PAYLOADTEXT",
    "SERVERWORDS",
    "028-secret-feature",
    "widgets",
    PROJECT,
    "/tmp",
];

#[test]
fn nothing_in_it_tells_who_where_or_what() {
    let ward = Ward::healthy();
    ward.bench.note("PAYLOADTEXT");
    let refusal = rejected(Retry::Never, "SERVERWORDS about alice@kitty.example");
    ward.bench.answered(PROJECT, &[(4, id(3), refusal)]);
    let tasks = ward.path("here/kitty-specs/028-secret-feature/tasks");
    fs::create_dir_all(&tasks).unwrap();
    fs::create_dir_all(ward.path("here/.kittify")).unwrap();
    fs::write(tasks.join("WP01-x.md"), "---\nlane: PAYLOADTEXT\n---\n").unwrap();
    let config = b"[sync]\nserver_url = \"https://alice:hunter2@kitty.example\"\n";
    spec_kitty::private_file::replace(&ward.file("config.toml"), config).unwrap();
    fs::write(ward.file("state/delivery.view.alice"), "").unwrap();
    let path = ward.path("report.json");
    let mut command = ward.command(&["doctor", "--bundle", path.to_str().unwrap()]);
    command
        .env("SPEC_KITTY_PASSWORD", "hunter2")
        .env("SPEC_KITTY_SERVER_URL", "https://kitty.example/SECRET-A");
    let ran = crate::support::ran(&mut command);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    let text = fs::read_to_string(&path).unwrap();
    for secret in SECRETS {
        assert!(
            !text.to_lowercase().contains(&secret.to_lowercase()),
            "{secret}: {text}"
        );
    }
    for name in [
        spec_kitty::platform::host_name(),
        spec_kitty::platform::user_name(),
    ] {
        let words = text.split(|c: char| !c.is_alphanumeric());
        let told = words
            .filter(|word| word.eq_ignore_ascii_case(&name))
            .count();
        assert_eq!(told, 0, "{name}: {text}");
    }
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&report["kind"], &report["v"]),
        (&"doctor-bundle".into(), &1.into())
    );
    assert!(report["checks"].as_array().unwrap().len() > 15);
}

#[test]
fn it_is_private_and_replaces_nothing() {
    let ward = Ward::healthy();
    let path = ward.path("report.json");
    let arguments = ["doctor", "--bundle", path.to_str().unwrap()];
    assert_eq!(ward.run(&arguments).code, Some(0));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let before = fs::read(&path).unwrap();
    let ran = ward.run(&arguments);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.stderr.starts_with("error[exists]: "), "{ran:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
}
