//! Who sends: credentials, sign-in, refresh, and the one recipient.
//!
//! From outside: [`client::login`] signs in, [`Store::load`] says who is signed in,
//! and [`Recipient::resolve`] to whom events may be sent.
//!
//! The credentials file is the Python tool's, in its format. Everything that
//! needs to know where events go asks [`Recipient::resolve`], and nobody else
//! decides it. A token leaves this machine only towards the server that issued
//! it. A refresh spends the rotating token under a lock that is held from
//! reading the file to writing it, so that two processes never spend one token.
//!
//! This room does not send events and does not print.

pub mod client;
mod credentials;
// Not the library: the one HTTP client, public for the tests and a fuzz target.
#[doc(hidden)]
pub mod http;
mod recipient;
pub(crate) mod socket_token;
mod store;
mod tokens;

pub use credentials::{Account, Credentials, Session, Unusable};
pub use recipient::{Chosen, ChosenBy, Recipient};
pub(crate) use store::LOCK_DEADLINE;
pub use store::{Locked, Store, StoreError, Stored};
