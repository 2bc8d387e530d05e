//! The thread that owns the socket.
//!
//! It opens the connection, waits for the snapshot, then writes what it is
//! given and reads what comes, in turns of a tick. Nobody else touches the
//! socket, and nobody waits for this thread without a bound: it is told to end
//! by a flag, and one that is still dialling is left to its own deadline.
//!
//! Invariants: every wait has a deadline; what a server sends costs bounded
//! memory, at most one clock value and a bounded queue of answers; an answer
//! for which there is no room is dropped, and the event goes by batch.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tungstenite::{Error, Message, WebSocket};

use crate::auth::Credentials;
use crate::auth::http::dial::Wire;
use crate::position::Lamport;
use crate::state::EventKey;
use crate::sync::live::flight::Said;
use crate::sync::live::frame::{self, Frame};
use crate::sync::live::open::{Call, Down, passing};

/// How long a read waits before what is to be sent has its turn.
const TICK: Duration = Duration::from_millis(100);
/// How long a write may stand still.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
/// How long the server may take to say how things stand.
const SNAPSHOT_LIMIT: Duration = Duration::from_secs(10);
/// After so long without a word the server is asked whether it is there.
const ASK_AFTER: Duration = Duration::from_secs(20);
/// After so long without a word it is not.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);
/// Answers that wait to be taken in.
const MAX_ANSWERS: usize = 1024;
/// How long a thread is given to say goodbye.
const GOODBYE: Duration = Duration::from_millis(200);
/// How long it is given when it is spending the rotating token.
const REFRESH_GRACE: Duration = Duration::from_millis(700);

/// What the thread tells.
#[derive(Debug)]
pub(super) enum News {
    /// The snapshot has come.
    Up,
    /// So many frames, given at once, are on their way.
    Written,
    /// It ended, why, and with which tokens.
    Down(Down, Box<Credentials>),
}

/// The owner's end.
#[derive(Debug)]
pub(super) struct Socket {
    orders: SyncSender<Vec<String>>,
    pub(super) news: Receiver<News>,
    pub(super) answers: Receiver<(EventKey, Said)>,
    flags: Arc<Flags>,
}

#[derive(Debug, Default)]
struct Flags {
    stop: AtomicBool,
    refreshing: AtomicBool,
    ended: AtomicBool,
    /// The highest clock value that was heard.
    clock: AtomicU64,
}

/// The thread's end.
struct Ends {
    orders: Receiver<Vec<String>>,
    news: Sender<News>,
    answers: SyncSender<(EventKey, Said)>,
    flags: Arc<Flags>,
}

impl Socket {
    /// Begins to open a connection.
    pub(super) fn open(mut call: Call) -> io::Result<Self> {
        let (orders, to_send) = mpsc::sync_channel(1);
        let (teller, news) = mpsc::channel();
        let (answerer, answers) = mpsc::sync_channel(MAX_ANSWERS);
        let flags = Arc::new(Flags::default());
        let ends = Ends {
            orders: to_send,
            news: teller,
            answers: answerer,
            flags: Arc::clone(&flags),
        };
        thread::Builder::new()
            .name("sync-live".into())
            .spawn(move || {
                let down = match call.open(&ends.flags.refreshing) {
                    Ok(socket) => ends.converse(socket),
                    Err(down) => down,
                };
                // Nobody may be listening any more.
                let _ = ends.news.send(News::Down(down, Box::new(call.credentials)));
                ends.flags.ended.store(true, Ordering::SeqCst);
            })?;
        Ok(Self {
            orders,
            news,
            answers,
            flags,
        })
    }

    /// Gives frames to be sent; false when the thread is busy or gone.
    pub(super) fn send(&self, frames: Vec<String>) -> bool {
        self.orders.try_send(frames).is_ok()
    }

    /// The highest clock value that was heard so far.
    pub(super) fn clock(&self) -> Lamport {
        Lamport(self.flags.clock.load(Ordering::Relaxed))
    }

