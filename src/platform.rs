//! What differs between Linux, macOS and Windows, in one place.
//!
//! Everything here is thin: permissions given at creation, positional reads
//! and writes, file identity, the advisory lock, host facts. No policy. Linux
//! is what the tests run on; the macOS branch shares the Unix code and the
//! Windows branch is compiled by reasoning only (see `docs/platforms.md`).

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

mod directory;
mod disk;
mod group;
mod inherited;
mod lock;
mod network;
mod regular;
mod stamp;
mod worker;

pub(crate) use directory::{names_in, stamps_in};
pub(crate) use disk::{begin_to_sync, free_bytes, may_write};
pub(crate) use group::{in_own_group, stop_group};
pub(crate) use inherited::close_inherited;
pub use lock::try_lock_exclusive;
pub(crate) use lock::{lock_exclusive, unlock};
pub(crate) use network::network_file_system;
pub(crate) use regular::{open_regular, read_regular, read_whole};
pub use stamp::{Shape, Stamp};
pub(crate) use stamp::{file_shape, file_stamp, path_shape, path_stamp, resting_stamp};
pub(crate) use worker::Worker;

/// Creates one private directory (mode 0700 where modes exist).
///
/// # Errors
/// Any I/O error, `AlreadyExists` included.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Makes a private directory where temporary files are kept, with a name of its
/// own that begins with `prefix`; gone when dropped.
///
/// # Errors
/// Any I/O error.
pub(crate) fn private_temp_dir(prefix: &str) -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o700));
    }
    builder.tempdir()
}

/// Creates a directory and its missing parents, each of them private. One that
/// exists is left as it is. The names of the parents that were made are durable;
/// that of the directory itself is its user's to make so.
///
/// # Errors
/// Any I/O error, `AlreadyExists` when something else is in the way.
pub(crate) fn create_private_tree(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        let is_there = parent.is_dir();
        create_private_tree(parent)?;
        if !is_there && let Some(above) = parent.parent() {
            let here = above.as_os_str().is_empty();
            sync_dir(if here { Path::new(".") } else { above })?;
        }
    }
    match create_private_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other,
    }
}

/// Open options whose files come into being private (mode 0600 where modes exist).
#[must_use]
pub fn private_options() -> OpenOptions {
    #[allow(unused_mut)]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

/// Opens a file for reading and writing, and leaves what is in it; creates it
/// private when it is missing.
///
/// # Errors
/// Any I/O error.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    private_options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// Whether anybody but the owner has any permission on the file. Always false
/// where there are no such modes.
#[must_use]
pub(crate) fn open_to_others(metadata: &std::fs::Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0;
    #[cfg(windows)]
    {
        let _ = metadata;
        false
    }
}

/// Takes what rights group and others have off a file or directory. Windows
/// files inherit the rights of the profile's directory.
///
/// # Errors
/// Any I/O error, `NotFound` included.
pub(crate) fn close_to_others(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = std::fs::symlink_metadata(path)?;
        let mode = metadata.permissions().mode();
        if !metadata.is_symlink() && mode & 0o077 != 0 {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode & 0o700))?;
        }
    }
    #[cfg(windows)]
    let _ = path;
    Ok(())
}

/// Makes `options` refuse a path that ends in a symbolic link, where the system
/// can do that at the time of opening.
pub(crate) fn refuse_links(options: &mut OpenOptions) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(i32::try_from(flags.bits()).unwrap_or(0));
    }
    #[cfg(windows)]
    let _ = options;
}

/// Reads at `offset` without moving the file's cursor; may read less than asked.
///
/// # Errors
/// Any I/O error of the read.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_at(file, buffer, offset);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_read(file, buffer, offset);
}

/// Writes at `offset`; may write less than asked.
///
/// # Errors
/// Any I/O error of the write.
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_at(file, bytes, offset);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_write(file, bytes, offset);
}

/// The identity of an open file inside its file system: on Unix the inode,
/// mixed with the time at which it was made where that is known.
///
/// # Errors
/// Any I/O error of the look-up.
pub(crate) fn file_identity(file: &File) -> io::Result<u64> {
    identity_of(&file.metadata()?)
}

/// The identity of whatever `path` names now.
///
/// # Errors
/// Any I/O error of the look-up, `NotFound` included.
pub(crate) fn path_identity(path: &Path) -> io::Result<u64> {
    identity_of(&std::fs::metadata(path)?)
}

/// An inode number is given out again, often to the very next file. Where the
/// file system knows when a file was made, that is mixed in.
#[cfg(unix)]
#[allow(clippy::unnecessary_wraps)]
fn identity_of(metadata: &std::fs::Metadata) -> io::Result<u64> {
    let inode = std::os::unix::fs::MetadataExt::ino(metadata);
    let made = metadata.created().ok();
    let since = made.and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
    Ok(identity(inode, since.map_or(0, |since| since.as_nanos())))
}

