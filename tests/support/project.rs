//! A real project in a real git repository, in a temporary directory.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use spec_kitty::event::decode_body;
use spec_kitty::home::Home;
use spec_kitty::log::read::Step;
use spec_kitty::log::reader::Reader;
use spec_kitty::log::segment::LogDir;
use spec_kitty::log::storage::Disk;
use spec_kitty::position::Seq;
use spec_kitty::workflow::frontmatter::Data;
use spec_kitty::workflow::text::Split;

/// The feature of the main fixture.
pub const FEATURE: &str = "028-cli-event-emission-sync";

/// Where the fixtures are.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/projects")
}

pub struct Project {
    dir: tempfile::TempDir,
}

/// What the program did.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("the program was not killed"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self
    }

    /// The one JSON line on stdout.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// The error object on the last line of stderr.
    #[track_caller]
    pub fn error(&self) -> serde_json::Value {
        let line = self.stderr.lines().next_back().unwrap_or_default();
        let object: serde_json::Value = serde_json::from_str(line).expect(line);
        object["error"].clone()
    }
}

impl Project {
    /// A project with the features of some fixtures, committed on the branch `2.x`.
    pub fn of(names: &[&str]) -> Self {
        let project = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(project.root()).unwrap();
        for name in names {
            copy(&fixtures().join(name), &project.root());
        }
        copy(
            &fixtures().join("project-files/at-285b8512e/.kittify"),
            &project.root().join(".kittify"),
        );
        project.git(&["init", "-q", "-b", "2.x"]);
        project.git(&["add", "-A"]);
        project.git(&["commit", "-q", "-m", "start"]);
        project
    }

    /// The feature in the middle of its life.
    pub fn new() -> Self {
        Self::of(&["028-mid-flight"])
    }

    /// The feature before anybody began: all planned, nobody's, every box open.
    pub fn fresh() -> Self {
        let project = Self::new();
        for number in 1..=7 {
            let wp = format!("WP{number:02}");
            let mut text = project.text(&wp);
            let front_end = text[4..].find("\n---").unwrap() + 4;
            let keys = [
                "lane",
                "agent",
                "assignee",
                "shell_pid",
                "review_status",
                "reviewed_by",
            ];
            let front: Vec<String> = text[..front_end]
                .lines()
                .map(
                    |line| match keys.iter().find(|key| line.starts_with(&format!("{key}:"))) {
                        Some(&"lane") => "lane: \"planned\"".to_owned(),
                        Some(key) => format!("{key}: \"\""),
                        None => line.to_owned(),
                    },
                )
                .collect();
            text.replace_range(..front_end, &front.join("\n"));
            fs::write(project.wp(&wp), text).unwrap();
        }
        let tasks = project.feature().join("tasks.md");
        let text = fs::read_to_string(&tasks)
            .unwrap()
            .replace("- [x]", "- [ ]");
        fs::write(&tasks, text).unwrap();
        project.git(&["commit", "-qam", "fresh"]);
        project
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home/.spec-kitty")
    }

