//! Asking git, by running it.
//!
//! Each run has a deadline, bounded output, no terminal prompt, a fixed language
//! and none of the variables by which a surrounding git (a hook, an alias) would
//! point it at another repository or index. Nothing is decided from its error
//! text, which is only passed on to people.

use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;

mod capture;
mod commit;
mod history;
mod status;
pub(crate) mod worktree;

use capture::Capture;
pub(crate) use commit::{CommitFailure, commit_files, commit_hash, is_ignored};
pub(crate) use history::{
    Trial, commit_of, commit_tree, holds_commit, is_merged_by_subject, set_branch, tip, try_merge,
};
pub(crate) use status::{
    Change, ChangeKind, Head, Operation, Repository, changes, count_commits, has_branch,
    is_unmerged, user_name,
};

use crate::platform;

/// The most output of one run that is kept.
const MAX_STDOUT_BYTES: usize = 8 * 1024 * 1024;
const MAX_STDERR_BYTES: usize = 16 * 1024;

/// How long a run that is told to stop may take to clean up after itself.
const GRACE: Duration = Duration::from_secs(2);

/// Variables that bind a git process to a repository; `git rev-parse
/// --local-env-vars` lists them.
const BINDING: [&str; 14] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Why a run of git gave no usable answer.
#[derive(Debug, Error)]
pub(crate) enum GitError {
    /// There is no git program.
    #[error("git is not installed, or not in PATH")]
    Missing,
    /// It could not be started or waited for.
    #[error("cannot run git {what}: {source}")]
    Run {
        /// The subcommand.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// It took longer than it may.
    #[error("git {what} was stopped: it took longer than {} s", limit.as_secs())]
    TimedOut {
        /// The subcommand.
        what: String,
        /// The limit.
        limit: Duration,
    },
    /// It said more than is read.
    #[error("git {what} gave more than {} MiB of output", MAX_STDOUT_BYTES / (1024 * 1024))]
    TooLong {
        /// The subcommand.
        what: String,
    },
    /// It failed.
    #[error("git {what} failed{}", said(stderr))]
    Failed {
        /// The subcommand.
        what: String,
        /// Its exit code; `None` when a signal ended it.
        code: Option<i32>,
        /// What it said, cut.
        stderr: String,
    },
}

/// The line of git's answer that says why; its hints come before or after it.
fn said(stderr: &str) -> String {
    let lines = || {
        stderr
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
    };
    lines()
        .find(|line| line.starts_with("fatal:") || line.starts_with("error:"))
        .or_else(|| lines().next_back())
        .map(|line| format!(": {line}"))
        .unwrap_or_default()
}

/// Git, as it is run in one directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Git<'a> {
    /// The directory it runs in.
    pub dir: &'a Path,
    /// How long one run may take.
    pub limit: Duration,
}

/// What a finished run answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error, cut.
    pub stderr: String,
}

