//! Draining the log to a server: chunks, requests, outcomes, ledger.

pub mod chunk;
pub mod outcome;