    /// The file of a work package of the main fixture.
    pub fn wp(&self, id: &str) -> PathBuf {
        let tasks = self.feature().join("tasks");
        let mut found = fs::read_dir(&tasks)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                name.starts_with(&format!("{id}-"))
            });
        let path = found.next().unwrap();
        assert!(found.next().is_none());
        path
    }

    pub fn feature(&self) -> PathBuf {
        self.root().join("kitty-specs").join(FEATURE)
    }

    pub fn text(&self, id: &str) -> String {
        fs::read_to_string(self.wp(id)).unwrap()
    }

    pub fn edit(&self, id: &str, from: &str, to: &str) {
        let text = self.text(id);
        assert!(text.contains(from), "{from} is not in {id}");
        fs::write(self.wp(id), text.replacen(from, to, 1)).unwrap();
    }

    /// A value of a work package's front matter.
    pub fn value(&self, id: &str, key: &str) -> String {
        let text = self.text(id);
        let data = Data::parse(Split::of(&text).unwrap().front).unwrap();
        data.text(key).unwrap_or_default().to_owned()
    }

    pub fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.root(), args)
    }

    /// Git, however it ends.
    pub fn try_git(&self, dir: &Path, args: &[&str]) -> Ran {
        let mut command = Command::new("git");
        self.surround(&mut command);
        Ran::of(command.current_dir(dir).args(args).output().unwrap())
    }

    #[track_caller]
    pub fn git_in(&self, dir: &Path, args: &[&str]) -> String {
        let ran = self.try_git(dir, args);
        assert_eq!(ran.code, 0, "git {args:?}: {}{}", ran.stdout, ran.stderr);
        ran.stdout.trim_end().to_owned()
    }

    /// `move-task` with these arguments, in the root.
    pub fn move_task(&self, args: &[&str]) -> Ran {
        self.move_task_in(&self.root(), args)
    }

    pub fn move_task_in(&self, dir: &Path, args: &[&str]) -> Ran {
        Ran::of(self.command(dir, args).output().unwrap())
    }

    /// `move-task`, for runs that need more.
    pub fn command(&self, dir: &Path, args: &[&str]) -> Command {
        self.program(dir, &[&["agent", "tasks", "move-task"], args].concat())
    }

    /// The program with these arguments, in the root.
    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_in(&self.root(), args)
    }

    pub fn run_in(&self, dir: &Path, args: &[&str]) -> Ran {
        Ran::of(self.program(dir, args).output().unwrap())
    }

    /// The program, for runs that need more.
    pub fn program(&self, dir: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spec-kitty"));
        self.surround(&mut command);
        command.current_dir(dir).stdin(Stdio::null()).args(args);
        command
    }

    /// The types and payloads of the events recorded so far, oldest first.
    pub fn told(&self) -> Vec<(String, Value)> {
        events(&self.home())
            .into_iter()
            .map(|event| {
                let kind = event["event_type"].as_str().unwrap().to_owned();
                (kind, event["payload"].clone())
            })
            .collect()
    }

    /// An environment of its own: nothing of the machine's git or home is seen.
    pub fn surround(&self, command: &mut Command) {
        command
            .env_clear()
            // Coverage is counted in child processes too.
            .envs(std::env::var_os("LLVM_PROFILE_FILE").map(|to| ("LLVM_PROFILE_FILE", to)))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path().join("home"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("SPEC_KITTY_NO_DAEMON", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Test")
                .env(format!("GIT_{role}_EMAIL"), "test@example.invalid");
        }
    }

    /// Everything that a refused command must not change: the work tree, the
    /// index, HEAD.
    pub fn snapshot(&self) -> String {
        let mut files = Vec::new();
        walk(&self.root(), &mut files);
        files.sort();
        let index = self.git(&["ls-files", "--stage"]);
        let head = fs::read_to_string(self.root().join(".git/HEAD")).unwrap();
        let log = self.git(&["log", "--all", "--format=%H %D"]);
        format!("{files:#?}\n{index}\n{head}\n{log}")
    }

    /// The files of the last commit.
    pub fn last_commit(&self) -> (String, String) {
        (
            self.git(&["log", "-1", "--format=%s"]),
            self.git(&["show", "--name-only", "--format=", "HEAD"]),
        )
    }

    /// Makes the worktree of a work package, as `implement` would, with one commit.
    pub fn worktree(&self, id: &str) -> PathBuf {
        let name = format!("{FEATURE}-{id}");
        let path = self.root().join(".worktrees").join(&name);
        let exclude = self.root().join(".git/info/exclude");
        fs::create_dir_all(exclude.parent().unwrap()).unwrap();
        fs::write(exclude, ".worktrees/\n").unwrap();
        let shown = path.to_str().unwrap();
        self.git(&["worktree", "add", "-q", "-b", &name, shown]);
        self.git_in(
            &path,
            &[
                "sparse-checkout",
                "set",
                "--no-cone",
                "/*",
                "!/kitty-specs/",
            ],
        );
        fs::write(path.join("work.txt"), id).unwrap();
        self.git_in(&path, &["add", "work.txt"]);
        self.git_in(&path, &["commit", "-q", "-m", "work"]);
        path
    }

    /// Starts a command whose commit hangs in a hook, kills the command, lets the hook
    /// end with `ending`, and waits until the commit has ended too.
    pub fn killed_in_a_hook(&self, args: &[&str], ending: &str) {
        use std::os::unix::fs::PermissionsExt;
        let root = self.root();
        let (began, go, ended) = (
            root.join(".git/began"),
            root.join(".git/go"),
            root.join(".git/ended"),
        );
        let hook = root.join(".git/hooks/pre-commit");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        let script = format!(
            "#!/bin/sh\ntouch '{}'\nwhile [ ! -e '{}' ]; do sleep 0.02; done\ntouch '{}'\nexit {ending}\n",
            began.display(),
            go.display(),
            ended.display()
        );
        fs::write(&hook, script).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        let mut child = self
            .program(&root, args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let wait_for = |path: &Path| {
            while !path.exists() {
                thread::sleep(Duration::from_millis(5));
            }
        };
        wait_for(&began);
        child.kill().unwrap();
        child.wait().unwrap();
        fs::write(&go, "").unwrap();
        wait_for(&ended);
        fs::remove_file(&hook).unwrap();
        while root.join(".git/index.lock").exists() {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ticks every box of tasks.md and commits that.
    pub fn tick_everything(&self) {
        let path = self.feature().join("tasks.md");
        let text = fs::read_to_string(&path).unwrap().replace("- [ ]", "- [x]");
        fs::write(&path, text).unwrap();
        self.git(&["commit", "-q", "-m", "tick", "--", path.to_str().unwrap()]);
    }
}

/// The events of a home, oldest first.
pub fn events(home: &Path) -> Vec<Value> {
    let dir = LogDir::new(Home::at(home).log_dir(), Arc::new(Disk));
    let mut reader = Reader::new(dir, Seq(1));
    let mut found = Vec::new();
    loop {
        match reader.step().unwrap() {
            Step::Frame(frame) => {
                if let Ok((_, json)) = decode_body(frame.body) {
                    found.push(serde_json::from_slice(json).unwrap());
                }
            }
            Step::Idle => return found,
            other => panic!("{other:?}"),
        }
    }
}

fn walk(dir: &Path, files: &mut Vec<(PathBuf, u64)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if path.file_name().is_some_and(|name| name == ".git") {
            continue;
        } else if kind.is_dir() {
            walk(&path, files);
        } else if kind.is_file() {
            let mut hasher = DefaultHasher::new();
            fs::read(&path).unwrap().hash(&mut hasher);
            files.push((path, hasher.finish()));
        } else {
            files.push((path, 0));
        }
    }
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::write(target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}
