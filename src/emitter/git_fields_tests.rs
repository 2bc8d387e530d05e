//! Branch and commit as git itself would name them, read without git.

use super::*;
use proptest::prelude::*;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const ONE: &str = "409ce863c69ac30e0cef7d21797a1f45928a0084";
const TWO: &str = "1111111111111111111111111111111111111111";

struct Repository {
    dir: tempfile::TempDir,
}

impl Repository {
    fn with(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Self { dir }
    }

    fn dirs(&self) -> GitDirs {
        GitDirs {
            git_dir: self.dir.path().to_owned(),
            common_dir: self.dir.path().to_owned(),
        }
    }

    fn branch_and_commit(&self) -> (Option<String>, Option<String>) {
        let fields = read(&self.dirs());
        (fields.git_branch, fields.head_commit_sha)
    }
}

fn some(branch: &str, commit: &str) -> (Option<String>, Option<String>) {
    (Some(branch.to_owned()), Some(commit.to_owned()))
}

#[test]
fn a_loose_ref_wins_over_a_packed_one() {
    let packed = format!("# pack-refs with: peeled\n{TWO} refs/heads/a/main\n^{ONE}\n");
    let repository = Repository::with(&[
        ("HEAD", "ref: refs/heads/a/main\n"),
        ("packed-refs", &packed),
    ]);
    assert_eq!(repository.branch_and_commit(), some("a/main", TWO));
    fs::create_dir_all(repository.dir.path().join("refs/heads/a")).unwrap();
    fs::write(repository.dir.path().join("refs/heads/a/main"), ONE).unwrap();
    assert_eq!(repository.branch_and_commit(), some("a/main", ONE));
}

#[test]
fn a_packed_ref_is_matched_by_its_whole_name() {
    let packed = format!("{ONE} refs/heads/other/refs/heads/x\n{TWO} refs/heads/xx\n");
    let repository = Repository::with(&[("HEAD", "ref: refs/heads/x"), ("packed-refs", &packed)]);
    assert_eq!(repository.branch_and_commit(), (None, None));
}

#[test]
fn a_detached_head_is_called_head_and_no_commit_yet_is_no_branch() {
    let detached = Repository::with(&[("HEAD", ONE)]);
    assert_eq!(detached.branch_and_commit(), some("HEAD", ONE));
    let unborn = Repository::with(&[("HEAD", "ref: refs/heads/main\n")]);
    assert_eq!(unborn.branch_and_commit(), (None, None));
}

#[test]
fn symbolic_refs_are_followed_but_not_for_ever() {
    let chain = Repository::with(&[
        ("HEAD", "ref: refs/heads/a"),
        ("refs/heads/a", "ref: refs/heads/b\n"),
        ("refs/heads/b", ONE),
    ]);
    assert_eq!(chain.branch_and_commit(), some("b", ONE));
    let ring = Repository::with(&[
        ("HEAD", "ref: refs/heads/a"),
        ("refs/heads/a", "ref: refs/heads/a"),
    ]);
    assert_eq!(ring.branch_and_commit(), (None, None));
}

#[test]
fn what_git_would_not_have_written_has_no_answer() {
    let long = "a".repeat(MAX_REF_BYTES + 1);
    for head in [
        "",
        "\0\0\0",
        "ref: ../../etc/passwd",
        "ref: refs/heads/../../../secret",
        "ref: refs/heads/.invalid",
        "ref: /etc/passwd",
        "ref: refs/heads/a b",
        "ref: refs//heads",
        "ref: refs/heads/x.lock",
        "ref: config",
        "409ce863",
        "409CE863C69AC30E0CEF7D21797A1F45928A0084",
        &long,
    ] {
        let repository = Repository::with(&[("HEAD", head), ("secret", ONE), ("config", ONE)]);
        assert_eq!(repository.branch_and_commit(), (None, None), "{head:?}");
    }
}

#[test]
fn too_many_packed_refs_cost_the_commit_but_not_the_branch() {
    let line = format!("{TWO} refs/tags/v\n");
    let endless = line.as_bytes().iter().copied().cycle();
    let bytes: Vec<u8> = endless
        .take(usize::try_from(MAX_PACKED_BYTES).unwrap())
        .collect();
    let scanned = scan_packed(bytes.as_slice(), "refs/heads/main");
    assert!(matches!(scanned, Packed::TooMany));
}

/// Runs git in `dir`, cut off from every configuration; `None` where it is missing.
fn git(dir: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH")?)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

fn assert_as_git_says(checkout: &Path) {
    let place = crate::emitter::place::find(checkout, None);
    let fields = read(&place.git.unwrap());
    assert_eq!(
        fields.git_branch,
        git(checkout, &["rev-parse", "--abbrev-ref", "HEAD"])
    );
    assert_eq!(
        fields.head_commit_sha,
        git(checkout, &["rev-parse", "--verify", "-q", "HEAD"])
    );
}

#[test]
fn the_answers_are_those_of_git() {
    let dir = tempfile::tempdir().unwrap();
    let main = dir.path().join("main");
    fs::create_dir(&main).unwrap();
    if git(&main, &["init", "-q", "-b", "trunk"]).is_none() {
        return;
    }
    assert_as_git_says(&main);
    git(&main, &["commit", "-q", "--allow-empty", "-m", "one"]).unwrap();
    assert_as_git_says(&main);
    let worktree: PathBuf = dir.path().join("wt");
    let path = worktree.to_str().unwrap();
    git(&main, &["worktree", "add", "-q", "-b", "028-x-WP01", path]).unwrap();
    git(&worktree, &["commit", "-q", "--allow-empty", "-m", "two"]).unwrap();
    assert_as_git_says(&worktree);
    git(&main, &["pack-refs", "--all"]).unwrap();
    assert_as_git_says(&worktree);
    assert_as_git_says(&main);
    git(&main, &["checkout", "-q", "--detach"]).unwrap();
    assert_as_git_says(&main);
}

proptest! {
    #[test]
    fn no_ref_name_leads_out_of_the_repository(name in "[ -~]{0,24}") {
        let full = format!("refs/{name}");
        if is_ref_name(&full) {
            let path = Path::new(&full);
            prop_assert!(path.is_relative());
            prop_assert!(path.components().all(|part| matches!(
                part,
                std::path::Component::Normal(_)
            )));
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_ref(&bytes);
        let _ = packed_line(&bytes, "refs/heads/main");
        let _ = scan_packed(bytes.as_slice(), "refs/heads/main");
    }
}