#[cfg(unix)]
fn identity(inode: u64, made_ns: u128) -> u64 {
    // The low half: it is there to differ, not to tell the time.
    let made_ns = u64::try_from(made_ns & u128::from(u64::MAX)).unwrap_or_default();
    inode ^ made_ns.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Windows has no stable inode in `std`; the creation time stands in for it.
#[cfg(windows)]
fn identity_of(metadata: &std::fs::Metadata) -> io::Result<u64> {
    Ok(std::os::windows::fs::MetadataExt::creation_time(metadata))
}

/// Makes the directory entries of `path` durable. A no-op on Windows, which
/// has no such call.
///
/// # Errors
/// Any I/O error of opening or syncing the directory.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        File::open(path)?.sync_all()
    }
    #[cfg(windows)]
    {
        let _ = path;
        Ok(())
    }
}

/// Renames `from` to `to`, failing with `AlreadyExists` when `to` exists.
///
/// # Errors
/// Any I/O error of the rename.
pub(crate) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            // File systems without the flag answer EINVAL: fall through.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if std::fs::symlink_metadata(to).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    std::fs::rename(from, to)
}

/// The path that another program printed; `None` where bytes cannot be one.
#[must_use]
pub(crate) fn path_from_bytes(bytes: &[u8]) -> Option<PathBuf> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Some(std::ffi::OsStr::from_bytes(bytes).into())
    }
    #[cfg(windows)]
    {
        std::str::from_utf8(bytes).ok().map(PathBuf::from)
    }
}

/// Ends a child process: asked to end first, where that can be asked, so that it
/// can remove its lock files; killed when it has not ended after `grace`.
pub(crate) fn stop(child: &mut Child, grace: Duration) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process};
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if pid.is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok()) {
            let start = Instant::now();
            while start.elapsed() < grace {
                if !matches!(child.try_wait(), Ok(None)) {
                    return;
                }
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
    #[cfg(windows)]
    let _ = grace;
    let _ = child.kill();
    let _ = child.wait();
}

/// The process that started this one, where that can be told.
#[must_use]
pub(crate) fn parent_process() -> Option<u32> {
    #[cfg(unix)]
    return Some(std::os::unix::process::parent_id());
    #[cfg(windows)]
    None
}

/// Leaves the terminal that this process was started from: what happens to it
/// does not happen to this process any more. A no-op where there is no such
/// thing, and for a process that leads a group already.
pub(crate) fn leave_terminal() {
    #[cfg(unix)]
    let _ = rustix::process::setsid();
}

/// This machine's host name, or an empty string where it cannot be read.
#[must_use]
pub fn host_name() -> String {
    #[cfg(unix)]
    {
        rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned()
    }
    #[cfg(windows)]
    {
        std::env::var("COMPUTERNAME").unwrap_or_default()
    }
}

/// Whether terminals show UTF-8 here without a locale that says so.
#[must_use]
pub(crate) const fn shows_unicode_untold() -> bool {
    cfg!(any(windows, target_os = "macos"))
}

/// The login name, by the same environment variables that Python's `getpass`
/// asks, in its order; empty where none is set.
#[must_use]
pub fn user_name() -> String {
    ["LOGNAME", "USER", "LNAME", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .or_else(account_name)
        .unwrap_or_default()
}

/// The accounts of a machine; directories with more of them are not files.
#[cfg(unix)]
const MAX_ACCOUNTS_BYTES: usize = 16 * 1024 * 1024;

/// The name of the account in `/etc/passwd`, which is where `getpass` looks last.
#[cfg(unix)]
fn account_name() -> Option<String> {
    let uid = rustix::process::getuid().as_raw().to_string();
    let accounts = read_regular(Path::new("/etc/passwd"), MAX_ACCOUNTS_BYTES).ok()?;
    String::from_utf8(accounts).ok()?.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}

#[cfg(windows)]
fn account_name() -> Option<String> {
    None
}

/// Whether nobody will ever read what is written from now on: the other end of
/// the pipe was closed. Known on Unix only; elsewhere the next write tells.
#[must_use]
pub(crate) fn reader_has_gone(output: &io::Stdout) -> bool {
    #[cfg(unix)]
    {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut asked = [PollFd::new(output, PollFlags::empty())];
        let at_once = Timespec::default();
        let answered = poll(&mut asked, Some(&at_once)).is_ok();
        let gone = PollFlags::ERR | PollFlags::HUP;
        answered && asked.iter().any(|one| one.revents().intersects(gone))
    }
    #[cfg(not(unix))]
    {
        let _ = output;
        false
    }
}

#[cfg(test)]
mod tests;
