//! The seam through which a test makes the server answer oddly.
//!
//! A script sees each complete request before the routes do. It may sleep,
//! count, remember, and say what happens instead; `None` lets the routes answer.

use super::http::{Request, Response};

/// Asked about every request, by one connection at a time.
///
/// ```
/// use spec_kitty::dev_server::{Canned, Options, Response, Script};
///
/// let mut requests = 0;
/// let script: Script = Box::new(move |request| {
///     requests += 1;
///     let busy = || Response::new(503).with_header("Retry-After", "5");
///     // The second batch finds the server busy; all else is as usual.
///     (requests == 2 && request.path().ends_with("/batch/")).then(|| Canned::Instead(busy()))
/// });
/// let data = tempfile::tempdir()?;
/// let mut options = Options::new(data.path(), "sesame".into());
/// options.script = Some(script);
/// # Ok::<(), std::io::Error>(())
/// ```
pub type Script = Box<dyn FnMut(&Request) -> Option<Canned> + Send>;

/// What happens instead of the usual answer.
///
/// ```
/// use spec_kitty::dev_server::{Canned, Response};
///
/// let refused = Canned::Instead(Response::json(400, &serde_json::json!({"detail": "No."})));
/// let lost = Canned::Cut { sent_bytes: 0 }; // stored, and nobody hears of it
/// # drop((refused, lost));
/// ```
#[derive(Clone, Debug)]
pub enum Canned {
    /// This is answered, and nothing is stored.
    Instead(Response),
    /// The request is dealt with, but only so many bytes of the answer are sent
    /// before the connection ends: with 0, a reply that is lost after the commit.
    Cut {
        /// Bytes of the answer that are sent, its head included.
        sent_bytes: usize,
    },
}
