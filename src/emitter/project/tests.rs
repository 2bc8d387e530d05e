//! A project has one identity: found, completed, or honestly absent.

use super::*;
use std::collections::HashSet;
use std::fs;

struct Fixed;

impl Defaults for Fixed {
    fn slug(&self) -> String {
        slug_from("My_Widgets 2")
    }

    fn node_id(&self) -> String {
        "b805cd5cee74".to_owned()
    }
}

fn project(config: Option<&str>) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join(".kittify")).unwrap();
    if let Some(text) = config {
        fs::write(config_of(root.path()), text).unwrap();
    }
    root
}

fn config_of(root: &Path) -> PathBuf {
    root.join(".kittify/config.yaml")
}

fn files_of(root: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root.join(".kittify"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_identity_is_made_up_once_and_found_ever_after() {
    let root = project(None);
    let first = resolve(root.path(), &Fixed).identity.unwrap();
    assert_eq!(first.slug, "my-widgets-2");
    assert_eq!(Uuid::parse_str(&first.uuid).unwrap().get_version_num(), 4);
    let text = fs::read_to_string(config_of(root.path())).unwrap();
    assert_eq!(
        text,
        format!(
            "project:\n  uuid: {}\n  slug: my-widgets-2\n  node_id: b805cd5cee74\n",
            first.uuid
        )
    );
    assert_eq!(resolve(root.path(), &Fixed).identity, Some(first));
    assert_eq!(files_of(root.path()), ["config.yaml"]);
}

#[test]
fn processes_that_complete_at_once_end_with_one_identity() {
    let root = project(Some("vcs:\n  type: git\n"));
    let found: HashSet<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| resolve(root.path(), &Fixed).identity.unwrap().uuid))
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .collect()
    });
    assert_eq!(found.len(), 1, "{found:?}");
    let text = fs::read_to_string(config_of(root.path())).unwrap();
    assert_eq!(text.matches("uuid:").count(), 1, "{text}");
    assert_eq!(files_of(root.path()), ["config.yaml"]);
}

#[test]
fn what_a_killed_process_left_behind_is_overwritten() {
    let root = project(Some("vcs:\n  type: git\n"));
    let left = root.path().join(".kittify").join(NEW_FILE_NAME);
    fs::write(&left, "project:\n  uuid: half a fi".repeat(50)).unwrap();
    let identity = resolve(root.path(), &Fixed).identity.unwrap();
    let text = fs::read_to_string(config_of(root.path())).unwrap();
    assert!(text.starts_with("vcs:\n  type: git\nproject:\n"), "{text}");
    assert!(text.contains(&identity.uuid), "{text}");
    assert!(!left.exists());
}

#[cfg(unix)]
#[test]
fn what_cannot_be_written_gives_no_identity_instead_of_a_random_one() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let set_mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let read_only_file = project(Some("a: 1\n"));
    set_mode(&config_of(read_only_file.path()), 0o444);
    let read_only_dir = project(None);
    set_mode(&read_only_dir.path().join(".kittify"), 0o555);
    let linked = project(None);
    fs::write(linked.path().join("target"), "a: 1\n").unwrap();
    symlink(linked.path().join("target"), config_of(linked.path())).unwrap();
    let trap = project(None);
    fs::write(trap.path().join("target"), "precious").unwrap();
    let new_file = trap.path().join(".kittify").join(NEW_FILE_NAME);
    symlink(trap.path().join("target"), &new_file).unwrap();
    for root in [&read_only_file, &read_only_dir, &linked, &trap] {
        let facts = resolve(root.path(), &Fixed);
        assert_eq!(facts.identity, None);
        assert!(
            matches!(facts.problem, Some(ProjectProblem::Unwritable { .. })),
            "{:?}",
            facts.problem
        );
    }
    set_mode(&read_only_dir.path().join(".kittify"), 0o755);
    assert_eq!(files_of(read_only_file.path()), ["config.yaml"]);
    assert_eq!(fs::read(linked.path().join("target")).unwrap(), b"a: 1\n");
    assert_eq!(fs::read(trap.path().join("target")).unwrap(), b"precious");
}

#[cfg(unix)]
#[test]
fn a_completed_file_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let root = project(Some("a: 1\n"));
    let config = config_of(root.path());
    fs::set_permissions(&config, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(resolve(root.path(), &Fixed).identity.is_some());
    let mode = fs::metadata(&config).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn a_uuid_alone_is_an_identity_even_where_nothing_can_be_added() {
    let uuid = "3a3819b1-a27d-4152-a493-ad2ef5a006cd";
    let root = project(Some(&format!(
        "{{project: {{uuid: {uuid}}}}}\n...\n# end\n...\n"
    )));
    let facts = resolve(root.path(), &Fixed);
    let identity = facts.identity.unwrap();
    assert_eq!(
        (identity.uuid.as_str(), identity.slug.as_str()),
        (uuid, "my-widgets-2")
    );
}

#[test]
fn a_file_that_makes_no_sense_is_left_alone_and_named() {
    for text in [
        "project: [unclosed\n",
        "project:\n  uuid: x\n",
        "- a\n",
        "a: \u{0}\n",
    ] {
        let root = project(Some(text));
        let facts = resolve(root.path(), &Fixed);
        assert_eq!(facts.identity, None, "{text:?}");
        let problem = facts.problem.unwrap().to_string();
        assert!(problem.contains("config.yaml"), "{problem}");
        assert_eq!(fs::read_to_string(config_of(root.path())).unwrap(), text);
        assert_eq!(files_of(root.path()), ["config.yaml"]);
    }
    let root = project(None);
    fs::write(config_of(root.path()), [0xff, 0xfe]).unwrap();
    assert!(resolve(root.path(), &Fixed).problem.is_some());
    fs::write(config_of(root.path()), " ".repeat(MAX_FILE_BYTES + 1)).unwrap();
    assert!(resolve(root.path(), &Fixed).problem.is_some());
}

#[test]
fn opting_out_is_seen_even_without_an_identity() {
    let root = project(Some("project: {uuid: nonsense}\nsync:\n  enabled: false\n"));
    let facts = resolve(root.path(), &Fixed);
    assert!(facts.wishes.opted_out);
    assert_eq!(facts.identity, None);
}

#[test]
fn every_name_gives_a_slug() {
    assert_eq!(slug_from("Spec Kitty_CLI"), "spec-kitty-cli");
    assert_eq!(slug_from("__"), "project");
    assert_eq!(slug_from("a\u{1b}b\n"), "ab");
    assert_eq!(slug_from(&"x".repeat(500)).len(), 64);
}
