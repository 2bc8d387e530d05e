//! Running one agent to its end: a thread, a process group, a log file.
//!
//! The prompt goes in by stdin or as the last argument, everything that comes
//! out goes to the log. When the time is up, or the run is stopped, the whole
//! group is ended, and when the agent is done, what it left running is ended too.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::config::Prompt;
use crate::platform;
use crate::workflow::work_package::WpId;

/// How long an agent may take to end when it is told to.
const GRACE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(25);
/// How much of the end of its output is looked at.
const MAX_OUTPUT_BYTES: u64 = 1024 * 1024;

/// What an agent is to do.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) wp: WpId,
    pub(super) command: Vec<String>,
    pub(super) prompt: Prompt,
    pub(super) text: String,
    pub(super) dir: PathBuf,
    pub(super) log: PathBuf,
    pub(super) timeout: Duration,
    pub(super) environment: Vec<(&'static str, String)>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By itself, with this exit code; `None` when a signal ended it.
    Exited(Option<i32>),
    /// Its time was up.
    TimedOut,
    /// The run was stopped.
    Stopped,
    /// It could not be started.
    NotStarted(String),
}

/// What came of a job.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) wp: WpId,
    pub(super) end: End,
    /// The end of what it printed.
    pub(super) output: String,
}

/// Runs a job to its end.
pub(super) fn run(job: &Job, stop: &AtomicBool) -> Outcome {
    let (end, output) = match attempt(job, stop) {
        Ok(done) => done,
        Err(error) => (End::NotStarted(error.to_string()), String::new()),
    };
    Outcome {
        wp: job.wp,
        end,
        output,
    }
}

fn attempt(job: &Job, stop: &AtomicBool) -> io::Result<(End, String)> {
    let mut log = open_log(&job.log)?;
    writeln!(
        log,
        "# {} {}",
        job.wp,
        job.command.first().map_or("", String::as_str)
    )?;
    let begin = log.stream_position()?;
    let (Some(program), args) = (
        job.command.first(),
        job.command.get(1..).unwrap_or_default(),
    ) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(&job.dir)
        .envs(job.environment.iter().map(|(key, value)| (key, value)))
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?)
        .stdin(match job.prompt {
            Prompt::Stdin => Stdio::piped(),
            Prompt::Argument => Stdio::null(),
        });
    if job.prompt == Prompt::Argument {
        command.arg(&job.text);
    }
    platform::in_own_group(&mut command);
    let start = Instant::now();
    let mut child = command.spawn()?;
    feed(&mut child, job.text.clone());
    let end = wait(&mut child, job.timeout, stop);
    platform::stop_group(&mut child, GRACE);
    let output = tail(&job.log, begin)?;
    writeln!(
        log,
        "\n# {end:?} after {:.1} s",
        start.elapsed().as_secs_f64()
    )?;
    Ok((end, output))
}

fn open_log(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    platform::private_options()
        .create(true)
        .append(true)
        .open(path)
}

/// Writes the prompt from a thread: an agent that reads nothing keeps nobody.
fn feed(child: &mut Child, text: String) {
    if let Some(mut stdin) = child.stdin.take() {
        let feeder = thread::Builder::new().name("agent-prompt".into());
        let _ = feeder.spawn(move || stdin.write_all(text.as_bytes()));
    }
}

fn wait(child: &mut Child, timeout: Duration, stop: &AtomicBool) -> End {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return End::Exited(status.code()),
            Err(error) => return End::NotStarted(error.to_string()),
            Ok(None) => {}
        }
        if stop.load(Ordering::SeqCst) {
            return End::Stopped;
        }
        if start.elapsed() >= timeout {
            return End::TimedOut;
        }
        thread::sleep(POLL);
    }
}

fn tail(path: &Path, begin: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(
        begin.max(length.saturating_sub(MAX_OUTPUT_BYTES)),
    ))?;
    let mut bytes = Vec::new();
    file.take(MAX_OUTPUT_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
