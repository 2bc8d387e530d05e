//! The reference server over real sockets: what the routes' own tests cannot
//! see, such as framing, deadlines, the websocket, restarts and signals.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing)]

mod channel;
mod command;
mod requests;
mod support;