impl Git<'_> {
    /// Runs git and returns what it printed, without the final line break.
    ///
    /// # Errors
    /// When it cannot be run, takes too long, or does not exit with 0.
    pub(crate) fn ask(&self, args: &[&str]) -> Result<String, GitError> {
        let answer = self.run(args)?;
        match answer.code {
            Some(0) => {
                let text = String::from_utf8_lossy(&answer.stdout);
                Ok(text.trim_end_matches(['\n', '\r']).to_owned())
            }
            _ => Err(answer.refused(args)),
        }
    }

    /// Runs git and tells by its exit code whether the answer is yes.
    ///
    /// # Errors
    /// When it cannot be run, takes too long, or exits with neither 0 nor 1.
    pub(crate) fn holds(&self, args: &[&str]) -> Result<bool, GitError> {
        let answer = self.run(args)?;
        match answer.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(answer.refused(args)),
        }
    }

    /// Runs git to its end, whatever its exit code.
    ///
    /// # Errors
    /// When it cannot be run, takes too long, or prints too much.
    pub(crate) fn run(&self, args: &[&str]) -> Result<Answer, GitError> {
        let failed = |source| GitError::Run {
            what: name(args),
            source,
        };
        let mut child = self.command(args).spawn().map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound && self.dir.is_dir() {
                GitError::Missing
            } else {
                failed(error)
            }
        })?;
        let stdout = Capture::start(child.stdout.take(), MAX_STDOUT_BYTES);
        let stderr = Capture::start(child.stderr.take(), MAX_STDERR_BYTES);
        let ended = match (stdout, stderr) {
            (Ok(stdout), Ok(stderr)) => {
                wait(&mut child, &stdout, self.limit).map(|status| (status, stdout, stderr))
            }
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        let (status, stdout, stderr) = match ended {
            Ok((Some(status), stdout, stderr)) => (status, stdout, stderr),
            stopped => {
                platform::stop(&mut child, GRACE);
                return Err(stopped.err().map_or_else(
                    || GitError::TimedOut {
                        what: name(args),
                        limit: self.limit,
                    },
                    failed,
                ));
            }
        };
        let stdout = stdout.finish();
        if stdout.cut {
            return Err(GitError::TooLong { what: name(args) });
        }
        Ok(Answer {
            code: status.code(),
            stdout: stdout.bytes,
            stderr: String::from_utf8_lossy(&stderr.finish().bytes).into_owned(),
        })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .arg("--no-optional-locks")
            .args(args)
            .current_dir(self.dir)
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_EDITOR", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for variable in BINDING {
            command.env_remove(variable);
        }
        command
    }
}

impl Answer {
    /// The error that an unexpected exit code means.
    fn refused(self, args: &[&str]) -> GitError {
        GitError::Failed {
            what: name(args),
            code: self.code,
            stderr: self.stderr,
        }
    }
}

/// The subcommand among the arguments.
fn name(args: &[&str]) -> String {
    let word = args.iter().find(|arg| !arg.starts_with('-'));
    word.copied().unwrap_or_default().to_owned()
}

/// Waits until the process has ended; `None` when `limit` passed first.
///
/// The end of its output is what is waited for, because that needs no polling;
/// a process of a hook that lives on and keeps the pipe open does not keep us.
fn wait(child: &mut Child, stdout: &Capture, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    let mut pause = Duration::from_micros(100);
    loop {
        let silent = stdout.ends_within(Duration::from_millis(20));
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() >= limit {
            return Ok(None);
        }
        if silent {
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn git(dir: &Path) -> Git<'_> {
        Git {
            dir,
            limit: Duration::from_secs(30),
        }
    }

    #[test]
    fn an_answer_is_its_output_and_a_refusal_its_words() {
        let dir = tempfile::tempdir().unwrap();
        let git = git(dir.path());
        assert!(git.ask(&["--version"]).unwrap().starts_with("git version"));
        let error = git.ask(&["rev-parse", "HEAD"]).unwrap_err().to_string();
        assert!(error.starts_with("git rev-parse failed: fatal:"), "{error}");
    }

    #[test]
    fn a_run_past_its_limit_is_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let git = Git {
            limit: Duration::from_millis(100),
            ..git(dir.path())
        };
        let error = git.run(&["-c", "alias.z=!sleep 5", "z"]).unwrap_err();
        assert!(matches!(error, GitError::TimedOut { .. }), "{error}");
    }

    #[test]
    fn a_process_left_behind_with_the_pipe_does_not_keep_us() {
        let dir = tempfile::tempdir().unwrap();
        let answer = git(dir.path())
            .run(&["-c", "alias.z=!sleep 3 & echo done", "z"])
            .unwrap();
        assert_eq!(answer.code, Some(0));
        assert_eq!(answer.stdout, b"done\n");
    }

    #[test]
    fn endless_output_is_refused_and_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let error = git(dir.path())
            .run(&["-c", "alias.z=!head -c 9000000 /dev/zero", "z"])
            .unwrap_err();
        assert!(matches!(error, GitError::TooLong { .. }), "{error}");
    }

    #[test]
    fn a_directory_that_is_gone_is_not_a_missing_git() {
        let error = git(Path::new("/no/such/dir")).run(&["status"]).unwrap_err();
        assert!(matches!(error, GitError::Run { .. }), "{error}");
    }
}
