//! The line to a real server: gzip, one POST, the session's token.
//!
//! Deadlines: connecting 10 s, standing still 30 s, a whole exchange 60 s. A
//! response is read up to 4 MiB. What the server echoes of the access token is
//! blotted out before anybody can store or print it.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::auth::client::{self, RefreshError};
use crate::auth::http::{Answer, Client, Encoding, Limits, NoAnswer, SetupError};
use crate::auth::{Credentials, Store};
use crate::sync::courier::Line;
use crate::sync::pass::Interrupt;

/// The batch route; the slash at its end is required.
const PATH: &str = "/api/v1/events/batch/";

/// What a request with events may cost.
const LIMITS: Limits = Limits {
    total: Duration::from_secs(60),
    body_bytes: 4 * 1024 * 1024,
};

/// The pieces in which a pause looks whether it should end.
const TICK: Duration = Duration::from_millis(50);

/// The line to the server of `credentials`.
pub(super) struct HttpLine<'a> {
    client: Client,
    store: Store,
    ca_file: Option<PathBuf>,
    credentials: Credentials,
    interrupt: Interrupt<'a>,
}

impl<'a> HttpLine<'a> {
    pub(super) fn new(
        credentials: Credentials,
        store: Store,
        ca_file: Option<PathBuf>,
        interrupt: Interrupt<'a>,
    ) -> Result<Self, SetupError> {
        let client = Client::new(&credentials.account.server, ca_file.as_deref(), LIMITS)?;
        Ok(Self {
            client,
            store,
            ca_file,
            credentials,
            interrupt,
        })
    }

    /// Runs `job` with this line, and breaks a request off as soon as somebody
    /// wants the pass to end.
    pub(super) fn attended<T>(
        &mut self,
        job: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, std::io::Error> {
        let (client, interrupt) = (self.client.clone(), self.interrupt);
        let finished = AtomicBool::new(false);
        let is_over = &finished;
        thread::scope(|scope| {
            let watch = move || {
                while !is_over.load(Ordering::SeqCst) {
                    if interrupt() {
                        client.hang_up();
                        return;
                    }
                    thread::sleep(TICK);
                }
            };
            thread::Builder::new()
                .name("sync-watch".into())
                .spawn_scoped(scope, watch)?;
            let done = job(self);
            finished.store(true, Ordering::SeqCst);
            Ok(done)
        })
    }

    fn without_token(&self, mut answer: Answer) -> Answer {
        let token = self.credentials.access.expose_secret().as_bytes();
        blot_out(&mut answer.body, token);
        for text in [&mut answer.location, &mut answer.retry_after]
            .into_iter()
            .flatten()
        {
            let mut bytes = std::mem::take(text).into_bytes();
            blot_out(&mut bytes, token);
            *text = String::from_utf8(bytes).unwrap_or_default();
        }
        answer
    }
}

impl Line for HttpLine<'_> {
    fn post(&mut self, body: &[u8]) -> (Result<Answer, NoAnswer>, u64) {
        let packed = gzip(body);
        let token = Some(&self.credentials.access);
        let answer = self.client.post_json(PATH, token, &packed, Encoding::Gzip);
        let bytes = u64::try_from(packed.len()).unwrap_or(u64::MAX);
        (answer.map(|answer| self.without_token(answer)), bytes)
    }

    fn ensure_fresh(&mut self) -> Result<(), RefreshError> {
        if self.credentials.access_is_fresh(Timestamp::now()) {
            return Ok(());
        }
        self.refresh()
    }

    fn refresh(&mut self) -> Result<(), RefreshError> {
        let server = &self.credentials.account.server;
        // The certificates were readable a moment ago; when they are not any
        // more, the ordinary client serves, with a longer deadline.
        let client = Client::new(server, self.ca_file.as_deref(), client::LIMITS)
            .unwrap_or_else(|_| self.client.clone());
        let next = client::refresh(&client, &self.store, &self.credentials)?;
        if next.account.target() != self.credentials.account.target() {
            return Err(RefreshError::Changed);
        }
        self.credentials = next;
        Ok(())
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn pause(&mut self, pause: Duration) {
        let mut left = pause;
        while !left.is_zero() && !self.interrupted() {
            thread::sleep(left.min(TICK));
            left = left.saturating_sub(TICK);
        }
    }

    fn interrupted(&self) -> bool {
        (self.interrupt)()
    }

    fn reads_ahead(&self) -> bool {
        true
    }
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::new(6));
    // Writing to memory does not fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default()
}

/// Replaces every occurrence of `secret` by asterisks of the same length.
fn blot_out(bytes: &mut [u8], secret: &[u8]) {
    if secret.is_empty() {
        return;
    }
    let mut rest = bytes;
    while let Some(at) = rest
        .windows(secret.len())
        .position(|window| window == secret)
    {
        let (found, after) = std::mem::take(&mut rest)
            .split_at_mut(at)
            .1
            .split_at_mut(secret.len());
        found.fill(b'*');
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echoed_token_is_blotted_out() {
        let mut body = b"{\"error\":\"token SECRET is bad: SECRETSECRET\"}".to_vec();
        blot_out(&mut body, b"SECRET");
        assert_eq!(body, b"{\"error\":\"token ****** is bad: ************\"}");
    }
}
