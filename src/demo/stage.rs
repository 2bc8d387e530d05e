//! Where the story plays: directories, child processes, the server.
//!
//! A child sees a home of its own, and neither the user's git configuration
//! nor any setting of ours nor any proxy from the environment. Every child has
//! a time limit; none outlives the stage.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::{Audience, DemoError, Moment, Step};
use crate::dev_server::{Canned, DevServer, Options, Running};
use crate::home::Home;

/// How long one command may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How often a running command is looked at.
const TICK: Duration = Duration::from_millis(4);
/// How much of a command's output is shown, in bytes.
const MAX_OUTPUT: u64 = 256 * 1024;
/// The width that children lay their output out for.
const COLUMNS: &str = "74";
/// What no child inherits: our own settings, git's, and any proxy.
const WITHHELD: [&str; 3] = ["SPEC_KITTY_", "SPECIFY_", "GIT_"];
const PROXIES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];

/// What a command reads.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    /// Nothing.
    None,
    /// A text that is not shown.
    Secret(&'a str),
}

/// How the server comes up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// It answers everything.
    Well,
    /// Its first answer to a batch is lost on the way; the batch is stored.
    LosesOneAnswer,
}

/// Everything the story needs.
pub(super) struct Stage<'a, 'b> {
    program: PathBuf,
    home: Home,
    project: PathBuf,
    data: PathBuf,
    password: String,
    server: Option<Running>,
    /// The server's port, once it was up: it comes back on the same one.
    port: u16,
    audience: &'a mut Audience<'b>,
    scenes: usize,
    scene: String,
    steps: Vec<Step>,
}

impl<'a, 'b> Stage<'a, 'b> {
    /// Makes the directories in `root`.
    pub(super) fn new(
        program: &Path,
        root: &Path,
        audience: &'a mut Audience<'b>,
    ) -> Result<Self, DemoError> {
        let project = root.join("project");
        std::fs::create_dir(&project).map_err(DemoError::io("make", &project))?;
        Ok(Self {
            program: program.to_owned(),
            home: Home::at(root.join("home")),
            project,
            data: root.join("server"),
            password: Uuid::new_v4().simple().to_string(),
            server: None,
            port: 0,
            audience,
            scenes: 0,
            scene: String::new(),
            steps: Vec::new(),
        })
    }

    pub(super) fn project(&self) -> &Path {
        &self.project
    }

    pub(super) fn log_dir(&self) -> PathBuf {
        self.home.log_dir()
    }

    /// The server's own file.
    pub(super) fn received(&self) -> PathBuf {
        self.data.join("events.ndjson")
    }

    pub(super) fn password(&self) -> String {
        self.password.clone()
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    /// Begins the next part.
    pub(super) fn scene(&mut self, title: &str) -> Result<(), DemoError> {
        self.scenes += 1;
        title.clone_into(&mut self.scene);
        self.tell(Moment::Scene {
            number: self.scenes,
            title,
        })
    }

    pub(super) fn remark(&mut self, text: &str) -> Result<(), DemoError> {
        self.tell(Moment::Remark(text))
    }

    fn tell(&mut self, moment: Moment<'_>) -> Result<(), DemoError> {
        match (self.audience)(moment) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(DemoError::Stopped),
        }
    }

    /// The server goes up, always on the same port; its address.
    pub(super) fn server_up(&mut self, mood: Mood) -> Result<String, DemoError> {
        let mut options = Options::new(&self.data, self.password.as_str().into());
        options.port = self.port;
        if mood == Mood::LosesOneAnswer {
            let mut lost = false;
            options.script = Some(Box::new(move |request| {
                if lost || request.path() != "/api/v1/events/batch/" {
                    return None;
                }
                lost = true;
                Some(Canned::Cut { sent_bytes: 0 })
            }));
        }
        let server = DevServer::start(options)?;
        self.port = server.port();
        let url = server.url().to_owned();
        self.server = Some(server);
        Ok(url)
    }

