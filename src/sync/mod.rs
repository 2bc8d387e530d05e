//! Draining the log to a server: chunks, requests, outcomes, ledger.
