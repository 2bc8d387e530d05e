//! Stdin that a signal can interrupt.
//!
//! A blocking read cannot be taken back, so a thread of its own does the
//! reading; it never runs more than one piece ahead. What was read is recorded
//! and answered before the process ends; a line whose end never came is not.

use std::io::{self, Cursor, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::cli::signals::Signals;

/// How much is asked for at once.
const READ_BYTES: usize = 256 * 1024;

/// How soon a signal is noticed while nothing comes in.
const LOOK_AT_SIGNALS: Duration = Duration::from_millis(100);

type Piece = io::Result<Vec<u8>>;

/// Reads stdin until it ends or a signal comes.
pub(super) struct Input {
    pieces: Receiver<Piece>,
    current: Cursor<Vec<u8>>,
    signals: Signals,
}

impl Input {
    /// Starts reading.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(signals: Signals) -> io::Result<Self> {
        let (sender, pieces) = sync_channel(0);
        thread::Builder::new()
            .name("stdin".into())
            .spawn(move || read_all(&sender))?;
        Ok(Self {
            pieces,
            current: Cursor::default(),
            signals,
        })
    }

    fn next_piece(&self) -> io::Result<Vec<u8>> {
        loop {
            if self.signals.caught().is_some() {
                return Err(io::Error::other("interrupted by a signal"));
            }
            match self.pieces.recv_timeout(LOOK_AT_SIGNALS) {
                Ok(piece) => return piece,
                Err(RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.current.read(buffer)?;
        if read > 0 {
            return Ok(read);
        }
        self.current = Cursor::new(self.next_piece()?);
        self.current.read(buffer)
    }
}

/// Hands over what comes in until it ends, fails, or nobody wants it.
fn read_all(pieces: &SyncSender<Piece>) {
    let mut stdin = io::stdin().lock();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let piece = match stdin.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => Ok(buffer.get(..read).unwrap_or_default().to_vec()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let is_last = piece.is_err();
        if pieces.send(piece).is_err() || is_last {
            return;
        }
    }
}