    /// The server goes down: nobody answers on its port.
    pub(super) fn server_down(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    /// Runs a command of this binary in the project and shows it. It has to
    /// end with `expected_exit`.
    pub(super) fn run(
        &mut self,
        arguments: &[&str],
        input: Input<'_>,
        expected_exit: i32,
    ) -> Result<(), DemoError> {
        let mut words = vec!["spec-kitty".to_owned()];
        words.extend(arguments.iter().map(|word| quoted(word)));
        self.tell(Moment::Command { words: &words })?;
        let command = words.join(" ");
        let program = self.program.clone();
        let (status, text) = self.child(&program, arguments, input, &command)?;
        let exit = status.code().unwrap_or(-1);
        self.steps.push(Step {
            scene: self.scene.clone(),
            command: command.clone(),
            exit,
            expected_exit,
        });
        let text = self.shortened(text);
        self.tell(Moment::Output { text: &text })?;
        if exit == expected_exit {
            return Ok(());
        }
        Err(DemoError::Unexpected {
            command,
            exit: status
                .code()
                .map_or("a signal".into(), |code| code.to_string()),
            expected: expected_exit,
        })
    }

    /// `text` with `…` for the directory of the demo, whose long name says nothing.
    fn shortened(&self, text: String) -> String {
        let Some(root) = self.project.parent() else {
            return text;
        };
        // Git calls it by its canonical name, which may end with the other.
        let canonical = std::fs::canonicalize(root);
        let names = canonical.as_deref().into_iter().chain([root]);
        names.fold(text, |text, name| match name.to_str() {
            Some(name) => text.replace(name, "…"),
            None => text,
        })
    }

    /// Runs git in the project, unseen.
    pub(super) fn git(&self, arguments: &[&str]) -> Result<(), DemoError> {
        let command = format!("git {}", arguments.join(" "));
        let (status, text) = self.child(Path::new("git"), arguments, Input::None, &command)?;
        if status.success() {
            return Ok(());
        }
        Err(DemoError::Git {
            command: arguments.join(" "),
            said: text.trim().to_owned(),
        })
    }

    /// Runs a program to its end; its status and all that it wrote.
    fn child(
        &self,
        program: &Path,
        arguments: &[&str],
        input: Input<'_>,
        shown: &str,
    ) -> Result<(ExitStatus, String), DemoError> {
        let mut output = tempfile::tempfile().map_err(DemoError::io("make a file for", program))?;
        let copy = |file: &File| file.try_clone().map_err(DemoError::io("share", program));
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.project)
            .stdout(copy(&output)?)
            .stderr(copy(&output)?)
            .stdin(match input {
                Input::None => Stdio::null(),
                Input::Secret(_) => Stdio::piped(),
            });
        self.furnish(&mut command);
        let mut child = command.spawn().map_err(|error| match program {
            git if git == Path::new("git") => DemoError::NoGit(error),
            other => DemoError::io("run", other)(error),
        })?;
        if let (Input::Secret(text), Some(mut stdin)) = (input, child.stdin.take()) {
            // A child that does not read ends with its own message.
            let _ = stdin.write_all(format!("{text}\n").as_bytes());
        }
        let Some(status) = wait(&mut child).map_err(DemoError::io("wait for", program))? else {
            return Err(DemoError::Hung {
                command: shown.to_owned(),
                limit_s: LIMIT.as_secs(),
            });
        };
        let mut bytes = Vec::new();
        output
            .rewind()
            .and_then(|()| output.take(MAX_OUTPUT).read_to_end(&mut bytes))
            .map_err(DemoError::io("read the output of", program))?;
        Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The environment of a child.
    fn furnish(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            let upper = name.to_string_lossy().to_uppercase();
            if WITHHELD.iter().any(|prefix| upper.starts_with(prefix))
                || PROXIES.contains(&upper.as_str())
            {
                command.env_remove(name);
            }
        }
        command
            .env("SPEC_KITTY_HOME", self.home.root())
            .env("SPEC_KITTY_NO_DAEMON", "1")
            .env("SPEC_KITTY_FORCE_TTY", "1")
            .env("NO_COLOR", "1")
            .env("COLUMNS", COLUMNS)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", null_device())
            .env("GIT_AUTHOR_NAME", "Demo")
            .env("GIT_AUTHOR_EMAIL", "demo@localhost")
            .env("GIT_COMMITTER_NAME", "Demo")
            .env("GIT_COMMITTER_EMAIL", "demo@localhost")
            .env("GIT_TERMINAL_PROMPT", "0");
    }
}

/// Waits for a child; when its time is over it is ended, and none is returned.
fn wait(child: &mut Child) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(TICK);
    }
}

fn null_device() -> &'static str {
    if cfg!(windows) { "NUL" } else { "/dev/null" }
}

/// `word` as it has to be typed into a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_a_shell_needs_it() {
        assert_eq!(quoted("--to"), "--to");
        assert_eq!(quoted("http://127.0.0.1:8028"), "http://127.0.0.1:8028");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[cfg(unix)]
    #[test]
    fn a_word_that_was_quoted_comes_out_of_a_shell_unchanged() {
        for word in ["$HOME", "a\nb", "`id`", "'", "\\", "*", "{\"a\": 1}"] {
            let script = format!("printf %s {}", quoted(word));
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }
}
