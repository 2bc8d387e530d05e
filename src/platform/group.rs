//! Processes that start others: started in a group of their own, ended with it.

use std::io;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

/// Lets `command` run in a process group of its own, so that a signal to the
/// terminal does not reach it and [`stop_group`] reaches all of it.
pub(crate) fn in_own_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(windows)]
    let _ = command;
}

/// Ends a child that was started with [`in_own_group`], and everything that it
/// started: asked to end first, killed after `grace`. A child that has ended
/// already leaves what it started behind, which is ended too.
pub(crate) fn stop_group(child: &mut Child, grace: Duration) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let Some(group) = group else { return };
        if kill_process_group(group, Signal::TERM).is_ok() {
            let start = Instant::now();
            while start.elapsed() < grace && !has_ended(child) {
                thread::sleep(Duration::from_millis(10));
            }
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
    #[cfg(windows)]
    let _ = grace;
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(unix)]
fn has_ended(child: &mut Child) -> bool {
    let ended: io::Result<_> = child.try_wait();
    !matches!(ended, Ok(None))
}
