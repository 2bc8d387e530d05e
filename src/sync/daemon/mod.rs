//! The background sender: one process per home that follows the log.
//!
//! It looks at the log four times a second by the size of its newest segment,
//! sends one batch at most per interval, tries again with growing pauses, and
//! leaves by itself: when told, when idle, when the program was replaced, when
//! its home is gone. Commands never wait for it, and whatever it does not do
//! `sync now` does.
//!
//! Invariants: one per home, by a lock that the system gives back when the
//! process dies; nothing is sent that a pass would not send; the right to send
//! is held for one batch at a time, so that `sync now` gets its turn.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use thiserror::Error;

use crate::auth::Recipient;
use crate::config::SyncConfig;
use crate::home::{Home, HomeError};
use crate::log::ambient::{Ambient, System};
use crate::log::segment::LogDir;
use crate::platform;
use crate::position::{Lamport, Ordinal};
use crate::sync::gate::{self, Closed, account_gate};
use crate::sync::live::{Handed, Live};
use crate::sync::pass::{self, log_dir};
use crate::sync::report::{Report, Stopped};
use crate::sync::setting::{Interrupt, Pace, Setting};

mod files;
mod host;
mod rhythm;
mod start;

pub use host::{EXIT_DEADLINE, Errands, Host};

// Not the library: the commands about the process, and its rhythm for the tests.
#[doc(hidden)]
pub use files::{LiveTold, Standing, Told, is_running, read_live, read_status, tell_to_stop};
#[doc(hidden)]
pub use rhythm::Rhythm;
#[doc(hidden)]
pub use start::Turn;

use files::Post;

/// How often the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How soon it notices that it should leave.
const LISTEN_EVERY: Duration = Duration::from_millis(100);
/// How often the status is written while nothing happens.
const SAY_EVERY: Duration = Duration::from_secs(5);
/// Without events and without work for so long it leaves.
pub const IDLE_EXIT: Duration = Duration::from_secs(600);

/// What the background sender works with.
pub struct Duty<'a> {
    /// The home.
    pub home: &'a Home,
    /// Asked before each pass: the settings, and to whom events may be sent.
    pub resolve: &'a dyn Fn() -> (SyncConfig, Recipient),
    /// The program's file: when it changes, a newer one should take over.
    pub program: Option<PathBuf>,
    /// Says when to leave.
    pub interrupt: Interrupt<'a>,
    /// Without events and without work for so long it leaves.
    pub idle_exit: Duration,
    /// Told the clock values that the server tells.
    pub hear: &'a mut dyn FnMut(Lamport),
}

/// Why it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Somebody asked for it by the stop file.
    Told,
    /// Somebody asked for it by a signal.
    Interrupted,
    /// There was nothing to do for long.
    Idle,
    /// The program's file was replaced.
    Outdated,
    /// The home, or the lock in it, is not there any more.
    HomeGone,
}

/// Why it did not begin.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// Another one is running.
    #[error("a background sender is running already")]
    Running,
    /// Its directory cannot be made.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Its lock cannot be used.
    #[error("cannot lock {}: {source}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Follows the log until there is a reason to leave.
///
/// # Errors
/// [`DaemonError`] when it could not begin.
///
/// ```
/// use spec_kitty::auth::Recipient;
/// use spec_kitty::config::SyncConfig;
/// use spec_kitty::home::Home;
/// use spec_kitty::sync::daemon::{self, DaemonError, Duty, IDLE_EXIT, Left};
///
/// let dir = tempfile::tempdir()?;
/// let ended = daemon::run(Duty {
///     home: &Home::at(dir.path()),
///     resolve: &|| (SyncConfig::default(), Recipient::SignedOut { server: None }),
///     program: None,
///     interrupt: &|| true, // somebody has pressed Ctrl-C
///     idle_exit: IDLE_EXIT,
///     hear: &mut |clock| println!("the server's clock is at {clock}"),
/// });
/// match ended {
///     Ok(left) => assert_eq!(left, Left::Interrupted),
///     Err(DaemonError::Running) => println!("somebody else does it"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run(mut duty: Duty<'_>) -> Result<Left, DaemonError> {
    let post = Post::take(duty.home)?;
    let mut watch = Watch::new(&duty, post);
    let left = watch.run(&mut duty);
    watch.live.leave();
    if left != Left::HomeGone {
        watch.post.leave();
    }
    Ok(left)
}

/// How much the log holds, as far as a look from outside tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    newest: Ordinal,
    end: u64,
}

impl Mark {
    fn of(dir: &LogDir) -> Self {
        let newest = dir.ordinals_seen().ok().and_then(|all| all.last().copied());
        let newest = newest.unwrap_or_default();
        let end = dir.end_of(newest).unwrap_or(0);
        Self { newest, end }
    }
}

struct Watch {
    post: Post,
    dir: LogDir,
    program: Option<(PathBuf, u64)>,
    rhythm: Rhythm,
    live: Live,
    seen: Mark,
    busy_at: Instant,
    told: Told,
    said: Option<Instant>,
}

impl Watch {
    fn new(duty: &Duty<'_>, post: Post) -> Self {
        let program = duty.program.clone();
        let program = program.and_then(|path| Some((path.clone(), identity(&path)?)));
        Self {
            post,
            dir: log_dir(duty.home),
            program,
            rhythm: Rhythm::new(Instant::now()),
            live: Live::new(duty.home, Instant::now()),
            seen: Mark::default(),
            busy_at: Instant::now(),
            told: Told::now(),
            said: None,
        }
    }

