//! The advisory lock, by fs2 and never by the functions of the same names that
//! `std` has grown since: their error types differ.

use std::fs::File;
use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a lock is tried again before a thread is made that waits for it:
/// about what making the thread costs, and longer than a writer of one event
/// holds the lock.
const BRIEF: Duration = Duration::from_micros(50);

/// Takes the exclusive advisory lock of `file`, waiting at most `deadline`.
///
/// Most waits are over at once, because whoever holds the lock writes a frame
/// and gives it back. In a longer one the kernel queues the waiters, so it is
/// as fair as `flock` is. The waiting is done by a thread on a duplicate of the
/// same open file: when the deadline passes first, that thread gives the lock
/// back as soon as it gets it, so an abandoned wait never holds up anybody else.
///
/// Returns `None` when the deadline passed.
///
/// # Errors
/// Any I/O error other than contention.
pub(crate) fn lock_exclusive(file: File, deadline: Duration) -> io::Result<Option<File>> {
    if try_lock_exclusive(&file)? {
        return Ok(Some(file));
    }
    if deadline.is_zero() {
        return Ok(None);
    }
    let begun = Instant::now();
    while begun.elapsed() < BRIEF.min(deadline) {
        thread::yield_now();
        if try_lock_exclusive(&file)? {
            return Ok(Some(file));
        }
    }
    let deadline = deadline.saturating_sub(begun.elapsed());
    let (sender, receiver) = mpsc::sync_channel::<io::Result<File>>(0);
    thread::Builder::new()
        .name("log-lock".into())
        .spawn(move || {
            let answer = fs2::FileExt::lock_exclusive(&file).map(|()| file);
            // A rendezvous: when nobody waits any more the file is dropped here,
            // and the lock with it.
            let _ = sender.send(answer);
        })?;
    match receiver.recv_timeout(deadline) {
        Ok(answer) => answer.map(Some),
        Err(_) => Ok(None),
    }
}

/// Tries to take the exclusive advisory lock of `file` at once.
///
/// # Errors
/// Any I/O error other than contention.
pub fn try_lock_exclusive(file: &File) -> io::Result<bool> {
    match fs2::FileExt::try_lock_exclusive(file) {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == fs2::lock_contended_error().raw_os_error() => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Gives the advisory lock of `file` back.
///
/// # Errors
/// Any I/O error of the call; closing the file gives the lock back as well.
pub(crate) fn unlock(file: &File) -> io::Result<()> {
    fs2::FileExt::unlock(file)
}
