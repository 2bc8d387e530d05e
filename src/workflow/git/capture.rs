//! The output of a child process, read by a thread so that no pipe fills up.

use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long the rest of the output is waited for after the process has ended.
const REST: Duration = Duration::from_millis(200);

/// Output being read. Everything is read, at most a limit is kept.
pub(super) struct Capture {
    kept: Arc<Mutex<Captured>>,
    end: Receiver<()>,
}

/// What was kept.
#[derive(Debug, Default)]
pub(super) struct Captured {
    pub(super) bytes: Vec<u8>,
    /// Whether there was more than the limit.
    pub(super) cut: bool,
}

impl Capture {
    /// Starts reading `pipe`, keeping at most `limit` bytes.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(
        pipe: Option<impl Read + Send + 'static>,
        limit: usize,
    ) -> io::Result<Self> {
        let kept = Arc::new(Mutex::new(Captured::default()));
        let (sender, end) = mpsc::channel::<()>();
        if let Some(mut pipe) = pipe {
            let kept = Arc::clone(&kept);
            thread::Builder::new()
                .name("git-output".into())
                .spawn(move || {
                    // Dropping the sender is what tells of the end.
                    let _sender = sender;
                    let mut buffer = vec![0; 16 * 1024];
                    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                        let chunk = buffer.get(..count).unwrap_or_default();
                        kept.lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(chunk, limit);
                    }
                })?;
        }
        Ok(Self { kept, end })
    }

    /// Waits at most `wait` for the end of the output, and tells whether it came.
    pub(super) fn ends_within(&self, wait: Duration) -> bool {
        self.end.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected)
    }

    /// What was kept so far, or all of it when the rest comes at once.
    pub(super) fn finish(self) -> Captured {
        self.ends_within(REST);
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Captured {
    fn push(&mut self, chunk: &[u8], limit: usize) {
        let room = limit.saturating_sub(self.bytes.len());
        self.cut |= chunk.len() > room;
        self.bytes.extend(chunk.iter().take(room));
    }
}
