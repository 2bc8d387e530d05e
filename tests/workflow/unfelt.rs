//! Emission is never felt: whatever is wrong with the event home, each of the
//! eight commands does, says and returns the same, and warns once.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::OnceLock;

use serde_json::json;

use crate::agents::{GOOD, three};
use crate::project::{FEATURE, Project, Ran};

/// The commands in the order of a feature's life, each also where it fails.
const LIFE: [&[&str]; 15] = [
    &["agent", "feature", "finalize-tasks"],
    &["agent", "feature", "finalize-tasks", "--feature", "099-x"],
    &["implement", "WP01", "--agent", "claude"],
    &["implement", "WP02", "--agent", "claude"],
    &["implement", "WP03", "--agent", "claude"],
    &["implement", "WP09"],
    &["agent", "tasks", "mark-status", "T001", "--status", "done"],
    &["agent", "tasks", "mark-status", "T998", "--status", "done"],
    &[
        "agent",
        "tasks",
        "add-history",
        "WP01",
        "--note",
        "half way",
    ],
    &["agent", "tasks", "add-history", "WP09", "--note", "x"],
    &[
        "agent",
        "tasks",
        "move-task",
        "WP01",
        "--to",
        "for_review",
        "--force",
    ],
    &["agent", "tasks", "move-task", "WP01", "--to", "lunch"],
    &["merge"],
    &["merge", "--resume"],
    &["accept", "--actor", "Ada", "--lenient"],
];

const ORCHESTRATION: [&[&str]; 2] = [&["orchestrate"], &["orchestrate", "--skip", "WP01"]];

/// What can be seen of a command: how it ended, what it said, what it left.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    command: String,
    code: i32,
    stdout: String,
    stderr: Vec<String>,
    warnings: usize,
    lanes: Vec<String>,
    commits: String,
    status: String,
}

/// `text` without what differs between two projects: the place, ids of commits.
fn masked(text: &str, project: &Project) -> String {
    let root = fs::canonicalize(project.root()).unwrap();
    let text = text.replace(root.to_str().unwrap(), "ROOT");
    let is_id = |word: &str| {
        let hex = word.chars().all(|c| c.is_ascii_hexdigit());
        (7..=40).contains(&word.len()) && hex
    };
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| is_id(word))
        .fold(text.clone(), |text, id| text.replace(id, "ID"))
}

fn seen(project: &Project, command: &[&str], ran: &Ran) -> Seen {
    let is_warning = |line: &&str| line.starts_with("warning: ") && line.contains("not recorded");
    let lines = || ran.stderr.lines();
    Seen {
        command: command.join(" "),
        code: ran.code,
        stdout: masked(&ran.stdout, project),
        stderr: lines()
            .filter(|line| !is_warning(line))
            .map(|line| masked(line, project))
            .collect(),
        warnings: lines().filter(is_warning).count(),
        lanes: ["WP01", "WP02", "WP03"]
            .map(|wp| project.value(wp, "lane"))
            .into(),
        commits: project.git(&["log", "--first-parent", "--format=%s"]),
        status: project.git(&["status", "--porcelain"]),
    }
}

/// Goes through all commands, with a home that `prepare` spoils. What it returns
/// is kept until the end.
fn live<T>(prepare: impl Fn(&Project) -> T) -> Vec<Seen> {
    let mut all = Vec::new();
    for commands in [&LIFE[..], &ORCHESTRATION] {
        let project = three(GOOD, GOOD);
        let kept = prepare(&project);
        for command in commands {
            let mut program = project.program(&project.root(), command);
            let output = program
                .env("SPEC_KITTY_LOCK_TIMEOUT", "30ms")
                .output()
                .unwrap();
            let ran = Ran::of(output);
            all.push(seen(&project, command, &ran));
            if let (["implement", wp, ..], 0) = (command, ran.code) {
                let tree = project.root().join(format!(".worktrees/{FEATURE}-{wp}"));
                fs::write(tree.join(format!("{wp}.txt")), wp).unwrap();
                project.git_in(&tree, &["add", "-A"]);
                project.git_in(&tree, &["commit", "-qm", wp]);
            }
        }
        drop(kept);
    }
    all
}

fn well() -> &'static [Seen] {
    static WELL: OnceLock<Vec<Seen>> = OnceLock::new();
    WELL.get_or_init(|| live(|_| ()))
}

#[track_caller]
fn assert_unfelt(ill: Vec<Seen>) {
    assert_eq!(ill.len(), well().len());
    for (mut ill, well) in ill.into_iter().zip(well()) {
        assert_eq!((well.warnings, ill.warnings), (0, 1), "{ill:#?}");
        ill.warnings = 0;
        assert_eq!(&ill, well);
    }
}

fn emit(project: &Project, note: &str) -> Ran {
    let payload = json!({"wp_id": "WP01", "entry_type": "note", "entry_content": note});
    let payload = payload.to_string();
    project.run(&["emit", "HistoryAdded", "--payload", &payload])
}

#[test]
fn a_home_is_a_file() {
    assert_unfelt(live(|project| {
        fs::create_dir_all(project.home().parent().unwrap()).unwrap();
        fs::write(project.home(), "in the way").unwrap();
    }));
}

/// Makes all of a directory unwritable, and writable again when it is dropped.
struct Frozen(std::path::PathBuf);

fn set_modes(path: &Path, dir_mode: u32, file_mode: u32) {
    let is_dir = path.is_dir();
    if is_dir && dir_mode & 0o200 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(dir_mode)).unwrap();
    }
    if is_dir {
        for entry in fs::read_dir(path).unwrap() {
            set_modes(&entry.unwrap().path(), dir_mode, file_mode);
        }
    }
    let mode = if is_dir { dir_mode } else { file_mode };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if !self.0.is_symlink() {
            set_modes(&self.0, 0o700, 0o600);
        }
    }
}

#[test]
fn a_home_is_read_only() {
    assert_unfelt(live(|project| {
        emit(project, "x").ok();
        let home = project.home();
        set_modes(&home, 0o500, 0o400);
        // Permissions do not bind root: it gets a file system that takes no files.
        if fs::write(home.join("probe"), "").is_ok() {
            fs::remove_dir_all(&home).unwrap();
            symlink("/proc/self", &home).unwrap();
        }
        Frozen(home)
    }));
}

#[test]
fn a_home_is_full() {
    assert_unfelt(live(|project| {
        fs::create_dir_all(project.home()).unwrap();
        let config = "[log]\nmax_bytes = 65536\nsegment_bytes = 4096\n";
        fs::write(project.home().join("config.toml"), config).unwrap();
        for note in ["x".repeat(3000), "x".to_owned()] {
            while emit(project, &note).code == 0 {}
        }
    }));
}

#[test]
fn a_home_is_locked() {
    assert_unfelt(live(|project| {
        emit(project, "x").ok();
        let lock = fs::File::options()
            .write(true)
            .open(project.home().join("log/LOCK"))
            .unwrap();
        assert!(spec_kitty::platform::try_lock_exclusive(&lock).unwrap());
        lock
    }));
}