    /// Asks the thread to end, and gives it a moment to do so properly.
    pub(super) fn close(self) {
        self.flags.stop.store(true, Ordering::SeqCst);
        let begun = Instant::now();
        while !self.flags.ended.load(Ordering::SeqCst) {
            let refreshing = self.flags.refreshing.load(Ordering::SeqCst);
            let limit = if refreshing { REFRESH_GRACE } else { GOODBYE };
            if begun.elapsed() >= limit {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.flags.stop.store(true, Ordering::SeqCst);
    }
}

impl Ends {
    fn converse(&self, mut socket: WebSocket<Wire>) -> Down {
        let ready = socket.get_mut().by_ticks(TICK, WRITE_LIMIT);
        let down = match ready {
            Ok(()) => self.talk(&mut socket).err(),
            Err(error) => Some(passing(error.to_string())),
        };
        // Where the connection is broken already this does nothing.
        let _ = socket.close(None);
        let _ = socket.flush();
        down.unwrap_or_else(|| passing("closed"))
    }

    /// Talks until somebody wants it to end.
    fn talk(&self, socket: &mut WebSocket<Wire>) -> Result<(), Down> {
        let opened = Instant::now();
        let (mut is_up, mut heard, mut asked) = (false, opened, false);
        while !self.flags.stop.load(Ordering::SeqCst) {
            match self.orders.try_recv() {
                Ok(frames) => {
                    for frame in frames {
                        if self.flags.stop.load(Ordering::SeqCst) {
                            return Ok(());
                        }
                        say(socket, Message::text(frame))?;
                    }
                    let _ = self.news.send(News::Written);
                }
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
            match hear(socket)? {
                Some(message) => {
                    (heard, asked) = (Instant::now(), false);
                    self.understand(socket, &message, &mut is_up)?;
                }
                None if !is_up => {}
                None if heard.elapsed() >= SILENCE_LIMIT => {
                    return Err(passing("the server gives no sign of life"));
                }
                None if heard.elapsed() >= ASK_AFTER && !asked => {
                    asked = true;
                    say(socket, Message::Ping(Vec::new().into()))?;
                }
                None => {}
            }
            if !is_up && opened.elapsed() >= SNAPSHOT_LIMIT {
                let why = "the server has not said how things stand";
                return Err(passing(why));
            }
        }
        Ok(())
    }

    fn understand(
        &self,
        socket: &mut WebSocket<Wire>,
        message: &Message,
        is_up: &mut bool,
    ) -> Result<(), Down> {
        let Message::Text(text) = message else {
            return Ok(());
        };
        match frame::read(text.as_str()) {
            Frame::Ping { timestamp } => say(socket, Message::text(frame::pong(&timestamp)))?,
            Frame::Snapshot { clock } => {
                self.hear_clock(clock);
                if !std::mem::replace(is_up, true) {
                    let _ = self.news.send(News::Up);
                }
            }
            // Before the snapshot nothing else counts.
            _ if !*is_up => {}
            Frame::Event { clock } => self.hear_clock(clock),
            Frame::Answer { event, answer } => {
                let now_ms = Timestamp::now().as_millisecond();
                let read_ms = u64::try_from(now_ms).unwrap_or(0);
                let said = Said { answer, read_ms };
                let _ = self.answers.try_send((event, said));
            }
            Frame::Other => {}
        }
        Ok(())
    }

    fn hear_clock(&self, clock: Option<Lamport>) {
        let clock = clock.unwrap_or_default();
        self.flags.clock.fetch_max(clock.0, Ordering::Relaxed);
    }
}

/// The next message; `None` when a tick went by without one.
fn hear(socket: &mut WebSocket<Wire>) -> Result<Option<Message>, Down> {
    match socket.read() {
        Ok(message) => Ok(Some(message)),
        Err(Error::Io(error)) if is_pause(&error) => Ok(None),
        Err(error) => Err(end_of(&error)),
    }
}

fn say(socket: &mut WebSocket<Wire>, message: Message) -> Result<(), Down> {
    let sent = socket.send(message);
    sent.map_err(|error| end_of(&error))
}

/// Why a connection ended, in words.
fn end_of(error: &Error) -> Down {
    use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ResetWithoutClosingHandshake) => passing("the server hung up"),
        Error::Capacity(_) => passing("the server sent more at once than is read"),
        Error::Io(error) => passing(format!("it broke: {error}")),
        error => passing(format!("what the server sends is not understood: {error}")),
    }
}

/// A read that timed out; Unix and Windows have different words for it.
fn is_pause(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}
