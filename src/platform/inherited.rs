//! What a process got from the one that started it, and does not want.

/// Closes every descriptor above stderr that this process inherited.
///
/// A shell that runs `flock 9; …` or holds a pipe leaves it to whatever it
/// starts, and what that starts gets it too; a background process would hold
/// the lock, or keep the pipe open, for as long as it lives. Everything that
/// this program opens is closed at an `exec`, so what is not marked that way was
/// inherited. To be called before other threads are started. Known on Linux
/// only, from `/proc`; elsewhere nothing is closed.
pub(crate) fn close_inherited() {
    #[cfg(target_os = "linux")]
    for descriptor in inherited() {
        // That one cannot be closed is nothing that could be helped.
        let _ = nix::unistd::close(descriptor);
    }
}

#[cfg(target_os = "linux")]
fn inherited() -> Vec<i32> {
    let Ok(listed) = std::fs::read_dir("/proc/self/fdinfo") else {
        return Vec::new();
    };
    let above_stderr = listed.filter_map(|entry| {
        let number: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        (number > 2).then_some(number)
    });
    let all: Vec<i32> = above_stderr.collect();
    all.into_iter()
        .filter(|number| {
            let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}"));
            info.is_ok_and(|info| stays_open_at_exec(&info) == Some(true))
        })
        .collect()
}

/// By the flags of `/proc/PID/fdinfo`, which are octal.
#[cfg(target_os = "linux")]
fn stays_open_at_exec(info: &str) -> Option<bool> {
    const CLOEXEC: u32 = 0o2_000_000;
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
    let flags = u32::from_str_radix(flags.trim(), 8).ok()?;
    Some(flags & CLOEXEC == 0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_this_program_opens_is_not_taken_for_inherited() {
        use std::os::fd::AsRawFd;
        let ours = std::fs::File::open("/dev/null").unwrap();
        let number = ours.as_raw_fd();
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
        assert_eq!(stays_open_at_exec(&info), Some(false), "{info}");
        assert_eq!(stays_open_at_exec("pos:\t0\nflags:\t0100002\n"), Some(true));
        assert_eq!(stays_open_at_exec("pos:\t0\n"), None);
    }
}