    fn run(&mut self, duty: &mut Duty<'_>) -> Left {
        loop {
            if let Some(left) = self.reason_to_leave(duty) {
                return left;
            }
            let mark = Mark::of(&self.dir);
            let changed = mark != self.seen;
            if changed {
                self.seen = mark;
                self.busy_at = Instant::now();
                self.rhythm.news();
            }
            self.live(duty, changed);
            if self.rhythm.is_due(Instant::now()) {
                self.pass(duty);
            }
            if self.said.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
                self.say();
            }
            pause(duty.interrupt);
        }
    }

    /// What is new goes over the live connection where there is one.
    fn live(&mut self, duty: &mut Duty<'_>, changed: bool) {
        match self.live.turn(duty.resolve, gate::sync_is_off(), changed) {
            Handed::Nothing => {}
            Handed::All => self.rhythm.no_news(),
            Handed::ToBatch => self.rhythm.news(),
        }
        if let Some(clock) = self.live.hear() {
            (duty.hear)(clock);
        }
        if self.told.note_live(self.live.told()) {
            self.say();
        }
    }

    fn reason_to_leave(&self, duty: &Duty<'_>) -> Option<Left> {
        let outdated = || {
            let program = self.program.as_ref();
            program.is_some_and(|(path, known)| identity(path) != Some(*known))
        };
        if !self.post.is_held() {
            Some(Left::HomeGone)
        } else if self.post.is_told_to_stop() {
            Some(Left::Told)
        } else if (duty.interrupt)() {
            Some(Left::Interrupted)
        } else if outdated() {
            Some(Left::Outdated)
        } else if self.busy_at.elapsed() >= duty.idle_exit && !self.rhythm.has_more() {
            Some(Left::Idle)
        } else {
            None
        }
    }

    fn pass(&mut self, duty: &mut Duty<'_>) {
        let (config, recipient) = (duty.resolve)();
        let sync_off = gate::sync_is_off();
        if let Some(closed) = account_gate(&recipient, sync_off) {
            self.rhythm.held(Instant::now());
            return self.wait_for(&closed);
        }
        // A request may take a minute: what is said must be so meanwhile.
        self.told.state = Standing::Sending;
        self.say();
        let post = &self.post;
        let interrupt = duty.interrupt;
        let ends = move || interrupt() || post.is_told_to_stop();
        let mut done = pass::run(Setting {
            home: duty.home,
            config: &config,
            recipient: &recipient,
            sync_off,
            interrupt: &ends,
            progress: &mut |_| {},
            pace: Pace::OneBatch,
        });
        let now = Instant::now();
        match &mut done {
            Ok(report) => {
                self.live.passed(report);
                if report.sent > 0 {
                    self.busy_at = now;
                }
                if let Some(clock) = report.heard_clock {
                    (duty.hear)(clock);
                }
                self.rhythm.passed(now, config.interval, report, chance());
                self.told.note(report);
            }
            Err(error) => {
                self.rhythm.failed(now, chance());
                self.told.trouble(&error.to_string());
            }
        }
        self.say();
    }

    /// Says what it waits for, unless that has been said.
    fn wait_for(&mut self, closed: &Closed) {
        let before = self.told.clone();
        self.told.trouble(&closed.reason);
        if self.told != before {
            self.say();
        }
    }

    fn say(&mut self) {
        self.said = Some(Instant::now());
        self.told.at = Timestamp::now();
        self.post.say(&self.told);
    }
}

/// Until it is time to look again, or to leave.
fn pause(interrupt: Interrupt<'_>) {
    let until = Instant::now() + LOOK_EVERY;
    while !interrupt() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(LISTEN_EVERY));
    }
}

/// Whether a report says that the network or the server is at fault.
fn is_trouble(report: &Report) -> bool {
    matches!(report.stopped, Some(Stopped::Trouble { .. }))
}

fn chance() -> u16 {
    let [first, second, ..] = System.random();
    u16::from_le_bytes([first, second])
}

/// What tells two versions of a file apart.
fn identity(path: &Path) -> Option<u64> {
    platform::path_identity(path).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::log::append::{Log, LogOptions, NodeId, NodeIdentity, Record, Refused, Stamp, Tick};
    use crate::log::read::Kind;
    use crate::log::storage::Disk;

    struct Text;

    impl Record for Text {
        fn kind(&self) -> Kind {
            Kind::Control
        }

        fn tick(&self) -> Tick {
            Tick::Still
        }

        fn encode(&mut self, _: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
            out.extend_from_slice(b"{\"v\":1}");
            Ok(())
        }
    }

    #[test]
    fn what_is_recorded_is_noticed_whether_it_makes_the_file_longer_or_not() {
        for prepared_bytes in [0, 65_536] {
            let dir = tempfile::tempdir().unwrap();
            let log_dir = LogDir::new(dir.path().join("log"), Arc::new(Disk));
            let node = NodeIdentity {
                node_id: NodeId::from_bytes([1; 6]),
                facts: [0; 8],
            };
            let options = LogOptions {
                prepared_bytes,
                ..LogOptions::for_node(node)
            };
            let mut seen = vec![Mark::of(&log_dir)];
            for _ in 0..5 {
                let log = Log::new(log_dir.clone(), Arc::new(System), options);
                let appended = log.append(&mut [&mut Text], None, Duration::from_secs(5));
                assert!(appended.failure.is_none());
                seen.push(Mark::of(&log_dir));
                assert_eq!(Mark::of(&log_dir), seen[seen.len() - 1], "nothing happened");
            }
            assert!(seen.windows(2).all(|two| two[0] != two[1]), "{seen:?}");
        }
    }
}
