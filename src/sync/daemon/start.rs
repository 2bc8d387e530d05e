//! Who may start a background sender, and how soon after the last start.
//!
//! `daemon/start` says when one was last started and how often in a row. Its
//! lock is tried, never waited for: of several commands that want to start one
//! at the same moment one does, and the others have nothing to do. One that
//! fails at once is started again after growing pauses, so a broken
//! installation costs a process now and then and not one with every command.

use std::fs::File;
use std::io;
use std::time::Duration;

use crate::home::Home;
use crate::platform;

/// The pause after the first start; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause between two starts.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A start that is longer ago says nothing about the next one.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// Two numbers, a space and a line break.
const TEXT_BYTES: usize = 40;

/// The last start, and how many there were in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Started {
    at_ms: u64,
    in_a_row: u32,
}

impl Started {
    /// What there is to write down for a start at `now_ms`; `None` while it is
    /// too soon. A clock that was set back holds nothing up.
    fn next(self, now_ms: u64) -> Option<Self> {
        let first = Self {
            at_ms: now_ms,
            in_a_row: 1,
        };
        let Some(since_ms) = now_ms.checked_sub(self.at_ms) else {
            return Some(first);
        };
        let since = Duration::from_millis(since_ms);
        if self.in_a_row == 0 || since >= FORGOTTEN_AFTER {
            return Some(first);
        }
        let doubled = 1_u32 << (self.in_a_row - 1).min(16);
        let pause = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
        (since >= pause).then_some(Self {
            at_ms: now_ms,
            in_a_row: self.in_a_row.saturating_add(1),
        })
    }

    /// What the file says; nothing where it says nothing usable.
    fn read(text: &[u8]) -> Self {
        let read = || {
            let mut numbers = std::str::from_utf8(text).ok()?.split_whitespace();
            let at_ms = numbers.next()?.parse().ok()?;
            let in_a_row = numbers.next()?.parse().ok()?;
            Some(Self { at_ms, in_a_row })
        };
        read().unwrap_or_default()
    }

    /// Always as long, so that it replaces what was there.
    fn text(self) -> String {
        let text = format!("{} {}", self.at_ms, self.in_a_row);
        format!("{text:<width$}\n", width = TEXT_BYTES - 1)
    }
}

/// The right to start a background sender now.
#[derive(Debug)]
pub struct Turn {
    file: File,
    next: Started,
}

impl Turn {
    /// Takes the right; `None` when somebody else has it, or it is too soon
    /// after the last start. Waits for nothing.
    ///
    /// # Errors
    /// Any I/O error of making or reading the file.
    pub fn take(home: &Home, now_ms: u64) -> io::Result<Option<Self>> {
        let dir = home.daemon_dir();
        platform::create_private_tree(&dir)?;
        let file = platform::open_private(&dir.join("start"))?;
        if !platform::try_lock_exclusive(&file)? {
            return Ok(None);
        }
        let mut text = [0; TEXT_BYTES];
        let length = platform::read_at(&file, &mut text, 0)?;
        let last = Started::read(text.get(..length).unwrap_or_default());
        Ok(last.next(now_ms).map(|next| Self { file, next }))
    }

    /// Writes down that one is started now. To be called before it is started:
    /// what cannot be written down is not repeated without end.
    ///
    /// # Errors
    /// Any I/O error of the write.
    pub fn note(&self) -> io::Result<()> {
        platform::write_at(&self.file, self.next.text().as_bytes(), 0).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_s(seconds: u64, in_a_row: u32) -> Started {
        let at_ms = seconds * 1000;
        Started { at_ms, in_a_row }
    }

    /// When one that always fails at once is started again, asked every second.
    #[test]
    fn one_that_always_fails_is_started_ever_less_often() {
        let mut last = Started::default();
        let mut starts = Vec::new();
        for now_s in 1_000..3_000 {
            if let Some(next) = last.next(now_s * 1000) {
                starts.push(now_s - 1_000);
                last = next;
            }
        }
        assert_eq!(starts[..7], [0, 5, 15, 35, 75, 155, 315]);
        assert!(starts.windows(2).all(|two| two[1] - two[0] <= 300));
        assert_eq!(starts.len(), 12, "in 2,000 seconds");
    }

    #[test]
    fn what_is_long_ago_or_in_the_future_is_forgotten() {
        assert_eq!(at_s(100, 9).next(200_000), None);
        assert_eq!(at_s(100, 9).next(700_000), Some(at_s(700, 1)));
        assert_eq!(at_s(900, 9).next(700_000), Some(at_s(700, 1)));
    }

    #[test]
    fn what_is_written_is_read_and_everything_else_is_nothing() {
        for started in [
            at_s(1, 2),
            Started {
                at_ms: u64::MAX,
                in_a_row: u32::MAX,
            },
        ] {
            assert_eq!(started.text().len(), TEXT_BYTES);
            assert_eq!(Started::read(started.text().as_bytes()), started);
            assert!(started.next(u64::MAX).is_none_or(|next| next.in_a_row > 0));
        }
        for text in [b"".as_slice(), b"x", b"5", b"5 -1", &[0xff; TEXT_BYTES]] {
            assert_eq!(Started::read(text), Started::default());
        }
    }

    #[test]
    fn one_at_a_time_and_not_again_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home"));
        let first = Turn::take(&home, 1_000_000).unwrap().unwrap();
        assert!(Turn::take(&home, 1_000_000).unwrap().is_none());
        first.note().unwrap();
        drop(first);
        assert!(Turn::take(&home, 1_004_000).unwrap().is_none());
        assert!(Turn::take(&home, 1_005_000).unwrap().is_some());
    }
}
