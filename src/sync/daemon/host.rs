//! The background sender as a thread of a command that lives long anyway.
//!
//! The same loop and the same lock: where a process of its own is running, the
//! thread has nothing to do and ends. A command that ends waits for it at most
//! [`EXIT_DEADLINE`]; what is in flight then is sent again by the next sender,
//! and recognised by its id.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::auth::Recipient;
use crate::config::SyncConfig;
use crate::home::Home;
use crate::position::Lamport;
use crate::sync::daemon::{self, Duty};

/// The longest that a command which ends waits for the thread.
pub const EXIT_DEADLINE: Duration = Duration::from_millis(300);

/// What the thread asks and tells.
pub struct Errands {
    /// The settings, and to whom events may be sent; asked before each pass.
    pub resolve: Box<dyn Fn() -> (SyncConfig, Recipient) + Send>,
    /// Told the clock values that the server tells.
    pub hear: Box<dyn FnMut(Lamport) + Send>,
}

/// The thread; it is asked to leave, and waited for a little, on drop.
///
/// ```
/// use std::time::Instant;
/// use spec_kitty::auth::{Recipient, Store};
/// use spec_kitty::config::Config;
/// use spec_kitty::home::Home;
/// use spec_kitty::sync::daemon::{EXIT_DEADLINE, Errands, Host};
///
/// let dir = tempfile::tempdir()?;
/// let home = Home::at(dir.path());
/// let asked = home.clone();
/// let errands = Errands {
///     resolve: Box::new(move || {
///         let config = Config::load(&asked.config_file()).config;
///         let session = Store::new(&asked).load().session;
///         let recipient = Recipient::resolve(None, &config, session);
///         (config.sync, recipient)
///     }),
///     hear: Box::new(|clock| println!("the server's clock is at {clock}")),
/// };
/// let host = Host::start(home, errands)?;
/// // ... the work of the program; what it records is sent meanwhile ...
/// let asked_to_leave = Instant::now();
/// drop(host); // waits for a request in flight, a little
/// assert!(asked_to_leave.elapsed() < 10 * EXIT_DEADLINE);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Host {
    leave: Arc<AtomicBool>,
    gone: Receiver<()>,
}

impl Host {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(home: Home, errands: Errands) -> io::Result<Self> {
        let leave = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&leave);
        let (here, gone) = mpsc::channel();
        thread::Builder::new()
            .name("background-sender".into())
            .spawn(move || {
                let Errands { resolve, mut hear } = errands;
                // Why it left is in the status that it wrote while it was there.
                let _ = daemon::run(Duty {
                    home: &home,
                    resolve: &resolve,
                    program: None,
                    interrupt: &|| asked.load(Ordering::SeqCst),
                    idle_exit: Duration::MAX,
                    hear: &mut hear,
                });
                drop(here);
            })?;
        Ok(Self { leave, gone })
    }

    /// Whether the thread has ended.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.gone.try_recv() == Err(mpsc::TryRecvError::Disconnected)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.leave.store(true, Ordering::SeqCst);
        let _ = self.gone.recv_timeout(EXIT_DEADLINE);
    }
}
