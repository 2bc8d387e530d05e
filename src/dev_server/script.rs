//! The seam through which a test makes the server answer oddly.
//!
//! A script sees each complete request before the routes do. It may sleep,
//! count, remember, and say what happens instead; `None` lets the routes answer.

use super::http::{Request, Response};

/// Asked about every request, by one connection at a time.
pub type Script = Box<dyn FnMut(&Request) -> Option<Canned> + Send>;

/// What happens instead of the usual answer.
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
